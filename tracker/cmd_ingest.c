#include "tracker/ingest.h"
#include "tracker/output.h"
#include "tracker/paths.h"

static void say_line(void *context, const char *line)
{
    gt_tracker_say(context, "%s", line);
}

static int print_counts(struct gt_tracker *tracker, const struct gt_ingest_counts *counts)
{
    static const struct gt_column columns[] = {
        {"traces", "traces", GT_Q_INTEGER, 0},
        {"runs", "runs stored", GT_Q_INTEGER, 0},
        {"open", "of them open", GT_Q_INTEGER, 0},
        {"crashed", "of them crashed", GT_Q_INTEGER, 0},
        {"rejected", "traces rejected", GT_Q_INTEGER, 0},
        {"skipped", "traces left for later", GT_Q_INTEGER, 0},
        {"failed", "failures", GT_Q_INTEGER, 0},
    };
    const struct gt_value values[] = {
        gt_value_u64(counts->traces),   gt_value_u64(counts->closed + counts->open),
        gt_value_u64(counts->open),     gt_value_u64(counts->crashed),
        gt_value_u64(counts->rejected), gt_value_u64(counts->skipped),
        gt_value_u64(counts->failed),
    };
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "ingest");
    struct gt_section *section =
        gt_document_section(&document, GT_SECTION_FIELDS, NULL, NULL, columns, sizeof columns / sizeof *columns);
    gt_section_row(section, values, sizeof values / sizeof *values);
    return gt_output_document(tracker, &document);
}

int gt_cmd_ingest(struct gt_tracker *tracker)
{
    struct gt_ingest_options options = {.wait_ms = 60000, .say = say_line, .context = tracker};
    struct gt_ingest_counts counts = {0};
    struct gt_err err = {0};
    enum gt_status status = gt_paths_spool(&tracker->arena, &options.spool, &err);
    if (status == GT_OK)
        status = gt_paths_store(&tracker->arena, &options.store, &err);
    if (status == GT_OK)
        status = gt_ingest_spool(&options, &counts, &err);
    if (status != GT_OK) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    int printed = tracker->quiet ? GT_EXIT_OK : print_counts(tracker, &counts);
    return counts.failed ? GT_EXIT_FAILED : printed;
}
