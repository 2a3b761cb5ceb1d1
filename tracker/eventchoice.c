#include "tracker/eventchoice.h"

static void say_absent(struct gt_tracker *tracker, const struct gt_event_list *list)
{
    for (int i = 0; i < list->count && !tracker->quiet; i++)
        if (list->events[i].term_count == 0)
            gt_tracker_say(tracker, "absent: %s: %s", gt_tracker_escape(tracker, list->events[i].name),
                           gt_tracker_escape(tracker, list->events[i].reason));
}

static enum gt_status resolve(struct gt_tracker *tracker, enum gt_option_id id, const char *option, const char *normal,
                              const struct gt_event_list **out, struct gt_err *err)
{
    struct gt_event_list *list = gt_arena_alloc(&tracker->arena, 1, sizeof *list);
    if (!list)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    enum gt_status status = gt_eventname_list(option, gt_tracker_text(tracker, id, normal), list, err);
    if (status == GT_OK && gt_tracker_given(tracker, id))
        say_absent(tracker, list);
    *out = list;
    return status;
}

enum gt_status gt_eventchoice(struct gt_tracker *tracker, const struct gt_event_list **run, const struct gt_event_list **unit,
                              struct gt_err *err)
{
    struct gt_event_term terms[GT_UNIT_TERMS];
    enum gt_status status = resolve(tracker, GT_OPT_COUNTERS, "--counters", GT_EVENTS_DEFAULT, run, err);
    if (status == GT_OK)
        status = resolve(tracker, GT_OPT_UNIT_COUNTERS, "--unit-counters", "none", unit, err);
    if (status == GT_OK && gt_eventname_terms(*unit, terms, GT_UNIT_TERMS) < 0)
        return gt_err_set(err, GT_E_ARG, "--unit-counters: these need more than %d counters of the processor", GT_UNIT_TERMS);
    return status;
}
