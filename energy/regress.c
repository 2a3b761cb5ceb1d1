#include "energy/regress.h"

#include "energy/dense.h"
#include "energy/wide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sums are taken in ms and mJ, so that powers are W and matrices well scaled. */
#define MS 1e-6 /* per ns */
#define MJ 1e-3 /* per µJ */

/* The common level's prior variance in units of τ²: wide, so that the data place it where they can. */
static const double LEVEL = 1e4;

/* A unit (or group) is resolved when the data took this much off its prior variance. */
static const double RESOLVED = 0.4;

/* Share of the units' time, and of its products, that may be missing in the equations. */
static const double LEFT_OUT_MOST = 0.01;

/* The grid of ln λ that the likelihood is looked at on, and the span around the best that is averaged over. */
enum { GRID = 33, AVERAGED = 9, POWER_STEPS = 40 };

struct fit {
    const struct gt_block *blocks;
    size_t batches, n;
    uint32_t *slots; /* of the n units, sorted */
    double *t;       /* their time, ms */
    double *a, *c;   /* Σ over batches: normal matrix and right-hand side, intercepts taken out, edge errors taken off */
    double yy, df;
    double *factor, *inverse, *mean, *scratch, *error, *sums, *squares;
    double *batch_a, *batch_c; /* of one batch */
    double correction;         /* the part of the edge errors that is taken off, 0 ... 1 */
    double *p;                 /* powers, relative to their level */
    double *cov;               /* their covariance */
    double noise, lambda, inflation, tau2;
};

const char *gt_resolution_word(enum gt_resolution resolution)
{
    static const char *const words[] = {"time", "unit", "group", "below resolution"};
    return words[(unsigned)resolution < sizeof words / sizeof *words ? resolution : GT_RESOLUTION_TIME];
}

/* --- which units ------------------------------------------------------------------------------------------------------- */

struct candidate {
    uint32_t slot;
    double t;
};

static int by_slot(const void *a, const void *b)
{
    uint32_t x = ((const struct candidate *)a)->slot, y = ((const struct candidate *)b)->slot;
    return (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct candidate *)a)->t, y = ((const struct candidate *)b)->t;
    return (x < y) - (x > y);
}

static bool counts(const struct gt_block_unit *unit)
{
    return !(unit->slot & GT_TRACE_SLOT_INFER) && (unit->t_dt.low | unit->t_dt.high) != 0;
}

/* The sum of t_l over the intervals is not in a block; t_l Δt over the mean Δt is, for nearly equal intervals. */
static double unit_time(const struct gt_block *block, const struct gt_block_unit *unit)
{
    const struct gt_block_head *h = block->head;
    return h->dt_ns ? gt_wide_double(&unit->t_dt) / (gt_wide_double(&h->dt_dt) / (double)h->dt_ns) * MS : 0;
}

static enum gt_status choose_units(struct fit *f)
{
    size_t all = 0, count = 0;
    for (size_t b = 0; b < f->batches; b++)
        all += f->blocks[b].head->unit_count;
    struct candidate *rows = calloc(all + 1, sizeof *rows);
    if (!rows)
        return GT_E_NOMEM;
    for (size_t b = 0; b < f->batches; b++)
        for (uint32_t i = 0; i < f->blocks[b].head->unit_count; i++) {
            const struct gt_block_unit *unit = &f->blocks[b].units[i];
            if (counts(unit))
                rows[count++] = (struct candidate){unit->slot, unit_time(&f->blocks[b], unit)};
        }
    qsort(rows, count, sizeof *rows, by_slot);
    for (size_t i = 0; i < count; i++) {
        if (f->n > 0 && rows[f->n - 1].slot == rows[i].slot)
            rows[f->n - 1].t += rows[i].t;
        else
            rows[f->n++] = rows[i];
    }
    if (f->n > GT_REGRESS_UNITS) {
        qsort(rows, f->n, sizeof *rows, by_time);
        f->n = GT_REGRESS_UNITS;
        qsort(rows, f->n, sizeof *rows, by_slot);
    }
    f->slots = calloc(f->n + 1, sizeof *f->slots);
    f->t = calloc(f->n + 1, sizeof *f->t);
    for (size_t i = 0; f->slots && f->t && i < f->n; i++) {
        f->slots[i] = rows[i].slot;
        f->t[i] = rows[i].t;
    }
    free(rows);
    return f->slots && f->t ? GT_OK : GT_E_NOMEM;
}

/* SIZE_MAX: not among them. */
static size_t index_of(const struct fit *f, uint32_t slot)
{
    size_t low = 0, high = f->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->slots[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < f->n && f->slots[low] == slot ? low : SIZE_MAX;
}

/* --- equations --------------------------------------------------------------------------------------------------------- */

/*
 * One batch's A and c, its intercept B Δt taken out (Frisch & Waugh 1933), into batch_a and batch_c; returns its Σ y².
 */
static double load_batch(struct fit *f, const struct gt_block *block)
{
    size_t n = f->n;
    double *td = f->scratch, *error = f->error, all_error = 0, dd = gt_wide_double(&block->head->dt_dt) * MS * MS;
    double ed = gt_wide_double(&block->head->e_dt) * MS * MJ, ee = gt_wide_double(&block->head->e_e) * MJ * MJ;
    memset(f->batch_a, 0, n * n * sizeof *f->batch_a);
    memset(f->batch_c, 0, n * sizeof *f->batch_c);
    memset(td, 0, n * sizeof *td);
    memset(error, 0, n * sizeof *error);
    for (uint32_t i = 0; i < block->head->unit_count; i++) {
        const struct gt_block_unit *unit = &block->units[i];
        size_t at = counts(unit) ? index_of(f, unit->slot) : SIZE_MAX;
        if (at == SIZE_MAX)
            continue;
        td[at] = gt_wide_double(&unit->t_dt) * MS * MS;
        f->batch_c[at] = gt_wide_double(&unit->t_e) * MS * MJ;
        error[at] = f->correction * (double)unit->edge_ns2 * MS * MS;
    }
    all_error = f->correction * (double)block->head->edge_ns2 * MS * MS;
    for (uint32_t i = 0; i < block->head->pair_count; i++) {
        const struct gt_block_pair *pair = &block->pairs[i];
        size_t a = index_of(f, pair->a), b = index_of(f, pair->b);
        if (a == SIZE_MAX || b == SIZE_MAX || a > b)
            continue; /* a > b: a lag product alone */
        double same = (gt_wide_double(&pair->same) - f->correction * (double)pair->edge_ns2) * MS * MS;
        f->batch_a[a * n + b] += same;
        if (a != b)
            f->batch_a[b * n + a] += same;
    }
    /* A refresh that came later makes Δt longer as well: of the error, too, what goes with Δt is taken out. */
    for (size_t i = 0; i < n && dd > 0; i++) {
        double si = td[i] / dd;
        f->batch_c[i] -= si * ed;
        for (size_t j = 0; j < n; j++) {
            double sj = td[j] / dd;
            f->batch_a[i * n + j] += si * error[j] + sj * error[i] - si * sj * (all_error + dd);
        }
    }
    return dd > 0 ? ee - ed * ed / dd : 0;
}

static void load_all(struct fit *f)
{
    size_t n = f->n;
    f->yy = f->df = 0;
    memset(f->a, 0, n * n * sizeof *f->a);
    memset(f->c, 0, n * sizeof *f->c);
    for (size_t b = 0; b < f->batches; b++) {
        if (f->blocks[b].head->intervals < 2)
            continue;
        f->yy += load_batch(f, &f->blocks[b]);
        f->df += (double)f->blocks[b].head->intervals - 1;
        for (size_t i = 0; i < n * n; i++)
            f->a[i] += f->batch_a[i];
        for (size_t i = 0; i < n; i++)
            f->c[i] += f->batch_c[i];
    }
}

/* --- shrinkage --------------------------------------------------------------------------------------------------------- */

/*
 * factor := A + λ Λ, Λ the prior's precision in units of 1/τ² (I + LEVEL 11ᵀ)⁻¹; mean := its solution. False: λ is too small
 * for a matrix from which edge errors were taken off.
 */
static bool solve(struct fit *f, double lambda)
{
    size_t n = f->n;
    double level = LEVEL / (1 + LEVEL * (double)n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++)
            f->factor[i * n + j] = f->a[i * n + j] + lambda * ((i == j) - level);
    if (!gt_dense_cholesky(f->factor, n))
        return false;
    memcpy(f->mean, f->c, n * sizeof *f->mean);
    gt_dense_solve(f->factor, n, f->mean);
    return true;
}

/*
 * -2 log marginal likelihood, but for constants. noise 0: the noise variance is the best one for this λ (and comes out);
 * else it is given.
 */
static double deviance(struct fit *f, double lambda, double *noise)
{
    if (!solve(f, lambda))
        return INFINITY;
    double explained = 0, volume = gt_dense_log_det(f->factor, f->n) - (double)f->n * log(lambda);
    for (size_t i = 0; i < f->n; i++)
        explained += f->c[i] * f->mean[i];
    if (*noise > 0)
        return volume - explained / *noise;
    double rss = f->yy - explained;
    if (!(rss > 0))
        return INFINITY;
    *noise = rss / f->df;
    return f->df * log(rss) + volume;
}

static double scale_of(const struct fit *f)
{
    double sum = 0;
    for (size_t i = 0; i < f->n; i++)
        sum += fabs(f->a[i * f->n + i]);
    return sum / (double)f->n;
}

/* The λ of least deviance: a grid over twelve decades, then golden sections. */
static double find_lambda(struct fit *f, double noise)
{
    double scale = scale_of(f), best = INFINITY, step = log(1e12) / (GRID - 1), at = log(scale * 1e6);
    for (int i = 0; i < GRID; i++) {
        double x = log(scale * 1e-6) + step * i, given = noise, d = deviance(f, exp(x), &given);
        if (d < best) {
            best = d;
            at = x;
        }
    }
    const double golden = 0.6180339887498949;
    double low = at - step, high = at + step, x1 = high - golden * (high - low), x2 = low + golden * (high - low);
    double n1 = noise, n2 = noise, d1 = deviance(f, exp(x1), &n1), d2 = deviance(f, exp(x2), &n2);
    for (int i = 0; i < 16; i++) {
        if (d1 <= d2) {
            high = x2, x2 = x1, d2 = d1;
            x1 = high - golden * (high - low), n1 = noise, d1 = deviance(f, exp(x1), &n1);
        } else {
            low = x1, x1 = x2, d1 = d2;
            x2 = low + golden * (high - low), n2 = noise, d2 = deviance(f, exp(x2), &n2);
        }
    }
    double found = 0.5 * (low + high), given = noise;
    return isfinite(deviance(f, exp(found), &given)) ? exp(found) : exp(at);
}

/* --- coloured noise ---------------------------------------------------------------------------------------------------- */

/* y := Q x. */
static void multiply(const double *q, const double *x, size_t n, double *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = 0;
        for (size_t j = 0; j < n; j++)
            y[i] += q[i * n + j] * x[j];
    }
}

/* M⁻¹ s of every batch: sums and sums of squares per unit. Returns the number of batches. */
static size_t add_scores(struct fit *f, double *sums, double *squares)
{
    size_t n = f->n, used = 0;
    for (size_t b = 0; b < f->batches; b++) {
        if (f->blocks[b].head->intervals < 2)
            continue;
        load_batch(f, &f->blocks[b]);
        used++;
        multiply(f->batch_a, f->mean, n, f->scratch);
        for (size_t i = 0; i < n; i++)
            f->batch_c[i] -= f->scratch[i];
        multiply(f->inverse, f->batch_c, n, f->scratch);
        for (size_t i = 0; i < n; i++) {
            sums[i] += f->scratch[i];
            squares[i] += f->scratch[i] * f->scratch[i];
        }
    }
    return used;
}

/* (M⁻¹ A M⁻¹)_ii: the variance of unit i's power by white noise of variance 1. */
static double white_variance(struct fit *f, size_t i)
{
    const double *row = f->inverse + i * f->n;
    double sum = 0;
    multiply(f->a, row, f->n, f->scratch);
    for (size_t j = 0; j < f->n; j++)
        sum += f->scratch[j] * row[j];
    return sum;
}

/*
 * By which factor the batches' scores vary more than white noise of that variance would have them: in the directions that
 * matter, M⁻¹ s for each unit, pooled. M is in `factor`, the powers in `mean`.
 */
static double inflation_of(struct fit *f, double *sums, double *squares)
{
    double ratios = 0, count = 0;
    gt_dense_invert(f->factor, f->n, f->inverse, f->scratch);
    double used = (double)add_scores(f, sums, squares);
    for (size_t i = 0; i < f->n && used > 1; i++) {
        double white = f->noise * white_variance(f, i);
        if (!(white > 0))
            continue;
        ratios += (squares[i] - sums[i] * sums[i] / used) * used / (used - 1) / white;
        count++;
    }
    return count > 0 ? ratios / count : 1;
}

/* --- the result -------------------------------------------------------------------------------------------------------- */

/* Mean and covariance of the powers, averaged over λ by its likelihood at that noise; equal weight of its logarithm. */
static void average(struct fit *f, double noise)
{
    size_t n = f->n;
    double weights[AVERAGED], least = INFINITY, sum = 0, tau2 = 0;
    const double step = 0.35;
    for (int i = 0; i < AVERAGED; i++) {
        double given = noise;
        weights[i] = deviance(f, f->lambda * exp(step * (i - AVERAGED / 2)), &given);
        least = fmin(least, weights[i]);
    }
    for (int i = 0; i < AVERAGED; i++)
        sum += weights[i] = isfinite(weights[i]) ? exp(-0.5 * (weights[i] - least)) : 0;
    memset(f->p, 0, n * sizeof *f->p);
    memset(f->cov, 0, n * n * sizeof *f->cov);
    for (int i = 0; i < AVERAGED; i++) {
        double lambda = f->lambda * exp(step * (i - AVERAGED / 2)), w = weights[i] / sum;
        if (!(w > 1e-6) || !solve(f, lambda))
            continue;
        gt_dense_invert(f->factor, n, f->inverse, f->scratch);
        tau2 += w * noise / lambda;
        for (size_t j = 0; j < n; j++) {
            f->p[j] += w * f->mean[j];
            for (size_t k = 0; k < n; k++)
                f->cov[j * n + k] += w * (noise * f->inverse[j * n + k] + f->mean[j] * f->mean[k]);
        }
    }
    for (size_t j = 0; j < n; j++)
        for (size_t k = 0; k < n; k++)
            f->cov[j * n + k] -= f->p[j] * f->p[k];
    f->tau2 = tau2;
}

/* Powers less their time-weighted mean, and the covariance of that. */
static void centre(struct fit *f)
{
    size_t n = f->n;
    double all = 0, level = 0, vv = 0;
    double *v = f->scratch;
    for (size_t i = 0; i < n; i++)
        all += f->t[i];
    for (size_t i = 0; i < n; i++) {
        v[i] = 0;
        for (size_t j = 0; j < n; j++)
            v[i] += f->cov[i * n + j] * f->t[j] / all;
        level += f->p[i] * f->t[i] / all;
    }
    for (size_t i = 0; i < n; i++)
        vv += v[i] * f->t[i] / all;
    for (size_t i = 0; i < n; i++) {
        f->p[i] -= level;
        for (size_t j = 0; j < n; j++)
            f->cov[i * n + j] += vv - v[i] - v[j];
    }
}

/* Mean deviation of units first ... last - 1, by time, its variance, and its prior variance. */
static void mean_of(const struct fit *f, size_t first, size_t last, double *mean, double *variance, double *prior)
{
    double all = 0;
    *mean = *variance = *prior = 0;
    for (size_t i = first; i < last; i++)
        all += f->t[i];
    for (size_t i = first; i < last; i++) {
        double wi = f->t[i] / all;
        *mean += wi * f->p[i];
        *prior += wi * wi * f->tau2;
        for (size_t j = first; j < last; j++)
            *variance += wi * f->t[j] / all * f->cov[i * f->n + j];
    }
}

static bool is_resolved(double variance, double prior)
{
    return variance <= (1 - RESOLVED) * prior;
}

/* Unresolved units in a row become a group as soon as together they are resolved; what is left stays below resolution. */
static void group(const struct fit *f, struct gt_regression *out)
{
    for (size_t first = 0; first < f->n;) {
        double mean = 0, variance = 0, prior = 0;
        size_t last = first + 1;
        if (out->units[first].resolution == GT_RESOLUTION_UNIT) {
            first = last;
            continue;
        }
        for (; last < f->n && out->units[last].resolution != GT_RESOLUTION_UNIT; last++) {
            mean_of(f, first, last + 1, &mean, &variance, &prior);
            if (is_resolved(variance, prior))
                break;
        }
        if (last == f->n || out->units[last].resolution == GT_RESOLUTION_UNIT) {
            first++; /* a run that begins here is never resolved: perhaps one that begins later */
            continue;
        }
        for (size_t i = first; i <= last; i++) {
            out->units[i].resolution = GT_RESOLUTION_GROUP;
            out->units[i].group = (int)first;
            out->units[i].group_w = mean;
            out->units[i].group_sd_w = sqrt(fmax(variance, 0));
        }
        first = last + 1;
    }
}

static enum gt_status report(const struct fit *f, struct gt_regression *out)
{
    out->units = calloc(f->n + 1, sizeof *out->units);
    if (!out->units)
        return GT_E_NOMEM;
    out->unit_count = f->n;
    for (size_t i = 0; i < f->n; i++) {
        double variance = fmax(f->cov[i * f->n + i], 0);
        out->units[i] = (struct gt_regress_unit){
            .slot = f->slots[i],
            .ns = f->t[i] / MS,
            .deviation_w = f->p[i],
            .sd_w = sqrt(variance),
            .resolution = is_resolved(variance, f->tau2) ? GT_RESOLUTION_UNIT : GT_RESOLUTION_BELOW,
            .group = -1,
        };
    }
    group(f, out);
    out->noise_j = sqrt(f->noise) * 1e-3;
    out->spread_w = sqrt(f->tau2);
    out->inflation = f->inflation;
    return GT_OK;
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

static double edge_sigma(const struct gt_block *batches, size_t count, uint64_t *intervals, size_t *used)
{
    double ns2 = 0, edges = 0;
    *intervals = 0;
    *used = 0;
    for (size_t b = 0; b < count; b++) {
        const struct gt_block_head *h = batches[b].head;
        *intervals += h->edge_intervals;
        *used += h->edge_intervals >= 2;
        ns2 += (double)h->edge_ns2;
        edges += (double)h->edge_intervals;
    }
    return edges > 0 ? sqrt(ns2 / edges) : 0;
}

/* More than a hundredth of the units' time, or of its products, is not in the equations: powers would be told by the rest. */
static bool is_incomplete(const struct gt_block *batches, size_t count)
{
    double left_out_ns = 0, unit_ns = 0, left_out = 0, products = 0;
    for (size_t b = 0; b < count; b++) {
        const struct gt_block_head *h = batches[b].head;
        left_out_ns += (double)h->late_ns + (double)h->entry_overflow_ns;
        left_out += gt_wide_double(&h->overflow_same) + gt_wide_double(&h->overflow_lag);
        products += gt_wide_double(&h->dt_dt);
        for (uint32_t i = 0; i < h->unit_count; i++)
            unit_ns += batches[b].units[i].slot & GT_TRACE_SLOT_INFER ? 0 : (double)batches[b].units[i].ns;
    }
    return left_out_ns > LEFT_OUT_MOST * unit_ns || left_out > LEFT_OUT_MOST * products;
}

const char *gt_regress_refusal(const struct gt_block *batches, size_t count)
{
    uint64_t intervals;
    size_t used;
    double sigma = edge_sigma(batches, count, &intervals, &used);
    for (size_t b = 0; b < count; b++)
        if (batches[b].head->intervals != batches[b].head->edge_intervals)
            return "the counter's refreshes were not followed all the time";
    for (size_t b = 0; b < count; b++)
        if (batches[b].head->nested_ns > 0)
            return "regions or layers ran inside one another: their times in the counter's intervals are not theirs alone";
    if (intervals == 0)
        return "the counter's refreshes were not followed";
    if (intervals < GT_REGRESS_INTERVALS || used < GT_REGRESS_BATCHES)
        return "too few refreshes of the counter: the run was too short";
    if (sigma > GT_REGRESS_SIGMA_NS)
        return "the times of the counter's refreshes are not known well enough";
    if (is_incomplete(batches, count))
        return "there were more layers than the counter's equations have room for, or their rows came too late";
    return NULL;
}

static void release(struct fit *f)
{
    double *all[] = {f->t,     f->a,    f->c,       f->factor,  f->inverse, f->mean, f->scratch,
                     f->error, f->sums, f->squares, f->batch_a, f->batch_c, f->p,    f->cov};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(f->slots);
}

static enum gt_status allocate(struct fit *f)
{
    double **matrices[] = {&f->a, &f->factor, &f->inverse, &f->batch_a, &f->cov};
    double **vectors[] = {&f->c, &f->mean, &f->scratch, &f->error, &f->sums, &f->squares, &f->batch_c, &f->p};
    for (size_t i = 0; i < sizeof matrices / sizeof *matrices; i++)
        if (!(*matrices[i] = calloc(f->n * f->n + 1, sizeof(double))))
            return GT_E_NOMEM;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        if (!(*vectors[i] = calloc(f->n + 1, sizeof(double))))
            return GT_E_NOMEM;
    return GT_OK;
}

/*
 * How much of the edge errors may be taken off: all, as long as half of the information (A and the prior) is left in every
 * direction. Where the errors are as large as units are long, the full correction would divide by next to nothing.
 */
static void set_correction(struct fit *f)
{
    size_t n = f->n;
    double *x = f->p, *y = f->mean, *error = f->cov, largest = 0;
    f->correction = 0;
    load_all(f);
    memcpy(error, f->a, n * n * sizeof *error);
    bool solved = solve(f, find_lambda(f, 0));
    f->correction = 1;
    load_all(f);
    for (size_t i = 0; i < n * n; i++)
        error[i] -= f->a[i]; /* V */
    for (size_t i = 0; i < n; i++)
        x[i] = 1 + 0.1 * (double)(i % 7);
    for (int k = 0; solved && k < POWER_STEPS; k++) { /* power iteration for the largest eigenvalue of M⁻¹ V */
        double norm = 0;
        multiply(error, x, n, y);
        gt_dense_solve(f->factor, n, y);
        for (size_t i = 0; i < n; i++)
            norm += y[i] * y[i];
        largest = sqrt(norm);
        for (size_t i = 0; i < n && largest > 0; i++)
            x[i] = y[i] / largest;
        if (k == 0)
            largest = 0; /* the first x is not of length 1 */
    }
    f->correction = largest > 0.5 ? 0.5 / largest : 1;
}

static void estimate(struct fit *f)
{
    set_correction(f);
    load_all(f);
    double found = 0;
    f->lambda = find_lambda(f, 0);
    deviance(f, f->lambda, &found);
    f->noise = found;
    f->inflation = inflation_of(f, f->sums, f->squares);
    double noise = f->noise * f->inflation;
    f->lambda = find_lambda(f, noise);
    average(f, noise);
    centre(f);
}

enum gt_status gt_regress(const struct gt_block *batches, size_t count, struct gt_regression *out, struct gt_err *err)
{
    struct fit f = {.blocks = batches, .batches = count};
    const char *refusal = gt_regress_refusal(batches, count);
    *out = (struct gt_regression){0};
    if (refusal)
        return gt_err_set(err, GT_E_STATE, "%s", refusal);
    enum gt_status status = choose_units(&f);
    if (status == GT_OK && f.n < 2)
        status = gt_err_set(err, GT_E_STATE, "fewer than two units ran");
    else if (status == GT_OK)
        status = allocate(&f);
    if (status == GT_OK) {
        out->sigma_ns = edge_sigma(batches, count, &out->intervals, &out->batches);
        estimate(&f);
        status = report(&f, out);
    }
    release(&f);
    return status == GT_E_NOMEM ? gt_err_set(err, GT_E_NOMEM, "out of memory") : status;
}

void gt_regress_free(struct gt_regression *regression)
{
    free(regression->units);
    *regression = (struct gt_regression){0};
}
