/*
 * A bare preload follows its counter's refreshes (energy/follow.h), as `greentrack run` does from outside: only then can the
 * powers of units be told apart. Not where units are off; nor inside a run, whose tracker follows them.
 */
#include "energy/origin.h"
#include "plugin/sampler.h"

/* Bursts that look for the first refreshes last some periods: rings are looked after, and a stop is seen, in between. */
#define SLICE_NS UINT64_C(2000000)
/* What is due at intervals waits so long for the wake-up of a refresh. */
#define SHARE_NS UINT64_C(2000000)

static bool is_followed(const struct gt_meter *m)
{
    return m->follow.source;
}

/* Refreshes bring the energy at present: no reading of its own is needed. A gap is ended by a plain reading alone. */
static bool brings_energy(const struct gt_meter *m)
{
    return gt_follow_is_locked(&m->follow) && m->gap_begin_ns == 0;
}

/* To the fold, or to the trace behind the ticks that it does not hold for. */
static void tell(struct gt_sampler *s)
{
    if (s->blocks.on) {
        gt_refresh_tell_fold(s);
        return;
    }
    gt_meter_flush(s);
    gt_origin_write_edges(&s->writer, &s->meter.follow);
}

void gt_refresh_begin(struct gt_sampler *s)
{
    struct gt_meter *m = &s->meter;
    if (gt_state.config.in_run || gt_state.config.units_off ||
        !gt_follow_begin(&m->follow, &m->os, m->source, &m->source_state, &m->desc, 1))
        m->follow.source = NULL;
    m->follow.slice_ns = SLICE_NS;
    if (is_followed(m))
        tell(s);
}

void gt_refresh_tell_fold(struct gt_sampler *s)
{
    const struct gt_follow *follow = &s->meter.follow;
    if (is_followed(&s->meter) && s->blocks.fold)
        gt_fold_set_edges(s->blocks.fold, follow->package, follow->sigma_told);
}

bool gt_refresh_accept(struct gt_sampler *s, uint64_t t_ns, double sigma_ns)
{
    struct gt_meter *m = &s->meter;
    if (!is_followed(m))
        return true;
    if (t_ns <= m->last_ns)
        return false; /* a refresh that lies before the last reading says nothing new */
    if (gt_follow_is_news(&m->follow, sigma_ns))
        tell(s);
    return true;
}

void gt_refresh_read(struct gt_sampler *s, uint64_t now_ns)
{
    uint64_t row[1 + GT_SOURCE_DOMAINS];
    double sigma_ns = 0;
    struct gt_meter *m = &s->meter;
    if (!is_followed(m) || now_ns < m->follow.due_ns)
        return;
    /* A failure is left to the next plain reading, which begins the gap. */
    if (gt_follow_read(&m->follow, row, &sigma_ns) == GT_FOLLOW_TICK && m->gap_begin_ns == 0)
        gt_meter_add_tick(s, row, sigma_ns);
}

void gt_refresh_tend(struct gt_sampler *s, bool cpu_too)
{
    gt_meter_read(s, !brings_energy(&s->meter), cpu_too);
}

void gt_refresh_cut(struct gt_sampler *s)
{
    if (!is_followed(&s->meter))
        return;
    gt_meter_read(s, true, true);
    s->meter.follow.next_others_ns = 0;
}

uint64_t gt_refresh_next(struct gt_sampler *s, uint64_t interval_end_ns, bool may_wait)
{
    if (!is_followed(&s->meter))
        return interval_end_ns;
    uint64_t refresh_ns = gt_follow_next(&s->meter.follow);
    if (may_wait && brings_energy(&s->meter))
        interval_end_ns += SHARE_NS;
    return refresh_ns < interval_end_ns ? refresh_ns : interval_end_ns;
}
