#include "core/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Turns the C library's -1 into -errno and leaves errno as the host program had it. */
static long result(long value, int saved)
{
    if (value < 0)
        value = -errno;
    errno = saved;
    return value;
}

static int linux_open_read(void *state, const char *path)
{
    (void)state;
    int saved = errno;
    return (int)result(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), saved);
}

static ssize_t linux_pread(void *state, int fd, void *buffer, size_t n, uint64_t offset)
{
    (void)state;
    int saved = errno;
    return result(pread(fd, buffer, n, (off_t)offset), saved);
}

static ssize_t linux_read(void *state, int fd, void *buffer, size_t n)
{
    (void)state;
    int saved = errno;
    return result(read(fd, buffer, n), saved);
}

static void linux_close(void *state, int fd)
{
    (void)state;
    int saved = errno;
    close(fd);
    errno = saved;
}

/* What getdents64(2) returns. The raw call, since opendir allocates and the library's getdents64 needs glibc 2.30. */
struct entry {
    uint64_t inode;
    int64_t next;
    uint16_t bytes;
    uint8_t kind;
    char name[];
};

static int each_entry(const char *buffer, long n, gt_os_name_fn *each, void *context)
{
    for (long at = 0; at < n;) {
        const struct entry *entry = (const void *)(buffer + at);
        at += entry->bytes;
        if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
            continue;
        int stop = each(context, entry->name);
        if (stop)
            return stop;
    }
    return 0;
}

static int linux_list(void *state, const char *path, gt_os_name_fn *each, void *context)
{
    (void)state;
    int saved = errno;
    int fd = (int)result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), saved);
    if (fd < 0)
        return fd;
    _Alignas(struct entry) char buffer[4096];
    int stop = 0;
    long n;
    while (!stop && (n = result(syscall(SYS_getdents64, fd, buffer, sizeof buffer), saved)) != 0)
        stop = n < 0 ? (int)n : each_entry(buffer, n, each, context);
    linux_close(NULL, fd);
    return stop;
}

static ssize_t linux_readlink(void *state, const char *path, char *buffer, size_t n)
{
    (void)state;
    int saved = errno;
    ssize_t length = result(readlink(path, buffer, n), saved);
    if (length < 0)
        return length;
    if ((size_t)length >= n)
        return -ENAMETOOLONG;
    buffer[length] = '\0';
    return length;
}

static uint64_t linux_clock_ns(void *state, clockid_t clock)
{
    (void)state;
    struct timespec t = {0, 0};
    int saved = errno;
    clock_gettime(clock, &t);
    errno = saved;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int linux_sleep_until(void *state, uint64_t mono_ns)
{
    (void)state;
    struct timespec t = {.tv_sec = (time_t)(mono_ns / 1000000000u), .tv_nsec = (long)(mono_ns % 1000000000u)};
    return -clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int linux_perf_event_open(void *state, const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
                                 unsigned long flags)
{
    (void)state;
    int saved = errno;
    return (int)result(syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, flags), saved);
}

const struct gt_os gt_os_linux = {
    .open_read = linux_open_read,
    .pread = linux_pread,
    .read = linux_read,
    .close = linux_close,
    .list = linux_list,
    .readlink = linux_readlink,
    .clock_ns = linux_clock_ns,
    .sleep_until = linux_sleep_until,
    .perf_event_open = linux_perf_event_open,
};
