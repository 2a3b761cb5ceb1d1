/*
 * CPU time of a whole process tree, from outside.
 *
 * In a cgroup v2 of its own where this process may make one below its own (cpu.stat's usage_usec counts every task that was
 * ever in it); otherwise as child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER), which keeps orphans in the tree: live
 * descendants by their CPU clocks, ended ones by what their parents, in the end this process, waited for (getrusage(2)).
 * What no one waits for (a parent that ignores SIGCHLD) is missed by the second way once it has ended.
 *
 * Life cycle: gt_jobtree_open -> gt_jobtree_enter in the child -> gt_jobtree_begin -> gt_jobtree_cpu_ns ... ->
 * gt_jobtree_close. One thread.
 */
#ifndef GT_TRACKER_JOBTREE_H
#define GT_TRACKER_JOBTREE_H

#include "core/arena.h"
#include "core/os.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct gt_jobtree_process {
    pid_t pid;
    uint64_t start; /* field 22 of /proc/PID/stat: tells a reused pid */
};

struct gt_jobtree {
    const struct gt_os *os;
    char folder[PATH_MAX]; /* of the cgroup; "" in the second way */
    char parent[PATH_MAX];
    int procs;                        /* descriptor of the cgroup's cgroup.procs, for the child */
    uint64_t children_before;         /* CPU time that had been waited for when it was opened, and what became of it by begin */
    uint64_t cgroup_before;           /* CPU time that the cgroup had when the job began */
    uint64_t last_ns;                 /* what was last returned; never goes back */
    uint64_t next_scan_ns;            /* /proc is not walked before: a walk may take a twentieth of the time at most */
    struct gt_jobtree_process *known; /* owned */
    size_t known_count, known_room;
};

/* `name`: of the cgroup, unique; NULL: none is wanted. Never fails: without a cgroup it becomes a subreaper. */
void gt_jobtree_open(struct gt_jobtree *tree, const struct gt_os *os, const char *name);

/* In the child, before exec: joins the cgroup. Async-signal-safe. */
void gt_jobtree_enter(const struct gt_jobtree *tree);

/*
 * The job begins: what `child` (live, waiting to execute the program) and the cgroup have used so far is not counted. Without
 * this call the tree begins where it was opened.
 */
void gt_jobtree_begin(struct gt_jobtree *tree, pid_t child);

/* CPU time of the tree since it began, all tasks, user and system. UINT64_MAX: not known. */
uint64_t gt_jobtree_cpu_ns(struct gt_jobtree *tree, uint64_t now_ns);

/* Are there processes of the tree left? Those in the cgroup, or live descendants. */
bool gt_jobtree_outlived(struct gt_jobtree *tree);

/* Moves what is still in the cgroup back to where this process is, and removes it. */
void gt_jobtree_close(struct gt_jobtree *tree);

/* Removes the empty cgroup that a killed greentrack left under that name; one with processes in it stays. */
void gt_jobtree_sweep(const struct gt_os *os, const char *name);

/*
 * Removes this user's empty cgroups of runs beside this process's, that were made at least `age_s` seconds ago (a run that just
 * begins has nobody in its own yet): those whose greentrack was killed, and whose jobs went on until after the ingest. Returns
 * how many.
 */
size_t gt_jobtree_sweep_old(const struct gt_os *os, time_t age_s);

/* "cgroup" or "process tree". */
const char *gt_jobtree_way(const struct gt_jobtree *tree);

/*
 * The cgroup v2 folder of this process, as its mount shows it. False: there is none, or it may not be written (`why` says
 * which).
 */
bool gt_jobtree_own_cgroup(const struct gt_os *os, char *folder, size_t size, char *why, size_t why_size);

#endif
