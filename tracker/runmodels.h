/* The models of a run: joins slots with their descriptions and sums over processes. Part of runrecord. */
#ifndef GT_TRACKER_RUNMODELS_H
#define GT_TRACKER_RUNMODELS_H

#include "tracker/runrecord.h"

/*
 * Fills record->models and record->run.models. A model that several processes ran is one; regions and reported items of a
 * process belong to the model that its labels name (else its program's name). GT_E_NOMEM.
 */
enum gt_status gt_runmodels_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_runrecord *record,
                                 struct gt_err *err);

#endif
