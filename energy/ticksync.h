/*
 * Following a counter's refreshes, so that its energy is known *at* them, to microseconds, by one cheap reading each.
 *
 * A counter of energy is refreshed regularly (RAPL: about every millisecond) and stands still in between. A few *bursts*,
 * readings back to back until the value changes, find refreshes to within the time of a reading. A two-state Kalman filter
 * (phase and period; Bar-Shalom, Li & Kirubarajan 2001, section 5.2) predicts the ones to come, corrected by a short burst now
 * and then; any reading that falls safely between two predicted refreshes has the energy of the former. How far refreshes lie
 * from where they were predicted is watched: that is the standard deviation that goes with each.
 *
 * Life cycle: gt_ticksync_init; then for ever: wait for gt_ticksync_next, read the counter, gt_ticksync_read. Pure state
 * machine, no clock of its own, no libm; one state belongs to one thread.
 */
#ifndef GT_ENERGY_TICKSYNC_H
#define GT_ENERGY_TICKSYNC_H

#include <stdbool.h>
#include <stdint.h>

/* Counters refreshed faster or more slowly are not followed: a reading takes µs, and slow ones gain nothing from it. */
#define GT_TICKSYNC_PERIOD_LO_NS UINT64_C(300000)
#define GT_TICKSYNC_PERIOD_HI_NS UINT64_C(20000000)

enum gt_ticksync_state {
    GT_TICKSYNC_SEEKING, /* bursts over whole periods, until a few refreshes were seen in a row */
    GT_TICKSYNC_LOCKED,
    GT_TICKSYNC_REFUSED /* no regular refresh was found in many attempts: not tried again */
};

struct gt_ticksync {
    uint64_t nominal_ns; /* what the source says of its period */
    enum gt_ticksync_state state;
    /* the filter: refresh number `index` at base_ns + phase */
    uint64_t index, base_ns;
    double phase, period, pp, pq, qq; /* ns; variances and covariance of phase and period */
    double jitter2;                   /* variance of single refreshes about their phase, ns² */
    double read_ns;                   /* how long a reading takes, smoothed */
    /* burst under way */
    bool bursting;
    uint64_t burst_until_ns;
    uint64_t old_begin_ns, old_end_ns; /* the last reading of it */
    uint64_t old_raw;
    bool has_old;
    /* schedule */
    uint64_t next_burst; /* refresh number */
    uint64_t burst_gap;  /* refreshes between two bursts */
    uint64_t told;       /* number of the last refresh that was handed out ... */
    uint64_t told_raw;   /* ... and its value */
    uint64_t stride;     /* every how many refreshes one is read */
    unsigned seen, misses, failures;
    uint64_t wait_until_ns; /* between two attempts */
    /* for whoever wants to know */
    uint64_t bursts, edges, unsafe, stood_still; /* unsafe: readings too close to a refresh to tell which side they are on */
};

struct gt_ticksync_edge {
    uint64_t t_ns;   /* estimated time of the refresh whose energy was read */
    double sigma_ns; /* standard deviation of that estimate */
};

/* `period_ns`: what the source's refresh_ns says, within the bounds above. */
void gt_ticksync_init(struct gt_ticksync *sync, uint64_t period_ns, uint64_t stride);

/* When to read next, CLOCK_MONOTONIC ns. *burst: as soon as possible after that, without sleeping in between. */
uint64_t gt_ticksync_next(const struct gt_ticksync *sync, uint64_t now_ns, bool *burst);

/* The counter could not be read: what was known of its refreshes is given up, and sought again after a while. */
void gt_ticksync_fail(struct gt_ticksync *sync, uint64_t now_ns);

/* One reading, begun and ended at these times. True: it is the counter as of *edge, which is later than the edge before. */
bool gt_ticksync_read(struct gt_ticksync *sync, uint64_t begin_ns, uint64_t end_ns, uint64_t raw,
                      struct gt_ticksync_edge *edge);

#endif
