/*
 * What a trace says about itself: one pass over all its records, everything but the measurements kept.
 *
 * All memory comes from the given arena. Text is as the writer had it: escape it before it reaches a terminal. Bounded: a trace
 * with more models, units or notes than the limits below is malformed. One thread.
 */
#ifndef GT_TRACKER_TRACEINFO_H
#define GT_TRACKER_TRACEINFO_H

#include "core/arena.h"
#include "core/trace_read.h"
#include "energy/host.h"
#include "energy/source.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GT_TRACEINFO_MODELS = 4096,
    GT_TRACEINFO_UNITS = 1 << 20,
    GT_TRACEINFO_MEMBERS = 4096,
    GT_TRACEINFO_NOTES = 65536,
    GT_TRACEINFO_COUNTERS = 64,
    GT_TRACEINFO_COUNTS = 65536
};

struct gt_trace_member {
    const char *name, *op;
    uint64_t macs, params, bytes;
    bool has_bytes; /* earlier plugins did not say */
};

struct gt_trace_unit {
    uint32_t slot, index;
    uint64_t model_id;
    bool region, has_index, has_model, has_macs, has_params;
    const char *name, *op, *shape_in, *shape_out; /* NULL: not said */
    uint64_t macs, params;
    const struct gt_trace_member *members;
    size_t member_count;
};

struct gt_trace_model {
    uint64_t id;
    const char *name, *family, *weights, *precision, *runtime, *runtime_version; /* NULL: not said */
    double phi;                                                                  /* NaN: not said */
    bool has_digest, has_macs, has_params;
    bool says_fused, has_fused, fused; /* units may be groups of layers: the runtime says so or not, else its units show it */
    uint8_t digest[32];
    uint64_t macs, params;
    uint64_t batch, threads; /* 0: not said */
    bool has_slot;
    uint32_t first_slot;
};

struct gt_trace_note {
    const char *label, *text; /* never NULL */
};

/* An event counter: of a run its value, of a process a term that its units are counted by. */
struct gt_trace_counter {
    const char *name, *scope, *reason; /* NULL: not said */
    bool has_value;
    int64_t value, weight;
    uint64_t enabled_ns, running_ns;
};

struct gt_trace_info {
    struct gt_trace_header header;
    enum gt_trace_state state;
    struct gt_trace_loss damage; /* what the reader had to skip */
    bool has_process, has_host, has_source, has_end, has_exit_status, has_signal;
    uint64_t pid, start_ns;
    const char *exe, *command, *runtime, *runtime_version, *precision; /* NULL: not said */
    uint64_t threads, batch;                                           /* 0: not said */
    struct gt_host host;
    struct gt_source_desc source;
    struct gt_trace_model *models;
    size_t model_count, model_room;
    struct gt_trace_unit *units;
    size_t unit_count, unit_room;
    struct gt_trace_note *notes, *losses; /* of a loss: kind and count as text */
    size_t note_count, note_room, loss_count, loss_room;
    struct gt_trace_counter counters[GT_TRACEINFO_COUNTERS]; /* by EVENT_INDEX; name NULL: none */
    struct gt_trace_count *counts;                           /* the latest COUNTS */
    size_t count_rows, count_room;
    uint64_t lost;  /* sum over LOSS records */
    uint64_t items; /* reported by the program; the last word counts */
    bool has_overhead;
    uint64_t overhead_cpu_ns; /* of who wrote the trace; the last word counts, as of the next */
    double hook_ns;           /* of one hook; NaN: not said */
    uint64_t end_ns, exit_status, signal;
    uint64_t first_ns, last_ns; /* of any row or record with a time; 0: none */
    bool has_inferences;        /* rows, tables or blocks of inferences, not of units alone */
    uint64_t ticks, cpu_rows, event_rows, blocks;
    uint32_t slots; /* one more than the highest slot named */
    uint32_t last_sequence;
};

/* Reads the whole trace; the reader is rewound afterwards. GT_E_CORRUPT: beyond the limits; GT_E_IO, GT_E_NOMEM. */
enum gt_status gt_traceinfo_read(struct gt_trace_reader *reader, struct gt_arena *arena, struct gt_trace_info *info,
                                 struct gt_err *err);

/* Text of the note with that label, the last one; NULL: none. */
const char *gt_traceinfo_note(const struct gt_trace_info *info, const char *label);

/* The unit with that slot; NULL: not described. */
const struct gt_trace_unit *gt_traceinfo_unit(const struct gt_trace_info *info, uint32_t slot);

/* The model whose first slot that is (of an inference); NULL: none. */
const struct gt_trace_model *gt_traceinfo_model_at(const struct gt_trace_info *info, uint32_t first_slot);
const struct gt_trace_model *gt_traceinfo_model(const struct gt_trace_info *info, uint64_t id);

#endif
