/*
 * The layers that a unit executes, and their shares of what the unit counts. A fused unit is one call: what each of its layers
 * took of it nobody sees. The shares split it by MACs and by bytes, as counted from shapes; they are no measurement, are
 * named so wherever they appear, and no joules are made of them.
 *
 * Pure but for the arena and the document; one thread.
 */
#ifndef GT_REPORTS_MEMBERS_H
#define GT_REPORTS_MEMBERS_H

#include "core/arena.h"
#include "reports/render.h"
#include "sqlite/records.h"

#include <stdbool.h>
#include <stddef.h>

struct gt_report_member {
    const char *name, *op;
    int64_t macs, params, bytes;    /* GT_UNKNOWN: not known */
    double macs_share, bytes_share; /* of the sums over the unit, 0 ... 1; NaN: nothing counted, or not known of all */
};

/* One unit whose members are shown. */
struct gt_report_members {
    const char *model; /* NULL: not shown */
    int64_t index;     /* of the unit in the model */
    const char *unit;
    const struct gt_report_member *rows; /* borrowed */
    size_t count;
};

/* Members of the unit in `arena`, in its order; NULL when memory is out. */
const struct gt_report_member *gt_report_members_of(const struct gt_unit_record *unit, struct gt_arena *arena);

/* Whether the unit is a fused one: several of its members multiply. */
bool gt_report_is_fused(const struct gt_report_members *unit);

/*
 * Adds the table "members" for programs: a row per member of all `count` units. For people, of the first `shown` units the
 * fused ones: their layers that multiply, the others in one row.
 */
void gt_report_members_section(struct gt_document *document, struct gt_arena *arena, const struct gt_report_members *units,
                               size_t count, size_t shown);

#endif
