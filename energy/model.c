#include "energy/model.h"

/*
 * W × ns = 1e-3 µJ. The row's low figures belong together, as do its high ones: a server that is frugal when idle is so when
 * busy, so that the dynamic bounds are low minus low and high minus high.
 */
void gt_model_energy(const struct gt_wattage *row, uint64_t cpu_ns, uint64_t wall_ns, uint32_t cpus,
                     struct gt_model_energy *out)
{
    double cpu = (double)cpu_ns * 1e-3, reserved = (double)wall_ns * 1e-3 * cpus;
    double at = row->full_w - row->idle_w, low = row->full_lo_w - row->idle_lo_w, high = row->full_hi_w - row->idle_hi_w;
    out->dynamic_uj = cpu * at;
    out->dynamic_lo_uj = cpu * (low < at ? low : at);
    out->dynamic_hi_uj = cpu * (high > at ? high : at);
    out->idle_uj = reserved * row->idle_w;
    out->idle_lo_uj = reserved * row->idle_lo_w;
    out->idle_hi_uj = reserved * row->idle_hi_w;
}
