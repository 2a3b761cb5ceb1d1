/*
 * Does a source's counter stand still? Some virtual machines show RAPL's tree, or its events, with counters that never move.
 *
 * RAPL counts what even an idle processor draws, and refreshes every millisecond (energy/rapl.h); so a package's counter that
 * shows one value for twenty refreshes counts nothing. Waits through the os seam, no allocation: for the plugin's
 * sampler too.
 */
#ifndef GT_ENERGY_STILL_H
#define GT_ENERGY_STILL_H

#include "energy/source.h"

#define GT_STILL_NS UINT64_C(20000000)

/*
 * True: no counter of the total moved within GT_STILL_NS. False as soon as one moves (a millisecond), at once for a source that
 * counts anything but packages, or too coarsely or seldom to tell, and where a reading fails, which shows as a gap later on.
 */
bool gt_still(const struct gt_os *os, const struct gt_energy_source *source, struct gt_source_state *state,
              const struct gt_source_desc *desc);

#endif
