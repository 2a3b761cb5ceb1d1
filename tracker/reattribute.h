/*
 * Attributing a stored run anew from its folded trace, by the method and version of this greentrack: the new record stands
 * beside the older ones (sqlite/store.h says which is current). What was observed does not change. One thread.
 */
#ifndef GT_TRACKER_REATTRIBUTE_H
#define GT_TRACKER_REATTRIBUTE_H

#include "core/arena.h"
#include "sqlite/store.h"

enum gt_reattributed {
    GT_REATTRIBUTED,         /* a record was added */
    GT_REATTRIBUTED_ALREADY, /* it has one by this method and version */
    GT_REATTRIBUTED_OPEN,    /* the run goes on: its next ingest attributes it */
    GT_REATTRIBUTED_CANNOT   /* no folded trace, or one from before the store kept what its slots stand for */
};

/* `id` is a run's full id. GT_E_NOENT; GT_E_CORRUPT: a folded trace that does not parse; what attribution or the store says. */
enum gt_status gt_reattribute_run(struct gt_store *store, const char *id, struct gt_arena *arena, enum gt_reattributed *outcome,
                                  struct gt_err *err);

#endif
