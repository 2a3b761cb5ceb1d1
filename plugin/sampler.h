/*
 * The sampler's own: what only its thread touches. One struct in the plugin's state, used from start to end of one epoch.
 *
 * All functions here run in the sampler thread, with all signals blocked and a private descriptor table. They allocate nothing
 * but mappings; a call that a seccomp filter refuses (EPERM, ENOSYS) is done without.
 */
#ifndef GT_PLUGIN_SAMPLER_H
#define GT_PLUGIN_SAMPLER_H

#include "core/ring.h"
#include "core/trace_write.h"
#include "energy/cputime.h"
#include "energy/fold.h"
#include "energy/follow.h"
#include "energy/host.h"
#include "energy/source.h"
#include "plugin/state.h"

enum {
    GT_RINGS = GT_RING_PLACES, /* at most; the 4 MB usually end it before */
    GT_RING_TOTAL_BYTES = 4 * 1024 * 1024,
    GT_RING_SHARE = 16, /* rings take at most 1/16 of what is free in /dev/shm */
    GT_WRITER_BYTES = 64 * 1024,
    GT_BATCH = 10 /* readings per TICK and CPU record: a killed process loses at most as many intervals */
};

enum gt_ring_state { GT_RING_FREE, GT_RING_SPARE, GT_RING_TAKEN };

struct gt_ring_place {
    struct gt_ring *ring; /* owned; NULL: not created */
    enum gt_ring_state state;
    bool file;              /* in /dev/shm; else anonymous memory */
    int lock_fd;            /* says that this process lives; below 0: none */
    uint64_t table_written; /* calls in the table when it was last written */
};

struct gt_ringset {
    int dir_fd;     /* /dev/shm; -1: none, rings are anonymous memory */
    uint32_t count; /* places used */
    uint32_t capacity, table_rows;
    uint64_t budget; /* bytes that may still be taken */
    uint64_t spool_device, spool_inode;
    unsigned next_number;
    struct gt_ring_place places[GT_RINGS];
    uint64_t small_written[4];
};

struct gt_meter {
    const struct gt_energy_source *source; /* NULL: none is read */
    struct gt_os os;                       /* what the source sees the machine by */
    struct gt_source_state source_state;
    struct gt_source_desc desc;
    struct gt_follow follow;
    bool open, told;
    struct gt_cputime cputime;
    uint64_t gap_begin_ns; /* 0: the source can be read */
    uint64_t last_ns;      /* of the last tick */
    uint32_t ticks, cpus;
    uint64_t tick_rows[GT_BATCH * (1 + GT_SOURCE_DOMAINS)];
    struct {
        uint64_t count;
        struct gt_trace_cpu rows[GT_BATCH];
    } cpu;
};

enum { GT_NESTED = 64 }; /* regions and units that others ran inside of, of threads that are gone; more are not kept */

struct gt_blocks {
    bool on;
    struct gt_trace_total nested[GT_NESTED]; /* NESTED rows of retired rings: blocks do not hold them */
    uint32_t nested_count;
    bool regions;         /* the fold holds regions in the place of inferences */
    struct gt_fold *fold; /* in `memory` */
    void *memory;         /* owned mapping */
    size_t memory_bytes;
    unsigned char *payload; /* owned mapping */
    size_t payload_bytes;
    uint64_t next_ns;
    uint64_t prefix_bytes; /* of the file, before the first block */
    uint32_t count;        /* blocks in the file */
    int old_fd;            /* the file that the last compaction replaced: its lock is kept for those who still read it */
    struct gt_trace_total *lost_seen; /* owned mapping: per place and row of its table, what has entered the fold */
    size_t lost_bytes;
};

struct gt_unit_events {
    bool begun;
    struct gt_os os; /* what events are opened by */
    uint32_t count;  /* of `terms`: what can be counted here */
    struct gt_event_term terms[GT_UNIT_TERMS];
    bool user_only[GT_UNIT_TERMS];
    struct gt_unit_table *retired; /* owned: of threads that are gone */
    uint64_t written;              /* calls in the last record */
    uint64_t tried[GT_RINGS];      /* per ring: the thread for which they were opened */
    uint64_t threads_lost, next_ns;
};

struct gt_sampler {
    uint64_t epoch, start_ns;
    int task_fd, spool_fd;
    bool process_told, hurry;
    bool has_models; /* a runtime has been met: what comes may be inferences */
    char name[GT_TRACE_WRITE_NAME_BYTES];
    struct gt_trace_header header;
    struct gt_trace_writer writer;
    struct gt_ringset rings;
    struct gt_meter meter;
    struct gt_blocks blocks;
    struct gt_unit_events unit_events;
    uint64_t lost_told[8], items_told;
    uint32_t wakes; /* at an interval's end */
    uint64_t next_interval_ns, drained_ns;
    uint64_t next_table_ns, next_spool_ns, next_slow_ns;
    uint64_t dropped_rows;
    double hook_ns; /* one hook, as tried out at the start; 0: not known */
    _Alignas(8) unsigned char buffer[GT_WRITER_BYTES];
};

/* --- private.c: what makes the thread invisible to its host --------------------------------------------------------------- */

/* A private descriptor table with 0-2 on /dev/null, and a private fs. False: the kernel refuses; *refused says which call. */
bool gt_private_enter(const char **refused, bool *fs_shared);
/* Affinity, timer slack, name. Refusals are tolerated. */
void gt_private_tune(void);
/* Opens /proc/self/task. -1: cannot be told. */
int gt_private_open_tasks(void);
/* Is no task of the host left? */
bool gt_private_is_last(int task_fd);

/* --- ringset.c -------------------------------------------------------------------------------------------------------------
 */

void gt_ringset_open(struct gt_sampler *s);
/* One spare ready, dead threads' rings taken back. `check_dead`: looks at the threads, too. */
void gt_ringset_tend(struct gt_sampler *s, bool check_dead);
/* Rows of all rings into the trace (or the fold). */
void gt_ringset_drain(struct gt_sampler *s);
/* Exact tables that have changed since they were last written. */
void gt_ringset_tables(struct gt_sampler *s);
/* What the program has reported, for threads without a ring: a killed process loses an interval of it at most. */
void gt_ringset_items(struct gt_sampler *s);
/* Does any ring need to be drained soon? */
bool gt_ringset_is_urgent(const struct gt_sampler *s);
void gt_ringset_close(struct gt_sampler *s);

/* --- sink.c: the trace ------------------------------------------------------------------------------------------------------
 */

enum gt_status gt_sink_open(struct gt_sampler *s);
void gt_sink_describe(struct gt_sampler *s); /* models and units that the hooks have met */
void gt_sink_rows(struct gt_sampler *s, uint64_t thread, const struct gt_trace_event *rows, uint32_t count);
void gt_sink_losses(struct gt_sampler *s);
void gt_sink_close(struct gt_sampler *s);

/* --- meter.c: energy and CPU time -------------------------------------------------------------------------------------------
 */

/* What the machine is seen by: without performance events where asking for them could end the host. */
void gt_meter_choose_os(struct gt_os *os);
void gt_meter_open(struct gt_sampler *s);
void gt_meter_read(struct gt_sampler *s, bool source_too, bool cpu_too);
/* row: the time, then all domains' counters; sigma_ns: of that time if it is a refresh's, 0: it was read then. */
void gt_meter_add_tick(struct gt_sampler *s, const uint64_t *row, double sigma_ns);
void gt_meter_flush(struct gt_sampler *s); /* what is batched, into the trace */
void gt_meter_close(struct gt_sampler *s);

/* --- refresh.c: the counters at their refreshes -----------------------------------------------------------------------------
 */

/* The source is open: follows its refreshes from here on, where that can be done and is of use. */
void gt_refresh_begin(struct gt_sampler *s);
/* The refresh that is due, or a part of a burst that looks for it. */
void gt_refresh_read(struct gt_sampler *s, uint64_t now_ns);
/* The interval is over: what refreshes do not bring is read, and CPU time if asked. */
void gt_refresh_tend(struct gt_sampler *s, bool cpu_too);
/* When to wake up next; `may_wait`: what is due at the interval's end may be done a little later, with a refresh. */
uint64_t gt_refresh_next(struct gt_sampler *s, uint64_t interval_end_ns, bool may_wait);
/* Whether a tick of that time goes on from the last one; tells before it what its time is, if that has changed. */
bool gt_refresh_accept(struct gt_sampler *s, uint64_t t_ns, double sigma_ns);
/* There is a new fold: what the times of ticks are. */
void gt_refresh_tell_fold(struct gt_sampler *s);
/* One account of the counters ends and another begins: every domain is read now, and again with the next refresh. */
void gt_refresh_cut(struct gt_sampler *s);

/* --- overhead.c: what all this costs ---------------------------------------------------------------------------------------
 */

/* Times hooks on a ring of its own, before there are others: 0.1 ms. Reading of event counters is not in it. */
void gt_overhead_try(struct gt_sampler *s);
void gt_overhead_write(struct gt_sampler *s); /* so far, into the trace */

/* --- blocks.c: bounded traces ------------------------------------------------------------------------------------------------
 */

/* Turns to block-only when the trace or the spool has reached its limit; writes a block when one is due. */
void gt_blocks_tend(struct gt_sampler *s);
/* The first model has been met: a block that holds regions in the place of inferences ends here. */
void gt_blocks_end_regions(struct gt_sampler *s);
/* The ring of that place is about to be emptied: its lost calls enter the fold. */
void gt_blocks_lose(struct gt_sampler *s, uint32_t place);
/* The same of a static ring, whose table is in no trace. */
void gt_blocks_lose_small(struct gt_sampler *s, const struct gt_ring *ring);
/* At the end: the block under way. */
void gt_blocks_close(struct gt_sampler *s);

#endif
