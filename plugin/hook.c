/* Spans: what a hook does before and after the real function. No system call, no lock, no allocation in steady state. */
#include "plugin/adapter.h"
#include "plugin/interpose.h"
#include "plugin/state.h"
#include "plugin/unitcount.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct gt_state gt_state;
__thread struct gt_thread gt_thread __attribute__((tls_model("initial-exec"))) = {.small = -1};

uint64_t gt_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void lose(enum gt_lost kind)
{
    atomic_fetch_add_explicit(&gt_state.lost[kind], 1, memory_order_relaxed);
}

static struct gt_ring *small_ring(int i)
{
    return (struct gt_ring *)(void *)gt_state.small[i];
}

/* A key that no other thread of this trace has had: the kernel's id, and above it how many came before. */
static uint64_t next_key(void)
{
    uint32_t number = atomic_fetch_add(&gt_state.attaches, 1);
    return (uint64_t)number << 32 | (uint32_t)gt_syscall(SYS_gettid);
}

static bool take_spare(struct gt_thread *thread)
{
    struct gt_ring *ring = atomic_exchange(&gt_state.spare, NULL);
    if (!ring)
        return false;
    gt_ring_attach(ring, next_key());
    if (thread->small >= 0)
        atomic_store_explicit(&gt_state.small_state[thread->small], GT_SMALL_RETIRED, memory_order_release);
    thread->small = -1;
    thread->number = ring->number;
    thread->ring = ring;
    return true;
}

static bool take_small(struct gt_thread *thread)
{
    for (int i = 0; i < GT_SMALL_RINGS; i++) {
        int free = GT_SMALL_FREE;
        if (!atomic_compare_exchange_strong(&gt_state.small_state[i], &free, GT_SMALL_USED))
            continue;
        gt_ring_attach(small_ring(i), next_key());
        thread->small = i;
        thread->ring = small_ring(i);
        return true;
    }
    return false;
}

/* The thread's ring in this epoch; NULL when there is none to be had now. `small`: a static one will do. */
static struct gt_ring *ring_of(struct gt_thread *thread, uint64_t epoch, bool small)
{
    if (thread->epoch != epoch) {
        thread->ring = NULL;
        thread->small = -1;
        thread->epoch = epoch;
    }
    if (thread->ring && thread->small < 0)
        return thread->ring;
    if (atomic_load_explicit(&gt_state.spare, memory_order_relaxed) && take_spare(thread))
        return thread->ring;
    if (!thread->ring && small)
        take_small(thread);
    return thread->ring;
}

static uint64_t word_now(void)
{
    return gt_state.word ? atomic_load_explicit(gt_state.word, memory_order_acquire) : GT_WORD_OFF;
}

/* Into counts, when units are counted by events: their number, 0 when there are none to be had now. */
static uint32_t read_counts(struct gt_thread *thread, uint64_t epoch, struct gt_event_count *counts)
{
    if (gt_state.config.unit_term_count == 0 || thread->inside)
        return 0;
    thread->inside = true;
    atomic_signal_fence(memory_order_seq_cst);
    uint32_t counted = gt_unitcount_read(thread, epoch, counts);
    atomic_signal_fence(memory_order_seq_cst);
    thread->inside = false;
    return counted;
}

bool gt_span_begin(struct gt_span *span, enum gt_span_kind kind)
{
    struct gt_thread *thread = &gt_thread;
    uint64_t word = word_now();
    span->t_begin_ns = span->nested_ns = 0;
    span->counted = 0;
    if (thread->inside) {
        lose(GT_LOST_REENTRY);
        return false;
    }
    if (word == 0) {
        thread->inside = true;
        word = gt_life_start();
        thread->inside = false;
    }
    if (word < GT_WORD_EPOCH) {
        if (word == GT_WORD_BUSY)
            lose(GT_LOST_BUSY);
        return false;
    }
    if (kind == GT_SPAN_UNIT && gt_state.config.units_off)
        return false;
    span->epoch = word;
    span->counted = read_counts(thread, word, span->counts); /* before the clock: reading them is not the unit's time */
    span->t_begin_ns = gt_now_ns();
    return true;
}

/* Into the ring: a row and what ran inside it; event NULL: the process's total of items. */
static void write_to(struct gt_ring *ring, const struct gt_trace_event *event, uint64_t number)
{
    if (!event) {
        gt_ring_keep_items(ring, number);
        return;
    }
    gt_ring_push(ring, event); /* a dropped row is counted by the ring itself */
    if (number > 0)
        gt_ring_nest(ring, event->slot, number);
}

static void push(struct gt_thread *thread, uint64_t epoch, const struct gt_trace_event *event, uint64_t number)
{
    struct gt_ring *ring = ring_of(thread, epoch, event != NULL); /* the sampler knows the items before a static ring is read */
    if (!ring) {
        if (event)
            lose(GT_LOST_NO_RING);
        return;
    }
    if (thread->small >= 0) {
        write_to(ring, event, number);
        return;
    }
    /* The sampler unmaps rings only when the word has changed and nobody is here; one of the two sees the other. */
    atomic_store(&gt_state.busy[thread->number], 1);
    if (atomic_load(gt_state.word) == epoch) {
        thread->pushing = ring;
        atomic_signal_fence(memory_order_seq_cst);
        write_to(ring, event, number);
        atomic_signal_fence(memory_order_seq_cst);
        thread->pushing = NULL;
    }
    atomic_store_explicit(&gt_state.busy[thread->number], 0, memory_order_release);
}

/* counted: a span whose event counters were read at both ends; NULL: none. */
static void push_inside(struct gt_thread *thread, uint64_t epoch, const struct gt_trace_event *event, uint64_t number,
                        const struct gt_span *counted, const struct gt_event_count *after)
{
    int saved = errno;
    thread->inside = true;
    atomic_signal_fence(memory_order_seq_cst);
    push(thread, epoch, event, number);
    if (counted)
        gt_unitcount_add(thread, epoch, event->slot, counted->counts, after, counted->counted);
    atomic_signal_fence(memory_order_seq_cst);
    thread->inside = false;
    errno = saved;
}

/* whole: what the span's event counters say is this call's. */
static void end_span(struct gt_span *span, uint64_t t_begin_ns, uint32_t slot, uint32_t items, bool whole)
{
    struct gt_event_count after[GT_UNIT_TERMS];
    struct gt_thread *thread = &gt_thread;
    struct gt_trace_event event = {.slot = slot, .items = items, .t_begin_ns = t_begin_ns, .t_end_ns = gt_now_ns()};
    span->t_end_ns = event.t_end_ns;
    if (span->t_begin_ns == 0 || word_now() != span->epoch)
        return;
    if (slot == GT_SLOT_NONE || thread->inside) {
        lose(thread->inside ? GT_LOST_REENTRY : GT_LOST_NO_SLOT);
        return;
    }
    whole = whole && span->counted > 0 && read_counts(thread, span->epoch, after) == span->counted;
    push_inside(thread, span->epoch, &event, span->nested_ns, whole ? span : NULL, after);
}

void gt_span_end_from(struct gt_span *span, uint64_t t_begin_ns, uint32_t slot, uint32_t items)
{
    end_span(span, t_begin_ns, slot, items, false);
}

/*
 * Counted whatever the sampler does, but for OFF, where nobody will ever read it. The new total goes to the thread's ring as
 * well, which survives what kills the process; where it has none, the sampler puts it into one within an interval.
 */
void gt_items_add(uint64_t n)
{
    struct gt_thread *thread = &gt_thread;
    uint64_t word = word_now();
    if (word == 0 && !thread->inside) {
        thread->inside = true;
        word = gt_life_start();
        thread->inside = false;
    }
    if (word == GT_WORD_OFF || !gt_state.items)
        return;
    uint64_t total = atomic_fetch_add_explicit(gt_state.items, n, memory_order_relaxed) + n;
    if (word >= GT_WORD_EPOCH && !thread->inside)
        push_inside(thread, word, NULL, total, NULL, NULL);
}

void gt_span_nest(const struct gt_span *span)
{
    struct gt_thread *thread = &gt_thread;
    uint32_t depth = thread->region_depth < GT_REGION_DEPTH ? thread->region_depth : GT_REGION_DEPTH;
    if (depth > 0 && span->t_begin_ns != 0)
        thread->regions[depth - 1].nested_ns += span->t_end_ns - span->t_begin_ns;
}

uint64_t gt_span_now(void)
{
    return gt_now_ns();
}

void gt_span_end(struct gt_span *span, uint32_t slot, uint32_t items)
{
    end_span(span, span->t_begin_ns, slot, items, true);
}
