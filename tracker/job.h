/*
 * A job: one child process that is started, watched and waited for, as env(1) and timeout(1) would, in the foreground process
 * group and with its own standard streams.
 *
 * What it takes to become a job (fork, `enter`: joining a cgroup may take 10 ms) is not the job's: the child enters, then waits
 * while the parent takes its first readings in `begin`, and only then executes the program.
 *
 * While the job runs, `sample` is called in the caller's thread, at the times that it asks for. Signals that the job should see
 * are handed on; those that the terminal sent reached it already. Only one job at a time; the caller has no other threads.
 * Changes to signal mask and dispositions are undone before returning.
 */
#ifndef GT_TRACKER_JOB_H
#define GT_TRACKER_JOB_H

#include "core/status.h"

#include <stdint.h>
#include <sys/types.h>

struct gt_job_spec {
    const char *file;  /* what to execute, a path with a slash */
    char *const *argv; /* NULL-terminated; argv[0] as the caller was given it */
    char *const *envp; /* NULL-terminated */
    uint64_t interval_ns;
    /* In the child before exec; async-signal-safe. NULL: nothing. */
    void (*enter)(void *context);
    /* In the parent, once: the child has entered and waits, nothing of the program has run yet. */
    void (*begin)(void *context, pid_t child, uint64_t now_ns);
    /* In the parent, after an interval, then at the times that it returns. The last reading, after its end, is the caller's. */
    uint64_t (*sample)(void *context, uint64_t now_ns);
    void *context;
};

struct gt_job_result {
    int wait_status;           /* as of waitpid(2) */
    int exec_errno;            /* 0: the program was executed; else why not (wait_status is then meaningless) */
    uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC; from `begin` to the end that was waited for */
};

/* GT_E_IO, GT_E_NOMEM, ...: the job could not even be forked. An exec that failed is GT_OK with exec_errno. */
enum gt_status gt_job_run(const struct gt_job_spec *spec, struct gt_job_result *result, struct gt_err *err);

/* The exit status that a shell would see; a job killed by a signal kills this process with the same one and core limit 0. */
int gt_job_pass_status(int wait_status);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t gt_job_now_ns(void);

#endif
