/* Following refreshes: locking on, predicting, losing and finding again; what must never happen is a wrong time told as sure.
 */
#include "energy/ticksync.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define START UINT64_C(5000000000000) /* a machine that is up for an hour and a half */

/* A counter that is refreshed at phase + k period, moved on once by `shift` at `shift_at`. */
struct counter {
    double period, phase;
    uint64_t shift_at, shift;
    uint64_t frozen_from, frozen_until;
    bool still;
};

static uint64_t edge_number(const struct counter *c, uint64_t t)
{
    uint64_t at = t - START - (c->shift && t >= c->shift_at ? c->shift : 0);
    return (uint64_t)(((double)at - c->phase) / c->period + 1);
}

static double edge_time(const struct counter *c, uint64_t t)
{
    double shift = c->shift && t >= c->shift_at ? (double)c->shift : 0;
    return (double)START + shift + c->phase + ((double)edge_number(c, t) - 1) * c->period;
}

static uint64_t value(const struct counter *c, uint64_t t)
{
    if (c->still)
        return 7;
    if (t >= c->frozen_from && t < c->frozen_until)
        t = c->frozen_from;
    return edge_number(c, t) * 1000;
}

struct watch {
    uint64_t ticks, readings;
    double worst_ns, worst_sigmas; /* error of a told time, and in units of what it was told to be good to */
    uint64_t last_ns;
};

/* Readings of `read_ns`, wake-ups `late_ns` late, until `until`. */
static void follow(struct gt_ticksync *s, const struct counter *c, uint64_t *now, uint64_t until, uint64_t read_ns,
                   uint64_t late_ns, struct watch *w)
{
    while (*now < until) {
        bool burst;
        struct gt_ticksync_edge edge;
        uint64_t next = gt_ticksync_next(s, *now, &burst);
        if (next == UINT64_MAX)
            break;
        *now = next > *now ? next + late_ns : *now;
        uint64_t begin = *now, end = begin + read_ns, middle = begin + read_ns / 2;
        w->readings++;
        if (gt_ticksync_read(s, begin, end, value(c, middle), &edge)) {
            double error = fabs((double)edge.t_ns - edge_time(c, middle));
            assert_true(edge.t_ns > w->last_ns);
            w->last_ns = edge.t_ns;
            w->ticks++;
            w->worst_ns = fmax(w->worst_ns, error);
            w->worst_sigmas = fmax(w->worst_sigmas, error / edge.sigma_ns);
        }
        *now = end;
    }
}

static void test_locks_and_stays(void **state)
{
    (void)state;
    static const double periods[] = {0.4e6, 0.98e6, 1e6, 1.03e6, 10e6, 19e6};
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        struct counter c = {.period = periods[i], .phase = 123456};
        struct gt_ticksync s;
        struct watch w = {0};
        uint64_t now = START + 1000000, until = START + UINT64_C(20000000000);
        gt_ticksync_init(&s, (uint64_t)(periods[i] / 1e5 + 0.5) * 100000, 1); /* told roughly */
        follow(&s, &c, &now, until, 2000, 30000, &w);
        assert_int_equal(s.state, GT_TICKSYNC_LOCKED);
        assert_true((double)w.ticks > 0.95 * 20e9 / periods[i] - 20); /* nearly every refresh */
        assert_true(w.worst_sigmas < 5);
        assert_true(w.readings < 2 * w.ticks + 60000); /* bursts are rare */
    }
}

/* The rest of a suspend: the phase is another one. What was known is given up, not believed. */
static void test_finds_again_after_a_jump(void **state)
{
    (void)state;
    struct counter c = {.period = 1e6, .phase = 1000, .shift_at = START + UINT64_C(5000000000), .shift = 430000};
    struct gt_ticksync s;
    struct watch before = {0}, after = {0};
    uint64_t now = START + 1000000;
    gt_ticksync_init(&s, 1000000, 1);
    follow(&s, &c, &now, START + UINT64_C(4990000000), 2000, 30000, &before);
    struct watch between = {.last_ns = before.last_ns};
    follow(&s, &c, &now, START + UINT64_C(6500000000), 2000, 30000, &between);
    after.last_ns = between.last_ns;
    follow(&s, &c, &now, START + UINT64_C(15000000000), 2000, 30000, &after);
    assert_true(before.worst_sigmas < 5);
    assert_int_equal(s.state, GT_TICKSYNC_LOCKED);
    assert_true(after.ticks > 7000);
    assert_true(after.worst_sigmas < 5);
}

/* A second during which nobody reads, or the counter stands still: no refresh is told that did not happen. */
static void test_standstill(void **state)
{
    (void)state;
    struct counter c = {
        .period = 1e6, .frozen_from = START + UINT64_C(3000000000), .frozen_until = START + UINT64_C(4000000000)};
    struct gt_ticksync s;
    struct watch w = {0}, still = {0};
    uint64_t now = START + 1000000;
    gt_ticksync_init(&s, 1000000, 1);
    follow(&s, &c, &now, START + UINT64_C(3000000000), 2000, 30000, &w);
    still.last_ns = w.last_ns;
    follow(&s, &c, &now, START + UINT64_C(3990000000), 2000, 30000, &still);
    assert_true(still.ticks <= 1);
    assert_true(still.readings < 100000);
    follow(&s, &c, &now, START + UINT64_C(8000000000), 2000, 30000, &still);
    assert_int_equal(s.state, GT_TICKSYNC_LOCKED);
    assert_true(still.ticks > 3000);
}

/* A counter that never moves, or has no rhythm: given up after a few attempts, at little cost. */
static void test_gives_up(void **state)
{
    (void)state;
    struct counter still = {.period = 1e6, .still = true}, fast = {.period = 0.37e6};
    const struct counter *counters[] = {&still, &fast};
    for (int i = 0; i < 2; i++) {
        struct gt_ticksync s;
        struct watch w = {0};
        uint64_t now = START + 1000000;
        gt_ticksync_init(&s, 1000000, 1);
        follow(&s, counters[i], &now, START + UINT64_C(60000000000), 2000, 30000, &w);
        assert_int_equal(s.state, GT_TICKSYNC_REFUSED);
        assert_int_equal(w.ticks, 0);
        assert_true(w.readings < 100000);
        bool burst;
        assert_true(gt_ticksync_next(&s, now, &burst) == UINT64_MAX);
    }
}

/* Unreadable for a while: sought again, and never refused for that. */
static void test_failed_readings(void **state)
{
    (void)state;
    struct counter c = {.period = 1e6};
    struct gt_ticksync s;
    struct watch w = {0};
    uint64_t now = START + 1000000;
    gt_ticksync_init(&s, 1000000, 1);
    follow(&s, &c, &now, START + UINT64_C(2000000000), 2000, 30000, &w);
    for (int i = 0; i < 100; i++) {
        bool burst;
        uint64_t next = gt_ticksync_next(&s, now, &burst);
        now = next > now ? next : now + 1000;
        gt_ticksync_fail(&s, now);
        assert_int_equal(s.state, GT_TICKSYNC_SEEKING);
    }
    assert_true(now > START + UINT64_C(10000000000)); /* attempts are spaced */
    uint64_t ticks = w.ticks;
    follow(&s, &c, &now, now + UINT64_C(3000000000), 2000, 30000, &w);
    assert_int_equal(s.state, GT_TICKSYNC_LOCKED);
    assert_true(w.ticks > ticks + 2000);
}

static void test_stride(void **state)
{
    (void)state;
    struct counter c = {.period = 1e6};
    struct gt_ticksync s;
    struct watch w = {0};
    uint64_t now = START + 1000000;
    gt_ticksync_init(&s, 1000000, 5);
    follow(&s, &c, &now, START + UINT64_C(10000000000), 2000, 30000, &w);
    assert_true(w.ticks > 1900 && w.ticks < 2600);
    assert_true(w.worst_sigmas < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_locks_and_stays), cmocka_unit_test(test_finds_again_after_a_jump),
        cmocka_unit_test(test_standstill),      cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_failed_readings), cmocka_unit_test(test_stride),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
