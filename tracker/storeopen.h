/* Opening the usual store for a verb, and resolving the runs that people name. One thread. */
#ifndef GT_TRACKER_STOREOPEN_H
#define GT_TRACKER_STOREOPEN_H

#include "sqlite/store.h"
#include "tracker/tracker.h"

/* Opens the store where it usually is, bringing an older one up to date; a missing one is GT_E_NOENT with a text that says how
 * runs get there. */
enum gt_status gt_storeopen(struct gt_tracker *tracker, enum gt_store_mode mode, struct gt_store **store, struct gt_err *err);

/*
 * Full id of the run that the user means: the beginning of an id, or "last" for the newest that is no child. GT_E_NOENT,
 * GT_E_AMBIGUOUS.
 */
enum gt_status gt_storeopen_run(struct gt_tracker *tracker, struct gt_store *store, const char *word, const char **id,
                                struct gt_err *err);

#endif
