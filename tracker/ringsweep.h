/*
 * Rings that nobody will ever merge: their process is gone and their trace has been taken out of the spool, by hand or by
 * another tool. They are memory (tmpfs), and nothing else would free them before the next boot.
 *
 * Only files of this user under a ring's name that were claimed for this very spool (by device and inode) and that no live
 * process holds the lock of; rings of other spools are those spools' to sweep.
 */
#ifndef GT_TRACKER_RINGSWEEP_H
#define GT_TRACKER_RINGSWEEP_H

#include "tracker/spool.h"

/* Removes them. How many. The caller holds the spool's lock. */
size_t gt_ringsweep(const struct gt_spool *spool);

#endif
