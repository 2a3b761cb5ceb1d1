/* What the plugin costs its host, as the trace tells it: the sampler's CPU time, and what one hook takes. */
#include "plugin/adapter.h"
#include "plugin/sampler.h"

#include <sys/mman.h>
#include <time.h>

enum {
    BATCHES = 9,
    CALLS = 64, /* of a batch; a ring of the sampler's own has room for one batch */
    TABLE_ROWS = 16,
    NUMBER = GT_RING_PLACES - 1 /* of that ring; no other has one yet */
};

/* Nanoseconds of one begin and end, over a batch. */
static double time_batch(struct gt_ring *ring, uint64_t epoch)
{
    struct gt_span span;
    uint64_t begin = gt_now_ns();
    for (int i = 0; i < CALLS; i++) {
        if (atomic_load(gt_state.word) != epoch)
            break;                           /* about to be stopped: what passes now would count as lost */
        gt_span_begin(&span, GT_SPAN_INFER); /* units may be off */
        span.t_begin_ns = gt_span_now();     /* as adapters do, whose look-up of the slot is not the unit's time */
        gt_span_end(&span, 0, 0);
    }
    double ns = (double)(gt_now_ns() - begin) / CALLS;
    gt_ring_prepare(ring, CALLS, 0);
    gt_ring_consume(ring);
    return ns;
}

static double median(double *values, int count)
{
    for (int i = 1; i < count; i++)
        for (int k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double swap = values[k];
            values[k] = values[k - 1];
            values[k - 1] = swap;
        }
    return values[count / 2];
}

void gt_overhead_try(struct gt_sampler *s)
{
    size_t bytes = gt_ring_size(CALLS, TABLE_ROWS);
    struct gt_ring *ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    double ns[BATCHES];
    if (ring == MAP_FAILED)
        return;
    gt_ring_init(ring, s->header.trace_id, CALLS, TABLE_ROWS);
    gt_ring_attach(ring, 1);
    gt_thread = (struct gt_thread){.ring = ring, .epoch = s->epoch, .small = -1, .number = NUMBER};
    for (int i = 0; i < BATCHES; i++)
        ns[i] = time_batch(ring, s->epoch);
    gt_thread = (struct gt_thread){.small = -1};
    if (atomic_load(gt_state.word) == s->epoch)
        s->hook_ns = median(ns, BATCHES);
    munmap(ring, bytes);
}

void gt_overhead_write(struct gt_sampler *s)
{
    struct timespec t;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0)
        gt_trace_write_overhead(&s->writer, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec, s->hook_ns);
}
