/*
 * What counters do wrong, through the real code: a scripted machine's powercap tree -> source -> fold -> attribution. The truth
 * is known: the run's total is within 0.5 % of it, or its bounds hold it and a gap is named; bounds are no wider than the fault
 * explains, and what has no fault has no gap.
 */
#include "energy/attribute.h"

#include "tests/sim/sim.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "/sys/class/powercap/"

enum { MOST_COUNTERS = 8 };
static const uint64_t MS = 1000000, S = 1000000000;
static const uint64_t RANGE = 262143328850;

static uint64_t random_state = 0x9e3779b97f4a7c15;

static double uniform(void)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (double)(random_state >> 11) / 9007199254740992.0;
}

enum fault {
    NONE,
    UNREADABLE,    /* reads fail from `at` for `lasts` */
    STALL_CATCHES, /* stands still, then shows everything */
    STALL_LOSES,   /* stands still, then goes on from there */
    STEP_BACK,     /* `amount` µJ less from `at` on */
    JUMP,          /* `amount` µJ more from `at` on */
    RESET,         /* counts from 0 at `at` */
    ZERO_ONCE,     /* reads 0 for 5 ms around one reading */
    HIGH_ONCE      /* reads far too much for as long */
};

/* One simulated counter: its power ripples by a fifth around `w`, the register is refreshed each millisecond. */
struct counter {
    double w, w_after; /* before and after `changes` */
    uint64_t changes;
    uint64_t begin_uj, range_uj;
    enum fault fault;
    uint64_t at, lasts;
    double amount;
    char text[32];
    double phase;
    bool met; /* a fault of single readings has begun, with a reading */
};

/* The integral of w (1 + 0.2 sin 25 t), µJ, since t = 0; the sine's integral in closed form. */
static double truth_uj(const struct counter *c, uint64_t ns)
{
    double t = (double)ns * 1e-9, to = c->changes ? (double)c->changes * 1e-9 : 1e30, a = t < to ? t : to, b = t - a;
    double ripple_a = 0.2 / 25 * (cos(c->phase) - cos(25 * a + c->phase));
    double ripple_b = 0.2 / 25 * (cos(25 * a + c->phase) - cos(25 * t + c->phase));
    return 1e6 * (c->w * (a + ripple_a) + c->w_after * (b + ripple_b));
}

static uint64_t origin_ns, late_ns; /* late_ns: the last reading comes so much after the end */

static double register_uj(const struct counter *c, uint64_t t)
{
    double uj = truth_uj(c, t), at = truth_uj(c, c->at), after = truth_uj(c, c->at + c->lasts);
    bool during = t >= c->at && t < c->at + c->lasts, past = t >= c->at + c->lasts;
    switch (c->fault) {
    case STALL_CATCHES:
        return during ? at : uj;
    case STALL_LOSES:
        return during ? at : past ? uj - (after - at) : uj;
    case STEP_BACK:
        return t >= c->at ? uj - c->amount : uj;
    case JUMP:
        return t >= c->at ? uj + c->amount : uj;
    case HIGH_ONCE:
        return c->met && t + MS > c->at && t < c->at + c->lasts ? uj + c->amount : uj;
    default:
        return uj;
    }
}

static const char *read_register(void *context, uint64_t mono_ns)
{
    struct counter *c = context;
    uint64_t t = mono_ns > origin_ns ? (mono_ns - origin_ns) / MS * MS : 0;
    double uj = register_uj(c, t) + (double)c->begin_uj, range = (double)c->range_uj + 1;
    if (c->fault == RESET && t >= c->at)
        uj = truth_uj(c, t) - truth_uj(c, c->at);
    if (c->fault == ZERO_ONCE && c->met && t + MS > c->at && t < c->at + c->lasts)
        uj = 0;
    uj -= range * floor(uj / range);
    snprintf(c->text, sizeof c->text, "%llu\n", (unsigned long long)uj);
    return c->text;
}

/* --- a machine and a run on it ------------------------------------------------------------------------------------------- */

struct zone {
    const char *zone, *name;
    bool counts; /* toward the truth */
};

struct machine {
    struct gt_sim sim;
    struct counter counters[MOST_COUNTERS];
    const struct zone *zones;
    int count;
};

static struct machine machine;
static struct gt_source_state source_state;
static struct gt_source_desc desc;

static void lay_out(const struct zone *zones)
{
    struct machine *m = &machine;
    char path[256];
    gt_sim_init(&m->sim);
    m->zones = zones;
    for (m->count = 0; zones[m->count].zone; m->count++) {
        struct counter *c = &m->counters[m->count];
        *c = (struct counter){
            .w = 20 + 13 * m->count, .begin_uj = 1000000 + 7777777u * (unsigned)m->count, .range_uj = RANGE, .phase = m->count};
        c->w_after = c->w;
        snprintf(path, sizeof path, ROOT "%s/name", zones[m->count].zone);
        gt_sim_printf(&m->sim, path, "%s\n", zones[m->count].name);
        snprintf(path, sizeof path, ROOT "%s/max_energy_range_uj", zones[m->count].zone);
        gt_sim_printf(&m->sim, path, "%llu\n", (unsigned long long)c->range_uj);
        snprintf(path, sizeof path, ROOT "%s/energy_uj", zones[m->count].zone);
        gt_sim_dynamic(&m->sim, path, read_register, c);
    }
}

static void set_range(int i, uint64_t range_uj)
{
    char path[256];
    machine.counters[i].range_uj = range_uj;
    snprintf(path, sizeof path, ROOT "%s/max_energy_range_uj", machine.zones[i].zone);
    gt_sim_printf(&machine.sim, path, "%llu\n", (unsigned long long)range_uj);
}

static bool is_unreadable(uint64_t t)
{
    for (int i = 0; i < machine.count; i++) {
        const struct counter *c = &machine.counters[i];
        if (c->fault == UNREADABLE && t >= c->at && t < c->at + c->lasts)
            return true;
    }
    return false;
}

struct outcome {
    double truth_uj;
    struct gt_uj total;
    struct gt_gap_list gaps; /* failed reads are among them */
};

static void fail_reads(bool fails)
{
    char path[256];
    for (int i = 0; i < machine.count; i++)
        if (machine.counters[i].fault == UNREADABLE) {
            snprintf(path, sizeof path, ROOT "%s/energy_uj", machine.zones[i].zone);
            gt_sim_fail_read(&machine.sim, path, fails ? EIO : 0, 1, 0);
        }
}

/* Faults of single readings begin with one. */
static void meet_readings(uint64_t t)
{
    for (int i = 0; i < machine.count; i++) {
        struct counter *c = &machine.counters[i];
        if (c->met || t < c->at || (c->fault != ZERO_ONCE && c->fault != HIGH_ONCE))
            continue;
        c->at = t;
        c->met = true;
    }
}

/* Samples as the tracker does: a reading each `every` ns with some lateness, one at the begin and one at the end. */
static void sample(struct gt_fold *fold, uint64_t lasts, uint64_t every, struct outcome *out)
{
    uint64_t raw[GT_SOURCE_DOMAINS], t_ns, gap_begin = 0;
    for (uint64_t t = 0;; t = t + every < lasts ? t + every + (uint64_t)(uniform() * 500000) : lasts) {
        t = t < lasts ? t : lasts;
        machine.sim.mono_ns = origin_ns + t + (t == lasts ? late_ns : 0);
        fail_reads(is_unreadable(t));
        meet_readings(t);
        if (gt_source_powercap.read(&source_state, raw, &t_ns) == GT_OK) {
            const struct gt_gap gap = {.from_ns = gap_begin, .to_ns = t_ns, .domain = GT_GAP_ALL, .reason = GT_GAP_UNREAD};
            if (gap_begin)
                gt_gaps_add(&out->gaps, &gap);
            gap_begin = 0;
            gt_fold_add_tick(fold, t_ns, raw);
        } else if (!gap_begin) {
            gap_begin = machine.sim.mono_ns;
        }
        if (t == lasts)
            break;
    }
    const struct gt_gap gap = {.from_ns = gap_begin, .to_ns = origin_ns + lasts, .domain = GT_GAP_ALL, .reason = GT_GAP_UNREAD};
    if (gap_begin)
        gt_gaps_add(&out->gaps, &gap);
}

static void attribute(struct gt_fold *fold, struct outcome *out)
{
    size_t capacity = gt_fold_take_bytes(fold), bytes;
    void *payload = aligned_alloc(16, (capacity + 15) / 16 * 16);
    struct gt_block block;
    struct gt_host host = {.cpus_online = 4, .cpus_allowed = 4};
    struct gt_attribute_input input = {
        .block = &block, .desc = &desc, .host = &host, .idle_w = NAN, .idle_lo_w = NAN, .idle_hi_w = NAN};
    static struct gt_attribution a;
    struct gt_err err = {0};
    assert_int_equal(gt_fold_take(fold, payload, capacity, &bytes), GT_OK);
    assert_int_equal(gt_block_parse(payload, bytes, &block), GT_OK);
    assert_int_equal(gt_attribute(&input, &a, NULL, NULL, &err), GT_OK);
    assert_true(a.known);
    out->total = a.run_total;
    free(payload);
}

static void run(uint64_t lasts, uint64_t every, struct outcome *out)
{
    size_t bytes = gt_fold_bytes(&gt_fold_config_small, GT_SOURCE_DOMAINS);
    void *memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
    struct gt_fold *fold;
    struct gt_err err = {0};
    struct gt_gap_list found;
    memset(out, 0, sizeof *out);
    origin_ns = machine.sim.mono_ns = 5 * S;
    assert_int_equal(gt_source_powercap.open(&machine.sim.os, NULL, &source_state, &desc, &err), GT_OK);
    assert_int_equal(gt_fold_init(memory, bytes, &gt_fold_config_small, &desc, &fold), GT_OK);
    sample(fold, lasts, every, out);
    gt_fold_finish(fold);
    gt_fold_set_span(fold, origin_ns, origin_ns + lasts);
    gt_fold_take_gaps(fold, &found);
    for (uint32_t i = 0; i < found.count; i++)
        gt_gaps_add(&out->gaps, &found.rows[i]);
    attribute(fold, out);
    for (int i = 0; i < machine.count; i++)
        out->truth_uj += machine.zones[i].counts ? truth_uj(&machine.counters[i], lasts) : 0;
    gt_source_powercap.close(&source_state);
    free(memory);
    assert_int_equal(machine.sim.open_fds, 0);
    gt_sim_free(&machine.sim);
}

/* --- the table ----------------------------------------------------------------------------------------------------------- */

static const struct zone one[] = {{"intel-rapl:0", "package-0", true}, {0}};
static const struct zone two[] = {{"intel-rapl:0", "package-0", true}, {"intel-rapl:1", "package-1", true}, {0}};
static const struct zone dies[] = {{"intel-rapl:0", "package-0-die-0", true}, {"intel-rapl:1", "package-0-die-1", true}, {0}};
static const struct zone laptop[] = {{"intel-rapl:0", "package-0", true},
                                     {"intel-rapl:0:0", "core", false},
                                     {"intel-rapl:1", "psys", false},
                                     {"intel-rapl-mmio:0", "package-0", false},
                                     {0}};
static const struct zone server[] = {{"intel-rapl:0", "package-0", true},
                                     {"intel-rapl:0:0", "dram", true},
                                     {"intel-rapl:1", "package-1", true},
                                     {"intel-rapl:1:0", "dram", true},
                                     {0}};

struct scenario {
    const char *name;
    const struct zone *zones;
    int counter; /* that has the fault */
    enum fault fault;
    double at_s, lasts_s, amount_uj;
    uint64_t range_uj; /* 0: the usual one */
    double most_width; /* of the bounds, as a part of the truth */
    bool exact;        /* within 0.5 % */
    bool named;        /* a gap is named */
    bool equal_start;
};

#define WITHIN 0.02 /* refresh at both ends, on both sides */

static const struct scenario scenarios[] = {
    {"no fault", one, 0, NONE, 0, 0, 0, 0, WITHIN, true, false, false},
    {"no fault, psys and an mmio twin", laptop, 0, NONE, 0, 0, 0, 0, WITHIN, true, false, false},
    {"no fault, dies", dies, 0, NONE, 0, 0, 0, 0, WITHIN, true, false, false},
    {"no fault, dram", server, 0, NONE, 0, 0, 0, 0, WITHIN, true, false, false},
    {"two packages that start equal", two, 0, NONE, 0, 0, 0, 0, WITHIN, true, false, true},
    {"wraps every three seconds", one, 0, NONE, 0, 0, 0, 65536000, WITHIN, true, false, false},
    {"one failed read", one, 0, UNREADABLE, 4, 0.01, 0, 0, WITHIN, true, true, false},
    {"failed reads for three seconds", one, 0, UNREADABLE, 4, 3, 0, 0, WITHIN, true, true, false},
    {"failed reads of one of two", two, 1, UNREADABLE, 4, 3, 0, 0, WITHIN, true, true, false},
    {"one wrap in failed reads", one, 0, UNREADABLE, 4, 0.05, 0, 81000000, WITHIN, true, true, false},
    {"wraps in failed reads for three seconds", one, 0, UNREADABLE, 4, 3, 0, 20000000, 1.2, false, true, false},
    {"the very first read fails", one, 0, UNREADABLE, 0, 0.01, 0, 0, WITHIN, true, true, false},
    {"the first two seconds fail", one, 0, UNREADABLE, 0, 2, 0, 0, 0.9, false, true, false},
    {"the last two seconds fail", one, 0, UNREADABLE, 8, 9, 0, 0, 0.9, false, true, false},
    {"a stall that catches up", one, 0, STALL_CATCHES, 4, 1.5, 0, 0, WITHIN, true, false, false},
    {"a short stall that catches up", one, 0, STALL_CATCHES, 4, 0.1, 0, 0, WITHIN, true, false, false},
    {"a stall that loses", one, 0, STALL_LOSES, 4, 2, 0, 0, 0.9, false, true, false},
    {"a short stall that loses", one, 0, STALL_LOSES, 4, 0.2, 0, 0, 0.12, false, true, false},
    {"a stall that loses, of a die", dies, 1, STALL_LOSES, 4, 2, 0, 0, 0.7, false, true, false},
    {"a stall at the begin that loses", one, 0, STALL_LOSES, 0, 2, 0, 0, 0.9, false, true, false},
    {"a stall at the end", one, 0, STALL_LOSES, 8, 9, 0, 0, 0.9, false, true, false},
    {"a step back", one, 0, STEP_BACK, 4, 0, 5000000, 0, 0.03, false, true, false},
    {"a small step back", one, 0, STEP_BACK, 4, 0, 800000, 0, 0.03, false, true, false},
    {"a step back below zero", one, 0, STEP_BACK, 0.02, 0, 3000000, 0, 0.05, false, true, false},
    {"a jump", one, 0, JUMP, 4, 0, 5000000, 0, 0.06, false, true, false},
    {"a huge jump", one, 0, JUMP, 4, 0, 90000000000.0, 0, 0.05, false, true, false},
    {"a jump of a dram", server, 1, JUMP, 4, 0, 6000000, 0, 0.05, false, true, false},
    {"a reset", one, 0, RESET, 4, 0, 0, 0, 0.03, false, true, false},
    {"a reset beside a twin", laptop, 0, RESET, 4, 0, 0, 0, 0.03, false, true, false},
    {"a reset of one of two", two, 1, RESET, 4, 0, 0, 0, 0.03, false, true, true},
    {"a reset at the last reading", one, 0, RESET, 9.995, 0, 0, 0, 0.03, false, true, false},
    {"a single read of 0", one, 0, ZERO_ONCE, 4, 0.005, 0, 0, WITHIN, true, true, false},
    {"a single read of 0, of a die", dies, 1, ZERO_ONCE, 4, 0.005, 0, 0, WITHIN, true, true, false},
    {"two reads of 0", one, 0, ZERO_ONCE, 4, 0.018, 0, 0, 0.05, false, true, false},
    {"the first read is 0", one, 0, ZERO_ONCE, 0, 0.005, 0, 0, 0.05, false, true, false},
    {"the last read is 0", one, 0, ZERO_ONCE, 9.995, 1, 0, 0, 0.05, false, true, false},
    {"a single read far too high", one, 0, HIGH_ONCE, 4, 0.005, 7000000000.0, 0, WITHIN, true, true, false},
    {"psys goes back", laptop, 2, STEP_BACK, 4, 0, 5000000, 0, WITHIN, true, false, false},
};

static void check(const struct scenario *s, uint64_t every, double at_s)
{
    struct outcome o;
    lay_out(s->zones);
    struct counter *c = &machine.counters[s->counter];
    c->fault = s->fault;
    c->at = (uint64_t)(at_s * 1e9);
    c->lasts = (uint64_t)(s->lasts_s * 1e9);
    c->amount = s->amount_uj;
    for (int i = 0; s->equal_start && i < machine.count; i++)
        machine.counters[i].begin_uj = 123456789;
    if (s->range_uj)
        set_range(s->counter, s->range_uj);
    run(10 * S, every, &o);
    double off = fabs((double)o.total.uj - o.truth_uj) / o.truth_uj;
    double width = (double)(o.total.hi_uj - o.total.lo_uj) / o.truth_uj;
    bool held = (double)o.total.lo_uj <= o.truth_uj && o.truth_uj <= (double)o.total.hi_uj, named = o.gaps.count > 0;
    if (getenv("GREENTRACK_FAULTS"))
        print_message("%-45s off %7.3f %%, width %7.3f %%, held %d, gaps %u\n", s->name, 100 * off, 100 * width, held,
                      o.gaps.count);
    bool good = o.total.lo_uj >= 0 && (off <= 0.005 || (held && named)) && held && width <= s->most_width &&
                (off <= 0.005 || !s->exact) && named == s->named && o.gaps.dropped == 0;
    if (!good)
        fail_msg("%s at %.4f s: truth %.0f, total %lld (%lld to %lld), %u gaps", s->name, at_s, o.truth_uj,
                 (long long)o.total.uj, (long long)o.total.lo_uj, (long long)o.total.hi_uj, o.gaps.count);
}

static void test_every_fault_is_told_or_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        check(&scenarios[i], 10 * MS - 250000, scenarios[i].at_s);
}

/* What a counter shows is up to a refresh old, at both ends, and the last reading comes late: the bounds hold that, whatever
 * the machine does there. */
static void test_bounds_hold_both_ends(void **state)
{
    (void)state;
    for (int seed = 0; seed < 400; seed++) {
        struct outcome o;
        lay_out(one);
        struct counter *c = &machine.counters[0];
        uint64_t lasts = (seed % 2 ? 5 : 700) * MS + (uint64_t)(uniform() * 1e6);
        c->w = 5 + 10 * uniform();
        c->w_after = (seed % 2 ? 2 : 7) * c->w;
        c->changes = lasts - (uint64_t)(uniform() * 4e6) - (seed % 2 ? 0 : 12 * MS);
        late_ns = (uint64_t)(uniform() * 3e6);
        run(lasts, 10 * MS, &o);
        late_ns = 0;
        if ((double)o.total.lo_uj > o.truth_uj || o.truth_uj > (double)o.total.hi_uj)
            fail_msg("seed %d: truth %.0f, total %lld (%lld to %lld)", seed, o.truth_uj, (long long)o.total.uj,
                     (long long)o.total.lo_uj, (long long)o.total.hi_uj);
    }
}

/* Hundreds of machines: power, moment, sampling and what goes wrong drawn at random; load may come and go. */
static void test_random_faults(void **state)
{
    (void)state;
    static const struct zone *const layouts[] = {one, two, dies, laptop, server};
    for (int seed = 0; seed < 400; seed++) {
        struct outcome o;
        lay_out(layouts[seed % 5]);
        for (int i = 0; i < machine.count; i++) {
            struct counter *c = &machine.counters[i];
            c->w = 4 + 80 * uniform();
            c->w_after = c->w * (0.3 + 2 * uniform());
            c->changes = (uint64_t)(uniform() * 5e9);
            c->begin_uj = (uint64_t)(uniform() * (double)RANGE);
        }
        struct counter *c = &machine.counters[0]; /* which counts in every layout */
        c->fault = (enum fault)(seed % (HIGH_ONCE + 1));
        c->at = (uint64_t)(uniform() * 4.5e9);
        c->lasts = c->fault == ZERO_ONCE || c->fault == HIGH_ONCE ? 2 * MS : 200 * MS + (uint64_t)(uniform() * 2e9);
        /* (A jump of less than eight times the peak over one interval cannot be told from a burst.) */
        c->amount = 1e6 * ((c->fault == JUMP ? 35 : 1) + 100 * uniform());
        run(5 * S, (uint64_t)(2 + 18 * uniform()) * MS, &o);
        double off = fabs((double)o.total.uj - o.truth_uj) / o.truth_uj;
        bool held = (double)o.total.lo_uj <= o.truth_uj && o.truth_uj <= (double)o.total.hi_uj;
        if (o.total.lo_uj < 0 || (off > 0.005 && !(held && o.gaps.count)) || (seed % (HIGH_ONCE + 1) == NONE && o.gaps.count))
            fail_msg("seed %d: fault %d at %.4f of %.1f J, truth %.0f, total %lld (%lld to %lld), %u gaps", seed,
                     seed % (HIGH_ONCE + 1), (double)c->at * 1e-9, c->amount * 1e-6, o.truth_uj, (long long)o.total.uj,
                     (long long)o.total.lo_uj, (long long)o.total.hi_uj, o.gaps.count);
    }
}

/* Near the top of its range a counter that reads 0, once or from then on, looks as if it had wrapped. */
static void test_zeros_near_the_top_are_no_wraps(void **state)
{
    (void)state;
    for (int seed = 0; seed < 200; seed++) {
        struct outcome o;
        lay_out(one);
        struct counter *c = &machine.counters[0];
        c->fault = seed % 2 ? RESET : ZERO_ONCE;
        c->at = S + (uint64_t)(uniform() * 3e9);
        c->lasts = 2 * MS;
        c->begin_uj = RANGE - (uint64_t)(truth_uj(c, c->at) + 4e6 * uniform());
        run(5 * S, 10 * MS, &o);
        double off = fabs((double)o.total.uj - o.truth_uj) / o.truth_uj;
        bool held = (double)o.total.lo_uj <= o.truth_uj && o.truth_uj <= (double)o.total.hi_uj;
        if (off > 0.005 && !(held && o.gaps.count))
            fail_msg("seed %d: truth %.0f, total %lld (%lld to %lld), %u gaps", seed, o.truth_uj, (long long)o.total.uj,
                     (long long)o.total.lo_uj, (long long)o.total.hi_uj, o.gaps.count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_is_told_or_harmless),
        cmocka_unit_test(test_bounds_hold_both_ends),
        cmocka_unit_test(test_random_faults),
        cmocka_unit_test(test_zeros_near_the_top_are_no_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
