/* Diagnostics: $GREENTRACK_LOG, or nothing. Never the host's stdout or stderr. */
#include "plugin/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct iovec part(const char *text)
{
    return (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
}

void gt_log(const char *what, const char *detail)
{
    /* Read with the rest of the environment: the sampler must not look while the host changes it. */
    const char *path = gt_state.config.log;
    char number[16], *pid = number + sizeof number;
    unsigned value = (unsigned)getpid();
    int saved = errno, cancel;
    if (path[0] != '/')
        return;
    /* open, writev and close are cancellation points; a host's thread must not end here with the word taken. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    *--pid = 0;
    do
        *--pid = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd >= 0) {
        struct iovec line[] = {part("greentrack["),        part(pid), part("]: "), part(what), part(detail ? ": " : ""),
                               part(detail ? detail : ""), part("\n")};
        ssize_t written = writev(fd, line, sizeof line / sizeof *line);
        (void)written; /* a log that cannot be written is nobody's problem */
        close(fd);
    }
    pthread_setcancelstate(cancel, NULL);
    errno = saved;
}
