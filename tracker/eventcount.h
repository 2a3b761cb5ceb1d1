/*
 * Event counters of one run: opened on the job before its program starts, inherited by all that it starts, read from outside.
 *
 * Life cycle: gt_eventcount_open (in the moment between fork and exec) -> gt_eventcount_write ... -> gt_eventcount_close. They
 * count from the exec on. One descriptor per term. One thread.
 */
#ifndef GT_TRACKER_EVENTCOUNT_H
#define GT_TRACKER_EVENTCOUNT_H

#include "core/os.h"
#include "core/trace_write.h"
#include "tracker/eventname.h"

#include <sys/types.h>

struct gt_eventcount {
    const struct gt_os *os;
    const struct gt_event_list *list; /* borrowed; NULL: none */
    int fds[GT_EVENTS][GT_EVENT_TERMS];
    bool user_only[GT_EVENTS];
    const char *reason[GT_EVENTS]; /* why an event is absent; NULL: it counts */
    uint64_t begin_ns, next_write_ns;
};

/* What one event says in the end. `known` false: the reason tells why. */
struct gt_event_value {
    bool known, user_only;
    int64_t value;                   /* scaled where running_ns is less than enabled_ns */
    uint64_t enabled_ns, running_ns; /* of the term that ran for the smallest part of its time */
    const char *reason;
};

/* list NULL: none. An event that cannot be opened is absent; never fails. */
void gt_eventcount_open(struct gt_eventcount *counters, const struct gt_os *os, const struct gt_event_list *list, pid_t child,
                        uint64_t now_ns);

void gt_eventcount_read(struct gt_eventcount *counters, int event, struct gt_event_value *value);

/*
 * A COUNTER record of each event; unless `last`, after ten seconds, then whenever the run has become longer by a 64th, though
 * not more often than every ten seconds: the trace of a killed greentrack has nearly all, and that of a server stays small.
 * Later ones replace earlier ones.
 */
void gt_eventcount_write(struct gt_eventcount *counters, struct gt_trace_writer *writer, uint64_t now_ns, bool last);

void gt_eventcount_close(struct gt_eventcount *counters);

/* From the counts of its terms to the event's. False: one of them never ran. */
bool gt_eventcount_combine(const struct gt_event *event, const struct gt_event_count *counts, struct gt_event_value *value);

#endif
