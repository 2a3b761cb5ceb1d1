/*
 * Published accuracies are of weights that were trained elsewhere, the joules of those that were run here: where both stand in
 * one table or sentence, it says so.
 */
#include "reports/analysis.h"
#include "reports/names.h"

#include <stddef.h>
#include <string.h>

/* What the judged rows have in common at `offset`, a string of struct gt_report_row; all of them, joined, where they differ. */
static const char *common(struct gt_analysis *a, size_t offset)
{
    const char *out = NULL;
    for (size_t i = 0; i < a->report->row_count; i++) {
        const struct gt_report_row *row = &a->report->rows[i];
        const char *text;
        memcpy(&text, (const char *)row + offset, sizeof text);
        if (row->judged && text && !(out && strstr(out, text)))
            out = gt_report_both(a->arena, out, text);
    }
    return out ? out : "unknown";
}

#define COMMON(field) common(a, offsetof(struct gt_report_row, field))

/* "joules: modelled, source model", "time: of this host", "cost: MACs, counted". */
static const char *cost_label(struct gt_analysis *a)
{
    if (strcmp(a->report->axis, "GMAC") == 0)
        return "cost: MACs, counted";
    if (strcmp(a->report->axis, "s") == 0)
        return "time: of this host";
    return gt_analysis_text(a, "joules: %s, source %s", COMMON(energy.provenance), COMMON(energy.source));
}

void gt_analysis_write_labels(struct gt_analysis *a)
{
    struct gt_report *r = a->report;
    if (r->published && !r->axis)
        r->labels = "accuracy: published, of trained weights";
    else if (r->published)
        r->labels =
            gt_analysis_text(a, "accuracy: published, of trained weights; %s, of weights=%s", cost_label(a), COMMON(weights));
}
