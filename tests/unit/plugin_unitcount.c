/* Event counters of units, from the hook to the table: made-up pages in the place of the kernel's. */
#include "plugin/adapter.h"
#include "plugin/state.h"
#include "plugin/unittable.h"

#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { EPOCH = GT_WORD_EPOCH };

static _Atomic uint64_t word;
static _Alignas(4096) unsigned char room[GT_SMALL_ROOM];
static struct perf_event_mmap_page pages[2];
static struct gt_unit_table table, sum;
static uint64_t instructions;

static uint64_t counter(uint32_t number)
{
    return number == 0 ? instructions : 10 * instructions;
}

static uint64_t cycles(void)
{
    return 0;
}

static const struct gt_rdpmc_ops ops = {counter, cycles};

/* A thread with its ring, number 0, and two events that the sampler has published for it. */
static int fresh(void **state)
{
    static const uint8_t id[GT_TRACE_ID_BYTES] = {1};
    (void)state;
    memset(room, 0, sizeof room);
    memset(&table, 0, sizeof table);
    memset(&sum, 0, sizeof sum);
    memset(pages, 0, sizeof pages);
    gt_ring_init((struct gt_ring *)(void *)room, id, GT_SMALL_CAPACITY, GT_SMALL_TABLE);
    atomic_store(&word, EPOCH);
    gt_state.word = &word;
    gt_state.rdpmc = &ops;
    gt_state.config.unit_term_count = 2;
    gt_thread = (struct gt_thread){.small = -1, .epoch = EPOCH, .ring = (struct gt_ring *)(void *)room};
    for (int i = 0; i < 2; i++) {
        pages[i].cap_user_rdpmc = 1;
        pages[i].index = (uint32_t)i + 1;
        pages[i].pmc_width = 48;
        pages[i].time_enabled = pages[i].time_running = 100;
        gt_state.unit_sets[0].pages[i] = &pages[i];
    }
    gt_state.unit_sets[0].table = &table;
    atomic_store(&gt_state.unit_sets[0].count, 2);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    gt_state.word = NULL;
    gt_state.config.unit_term_count = 0;
    memset(gt_state.unit_sets, 0, sizeof gt_state.unit_sets);
    return 0;
}

static const struct gt_unit_row *row_of(const struct gt_unit_table *t, uint32_t slot)
{
    for (uint32_t i = 0; i <= GT_UNIT_ROWS; i++)
        if (t->rows[i].calls != 0 && t->rows[i].slot == slot)
            return &t->rows[i];
    return NULL;
}

static void execute(uint32_t slot, uint64_t count)
{
    struct gt_span span;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    instructions += count;
    gt_span_end(&span, slot, 0);
    instructions += 1000000; /* between units: nobody's */
}

static void a_call_gets_what_was_counted_inside_it(void **state)
{
    (void)state;
    execute(3, 100);
    execute(4, 7);
    execute(3, 150);
    const struct gt_unit_row *row = row_of(&table, 3);
    assert_non_null(row);
    assert_int_equal(row->calls, 2);
    assert_int_equal(row->sums[0].value, 250);
    assert_int_equal(row->sums[1].value, 2500);
    assert_int_equal(row_of(&table, 4)->sums[0].value, 7);
    assert_int_equal(atomic_load(&gt_state.busy[0]), 0);
    assert_null(gt_thread.counting);
}

/* A counter that the kernel shares out: its times go beside the count, so that it can be scaled. */
static void times_are_summed(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    pages[1].time_enabled += 400;
    pages[1].time_running += 100;
    gt_span_end(&span, 3, 0);
    assert_int_equal(row_of(&table, 3)->sums[1].enabled_ns, 400);
    assert_int_equal(row_of(&table, 3)->sums[1].running_ns, 100);
    assert_int_equal(row_of(&table, 3)->sums[0].enabled_ns, 0);
}

/* A call is counted whole or not at all; its time and its row are there in any case. */
static void half_a_reading_is_none(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    pages[1].cap_user_rdpmc = 0;
    gt_span_end(&span, 3, 0);
    pages[1].cap_user_rdpmc = 1;
    atomic_store(&gt_state.unit_sets[0].count, 0);
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    atomic_store(&gt_state.unit_sets[0].count, 2);
    gt_span_end(&span, 3, 0);
    assert_null(row_of(&table, 3));
    assert_int_equal(gt_ring_waiting((const struct gt_ring *)(const void *)room), 2);
}

/* An inference that is told by its first and last unit has no reading of its own begin. */
static void an_implied_inference_has_no_counts(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_INFER));
    gt_span_end_from(&span, span.t_begin_ns - 5, 3 | GT_TRACE_SLOT_INFER, 1);
    assert_null(row_of(&table, 3 | GT_TRACE_SLOT_INFER));
}

static void a_quiesce_in_between(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    atomic_store(&word, EPOCH + 1);
    gt_span_end(&span, 3, 0);
    assert_null(row_of(&table, 3));
}

/* Threads that are gone and threads that live are added up; more slots than rows stand under one. */
static void tables_add_up(void **state)
{
    struct gt_event_count before[GT_UNIT_TERMS] = {{5, 1, 1}}, after[GT_UNIT_TERMS] = {{8, 3, 2}};
    uint64_t calls = 0;
    (void)state;
    for (uint32_t slot = 0; slot < 2 * GT_UNIT_ROWS; slot++)
        gt_unittable_add(&table, 1, slot, before, after);
    gt_unittable_merge(&sum, &table);
    gt_unittable_merge(&sum, &table);
    uint64_t value = 0;
    for (uint32_t i = 0; i <= GT_UNIT_ROWS; i++) {
        calls += sum.rows[i].calls;
        value += sum.rows[i].sums[0].value;
    }
    assert_int_equal(calls, 4 * GT_UNIT_ROWS);
    assert_int_equal(value, 3 * calls);
    assert_int_equal(row_of(&sum, 0)->sums[0].running_ns, 2);
    assert_int_equal(sum.rows[GT_UNIT_ROWS].slot, GT_RING_SLOT_OTHER);
}

/* A signal handler that forks in the middle of a reading: the child goes on in it, where the kernel's pages are not. */
static pid_t forked = -1;

static uint64_t forking_counter(uint32_t number)
{
    if (forked < 0 && number == 0)
        forked = fork();
    return 1;
}

static void a_fork_in_the_middle_of_a_reading(void **state)
{
    static const struct gt_rdpmc_ops forking = {forking_counter, cycles};
    struct perf_event_mmap_page *alone = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct gt_unit_table *own = mmap(NULL, sizeof *own, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct gt_span span;
    int status;
    (void)state;
    assert_true(alone != MAP_FAILED && own != MAP_FAILED);
    *alone = pages[0];
    madvise(alone, 4096, MADV_DONTFORK);
    madvise(own, sizeof *own, MADV_DONTFORK);
    gt_state.unit_sets[0].pages[0] = alone;
    gt_state.unit_sets[0].table = own;
    gt_state.rdpmc = &forking;
    forked = -1;
    bool live = gt_span_begin(&span, GT_SPAN_UNIT);
    if (forked == 0)
        _exit(live && !gt_thread.inside && !gt_thread.counting ? 0 : 1);
    assert_true(live && span.counted == 2 && forked > 0);
    assert_int_equal(waitpid(forked, &status, 0), forked);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    munmap(alone, 4096);
    munmap(own, sizeof *own);
}

/* A reading that takes so long (the thread was preempted) that a new sampler has begun meanwhile: it ends, and is nobody's. */
static uint64_t slow_counter(uint32_t number)
{
    (void)number;
    atomic_store(&word, EPOCH + 1);
    memset(gt_state.unit_sets, 0, sizeof gt_state.unit_sets);
    return 1;
}

static void a_new_sampler_in_the_middle_of_a_reading(void **state)
{
    static const struct gt_rdpmc_ops slow = {slow_counter, cycles};
    struct gt_span span;
    (void)state;
    gt_state.rdpmc = &slow;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    assert_int_equal(span.counted, 0);
    gt_span_end(&span, 3, 0);
    assert_null(row_of(&table, 3));
    assert_int_equal(atomic_load(&gt_state.busy[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_gets_what_was_counted_inside_it, fresh, leave),
        cmocka_unit_test_setup_teardown(times_are_summed, fresh, leave),
        cmocka_unit_test_setup_teardown(half_a_reading_is_none, fresh, leave),
        cmocka_unit_test_setup_teardown(an_implied_inference_has_no_counts, fresh, leave),
        cmocka_unit_test_setup_teardown(a_quiesce_in_between, fresh, leave),
        cmocka_unit_test_setup_teardown(a_fork_in_the_middle_of_a_reading, fresh, leave),
        cmocka_unit_test_setup_teardown(a_new_sampler_in_the_middle_of_a_reading, fresh, leave),
        cmocka_unit_test_setup_teardown(tables_add_up, fresh, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
