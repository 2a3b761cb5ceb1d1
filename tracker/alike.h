/*
 * Do two counters of a total move alike? Then one may be a mirror of the other that no driver declares, and the total counts
 * the same energy twice. A warning, never a correction: two packages may have the same work.
 *
 * Real packages drift apart by more than a percent within a second or two, since no two chips draw the same; a mirror stays
 * within what a refresh between the two reads can make up, however long one looks. Counters that merely start equal do not
 * count: only what was added since is compared. One state belongs to one thread.
 */
#ifndef GT_TRACKER_ALIKE_H
#define GT_TRACKER_ALIKE_H

#include "energy/source.h"

#include <stdbool.h>
#include <stdint.h>

enum { GT_ALIKE_DOMAINS = 16 }; /* of the total; more are not compared */

struct gt_alike {
    int count;
    int domain[GT_ALIKE_DOMAINS]; /* in the descriptor */
    bool started;
    uint64_t last_t_ns, ns, ticks;
    uint64_t last[GT_ALIKE_DOMAINS];
    double uj[GT_ALIKE_DOMAINS];                      /* since the first tick, wraps taken out */
    double apart[GT_ALIKE_DOMAINS][GT_ALIKE_DOMAINS]; /* how far two of them were ever apart, µJ */
};

void gt_alike_init(struct gt_alike *alike, const struct gt_source_desc *desc);
void gt_alike_add(struct gt_alike *alike, const struct gt_source_desc *desc, uint64_t t_ns, const uint64_t *raw);

/* Whether the pair (a < b < alike->count) moved alike; *apart_uj gets how far they were ever apart. */
bool gt_alike_pair(const struct gt_alike *alike, const struct gt_source_desc *desc, int a, int b, double *apart_uj);

#endif
