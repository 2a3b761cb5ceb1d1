/*
 * Unwrapping: from the raw readings of one counter to energy that only grows.
 *
 * Every reading moves the cumulative figures on: `known_uj` over `known_ns`, and `gap_ns` of time about which the counter says
 * nothing, with the least and most energy that it may hold. Never negative, never off by a wrap: a step that could be more than
 * one thing is a gap. Four things make gaps: the counter went backward (reset, resume), moved faster than any machine can, was
 * not read for so long that it may have wrapped unseen, or stood still (a hung counter; one that catches up afterwards is
 * none). Pure state machine; libc-free; one state belongs to one thread.
 */
#ifndef GT_ENERGY_UNWRAP_H
#define GT_ENERGY_UNWRAP_H

#include "energy/source.h"

/*
 * More than any domain draws, so that more is a fault: the biggest processor package of 2025 is specified at 500 W (AMD EPYC
 * 9965, Intel Xeon 6980P), short peaks double that. Domains that belong to no package (psys, wall) get ten times as much.
 */
#define GT_UNWRAP_PACKAGE_W 1000.0
#define GT_UNWRAP_MACHINE_W 10000.0

/* A counter that does not move for longer than this, or than ten of its refresh periods, hangs. */
#define GT_UNWRAP_STALL_NS UINT64_C(1000000000)

struct gt_unwrap {
    /* configuration */
    double uj_per_count, max_w;
    uint64_t wrap_count, refresh_ns, stall_ns;
    bool must_move; /* a counter of the total that never moves is broken, not idle */
    /* state */
    bool started, moved;
    uint64_t raw, t_ns;  /* last reading */
    uint64_t moved_t_ns; /* up to where time has been counted: it last moved, or was settled, then */
    uint64_t counts;     /* unwrapped counts since the start */
    /* results, cumulative */
    uint64_t known_uj, known_ns, gap_ns, gap_lo_uj, gap_hi_uj;
    uint64_t wraps, backward, stalls, impossible, ambiguous;
};

void gt_unwrap_init(struct gt_unwrap *u, const struct gt_domain *domain);

/* One reading; t_ns must be later than the last one's (else nothing happens). */
void gt_unwrap_step(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw);

/* The readings end here: time since the last movement is counted, as known when it is short, else as a gap. */
void gt_unwrap_settle(struct gt_unwrap *u);

#endif
