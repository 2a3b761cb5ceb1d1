/* What people say of a run: kept apart, and applied to the run whenever it is stored. Internal to sqlite/. */
#ifndef GT_SQLITE_ANNOTATE_H
#define GT_SQLITE_ANNOTATE_H

#include "sqlite/db.h"

/*
 * Applies the run's annotation, if it has one, inside the caller's transaction: labels go to its model (one is made of the
 * label when the run has none), inferences divide the job's energy and time. A run that has got several models by now is left
 * as it is: the annotation waits.
 */
enum gt_status gt_annotation_apply(struct gt_store *store, const char *run, struct gt_err *err);

#endif
