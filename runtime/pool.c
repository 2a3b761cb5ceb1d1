#include "runtime/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * Turns of the spin loop before a thread blocks: many times the gap between two layers. How long that is depends on the
 * processor's pause instruction; on an AMD EPYC some 100 µs.
 */
enum { SPINS = 4000 };

struct gtcnn_pool {
    uint32_t threads;
    uint32_t started;      /* workers that run */
    pthread_t *workers;    /* threads - 1 */
    pthread_mutex_t mutex; /* guards the sleepers */
    pthread_cond_t wake, done;
    gtcnn_task_fn *fn; /* of the current task; published by `epoch` */
    const void *task;
    atomic_uint epoch;   /* one more for each task */
    atomic_uint pending; /* workers that have not finished it */
    atomic_bool stop;
};

struct worker {
    struct gtcnn_pool *pool;
    uint32_t thread;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

/* Waits until a task newer than `seen` is there, and returns its epoch. */
static unsigned await_task(struct gtcnn_pool *pool, unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        unsigned epoch = atomic_load_explicit(&pool->epoch, memory_order_acquire);
        if (epoch != seen)
            return epoch;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    unsigned epoch;
    while ((epoch = atomic_load_explicit(&pool->epoch, memory_order_acquire)) == seen)
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    return epoch;
}

static void finish_task(struct gtcnn_pool *pool)
{
    if (atomic_fetch_sub_explicit(&pool->pending, 1, memory_order_acq_rel) != 1)
        return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_signal(&pool->done);
    pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument)
{
    struct worker self = *(struct worker *)argument;
    free(argument);
    for (unsigned seen = 0;;) {
        seen = await_task(self.pool, seen);
        if (atomic_load_explicit(&self.pool->stop, memory_order_relaxed))
            return NULL;
        self.pool->fn(self.pool->task, self.thread, self.pool->threads);
        finish_task(self.pool);
    }
}

static void await_workers(struct gtcnn_pool *pool)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool->pending, memory_order_acquire) == 0)
            return;
        relax();
    }
    pthread_mutex_lock(&pool->mutex);
    while (atomic_load_explicit(&pool->pending, memory_order_acquire) != 0)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void publish(struct gtcnn_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add_explicit(&pool->epoch, 1, memory_order_release);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

void gtcnn_pool_run(struct gtcnn_pool *pool, gtcnn_task_fn *fn, const void *task)
{
    if (pool->threads > 1) {
        pool->fn = fn;
        pool->task = task;
        atomic_store_explicit(&pool->pending, pool->threads - 1, memory_order_relaxed);
        publish(pool);
    }
    fn(task, 0, pool->threads);
    if (pool->threads > 1)
        await_workers(pool);
}

static int start_worker(struct gtcnn_pool *pool, uint32_t thread)
{
    struct worker *self = malloc(sizeof *self);
    if (!self)
        return ENOMEM;
    *self = (struct worker){pool, thread};
    int error = pthread_create(&pool->workers[thread - 1], NULL, work, self);
    if (error)
        free(self);
    else
        pool->started++;
    return error;
}

struct gtcnn_pool *gtcnn_pool_new(uint32_t threads)
{
    struct gtcnn_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->threads = threads;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->done, NULL);
    pool->workers = calloc(threads, sizeof *pool->workers);
    int error = pool->workers ? 0 : ENOMEM;
    for (uint32_t i = 1; i < threads && !error; i++)
        error = start_worker(pool, i);
    if (!error)
        return pool;
    gtcnn_pool_free(pool);
    errno = error;
    return NULL;
}

void gtcnn_pool_free(struct gtcnn_pool *pool)
{
    if (!pool)
        return;
    atomic_store_explicit(&pool->stop, true, memory_order_relaxed);
    publish(pool);
    for (uint32_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}

uint32_t gtcnn_pool_threads(const struct gtcnn_pool *pool)
{
    return pool->threads;
}
