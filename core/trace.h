/*
 * The trace: the one thing that passes between a job and the tracker.
 *
 * Little-endian. A file is a header, then chunks; a chunk is a chunk header, then records; a record is a head, a payload padded
 * to 8 bytes, and a commit word. Records of unknown type are skipped by length; a file whose `min_reader` is above
 * GT_TRACE_VERSION is refused by number. All times are CLOCK_MONOTONIC nanoseconds; the header anchors them to real time and
 * boot.
 *
 *   header   struct gt_trace_header, 128 bytes, with its own CRC32C
 *   chunk    struct gt_trace_chunk: while open, `bytes` and `crc32c` are 0; sealed, they cover all records that follow it.
 *            A reader takes a sealed chunk by its CRC and an open one up to the first record without its commit word.
 *   record   struct gt_trace_record, payload, padding, u32 sequence, u32 GT_TRACE_COMMIT
 *
 * Two kinds of payload: *packed* (TICK, CPU, EVENTS, TABLE, BLOCK, COUNTS: arrays of fixed layout, below) and *fields* (all
 * others): { u16 key, u16 bytes, value padded to 4 }, keys below; unknown keys are skipped, absent ones have no value (never
 * zero).
 *
 * Files are created by trace_write.h and read (pread only, never mmap) by trace_read.h. `greentrack run` writes one trace for
 * the run (ticks, CPU time, exit status); each process that executed units writes one of its own with the same run id.
 */
#ifndef GT_CORE_TRACE_H
#define GT_CORE_TRACE_H

#include <stdint.h>

enum {
    GT_TRACE_VERSION = 1,    /* what this code writes */
    GT_TRACE_MIN_READER = 1, /* the oldest reader that can make sense of it */
    GT_TRACE_ID_BYTES = 16
};

#define GT_TRACE_MAGIC "GTTRACE\n"
#define GT_TRACE_CHUNK_MAGIC UINT32_C(0x4b435447) /* "GTCK" */
#define GT_TRACE_COMMIT UINT32_C(0xc0331770)

/* What wrote the trace. */
enum gt_trace_role { GT_TRACE_ROLE_PROCESS = 1, GT_TRACE_ROLE_RUN = 2 };

struct gt_trace_header {
    char magic[8];
    uint16_t version, min_reader;
    uint32_t header_bytes;                    /* where the first chunk begins */
    uint8_t trace_id[GT_TRACE_ID_BYTES];      /* random; also in the file's name */
    uint8_t run_id[GT_TRACE_ID_BYTES];        /* of `greentrack run`; zero for a bare preload */
    uint8_t parent_run_id[GT_TRACE_ID_BYTES]; /* of the enclosing run; zero when there is none */
    uint8_t boot_id[16];                      /* /proc/sys/kernel/random/boot_id */
    uint64_t mono_ns, real_ns;                /* the same instant on both clocks */
    uint32_t role, pid;
    uint32_t reserved[5];
    uint32_t crc32c; /* of the bytes before this word */
};

struct gt_trace_chunk {
    uint32_t magic, sequence;
    uint32_t bytes;  /* of all records in the chunk; 0 while it is open */
    uint32_t crc32c; /* of those bytes; 0 while it is open */
};

struct gt_trace_record {
    uint16_t type, flags;
    uint32_t bytes; /* of head, payload, padding and tail; a multiple of 8 */
    uint32_t payload_bytes;
    uint32_t reserved;
};

struct gt_trace_tail {
    uint32_t sequence, commit;
};

/* X(name, value): record types. Never renumber. */
#define GT_TRACE_RECORDS(X)                                                                                                    \
    X(PROCESS, 1) /* fields: who wrote this: pid, start, exe, command line, runtime, threads */                                \
    X(HOST, 2)    /* fields: the host class */                                                                                 \
    X(MODEL, 3)   /* fields: a model that a runtime loaded */                                                                  \
    X(UNIT, 4)    /* fields: one unit of a model, or a region */                                                               \
    X(SOURCE, 5)  /* fields: an energy source; repeated DOMAIN_* groups, in order */                                           \
    X(TICK, 6)    /* packed: one or more readings of the source */                                                             \
    X(CPU, 7)     /* packed: one or more readings of CPU time */                                                               \
    X(EVENTS, 8)  /* packed: unit and inference rows of one thread */                                                          \
    X(TABLE, 9)   /* packed: calls and ns per unit of one thread; replaces earlier ones of that thread */                      \
    X(BLOCK, 10)  /* packed: a folded block (energy/fold.h) */                                                                 \
    X(LOSS, 11)   /* fields: something was lost: kind, count */                                                                \
    X(NOTE, 12)   /* fields: labels (GREENTRACK_MODEL ...), items, a reason for being disabled */                              \
    X(GAP, 13)    /* fields: the source could not be read between two times */                                                 \
    X(END, 14)    /* fields: the writer finished: time, exit status or signal */                                               \
    X(EDGE, 15)   /* fields: the times of the ticks that follow are estimated refresh times, this well known; 0: of reading */ \
    X(COUNTER, 16)  /* fields: an event counter, EVENT_* keys: of the run, or one that units are counted by */                 \
    X(COUNTS, 17)   /* packed: event counts per unit of the process; replaces earlier ones */                                  \
    X(OVERHEAD, 20) /* fields: what measuring has cost its writer since it began; replaces earlier ones */

enum gt_trace_type {
#define GT_TRACE_TYPE_ENUM(name, value) GT_TRACE_##name = (value),
    GT_TRACE_RECORDS(GT_TRACE_TYPE_ENUM)
#undef GT_TRACE_TYPE_ENUM
};

/* X(name, value): keys of the *fields* payloads; u64 / f64 / string (no NUL) / bytes as noted. Never renumber. */
#define GT_TRACE_KEYS(X)                                                                                                       \
    X(PID, 1)                /* u64 */                                                                                         \
    X(PPID, 2)               /* u64 */                                                                                         \
    X(START_NS, 3)           /* u64, monotonic */                                                                              \
    X(EXE, 4)                /* string: path */                                                                                \
    X(COMMAND, 5)            /* string: arguments joined by blanks, shell-quoted where needed */                               \
    X(RUNTIME, 6)            /* string: "libgtcnn" */                                                                          \
    X(RUNTIME_VERSION, 7)    /* string: version, then build */                                                                 \
    X(THREADS, 8)            /* u64 */                                                                                         \
    X(BATCH, 9)              /* u64 */                                                                                         \
    X(PRECISION, 10)         /* string: "fp32" */                                                                              \
    X(CPU_MODEL, 11)         /* string: "model name" of /proc/cpuinfo */                                                       \
    X(CPU_VENDOR, 12)        /* string */                                                                                      \
    X(CPU_FAMILY, 13)        /* u64 */                                                                                         \
    X(CPU_MODEL_NUMBER, 14)  /* u64 */                                                                                         \
    X(CPU_STEPPING, 15)      /* u64 */                                                                                         \
    X(CPUS_ONLINE, 16)       /* u64 */                                                                                         \
    X(CPUS_ALLOWED, 17)      /* u64: the affinity mask and cgroup quota, whichever is less */                                  \
    X(MEMORY_BYTES, 18)      /* u64 */                                                                                         \
    X(MICROCODE, 19)         /* string */                                                                                      \
    X(GOVERNOR, 20)          /* string */                                                                                      \
    X(TURBO, 21)             /* u64: 0 or 1; absent when unknown */                                                            \
    X(HYPERVISOR, 22)        /* u64: 1 in a virtual machine */                                                                 \
    X(KERNEL, 23)            /* string */                                                                                      \
    X(MODEL_ID, 24)          /* u64: the runtime's process-unique id */                                                        \
    X(NAME, 25)              /* string */                                                                                      \
    X(FAMILY, 26)            /* string */                                                                                      \
    X(PHI, 27)               /* f64 */                                                                                         \
    X(DIGEST, 28)            /* bytes: SHA-256 */                                                                              \
    X(WEIGHTS, 29)           /* string: "random", "file", "trained" */                                                         \
    X(MACS, 30)              /* u64 */                                                                                         \
    X(PARAMS, 31)            /* u64 */                                                                                         \
    X(UNITS, 32)             /* u64 */                                                                                         \
    X(UNIT_SLOT, 33)         /* u64: the number by which EVENTS, TABLE and BLOCK name the unit */                              \
    X(UNIT_INDEX, 34)        /* u64: position in the model */                                                                  \
    X(OP, 35)                /* string */                                                                                      \
    X(MEMBER_NAME, 36)       /* string; begins a member, its OP, MACS and PARAMS follow */                                     \
    X(MEMBER_OP, 37)         /* string */                                                                                      \
    X(MEMBER_MACS, 38)       /* u64 */                                                                                         \
    X(MEMBER_PARAMS, 39)     /* u64 */                                                                                         \
    X(SHAPE_IN, 40)          /* string: "1x14x14x8" */                                                                         \
    X(SHAPE_OUT, 41)         /* string */                                                                                      \
    X(BOUNDARY, 42)          /* string */                                                                                      \
    X(PROVENANCE, 43)        /* string */                                                                                      \
    X(DOMAIN_NAME, 44)       /* string; begins a domain */                                                                     \
    X(DOMAIN_PARENT, 45)     /* u64: index; absent at the root */                                                              \
    X(DOMAIN_PACKAGE, 46)    /* u64 */                                                                                         \
    X(DOMAIN_DIE, 47)        /* u64 */                                                                                         \
    X(DOMAIN_ADDITIVE, 48)   /* u64 */                                                                                         \
    X(DOMAIN_UJ, 49)         /* f64: microjoules per count */                                                                  \
    X(DOMAIN_WRAP, 50)       /* u64 */                                                                                         \
    X(DOMAIN_REFRESH_NS, 51) /* u64 */                                                                                         \
    X(KIND, 52)              /* string: what was lost ("ring full", "no ring", "no space", "spool cap", ...) */                \
    X(COUNT, 53)             /* u64 */                                                                                         \
    X(LABEL, 54)             /* string: a NOTE's key */                                                                        \
    X(TEXT, 55)              /* string: a NOTE's value */                                                                      \
    X(T_BEGIN_NS, 56)        /* u64 */                                                                                         \
    X(T_END_NS, 57)          /* u64 */                                                                                         \
    X(EXIT_STATUS, 58)       /* u64 */                                                                                         \
    X(SIGNAL, 59)            /* u64 */                                                                                         \
    X(THREAD, 60)            /* u64: kernel thread id */                                                                       \
    X(SOURCE_NAME, 61)       /* string: "powercap" */                                                                          \
    X(REGION, 62)            /* u64: 1 when the unit is a region that the program named itself */                              \
    X(ITEMS, 63)             /* u64: items that a program reported by greentrack_items() */                                    \
    X(DOMAIN_MIRROR, 64)     /* u64: index of the domain whose energy this one shows once more */                              \
    X(SOURCE_NOTE, 65)       /* string: what readers of the source's figures should know */                                    \
    X(DOMAIN_MOST_W, 66)     /* f64: more power than that is a fault; absent: a default */                                     \
    X(EVENT_NAME, 70)        /* string: as it was asked for: "page-faults", "PAPI_TOT_INS" */                                  \
    X(EVENT_INDEX, 71)       /* u64: position in the list; a later record of the same position replaces the earlier one */     \
    X(EVENT_WEIGHT, 72)      /* u64, two's complement: what one count of this term adds to the event; absent: 1 */             \
    X(EVENT_VALUE, 73)      /* u64, two's complement: counted; scaled where RUNNING is less than ENABLED; absent: not known */ \
    X(EVENT_ENABLED, 74)    /* u64: ns during which it should have counted, over all threads */                                \
    X(EVENT_RUNNING, 75)    /* u64: ns during which it did */                                                                  \
    X(EVENT_SCOPE, 76)      /* string: whose doing is counted, "user", "kernel" or "all" */                                    \
    X(EVENT_REASON, 77)     /* string: why there is no value */                                                                \
    X(EVENT_PER_UNIT, 78)   /* u64: 1 in a process: COUNTS rows name its EVENT_INDEX */                                        \
    X(GAP_REASON, 85)       /* string: why a GAP, "not read: permission denied" */                                             \
    X(GAP_DOMAIN, 86)       /* string: the one domain that a GAP concerns; absent: all */                                      \
    X(EDGE_PACKAGE, 95)     /* u64: whose refreshes are followed; absent: the only one's */                                    \
    X(EDGE_SIGMA_NS, 96)    /* f64: standard deviation of the estimated refresh times */                                       \
    X(EDGE_PERIOD_NS, 97)   /* f64: mean time between two refreshes */                                                         \
    X(OVERHEAD_CPU_NS, 98)  /* u64: CPU time of the sampler: the plugin's thread, or greentrack run while the job ran */       \
    X(OVERHEAD_HOOK_NS, 99) /* f64: one hook, as its begin and end took on a ring of the sampler's own; absent: not tried */   \
    X(MEMBER_BYTES, 110)    /* u64: traffic of that layer alone, for one image: inputs, weights, outputs, each once */         \
    X(FUSED, 111)           /* u64: of a MODEL: 1 when its units may be groups of layers, 0 when it runs layer by layer */

enum gt_trace_key {
#define GT_TRACE_KEY_ENUM(name, value) GT_KEY_##name = (value),
    GT_TRACE_KEYS(GT_TRACE_KEY_ENUM)
#undef GT_TRACE_KEY_ENUM
};

/* TICK payload: struct gt_trace_ticks, then `count` rows of { u64 t_ns, u64 raw[domains] }; UINT64_MAX: not read this time. */
struct gt_trace_ticks {
    uint32_t count, domains;
};

/* CPU payload: `count` rows of struct gt_trace_cpu after a u64 count. UINT64_MAX: not known. */
struct gt_trace_cpu {
    uint64_t t_ns;
    uint64_t job_cpu_ns;       /* CPU time of the process (bare) or of the whole tree (run), all threads, since its start */
    uint64_t machine_busy_ns;  /* /proc/stat: user+nice+system+irq+softirq of all cpus since boot; guest counted once */
    uint64_t machine_total_ns; /* busy + idle + iowait + steal */
};

/* EVENTS payload: struct gt_trace_events, then `count` rows of struct gt_trace_event. */
struct gt_trace_events {
    uint64_t thread; /* kernel thread id */
    uint32_t count, reserved;
};

/* An inference has the slot GT_TRACE_SLOT_INFER | model's first slot, and its number of items. */
#define GT_TRACE_SLOT_INFER UINT32_C(0x80000000)

/*
 * Only in a TABLE, beside the row of the slot itself: of that unit's time, what other units and inferences took that ran inside
 * it on the same thread (those right inside; calls and items are 0). Its own time is the difference. Not with the overflow
 * slot.
 */
#define GT_TRACE_SLOT_NESTED UINT32_C(0x40000000)

struct gt_trace_event {
    uint32_t slot;
    uint32_t items; /* images of an inference; 0 for a unit */
    uint64_t t_begin_ns, t_end_ns;
};

/* TABLE payload: struct gt_trace_events (count = rows), then rows of struct gt_trace_total: exact sums since the thread began.
 */
struct gt_trace_total {
    uint32_t slot, reserved;
    uint64_t calls; /* of a unit; items of an inference are summed in `items` */
    uint64_t items;
    uint64_t ns;
};

/* COUNTS payload: struct gt_trace_events (thread 0: all of the process), then rows: exact sums since the trace began. */
struct gt_trace_count {
    uint32_t slot;
    uint32_t event;                  /* EVENT_INDEX of a COUNTER record of this trace */
    uint64_t calls;                  /* of that slot, those that were counted */
    uint64_t value;                  /* counted while it ran, not scaled */
    uint64_t enabled_ns, running_ns; /* as the kernel tells them in between; equal: no multiplexing */
};

#endif
