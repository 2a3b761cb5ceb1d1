#include "reports/report.h"
#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <string.h>

/* "b3" in family "fashion" is "fashion/b3". */
static const char *wanted_model(struct gt_tracker *tracker)
{
    const char *model = gt_tracker_text(tracker, GT_OPT_MODEL, ""), *family = gt_tracker_text(tracker, GT_OPT_FAMILY, NULL);
    if (!family || strchr(model, '/'))
        return model;
    const char *both = gt_arena_printf(&tracker->arena, "%s/%s", family, model);
    return both ? both : model;
}

static int fail_with_candidates(struct gt_tracker *tracker, const struct gt_report *report, struct gt_err *err)
{
    gt_tracker_fail(tracker, err);
    for (size_t i = 0; i < report->candidate_count; i++)
        fprintf(tracker->err, "  %s\n", gt_tracker_escape(tracker, report->candidates[i]));
    return GT_EXIT_FAILED;
}

int gt_cmd_report(struct gt_tracker *tracker)
{
    static struct gt_report report; /* large; one command, one report */
    struct gt_store *store = NULL;
    struct gt_document document;
    struct gt_err err = {0};
    struct gt_report_query query = {.model = wanted_model(tracker)};
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, &err);
    memset(&report, 0, sizeof report);
    if (status == GT_OK)
        status = gt_report_build(store, &query, &tracker->arena, &report, &err);
    int result;
    if (status == GT_OK) {
        gt_report_document(&report, NULL, &tracker->arena, &document);
        result = gt_output_document(tracker, &document);
    } else {
        err.status = status;
        result = fail_with_candidates(tracker, &report, &err);
    }
    gt_store_close(store);
    return result;
}
