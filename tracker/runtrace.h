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
#include "energy/source.h"
#include "tracker/jobtree.h"

#include <stdbool.h>
#include <stdint.h>

enum { GT_RUNTRACE_BUFFER = 64 * 1024, GT_RUN_HEX = 2 * GT_TRACE_ID_BYTES + 1 };

struct gt_runtrace_options {
    const char *spool;            /* folder; created 0700 */
    const char *source;           /* "auto", "powercap", "replay:FILE", ... */
    const char *command;          /* quoted command line */
    const char *exe;              /* what is executed; NULL unknown */
    const uint8_t *parent_run_id; /* NULL: none */
    const char *const *notes;     /* label, text, label, text, ..., NULL; NULL: none */
    bool series;                  /* only the parent of other runs: no cgroup of its own */
    uint64_t interval_ns;
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
    bool reading;          /* the source is open and has counters */
    uint64_t gap_begin_ns; /* 0: the last reading worked */
    enum gt_status gap_why;
    struct gt_cputime machine;
    struct gt_jobtree tree;
    uint64_t next_row_ns, next_flush_ns, spacing_ns, limit_bytes;
};

/*
 * Everything a run trace begins with is written: process, host, source, labels from the environment. GT_E_ARG: no such energy
 * source (the text names --energy-source); GT_E_ABSENT, GT_E_PERM, ...: it cannot be opened; GT_E_IO, GT_E_NOSPACE, ... from
 * the spool. Nothing is left behind on failure.
 */
enum gt_status gt_runtrace_open(struct gt_runtrace *trace, const struct gt_os *os, const struct gt_runtrace_options *options,
                                struct gt_err *err);

/* One reading of everything, unless the last one is too recent. `last`: keep it in any case. */
void gt_runtrace_sample(struct gt_runtrace *trace, uint64_t now_ns, bool last);

/* NOTE records and how it ended (`wait_status` of waitpid(2)); closes. */
enum gt_status gt_runtrace_close(struct gt_runtrace *trace, uint64_t end_ns, int wait_status);

/* Removes the trace: nothing was run. */
void gt_runtrace_discard(struct gt_runtrace *trace);

/* "auto" or a source's name, of `text`, else of GREENTRACK_ENERGY_SOURCE, else "auto". Borrowed. */
const char *gt_runtrace_source(const char *text);

/* `given_ms` (NaN: absent), else GREENTRACK_INTERVAL_US, else 10 ms. GT_E_ARG names the variable. */
enum gt_status gt_runtrace_interval(double given_ms, uint64_t *interval_ns, struct gt_err *err);

#endif
