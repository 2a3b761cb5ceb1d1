/*
 * The steps of gt_report_analyse, in order. Internal to reports/. One analysis belongs to one thread.
 */
#ifndef GT_REPORTS_ANALYSIS_H
#define GT_REPORTS_ANALYSIS_H

#include "reports/facts.h"

struct gt_analysis {
    const struct gt_facts *facts;
    const struct gt_report_query *query;
    struct gt_arena *arena;
    struct gt_report *report;
    struct gt_report_choice choice;
    const struct gt_facts_accuracy *accuracy; /* of the selected model: what they belong to is the family's */
    const char **notes;
    size_t note_room, left_out_room;
    bool failed; /* memory ran out */
};

/* Allocates from the arena; notes the failure. */
void *gt_analysis_alloc(struct gt_analysis *analysis, size_t count, size_t size);
char *gt_analysis_text(struct gt_analysis *analysis, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gt_analysis_note(struct gt_analysis *analysis, const char *format, ...) __attribute__((format(printf, 2, 3)));
void gt_analysis_leave_out(struct gt_analysis *analysis, const struct gt_facts_model *model, const char *reason);

/* Identity, rows of the family with accuracy and energy; what does not compare is left out with its reason. */
void gt_analysis_fill_family(struct gt_analysis *analysis);
/* The run that stands for a model in the report's group, and its figures with those of its rounds. NULL: none. */
const struct gt_facts_run *gt_analysis_pick_run(const struct gt_analysis *analysis, size_t model);
/* Rounds of the picked run: all hooks-off runs of its series, or that run alone. `rounds` has room for all runs. */
size_t gt_analysis_rounds(const struct gt_analysis *analysis, const struct gt_facts_run *picked,
                          const struct gt_facts_run **rounds);
struct gt_report_energy gt_analysis_energy(struct gt_analysis *analysis, const struct gt_facts_run *picked);
/* What fusing saves; notes what limits the comparison. */
void gt_analysis_compare_fusing(struct gt_analysis *analysis);
/* Axis, front, hulls, steps, break-points, knee, "beyond". */
void gt_analysis_judge(struct gt_analysis *analysis);
/* Whose accuracies and whose joules stand side by side, where they are not of the same weights. */
void gt_analysis_write_labels(struct gt_analysis *analysis);
/* Notes, then the headline. */
void gt_analysis_write_notes(struct gt_analysis *analysis);
void gt_analysis_write_headline(struct gt_analysis *analysis);

#endif
