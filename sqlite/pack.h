/* Folded traces as they are kept: deflated (RFC 1950), since their sums are mostly zero bytes. Part of the store. */
#ifndef GT_SQLITE_PACK_H
#define GT_SQLITE_PACK_H

#include "core/arena.h"
#include "core/status.h"

#include <stdint.h>

/* *out: in the arena. GT_E_NOMEM. */
enum gt_status gt_pack(const uint8_t *bytes, size_t size, struct gt_arena *arena, const uint8_t **out, size_t *out_size);

/* What gt_pack wrote; what it did not, as stores of earlier schemas have it, stays as it is. GT_E_CORRUPT, GT_E_NOMEM. */
enum gt_status gt_unpack(const uint8_t *bytes, size_t size, struct gt_arena *arena, const uint8_t **out, size_t *out_size);

#endif
