#include "reports/stats.h"

#include <math.h>
#include <stdbool.h>

double gt_stats_normal_cdf(double z)
{
    return 0.5 * erfc(-z * M_SQRT1_2);
}

double gt_stats_normal_quantile(double p)
{
    if (!(p > 0 && p < 1))
        return NAN;
    if (p > 0.5)
        return -gt_stats_normal_quantile(1 - p);
    double lo = -40, hi = 0; /* the smallest positive double has its quantile above -39 */
    for (int i = 0; i < 100; i++) {
        double mid = 0.5 * (lo + hi);
        if (gt_stats_normal_cdf(mid) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

/* ln B(a, b); lgamma_r, because lgamma writes the global signgam. */
static double log_beta(double a, double b)
{
    int sign;
    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

static double away_from_zero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

/* The continued fraction of DLMF 8.17.22, converging fast for x < (a + 1) / (a + b + 2). */
static double beta_fraction(double a, double b, double x)
{
    double c = 1;
    double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
    double f = d;
    for (int m = 1; m <= 100000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / away_from_zero(1 + even * d);
        c = away_from_zero(1 + even / c);
        f *= c * d;
        d = 1 / away_from_zero(1 + odd * d);
        c = away_from_zero(1 + odd / c);
        f *= c * d;
        if (fabs(c * d - 1) < 1e-16)
            break;
    }
    return f;
}

double gt_stats_beta_inc(double a, double b, double x)
{
    if (!(a > 0 && b > 0 && x >= 0 && x <= 1))
        return NAN;
    if (x == 0 || x == 1)
        return x;
    double factor = exp(a * log(x) + b * log1p(-x) - log_beta(a, b));
    if (x < (a + 1) / (a + b + 2))
        return factor * beta_fraction(a, b, x) / a;
    return 1 - factor * beta_fraction(b, a, 1 - x) / b;
}

double gt_stats_t_cdf(double t, double df)
{
    if (!(df > 0) || isnan(t))
        return NAN;
    if (isinf(t))
        return t > 0;
    double tail = 0.5 * gt_stats_beta_inc(0.5 * df, 0.5, df / (df + t * t));
    return t > 0 ? 1 - tail : tail;
}

double gt_stats_t_quantile(double p, double df)
{
    if (!(p > 0 && p < 1 && df > 0))
        return NAN;
    if (p > 0.5)
        return -gt_stats_t_quantile(1 - p, df);
    if (p == 0.5)
        return 0;
    double lo = -1, hi = 0;
    while (gt_stats_t_cdf(lo, df) > p && lo > -1e150) {
        hi = lo;
        lo *= 2;
    }
    for (int i = 0; i < 100; i++) {
        double mid = 0.5 * (lo + hi);
        if (gt_stats_t_cdf(mid, df) < p)
            lo = mid;
        else
            hi = mid;
    }
    return 0.5 * (lo + hi);
}

double gt_stats_binomial_cdf(double k, double n, double p)
{
    if (!(n >= 0 && p >= 0 && p <= 1) || isnan(k))
        return NAN;
    if (k < 0)
        return 0;
    if (k >= n)
        return 1;
    k = floor(k);
    return gt_stats_beta_inc(n - k, k + 1, 1 - p);
}

static double clamp(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

struct gt_interval gt_stats_wilson(double k, double n, double z)
{
    if (!(n > 0 && k >= 0 && k <= n && z >= 0))
        return (struct gt_interval){NAN, NAN};
    double z2 = z * z, p = k / n;
    double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
    /* At the ends the formula gives 0 and 1 but for rounding. */
    return (struct gt_interval){k == 0 ? 0 : clamp(centre - half, 0, p), k == n ? 1 : clamp(centre + half, p, 1)};
}

/* sqrt(a² − 2 φ a b + b²), which rounding may push below zero when φ is 1. */
static double joined(double a, double b, double phi)
{
    return sqrt(fmax(0, a * a - 2 * phi * a * b + b * b));
}

static struct gt_interval difference(double p1, struct gt_interval w1, double p2, struct gt_interval w2, double phi)
{
    double below = joined(p1 - w1.lo, w2.hi - p2, phi);
    double above = joined(w1.hi - p1, p2 - w2.lo, phi);
    return (struct gt_interval){clamp(p1 - p2 - below, -1, 1), clamp(p1 - p2 + above, -1, 1)};
}

struct gt_interval gt_stats_newcombe(double k1, double n1, double k2, double n2, double z)
{
    return difference(k1 / n1, gt_stats_wilson(k1, n1, z), k2 / n2, gt_stats_wilson(k2, n2, z), 0);
}

/* The correlation of the two answers, its numerator drawn towards zero by n / 2 when it is positive. */
static double paired_phi(double e, double f, double g, double h)
{
    double n = e + f + g + h;
    double margins = (e + f) * (g + h) * (e + g) * (f + h);
    double product = e * h - f * g;
    if (margins <= 0)
        return 0;
    if (product > 0)
        product = fmax(product - n / 2, 0);
    return product / sqrt(margins);
}

struct gt_interval gt_stats_newcombe_paired(double e, double f, double g, double h, double z)
{
    double n = e + f + g + h;
    if (!(e >= 0 && f >= 0 && g >= 0 && h >= 0 && n > 0))
        return (struct gt_interval){NAN, NAN};
    return difference((e + f) / n, gt_stats_wilson(e + f, n, z), (e + g) / n, gt_stats_wilson(e + g, n, z),
                      paired_phi(e, f, g, h));
}

/* P(X = k), X ~ Binomial(n, 1/2). */
static double half_pmf(double k, double n)
{
    return exp(-log_beta(k + 1, n - k + 1) - log(n + 1) - n * M_LN2);
}

static bool counts_valid(double b, double c)
{
    return b >= 0 && c >= 0 && isfinite(b) && isfinite(c);
}

double gt_stats_mcnemar_exact(double b, double c)
{
    if (!counts_valid(b, c))
        return NAN;
    return b == c ? 1 : fmin(1, 2 * gt_stats_binomial_cdf(fmin(b, c), b + c, 0.5));
}

double gt_stats_mcnemar_mid(double b, double c)
{
    if (!counts_valid(b, c))
        return NAN;
    if (b + c == 0)
        return 1;
    double point = half_pmf(fmin(b, c), b + c);
    return b == c ? 1 - 0.5 * point : fmax(0, gt_stats_mcnemar_exact(b, c) - point);
}

/* Index of the smallest p not yet taken; n when none is left. */
static size_t next_smallest(const double *p, size_t n, const bool *taken)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!taken[i] && !isnan(p[i]) && (best == n || p[i] < p[best]))
            best = i;
    return best;
}

void gt_stats_holm(const double *p, size_t n, double *out)
{
    bool taken[GT_STATS_HOLM_MAX] = {false};
    double adjusted[GT_STATS_HOLM_MAX];
    size_t count = 0;
    if (n > GT_STATS_HOLM_MAX) {
        for (size_t i = 0; i < n; i++)
            out[i] = NAN;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        adjusted[i] = p[i];
        count += !isnan(p[i]);
    }
    double running = 0;
    for (size_t left = count; left > 0; left--) {
        size_t i = next_smallest(p, n, taken);
        running = fmin(1, fmax(running, p[i] * (double)left));
        adjusted[i] = running;
        taken[i] = true;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = adjusted[i];
}

struct gt_mean gt_stats_mean(const double *x, size_t n, double level)
{
    struct gt_mean out = {n, NAN, NAN, NAN, {NAN, NAN}};
    double sum = 0, squares = 0;
    if (n == 0)
        return out;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    out.mean = sum / (double)n;
    if (n < 2)
        return out;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - out.mean) * (x[i] - out.mean);
    out.sd = sqrt(squares / (double)(n - 1));
    out.se = out.sd / sqrt((double)n);
    double half = gt_stats_t_quantile(0.5 + level / 2, (double)(n - 1)) * out.se;
    out.ci = (struct gt_interval){out.mean - half, out.mean + half};
    return out;
}
