#include "reports/analysis.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void *gt_analysis_alloc(struct gt_analysis *analysis, size_t count, size_t size)
{
    void *out = gt_arena_alloc(analysis->arena, count ? count : 1, size);
    analysis->failed = analysis->failed || !out;
    return out;
}

static char *text_of(struct gt_analysis *analysis, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *out = gt_analysis_alloc(analysis, (size_t)(n < 0 ? 0 : n) + 1, 1);
    if (out)
        vsnprintf(out, (size_t)(n < 0 ? 0 : n) + 1, format, arguments);
    return out;
}

char *gt_analysis_text(struct gt_analysis *analysis, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *out = text_of(analysis, format, arguments);
    va_end(arguments);
    return out;
}

void gt_analysis_note(struct gt_analysis *analysis, const char *format, ...)
{
    struct gt_report *report = analysis->report;
    va_list arguments;
    if (report->note_count == analysis->note_room) {
        size_t room = 2 * analysis->note_room + 16;
        const char **larger = gt_analysis_alloc(analysis, room, sizeof *larger);
        if (!larger)
            return;
        if (report->note_count)
            memcpy(larger, analysis->notes, report->note_count * sizeof *larger);
        analysis->notes = larger;
        analysis->note_room = room;
        report->notes = larger;
    }
    va_start(arguments, format);
    char *text = text_of(analysis, format, arguments);
    va_end(arguments);
    if (text)
        analysis->notes[report->note_count++] = text;
}

void gt_analysis_leave_out(struct gt_analysis *analysis, const struct gt_facts_model *model, const char *reason)
{
    struct gt_report *report = analysis->report;
    if (!report->left_out)
        report->left_out = gt_analysis_alloc(analysis, analysis->facts->model_count + 1, sizeof *report->left_out);
    if (report->left_out && report->left_out_count <= analysis->facts->model_count)
        report->left_out[report->left_out_count++] = (struct gt_report_left_out){model->name, model->digest, reason};
}

enum gt_status gt_report_analyse(const struct gt_facts *facts, const struct gt_report_query *query, struct gt_arena *arena,
                                 struct gt_report *report, struct gt_err *err)
{
    struct gt_analysis analysis = {
        .facts = facts, .query = query, .arena = arena, .report = report, .choice = gt_report_choose(facts)};
    static void (*const steps[])(struct gt_analysis *) = {gt_analysis_fill_family, gt_analysis_compare_fusing,
                                                          gt_analysis_judge,       gt_analysis_write_labels,
                                                          gt_analysis_write_notes, gt_analysis_write_headline};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !analysis.failed; i++)
        steps[i](&analysis);
    return analysis.failed ? gt_err_set(err, GT_E_NOMEM, "out of memory for the report") : GT_OK;
}
