/*
 * Reading a thread's own event counters without a system call: from the page that the kernel keeps beside an event, and by the
 * processor's instruction where the event is in a counter right now.
 *
 * include/uapi/linux/perf_event.h, struct perf_event_mmap_page, tells how: everything is read between two equal values of
 * `lock`, and read again when the kernel changed it meanwhile. Only the thread that the event counts may read, since the page
 * tells the counter's number on that thread's processor: what changes it meanwhile is an interrupt there, so that the compiler
 * alone has to be kept from reordering. No system call, no lock, no allocation; async-signal-safe.
 */
#ifndef GT_ENERGY_RDPMC_H
#define GT_ENERGY_RDPMC_H

#include "energy/event.h"

struct perf_event_mmap_page;

/* The two instructions; tests put their own in their place. */
struct gt_rdpmc_ops {
    uint64_t (*counter)(uint32_t number); /* the low bits of counter `number`, as many as the page's pmc_width tells */
    uint64_t (*cycles)(void);             /* the clock of time_offset, time_mult and time_shift */
};

/* This processor's; NULL where we know no such instruction. */
extern const struct gt_rdpmc_ops *const gt_rdpmc_native;

/* May this page be read that way at all (cap_user_rdpmc)? What it tells of a software event is as old as its last update. */
bool gt_rdpmc_allowed(const struct perf_event_mmap_page *page);

/*
 * The event's count and times until now. False: the kernel did not let it be read (no longer allowed, or changed at each of
 * many attempts); *count is then untouched. An event that is in no counter right now has its count, and its running time
 * stands still.
 */
bool gt_rdpmc_read(const volatile struct perf_event_mmap_page *page, const struct gt_rdpmc_ops *ops,
                   struct gt_event_count *count);

#endif
