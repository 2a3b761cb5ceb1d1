/*
 * A curve: cumulative figures over time, kept in bounded memory, so that a place in the past can be looked up.
 *
 * When it is full, the older half loses every second point. A lookup is thus exact to a sample in the recent past, and to a
 * small share of its age further back. Caller's memory, no allocation; one thread.
 */
#ifndef GT_ENERGY_CURVE_H
#define GT_ENERGY_CURVE_H

#include <stdbool.h>
#include <stdint.h>

struct gt_curve {
    uint32_t capacity, count, channels;
    uint64_t *points; /* borrowed: capacity rows of { t_ns, channels values } */
};

/* Appends a sample; times ascend, values never fall. */
void gt_curve_add(struct gt_curve *curve, uint64_t t_ns, const uint64_t *values);

/* Replaces the last sample's values, which may only grow by it. Nothing happens when there is none. */
void gt_curve_amend(struct gt_curve *curve, const uint64_t *values);

/* Time of the last sample; 0 when there is none. */
uint64_t gt_curve_last(const struct gt_curve *curve);

/*
 * All channels at t_ns, linear between samples, held outside of them, into `values`. `edge` (NULL: not wanted) gets how far
 * each may be off: the distance to the farther end of its piece. False when the curve is empty (values are then 0).
 */
bool gt_curve_at(const struct gt_curve *curve, uint64_t t_ns, uint64_t *values, uint64_t *edge);

/* One channel. */
uint64_t gt_curve_value(const struct gt_curve *curve, uint64_t t_ns, uint32_t channel);

#endif
