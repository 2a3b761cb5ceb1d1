/* The meter's rows: parsing, and the joules that come out of any mixture of rows, by a clock that is scripted. */
#include "energy/calibrate.h"
#include "energy/heavy/integrate.h"
#include "energy/heavy/meter_rows.h"
#include "energy/source.h"
#include "energy/unwrap.h"
#include "tests/sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define S UINT64_C(1000000000)
#define EPOCH UINT64_C(1764000000000000000)

static struct gt_sim sim;
static struct gt_source_state state_memory;
static struct gt_source_desc desc;
static struct gt_err err;
static int file;
static char path[64];

static int set_up(void **state)
{
    (void)state;
    gt_sim_init(&sim);
    sim.mono_ns = 1000 * S;
    sim.real_ns = EPOCH;
    file = memfd_create("meter", MFD_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return file < 0;
}

static int tear_down(void **state)
{
    (void)state;
    gt_source_external.close(&state_memory);
    gt_sim_free(&sim);
    return close(file);
}

static void row(uint64_t t_ns, double power_w)
{
    assert_true(dprintf(file, "%llu,%.3f\n", (unsigned long long)t_ns, power_w) > 0);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum gt_meter_line kind;
        uint64_t t_ns;
        double power_w;
    } cases[] = {
        {"t_ns,power_w", GT_METER_NOTHING, 0, 0},
        {"", GT_METER_NOTHING, 0, 0},
        {"# Shelly", GT_METER_NOTHING, 0, 0},
        {"1764000000000000001,81.5\r", GT_METER_ROW, UINT64_C(1764000000000000001), 81.5},
        {" 5 , 1e2 , 230.1", GT_METER_ROW, 5, 100},
        {"5,0", GT_METER_ROW, 5, 0},
        {"5", GT_METER_GARBAGE, 0, 0},
        {"5,", GT_METER_GARBAGE, 0, 0},
        {"5,-1", GT_METER_GARBAGE, 0, 0},
        {"-5,1", GT_METER_GARBAGE, 0, 0},
        {"5;1", GT_METER_GARBAGE, 0, 0},
        {"5.5,1", GT_METER_GARBAGE, 0, 0},
        {"5,1W", GT_METER_GARBAGE, 0, 0},
        {"5,1e300", GT_METER_GARBAGE, 0, 0},
        {"99999999999999999999,1", GT_METER_GARBAGE, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gt_meter_row got = {0};
        if (gt_meter_parse(cases[i].line, strlen(cases[i].line), &got) != cases[i].kind)
            fail_msg("'%s'", cases[i].line);
        if (cases[i].kind == GT_METER_ROW) {
            assert_true(got.t_ns == cases[i].t_ns);
            assert_true(got.power_w == cases[i].power_w);
        }
    }
}

/* Reads every 10 ms over `ns`, as a run does, with its end; the counter as gt_unwrap has it. */
static struct gt_unwrap run_for(uint64_t ns)
{
    struct gt_unwrap unwrap;
    uint64_t raw, t_ns = 0, end_ns = sim.mono_ns + ns;
    assert_int_equal(gt_source_external.open(&sim.os, path, &state_memory, &desc, &err), GT_OK);
    gt_unwrap_init(&unwrap, &desc.domains[0]);
    while (sim.mono_ns < end_ns) {
        if (gt_source_external.read(&state_memory, &raw, &t_ns) == GT_OK)
            gt_unwrap_step(&unwrap, t_ns, raw);
        sim.mono_ns += 10000000;
    }
    sim.mono_ns = end_ns;
    while (gt_source_external.finish(&state_memory, end_ns, &raw, &t_ns) == GT_OK) {
        gt_unwrap_step(&unwrap, t_ns, raw);
        if (t_ns >= end_ns)
            break;
    }
    gt_unwrap_settle(&unwrap);
    return unwrap;
}

static void assert_near(uint64_t got, double wanted, double tolerance)
{
    if ((double)got < wanted - tolerance || (double)got > wanted + tolerance)
        fail_msg("%llu, wanted %.0f", (unsigned long long)got, wanted);
}

/* 1 Hz, power that rises linearly: the trapezoid is exact. Both clocks. */
static void test_a_regular_meter(void **state)
{
    (void)state;
    for (int i = -5; i <= 20; i++)
        row(EPOCH + (uint64_t)((double)S * i), 100 + 10 * i);
    struct gt_unwrap u = run_for(10 * S);
    assert_near(u.known_uj, 10 * 150e6, 3e6);
    assert_int_equal(u.gap_ns, 0);
    assert_near(u.known_ns, 10e9, 2e7);
}

/* The truth of irregular rows is the integral of what they say, whatever lies between them. */
static void test_irregular_rows_with_garbage(void **state)
{
    (void)state;
    unsigned seed = 4711;
    double truth = 0, last_w = 50;
    uint64_t t = 1000 * S;
    row(t, last_w);
    while (t < 1060 * S) {
        uint64_t dt = 200000000 + (uint64_t)(rand_r(&seed) % 400) * 1000000;
        double w = 40 + rand_r(&seed) % 100;
        t += dt;
        row(t, w);
        if (rand_r(&seed) % 3 == 0)
            row(t - dt, 9999);
        if (rand_r(&seed) % 3 == 0)
            assert_true(dprintf(file, "17,\nnot a row\n%llu\n", (unsigned long long)t) > 0);
        uint64_t end = t < 1030 * S ? t : 1030 * S, begin = t - dt;
        if (begin < 1030 * S)
            truth += (last_w + (last_w + (w - last_w) * (double)(end - begin) / (double)dt)) / 2 * (double)(end - begin) * 1e-3;
        last_w = w;
    }
    struct gt_unwrap u = run_for(30 * S);
    assert_near(u.known_uj, truth, 50);
    assert_int_equal(u.gap_ns, 0);
}

static void test_a_hole_is_a_gap_with_bounds(void **state)
{
    (void)state;
    for (uint64_t i = 990; i <= 1040; i++)
        if (i <= 1010 || i >= 1017)
            row(i * S, 100);
    struct gt_unwrap u = run_for(30 * S);
    assert_near(u.gap_ns, 7e9, 2e7);
    assert_near(u.known_uj, 23 * 100e6, 3e6);
    assert_true(u.gap_hi_uj >= 7 * 100000000);
    assert_true(u.gap_lo_uj <= 7 * 100000000);
    assert_true(u.known_ns + u.gap_ns == 30 * S);
}

static void test_silence(void **state)
{
    (void)state;
    for (uint64_t i = 990; i <= 1010; i++)
        row(i * S, 100);
    struct gt_unwrap u = run_for(30 * S);
    assert_near(u.gap_ns, 20e9, 2e7);
    assert_near(u.known_uj, 10 * 100e6, 3e6);
    assert_true(u.known_ns + u.gap_ns == 30 * S);
    assert_true(u.stalls < 12); /* told a few times, not at every reading */
}

static void test_no_rows_at_all(void **state)
{
    (void)state;
    struct gt_unwrap u = run_for(5 * S);
    assert_int_equal(u.known_uj, 0);
    assert_true(u.gap_ns == 5 * S);
}

/* Idle power by a meter that says nothing is given up soon, with what to do about it; one that has spoken may be a slow one. */
static void test_calibration_by_a_silent_meter(void **state)
{
    (void)state;
    const struct gt_calibrate_options options = {.seconds = 30};
    struct gt_calibration c;
    for (int rows = 0; rows < 2; rows++) {
        uint64_t begin_ns = sim.mono_ns;
        assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_external, path, &options, &c, &err), GT_E_BUSY);
        assert_non_null(strstr(err.text, "calibrate again"));
        uint64_t seconds = (sim.mono_ns - begin_ns) / S;
        assert_in_range(seconds, rows ? 55 : 8, rows ? 65 : 12);
        row(sim.mono_ns - 2 * S, 100);
    }
}

/* What comes in late counts from the first row on; before it nothing is known. */
static void test_the_first_row_comes_late(void **state)
{
    (void)state;
    for (uint64_t i = 1002; i <= 1020; i++)
        row(i * S, 100);
    struct gt_unwrap u = run_for(10 * S);
    assert_near(u.gap_ns, 2e9, 2e7);
    assert_near(u.known_uj, 8 * 100e6, 3e6);
}

/* A history that is far bigger than what is read of it. */
static void test_days_of_history(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100000; i++)
        row(900 * S + i * 1100000, 70); /* up to 1010 s */
    struct gt_unwrap u = run_for(5 * S);
    assert_near(u.known_uj, 5 * 70e6, 1e6);
    assert_int_equal(u.gap_ns, 0);
}

/* The fuzz target's short form: whatever stands there, readings ascend up to the end, and no time is lost. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char letters[] = "0123456789,.\n\n#te- 10000000000";
    unsigned seed = 17;
    for (int round = 0; round < 200; round++) {
        char text[400];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        assert_int_equal(ftruncate(file, 0), 0);
        text[0] = '2', text[1] = ',', text[2] = '7', text[3] = '\n'; /* else it would be no meter */
        assert_true(pwrite(file, text, sizeof text, 0) == sizeof text);
        uint64_t begin_ns = sim.mono_ns;
        struct gt_unwrap u = run_for(S / 5);
        assert_int_equal(u.t_ns, begin_ns + S / 5);
        assert_true(u.known_ns + u.gap_ns >= S / 5);
        gt_source_external.close(&state_memory);
    }
}

static void test_it_cannot_be_opened(void **state)
{
    (void)state;
    assert_int_equal(gt_source_external.open(&sim.os, NULL, &state_memory, &desc, &err), GT_E_ARG);
    assert_int_equal(gt_source_external.open(&sim.os, "/nowhere", &state_memory, &desc, &err), GT_E_NOENT);
    assert_int_equal(gt_source_external.open(&sim.os, "/", &state_memory, &desc, &err), GT_E_ARG);
}

/* What never ends and never is a row does not hold up anybody, and is said to be no meter. */
static void test_no_meter(void **state)
{
    (void)state;
    assert_int_equal(gt_source_external.open(&sim.os, "/dev/zero", &state_memory, &desc, &err), GT_E_FORMAT);
    assert_true(dprintf(file, "1764000000.5;80\n1764000001.5;80\n") > 0);
    assert_int_equal(gt_source_external.open(&sim.os, path, &state_memory, &desc, &err), GT_E_FORMAT);
    assert_non_null(strstr(err.text, "t_ns,power_w"));
}

/* A rack's power is no fault of its counter, whether it is there from the first row on or not. */
static void test_a_rack(void **state)
{
    (void)state;
    for (uint64_t i = 990; i <= 1020; i++)
        row(i * S, 120000);
    struct gt_unwrap u = run_for(10 * S);
    assert_near(u.known_uj, 10 * 120000e6, 1e6);
    assert_int_equal(u.gap_ns, 0);
}

/* A hole is called one: the meter said nothing, its counter did not go back; what it said before is not in doubt. */
static void test_a_hole_has_a_name(void **state)
{
    (void)state;
    struct gt_gap_list gaps = {0};
    struct gt_unwrap u;
    uint64_t raw, t_ns;
    for (uint64_t i = 990; i <= 1040; i++)
        if (i <= 1010 || i >= 1017)
            row(i * S, 100);
    assert_int_equal(gt_source_external.open(&sim.os, path, &state_memory, &desc, &err), GT_OK);
    gt_unwrap_init(&u, &desc.domains[0]);
    u.gaps = &gaps;
    for (int i = 0; i < 60; i++, sim.mono_ns += S / 3)
        if (gt_source_external.read(&state_memory, &raw, &t_ns) == GT_OK)
            gt_unwrap_step(&u, t_ns, raw);
    gt_unwrap_settle(&u);
    assert_int_equal(gaps.count, 1);
    assert_string_equal(gt_gap_word((enum gt_gap_reason)gaps.rows[0].reason), "said nothing");
    assert_near(gaps.rows[0].to_ns - gaps.rows[0].from_ns, 7e9, 1);
    assert_int_equal(u.backward, 0);
    assert_int_equal(u.stalls, 1);
    assert_int_equal(u.doubted_uj, 0);
}

/* One row from the next century does not silence the meter. */
static void test_a_row_of_the_far_future(void **state)
{
    (void)state;
    for (uint64_t i = 990; i <= 1040; i++) {
        row(i * S, 100);
        if (i == 995 || i == 1005)
            row(4000000000 * S, 1);
    }
    struct gt_unwrap u = run_for(20 * S);
    assert_int_equal(u.gap_ns, 0);
    assert_near(u.known_uj, 20 * 100e6, 1e6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        TEST(test_a_regular_meter),
        TEST(test_irregular_rows_with_garbage),
        TEST(test_a_hole_is_a_gap_with_bounds),
        TEST(test_silence),
        TEST(test_no_rows_at_all),
        TEST(test_calibration_by_a_silent_meter),
        TEST(test_the_first_row_comes_late),
        TEST(test_days_of_history),
        TEST(test_any_bytes),
        TEST(test_it_cannot_be_opened),
        TEST(test_no_meter),
        TEST(test_a_row_of_the_far_future),
        TEST(test_a_rack),
        TEST(test_a_hole_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
