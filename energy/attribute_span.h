/* Figures with bounds, and their rounding to integers that sum exactly. Part of attribution alone. */
#ifndef GT_ENERGY_ATTRIBUTE_SPAN_H
#define GT_ENERGY_ATTRIBUTE_SPAN_H

#include "energy/attribute.h"

#include <math.h>

/* A figure with its bounds, 0 <= lo <= v <= hi. */
struct span {
    double v, lo, hi;
};

static inline struct span span_of(double v, double lo, double hi)
{
    struct span s = {v > 0 ? v : 0, lo > 0 ? lo : 0, hi > 0 ? hi : 0};
    s.lo = s.lo < s.v ? s.lo : s.v;
    s.hi = s.hi > s.v ? s.hi : s.v;
    return s;
}

static inline double clamp(double value, double most)
{
    return value < 0 || isnan(value) ? 0 : value < most ? value : most;
}

static inline struct span times(struct span a, struct span b)
{
    return span_of(a.v * b.v, a.lo * b.lo, a.hi * b.hi);
}

static inline struct span plus(struct span a, struct span b)
{
    return span_of(a.v + b.v, a.lo + b.lo, a.hi + b.hi);
}

/* a - b, not below 0. */
static inline struct span minus(struct span a, struct span b)
{
    return span_of(a.v - b.v, a.lo - b.hi, a.hi - b.lo);
}

static inline struct span scaled(struct span a, double factor)
{
    return span_of(a.v * factor, a.lo * factor, a.hi * factor);
}

/* 1 - a, for shares. */
static inline struct span rest_of(struct span a)
{
    return span_of(1 - a.v, 1 - a.hi, 1 - a.lo);
}

static inline int64_t to_uj(double value)
{
    return value >= 9e18 ? INT64_C(9000000000000000000) : (int64_t)(value + 0.5);
}

/*
 * Cumulative rounding: each part gets round(sum so far) - round(sum before), so that parts are non-negative, within 1 µJ of
 * their value, and sum to the rounded total.
 */
static inline struct gt_uj take_part(double *sum, struct span part)
{
    double before = *sum;
    *sum += part.v;
    struct gt_uj out = {.uj = to_uj(*sum) - to_uj(before), .lo_uj = to_uj(part.lo), .hi_uj = to_uj(part.hi)};
    out.lo_uj = out.lo_uj < out.uj ? out.lo_uj : out.uj;
    out.hi_uj = out.hi_uj > out.uj ? out.hi_uj : out.uj;
    return out;
}

static inline struct gt_uj rounded(struct span value)
{
    double sum = 0;
    return take_part(&sum, value);
}

#endif
