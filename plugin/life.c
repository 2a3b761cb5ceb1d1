/* Life of the sampler: started by the first unit, stopped around what it would disturb, ended with the process. */
#include "plugin/interpose.h"
#include "plugin/state.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SAMPLER_STACK = 512 * 1024, KEEPER_STACK = 64 * 1024, PATIENCE_MS = 5000 };

long gt_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u), .tv_nsec = (long)(until_ns % 1000000000u)};
    return gt_syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void gt_futex_wake(_Atomic uint32_t *word)
{
    gt_syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* pthread_sigmask keeps glibc's own signals open, which a host's setuid needs answered. */
static int create_thread(pthread_t *thread, void *(*function)(void *), void *argument, size_t stack)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int error = pthread_attr_init(&attr);
    if (error != 0)
        return error;
    pthread_attr_setstacksize(&attr, stack);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    error = pthread_create(thread, &attr, function, argument);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

/*
 * pthread_join returns when the thread has let go of its memory, a moment before the kernel takes it off the process: until
 * then unshare(2) still counts it.
 */
static void wait_gone(uint32_t tid)
{
    uint64_t until = gt_now_ns() + (uint64_t)PATIENCE_MS * 1000000u;
    while (tid != 0 && gt_syscall(SYS_tgkill, gt_state.pid, tid, 0) == 0 && gt_now_ns() < until)
        sched_yield();
}

/* Waits until the sampler has gone, then returns: as the last thread in the host's own descriptor table. */
static void *keeper_main(void *unused)
{
    (void)unused;
    while (atomic_load(&gt_state.done) == 0)
        gt_futex_wait(&gt_state.done, 0, gt_now_ns() + 1000000000u);
    wait_gone(atomic_load(&gt_state.sampler_tid)); /* glibc must have counted it off before us */
    atomic_fetch_sub(&gt_state.keepers, 1);
    return NULL;
}

/* One per sampler: an earlier one leaves with its own. */
static bool start_keeper(void)
{
    pthread_t keeper;
    atomic_fetch_add(&gt_state.keepers, 1);
    if (create_thread(&keeper, keeper_main, NULL, KEEPER_STACK) != 0) {
        atomic_fetch_sub(&gt_state.keepers, 1);
        return false;
    }
    pthread_detach(keeper);
    return true;
}

/* Nothing of an earlier epoch, or of the process that this one was forked from, is believed. */
static void reset(void)
{
    struct gt_registry *r = &gt_state.registry;
    static const uint8_t no_id[GT_TRACE_ID_BYTES];
    if (gt_state.pid != 0 && gt_state.pid != getpid()) {
        memset(gt_state.previous_trace, 0, sizeof gt_state.previous_trace);
        atomic_store(&gt_state.main_left, false);
        atomic_store(&gt_state.keepers, 0);
        for (int i = 0; i < GT_LOST_COUNT; i++)
            atomic_store(&gt_state.lost[i], 0);
    }
    gt_state.pid = getpid();
    gt_state.sampler_joinable = false;
    atomic_store(&gt_state.stop, 0);
    atomic_store(&gt_state.done, 0);
    atomic_store(&gt_state.sampler_tid, 0);
    atomic_store(&gt_state.attaches, 0);
    atomic_store(&gt_state.spare, NULL);
    memset(gt_state.unit_sets, 0, sizeof gt_state.unit_sets);
    for (int i = 0; i < GT_SMALL_RINGS; i++) {
        memset(gt_state.small[i], 0, GT_RING_HEADER_BYTES + (GT_SMALL_TABLE + 1) * sizeof(struct gt_ring_total));
        gt_ring_init((struct gt_ring *)(void *)gt_state.small[i], no_id, GT_SMALL_CAPACITY, GT_SMALL_TABLE);
        atomic_store(&gt_state.small_state[i], GT_SMALL_FREE);
    }
    memset(r, 0, sizeof *r);
}

static bool start_sampler(uint64_t epoch)
{
    int error = create_thread(&gt_state.sampler, gt_sampler_main, (void *)(uintptr_t)epoch, SAMPLER_STACK);
    if (error != 0) {
        gt_log("disabled: no thread", strerror(error));
        return false;
    }
    gt_state.sampler_joinable = true;
    return true;
}

uint64_t gt_life_start(void)
{
    uint64_t word = 0;
    int saved = errno;
    if (!atomic_compare_exchange_strong(gt_state.word, &word, GT_WORD_BUSY))
        return word;
    if (atomic_load(&gt_state.disabled)) {
        atomic_store(gt_state.word, GT_WORD_OFF);
        return GT_WORD_OFF;
    }
    reset();
    gt_config_read(&gt_state.config);
    uint64_t epoch = GT_WORD_EPOCH + ++gt_state.last_epoch;
    bool ready = !atomic_load(&gt_state.main_left) || start_keeper();
    /* The word first: the sampler compares it, and units may go to the static rings from now on. */
    atomic_store(gt_state.word, epoch);
    if (!ready || !start_sampler(epoch))
        atomic_store(gt_state.word, epoch = GT_WORD_OFF);
    errno = saved;
    return epoch;
}

/* Has the sampler returned within the time limit? */
static bool wait_done(void)
{
    uint64_t until = gt_now_ns() + (uint64_t)PATIENCE_MS * 1000000u;
    while (atomic_load(&gt_state.done) == 0 && gt_now_ns() < until)
        gt_futex_wait(&gt_state.done, 0, until);
    return atomic_load(&gt_state.done) != 0;
}

static void stop_sampler(void)
{
    int state;
    if (!gt_state.sampler_joinable)
        return;
    gt_state.sampler_joinable = false;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    atomic_store(&gt_state.stop, 1);
    gt_futex_wake(&gt_state.stop);
    if (wait_done()) {
        pthread_join(gt_state.sampler, NULL);
        wait_gone(atomic_load(&gt_state.sampler_tid));
    } else {
        gt_log("the sampler did not stop in time", NULL);
    }
    pthread_setcancelstate(state, NULL);
}

/* Takes the word, whatever it is but BUSY. False when another thread does not give it back, or this is not our process. */
static bool take_word(uint64_t *before)
{
    if (!gt_state.word)
        return false;
    uint64_t until = gt_now_ns() + (uint64_t)PATIENCE_MS * 1000000u;
    do {
        *before = atomic_load(gt_state.word);
        /* A vfork child shares our memory; the sampler is its parent's. */
        if (*before >= GT_WORD_EPOCH && gt_state.pid != getpid())
            return false;
        if (*before != GT_WORD_BUSY && atomic_compare_exchange_strong(gt_state.word, before, GT_WORD_BUSY))
            return true;
        sched_yield();
    } while (gt_now_ns() < until);
    return false;
}

bool gt_life_quiesce(void)
{
    uint64_t before;
    int saved = errno;
    bool taken = take_word(&before);
    if (taken && before == GT_WORD_OFF) {
        atomic_store(gt_state.word, GT_WORD_OFF);
        taken = false;
    }
    if (taken && before >= GT_WORD_EPOCH)
        stop_sampler();
    errno = saved;
    return taken;
}

void gt_life_resume(bool stay_disabled)
{
    if (stay_disabled)
        atomic_store(&gt_state.disabled, true);
    atomic_store(gt_state.word, stay_disabled ? GT_WORD_OFF : 0);
}

void gt_life_end(void)
{
    uint64_t before;
    int saved = errno;
    /* After a new filter there is nothing to stop, and a call of ours, even getpid, may be one that it kills for. */
    if (atomic_load(&gt_state.disabled))
        return;
    if (gt_state.word && atomic_load(gt_state.word) != 0 && take_word(&before)) {
        /* A sampler that gave up by itself has set the word to OFF and waits to be joined. */
        if (gt_state.pid == getpid())
            stop_sampler();
        atomic_store(gt_state.word, GT_WORD_OFF);
    }
    errno = saved;
}

void gt_life_main_leaves(void)
{
    uint64_t word = gt_state.word ? atomic_load(gt_state.word) : GT_WORD_OFF;
    atomic_store(&gt_state.main_left, true);
    if (word < GT_WORD_EPOCH || gt_state.pid != getpid() || start_keeper())
        return;
    if (gt_life_quiesce())
        gt_life_resume(true);
}

__attribute__((constructor)) static void construct(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, 4096, MADV_WIPEONFORK) == 0) {
        gt_state.word = page;
        gt_state.items = gt_state.word + 64 / sizeof *gt_state.word; /* a cache line of its own */
        gt_fork_watch();
    } else {
        munmap(page, 4096);
    }
}

__attribute__((destructor)) static void destruct(void)
{
    gt_life_end();
}
