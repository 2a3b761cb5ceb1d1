#include "runtime/pool.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * How long a thread spins before it sleeps. Longer than the gap between two layers that are shared, and about what it costs to
 * put a thread to sleep and wake it on another processor (some 50 us on a virtual machine): waiting costs twice the best at
 * most.
 */
enum { SPIN_NS = 50000, PAUSES = 16 /* between two looks at the clock */ };

/*
 * What a worker does. A part is POSTED by the caller and executed by who takes it first: the worker (BUSY), or the caller, when
 * it is through with its own part and the worker has not been given a processor yet.
 */
enum state {
    IDLE,
    ASLEEP, /* idle, and to be woken */
    POSTED,
    BUSY,
    AWAITED, /* busy, and the caller is to be woken */
    ENDED
};

/* On a cache line of its own: what passes between the caller and one worker concerns no other. */
struct worker {
    _Alignas(64) atomic_uint state; /* a futex; the members below belong to who took the part */
    gtcnn_task_fn *fn;
    const void *task;
    uint32_t part, parts;
    bool started;
    pthread_t thread;
};

struct gtcnn_pool {
    uint32_t threads;
    struct worker *workers; /* threads - 1 */
    uint32_t *mark;         /* 1, on a page that is zeros in a child of fork; NULL where the kernel has none such */
    pid_t owner;            /* the process that the workers belong to */
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins while *state is `old`. The state seen last. */
static unsigned spin(atomic_uint *state, unsigned old)
{
    unsigned now = atomic_load_explicit(state, memory_order_acquire);
    for (uint64_t end = 0, t; now == old; end = end ? end : t + SPIN_NS) {
        t = now_ns();
        if (end && t >= end)
            break;
        for (int i = 0; i < PAUSES && now == old; i++) {
            relax();
            now = atomic_load_explicit(state, memory_order_acquire);
        }
    }
    return now;
}

/* Waits until *state is no longer `old`, in its sleep from some time on: then it is `sleeping`. The new state. */
static unsigned await_change(atomic_uint *state, unsigned old, unsigned sleeping)
{
    unsigned now = spin(state, old);
    if (now != old || !atomic_compare_exchange_strong(state, &now, sleeping))
        return now;
    while ((now = atomic_load_explicit(state, memory_order_acquire)) == sleeping)
        syscall(SYS_futex, state, FUTEX_WAIT_PRIVATE, sleeping, NULL, NULL, 0);
    return now;
}

/* Changes *state, and wakes who had left word that it is asleep. */
static void change(atomic_uint *state, unsigned next, unsigned sleeping)
{
    if (atomic_exchange(state, next) == sleeping)
        syscall(SYS_futex, state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool take(struct worker *worker, unsigned next)
{
    unsigned posted = POSTED;
    return atomic_compare_exchange_strong(&worker->state, &posted, next);
}

static void *work(void *argument)
{
    struct worker *self = argument;
    while (await_change(&self->state, IDLE, ASLEEP) != ENDED)
        if (take(self, BUSY)) {
            self->fn(self->task, self->part, self->parts);
            change(&self->state, IDLE, AWAITED);
        }
    return NULL;
}

static void post(struct worker *worker, gtcnn_task_fn *fn, const void *task, uint32_t parts)
{
    worker->fn = fn;
    worker->task = task;
    worker->parts = parts;
    change(&worker->state, POSTED, ASLEEP);
}

/* --- processes: a child of fork has the pool's memory, and none of its threads */

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static uint32_t *new_mark(void)
{
    void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, page_size(), MADV_WIPEONFORK) == 0) /* Linux 4.14 */
        return page;
    munmap(page, page_size());
    return NULL;
}

static bool is_inherited(const struct gtcnn_pool *pool)
{
    return pool->mark ? *pool->mark == 0 : pool->owner != getpid();
}

static int start(struct worker *worker)
{
    int error = pthread_create(&worker->thread, NULL, work, worker);
    worker->started = !error;
    return error;
}

/* Workers for this process, in place of any that another one had. An errno value when not all could be started. */
static int start_workers(struct gtcnn_pool *pool)
{
    int error = 0;
    for (uint32_t i = 0; i + 1 < pool->threads; i++)
        pool->workers[i] = (struct worker){.part = i + 1};
    for (uint32_t i = 0; i + 1 < pool->threads && !error; i++)
        error = start(&pool->workers[i]);
    pool->owner = getpid();
    if (pool->mark)
        *pool->mark = 1;
    return error;
}

void gtcnn_pool_run(struct gtcnn_pool *pool, uint32_t parts, gtcnn_task_fn *fn, const void *task)
{
    parts = parts < pool->threads ? parts : pool->threads;
    if (parts > 1 && is_inherited(pool))
        start_workers(pool); /* what those cannot do that it fails to start, is done here */
    for (uint32_t i = 1; i < parts; i++)
        post(&pool->workers[i - 1], fn, task, parts);
    fn(task, 0, parts);
    for (uint32_t i = 1; i < parts; i++) {
        struct worker *worker = &pool->workers[i - 1];
        if (take(worker, IDLE))
            fn(task, i, parts);
        else
            await_change(&worker->state, BUSY, AWAITED);
    }
}

struct gtcnn_pool *gtcnn_pool_new(uint32_t threads)
{
    struct gtcnn_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pool->threads = threads;
    pool->workers = aligned_alloc(_Alignof(struct worker), threads * sizeof *pool->workers);
    pool->mark = threads > 1 ? new_mark() : NULL;
    int error = pool->workers ? start_workers(pool) : ENOMEM;
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
    bool own = pool->workers && pool->threads > 1 && !is_inherited(pool);
    for (uint32_t i = 0; own && i + 1 < pool->threads && pool->workers[i].started; i++) {
        change(&pool->workers[i].state, ENDED, ASLEEP);
        pthread_join(pool->workers[i].thread, NULL);
    }
    if (pool->mark)
        munmap(pool->mark, page_size());
    free(pool->workers);
    free(pool);
}

uint32_t gtcnn_pool_threads(const struct gtcnn_pool *pool)
{
    return pool->threads;
}
