/* Everything about one run. */
#include "reports/members.h"
#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { LAYERS_SHOWN = 10 };

struct showing {
    struct gt_tracker *tracker;
    struct gt_store *store;
    const struct gt_run_record *run;
    struct gt_document *document;
    struct gt_err *err;
};

static void add_identity(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"id", "run", GT_Q_TEXT, 0},
        {"role", NULL, GT_Q_TEXT, 0},
        {"state", NULL, GT_Q_TEXT, 0},
        {"command", NULL, GT_Q_TEXT, 0},
        {"tags", NULL, GT_Q_TEXT, 0},
        {"begin", NULL, GT_Q_DATE, 0},
        {"ns", "time", GT_Q_TIME_NS, 0},
        {"seconds", NULL, GT_Q_TIME_S, GT_COLUMN_DATA_ONLY},
        {"exit_status", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
        {"exit_signal", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
        {"exit", "exit status", GT_Q_TEXT, GT_COLUMN_TEXT_ONLY},
        {"cpu_ns", "CPU time", GT_Q_TIME_NS, 0},
        {"parent", NULL, GT_Q_TEXT, 0},
        {"series", NULL, GT_Q_TEXT, 0},
        {"round", NULL, GT_Q_INTEGER, 0},
        {"link", "outlived", GT_Q_TEXT, 0},
        {"unit_hooks", "unit hooks", GT_Q_TEXT, 0},
        {"annotation_unused", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"host", "host class", GT_Q_TEXT, 0},
        {"host_text", "host", GT_Q_TEXT, 0},
        {"boot_id", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"machine_busy_begin_ns", NULL, GT_Q_TIME_NS, GT_COLUMN_DATA_ONLY},
        {"machine_busy_end_ns", NULL, GT_Q_TIME_NS, GT_COLUMN_DATA_ONLY},
        {"machine_total_begin_ns", NULL, GT_Q_TIME_NS, GT_COLUMN_DATA_ONLY},
        {"machine_total_end_ns", NULL, GT_Q_TIME_NS, GT_COLUMN_DATA_ONLY},
        {"attributed_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
        {"attributed_lo_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
        {"attributed_hi_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
    };
    const struct gt_run_record *run = s->run;
    const struct gt_figure_uj *job = &run->attribution.run_job;
    const struct gt_value values[COUNT(columns)] = {
        gt_value_text(run->id),
        gt_value_text(run->role),
        gt_value_text(run->state),
        gt_value_text(run->command),
        gt_value_text(run->tags),
        gt_output_known(run->begin_real_ns),
        gt_output_known(run->end_ns == GT_UNKNOWN ? GT_UNKNOWN : run->end_ns - run->begin_ns),
        gt_value_f64_if(run->end_ns != GT_UNKNOWN, (double)(run->end_ns - run->begin_ns) * 1e-9),
        gt_output_known(run->exit_status),
        gt_output_known(run->exit_signal),
        gt_value_text(gt_output_ending(&s->tracker->arena, run->exit_status, run->exit_signal)),
        gt_output_known(run->cpu_ns),
        gt_value_text(run->parent),
        gt_value_text(run->series),
        gt_output_known(run->round),
        gt_value_text(run->link),
        gt_value_bool(run->unit_hooks),
        gt_value_bool(run->annotation_unused),
        gt_value_text(run->host.id),
        gt_value_text(run->host.text),
        gt_value_text(run->boot_id),
        gt_output_known(run->machine_busy_begin_ns),
        gt_output_known(run->machine_busy_end_ns),
        gt_output_known(run->machine_total_begin_ns),
        gt_output_known(run->machine_total_end_ns),
        gt_output_known(job->uj),
        gt_output_known(job->lo_uj),
        gt_output_known(job->hi_uj),
    };
    gt_section_row(gt_document_section(s->document, GT_SECTION_FIELDS, NULL, NULL, columns, COUNT(columns)), values,
                   COUNT(values));
}

static void add_energy(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"job", "the job's part", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY},
        {"job_lo", "from", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY},
        {"job_hi", "to", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY},
        {"machine", "the machine", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY},
        {"machine_lo", "from", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY | GT_COLUMN_OPTIONAL},
        {"machine_hi", "to", GT_Q_ENERGY_UJ, GT_COLUMN_TEXT_ONLY | GT_COLUMN_OPTIONAL},
        {"uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
        {"lo_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
        {"hi_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
        {"kind", "bounds", GT_Q_TEXT, 0},
        {"provenance", NULL, GT_Q_TEXT, 0},
        {"source", NULL, GT_Q_TEXT, 0},
        {"boundary", NULL, GT_Q_TEXT, 0},
        {"wattage_row", "wattage row", GT_Q_TEXT, 0},
        {"cpu_share", "share of busy CPU time", GT_Q_SHARE, 0},
        {"idle_known", "idle power known", GT_Q_TEXT, 0},
        {"method", NULL, GT_Q_TEXT, 0},
        {"method_version", "method version", GT_Q_INTEGER, 0},
        {"refusal", "units by time, since", GT_Q_TEXT, 0},
        {"refreshes", "refreshes of the counter", GT_Q_INTEGER, 0},
        {"refresh_sigma_ns", "their times, known to", GT_Q_TIME_NS, 0},
        {"noise_uj", "noise of one", GT_Q_ENERGY_UJ, 0},
        {"spread_w", "spread of units' power, W", GT_Q_REAL, 0},
        {"inflation", "noise, long-run over white", GT_Q_REAL, GT_COLUMN_DATA_ONLY},
    };
    const struct gt_run_record *run = s->run;
    const struct gt_attribution_record *a = &run->attribution;
    /* The model's boundary is the job itself: it has seen no other energy. */
    bool modelled = a->provenance && strcmp(a->provenance, "modelled") == 0;
    const struct gt_figure_uj *gross = modelled ? &a->run_job : &a->run_total;
    const struct gt_value values[COUNT(columns)] = {
        gt_output_known(a->run_job.uj),
        gt_output_known(a->run_job.lo_uj),
        gt_output_known(a->run_job.hi_uj),
        gt_output_known(a->run_total.uj),
        gt_output_known(a->run_total.lo_uj),
        gt_output_known(a->run_total.hi_uj),
        gt_output_known(gross->uj),
        gt_output_known(gross->lo_uj),
        gt_output_known(gross->hi_uj),
        gt_value_text(a->kind),
        gt_value_text(run->provenance),
        gt_value_text(run->source),
        gt_value_text(run->boundary),
        gt_value_text(a->model_row),
        gt_value_f64(a->cpu_share),
        gt_value_bool(a->idle_known),
        gt_value_text(a->method),
        gt_value_i64(a->version),
        gt_value_text(a->refusal),
        gt_output_known(a->refreshes),
        gt_value_f64(a->refresh_sigma_ns),
        gt_value_f64(a->noise_uj),
        gt_value_f64(a->spread_w),
        gt_value_f64(a->inflation),
    };
    gt_section_row(
        gt_document_section(s->document, GT_SECTION_FIELDS, "energy", "energy of the whole run", columns, COUNT(columns)),
        values, COUNT(values));
}

/*
 * What measuring cost, as a share of one core over the run's time. What is not known is left out of it: a run without the
 * plugin has no hooks, one without greentrack run no sampler outside.
 */
static void add_overhead(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"sampler_cpu_ns", "CPU time of greentrack run", GT_Q_TIME_NS, 0},
        {"plugin_cpu_ns", "CPU time of the plugin's threads", GT_Q_TIME_NS, 0},
        {"hooks", NULL, GT_Q_INTEGER, 0},
        {"hook_ns", "one hook, estimated", GT_Q_TIME_NS, 0},
        {"share", "together, of one core", GT_Q_SHARE, 0},
    };
    const struct gt_run_record *run = s->run;
    const struct gt_overhead_record *o = &run->overhead;
    bool sampler = o->sampler_cpu_ns != GT_UNKNOWN, plugin = o->plugin_cpu_ns != GT_UNKNOWN;
    double ns = (sampler ? (double)o->sampler_cpu_ns : 0) + (plugin ? (double)o->plugin_cpu_ns : 0) +
                (o->hooks > 0 && !isnan(o->hook_ns) ? (double)o->hooks * o->hook_ns : 0);
    bool timed = (sampler || plugin) && run->end_ns != GT_UNKNOWN && run->end_ns > run->begin_ns;
    const struct gt_value values[COUNT(columns)] = {
        gt_output_known(o->sampler_cpu_ns),
        gt_output_known(o->plugin_cpu_ns),
        gt_output_known(o->hooks),
        gt_value_f64(o->hook_ns),
        gt_value_f64_if(timed, ns / (double)(run->end_ns - run->begin_ns)),
    };
    gt_section_row(
        gt_document_section(s->document, GT_SECTION_FIELDS, "overhead", "what measuring cost", columns, COUNT(columns)), values,
        COUNT(values));
}

/* When counters could not be trusted; the energy's bounds hold what they may have missed. */
static void add_gaps(struct showing *s)
{
    static const struct gt_column columns[] = {{"from_ns", "from", GT_Q_TIME_NS, 0},
                                               {"to_ns", "to", GT_Q_TIME_NS, 0},
                                               {"domain", NULL, GT_Q_TEXT, 0},
                                               {"reason", NULL, GT_Q_TEXT, 0}};
    struct gt_section *section = gt_document_section(s->document, GT_SECTION_TABLE, "gaps",
                                                     "gaps of the counters, since the run began", columns, COUNT(columns));
    if (section)
        section->inside = "energy";
    for (size_t i = 0; i < s->run->gap_count; i++) {
        const struct gt_gap_record *gap = &s->run->gaps[i];
        const struct gt_value values[COUNT(columns)] = {gt_output_known(gap->from_ns), gt_output_known(gap->to_ns),
                                                        gt_value_text(gap->domain), gt_value_text(gap->reason)};
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_closure(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"inference_uj", "inferences", GT_Q_ENERGY_UJ, 0},  {"units_uj", "  their units", GT_Q_ENERGY_UJ, 0},
        {"framework_uj", "  framework", GT_Q_ENERGY_UJ, 0}, {"idle_uj", "idle", GT_Q_ENERGY_UJ, 0},
        {"others_uj", "others", GT_Q_ENERGY_UJ, 0},         {"unattributed_uj", "unattributed", GT_Q_ENERGY_UJ, 0},
        {"total_uj", "total", GT_Q_ENERGY_UJ, 0},           {"unattributed_flag", "unattributed above 5 %", GT_Q_TEXT, 0},
        {"window_ns", "window", GT_Q_TIME_NS, 0},
    };
    const struct gt_attribution_record *a = &s->run->attribution;
    struct gt_section *section = gt_document_section(s->document, GT_SECTION_FIELDS, "closure",
                                                     "from the first inference to the last", columns, COUNT(columns));
    if (a->total.uj == GT_UNKNOWN)
        return;
    /* earlier versions stored 0 for what is not known */
    int64_t idle = a->idle_known ? a->idle.uj : GT_UNKNOWN;
    int64_t others = a->provenance && strcmp(a->provenance, "modelled") == 0 ? GT_UNKNOWN : a->others.uj;
    const struct gt_value values[COUNT(columns)] = {
        gt_output_known(a->inference.uj), gt_output_known(a->units.uj),
        gt_output_known(a->framework.uj), gt_output_known(idle),
        gt_output_known(others),          gt_output_known(a->unattributed.uj),
        gt_output_known(a->total.uj),     gt_value_bool(a->unattributed_flag),
        gt_output_known(a->window_ns),
    };
    gt_section_row(section, values, COUNT(values));
}

/* All records of the run, the current one first; for people only where there are several. */
static void add_attributions(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"method", NULL, GT_Q_TEXT, 0},
        {"version", NULL, GT_Q_INTEGER, 0},
        {"current", NULL, GT_Q_TEXT, 0},
        {"energy_uj", "the job's part", GT_Q_ENERGY_UJ, 0},
        {"inference_uj", "inferences", GT_Q_ENERGY_UJ, 0},
        {"total_uj", "total of the window", GT_Q_ENERGY_UJ, 0},
    };
    struct gt_attribution_record *rows = NULL;
    size_t count = 0;
    struct gt_err err = {0};
    if (gt_store_get_attributions(s->store, s->run->id, &s->tracker->arena, &rows, &count, &err) != GT_OK)
        count = 0;
    if (count < 2 && s->tracker->format == GT_FORMAT_TEXT)
        return;
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "attributions", "attributions", columns, COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        const struct gt_value values[COUNT(columns)] = {
            gt_value_text(rows[i].method),       gt_value_i64(rows[i].version),         gt_value_bool(i == 0),
            gt_output_known(rows[i].run_job.uj), gt_output_known(rows[i].inference.uj), gt_output_known(rows[i].total.uj),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

/* With the units that this run has executed. */
static const struct gt_model_record *model_of(struct showing *s, const struct gt_run_model_record *part)
{
    struct gt_model_record *model;
    struct gt_err err = {0};
    return gt_store_get_model_of(s->store, part, &s->tracker->arena, &model, &err) == GT_OK ? model : NULL;
}

static void add_models(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"model", NULL, GT_Q_TEXT, 0},
        {"family", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"phi", NULL, GT_Q_REAL, GT_COLUMN_DATA_ONLY},
        {"digest", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"weights", NULL, GT_Q_TEXT, 0},
        {"macs", "MACs", GT_Q_COUNT, 0},
        {"params", "parameters", GT_Q_COUNT, 0},
        {"inferences", NULL, GT_Q_INTEGER, 0},
        {"counted", NULL, GT_Q_TEXT, 0},
        {"calls", NULL, GT_Q_INTEGER, 0},
        {"threads", NULL, GT_Q_INTEGER, 0},
        {"batch", NULL, GT_Q_INTEGER, 0},
        {"execution", NULL, GT_Q_TEXT, 0},
        {"precision", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"runtime", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"runtime_version", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"uj_per_inference", "energy of one", GT_Q_ENERGY_UJ, 0},
        {"lo_uj", "from", GT_Q_ENERGY_UJ, 0},
        {"hi_uj", "to", GT_Q_ENERGY_UJ, 0},
        {"seconds_per_inference", "time of one", GT_Q_TIME_S, 0},
    };
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "models", "models", columns, COUNT(columns));
    for (size_t i = 0; i < s->run->model_count; i++) {
        const struct gt_run_model_record *part = &s->run->models[i];
        const struct gt_model_record *model = model_of(s, part);
        const struct gt_value values[COUNT(columns)] = {
            gt_value_text(model ? model->name : NULL),
            gt_value_text(model ? model->family : NULL),
            gt_value_f64(model ? model->phi : NAN),
            gt_value_text(part->model),
            gt_value_text(model ? model->weights : NULL),
            gt_output_known(model ? model->macs : GT_UNKNOWN),
            gt_output_known(model ? model->params : GT_UNKNOWN),
            gt_output_known(part->inferences),
            gt_value_text(part->counted),
            gt_output_known(part->calls),
            gt_output_known(part->threads),
            gt_output_known(part->batch),
            gt_value_text(part->execution),
            gt_value_text(part->precision),
            gt_value_text(part->runtime),
            gt_value_text(part->runtime_version),
            gt_value_f64(part->uj_per_inference),
            gt_value_f64(part->lo_uj),
            gt_value_f64(part->hi_uj),
            gt_value_f64(part->seconds_per_inference),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

static const struct gt_column layer_columns[] = {
    {"model", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"name", "layer", GT_Q_TEXT, GT_COLUMN_ELASTIC},
    {"op", NULL, GT_Q_TEXT, 0},
    {"region", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"calls", NULL, GT_Q_INTEGER, 0},
    {"ns_per_call", "time", GT_Q_TIME_NS, 0},
    {"uj_per_call", "energy", GT_Q_ENERGY_UJ, 0},
    {"lo_uj", "from", GT_Q_ENERGY_UJ, 0},
    {"hi_uj", "to", GT_Q_ENERGY_UJ, 0},
    {"share", NULL, GT_Q_SHARE, 0},
    {"bar", "", GT_Q_BAR, GT_COLUMN_TEXT_ONLY},
    {"watts", "W", GT_Q_REAL, 0},
    {"resolution", NULL, GT_Q_TEXT, 0},
    {"group", NULL, GT_Q_INTEGER, 0},
    {"group_uj", "group's energy", GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
    {"group_lo_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
    {"group_hi_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
    {"macs", "MACs", GT_Q_COUNT, 0},
    {"input", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"output", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
};

static const struct gt_unit_record *unit_of(const struct gt_model_record *model, int64_t index)
{
    for (size_t i = 0; model && i < model->unit_count; i++)
        if (model->units[i].index == index)
            return &model->units[i];
    return NULL;
}

static void add_layer(struct gt_section *section, const struct gt_model_record *model, const struct gt_unit_energy_record *row)
{
    const struct gt_unit_record *unit = unit_of(model, row->index);
    const struct gt_value values[COUNT(layer_columns)] = {
        gt_value_text(model ? model->name : NULL),
        gt_value_text(unit ? unit->name : NULL),
        gt_value_text(unit ? unit->op : NULL),
        gt_value_bool(unit && unit->region),
        gt_output_known(row->calls),
        gt_value_f64_if(row->calls > 0, (double)row->ns / (double)row->calls),
        gt_value_f64(row->uj_per_call),
        gt_value_f64(row->lo_uj),
        gt_value_f64(row->hi_uj),
        gt_value_f64(row->share),
        gt_value_f64(row->share),
        gt_value_f64_if(row->ns > 0, 1e3 * row->uj_per_call * (double)row->calls / (double)row->ns),
        gt_value_text(row->resolution),
        gt_output_known(row->group),
        gt_value_f64(row->group_uj),
        gt_value_f64(row->group_lo_uj),
        gt_value_f64(row->group_hi_uj),
        gt_output_known(unit ? unit->macs : GT_UNKNOWN),
        gt_value_text(unit ? unit->shape_in : NULL),
        gt_value_text(unit ? unit->shape_out : NULL),
    };
    gt_section_row(section, values, COUNT(values));
}

static int by_share(const void *a, const void *b)
{
    const struct gt_unit_energy_record *x = a, *y = b;
    return x->share != y->share ? (x->share < y->share) - (x->share > y->share) : (x->index > y->index) - (x->index < y->index);
}

/* The units of one part, costliest first. NULL when memory is out. */
static const struct gt_unit_energy_record *sorted_units(struct showing *s, const struct gt_run_model_record *part)
{
    struct gt_unit_energy_record *rows = gt_arena_alloc(&s->tracker->arena, part->unit_count + 1, sizeof *rows);
    if (rows && part->unit_count > 0) {
        memcpy(rows, part->units, part->unit_count * sizeof *rows);
        qsort(rows, part->unit_count, sizeof *rows, by_share);
    }
    return rows;
}

/* Of the layers shown, those of each model, in the same order. */
static size_t collect_members(struct showing *s, const struct gt_model_record *model, const struct gt_unit_energy_record *rows,
                              size_t count, struct gt_report_members *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const struct gt_unit_record *unit = unit_of(model, rows[i].index);
        const struct gt_report_member *members = unit ? gt_report_members_of(unit, &s->tracker->arena) : NULL;
        if (members)
            out[n++] = (struct gt_report_members){model->name, unit->index, unit->name, members, unit->member_count};
    }
    return n;
}

/* Costliest first; text shows the first few of each model unless --all. */
static void add_layers(struct showing *s)
{
    bool all = s->tracker->format != GT_FORMAT_TEXT || gt_tracker_given(s->tracker, GT_OPT_ALL);
    struct gt_section *section = gt_document_section(s->document, GT_SECTION_TABLE, "layers", "layers, costliest first",
                                                     layer_columns, COUNT(layer_columns));
    size_t room = 0, count = 0;
    for (size_t i = 0; i < s->run->model_count; i++)
        room += s->run->models[i].unit_count;
    struct gt_report_members *members = gt_arena_alloc(&s->tracker->arena, room + 1, sizeof *members);
    for (size_t i = 0; members && i < s->run->model_count; i++) {
        const struct gt_run_model_record *part = &s->run->models[i];
        const struct gt_model_record *model = model_of(s, part);
        const struct gt_unit_energy_record *rows = sorted_units(s, part);
        size_t shown = all || part->unit_count < LAYERS_SHOWN ? part->unit_count : LAYERS_SHOWN;
        for (size_t k = 0; rows && k < shown; k++)
            add_layer(section, model, &rows[k]);
        count += rows ? collect_members(s, model, rows, shown, members + count) : 0;
    }
    if (members)
        gt_report_members_section(s->document, &s->tracker->arena, members, count, count);
}

/* What a domain used, with what its gaps are taken to hold; earlier versions kept what its readings show alone. */
static void add_domains(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"name", "counter", GT_Q_TEXT, 0},       {"source", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"uj", "energy", GT_Q_ENERGY_UJ, 0},     {"lo_uj", "least", GT_Q_ENERGY_UJ, 0},
        {"hi_uj", "most", GT_Q_ENERGY_UJ, 0},    {"additive", NULL, GT_Q_TEXT, 0},
        {"first_raw", "first", GT_Q_INTEGER, 0}, {"last_raw", "last", GT_Q_INTEGER, 0},
        {"wraps", NULL, GT_Q_INTEGER, 0},        {"gaps", NULL, GT_Q_INTEGER, 0},
        {"gap_ns", "gap", GT_Q_TIME_NS, 0},      {"counted_uj", NULL, GT_Q_ENERGY_UJ, GT_COLUMN_DATA_ONLY},
    };
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "domains", "energy counters", columns, COUNT(columns));
    for (size_t i = 0; i < s->run->counter_count; i++) {
        const struct gt_counter_record *c = &s->run->counters[i];
        const struct gt_value values[COUNT(columns)] = {
            gt_value_text(c->domain),
            gt_value_text(s->run->source),
            gt_output_known(c->uj != GT_UNKNOWN ? c->uj : c->total_uj),
            gt_output_known(c->lo_uj),
            gt_output_known(c->hi_uj),
            gt_value_bool(c->additive),
            gt_output_known(c->first_raw),
            gt_output_known(c->last_raw),
            gt_output_known(c->wraps),
            gt_output_known(c->gaps),
            gt_output_known(c->gap_ns),
            gt_output_known(c->total_uj),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

/* Of the whole run. `counted`: the part of the time that the event had a counter; below 1 the value is scaled up. */
static void add_run_counters(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"name", NULL, GT_Q_TEXT, 0},
        {"value", NULL, GT_Q_INTEGER, 0},
        {"counted", NULL, GT_Q_SHARE, 0},
        {"enabled_ns", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
        {"running_ns", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
        {"scope", NULL, GT_Q_TEXT, 0},
        {"reason", "absent", GT_Q_TEXT, 0},
    };
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "event_counters", "event counters", columns, COUNT(columns));
    for (size_t i = 0; i < s->run->run_counter_count; i++) {
        const struct gt_run_counter_record *c = &s->run->run_counters[i];
        const struct gt_value values[COUNT(columns)] = {
            gt_value_text(c->name),
            gt_output_known(c->value),
            gt_value_f64_if(c->enabled_ns > 0, (double)c->running_ns / (double)c->enabled_ns),
            gt_output_known(c->enabled_ns),
            gt_output_known(c->running_ns),
            gt_value_text(c->scope),
            gt_value_text(c->reason),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

/* The layer's name; an inference as a whole has none. */
static const char *counted_name(struct showing *s, const struct gt_unit_counter_record *c, const char **model_name)
{
    const struct gt_model_record *model = NULL;
    if (c->part >= 0 && (size_t)c->part < s->run->model_count)
        model = model_of(s, &s->run->models[c->part]);
    const struct gt_unit_record *unit = unit_of(model, c->index);
    *model_name = model ? model->name : NULL;
    return unit ? unit->name : NULL;
}

static void add_unit_counters(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"model", NULL, GT_Q_TEXT, 0},    {"layer", NULL, GT_Q_TEXT, GT_COLUMN_ELASTIC},   {"counter", NULL, GT_Q_TEXT, 0},
        {"calls", NULL, GT_Q_INTEGER, 0}, {"value", NULL, GT_Q_REAL, GT_COLUMN_DATA_ONLY}, {"per_call", NULL, GT_Q_REAL, 0},
        {"counted", NULL, GT_Q_SHARE, 0},
    };
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "unit_counters",
                            "event counters of layers, of the calls that were counted", columns, COUNT(columns));
    for (size_t i = 0; i < s->run->unit_counter_count; i++) {
        const struct gt_unit_counter_record *c = &s->run->unit_counters[i];
        const char *model, *name = counted_name(s, c, &model);
        const struct gt_value values[COUNT(columns)] = {
            gt_value_text(model),
            gt_value_text(c->index == GT_UNKNOWN ? "(inference)" : name),
            gt_value_text(c->name),
            gt_output_known(c->calls),
            gt_value_f64(c->value),
            gt_value_f64_if(c->calls > 0, c->value / (double)c->calls),
            gt_value_f64_if(c->enabled_ns > 0, (double)c->running_ns / (double)c->enabled_ns),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_processes(struct showing *s)
{
    static const struct gt_column columns[] = {{"pid", NULL, GT_Q_INTEGER, 0},
                                               {"state", NULL, GT_Q_TEXT, 0},
                                               {"exe", NULL, GT_Q_TEXT, 0},
                                               {"command", NULL, GT_Q_TEXT, 0}};
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "processes", "processes seen from inside", columns, COUNT(columns));
    for (size_t i = 0; i < s->run->process_count; i++) {
        const struct gt_process_record *p = &s->run->processes[i];
        const struct gt_value values[] = {gt_output_known(p->pid), gt_value_text(p->state), gt_value_text(p->exe),
                                          gt_value_text(p->command)};
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_events(struct showing *s)
{
    static const struct gt_column columns[] = {
        {"kind", NULL, GT_Q_TEXT, 0}, {"count", NULL, GT_Q_INTEGER, 0}, {"text", NULL, GT_Q_TEXT, 0}};
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "events", "losses and notes", columns, COUNT(columns));
    if (s->run->annotation_unused) {
        const struct gt_value values[] = {gt_value_text("annotation"), gt_output_known(GT_UNKNOWN),
                                          gt_value_text(GT_OUTPUT_ANNOTATION_UNUSED)};
        gt_section_row(section, values, COUNT(values));
    }
    for (size_t i = 0; i < s->run->event_count; i++) {
        const struct gt_event_record *e = &s->run->events[i];
        const struct gt_value values[] = {gt_value_text(e->kind), gt_output_known(e->count), gt_value_text(e->text)};
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_children(struct showing *s)
{
    static const struct gt_column columns[] = {{"id", "run", GT_Q_TEXT, 0}};
    const char **ids;
    size_t count;
    struct gt_section *section =
        gt_document_section(s->document, GT_SECTION_TABLE, "children", "runs inside", columns, COUNT(columns));
    if (gt_store_child_runs(s->store, s->run->id, &s->tracker->arena, &ids, &count, s->err) != GT_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct gt_value values[] = {gt_value_text(ids[i])};
        gt_section_row(section, values, 1);
    }
}

static enum gt_status load(struct showing *s)
{
    const struct gt_args *args = s->tracker->args;
    const char *id;
    struct gt_run_record *run;
    enum gt_status status = gt_storeopen(s->tracker, GT_STORE_READ, &s->store, s->err);
    if (status == GT_OK)
        status = gt_storeopen_run(s->tracker, s->store, args->operand_count ? args->operands[0] : "last", &id, s->err);
    if (status == GT_OK)
        status = gt_store_get_run(s->store, id, &s->tracker->arena, &run, s->err);
    if (status == GT_OK)
        s->run = run;
    return status;
}

int gt_cmd_show(struct gt_tracker *tracker)
{
    struct gt_err err = {0};
    struct gt_document document;
    struct showing s = {.tracker = tracker, .document = &document, .err = &err};
    enum gt_status status = load(&s);
    if (status != GT_OK) {
        gt_store_close(s.store);
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    gt_document_init(&document, &tracker->arena, "show");
    add_identity(&s);
    add_energy(&s);
    add_gaps(&s);
    add_closure(&s);
    add_overhead(&s);
    add_attributions(&s);
    add_models(&s);
    add_layers(&s);
    add_domains(&s);
    add_run_counters(&s);
    add_unit_counters(&s);
    add_processes(&s);
    add_children(&s);
    add_events(&s);
    gt_store_close(s.store);
    return gt_output_document(tracker, &document);
}
