/* This host's idle power, measured and stored, where there is a counter to measure it with. */
#include "energy/calibrate.h"
#include "energy/host.h"
#include "tracker/output.h"
#include "tracker/runtrace.h"
#include "tracker/storeopen.h"

#include <string.h>
#include <time.h>

static int show_progress(void *context, double done_s, double wanted_s)
{
    struct gt_tracker *tracker = context;
    if (tracker->progress)
        fprintf(tracker->err, "\rgreentrack calibrate: %.0f of %.0f s", done_s, wanted_s);
    return 0;
}

static int64_t real_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum gt_status measure(struct gt_tracker *tracker, struct gt_calibration *calibration, struct gt_err *err)
{
    const struct gt_option_value *seconds = &tracker->args->values[GT_OPT_SECONDS];
    const char *spec = NULL, *text = gt_runtrace_source(gt_tracker_text(tracker, GT_OPT_ENERGY_SOURCE, NULL));
    const struct gt_energy_source *source =
        strcmp(text, "auto") == 0 ? gt_source_best(&gt_os_linux) : gt_source_find(text, &spec);
    struct gt_calibrate_options options = {
        .seconds = seconds->count ? seconds->number : 0,
        .force = gt_tracker_given(tracker, GT_OPT_FORCE),
        .progress = show_progress,
        .context = tracker,
    };
    if (!source)
        return gt_err_set(err, GT_E_ARG, "--energy-source: '%.200s' is no energy source; greentrack doctor lists them", text);
    if (seconds->count && seconds->number < 2)
        return gt_err_set(err, GT_E_ARG, "--seconds: calibration takes 2 seconds at least");
    enum gt_status status = gt_calibrate_idle(&gt_os_linux, source, spec, &options, calibration, err);
    if (tracker->progress)
        fputc('\n', tracker->err);
    return status;
}

static enum gt_status store_result(struct gt_tracker *tracker, const struct gt_calibration *calibration, struct gt_err *err)
{
    struct gt_host host;
    char id[GT_HOST_ID];
    struct gt_store *store = NULL;
    gt_host_read(&gt_os_linux, &host);
    struct gt_calibration_record record = {
        .host = gt_host_class_id(&host, id),
        .source = calibration->source,
        .boundary = calibration->boundary,
        .idle_w = calibration->idle_w,
        .lo_w = calibration->lo_w,
        .hi_w = calibration->hi_w,
        .busy_share = calibration->busy_share,
        .seconds = calibration->seconds,
        .real_ns = real_ns(),
        .forced = calibration->forced,
    };
    enum gt_status status = gt_storeopen(tracker, GT_STORE_WRITE, &store, err);
    if (status == GT_OK)
        status = gt_store_put_calibration(store, &record, err);
    gt_store_close(store);
    return status;
}

static int print_result(struct gt_tracker *tracker, const struct gt_calibration *calibration)
{
    static const struct gt_column columns[] = {
        {"idle_w", "idle power, W", GT_Q_REAL, 0},
        {"lo_w", "from", GT_Q_REAL, 0},
        {"hi_w", "to (95 %)", GT_Q_REAL, 0},
        {"busy_share", "busy", GT_Q_SHARE, 0},
        {"seconds", NULL, GT_Q_REAL, 0},
        {"forced", NULL, GT_Q_TEXT, 0},
        {"source", NULL, GT_Q_TEXT, 0},
        {"boundary", NULL, GT_Q_TEXT, 0},
    };
    const struct gt_value values[] = {
        gt_value_f64(calibration->idle_w),     gt_value_f64(calibration->lo_w),      gt_value_f64(calibration->hi_w),
        gt_value_f64(calibration->busy_share), gt_value_f64(calibration->seconds),   gt_value_bool(calibration->forced),
        gt_value_text(calibration->source),    gt_value_text(calibration->boundary),
    };
    struct gt_document document;
    gt_document_init(&document, &tracker->arena, "calibrate");
    struct gt_section *section =
        gt_document_section(&document, GT_SECTION_FIELDS, NULL, NULL, columns, sizeof columns / sizeof *columns);
    gt_section_row(section, values, sizeof values / sizeof *values);
    return gt_output_document(tracker, &document);
}

int gt_cmd_calibrate(struct gt_tracker *tracker)
{
    struct gt_calibration calibration = {0};
    struct gt_err err = {0};
    enum gt_status status = measure(tracker, &calibration, &err);
    if (status == GT_OK)
        status = store_result(tracker, &calibration, &err);
    if (status == GT_OK)
        return print_result(tracker, &calibration);
    err.status = status;
    gt_tracker_fail(tracker, &err);
    return status == GT_E_ARG ? GT_EXIT_USAGE : GT_EXIT_FAILED;
}
