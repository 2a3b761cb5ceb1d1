#include "energy/unwrap.h"

#include <string.h>

enum { SPAN_NS = 10000000, SPAN_REFRESHES = 4, SPANS_LEAST = 8 };

void gt_unwrap_init(struct gt_unwrap *u, const struct gt_domain *domain)
{
    memset(u, 0, sizeof *u);
    u->uj_per_count = domain->uj_per_count > 0 ? domain->uj_per_count : 1;
    u->wrap_count = domain->wrap_count;
    u->refresh_ns = domain->refresh_ns;
    u->max_w = domain->most_w > 0 && domain->most_w <= GT_UNWRAP_METER_W ? domain->most_w
               : domain->package >= 0                                    ? GT_UNWRAP_PACKAGE_W
                                                                         : GT_UNWRAP_MACHINE_W;
    u->must_move = domain->additive;
    u->stall_ns = u->must_move && u->refresh_ns ? GT_UNWRAP_STALL_NS : GT_UNWRAP_REST_NS;
    if (u->refresh_ns > u->stall_ns / 10)
        u->stall_ns = u->refresh_ns < UINT64_MAX / 100 ? 10 * u->refresh_ns : UINT64_MAX / 10;
}

/* --- energy and power ---------------------------------------------------------------------------------------------------- */

/* Saturating, since what a damaged trace says may be anything. */
static uint64_t to_u64(double value)
{
    return value <= 0 ? 0 : value >= 1e18 ? UINT64_C(1000000000000000000) : (uint64_t)value;
}

/* The most that any machine can use in that time, µJ; a counter that is refreshed late shows up to two periods more. */
static double most_uj(const struct gt_unwrap *u, uint64_t ns)
{
    return u->max_w * 1e-3 * ((double)ns + 2 * (double)u->refresh_ns + 2e6);
}

static bool has_peak(const struct gt_unwrap *u)
{
    return u->spans >= SPANS_LEAST;
}

static double peak_or(const struct gt_unwrap *u, double least_w)
{
    return u->peak_w > least_w ? u->peak_w : least_w;
}

/* The most that is likely in that time, seen from the rest of the run. */
static double likely_uj(const struct gt_unwrap *u, uint64_t ns)
{
    double w = GT_UNWRAP_MARGIN * peak_or(u, GT_UNWRAP_PEAK_LEAST_W);
    w = has_peak(u) && w < u->max_w ? w : u->max_w;
    return w * 1e-3 * ((double)ns + 2 * (double)u->refresh_ns);
}

/* What a single step may draw without being suspect, W. A counter that may rest begins from nothing: any step goes. */
static double calm_w(const struct gt_unwrap *u)
{
    if (!u->must_move)
        return u->max_w;
    return GT_UNWRAP_JUMP * peak_or(u, has_peak(u) ? GT_UNWRAP_PEAK_LEAST_W : GT_UNWRAP_PEAK_UNKNOWN_W);
}

/* The same of a step around the range: near its top a reset looks like one, but seldom like one at the usual power. */
static double calm_wrap_w(const struct gt_unwrap *u)
{
    return u->must_move && has_peak(u) ? GT_UNWRAP_WRAP * peak_or(u, GT_UNWRAP_PEAK_LEAST_W) : calm_w(u);
}

/* Of a step; time shorter than two refresh periods says nothing. */
static double power_w(const struct gt_unwrap *u, double uj, uint64_t ns)
{
    double least = 2 * (double)u->refresh_ns > 2e6 ? 2 * (double)u->refresh_ns : 2e6;
    return uj * 1e3 / ((double)ns > least ? (double)ns : least);
}

/* What can be told of a step between two readings. */
struct unwrap_step {
    uint64_t delta; /* counts */
    double uj, w;
    bool wrapped;
    bool possible; /* any machine could do it */
    bool calm;     /* and this one is likely to */
};

static bool unwrapped(const struct gt_unwrap *u, uint64_t from, uint64_t to, uint64_t *delta)
{
    if (to >= from) {
        *delta = to - from;
        return true;
    }
    *delta = u->wrap_count - from + to + 1;
    return u->wrap_count != 0 && from <= u->wrap_count;
}

static struct unwrap_step step_between(const struct gt_unwrap *u, uint64_t from, uint64_t to, uint64_t ns)
{
    struct unwrap_step s = {.wrapped = to < from};
    s.possible = unwrapped(u, from, to, &s.delta);
    s.uj = (double)s.delta * u->uj_per_count;
    s.w = power_w(u, s.uj, ns);
    s.possible = s.possible && s.uj <= most_uj(u, ns);
    s.calm = s.possible && s.w <= (s.wrapped ? calm_wrap_w(u) : calm_w(u));
    return s;
}

static double range_uj(const struct gt_unwrap *u)
{
    return u->wrap_count ? ((double)u->wrap_count + 1) * u->uj_per_count : 0;
}

/* May the counter have gone all around, beyond what it shows, without a reading? */
static bool may_wrap_unseen(const struct gt_unwrap *u, double uj, uint64_t ns)
{
    return u->wrap_count && uj + range_uj(u) <= most_uj(u, ns);
}

/* --- results ------------------------------------------------------------------------------------------------------------- */

static void name_gap(struct gt_unwrap *u, enum gt_gap_reason why, uint64_t from_ns, uint64_t to_ns)
{
    const struct gt_gap gap = {.from_ns = from_ns, .to_ns = to_ns, .domain = u->domain, .reason = why};
    if (u->must_move)
        gt_gaps_add(u->gaps, &gap);
}

/* A gap from where time has been counted up to to_ns: it holds at least `lo`, at most `hi` and what was used in `unseen_ns`. */
static void add_gap(struct gt_unwrap *u, enum gt_gap_reason why, uint64_t to_ns, double lo, double hi, uint64_t unseen_ns)
{
    u->gap_ns += to_ns - u->moved_t_ns;
    u->gap_lo_uj += to_u64(lo);
    if (unseen_ns && !has_peak(u))
        u->early_ns += unseen_ns;
    else if (unseen_ns)
        hi += likely_uj(u, unseen_ns);
    u->gap_hi_uj += to_u64(hi + 0.5);
    u->disturbed = true;
    name_gap(u, why, u->moved_t_ns, to_ns);
    u->moved_t_ns = to_ns;
}

/* The gaps that came before a peak was known get their upper bound. */
static void bound_early(struct gt_unwrap *u)
{
    if (u->early_ns)
        u->gap_hi_uj += to_u64(likely_uj(u, u->early_ns) + 0.5);
    u->early_ns = 0;
}

/* A last span that is cut short counts, too: the run may have ended in a burst. */
uint64_t gt_unwrap_lag_uj(const struct gt_unwrap *u)
{
    return to_u64(2 * peak_or(u, power_w(u, u->span_uj, u->span_ns)) * 1e-3 * (double)u->refresh_ns + 0.5);
}

static void learn_peak(struct gt_unwrap *u, double uj, uint64_t ns)
{
    uint64_t span = SPAN_REFRESHES * u->refresh_ns > SPAN_NS ? SPAN_REFRESHES * u->refresh_ns : SPAN_NS;
    u->span_uj += uj;
    u->span_ns += ns;
    if (u->span_ns < span)
        return;
    u->peak_w = peak_or(u, u->span_uj * 1e3 / (double)u->span_ns);
    u->span_uj = 0;
    u->span_ns = 0;
    u->spans++;
    if (has_peak(u))
        bound_early(u);
}

/* Rounds the sum, not the steps: what is known is exact to 1 µJ however many readings there are. */
static void add_known(struct gt_unwrap *u, uint64_t to_ns, uint64_t counts)
{
    uint64_t ns = to_ns - u->moved_t_ns;
    u->counts += counts;
    u->known_uj = to_u64((double)u->counts * u->uj_per_count);
    u->known_ns += ns;
    u->moved_t_ns = to_ns;
    learn_peak(u, (double)counts * u->uj_per_count, ns);
}

/* --- a step taken at its word -------------------------------------------------------------------------------------------- */

static uint64_t stall_after(const struct gt_unwrap *u)
{
    return 3 * u->usual_still_ns > u->stall_ns ? 3 * u->usual_still_ns : u->stall_ns;
}

/* Does a movement of `uj` make up for that time, by the mean power known before? */
static bool caught_up(const struct gt_unwrap *u, double uj, uint64_t ns, double share)
{
    return u->known_ns > 0 && uj >= share * (double)u->known_uj * ((double)ns / (double)u->known_ns);
}

/* The same standstill twice in a row is the counter's own pace. */
static bool is_pace(const struct gt_unwrap *u, uint64_t still)
{
    return u->last_still_ns >= still / 2 && u->last_still_ns <= 2 * still;
}

/* Was the energy of the standstill before this step lost? */
static bool has_stalled(struct gt_unwrap *u, double uj, uint64_t still, uint64_t stretch)
{
    bool pace = is_pace(u, still), within = still <= stall_after(u), first = u->known_ns == 0;
    if ((pace && still > 0) || (within && caught_up(u, uj, stretch, 0.5)))
        u->usual_still_ns = still > u->usual_still_ns ? still : u->usual_still_ns;
    u->last_still_ns = still;
    if (pace || within || (first && !u->must_move))
        return false;
    return !caught_up(u, uj, stretch, 0.9);
}

static void take_step(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw, const struct unwrap_step *step)
{
    uint64_t dt = t_ns - u->t_ns, stretch = t_ns - u->moved_t_ns, still = stretch - dt;
    bool stalled = has_stalled(u, step->uj, still, stretch);
    if (still > u->stall_ns)
        u->disturbed = true;
    if (may_wrap_unseen(u, step->uj, dt)) {
        double more = (likely_uj(u, stretch) - step->uj) / range_uj(u);
        u->ambiguous++;
        add_gap(u, GT_GAP_AMBIGUOUS, t_ns, step->uj, step->uj + (double)to_u64(more) * range_uj(u), 0);
    } else if (stalled) {
        u->stalls++;
        u->wraps += step->wrapped;
        add_gap(u, GT_GAP_STALL, t_ns, step->uj, step->uj, still);
    } else {
        u->wraps += step->wrapped;
        add_known(u, t_ns, step->delta);
    }
    u->last_uj = step->uj;
    u->last_wrapped = step->wrapped;
    u->moved = true;
    u->raw = raw;
    u->t_ns = t_ns;
}

/* --- suspects ------------------------------------------------------------------------------------------------------------ */

static void suspect(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw, const struct unwrap_step *step)
{
    u->suspected = u->disturbed = true;
    u->suspect_soft = step->possible;
    u->suspect_why = step->wrapped ? GT_GAP_BACKWARD : step->possible ? GT_GAP_JUMP : GT_GAP_IMPOSSIBLE;
    u->suspect_raw = raw;
    u->suspect_t_ns = t_ns;
}

static struct unwrap_step suspected_step(const struct gt_unwrap *u)
{
    return step_between(u, u->raw, u->suspect_raw, u->suspect_t_ns - u->moved_t_ns);
}

/*
 * One that goes back may do so because the reading before was too high: what that showed is in doubt, too. And what was taken
 * for a wrap right before may have been a reading of 0.
 */
static void count_fault(struct gt_unwrap *u)
{
    bool back = u->suspect_why == GT_GAP_BACKWARD;
    *(back ? &u->backward : &u->impossible) += 1;
    if (!back && !u->last_wrapped)
        return;
    u->doubted_uj += to_u64(u->last_uj + 0.5);
    u->last_uj = 0;
}

/* The counter goes on from the suspect reading; what was used up to there is anybody's guess, with both readings held. */
static void break_off(struct gt_unwrap *u)
{
    struct unwrap_step step = suspected_step(u);
    count_fault(u);
    add_gap(u, u->suspect_why, u->suspect_t_ns, 0, step.possible ? step.uj : 0, u->suspect_t_ns - u->moved_t_ns);
    u->moved = true;
    u->raw = u->suspect_raw;
    u->t_ns = u->suspect_t_ns;
    u->suspected = false;
    u->last_still_ns = 0;
}

/* The suspect may be of the old course or of a new one: the gap reaches to this reading and holds both. */
static void hold_both(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw, const struct unwrap_step *back,
                      const struct unwrap_step *on)
{
    double lo = back->uj < on->uj ? back->uj : on->uj, hi = back->uj > on->uj ? back->uj : on->uj;
    count_fault(u);
    add_gap(u, u->suspect_why, t_ns, lo, hi, u->suspect_t_ns - u->moved_t_ns);
    u->raw = raw;
    u->t_ns = t_ns;
    u->suspected = false;
    u->last_still_ns = 0;
}

/* A counter that refreshes slowly has not moved on yet. */
static bool must_wait(const struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    uint64_t since = t_ns - u->suspect_t_ns, before = u->t_ns - u->moved_t_ns;
    return raw == u->suspect_raw && (since <= 4 * u->refresh_ns || since <= 2 * u->usual_still_ns || since <= 2 * before);
}

static void take_reading(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    uint64_t dt = t_ns - u->t_ns;
    if (raw == u->raw && !may_wrap_unseen(u, 0, dt)) {
        u->t_ns = t_ns;
        u->disturbed = u->disturbed || (u->must_move && t_ns - u->moved_t_ns > u->stall_ns);
        return;
    }
    struct unwrap_step step = step_between(u, u->raw, raw, t_ns - u->moved_t_ns);
    if (step.calm)
        take_step(u, t_ns, raw, &step);
    else
        suspect(u, t_ns, raw, &step);
}

/* What a source says that knows of energy it has missed (energy/source.h). */
static bool is_hole(const struct gt_unwrap *u, uint64_t raw)
{
    uint64_t last = u->suspected ? u->suspect_raw : u->raw;
    return u->wrap_count == 0 && last > 0 && raw == last - 1;
}

/* Of holes that follow one another the first is counted. */
static void take_hole(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    if (u->suspected)
        break_off(u);
    u->stalls += u->silent_t_ns == 0 || u->silent_t_ns != u->moved_t_ns;
    add_gap(u, GT_GAP_SILENT, t_ns, 0, 0, t_ns - u->moved_t_ns);
    u->silent_t_ns = t_ns;
    u->moved = true;
    u->raw = raw;
    u->t_ns = t_ns;
    u->last_still_ns = 0;
}

/* The reading after a suspect one tells what that was. */
static void resolve(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    struct unwrap_step held = suspected_step(u), on = step_between(u, u->suspect_raw, raw, t_ns - u->suspect_t_ns);
    struct unwrap_step back = step_between(u, u->raw, raw, t_ns - u->moved_t_ns);
    /* The old course is one that the run has shown before. */
    /* One that went up returns only by coming down again; else it would be a jump that a long stretch makes look small. */
    double on_w = on.uj * 1e3 / (double)(t_ns - u->suspect_t_ns);
    bool returned = back.calm && back.w <= 2 * peak_or(u, GT_UNWRAP_PEAK_UNKNOWN_W) &&
                    (u->suspect_why == GT_GAP_BACKWARD || back.delta < held.delta);
    if (must_wait(u, t_ns, raw)) {
        u->disturbed = true;
    } else if (u->suspect_soft && on.possible && on_w >= held.w / (held.wrapped ? 2 : 4)) {
        u->suspected = false;
        take_step(u, u->suspect_t_ns, u->suspect_raw, &held);
        take_step(u, t_ns, raw, &on);
    } else if (returned && on.calm) {
        hold_both(u, t_ns, raw, &back, &on);
    } else if (returned) {
        u->misread++;
        u->suspected = false;
        name_gap(u, GT_GAP_MISREAD, u->t_ns, t_ns);
        take_step(u, t_ns, raw, &back);
    } else {
        break_off(u);
        take_reading(u, t_ns, raw);
    }
    u->disturbed = true;
}

void gt_unwrap_step(struct gt_unwrap *u, uint64_t t_ns, uint64_t raw)
{
    if (!u->started) {
        u->started = true;
        u->raw = raw;
        u->t_ns = u->moved_t_ns = t_ns;
        return;
    }
    if (t_ns <= (u->suspected ? u->suspect_t_ns : u->t_ns))
        return;
    u->disturbed = false;
    if (is_hole(u, raw))
        take_hole(u, t_ns, raw);
    else if (u->suspected)
        resolve(u, t_ns, raw);
    else
        take_reading(u, t_ns, raw);
}

void gt_unwrap_settle(struct gt_unwrap *u)
{
    if (u->suspected)
        break_off(u);
    uint64_t still = u->t_ns - u->moved_t_ns;
    if (still > stall_after(u) && (u->moved || u->must_move)) {
        u->stalls++;
        add_gap(u, GT_GAP_STALL, u->t_ns, 0, 0, still);
    } else if (still > 0) {
        add_known(u, u->t_ns, 0);
    }
    bound_early(u);
}
