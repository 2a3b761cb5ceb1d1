#include "energy/follow.h"

#include <math.h>
#include <string.h>

#define OTHERS_NS UINT64_C(100000000)
/* Relative change of the refresh times' uncertainty that is worth telling. */
#define SIGMA_STEP 0.25

static uint64_t now(const struct gt_follow *f)
{
    return f->os->clock_ns(f->os->state, CLOCK_MONOTONIC);
}

/* The first domain of the total that is refreshed at a pace that can be followed; -1: none. */
static int find_lead(const struct gt_source_desc *desc)
{
    for (int i = 0; i < desc->domain_count; i++) {
        const struct gt_domain *domain = &desc->domains[i];
        if (domain->additive && domain->refresh_ns >= GT_TICKSYNC_PERIOD_LO_NS &&
            domain->refresh_ns <= GT_TICKSYNC_PERIOD_HI_NS)
            return i;
    }
    return -1;
}

bool gt_follow_begin(struct gt_follow *f, const struct gt_os *os, const struct gt_energy_source *source,
                     struct gt_source_state *state, const struct gt_source_desc *desc, uint64_t stride)
{
    memset(f, 0, sizeof *f);
    f->lead = find_lead(desc);
    if (!source || !source->read_some || f->lead < 0 || !gt_provenance_has_counters(desc->provenance))
        return false;
    f->os = os;
    f->source = source;
    f->state = state;
    f->desc = desc;
    f->package = desc->domains[f->lead].package;
    for (int i = 0; i < desc->domain_count; i++)
        *(desc->domains[i].additive ? &f->every_tick : &f->others) |= UINT64_C(1) << i;
    gt_ticksync_init(&f->sync, desc->domains[f->lead].refresh_ns, stride);
    return true;
}

bool gt_follow_is_locked(const struct gt_follow *f)
{
    return f->source && f->sync.state == GT_TICKSYNC_LOCKED;
}

uint64_t gt_follow_next(struct gt_follow *f)
{
    bool burst;
    f->due_ns = f->source ? gt_ticksync_next(&f->sync, now(f), &burst) : UINT64_MAX;
    return f->due_ns;
}

/* The rest of the total, which the same refresh brought up to date, and what is due besides. */
static enum gt_status read_rest(struct gt_follow *f, uint64_t *row)
{
    uint64_t t_ns, domains = f->every_tick & ~(UINT64_C(1) << f->lead), at = now(f);
    if (f->others && at >= f->next_others_ns) {
        domains |= f->others;
        f->next_others_ns = at + OTHERS_NS;
    }
    return domains ? f->source->read_some(f->state, domains, row + 1, &t_ns) : GT_OK;
}

enum gt_follow_result gt_follow_read(struct gt_follow *f, uint64_t *row, double *sigma_ns)
{
    struct gt_ticksync_edge edge;
    uint64_t began = now(f);
    bool found = false;
    for (int i = 0; i < f->desc->domain_count; i++)
        row[1 + i] = UINT64_MAX;
    do {
        uint64_t t_ns, begin = now(f);
        if (f->source->read_some(f->state, UINT64_C(1) << f->lead, row + 1, &t_ns) != GT_OK) {
            gt_ticksync_fail(&f->sync, begin);
            return GT_FOLLOW_FAILED;
        }
        found = gt_ticksync_read(&f->sync, begin, now(f), row[1 + f->lead], &edge);
    } while (f->sync.bursting && (f->slice_ns == 0 || now(f) - began < f->slice_ns));
    if (!found)
        return GT_FOLLOW_NOTHING;
    if (read_rest(f, row) != GT_OK) {
        gt_ticksync_fail(&f->sync, now(f)); /* no tick is whole: plain readings tell of the gap */
        return GT_FOLLOW_FAILED;
    }
    row[0] = edge.t_ns;
    *sigma_ns = edge.sigma_ns;
    return GT_FOLLOW_TICK;
}

bool gt_follow_is_news(struct gt_follow *f, double sigma_ns)
{
    if (fabs(sigma_ns - f->sigma_told) <= SIGMA_STEP * f->sigma_told)
        return false;
    f->sigma_told = sigma_ns;
    return true;
}
