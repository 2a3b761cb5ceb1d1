/* The thread pool: every part of every task is executed once, whoever does it, and what it wrote can be read afterwards. */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants the above first */
#include <cmocka.h>

enum { ITEMS = 1000, MOST = 5, PATIENCE_S = 60 };

struct work {
    uint32_t *touched; /* per item: how often */
    uint32_t *calls;   /* per part */
};

static void touch(const void *task, uint32_t part, uint32_t parts)
{
    const struct work *work = task;
    uint64_t begin, end;
    gtcnn_pool_slice(ITEMS, part, parts, &begin, &end);
    work->calls[part]++;
    for (uint64_t i = begin; i < end; i++)
        work->touched[i]++; /* not atomic: one part's alone */
}

static void every_part_of_every_task_is_done_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= MOST; threads++) {
        struct gtcnn_pool *pool = gtcnn_pool_new(threads);
        assert_non_null(pool);
        assert_int_equal(gtcnn_pool_threads(pool), threads);
        uint32_t touched[ITEMS] = {0}, calls[MOST] = {0};
        struct work work = {touched, calls};
        for (uint32_t round = 1; round <= 300; round++) {
            gtcnn_pool_run(pool, MOST, touch, &work);
            if (round % 100 == 0) { /* long enough that the workers go to sleep */
                struct timespec pause = {0, 3000000};
                nanosleep(&pause, NULL);
            }
            for (uint32_t i = 0; i < ITEMS; i++)
                assert_int_equal(touched[i], round);
        }
        for (uint32_t t = 0; t < threads; t++)
            assert_int_equal(calls[t], 300);
        gtcnn_pool_free(pool);
    }
}

/* --- who does it */

struct meeting {
    atomic_uint arrived;
    pthread_t who[MOST];
};

/* Returns when all parts have begun: each then has a thread of its own. */
static void meet(const void *task, uint32_t part, uint32_t parts)
{
    struct meeting *meeting = *(struct meeting *const *)task;
    meeting->who[part] = pthread_self();
    atomic_fetch_add(&meeting->arrived, 1);
    while (atomic_load(&meeting->arrived) < parts)
        sched_yield();
}

static void hold(struct gtcnn_pool *pool, uint32_t parts, struct meeting *meeting)
{
    atomic_store(&meeting->arrived, 0);
    gtcnn_pool_run(pool, parts, meet, &meeting);
}

static void parts_run_at_once(void **state)
{
    (void)state;
    struct gtcnn_pool *pool = gtcnn_pool_new(MOST);
    struct meeting meeting;
    for (uint32_t parts = 1; parts <= MOST; parts++) {
        hold(pool, parts, &meeting);
        assert_int_equal(atomic_load(&meeting.arrived), parts);
        assert_true(pthread_equal(meeting.who[0], pthread_self()));
        for (uint32_t i = 1; i < parts; i++)
            assert_false(pthread_equal(meeting.who[i], pthread_self()));
    }
    gtcnn_pool_free(pool);
}

static sem_t held, released;

static void stay(int signal)
{
    (void)signal;
    sem_post(&held);
    while (sem_wait(&released) != 0)
        ;
}

static void do_nothing(const void *task, uint32_t part, uint32_t parts)
{
    (void)task, (void)part, (void)parts;
}

/* Holds the worker in a signal handler. ThreadSanitizer puts a signal off until it is awake: then it is woken. */
static void catch (struct gtcnn_pool *pool, pthread_t worker)
{
    struct timespec until;
    pthread_kill(worker, SIGUSR1);
    do {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec++;
    } while (sem_timedwait(&held, &until) != 0 && (gtcnn_pool_run(pool, 2, do_nothing, NULL), true));
}

/* A worker that is kept from running, as by a busy machine, keeps nobody waiting. */
static void the_caller_does_what_no_worker_begins(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = stay}, before;
    struct gtcnn_pool *pool = gtcnn_pool_new(2);
    struct meeting meeting;
    uint32_t touched[ITEMS] = {0}, calls[MOST] = {0};
    struct work work = {touched, calls};
    sem_init(&held, 0, 0);
    sem_init(&released, 0, 0);
    sigaction(SIGUSR1, &action, &before);
    hold(pool, 2, &meeting);
    catch (pool, meeting.who[1]);
    for (int i = 0; i < 10; i++)
        gtcnn_pool_run(pool, 2, touch, &work);
    assert_int_equal(calls[0], 10);
    assert_int_equal(calls[1], 10);
    for (uint32_t i = 0; i < ITEMS; i++)
        assert_int_equal(touched[i], 10);
    sem_post(&released);
    hold(pool, 2, &meeting); /* and then it is there again */
    gtcnn_pool_free(pool);
    sigaction(SIGUSR1, &before, NULL);
    sem_destroy(&held);
    sem_destroy(&released);
}

static void slices_cover_everything_evenly(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 40; n++)
        for (uint32_t parts = 1; parts < 12; parts++) {
            uint64_t next = 0, begin, end;
            for (uint32_t t = 0; t < parts; t++) {
                gtcnn_pool_slice(n, t, parts, &begin, &end);
                assert_int_equal(begin, next);
                assert_true(end - begin == n / parts || end - begin == n / parts + 1);
                next = end;
            }
            assert_int_equal(next, n);
        }
}

static void pools_come_and_go(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        gtcnn_pool_free(gtcnn_pool_new(3));
    gtcnn_pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_every_task_is_done_once),
        cmocka_unit_test(parts_run_at_once),
        cmocka_unit_test(the_caller_does_what_no_worker_begins),
        cmocka_unit_test(slices_cover_everything_evenly),
        cmocka_unit_test(pools_come_and_go),
    };
    alarm(PATIENCE_S); /* a thread that waits for ever */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
