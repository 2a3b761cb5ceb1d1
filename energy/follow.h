/*
 * A source of energy whose refreshes are followed: energy/ticksync.h with a source and a clock.
 *
 * Life cycle: gt_follow_begin -> (sleep until gt_follow_next -> gt_follow_read) ... ; the source stays the caller's. System
 * calls through the os seam alone, no allocation, no libm: it runs in the plugin's sampler, too. One follower belongs to one
 * thread.
 */
#ifndef GT_ENERGY_FOLLOW_H
#define GT_ENERGY_FOLLOW_H

#include "energy/source.h"
#include "energy/ticksync.h"

struct gt_follow {
    const struct gt_os *os;                /* borrowed, as the next three */
    const struct gt_energy_source *source; /* NULL: nothing is followed */
    struct gt_source_state *state;
    const struct gt_source_desc *desc;
    struct gt_ticksync sync;
    int lead;            /* the domain whose refreshes are followed */
    int package;         /* its package; -1: not known */
    uint64_t every_tick; /* domains that every tick reads: those of the total. The others are read ten times a second. */
    uint64_t others;
    uint64_t next_others_ns;
    uint64_t due_ns;   /* what gt_follow_next said last */
    uint64_t slice_ns; /* a burst is handed back after that long, and the next reading goes on with it; 0: never */
    double sigma_told; /* what gt_follow_is_news has been asked last and said yes to; 0 at the beginning */
};

enum gt_follow_result {
    GT_FOLLOW_NOTHING, /* no refresh was caught */
    GT_FOLLOW_TICK,
    GT_FOLLOW_FAILED /* the source could not be read */
};

/*
 * False: this source cannot be followed, since it cannot read single domains, or does not count energy, or its refreshes are
 * not regular or not of the right pace (ticksync.h). `stride`: every how many refreshes one is read.
 */
bool gt_follow_begin(struct gt_follow *follow, const struct gt_os *os, const struct gt_energy_source *source,
                     struct gt_source_state *state, const struct gt_source_desc *desc, uint64_t stride);

/* Are refreshes predicted at present? While they are not, the caller reads the source as it would without. */
bool gt_follow_is_locked(const struct gt_follow *follow);

/* When to read next, CLOCK_MONOTONIC ns; UINT64_MAX: never. To be asked once after each reading: it depends on the time. */
uint64_t gt_follow_next(struct gt_follow *follow);

/*
 * One reading, or a burst of them (a tenth of a millisecond; while seeking, some refresh periods, or `slice_ns`). On a tick
 * row[0] is the estimated time of the refresh, row[1 + i] the counter of domain i, UINT64_MAX if it was not read, and *sigma_ns
 * the standard deviation of row[0].
 */
enum gt_follow_result gt_follow_read(struct gt_follow *follow, uint64_t *row, double *sigma_ns);

/*
 * Whether that standard deviation of a tick's time (0: a time of reading) differs from the one told last by so much that it
 * is to be told: more than a quarter. It then counts as told.
 */
bool gt_follow_is_news(struct gt_follow *follow, double sigma_ns);

#endif
