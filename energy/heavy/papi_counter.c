#include "energy/heavy/papi_counter.h"

#include <math.h>

void gt_papi_counter_init(struct gt_papi_counter *c, uint64_t range, uint64_t global_range)
{
    *c = (struct gt_papi_counter){.range = range < INT64_MAX / 4 ? (int64_t)range : 0,
                                  .global_range = global_range < INT64_MAX / 4 ? (int64_t)global_range : 0};
}

/* How far forward `since` is from the last one, round the counter's end if need be. */
static int64_t forward(const struct gt_papi_counter *c, int64_t since)
{
    int64_t step = since - c->since;
    return step >= 0 ? step : step + c->range + 1;
}

/* Takes the candidate when it is possible and nearer than the best one so far. */
static void offer(const struct gt_papi_counter *c, bool possible, int64_t since, int64_t *best)
{
    if (possible && (*best < 0 || forward(c, since) < forward(c, *best)))
        *best = since;
}

/*
 * Of the three things that a value may be, the one that asks for the least energy since the last reading. Where the start is
 * known (its absolute value was seen) no two of them are possible at once; else a wrong choice is wrong by less than
 * one step, once.
 */
static int64_t since_start(const struct gt_papi_counter *c, int64_t value)
{
    int64_t best = -1, wrapped = value - c->global_range + c->range + 1;
    offer(c, c->start_known && value == c->start, 0, &best);
    offer(c, value > 0 && value <= c->range - (c->start_known ? c->start : 0), value, &best);
    offer(c, wrapped > (c->start_known ? c->range - c->start : 0) && wrapped <= c->range, wrapped, &best);
    return best < 0 ? c->since : best;
}

uint64_t gt_papi_counter_take(struct gt_papi_counter *c, int64_t value)
{
    if (!c->begun) {
        c->begun = true;
        c->first = value;
    }
    if (!c->moved) {
        if (value == c->first)
            return 0;
        /* It fell: what stood there was the absolute value at the start. It grew: the start had passed already. */
        c->moved = true;
        c->start_known = value > 0 && value < c->first && c->first <= c->range;
        c->start = c->start_known ? c->first : 0;
    }
    c->since = c->range > 0 ? since_start(c, value) : value > 0 ? value : 0;
    return (uint64_t)c->since;
}

uint64_t gt_papi_rapl_range_nj(int64_t nj, int64_t counts)
{
    if (nj <= 0 || counts <= 0)
        return 0;
    double k = round(log2((double)counts * 1e9 / (double)nj));
    return k < 0 || k > 31 ? 0 : (uint64_t)(4294967296.0 * 1e9 / exp2(k)) - 1;
}
