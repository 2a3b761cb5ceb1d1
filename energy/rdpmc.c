#include "energy/rdpmc.h"

#include <linux/perf_event.h>
#include <stdatomic.h>
#include <stddef.h>

enum { ATTEMPTS = 64 };

#if defined(__x86_64__)
static uint64_t native_counter(uint32_t number)
{
    uint32_t low, high;
    __asm__ volatile("rdpmc" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

static uint64_t native_cycles(void)
{
    return __builtin_ia32_rdtsc();
}

static const struct gt_rdpmc_ops native = {native_counter, native_cycles};
const struct gt_rdpmc_ops *const gt_rdpmc_native = &native;
#else
const struct gt_rdpmc_ops *const gt_rdpmc_native = NULL;
#endif

/* What the page said between two equal values of its lock. */
struct reading {
    uint64_t enabled, running, cycles, time_offset, time_cycles, time_mask, pmc;
    int64_t offset;
    uint32_t index, time_mult;
    uint16_t time_shift, width;
    bool allowed, timed, shortened;
};

bool gt_rdpmc_allowed(const struct perf_event_mmap_page *page)
{
    return gt_rdpmc_native != NULL && page->cap_user_rdpmc;
}

static void read_fields(const volatile struct perf_event_mmap_page *page, const struct gt_rdpmc_ops *ops, struct reading *r)
{
    r->enabled = page->time_enabled;
    r->running = page->time_running;
    r->timed = page->cap_user_time && r->enabled != r->running; /* else both go on alike, and their difference stays right */
    if (r->timed) {
        r->cycles = ops->cycles();
        r->time_offset = page->time_offset;
        r->time_mult = page->time_mult;
        r->time_shift = page->time_shift;
        r->shortened = page->cap_user_time_short;
        r->time_cycles = page->time_cycles;
        r->time_mask = page->time_mask;
    }
    r->index = page->index;
    r->offset = page->offset;
    r->width = page->pmc_width;
    r->allowed = page->cap_user_rdpmc;
    if (r->allowed && r->index != 0)
        r->pmc = ops->counter(r->index - 1);
}

/* A counter of fewer than 64 bits holds a negative number up to its overflow: the sign is that of its highest bit. */
static int64_t extend_sign(uint64_t value, uint16_t width)
{
    unsigned unused = width == 0 || width > 64 ? 0 : 64u - width;
    return (int64_t)(value << unused) >> unused;
}

static uint64_t time_since(const struct reading *r)
{
    uint64_t cycles = r->shortened ? r->time_cycles + ((r->cycles - r->time_cycles) & r->time_mask) : r->cycles;
    unsigned shift = r->time_shift & 63;
    uint64_t whole = cycles >> shift, rest = cycles & ((UINT64_C(1) << shift) - 1);
    return r->time_offset + whole * r->time_mult + ((rest * r->time_mult) >> shift);
}

bool gt_rdpmc_read(const volatile struct perf_event_mmap_page *page, const struct gt_rdpmc_ops *ops,
                   struct gt_event_count *count)
{
    struct reading r = {0};
    uint32_t before = 0, after = 1;
    for (int attempt = 0; attempt < ATTEMPTS && (before != after || before & 1); attempt++) {
        before = page->lock;
        atomic_signal_fence(memory_order_seq_cst);
        read_fields(page, ops, &r);
        atomic_signal_fence(memory_order_seq_cst);
        after = page->lock;
    }
    if (before != after || before & 1 || !r.allowed)
        return false;
    uint64_t delta = r.timed ? time_since(&r) : 0;
    count->enabled_ns = r.enabled + delta;
    count->running_ns = r.running + (r.index != 0 ? delta : 0);
    count->value = (uint64_t)(r.offset + (r.index != 0 ? extend_sign(r.pmc, r.width) : 0));
    return true;
}
