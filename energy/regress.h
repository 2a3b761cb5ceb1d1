/*
 * Regression: the power of each unit above the mean, from the normal equations of a run's blocks.
 *
 * Per interval between two refreshes of the counter, ΔE = B Δt + Σ P_l t_l + noise, t_l the time of unit l in the interval.
 *
 * - B is a constant of each *batch* (a block of consecutive intervals): idle power, other jobs, and whatever drifts more slowly
 *   than a batch is taken out by it.
 * - P_l are random effects around a common level, P_l ~ N(m, τ²), m unknown: what the data say little about is pulled toward
 * the rest. The noise variance and τ² are found by marginal likelihood (Harville 1977), and the uncertainty of τ² enters the
 *   results by averaging over it (Carlin & Louis, Bayesian Methods for Data Analysis, 3rd ed., section 5.4).
 * - The times of refresh are estimates. Their error makes Σ t_l² too large (errors in variables: Fuller 1987, section 2.2);
 *   the fold tells by how much, and that is taken off, as far as enough information remains.
 * - Noise need not be white. The scores of the batches (their residual gradients) show by which factor the long-run variance is
 *   above (or below) the white one (batch means; Liang & Zeger 1986 for the sandwich): it enters shrinkage and intervals.
 *
 * Only differences between units are used (the level cannot be told from B where units fill all time): the result is a
 * *deviation* from the mean power of unit time, in W, with its standard deviation. energy/attribute turns that into joules that
 * add up to what the units used. Pure function; floating point; thread-safe. Tracker only: it allocates.
 */
#ifndef GT_ENERGY_REGRESS_H
#define GT_ENERGY_REGRESS_H

#include "energy/fold.h"

enum {
    GT_REGRESS_UNITS = 512, /* most units that get a power of their own: those with the most time; the rest keep the mean */
    GT_REGRESS_INTERVALS = 1000, /* fewest intervals: below, the noise of one cannot be told from the units' spread */
    GT_REGRESS_BATCHES = 8       /* fewest batches */
};

/* Above this mean error of the refresh times, layers of tens of µs are smeared over one another. */
#define GT_REGRESS_SIGMA_NS 25000.0

/* What the data could tell. */
enum gt_resolution {
    GT_RESOLUTION_UNIT,  /* the unit's own power */
    GT_RESOLUTION_GROUP, /* that of its group alone: units in a row that share their intervals */
    GT_RESOLUTION_BELOW  /* nothing: it has the mean power of the others, and the interval says how much they differ */
};
const char *gt_resolution_word(enum gt_resolution resolution); /* "unit", "group", "below resolution" */

struct gt_regress_unit {
    uint32_t slot;
    double ns;          /* its time in the equations */
    double deviation_w; /* of its power from the time-weighted mean of all units */
    double sd_w;        /* standard deviation of that */
    enum gt_resolution resolution;
    int group;                  /* index of the group's first unit in `units`; -1: none */
    double group_w, group_sd_w; /* deviation of the group's mean power; 0 without group */
};

struct gt_regression {
    struct gt_regress_unit *units; /* owned, by slot */
    size_t unit_count;
    uint64_t intervals;
    size_t batches;
    double noise_j;   /* standard deviation of an interval's energy that no unit explains, J */
    double spread_w;  /* τ: how much units differ in power */
    double inflation; /* long-run variance over white variance */
    double sigma_ns;  /* root mean square error of the refresh times, as the sampler estimated it */
};

/* May the equations of these blocks be used? NULL when they may, else why not (a sentence's end). */
const char *gt_regress_refusal(const struct gt_block *batches, size_t count);

/*
 * `batches`: the run's blocks in order, each of some tenths of a second or more. GT_E_STATE with the reason when they cannot be
 * used; GT_E_NOMEM. On GT_OK the result is to be freed by gt_regress_free.
 */
enum gt_status gt_regress(const struct gt_block *batches, size_t count, struct gt_regression *out, struct gt_err *err);
void gt_regress_free(struct gt_regression *regression);

#endif
