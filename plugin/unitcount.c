/* The host's threads' half: readings and their table. */
#include "plugin/unitcount.h"

#include "plugin/unittable.h"

/*
 * The sampler unmaps only when the word has changed or the thread is gone, and nobody is here: one of the two sees the other
 * (as in hook.c).
 */
static struct gt_unit_set *enter(struct gt_thread *thread, uint64_t epoch)
{
    if (!thread->ring || thread->small >= 0 || thread->epoch != epoch)
        return NULL;
    struct gt_unit_set *set = &gt_state.unit_sets[thread->number];
    if (atomic_load_explicit(&set->count, memory_order_acquire) == 0)
        return NULL;
    atomic_store(&gt_state.busy[thread->number], 1);
    thread->counting = set;
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load(gt_state.word) == epoch)
        return set;
    thread->counting = NULL;
    atomic_store_explicit(&gt_state.busy[thread->number], 0, memory_order_release);
    return NULL;
}

static void leave(struct gt_thread *thread)
{
    atomic_signal_fence(memory_order_seq_cst);
    thread->counting = NULL;
    atomic_store_explicit(&gt_state.busy[thread->number], 0, memory_order_release);
}

uint32_t gt_unitcount_read(struct gt_thread *thread, uint64_t epoch, struct gt_event_count *counts)
{
    struct gt_unit_set *set = enter(thread, epoch);
    if (!set)
        return 0;
    uint32_t count = atomic_load_explicit(&set->count, memory_order_relaxed), got = 0;
    const volatile struct perf_event_mmap_page *page;
    while (got < count && (page = atomic_load_explicit(&set->pages[got], memory_order_relaxed)) != NULL &&
           gt_rdpmc_read(page, gt_state.rdpmc, &counts[got]))
        got++;
    leave(thread);
    return got == count ? count : 0;
}

void gt_unitcount_add(struct gt_thread *thread, uint64_t epoch, uint32_t slot, const struct gt_event_count *before,
                      const struct gt_event_count *after, uint32_t count)
{
    struct gt_unit_set *set = enter(thread, epoch);
    if (!set)
        return;
    struct gt_unit_table *table = atomic_load_explicit(&set->table, memory_order_relaxed);
    if (table && count == atomic_load_explicit(&set->count, memory_order_relaxed))
        gt_unittable_add(table, count, slot, before, after);
    leave(thread);
}
