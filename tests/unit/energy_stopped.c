/* Following a counter that is refreshed once a millisecond, when the follower itself is stopped for long. */
#include "energy/ticksync.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PERIOD_NS UINT64_C(1000000)
#define OFFSET_NS UINT64_C(300000) /* of the refreshes from whole ms */
#define SECOND UINT64_C(1000000000)

enum { READ_NS = 2000 };

struct machine {
    struct gt_ticksync sync;
    uint64_t now_ns, still_from_ns, still_to_ns; /* no refresh in between */
    uint64_t ticks, longest_ns;                  /* longest: of a burst */
    double worst_ns;                             /* of the ticks' times */
};

static int fresh(void **state)
{
    static struct machine m;
    m = (struct machine){.now_ns = 7 * SECOND};
    gt_ticksync_init(&m.sync, PERIOD_NS, 1);
    *state = &m;
    return 0;
}

static uint64_t refreshes(const struct machine *m, uint64_t t_ns)
{
    if (t_ns > m->still_from_ns && t_ns < m->still_to_ns)
        t_ns = m->still_from_ns;
    return (t_ns - OFFSET_NS) / PERIOD_NS;
}

static void note_tick(struct machine *m, const struct gt_ticksync_edge *edge)
{
    double off = remainder((double)(int64_t)(edge->t_ns - OFFSET_NS), (double)PERIOD_NS);
    m->ticks++;
    m->worst_ns = fmax(m->worst_ns, fabs(off));
}

/* One wake-up, as energy/follow.c has it. */
static void wake(struct machine *m)
{
    struct gt_ticksync_edge edge;
    bool burst, found;
    uint64_t next_ns = gt_ticksync_next(&m->sync, m->now_ns, &burst), begun_ns;
    if (next_ns == UINT64_MAX)
        next_ns = m->now_ns + PERIOD_NS;
    m->now_ns = next_ns > m->now_ns ? next_ns : m->now_ns;
    begun_ns = m->now_ns;
    do {
        uint64_t begin_ns = m->now_ns;
        m->now_ns += READ_NS;
        found = gt_ticksync_read(&m->sync, begin_ns, m->now_ns, refreshes(m, begin_ns + READ_NS / 2), &edge);
    } while (m->sync.bursting);
    if (found)
        note_tick(m, &edge);
    if (m->now_ns - begun_ns > m->longest_ns)
        m->longest_ns = m->now_ns - begun_ns;
}

static void follow(struct machine *m, uint64_t for_ns)
{
    uint64_t until_ns = m->now_ns + for_ns;
    m->ticks = m->longest_ns = 0;
    m->worst_ns = 0;
    while (m->now_ns < until_ns)
        wake(m);
}

/* However long nobody looked (SIGSTOP), a second later they are followed as before. */
static void a_long_stop_is_recovered_from(void **state)
{
    static const uint64_t stops_ns[] = {SECOND / 2, 5 * SECOND, 40 * SECOND, 3600 * SECOND, 400000 * SECOND};
    struct machine *m = *state;
    for (size_t i = 0; i < sizeof stops_ns / sizeof *stops_ns; i++) {
        follow(m, 2 * SECOND);
        m->now_ns += stops_ns[i] + 123456;
        follow(m, SECOND);
        assert_true(m->worst_ns < 100000);
        follow(m, SECOND);
        assert_in_range(m->ticks, 900, 1010);
        assert_true(m->worst_ns < 10000);
    }
}

/* A counter that stands still when the follower comes back: it does not look at it for seconds without a break. */
static void a_stop_then_a_stall_holds_nobody_up(void **state)
{
    struct machine *m = *state;
    follow(m, 2 * SECOND);
    m->still_from_ns = m->now_ns;
    m->now_ns += 3600 * SECOND;
    m->still_to_ns = m->now_ns + SECOND / 2;
    follow(m, SECOND / 2);
    assert_true(m->longest_ns <= 12 * PERIOD_NS);
    follow(m, SECOND);
    follow(m, SECOND);
    assert_in_range(m->ticks, 900, 1010);
}

/* A stop, then a moment in which the counter stands still: the lock is lost, and found again. */
static void a_lost_lock_after_a_stop_is_found_again(void **state)
{
    struct machine *m = *state;
    for (uint64_t stop_ns = SECOND; stop_ns < 30 * SECOND; stop_ns += SECOND / 4) {
        follow(m, 2 * SECOND);
        m->now_ns += stop_ns;
        wake(m);
        m->still_from_ns = m->now_ns;
        m->still_to_ns = m->now_ns + SECOND / 5;
        follow(m, SECOND);
        follow(m, SECOND);
        assert_in_range(m->ticks, 900, 1010);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_long_stop_is_recovered_from, fresh),
        cmocka_unit_test_setup(a_stop_then_a_stall_holds_nobody_up, fresh),
        cmocka_unit_test_setup(a_lost_lock_after_a_stop_is_found_again, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
