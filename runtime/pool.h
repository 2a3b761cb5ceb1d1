/*
 * A persistent thread pool: n - 1 workers and the caller share one task at a time.
 *
 * Life cycle: gtcnn_pool_new -> gtcnn_pool_run ... -> gtcnn_pool_free. One caller at a time. Between tasks workers spin for a
 * moment (layers follow each other within microseconds), then sleep on a futex. A task is cut into numbered parts; how many is
 * the caller's to say, so that how work is split never depends on timing. Who executes a part may: the caller takes over what a
 * worker has not begun by the time it is through with its own, so that a machine with no processor to spare runs a task hardly
 * slower than one thread would.
 *
 * Processes: workers do not survive fork. A child's first task that is cut starts new ones; so it may use and free its copy of
 * a pool that was idle, or running a task of another thread, when the process was forked.
 */
#ifndef GTCNN_POOL_H
#define GTCNN_POOL_H

#include <stdint.h>

enum { GTCNN_POOL_MAX = 1024 };

/* Executes one part; `part` is in 0 ... parts - 1. */
typedef void gtcnn_task_fn(const void *task, uint32_t part, uint32_t parts);

struct gtcnn_pool;

/* threads in 1 ... GTCNN_POOL_MAX; 1 starts none. NULL when memory or threads are out (errno says which). */
struct gtcnn_pool *gtcnn_pool_new(uint32_t threads);
/* Ends and joins the workers. NULL is allowed. */
void gtcnn_pool_free(struct gtcnn_pool *pool);
uint32_t gtcnn_pool_threads(const struct gtcnn_pool *pool);

/*
 * Calls fn(task, i, n) once for each i in 0 ... n - 1, n being the smaller of `parts` (at least 1) and the pool's threads, and
 * returns when all are done; what they wrote is visible to the caller. Part 0 is the caller's; one part alone wakes nobody.
 */
void gtcnn_pool_run(struct gtcnn_pool *pool, uint32_t parts, gtcnn_task_fn *fn, const void *task);

/* The slice of n items that belongs to part `part` of `parts`: [*begin, *end); slices differ by one item at most. */
static inline void gtcnn_pool_slice(uint64_t n, uint32_t part, uint32_t parts, uint64_t *begin, uint64_t *end)
{
    *begin = n / parts * part + (n % parts < part ? n % parts : part);
    *end = *begin + n / parts + (part < n % parts);
}

#endif
