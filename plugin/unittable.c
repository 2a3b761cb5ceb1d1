#include "plugin/unittable.h"

enum { PROBES = 64 };

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define ADD(field, value) STORE(field, LOAD(field) + (value)) /* one writer: no read-modify-write needed */

static struct gt_unit_row *find_row(struct gt_unit_table *table, uint32_t slot)
{
    uint32_t mask = GT_UNIT_ROWS - 1, at = slot * UINT32_C(2654435761) >> 7; /* as in core/ring.c */
    for (uint32_t i = 0; i < PROBES; i++) {
        struct gt_unit_row *row = &table->rows[(at + i) & mask];
        if (LOAD(row->calls) == 0)
            STORE(row->slot, slot);
        if (LOAD(row->slot) == slot)
            return row;
    }
    STORE(table->rows[GT_UNIT_ROWS].slot, GT_RING_SLOT_OTHER);
    return &table->rows[GT_UNIT_ROWS];
}

void gt_unittable_add(struct gt_unit_table *table, uint32_t count, uint32_t slot, const struct gt_event_count *before,
                      const struct gt_event_count *after)
{
    struct gt_unit_row *row = find_row(table, slot);
    for (uint32_t i = 0; i < count; i++) {
        ADD(row->sums[i].value, after[i].value - before[i].value);
        ADD(row->sums[i].enabled_ns, after[i].enabled_ns - before[i].enabled_ns);
        ADD(row->sums[i].running_ns, after[i].running_ns - before[i].running_ns);
    }
    atomic_store_explicit(&row->calls, LOAD(row->calls) + 1, memory_order_release);
}

void gt_unittable_merge(struct gt_unit_table *into, const struct gt_unit_table *from)
{
    for (uint32_t r = 0; r <= GT_UNIT_ROWS; r++) {
        const struct gt_unit_row *row = &from->rows[r];
        uint64_t calls = atomic_load_explicit(&row->calls, memory_order_acquire);
        if (calls == 0)
            continue;
        struct gt_unit_row *sum = r == GT_UNIT_ROWS ? &into->rows[r] : find_row(into, LOAD(row->slot));
        STORE(sum->slot, r == GT_UNIT_ROWS ? GT_RING_SLOT_OTHER : LOAD(sum->slot));
        for (int i = 0; i < GT_UNIT_TERMS; i++) {
            ADD(sum->sums[i].value, LOAD(row->sums[i].value));
            ADD(sum->sums[i].enabled_ns, LOAD(row->sums[i].enabled_ns));
            ADD(sum->sums[i].running_ns, LOAD(row->sums[i].running_ns));
        }
        atomic_store_explicit(&sum->calls, LOAD(sum->calls) + calls, memory_order_release);
    }
}
