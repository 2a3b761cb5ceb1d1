#include "tracker/runrecord.h"

#include "core/text.h"
#include "tracker/runcounters.h"
#include "tracker/runmodels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HEX_ID (2 * GT_TRACE_ID_BYTES + 1)

enum { WINDOW_REASONS = 2, COUNTER_REASONS = 4 };

struct making {
    const struct gt_runrecord_input *input;
    struct gt_arena *arena;
    struct gt_run_record *run;
    bool failed; /* memory is out */
};

static void *take(struct making *m, size_t count, size_t size)
{
    void *memory = gt_arena_alloc(m->arena, count + 1, size);
    m->failed = m->failed || !memory;
    return memory;
}

/* "" is unknown, too. */
static const char *text(struct making *m, const char *value)
{
    const char *copy = value && *value ? gt_arena_strdup(m->arena, value) : NULL;
    m->failed = m->failed || (value && *value && !copy);
    return copy;
}

static const char *hex(struct making *m, const uint8_t *bytes)
{
    static const uint8_t zero[GT_TRACE_ID_BYTES];
    if (memcmp(bytes, zero, sizeof zero) == 0)
        return NULL;
    char *out = take(m, HEX_ID, 1);
    return out ? gt_text_hex(out, bytes, GT_TRACE_ID_BYTES) : NULL;
}

static int64_t number(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* 0 stands for "not said" in the traces' structs. */
static int64_t number_if(bool known, uint64_t value)
{
    return known ? number(value) : GT_UNKNOWN;
}

static const struct gt_trace_info *principal(const struct gt_runfold_input *traces)
{
    return traces->run ? traces->run->info : traces->processes[0].info;
}

/* The label from the run's trace, else from any process's. */
static const char *note_of(const struct gt_runfold_input *traces, const char *label)
{
    const char *found = traces->run ? gt_traceinfo_note(traces->run->info, label) : NULL;
    for (size_t i = 0; i < traces->process_count && !found; i++)
        found = gt_traceinfo_note(traces->processes[i].info, label);
    return found && *found ? found : NULL;
}

static void fill_host(struct making *m)
{
    const struct gt_host *host = &m->input->fold->host;
    struct gt_host_record *record = &m->run->host;
    char *id = take(m, GT_HOST_ID, 1), *class_text = take(m, GT_HOST_CLASS_TEXT, 1);
    if (m->failed)
        return;
    *record = (struct gt_host_record){
        .id = gt_host_class_id(host, id),
        .text = gt_host_class_text(host, class_text, GT_HOST_CLASS_TEXT),
        .cpu_model = text(m, host->cpu_model),
        .vendor = text(m, host->vendor),
        .microcode = text(m, host->microcode),
        .governor = text(m, host->governor),
        .family = number_if(host->family >= 0, (uint64_t)host->family),
        .model = number_if(host->model >= 0, (uint64_t)host->model),
        .stepping = number_if(host->stepping >= 0, (uint64_t)host->stepping),
        .cpus_online = host->cpus_online,
        .cpus_allowed = host->cpus_allowed,
        .memory_bytes = number_if(host->memory_bytes > 0, host->memory_bytes),
        .turbo = number_if(host->turbo >= 0, (uint64_t)host->turbo),
        .hypervisor = number_if(host->hypervisor >= 0, (uint64_t)host->hypervisor),
    };
}

const char *gt_runrecord_boot(const uint8_t *id, struct gt_arena *arena)
{
    char digits[33];
    gt_text_hex(digits, id, 16);
    return gt_arena_printf(arena, "%.8s-%.4s-%.4s-%.4s-%.12s", digits, digits + 8, digits + 12, digits + 16, digits + 20);
}

/* A bare preload does not note that its unit hooks were off: inferences without any unit tell it. */
static bool hooked_units(const struct gt_runrecord_input *input)
{
    const char *units = note_of(input->traces, "units");
    const struct gt_attribution *a = &input->fold->attribution;
    bool off = units && strcmp(units, "off") == 0;
    return !off && (a->units_known || a->infer_count == 0);
}

static void fill_identity(struct making *m)
{
    const struct gt_runfold_input *traces = m->input->traces;
    const struct gt_trace_info *info = principal(traces);
    const char *series = note_of(traces, "series run"), *round = note_of(traces, "round");
    struct gt_run_record *run = m->run;
    run->id = text(m, m->input->id);
    run->parent = hex(m, info->header.parent_run_id);
    run->series = text(m, series);
    run->link = text(m, m->input->link);
    run->role = text(m, m->input->role);
    run->state = gt_trace_state_word(m->input->state);
    run->command = text(m, info->command);
    run->tags = text(m, note_of(traces, "tags"));
    run->exit_status = number_if(info->has_exit_status, info->exit_status);
    run->exit_signal = number_if(info->has_signal, info->signal);
    run->boot_id = gt_runrecord_boot(info->header.boot_id, m->arena);
    run->unit_hooks = hooked_units(m->input);
    run->round = round ? number(strtoull(round, NULL, 10)) : GT_UNKNOWN;
}

static void fill_times(struct making *m)
{
    const struct gt_trace_info *info = principal(m->input->traces);
    m->run->begin_ns = number(m->input->fold->begin_ns);
    m->run->end_ns = number(m->input->fold->end_ns);
    m->run->begin_real_ns = number(info->header.real_ns) + (m->run->begin_ns - number(info->header.mono_ns));
}

static void fill_cpu(struct making *m)
{
    const struct gt_runfold *fold = m->input->fold;
    struct gt_run_record *run = m->run;
    const struct gt_trace_cpu *a = &fold->first_cpu, *b = &fold->last_cpu;
    bool job = fold->has_cpu && a->job_cpu_ns != UINT64_MAX && b->job_cpu_ns != UINT64_MAX;
    bool machine = fold->has_cpu && a->machine_busy_ns != UINT64_MAX && b->machine_busy_ns != UINT64_MAX;
    /* Of a bare process the counter began with the process; of a run with the run: all of it is the job's. */
    run->cpu_ns = number_if(job, b->job_cpu_ns);
    run->machine_busy_begin_ns = number_if(machine, a->machine_busy_ns);
    run->machine_busy_end_ns = number_if(machine, b->machine_busy_ns);
    run->machine_total_begin_ns = number_if(machine, a->machine_total_ns);
    run->machine_total_end_ns = number_if(machine, b->machine_total_ns);
}

static void fill_source(struct making *m)
{
    const struct gt_runfold *fold = m->input->fold;
    struct gt_run_record *run = m->run;
    run->source = text(m, fold->desc.source);
    run->boundary = text(m, fold->desc.boundary);
    run->provenance = gt_provenance_word(fold->desc.provenance);
    if (!fold->has_ticks)
        return;
    struct gt_counter_record *rows = take(m, (size_t)fold->desc.domain_count, sizeof *rows);
    for (int i = 0; rows && i < fold->desc.domain_count; i++) {
        const struct gt_domain *domain = &fold->desc.domains[i];
        const struct gt_block_domain *sums = &fold->block.domains[i];
        rows[i] = (struct gt_counter_record){
            .domain = text(m, domain->name),
            .parent = number_if(domain->parent >= 0, (uint64_t)domain->parent),
            .package = number_if(domain->package >= 0, (uint64_t)domain->package),
            .die = number_if(domain->die >= 0, (uint64_t)domain->die),
            .additive = domain->additive,
            .uj_per_count = domain->uj_per_count,
            .wrap_count = number_if(domain->wrap_count > 0, domain->wrap_count),
            .first_raw = (int64_t)fold->first_raw[i],
            .last_raw = (int64_t)fold->last_raw[i],
            .total_uj = number(sums->all.known_uj),
            .uj = number_if(sums->all.known_ns > 0 || sums->all.gap_lo_uj > 0, (uint64_t)fold->attribution.domains[i].uj),
            .lo_uj = number_if(sums->all.known_ns > 0 || sums->all.gap_lo_uj > 0, (uint64_t)fold->attribution.domains[i].lo_uj),
            .hi_uj = number_if(sums->all.known_ns > 0 || sums->all.gap_lo_uj > 0, (uint64_t)fold->attribution.domains[i].hi_uj),
            .wraps = number(sums->wraps),
            .gaps = number(sums->backward + sums->stalls + sums->impossible + sums->ambiguous),
            .gap_ns = number(sums->all.gap_ns),
        };
    }
    run->counters = rows;
    run->counter_count = rows ? (size_t)fold->desc.domain_count : 0;
}

static void fill_gaps(struct making *m)
{
    const struct gt_runfold *fold = m->input->fold;
    struct gt_gap_record *rows = take(m, fold->gap_count, sizeof *rows);
    for (size_t i = 0; rows && i < fold->gap_count; i++) {
        const struct gt_runfold_gap *gap = &fold->gaps[i];
        uint64_t from = gap->from_ns > fold->begin_ns ? gap->from_ns - fold->begin_ns : 0;
        uint64_t to = gap->to_ns > fold->begin_ns ? gap->to_ns - fold->begin_ns : 0;
        rows[i] = (struct gt_gap_record){
            .domain = gap->domain >= 0 ? text(m, fold->desc.domains[gap->domain].name) : NULL,
            .from_ns = number(from),
            .to_ns = number(to),
            .reason = text(m, gap->reason),
        };
    }
    m->run->gaps = rows;
    m->run->gap_count = rows ? fold->gap_count : 0;
}

static void fill_processes(struct making *m)
{
    const struct gt_runfold_input *traces = m->input->traces;
    struct gt_process_record *rows = take(m, traces->process_count, sizeof *rows);
    for (size_t i = 0; rows && i < traces->process_count; i++) {
        const struct gt_trace_info *info = traces->processes[i].info;
        rows[i] = (struct gt_process_record){
            .pid = number(info->pid ? info->pid : info->header.pid),
            .ppid = GT_UNKNOWN,
            .begin_ns = number_if(info->first_ns > 0, info->first_ns),
            .end_ns = number_if(info->last_ns > 0, info->last_ns),
            .exe = text(m, info->exe),
            .command = text(m, info->command),
            .state = gt_trace_state_word(info->state),
        };
    }
    m->run->processes = rows;
    m->run->process_count = rows ? traces->process_count : 0;
}

/* --- what was lost, and notes -------------------------------------------------------------------------------------------- */

static void add_event(struct making *m, struct gt_event_record *rows, size_t *count, const char *kind, const char *what,
                      int64_t how_many)
{
    rows[(*count)++] = (struct gt_event_record){
        .kind = text(m, kind), .text = text(m, what), .count = how_many, .begin_ns = GT_UNKNOWN, .end_ns = GT_UNKNOWN};
}

/* Notes that became columns of their own are left out. */
static bool is_column(const char *label)
{
    static const char *const columns[] = {"model",      "family", "phi",  "tags",  "series",
                                          "series run", "round",  "role", "units", "items"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (strcmp(label, columns[i]) == 0)
            return true;
    return false;
}

static void trace_events(struct making *m, const struct gt_trace_info *info, struct gt_event_record *rows, size_t *count)
{
    for (size_t i = 0; i < info->loss_count; i++)
        add_event(m, rows, count, info->losses[i].label, NULL, number(strtoull(info->losses[i].text, NULL, 10)));
    for (size_t i = 0; i < info->note_count; i++)
        if (!is_column(info->notes[i].label) && *info->notes[i].label)
            add_event(m, rows, count, info->notes[i].label, info->notes[i].text, GT_UNKNOWN);
    if (info->damage.bytes)
        add_event(m, rows, count, "damaged trace", "bytes that could not be read", number(info->damage.bytes));
}

/* What was lost at the end of a trace, and what that does to the figures. */
static void window_events(struct making *m, struct gt_event_record *rows, size_t *count)
{
    const struct gt_runfold *fold = m->input->fold;
    if (fold->extended_calls)
        add_event(
            m, rows, count, GT_EVENT_WINDOW,
            "calls left no row (the disk or the spool's cap was full); they are counted, and the time of the inferences is "
            "taken to last until their process ended",
            number(fold->extended_calls));
    if (fold->untimed_calls)
        add_event(m, rows, count, GT_EVENT_WINDOW,
                  "calls of a process left no row at all (the disk or the spool's cap was full); they are counted, but nobody "
                  "knows when they were",
                  number(fold->untimed_calls));
}

/* Why a counter's energy is not known for some of the time. */
static void counter_events(struct making *m, struct gt_event_record *rows, size_t *count)
{
    const struct gt_runfold *fold = m->input->fold;
    for (int i = 0; i < fold->desc.domain_count && fold->has_ticks; i++) {
        const struct gt_block_domain *sums = &fold->block.domains[i];
        const struct {
            uint64_t times;
            const char *what;
        } reasons[] = {{sums->ambiguous, "may have wrapped more than once between two readings (a shorter "
                                         "GREENTRACK_INTERVAL_US takes more of them)"},
                       {sums->backward, "went backward"},
                       {sums->impossible, "moved faster than any machine can, or many times faster than it ever did"},
                       {sums->stalls, "stood still, or had nothing said of it"}};
        for (size_t k = 0; k < COUNTER_REASONS; k++) {
            if (reasons[k].times == 0)
                continue;
            const char *what = gt_arena_printf(m->arena, "%s %s, so that its energy meanwhile is not known",
                                               fold->desc.domains[i].name, reasons[k].what);
            m->failed = m->failed || !what;
            add_event(m, rows, count, GT_EVENT_COUNTER, what, number(reasons[k].times));
        }
    }
}

/* Counters that are added up, and may be one. */
static void alike_event(struct making *m, struct gt_event_record *rows, size_t *count)
{
    const struct gt_runfold *fold = m->input->fold;
    int a, b;
    if (!fold->has_ticks || !gt_alike_find(&fold->alike, &fold->desc, &a, &b))
        return;
    const char *what = gt_arena_printf(m->arena,
                                       "%s (counter %d) and %s (counter %d) move alike: if they count one energy twice, the "
                                       "total is too high",
                                       fold->desc.domains[a].name, a, fold->desc.domains[b].name, b);
    m->failed = m->failed || !what;
    add_event(m, rows, count, GT_EVENT_COUNTER, what, GT_UNKNOWN);
}

/* Gaps that found no place in the list. */
static void dropped_gaps_event(struct making *m, struct gt_event_record *rows, size_t *count)
{
    if (m->input->fold->gaps_dropped)
        add_event(m, rows, count, "gaps not listed", "counters were at fault more often than a run keeps",
                  number(m->input->fold->gaps_dropped));
}

static void fill_events(struct making *m)
{
    const struct gt_runfold_input *traces = m->input->traces;
    size_t room = traces->run ? traces->run->info->loss_count + traces->run->info->note_count + 1 : 0, count = 0;
    for (size_t i = 0; i < traces->process_count; i++)
        room += traces->processes[i].info->loss_count + traces->processes[i].info->note_count + 1;
    room += 2 + WINDOW_REASONS + COUNTER_REASONS * (size_t)m->input->fold->desc.domain_count;
    struct gt_event_record *rows = take(m, room, sizeof *rows);
    if (!rows)
        return;
    window_events(m, rows, &count);
    counter_events(m, rows, &count);
    alike_event(m, rows, &count);
    dropped_gaps_event(m, rows, &count);
    if (traces->run)
        trace_events(m, traces->run->info, rows, &count);
    for (size_t i = 0; i < traces->process_count; i++)
        trace_events(m, traces->processes[i].info, rows, &count);
    m->run->events = rows;
    m->run->event_count = count;
}

/* --- attribution ------------------------------------------------------------------------------------------------------ */

static struct gt_figure_uj figure(bool known, const struct gt_uj *uj)
{
    if (!known)
        return (struct gt_figure_uj){GT_UNKNOWN, GT_UNKNOWN, GT_UNKNOWN};
    return (struct gt_figure_uj){uj->uj, uj->lo_uj, uj->hi_uj};
}

bool gt_runrecord_attribution(const struct gt_attribution *a, bool unit_hooks, struct gt_arena *arena,
                              struct gt_attribution_record *out)
{
    bool known = a->known, window = known && a->window_ns > 0, units = window && a->units_known && unit_hooks;
    bool machine = a->provenance != GT_PROVENANCE_MODELLED; /* a model of this job's CPU time has not seen the machine */
    const struct gt_wattage *row = a->wattage;
    *out = (struct gt_attribution_record){
        .method = gt_arena_strdup(arena, a->method),
        .version = a->version,
        .kind = gt_bounds_word(a->kind),
        .provenance = gt_provenance_word(a->provenance),
        .window_ns = number(a->window_ns),
        .covered_ns = number(a->covered_ns),
        .window_cpu_ns = number(a->window_cpu_ns),
        .cpu_share = machine && a->share_known ? a->cpu_share : NAN,
        .gap_share = known ? a->gap_share : NAN,
        .idle_known = a->idle_known,
        .inference = figure(window, &a->closure.inference),
        .units = figure(units, &a->closure.units),
        .framework = figure(units, &a->closure.framework),
        .idle = figure(window && a->idle_known, &a->closure.idle),
        .others = figure(window && machine, &a->closure.others),
        .unattributed = figure(window, &a->closure.unattributed),
        .total = figure(window, &a->closure.total),
        .unattributed_flag = window && a->closure.unattributed_flag,
        .run_total = figure(known && machine, &a->run_total),
        .run_job = figure(known, &a->run_job),
        .refusal = a->refusal,
        .refreshes = number_if(a->regression.intervals > 0, a->regression.intervals),
        .refresh_sigma_ns = a->regression.intervals ? a->regression.sigma_ns : NAN,
        .noise_uj = a->regression.intervals ? 1e6 * a->regression.noise_j : NAN,
        .spread_w = a->regression.intervals ? a->regression.spread_w : NAN,
        .inflation = a->regression.intervals ? a->regression.inflation : NAN,
        .model_row = row ? gt_arena_printf(arena, "%s (%s, %d)", row->family, row->source, row->year) : NULL,
    };
    return out->method && (!row || out->model_row);
}

/* --- what measuring cost ------------------------------------------------------------------------------------------------- */

static int64_t hooks_of(const struct gt_run_record *run)
{
    int64_t hooks = 0;
    for (size_t i = 0; i < run->model_count; i++) {
        const struct gt_run_model_record *part = &run->models[i];
        if (part->counted && strcmp(part->counted, "observed") == 0)
            hooks += part->calls;
        for (size_t k = 0; k < part->unit_count; k++)
            hooks += part->units[k].calls;
    }
    return hooks;
}

/* Once the models are there. */
static void fill_overhead(struct making *m)
{
    const struct gt_runfold_input *traces = m->input->traces;
    struct gt_overhead_record *o = &m->run->overhead;
    int64_t tried = 0;
    double sum = 0;
    *o = (struct gt_overhead_record){GT_UNKNOWN, GT_UNKNOWN, hooks_of(m->run), NAN};
    if (traces->run && traces->run->info->has_overhead)
        o->sampler_cpu_ns = number(traces->run->info->overhead_cpu_ns);
    for (size_t i = 0; i < traces->process_count; i++) {
        const struct gt_trace_info *info = traces->processes[i].info;
        if (info->has_overhead)
            o->plugin_cpu_ns = (o->plugin_cpu_ns == GT_UNKNOWN ? 0 : o->plugin_cpu_ns) + number(info->overhead_cpu_ns);
        if (!isnan(info->hook_ns)) {
            sum += info->hook_ns;
            tried++;
        }
    }
    if (tried > 0)
        o->hook_ns = sum / (double)tried;
}

enum gt_status gt_runrecord_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_runrecord *record,
                                 struct gt_err *err)
{
    *record = (struct gt_runrecord){0};
    struct making m = {.input = input, .arena = arena, .run = &record->run};
    fill_identity(&m);
    fill_host(&m);
    fill_times(&m);
    fill_cpu(&m);
    fill_source(&m);
    fill_gaps(&m);
    fill_processes(&m);
    fill_events(&m);
    if (!gt_runrecord_attribution(&input->fold->attribution, m.run->unit_hooks, arena, &m.run->attribution))
        m.failed = true;
    record->run.trace = input->fold->kept;
    record->run.trace_bytes = input->fold->kept_bytes;
    const struct gt_fold_claims *claims = &input->traces->claims;
    record->run.shares = (struct gt_shares_record){(int64_t)claims->first, claims->count, claims->mine};
    if (m.failed)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    enum gt_status status = gt_runmodels_make(input, arena, record, err);
    fill_overhead(&m);
    return status == GT_OK ? gt_runcounters_make(input, arena, &record->run, err) : status;
}
