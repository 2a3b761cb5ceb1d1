/* Printing a document of reports/render.h in the format and to the place that the user chose. */
#ifndef GT_TRACKER_OUTPUT_H
#define GT_TRACKER_OUTPUT_H

#include "reports/render.h"
#include "sqlite/records.h"
#include "tracker/tracker.h"

/* Renders to standard output (or, with --output, atomically to that file). Prints what went wrong. The exit status. */
int gt_output_document(struct gt_tracker *tracker, const struct gt_document *document);

/* The same with one section alone in CSV. */
int gt_output_section(struct gt_tracker *tracker, const struct gt_document *document, const char *csv_section);

/* A stored integer: null where it is not known. */
static inline struct gt_value gt_output_known(int64_t value)
{
    return gt_value_u64_if(value != GT_UNKNOWN && value >= 0, (uint64_t)value);
}

/* Said of a run whose annotation_unused is set (sqlite/records.h). */
#define GT_OUTPUT_ANNOTATION_UNUSED                                                                                             \
    "what was annotated (model, family, φ or number of inferences) does not apply: the run has several models by now, or one " \
    "that says otherwise itself, or its inferences were observed"

/* How a run ended, for people: "0", "SIGKILL", "signal 40"; NULL where it is not known. From the arena. */
const char *gt_output_ending(struct gt_arena *arena, int64_t exit_status, int64_t exit_signal);

/* Does the locale's environment name an encoding other than UTF-8? Then bars and dashes are ASCII. */
bool gt_output_is_ascii(void);

#endif
