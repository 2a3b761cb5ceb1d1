/* Ingest of one run: opens its traces and rings, folds, writes it to the store. Part of ingest. One thread. */
#ifndef GT_TRACKER_INGEST_RUN_H
#define GT_TRACKER_INGEST_RUN_H

#include "core/trace_read.h"
#include "sqlite/store.h"
#include "tracker/runfold.h"
#include "tracker/spool.h"

#include <stdbool.h>
#include <stddef.h>

struct gt_ingest_entry {
    const char *name; /* in the spool; borrowed */
    struct gt_trace_header header;
};

enum { GT_INGEST_RINGS = 256 }; /* most rings looked for per process */

struct gt_ingest_open; /* an open trace with its rings */

/* The traces of one run: the run's own (if there is one) first. */
struct gt_ingest_group {
    struct gt_ingest_entry *entries; /* borrowed */
    size_t count;
    /* results */
    bool final;                /* every trace is closed or crashed: all may go once the run is stored */
    enum gt_trace_state state; /* of the run */
    size_t bad;                /* entry that is malformed; >= count: none */
    /* inner state */
    struct gt_ingest_open *open; /* owned */
    struct gt_arena arena;
};

/*
 * GT_OK: the run is committed. Otherwise `bad` says whether a trace is to blame (malformed); a trace that is gone meanwhile
 * (another ingest) leaves GT_OK and nothing to do. Call gt_ingest_run_close in any case.
 */
enum gt_status gt_ingest_run_store(struct gt_ingest_group *group, const struct gt_spool *spool, struct gt_store *store,
                                   struct gt_err *err);

/* Removes the rings that were merged. */
void gt_ingest_run_remove_rings(const struct gt_ingest_group *group);

void gt_ingest_run_close(struct gt_ingest_group *group);

#endif
