/* Blocks of version 1: the same arrays, with shorter heads, domains, units and pairs. */
#include "energy/block.h"

#include <stdlib.h>
#include <string.h>

#define OLD_VERSION 1
#define OLD_HEAD offsetof(struct gt_block_head, edge_intervals)
#define OLD_DOMAIN offsetof(struct gt_block_domain, lag_uj)
#define OLD_UNIT offsetof(struct gt_block_unit, edge_ns2)
#define OLD_PAIR offsetof(struct gt_block_pair, edge_ns2)

static bool is_whole(const struct gt_block_head *old, size_t bytes)
{
    /* 32-bit counts times small rows: the sum cannot overflow 64 bits. */
    return old->domain_count <= GT_SOURCE_DOMAINS && bytes == OLD_HEAD + old->domain_count * OLD_DOMAIN +
                                                                  (uint64_t)old->unit_count * OLD_UNIT +
                                                                  (uint64_t)old->pair_count * OLD_PAIR;
}

/* *out: owned by the caller; NULL when the payload is not of that version. */
static enum gt_status upgrade(const void *payload, size_t bytes, void **out, size_t *out_bytes)
{
    struct gt_block_head head = {0};
    const char *from = payload;
    *out = NULL;
    if (bytes < OLD_HEAD)
        return GT_E_FORMAT;
    memcpy(&head, payload, OLD_HEAD);
    if (head.version != OLD_VERSION)
        return GT_OK;
    if (!is_whole(&head, bytes))
        return GT_E_FORMAT;
    *out_bytes = gt_block_bytes(head.domain_count, head.unit_count, head.pair_count);
    char *to = calloc(1, *out_bytes);
    if (!to)
        return GT_E_NOMEM;
    *out = to;
    head.version = GT_BLOCK_VERSION;
    memcpy(to, &head, sizeof head);
    to += sizeof head;
    from += OLD_HEAD;
    for (uint32_t i = 0; i < head.domain_count; i++, to += sizeof(struct gt_block_domain), from += OLD_DOMAIN)
        memcpy(to, from, OLD_DOMAIN);
    for (uint32_t i = 0; i < head.unit_count; i++, to += sizeof(struct gt_block_unit), from += OLD_UNIT)
        memcpy(to, from, OLD_UNIT);
    for (uint32_t i = 0; i < head.pair_count; i++, to += sizeof(struct gt_block_pair), from += OLD_PAIR)
        memcpy(to, from, OLD_PAIR);
    return GT_OK;
}

enum gt_status gt_block_parse_old(const void *payload, size_t *bytes, struct gt_block *block, void **copy)
{
    enum gt_status status = upgrade(payload, *bytes, copy, bytes);
    if (status == GT_OK)
        status = gt_block_parse(*copy ? *copy : payload, *bytes, block);
    if (status != GT_OK) {
        free(*copy);
        *copy = NULL;
    }
    return status;
}
