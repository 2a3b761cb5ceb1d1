/* The decision against brute force over random families, and against examples worked by hand. */
#include "reports/decide.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

enum { MOST = 12, ROUNDS = 2000 };

static double next_uniform(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Points on a coarse grid, so that ties and collinear points are frequent. */
static size_t random_points(uint64_t *seed, struct gt_point *points)
{
    size_t n = 1 + (size_t)(next_uniform(seed) * MOST);
    for (size_t i = 0; i < n; i++) {
        points[i].accuracy_pct = 80 + floor(next_uniform(seed) * 8);
        points[i].cost = 1 + floor(next_uniform(seed) * 8);
        points[i].phi = (double)i;
    }
    return n;
}

static double utility(const struct gt_point *p, enum gt_decide_scale scale, double price)
{
    return p->accuracy_pct - price * (scale == GT_DECIDE_LOG2 ? log2(p->cost) : p->cost);
}

static bool contains(const size_t *list, size_t n, size_t item)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == item)
            return true;
    return false;
}

static void test_front_matches_its_definition(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct gt_point p[MOST];
        bool front[MOST];
        size_t n = random_points(&seed, p), marked = 0, count = gt_decide_pareto(p, n, front);
        for (size_t j = 0; j < n; j++) {
            bool beaten = false, twin = false;
            for (size_t i = 0; i < n; i++) {
                beaten |= p[i].accuracy_pct >= p[j].accuracy_pct && p[i].cost <= p[j].cost &&
                          (p[i].accuracy_pct > p[j].accuracy_pct || p[i].cost < p[j].cost);
                twin |= p[i].accuracy_pct == p[j].accuracy_pct && p[i].cost == p[j].cost && p[i].phi < p[j].phi;
            }
            assert_int_equal(front[j], !beaten && !twin);
            marked += front[j];
        }
        assert_int_equal(marked, count);
        assert_true(count >= 1);
    }
}

/* For any price the best utility is attained on the hull, and every vertex is the best for some price. */
static void check_hull(const struct gt_point *p, size_t n, enum gt_decide_scale scale, uint64_t *seed)
{
    size_t hull[MOST];
    size_t count = gt_decide_hull(p, n, scale, hull);
    assert_true(count >= 1);
    for (size_t i = 0; i + 1 < count; i++) {
        double slope = gt_decide_slope(&p[hull[i]], &p[hull[i + 1]], scale);
        assert_true(slope > 0);
        if (i > 0)
            assert_true(slope < gt_decide_slope(&p[hull[i - 1]], &p[hull[i]], scale));
    }
    for (int k = 0; k < 10; k++) {
        double price = k == 0 ? 0 : exp(8 * next_uniform(seed) - 5), best = -INFINITY, best_on_hull = -INFINITY;
        for (size_t i = 0; i < n; i++)
            best = fmax(best, utility(&p[i], scale, price));
        for (size_t i = 0; i < count; i++)
            best_on_hull = fmax(best_on_hull, utility(&p[hull[i]], scale, price));
        assert_true(fabs(best - best_on_hull) < 1e-9);
        if (k > 0) /* a random real price hits no tie */
            assert_true(contains(hull, count, gt_decide_best(p, n, scale, price)));
    }
    for (size_t i = 0; i < count; i++) {
        double above = i ? gt_decide_slope(&p[hull[i - 1]], &p[hull[i]], scale) : 1e3;
        double below = i + 1 < count ? gt_decide_slope(&p[hull[i]], &p[hull[i + 1]], scale) : 0;
        assert_int_equal(gt_decide_best(p, n, scale, 0.5 * (above + below)), hull[i]);
    }
}

static void test_hull_is_where_the_best_lie(void **state)
{
    uint64_t seed = 11;
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct gt_point p[MOST];
        size_t n = random_points(&seed, p);
        check_hull(p, n, GT_DECIDE_LINEAR, &seed);
        check_hull(p, n, GT_DECIDE_LOG2, &seed);
    }
}

/* b1 lies below the chord from b0 to b2: stepping from neighbour to neighbour would stop at b0, the hull does not. */
static void test_hull_of_data_that_are_not_concave(void **state)
{
    static const struct gt_point p[] = {{80, 1, 0}, {80.5, 2, 1}, {84, 3, 2}, {85, 6, 3}, {84.5, 8, 4}};
    size_t hull[5];
    bool front[5];
    (void)state;
    assert_int_equal(gt_decide_hull(p, 5, GT_DECIDE_LINEAR, hull), 3);
    assert_int_equal(hull[0], 0);
    assert_int_equal(hull[1], 2);
    assert_int_equal(hull[2], 3);
    assert_true(fabs(gt_decide_slope(&p[0], &p[2], GT_DECIDE_LINEAR) - 2) < 1e-12);
    assert_true(fabs(gt_decide_slope(&p[2], &p[3], GT_DECIDE_LOG2) - 1) < 1e-12);
    assert_int_equal(gt_decide_pareto(p, 5, front), 4);
    assert_true(front[1] && !front[4]);
    assert_int_equal(gt_decide_knee(p, 5, GT_DECIDE_LINEAR), 2);
    assert_int_equal(gt_decide_knee(p, 4, GT_DECIDE_LINEAR), 4);
}

static struct gt_step_data paired(double n, double both, double gained, double lost)
{
    return (struct gt_step_data){.paired = true,
                                 .n = n,
                                 .both = both,
                                 .gained = gained,
                                 .lost = lost,
                                 .neither = n - both - gained - lost,
                                 .from_cost = 1,
                                 .to_cost = 2};
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.12g, wanted %.12g within %g", got, want, tolerance);
}

/* var ΔA = 10⁴ [(b + c) − (b − c)²/n] / n²: 300 gained, 200 lost of 10000 is 1 pp ± sqrt(499)/100 pp. */
static void test_paired_step(void **state)
{
    struct gt_step_data d = paired(10000, 8000, 300, 200);
    struct gt_step s;
    (void)state;
    gt_decide_steps(&d, 1, &s);
    near(s.delta_pp, 1, 1e-12);
    near(s.se_pp, sqrt(499) / 100, 1e-12);
    near(s.z, 100 / sqrt(499), 1e-12);
    near(s.gain_pp_per_doubling, 1, 1e-12);
    assert_true(s.delta_ci_pp.lo > 0.5 && s.delta_ci_pp.hi < 1.5);
    assert_int_equal(s.verdict, GT_VERDICT_GAIN);
    assert_string_equal(gt_verdict_word(s.verdict), "measurable gain");
    /* Connor: (1.95996 sqrt(0.05) + 0.84162 sqrt(0.0499))² / 0.0001 = 3921.6 -> 3922 */
    near(s.images_needed, 3922, 1);
}

static void test_loss_and_undecided(void **state)
{
    struct gt_step_data d[] = {paired(10000, 8000, 200, 300), paired(1000, 800, 21, 20), paired(1000, 800, 0, 0)};
    struct gt_step s[3];
    (void)state;
    gt_decide_steps(d, 3, s);
    assert_int_equal(s[0].verdict, GT_VERDICT_LOSS);
    assert_int_equal(s[1].verdict, GT_VERDICT_UNDECIDED);
    assert_int_equal(s[2].verdict, GT_VERDICT_UNDECIDED);
    assert_true(s[1].images_needed > 1000 && s[1].resolvable_pp > s[1].delta_pp);
    assert_true(isnan(s[2].images_needed));
    near(s[2].p, 1, 0);
    near(s[0].p_holm, 3 * s[0].p, 1e-15);
}

/* A step of the resolvable size, with the same discordance, needs just the images that there are. */
static void test_resolvable_and_needed_agree(void **state)
{
    (void)state;
    for (double discordant = 40; discordant <= 640; discordant *= 2) {
        struct gt_step_data d = paired(4000, 3000, discordant / 2 + 10, discordant / 2 - 10);
        struct gt_step s, again;
        gt_decide_steps(&d, 1, &s);
        double delta = s.resolvable_pp / 100 * 4000;
        struct gt_step_data at = paired(4000, 3000, (discordant + delta) / 2, (discordant - delta) / 2);
        gt_decide_steps(&at, 1, &again);
        near(again.images_needed, 4000, 1.01);
    }
}

static void test_unpaired_step(void **state)
{
    struct gt_step_data d = {.n = 80, .from_correct = 48, .to_n = 70, .to_correct = 56, .from_cost = 1, .to_cost = 4};
    struct gt_step s;
    (void)state;
    gt_decide_steps(&d, 1, &s);
    assert_false(s.paired);
    near(s.delta_ci_pp.lo, 5.24, 5.1e-3); /* Newcombe 1998, table II */
    near(s.delta_ci_pp.hi, 33.39, 5.1e-3);
    near(s.gain_pp_per_doubling, 10, 1e-12);
    assert_true(isnan(s.mcnemar_exact) && isnan(s.gained));
    assert_int_equal(s.verdict, GT_VERDICT_GAIN);
}

/*
 * Percentages with one decimal stand for any of 51 counts of 50000. The ends come from a program of its own; a step that the
 * rounding could make vanish needs no number of images: none would do.
 */
static void test_rounded_counts(void **state)
{
    struct gt_step_data d = {.n = 50000,
                             .from_correct = 38550,
                             .to_n = 50000,
                             .to_correct = 39550,
                             .from_slack = 25,
                             .to_slack = 25,
                             .from_cost = 1,
                             .to_cost = 2};
    struct gt_step s;
    (void)state;
    gt_decide_steps(&d, 1, &s);
    near(s.delta_pp, 2, 1e-12);
    near(s.rounding_pp, 0.1, 1e-12);
    near(s.se_pp, 0.26148728458569453, 1e-12);
    near(s.z, 7.266127693399686, 1e-9);
    near(s.delta_ci_pp.lo, 1.3874256830461265, 1e-9);
    near(s.delta_ci_pp.hi, 2.6124274579983857, 1e-9);
    d.to_correct = 38590; /* 0.08 pp */
    gt_decide_steps(&d, 1, &s);
    near(s.z, 0, 0);
    near(s.p, 1, 0);
    assert_true(isnan(s.images_needed));
    assert_int_equal(s.verdict, GT_VERDICT_UNDECIDED);
    d.to_correct = d.to_n; /* no count above the images, none below 0 */
    d.from_correct = 0;
    gt_decide_steps(&d, 1, &s);
    assert_true(s.delta_ci_pp.hi <= 100 && s.delta_ci_pp.lo > 99);
}

/* Three images, all gained: the normal test would divide by nothing; the exact one stands in. */
static void test_vanishing_variance(void **state)
{
    struct gt_step_data d = paired(3, 0, 3, 0);
    struct gt_step s;
    (void)state;
    gt_decide_steps(&d, 1, &s);
    near(s.p, 0.25, 1e-12);
    assert_int_equal(s.verdict, GT_VERDICT_UNDECIDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_front_matches_its_definition),
        cmocka_unit_test(test_hull_is_where_the_best_lie),
        cmocka_unit_test(test_hull_of_data_that_are_not_concave),
        cmocka_unit_test(test_paired_step),
        cmocka_unit_test(test_loss_and_undecided),
        cmocka_unit_test(test_resolvable_and_needed_agree),
        cmocka_unit_test(test_unpaired_step),
        cmocka_unit_test(test_rounded_counts),
        cmocka_unit_test(test_vanishing_variance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
