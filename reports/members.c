#include "reports/members.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define DATA GT_COLUMN_DATA_ONLY

/* Sum of one figure over the members; GT_UNKNOWN when it is not known of all. */
static int64_t sum_of(const struct gt_unit_record *unit, size_t offset)
{
    int64_t sum = 0;
    for (size_t i = 0; i < unit->member_count; i++) {
        int64_t value = *(const int64_t *)((const char *)&unit->members[i] + offset);
        if (value == GT_UNKNOWN)
            return GT_UNKNOWN;
        sum += value;
    }
    return sum;
}

static double share(int64_t part, int64_t sum)
{
    return sum == GT_UNKNOWN || sum <= 0 ? (double)NAN : (double)part / (double)sum;
}

const struct gt_report_member *gt_report_members_of(const struct gt_unit_record *unit, struct gt_arena *arena)
{
    struct gt_report_member *rows = gt_arena_alloc(arena, unit->member_count + 1, sizeof *rows);
    int64_t macs = sum_of(unit, offsetof(struct gt_member_record, macs));
    int64_t bytes = sum_of(unit, offsetof(struct gt_member_record, bytes));
    for (size_t i = 0; rows && i < unit->member_count; i++) {
        const struct gt_member_record *m = &unit->members[i];
        rows[i] = (struct gt_report_member){.name = m->name,
                                            .op = m->op,
                                            .macs = m->macs,
                                            .params = m->params,
                                            .bytes = m->bytes,
                                            .macs_share = share(m->macs, macs),
                                            .bytes_share = share(m->bytes, bytes)};
    }
    return rows;
}

bool gt_report_is_fused(const struct gt_report_members *unit)
{
    size_t products = 0;
    for (size_t i = 0; i < unit->count; i++)
        products += unit->rows[i].macs > 0;
    return products > 1;
}

static struct gt_value known(int64_t value)
{
    return gt_value_i64_if(value != GT_UNKNOWN, value);
}

static void add_data(struct gt_document *document, const struct gt_report_members *units, size_t count)
{
    static const struct gt_column columns[] = {
        {"model", NULL, GT_Q_TEXT, DATA},
        {"index", NULL, GT_Q_INTEGER, DATA},
        {"unit", NULL, GT_Q_TEXT, DATA},
        {"name", NULL, GT_Q_TEXT, DATA},
        {"op", NULL, GT_Q_TEXT, DATA},
        {"macs", NULL, GT_Q_INTEGER, DATA},
        {"params", NULL, GT_Q_INTEGER, DATA},
        {"bytes", NULL, GT_Q_INTEGER, DATA},
        {"counted_macs_share", NULL, GT_Q_SHARE, DATA},
        {"counted_bytes_share", NULL, GT_Q_SHARE, DATA},
    };
    struct gt_section *section = gt_document_section(document, GT_SECTION_TABLE, "members", NULL, columns, COUNT(columns));
    for (size_t u = 0; u < count; u++)
        for (size_t i = 0; i < units[u].count; i++) {
            const struct gt_report_member *m = &units[u].rows[i];
            const struct gt_value values[COUNT(columns)] = {
                gt_value_text(units[u].model),
                gt_value_i64(units[u].index),
                gt_value_text(units[u].unit),
                gt_value_text(m->name),
                gt_value_text(m->op),
                known(m->macs),
                known(m->params),
                known(m->bytes),
                gt_value_f64(m->macs_share),
                gt_value_f64(m->bytes_share),
            };
            gt_section_row(section, values, COUNT(values));
        }
}

static void add_line(struct gt_section *section, const char *unit, const char *name, const struct gt_report_member *m)
{
    const struct gt_value values[] = {
        gt_value_text(unit),         gt_value_text(name), gt_value_text(m->op),         known(m->macs),
        gt_value_f64(m->macs_share), known(m->bytes),     gt_value_f64(m->bytes_share),
    };
    gt_section_row(section, values, COUNT(values));
}

/* Normalisation, activation, pooling and what else moves bytes alone, in one row. */
static void add_others(struct gt_section *section, const struct gt_report_members *unit, struct gt_arena *arena)
{
    struct gt_report_member others = {.op = "no MACs", .macs_share = 0};
    size_t n = 0;
    for (size_t i = 0; i < unit->count; i++) {
        const struct gt_report_member *m = &unit->rows[i];
        if (m->macs > 0)
            continue;
        n++;
        others.bytes = m->bytes == GT_UNKNOWN || others.bytes == GT_UNKNOWN ? GT_UNKNOWN : others.bytes + m->bytes;
        others.bytes_share += m->bytes_share;
    }
    if (n > 0)
        add_line(section, "", gt_arena_printf(arena, "%zu other%s", n, n == 1 ? "" : "s"), &others);
}

static void add_text(struct gt_document *document, struct gt_arena *arena, const struct gt_report_members *units, size_t shown)
{
    static const struct gt_column columns[] = {
        {"unit", "fused unit", GT_Q_TEXT, GT_COLUMN_ELASTIC},
        {"name", "its layers", GT_Q_TEXT, GT_COLUMN_ELASTIC},
        {"op", "operator", GT_Q_TEXT, 0},
        {"macs", "MACs", GT_Q_COUNT, 0},
        {"counted_macs_share", "by MACs", GT_Q_SHARE, 0},
        {"bytes", "traffic alone", GT_Q_BYTES, 0},
        {"counted_bytes_share", "by bytes", GT_Q_SHARE, 0},
    };
    struct gt_section *section = NULL;
    for (size_t u = 0; u < shown; u++) {
        if (!gt_report_is_fused(&units[u]))
            continue;
        if (!section)
            section = gt_document_section(document, GT_SECTION_TABLE, NULL,
                                          "Layers of these fused units: shares as counted from shapes, not measured", columns,
                                          COUNT(columns));
        const char *unit = units[u].unit;
        for (size_t i = 0; i < units[u].count; i++)
            if (units[u].rows[i].macs > 0) {
                add_line(section, unit, units[u].rows[i].name, &units[u].rows[i]);
                unit = "";
            }
        add_others(section, &units[u], arena);
    }
}

void gt_report_members_section(struct gt_document *document, struct gt_arena *arena, const struct gt_report_members *units,
                               size_t count, size_t shown)
{
    add_data(document, units, count);
    add_text(document, arena, units, shown < count ? shown : count);
}
