/* The headline of SCALING.md: no preference given, hence no choice: the break-points, and beyond what nothing is gained. */
#include "core/text.h"
#include "reports/analysis.h"
#include "reports/names.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AMOUNT = 48 };

static const char *short_name(const struct gt_analysis *a, size_t row)
{
    return gt_report_short_name(a->report->rows[row].name);
}

/* An amount on the report's axis: "1.2 mJ", "3.4 ms", "0.012 GMAC". */
static const char *amount(const struct gt_analysis *a, char *out, double cost)
{
    if (strcmp(a->report->axis, "J") == 0)
        return gt_text_energy_uj(out, AMOUNT, cost * 1e6);
    if (strcmp(a->report->axis, "s") == 0)
        return gt_text_time_ns(out, AMOUNT, cost * 1e9);
    snprintf(out, AMOUNT, "%.3g GMAC", cost);
    return out;
}

static const char *axis_words(const struct gt_analysis *a)
{
    if (strcmp(a->report->axis, "J") == 0)
        return a->report->modelled ? "modelled joules" : "joules";
    return strcmp(a->report->axis, "s") == 0 ? "seconds" : "MACs";
}

static const char *no_published_data(struct gt_analysis *a)
{
    if (a->report->judged_count == 0)
        return "No advice: no model of this family has both a published accuracy and a cost.";
    return "No advice from one model: run others of the family, `greentrack run -- gtcnn bench --model NAME`.";
}

static const char *no_data(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    bool energy = true;
    for (size_t i = 0; i < r->row_count; i++)
        energy = energy && r->rows[i].accuracy.known;
    const char *model = gt_report_shell_word(a->arena, gt_report_missing_model(r, energy));
    if (r->judged_count == 0 && a->facts->published && a->query->accuracy == GT_REPORT_ACCURACY_OWN)
        return gt_analysis_text(a,
                                "No advice: no model of this family has both accuracy and cost; `greentrack report --family %s "
                                "--accuracy published` sets published accuracies against this host's joules.",
                                r->family);
    if (a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED)
        return no_published_data(a);
    if (r->judged_count == 0 && !model)
        return "No advice: no model of this family has both accuracy and cost yet.";
    if (r->judged_count == 0)
        return gt_analysis_text(
            a,
            "No advice: no model of this family has both accuracy and cost yet; `greentrack eval --model %s` "
            "takes both.",
            model);
    bool other = r->row_count > 1 && model;
    return gt_analysis_text(a, "No advice from one model: evaluate others of the family%s%s%s.",
                            other ? ", `greentrack eval --model " : "", other ? model : "", other ? "`" : "");
}

static const char *one_test(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    const struct gt_report_step *s = r->steps;
    if (r->step_count == 0)
        return "No advice: the two accuracies come without a number of images, so their step cannot be tested.";
    double ratio = r->rows[s->to].cost / r->rows[s->from].cost;
    return gt_analysis_text(a, "%s to %s: %s, %+.2f pp (95 %% %+.2f to %+.2f) for %.3g times the %s.", short_name(a, s->from),
                            short_name(a, s->to), gt_verdict_word(s->step.verdict), s->step.delta_pp, s->step.delta_ci_pp.lo,
                            s->step.delta_ci_pp.hi, ratio, axis_words(a));
}

/* "b0 up to 0.1 mJ per additional correct answer, b1 up to 2 mJ, b3 above". */
static const char *break_points(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    char from[AMOUNT];
    const char *out = NULL;
    for (size_t i = 0; i < r->row_count && r->break_count == 0; i++)
        if (r->rows[i].on_hull)
            return gt_analysis_text(a, "%s is best at any price of %s: no larger model is more accurate", short_name(a, i),
                                    axis_words(a));
    for (size_t i = 0; i < r->break_count && !a->failed; i++)
        out = gt_analysis_text(a, "%s%s%s up to %s", out ? out : "", out ? ", " : "", short_name(a, r->breaks[i].from),
                               amount(a, from, r->breaks[i].cost_per_correct_answer));
    if (!out)
        return "";
    return gt_analysis_text(a, "By what an additional correct answer is worth in %s: %s, %s above", axis_words(a), out,
                            short_name(a, r->breaks[r->break_count - 1].to));
}

static const char *beyond(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    if (!r->beyond)
        return "";
    double resolvable = 0;
    for (size_t i = 0; i < r->step_count; i++)
        if (&r->rows[r->steps[i].from] >= r->beyond && isfinite(r->steps[i].step.resolvable_pp))
            resolvable = fmax(resolvable, r->steps[i].step.resolvable_pp);
    if (resolvable == 0)
        return gt_analysis_text(a, " Beyond %s no measurable gain.", gt_report_short_name(r->beyond->name));
    return gt_analysis_text(a, " Beyond %s no measurable gain (these images resolve steps from %.2f pp).",
                            gt_report_short_name(r->beyond->name), resolvable);
}

static const char *knee(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    if (!r->knee_linear && !r->knee_log)
        return "";
    return gt_analysis_text(
        a, " Described, not advised: the knee lies at %s on a linear axis of cost and at %s on a logarithmic one.",
        r->knee_linear ? gt_report_short_name(r->knee_linear->name) : "no model",
        r->knee_log ? gt_report_short_name(r->knee_log->name) : "no model");
}

/* "Published accuracies against this host's modelled joules (accuracy: published, of trained weights; ...). ". */
static const char *whose_figures(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    if (r->published && r->axis)
        return gt_analysis_text(a, "Published accuracies against %s%s (%s). ",
                                strcmp(r->axis, "GMAC") == 0 ? "" : "this host's ", axis_words(a), r->labels);
    return r->random_weights ? "Random weights: these accuracies say nothing about scaling. " : "";
}

void gt_analysis_write_headline(struct gt_analysis *a)
{
    struct gt_report *r = a->report;
    const char *whose = whose_figures(a);
    if (r->judged_count < 2)
        r->headline = no_data(a);
    else if (r->judged_count == 2)
        r->headline = gt_analysis_text(a, "%s%s", whose, one_test(a));
    else
        r->headline = gt_analysis_text(a, "%s%s.%s%s", whose, break_points(a), beyond(a), knee(a));
}
