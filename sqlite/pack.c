#include "sqlite/pack.h"

#include <string.h>
#include <zlib.h>

/* Before the deflated bytes: this, then their size when inflated. A block begins with its version, a small number. */
static const char magic[8] = "GTPACK1";
enum { HEAD = sizeof magic + sizeof(uint64_t) };

/* More than a folded trace can be: 64 batches of all the pairs that a fold keeps. */
#define MOST (UINT64_C(1) << 31)

enum gt_status gt_pack(const uint8_t *bytes, size_t size, struct gt_arena *arena, const uint8_t **out, size_t *out_size)
{
    uint64_t inflated = size;
    uLongf room = compressBound(size);
    uint8_t *to = gt_arena_alloc(arena, HEAD + room, 1);
    if (!to)
        return GT_E_NOMEM;
    memcpy(to, magic, sizeof magic);
    memcpy(to + sizeof magic, &inflated, sizeof inflated);
    if (compress2(to + HEAD, &room, bytes, size, 1) != Z_OK)
        return GT_E_NOMEM;
    *out = to;
    *out_size = HEAD + room;
    return GT_OK;
}

enum gt_status gt_unpack(const uint8_t *bytes, size_t size, struct gt_arena *arena, const uint8_t **out, size_t *out_size)
{
    uint64_t inflated;
    if (size < HEAD || memcmp(bytes, magic, sizeof magic) != 0) {
        *out = bytes;
        *out_size = size;
        return GT_OK;
    }
    memcpy(&inflated, bytes + sizeof magic, sizeof inflated);
    /* deflate shrinks to a thousandth at most: what says more is damaged, and would take memory for nothing */
    if (inflated > MOST || inflated / 1100 > size)
        return GT_E_CORRUPT;
    uLongf room = (uLongf)inflated;
    uint8_t *to = gt_arena_alloc(arena, (size_t)inflated + 8, 1);
    if (!to)
        return GT_E_NOMEM;
    if (uncompress(to, &room, bytes + HEAD, size - HEAD) != Z_OK || room != inflated)
        return GT_E_CORRUPT;
    *out = to;
    *out_size = (size_t)inflated;
    return GT_OK;
}
