/* Which event counters the user asked for: --counters and --unit-counters of `run` and `eval`. One thread. */
#ifndef GT_TRACKER_EVENTCHOICE_H
#define GT_TRACKER_EVENTCHOICE_H

#include "tracker/eventname.h"
#include "tracker/tracker.h"

/*
 * Both in the tracker's arena. An event that the user named and that is not to be had here is told on standard error; the run
 * goes all the same. GT_E_ARG names the option; GT_E_NOMEM.
 */
enum gt_status gt_eventchoice(struct gt_tracker *tracker, const struct gt_event_list **run, const struct gt_event_list **unit,
                              struct gt_err *err);

#endif
