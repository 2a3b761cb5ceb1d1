#include "energy/curve.h"

#include "energy/wide.h"

#include <string.h>

static uint64_t *row(const struct gt_curve *curve, uint32_t i)
{
    return curve->points + (size_t)i * (1 + curve->channels);
}

/* Drops every second point of the older half, keeping the first. */
static void thin(struct gt_curve *curve)
{
    uint32_t half = curve->count / 2, kept = 1;
    size_t bytes = (1 + (size_t)curve->channels) * sizeof(uint64_t);
    for (uint32_t i = 1; i < curve->count; i++) {
        if (i < half && i % 2 == 1)
            continue;
        memmove(row(curve, kept++), row(curve, i), bytes);
    }
    curve->count = kept;
}

void gt_curve_add(struct gt_curve *curve, uint64_t t_ns, const uint64_t *values)
{
    if (curve->count == curve->capacity)
        thin(curve);
    uint64_t *point = row(curve, curve->count++);
    point[0] = t_ns;
    memcpy(point + 1, values, curve->channels * sizeof *values);
}

void gt_curve_amend(struct gt_curve *curve, const uint64_t *values)
{
    if (curve->count > 0)
        memcpy(row(curve, curve->count - 1) + 1, values, curve->channels * sizeof *values);
}

uint64_t gt_curve_last(const struct gt_curve *curve)
{
    return curve->count ? row(curve, curve->count - 1)[0] : 0;
}

/* First point at or behind t_ns; count when there is none. */
static uint32_t find(const struct gt_curve *curve, uint64_t t_ns)
{
    uint32_t low = 0, high = curve->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (row(curve, middle)[0] < t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool gt_curve_at(const struct gt_curve *curve, uint64_t t_ns, uint64_t *values, uint64_t *edge)
{
    uint32_t n = curve->channels;
    if (edge)
        memset(edge, 0, n * sizeof *edge);
    if (curve->count == 0) {
        memset(values, 0, n * sizeof *values);
        return false;
    }
    uint32_t i = find(curve, t_ns);
    if (i == 0 || i == curve->count || row(curve, i)[0] == t_ns) {
        memcpy(values, row(curve, i == curve->count ? i - 1 : i) + 1, n * sizeof *values);
        return true;
    }
    const uint64_t *a = row(curve, i - 1), *b = row(curve, i);
    for (uint32_t c = 0; c < n; c++) {
        uint64_t rise = b[1 + c] - a[1 + c], part = gt_wide_scale(rise, t_ns - a[0], b[0] - a[0]);
        values[c] = a[1 + c] + part;
        if (edge)
            edge[c] = part > rise - part ? part : rise - part;
    }
    return true;
}

uint64_t gt_curve_value(const struct gt_curve *curve, uint64_t t_ns, uint32_t channel)
{
    uint32_t i = find(curve, t_ns);
    if (curve->count == 0)
        return 0;
    if (i == 0 || i == curve->count || row(curve, i)[0] == t_ns)
        return row(curve, i == curve->count ? i - 1 : i)[1 + channel];
    const uint64_t *a = row(curve, i - 1), *b = row(curve, i);
    return a[1 + channel] + gt_wide_scale(b[1 + channel] - a[1 + channel], t_ns - a[0], b[0] - a[0]);
}
