/*
 * Modelled energy: CPU time times watts per vCPU. Used where nothing can be measured; says "modelled" wherever it appears.
 *
 *   dynamic = cpu_s × (full − idle) W          idle = wall_s × cpus_allowed × idle W
 *
 * The bounds are those of the wattage row (kind `range`): they hold for the whole group alike (`common` error), since one
 * unknown factor scales every figure of a host.
 */
#ifndef GT_ENERGY_MODEL_H
#define GT_ENERGY_MODEL_H

#include "energy/source.h"
#include "energy/wattage.h"

struct gt_model_energy {
    double dynamic_uj, dynamic_lo_uj, dynamic_hi_uj;
    double idle_uj, idle_lo_uj, idle_hi_uj;
};

#define GT_MODEL_SOURCE "model"
#define GT_MODEL_BOUNDARY "vcpu share"

/* Pure. cpu_ns: CPU time; wall_ns: time during which `cpus` vCPUs were reserved. */
void gt_model_energy(const struct gt_wattage *row, uint64_t cpu_ns, uint64_t wall_ns, uint32_t cpus,
                     struct gt_model_energy *out);
#endif
