/*
 * A fork in a signal handler that interrupted gt_ring_push: the child returns into it, but rings are not there for children
 * (MADV_DONTFORK: two processes must not write to one). It gets memory of its own in that place, and what it writes there is
 * read by nobody; the same with pages and tables of event counters. Handlers of pthread_atfork do nothing otherwise; a raw
 * clone does not run them, which is a documented limit.
 */
#include "core/ring.h"
#include "plugin/interpose.h"
#include "plugin/state.h"
#include "plugin/unittable.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Linux 4.17; an older kernel takes the address for a hint. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The child cannot read the ring any more. */
static void before_fork(void)
{
    struct gt_thread *thread = &gt_thread;
    const struct gt_ring *ring = thread->pushing;
    if (!ring)
        return;
    thread->capacity = ring->capacity;
    thread->table_rows = ring->table_rows;
}

/* Private zeroed memory where something of the parent's was. */
static bool fill_in(void *at, size_t bytes)
{
    return gt_syscall(SYS_mmap, at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0L) ==
           (long)(uintptr_t)at;
}

/* A zeroed page says that it cannot be read. */
static void fill_in_counters(const struct gt_unit_set *set)
{
    enum { PAGE = 4096 };
    for (uint32_t i = 0; set && i < atomic_load(&set->count); i++)
        fill_in(set->pages[i], PAGE);
    if (set && set->table)
        fill_in(set->table, sizeof *set->table);
}

static void in_child(void)
{
    static const uint8_t nobody[GT_TRACE_ID_BYTES];
    struct gt_thread *thread = &gt_thread;
    struct gt_ring *ring = thread->pushing;
    fill_in_counters(thread->counting);
    if (ring && fill_in(ring, gt_ring_size(thread->capacity, thread->table_rows)))
        gt_ring_init(ring, nobody, thread->capacity, thread->table_rows);
}

void gt_fork_watch(void)
{
    pthread_atfork(before_fork, NULL, in_child);
}
