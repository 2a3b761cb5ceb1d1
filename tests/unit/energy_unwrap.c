/* Unwrapping against a scripted truth: wraps, resets, stalls, hangs and long gaps, over random histories. */
#include "energy/unwrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t MS = 1000000;

static uint64_t random_state = 0x853c49e6748fea9b;

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static struct gt_unwrap package(uint64_t wrap, double uj_per_count)
{
    struct gt_domain domain = {
        .parent = -1, .package = 0, .additive = true, .wrap_count = wrap, .uj_per_count = uj_per_count, .refresh_ns = MS};
    struct gt_unwrap u;
    gt_unwrap_init(&u, &domain);
    return u;
}

/* Random power from 200 to 400 W at random intervals: the sum is the truth's, however often the counter wraps. */
static void test_wraps_are_never_missed(void **state)
{
    (void)state;
    static const double scales[] = {1, 61.03515625, 15.2587890625, 0.5};
    for (int round = 0; round < 200; round++) {
        double scale = scales[round % 4];
        uint64_t wrap = round % 2 ? 262143328850 : (uint64_t)(60000000 / scale);
        struct gt_unwrap u = package(wrap, scale);
        uint64_t t = 5 * MS, counts = below(wrap), truth = 0, begin = t;
        gt_unwrap_step(&u, t, counts % (wrap + 1));
        for (int i = 0; i < 500; i++) {
            uint64_t dt = MS + below(below(20) == 0 ? 50 * MS : 12 * MS);
            uint64_t delta = (uint64_t)((double)(dt / 1000 * (200 + below(200)) / 1000) * 1000 / scale);
            t += dt;
            truth += delta;
            counts += delta;
            gt_unwrap_step(&u, t, counts % (wrap + 1));
        }
        gt_unwrap_settle(&u);
        assert_int_equal(u.counts, truth);
        assert_int_equal(u.known_uj, (uint64_t)((double)truth * scale));
        assert_int_equal(u.gap_ns, 0);
        assert_int_equal(u.known_ns, t - begin);
    }
}

/* Faults at random moments: the truth always lies within known + [lo, hi], and nothing is negative. */
static void test_truth_lies_within_the_bounds(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        uint64_t wrap = 65536000, t = MS, truth = 0, counter = below(wrap);
        struct gt_unwrap u = package(wrap, 1);
        gt_unwrap_step(&u, t, counter);
        uint64_t begin = t, last_known = 0, last_gap = 0;
        for (int i = 0; i < 300; i++) {
            uint64_t dt = MS + below(10 * MS), delta;
            /* (a reset near the end of the range looks like a wrap: no counter can tell) */
            /* (and what two faults in a row look like, neither) */
            uint64_t what = i % 3 ? 3 : below(20);
            switch (what == 1 && counter > wrap / 2 ? 3 : what) {
            case 0: /* not read for so long that it may have wrapped */
                dt = 1000 * MS + below(600000 * MS);
                delta = dt / 1000000 * below(200) * 1000;
                counter = (counter + delta) % (wrap + 1);
                break;
            case 1: /* reset by a resume */
                delta = dt / 1000 * 50 / 1000 * 1000;
                counter = below(1000);
                break;
            case 2: /* jumped */
                delta = 1000;
                counter = (counter + 30000000 + below(1000000)) % (wrap + 1);
                break;
            default:
                delta = dt / 1000000 * below(300) * 1000;
                counter = (counter + delta) % (wrap + 1);
            }
            t += dt;
            truth += delta;
            gt_unwrap_step(&u, t, counter);
            assert_true(u.known_uj >= last_known && u.gap_ns >= last_gap);
            last_known = u.known_uj;
            last_gap = u.gap_ns;
        }
        gt_unwrap_settle(&u);
        assert_int_equal(u.known_ns + u.gap_ns, t - begin);
        assert_true(u.gap_lo_uj <= u.gap_hi_uj);
        assert_true(u.known_uj + u.gap_lo_uj <= truth);
        assert_true(truth <= u.known_uj + u.gap_hi_uj);
    }
}

static void test_a_reset_is_a_gap_not_a_wrap(void **state)
{
    (void)state;
    struct gt_unwrap u = package(262143328850, 1);
    gt_unwrap_step(&u, 0, 5000000);
    gt_unwrap_step(&u, 10 * MS, 5500000);
    gt_unwrap_step(&u, 20 * MS, 100); /* a wrap would mean 262 kJ in 10 ms */
    gt_unwrap_step(&u, 30 * MS, 500100);
    gt_unwrap_settle(&u);
    assert_int_equal(u.backward, 1);
    assert_int_equal(u.wraps, 0);
    assert_int_equal(u.known_uj, 1000000);
    assert_int_equal(u.known_ns, 20 * MS);
    assert_int_equal(u.gap_ns, 10 * MS);
    assert_true(u.gap_hi_uj >= 10 * 1000 * 500); /* 500 W would have fitted */
}

static void test_an_unwrapped_counter_that_falls_is_a_gap(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    gt_unwrap_step(&u, 0, 1000);
    gt_unwrap_step(&u, 10 * MS, 900);
    gt_unwrap_settle(&u);
    assert_int_equal(u.backward, 1);
    assert_int_equal(u.known_uj, 0);
}

/* A source that knows of missed energy goes back by one (energy/source.h), even while a reading is in doubt. */
static void test_a_hole_is_a_gap_up_to_there(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    gt_unwrap_step(&u, 0, 1000000);
    gt_unwrap_step(&u, 10 * MS, 1500000);
    gt_unwrap_step(&u, 20 * MS, 7500000); /* 600 W: held as a suspect */
    gt_unwrap_step(&u, 30 * MS, 7499999);
    gt_unwrap_step(&u, 40 * MS, 7999999);
    gt_unwrap_settle(&u);
    assert_int_equal(u.known_uj, 1000000);
    assert_int_equal(u.known_ns, 20 * MS);
    assert_int_equal(u.gap_ns, 20 * MS);
    assert_true(u.gap_hi_uj >= 6000000 && u.backward == 0 && u.stalls == 1);
}

static void test_impossible_power_is_a_gap(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    gt_unwrap_step(&u, 0, 0);
    gt_unwrap_step(&u, 10 * MS, 50000000); /* 5 kW */
    gt_unwrap_step(&u, 20 * MS, 50500000);
    assert_int_equal(u.impossible, 1);
    assert_int_equal(u.known_uj, 500000);
}

/* A counter that hangs for five seconds and goes on where it was: the time is a gap. */
static void test_a_stall_is_a_gap(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    uint64_t raw = 0, t = 0;
    gt_unwrap_step(&u, t, raw);
    for (int i = 0; i < 100; i++)
        gt_unwrap_step(&u, t += 10 * MS, raw += 500000);
    for (int i = 0; i < 500; i++)
        gt_unwrap_step(&u, t += 10 * MS, raw);
    for (int i = 0; i < 100; i++)
        gt_unwrap_step(&u, t += 10 * MS, raw += 500000);
    assert_int_equal(u.stalls, 1);
    assert_int_equal(u.gap_ns, 5010 * MS); /* with the first step that moves again */
    assert_int_equal(u.gap_lo_uj, 500000);
    assert_true(u.gap_hi_uj > 250 * 1000000 && u.gap_hi_uj < 3.1 * 250 * 1000000);
    assert_int_equal(u.known_uj, 99500000);
    assert_int_equal(u.known_ns, 1990 * MS);
}

/* One that shows everything afterwards was only slow. */
static void test_a_stall_that_catches_up_is_none(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    uint64_t raw = 0, t = 0;
    gt_unwrap_step(&u, t, raw);
    for (int i = 0; i < 100; i++)
        gt_unwrap_step(&u, t += 10 * MS, raw += 500000);
    for (int i = 0; i < 499; i++)
        gt_unwrap_step(&u, t += 10 * MS, raw);
    gt_unwrap_step(&u, t += 10 * MS, raw += 500 * 500000);
    assert_int_equal(u.stalls, 0);
    assert_int_equal(u.gap_ns, 0);
    assert_int_equal(u.known_uj, 300000000);
}

static void test_a_counter_of_the_total_that_never_moves_is_broken(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    gt_unwrap_step(&u, 0, 77);
    gt_unwrap_step(&u, 3000 * MS, 77);
    gt_unwrap_settle(&u);
    assert_int_equal(u.gap_ns, 3000 * MS);
    assert_int_equal(u.known_ns, 0);
    u = package(0, 1);
    u.must_move = false; /* an uncore that reads 0 uses nothing */
    gt_unwrap_step(&u, 0, 77);
    gt_unwrap_step(&u, 3000 * MS, 77);
    gt_unwrap_settle(&u);
    assert_int_equal(u.gap_ns, 0);
    assert_int_equal(u.known_ns, 3000 * MS);
}

static void test_time_that_stands_or_goes_back_is_ignored(void **state)
{
    (void)state;
    struct gt_unwrap u = package(0, 1);
    gt_unwrap_step(&u, 10 * MS, 0);
    gt_unwrap_step(&u, 20 * MS, 1000);
    gt_unwrap_step(&u, 20 * MS, 2000);
    gt_unwrap_step(&u, 15 * MS, 3000);
    assert_int_equal(u.known_uj, 1000);
    gt_unwrap_step(&u, 30 * MS, 4000);
    assert_int_equal(u.known_uj, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wraps_are_never_missed),
        cmocka_unit_test(test_truth_lies_within_the_bounds),
        cmocka_unit_test(test_a_reset_is_a_gap_not_a_wrap),
        cmocka_unit_test(test_an_unwrapped_counter_that_falls_is_a_gap),
        cmocka_unit_test(test_a_hole_is_a_gap_up_to_there),
        cmocka_unit_test(test_impossible_power_is_a_gap),
        cmocka_unit_test(test_a_stall_is_a_gap),
        cmocka_unit_test(test_a_stall_that_catches_up_is_none),
        cmocka_unit_test(test_a_counter_of_the_total_that_never_moves_is_broken),
        cmocka_unit_test(test_time_that_stands_or_goes_back_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
