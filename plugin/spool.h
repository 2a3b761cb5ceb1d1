/*
 * The spool: the folder that traces are left in. Sampler thread only; no allocation, no stdio.
 */
#ifndef GT_PLUGIN_SPOOL_H
#define GT_PLUGIN_SPOOL_H

#include "core/status.h"

#include <stdint.h>

/*
 * Opens the folder, making it (and what is missing above it) with mode 0700. Descriptor, or -errno; -EPERM when the folder
 * belongs to somebody else or others may write to it.
 */
int gt_spool_open(const char *path);

/* Bytes on disk of all files in it; what cannot be read counts nothing. */
uint64_t gt_spool_bytes(int dir_fd);

#endif
