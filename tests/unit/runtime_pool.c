/* The thread pool: every thread takes its part of every task, once, and what it wrote can be read afterwards. */
#include "runtime/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
/* cmocka wants the above first */
#include <cmocka.h>

enum { ITEMS = 1000, MOST = 5 };

struct work {
    uint32_t *touched; /* per item: how often */
    uint32_t *calls;   /* per thread */
};

static void touch(const void *task, uint32_t thread, uint32_t threads)
{
    const struct work *work = task;
    uint64_t begin, end;
    gtcnn_pool_slice(ITEMS, thread, threads, &begin, &end);
    work->calls[thread]++;
    for (uint64_t i = begin; i < end; i++)
        work->touched[i]++; /* not atomic: one thread's alone */
}

static void every_task_is_done_once_by_each_thread(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= MOST; threads++) {
        struct gtcnn_pool *pool = gtcnn_pool_new(threads);
        assert_non_null(pool);
        assert_int_equal(gtcnn_pool_threads(pool), threads);
        uint32_t touched[ITEMS] = {0}, calls[MOST] = {0};
        struct work work = {touched, calls};
        for (uint32_t round = 1; round <= 300; round++) {
            gtcnn_pool_run(pool, touch, &work);
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

static void slices_cover_everything_evenly(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 40; n++)
        for (uint32_t threads = 1; threads < 12; threads++) {
            uint64_t next = 0, begin, end;
            for (uint32_t t = 0; t < threads; t++) {
                gtcnn_pool_slice(n, t, threads, &begin, &end);
                assert_int_equal(begin, next);
                assert_true(end - begin == n / threads || end - begin == n / threads + 1);
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
        cmocka_unit_test(every_task_is_done_once_by_each_thread),
        cmocka_unit_test(slices_cover_everything_evenly),
        cmocka_unit_test(pools_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
