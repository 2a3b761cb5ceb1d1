/*
 * From the traces of one run to its folded block and its joules.
 *
 * A run has the trace of `greentrack run` (its ticks and CPU time, taken once) and any number of process traces (units and
 * inferences); or it is a single process trace, which then has all of it. Records of all traces are merged by time and streamed
 * through energy/fold; what the threads' exact tables and the rings of killed processes hold beyond the rows is added.
 * Slots of the processes are laid one after another: process i's slot s is slot_base + s.
 *
 * Life cycle: fill `struct gt_runfold_input` -> gt_runfold_compute -> use -> gt_runfold_free. One thread.
 */
#ifndef GT_TRACKER_RUNFOLD_H
#define GT_TRACKER_RUNFOLD_H

#include "core/ring.h"
#include "energy/alike.h"
#include "energy/attribute.h"
#include "energy/batches.h"
#include "energy/fold.h"
#include "tracker/traceinfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GT_RUNFOLD_SLOTS = 1 << 20 }; /* most slots of all processes together */
enum { GT_RUNFOLD_GAPS = 256, GT_RUNFOLD_REASON = 96 };

/* One trace, open and looked through; all borrowed. */
struct gt_runfold_trace {
    struct gt_trace_reader *reader; /* at its beginning; it is rewound afterwards */
    const struct gt_trace_info *info;
    struct gt_ring_leftover *const *leftovers;
    size_t leftover_count;
    bool goes_on;       /* it has rows beyond `until`: calls without a row are counted there */
    uint32_t slot_base; /* filled in by gt_runfold_compute */
};

struct gt_runfold_input {
    struct gt_runfold_trace *run;       /* NULL: the first process has the samples */
    struct gt_runfold_trace *processes; /* may be none when there is a run */
    size_t process_count;
    uint64_t from_ns, until_ns;          /* rows that end in (from, until] count; 0 and UINT64_MAX: all */
    double idle_w, idle_lo_w, idle_hi_w; /* of a calibration of this host class, source and boundary; NaN: unknown */
    struct gt_fold_claims claims;        /* what overlapping runs have of the machine, and room for this one's */
};

/* Time over which counters said nothing that can be trusted. */
struct gt_runfold_gap {
    int domain; /* in the descriptor; GT_GAP_ALL */
    uint64_t from_ns, to_ns;
    char reason[GT_RUNFOLD_REASON];
};

struct gt_runfold {
    void *payload; /* owned: the merged BLOCK */
    size_t bytes;
    struct gt_block block;     /* borrowed from the payload */
    struct gt_batches batches; /* the same in pieces, in order: ... */
    void *kept;                /* owned: ... and as the bytes that are kept */
    size_t kept_bytes;
    struct gt_source_desc desc;
    struct gt_host host;
    bool has_host;
    bool has_ticks, has_cpu;
    uint64_t begin_ns, end_ns;  /* of the run: from its first sample or row to the end that was written, else the last one */
    uint64_t first_ns, last_ns; /* of the samples; 0: none */
    uint64_t has_raw;           /* bit i: domain i was read */
    uint64_t first_raw[GT_SOURCE_DOMAINS], last_raw[GT_SOURCE_DOMAINS];
    struct gt_trace_cpu first_cpu, last_cpu;
    struct gt_alike alike; /* of the samples' counters */
    /* Calls that a full disk or the cap left without a row: those for which the window was made longer, and those of processes
     * that have no row at all, of which nobody knows when they were. */
    uint64_t extended_calls, untimed_calls;
    struct gt_runfold_gap *gaps; /* owned, by time */
    size_t gap_count;
    uint64_t gaps_dropped; /* for which there was no place */
    struct gt_attribution attribution;
    struct gt_unit_energy *units;   /* owned, attribution.unit_count */
    struct gt_infer_energy *infers; /* owned, attribution.infer_count */
};

/* GT_E_NOMEM; GT_E_LIMIT: too many slots; what attribution or reading says. On failure nothing needs freeing. */
enum gt_status gt_runfold_compute(struct gt_runfold_input *input, struct gt_runfold *out, struct gt_err *err);

void gt_runfold_free(struct gt_runfold *fold);

#endif
