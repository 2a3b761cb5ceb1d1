/* What a program says itself (plugin/greentrack.h): items, and named regions, which are units. */
#include "plugin/adapter.h"
#include "plugin/registry.h"
#include "plugin/state.h"

#include <string.h>

GT_EXPORT void greentrack_items(uint64_t n);
GT_EXPORT void greentrack_region_begin(const char *name);
GT_EXPORT void greentrack_region_end(const char *name);

GT_EXPORT void greentrack_items(uint64_t n)
{
    gt_items_add(n);
}

/* The slot is looked up before the clock is: naming is not part of the region. */
GT_EXPORT void greentrack_region_begin(const char *name)
{
    struct gt_thread *thread = &gt_thread;
    struct gt_span span;
    uint32_t depth = thread->region_depth++;
    if (!name || depth >= GT_REGION_DEPTH)
        return;
    thread->regions[depth].nested_ns = 0;
    bool live = gt_span_begin(&span, GT_SPAN_UNIT);
    thread->regions[depth].slot = live ? gt_region_slot(name) : GT_SLOT_NONE;
    thread->regions[depth].epoch = live ? span.epoch : 0;
    thread->regions[depth].t_begin_ns = live ? gt_now_ns() : 0;
}

/* Ends the innermost region of that name; those opened inside it and never ended are forgotten. NULL: the innermost one. */
GT_EXPORT void greentrack_region_end(const char *name)
{
    struct gt_thread *thread = &gt_thread;
    if (thread->region_depth == 0)
        return;
    if (thread->region_depth > GT_REGION_DEPTH) {
        thread->region_depth--;
        return;
    }
    uint32_t depth = thread->region_depth, slot = name ? gt_region_slot(name) : GT_SLOT_NONE;
    while (name && depth > 0 && thread->regions[depth - 1].slot != slot)
        depth--;
    if (depth == 0)
        return;
    struct gt_span span = {.t_begin_ns = thread->regions[depth - 1].t_begin_ns, .epoch = thread->regions[depth - 1].epoch};
    for (uint32_t i = depth - 1; i < thread->region_depth; i++)
        span.nested_ns += thread->regions[i].nested_ns;
    thread->region_depth = depth - 1;
    gt_span_end(&span, thread->regions[depth - 1].slot, 0);
    gt_span_nest(&span);
}
