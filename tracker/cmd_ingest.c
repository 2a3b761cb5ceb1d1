#include "energy/attribute.h"
#include "tracker/ingest.h"
#include "tracker/output.h"
#include "tracker/paths.h"
#include "tracker/reattribute.h"
#include "tracker/storeopen.h"

static void say_line(void *context, const char *line)
{
    gt_tracker_say(context, "%s", line);
}

/* What --again did: runs by outcome. */
struct again {
    size_t outcomes[GT_REATTRIBUTED_CANNOT + 1];
};

/* The runs without a record of today's method, or the one that is named. */
static enum gt_status list_runs(struct gt_tracker *tracker, struct gt_store *store, const char ***ids, size_t *count,
                                size_t *already, struct gt_err *err)
{
    struct gt_run_line *lines;
    size_t all = 0;
    enum gt_status status = GT_OK;
    *already = 0;
    if (tracker->args->operand_count) {
        *ids = gt_arena_alloc(&tracker->arena, 1, sizeof **ids);
        *count = 1;
        return *ids ? gt_storeopen_run(tracker, store, tracker->args->operands[0], *ids, err)
                    : gt_err_set(err, GT_E_NOMEM, "out of memory");
    }
    status = gt_store_list_runs(store, true, &tracker->arena, &lines, &all, err);
    if (status == GT_OK)
        status = gt_store_runs_without(store, GT_ATTRIBUTE_METHOD, GT_ATTRIBUTE_VERSION, &tracker->arena, ids, count, err);
    if (status == GT_OK)
        *already = all > *count ? all - *count : 0;
    return status;
}

static enum gt_status attribute_again(struct gt_tracker *tracker, struct again *again, struct gt_err *err)
{
    struct gt_store *store = NULL;
    const char **ids = NULL;
    size_t count = 0, already = 0;
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, err); /* a missing one is not created */
    gt_store_close(store);
    store = NULL;
    if (status == GT_OK)
        status = gt_storeopen(tracker, GT_STORE_WRITE, &store, err);
    if (status == GT_OK)
        status = list_runs(tracker, store, &ids, &count, &already, err);
    again->outcomes[GT_REATTRIBUTED_ALREADY] = already;
    for (size_t i = 0; i < count && status == GT_OK; i++) {
        struct gt_arena arena = {0};
        enum gt_reattributed outcome = GT_REATTRIBUTED_CANNOT;
        status = gt_reattribute_run(store, ids[i], &arena, &outcome, err);
        again->outcomes[outcome] += status == GT_OK;
        gt_arena_free(&arena);
    }
    gt_store_close(store);
    if (status == GT_OK && again->outcomes[GT_REATTRIBUTED_CANNOT])
        gt_tracker_say(
            tracker,
            "%zu run(s) cannot be attributed again: there is no folded trace, or it is from before the store kept which "
            "layers its figures are of",
            again->outcomes[GT_REATTRIBUTED_CANNOT]);
    return status;
}

static void add_again(struct gt_document *document, const struct again *again)
{
    static const struct gt_column columns[] = {
        {"attributed", "runs attributed again", GT_Q_INTEGER, 0},
        {"already", "were so already", GT_Q_INTEGER, 0},
        {"going_on", "still going on", GT_Q_INTEGER, 0},
        {"impossible", "cannot be", GT_Q_INTEGER, 0},
    };
    const struct gt_value values[] = {
        gt_value_u64(again->outcomes[GT_REATTRIBUTED]),
        gt_value_u64(again->outcomes[GT_REATTRIBUTED_ALREADY]),
        gt_value_u64(again->outcomes[GT_REATTRIBUTED_OPEN]),
        gt_value_u64(again->outcomes[GT_REATTRIBUTED_CANNOT]),
    };
    gt_section_row(gt_document_section(document, GT_SECTION_FIELDS, "again", NULL, columns, sizeof columns / sizeof *columns),
                   values, sizeof values / sizeof *values);
}

/* `again` NULL: it was not asked for. */
static int print_counts(struct gt_tracker *tracker, const struct gt_ingest_counts *counts, const struct again *again)
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
    if (again)
        add_again(&document, again);
    return gt_output_document(tracker, &document);
}

int gt_cmd_ingest(struct gt_tracker *tracker)
{
    struct gt_ingest_options options = {.wait_ms = 60000, .say = say_line, .context = tracker};
    struct gt_ingest_counts counts = {0};
    struct gt_err err = {0};
    struct again again = {0};
    bool wanted = gt_tracker_given(tracker, GT_OPT_AGAIN);
    if (tracker->args->operand_count && !wanted) {
        gt_tracker_say(tracker, "a RUN is for --again; the spool is ingested as a whole");
        return GT_EXIT_USAGE;
    }
    enum gt_status status = gt_paths_spool(&tracker->arena, &options.spool, &err);
    if (status == GT_OK)
        status = gt_paths_store(&tracker->arena, &options.store, &err);
    if (status == GT_OK)
        status = gt_ingest_spool(&options, &counts, &err);
    if (status == GT_OK && wanted)
        status = attribute_again(tracker, &again, &err);
    if (status != GT_OK) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    int printed = tracker->quiet ? GT_EXIT_OK : print_counts(tracker, &counts, wanted ? &again : NULL);
    return counts.failed ? GT_EXIT_FAILED : printed;
}
