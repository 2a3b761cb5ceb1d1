#include "tracker/alike.h"

#include <math.h>

/* Below this nothing is said: there must be time to drift apart. */
enum { TICKS_LEAST = 100 };
static const double NS_LEAST = 1.5e9, REFRESH_LEAST_NS = 1e6, REFRESHES_APART = 2;

void gt_alike_init(struct gt_alike *alike, const struct gt_source_desc *desc)
{
    *alike = (struct gt_alike){0};
    for (int i = 0; i < desc->domain_count && alike->count < GT_ALIKE_DOMAINS; i++)
        if (desc->domains[i].additive)
            alike->domain[alike->count++] = i;
}

static double moved_uj(const struct gt_domain *domain, uint64_t from, uint64_t to)
{
    uint64_t delta = to >= from ? to - from : domain->wrap_count ? domain->wrap_count - from + to + 1 : 0;
    return (double)delta * (domain->uj_per_count > 0 ? domain->uj_per_count : 1);
}

void gt_alike_add(struct gt_alike *alike, const struct gt_source_desc *desc, uint64_t t_ns, const uint64_t *raw)
{
    if (alike->started && t_ns <= alike->last_t_ns)
        return;
    for (int i = 0; i < alike->count; i++) {
        uint64_t now = raw[alike->domain[i]];
        if (alike->started)
            alike->uj[i] += moved_uj(&desc->domains[alike->domain[i]], alike->last[i], now);
        alike->last[i] = now;
        for (int j = 0; j < i && alike->started; j++)
            alike->apart[j][i] = fmax(alike->apart[j][i], fabs(alike->uj[i] - alike->uj[j]));
    }
    alike->ns += alike->started ? t_ns - alike->last_t_ns : 0;
    alike->ticks++;
    alike->last_t_ns = t_ns;
    alike->started = true;
}

bool gt_alike_pair(const struct gt_alike *alike, const struct gt_source_desc *desc, int a, int b, double *apart_uj)
{
    double refresh =
        fmax((double)desc->domains[alike->domain[a]].refresh_ns, (double)desc->domains[alike->domain[b]].refresh_ns);
    double mean = fmax(alike->uj[a], alike->uj[b]) / fmax((double)alike->ns, 1);
    *apart_uj = alike->apart[a][b];
    if (alike->ticks < TICKS_LEAST || (double)alike->ns < NS_LEAST || mean <= 0)
        return false;
    return *apart_uj <= REFRESHES_APART * mean * fmax(refresh, REFRESH_LEAST_NS);
}
