/*
 * CPU time of the machine and of a process, through the os seam. Light: no allocation, no stdio, no locks.
 */
#ifndef GT_ENERGY_CPUTIME_H
#define GT_ENERGY_CPUTIME_H

#include "core/os.h"

/* A kept-open /proc/stat. One descriptor; close it. */
struct gt_cputime {
    const struct gt_os *os; /* borrowed */
    int fd;                 /* -1: not readable */
    uint64_t tick_ns;       /* nanoseconds of one USER_HZ */
};

/* Opens /proc/stat. Never fails: an unreadable one makes every machine reading unknown (UINT64_MAX). */
void gt_cputime_open(struct gt_cputime *cputime, const struct gt_os *os);
void gt_cputime_close(struct gt_cputime *cputime);

/*
 * The first line of /proc/stat (proc(5)): busy = user+nice+system+irq+softirq (guest time is inside user), total = busy + idle
 * + iowait + steal, all cpus, nanoseconds since boot. 0, or -errno with both UINT64_MAX.
 */
int gt_cputime_machine(const struct gt_cputime *cputime, uint64_t *busy_ns, uint64_t *total_ns);

/* All threads of this process since its start (CLOCK_PROCESS_CPUTIME_ID). */
uint64_t gt_cputime_self(const struct gt_os *os);

/*
 * One process by /proc/PID/stat: own and waited-for children's user+system time. Resolution USER_HZ. 0, or -errno
 * (-ENOENT: it is gone). Either out-parameter may be NULL.
 */
int gt_cputime_process(const struct gt_os *os, long pid, uint64_t *own_ns, uint64_t *children_ns);

/* A cgroup v2 folder's cpu.stat: usage_usec of the whole subtree. 0, or -errno. */
int gt_cputime_cgroup(const struct gt_os *os, const char *folder, uint64_t *cpu_ns);

#endif
