/*
 * From samples of power to a counter of microjoules: the trapezoid between two samples.
 *
 * The trapezoid is exact for power that changes linearly and wrong by at most half a distance times the difference of the first
 * and the last sample where each sample is a mean over the time before it. Over a distance that is a hole the energy is
 * unknown: the counter goes back by one, which gt_unwrap takes for a gap with bounds. Pure; one thread per state.
 */
#ifndef GT_ENERGY_HEAVY_INTEGRATE_H
#define GT_ENERGY_HEAVY_INTEGRATE_H

#include "energy/pace.h"

#include <stdbool.h>
#include <stdint.h>

/* Where counting begins: so high that holes can take one each. */
#define GT_INTEGRATE_BEGIN (UINT64_C(1) << 40)

struct gt_integral {
    uint64_t count_uj; /* what the source reports */
    double rest_uj;    /* below one count */
    /* the last sample; of gt_integrate_sample alone */
    uint64_t t_ns;
    struct gt_pace pace;
    double power_w;
    bool begun;
};

void gt_integrate_init(struct gt_integral *integral);

/* Power went from one value to the other within `ns`. */
void gt_integrate_add(struct gt_integral *integral, double from_w, double to_w, uint64_t ns);

/* Energy since the count was `told_uj`, which a reading said last, is unknown: the next one is below it. */
void gt_integrate_lose(struct gt_integral *integral, uint64_t told_uj);

/*
 * One sample; the first one begins, one that is not later than the last is left out. More than `least_ns`, and more than the
 * pace of the samples has it (energy/pace.h), is a hole.
 */
void gt_integrate_sample(struct gt_integral *integral, uint64_t t_ns, double power_w, uint64_t least_ns);

#endif
