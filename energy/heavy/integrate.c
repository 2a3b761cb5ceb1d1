#include "energy/heavy/integrate.h"

#include "energy/pace.h"

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
    if (integral->begun && distance_ns > gt_pace_longest_ns(integral->distance_ns, least_ns))
        gt_integrate_lose(integral, integral->count_uj);
    else if (integral->begun)
        gt_integrate_add(integral, integral->power_w, power_w, distance_ns);
    integral->distance_ns = integral->begun ? distance_ns : 0;
    integral->begun = true;
    integral->t_ns = t_ns;
    integral->power_w = power_w;
}
