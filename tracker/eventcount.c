#include "tracker/eventcount.h"

#include <math.h>

#define EVERY_NS UINT64_C(10000000000)

enum { PARTS = 64 };

static void close_event(struct gt_eventcount *c, int event)
{
    for (int k = 0; k < GT_EVENT_TERMS; k++) {
        if (c->fds[event][k] >= 0)
            c->os->close(c->os->state, c->fds[event][k]);
        c->fds[event][k] = -1;
    }
}

static void open_event(struct gt_eventcount *c, int i, pid_t child)
{
    const struct gt_event *event = &c->list->events[i];
    c->reason[i] = event->term_count == 0 ? event->reason : NULL;
    for (int k = 0; k < event->term_count; k++) {
        bool user_only;
        c->fds[i][k] = gt_event_open(c->os, &event->terms[k], child, true, &user_only);
        if (c->fds[i][k] < 0) {
            c->reason[i] = gt_event_reason(&event->terms[k], -c->fds[i][k]);
            close_event(c, i);
            return;
        }
        c->user_only[i] = c->user_only[i] || user_only;
    }
}

void gt_eventcount_open(struct gt_eventcount *c, const struct gt_os *os, const struct gt_event_list *list, pid_t child,
                        uint64_t now_ns)
{
    *c = (struct gt_eventcount){.os = os, .list = list, .begin_ns = now_ns, .next_write_ns = now_ns + EVERY_NS};
    for (int i = 0; i < GT_EVENTS; i++)
        for (int k = 0; k < GT_EVENT_TERMS; k++)
            c->fds[i][k] = -1;
    for (int i = 0; list && i < list->count; i++)
        open_event(c, i, child);
}

bool gt_eventcount_combine(const struct gt_event *event, const struct gt_event_count *counts, struct gt_event_value *value)
{
    bool scaled = false;
    double sum = 0;
    int64_t exact = 0;
    value->enabled_ns = value->running_ns = 0;
    for (int k = 0; k < event->term_count; k++) {
        const struct gt_event_count *count = &counts[k];
        double whole;
        if (!gt_event_scale(count, &whole))
            return false;
        sum += (double)event->terms[k].weight * whole;
        exact += event->terms[k].weight * (int64_t)count->value;
        scaled = scaled || count->running_ns < count->enabled_ns;
        if (k == 0 ||
            (double)count->running_ns * (double)value->enabled_ns < (double)value->running_ns * (double)count->enabled_ns) {
            value->enabled_ns = count->enabled_ns;
            value->running_ns = count->running_ns;
        }
    }
    if (scaled && !(fabs(sum) < 9e18))
        return false;
    value->value = scaled ? llround(sum) : exact;
    return event->term_count > 0;
}

void gt_eventcount_read(struct gt_eventcount *c, int i, struct gt_event_value *value)
{
    const struct gt_event *event = &c->list->events[i];
    struct gt_event_count counts[GT_EVENT_TERMS] = {0};
    *value = (struct gt_event_value){.user_only = c->user_only[i], .reason = c->reason[i]};
    if (value->reason)
        return;
    for (int k = 0; k < event->term_count && !value->reason; k++)
        if (gt_event_read(c->os, c->fds[i][k], &counts[k]) != 0)
            value->reason = "the kernel could not read it (it was switched off)";
    if (value->reason)
        return;
    value->known = gt_eventcount_combine(event, counts, value);
    if (!value->known)
        value->reason = counts[0].enabled_ns == 0
                            ? "it never counted: the kernel takes it off what gains privileges by its exec"
                            : "it never got a counter: too many events for this processor at once";
}

static void write_event(const struct gt_event_list *list, int i, const struct gt_event_value *value, struct gt_trace_writer *w)
{
    gt_trace_write_begin(w, GT_TRACE_COUNTER);
    gt_trace_write_string(w, GT_KEY_EVENT_NAME, list->events[i].name);
    gt_trace_write_u64(w, GT_KEY_EVENT_INDEX, (uint64_t)i);
    if (value->known) {
        gt_trace_write_u64(w, GT_KEY_EVENT_VALUE, (uint64_t)value->value);
        gt_trace_write_u64(w, GT_KEY_EVENT_ENABLED, value->enabled_ns);
        gt_trace_write_u64(w, GT_KEY_EVENT_RUNNING, value->running_ns);
        gt_trace_write_string(w, GT_KEY_EVENT_SCOPE, gt_event_scope(&list->events[i].terms[0], value->user_only));
    } else {
        gt_trace_write_string(w, GT_KEY_EVENT_REASON, value->reason);
    }
    gt_trace_write_commit(w);
}

void gt_eventcount_write(struct gt_eventcount *c, struct gt_trace_writer *writer, uint64_t now_ns, bool last)
{
    if (!c->list || (!last && now_ns < c->next_write_ns))
        return;
    uint64_t more_ns = (now_ns - c->begin_ns) / PARTS;
    c->next_write_ns = now_ns + (more_ns > EVERY_NS ? more_ns : EVERY_NS);
    for (int i = 0; i < c->list->count; i++) {
        struct gt_event_value value;
        gt_eventcount_read(c, i, &value);
        write_event(c->list, i, &value, writer);
    }
}

void gt_eventcount_close(struct gt_eventcount *c)
{
    for (int i = 0; c->os && i < GT_EVENTS; i++)
        close_event(c, i);
}
