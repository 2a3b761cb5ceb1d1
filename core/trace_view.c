/* Access to a record's payload (core/trace_read.h): every size is checked before a value is handed out. */
#include "core/trace_read.h"

#include <string.h>

bool gt_trace_field_next(const struct gt_trace_view *record, uint32_t *at, struct gt_trace_field *field)
{
    uint16_t head[2];
    if (*at > record->bytes || record->bytes - *at < sizeof head)
        return false;
    memcpy(head, record->payload + *at, sizeof head);
    uint32_t left = record->bytes - *at - (uint32_t)sizeof head;
    if (head[1] > left)
        return false;
    *field = (struct gt_trace_field){.key = head[0], .bytes = head[1], .value = record->payload + *at + sizeof head};
    uint32_t padded = (head[1] + 3u) & ~3u;
    *at += (uint32_t)sizeof head + (padded < left ? padded : left);
    return true;
}

static bool copy_word(const struct gt_trace_field *field, void *out, size_t bytes)
{
    if (field->bytes != bytes)
        return false;
    memcpy(out, field->value, bytes);
    return true;
}

bool gt_trace_field_u64(const struct gt_trace_field *field, uint64_t *value)
{
    return copy_word(field, value, sizeof *value);
}

bool gt_trace_field_f64(const struct gt_trace_field *field, double *value)
{
    return copy_word(field, value, sizeof *value);
}

char *gt_trace_field_string(const struct gt_trace_field *field, char *out, size_t size)
{
    if (size == 0)
        return out;
    size_t n = field->bytes < size ? field->bytes : size - 1;
    memcpy(out, field->value, n);
    out[n] = '\0';
    return out;
}

bool gt_trace_find(const struct gt_trace_view *record, enum gt_trace_key key, struct gt_trace_field *field)
{
    struct gt_trace_field each;
    for (uint32_t at = 0; gt_trace_field_next(record, &at, &each);)
        if (each.key == (uint16_t)key) {
            *field = each;
            return true;
        }
    return false;
}

bool gt_trace_find_u64(const struct gt_trace_view *record, enum gt_trace_key key, uint64_t *value)
{
    struct gt_trace_field field;
    return gt_trace_find(record, key, &field) && gt_trace_field_u64(&field, value);
}

bool gt_trace_find_f64(const struct gt_trace_view *record, enum gt_trace_key key, double *value)
{
    struct gt_trace_field field;
    return gt_trace_find(record, key, &field) && gt_trace_field_f64(&field, value);
}

bool gt_trace_find_string(const struct gt_trace_view *record, enum gt_trace_key key, char *out, size_t size)
{
    struct gt_trace_field field;
    if (size > 0)
        out[0] = '\0';
    if (!gt_trace_find(record, key, &field))
        return false;
    gt_trace_field_string(&field, out, size);
    return true;
}

/* `count` rows of `row` bytes must fill what the head leaves of the payload. */
static bool rows_fit(const struct gt_trace_view *record, size_t head, uint64_t count, size_t row)
{
    return record->bytes >= head && count <= UINT32_MAX && count * (uint64_t)row == record->bytes - head;
}

enum gt_status gt_trace_view_ticks(const struct gt_trace_view *record, uint32_t *count, uint32_t *domains,
                                   const uint64_t **rows)
{
    struct gt_trace_ticks head;
    if (record->type != GT_TRACE_TICK || record->bytes < sizeof head)
        return GT_E_FORMAT;
    memcpy(&head, record->payload, sizeof head);
    /* 4096 is far beyond any source, and keeps the row's size from overflowing. */
    if (head.domains > 4096 || !rows_fit(record, sizeof head, head.count, 8 * (1 + (size_t)head.domains)))
        return GT_E_FORMAT;
    *count = head.count;
    *domains = head.domains;
    *rows = (const void *)(record->payload + sizeof head);
    return GT_OK;
}

enum gt_status gt_trace_view_cpu(const struct gt_trace_view *record, uint32_t *count, const struct gt_trace_cpu **rows)
{
    uint64_t n;
    if (record->type != GT_TRACE_CPU || record->bytes < sizeof n)
        return GT_E_FORMAT;
    memcpy(&n, record->payload, sizeof n);
    if (!rows_fit(record, sizeof n, n, sizeof **rows))
        return GT_E_FORMAT;
    *count = (uint32_t)n;
    *rows = (const void *)(record->payload + sizeof n);
    return GT_OK;
}

/* EVENTS and TABLE have the same head. */
static enum gt_status view_thread(const struct gt_trace_view *record, uint16_t type, size_t row, uint64_t *thread,
                                  uint32_t *count, const void **rows)
{
    struct gt_trace_events head;
    if (record->type != type || record->bytes < sizeof head)
        return GT_E_FORMAT;
    memcpy(&head, record->payload, sizeof head);
    if (!rows_fit(record, sizeof head, head.count, row))
        return GT_E_FORMAT;
    *thread = head.thread;
    *count = head.count;
    *rows = record->payload + sizeof head;
    return GT_OK;
}

enum gt_status gt_trace_view_events(const struct gt_trace_view *record, uint64_t *thread, uint32_t *count,
                                    const struct gt_trace_event **rows)
{
    const void *found = NULL;
    enum gt_status status = view_thread(record, GT_TRACE_EVENTS, sizeof **rows, thread, count, &found);
    if (status == GT_OK)
        *rows = found;
    return status;
}

enum gt_status gt_trace_view_table(const struct gt_trace_view *record, uint64_t *thread, uint32_t *count,
                                   const struct gt_trace_total **rows)
{
    const void *found = NULL;
    enum gt_status status = view_thread(record, GT_TRACE_TABLE, sizeof **rows, thread, count, &found);
    if (status == GT_OK)
        *rows = found;
    return status;
}

enum gt_status gt_trace_view_counts(const struct gt_trace_view *record, uint32_t *count, const struct gt_trace_count **rows)
{
    const void *found = NULL;
    uint64_t thread;
    enum gt_status status = view_thread(record, GT_TRACE_COUNTS, sizeof **rows, &thread, count, &found);
    if (status == GT_OK)
        *rows = found;
    return status;
}
