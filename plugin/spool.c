#include "plugin/spool.h"
#include "plugin/interpose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One component after the other; those that exist are left as they are. */
static int make_folders(const char *path)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != 0)
            continue;
        part[i] = 0;
        if (mkdir(part, 0700) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES && errno != EPERM)
            return -errno;
        part[i] = i < n ? '/' : 0;
    }
    return 0;
}

int gt_spool_open(const char *path)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY;
    struct stat st;
    int fd = open(path, flags);
    if (fd < 0 && errno == ENOENT) {
        int error = make_folders(path);
        if (error != 0)
            return error;
        fd = open(path, flags);
    }
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0)
        return fd;
    close(fd);
    return -EPERM;
}

/* linux_dirent64 of getdents64(2). */
struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t type;
    char name[];
};

uint64_t gt_spool_bytes(int dir_fd)
{
    _Alignas(8) char buffer[4096];
    uint64_t total = 0;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    for (;;) {
        long n = gt_syscall(SYS_getdents64, fd, buffer, sizeof buffer);
        if (n <= 0)
            break;
        for (long at = 0; at < n;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
            struct stat st;
            if (fstatat(dir_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
                total += (uint64_t)st.st_blocks * 512;
            at += entry->bytes;
        }
    }
    close(fd);
    return total;
}
