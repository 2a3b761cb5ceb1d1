#include "energy/attribute.h"

#include "energy/attribute_span.h"
#include "energy/attribute_units.h"
#include "energy/model.h"
#include "energy/unwrap.h"

#include <math.h>
#include <string.h>

/* /proc/stat counts in USER_HZ, which is 100 on every Linux of today; each cpu's share may be off by one. */
static const double STAT_TICK_NS = 1e7;

/* Above this share of unattributed energy a run is flagged (DESIGN, truth rule 2). */
static const double UNATTRIBUTED_FLAG = 0.05;

const char *gt_bounds_word(enum gt_bounds bounds)
{
    static const char *const words[] = {"none", "ci95", "range"};
    return (unsigned)bounds < sizeof words / sizeof *words ? words[bounds] : words[0];
}

/* --- what the block says of a stretch of time: the inference window, or the whole run
 * ------------------------------------------ */

struct stretch {
    double ns;
    double job_cpu_ns, cpu_known_ns;
    double busy_ns, machine_known_ns;
    double slot_job_uj, slot_job_ns, slot_uj, slot_ns; /* on common slots */
    bool is_window;
};

static struct stretch window_of(const struct gt_block_head *h)
{
    return (struct stretch){.ns = (double)(h->window_end_ns - h->window_begin_ns),
                            .job_cpu_ns = (double)h->window_job_cpu_ns,
                            .cpu_known_ns = (double)h->window_cpu_known_ns,
                            .busy_ns = (double)h->window_busy_ns,
                            .machine_known_ns = (double)h->window_machine_known_ns,
                            .slot_job_uj = (double)h->window_slot_job_uj,
                            .slot_job_ns = (double)h->window_slot_job_ns,
                            .slot_uj = (double)h->window_slot_uj,
                            .slot_ns = (double)h->window_slot_ns,
                            .is_window = true};
}

static struct stretch run_of(const struct gt_block_head *h)
{
    double sampled = (double)(h->end_ns - h->begin_ns), window = (double)(h->window_end_ns - h->window_begin_ns);
    double span = (double)(h->reserved[GT_BLOCK_SPAN_END] - h->reserved[GT_BLOCK_SPAN_BEGIN]);
    double told = span > 0 ? span : sampled; /* the last reading may have come after the end */
    return (struct stretch){.ns = told > window ? told : window,
                            .job_cpu_ns = (double)h->job_cpu_ns,
                            .cpu_known_ns = (double)h->cpu_known_ns,
                            .busy_ns = (double)h->machine_busy_ns,
                            .machine_known_ns = (double)h->machine_known_ns,
                            .slot_job_uj = (double)h->slot_job_uj,
                            .slot_job_ns = (double)h->slot_job_ns,
                            .slot_uj = (double)h->slot_uj,
                            .slot_ns = (double)h->slot_ns};
}

static uint64_t infer_ns(const struct gt_block *block, uint64_t *missing_ns)
{
    uint64_t ns = 0;
    *missing_ns = 0;
    for (uint32_t i = 0; i < block->head->unit_count; i++)
        if (block->units[i].slot & GT_TRACE_SLOT_INFER) {
            ns += block->units[i].ns;
            *missing_ns += block->units[i].missing_ns;
        }
    return ns;
}

/*
 * The job's CPU time over the stretch. Time without samples is filled at the mean rate, between nothing and all its cpus;
 * without any sample at all, inference time stands in for it (one thread at least was busy).
 */
static struct span job_cpu(const struct gt_attribute_input *in, const struct stretch *s)
{
    double cpus = in->host->cpus_allowed, unknown = s->ns - s->cpu_known_ns;
    if (unknown < 0)
        unknown = 0;
    if (s->cpu_known_ns <= 0) {
        uint64_t missing;
        double ns = (double)infer_ns(in->block, &missing);
        return span_of(clamp(ns, s->ns * cpus), 0, s->ns * cpus);
    }
    double rate = s->job_cpu_ns / s->cpu_known_ns;
    return span_of(s->job_cpu_ns + rate * unknown, s->job_cpu_ns, s->job_cpu_ns + cpus * unknown);
}

/* The job's part of the machine's dynamic energy: CPU time over busy time. */
static struct span cpu_share(const struct gt_attribute_input *in, const struct stretch *s, bool *known)
{
    double cpus = in->host->cpus_online;
    *known = s->machine_known_ns > 0 && s->busy_ns > 0 && s->cpu_known_ns > 0;
    if (!*known)
        return span_of(1, s->ns > 0 ? clamp(job_cpu(in, s).lo / (s->ns * cpus), 1) : 0, 1);
    double job = s->job_cpu_ns / s->cpu_known_ns, busy = s->busy_ns / s->machine_known_ns;
    double error = STAT_TICK_NS * cpus / s->machine_known_ns;
    return span_of(clamp(job / busy, 1), clamp(job / (busy + error), 1), busy > error ? clamp(job / (busy - error), 1) : 1);
}

/*
 * The job's part of the machine's dynamic energy: its share of CPU time, slot by slot, where slots count by the dynamic energy
 * in them. What busy ticks may be off in the whole stretch bounds it. Where no slot is known, the share over the whole stretch.
 */
static struct span energy_share(const struct gt_attribute_input *in, const struct stretch *s, bool *known)
{
    struct span cpu = cpu_share(in, s, known);
    double idle_uj_per_ns = isnan(in->idle_w) ? 0 : in->idle_w * 1e-3;
    double dynamic = s->slot_uj - idle_uj_per_ns * s->slot_ns;
    if (!*known || cpu.v <= 0 || dynamic <= 0)
        return cpu;
    double share = clamp((s->slot_job_uj - idle_uj_per_ns * s->slot_job_ns) / dynamic, 1);
    return span_of(share, share * cpu.lo / cpu.v, clamp(share * cpu.hi / cpu.v, 1));
}

/* How many times the ns of rows those of all inferences are: what the ring dropped and a full disk lost were some, too. */
static double lost_ratio(const struct gt_block *block)
{
    uint64_t missing;
    double ns = (double)infer_ns(block, &missing);
    return ns > (double)missing ? ns / (ns - (double)missing) : 1;
}

static double covered_ns(const struct gt_block *block)
{
    double window = (double)(block->head->window_end_ns - block->head->window_begin_ns);
    return clamp(lost_ratio(block) * (double)block->head->covered_ns, window);
}

/*
 * The least CPU time inside inferences without a row: what remains of the window's when all time outside of inferences had
 * twice the mean rate (as the fold assumes of an interval). Above 0 where they fill most of what no row covers.
 */
static double least_without_rows(const struct gt_block *block)
{
    const struct gt_block_head *h = block->head;
    double blank = (double)(h->window_end_ns - h->window_begin_ns) - (double)h->covered_ns;
    double left = (double)h->window_job_cpu_ns - (double)h->inside_cpu_ns, inside = covered_ns(block) - (double)h->covered_ns;
    if (blank <= 0 || left <= 0 || 2 * inside <= blank)
        return 0;
    return left * (2 * clamp(inside / blank, 1) - 1);
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

/*
 * The part of the job's CPU time in the window that it spent inside inferences: those without a row had the CPU rate of those
 * that have one, but no less than must be theirs: a few rows, as of a start that waited for the disk, may be like no others.
 */
static struct span inside_share(const struct gt_block *block)
{
    const struct gt_block_head *h = block->head;
    double window = (double)(h->window_end_ns - h->window_begin_ns);
    if (h->window_job_cpu_ns == 0) {
        double covered = window > 0 ? clamp(covered_ns(block) / window, 1) : 0;
        return span_of(covered, covered, 1);
    }
    double cpu = (double)h->window_job_cpu_ns, lost = lost_ratio(block), least = least_without_rows(block);
    double at = (double)h->inside_cpu_ns, lo = (double)h->inside_cpu_lo_ns, hi = (double)h->inside_cpu_hi_ns;
    bool like_rows = at * lost >= at + least; /* else all that remains may be theirs */
    if (like_rows)
        return span_of(clamp(at * lost / cpu, 1), clamp(at_least(lo * lost, lo + least) / cpu, 1), clamp(hi * lost / cpu, 1));
    return span_of(clamp((at + least) / cpu, 1), clamp(at_least(lo * lost, lo + least) / cpu, 1), 1);
}

/* --- energy of a stretch
 * ------------------------------------------------------------------------------------------------------- */

struct machine {
    struct span total, idle; /* of the whole machine; idle is 0 … total where it is not known */
    bool known;
    double blind_ns; /* domain-time that no counter covers */
};

static double mean_uj_per_ns(const struct gt_block_domain *domain, bool is_window)
{
    const struct gt_block_energy *near = is_window ? &domain->window : &domain->all;
    if (near->known_ns == 0)
        near = &domain->all;
    if (near->known_ns == 0 && near->gap_lo_uj > 0 && near->gap_ns > 0) /* gaps alone, but some of what they hold was counted */
        return (double)near->gap_lo_uj / (double)near->gap_ns;
    return near->known_ns ? (double)near->known_uj / (double)near->known_ns : -1;
}

/* From what it may show late; 0: not known. */
static double peak_uj_per_ns(const struct gt_block_domain *domain)
{
    return domain->refresh_ns ? 0.5 * (double)domain->lag_uj / (double)domain->refresh_ns : 0;
}

/*
 * One domain: what is known, its gaps at the mean power within their bounds, unsampled time at no more than in a gap
 * (energy/unwrap.h), at least twice the mean power. Time beyond the stretch that the counter has in it (the last reading comes
 * after the end) is taken off, at up to twice the mean power. What a counter shows is up to a refresh period old, at both ends:
 * by at most twice the mean power, or twice the highest.
 */
static bool sum_domain(const struct gt_attribute_input *in, uint32_t i, const struct stretch *s, struct span *sum,
                       double *blind_ns)
{
    const struct gt_block_domain *domain = &in->block->domains[i];
    uint64_t told_ns = in->desc->domains[i].refresh_ns, refresh_ns = domain->refresh_ns ? domain->refresh_ns : told_ns;
    const struct gt_block_energy *e = s->is_window ? &domain->window : &domain->all;
    double mean = mean_uj_per_ns(domain, s->is_window);
    double unsampled = s->ns - (double)e->known_ns - (double)e->gap_ns;
    if (mean < 0)
        return false;
    double known = (double)e->known_uj, lo = (double)e->gap_lo_uj, hi = (double)e->gap_hi_uj;
    double gap = mean * (double)e->gap_ns, lag = 2 * mean * (double)refresh_ns;
    double edge = (double)e->edge_uj + at_least(lag, (double)domain->lag_uj), less = unsampled < 0 ? unsampled : 0;
    double most = at_least(2 * mean, GT_UNWRAP_MARGIN * peak_uj_per_ns(domain));
    gap = gap < lo ? lo : gap > hi ? hi : gap;
    *sum = span_of(known + gap + mean * unsampled, known - edge + lo + 2 * mean * less,
                   known + edge + hi + most * (unsampled - less));
    *blind_ns = (double)e->gap_ns + unsampled - less;
    return true;
}

static bool add_domain(const struct gt_attribute_input *in, uint32_t i, const struct stretch *s, struct machine *machine)
{
    struct span sum;
    double blind_ns;
    if (!sum_domain(in, i, s, &sum, &blind_ns))
        return false;
    machine->total = plus(machine->total, sum);
    machine->blind_ns += blind_ns;
    return true;
}

static struct machine measure(const struct gt_attribute_input *in, const struct stretch *s)
{
    struct machine m = {.known = false};
    int additive = 0;
    for (uint32_t i = 0; i < in->block->head->domain_count; i++) {
        if (!in->desc->domains[i].additive)
            continue;
        m.known = add_domain(in, i, s, &m) && (m.known || additive == 0);
        additive++;
    }
    if (additive > 0)
        m.blind_ns /= additive;
    if (!m.known)
        return (struct machine){.known = false};
    double w_ns = s->ns * 1e-3; /* W × ns = 1e-3 µJ */
    if (isnan(in->idle_w))
        m.idle = span_of(0, 0, m.total.v);
    else
        m.idle = span_of(clamp(in->idle_w * w_ns, m.total.v), clamp(in->idle_lo_w * w_ns, m.total.lo),
                         clamp(in->idle_hi_w * w_ns, m.total.v));
    return m;
}

/* What a stretch's energy falls into, seen from the job. */
struct parts {
    struct span total, dynamic, idle, others;
    struct span job; /* dynamic + idle; its bounds are narrower than their sum where idle is unknown */
    bool known, share_known;
    double share, blind_ns;
};

/*
 * Idle power is unknown: everything is linear in it, so that the extremes are none of it and all of it. What is called dynamic
 * then has its share of idle inside.
 */
static void without_idle(struct parts *p, const struct machine *m, struct span share, double reserved)
{
    double most = share.hi > reserved ? share.hi : reserved, least = share.lo < reserved ? share.lo : reserved;
    p->dynamic = span_of(m->total.v * share.v, m->total.lo * least, m->total.hi * most);
    p->idle = span_of(0, 0, m->total.hi * reserved);
    p->others = span_of(m->total.v * (1 - share.v), m->total.lo * (1 - most), m->total.hi * (1 - least));
    p->job = span_of(m->total.v * share.v, m->total.lo * least, m->total.hi * most);
}

static struct parts split_measured(const struct gt_attribute_input *in, const struct stretch *s)
{
    struct parts p = {0};
    struct machine m = measure(in, s);
    struct span share = energy_share(in, s, &p.share_known);
    double reserved = clamp((double)in->host->cpus_allowed / in->host->cpus_online, 1);
    p.known = m.known;
    p.share = share.v;
    p.blind_ns = m.blind_ns;
    p.total = m.total;
    if (isnan(in->idle_w)) {
        without_idle(&p, &m, share, reserved);
        return p;
    }
    struct span dynamic = minus(m.total, m.idle);
    p.dynamic = times(dynamic, share);
    p.idle = scaled(m.idle, reserved);
    p.others = plus(times(dynamic, rest_of(share)), scaled(m.idle, 1 - reserved));
    p.job = plus(p.dynamic, p.idle);
    return p;
}

static struct parts split_modelled(const struct gt_attribute_input *in, const struct stretch *s)
{
    const struct gt_wattage *row = gt_wattage_find(in->host);
    struct span cpu = job_cpu(in, s);
    struct gt_model_energy at, lo, hi;
    uint64_t wall = (uint64_t)s->ns;
    gt_model_energy(row, (uint64_t)cpu.v, wall, in->host->cpus_allowed, &at);
    gt_model_energy(row, (uint64_t)cpu.lo, wall, in->host->cpus_allowed, &lo);
    gt_model_energy(row, (uint64_t)cpu.hi, wall, in->host->cpus_allowed, &hi);
    struct parts p = {.known = s->ns > 0, .share_known = true, .share = 1};
    p.dynamic = span_of(at.dynamic_uj, lo.dynamic_lo_uj, hi.dynamic_hi_uj);
    p.idle = span_of(at.idle_uj, at.idle_lo_uj, at.idle_hi_uj);
    p.total = p.job = plus(p.dynamic, p.idle);
    return p;
}

static struct parts split(const struct gt_attribute_input *in, const struct stretch *s)
{
    if (in->desc->provenance == GT_PROVENANCE_MODELLED)
        return split_modelled(in, s);
    if (gt_provenance_has_counters(in->desc->provenance))
        return split_measured(in, s);
    return (struct parts){0};
}

/* --- the closure ------------------------------------------------------------------------------------------------------- */

static void close_books(struct gt_closure *c, const struct parts *p, struct span units, struct span framework,
                        struct span between)
{
    double sum = 0;
    c->units = take_part(&sum, units);
    c->framework = take_part(&sum, framework);
    c->unattributed = take_part(&sum, between);
    c->idle = take_part(&sum, p->idle);
    c->others = take_part(&sum, p->others);
    c->inference = rounded(plus(units, framework));
    c->inference.uj = c->units.uj + c->framework.uj;
    c->inference.lo_uj = c->inference.lo_uj < c->inference.uj ? c->inference.lo_uj : c->inference.uj;
    c->inference.hi_uj = c->inference.hi_uj > c->inference.uj ? c->inference.hi_uj : c->inference.uj;
    c->total = rounded(p->total);
    c->total.uj = to_uj(sum);
    c->total.lo_uj = c->total.lo_uj < c->total.uj ? c->total.lo_uj : c->total.uj;
    c->total.hi_uj = c->total.hi_uj > c->total.uj ? c->total.hi_uj : c->total.uj;
    double job = units.v + framework.v + between.v;
    c->unattributed_share = job > 0 ? between.v / job : 0;
    c->unattributed_flag = c->unattributed_share > UNATTRIBUTED_FLAG;
}

/* --- rows
 * ---------------------------------------------------------------------------------------------------------------------- */

static bool saw_units(const struct gt_block *block)
{
    for (uint32_t i = 0; i < block->head->unit_count; i++)
        if (!(block->units[i].slot & GT_TRACE_SLOT_INFER) && block->units[i].calls > 0)
            return true;
    return false;
}

static void fill_infers(const struct gt_block *block, struct span dynamic, struct span attributed, struct gt_attribution *out,
                        struct gt_infer_energy *rows)
{
    uint64_t missing;
    double all = (double)infer_ns(block, &missing);
    for (uint32_t i = 0; i < block->head->unit_count; i++) {
        const struct gt_block_unit *unit = &block->units[i];
        if (!(unit->slot & GT_TRACE_SLOT_INFER))
            continue;
        double share = all > 0 ? (double)unit->ns / all : 0, items = unit->items ? (double)unit->items : NAN;
        struct span own = scaled(attributed, share);
        rows[out->infer_count++] = (struct gt_infer_energy){.slot = unit->slot,
                                                            .calls = unit->calls,
                                                            .items = unit->items,
                                                            .ns = unit->ns,
                                                            .ns_per_item = (double)unit->ns / items,
                                                            .uj_per_item = own.v / items,
                                                            .lo_uj = own.lo / items,
                                                            .hi_uj = own.hi / items,
                                                            .dynamic_uj_per_item = dynamic.v * share / items};
    }
}

/* Dynamic energy inside inferences plus the idle share over their time. */
static struct span attribute_inferences(const struct parts *p, struct span inside, struct span dynamic_inside, double covered,
                                        bool idle_known)
{
    if (idle_known)
        return plus(dynamic_inside, scaled(p->idle, covered));
    return span_of(p->job.v * inside.v, p->job.lo * (inside.lo < covered ? inside.lo : covered),
                   p->job.hi * (inside.hi > covered ? inside.hi : covered));
}

static void attribute_window(const struct gt_attribute_input *in, const struct gt_regression *regression,
                             struct gt_attribution *out, struct gt_unit_energy *units, struct gt_infer_energy *infers)
{
    const struct gt_block *block = in->block;
    struct stretch window = window_of(block->head);
    struct parts p = split(in, &window);
    uint64_t missing;
    double infer = (double)infer_ns(block, &missing), covered = window.ns > 0 ? covered_ns(block) / window.ns : 0;
    double in_units = infer > 0 ? clamp((double)gt_attribute_unit_ns(block) / infer, 1) : 0;
    struct span inside = inside_share(block), dynamic_inside = times(p.dynamic, inside);
    struct span unit_energy = scaled(dynamic_inside, in_units);
    out->units_known = saw_units(block);
    out->share_known = p.share_known;
    out->cpu_share = p.share;
    out->gap_share = window.ns > 0 ? p.blind_ns / window.ns : 0;
    out->window_ns = (uint64_t)window.ns;
    out->covered_ns = (uint64_t)covered_ns(block);
    out->window_cpu_ns = (uint64_t)job_cpu(in, &window).v;
    close_books(&out->closure, &p, unit_energy, scaled(dynamic_inside, 1 - in_units), times(p.dynamic, rest_of(inside)));
    if (units)
        gt_attribute_units(block, regression, unit_energy, out, units);
    if (infers)
        fill_infers(block, dynamic_inside, attribute_inferences(&p, inside, dynamic_inside, covered, out->idle_known), out,
                    infers);
}

static void fill_domains(const struct gt_attribute_input *in, const struct stretch *run, struct gt_uj *rows)
{
    for (uint32_t i = 0; i < in->block->head->domain_count; i++) {
        struct span sum;
        double blind_ns;
        if (sum_domain(in, i, run, &sum, &blind_ns))
            rows[i] = rounded(sum);
    }
}

static enum gt_status check(const struct gt_attribute_input *in, struct gt_err *err)
{
    if (in->host->cpus_online < 1 || in->host->cpus_allowed < 1)
        return gt_err_set(err, GT_E_ARG, "attribution needs the numbers of cpus online and allowed");
    bool counters = gt_provenance_has_counters(in->desc->provenance);
    if (counters && (int)in->block->head->domain_count != in->desc->domain_count)
        return gt_err_set(err, GT_E_MISMATCH, "the block has %u domains, its source %d", in->block->head->domain_count,
                          in->desc->domain_count);
    return GT_OK;
}

/*
 * A layer that was preempted took time without power: more than a tenth of it, and powers would be told by who had to wait.
 * Threads of one inference have more CPU time than it lasts.
 */
static bool waited_inside(const struct gt_block_head *h)
{
    return h->window_cpu_known_ns > 0 && (double)h->inside_cpu_ns < 0.9 * (double)h->covered_ns;
}

/* Fills `regression` where the run's equations allow it: true, and the method is that. */
static enum gt_status regress(const struct gt_attribute_input *in, struct gt_attribution *out, struct gt_regression *regression,
                              struct gt_err *err)
{
    if (!in->batches || !gt_provenance_has_counters(in->desc->provenance) || !saw_units(in->block))
        return GT_OK;
    out->refusal = gt_regress_refusal(in->batches, in->batch_count);
    if (!out->refusal && waited_inside(in->block->head))
        out->refusal = "the job waited for processors inside its layers: their times are not theirs alone";
    enum gt_status status = out->refusal ? GT_OK : gt_regress(in->batches, in->batch_count, regression, err);
    if (status == GT_E_STATE) {
        out->refusal = "fewer than two units ran";
        return GT_OK;
    }
    if (status != GT_OK || !regression->units)
        return status;
    out->method = GT_ATTRIBUTE_REGRESSION;
    out->version = GT_ATTRIBUTE_REGRESSION_VERSION;
    out->regression = *regression;
    out->regression.units = NULL;
    return GT_OK;
}

enum gt_status gt_attribute(const struct gt_attribute_input *input, struct gt_attribution *out, struct gt_unit_energy *units,
                            struct gt_infer_energy *infers, struct gt_err *err)
{
    enum gt_status status = check(input, err);
    if (status != GT_OK)
        return status;
    bool modelled = input->desc->provenance == GT_PROVENANCE_MODELLED;
    struct stretch run = run_of(input->block->head);
    struct parts whole = split(input, &run);
    memset(out, 0, sizeof *out);
    out->version = GT_ATTRIBUTE_VERSION;
    out->method = GT_ATTRIBUTE_METHOD;
    out->provenance = input->desc->provenance;
    out->known = whole.known;
    out->idle_known = modelled || !isnan(input->idle_w);
    out->kind = !whole.known ? GT_BOUNDS_NONE : modelled || !out->idle_known ? GT_BOUNDS_RANGE : GT_BOUNDS_CI95;
    out->wattage = modelled ? gt_wattage_find(input->host) : NULL;
    out->run_ns = (uint64_t)run.ns;
    out->run_cpu_ns = input->block->head->job_cpu_ns;
    out->run_total = rounded(whole.total);
    out->run_job = rounded(whole.job);
    if (gt_provenance_has_counters(out->provenance))
        fill_domains(input, &run, out->domains);
    struct gt_regression regression = {0};
    status = regress(input, out, &regression, err);
    if (status == GT_OK)
        attribute_window(input, regression.units ? &regression : NULL, out, units, infers);
    gt_regress_free(&regression);
    return status;
}
