/* The sampler's thread: wakes up, looks, writes, sleeps. */
#include "plugin/sampler.h"

#include "plugin/interpose.h"
#include "plugin/spool.h"
#include "plugin/unitcount.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COUNTS_NS UINT64_C(10000000000)
/*
 * Beside a faster clock for the energy, CPU time (read from /proc/stat, and wanted on slots of 100 ms) and the question whether
 * the host has gone are for the first wake-up that comes so much after the last such one: together they take 20 us.
 */
#define SLOW_NS UINT64_C(25000000)

/* A fold that is told of every refresh keeps the latest of them open alone: rows are to come soon. */
enum {
    SECOND = 1000000000,
    FIRST_NS = 500000,
    EARLY_NS = 2000000,
    EARLY_WAKES = 50,
    DRAIN_NS = 100000000,
    DRAIN_FOLD_NS = 10000000
};

/* Disabled from now on, unless somebody else is about to stop us anyway. */
static void give_up(struct gt_sampler *s, const char *what, const char *why)
{
    uint64_t epoch = s->epoch;
    gt_log(what, why);
    atomic_compare_exchange_strong(gt_state.word, &epoch, GT_WORD_OFF);
}

/* A trace that says nothing but why there is none. The descriptor is the host's for that moment: there is no other table. */
static void record_refusal(struct gt_sampler *s, const char *why)
{
    s->spool_fd = gt_state.config.spool[0] ? gt_spool_open(gt_state.config.spool) : -1;
    if (s->spool_fd < 0)
        return;
    if (gt_sink_open(s) == GT_OK) {
        gt_trace_write_note(&s->writer, "disabled", why);
        gt_sink_close(s);
    }
    close(s->spool_fd);
}

static bool open_all(struct gt_sampler *s)
{
    const char *refused = NULL;
    bool fs_shared = false;
    if (!gt_private_enter(&refused, &fs_shared)) {
        record_refusal(s, refused);
        give_up(s, "disabled", refused);
        return false;
    }
    gt_private_tune();
    s->task_fd = gt_private_open_tasks();
    if (gt_state.config.spool[0] == 0) {
        give_up(s, "disabled", "no place for a spool: set GREENTRACK_SPOOL, XDG_STATE_HOME or HOME to an absolute path");
        return false;
    }
    s->spool_fd = gt_spool_open(gt_state.config.spool);
    enum gt_status status = s->spool_fd < 0 ? gt_status_from_errno(-s->spool_fd) : gt_sink_open(s);
    if (status != GT_OK) {
        give_up(s, "disabled: no trace in the spool", gt_status_message(status));
        return false;
    }
    if (gt_state.config.ignored[0]) {
        gt_log("without meaning, and ignored", gt_state.config.ignored);
        gt_trace_write_note(&s->writer, "ignored", gt_state.config.ignored);
    }
    if (fs_shared)
        gt_trace_write_note(&s->writer, "private", "current folder and root are shared with the host: unshare was refused");
    return true;
}

/* --- the loop
 * ---------------------------------------------------------------------------------------------------------------------- */

/* What happens at every wake-up, then what is due. */
static void wake(struct gt_sampler *s, uint64_t now, bool drain, bool slow)
{
    bool second = now >= s->next_table_ns;
    gt_refresh_tend(s, slow);
    s->hurry = gt_ringset_is_urgent(s);
    if (drain || second || s->hurry) {
        gt_sink_describe(s); /* before the rows that use it: a hook describes first */
        gt_ringset_drain(s);
    }
    gt_ringset_tend(s, second);
    gt_unitcount_tend(s);
    if (now >= s->unit_events.next_ns && !s->blocks.on) { /* else the trace would grow without end */
        gt_unitcount_write(s);
        s->unit_events.next_ns = now + COUNTS_NS;
    }
    gt_ringset_items(s);
    if (second) {
        if (!s->blocks.on) {
            gt_ringset_tables(s);
            gt_overhead_write(s);
        }
        gt_sink_losses(s);
        s->next_table_ns = now + SECOND;
    }
    gt_blocks_tend(s);
    gt_trace_write_flush(&s->writer);
}

static bool is_early(const struct gt_sampler *s)
{
    return s->wakes < EARLY_WAKES;
}

static uint64_t next_interval(const struct gt_sampler *s)
{
    uint64_t interval = gt_state.config.interval_ns;
    if ((is_early(s) || s->hurry) && interval > EARLY_NS)
        interval = EARLY_NS; /* threads come up and want rings, or the rings fill quickly */
    uint64_t next = s->next_interval_ns + interval, now = gt_now_ns();
    return next > now ? next : now + interval / 2; /* late: do not catch up by running on */
}

/* An interval is over. True: the host has gone. */
static bool tend(struct gt_sampler *s, uint64_t now)
{
    uint64_t drain_ns = s->blocks.on && s->meter.follow.source ? DRAIN_FOLD_NS : DRAIN_NS;
    bool drain = now - s->drained_ns >= drain_ns || is_early(s), slow = now >= s->next_slow_ns;
    s->drained_ns = drain ? now : s->drained_ns;
    if (slow && gt_state.config.interval_ns < SLOW_NS)
        s->next_slow_ns = now + SLOW_NS;
    wake(s, now, drain, slow);
    s->next_interval_ns = s->wakes == 0 ? now + FIRST_NS : next_interval(s);
    s->wakes++;
    return slow && gt_private_is_last(s->task_fd);
}

static void sleep_until(uint64_t t_ns)
{
    while (atomic_load(&gt_state.stop) == 0 && gt_now_ns() < t_ns)
        if (gt_futex_wait(&gt_state.stop, 0, t_ns) == 0)
            break;
}

static void run(struct gt_sampler *s)
{
    for (;;) {
        uint64_t now = gt_now_ns();
        bool stop = atomic_load(&gt_state.stop);
        if (!stop)
            gt_refresh_read(s, now);
        if ((stop || now >= s->next_interval_ns) && tend(s, now))
            return;
        if (stop)
            return;
        sleep_until(gt_refresh_next(s, s->next_interval_ns, !is_early(s) && !s->hurry));
    }
}

static void finish(struct gt_sampler *s)
{
    gt_sink_describe(s);
    gt_ringset_drain(s);
    gt_ringset_tables(s);
    gt_unitcount_write(s);
    gt_meter_close(s);
    gt_blocks_close(s);
    gt_ringset_close(s);
    gt_unitcount_end(s);
    gt_overhead_write(s);
    gt_sink_close(s);
    close(s->spool_fd);
}

/* The word may still be our epoch when we are the last thread: then no unit will come. */
static void sample(struct gt_sampler *s)
{
    if (!open_all(s))
        return;
    if (s->task_fd < 0) {
        /* Without it nobody can tell when the host has gone, and we would keep it alive. */
        gt_trace_write_note(&s->writer, "disabled", "/proc/self/task cannot be read");
        gt_sink_close(s);
        give_up(s, "disabled", "/proc/self/task cannot be read");
        return;
    }
    gt_ringset_open(s);
    gt_ringset_tend(s, false);
    if (!gt_state.config.in_run)
        gt_meter_open(s);
    gt_blocks_tend(s);  /* before the first row: the spool may be full already */
    gt_overhead_try(s); /* threads have rings by now */
    run(s);
    uint64_t epoch = s->epoch;
    atomic_compare_exchange_strong(gt_state.word, &epoch, GT_WORD_OFF);
    finish(s);
}

void *gt_sampler_main(void *argument)
{
    atomic_store(&gt_state.sampler_tid, (uint32_t)gt_syscall(SYS_gettid));
    struct gt_sampler *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s != MAP_FAILED) {
        s->epoch = (uint64_t)(uintptr_t)argument;
        s->start_ns = gt_now_ns();
        s->task_fd = s->spool_fd = s->blocks.old_fd = s->rings.dir_fd = s->writer.fd = -1;
        sample(s);
        munmap(s, sizeof *s);
    } else {
        uint64_t epoch = (uint64_t)(uintptr_t)argument;
        gt_log("disabled", "no memory");
        atomic_compare_exchange_strong(gt_state.word, &epoch, GT_WORD_OFF);
    }
    atomic_store(&gt_state.done, 1);
    gt_futex_wake(&gt_state.done);
    return NULL;
}
