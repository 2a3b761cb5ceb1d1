/*
 * From a folded run to the record that the store takes: names instead of slots, sums over processes that ran the same model.
 *
 * Pure but for memory, which comes from the arena. One thread.
 */
#ifndef GT_TRACKER_RUNRECORD_H
#define GT_TRACKER_RUNRECORD_H

#include "core/arena.h"
#include "sqlite/records.h"
#include "tracker/runfold.h"

struct gt_runrecord_input {
    const struct gt_runfold_input *traces; /* as they went into the fold */
    const struct gt_runfold *fold;
    const char *id;   /* 32 hexadecimal digits */
    const char *link; /* the run that it outlived; NULL: none */
    const char *role; /* "run", "process", "outlived", ... */
    enum gt_trace_state state;
};

struct gt_runrecord {
    struct gt_run_record run;
    struct gt_model_record *models; /* those that run.models name */
    size_t model_count;
};

/* GT_E_NOMEM. */
enum gt_status gt_runrecord_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_runrecord *record,
                                 struct gt_err *err);

/* The record of an attribution; `unit_hooks` as in the run's record. False: memory is out. */
bool gt_runrecord_attribution(const struct gt_attribution *attribution, bool unit_hooks, struct gt_arena *arena,
                              struct gt_attribution_record *record);

/* A boot id in the kernel's UUID form, as records have it; NULL: memory is out. */
const char *gt_runrecord_boot(const uint8_t *id, struct gt_arena *arena);

#endif
