#include "tracker/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 20, REJECTED_NAMES = 1000 };

static enum gt_status take_lock(struct gt_spool *spool, unsigned wait_ms, struct gt_err *err)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    spool->lock = openat(spool->fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (spool->lock < 0)
        return gt_err_set_errno(err, errno, "%s/.lock", spool->path);
    for (unsigned waited = 0; fcntl(spool->lock, F_OFD_SETLK, &whole) != 0; waited += LOCK_POLL_MS) {
        if (errno != EAGAIN && errno != EACCES)
            return gt_err_set_errno(err, errno, "%s/.lock", spool->path);
        if (waited >= wait_ms)
            return gt_err_set(err, GT_E_BUSY, "%s: another ingest is at work", spool->path);
        nanosleep(&(struct timespec){0, LOCK_POLL_MS * 1000000L}, NULL);
    }
    return GT_OK;
}

enum gt_status gt_spool_open(struct gt_spool *spool, const char *path, unsigned wait_ms, struct gt_err *err)
{
    struct stat st;
    *spool = (struct gt_spool){.path = path, .fd = -1, .lock = -1};
    spool->fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (spool->fd < 0 && errno == ENOENT)
        return GT_OK;
    enum gt_status status = GT_OK;
    if (spool->fd < 0 || fstat(spool->fd, &st) != 0)
        status = gt_err_set_errno(err, errno, "the spool %s", path);
    else if (st.st_uid != geteuid())
        status = gt_err_set(err, GT_E_PERM, "the spool %s belongs to another user (uid %u)", path, (unsigned)st.st_uid);
    if (status == GT_OK)
        status = take_lock(spool, wait_ms, err);
    if (status != GT_OK)
        gt_spool_close(spool);
    return status;
}

void gt_spool_close(struct gt_spool *spool)
{
    if (spool->lock >= 0)
        close(spool->lock);
    if (spool->fd >= 0)
        close(spool->fd);
    spool->lock = spool->fd = -1;
}

static bool is_trace(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && n > 4 && strcmp(name + n - 4, ".gtt") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum gt_status gt_spool_list(const struct gt_spool *spool, struct gt_arena *arena, const char *const **names, size_t *count,
                             struct gt_err *err)
{
    const char **list = NULL;
    size_t n = 0, room = 0;
    *names = NULL;
    *count = 0;
    if (spool->fd < 0)
        return GT_OK;
    int fd = openat(spool->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder)
        return gt_err_set_errno(err, errno, "the spool %s", spool->path);
    enum gt_status status = GT_OK;
    struct dirent *entry;
    while (status == GT_OK && (entry = readdir(folder))) {
        if (!is_trace(entry->d_name))
            continue;
        if (n == room) {
            const char **more = gt_arena_alloc(arena, room ? 2 * room : 64, sizeof *more);
            if (more && n)
                memcpy(more, list, n * sizeof *more);
            room = room ? 2 * room : 64;
            list = more;
        }
        if (!list || !(list[n++] = gt_arena_strdup(arena, entry->d_name)))
            status = gt_err_set(err, GT_E_NOMEM, "out of memory");
    }
    closedir(folder);
    if (status != GT_OK)
        return status;
    if (n)
        qsort(list, n, sizeof *list, by_name);
    *names = list;
    *count = n;
    return GT_OK;
}

int gt_spool_open_trace(const struct gt_spool *spool, const char *name, struct gt_err *err)
{
    struct stat st;
    int fd = openat(spool->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        if (errno == ELOOP) /* O_NOFOLLOW: nobody who writes traces makes links */
            gt_err_set(err, GT_E_FORMAT, "%s/%s: a symbolic link", spool->path, name);
        else
            gt_err_set_errno(err, errno, "%s/%s", spool->path, name);
        return -1;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        gt_err_set(err, GT_E_FORMAT, "%s/%s: not a regular file", spool->path, name);
    else if (st.st_uid != geteuid())
        gt_err_set(err, GT_E_PERM, "%s/%s: belongs to another user (uid %u)", spool->path, name, (unsigned)st.st_uid);
    else
        return fd;
    close(fd);
    return -1;
}

enum gt_status gt_spool_reject(const struct gt_spool *spool, const char *name, struct gt_err *err)
{
    if (mkdirat(spool->fd, "rejected", 0700) != 0 && errno != EEXIST)
        return gt_err_set_errno(err, errno, "%s/rejected", spool->path);
    int folder = openat(spool->fd, "rejected", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return gt_err_set_errno(err, errno, "%s/rejected", spool->path);
    int failed = EEXIST;
    for (int i = 0; failed == EEXIST && i < REJECTED_NAMES; i++) {
        char target[NAME_MAX + 16];
        snprintf(target, sizeof target, i ? "%s.%d" : "%s", name, i);
        failed = renameat2(spool->fd, name, folder, target, RENAME_NOREPLACE) == 0 ? 0 : errno;
        if (failed == EINVAL) /* a file system without RENAME_NOREPLACE */
            failed = renameat(spool->fd, name, folder, target) == 0 ? 0 : errno;
    }
    close(folder);
    return failed ? gt_err_set_errno(err, failed, "%s/rejected/%s", spool->path, name) : GT_OK;
}

enum gt_status gt_spool_remove(const struct gt_spool *spool, const char *name, struct gt_err *err)
{
    if (unlinkat(spool->fd, name, 0) == 0 || errno == ENOENT)
        return GT_OK;
    return gt_err_set_errno(err, errno, "%s/%s", spool->path, name);
}
