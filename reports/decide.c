#include "reports/decide.h"

#include <math.h>
#include <string.h>

/* SCALING.md: tests at 95 %, resolvable steps at 80 % power. */
#define ALPHA 0.05
#define POWER 0.80

/* Whether point i stays and j goes when both are compared; identical points: the smaller φ, then the earlier. */
static bool dominates(const struct gt_point *points, size_t i, size_t j)
{
    const struct gt_point *a = &points[i], *b = &points[j];
    if (a->accuracy_pct < b->accuracy_pct || a->cost > b->cost)
        return false;
    if (a->accuracy_pct > b->accuracy_pct || a->cost < b->cost)
        return true;
    return a->phi < b->phi || (!(b->phi < a->phi) && i < j);
}

size_t gt_decide_pareto(const struct gt_point *points, size_t n, bool *on_front)
{
    size_t count = 0;
    for (size_t j = 0; j < n; j++) {
        on_front[j] = true;
        for (size_t i = 0; i < n && on_front[j]; i++)
            on_front[j] = i == j || !dominates(points, i, j);
        count += on_front[j];
    }
    return count;
}

static bool is_dominated(const struct gt_point *points, size_t n, size_t j)
{
    for (size_t i = 0; i < n; i++)
        if (i != j && dominates(points, i, j))
            return true;
    return false;
}

/* The front, cheapest first. Insertion sort: a family has few members. */
static size_t sorted_front(const struct gt_point *points, size_t n, size_t *out)
{
    size_t count = 0;
    for (size_t j = 0; j < n; j++) {
        if (is_dominated(points, n, j))
            continue;
        size_t at = count++;
        for (; at > 0 && points[out[at - 1]].cost > points[j].cost; at--)
            out[at] = out[at - 1];
        out[at] = j;
    }
    return count;
}

static double on_axis(const struct gt_point *point, enum gt_decide_scale scale)
{
    return scale == GT_DECIDE_LOG2 ? log2(point->cost) : point->cost;
}

double gt_decide_slope(const struct gt_point *from, const struct gt_point *to, enum gt_decide_scale scale)
{
    double run = scale == GT_DECIDE_LOG2 ? log2(to->cost / from->cost) : to->cost - from->cost;
    return (to->accuracy_pct - from->accuracy_pct) / run;
}

size_t gt_decide_hull(const struct gt_point *points, size_t n, enum gt_decide_scale scale, size_t *hull)
{
    size_t front = sorted_front(points, n, hull), count = 0;
    for (size_t k = 0; k < front; k++) {
        const struct gt_point *next = &points[hull[k]];
        while (count >= 2 && gt_decide_slope(&points[hull[count - 2]], &points[hull[count - 1]], scale) <=
                                 gt_decide_slope(&points[hull[count - 1]], next, scale))
            count--;
        hull[count++] = hull[k];
    }
    return count;
}

/* Whether b is to be preferred at equal utility. */
static bool smaller(const struct gt_point *b, const struct gt_point *a)
{
    return b->phi < a->phi || (!(a->phi < b->phi) && b->cost < a->cost);
}

size_t gt_decide_best(const struct gt_point *points, size_t n, enum gt_decide_scale scale, double price)
{
    size_t best = 0;
    double best_utility = NAN;
    for (size_t i = 0; i < n; i++) {
        double utility = points[i].accuracy_pct - price * on_axis(&points[i], scale);
        if (i == 0 || utility > best_utility || (utility == best_utility && smaller(&points[i], &points[best]))) {
            best = i;
            best_utility = utility;
        }
    }
    return best;
}

size_t gt_decide_knee(const struct gt_point *points, size_t n, enum gt_decide_scale scale)
{
    size_t first = n, last = n, knee = n;
    double farthest = 1e-9; /* on the chord is no knee */
    if (n < GT_DECIDE_KNEE_POINTS)
        return n;
    for (size_t i = 0; i < n; i++) {
        if (is_dominated(points, n, i))
            continue;
        if (first == n || points[i].cost < points[first].cost)
            first = i;
        if (last == n || points[i].cost > points[last].cost)
            last = i;
    }
    double x0 = on_axis(&points[first], scale), x1 = on_axis(&points[last], scale);
    double y0 = points[first].accuracy_pct, y1 = points[last].accuracy_pct;
    for (size_t i = 0; i < n && first != last; i++) {
        double above = (points[i].accuracy_pct - y0) / (y1 - y0) - (on_axis(&points[i], scale) - x0) / (x1 - x0);
        if (!is_dominated(points, n, i) && above > farthest) {
            farthest = above;
            knee = i;
        }
    }
    return knee;
}

const char *gt_verdict_word(enum gt_verdict verdict)
{
    static const char *const words[] = {"undecided", "measurable gain", "loss"};
    return words[verdict];
}

/*
 * Images for a paired difference `delta` with discordance `psi` (both shares of 1), of Connor 1987 (Biometrics 43:207):
 * n = (z_alpha sqrt(psi) + z_beta sqrt(psi - delta²))² / delta². A difference needs at least as much discordance.
 */
static double paired_images(double delta, double psi, double z_alpha, double z_beta)
{
    psi = fmax(psi, delta);
    double root = z_alpha * sqrt(psi) + z_beta * sqrt(fmax(0, psi - delta * delta));
    return root * root / (delta * delta);
}

/* The smallest paired difference that n images could resolve; NaN when not even 1 would do. */
static double paired_resolvable(double n, double psi, double z_alpha, double z_beta)
{
    double lo = 0, hi = 1;
    if (paired_images(1, psi, z_alpha, z_beta) > n)
        return NAN;
    for (int i = 0; i < 100; i++) {
        double mid = 0.5 * (lo + hi);
        if (mid > 0 && paired_images(mid, psi, z_alpha, z_beta) <= n)
            hi = mid;
        else
            lo = mid;
    }
    return hi;
}

static void step_paired(const struct gt_step_data *d, double z_alpha, double z_beta, struct gt_step *out)
{
    double z95 = gt_stats_normal_quantile(1 - ALPHA / 2);
    double n = d->n, b = d->gained, c = d->lost;
    struct gt_interval ci = gt_stats_newcombe_paired(d->both, b, c, d->neither, z95);
    out->n = n;
    out->gained = b;
    out->lost = c;
    out->delta_pp = 100 * (b - c) / n;
    out->se_pp = 100 * sqrt(fmax(0, (b + c) - (b - c) * (b - c) / n)) / n;
    out->delta_ci_pp = (struct gt_interval){100 * ci.lo, 100 * ci.hi};
    out->mcnemar_exact = gt_stats_mcnemar_exact(b, c);
    out->mcnemar_mid = gt_stats_mcnemar_mid(b, c);
    out->resolvable_pp = 100 * paired_resolvable(n, (b + c) / n, z_alpha, z_beta);
    out->images_needed = b == c ? NAN : ceil(paired_images(fabs(b - c) / n, (b + c) / n, z_alpha, z_beta));
}

/* Newcombe's interval of every pair of counts that the rounded ones may stand for. */
static struct gt_interval unpaired_interval(const struct gt_step_data *d, double z)
{
    double most_before = fmin(d->n, d->from_correct + d->from_slack), least_before = fmax(0, d->from_correct - d->from_slack);
    double most_after = fmin(d->to_n, d->to_correct + d->to_slack), least_after = fmax(0, d->to_correct - d->to_slack);
    return (struct gt_interval){gt_stats_newcombe(least_after, d->to_n, most_before, d->n, z).lo,
                                gt_stats_newcombe(most_after, d->to_n, least_before, d->n, z).hi};
}

static void step_unpaired(const struct gt_step_data *d, double z_alpha, double z_beta, struct gt_step *out)
{
    double z95 = gt_stats_normal_quantile(1 - ALPHA / 2), z = z_alpha + z_beta;
    double p1 = d->from_correct / d->n, p2 = d->to_correct / d->to_n;
    double v1 = p1 * (1 - p1), v2 = p2 * (1 - p2), delta = p2 - p1, slack = d->from_slack / d->n + d->to_slack / d->to_n;
    double least = fmax(0, fabs(delta) - slack);
    struct gt_interval ci = unpaired_interval(d, z95);
    out->n = fmin(d->n, d->to_n);
    out->gained = out->lost = out->mcnemar_exact = out->mcnemar_mid = NAN;
    out->delta_pp = 100 * delta;
    out->se_pp = 100 * sqrt(v1 / d->n + v2 / d->to_n);
    out->rounding_pp = 100 * slack;
    out->delta_ci_pp = (struct gt_interval){100 * ci.lo, 100 * ci.hi};
    out->resolvable_pp = z * out->se_pp + out->rounding_pp;
    out->images_needed = least == 0 ? NAN : ceil(z * z * (v1 + v2) / (least * least));
}

/*
 * p of D = ΔA / se; where the variance vanishes (every answer changed alike, or none) the exact test stands in. Of rounded
 * figures the least ΔA that they allow is tested.
 */
static void step_test(struct gt_step *step)
{
    double least = copysign(fmax(0, fabs(step->delta_pp) - step->rounding_pp), step->delta_pp);
    step->z = least == 0 ? 0 : least / step->se_pp;
    step->p = isfinite(step->z) ? erfc(fabs(step->z) * M_SQRT1_2) : step->paired ? step->mcnemar_exact : NAN;
}

/* Holm over one column of the steps, from one offset in struct gt_step to another. */
static void holm_column(struct gt_step *steps, size_t n, size_t from, size_t to)
{
    double p[GT_STATS_HOLM_MAX] = {0};
    for (size_t i = 0; i < n; i++)
        memcpy(&p[i], (const char *)&steps[i] + from, sizeof p[i]);
    gt_stats_holm(p, n, p);
    for (size_t i = 0; i < n; i++)
        memcpy((char *)&steps[i] + to, &p[i], sizeof p[i]);
}

static enum gt_verdict judge(const struct gt_step *step)
{
    if (!(step->p_holm < ALPHA))
        return GT_VERDICT_UNDECIDED;
    return step->delta_pp > 0 ? GT_VERDICT_GAIN : GT_VERDICT_LOSS;
}

void gt_decide_steps(const struct gt_step_data *data, size_t n, struct gt_step *out)
{
    if (n == 0 || n > GT_STATS_HOLM_MAX)
        return;
    double z_alpha = gt_stats_normal_quantile(1 - ALPHA / 2 / (double)n), z_beta = gt_stats_normal_quantile(POWER);
    for (size_t i = 0; i < n; i++) {
        double doublings = log2(data[i].to_cost / data[i].from_cost);
        out[i] = (struct gt_step){.paired = data[i].paired};
        (data[i].paired ? step_paired : step_unpaired)(&data[i], z_alpha, z_beta, &out[i]);
        out[i].gain_pp_per_doubling = doublings == 0 ? NAN : out[i].delta_pp / doublings;
        step_test(&out[i]);
    }
    holm_column(out, n, offsetof(struct gt_step, p), offsetof(struct gt_step, p_holm));
    holm_column(out, n, offsetof(struct gt_step, mcnemar_exact), offsetof(struct gt_step, mcnemar_exact_holm));
    holm_column(out, n, offsetof(struct gt_step, mcnemar_mid), offsetof(struct gt_step, mcnemar_mid_holm));
    for (size_t i = 0; i < n; i++)
        out[i].verdict = judge(&out[i]);
}
