/*
 * Statistics of proportions and means: the intervals and tests of SCALING.md, each from its paper.
 *
 * Pure functions of doubles; no allocation, no state; thread-safe. Arguments outside their domain give NaN.
 */
#ifndef GT_REPORTS_STATS_H
#define GT_REPORTS_STATS_H

#include <stddef.h>

struct gt_interval {
    double lo, hi;
};

/* Standard normal: P(Z <= z), and its inverse for 0 < p < 1 (bisection of the former). */
double gt_stats_normal_cdf(double z);
double gt_stats_normal_quantile(double p);

/* Regularised incomplete beta I_x(a, b), a, b > 0, 0 <= x <= 1: continued fraction (modified Lentz), NIST DLMF 8.17.22. */
double gt_stats_beta_inc(double a, double b, double x);

/* Student's t with `df` > 0 degrees of freedom: P(T <= t), and its inverse for 0 < p < 1. */
double gt_stats_t_cdf(double t, double df);
double gt_stats_t_quantile(double p, double df);

/* P(X <= k) for X ~ Binomial(n, p). */
double gt_stats_binomial_cdf(double k, double n, double p);

/* Wilson 1927: score interval of k successes of n, in 0 ... 1. `z`: normal quantile, 1.96 for 95 %. */
struct gt_interval gt_stats_wilson(double k, double n, double z);

/* Newcombe 1998 (Stat. Med. 17:873), method 10: k1/n1 - k2/n2, hybrid of two Wilson intervals. */
struct gt_interval gt_stats_newcombe(double k1, double n1, double k2, double n2, double z);

/*
 * Newcombe 1998 (Stat. Med. 17:2635), method 10: the paired difference (e + f - e - g) / n, with φ̂ corrected for continuity.
 * e: both, f: only the first, g: only the second, h: neither.
 */
struct gt_interval gt_stats_newcombe_paired(double e, double f, double g, double h, double z);

/* McNemar, two-sided, of b and c discordant pairs: exact binomial, and mid-p (Fagerland, Lydersen, Laake 2013). 1 when none. */
double gt_stats_mcnemar_exact(double b, double c);
double gt_stats_mcnemar_mid(double b, double c);

/* Holm 1979: adjusted p-values, monotone, at most 1. NaN entries are not counted and stay. `out` may be `p`. n <=
 * GT_STATS_HOLM_MAX. */
enum { GT_STATS_HOLM_MAX = 256 };
void gt_stats_holm(const double *p, size_t n, double *out);

struct gt_mean {
    size_t n;
    double mean, sd, se; /* sd and se are NaN below two values */
    struct gt_interval ci;
};

/* Mean with a t-interval at `level` (0.95). */
struct gt_mean gt_stats_mean(const double *x, size_t n, double level);

#endif
