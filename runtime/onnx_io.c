#include "runtime/onnx_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a FIFO returns at once. O_NOCTTY: a terminal does not become ours. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* fd when it is a regular file, with its size; else closes it. */
static int keep_regular(int fd, uint64_t *size)
{
    struct stat st;
    if (fd < 0)
        return -1;
    int error = fstat(fd, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : S_ISREG(st.st_mode) ? 0 : EINVAL;
    if (error) {
        close(fd);
        errno = error;
        return -1;
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

int gtcnn_io_open(const char *path, uint64_t *size)
{
    return keep_regular(open(path, OPEN_FLAGS), size);
}

/* A relative path without "..", judged by its text alone. */
static bool stays_inside(const char *location)
{
    if (location[0] == '/' || location[0] == '\0')
        return false;
    for (const char *p = location; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (p[0] == '.' && p[1] == '.' && (p[2] == '/' || p[2] == '\0'))
            return false;
    }
    return true;
}

static bool is_link(int folder, const char *name)
{
    struct stat st;
    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* The same as openat2's RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, for kernels and sandboxes without it. Eats `path`. */
static int open_by_component(int folder, char *path)
{
    int at = dup(folder);
    while (at >= 0) {
        char *slash = strchr(path, '/');
        if (slash)
            *slash = '\0';
        int flags = OPEN_FLAGS | O_NOFOLLOW | (slash ? O_DIRECTORY : 0);
        int next = *path ? openat(at, path, flags) : dup(at);
        int error = next < 0 && errno == ENOTDIR && is_link(at, path) ? ELOOP : errno;
        close(at);
        errno = error;
        at = next;
        if (!slash)
            break;
        path = slash + 1;
    }
    return at;
}

int gtcnn_io_open_beneath(int folder, const char *location, uint64_t *size)
{
    if (!stays_inside(location)) {
        errno = EXDEV;
        return -1;
    }
    struct open_how how = {.flags = OPEN_FLAGS | O_NOFOLLOW, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, folder, location, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM || errno == E2BIG || errno == EAGAIN)) {
        char *copy = strdup(location);
        fd = copy ? open_by_component(folder, copy) : -1;
        int error = copy ? errno : ENOMEM;
        free(copy);
        errno = error;
    }
    return keep_regular(fd, size);
}

static int copy(const struct gtcnn_source *from, void *out, size_t n, uint64_t offset)
{
    if (offset > from->size || n > from->size - offset) {
        errno = EIO;
        return -1;
    }
    memcpy(out, from->bytes + offset, n);
    return 0;
}

int gtcnn_io_read(const struct gtcnn_source *from, void *out, size_t n, uint64_t offset)
{
    char *p = out;
    if (from->bytes)
        return copy(from, out, n, offset);
    while (n > 0) {
        ssize_t got = offset > INT64_MAX ? 0 : pread(from->fd, p, n < (1u << 30) ? n : (1u << 30), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got == 0 ? EIO : errno;
            return -1;
        }
        p += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}
