/* What a fold is made of; shared by fold.c (input), fold_shares.c and fold_take.c (output) alone. */
#ifndef GT_ENERGY_FOLD_STATE_H
#define GT_ENERGY_FOLD_STATE_H

#include "energy/curve.h"
#include "energy/fold.h"
#include "energy/unwrap.h"

enum { NO_INDEX = -1 };

/* Channels of the two curves. */
enum { E_KNOWN, E_KNOWN_NS, E_GAP_NS, E_GAP_LO, E_GAP_HI, E_CHANNELS }; /* per domain */
enum { C_JOB, C_JOB_NS, C_BUSY, C_TOTAL, C_MACHINE_NS, C_CHANNELS };
enum { S_JOB_UJ, S_JOB_NS, S_UJ, S_NS, S_CHANNELS }; /* of slots: the job's part of the machine's energy and time, and both */

/* A unit-in-interval cell; `next` is an index, NO_INDEX at the end. */
struct fold_entry {
    uint32_t unit;
    int32_t next;
    uint64_t ns;
    uint32_t begin_ns, end_ns; /* of it, within a standard deviation of the interval's begin and end */
};

struct fold_interval {
    uint64_t t0, t1, e_uj, infer_ns;
    int32_t entries;                       /* list */
    bool gap;                              /* some of its energy is unknown: not in the equations */
    bool edges;                            /* both ends are estimated refresh times */
    uint32_t begin_sigma_ns, end_sigma_ns; /* standard deviations of these estimates */
};

struct fold_unit {
    struct gt_block_unit sum;
    uint64_t interval; /* number of the interval where `entry` is: consecutive rows need no search */
    int32_t entry;
};

struct fold_pair {
    uint32_t a, b; /* indices of units; both UINT32_MAX: free */
    struct gt_wide same, lag;
    uint64_t edge_ns2;
};

/* What the curves say at an edge of a slot. */
struct fold_look {
    uint64_t t_ns, uj, known_ns, cpu[C_CHANNELS];
};

/* The part of a row that lies behind the last sample. */
struct fold_tail {
    uint32_t unit;
    uint64_t t0, t1;
};

/* The inference window on one curve. */
struct fold_window {
    struct gt_curve curve;
    uint64_t *now;             /* cumulative values at the last sample */
    uint64_t *begin, *end;     /* values at the window's edges */
    uint64_t *edge;            /* how far those may be off: begin's, then end's */
    uint64_t *taken;           /* end - begin, as far as blocks have them */
    uint64_t *taken_now;       /* `now`, as far as blocks have it */
    bool begin_open, end_open; /* not looked up yet, or behind the last sample */
};

struct gt_fold {
    struct gt_fold_config config;
    uint32_t domains;
    bool sampled;               /* a sample was seen, so that a next one closes an interval */
    uint64_t first_ns, last_ns; /* samples that cut intervals: since the last take, and ever */
    uint64_t window_begin_ns, window_end_ns;
    bool has_window, has_regions; /* the window is that of regions */
    struct gt_unwrap *unwrap;
    bool *additive;
    int *package;
    /* refresh times of the counters (gt_fold_set_edges) */
    bool follows;                     /* they are, or were, followed ... */
    int clock_package;                /* ... those of this package */
    uint32_t sigma_ns, last_sigma_ns; /* of the ticks to come, of the last one; 0: a time of reading */
    struct gt_block_head sum;
    struct gt_block_domain *domain_sum; /* what added blocks brought in */
    struct gt_unwrap *unwrap_taken;     /* the state at the last take: its counts of wraps are those that blocks have */
    struct gt_gap_list gaps;            /* since the last call of gt_fold_take_gaps */
    struct fold_window energy, cpu;
    struct fold_window shares; /* a sample for each slot that both reach beyond */
    struct fold_look slot;     /* where the open one began */
    uint64_t slot_lent_ns;     /* busy time that the job had before the machine counted it */
    bool has_slot;
    const struct gt_fold_claims *claims; /* borrowed; NULL: none */
    struct gt_trace_cpu last_cpu;
    bool has_cpu;
    /* units */
    struct fold_unit *units;
    uint32_t unit_count, slot_mask;
    uint32_t *slots; /* hash: index + 1 */
    /* pairs */
    struct fold_pair *pairs;
    uint32_t pair_count, pair_mask, pair_stride;
    /* intervals, a ring; numbers count up for ever */
    struct fold_interval *intervals;
    uint64_t oldest, newest;       /* numbers of the kept ones: oldest ... newest - 1 */
    struct fold_interval previous; /* the last closed one, for lag products; its entries are still its own */
    bool has_previous;
    struct fold_entry *entries;
    int32_t free_entry;   /* list of those that were given back */
    uint32_t fresh_entry; /* the first of those that were never used */
    struct fold_tail *tail;
    uint32_t tail_count;
};

/* Index of that slot's unit, made when it is new; the one of GT_FOLD_SLOT_OTHER when there is no place. */
uint32_t gt_fold_unit_index(struct gt_fold *fold, uint32_t slot);
void gt_fold_add_pair(struct gt_fold *fold, uint32_t a, uint32_t b, const struct gt_block_pair *from);
/* Adds the slots that both curves have passed; `last`: and the part of one that they have reached. */
void gt_fold_close_slots(struct gt_fold *fold, bool last);
/* Looks up the window's open edges as far as the curves reach (`clamp`: take the last sample where they do not). */
void gt_fold_resolve_window(struct gt_fold *fold, struct fold_window *window, bool clamp);

#endif
