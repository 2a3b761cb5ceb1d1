/* From rows to points, and from points to front, hulls, steps and break-points. */
#include "reports/analysis.h"

#include <math.h>
#include <string.h>

struct judged {
    struct gt_report_row **rows; /* those with accuracy and cost, in order of φ */
    struct gt_point *points;
    size_t n;
};

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static double cost_on(enum gt_report_axis axis, const struct gt_report_row *row)
{
    switch (axis) {
    case GT_REPORT_AXIS_JOULES:
        return row->energy.known ? row->energy.uj * 1e-6 : NAN;
    case GT_REPORT_AXIS_SECONDS:
        return row->energy.seconds_per_inference;
    default:
        return row->macs_known && row->macs ? (double)row->macs * 1e-9 : NAN;
    }
}

static size_t rows_on(const struct gt_report *r, enum gt_report_axis axis)
{
    size_t n = 0;
    for (size_t i = 0; i < r->row_count; i++) {
        double cost = cost_on(axis, &r->rows[i]);
        n += r->rows[i].accuracy.known && isfinite(cost) && cost > 0;
    }
    return n;
}

/* Asked for, or joules where any model has both figures, else MACs. */
static enum gt_report_axis pick_axis(const struct gt_analysis *a)
{
    if (a->query->axis != GT_REPORT_AXIS_AUTO)
        return a->query->axis;
    return rows_on(a->report, GT_REPORT_AXIS_JOULES) > 0 ? GT_REPORT_AXIS_JOULES : GT_REPORT_AXIS_MACS;
}

static struct judged collect(struct gt_analysis *a, enum gt_report_axis axis)
{
    struct gt_report *r = a->report;
    struct judged out = {gt_analysis_alloc(a, r->row_count, sizeof *out.rows),
                         gt_analysis_alloc(a, r->row_count, sizeof *out.points), 0};
    if (a->failed)
        return out;
    for (size_t i = 0; i < r->row_count; i++) {
        struct gt_report_row *row = &r->rows[i];
        row->cost = cost_on(axis, row);
        row->judged = row->accuracy.known && isfinite(row->cost) && row->cost > 0;
        r->published |= is(row->accuracy.provenance, "published");
        if (!row->judged)
            continue;
        r->random_weights |= is(row->weights, "random");
        r->modelled |= row->energy.known && is(row->energy.provenance, "modelled");
        out.points[out.n] = (struct gt_point){row->accuracy.pct, row->cost, row->phi};
        out.rows[out.n++] = row;
    }
    return out;
}

static size_t index_of(const struct gt_analysis *a, const struct gt_report_row *row)
{
    return (size_t)(row - a->report->rows);
}

static void mark_front(struct gt_analysis *a, const struct judged *j)
{
    bool *front = gt_analysis_alloc(a, j->n, sizeof *front);
    if (!front)
        return;
    gt_decide_pareto(j->points, j->n, front);
    for (size_t i = 0; i < j->n; i++) {
        j->rows[i]->on_front = front[i];
        j->rows[i]->dominated = !front[i];
    }
}

static bool bit(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* Same images, answered by both: dataset, split, precision and preprocessing are the family's already. */
static bool can_pair(const struct gt_report_accuracy *x, const struct gt_report_accuracy *y)
{
    return x->answers && y->answers && x->answer_count == y->answer_count && x->answer_count > 0;
}

static double right_answers(const struct gt_report_accuracy *a)
{
    return a->counted ? (double)a->correct : a->pct * (double)a->n / 100;
}

static struct gt_step_data step_data(const struct gt_report_row *from, const struct gt_report_row *to)
{
    const struct gt_report_accuracy *x = &from->accuracy, *y = &to->accuracy;
    struct gt_step_data out = {.n = (double)x->n,
                               .from_correct = right_answers(x),
                               .from_slack = x->rounding_pp * (double)x->n / 100,
                               .to_n = (double)y->n,
                               .to_correct = right_answers(y),
                               .to_slack = y->rounding_pp * (double)y->n / 100,
                               .from_cost = from->cost,
                               .to_cost = to->cost};
    out.paired = can_pair(x, y);
    for (uint64_t i = 0; out.paired && i < x->answer_count; i++) {
        bool before = bit(x->answers, i), after = bit(y->answers, i);
        out.both += before && after;
        out.gained += !before && after;
        out.lost += before && !after;
        out.neither += !before && !after;
    }
    return out;
}

static bool testable(const struct gt_report_row *row)
{
    return row->accuracy.n > 0;
}

static void fill_gain(struct gt_report_row *from, struct gt_report_row *to, const struct gt_step *step)
{
    double doublings = log2(to->cost / from->cost);
    to->gain_pp_per_doubling = doublings == 0 ? NAN : (to->accuracy.pct - from->accuracy.pct) / doublings;
    if (!step || doublings == 0)
        return;
    to->gain_lo_pp = fmin(step->delta_ci_pp.lo / doublings, step->delta_ci_pp.hi / doublings);
    to->gain_hi_pp = fmax(step->delta_ci_pp.lo / doublings, step->delta_ci_pp.hi / doublings);
}

/* Consecutive φ, dominated ones included. */
static void test_steps(struct gt_analysis *a, const struct judged *j)
{
    struct gt_report *r = a->report;
    size_t n = 0;
    struct gt_step_data *data = gt_analysis_alloc(a, j->n, sizeof *data);
    struct gt_step *tested = gt_analysis_alloc(a, j->n, sizeof *tested);
    r->steps = gt_analysis_alloc(a, j->n, sizeof *r->steps);
    if (a->failed)
        return;
    for (size_t i = 0; i + 1 < j->n; i++) {
        fill_gain(j->rows[i], j->rows[i + 1], NULL);
        if (n == GT_STATS_HOLM_MAX || !testable(j->rows[i]) || !testable(j->rows[i + 1]))
            continue;
        data[n] = step_data(j->rows[i], j->rows[i + 1]);
        r->steps[n++] = (struct gt_report_step){.from = index_of(a, j->rows[i]), .to = index_of(a, j->rows[i + 1])};
    }
    gt_decide_steps(data, n, tested);
    for (size_t i = 0; i < n; i++) {
        r->steps[i].step = tested[i];
        fill_gain(&r->rows[r->steps[i].from], &r->rows[r->steps[i].to], &tested[i]);
    }
    r->step_count = n;
}

static double kwh_per_million(enum gt_report_axis axis, double joules)
{
    return axis == GT_REPORT_AXIS_JOULES ? joules * 1e6 / 3.6e6 : NAN;
}

/* Joules of a model's range: both rows move with the same factor, so the ends belong together. */
static double joules_between(const struct gt_report_row *from, const struct gt_report_row *to, bool high)
{
    const struct gt_report_energy *x = &from->energy, *y = &to->energy;
    bool range = x->kind && y->kind && strcmp(x->kind, "range") == 0 && strcmp(y->kind, "range") == 0;
    return range ? (high ? y->hi_uj - x->hi_uj : y->lo_uj - x->lo_uj) * 1e-6 : NAN;
}

static void bound_break(struct gt_report_break *b, const struct gt_report_row *rows, enum gt_report_axis axis)
{
    const struct gt_report_row *from = &rows[b->from], *to = &rows[b->to];
    double per_joule = axis == GT_REPORT_AXIS_JOULES ? 100 / (to->accuracy.pct - from->accuracy.pct) : NAN;
    b->cost_lo = per_joule * joules_between(from, to, false);
    b->cost_hi = per_joule * joules_between(from, to, true);
}

static void fill_breaks(struct gt_analysis *a, const struct judged *j, enum gt_report_axis axis)
{
    struct gt_report *r = a->report;
    size_t *hull = gt_analysis_alloc(a, j->n, sizeof *hull);
    r->breaks = gt_analysis_alloc(a, j->n, sizeof *r->breaks);
    if (a->failed)
        return;
    size_t n = gt_decide_hull(j->points, j->n, GT_DECIDE_LINEAR, hull);
    for (size_t i = 0; i < n; i++) {
        j->rows[hull[i]]->on_hull = true;
        if (i == 0)
            continue;
        const struct gt_point *from = &j->points[hull[i - 1]], *to = &j->points[hull[i]];
        double slope = gt_decide_slope(from, to, GT_DECIDE_LINEAR);
        r->breaks[r->break_count++] = (struct gt_report_break){.from = index_of(a, j->rows[hull[i - 1]]),
                                                               .to = index_of(a, j->rows[hull[i]]),
                                                               .pp_per_unit = slope,
                                                               .cost_per_correct_answer = 100 / slope,
                                                               .kwh_per_million = kwh_per_million(axis, to->cost - from->cost)};
        bound_break(&r->breaks[r->break_count - 1], r->rows, axis);
    }
}

static void fill_taus(struct gt_analysis *a, const struct judged *j)
{
    struct gt_report *r = a->report;
    size_t *hull = gt_analysis_alloc(a, j->n, sizeof *hull);
    r->taus = gt_analysis_alloc(a, j->n, sizeof *r->taus);
    if (a->failed)
        return;
    size_t n = gt_decide_hull(j->points, j->n, GT_DECIDE_LOG2, hull);
    for (size_t i = 1; i < n; i++)
        r->taus[r->tau_count++] = (struct gt_report_tau){
            .from = index_of(a, j->rows[hull[i - 1]]),
            .to = index_of(a, j->rows[hull[i]]),
            .pp_per_doubling = gt_decide_slope(&j->points[hull[i - 1]], &j->points[hull[i]], GT_DECIDE_LOG2)};
}

static const struct gt_report_row *knee(const struct judged *j, enum gt_decide_scale scale)
{
    size_t i = gt_decide_knee(j->points, j->n, scale);
    return i < j->n ? j->rows[i] : NULL;
}

/* Whether none of the larger models is measurably better than row `from`, tested at once (Holm over the contrasts). */
static bool nothing_gained_beyond(const struct judged *j, size_t from, struct gt_step_data *data, struct gt_step *tested)
{
    size_t n = 0;
    for (size_t i = from + 1; i < j->n; i++)
        data[n++] = step_data(j->rows[from], j->rows[i]);
    gt_decide_steps(data, n, tested);
    for (size_t i = 0; i < n; i++)
        if (tested[i].verdict == GT_VERDICT_GAIN)
            return false;
    return true;
}

/* "Beyond bX no measurable gain": no step from bX on is one, nor is any larger model against bX itself. */
static void find_beyond(struct gt_analysis *a, const struct judged *j)
{
    struct gt_report *r = a->report;
    struct gt_step_data *data = gt_analysis_alloc(a, j->n, sizeof *data);
    struct gt_step *tested = gt_analysis_alloc(a, j->n, sizeof *tested);
    if (a->failed || j->n < 2 || r->step_count != j->n - 1)
        return;
    for (size_t i = j->n - 1; i-- > 0 && r->steps[i].step.verdict != GT_VERDICT_GAIN;)
        if (nothing_gained_beyond(j, i, data, tested))
            r->beyond = j->rows[i];
}

void gt_analysis_judge(struct gt_analysis *a)
{
    static const char *const units[] = {
        [GT_REPORT_AXIS_JOULES] = "J", [GT_REPORT_AXIS_SECONDS] = "s", [GT_REPORT_AXIS_MACS] = "GMAC"};
    struct gt_report *r = a->report;
    enum gt_report_axis axis = pick_axis(a);
    struct judged j = collect(a, axis);
    r->judged_count = j.n;
    if (a->failed || j.n == 0)
        return;
    r->axis = units[axis];
    mark_front(a, &j);
    if (j.n >= 2)
        test_steps(a, &j);
    if (j.n >= GT_REPORT_HULL_MODELS) {
        fill_breaks(a, &j, axis);
        fill_taus(a, &j);
    }
    if (a->failed)
        return;
    find_beyond(a, &j);
    r->knee_linear = knee(&j, GT_DECIDE_LINEAR);
    r->knee_log = knee(&j, GT_DECIDE_LOG2);
}
