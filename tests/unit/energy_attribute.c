/* Attribution: worked examples by hand, and over random blocks the laws that every result must keep. */
#include "energy/attribute.h"

#include "energy/block.h"
#include "energy/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INFER GT_TRACE_SLOT_INFER

enum { UNITS_MAX = 40 };

static const uint64_t S = 1000000000;

static uint64_t random_state = 0x2545f4914f6cdd1d;

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return n ? random_state % n : 0;
}

/* A block made by hand. */
struct made {
    struct gt_block_head head;
    struct gt_block_domain domains[2];
    struct gt_block_unit units[UNITS_MAX];
    struct gt_block block;
    struct gt_source_desc desc;
    struct gt_host host;
    struct gt_attribute_input input;
};

static struct gt_attribution out;
static struct gt_unit_energy units[UNITS_MAX];
static struct gt_infer_energy infers[UNITS_MAX];

static void add_unit(struct made *m, uint32_t slot, uint64_t calls, uint64_t items, uint64_t ns)
{
    m->units[m->head.unit_count++] = (struct gt_block_unit){.slot = slot, .calls = calls, .items = items, .ns = ns};
}

static void make(struct made *m, enum gt_provenance provenance)
{
    memset(m, 0, sizeof *m);
    m->desc.provenance = provenance;
    m->desc.domain_count = provenance == GT_PROVENANCE_MODELLED ? 0 : 1;
    m->desc.domains[0] = (struct gt_domain){.parent = -1, .additive = true, .uj_per_count = 1};
    m->head.domain_count = (uint32_t)m->desc.domain_count;
    m->host.cpus_online = 4;
    m->host.cpus_allowed = 2;
    m->block = (struct gt_block){.head = &m->head, .domains = m->domains, .units = m->units};
    m->input = (struct gt_attribute_input){
        .block = &m->block, .desc = &m->desc, .host = &m->host, .idle_w = NAN, .idle_lo_w = NAN, .idle_hi_w = NAN};
}

static void attribute(struct made *m)
{
    struct gt_err err = {0};
    assert_int_equal(gt_attribute(&m->input, &out, units, infers, &err), GT_OK);
}

/*
 * Ten seconds, 100 J of which 40 J idle (4 W). The machine was busy 8 s, 6 s of them the job's, 5.4 s inside inferences, which
 * covered 9 s. Units took 6 s of the inferences' 9 s.
 */
static void make_example(struct made *m)
{
    make(m, GT_PROVENANCE_MEASURED);
    m->input.idle_w = m->input.idle_lo_w = m->input.idle_hi_w = 4;
    m->head.begin_ns = m->head.window_begin_ns = 100 * S;
    m->head.end_ns = m->head.window_end_ns = 110 * S;
    m->head.cpu_known_ns = m->head.machine_known_ns = m->head.window_cpu_known_ns = m->head.window_machine_known_ns = 10 * S;
    m->head.job_cpu_ns = m->head.window_job_cpu_ns = 6 * S;
    m->head.machine_busy_ns = m->head.window_busy_ns = 8 * S;
    m->head.machine_total_ns = m->head.window_total_ns = 40 * S;
    m->head.inside_cpu_ns = m->head.inside_cpu_lo_ns = m->head.inside_cpu_hi_ns = 54 * S / 10;
    m->head.covered_ns = 9 * S;
    m->domains[0].all = m->domains[0].window = (struct gt_block_energy){.known_uj = 100000000, .known_ns = 10 * S};
    add_unit(m, 1, 10, 0, 4 * S);
    add_unit(m, 2, 20, 0, 2 * S);
    add_unit(m, INFER | 1, 10, 100, 9 * S);
}

static void test_measured_by_hand(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    attribute(&m);
    /* dynamic 60 J, the job's 3/4 of it: 45 J, 90 % inside: 40.5 J, 2/3 of that in units */
    assert_int_equal(out.closure.total.uj, 100000000);
    assert_int_equal(out.closure.units.uj, 27000000);
    assert_int_equal(out.closure.framework.uj, 13500000);
    assert_true(out.units_known);
    assert_int_equal(out.closure.inference.uj, 40500000);
    assert_int_equal(out.closure.unattributed.uj, 4500000);
    assert_int_equal(out.closure.idle.uj, 20000000);   /* half of the cpus */
    assert_int_equal(out.closure.others.uj, 35000000); /* 15 J dynamic, 20 J idle */
    assert_true(fabs(out.closure.unattributed_share - 0.1) < 1e-9);
    assert_true(out.closure.unattributed_flag);
    assert_int_equal(out.unit_count, 2);
    assert_int_equal(units[0].energy.uj, 18000000);
    assert_true(fabs(units[0].uj_per_call - 1800000) < 0.01);
    assert_true(fabs(units[1].uj_per_call - 450000) < 0.01);
    assert_true(fabs(units[0].share - 2.0 / 3) < 1e-12);
    assert_true(units[0].ns_per_call == 4e8);
    assert_int_equal(out.infer_count, 1);
    /* 40.5 J and 90 % of the job's 20 J idle, over 100 items */
    assert_true(fabs(infers[0].uj_per_item - 585000) < 0.01);
    assert_true(fabs(infers[0].dynamic_uj_per_item - 405000) < 0.01);
    assert_true(infers[0].ns_per_item == 9e7);
    assert_int_equal(out.run_total.uj, 100000000);
    assert_int_equal(out.run_job.uj, 65000000);
    assert_int_equal(out.kind, GT_BOUNDS_CI95);
    assert_true(out.known && out.idle_known && out.share_known);
    assert_true(fabs(out.cpu_share - 0.75) < 1e-12);
    assert_string_equal(out.method, "time");
}

/* Inferences without a row are like those that have one, but what fills the window has the window's CPU time. */
static void test_inferences_without_a_row(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.head.covered_ns = 6 * S; /* 3 of 9 s are lost: the rate of the others */
    m.head.inside_cpu_ns = m.head.inside_cpu_lo_ns = m.head.inside_cpu_hi_ns = 36 * S / 10;
    m.units[2].missing_ns = 3 * S;
    attribute(&m);
    assert_int_equal(out.closure.inference.uj, 40500000);
    assert_int_equal(out.covered_ns, 9 * S);
    m.head.covered_ns = S / 10; /* nearly all are, and those that are left waited */
    m.head.inside_cpu_ns = m.head.inside_cpu_lo_ns = m.head.inside_cpu_hi_ns = S / 100;
    m.units[2].missing_ns = 89 * S / 10;
    attribute(&m);
    /* 5.99 s of CPU in 9.9 s: at most 2 x 1 s x 0.605 of it are not the 8.9 s of inferences' */
    assert_true(fabs((double)out.closure.inference.uj - 45e6 * (0.01 + 5.99 * (17.8 / 9.9 - 1)) / 6) < 2);
    assert_true(out.closure.inference.lo_uj <= 40500000 && out.closure.inference.hi_uj >= 40500000);
    assert_int_equal(out.covered_ns, 9 * S);
}

/* What is not known is bounded, not guessed away. */
static void test_gaps_widen_the_bounds(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    attribute(&m);
    struct gt_uj whole = out.closure.total;
    m.domains[0].window = (struct gt_block_energy){
        .known_uj = 80000000, .known_ns = 8 * S, .gap_ns = 2 * S, .gap_lo_uj = 0, .gap_hi_uj = 500000000};
    attribute(&m);
    assert_int_equal(out.closure.total.uj, 100000000); /* at the mean power */
    assert_int_equal(out.closure.total.lo_uj, 80000000);
    assert_int_equal(out.closure.total.hi_uj, 580000000);
    assert_true(whole.hi_uj - whole.lo_uj < 10);
    assert_true(fabs(out.gap_share - 0.2) < 1e-9);
    /* the mean is not believed against what the gap must hold */
    m.domains[0].window.gap_lo_uj = 30000000;
    attribute(&m);
    assert_int_equal(out.closure.total.uj, 110000000);
}

static void test_unknown_idle_spans_both_extremes(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.input.idle_w = NAN;
    attribute(&m);
    assert_false(out.idle_known);
    assert_int_equal(out.kind, GT_BOUNDS_RANGE);
    assert_int_equal(out.closure.idle.uj, 0);
    assert_int_equal(out.closure.total.uj, 100000000);
    assert_int_equal(out.run_job.uj, 75000000); /* by CPU time of everything */
    assert_true(out.run_job.lo_uj <= 50000000); /* all of it idle: half of the cpus */
    assert_true(out.run_job.hi_uj >= 75000000);
    assert_int_equal(units[0].energy.uj, 30000000); /* its share of idle inside: 75 J, 90 % inside, 4/9 in this unit */
    assert_int_equal(units[0].energy.lo_uj, 20000000);
    make_example(&m); /* with idle known, the truth lies within */
    attribute(&m);
    int64_t known = out.run_job.uj;
    double per_item = infers[0].uj_per_item;
    m.input.idle_w = NAN;
    attribute(&m);
    assert_true(out.run_job.lo_uj <= known && known <= out.run_job.hi_uj);
    assert_true(infers[0].lo_uj <= per_item && per_item <= infers[0].hi_uj);
}

static void test_modelled_by_hand(void **state)
{
    (void)state;
    struct made m;
    make(&m, GT_PROVENANCE_MODELLED);
    m.head.begin_ns = m.head.window_begin_ns = 5 * S;
    m.head.end_ns = m.head.window_end_ns = 15 * S;
    m.head.cpu_known_ns = m.head.window_cpu_known_ns = 10 * S;
    m.head.job_cpu_ns = m.head.window_job_cpu_ns = 8 * S;
    m.head.inside_cpu_ns = m.head.inside_cpu_lo_ns = m.head.inside_cpu_hi_ns = 8 * S;
    m.head.covered_ns = 10 * S;
    add_unit(&m, 1, 10, 0, 10 * S);
    add_unit(&m, INFER | 1, 10, 10, 10 * S);
    attribute(&m);
    const struct gt_wattage *row = out.wattage;
    assert_string_equal(row->family, "generic");
    assert_int_equal(out.kind, GT_BOUNDS_RANGE);
    assert_string_equal(gt_bounds_word(out.kind), "range");
    assert_true(fabs((double)out.closure.units.uj - 8e6 * (row->full_w - row->idle_w)) <= 1);
    assert_true(fabs((double)out.closure.idle.uj - 10e6 * 2 * row->idle_w) <= 1);
    assert_int_equal(out.closure.others.uj, 0);
    assert_int_equal(out.closure.framework.uj, 0);
    assert_int_equal(out.closure.unattributed.uj, 0);
    assert_true(fabs(infers[0].uj_per_item - (double)out.closure.total.uj / 10) < 1);
    assert_true(fabs(infers[0].lo_uj - (8e6 * (row->full_lo_w - row->idle_lo_w) + 20e6 * row->idle_lo_w) / 10) < 1);
    assert_int_equal(out.run_job.uj, out.closure.total.uj);
}

/* No inference: no closure, but the run's own energy. */
static void test_a_run_without_inferences(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.head.window_begin_ns = m.head.window_end_ns = 0;
    m.head.unit_count = 0;
    m.head.covered_ns = m.head.inside_cpu_ns = m.head.window_job_cpu_ns = m.head.window_busy_ns = 0;
    m.head.window_cpu_known_ns = m.head.window_machine_known_ns = 0;
    m.domains[0].window = (struct gt_block_energy){0};
    attribute(&m);
    assert_int_equal(out.closure.total.uj, 0);
    assert_int_equal(out.closure.units.uj, 0);
    assert_int_equal(out.run_total.uj, 100000000);
    assert_int_equal(out.run_job.uj, 65000000);
    assert_int_equal(out.unit_count + out.infer_count, 0);
}

/* GREENTRACK_UNITS=off: inferences alone. */
static void test_inferences_without_units(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.units[0] = m.units[2];
    m.head.unit_count = 1;
    attribute(&m);
    assert_false(out.units_known); /* whose the 40.5 J are is not known: they are the inferences' */
    assert_int_equal(out.closure.inference.uj, 40500000);
    assert_int_equal(out.closure.inference.uj + out.closure.idle.uj + out.closure.others.uj + out.closure.unattributed.uj,
                     out.closure.total.uj);
    assert_true(fabs(infers[0].uj_per_item - 585000) < 0.01);
}

static void test_no_energy_is_not_zero_joules(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.domains[0] = (struct gt_block_domain){0};
    attribute(&m);
    assert_false(out.known);
    assert_int_equal(out.kind, GT_BOUNDS_NONE);
    make_example(&m);
    m.desc.provenance = GT_PROVENANCE_NONE;
    attribute(&m);
    assert_false(out.known);
}

static void test_senseless_input_is_refused(void **state)
{
    (void)state;
    struct made m;
    struct gt_err err = {0};
    make_example(&m);
    m.host.cpus_online = 0;
    assert_int_equal(gt_attribute(&m.input, &out, NULL, NULL, &err), GT_E_ARG);
    make_example(&m);
    m.head.domain_count = 0;
    assert_int_equal(gt_attribute(&m.input, &out, NULL, NULL, &err), GT_E_MISMATCH);
}

/* --- laws over random blocks
 * --------------------------------------------------------------------------------------------------- */

static struct gt_block_energy random_energy(uint64_t ns)
{
    struct gt_block_energy e = {.gap_ns = below(3) ? 0 : below(ns)};
    e.known_ns = below(5) ? ns - e.gap_ns : below(ns - e.gap_ns + 1);
    e.known_uj = below(4) ? e.known_ns / 1000 * below(300) : below(10);
    e.gap_lo_uj = e.gap_ns ? below(1000) : 0;
    e.gap_hi_uj = e.gap_lo_uj + e.gap_ns / 1000 * below(1000);
    e.edge_uj = below(e.known_uj / 10 + 1);
    return e;
}

static void make_random(struct made *m)
{
    static const enum gt_provenance kinds[] = {GT_PROVENANCE_MEASURED, GT_PROVENANCE_MODELLED, GT_PROVENANCE_IMPORTED};
    make(m, kinds[below(3)]);
    if (m->desc.domain_count && below(2)) {
        m->desc.domain_count = 2;
        m->head.domain_count = 2;
        m->desc.domains[1] = (struct gt_domain){.parent = -1, .additive = below(2), .uj_per_count = 1};
    }
    m->host.cpus_online = 1 + (uint32_t)below(64);
    m->host.cpus_allowed = 1 + (uint32_t)below(m->host.cpus_online);
    if (below(2)) {
        m->input.idle_w = (double)below(100000) * 1e-3;
        m->input.idle_lo_w = m->input.idle_w * 0.9;
        m->input.idle_hi_w = m->input.idle_w * 1.1;
    }
    uint64_t ns = 1 + below(100 * S), at = below(1000 * S);
    m->head.begin_ns = m->head.window_begin_ns = 1 + at;
    m->head.end_ns = m->head.window_end_ns = 1 + at + ns;
    m->head.cpu_known_ns = m->head.window_cpu_known_ns = below(4) ? ns : below(ns);
    m->head.machine_known_ns = m->head.window_machine_known_ns = below(4) ? ns : 0;
    m->head.job_cpu_ns = m->head.window_job_cpu_ns = below(5) ? below(ns * m->host.cpus_allowed) : 0;
    m->head.machine_busy_ns = m->head.window_busy_ns = m->head.job_cpu_ns + below(ns);
    m->head.inside_cpu_ns = below(m->head.job_cpu_ns + 1);
    m->head.inside_cpu_lo_ns = below(m->head.inside_cpu_ns + 1);
    m->head.inside_cpu_hi_ns = m->head.inside_cpu_ns + below(ns);
    m->head.covered_ns = below(ns + 1);
    for (int i = 0; i < m->desc.domain_count; i++) {
        m->domains[i].all = random_energy(ns);
        m->domains[i].window = random_energy(ns);
    }
    uint32_t count = (uint32_t)below(30);
    for (uint32_t i = 0; i < count; i++)
        add_unit(m, i, below(1000), 0, below(ns));
    for (uint32_t i = 0; i < below(4); i++)
        add_unit(m, INFER | i, 1 + below(100), below(1000), below(ns));
}

static void expect_bounds(struct gt_uj e)
{
    assert_true(0 <= e.lo_uj && e.lo_uj <= e.uj && e.uj <= e.hi_uj);
}

static void test_laws(void **state)
{
    (void)state;
    static struct made m;
    for (int round = 0; round < 20000; round++) {
        make_random(&m);
        attribute(&m);
        const struct gt_closure *c = &out.closure;
        assert_int_equal(c->units.uj + c->framework.uj + c->idle.uj + c->others.uj + c->unattributed.uj, c->total.uj);
        assert_int_equal(c->units.uj + c->framework.uj, c->inference.uj);
        const struct gt_uj all[] = {c->units,        c->framework, c->idle,       c->others,  c->inference,
                                    c->unattributed, c->total,     out.run_total, out.run_job};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            expect_bounds(all[i]);
        int64_t sum = 0;
        double share = 0;
        for (int i = 0; i < out.unit_count; i++) {
            expect_bounds(units[i].energy);
            assert_true(units[i].lo_uj <= units[i].uj_per_call && units[i].uj_per_call <= units[i].hi_uj);
            sum += units[i].energy.uj;
            share += units[i].share;
        }
        if (out.unit_count > 0)
            assert_int_equal(sum, c->units.uj);
        assert_true(share < 1.000001);
        for (int i = 0; i < out.infer_count; i++)
            if (infers[i].items > 0)
                assert_true(0 <= infers[i].lo_uj && infers[i].lo_uj <= infers[i].uj_per_item &&
                            infers[i].uj_per_item <= infers[i].hi_uj);
        assert_true(0 <= c->unattributed_share && c->unattributed_share <= 1);
        assert_true(0 <= out.cpu_share && out.cpu_share <= 1);
        assert_true(out.covered_ns <= out.window_ns);
    }
}

/* The example again; slots tell that the job was busy while the machine drew more: half of the time, but four fifths of its
 * energy. */
static void test_slots_weigh_the_share(void **state)
{
    (void)state;
    struct made m;
    make_example(&m);
    m.head.window_slot_ns = m.head.slot_ns = 10 * S;
    m.head.window_slot_job_ns = m.head.slot_job_ns = 5 * S;
    m.head.window_slot_uj = m.head.slot_uj = 100000000;
    m.head.window_slot_job_uj = m.head.slot_job_uj = 80000000;
    attribute(&m);
    /* 80 J less half of 40 J idle are 60 J: all that is dynamic. A tenth of it is between inferences. */
    assert_int_equal(out.closure.unattributed.uj, 6000000);
    assert_int_equal(out.closure.inference.uj, 54000000);
    assert_int_equal(out.closure.others.uj, 20000000);
    assert_int_equal(out.closure.total.uj, 100000000);
    /* Without idle power the job has four fifths of everything. */
    m.input.idle_w = m.input.idle_lo_w = m.input.idle_hi_w = NAN;
    attribute(&m);
    assert_int_equal(out.run_job.uj, 80000000);
    assert_true(fabs(out.cpu_share - 0.8) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measured_by_hand),
        cmocka_unit_test(test_slots_weigh_the_share),
        cmocka_unit_test(test_inferences_without_a_row),
        cmocka_unit_test(test_gaps_widen_the_bounds),
        cmocka_unit_test(test_unknown_idle_spans_both_extremes),
        cmocka_unit_test(test_modelled_by_hand),
        cmocka_unit_test(test_a_run_without_inferences),
        cmocka_unit_test(test_inferences_without_units),
        cmocka_unit_test(test_no_energy_is_not_zero_joules),
        cmocka_unit_test(test_senseless_input_is_refused),
        cmocka_unit_test(test_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
