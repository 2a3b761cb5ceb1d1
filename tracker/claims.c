#include "tracker/claims.h"

#include "core/text.h"
#include "tracker/runrecord.h"

#include <string.h>

/* NULL where there is none. */
static const char *parent_text(const struct gt_trace_info *info, struct gt_arena *arena)
{
    static const uint8_t none[GT_TRACE_ID_BYTES];
    char *text = gt_arena_alloc(arena, 2 * GT_TRACE_ID_BYTES + 1, 1);
    bool has = memcmp(info->header.parent_run_id, none, sizeof none) != 0;
    return has && text ? gt_text_hex(text, info->header.parent_run_id, GT_TRACE_ID_BYTES) : NULL;
}

enum gt_status gt_claims_find(struct gt_store *store, const struct gt_trace_info *info, const char *id, struct gt_arena *arena,
                              struct gt_fold_claims *claims, struct gt_err *err)
{
    *claims = (struct gt_fold_claims){0};
    if (!info->has_source || !gt_provenance_has_counters(info->source.provenance) || !info->first_ns)
        return GT_OK;
    uint64_t first = info->first_ns / GT_FOLD_SHARE_NS, count = info->last_ns / GT_FOLD_SHARE_NS + 1 - first;
    if (first > INT64_MAX / 2)
        return GT_OK;
    count = count < GT_CLAIMS_SLOTS ? count : GT_CLAIMS_SLOTS;
    struct gt_shares_record others = {
        .first_slot = (int64_t)first, .count = count, .parts = gt_arena_alloc(arena, count, sizeof *others.parts)};
    struct gt_shares_query query = {.run = id,
                                    .parent = parent_text(info, arena),
                                    .series = gt_traceinfo_note(info, "series run"),
                                    .boot_id = gt_runrecord_boot(info->header.boot_id, arena)};
    uint16_t *mine = gt_arena_alloc(arena, count, sizeof *mine);
    if (!others.parts || !mine || !query.boot_id)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    *claims = (struct gt_fold_claims){.first = first, .count = count, .taken = others.parts, .mine = mine};
    return gt_store_get_shares_of_others(store, &query, &others, err);
}
