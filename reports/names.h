/* Names and fixed words that several parts of a report use. Internal to reports/; pure, thread-safe. */
#ifndef GT_REPORTS_NAMES_H
#define GT_REPORTS_NAMES_H

#include "core/arena.h"
#include "reports/report.h"

/* The fixed footnote (DESIGN, truth rule 4). */
#define GT_REPORT_MAC_FOOTNOTE                                                                                                 \
    "MACs are multiply-accumulates of convolutions and fully connected layers for one image; what papers on these networks "   \
    "call FLOPs are MACs."

/* "b3" of "fashion/b3"; "model" of NULL. Borrowed from `name`. */
const char *gt_report_short_name(const char *name);

/*
 * The labels of one row or two: the text that both have ("random"), else both ("random, trained"), or the one that is known.
 * NULL when neither is.
 */
const char *gt_report_both(struct gt_arena *arena, const char *a, const char *b);

/*
 * A model of the report that lacks energy (or accuracy) and that `eval` can run, which knows the MACs of what it can: the
 * selected one when it does, else the first. NULL: none. Borrowed.
 */
const char *gt_report_missing_model(const struct gt_report *report, bool energy);

/* `word` as one word of a shell, in quotes where it needs them. NULL of NULL; borrowed, or of the arena. */
const char *gt_report_shell_word(struct gt_arena *arena, const char *word);

#endif
