#include "runtime/cli/atomic.h"
#include "runtime/cli/fail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void release(struct gtcnn_atomic *a)
{
    free(a->path);
    free(a->temporary);
    *a = (struct gtcnn_atomic){0};
}

/* mkstemp makes files private; a result is for whom the umask allows. */
static int create(char *temporary)
{
    int fd = mkstemp(temporary);
    if (fd >= 0) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask);
    }
    return fd;
}

enum gtcnn_status gtcnn_atomic_open(struct gtcnn_atomic *a, const char *path, struct gtcnn_err *err)
{
    *a = (struct gtcnn_atomic){0};
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "is not a regular file and cannot be replaced; name another one");
    a->path = strdup(path);
    if (!a->path || asprintf(&a->temporary, "%s.XXXXXX", path) < 0) {
        a->temporary = NULL;
        release(a);
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    }
    int fd = create(a->temporary);
    a->file = fd < 0 ? NULL : fdopen(fd, "wb");
    if (!a->file) {
        enum gtcnn_status status = gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be written: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        release(a);
        return status;
    }
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_atomic_commit(struct gtcnn_atomic *a, struct gtcnn_err *err)
{
    errno = 0;
    /* On the disk before the rename, or a power cut could leave an empty file under the good name. */
    int failed = ferror(a->file) || fflush(a->file) != 0 || (fsync(fileno(a->file)) != 0 && errno != EINVAL);
    int reason = errno;
    if (fclose(a->file) != 0 && !failed) {
        failed = 1;
        reason = errno;
    }
    if (!failed && rename(a->temporary, a->path) != 0) {
        failed = 1;
        reason = errno;
    }
    enum gtcnn_status status = GTCNN_OK;
    if (failed) {
        unlink(a->temporary);
        status = gtcnn_cli_fail_path(err, GTCNN_E_IO, a->path, "cannot be written: %s", strerror(reason ? reason : EIO));
    }
    release(a);
    return status;
}

void gtcnn_atomic_abandon(struct gtcnn_atomic *a)
{
    if (!a->file)
        return;
    fclose(a->file);
    unlink(a->temporary);
    release(a);
}
