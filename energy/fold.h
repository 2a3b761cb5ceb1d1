/*
 * The fold: from counter samples, CPU samples and unit rows to one small block of sums, in one streaming pass.
 *
 * Life cycle: gt_fold_bytes -> gt_fold_init in the caller's memory -> gt_fold_add_* ... -> gt_fold_finish -> gt_fold_take
 * (which may also be called in between: each call hands out what came since the last one, as one BLOCK). Blocks are parsed by
 * gt_block_parse and joined by gt_block_merge. The plugin (block-only mode) and ingest use this same code. Needs libc alone;
 * no allocation, no locks, no stdio. One fold belongs to one thread.
 *
 * Time is cut into *intervals* by the source's ticks (where the source has no domain: by CPU samples). Each unit row is spread
 * over the intervals that it overlaps, giving a vector t(k) of ns per unit in interval k, and the machine's energy ΔE(k). A
 * block holds exact integer sums of these (128 bits for products), so that merging is associative to the last bit:
 *
 *   per unit l           calls, items, ns, Σ t_l ΔE, Σ t_l(k) ΔE(k+1), Σ t_l(k+1) ΔE(k), Σ t_l Δt, Σ edge errors
 *   per pair (l, m)      Σ t_l t_m (l <= m), Σ t_l(k) t_m(k+1)          - sparse: pairs that ran in the same or next interval
 *   per block            Σ ΔE, Σ ΔE², Σ ΔE(k) ΔE(k+1), Σ ΔE Δt, Σ Δt, Σ Δt²
 *   per slot of 100 ms   the job's CPU time over the machine's busy time, times the machine's energy and time (attribute.h)
 *   per domain           unwrapped energy, in all and within the inference window, with what gaps leave unknown
 *
 * These are the normal equations of E = idle Δt + Σ p_l t_l, with the lag-1 products that a regression with autocorrelated
 * errors needs (energy/regress.h). ΔE of the equations is that of the *clock package*: the additive domains of the package
 * whose ticks the sampler follows (energy/ticksync.h), all additive domains where it follows none. While it follows ticks, the
 * times of ticks are estimates of when the counter was refreshed, with a standard deviation (gt_fold_set_edges); intervals
 * without two such ends stay out of the equations once there have been any with. Lag products across two blocks stand in the
 * later one. Order of input: ticks and CPU samples by time; rows of any thread in any order, as long as they are no older than
 * the intervals still kept (`intervals`, fewer when `entries` run out; what is older counts fully in calls and ns and as
 * `late_ns` in the equations) and no more than `tail` rows end after the last tick.
 *
 * A program that has regions (greentrack.h) but no inference: feed each region as an inference, too (gt_fold_add_region), and
 * the window, the cover and the closure exist for it as well. Should it turn out to have inferences after all,
 * gt_block_drop_window takes that back; a block must therefore not hold both.
 */
#ifndef GT_ENERGY_FOLD_H
#define GT_ENERGY_FOLD_H

#include "core/status.h"
#include "core/trace.h"
#include "energy/gaps.h"
#include "energy/source.h"

#include <stddef.h>

enum { GT_BLOCK_VERSION = 2 };

/* Rows that had no place left are summed under this slot: explicit, never dropped. */
#define GT_FOLD_SLOT_OTHER UINT32_C(0x7fffffff)

/* Slots of common time, [n, n + 1) × this of CLOCK_MONOTONIC, in which the job's share of the machine is taken. */
#define GT_FOLD_SHARE_NS UINT64_C(100000000)

/* --- the BLOCK payload: struct gt_block_head, then domains, units (sorted by slot), pairs (sorted by a, then b)
 * ----------------- */

/* An unsigned 128-bit sum. */
struct gt_wide {
    uint64_t low, high;
};

struct gt_block_head {
    uint32_t version, domain_count, unit_count, pair_count;
    uint64_t begin_ns, end_ns;               /* sampled time; both 0 when nothing was sampled */
    uint64_t window_begin_ns, window_end_ns; /* first inference's begin, last one's end; both 0 without inference */
    uint64_t blocks;                         /* how many were merged into this one */
    /* CPU time; `cpu_known_ns` and `machine_known_ns` are the wall time over which the figures below it were known */
    uint64_t cpu_known_ns, job_cpu_ns;
    uint64_t machine_known_ns, machine_busy_ns, machine_total_ns;
    uint64_t window_cpu_known_ns, window_job_cpu_ns;
    uint64_t window_machine_known_ns, window_busy_ns, window_total_ns;
    uint64_t inside_cpu_ns; /* the job's CPU time during inferences: by time within an interval */
    uint64_t inside_cpu_lo_ns,
        inside_cpu_hi_ns; /* its bounds: an interval that is partly covered may have spent all of it inside */
    uint64_t covered_ns;  /* wall time covered by at least one inference (where several threads overlap
                             partly in an interval: at most the interval) */
    /* the equations */
    uint64_t intervals, dt_ns, e_uj;
    struct gt_wide dt_dt, e_dt, e_e, e_e_next;
    /* what did not fit */
    uint64_t late_ns;           /* unit time in intervals that are not kept any more: in `ns`, not in the equations */
    uint64_t unplaced_rows;     /* rows that ended after the last tick with no place to wait: put into one interval */
    uint64_t unit_overflow;     /* rows under GT_FOLD_SLOT_OTHER */
    uint64_t entry_overflow_ns; /* unit time that had no place in its interval's vector */
    uint64_t pair_overflow;     /* products whose pair had no place ... */
    struct gt_wide overflow_same, overflow_lag; /* ... and their sums */
    uint64_t bad_ticks;                         /* ticks that went back in time: left out */
    uint64_t source_gaps;                       /* GAP records: the source could not be read */
    uint64_t region_windows;                    /* blocks merged into this one whose window is that of regions */
    uint64_t reserved[3];                       /* [GT_BLOCK_SPAN_BEGIN] and [GT_BLOCK_SPAN_END]: the run itself; 0: not told */
    /* --- since version 2 */
    uint64_t edge_intervals; /* of `intervals`: both ends are refresh times known to microseconds */
    uint64_t edge_ns2;       /* Σ variance of the estimated refresh times over those intervals' later ends */
    uint64_t unread_ns;      /* time whose equations were left out since its ticks were not followed */
    /* Slots of GT_FOLD_SHARE_NS, where energy and CPU time are known: what the machine used in them and how long, each times
     * the job's share of it, and itself. The window's are the parts of slots inside it. */
    uint64_t slot_job_uj, slot_job_ns, slot_uj, slot_ns;
    uint64_t window_slot_job_uj, window_slot_job_ns, window_slot_uj, window_slot_ns;
    uint64_t nested_ns; /* taken off units whose rows, and so the equations, have it as well (gt_fold_take_nested) */
};

enum { GT_BLOCK_SPAN_BEGIN, GT_BLOCK_SPAN_END };

/* Energy of one domain over some time: `known` and the time that it does not cover, with bounds on what was used in that. */
struct gt_block_energy {
    uint64_t known_uj; /* unwrapped; exact to 1 µJ */
    uint64_t known_ns;
    uint64_t gap_ns;               /* counter went backward, stood still, or moved impossibly fast: unknown */
    uint64_t gap_lo_uj, gap_hi_uj; /* least and most energy that the gaps may hold */
    uint64_t edge_uj; /* of `known_uj`, what is in doubt. In `all`: steps before one that went back, a sum. In `window`: that,
                         and what rests on interpolation inside an interval (its edges): not a sum, blocks follow one another
                         and have two outer edges together; merging keeps the larger */
};

struct gt_block_domain {
    struct gt_block_energy all, window;
    uint64_t wraps, backward, stalls, impossible,
        ambiguous;       /* how often; ambiguous: so long a gap that it may have wrapped unseen */
    uint64_t refresh_ns; /* of the counter, 0 unknown: what it shows may be that late; merging keeps the larger */
    /* --- since version 2 */
    uint64_t lag_uj; /* what it may show too late at an end of the run, or of the time before it; merging keeps the larger */
};

struct gt_block_unit {
    uint32_t slot, reserved; /* with GT_TRACE_SLOT_INFER: an inference row */
    uint64_t calls, items, ns;
    uint64_t missing_calls, missing_ns;           /* of those, counted by the exact table but without a row (ring full) */
    struct gt_wide t_e, t_e_next, e_t_next, t_dt; /* zero for inference rows */
    /* --- since version 2 */
    uint64_t
        edge_ns2; /* Σ over refreshes: mean product of the error of their time and of what it moves into or out of the unit */
};

struct gt_block_pair {
    uint32_t a, b;            /* slots */
    struct gt_wide same, lag; /* Σ t_a t_b (only where a <= b); Σ t_a(k) t_b(k+1) */
    /* --- since version 2 */
    uint64_t edge_ns2; /* Σ over refreshes: mean product of what the error of their time moves of both (only where a <= b) */
};

/* A parsed block; arrays are borrowed from the payload. */
struct gt_block {
    const struct gt_block_head *head;
    const struct gt_block_domain *domains;
    const struct gt_block_unit *units;
    const struct gt_block_pair *pairs;
};

/* `payload` must be 8-byte aligned and outlive *block. GT_E_FORMAT: sizes or order wrong; GT_E_VERSION. Hostile input is safe.
 */
enum gt_status gt_block_parse(const void *payload, size_t bytes, struct gt_block *block);

/*
 * The same for payloads of earlier versions, too: *copy is then malloc'ed, the caller's, and what *block points into; else
 * NULL. *bytes becomes the size in this version. GT_E_NOMEM. Not for the plugin, which reads its own blocks alone.
 */
enum gt_status gt_block_parse_old(const void *payload, size_t *bytes, struct gt_block *block, void **copy);

/* NULL when the block has no such unit. */
const struct gt_block_unit *gt_block_find_unit(const struct gt_block *block, uint32_t slot);

/* Bytes that merging the two needs at most. */
size_t gt_block_merge_bytes(const struct gt_block *a, const struct gt_block *b);

/*
 * Sums of both into `out` (8-byte aligned, `capacity` bytes, no overlap); *bytes gets the payload's size. Associative and
 * commutative, as long as nothing overflows: where `capacity` is short, the pairs that do not fit go to the overflow sums.
 * GT_E_MISMATCH: different numbers of domains; GT_E_LIMIT: not even the units fit.
 */
enum gt_status gt_block_merge(const struct gt_block *a, const struct gt_block *b, void *out, size_t capacity, size_t *bytes);

/* In place: takes window, cover and inference rows out of the payload, as if none had been fed. *bytes shrinks. */
void gt_block_drop_window(void *payload, size_t *bytes);

/* --- the fold
 * ------------------------------------------------------------------------------------------------------------------ */

struct gt_fold; /* opaque, lives in the caller's memory */

/* Sizes; all at least 1. */
struct gt_fold_config {
    uint32_t units;     /* distinct slots, inferences included */
    uint32_t pairs;     /* distinct pairs; more go to the overflow sums */
    uint32_t intervals; /* kept open for rows that come late */
    uint32_t entries;   /* unit-in-interval cells over all kept intervals */
    uint32_t tail;      /* rows that may end after the last tick */
    uint32_t points;    /* samples kept for the window's edges, thinned with age; at least 16 */
};

/* For the plugin: some 600 kB; intervals of 10 ms are kept for 5 s, of 1 ms with 64 units each for 0.1 s. */
extern const struct gt_fold_config gt_fold_config_small;
/* For ingest: some 30 MB; intervals of 10 ms are kept for 80 s. */
extern const struct gt_fold_config gt_fold_config_large;

/* Bytes that a fold for `domains` domains takes; 0 when the configuration is senseless. */
size_t gt_fold_bytes(const struct gt_fold_config *config, int domains);

/* `memory`: 16-byte aligned, gt_fold_bytes large, the caller's; `desc` is copied as far as needed. GT_E_ARG, GT_E_NOMEM. */
enum gt_status gt_fold_init(void *memory, size_t bytes, const struct gt_fold_config *config, const struct gt_source_desc *desc,
                            struct gt_fold **fold);

/* The raw value of a domain that this tick did not read (core/trace.h, TICK). */
#define GT_FOLD_UNREAD UINT64_MAX

/*
 * From here on the times of ticks are estimated refresh times of the additive domains of `package`, with that standard
 * deviation; 0: times of reading again.
 */
void gt_fold_set_edges(struct gt_fold *fold, int package, double sigma_ns);

/* One reading of the domains; GT_FOLD_UNREAD for those that it left out. */
void gt_fold_add_tick(struct gt_fold *fold, uint64_t t_ns, const uint64_t *raw);
/* The source could not be read between the two times. Energy counted over it is not lost: the next tick tells. */
void gt_fold_add_gap(struct gt_fold *fold, uint64_t t_begin_ns, uint64_t t_end_ns);
void gt_fold_add_cpu(struct gt_fold *fold, const struct gt_trace_cpu *cpu);
/* One row. Rows that end before they begin are ignored. */
void gt_fold_add_event(struct gt_fold *fold, uint64_t thread, const struct gt_trace_event *event);
/* A row of a region where nobody has made an inference yet: as a unit, and as an inference of the same times. */
void gt_fold_add_region(struct gt_fold *fold, uint64_t thread, const struct gt_trace_event *event);
/* The inference window reaches over these times, too: inferences without a row are known to have been there. */
void gt_fold_extend_window(struct gt_fold *fold, uint64_t t_begin_ns, uint64_t t_end_ns);
/* What the exact TABLE of the threads holds beyond the rows: it enters calls, items and ns (and `missing_*`). */
void gt_fold_add_missing(struct gt_fold *fold, uint32_t slot, uint64_t calls, uint64_t items, uint64_t ns);
/*
 * Of the ns fed for that slot, so many were other units' that ran inside: they are told there, and taken off here. The rows may
 * be in blocks that were taken before, so that a block's `ns` alone may be below 0, modulo 2^64: merge all (gt_batches_merge).
 */
void gt_fold_take_nested(struct gt_fold *fold, uint32_t slot, uint64_t ns);
/*
 * A block of a process: its units and pairs (slots shifted by `slot_base`), its inference window, what it covered. With
 * `units_only`, its energy and machine time are left out: the run's own series counts those. GT_E_MISMATCH: domains differ.
 */
enum gt_status gt_fold_add_block(struct gt_fold *fold, const struct gt_block *block, uint32_t slot_base, bool units_only);

/* Hands out the gaps found since the last call (also by gt_fold_finish), and forgets them. */
void gt_fold_take_gaps(struct gt_fold *fold, struct gt_gap_list *gaps);
/* When the run began and ended: counters may have been read for less. Not called: what was sampled. Call it before the last
 * take. */
void gt_fold_set_span(struct gt_fold *fold, uint64_t begin_ns, uint64_t end_ns);
/* Wall time whose equations have been summed since the last take. */
uint64_t gt_fold_equations_ns(const struct gt_fold *fold);

/*
 * What other runs have of slots of common time, from slot `first` on, and where what this one gets is written; both in 1/65535
 * of slots, `count` of them. Borrowed.
 */
struct gt_fold_claims {
    uint64_t first;
    size_t count;
    const uint16_t *taken;
    uint16_t *mine; /* zeroed */
};

/* From here on the job gets no more of a slot than is left. *claims is borrowed, too. */
void gt_fold_set_claims(struct gt_fold *fold, const struct gt_fold_claims *claims);

/* Closes the oldest intervals, until that much wall time has been summed since the last take. False: none is left open. */
bool gt_fold_close_some(struct gt_fold *fold, uint64_t ns);

/* Closes all intervals that are still open for late rows. The fold may go on afterwards. */
void gt_fold_finish(struct gt_fold *fold);

/* Bytes that gt_fold_take needs now, at most. */
size_t gt_fold_take_bytes(const struct gt_fold *fold);

/*
 * Writes what was summed since the last take as one BLOCK payload (8-byte aligned) and starts anew; counters, open intervals
 * and the window go on. GT_E_LIMIT: `capacity` is too small; nothing happened.
 */
enum gt_status gt_fold_take(struct gt_fold *fold, void *payload, size_t capacity, size_t *bytes);

#endif
