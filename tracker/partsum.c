#include "tracker/partsum.h"

#include <math.h>

static int64_t number(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void gt_partsum_add(struct gt_partsum *sum, const struct gt_infer_energy *row)
{
    double items = (double)row->items;
    sum->items += row->items;
    sum->calls += row->calls;
    sum->ns += row->ns;
    if (row->items == 0)
        return;
    sum->uj += row->uj_per_item * items;
    sum->lo_uj += row->lo_uj * items;
    sum->hi_uj += row->hi_uj * items;
    sum->dynamic_uj += row->dynamic_uj_per_item * items;
}

void gt_unitsum_add(struct gt_unitsum *sum, const struct gt_unit_energy *row)
{
    sum->calls += row->calls;
    sum->ns += row->ns;
    sum->uj += (double)row->energy.uj;
    sum->lo_uj += (double)row->energy.lo_uj;
    sum->hi_uj += (double)row->energy.hi_uj;
    sum->share += row->share;
    sum->group_slot = sum->slots == 0 ? row->group_slot : UINT32_MAX;
    sum->group_uj = (double)row->group_energy.uj;
    sum->group_lo_uj = (double)row->group_energy.lo_uj;
    sum->group_hi_uj = (double)row->group_energy.hi_uj;
    sum->slots++;
    if (row->resolution > sum->resolution)
        sum->resolution = row->resolution;
}

void gt_partsum_whole_run(struct gt_partsum *sum, const struct gt_attribution *attribution)
{
    if (!attribution->known)
        return;
    sum->uj = (double)attribution->run_job.uj;
    sum->lo_uj = (double)attribution->run_job.lo_uj;
    sum->hi_uj = (double)attribution->run_job.hi_uj;
    sum->dynamic_uj = NAN;
}

void gt_partsum_finish(const struct gt_partsum *sum, bool known, struct gt_run_model_record *record)
{
    double items = known && sum->items > 0 ? (double)sum->items : NAN;
    record->uj_per_inference = sum->uj / items;
    record->lo_uj = sum->lo_uj / items;
    record->hi_uj = sum->hi_uj / items;
    record->dynamic_uj = sum->dynamic_uj / items;
}

/* Units of one model are called equally often, as a rule: a group's energy is told per call of its first unit's. */
void gt_unitsum_finish(const struct gt_unitsum *sum, bool known, int64_t group, struct gt_unit_energy_record *record)
{
    double calls = known ? (double)sum->calls : NAN;
    record->calls = number(sum->calls);
    record->ns = number(sum->ns);
    record->uj_per_call = sum->uj / calls;
    record->lo_uj = sum->lo_uj / calls;
    record->hi_uj = sum->hi_uj / calls;
    record->share = sum->share;
    record->resolution = known ? gt_resolution_word(sum->resolution) : NULL;
    bool grouped = known && group != GT_UNKNOWN;
    record->group = grouped ? group : GT_UNKNOWN;
    record->group_uj = grouped ? sum->group_uj / calls : NAN;
    record->group_lo_uj = grouped ? sum->group_lo_uj / calls : NAN;
    record->group_hi_uj = grouped ? sum->group_hi_uj / calls : NAN;
}
