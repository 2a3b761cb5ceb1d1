/*
 * The decision: where a family of models stops paying (SCALING.md, "Deciding").
 *
 * Pure functions over points (accuracy, cost); no memory is allocated but what the caller hands in; thread-safe.
 * Cost is in any unit > 0 (joules, seconds, 10^9 MACs per inference); accuracy is in percent.
 */
#ifndef GT_REPORTS_DECIDE_H
#define GT_REPORTS_DECIDE_H

#include "reports/stats.h"

#include <stdbool.h>
#include <stddef.h>

struct gt_point {
    double accuracy_pct;
    double cost; /* > 0, finite */
    double phi;  /* breaks ties: the smaller wins */
};

/*
 * Marks the Pareto front: on_front[i] is true when no other point is at least as good on both axes. Of points with equal cost
 * the more accurate stays, of equal accuracy the cheaper, of identical ones the one with the smaller φ (then the earlier).
 * Returns the number of marked points.
 */
size_t gt_decide_pareto(const struct gt_point *points, size_t n, bool *on_front);

enum { GT_DECIDE_KNEE_POINTS = 5 }; /* SCALING.md, "Few points" */

/* The axis on which a hull is taken. */
enum gt_decide_scale { GT_DECIDE_LINEAR, GT_DECIDE_LOG2 };

/*
 * The upper concave hull of the front in (E, A) or (log2 E, A), its increasing part: `hull` (room for n) gets the indices of
 * its vertices, cheapest first; points in the middle of an edge are left out, since ties go to the smaller model. Returns
 * their number. Slopes between neighbours are the break-points, strictly decreasing and positive.
 */
size_t gt_decide_hull(const struct gt_point *points, size_t n, enum gt_decide_scale scale, size_t *hull);

/* Slope from one point to another: percentage points per unit of cost, or per doubling. */
double gt_decide_slope(const struct gt_point *from, const struct gt_point *to, enum gt_decide_scale scale);

/*
 * The point with the highest A - price * E (or price * log2 E); of equal ones the smallest φ, then the cheapest, then the
 * earliest. n > 0.
 */
size_t gt_decide_best(const struct gt_point *points, size_t n, enum gt_decide_scale scale, double price);

/* The vertex farthest from the chord of the front's ends, both axes scaled to 0 ... 1: a description, never the verdict. n if
 * fewer than 5 points or no knee. */
size_t gt_decide_knee(const struct gt_point *points, size_t n, enum gt_decide_scale scale);

/* What is known about the answers of two models to the same or to different images. */
struct gt_step_data {
    bool paired;
    double n;                              /* images, of `from` where they differ */
    double both, gained, lost, neither;    /* paired: right in both, only `to`, only `from`, in neither */
    double from_correct, to_correct, to_n; /* unpaired */
    double from_slack, to_slack;           /* unpaired: the counts were rounded by at most so many answers; 0 exact */
    double from_cost, to_cost;
};

enum gt_verdict { GT_VERDICT_UNDECIDED, GT_VERDICT_GAIN, GT_VERDICT_LOSS };
/* "undecided", "measurable gain", "loss". */
const char *gt_verdict_word(enum gt_verdict verdict);

/* One tested step. Figures that do not exist are NaN. */
struct gt_step {
    bool paired;
    double n, gained, lost;         /* NaN when unpaired */
    double delta_pp, se_pp;         /* ΔA and its standard error */
    double rounding_pp;             /* by how much ΔA may be off because its figures were rounded; 0 exact */
    struct gt_interval delta_ci_pp; /* Newcombe 1998: method 10 when paired, unpaired (hybrid score) when not; 95 %,
                                       widened by the rounding */
    double z, p, p_holm;            /* ΔA less its rounding, / se, two-sided normal; adjusted over the steps of the family */
    double mcnemar_exact, mcnemar_mid, mcnemar_exact_holm, mcnemar_mid_holm;
    double gain_pp_per_doubling; /* ΔA / log2(E_to / E_from); NaN when costs are equal */
    double resolvable_pp;    /* smallest step that these images could resolve: 80 % power, 5 % over all steps (Bonferroni) */
    double images_needed;    /* for the observed step, likewise */
    enum gt_verdict verdict; /* at 95 %, after Holm */
};

/* Tests all steps of a family at once. `out` has room for n <= GT_STATS_HOLM_MAX; more are left untouched. */
void gt_decide_steps(const struct gt_step_data *data, size_t n, struct gt_step *out);

#endif
