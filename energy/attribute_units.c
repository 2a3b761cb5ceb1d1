#include "energy/attribute_units.h"

/* The 97.5 % quantile of the normal distribution. */
static const double Z95 = 1.959964;

/* W × ns is 1e-3 µJ. */
static const double UJ_PER_W_NS = 1e-3;

struct split {
    const struct gt_regression *r; /* NULL: by time */
    struct span energy;            /* of all units */
    enum gt_bounds kind;
    double all_ns, mean_w;
    double all_uj; /* of all units by their powers, before it is scaled to `energy` */
};

uint64_t gt_attribute_unit_ns(const struct gt_block *block)
{
    uint64_t ns = 0;
    for (uint32_t i = 0; i < block->head->unit_count; i++)
        if (!(block->units[i].slot & GT_TRACE_SLOT_INFER))
            ns += block->units[i].ns;
    return ns;
}

/* NULL: the regression has no power of that unit. */
static const struct gt_regress_unit *regressed(const struct split *s, uint32_t slot)
{
    const struct gt_regress_unit *units = s->r->units;
    size_t low = 0, high = s->r->unit_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (units[middle].slot < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->r->unit_count && units[low].slot == slot ? &units[low] : NULL;
}

static double uj_by_power(const struct split *s, uint32_t slot, uint64_t ns)
{
    const struct gt_regress_unit *u = regressed(s, slot);
    double w = s->mean_w + (u ? u->deviation_w : 0);
    return w > 0 ? UJ_PER_W_NS * (double)ns * w : 0;
}

static struct split begin_split(const struct gt_block *block, const struct gt_regression *r, struct span energy,
                                enum gt_bounds kind)
{
    struct split s = {.r = r, .energy = energy, .kind = kind, .all_ns = (double)gt_attribute_unit_ns(block)};
    s.mean_w = s.all_ns > 0 ? energy.v / (UJ_PER_W_NS * s.all_ns) : 0;
    for (uint32_t i = 0; r && i < block->head->unit_count; i++)
        if (!(block->units[i].slot & GT_TRACE_SLOT_INFER))
            s.all_uj += uj_by_power(&s, block->units[i].slot, block->units[i].ns);
    if (!(s.all_uj > 0))
        s.r = NULL;
    return s;
}

/* Units that used `uj` by their powers, with that standard deviation of their own power over `ns`, and the total's bounds. */
static struct span with_total(const struct split *s, double uj, double ns, double sd_w)
{
    double share = uj / s->all_uj, v = share * s->energy.v, own = Z95 * UJ_PER_W_NS * ns * sd_w;
    double low = share * (s->energy.v - s->energy.lo), high = share * (s->energy.hi - s->energy.v);
    if (s->kind == GT_BOUNDS_CI95)
        return span_of(v, v - hypot(own, low), v + hypot(own, high));
    return span_of(v, v - own - low, v + own + high);
}

/* The unit's energy; fills in what it stands on. */
static struct span own_energy(const struct split *s, struct gt_unit_energy *row)
{
    row->share = s->all_ns > 0 ? (double)row->ns / s->all_ns : 0;
    row->resolution = GT_RESOLUTION_TIME;
    if (!s->r)
        return scaled(s->energy, row->share);
    const struct gt_regress_unit *u = regressed(s, row->slot);
    struct span own = with_total(s, uj_by_power(s, row->slot, row->ns), (double)row->ns, u ? u->sd_w : s->r->spread_w);
    row->resolution = u ? u->resolution : GT_RESOLUTION_BELOW;
    if (s->energy.v > 0)
        row->share = own.v / s->energy.v;
    return own;
}

static struct gt_unit_energy make_row(const struct split *s, const struct gt_block_unit *unit, double *sum)
{
    struct gt_unit_energy row = {
        .slot = unit->slot, .calls = unit->calls, .ns = unit->ns, .group = -1, .group_slot = UINT32_MAX, .power_w = NAN};
    struct span own = own_energy(s, &row);
    row.energy = take_part(sum, own);
    if (unit->ns > 0)
        row.power_w = own.v / (UJ_PER_W_NS * (double)unit->ns);
    if (unit->calls == 0)
        return row;
    double calls = (double)unit->calls;
    row.ns_per_call = (double)unit->ns / calls;
    row.uj_per_call = own.v / calls;
    row.lo_uj = own.lo / calls;
    row.hi_uj = own.hi / calls;
    return row;
}

/* Rounding of the last partial sum may differ from the closure's by 1 µJ: the largest row takes it. */
static void settle_rounding(struct gt_unit_energy *rows, int count, int64_t total_uj)
{
    int largest = 0;
    int64_t left = total_uj;
    for (int i = 0; i < count; i++) {
        left -= rows[i].energy.uj;
        if (rows[i].energy.uj > rows[largest].energy.uj)
            largest = i;
    }
    if (count == 0)
        return;
    struct gt_uj *e = &rows[largest].energy;
    e->uj += left;
    e->hi_uj += left > 0 ? left : 0;
    e->lo_uj = e->lo_uj < e->uj ? e->lo_uj : e->uj;
}

/* The energy of units first ... last of one group, and its interval. */
static void fill_group(const struct split *s, struct gt_unit_energy *rows, int first, int last)
{
    double ns = 0, uj = 0, sum = 0;
    for (int i = first; i <= last; i++) {
        ns += (double)rows[i].ns;
        uj += uj_by_power(s, rows[i].slot, rows[i].ns);
    }
    struct gt_uj group = take_part(&sum, with_total(s, uj, ns, regressed(s, rows[first].slot)->group_sd_w));
    for (int i = first; i <= last; i++) {
        rows[i].group = first;
        rows[i].group_slot = rows[first].slot;
        rows[i].group_energy = group;
    }
}

/* Rows are in order of slots, as the regression's units are: a group is a stretch of them. */
static void fill_groups(const struct split *s, struct gt_unit_energy *rows, int count)
{
    for (int first = 0, last; first < count; first = last + 1) {
        const struct gt_regress_unit *one = regressed(s, rows[first].slot), *other;
        last = first;
        if (!one || one->group < 0)
            continue;
        while (last + 1 < count && (other = regressed(s, rows[last + 1].slot)) && other->group == one->group)
            last++;
        fill_group(s, rows, first, last);
    }
}

void gt_attribute_units(const struct gt_block *block, const struct gt_regression *regression, struct span energy,
                        struct gt_attribution *out, struct gt_unit_energy *rows)
{
    struct split s = begin_split(block, regression, energy, out->kind);
    double sum = 0;
    for (uint32_t i = 0; i < block->head->unit_count; i++)
        if (!(block->units[i].slot & GT_TRACE_SLOT_INFER))
            rows[out->unit_count++] = make_row(&s, &block->units[i], &sum);
    settle_rounding(rows, out->unit_count, out->closure.units.uj);
    if (s.r)
        fill_groups(&s, rows, out->unit_count);
}
