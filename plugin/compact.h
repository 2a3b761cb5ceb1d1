/*
 * Pairwise merging of a trace's blocks: a new file takes the old one's place under the same name and trace id. Sampler only.
 */
#ifndef GT_PLUGIN_COMPACT_H
#define GT_PLUGIN_COMPACT_H

#include "plugin/sampler.h"

/* Blocks in a file before they are merged: two hours' worth. Some 64 to 128 remain, each half as fine as the next. */
enum { GT_COMPACT_BLOCKS = 128 };

/*
 * Merges block 0 with 1, 2 with 3, ... into a new file, which is renamed over the old one. On any failure the old file stays
 * and goes on being written; the next attempt comes when as many blocks again have been added.
 */
void gt_compact(struct gt_sampler *s);

#endif
