#include "energy/still.h"

#include "energy/rapl.h"

#define STEP_NS (GT_RAPL_REFRESH_NS / 4)
/* Nothing slower than 50 mW may be called still: 1 mJ in GT_STILL_NS. */
#define COARSEST_UJ 1000.0

/* What counts whole microjoules and never wraps may be a power that is integrated from our readings: these have a pace. */
static bool is_telling(const struct gt_domain *domain)
{
    bool integrated = domain->wrap_count == 0 && domain->uj_per_count == 1;
    return domain->package >= 0 && domain->refresh_ns > 0 && domain->refresh_ns <= 2 * GT_RAPL_REFRESH_NS && !integrated &&
           domain->uj_per_count <= COARSEST_UJ;
}

static bool are_telling(const struct gt_source_desc *desc)
{
    int additive = 0;
    for (int i = 0; i < desc->domain_count; i++) {
        if (!desc->domains[i].additive)
            continue;
        if (!is_telling(&desc->domains[i]))
            return false;
        additive++;
    }
    return additive > 0;
}

static bool have_moved(const struct gt_source_desc *desc, const uint64_t *from, const uint64_t *to)
{
    for (int i = 0; i < desc->domain_count; i++)
        if (desc->domains[i].additive && from[i] != to[i])
            return true;
    return false;
}

bool gt_still(const struct gt_os *os, const struct gt_energy_source *source, struct gt_source_state *state,
              const struct gt_source_desc *desc)
{
    uint64_t first[GT_SOURCE_DOMAINS], raw[GT_SOURCE_DOMAINS], t_ns;
    if (!are_telling(desc) || source->read(state, first, &t_ns) != GT_OK)
        return false;
    uint64_t begin_ns = os->clock_ns(os->state, CLOCK_MONOTONIC);
    for (uint64_t after_ns = STEP_NS; after_ns <= GT_STILL_NS; after_ns += STEP_NS) {
        while (os->sleep_until(os->state, begin_ns + after_ns) < 0)
            continue;
        if (source->read(state, raw, &t_ns) != GT_OK || have_moved(desc, first, raw))
            return false;
    }
    return true;
}
