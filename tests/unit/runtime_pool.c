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
#include <sys/resource.h>
#include <time.h>
/* cmocka wants the above first */
#include <cmocka.h>

#include "tests/unit/runtime_fork.h"

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

/* --- processes */

/* Is every part of a task executed in this process, each by a thread of its own? Then the pool is freed. */
static bool works(struct gtcnn_pool *pool)
{
    uint32_t touched[ITEMS] = {0}, calls[MOST] = {0}, wrong = 0;
    struct work work = {touched, calls};
    struct meeting meeting;
    hold(pool, MOST, &meeting);
    gtcnn_pool_run(pool, MOST, touch, &work);
    for (uint32_t i = 0; i < ITEMS; i++)
        wrong += touched[i] != 1;
    gtcnn_pool_free(pool);
    return wrong == 0;
}

static void a_child_starts_its_own_workers(void **state)
{
    (void)state;
    FORK_SKIP_IF_UNSUPPORTED();
    struct gtcnn_pool *pool = gtcnn_pool_new(MOST);
    struct meeting meeting;
    hold(pool, MOST, &meeting);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        pid_t grandchild = fork(); /* which inherits what its parent has not used */
        if (grandchild == 0)
            _exit(works(pool) ? 0 : 1);
        int status = 1;
        waitpid(grandchild, &status, 0);
        _exit(works(pool) && status == 0 ? 0 : 1);
    }
    fork_await(child);
    assert_true(works(pool)); /* the parent's has not changed */
}

static void a_child_may_free_what_it_has_not_used(void **state)
{
    (void)state;
    struct gtcnn_pool *pool = gtcnn_pool_new(MOST);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        gtcnn_pool_free(pool);
        _exit(0);
    }
    fork_await(child);
    gtcnn_pool_free(pool);
}

/* Takes from this process, which may be root's, the right to have more threads. */
static bool forbid_threads(void)
{
    struct rlimit none = {0, 0};
    return (geteuid() != 0 || setresuid(65534, 65534, 65534) == 0) && setrlimit(RLIMIT_NPROC, &none) == 0;
}

static void a_child_without_workers_computes_alone(void **state)
{
    (void)state;
    FORK_SKIP_IF_UNSUPPORTED();
    struct gtcnn_pool *pool = gtcnn_pool_new(MOST);
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        uint32_t touched[ITEMS] = {0}, calls[MOST] = {0}, done = 0;
        struct work work = {touched, calls};
        bool forbidden = forbid_threads() && !gtcnn_pool_new(2);
        gtcnn_pool_run(pool, MOST, touch, &work);
        for (uint32_t i = 0; i < MOST; i++)
            done += calls[i] == 1;
        gtcnn_pool_free(pool);
        _exit(forbidden && done == MOST ? 0 : 1);
    }
    fork_await(child);
    gtcnn_pool_free(pool);
}

struct forking {
    struct gtcnn_pool *pool;
    atomic_int child;
};

/* Part 1 forks, on a worker, in the middle of a task. */
static void fork_in_part(const void *task, uint32_t part, uint32_t parts)
{
    (void)parts;
    struct forking *forking = *(struct forking *const *)task;
    if (part != 1) {
        while (atomic_load(&forking->child) == 0)
            sched_yield();
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        _exit(works(forking->pool) ? 0 : 1);
    }
    atomic_store(&forking->child, child);
}

static void a_fork_in_the_middle_of_a_task_is_no_harm(void **state)
{
    (void)state;
    FORK_SKIP_IF_UNSUPPORTED();
    struct forking forking = {gtcnn_pool_new(MOST), 0}, *task = &forking;
    gtcnn_pool_run(forking.pool, MOST, fork_in_part, &task);
    fork_await(atomic_load(&forking.child));
    assert_true(works(forking.pool));
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
        cmocka_unit_test(a_child_starts_its_own_workers),
        cmocka_unit_test(a_child_may_free_what_it_has_not_used),
        cmocka_unit_test(a_child_without_workers_computes_alone),
        cmocka_unit_test(a_fork_in_the_middle_of_a_task_is_no_harm),
        cmocka_unit_test(slices_cover_everything_evenly),
        cmocka_unit_test(pools_come_and_go),
    };
    alarm(PATIENCE_S); /* a thread that waits for ever */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
