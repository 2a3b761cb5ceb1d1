/* Arithmetic on struct gt_wide, the 128-bit sums of a block. */
#ifndef GT_ENERGY_WIDE_H
#define GT_ENERGY_WIDE_H

#include "energy/fold.h"

__extension__ typedef unsigned __int128 gt_wide_value;

static inline gt_wide_value gt_wide_get(const struct gt_wide *wide)
{
    return (gt_wide_value)wide->high << 64 | wide->low;
}

static inline void gt_wide_set(struct gt_wide *wide, gt_wide_value value)
{
    wide->low = (uint64_t)value;
    wide->high = (uint64_t)(value >> 64);
}

static inline void gt_wide_add(struct gt_wide *to, const struct gt_wide *from)
{
    gt_wide_set(to, gt_wide_get(to) + gt_wide_get(from));
}

static inline void gt_wide_add_product(struct gt_wide *to, uint64_t a, uint64_t b)
{
    gt_wide_set(to, gt_wide_get(to) + (gt_wide_value)a * b);
}

static inline double gt_wide_double(const struct gt_wide *wide)
{
    return (double)wide->high * 18446744073709551616.0 + (double)wide->low;
}

/* a × part / whole without overflow; whole 0: 0. part <= whole. */
static inline uint64_t gt_wide_scale(uint64_t a, uint64_t part, uint64_t whole)
{
    return whole ? (uint64_t)((gt_wide_value)a * part / whole) : 0;
}

#endif
