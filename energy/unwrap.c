#include "energy/unwrap.h"

#include <string.h>

void gt_unwrap_init(struct gt_unwrap *u, const struct gt_domain *domain)
{
    memset(u, 0, sizeof *u);
    u->uj_per_count = domain->uj_per_count > 0 ? domain->uj_per_count : 1;
    u->wrap_count = domain->wrap_count;
    u->refresh_ns = domain->refresh_ns;
    u->stall_ns = domain->refresh_ns > GT_UNWRAP_STALL_NS / 10 ? 10 * domain->refresh_ns : GT_UNWRAP_STALL_NS;
    u->max_w = domain->package >= 0 ? GT_UNWRAP_PACKAGE_W : GT_UNWRAP_MACHINE_W;
    u->must_move = domain->additive;
}

/* Saturating, since what a damaged trace says may be anything. */
static uint64_t to_u64(double value)
{
    return value <= 0 ? 0 : value >= 1e18 ? UINT64_C(1000000000000000000) : (uint64_t)value;
}

/* The most that can be used in that time, µJ; a counter that is refreshed late shows up to two periods more. */
static double most_uj(const struct gt_unwrap *u, uint64_t ns)
{
    return u->max_w * 1e-3 * ((double)ns + 2 * (double)u->refresh_ns + 2e6);
}

static void add_gap(struct gt_unwrap *u, uint64_t ns, double lo_uj, double hi_uj)
{
    u->gap_ns += ns;
    u->gap_lo_uj += to_u64(lo_uj);
    u->gap_hi_uj += to_u64(hi_uj);
}

/* Rounds the sum, not the steps: what is known is exact to 1 µJ however many readings there are. */
static void add_known(struct gt_unwrap *u, uint64_t ns, uint64_t counts)
{
    u->counts += counts;
    u->known_uj = to_u64((double)u->counts * u->uj_per_count);
    u->known_ns += ns;
}

/* Did a movement of `uj` after `ns` of standstill make up for it? By the mean power known before. */
static bool caught_up(const struct gt_unwrap *u, double uj, uint64_t ns)
{
    if (u->known_ns == 0)
        return true;
    return uj >= 0.5 * (double)u->known_uj * ((double)ns / (double)u->known_ns);
}

static bool wrapped_delta(const struct gt_unwrap *u, uint64_t raw, uint64_t *delta)
{
    if (raw >= u->raw) {
        *delta = raw - u->raw;
        return true;
    }
    if (u->wrap_count == 0 || u->raw > u->wrap_count)
        return false;
    *delta = u->wrap_count - u->raw + raw + 1;
    return true;
}

/* More than one wrap fits into the time: the least is what the counter shows, the most all wraps that fit. */
static void add_ambiguous(struct gt_unwrap *u, uint64_t stretch, double uj, double range_uj)
{
    double most = most_uj(u, stretch);
    double wraps = (double)to_u64((most - uj) / range_uj);
    u->ambiguous++;
    add_gap(u, stretch, uj, uj + wraps * range_uj);
}

/* The counter moved, or was read for the first time after standing still. `dt`: since the last reading, `stretch`: movement. */
static void move(struct gt_unwrap *u, uint64_t raw, uint64_t dt, uint64_t stretch)
{
    uint64_t delta = 0;
    bool ordered = wrapped_delta(u, raw, &delta);
    double uj = (double)delta * u->uj_per_count;
    double range_uj = u->wrap_count ? ((double)u->wrap_count + 1) * u->uj_per_count : 0;
    if (!ordered || (raw < u->raw && uj > most_uj(u, stretch))) {
        u->backward++;
        add_gap(u, stretch, 0, most_uj(u, stretch));
    } else if (uj > most_uj(u, stretch)) {
        u->impossible++;
        add_gap(u, stretch, 0, most_uj(u, stretch));
    } else if (range_uj > 0 && uj + range_uj <= most_uj(u, dt)) {
        add_ambiguous(u, stretch, uj, range_uj);
    } else if (stretch - dt > u->stall_ns && !caught_up(u, uj, stretch)) {
        u->stalls++;
        u->wraps += raw < u->raw;
        add_gap(u, stretch - dt, 0, most_uj(u, stretch - dt));
        add_known(u, dt, delta);
    } else {
        u->wraps += raw < u->raw;
        add_known(u, stretch, delta);
    }
    u->moved = true;
}

void gt_unwrap_step(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    if (!u->started) {
        u->started = true;
        u->raw = raw;
        u->t_ns = u->moved_t_ns = t_ns;
        return;
    }
    if (t_ns <= u->t_ns)
        return;
    uint64_t dt = t_ns - u->t_ns;
    double range_uj = u->wrap_count ? ((double)u->wrap_count + 1) * u->uj_per_count : 0;
    if (raw != u->raw || (range_uj > 0 && range_uj <= most_uj(u, dt))) {
        move(u, raw, dt, t_ns - u->moved_t_ns);
        u->moved_t_ns = t_ns;
    }
    u->raw = raw;
    u->t_ns = t_ns;
}

void gt_unwrap_settle(struct gt_unwrap *u)
{
    uint64_t still = u->t_ns - u->moved_t_ns;
    bool hangs = still > u->stall_ns && (u->moved || u->must_move);
    if (!u->started || still == 0)
        return;
    if (hangs) {
        u->stalls++;
        add_gap(u, still, 0, most_uj(u, still));
    } else {
        add_known(u, still, 0);
    }
    u->moved_t_ns = u->t_ns;
}
