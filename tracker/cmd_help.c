#include "tracker/help.h"

#include "tracker/suggest.h"

int gt_cmd_help(struct gt_tracker *tracker)
{
    if (gt_tracker_given(tracker, GT_OPT_MAN)) {
        gt_help_print_man(tracker->out);
        return GT_EXIT_OK;
    }
    if (gt_tracker_given(tracker, GT_OPT_COMPLETION)) {
        gt_help_print_bash(tracker->out);
        return GT_EXIT_OK;
    }
    if (tracker->args->operand_count == 0) {
        gt_help_print_overview(tracker->out, tracker->columns);
        return GT_EXIT_OK;
    }
    const char *word = tracker->args->operands[0];
    const struct gt_verb *verb = gt_verb_find(word);
    if (!verb) {
        struct gt_suggestion nearest = {0};
        for (const struct gt_verb *candidate = gt_verbs; candidate->name; candidate++)
            gt_suggest_offer(&nearest, word, candidate->name);
        gt_tracker_say(tracker, "unknown verb '%s'%s%s%s", gt_tracker_escape(tracker, word),
                       nearest.best ? "; did you mean '" : "", nearest.best ? nearest.best : "", nearest.best ? "'?" : "");
        return GT_EXIT_USAGE;
    }
    gt_help_print_verb(tracker->out, verb, tracker->columns);
    return GT_EXIT_OK;
}
