#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct gt_column columns[] = {
    {"id", "run", GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"run", NULL, GT_Q_TEXT, GT_COLUMN_TEXT_ONLY},
    {"begin", NULL, GT_Q_DATE, 0},
    {"role", NULL, GT_Q_TEXT, 0},
    {"state", NULL, GT_Q_TEXT, 0},
    {"exit_status", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
    {"exit", NULL, GT_Q_TEXT, GT_COLUMN_TEXT_ONLY},
    {"exit_signal", "signal", GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
    {"ns", "time", GT_Q_TIME_NS, 0},
    {"model", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"models_text", "model", GT_Q_TEXT, GT_COLUMN_TEXT_ONLY},
    {"model_digest", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"weights", NULL, GT_Q_TEXT, 0},
    {"family", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"phi", NULL, GT_Q_REAL, GT_COLUMN_DATA_ONLY},
    {"models", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
    {"inferences", "images", GT_Q_INTEGER, 0},
    {"energy_uj", "joules", GT_Q_ENERGY_UJ, 0},
    {"lo_uj", "from", GT_Q_ENERGY_UJ, 0},
    {"hi_uj", "to", GT_Q_ENERGY_UJ, 0},
    {"kind", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"provenance", NULL, GT_Q_TEXT, 0},
    {"source", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"boundary", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"unit_hooks", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"annotation_unused", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"children", "inside", GT_Q_INTEGER, 0},
    {"parent", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"series", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"link", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"tags", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"command", NULL, GT_Q_TEXT, GT_COLUMN_ELASTIC},
};

/* The one with the most inferences stands for all: said, since the images are of all. */
static const char *models_text(struct gt_tracker *tracker, const struct gt_run_line *line)
{
    return line->model && line->model_count > 1
               ? gt_arena_printf(&tracker->arena, "%s + %lld more", line->model, (long long)line->model_count - 1)
               : line->model;
}

static void add_line(struct gt_tracker *tracker, struct gt_section *section, const struct gt_run_line *line)
{
    const struct gt_value values[COUNT(columns)] = {
        gt_value_text(line->id),
        gt_value_text(gt_arena_strndup(&tracker->arena, line->id, 12)),
        gt_output_known(line->begin_real_ns),
        gt_value_text(line->role),
        gt_value_text(line->state),
        gt_output_known(line->exit_status),
        gt_value_text(gt_output_ending(&tracker->arena, line->exit_status, line->exit_signal)),
        gt_output_known(line->exit_signal),
        gt_output_known(line->ns),
        gt_value_text(line->model),
        gt_value_text(models_text(tracker, line)),
        gt_value_text(line->model_digest),
        gt_value_text(line->weights),
        gt_value_text(line->family),
        gt_value_f64(line->phi),
        gt_output_known(line->model_count),
        gt_output_known(line->inferences),
        gt_output_known(line->job.uj),
        gt_output_known(line->job.lo_uj),
        gt_output_known(line->job.hi_uj),
        gt_value_text(line->kind),
        gt_value_text(line->provenance),
        gt_value_text(line->source),
        gt_value_text(line->boundary),
        gt_value_bool(line->unit_hooks),
        gt_value_bool(line->annotation_unused),
        gt_value_u64_if(line->children > 0 || tracker->format != GT_FORMAT_TEXT, (uint64_t)line->children),
        gt_value_text(line->parent),
        gt_value_text(line->series),
        gt_value_text(line->link),
        gt_value_text(line->tags),
        gt_value_text(line->command),
    };
    gt_section_row(section, values, COUNT(values));
}

int gt_cmd_list(struct gt_tracker *tracker)
{
    struct gt_store *store = NULL;
    struct gt_run_line *lines = NULL;
    struct gt_err err = {0};
    size_t count = 0, shown = 0;
    const struct gt_option_value *limit = &tracker->args->values[GT_OPT_LIMIT];
    const char *model = gt_tracker_text(tracker, GT_OPT_MODEL, NULL);
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, &err);
    if (status == GT_OK)
        status = gt_store_list_runs(store, gt_tracker_given(tracker, GT_OPT_ALL), &tracker->arena, &lines, &count, &err);
    gt_store_close(store);
    if (status != GT_OK && status != GT_E_NOENT) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "list");
    struct gt_section *section = gt_document_section(&document, GT_SECTION_TABLE, "runs", NULL, columns, COUNT(columns));
    if (section)
        section->empty = "There are no runs yet: 'greentrack run' and 'greentrack eval' make some.";
    for (size_t i = 0; i < count && (!limit->count || shown < limit->integer); i++) {
        if (model && !(lines[i].model && strstr(lines[i].model, model)))
            continue;
        add_line(tracker, section, &lines[i]);
        shown++;
    }
    section = gt_document_section(&document, GT_SECTION_LINES, NULL, NULL, NULL, 0);
    for (size_t i = 0, seen = 0; i < count && (!limit->count || seen < limit->integer); i++) {
        if (model && !(lines[i].model && strstr(lines[i].model, model)))
            continue;
        seen++;
        if (lines[i].annotation_unused)
            gt_section_line(section, "%.12s: %s.", lines[i].id, GT_OUTPUT_ANNOTATION_UNUSED);
    }
    return gt_output_document(tracker, &document);
}
