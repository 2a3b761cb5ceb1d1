/*
 * What PAPI makes of a wrapping energy counter, undone: from the values of PAPI_read to a counter that gt_unwrap can take.
 *
 * PAPI's powercap component (src/components/powercap/linux-powercap.c, 5.5 to 7.1) keeps, per counter, the value at PAPI_start
 * and returns at each read, for the counter `now` in [0, range]:
 *     start < now:   now - start
 *     start > now:   now - start + range of the *last* package zone (or, for subzones, of the last subzone): one global each
 *     start == now:  now, the absolute value, for it only tests for < and >
 * So a counter that has not moved since the start, or has come round to it, shows an absolute value amid differences, and after
 * a wrap it is off by the difference of two ranges, and by one. PAPI's rapl component has neither fault, but wraps silently at
 * 2^32 units of the register. Here: D, the energy since the start modulo range + 1, which wraps at the counter's own range.
 * Pure; one state per counter.
 */
#ifndef GT_ENERGY_HEAVY_PAPI_COUNTER_H
#define GT_ENERGY_HEAVY_PAPI_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

struct gt_papi_counter {
    /* configuration; range 0: unknown, values are taken as they are once the counter has moved */
    int64_t range, global_range;
    /* state */
    bool begun, moved, start_known;
    int64_t first, start, since;
};

void gt_papi_counter_init(struct gt_papi_counter *counter, uint64_t range, uint64_t global_range);

/* The next value of PAPI_read; returns D, in [0, range]. */
uint64_t gt_papi_counter_take(struct gt_papi_counter *counter, int64_t value);

/*
 * The range in nanojoules of a 32-bit register, from what one movement of it gave in nanojoules and in counts: the unit is
 * 1/2^k J (Intel SDM vol. 3B, 15.10.1), so k is exact however few counts there are. 0: no such unit.
 */
uint64_t gt_papi_rapl_range_nj(int64_t nj, int64_t counts);

#endif
