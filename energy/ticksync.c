#include "energy/ticksync.h"

#include <math.h> /* fabs, which every compiler knows itself: the plugin has no libm */
#include <string.h>

enum {
    LOCK_EDGES = 6,       /* refreshes seen in a row before the filter takes over */
    MISSES_MOST = 4,      /* bursts in a row without a refresh where it was predicted: the lock is lost */
    FAILURES_MOST = 10,   /* attempts to find regular refreshes */
    BURST_GAP_MOST = 256, /* refreshes between two bursts */
    WAIT_NS = 200000000   /* between two attempts */
};

/* A sleeper wakes up that late on a busy machine, as a rule; bursts begin that much earlier. */
#define WAKE_NS 60000.0

/*
 * Random walk of phase and period per refresh, ns²: a crystal wanders by some parts in 10⁹ per second (Allan variance of a
 * TCXO); temperature steps are caught since the innovations widen jitter2.
 */
#define WALK_PHASE 100.0
#define WALK_PERIOD 1e-3

/* The uncertainty of the prediction that bursts are spaced for, ns: well below what attribution needs (10 µs). */
#define WANTED_NS 3000.0
#define WANTED_MOST_NS 10000.0

static const double JITTER_FIRST_NS = 20000, JITTER_LEAST_NS = 300;

/* --- what libm has -----------------------------------------------------------------------------------------------------
 */

/* The square root to some 12 digits, 0 of what is not above 0: half the exponent is within 7 %, Heron's rule does the rest. */
static double root(double x)
{
    uint64_t bits;
    double r;
    if (!(x > 0))
        return 0;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits >> 1) + (UINT64_C(0x1ff8) << 48);
    memcpy(&r, &bits, sizeof r);
    for (int i = 0; i < 4; i++)
        r = 0.5 * (r + x / r);
    return r;
}

/* Rounded down; numbers of refreshes, which are far below 2^63. */
static double whole_below(double x)
{
    double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

void gt_ticksync_init(struct gt_ticksync *s, uint64_t period_ns, uint64_t stride)
{
    memset(s, 0, sizeof *s);
    s->nominal_ns = period_ns;
    s->stride = stride ? stride : 1;
    s->jitter2 = JITTER_FIRST_NS * JITTER_FIRST_NS;
}

/* --- the filter ------------------------------------------------------------------------------------------------------- */

static double now_of(const struct gt_ticksync *s, uint64_t t_ns)
{
    return (double)(int64_t)(t_ns - s->base_ns);
}

/* The phase is kept small, so that doubles hold it to fractions of a ns for ever. */
static void rebase(struct gt_ticksync *s)
{
    int64_t whole = (int64_t)s->phase;
    s->base_ns += (uint64_t)whole;
    s->phase -= (double)whole;
}

static void advance(struct gt_ticksync *s, uint64_t n)
{
    double k = (double)n;
    s->phase += k * s->period;
    s->pp += 2 * k * s->pq + k * k * s->qq + k * WALK_PHASE + k * k * k * WALK_PERIOD / 3;
    s->pq += k * s->qq + k * k * WALK_PERIOD / 2;
    s->qq += k * WALK_PERIOD;
    s->index += n;
    rebase(s);
}

/* Standard deviation of the phase that is predicted n refreshes ahead. */
static double phase_sd(const struct gt_ticksync *s, uint64_t n)
{
    double k = (double)n;
    return root(s->pp + 2 * k * s->pq + k * k * s->qq + k * WALK_PHASE + k * k * k * WALK_PERIOD / 3);
}

/* The refresh `index` was seen at `t` (relative to base), give or take `read2`. */
static void correct(struct gt_ticksync *s, double t, double read2)
{
    double innovation = t - s->phase, r = s->jitter2 + read2, v = s->pp + r;
    double gain_phase = s->pp / v, gain_period = s->pq / v;
    double excess = innovation * innovation - s->pp - read2;
    s->phase += gain_phase * innovation;
    s->period += gain_period * innovation;
    s->qq -= gain_period * s->pq;
    s->pq -= gain_phase * s->pq;
    s->pp -= gain_phase * s->pp;
    double weight = s->edges < 20 ? 0.15 : 0.05;
    s->jitter2 += weight * (excess - s->jitter2);
    if (s->jitter2 < JITTER_LEAST_NS * JITTER_LEAST_NS)
        s->jitter2 = JITTER_LEAST_NS * JITTER_LEAST_NS;
    rebase(s);
}

/* How far from a predicted refresh a reading must be. */
static double guard(const struct gt_ticksync *s, uint64_t n)
{
    double sd = phase_sd(s, n);
    return 4 * root(sd * sd + s->jitter2) + 1000;
}

/* --- seeking ---------------------------------------------------------------------------------------------------------- */

static void seek(struct gt_ticksync *s, uint64_t now_ns, bool failed)
{
    s->state = GT_TICKSYNC_SEEKING;
    s->bursting = s->has_old = false;
    s->seen = s->misses = 0;
    s->failures += failed;
    s->wait_until_ns = now_ns + (failed ? WAIT_NS : 0);
    if (s->failures >= FAILURES_MOST)
        s->state = GT_TICKSYNC_REFUSED;
}

void gt_ticksync_fail(struct gt_ticksync *s, uint64_t now_ns)
{
    unsigned failures = s->failures;
    if (s->state == GT_TICKSYNC_REFUSED)
        return;
    seek(s, now_ns, true);
    s->failures = failures; /* it says nothing of the refreshes */
    s->state = GT_TICKSYNC_SEEKING;
}

static void lock(struct gt_ticksync *s)
{
    s->state = GT_TICKSYNC_LOCKED;
    s->bursting = s->has_old = false;
    s->burst_gap = 4;
    s->next_burst = s->index + s->burst_gap;
    s->failures = 0;
}

/* A first refresh sets the phase; the next ones must come at the nominal period, within a quarter of it. */
static bool take_first(struct gt_ticksync *s, uint64_t t_ns, double read2)
{
    if (s->seen == 0) {
        double unknown = 0.1 * (double)s->nominal_ns;
        s->base_ns = t_ns;
        s->phase = 0;
        s->index += 1000; /* numbers of a new lock are beyond all that were handed out */
        s->period = (double)s->nominal_ns;
        s->jitter2 = JITTER_FIRST_NS * JITTER_FIRST_NS;
        s->pp = read2 + s->jitter2;
        s->pq = 0;
        s->qq = unknown * unknown;
        s->seen = 1;
        return true;
    }
    double steps = (now_of(s, t_ns) - s->phase) / s->period;
    uint64_t n = steps > 0.5 && steps < 100 ? (uint64_t)(steps + 0.5) : 0;
    if (n == 0 || fabs(steps - (double)n) > 0.25)
        return false;
    advance(s, n);
    correct(s, now_of(s, t_ns), read2);
    s->seen++;
    return true;
}

/* --- readings --------------------------------------------------------------------------------------------------------- */

/* A refresh was seen where the filter expects one: it corrects the filter, and sets when the next burst is due. */
static bool take_next(struct gt_ticksync *s, uint64_t seen_ns, double read2, struct gt_ticksync_edge *edge)
{
    double steps = (now_of(s, seen_ns) - s->phase) / s->period;
    uint64_t n = steps > 0.5 ? (uint64_t)(steps + 0.5) : 0;
    if (n == 0)
        return false;
    advance(s, n);
    correct(s, now_of(s, seen_ns), read2);
    s->misses = 0;
    double wanted = 0.5 * root(s->jitter2); /* the phase need not be known better than refreshes keep it */
    wanted = wanted < WANTED_NS ? WANTED_NS : wanted > WANTED_MOST_NS ? WANTED_MOST_NS : wanted;
    if (2 * s->burst_gap <= BURST_GAP_MOST && phase_sd(s, 2 * s->burst_gap) < wanted)
        s->burst_gap *= 2;
    else if (s->burst_gap > 4 && phase_sd(s, s->burst_gap) > 2 * wanted)
        s->burst_gap /= 2;
    s->next_burst = s->index + s->burst_gap;
    if (s->index <= s->told)
        return false;
    s->told = s->index;
    /* Two accounts of this one refresh: what was seen, and where the filter has it. */
    double filter2 = s->pp + s->jitter2, from_filter = read2 / (read2 + filter2);
    double t = (1 - from_filter) * now_of(s, seen_ns) + from_filter * s->phase;
    edge->t_ns = s->base_ns + (uint64_t)(int64_t)t;
    edge->sigma_ns = root(from_filter * filter2);
    return true;
}

/* Between the last reading of the burst and this one the value changed. */
static bool found_edge(struct gt_ticksync *s, uint64_t begin_ns, uint64_t end_ns, uint64_t raw, struct gt_ticksync_edge *edge)
{
    uint64_t from = s->old_begin_ns, width_ns = end_ns - from;
    uint64_t seen_ns = from + ((s->old_end_ns - from) + (begin_ns - from) + width_ns) / 4; /* between the middles of both */
    double width = (double)width_ns, read2 = width * width / 12;
    bool interrupted = width > 0.25 * (double)s->nominal_ns;
    s->edges++;
    if (s->state == GT_TICKSYNC_LOCKED) {
        s->bursting = s->has_old = false;
        if (interrupted || !take_next(s, seen_ns, read2, edge))
            return false;
        s->told_raw = raw;
        return true;
    }
    if (interrupted)
        return false;
    if (!take_first(s, seen_ns, read2))
        seek(s, end_ns, true);
    else if (s->seen >= LOCK_EDGES)
        lock(s);
    return false;
}

static void end_burst(struct gt_ticksync *s, uint64_t end_ns)
{
    s->bursting = s->has_old = false;
    s->misses++;
    s->next_burst += 2;
    s->pp = 4 * s->pp + WANTED_NS * WANTED_NS; /* the guard was too narrow, or the burst began too late */
    if (s->misses >= MISSES_MOST)
        seek(s, end_ns, false);
}

/* One reading within a burst. */
static bool read_burst(struct gt_ticksync *s, uint64_t begin_ns, uint64_t end_ns, uint64_t raw, struct gt_ticksync_edge *edge)
{
    bool found = false;
    if (s->has_old && raw != s->old_raw)
        found = found_edge(s, begin_ns, end_ns, raw, edge);
    else if (begin_ns >= s->burst_until_ns && s->has_old) {
        if (s->state == GT_TICKSYNC_LOCKED)
            end_burst(s, end_ns);
        else
            seek(s, end_ns, true);
    }
    if (s->bursting) {
        s->has_old = true;
        s->old_raw = raw;
        s->old_begin_ns = begin_ns;
        s->old_end_ns = end_ns;
    }
    return found;
}

/* One reading between two predicted refreshes. */
static bool read_between(struct gt_ticksync *s, uint64_t begin_ns, uint64_t end_ns, uint64_t raw, struct gt_ticksync_edge *edge)
{
    double steps = whole_below((now_of(s, begin_ns) - s->phase) / s->period);
    uint64_t n = steps > 0 ? (uint64_t)steps : 0, number = s->index + n;
    double at = s->phase + (double)n * s->period, margin = guard(s, n + 1), sd = phase_sd(s, n);
    if (number <= s->told)
        return false;
    if (steps < 0 || now_of(s, begin_ns) < at + margin || now_of(s, end_ns) > at + s->period - margin) {
        s->unsafe++;
        return false;
    }
    if (raw == s->told_raw) {
        s->stood_still++; /* that refresh did not happen, or brought nothing */
        return false;
    }
    s->told = number;
    s->told_raw = raw;
    edge->t_ns = s->base_ns + (uint64_t)(int64_t)(at + 0.5);
    edge->sigma_ns = root(sd * sd + s->jitter2);
    return true;
}

uint64_t gt_ticksync_next(const struct gt_ticksync *s, uint64_t now_ns, bool *burst)
{
    *burst = false;
    if (s->state == GT_TICKSYNC_REFUSED)
        return UINT64_MAX;
    if (s->bursting || s->state == GT_TICKSYNC_SEEKING) {
        *burst = true;
        return s->bursting || s->wait_until_ns < now_ns ? now_ns : s->wait_until_ns;
    }
    double now = now_of(s, now_ns), steps = whole_below((now - s->phase) / s->period);
    uint64_t ahead = steps > 0 ? (uint64_t)steps : 0, number = s->index + ahead;
    /* the refresh whose energy is read next, in the middle between it and the one after it */
    uint64_t target = s->told + s->stride > number ? s->told + s->stride : number;
    if (target == number && now > s->phase + ((double)ahead + 0.5) * s->period)
        target++;
    if (target >= s->next_burst) {
        uint64_t at = s->next_burst > number ? s->next_burst : number + 1;
        double t = s->phase + (double)(at - s->index) * s->period - guard(s, at - s->index) - WAKE_NS - 2 * s->read_ns;
        *burst = true;
        return t > now ? s->base_ns + (uint64_t)(int64_t)t : now_ns;
    }
    return s->base_ns + (uint64_t)(int64_t)(s->phase + ((double)(target - s->index) + 0.5) * s->period);
}

/* Begins a burst with this reading, when one is due: it ends a guard behind the predicted refresh. */
static void begin_burst(struct gt_ticksync *s, uint64_t begin_ns)
{
    uint64_t most_ns = (LOCK_EDGES + 4) * s->nominal_ns;
    s->bursting = true;
    s->has_old = false;
    s->bursts++;
    if (s->state == GT_TICKSYNC_SEEKING) {
        s->burst_until_ns = begin_ns + most_ns;
        return;
    }
    double steps = whole_below((now_of(s, begin_ns) - s->phase) / s->period);
    uint64_t number = s->index + (steps > 0 ? (uint64_t)steps : 0) + 1;
    s->next_burst = number > s->next_burst ? number : s->next_burst;
    double end =
        s->phase + (double)(s->next_burst - s->index) * s->period + guard(s, s->next_burst - s->index) + 2 * s->read_ns;
    s->burst_until_ns = s->base_ns + (uint64_t)(int64_t)end;
    if (s->burst_until_ns > begin_ns + most_ns) /* nothing is predicted any more, after a long sleep */
        s->burst_until_ns = begin_ns + most_ns;
}

bool gt_ticksync_read(struct gt_ticksync *s, uint64_t begin_ns, uint64_t end_ns, uint64_t raw, struct gt_ticksync_edge *edge)
{
    bool due;
    if (s->state == GT_TICKSYNC_REFUSED)
        return false;
    double took = (double)(end_ns - begin_ns);
    s->read_ns += (took < 1e6 ? took - s->read_ns : 0) * 0.1;
    if (!s->bursting && gt_ticksync_next(s, begin_ns, &due) <= begin_ns && due)
        begin_burst(s, begin_ns);
    return s->bursting ? read_burst(s, begin_ns, end_ns, raw, edge) : read_between(s, begin_ns, end_ns, raw, edge);
}
