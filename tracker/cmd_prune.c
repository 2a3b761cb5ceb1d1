/* Deletes old runs; never anything else. */
#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <time.h>

struct selection {
    int64_t before_real_ns; /* INT64_MAX: any */
    size_t keep;
};

static int64_t now_real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static struct selection selection_of(const struct gt_tracker *tracker)
{
    const struct gt_option_value *older = &tracker->args->values[GT_OPT_OLDER], *keep = &tracker->args->values[GT_OPT_KEEP];
    return (struct selection){
        .before_real_ns = older->count ? now_real_ns() - (int64_t)(older->number * 86400e9) : INT64_MAX,
        .keep = keep->count ? (size_t)keep->integer : 0,
    };
}

/* Open runs stay: their next ingest would bring them back. */
static enum gt_status prune(struct gt_tracker *tracker, struct gt_store *store, size_t *deleted, size_t *kept,
                            struct gt_err *err)
{
    struct gt_run_line *lines;
    size_t count;
    struct selection selection = selection_of(tracker);
    enum gt_status status = gt_store_list_runs(store, false, &tracker->arena, &lines, &count, err);
    const char **doomed = gt_arena_alloc(&tracker->arena, (status == GT_OK ? count : 0) + 1, sizeof *doomed);
    if (status == GT_OK && !doomed)
        status = gt_err_set(err, GT_E_NOMEM, "out of memory");
    for (size_t i = 0; status == GT_OK && i < count; i++) {
        bool open = lines[i].state && lines[i].state[0] == 'o';
        if (i < selection.keep || open || lines[i].begin_real_ns >= selection.before_real_ns)
            ++*kept;
        else
            doomed[(*deleted)++] = lines[i].id;
    }
    if (status == GT_OK && !gt_tracker_given(tracker, GT_OPT_DRY_RUN))
        status = gt_store_delete_runs(store, doomed, *deleted, err);
    return status;
}

int gt_cmd_prune(struct gt_tracker *tracker)
{
    static const struct gt_column columns[] = {{"deleted", "runs deleted", GT_Q_INTEGER, 0},
                                               {"kept", "runs kept", GT_Q_INTEGER, 0},
                                               {"dry_run", "only said", GT_Q_TEXT, 0}};
    struct gt_store *store = NULL;
    struct gt_err err = {0};
    size_t deleted = 0, kept = 0;
    if (!gt_tracker_given(tracker, GT_OPT_OLDER) && !gt_tracker_given(tracker, GT_OPT_KEEP)) {
        gt_tracker_say(tracker, "--older-than or --keep is needed");
        return GT_EXIT_USAGE;
    }
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, &err); /* a missing one is not created */
    gt_store_close(store);
    store = NULL;
    if (status == GT_OK)
        status = gt_storeopen(tracker, GT_STORE_WRITE, &store, &err);
    if (status == GT_OK)
        status = prune(tracker, store, &deleted, &kept, &err);
    gt_store_close(store);
    if (status != GT_OK) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    const struct gt_value values[] = {gt_value_u64(deleted), gt_value_u64(kept),
                                      gt_value_bool(gt_tracker_given(tracker, GT_OPT_DRY_RUN))};
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "prune");
    gt_section_row(gt_document_section(&document, GT_SECTION_FIELDS, NULL, NULL, columns, 3), values, 3);
    return gt_output_document(tracker, &document);
}
