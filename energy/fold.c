#include "energy/fold.h"

#include "energy/fold_state.h"
#include "energy/wide.h"

#include <string.h>

/* --- units and pairs
 * ----------------------------------------------------------------------------------------------------------- */

static uint32_t mix(uint32_t slot)
{
    /* Finaliser of MurmurHash3 (public domain, A. Appleby): slots are small consecutive numbers. */
    uint64_t h = slot + UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)(h ^ h >> 33);
}

static uint32_t new_unit(struct gt_fold *f, uint32_t slot, uint32_t place)
{
    uint32_t index = f->unit_count++;
    f->units[index].sum.slot = slot;
    f->units[index].interval = UINT64_MAX;
    f->slots[place] = index + 1;
    return index;
}

/* One place beyond the configured units is kept for "other". */
uint32_t gt_fold_unit_index(struct gt_fold *f, uint32_t slot)
{
    for (;;) {
        uint32_t place = mix(slot) & f->slot_mask;
        for (; f->slots[place]; place = (place + 1) & f->slot_mask)
            if (f->units[f->slots[place] - 1].sum.slot == slot)
                return f->slots[place] - 1;
        if (f->unit_count < f->config.units || (slot == GT_FOLD_SLOT_OTHER && f->unit_count <= f->config.units))
            return new_unit(f, slot, place);
        f->sum.unit_overflow++;
        slot = GT_FOLD_SLOT_OTHER;
    }
}

/*
 * Units have small indices, so that rows of `stride` places give each pair a place of its own; beyond that, probing sorts it
 * out. This is the innermost step of the fold: every pair of units that share an interval comes by.
 */
static struct fold_pair *find_pair(struct gt_fold *f, uint32_t a, uint32_t b)
{
    uint32_t place = (a * f->pair_stride + b) & f->pair_mask;
    for (; f->pairs[place].a != UINT32_MAX; place = (place + 1) & f->pair_mask)
        if (f->pairs[place].a == a && f->pairs[place].b == b)
            return &f->pairs[place];
    if (f->pair_count == f->config.pairs)
        return NULL;
    f->pair_count++;
    f->pairs[place] = (struct fold_pair){.a = a, .b = b};
    return &f->pairs[place];
}

void gt_fold_add_pair(struct gt_fold *f, uint32_t a, uint32_t b, const struct gt_block_pair *from)
{
    struct fold_pair *pair = find_pair(f, a, b);
    if (!pair)
        f->sum.pair_overflow++;
    else
        pair->edge_ns2 += from->edge_ns2;
    gt_wide_add(pair ? &pair->same : &f->sum.overflow_same, &from->same);
    gt_wide_add(pair ? &pair->lag : &f->sum.overflow_lag, &from->lag);
}

/*
 * True refreshes lie a standard deviation to either side of their estimates, and move what runs there from one interval into
 * the next: the mean product of what they move of two units, half for each of the two intervals that an edge belongs to.
 */
static uint64_t moved(uint64_t begin_a, uint64_t begin_b, uint64_t end_a, uint64_t end_b)
{
    return (begin_a * begin_b + end_a * end_b) / 2;
}

static void add_same(struct gt_fold *f, const struct fold_entry *x, const struct fold_entry *y)
{
    bool ordered = f->units[x->unit].sum.slot <= f->units[y->unit].sum.slot;
    struct fold_pair *pair = find_pair(f, ordered ? x->unit : y->unit, ordered ? y->unit : x->unit);
    if (!pair)
        f->sum.pair_overflow++;
    else
        pair->edge_ns2 += moved(x->begin_ns, y->begin_ns, x->end_ns, y->end_ns);
    gt_wide_add_product(pair ? &pair->same : &f->sum.overflow_same, x->ns, y->ns);
}

static void add_lag(struct gt_fold *f, uint32_t before, uint32_t after, uint64_t before_ns, uint64_t after_ns)
{
    struct fold_pair *pair = find_pair(f, before, after);
    if (!pair)
        f->sum.pair_overflow++;
    gt_wide_add_product(pair ? &pair->lag : &f->sum.overflow_lag, before_ns, after_ns);
}

/* --- closing intervals
 * --------------------------------------------------------------------------------------------------------- */

static struct fold_interval *interval(struct gt_fold *f, uint64_t number)
{
    return &f->intervals[number % f->config.intervals];
}

static void free_entries(struct gt_fold *f, int32_t first)
{
    while (first != NO_INDEX) {
        int32_t next = f->entries[first].next;
        f->entries[first].next = f->free_entry;
        f->free_entry = first;
        first = next;
    }
}

static void add_products(struct gt_fold *f, const struct fold_interval *v)
{
    for (int32_t i = v->entries; i != NO_INDEX; i = f->entries[i].next) {
        const struct fold_entry *a = &f->entries[i];
        gt_wide_add_product(&f->units[a->unit].sum.t_e, a->ns, v->e_uj);
        gt_wide_add_product(&f->units[a->unit].sum.t_dt, a->ns, v->t1 - v->t0);
        f->units[a->unit].sum.edge_ns2 += moved(a->begin_ns, v->begin_sigma_ns, a->end_ns, v->end_sigma_ns);
        for (int32_t j = i; j != NO_INDEX; j = f->entries[j].next)
            add_same(f, a, &f->entries[j]);
    }
}

static void add_lag_products(struct gt_fold *f, const struct fold_interval *before, const struct fold_interval *v)
{
    for (int32_t i = before->entries; i != NO_INDEX; i = f->entries[i].next) {
        const struct fold_entry *a = &f->entries[i];
        gt_wide_add_product(&f->units[a->unit].sum.t_e_next, a->ns, v->e_uj);
        for (int32_t j = v->entries; j != NO_INDEX; j = f->entries[j].next)
            add_lag(f, a->unit, f->entries[j].unit, a->ns, f->entries[j].ns);
    }
    for (int32_t j = v->entries; j != NO_INDEX; j = f->entries[j].next)
        gt_wide_add_product(&f->units[f->entries[j].unit].sum.e_t_next, f->entries[j].ns, before->e_uj);
    gt_wide_add_product(&f->sum.e_e_next, before->e_uj, v->e_uj);
}

static void add_equations(struct gt_fold *f, const struct fold_interval *v)
{
    uint64_t dt = v->t1 - v->t0;
    f->sum.intervals++;
    if (v->edges) {
        f->sum.edge_intervals++;
        f->sum.edge_ns2 += (uint64_t)v->end_sigma_ns * v->end_sigma_ns;
    }
    f->sum.dt_ns += dt;
    f->sum.e_uj += v->e_uj;
    gt_wide_add_product(&f->sum.dt_dt, dt, dt);
    gt_wide_add_product(&f->sum.e_dt, v->e_uj, dt);
    gt_wide_add_product(&f->sum.e_e, v->e_uj, v->e_uj);
    add_products(f, v);
    if (f->has_previous)
        add_lag_products(f, &f->previous, v);
}

/*
 * The job's CPU time inside inferences. By time within the interval; the bounds assume that between inferences the job used
 * between none and twice its mean CPU rate of that interval.
 */
static void add_covered(struct gt_fold *f, uint64_t cpu_ns, uint64_t covered_ns, uint64_t dt)
{
    uint64_t inside = gt_wide_scale(cpu_ns, covered_ns, dt);
    uint64_t outside = cpu_ns - inside;
    f->sum.covered_ns += covered_ns;
    f->sum.inside_cpu_ns += inside;
    f->sum.inside_cpu_lo_ns += inside > outside ? inside - outside : 0;
    f->sum.inside_cpu_hi_ns += cpu_ns;
}

static uint64_t cpu_between(const struct gt_fold *f, uint64_t t0, uint64_t t1)
{
    return gt_curve_value(&f->cpu.curve, t1, C_JOB) - gt_curve_value(&f->cpu.curve, t0, C_JOB);
}

static void close_oldest(struct gt_fold *f)
{
    struct fold_interval v = *interval(f, f->oldest++);
    uint64_t dt = v.t1 - v.t0;
    uint64_t covered = v.infer_ns < dt ? v.infer_ns : dt;
    if (covered > 0)
        add_covered(f, cpu_between(f, v.t0, v.t1), covered, dt);
    bool useful = !v.gap && (v.edges || !f->follows);
    if (useful)
        add_equations(f, &v);
    else if (!v.gap)
        f->sum.unread_ns += dt;
    if (f->has_previous)
        free_entries(f, f->previous.entries);
    f->has_previous = useful;
    f->previous = v;
    if (!useful)
        free_entries(f, v.entries);
}

/* --- rows into intervals
 * ------------------------------------------------------------------------------------------------------- */

static bool is_inference(const struct gt_fold *f, uint32_t unit)
{
    return (f->units[unit].sum.slot & GT_TRACE_SLOT_INFER) != 0;
}

/* NO_INDEX: all are in use. */
static int32_t take_entry(struct gt_fold *f)
{
    int32_t at = f->free_entry;
    if (at != NO_INDEX)
        f->free_entry = f->entries[at].next;
    else if (f->fresh_entry < f->config.entries)
        at = (int32_t)f->fresh_entry++;
    return at;
}

/* For an entry in that interval, older ones are given up: rows come in the order of their ends, all threads' within moments. */
static int32_t make_entry(struct gt_fold *f, uint64_t number)
{
    int32_t at = take_entry(f);
    while (at == NO_INDEX && f->oldest < number) {
        close_oldest(f);
        at = take_entry(f);
    }
    return at;
}

static struct fold_entry *find_entry(struct gt_fold *f, uint64_t number, uint32_t unit)
{
    struct fold_unit *u = &f->units[unit];
    struct fold_interval *v = interval(f, number);
    if (u->interval == number)
        return &f->entries[u->entry];
    int32_t at = v->entries;
    while (at != NO_INDEX && f->entries[at].unit != unit)
        at = f->entries[at].next;
    if (at == NO_INDEX) {
        at = make_entry(f, number);
        if (at == NO_INDEX)
            return NULL;
        f->entries[at] = (struct fold_entry){.unit = unit, .next = v->entries};
        v->entries = at;
    }
    u->interval = number;
    u->entry = at;
    return &f->entries[at];
}

static uint64_t overlap(uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1)
{
    uint64_t begin = a0 > b0 ? a0 : b0, end = a1 < b1 ? a1 : b1;
    return end > begin ? end - begin : 0;
}

/* [t0, t1) lies in that interval. */
static void add_to_interval(struct gt_fold *f, uint64_t number, uint32_t unit, uint64_t t0, uint64_t t1)
{
    struct fold_interval *v = interval(f, number);
    if (is_inference(f, unit)) {
        v->infer_ns += t1 - t0;
        return;
    }
    struct fold_entry *entry = find_entry(f, number, unit);
    if (!entry) {
        f->sum.entry_overflow_ns += t1 - t0;
        return;
    }
    entry->ns += t1 - t0;
    if (!v->edges)
        return;
    entry->begin_ns += (uint32_t)overlap(t0, t1, v->t0, v->t0 + v->begin_sigma_ns);
    entry->end_ns += (uint32_t)overlap(t0, t1, v->t1 - v->end_sigma_ns, v->t1);
}

/* Number of the first kept interval that ends behind t. */
static uint64_t find_interval(struct gt_fold *f, uint64_t t)
{
    uint64_t low = f->oldest, high = f->newest;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (interval(f, middle)->t1 <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Time before the kept intervals: its products are lost, what it says of inferences is not. */
static void add_late(struct gt_fold *f, uint32_t unit, uint64_t t0, uint64_t t1)
{
    if (is_inference(f, unit)) {
        uint64_t cpu = cpu_between(f, t0, t1);
        add_covered(f, cpu, t1 - t0, t1 - t0);
    } else {
        f->sum.late_ns += overlap(t0, t1, f->first_ns, UINT64_MAX); /* before the first sample there were no intervals */
    }
}

/* [t0, t1) ends at or before the last sample. */
static void place(struct gt_fold *f, uint32_t unit, uint64_t t0, uint64_t t1)
{
    uint64_t kept = f->oldest < f->newest ? interval(f, f->oldest)->t0 : f->last_ns;
    if (t0 < kept) {
        uint64_t end = t1 < kept ? t1 : kept;
        add_late(f, unit, t0, end);
        t0 = end;
    }
    for (uint64_t i = t0 < t1 ? find_interval(f, t0) : f->newest; i < f->newest && t0 < t1; i++) {
        const struct fold_interval *v = interval(f, i);
        uint64_t end = t1 < v->t1 ? t1 : v->t1;
        add_to_interval(f, i, unit, t0, end);
        t0 = end;
    }
}

/* Places what lies before the last sample and keeps the rest for the samples to come. */
static void place_row(struct gt_fold *f, uint32_t unit, uint64_t t0, uint64_t t1)
{
    uint64_t now = f->sampled ? f->last_ns : 0;
    if (t0 < now)
        place(f, unit, t0, t1 < now ? t1 : now);
    t0 = t0 < now ? now : t0;
    if (t0 >= t1)
        return;
    if (f->tail_count < f->config.tail) {
        f->tail[f->tail_count++] = (struct fold_tail){.unit = unit, .t0 = t0, .t1 = t1};
        return;
    }
    f->sum.unplaced_rows++;
    add_late(f, unit, t0, t1);
}

/* The sample at t closed an interval: rows that were waiting go into it. */
static void place_tail(struct gt_fold *f, uint64_t t)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->tail_count; i++) {
        struct fold_tail row = f->tail[i];
        if (row.t0 < t) {
            place(f, row.unit, row.t0, row.t1 < t ? row.t1 : t);
            row.t0 = t;
        }
        if (row.t0 < row.t1)
            f->tail[kept++] = row;
    }
    f->tail_count = kept;
}

/* A sample at t ends an interval with that energy. */
static void cut(struct gt_fold *f, uint64_t t, uint64_t e_uj, bool gap)
{
    if (f->sampled) {
        if (f->newest - f->oldest == f->config.intervals)
            close_oldest(f);
        *interval(f, f->newest++) = (struct fold_interval){.t0 = f->last_ns,
                                                           .t1 = t,
                                                           .e_uj = e_uj,
                                                           .entries = NO_INDEX,
                                                           .gap = gap,
                                                           .edges = f->last_sigma_ns > 0 && f->sigma_ns > 0,
                                                           .begin_sigma_ns = f->last_sigma_ns,
                                                           .end_sigma_ns = f->sigma_ns};
    } else {
        f->first_ns = t;
    }
    f->sampled = true;
    f->last_ns = t;
    f->last_sigma_ns = f->sigma_ns;
    place_tail(f, t);
}

/* --- the window
 * ---------------------------------------------------------------------------------------------------------------- */

void gt_fold_resolve_window(struct gt_fold *f, struct fold_window *w, bool clamp)
{
    uint64_t reach = gt_curve_last(&w->curve);
    if (!f->has_window || w->curve.count == 0)
        return;
    if (w->begin_open && (clamp || f->window_begin_ns <= reach)) {
        gt_curve_at(&w->curve, f->window_begin_ns, w->begin, w->edge);
        w->begin_open = f->window_begin_ns > reach;
    }
    if (w->end_open && (clamp || f->window_end_ns <= reach)) {
        gt_curve_at(&w->curve, f->window_end_ns, w->end, w->edge + w->curve.channels);
        w->end_open = f->window_end_ns > reach;
    }
}

/* Each edge is looked up as soon as a sample has passed it, while the curve is still dense there. */
void gt_fold_extend_window(struct gt_fold *f, uint64_t t0, uint64_t t1)
{
    bool begin = !f->has_window || t0 < f->window_begin_ns;
    bool end = !f->has_window || t1 > f->window_end_ns;
    if (begin)
        f->window_begin_ns = t0;
    if (end)
        f->window_end_ns = t1;
    f->has_window = true;
    f->energy.begin_open |= begin;
    f->energy.end_open |= end;
    f->cpu.begin_open |= begin;
    f->cpu.end_open |= end;
    f->shares.begin_open |= begin;
    f->shares.end_open |= end;
    if (begin) {
        gt_fold_resolve_window(f, &f->energy, false);
        gt_fold_resolve_window(f, &f->cpu, false);
        gt_fold_resolve_window(f, &f->shares, false);
    }
}

static void add_sample(struct gt_fold *f, struct fold_window *w, uint64_t t)
{
    gt_curve_add(&w->curve, t, w->now);
    if (w->begin_open || w->end_open)
        gt_fold_resolve_window(f, w, false);
}

/* --- input
 * --------------------------------------------------------------------------------------------------------------------- */

static bool in_equations(const struct gt_fold *f, uint32_t domain)
{
    return f->additive[domain] && (!f->follows || f->clock_package < 0 || f->package[domain] == f->clock_package);
}

/* Moves domain i on; true when nothing became unknown. Its energy is added to *e_uj when the equations are about it. */
static bool step_domain(struct gt_fold *f, uint32_t i, uint64_t t_ns, uint64_t raw, uint64_t *e_uj)
{
    struct gt_unwrap *u = &f->unwrap[i];
    uint64_t uj = u->known_uj;
    if (raw == GT_FOLD_UNREAD)
        return !in_equations(f, i);
    gt_unwrap_step(u, t_ns, raw);
    if (!in_equations(f, i))
        return true;
    *e_uj += u->known_uj - uj;
    return !u->disturbed;
}

static void copy_unwrapped(struct gt_fold *f)
{
    for (uint32_t i = 0; i < f->domains; i++) {
        const struct gt_unwrap *u = &f->unwrap[i];
        const uint64_t values[E_CHANNELS] = {u->known_uj, u->known_ns, u->gap_ns, u->gap_lo_uj, u->gap_hi_uj};
        memcpy(f->energy.now + (size_t)i * E_CHANNELS, values, sizeof values);
    }
}

void gt_fold_set_edges(struct gt_fold *f, int package, double sigma_ns)
{
    f->follows = true;
    f->clock_package = package;
    f->sigma_ns = sigma_ns >= 1 ? (sigma_ns < 1e9 ? (uint32_t)sigma_ns : 1000000000) : sigma_ns > 0;
}

void gt_fold_add_tick(struct gt_fold *f, uint64_t t_ns, const uint64_t *raw)
{
    uint64_t e_uj = 0;
    bool whole = true;
    if (f->domains == 0)
        return;
    if (f->sampled && t_ns <= f->last_ns) {
        f->sum.bad_ticks++;
        return;
    }
    for (uint32_t i = 0; i < f->domains; i++)
        whole &= step_domain(f, i, t_ns, raw[i], &e_uj);
    copy_unwrapped(f);
    add_sample(f, &f->energy, t_ns);
    gt_fold_close_slots(f, false);
    cut(f, t_ns, e_uj, !whole);
}

void gt_fold_add_gap(struct gt_fold *f, uint64_t t_begin_ns, uint64_t t_end_ns)
{
    (void)t_begin_ns, (void)t_end_ns;
    f->sum.source_gaps++;
}

static void add_known(uint64_t *to, uint64_t *known_ns, uint64_t before, uint64_t after, uint64_t dt)
{
    if (before == UINT64_MAX || after == UINT64_MAX)
        return;
    *to += after > before ? after - before : 0;
    *known_ns += dt;
}

void gt_fold_add_cpu(struct gt_fold *f, const struct gt_trace_cpu *cpu)
{
    const struct gt_trace_cpu *last = &f->last_cpu;
    uint64_t *now = f->cpu.now, ignored = 0;
    if (f->has_cpu && cpu->t_ns <= last->t_ns) {
        f->sum.bad_ticks++;
        return;
    }
    if (f->has_cpu) {
        uint64_t dt = cpu->t_ns - last->t_ns;
        add_known(&now[C_JOB], &now[C_JOB_NS], last->job_cpu_ns, cpu->job_cpu_ns, dt);
        add_known(&now[C_BUSY], &now[C_MACHINE_NS], last->machine_busy_ns, cpu->machine_busy_ns, dt);
        add_known(&now[C_TOTAL], &ignored, last->machine_total_ns, cpu->machine_total_ns, dt);
    }
    f->has_cpu = true;
    f->last_cpu = *cpu;
    add_sample(f, &f->cpu, cpu->t_ns);
    gt_fold_close_slots(f, false);
    if (f->domains == 0)
        cut(f, cpu->t_ns, 0, false);
}

void gt_fold_add_event(struct gt_fold *f, uint64_t thread, const struct gt_trace_event *event)
{
    (void)thread;
    if (event->t_end_ns < event->t_begin_ns)
        return;
    uint32_t unit = gt_fold_unit_index(f, event->slot);
    struct gt_block_unit *sum = &f->units[unit].sum;
    sum->calls++;
    sum->items += event->items;
    sum->ns += event->t_end_ns - event->t_begin_ns;
    if (is_inference(f, unit))
        gt_fold_extend_window(f, event->t_begin_ns, event->t_end_ns);
    place_row(f, unit, event->t_begin_ns, event->t_end_ns);
}

void gt_fold_add_region(struct gt_fold *f, uint64_t thread, const struct gt_trace_event *event)
{
    struct gt_trace_event window = *event;
    window.slot |= GT_TRACE_SLOT_INFER;
    gt_fold_add_event(f, thread, event);
    gt_fold_add_event(f, thread, &window);
    f->has_regions = true;
}

void gt_fold_add_missing(struct gt_fold *f, uint32_t slot, uint64_t calls, uint64_t items, uint64_t ns)
{
    struct gt_block_unit *sum = &f->units[gt_fold_unit_index(f, slot)].sum;
    sum->calls += calls;
    sum->items += items;
    sum->ns += ns;
    sum->missing_calls += calls;
    sum->missing_ns += ns;
}

void gt_fold_take_nested(struct gt_fold *f, uint32_t slot, uint64_t ns)
{
    struct gt_block_unit *sum = &f->units[gt_fold_unit_index(f, slot)].sum;
    sum->ns -= ns; /* below 0, modulo 2^64, where most of it is in blocks that were taken before: their sum is right */
    f->sum.nested_ns += ns;
}

void gt_fold_take_gaps(struct gt_fold *f, struct gt_gap_list *gaps)
{
    *gaps = f->gaps;
    f->gaps.count = 0;
    f->gaps.dropped = 0;
}

void gt_fold_set_span(struct gt_fold *f, uint64_t begin_ns, uint64_t end_ns)
{
    f->sum.reserved[GT_BLOCK_SPAN_BEGIN] = begin_ns;
    f->sum.reserved[GT_BLOCK_SPAN_END] = end_ns;
}

uint64_t gt_fold_equations_ns(const struct gt_fold *f)
{
    return f->sum.dt_ns;
}

bool gt_fold_close_some(struct gt_fold *f, uint64_t ns)
{
    while (f->oldest < f->newest && f->sum.dt_ns < ns)
        close_oldest(f);
    return f->oldest < f->newest;
}

void gt_fold_finish(struct gt_fold *f)
{
    for (uint32_t i = 0; i < f->domains; i++)
        gt_unwrap_settle(&f->unwrap[i]);
    copy_unwrapped(f);
    gt_curve_amend(&f->energy.curve, f->energy.now);
    f->energy.end_open |= f->has_window && f->window_end_ns >= gt_curve_last(&f->energy.curve);
    gt_fold_close_slots(f, true);
    while (f->oldest < f->newest)
        close_oldest(f);
    for (uint32_t i = 0; i < f->tail_count; i++)
        add_late(f, f->tail[i].unit, f->tail[i].t0, f->tail[i].t1);
    f->tail_count = 0;
}
