/*
 * The trace of a run: what is read from outside while a job runs - energy counters, CPU time of its tree and of the machine.
 *
 * Life cycle: gt_runtrace_open (creates run-<32 hex>.gtt in the spool) -> gt_runtrace_sample ... -> gt_runtrace_close with the
 * job's end, or gt_runtrace_discard. Rows are flushed a few times per second, so that a trace of a killed greentrack lacks
 * little and a running one can be ingested. Once the file has reached GREENTRACK_TRACE_MB (or the spool GREENTRACK_SPOOL_MB),
 * one reading a minute is kept: the counters go on counting in between. One thread.
 */
#ifndef GT_TRACKER_RUNTRACE_H
#define GT_TRACKER_RUNTRACE_H

#include "core/arena.h"
#include "core/os.h"
#include "core/trace_write.h"
#include "energy/cputime.h"
#include "energy/follow.h"
#include "energy/source.h"
#include "tracker/jobtree.h"

#include <stdbool.h>
#include <stdint.h>

enum { GT_RUNTRACE_BUFFER = 64 * 1024, GT_RUN_HEX = 2 * GT_TRACE_ID_BYTES + 1 };

/* Label of the note with the idle power that the user gave. */
#define GT_NOTE_IDLE_W "given idle power, W"

struct gt_runtrace_options {
    const char *spool;            /* folder; created 0700 */
    const char *source;           /* "auto", "powercap", "replay:FILE", ... */
    const char *command;          /* quoted command line */
    const char *exe;              /* what is executed; NULL unknown */
    const uint8_t *parent_run_id; /* NULL: none */
    const char *const *notes;     /* label, text, label, text, ..., NULL; NULL: none */
    bool series;                  /* only the parent of other runs: no cgroup of its own */
    bool measured;                /* refuse a source that models, or counts nothing (--require-measured) */
    uint64_t interval_ns;
    bool follow; /* follow the refreshes of the counters, for the energy of units */
};

struct gt_runtrace {
    struct gt_trace_header header;
    char run_hex[GT_RUN_HEX];
    int spool_fd;
    char name[GT_TRACE_WRITE_NAME_BYTES];
    struct gt_trace_writer writer;
    unsigned char *buffer; /* owned */
    const struct gt_energy_source *source;
    struct gt_source_state *state; /* owned */
    struct gt_source_desc desc;
    bool reading; /* the source is open and has counters */
    struct gt_follow follow;
    uint64_t last_tick_ns; /* ticks go forward */
    uint32_t ticks;        /* rows that wait in `rows` for their record */
    uint64_t *rows;        /* owned */
    uint64_t gap_begin_ns; /* 0: the last reading worked */
    enum gt_status gap_why;
    struct gt_cputime machine;
    struct gt_jobtree tree;
    uint64_t next_row_ns, next_cpu_ns, next_flush_ns, spacing_ns, limit_bytes;
    uint64_t own_cpu_ns, next_overhead_ns; /* CPU time of this process when the job began (0: not yet); when to tell it */
    bool full;                             /* it, or the spool, has reached its limit: a reading per minute */
};

/*
 * Everything a run trace begins with is written: process, host, source, labels from the environment. GT_E_ARG: no such energy
 * source (the text names --energy-source); GT_E_ABSENT, GT_E_PERM, ...: it cannot be opened; GT_E_IO, GT_E_NOSPACE, ... from
 * the spool. Nothing is left behind on failure.
 */
enum gt_status gt_runtrace_open(struct gt_runtrace *trace, const struct gt_os *os, const struct gt_runtrace_options *options,
                                struct gt_err *err);

/* When gt_runtrace_sample has something to do, CLOCK_MONOTONIC ns. */
uint64_t gt_runtrace_next(struct gt_runtrace *trace);

/* What is due: the refresh of a counter that is followed; one reading of everything, unless the last one is too recent. `last`:
 * keep it in any case. */
void gt_runtrace_sample(struct gt_runtrace *trace, uint64_t now_ns, bool last);

/* NOTE records and how it ended (`wait_status` of waitpid(2)); closes. */
enum gt_status gt_runtrace_close(struct gt_runtrace *trace, uint64_t end_ns, int wait_status);

/* Removes the trace: nothing was run. */
void gt_runtrace_discard(struct gt_runtrace *trace);

/* "auto" or a source's name, of `text`, else of GREENTRACK_ENERGY_SOURCE, else "auto". Borrowed. */
const char *gt_runtrace_source(const char *text);

/* `given_ms` (NaN: absent), else GREENTRACK_INTERVAL_US, else 10 ms. GT_E_ARG names the variable. */
enum gt_status gt_runtrace_interval(double given_ms, uint64_t *interval_ns, struct gt_err *err);

/*
 * Idle power that the user gave, W; NaN: not by an option. It goes by GREENTRACK_IDLE_W, so that runs inside of this one have
 * it, too, and is noted in their traces under GT_NOTE_IDLE_W; ingest takes it before any calibration. GT_E_ARG: what is in the
 * environment is no such number.
 */
enum gt_status gt_runtrace_idle(double given_w, struct gt_err *err);

/* The number of such a note; false when `text` is NULL or none. */
bool gt_runtrace_idle_of(const char *text, double *idle_w);

#endif
