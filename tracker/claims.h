/* Before a run is folded: what runs that overlap with it have of the machine already. */
#ifndef GT_TRACKER_CLAIMS_H
#define GT_TRACKER_CLAIMS_H

#include "core/arena.h"
#include "energy/fold.h"
#include "sqlite/store.h"
#include "tracker/traceinfo.h"

/* 7 hours, half a megabyte of the store: what a longer run has after that is not held against others. */
enum { GT_CLAIMS_SLOTS = 1 << 18 };

/*
 * *claims gets what the stored runs of the same boot have, and room for this run's, both from the arena; none where it has no
 * counters or no times. `info` is of the trace that has the samples, `id` the run's. GT_E_NOMEM, or what the store says.
 */
enum gt_status gt_claims_find(struct gt_store *store, const struct gt_trace_info *info, const char *id, struct gt_arena *arena,
                              struct gt_fold_claims *claims, struct gt_err *err);

#endif
