/*
 * A persistent thread pool: n - 1 workers and the caller share one task at a time.
 *
 * Life cycle: gtcnn_pool_new -> gtcnn_pool_run ... -> gtcnn_pool_free. One caller at a time. Between tasks workers spin for a
 * moment (layers follow each other within microseconds), then block on a condition variable. A task gets its number, so that
 * how work is split depends on the number of threads alone.
 */
#ifndef GTCNN_POOL_H
#define GTCNN_POOL_H

#include <stdint.h>

enum { GTCNN_POOL_MAX = 1024 };

/* `thread` is in 0 ... threads - 1; 0 is the caller. */
typedef void gtcnn_task_fn(const void *task, uint32_t thread, uint32_t threads);

struct gtcnn_pool;

/* threads in 1 ... GTCNN_POOL_MAX; 1 starts none. NULL when memory or threads are out (errno says which). */
struct gtcnn_pool *gtcnn_pool_new(uint32_t threads);
/* Ends and joins the workers. NULL is allowed. */
void gtcnn_pool_free(struct gtcnn_pool *pool);
uint32_t gtcnn_pool_threads(const struct gtcnn_pool *pool);

/* Calls fn(task, i, threads) once on each thread and returns when all are done; what they wrote is visible to the caller. */
void gtcnn_pool_run(struct gtcnn_pool *pool, gtcnn_task_fn *fn, const void *task);

/* The part of n items that thread i of `threads` takes: [*begin, *end), parts differ by one at most. */
static inline void gtcnn_pool_slice(uint64_t n, uint32_t thread, uint32_t threads, uint64_t *begin, uint64_t *end)
{
    *begin = n / threads * thread + (n % threads < thread ? n % threads : thread);
    *end = *begin + n / threads + (thread < n % threads);
}

#endif
