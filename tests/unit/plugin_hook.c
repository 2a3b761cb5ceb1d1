/* Hooks without a sampler: static rings until a thread has its own, what is then lost, and what a hook must not do. */
#include "plugin/adapter.h"
#include "plugin/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { EPOCH = GT_WORD_EPOCH, UNITS = 40 };

static _Atomic uint64_t word;

/* As gt_life_start leaves it, but for the sampler: nobody offers a ring, nobody drains. */
static int fresh(void **state)
{
    static const uint8_t no_id[GT_TRACE_ID_BYTES];
    (void)state;
    atomic_store(&word, EPOCH);
    gt_state.word = &word;
    gt_thread = (struct gt_thread){.small = -1};
    for (int i = 0; i < GT_LOST_COUNT; i++)
        atomic_store(&gt_state.lost[i], 0);
    for (int i = 0; i < GT_SMALL_RINGS; i++) {
        memset(gt_state.small[i], 0, sizeof gt_state.small[i]);
        gt_ring_init((struct gt_ring *)(void *)gt_state.small[i], no_id, GT_SMALL_CAPACITY, GT_SMALL_TABLE);
        atomic_store(&gt_state.small_state[i], GT_SMALL_FREE);
    }
    return 0;
}

static int leave(void **state)
{
    (void)state;
    gt_state.word = NULL;
    return 0;
}

static void execute(int units)
{
    struct gt_span span;
    for (int i = 0; i < units; i++)
        if (gt_span_begin(&span, GT_SPAN_UNIT))
            gt_span_end(&span, 3, 0);
}

static void *execute_some(void *unused)
{
    (void)unused;
    execute(UNITS);
    return NULL;
}

static struct gt_trace_total told(int small)
{
    struct gt_trace_total total = {0};
    const struct gt_ring *ring = (const struct gt_ring *)(const void *)gt_state.small[small];
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        if (gt_ring_table_row(ring, i, &total))
            break;
    return total;
}

static uint64_t lost(enum gt_lost kind)
{
    return atomic_load(&gt_state.lost[kind]);
}

/* As many threads as there are static rings lose nothing; the units of all others are counted as lost, each once. */
static void threads_without_a_ring(void **state)
{
    enum { THREADS = GT_SMALL_RINGS + 3 };
    uint64_t kept = 0;
    (void)state;
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, execute_some, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
    for (int i = 0; i < GT_SMALL_RINGS; i++) {
        assert_int_equal(told(i).calls, UNITS);
        kept += told(i).calls;
    }
    assert_int_equal(kept + lost(GT_LOST_NO_RING), THREADS * UNITS);
    assert_int_equal(lost(GT_LOST_NO_RING), 3 * UNITS);
}

/* A static ring that nobody drains keeps its first rows and the exact sums of all. */
static void a_full_static_ring(void **state)
{
    (void)state;
    execute(GT_SMALL_CAPACITY + 100);
    const struct gt_ring *ring = (const struct gt_ring *)(const void *)gt_state.small[0];
    assert_int_equal(told(0).calls, GT_SMALL_CAPACITY + 100);
    assert_int_equal(gt_ring_waiting(ring), GT_SMALL_CAPACITY);
    assert_int_equal(atomic_load(&ring->dropped), 100);
    assert_int_equal(lost(GT_LOST_NO_RING), 0);
}

/* The ring that the sampler holds ready is taken at the next unit; the static one is given back. */
static void the_spare_is_taken(void **state)
{
    static _Alignas(4096) unsigned char room[GT_SMALL_ROOM];
    static const uint8_t id[GT_TRACE_ID_BYTES] = {1};
    struct gt_ring *spare = (struct gt_ring *)(void *)room;
    struct gt_trace_total total;
    uint64_t calls = 0;
    (void)state;
    memset(room, 0, sizeof room);
    execute(2);
    gt_ring_init(spare, id, GT_SMALL_CAPACITY, GT_SMALL_TABLE);
    atomic_store(&gt_state.spare, spare);
    execute(5);
    assert_null(atomic_load(&gt_state.spare));
    assert_int_equal(told(0).calls, 2);
    assert_int_equal(atomic_load(&gt_state.small_state[0]), GT_SMALL_RETIRED);
    for (uint32_t i = 0; i <= spare->table_rows; i++)
        calls += gt_ring_table_row(spare, i, &total) ? total.calls : 0;
    assert_int_equal(calls, 5);
    assert_int_equal(atomic_load(&gt_state.busy[0]), 0);
}

/* While somebody starts or stops the sampler units pass and are counted; off, they pass. */
static void units_pass_meanwhile(void **state)
{
    (void)state;
    atomic_store(&word, GT_WORD_BUSY);
    execute(7);
    assert_int_equal(lost(GT_LOST_BUSY), 7);
    atomic_store(&word, GT_WORD_OFF);
    execute(7);
    assert_int_equal(lost(GT_LOST_BUSY), 7);
    assert_int_equal(told(0).calls, 0);
}

/* A unit that began before a fork or a quiesce is of another epoch: no ring is touched. */
static void another_epoch(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    atomic_store(&word, EPOCH + 1);
    gt_span_end(&span, 3, 0);
    assert_int_equal(told(0).calls, 0);
    execute(1); /* a ring anew */
    assert_int_equal(gt_thread.epoch, EPOCH + 1);
}

/* What a signal handler runs while this thread is inside the plugin is counted, and the ring is left alone. */
static void a_hook_inside_a_hook(void **state)
{
    struct gt_span span;
    (void)state;
    assert_true(gt_span_begin(&span, GT_SPAN_UNIT));
    gt_thread.inside = true;
    execute(4);
    gt_span_end(&span, 3, 0);
    assert_int_equal(lost(GT_LOST_REENTRY), 5);
    assert_int_equal(told(0).calls, 0);
    gt_thread.inside = false;
}

/*
 * A signal handler interrupts the thread inside gt_ring_push and forks; the child returns into it. Its writes must neither
 * fault nor reach the parent's ring.
 */
static void a_fork_inside_a_push(void **state)
{
    static const uint8_t id[GT_TRACE_ID_BYTES] = {2};
    struct gt_trace_event event = {.slot = 3, .t_begin_ns = 1, .t_end_ns = 2};
    struct gt_ring *ring = NULL;
    char folder[] = "/tmp/gt-fork-XXXXXX";
    int status = 0, dir_fd = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
    (void)state;
    assert_int_equal(gt_ring_create(dir_fd, "r", id, 64, 16, &ring), GT_OK);
    gt_fork_watch();
    gt_ring_push(ring, &event);
    gt_thread.pushing = ring;
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 100; i++)
            gt_ring_push(ring, &event);
        _exit(0);
    }
    gt_thread.pushing = NULL;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(gt_ring_waiting(ring), 1);
    gt_ring_destroy(ring, dir_fd, "r");
    close(dir_fd);
    assert_int_equal(rmdir(folder), 0);
}

static void errno_stays(void **state)
{
    (void)state;
    errno = 4711;
    execute(GT_SMALL_CAPACITY + 1);
    assert_int_equal(errno, 4711);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_without_a_ring, fresh, leave),
        cmocka_unit_test_setup_teardown(a_full_static_ring, fresh, leave),
        cmocka_unit_test_setup_teardown(the_spare_is_taken, fresh, leave),
        cmocka_unit_test_setup_teardown(units_pass_meanwhile, fresh, leave),
        cmocka_unit_test_setup_teardown(another_epoch, fresh, leave),
        cmocka_unit_test_setup_teardown(a_hook_inside_a_hook, fresh, leave),
        cmocka_unit_test_setup_teardown(a_fork_inside_a_push, fresh, leave),
        cmocka_unit_test_setup_teardown(errno_stays, fresh, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
