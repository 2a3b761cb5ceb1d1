/*
 * Names of event counters, as people give them, to what the kernel takes.
 *
 *   task-clock, page-faults, minor-faults, major-faults, context-switches, cpu-migrations   the kernel's own (software events)
 *   PAPI_...                                                                                 PAPI's presets, by its tables
 *   anything else                                                                            libpfm4:
 * "ix86arch::UNHALTED_...:u"
 *
 * A name that nobody knows is an error; one that is known but not to be had here is an event without terms, with a reason.
 * One thread.
 */
#ifndef GT_TRACKER_EVENTNAME_H
#define GT_TRACKER_EVENTNAME_H

#include "core/status.h"
#include "energy/event.h"

enum { GT_EVENTS = 16, GT_EVENT_REASON = 160 };

/* Counted for every run unless the user says otherwise: the kernel counts these anyway. */
#define GT_EVENTS_DEFAULT "task-clock,page-faults,context-switches,cpu-migrations"

struct gt_event {
    char name[GT_EVENT_NAME];
    int term_count; /* 0: not to be had here */
    struct gt_event_term terms[GT_EVENT_TERMS];
    char reason[GT_EVENT_REASON]; /* why; "" otherwise */
};

struct gt_event_list {
    int count;
    struct gt_event events[GT_EVENTS];
};

/*
 * "NAME,NAME,...", or "none": no events. A name given twice counts once. GT_E_ARG: an unknown name (with the nearest known
 * one), an empty one, or too many; the text begins with `option`.
 */
enum gt_status gt_eventname_list(const char *option, const char *text, struct gt_event_list *list, struct gt_err *err);

/* The terms of all events, one after another, each with its event's name. Their number; -1: more than `room`. */
int gt_eventname_terms(const struct gt_event_list *list, struct gt_event_term *terms, int room);

#endif
