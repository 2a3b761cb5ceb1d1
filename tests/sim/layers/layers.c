#include "tests/sim/layers/layers.h"

#include "energy/batches.h"
#include "energy/ticksync.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS_MOST = 4, INFER_SLOT = (int)GT_TRACE_SLOT_INFER };
#define START_NS UINT64_C(1000000000)

/*
 * The usual case: 82 layers of 8 to 900 us in an inference of 7.5 ms, refreshes every 0.98 ms with 5 % of white noise and a
 * quantum of 61 uJ (the default unit of Intel's RAPL, SDM vol. 3B, 15.10.1).
 */
static const struct gt_layers usual = {
    .name = "usual",
    .units = 82,
    .streams = 1,
    .inference_ms = 7.5,
    .shortest_us = 8,
    .longest_us = 900,
    .gap_us = 60,
    .duration_jitter = 0.03,
    .mean_w = 30,
    .power_spread = 0.22, /* sharing by time is then off by 15 % in the median, 38 % at the 90th percentile */
    .rest_w = 15,
    .noise = 0.05,
    .quantum_uj = 61,
    .wrap = UINT32_MAX,
    .period_ms = 0.98,
    .jitter_us = 1,
    .wander_ppm = 1,
    .read_us = 2,
    .late_us = 50,
    .stride = 1,
};

#define MEMBER(name) offsetof(struct gt_layers, name)

/* What differs from the usual case: up to three numbers. */
static const struct {
    const char *name;
    struct {
        size_t member;
        double value;
    } changes[3];
    int units, streams; /* 0: as usual */
} variants[] = {
    {"usual", {{0}}, 0, 0},
    {"equal powers", {{MEMBER(power_spread), 0}}, 0, 0},
    {"more unequal powers", {{MEMBER(power_spread), 0.5}}, 0, 0},
    {"coloured noise", {{MEMBER(colour), 0.9}}, 0, 0},
    {"neighbour load", {{MEMBER(others_w), 15}, {MEMBER(on_ms), 40}}, 0, 0},
    {"drift of frequency", {{MEMBER(drift), 0.15}}, 0, 0},
    {"carry-over of power, 30 us", {{MEMBER(carry_us), 30}}, 0, 0},
    {"jitter of refreshes, 10 us", {{MEMBER(jitter_us), 10}}, 0, 0},
    {"jitter of refreshes, 30 us", {{MEMBER(jitter_us), 30}}, 0, 0},
    {"stalls that catch up", {{MEMBER(stalls), 0.02}}, 0, 0},
    {"late wake-ups", {{MEMBER(late_us), 400}}, 0, 0},
    {"preempted sampler", {{MEMBER(preempted_ms), 20}, {MEMBER(preempted_every_ms), 150}}, 0, 0},
    {"slow readings, 30 us", {{MEMBER(read_us), 30}}, 0, 0},
    {"every third refresh", {{MEMBER(stride), 3}}, 0, 0},
    {"two streams", {{0}}, 0, 2},
    {"few long layers", {{MEMBER(inference_ms), 30}, {MEMBER(shortest_us), 200}, {MEMBER(longest_us), 9000}}, 12, 0},
    {"many short layers", {{MEMBER(inference_ms), 4}, {MEMBER(shortest_us), 5}, {MEMBER(longest_us), 60}}, 240, 0},
    {"refresh every 10 ms, of 1 mJ", {{MEMBER(quantum_uj), 1000}, {MEMBER(period_ms), 10.1}}, 0, 0},
    {"a counter that wraps every second", {{MEMBER(wrap), 500000}}, 0, 0},
};
const int gt_layers_scenario_count = sizeof variants / sizeof *variants;

struct gt_layers gt_layers_scenario(int i)
{
    struct gt_layers c = usual;
    for (size_t k = 0; k < sizeof variants->changes / sizeof *variants->changes; k++)
        if (variants[i].changes[k].member)
            memcpy((char *)&c + variants[i].changes[k].member, &variants[i].changes[k].value, sizeof(double));
    c.name = variants[i].name;
    c.units = variants[i].units ? variants[i].units : c.units;
    c.streams = variants[i].streams ? variants[i].streams : c.streams;
    return c;
}

/* --- random numbers ---------------------------------------------------------------------------------------------------- */

struct random {
    uint64_t s[4];
};

static void seed_random(struct random *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ z >> 31;
    }
}

static uint64_t next_random(struct random *r)
{
    uint64_t *s = r->s, x = s[1] * 5, result = (x << 7 | x >> 57) * 9, t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}

static double uniform(struct random *r)
{
    return ((double)(next_random(r) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct random *r)
{
    return sqrt(-2 * log(uniform(r))) * cos(6.283185307179586 * uniform(r));
}

static double exponential(struct random *r, double mean)
{
    return mean > 0 ? -mean * log(uniform(r)) : 0;
}

/* --- the machine ------------------------------------------------------------------------------------------------------- */

struct row {
    uint32_t slot;
    double t0, t1; /* ns since the start */
};

struct stream {
    struct row *rows; /* units and inferences, by end */
    size_t count, room;
};

/* Power of one stream over time: steps at the units' ends. */
struct step {
    double t, w;
};

struct machine {
    const struct gt_layers *c;
    struct random random;
    double ns; /* length */
    double us[GT_LAYERS_UNITS], w[GT_LAYERS_UNITS];
    double used_uj[GT_LAYERS_UNITS], calls[GT_LAYERS_UNITS]; /* truth */
    struct stream streams[STREAMS_MOST];
    struct step *steps; /* of all streams and the neighbour, by time: the machine's power */
    size_t step_count, step_room;
    double *edges; /* refreshes, ns */
    double *uj;    /* true energy at them, noise of the counter included */
    size_t edge_count;
    double others; /* the machine's energy over the job's: so much more CPU time the machine spent */
};

static void *grown(void *memory, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return memory;
    *room = *room ? 2 * *room : 4096;
    memory = realloc(memory, *room * size);
    if (!memory)
        abort();
    return memory;
}

static void add_row(struct stream *s, uint32_t slot, double t0, double t1)
{
    s->rows = grown(s->rows, s->count, &s->room, sizeof *s->rows);
    s->rows[s->count++] = (struct row){slot, t0, t1};
}

/* From t on the machine draws so much more. */
static void add_step(struct machine *m, double t, double w)
{
    m->steps = grown(m->steps, m->step_count, &m->step_room, sizeof *m->steps);
    m->steps[m->step_count++] = (struct step){t, w};
}

static void draw_units(struct machine *m)
{
    const struct gt_layers *c = m->c;
    double sum = 0;
    for (int i = 0; i < c->units; i++) {
        double span = log(c->longest_us / c->shortest_us), mean = c->inference_ms * 1e3 / c->units;
        double us = mean * exp(0.2 * span * normal(&m->random) - 0.02 * span * span); /* 82 draws span five deviations */
        m->us[i] = fmin(fmax(us, c->shortest_us), c->longest_us);
        m->w[i] = c->mean_w * exp(c->power_spread * normal(&m->random));
        sum += m->us[i];
    }
    for (int i = 0; i < c->units; i++)
        m->us[i] *= c->inference_ms * 1e3 / sum;
}

/* Slow change of the frequency: powers up, times down, about their means. */
static double drift_at(const struct gt_layers *c, double t)
{
    return 1 + c->drift * sin(6.283185307179586 * t / 7e9);
}

/*
 * One stream of inferences. Its power above the machine's rest power follows the units; with carry-over, by a first-order lag,
 * taken as the mean of each stretch (a stretch is cut in pieces of a third of the time constant).
 */
static void run_stream(struct machine *m, struct stream *s)
{
    const struct gt_layers *c = m->c;
    double t = exponential(&m->random, 1e6), lagged = 0, tau = c->carry_us * 1e3;
    while (t < m->ns) {
        double begin = t;
        for (int i = 0; i <= c->units; i++) {
            bool gap = i == c->units;
            double drift = drift_at(c, t);
            double ns = gap ? exponential(&m->random, c->gap_us * 1e3)
                            : m->us[i] * 1e3 * fmax(0.3, 1 + c->duration_jitter * normal(&m->random)) / drift;
            double w = gap ? 0 : (m->w[i] * drift - c->rest_w);
            if (gap)
                add_row(s, (uint32_t)INFER_SLOT, begin, t);
            for (double at = 0; at < ns;) {
                double piece = tau > 0 ? fmin(ns - at, tau / 3) : ns, decay = tau > 0 ? exp(-piece / tau) : 0;
                double mean = tau > 0 ? w + (lagged - w) * (1 - decay) * tau / piece : w;
                lagged = w + (lagged - w) * decay;
                add_step(m, t + at, mean);
                add_step(m, t + at + piece, -mean);
                at += piece;
            }
            if (!gap) {
                add_row(s, (uint32_t)i, t, t + ns);
                /* The truth of a unit is what it causes, wherever the lag lets it show. */
                m->used_uj[i] += (w + c->rest_w) * ns * 1e-3;
                m->calls[i]++;
            }
            t += ns;
        }
    }
}

static void run_neighbour(struct machine *m)
{
    const struct gt_layers *c = m->c;
    double t = 0;
    double uj = 0, job_uj = 0;
    for (int i = 0; i < c->units; i++)
        job_uj += m->used_uj[i];
    while (c->others_w > 0 && t < m->ns) {
        double off = exponential(&m->random, c->on_ms * 1e6), on = exponential(&m->random, c->on_ms * 1e6);
        add_step(m, t + off, c->others_w);
        add_step(m, t + off + on, -c->others_w);
        t += off + on;
        uj += on * c->others_w * 1e-3;
    }
    m->others = 1 + uj / job_uj;
}

static int by_time(const void *a, const void *b)
{
    double x = ((const struct step *)a)->t, y = ((const struct step *)b)->t;
    return (x > y) - (x < y);
}

static void draw_edges(struct machine *m)
{
    const struct gt_layers *c = m->c;
    double period = c->period_ms * 1e6, phase = uniform(&m->random) * period, slow = 0;
    size_t most = (size_t)(m->ns / period) + 16;
    m->edges = calloc(most, sizeof *m->edges);
    m->uj = calloc(most, sizeof *m->uj);
    if (!m->edges || !m->uj)
        abort();
    for (double t = phase; t < m->ns - 2 * period && m->edge_count < most; t += period * (1 + slow)) {
        slow += 1e-6 * c->wander_ppm * normal(&m->random) * sqrt(period / 1e9);
        if (uniform(&m->random) >= c->stalls)
            m->edges[m->edge_count++] = fmax(0, t + c->jitter_us * 1e3 * normal(&m->random));
    }
}

/* True energy at the refreshes, and the counter's noise on it. */
static void integrate(struct machine *m)
{
    const struct gt_layers *c = m->c;
    double w = c->rest_w * c->streams, t = 0, uj = 0, before = 0, noise = 0, told = 0, mean = 0;
    size_t at = 0;
    qsort(m->steps, m->step_count, sizeof *m->steps, by_time);
    for (size_t k = 0; k < m->edge_count; k++) {
        for (; at < m->step_count && m->steps[at].t <= m->edges[k]; at++) {
            uj += w * (m->steps[at].t - t) * 1e-3;
            t = m->steps[at].t;
            w += m->steps[at].w;
        }
        uj += w * (m->edges[k] - t) * 1e-3;
        t = m->edges[k];
        mean = k == 0 ? 0 : k == 1 ? uj - before : mean + 0.01 * (uj - before - mean);
        noise = c->colour * noise + sqrt(1 - c->colour * c->colour) * normal(&m->random);
        double delta = k == 0 ? uj : fmax(0, uj - before + c->noise * mean * noise);
        before = uj;
        told += delta;
        m->uj[k] = told;
    }
}

/* The counter as it is read at t: that of the last refresh, in its quanta, wrapped. */
static uint64_t counter_at(const struct machine *m, double t, size_t *edge)
{
    size_t low = 0, high = m->edge_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->edges[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    *edge = low;
    uint64_t counts = low == 0 ? 0 : (uint64_t)(m->uj[low - 1] / m->c->quantum_uj), range = (uint64_t)m->c->wrap + 1;
    return counts % range;
}

/* --- the sampler ------------------------------------------------------------------------------------------------------- */

struct tick {
    struct gt_ticksync_edge edge;
    uint64_t raw;
};

struct ticks {
    struct tick *rows;
    size_t count, room;
};

/* Asleep until `due`, then late; and now and then somebody else has the processor. */
static double wake(struct machine *m, double now, double due, double *next_preemption)
{
    const struct gt_layers *c = m->c;
    double t = due > now ? due + exponential(&m->random, c->late_us * 1e3) * (uniform(&m->random) < 0.9 ? 0.2 : 1) : now;
    if (c->preempted_ms > 0 && t >= *next_preemption) {
        t += c->preempted_ms * 1e6;
        *next_preemption = t + exponential(&m->random, c->preempted_every_ms * 1e6);
    }
    return t;
}

static void sample(struct machine *m, struct ticks *ticks, struct gt_layers_result *out)
{
    const struct gt_layers *c = m->c;
    struct gt_ticksync sync;
    double now = 0, preemption = exponential(&m->random, c->preempted_every_ms * 1e6), reading = 0, error2 = 0, sigma2 = 0;
    gt_ticksync_init(&sync, 1000000 * (uint64_t)(c->period_ms + 0.5), c->stride > 0 ? (uint64_t)c->stride : 1);
    while (now < m->ns - 5e6 * c->period_ms) {
        bool burst;
        uint64_t due = gt_ticksync_next(&sync, START_NS + (uint64_t)now, &burst);
        if (due == UINT64_MAX)
            break;
        double begin = wake(m, now, (double)(int64_t)(due - START_NS), &preemption);
        double end = begin + c->read_us * 1e3 * (0.9 + 0.2 * uniform(&m->random));
        size_t edge;
        uint64_t raw = counter_at(m, 0.5 * (begin + end), &edge);
        struct tick tick = {.raw = raw};
        reading += end - begin;
        out->readings++;
        if (gt_ticksync_read(&sync, START_NS + (uint64_t)begin, START_NS + (uint64_t)end, raw, &tick.edge)) {
            double error = (double)(int64_t)(tick.edge.t_ns - START_NS) - (edge ? m->edges[edge - 1] : 0);
            error2 += error * error;
            sigma2 += tick.edge.sigma_ns * tick.edge.sigma_ns;
            ticks->rows = grown(ticks->rows, ticks->count, &ticks->room, sizeof *ticks->rows);
            ticks->rows[ticks->count++] = tick;
        }
        now = end;
    }
    out->ticks = ticks->count;
    out->refreshes = m->edge_count;
    out->reading_share = reading / m->ns;
    out->edge_error_ns = ticks->count ? sqrt(error2 / (double)ticks->count) : 0;
    out->edge_sigma_ns = ticks->count ? sqrt(sigma2 / (double)ticks->count) : 0;
}

/* --- the way of real runs ---------------------------------------------------------------------------------------------- */

struct folded {
    struct gt_fold *fold;
    void *memory;
    struct gt_batches batches;
};

static void take_batch(struct folded *f)
{
    struct gt_err err = {0};
    if (gt_batches_take(&f->batches, f->fold, &err) != GT_OK)
        abort();
}

static void add_tick(struct folded *f, const struct tick *tick, double *sigma)
{
    if (fabs(tick->edge.sigma_ns - *sigma) > 0.1 * *sigma) {
        *sigma = tick->edge.sigma_ns;
        gt_fold_set_edges(f->fold, 0, *sigma);
    }
    gt_fold_add_tick(f->fold, tick->edge.t_ns, &tick->raw);
    if (gt_fold_equations_ns(f->fold) >= f->batches.ns)
        take_batch(f);
}

static void add_rows(struct folded *f, const struct machine *m, size_t *at, double until)
{
    for (int s = 0; s < m->c->streams; s++)
        for (; at[s] < m->streams[s].count && m->streams[s].rows[at[s]].t1 <= until; at[s]++) {
            const struct row *row = &m->streams[s].rows[at[s]];
            struct gt_trace_event event = {.slot = row->slot,
                                           .items = row->slot & GT_TRACE_SLOT_INFER ? 1 : 0,
                                           .t_begin_ns = START_NS + (uint64_t)row->t0,
                                           .t_end_ns = START_NS + (uint64_t)row->t1};
            gt_fold_add_event(f->fold, (uint64_t)s + 1, &event);
        }
}

/* Ticks and rows by time; rows reach a real trace up to 100 ms late. */
static void fold(struct folded *f, const struct machine *m, const struct ticks *ticks, const struct gt_source_desc *desc)
{
    size_t bytes = gt_fold_bytes(&gt_fold_config_large, desc->domain_count), at[STREAMS_MOST] = {0};
    double sigma = 0, drained = 0;
    f->memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
    if (!f->memory || gt_fold_init(f->memory, bytes, &gt_fold_config_large, desc, &f->fold) != GT_OK)
        abort();
    gt_batches_init(&f->batches);
    gt_fold_set_edges(f->fold, 0, 0);
    for (size_t i = 0; i < ticks->count; i++) {
        double t = (double)(int64_t)(ticks->rows[i].edge.t_ns - START_NS);
        struct gt_trace_cpu cpu = {.t_ns = ticks->rows[i].edge.t_ns,
                                   .job_cpu_ns = (uint64_t)t,
                                   .machine_busy_ns = (uint64_t)(t * m->others),
                                   .machine_total_ns = (uint64_t)t};
        add_tick(f, &ticks->rows[i], &sigma);
        gt_fold_add_cpu(f->fold, &cpu);
        if (t > drained + 1e8) {
            add_rows(f, m, at, t);
            drained = t;
        }
    }
    add_rows(f, m, at, m->ns);
    while (gt_fold_close_some(f->fold, f->batches.ns))
        take_batch(f);
    gt_fold_finish(f->fold);
    take_batch(f);
}

/* --- the result -------------------------------------------------------------------------------------------------------- */

static void compare(const struct machine *m, const struct gt_unit_energy *rows, struct gt_layers_result *out)
{
    double truth = 0, found = 0, ns = 0;
    for (int i = 0; i < out->attribution.unit_count; i++) {
        truth += m->used_uj[rows[i].slot];
        found += (double)rows[i].energy.uj;
        ns += (double)rows[i].ns;
    }
    /* What of the machine's energy is the units' is another question (shares, idle): here the split between them is looked at.
     */
    double scale = truth / found;
    out->unit_count = out->attribution.unit_count;
    for (int i = 0; i < out->unit_count; i++) {
        const struct gt_unit_energy *row = &rows[i];
        struct gt_layers_unit *unit = &out->units[i];
        *unit = (struct gt_layers_unit){
            .energy = row->energy,
            .truth_uj = m->used_uj[row->slot] / m->calls[row->slot],
            .us = m->us[row->slot],
            .uj = row->uj_per_call * scale,
            .lo_uj = row->lo_uj * scale,
            .hi_uj = row->hi_uj * scale,
            .time_uj = truth * (double)row->ns / ns / (double)row->calls,
            .resolution = row->resolution,
            .group_uj = NAN,
        };
        if (row->group < 0)
            continue;
        double calls = (double)row->calls, group_truth = 0;
        for (int j = 0; j < out->unit_count; j++)
            if (rows[j].group == row->group)
                group_truth += m->used_uj[rows[j].slot];
        unit->group_truth_uj = group_truth / calls;
        unit->group_uj = (double)row->group_energy.uj / calls * scale;
        unit->group_lo_uj = (double)row->group_energy.lo_uj / calls * scale;
        unit->group_hi_uj = (double)row->group_energy.hi_uj / calls * scale;
    }
}

static void attribute(const struct machine *m, struct folded *f, const struct gt_source_desc *desc,
                      struct gt_layers_result *out)
{
    static const struct gt_host host = {.cpus_online = 1, .cpus_allowed = 1};
    struct gt_unit_energy *rows = calloc(GT_LAYERS_UNITS + 8, sizeof *rows);
    struct gt_infer_energy infers[8];
    struct gt_err err = {0};
    struct gt_block whole;
    void *payload = NULL;
    size_t bytes;
    if (gt_batches_merge(&f->batches, &payload, &bytes, &whole, &err) != GT_OK)
        abort();
    struct gt_attribute_input input = {.block = &whole,
                                       .batches = f->batches.blocks,
                                       .batch_count = f->batches.count,
                                       .desc = desc,
                                       .host = &host,
                                       .idle_w = 0,
                                       .idle_lo_w = 0,
                                       .idle_hi_w = 0};
    if (!rows || gt_attribute(&input, &out->attribution, rows, infers, &err) != GT_OK)
        abort();
    compare(m, rows, out);
    free(payload);
    free(rows);
}

void gt_layers_run(const struct gt_layers *c, uint64_t seed, double seconds, struct gt_layers_result *result)
{
    static const struct gt_source_desc none;
    struct machine m = {.c = c, .ns = seconds * 1e9};
    struct ticks ticks = {0};
    struct folded f = {0};
    struct gt_source_desc desc = none;
    assert(c->units <= GT_LAYERS_UNITS && c->streams <= STREAMS_MOST);
    desc.provenance = GT_PROVENANCE_MEASURED;
    desc.domain_count = 1;
    strcpy(desc.source, "simulated");
    strcpy(desc.boundary, "package");
    desc.domains[0] = (struct gt_domain){.name = "package-0",
                                         .parent = -1,
                                         .additive = true,
                                         .uj_per_count = c->quantum_uj,
                                         .wrap_count = (uint64_t)c->wrap,
                                         .refresh_ns = (uint64_t)(c->period_ms * 1e6)};
    memset(result, 0, sizeof *result);
    seed_random(&m.random, seed);
    draw_units(&m);
    for (int s = 0; s < c->streams; s++)
        run_stream(&m, &m.streams[s]);
    run_neighbour(&m);
    draw_edges(&m);
    integrate(&m);
    sample(&m, &ticks, result);
    fold(&f, &m, &ticks, &desc);
    attribute(&m, &f, &desc, result);
    gt_batches_free(&f.batches);
    for (int s = 0; s < c->streams; s++)
        free(m.streams[s].rows);
    free(f.memory);
    free(ticks.rows);
    free(m.steps);
    free(m.edges);
    free(m.uj);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double gt_layers_quantile(double *values, int n, double p)
{
    qsort(values, (size_t)n, sizeof *values, by_value);
    return n > 0 ? values[(int)(p * (n - 1) + 0.5)] : NAN;
}
