#include "energy/alike.h"

#include <string.h>

/* Domains of the additive counters that are compared; their number. */
static int additive(const struct gt_source_desc *desc, int *domains)
{
    int count = 0;
    for (int i = 0; i < desc->domain_count && count < GT_ALIKE_COUNTERS; i++)
        if (desc->domains[i].additive)
            domains[count++] = i;
    return count;
}

/* Energy since the last reading; false when the counter went back for another reason than a wrap. */
static bool step_uj(const struct gt_domain *domain, uint64_t before, uint64_t now, double *uj)
{
    if (now < before && (domain->wrap_count == 0 || before > domain->wrap_count))
        return false;
    uint64_t counts = now >= before ? now - before : domain->wrap_count - before + now + 1;
    *uj = (double)counts * domain->uj_per_count;
    return true;
}

static void compare(struct gt_alike *alike, int count)
{
    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) {
            double apart = alike->uj[a] > alike->uj[b] ? alike->uj[a] - alike->uj[b] : alike->uj[b] - alike->uj[a];
            if (apart > alike->apart_uj[a][b])
                alike->apart_uj[a][b] = apart;
        }
}

void gt_alike_step(struct gt_alike *alike, const struct gt_source_desc *desc, const uint64_t *raw)
{
    int domains[GT_ALIKE_COUNTERS], count = additive(desc, domains);
    bool sound = alike->started;
    for (int i = 0; i < count && sound; i++) {
        double uj = 0;
        sound = step_uj(&desc->domains[domains[i]], alike->raw[domains[i]], raw[domains[i]], &uj);
        alike->uj[i] += uj;
        if (uj > alike->biggest_uj[i])
            alike->biggest_uj[i] = uj;
    }
    if (sound)
        compare(alike, count);
    else
        memset(alike, 0, sizeof *alike);
    memcpy(alike->raw, raw, (size_t)desc->domain_count * sizeof *raw);
    alike->started = true;
}

bool gt_alike_find(const struct gt_alike *alike, const struct gt_source_desc *desc, int *a, int *b)
{
    int domains[GT_ALIKE_COUNTERS], count = additive(desc, domains);
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++) {
            double step = alike->biggest_uj[i] > alike->biggest_uj[k] ? alike->biggest_uj[i] : alike->biggest_uj[k];
            if (step <= 0 || alike->apart_uj[i][k] > step || alike->uj[i] < GT_ALIKE_STEPS * step)
                continue;
            *a = domains[i];
            *b = domains[k];
            return true;
        }
    return false;
}
