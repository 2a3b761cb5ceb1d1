/*
 * Unwrapping: from the raw readings of one counter to energy that only grows.
 *
 * Every reading moves the cumulative figures on: `known_uj` over `known_ns`, and `gap_ns` of time about which the counter says
 * nothing, with the least and most energy that it may hold. Never negative, never off by a wrap: a step that could be more than
 * one thing is a gap whose bounds hold all of them, and gaps have names (energy/gaps.h).
 *
 * A reading that cannot follow the one before it (the counter went back, moved faster than any machine can, or many times
 * faster than it ever did) is held as a *suspect* until the next reading tells what it was: off the course that the counter
 * then goes on with (misread: left out, nothing is lost), the onset of load (taken), or a reset or jump (a gap up to there).
 * Three more things make gaps: the counter was not read for so long that it may have wrapped unseen, it stood still and did
 * not make up for it afterwards, or its source says that it missed energy (one that never wraps goes back by exactly one).
 *
 * Within a gap a domain is taken to draw at most three times what it drew over any 10 ms of the run (GT_UNWRAP_MARGIN). Pure
 * state machine; libc-free; one state belongs to one thread.
 */
#ifndef GT_ENERGY_UNWRAP_H
#define GT_ENERGY_UNWRAP_H

#include "energy/gaps.h"
#include "energy/source.h"

/*
 * More than any domain draws, so that more is a fault: the biggest processor package of 2025 is specified at 500 W (AMD EPYC
 * 9965, Intel Xeon 6980P), short peaks double that. Domains that belong to no package (psys, a GPU) get ten times as much.
 * A meter may stand before racks, of which one draws 140 kW in 2025 (NVIDIA GB200 NVL72): it says itself what it takes for too
 * much (gt_domain.most_w), up to the last of these.
 */
#define GT_UNWRAP_PACKAGE_W 1000.0
#define GT_UNWRAP_MACHINE_W 10000.0
#define GT_UNWRAP_METER_W 1e7

/*
 * A single step of more than 8 times the peak so far is suspect: idle to full load is about that on servers (SPECpower's
 * results: 3 to 10 times), and load goes on. A peak counts from 5 W on; before a peak is known, 12.5 W stand in for it.
 */
#define GT_UNWRAP_JUMP 8.0
#define GT_UNWRAP_PEAK_LEAST_W 5.0
#define GT_UNWRAP_PEAK_UNKNOWN_W 12.5

/* A step around the range is suspect from this many times the peak on: near the top, a reset looks like a wrap. */
#define GT_UNWRAP_WRAP 2.0

/* The most within a gap, as a multiple of the peak. */
#define GT_UNWRAP_MARGIN 3.0

/*
 * A counter of the total that does not move for longer than this, or than ten of its refresh periods, stands still: RAPL
 * counters move every millisecond, even on idle machines. Where the refresh period is not known, and for counters that may rest
 * (cores that sleep), it is a second. A counter that turns out to move at a regular pace of its own sets its own standard.
 */
#define GT_UNWRAP_STALL_NS UINT64_C(25000000)
#define GT_UNWRAP_REST_NS UINT64_C(1000000000)

struct gt_unwrap {
    /* configuration */
    double uj_per_count, max_w;
    uint64_t wrap_count, refresh_ns, stall_ns;
    bool must_move;           /* a counter of the total that never moves is broken, not idle */
    struct gt_gap_list *gaps; /* borrowed; where gaps of a counter of the total are listed; NULL: nowhere */
    int domain;               /* its number there */
    /* state */
    bool started, moved;
    bool disturbed;      /* the last step's energy does not stand for its time: held back, caught up, or unknown */
    uint64_t raw, t_ns;  /* last reading that was taken at its word */
    uint64_t moved_t_ns; /* up to where time has been counted: it last moved, or was settled, then */
    uint64_t counts;     /* unwrapped counts since the start */
    bool suspected, suspect_soft;
    enum gt_gap_reason suspect_why;
    uint64_t suspect_raw, suspect_t_ns;
    uint64_t last_still_ns, usual_still_ns; /* how long it stood still before it moved: last time, and at most as a rule */
    uint64_t silent_t_ns;                   /* where the last hole ended */
    double peak_w, span_uj;                 /* over any 10 ms, and the span being summed */
    uint64_t span_ns, spans;
    uint64_t early_ns; /* of gaps before a peak was known: their most is added once it is */
    double last_uj;    /* of the last step that was taken at its word */
    bool last_wrapped; /* that step: was it one around the range? */
    /* results, cumulative */
    uint64_t known_uj, known_ns, gap_ns, gap_lo_uj, gap_hi_uj;
    uint64_t wraps, backward, stalls, impossible, ambiguous; /* impossible: jumps are among them */
    uint64_t misread;                                        /* readings left out */
    uint64_t doubted_uj;                                     /* of what is known, steps before one that went back */
};

void gt_unwrap_init(struct gt_unwrap *u, const struct gt_domain *domain);

/*
 * What a counter may not show yet at an end of the run, or show of what was used before it, µJ: up to a refresh period at twice
 * the highest power over any 10 ms of the run.
 */
uint64_t gt_unwrap_lag_uj(const struct gt_unwrap *u);

/* One reading; t_ns must be later than the last one's (else nothing happens). */
void gt_unwrap_step(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw);

/* The readings end here: what is still suspect is a gap; time since the last movement is known when it is short, else a gap. */
void gt_unwrap_settle(struct gt_unwrap *u);

#endif
