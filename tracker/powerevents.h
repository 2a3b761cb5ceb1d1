/*
 * A second opinion on the kernel's energy events: what sysfs says of the "power" event source against libpfm4's tables.
 *
 * energy/source_perf.c goes by sysfs alone, since it also works inside of foreign processes, where nothing is loaded; the
 * tracker has libpfm4 at hand. One thread.
 */
#ifndef GT_TRACKER_POWEREVENTS_H
#define GT_TRACKER_POWEREVENTS_H

#include "tracker/checks.h"

/* Fills *check: ok where both agree or one of them knows nothing, limited where they differ. Text lives in the arena. */
void gt_powerevents_check(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check);

#endif
