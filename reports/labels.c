/*
 * Published accuracies are of weights that were trained elsewhere, the joules of those that were run here: where both stand in
 * one table or sentence, it says so.
 */
#include "reports/analysis.h"
#include "reports/names.h"

#include <stddef.h>
#include <string.h>

/* What the rows have at `offset`, a string of struct gt_report_row; all of them, joined, where they differ. NULL none. */
static const char *common(struct gt_analysis *a, size_t offset)
{
    const char *out = NULL;
    for (size_t i = 0; i < a->report->row_count; i++) {
        const char *text;
        memcpy(&text, (const char *)&a->report->rows[i] + offset, sizeof text);
        if (text && !(out && strstr(out, text)))
            out = gt_report_both(a->arena, out, text);
    }
    return out;
}

#define COMMON(field) common(a, offsetof(struct gt_report_row, field))

/* "joules: modelled, source model, of weights=random"; they stand in the report whatever it is judged by. */
static const char *run_label(struct gt_analysis *a)
{
    const char *provenance = COMMON(energy.provenance), *source = COMMON(energy.source), *weights = COMMON(weights);
    if (!provenance)
        return gt_analysis_text(a, "no joules; weights=%s", weights ? weights : "unknown");
    return gt_analysis_text(a, "joules: %s, source %s, of weights=%s", provenance, source ? source : "unknown",
                            weights ? weights : "unknown");
}

/* The cost, where it is not the joules. */
static const char *cost_label(const struct gt_report *r)
{
    if (!r->axis || strcmp(r->axis, "J") == 0)
        return "";
    return strcmp(r->axis, "s") == 0 ? "; cost: seconds on this host" : "; cost: MACs, counted";
}

void gt_analysis_write_labels(struct gt_analysis *a)
{
    struct gt_report *r = a->report;
    if (r->published)
        r->labels = gt_analysis_text(a, "accuracy: published, of trained weights; %s%s", run_label(a), cost_label(r));
}
