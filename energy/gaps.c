#include "energy/gaps.h"

#include <stddef.h>

const char *gt_gap_word(enum gt_gap_reason reason)
{
    static const char *const words[GT_GAP_REASON_COUNT] = {
#define GT_GAP_WORD(code, word) [code] = (word),
        GT_GAP_REASONS(GT_GAP_WORD)
#undef GT_GAP_WORD
    };
    return (unsigned)reason < GT_GAP_REASON_COUNT ? words[reason] : "unknown";
}

static int touches(const struct gt_gap *a, const struct gt_gap *b)
{
    return a->domain == b->domain && a->reason == b->reason && a->from_ns <= b->to_ns && b->from_ns <= a->to_ns;
}

void gt_gaps_add(struct gt_gap_list *list, const struct gt_gap *gap)
{
    if (!list)
        return;
    for (uint32_t i = list->count; i-- > 0;) {
        struct gt_gap *row = &list->rows[i];
        if (!touches(row, gap))
            continue;
        row->from_ns = gap->from_ns < row->from_ns ? gap->from_ns : row->from_ns;
        row->to_ns = gap->to_ns > row->to_ns ? gap->to_ns : row->to_ns;
        return;
    }
    if (list->count == GT_GAPS)
        list->dropped++;
    else
        list->rows[list->count++] = *gap;
}
