/*
 * Exact sums of event counts per slot: one writer (a thread of the host, or the sampler for its own), any reader.
 *
 * Memory of gt_unittable_bytes, zeroed, is an empty table. What finds no place in a crowded table stands under
 * GT_RING_SLOT_OTHER. No locks, no allocation.
 */
#ifndef GT_PLUGIN_UNITTABLE_H
#define GT_PLUGIN_UNITTABLE_H

#include "core/ring.h"
#include "energy/event.h"

#include <stdatomic.h>

enum { GT_UNIT_ROWS = 512 }; /* a power of 2 */

struct gt_unit_row {
    _Atomic uint32_t slot; /* valid when calls is not 0 */
    uint32_t reserved;
    _Atomic uint64_t calls;
    struct {
        _Atomic uint64_t value, enabled_ns, running_ns;
    } sums[GT_UNIT_TERMS];
};

struct gt_unit_table {
    struct gt_unit_row rows[GT_UNIT_ROWS + 1];
};

/* One call of the slot: after - before of each of `count` terms. */
void gt_unittable_add(struct gt_unit_table *table, uint32_t count, uint32_t slot, const struct gt_event_count *before,
                      const struct gt_event_count *after);

/* All sums of `from` into `into`. */
void gt_unittable_merge(struct gt_unit_table *into, const struct gt_unit_table *from);

#endif
