#include "reports/report.h"
#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <string.h>

/* "b3" in family "fashion" is "fashion/b3"; NULL without --model. */
static const char *wanted_model(struct gt_tracker *tracker)
{
    const char *model = gt_tracker_text(tracker, GT_OPT_MODEL, NULL), *family = gt_tracker_text(tracker, GT_OPT_FAMILY, NULL);
    if (!model || !family || strchr(model, '/'))
        return model;
    const char *both = gt_arena_printf(&tracker->arena, "%s/%s", family, model);
    return both ? both : model;
}

/* Rows of the text's table of layers. */
static struct gt_report_view wanted_view(const struct gt_tracker *tracker)
{
    const struct gt_option_value *limit = &tracker->args->values[GT_OPT_LIMIT];
    return (struct gt_report_view){.layers = gt_tracker_given(tracker, GT_OPT_ALL) ? SIZE_MAX : (size_t)limit->integer};
}

int gt_cmd_report(struct gt_tracker *tracker)
{
    static struct gt_report report; /* large; one command, one report */
    struct gt_store *store = NULL;
    struct gt_document document = {0};
    struct gt_err err = {0};
    /* the choices stand in the enumerations' order */
    struct gt_report_query query = {.model = wanted_model(tracker),
                                    .family = gt_tracker_text(tracker, GT_OPT_FAMILY, NULL),
                                    .accuracy = (enum gt_report_accuracy_choice)tracker->args->values[GT_OPT_ACCURACY].choice,
                                    .axis = (enum gt_report_axis)tracker->args->values[GT_OPT_AXIS].choice};
    if (!query.model && !query.family) {
        gt_tracker_say(tracker, "--model NAME or --family NAME is needed");
        return GT_EXIT_USAGE;
    }
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, &err);
    memset(&report, 0, sizeof report);
    if (status == GT_OK)
        status = gt_report_build(store, &query, &tracker->arena, &report, &err);
    int result;
    if (status == GT_OK) {
        struct gt_report_view view = wanted_view(tracker);
        gt_report_document(&report, &view, &tracker->arena, &document);
        result = gt_output_document(tracker, &document);
    } else {
        err.status = status;
        result = gt_tracker_fail(tracker, &err); /* its text names the candidates */
    }
    gt_store_close(store);
    return result;
}
