/*
 * How far apart two readings of a power may lie for the trapezoid between them to stand for the time in between.
 *
 * A source does not know at what pace it is meant to be read (`--interval` goes up to a minute), and a fixed limit would make
 * every interval of a slow pace a gap. So the distance before is taken for the pace, and what is three times as long for a
 * hole. Pure; thread-safe.
 */
#ifndef GT_ENERGY_PACE_H
#define GT_ENERGY_PACE_H

#include <stdint.h>

/* While no distance is known: the slowest pace that can be asked for, and the lateness of a reading. */
#define GT_PACE_UNKNOWN_NS UINT64_C(70000000000)

/* The longest distance that is no hole, ns. `before_ns`: the distance before (0: none yet); `least_ns`: less never is one. */
static inline uint64_t gt_pace_longest_ns(uint64_t before_ns, uint64_t least_ns)
{
    uint64_t longest = before_ns == 0 ? GT_PACE_UNKNOWN_NS : 3 * before_ns;
    return longest > least_ns ? longest : least_ns;
}

#endif
