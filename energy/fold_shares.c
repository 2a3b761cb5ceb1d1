/* The fold's shares: how much of the machine was the job's, slot by slot of common time (attribute.h has the rule). */
#include "energy/fold_state.h"
#include "energy/wide.h"

/* /proc/stat counts busy time in USER_HZ, 100 on every Linux of today: each cpu's may be off by a tick at either end of a slot.
 */
#define STAT_TICK_NS UINT64_C(10000000)

enum { SLOTS_AT_ONCE = 1024, WHOLE = 65535 };

/* Cumulative figures of both curves at t; energy and its time of the additive domains. */
static void look_up(const struct gt_fold *f, uint64_t t, struct fold_look *look)
{
    uint64_t known_ns = 0;
    uint32_t additive = 0;
    *look = (struct fold_look){.t_ns = t};
    for (uint32_t i = 0; i < f->domains; i++) {
        if (!f->additive[i])
            continue;
        look->uj += gt_curve_value(&f->energy.curve, t, i * E_CHANNELS + E_KNOWN);
        known_ns += gt_curve_value(&f->energy.curve, t, i * E_CHANNELS + E_KNOWN_NS);
        additive++;
    }
    look->known_ns = additive ? known_ns / additive : 0;
    for (uint32_t c = 0; c < C_CHANNELS; c++)
        look->cpu[c] = gt_curve_value(&f->cpu.curve, t, c);
}

/*
 * The machine's busy time in the slot, at least the job's. What the job has beyond it is lent by the slots around it, since the
 * machine's ticks come late or early: so much less is busy there. No more than two ticks of each cpu can have been.
 */
static uint64_t busy_in_slot(struct gt_fold *f, uint64_t job_ns, uint64_t busy_ns, uint64_t total_ns, uint64_t dt)
{
    uint64_t cpus = (total_ns + dt / 2) / dt, most = 2 * STAT_TICK_NS * (cpus ? cpus : 1);
    uint64_t paid = f->slot_lent_ns < busy_ns ? f->slot_lent_ns : busy_ns;
    f->slot_lent_ns -= paid;
    busy_ns -= paid;
    if (busy_ns >= job_ns)
        return busy_ns;
    f->slot_lent_ns += job_ns - busy_ns;
    f->slot_lent_ns = f->slot_lent_ns < most ? f->slot_lent_ns : most;
    return job_ns;
}

void gt_fold_set_claims(struct gt_fold *f, const struct gt_fold_claims *claims)
{
    f->claims = claims;
}

/*
 * The job has job / busy of [t0, t1): how much of that is left beside other runs, in parts of `*wanted`. Rounded up, so that
 * many small parts do not add up to more than the slot.
 */
static uint64_t claim(struct gt_fold *f, uint64_t t0, uint64_t t1, uint64_t job_ns, uint64_t busy_ns, uint64_t *wanted)
{
    const struct gt_fold_claims *c = f->claims;
    uint64_t got = *wanted = 0, first = t0 / GT_FOLD_SHARE_NS;
    for (uint64_t slot = c && first < c->first ? c->first : first;
         c && slot * GT_FOLD_SHARE_NS < t1 && slot < c->first + c->count; slot++) {
        uint64_t begin = slot * GT_FOLD_SHARE_NS, end = begin + GT_FOLD_SHARE_NS;
        begin = begin > t0 ? begin : t0;
        end = end < t1 ? end : t1;
        uint64_t job_part_ns = gt_wide_scale(end - begin, job_ns, busy_ns);
        uint64_t want = (job_part_ns * WHOLE + GT_FOLD_SHARE_NS - 1) / GT_FOLD_SHARE_NS;
        uint64_t used = (uint64_t)c->taken[slot - c->first] + c->mine[slot - c->first];
        uint64_t left = used < WHOLE ? WHOLE - used : 0, part = want < left ? want : left;
        c->mine[slot - c->first] += (uint16_t)part;
        *wanted += want;
        got += part;
    }
    return got;
}

/* A slot of which energy or CPU time is not known adds nothing: the rest of the run stands for it. */
static void add_slot(struct gt_fold *f, const struct fold_look *a, const struct fold_look *b)
{
    uint64_t cpu[C_CHANNELS], dt = b->t_ns - a->t_ns, uj = b->uj - a->uj, ns = b->known_ns - a->known_ns;
    uint64_t *now = f->shares.now;
    for (uint32_t c = 0; c < C_CHANNELS; c++)
        cpu[c] = b->cpu[c] - a->cpu[c];
    if (ns == 0 || cpu[C_JOB_NS] == 0 || cpu[C_MACHINE_NS] == 0)
        return;
    uint64_t busy_ns = busy_in_slot(f, cpu[C_JOB], cpu[C_BUSY], cpu[C_TOTAL], dt);
    now[S_UJ] += uj;
    now[S_NS] += ns;
    uint64_t wanted, got = claim(f, a->t_ns, b->t_ns, cpu[C_JOB], busy_ns, &wanted);
    uint64_t job_uj = gt_wide_scale(uj, cpu[C_JOB], busy_ns), job_ns = gt_wide_scale(ns, cpu[C_JOB], busy_ns);
    now[S_JOB_UJ] += wanted ? gt_wide_scale(job_uj, got, wanted) : job_uj;
    now[S_JOB_NS] += wanted ? gt_wide_scale(job_ns, got, wanted) : job_ns;
}

static void close_slot(struct gt_fold *f, uint64_t t)
{
    struct fold_look look;
    look_up(f, t, &look);
    if (!f->has_slot)
        gt_curve_add(&f->shares.curve, t, f->shares.now);
    else if (t > f->slot.t_ns)
        add_slot(f, &f->slot, &look);
    if (f->has_slot && t > f->slot.t_ns) {
        gt_curve_add(&f->shares.curve, t, f->shares.now);
        gt_fold_resolve_window(f, &f->shares, false);
    }
    f->slot = look;
    f->has_slot = true;
}

static uint64_t first_sample(const struct gt_curve *curve)
{
    return curve->points[0];
}

/* To the end of the slot. Between readings that are far apart all slots are alike, and are taken together. */
static uint64_t next_slot_ns(uint64_t t, uint64_t end)
{
    uint64_t alike = (end - t) / GT_FOLD_SHARE_NS / SLOTS_AT_ONCE;
    return GT_FOLD_SHARE_NS - t % GT_FOLD_SHARE_NS + alike * GT_FOLD_SHARE_NS;
}

void gt_fold_close_slots(struct gt_fold *f, bool last)
{
    const struct gt_curve *energy = &f->energy.curve, *cpu = &f->cpu.curve;
    if (f->domains == 0 || energy->count == 0 || cpu->count == 0)
        return;
    uint64_t end = gt_curve_last(energy) < gt_curve_last(cpu) ? gt_curve_last(energy) : gt_curve_last(cpu);
    if (!f->has_slot) {
        uint64_t a = first_sample(energy), b = first_sample(cpu);
        if ((a > b ? a : b) > end)
            return;
        close_slot(f, a > b ? a : b);
    }
    for (uint64_t ns; (ns = next_slot_ns(f->slot.t_ns, end)) <= end - f->slot.t_ns;)
        close_slot(f, f->slot.t_ns + ns);
    if (last && end > f->slot.t_ns)
        close_slot(f, end);
}
