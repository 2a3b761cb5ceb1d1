/* The event counters of a run and of its units: from what its traces say to the store's records. Part of runrecord. */
#ifndef GT_TRACKER_RUNCOUNTERS_H
#define GT_TRACKER_RUNCOUNTERS_H

#include "tracker/runrecord.h"

/*
 * Fills run->run_counters and run->unit_counters; run->slots must be there. A unit's counts are summed over the processes that
 * ran its model. GT_E_NOMEM.
 */
enum gt_status gt_runcounters_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_run_record *run,
                                   struct gt_err *err);

#endif
