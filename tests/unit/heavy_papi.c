/* PAPI's values undone: against a counter that is known, whatever start, ranges and steps are. */
#include "energy/heavy/papi_counter.h"
#include "energy/heavy/papi_events.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What linux-powercap.c returns for a counter. */
static int64_t returned(int64_t start, int64_t now, int64_t global)
{
    if (start == 0)
        return now;
    return start < now ? now - start : start > now ? now + global - start : now;
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Follows a counter through several wraps; the energy that comes out, and what went in. */
static void follow(int64_t start, int64_t range, int64_t global, bool rests, uint64_t seed, int64_t *out, int64_t *in)
{
    struct gt_papi_counter counter;
    int64_t now = start, last = 0;
    gt_papi_counter_init(&counter, (uint64_t)range, (uint64_t)global);
    *in = *out = 0;
    if (rests)
        last = (int64_t)gt_papi_counter_take(&counter, returned(start, now, global));
    for (int i = 0; i < 3000; i++) {
        int64_t step = (int64_t)(next_random(&seed) % 4 ? next_random(&seed) % 1500000 : 0);
        now = (now + step) % (range + 1);
        int64_t d = (int64_t)gt_papi_counter_take(&counter, returned(start, now, global));
        assert_in_range(d, 0, range);
        *in += step;
        *out += d >= last ? d - last : d - last + range + 1;
        last = d;
    }
}

static void test_powercap_is_undone(void **state)
{
    (void)state;
    const int64_t ranges[] = {262143328850, 65712999613, 99999999};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed;
        int64_t range = ranges[seed % 3], global = ranges[(seed / 3) % 3], in, out;
        /* Most starts are such that the counter passes its end. */
        int64_t start = range - (int64_t)(next_random(&random) % 90000000) - 1;
        follow(start, range, global, true, seed, &out, &in);
        assert_int_equal(out, in); /* the absolute value at the start was seen: exact to the last microjoule */
        follow(start, range, global, false, seed, &out, &in);
        int64_t difference = in > out ? in - out : out - in;
        /* Else: what was used before the first reading, and one step at a place where two readings of a value are possible. */
        assert_true(difference <= 4 * 1500000);
    }
}

static void test_a_counter_that_stands_still_counts_nothing(void **state)
{
    (void)state;
    struct gt_papi_counter counter;
    gt_papi_counter_init(&counter, 262143328850, 262143328850);
    for (int i = 0; i < 5; i++)
        assert_int_equal(gt_papi_counter_take(&counter, 123456789), 0);
    assert_int_equal(gt_papi_counter_take(&counter, 61), 61);
    assert_true(counter.start_known);
}

static void test_rapl_units(void **state)
{
    (void)state;
    /* Units of 2^-14 J (client), 2^-16 J (dram of servers), 2^-10 J; one count suffices. */
    assert_int_equal(gt_papi_rapl_range_nj(61035, 1), UINT64_C(262144000000000) - 1);
    assert_int_equal(gt_papi_rapl_range_nj(15258, 1), UINT64_C(65536000000000) - 1);
    assert_int_equal(gt_papi_rapl_range_nj(976562500, 1000), UINT64_C(4194304000000000) - 1);
    assert_int_equal(gt_papi_rapl_range_nj(0, 0), 0);
    assert_int_equal(gt_papi_rapl_range_nj(61035, 0), 0);
}

static struct gt_papi_event classify(const char *component, const char *symbol, const char *units)
{
    struct gt_papi_event event = {.code = 7};
    gt_papi_event_classify(component, symbol, units, &event);
    return event;
}

static void test_events(void **state)
{
    (void)state;
    struct gt_papi_event event = classify("rapl", "rapl:::PP0_ENERGY:PACKAGE1", "nJ");
    assert_int_equal(event.kind, GT_PAPI_INSIDE);
    assert_int_equal(event.zone, 1);
    assert_int_equal(event.code, 7);
    assert_string_equal(event.domain, "core");
    assert_int_equal(classify("rapl", "rapl:::PACKAGE_ENERGY_CNT:PACKAGE0", "").kind, GT_PAPI_NONE);
    assert_int_equal(classify("rapl", "rapl:::THERMAL_SPEC:PACKAGE0", "W").kind, GT_PAPI_NONE);
    assert_int_equal(classify("powercap", "powercap:::MAX_ENERGY_RANGE_UJ:ZONE0", "").kind, GT_PAPI_NONE);
    assert_int_equal(classify("nvml", "nvml:::A:device_0:power_management_limit", "mW").kind, GT_PAPI_NONE);
    assert_int_equal(classify("perf_event", "perf::CYCLES", "").kind, GT_PAPI_NONE);
    event = classify("powercap", "powercap:::ENERGY_UJ:ZONE3_SUBZONE1", "");
    gt_papi_event_zone(&event, "dram\n");
    assert_int_equal(event.kind, GT_PAPI_DRAM);
    assert_int_equal(event.zone, 3);
    assert_string_equal(event.domain, "dram");
}

/* Which of the events add up, as a word of 0 and 1, and the boundary. */
static void describe(struct gt_papi_event *events, int count, char *sum, char *boundary)
{
    struct gt_source_desc desc;
    struct gt_err err = {0};
    assert_int_equal(gt_papi_events_describe("rapl", events, count, &desc, &err), GT_OK);
    for (int i = 0; i < count; i++)
        sum[i] = desc.domains[i].additive ? '1' : '0';
    sum[count] = '\0';
    strcpy(boundary, desc.boundary);
}

static void test_only_disjoint_domains_add_up(void **state)
{
    (void)state;
    char sum[8], boundary[GT_SOURCE_NAME];
    struct gt_papi_event events[] = {
        classify("rapl", "rapl:::PSYS_ENERGY:PACKAGE0", "nJ"),    classify("rapl", "rapl:::PACKAGE_ENERGY:PACKAGE0", "nJ"),
        classify("rapl", "rapl:::PP0_ENERGY:PACKAGE0", "nJ"),     classify("rapl", "rapl:::DRAM_ENERGY:PACKAGE0", "nJ"),
        classify("rapl", "rapl:::PACKAGE_ENERGY:PACKAGE1", "nJ"), classify("rapl", "rapl:::DRAM_ENERGY:PACKAGE1", "nJ")};
    describe(events, 6, sum, boundary);
    assert_string_equal(sum, "010111");
    assert_string_equal(boundary, "package+dram");
    describe(events, 5, sum, boundary); /* one package without dram: none counts */
    assert_string_equal(sum, "01001");
    assert_string_equal(boundary, "package");
    describe(events, 1, sum, boundary);
    assert_string_equal(boundary, "psys");
}

/* AMD's dies all show their package's counter; Intel's are disjoint. The children of a mirror are none of the total either. */
static void test_dies_that_show_their_package(void **state)
{
    (void)state;
    static const char *const zones[] = {"package-0-die-0", "package-0-die-1", "package-1-die-0", "package-1-die-1"};
    struct gt_papi_event events[8];
    struct gt_source_desc desc;
    struct gt_err err = {0};
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "powercap:::ENERGY_UJ:ZONE%d", i);
        events[2 * i] = classify("powercap", name, "");
        gt_papi_event_zone(&events[2 * i], zones[i]);
        snprintf(name, sizeof name, "powercap:::ENERGY_UJ:ZONE%d_SUBZONE0", i);
        events[2 * i + 1] = classify("powercap", name, "");
        gt_papi_event_zone(&events[2 * i + 1], "dram");
    }
    for (int wide = 0; wide < 2; wide++) {
        assert_int_equal(gt_papi_events_describe("powercap", events, 8, &desc, &err), GT_OK);
        gt_papi_events_mirrors(&desc, wide);
        assert_string_equal(desc.boundary, "package+dram");
        for (int i = 0; i < 8; i++)
            assert_int_equal(desc.domains[i].additive, !wide || i / 2 % 2 == 0);
        assert_int_equal(desc.domains[2].mirror, wide ? 1 : 0);
        assert_int_equal(desc.domains[6].die, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_powercap_is_undone),
        cmocka_unit_test(test_a_counter_that_stands_still_counts_nothing),
        cmocka_unit_test(test_rapl_units),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_only_disjoint_domains_add_up),
        cmocka_unit_test(test_dies_that_show_their_package),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
