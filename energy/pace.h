/*
 * How far apart two readings of a power may lie for the trapezoid between them to stand for the time in between.
 *
 * A source does not know at what pace it is meant to be read (`--interval` goes up to a minute), and a fixed limit would make
 * every interval of a slow pace a gap. So the distance before is taken for the pace, and what is three times as long for a
 * hole. Pure; thread-safe.
 */
#ifndef GT_ENERGY_PACE_H
#define GT_ENERGY_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* While no distance is known: the slowest pace that can be asked for, and the lateness of a reading. */
#define GT_PACE_UNKNOWN_NS UINT64_C(70000000000)

struct gt_pace {
    uint64_t ns;      /* from reading to reading; 0: not known yet */
    uint64_t hole_ns; /* the last distance, where it was a hole; else 0 */
};

/*
 * Is that distance a hole? `least_ns`: less never is one. What comes twice alike is no hole the second time, but another pace;
 * so a stall does not make a longer one behind it look like the pace.
 */
static inline bool gt_pace_is_hole(const struct gt_pace *pace, uint64_t distance_ns, uint64_t least_ns)
{
    bool again = pace->hole_ns > 0 && distance_ns < 2 * pace->hole_ns && pace->hole_ns < 2 * distance_ns;
    return distance_ns > least_ns && distance_ns > (pace->ns ? 3 * pace->ns : GT_PACE_UNKNOWN_NS) && !again;
}

/* After each distance but the first reading's. */
static inline void gt_pace_take(struct gt_pace *pace, uint64_t distance_ns, bool hole)
{
    pace->ns = hole ? pace->ns : distance_ns;
    pace->hole_ns = hole ? distance_ns : 0;
}

#endif
