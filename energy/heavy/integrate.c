#include "energy/heavy/integrate.h"

void gt_integrate_init(struct gt_integral *integral)
{
    *integral = (struct gt_integral){.count_uj = GT_INTEGRATE_BEGIN};
}

void gt_integrate_add(struct gt_integral *integral, double from_w, double to_w, uint64_t ns)
{
    integral->rest_uj += (from_w + to_w) / 2 * (double)ns * 1e-3;
    uint64_t whole = (uint64_t)integral->rest_uj;
    integral->count_uj += whole;
    integral->rest_uj -= (double)whole;
}

void gt_integrate_lose(struct gt_integral *integral, uint64_t told_uj)
{
    integral->count_uj = told_uj - 1;
    integral->rest_uj = 0;
}

void gt_integrate_sample(struct gt_integral *integral, uint64_t t_ns, double power_w, uint64_t least_ns)
{
    uint64_t distance_ns = t_ns - integral->t_ns;
    if (integral->begun && t_ns <= integral->t_ns)
        return;
    bool hole = integral->begun && gt_pace_is_hole(&integral->pace, distance_ns, least_ns);
    if (hole)
        gt_integrate_lose(integral, integral->count_uj);
    else if (integral->begun)
        gt_integrate_add(integral, integral->power_w, power_w, distance_ns);
    if (integral->begun)
        gt_pace_take(&integral->pace, distance_ns, hole);
    integral->begun = true;
    integral->t_ns = t_ns;
    integral->power_w = power_w;
}
