/*
 * The os seam: the system calls through which the energy code sees a machine.
 *
 * Code that reads counters takes a `const struct gt_os *` and calls nothing else, so that tests hand in a virtual
 * machine with its own sysfs, a scripted clock and scripted failures. gt_os_linux is the real machine.
 * Every call is a thin wrapper: no allocation, no locks, no stdio; a failing call returns -errno and leaves errno alone.
 * The implementations are thread-safe when their `state` is.
 */
#ifndef GT_CORE_OS_H
#define GT_CORE_OS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct perf_event_attr;

/* Called once per directory entry ("." and ".." left out, order unspecified); non-zero stops the listing. */
typedef int gt_os_name_fn(void *context, const char *name);

struct gt_os {
    void *state; /* borrowed; handed to every call as its first argument */

    /* Opens for reading, close-on-exec, no controlling terminal. Descriptor >= 0, or -errno. */
    int (*open_read)(void *state, const char *path);
    /* Reads up to n bytes at `offset`. Bytes read, 0 at the end, or -errno. */
    ssize_t (*pread)(void *state, int fd, void *buffer, size_t n, uint64_t offset);
    /* Reads up to n bytes where the descriptor stands: perf events (and pipes) have no offsets. As pread. */
    ssize_t (*read)(void *state, int fd, void *buffer, size_t n);
    void (*close)(void *state, int fd);
    /* 0, the non-zero value with which `each` stopped, or -errno. */
    int (*list)(void *state, const char *path, gt_os_name_fn *each, void *context);
    /* Target of a symbolic link, NUL-terminated. Bytes, or -errno (-ENAMETOOLONG when it does not fit). */
    ssize_t (*readlink)(void *state, const char *path, char *buffer, size_t n);
    /* Nanoseconds on a POSIX clock (CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID). */
    uint64_t (*clock_ns)(void *state, clockid_t clock);
    /* Sleeps until that CLOCK_MONOTONIC time. 0, or -EINTR. */
    int (*sleep_until)(void *state, uint64_t mono_ns);
    /* perf_event_open(2). Descriptor, or -errno. */
    int (*perf_event_open)(void *state, const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
                           unsigned long flags);
};

extern const struct gt_os gt_os_linux;

/*
 * Reads a small file (a sysfs attribute) into `buffer`, NUL-terminated, trailing white space cut.
 * Bytes, or -errno; -EFBIG when it does not fit.
 */
ssize_t gt_os_read_text(const struct gt_os *os, const char *path, char *buffer, size_t size);

/* Parses the whole file as one unsigned decimal number. 0, or -errno; -EINVAL when the file holds anything else. */
int gt_os_read_u64(const struct gt_os *os, const char *path, uint64_t *value);

/*
 * A counter kept open: the number at the beginning of the file behind `fd`, up to its newline or end, however many pieces it
 * comes in. 0, or -errno; -EINVAL when it is anything but decimal digits, so that a torn or garbled text is never a number.
 */
int gt_os_pread_u64(const struct gt_os *os, int fd, uint64_t *value);

#endif
