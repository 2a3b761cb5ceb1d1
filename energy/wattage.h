/*
 * Idle and full watts per vCPU (hardware thread) by processor family: what modelled energy stands on.
 *
 * Each row names its public source and year. A processor without a row gets the generic one, named "generic", whose bounds
 * span the table. Figures are for the whole server (minus what the source leaves out), divided by its hardware threads.
 */
#ifndef GT_ENERGY_WATTAGE_H
#define GT_ENERGY_WATTAGE_H

#include "energy/host.h"

struct gt_wattage {
    const char *family;                  /* "Intel Skylake", ..., "generic" */
    double idle_w, idle_lo_w, idle_hi_w; /* watts per vCPU, nothing running: best figure, low and high bound */
    double full_w, full_lo_w, full_hi_w; /* watts per vCPU, fully busy */
    const char *source;                  /* publication, and where in it */
    int year;                            /* of that publication */
};

/* Never NULL. The row of the host's processor, else the generic one. */
const struct gt_wattage *gt_wattage_find(const struct gt_host *host);

/* The whole table, the generic row last. */
const struct gt_wattage *gt_wattage_list(int *count);

#endif
