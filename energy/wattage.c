#include "energy/wattage.h"

#include <stdbool.h>
#include <string.h>

/*
 * Two public sources, both resting on SPECpower_ssj2008 (whole-server AC power at active idle and at 100 % load):
 *
 *   CCF   Cloud Carbon Footprint, min/max watts per vCPU: averages over a family's results, divided by hardware threads
 *   SPEC  medians over single results of the family, divided by hardware threads, for families that CCF does not list
 *
 * Bounds are the lowest and highest single result published until May 2023, of systems with at least 16 hardware threads (what
 * is rented out as vCPUs; Coffee Lake and Rocket Lake, which are small servers only: of all), widened where needed to hold the
 * row's own figure. One result, whose number of cores contradicts its processor's, is left out. ARM Neoverse N1 rests on the
 * two results of one maker (Ampere Altra). What has no result (EPYC 5th generation, Neoverse V1, ...) gets the generic row.
 */
#define CCF "Cloud Carbon Footprint, energy coefficients (averages of SPECpower_ssj2008 results)"
#define SPEC "SPECpower_ssj2008 published results (median of the family)"

enum { ANY = -1 };

struct rule {
    const char *vendor;
    int family, model, stepping_from, stepping_to; /* stepping_to ANY: any */
    const char *name;                              /* must be part of the model name; NULL: anything */
    int row;
};

enum {
    SANDY_BRIDGE,
    IVY_BRIDGE,
    HASWELL,
    BROADWELL,
    SKYLAKE,
    CASCADE_LAKE,
    COOPER_LAKE,
    COFFEE_LAKE,
    ROCKET_LAKE,
    ICE_LAKE,
    SAPPHIRE_RAPIDS,
    EPYC_1,
    EPYC_2,
    EPYC_3,
    EPYC_4,
    NEOVERSE_N1,
    GENERIC,
    ROWS
};

/* family, idle W (low, high), full W (low, high), source, year */
static const struct gt_wattage rows[ROWS] = {
    [SANDY_BRIDGE] = {"Intel Sandy Bridge", 2.17, 1.39, 4.16, 8.58, 5.03, 13.7, CCF, 2021},
    [IVY_BRIDGE] = {"Intel Ivy Bridge", 3.04, 1.30, 3.04, 8.25, 5.05, 8.25, CCF, 2021},
    [HASWELL] = {"Intel Haswell", 1.00, 0.54, 1.06, 4.74, 3.66, 4.74, CCF, 2021},
    [BROADWELL] = {"Intel Broadwell", 0.71, 0.45, 2.12, 3.69, 2.73, 7.56, CCF, 2021},
    [SKYLAKE] = {"Intel Skylake", 0.65, 0.34, 2.73, 4.26, 3.07, 9.00, CCF, 2021},
    [CASCADE_LAKE] = {"Intel Cascade Lake", 0.64, 0.33, 3.18, 3.97, 2.95, 7.28, CCF, 2021},
    [COOPER_LAKE] = {"Intel Cooper Lake", 0.62, 0.39, 1.16, 4.50, 3.21, 5.18, SPEC, 2023},
    [COFFEE_LAKE] = {"Intel Coffee Lake", 1.14, 0.83, 1.67, 5.42, 3.32, 7.76, CCF, 2021},
    [ROCKET_LAKE] = {"Intel Rocket Lake", 1.27, 0.97, 1.55, 4.85, 3.90, 5.18, SPEC, 2023},
    [ICE_LAKE] = {"Intel Ice Lake", 0.97, 0.63, 2.29, 4.10, 2.92, 6.78, SPEC, 2023},
    [SAPPHIRE_RAPIDS] = {"Intel Sapphire Rapids", 0.78, 0.62, 1.33, 3.73, 2.65, 4.57, SPEC, 2023},
    [EPYC_1] = {"AMD EPYC 1st generation", 0.82, 0.60, 1.61, 2.55, 2.09, 4.35, CCF, 2021},
    [EPYC_2] = {"AMD EPYC 2nd generation", 0.47, 0.28, 0.79, 1.69, 1.48, 1.99, CCF, 2021},
    [EPYC_3] = {"AMD EPYC 3rd generation", 0.45, 0.29, 0.75, 2.02, 1.59, 2.34, CCF, 2022},
    [EPYC_4] = {"AMD EPYC 4th generation", 0.33, 0.29, 0.39, 1.88, 1.64, 2.17, SPEC, 2023},
    [NEOVERSE_N1] = {"ARM Neoverse N1", 1.06, 0.97, 1.15, 1.94, 1.92, 1.96, SPEC, 2023},
    [GENERIC] = {"generic", 0.68, 0.28, 4.16, 4.11, 1.48, 13.7,
                 "Cloud Carbon Footprint, median over processor families; bounds span this table", 2021},
};

/* Model numbers: Linux, arch/x86/include/asm/intel-family.h and amd's revision guides. */
static const struct rule rules[] = {
    {"GenuineIntel", 6, 42, 0, ANY, NULL, SANDY_BRIDGE},     {"GenuineIntel", 6, 45, 0, ANY, NULL, SANDY_BRIDGE},
    {"GenuineIntel", 6, 58, 0, ANY, NULL, IVY_BRIDGE},       {"GenuineIntel", 6, 62, 0, ANY, NULL, IVY_BRIDGE},
    {"GenuineIntel", 6, 60, 0, ANY, NULL, HASWELL},          {"GenuineIntel", 6, 63, 0, ANY, NULL, HASWELL},
    {"GenuineIntel", 6, 70, 0, ANY, NULL, HASWELL},          {"GenuineIntel", 6, 71, 0, ANY, NULL, BROADWELL},
    {"GenuineIntel", 6, 79, 0, ANY, NULL, BROADWELL},        {"GenuineIntel", 6, 86, 0, ANY, NULL, BROADWELL},
    {"GenuineIntel", 6, 94, 0, ANY, NULL, SKYLAKE},          {"GenuineIntel", 6, 85, 0, 4, NULL, SKYLAKE},
    {"GenuineIntel", 6, 85, 5, 7, NULL, CASCADE_LAKE},       {"GenuineIntel", 6, 85, 10, 11, NULL, COOPER_LAKE},
    {"GenuineIntel", 6, 158, 0, ANY, NULL, COFFEE_LAKE},     {"GenuineIntel", 6, 167, 0, ANY, NULL, ROCKET_LAKE},
    {"GenuineIntel", 6, 106, 0, ANY, NULL, ICE_LAKE},        {"GenuineIntel", 6, 108, 0, ANY, NULL, ICE_LAKE},
    {"GenuineIntel", 6, 143, 0, ANY, NULL, SAPPHIRE_RAPIDS}, {"AuthenticAMD", 23, 1, 0, ANY, "EPYC", EPYC_1},
    {"AuthenticAMD", 23, 49, 0, ANY, "EPYC", EPYC_2},        {"AuthenticAMD", 25, 1, 0, ANY, "EPYC", EPYC_3},
    {"AuthenticAMD", 25, 17, 0, ANY, "EPYC", EPYC_4},        {"ARM", 8, 0xd0c, 0, ANY, NULL, NEOVERSE_N1},
};

static bool matches(const struct rule *rule, const struct gt_host *host)
{
    return strcmp(rule->vendor, host->vendor) == 0 && rule->family == host->family && rule->model == host->model &&
           host->stepping >= rule->stepping_from && (rule->stepping_to == ANY || host->stepping <= rule->stepping_to) &&
           (!rule->name || strstr(host->cpu_model, rule->name));
}

const struct gt_wattage *gt_wattage_find(const struct gt_host *host)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (matches(&rules[i], host))
            return &rows[rules[i].row];
    return &rows[GENERIC];
}

const struct gt_wattage *gt_wattage_list(int *count)
{
    *count = ROWS;
    return rows;
}
