/* Any program, measured: process-level joules from outside, layers where the plugin finds some. */
#include "tracker/eventchoice.h"
#include "tracker/ingest.h"
#include "tracker/measure.h"
#include "tracker/summary.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <string.h>

static void say_outside(void *context, const char *program, const char *reason)
{
    struct gt_tracker *tracker = context;
    if (!tracker->quiet)
        gt_tracker_say(tracker, "%s %s: measured from outside only, without layers", gt_tracker_escape(tracker, program),
                       gt_tracker_escape(tracker, reason));
}

static int cannot_start(struct gt_tracker *tracker, int failed)
{
    gt_tracker_say(tracker, "%s: %s", gt_tracker_escape(tracker, tracker->args->operands[0]), strerror(failed));
    return failed == ENOENT ? GT_EXIT_NOT_FOUND : GT_EXIT_CANNOT_EXECUTE;
}

static enum gt_status settle(struct gt_tracker *tracker, struct gt_measure_options *options, uint8_t *enclosing,
                             struct gt_err *err)
{
    const struct gt_option_value *interval = &tracker->args->values[GT_OPT_INTERVAL];
    *options = (struct gt_measure_options){
        .argv = tracker->args->operands,
        .source = gt_runtrace_source(gt_tracker_text(tracker, GT_OPT_ENERGY_SOURCE, NULL)),
        .measured = gt_tracker_given(tracker, GT_OPT_REQUIRE_MEASURED),
        .parent_run_id = gt_measure_enclosing_run(enclosing) ? enclosing : NULL,
        .output = -1,
        .outside = say_outside,
        .context = tracker,
    };
    const struct gt_option_value *idle = &tracker->args->values[GT_OPT_IDLE_W];
    enum gt_status status = gt_runtrace_idle(idle->count ? idle->number : NAN, err);
    if (status == GT_OK)
        status = gt_eventchoice(tracker, &options->events, &options->unit_events, err);
    if (status != GT_OK)
        return status;
    return gt_runtrace_interval(interval->count ? interval->number : NAN, &options->interval_ns, err);
}

int gt_cmd_run(struct gt_tracker *tracker)
{
    uint8_t enclosing[GT_TRACE_ID_BYTES];
    struct gt_measure_options options;
    struct gt_measure_result result;
    struct gt_err err = {0};
    enum gt_status status = settle(tracker, &options, enclosing, &err);
    if (status == GT_OK)
        status = gt_measure_command(&tracker->arena, &options, &result, &err);
    if (status != GT_OK) {
        err.status = status;
        gt_tracker_fail(tracker, &err);
        return GT_EXIT_OWN_FAILURE;
    }
    if (result.not_found || result.job.exec_errno)
        return cannot_start(tracker, result.not_found ? result.not_found : result.job.exec_errno);
    signal(SIGPIPE, SIG_IGN); /* the job's exit status matters more than our summary */
    if (!options.parent_run_id)
        gt_ingest_before(tracker);
    if (!tracker->quiet)
        gt_summary_print_run(tracker, &result);
    return gt_job_pass_status(result.job.wait_status);
}
