/*
 * The plugin's sampler following a counter, on a clock of the test's own: when it does and when not, that its ticks lie at
 * refreshes, what it reads besides, and that looking for refreshes never takes the sampler away from its rings for long.
 */
#include "plugin/sampler.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define READ_NS 3000u
#define INTERVAL_NS (10 * MS)
/* A second after the machine came up, and refreshes a bit slower than they say. */
#define START (1000 * MS)
#define PERIOD_NS 1003000u
#define PHASE_NS 377000u

static struct machine {
    uint64_t now_ns;
    bool fails;
    int whole_readings, single_readings;
} machine;

static uint64_t clock_ns(void *state, clockid_t id)
{
    (void)state, (void)id;
    return machine.now_ns;
}

static uint64_t refreshes_until(uint64_t t_ns)
{
    return (t_ns - START + PERIOD_NS - PHASE_NS) / PERIOD_NS;
}

static enum gt_status read_some(struct gt_source_state *state, uint64_t domains, uint64_t *raw, uint64_t *t_ns)
{
    (void)state;
    machine.single_readings++;
    machine.now_ns += READ_NS / 2;
    for (int i = 0; i < 2; i++)
        if (domains >> i & 1)
            raw[i] = 1000 * refreshes_until(machine.now_ns);
    *t_ns = machine.now_ns;
    machine.now_ns += READ_NS / 2;
    return machine.fails ? GT_E_IO : GT_OK;
}

static enum gt_status read_whole(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    machine.single_readings--;
    machine.whole_readings++;
    return read_some(state, 3, raw, t_ns);
}

static const struct gt_energy_source counter = {.name = "test", .light = true, .read = read_whole, .read_some = read_some};

static struct gt_sampler *begin(enum gt_provenance provenance)
{
    char folder[] = "/tmp/gt-refresh-XXXXXX";
    struct gt_sampler *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    assert_non_null(s);
    memset(s, 0, sizeof *s);
    machine = (struct machine){.now_ns = START};
    struct gt_meter *m = &s->meter;
    m->open = true;
    m->source = &counter;
    m->os.clock_ns = clock_ns;
    m->desc = (struct gt_source_desc){.source = "test", .provenance = provenance, .domain_count = 2};
    for (int i = 0; i < 2; i++)
        m->desc.domains[i] = (struct gt_domain){.parent = i - 1, .additive = i == 0, .uj_per_count = 1, .refresh_ns = MS};
    assert_non_null(mkdtemp(folder));
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(gt_trace_write_header_init(&s->header, GT_TRACE_ROLE_PROCESS, NULL, NULL), GT_OK);
    gt_trace_write_name(&s->header, s->name);
    assert_int_equal(gt_trace_write_create(&s->writer, fd, s->name, &s->header, s->buffer, sizeof s->buffer), GT_OK);
    unlinkat(fd, s->name, 0);
    close(fd);
    rmdir(folder);
    gt_refresh_begin(s);
    return s;
}

static void end(struct gt_sampler *s)
{
    gt_trace_write_close(&s->writer);
    free(s);
}

struct watch {
    int wakes, ticks;
    uint64_t longest_ns; /* that a look at the counter took */
    double worst_ns;     /* how far a tick that is said to be a refresh lies from one */
};

static double error_of(uint64_t t_ns)
{
    double from = fmod((double)(t_ns - START - PHASE_NS), PERIOD_NS);
    return fmin(from, PERIOD_NS - from);
}

/* As the sampler's loop has it. */
static struct watch run(struct gt_sampler *s, uint64_t ns)
{
    struct watch w = {0};
    uint64_t until = machine.now_ns + ns, interval_end = machine.now_ns;
    while (machine.now_ns < until) {
        uint64_t now = machine.now_ns, last = s->meter.last_ns;
        gt_refresh_read(s, now);
        w.wakes++;
        w.longest_ns = machine.now_ns - now > w.longest_ns ? machine.now_ns - now : w.longest_ns;
        if (s->meter.last_ns != last) {
            w.ticks++;
            w.worst_ns = fmax(w.worst_ns, error_of(s->meter.last_ns));
        }
        if (now >= interval_end) {
            gt_refresh_tend(s, false);
            interval_end += INTERVAL_NS;
        }
        uint64_t next = gt_refresh_next(s, interval_end, true);
        machine.now_ns = next > machine.now_ns ? next : machine.now_ns;
    }
    return w;
}

static void follows_and_wakes_once(void **state)
{
    (void)state;
    struct gt_sampler *s = begin(GT_PROVENANCE_MEASURED);
    struct watch seeking = run(s, 200 * MS);
    assert_true(gt_follow_is_locked(&s->meter.follow));
    /* Its slice, and one reading more. */
    assert_in_range(seeking.longest_ns, 1, 2 * MS + 2 * READ_NS);
    int whole = machine.whole_readings;
    struct watch w = run(s, 2000 * MS);
    assert_int_equal(machine.whole_readings, whole); /* refreshes bring the energy */
    assert_in_range(w.ticks, 1900, 2000);
    assert_true(w.worst_ns < 10000);
    assert_in_range(w.wakes, w.ticks, w.ticks + w.ticks / 20); /* intervals end with refreshes */
    assert_true(s->meter.follow.sigma_told > 0);
    end(s);
}

/* Every domain is read where one account of the counters ends; ticks never go back. */
static void cuts_are_whole(void **state)
{
    (void)state;
    struct gt_sampler *s = begin(GT_PROVENANCE_MEASURED);
    run(s, 300 * MS);
    int whole = machine.whole_readings;
    gt_meter_read(s, true, false);
    uint64_t read_ns = s->meter.last_ns;
    assert_int_equal(machine.whole_readings, whole + 1);
    assert_true(s->meter.follow.sigma_told == 0);
    const uint64_t before[] = {read_ns - 1, 1, 1}, same[] = {read_ns, 1, 1};
    gt_meter_add_tick(s, before, 5000);
    gt_meter_add_tick(s, same, 5000);
    assert_true(s->meter.last_ns == read_ns && s->meter.follow.sigma_told == 0);
    run(s, 10 * MS);
    assert_true(s->meter.last_ns > read_ns && s->meter.follow.sigma_told > 0);
    end(s);
}

/* A counter that cannot be read: a gap from the last tick, ended by a plain reading, and then it is followed again. */
static void gaps_end_by_plain_readings(void **state)
{
    (void)state;
    struct gt_sampler *s = begin(GT_PROVENANCE_MEASURED);
    run(s, 300 * MS);
    uint64_t last = s->meter.last_ns;
    machine.fails = true;
    run(s, 100 * MS);
    assert_true(s->meter.gap_begin_ns == last && s->meter.last_ns == last);
    machine.fails = false;
    run(s, 30 * MS);
    assert_true(s->meter.gap_begin_ns == 0 && s->meter.last_ns > last && s->meter.follow.sigma_told == 0);
    run(s, 1000 * MS);
    assert_true(gt_follow_is_locked(&s->meter.follow) && s->meter.follow.sigma_told > 0);
    end(s);
}

/* Read at intervals alone: what is modelled, inside a run, and where units are off. */
static void is_not_always_followed(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        gt_state.config.in_run = i == 1;
        gt_state.config.units_off = i == 2;
        struct gt_sampler *s = begin(i == 0 ? GT_PROVENANCE_MODELLED : GT_PROVENANCE_MEASURED);
        struct watch w = run(s, 1000 * MS);
        assert_null(s->meter.follow.source);
        assert_int_equal(machine.single_readings, 0);
        assert_int_equal(machine.whole_readings, 100);
        assert_int_equal(w.wakes, 100);
        end(s);
    }
    gt_state.config.in_run = gt_state.config.units_off = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_and_wakes_once),
        cmocka_unit_test(cuts_are_whole),
        cmocka_unit_test(gaps_end_by_plain_readings),
        cmocka_unit_test(is_not_always_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
