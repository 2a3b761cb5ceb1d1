/*
 * Counters that are added up and yet move alike: perhaps one energy, counted twice.
 *
 * What mirrors what is told by names (energy/rapl.h), never by values: two packages may well begin equal, or be equally idle.
 * But where two additive counters stay within one reading's step of one another over hundreds of them, the user should know.
 * Pure; libc-free; one state belongs to one thread. Zero-initialise the state.
 */
#ifndef GT_ENERGY_ALIKE_H
#define GT_ENERGY_ALIKE_H

#include "energy/source.h"

enum {
    GT_ALIKE_COUNTERS = 16, /* additive counters that are compared: the first ones */
    GT_ALIKE_STEPS = 300    /* how many of its biggest steps a counter must have gone before anything is said */
};

struct gt_alike {
    bool started;
    uint64_t raw[GT_SOURCE_DOMAINS];
    double uj[GT_ALIKE_COUNTERS], biggest_uj[GT_ALIKE_COUNTERS];
    double apart_uj[GT_ALIKE_COUNTERS][GT_ALIKE_COUNTERS]; /* [a][b], a < b: how far they ever were from one another */
};

/* One reading of all of the source's domains. A counter that goes back begins the comparison anew. */
void gt_alike_step(struct gt_alike *alike, const struct gt_source_desc *desc, const uint64_t *raw);

/* The first such pair: indices into desc->domains. False: there is none. */
bool gt_alike_find(const struct gt_alike *alike, const struct gt_source_desc *desc, int *a, int *b);

#endif
