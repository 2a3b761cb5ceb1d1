/* Writing of BLOCK payloads (layout in fold.h): what the fold and the merge share. Pure, libc alone. */
#ifndef GT_ENERGY_BLOCK_H
#define GT_ENERGY_BLOCK_H

#include "energy/fold.h"

/* Bytes of a payload with those counts. */
size_t gt_block_bytes(uint64_t domains, uint64_t units, uint64_t pairs);

/* Sorts in place, without allocation or recursion (qsort may allocate): units by slot, pairs by a, then b. */
void gt_block_sort_units(struct gt_block_unit *units, size_t n);
void gt_block_sort_pairs(struct gt_block_pair *pairs, size_t n);

/* Adds all figures of `from` to `to`; counts, version and slots are left alone. */
void gt_block_add_head(struct gt_block_head *to, const struct gt_block_head *from);
void gt_block_add_domain(struct gt_block_domain *to, const struct gt_block_domain *from);
void gt_block_add_unit(struct gt_block_unit *to, const struct gt_block_unit *from);

#endif
