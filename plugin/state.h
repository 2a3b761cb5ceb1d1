/*
 * The plugin's one state: everything mutable in this library, but for what belongs to a thread.
 *
 * The *word* decides what a hook does. It stands on a page of its own that the kernel wipes in a forked child
 * (MADV_WIPEONFORK), so that a child never believes that it has a sampler or rings:
 *     0             no sampler: the next unit starts one
 *     GT_WORD_BUSY  somebody starts or stops it: units pass and are counted as lost
 *     GT_WORD_OFF   disabled, or the process is at its end
 *     >= 16         the epoch of the running sampler; a thread's ring belongs to one epoch
 */
#ifndef GT_PLUGIN_STATE_H
#define GT_PLUGIN_STATE_H

#include "core/ring.h"
#include "energy/rdpmc.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

enum { GT_WORD_BUSY = 1, GT_WORD_OFF = 2, GT_WORD_EPOCH = 16 };

enum {
    GT_RING_PLACES = 64,
    GT_SMALL_RINGS = 4,       /* static: until a thread has its ring */
    GT_SMALL_CAPACITY = 4096, /* 20 ms at 200,000 units a second; untouched pages cost nothing */
    GT_SMALL_TABLE = 256,
    GT_SMALL_BYTES = GT_RING_HEADER_BYTES + (GT_SMALL_TABLE + 1) * 64 + GT_SMALL_CAPACITY * 24,
    GT_SMALL_ROOM = (GT_SMALL_BYTES + 4095) / 4096 * 4096,
    GT_MODELS = 128,
    GT_MODEL_IDS = 512, /* ids remembered; more are looked up by content again */
    GT_REGIONS = 128,
    GT_REGION_NAME = 64,
    GT_DESCRIBE_BYTES = 2 << 20, /* descriptions that the sampler has not written yet; untouched pages cost nothing */
    GT_LABELS = 4,
    GT_LABEL_TEXT = 512
};

/* X(name, text): what can be lost before it reaches a ring; the text is the LOSS record's kind. */
#define GT_LOST_LIST(X)                                                                                                        \
    X(GT_LOST_BUSY, "starting or stopping")                                                                                    \
    X(GT_LOST_NO_RING, "no ring")                                                                                              \
    X(GT_LOST_REENTRY, "hook inside a hook")                                                                                   \
    X(GT_LOST_NO_SLOT, "no description")

enum gt_lost {
#define GT_LOST_ENUM(name, text) name,
    GT_LOST_LIST(GT_LOST_ENUM)
#undef GT_LOST_ENUM
        GT_LOST_COUNT
};

enum gt_small_state { GT_SMALL_FREE, GT_SMALL_USED, GT_SMALL_RETIRED };

/* Read once, at the first unit; never changes while a sampler runs. */
struct gt_config {
    char spool[PATH_MAX]; /* "" : no place */
    char source[PATH_MAX];
    char log[PATH_MAX];                   /* "": none */
    char label[GT_LABELS][GT_LABEL_TEXT]; /* model, family, phi, tags */
    uint8_t run_id[GT_TRACE_ID_BYTES];
    char ignored[256]; /* names of variables whose values make no sense, by blanks; "": none */
    bool in_run, units_off;
    uint64_t interval_ns, block_ns, trace_bytes, spool_bytes;
    uint32_t unit_term_count; /* event counters of units (plugin/unitcount.h); 0: none */
    struct gt_event_term unit_terms[GT_UNIT_TERMS];
};

struct gt_model {
    struct gt_model_key_copy {
        uint8_t digest[32];
        uint32_t batch, threads, units;
        uint64_t variant;
    } key;
    uint32_t first_slot;
};

struct gt_region {
    _Atomic uint32_t slot; /* plus 1; 0: free */
    char name[GT_REGION_NAME];
};

/* Models, regions and their descriptions. Writers hold `lock`; readers see what was published with release. */
struct gt_registry {
    atomic_flag lock;
    uint32_t model_count, next_slot;
    struct gt_model models[GT_MODELS];
    struct {
        _Atomic uint64_t uid; /* 0 free */
        _Atomic uint32_t first_slot;
    } ids[GT_MODEL_IDS];
    struct gt_region regions[GT_REGIONS];
    char runtime[32], runtime_version[256], precision[16]; /* published with `described` */
    uint32_t threads;
    _Atomic uint32_t described; /* bytes of `descriptions` that are whole */
    _Atomic uint32_t written;   /* of those, what the sampler has written */
};

struct gt_unit_table;

/* Event counters of the thread that has the ring of that number. */
struct gt_unit_set {
    _Atomic uint32_t count; /* pages that may be read; 0: none now */
    /* NULL when a new sampler has begun while the thread was between begin and end of a reading: what it had stays mapped. */
    struct perf_event_mmap_page *_Atomic pages[GT_UNIT_TERMS];
    struct gt_unit_table *_Atomic table; /* written by the thread alone */
};

struct gt_state {
    _Atomic uint64_t *word;  /* NULL: the page could not be had: off */
    _Atomic uint64_t *items; /* greentrack_items; on the same page, so that a forked child begins at 0; NULL with `word` */
    uint64_t last_epoch;
    int pid;
    atomic_bool disabled;  /* survives fork: a new seccomp filter is inherited */
    atomic_bool main_left; /* the main thread left by pthread_exit */
    atomic_int keepers;    /* threads that then keep the host's descriptors until the last one is gone */
    pthread_t sampler;
    bool sampler_joinable;
    _Atomic uint32_t sampler_tid;
    _Atomic uint32_t stop; /* futex: 1 when the sampler shall drain and return */
    _Atomic uint32_t done; /* futex: 1 when it has */
    _Atomic uint32_t attaches;
    _Atomic(struct gt_ring *) spare;
    _Atomic uint64_t lost[GT_LOST_COUNT];
    _Atomic int small_state[GT_SMALL_RINGS];
    _Atomic uint32_t busy[GT_RING_PLACES];     /* 1 while a thread writes to the ring of that number */
    uint8_t previous_trace[GT_TRACE_ID_BYTES]; /* of this process, before a quiesce; zero: none */
    const struct gt_rdpmc_ops *rdpmc;          /* set before any of the following has pages */
    struct gt_unit_set unit_sets[GT_RING_PLACES];
    struct gt_config config;
    struct gt_registry registry;
    _Alignas(4096) unsigned char small[GT_SMALL_RINGS][GT_SMALL_ROOM];
    _Alignas(8) unsigned char descriptions[GT_DESCRIBE_BYTES];
};

extern struct gt_state gt_state __attribute__((visibility("hidden")));

/* What belongs to a thread. Initial-exec: a hook must never end up in the allocator of lazy TLS. */
enum { GT_REGION_DEPTH = 16 };
struct gt_thread {
    struct gt_ring *ring; /* borrowed; valid while `epoch` is the word */
    uint64_t epoch;
    int small;       /* index of the static ring that it is, or -1 */
    uint32_t number; /* of a ring that is not static */
    volatile bool inside;
    struct gt_ring *volatile pushing;      /* the ring in a file that this thread is writing to right now; NULL: none */
    struct gt_unit_set *volatile counting; /* the set that this thread is reading or adding to right now; NULL: none */
    uint32_t capacity, table_rows;         /* of it, when the thread forks in that moment */
    uint32_t region_depth;
    struct {
        uint32_t slot;
        uint64_t t_begin_ns, epoch, nested_ns;
    } regions[GT_REGION_DEPTH];
};
extern __thread struct gt_thread gt_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* --- life.c: starting and stopping the sampler ------------------------------------------------------------------------- */

/* hook.c: the program reports n more items. Starts the sampler, so that one which reports nothing else leaves a trace. */
void gt_items_add(uint64_t n);

/* Starts the sampler unless it runs. The word afterwards. Any thread; preserves errno. */
uint64_t gt_life_start(void);
/* Stops and joins the sampler and keeps units out until gt_life_resume. False: it is not ours to stop (vfork child, no page).
 */
bool gt_life_quiesce(void);
void gt_life_resume(bool stay_disabled);
/* At exit: as quiesce, for good, with a time limit. */
void gt_life_end(void);
/* The calling thread is the main one and will leave by pthread_exit. */
void gt_life_main_leaves(void);

/* --- fork.c: a fork in a signal handler that interrupted a hook --------------------------------------------------------- */

/* Once, at load. */
void gt_fork_watch(void);

/* --- config.c, log.c ----------------------------------------------------------------------------------------------------- */

void gt_config_read(struct gt_config *config);
/* One line into $GREENTRACK_LOG; nothing without it. The calling thread opens and closes the file. */
void gt_log(const char *what, const char *detail);

/* --- sampler.c -------------------------------------------------------------------------------------------------------------
 */

/* The thread's function. argument: the epoch, as a pointer. */
void *gt_sampler_main(void *argument);

/* --- util ---------------------------------------------------------------------------------------------------------------- */

uint64_t gt_now_ns(void); /* CLOCK_MONOTONIC through the vDSO */
long gt_futex_wait(_Atomic uint32_t *word, uint32_t value, uint64_t until_ns);
void gt_futex_wake(_Atomic uint32_t *word);

#endif
