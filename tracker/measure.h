/*
 * Measuring one command: finds it, judges whether the plugin can go into it, runs it with a run trace beside it. What `run`
 * does once and `eval` many times.
 */
#ifndef GT_TRACKER_MEASURE_H
#define GT_TRACKER_MEASURE_H

#include "core/arena.h"
#include "core/trace.h"
#include "tracker/eventname.h"
#include "tracker/job.h"
#include "tracker/program.h"
#include "tracker/runtrace.h"

struct gt_measure_options {
    char *const *argv;  /* argv[0] is searched in PATH */
    const char *source; /* as gt_runtrace_source returns it */
    bool measured;      /* as in struct gt_runtrace_options */
    uint64_t interval_ns;
    const uint8_t *parent_run_id; /* NULL: none */
    const char *const *extra;     /* "NAME=value" of further environment variables, NULL behind the last; NULL: none */
    const char *const *notes;     /* for the run trace: label, text, ..., NULL; NULL: none */
    const struct gt_event_list *events, *unit_events; /* counted per run, and per unit; NULL: none */
    int output; /* descriptor that becomes the job's standard output; -1: its own as it is */
    /* Called before the job starts when the plugin cannot go into it, with the reason. NULL: nothing. */
    void (*outside)(void *context, const char *program, const char *reason);
    void *context;
};

struct gt_measure_result {
    uint8_t run_id[GT_TRACE_ID_BYTES];
    char run_hex[GT_RUN_HEX];
    struct gt_program program;
    struct gt_job_result job;
    int not_found; /* errno of the search for argv[0]; 0: it was found */
};

/*
 * GT_OK: the job ran, or result->not_found or result->job.exec_errno tell why it did not (then no trace is left). Anything else
 * is our own failure.
 */
enum gt_status gt_measure_command(struct gt_arena *arena, const struct gt_measure_options *options,
                                  struct gt_measure_result *result, struct gt_err *err);

/* GREENTRACK_RUN as 16 bytes; false when it is not set or not an id. */
bool gt_measure_enclosing_run(uint8_t id[GT_TRACE_ID_BYTES]);

#endif
