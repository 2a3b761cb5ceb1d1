/* Statistics against the values printed in their papers and in standard tables. */
#include "reports/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define Z95 1.959963984540054

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance))
        fail_msg("got %.12g, wanted %.12g within %g", got, want, tolerance);
}

static void test_normal(void **state)
{
    (void)state;
    near(gt_stats_normal_quantile(0.975), Z95, 1e-12);
    near(gt_stats_normal_quantile(0.8), 0.8416212335729143, 1e-12);
    near(gt_stats_normal_quantile(0.5), 0, 1e-12);
    near(gt_stats_normal_quantile(1e-10), -6.361340902404056, 1e-9);
    near(gt_stats_normal_cdf(-1.644853626951), 0.05, 1e-12);
    assert_true(isnan(gt_stats_normal_quantile(0)) && isnan(gt_stats_normal_quantile(1)));
}

static void test_t_quantiles_of_the_tables(void **state)
{
    static const struct {
        double p, df, t;
    } rows[] = {{0.975, 1, 12.7062},  {0.975, 2, 4.30265},  {0.975, 3, 3.18245},  {0.975, 5, 2.57058},   {0.975, 9, 2.26216},
                {0.975, 10, 2.22814}, {0.975, 19, 2.09302}, {0.975, 30, 2.04227}, {0.975, 120, 1.97993}, {0.95, 4, 2.13185},
                {0.995, 7, 3.49948},  {0.9995, 1, 636.619}, {0.75, 2, 0.81650},   {0.025, 10, -2.22814}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        near(gt_stats_t_quantile(rows[i].p, rows[i].df), rows[i].t, 1e-5 * fmax(1, fabs(rows[i].t)));
    near(gt_stats_t_quantile(0.975, 1e7), Z95, 1e-5);
    assert_true(isnan(gt_stats_t_quantile(0.975, 0)));
}

/* df = 1 is the Cauchy distribution and df = 2 has a closed form: exact at every argument. */
static void test_t_cdf_closed_forms(void **state)
{
    (void)state;
    for (double t = -8; t <= 8; t += 0.37) {
        near(gt_stats_t_cdf(t, 1), 0.5 + atan(t) / M_PI, 1e-13);
        near(gt_stats_t_cdf(t, 2), 0.5 + t / (2 * sqrt(2 + t * t)), 1e-13);
    }
}

static void test_beta_identities(void **state)
{
    (void)state;
    for (double x = 0.05; x < 1; x += 0.1) {
        near(gt_stats_beta_inc(1, 1, x), x, 1e-14);
        near(gt_stats_beta_inc(3, 1, x), x * x * x, 1e-14);
        near(gt_stats_beta_inc(2.5, 7.5, x) + gt_stats_beta_inc(7.5, 2.5, 1 - x), 1, 1e-13);
        near(gt_stats_beta_inc(0.5, 0.5, x), 2 / M_PI * asin(sqrt(x)), 1e-13);
    }
    near(gt_stats_beta_inc(5000, 5000, 0.5), 0.5, 1e-10);
    near(gt_stats_beta_inc(2, 3, 0.4), 0.5248, 1e-12);
    assert_true(isnan(gt_stats_beta_inc(0, 1, 0.5)));
}

/* Against the sum of the probabilities. */
static void test_binomial(void **state)
{
    (void)state;
    double sum = 0, term = pow(0.7, 25);
    for (int k = 0; k <= 25; k++) {
        sum += term;
        near(gt_stats_binomial_cdf(k, 25, 0.3), sum, 1e-12);
        term *= (25.0 - k) / (k + 1) * 0.3 / 0.7;
    }
    near(gt_stats_binomial_cdf(-1, 10, 0.5), 0, 0);
}

/* Newcombe 1998, Stat. Med. 17:857, table I, method 3 (score). */
static void test_wilson(void **state)
{
    static const struct {
        double k, n, lo, hi;
    } rows[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gt_interval w = gt_stats_wilson(rows[i].k, rows[i].n, Z95);
        near(w.lo, rows[i].lo, 5.1e-5);
        near(w.hi, rows[i].hi, 5.1e-5);
        struct gt_interval mirror = gt_stats_wilson(rows[i].n - rows[i].k, rows[i].n, Z95);
        near(mirror.lo, 1 - w.hi, 1e-12);
    }
    assert_true(isnan(gt_stats_wilson(0, 0, Z95).lo) && isnan(gt_stats_wilson(3, 2, Z95).lo));
}

/* Newcombe 1998, Stat. Med. 17:873, table II, method 10. */
static void test_newcombe_unpaired(void **state)
{
    static const struct {
        double k1, n1, k2, n2, lo, hi;
    } rows[] = {{56, 70, 48, 80, 0.0524, 0.3339}, {9, 10, 3, 10, 0.1705, 0.8090},  {6, 7, 2, 7, 0.0582, 0.8062},
                {5, 56, 0, 29, -0.0381, 0.1926},  {0, 10, 0, 20, -0.1611, 0.2775}, {0, 10, 0, 10, -0.2775, 0.2775},
                {10, 10, 0, 20, 0.6791, 1.0},     {10, 10, 0, 10, 0.6075, 1.0}};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct gt_interval d = gt_stats_newcombe(rows[i].k1, rows[i].n1, rows[i].k2, rows[i].n2, Z95);
        near(d.lo, rows[i].lo, 5.1e-5);
        near(d.hi, rows[i].hi, 5.1e-5);
    }
}

/* Newcombe 1998, Stat. Med. 17:2635, method 10, and Bentur's data in Fagerland, Lydersen, Laake 2014 (square-and-add). */
static void test_newcombe_paired(void **state)
{
    (void)state;
    struct gt_interval d = gt_stats_newcombe_paired(36, 12, 2, 0, Z95);
    near(d.lo, 0.0569, 5.1e-5);
    near(d.hi, 0.3404, 5.1e-5);
    d = gt_stats_newcombe_paired(1, 1, 7, 12, Z95);
    near(d.lo, -0.507, 5.1e-4);
    near(d.hi, -0.026, 5.1e-4);
    assert_true(isnan(gt_stats_newcombe_paired(0, 0, 0, 0, Z95).lo));
}

/* Swapping the raters mirrors the interval; swapping right and wrong does too; the estimate lies inside. */
static void test_newcombe_paired_symmetry(void **state)
{
    (void)state;
    for (int i = 0; i < 625; i++) {
        double e = i % 5 * 7, f = i / 5 % 5 * 3, g = i / 25 % 5 * 4, h = 1 + i / 125 * 6;
        struct gt_interval d = gt_stats_newcombe_paired(e, f, g, h, Z95);
        struct gt_interval swapped = gt_stats_newcombe_paired(e, g, f, h, Z95);
        struct gt_interval inverted = gt_stats_newcombe_paired(h, f, g, e, Z95);
        double estimate = (f - g) / (e + f + g + h);
        near(swapped.lo, -d.hi, 1e-12);
        near(swapped.hi, -d.lo, 1e-12);
        near(inverted.lo, d.lo, 1e-12);
        assert_true(d.lo <= estimate + 1e-12 && d.hi >= estimate - 1e-12);
    }
}

/* Fagerland, Lydersen, Laake 2013, BMC Med. Res. Methodol. 13:91: Bentur's data (1, 7) and Cavo's (6, 16). */
static void test_mcnemar(void **state)
{
    (void)state;
    near(gt_stats_mcnemar_exact(1, 7), 0.0703125, 1e-12);
    near(gt_stats_mcnemar_mid(1, 7), 0.0390625, 1e-12);
    near(gt_stats_mcnemar_exact(6, 16), 0.0525, 5e-5);
    near(gt_stats_mcnemar_mid(6, 16), 0.0347, 5e-5);
    near(gt_stats_mcnemar_exact(0, 0), 1, 0);
    near(gt_stats_mcnemar_mid(0, 0), 1, 0);
    near(gt_stats_mcnemar_exact(5, 5), 1, 0);
    near(gt_stats_mcnemar_mid(5, 5), 1 - 0.5 * 252 / 1024, 1e-12);
    near(gt_stats_mcnemar_exact(16, 6), gt_stats_mcnemar_exact(6, 16), 0);
}

static void test_holm(void **state)
{
    /* worked by hand: 0.01*4, 0.02*3, max(0.06, 0.03*2), max(0.06, 0.04) */
    double p[] = {0.03, 0.01, NAN, 0.04, 0.02}, out[5];
    (void)state;
    gt_stats_holm(p, 5, out);
    near(out[1], 0.04, 1e-15);
    near(out[4], 0.06, 1e-15);
    near(out[0], 0.06, 1e-15);
    near(out[3], 0.06, 1e-15);
    assert_true(isnan(out[2]));
}

static double next_uniform(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* Adjusted values never fall below the raw ones, nor above Bonferroni's, keep their order, and the smallest is n p. */
static void test_holm_properties(void **state)
{
    uint64_t seed = 1;
    (void)state;
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + (size_t)(next_uniform(&seed) * 12), smallest = 0;
        double p[12], out[12];
        for (size_t i = 0; i < n; i++)
            p[i] = next_uniform(&seed) * next_uniform(&seed);
        gt_stats_holm(p, n, out);
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i] >= p[i] && out[i] <= fmin(1, p[i] * (double)n) + 1e-15);
            smallest = p[i] < p[smallest] ? i : smallest;
            for (size_t j = 0; j < n; j++)
                assert_true(!(p[i] < p[j]) || out[i] <= out[j]);
        }
        near(out[smallest], fmin(1, p[smallest] * (double)n), 1e-15);
    }
}

/* Student's sleep data (1908): mean difference 1.58, t-interval 0.70 to 2.46. */
static void test_mean(void **state)
{
    static const double x[] = {1.2, 2.4, 1.3, 1.3, 0, 1.0, 1.8, 0.8, 4.6, 1.4};
    (void)state;
    struct gt_mean m = gt_stats_mean(x, COUNT(x), 0.95);
    near(m.mean, 1.58, 1e-12);
    near(m.sd, 1.2299955, 1e-6);
    near(m.ci.lo, 0.7001142, 1e-6);
    near(m.ci.hi, 2.4598858, 1e-6);
    assert_true(isnan(gt_stats_mean(x, 1, 0.95).ci.lo) && isnan(gt_stats_mean(x, 0, 0.95).mean));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_t_quantiles_of_the_tables),
        cmocka_unit_test(test_t_cdf_closed_forms),
        cmocka_unit_test(test_beta_identities),
        cmocka_unit_test(test_binomial),
        cmocka_unit_test(test_wilson),
        cmocka_unit_test(test_newcombe_unpaired),
        cmocka_unit_test(test_newcombe_paired),
        cmocka_unit_test(test_newcombe_paired_symmetry),
        cmocka_unit_test(test_mcnemar),
        cmocka_unit_test(test_holm),
        cmocka_unit_test(test_holm_properties),
        cmocka_unit_test(test_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
