#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside this command, wherever that was installed. */
static enum gtcnn_status find_trainer(char path[PATH_MAX], struct gtcnn_err *err)
{
    static const char name[] = "gtcnn-train";
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof name);
    if (n < 0)
        return gtcnn_cli_fail(err, GTCNN_E_IO, "/proc/self/exe: %s", strerror(errno));
    path[n] = 0;
    char *slash = strrchr(path, '/');
    memcpy(slash ? slash + 1 : path, name, sizeof name);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_cli_train(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    char path[PATH_MAX];
    enum gtcnn_status status = find_trainer(path, err);
    if (status)
        return status;
    fflush(cli->out);
    char *words[256] = {path};
    size_t n = 1;
    for (char *const *word = cli->words; *word; word++) {
        if (n + 1 == sizeof words / sizeof *words)
            return gtcnn_cli_fail(err, GTCNN_E_ARG, "too many words");
        words[n++] = *word;
    }
    execv(path, words);
    if (errno == ENOENT)
        return gtcnn_cli_fail_path(err, GTCNN_E_NOENT, path,
                                   "this build has no trainer; install oneDNN (apt install libdnnl-dev) and build again");
    return gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "%s", strerror(errno));
}
