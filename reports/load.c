/* From the store to facts: which model was meant, its family, accuracies and runs, and the layers of one run. */
#include "core/text.h"
#include "reports/facts.h"
#include "reports/members.h"
#include "sqlite/store.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct load {
    struct gt_store *store;
    struct gt_arena *arena;
    const struct gt_report_query *query;
    struct gt_report *report;
    struct gt_err *err;
    struct gt_facts facts;
    struct gt_facts_model *models;
    struct gt_facts_accuracy *accuracies;
    struct gt_facts_run *runs;
};

static enum gt_status no_memory(struct load *l)
{
    return gt_err_set(l->err, GT_E_NOMEM, "out of memory for the report");
}

static uint64_t count_of(int64_t value)
{
    return value == GT_UNKNOWN || value < 0 ? 0 : (uint64_t)value;
}

static bool known(int64_t value)
{
    return value != GT_UNKNOWN;
}

/* --- which model */

/* Distinct names of models, in the store's order, into report->candidates. */
static enum gt_status list_candidates(struct load *l, const struct gt_model_record *models, size_t count)
{
    const char **names = gt_arena_alloc(l->arena, count + 1, sizeof *names);
    size_t n = 0;
    if (!names)
        return no_memory(l);
    for (size_t i = 0; i < count; i++) {
        bool seen = false;
        const char *name = models[i].name ? models[i].name : models[i].digest;
        for (size_t k = 0; k < n; k++)
            seen = seen || strcmp(names[k], name) == 0;
        if (!seen)
            names[n++] = name;
    }
    l->report->candidates = names;
    l->report->candidate_count = n;
    return GT_OK;
}

/* The candidates, escaped, for an error's text. */
static const char *candidates_text(struct load *l)
{
    const char *out = "";
    for (size_t i = 0; i < l->report->candidate_count && out; i++) {
        char name[128];
        gt_text_escape(name, sizeof name, l->report->candidates[i], SIZE_MAX);
        out = gt_arena_printf(l->arena, "%s%s%s", out, i ? ", " : "", name);
    }
    return out ? out : "";
}

static enum gt_status refuse_unknown(struct load *l, const char *label)
{
    struct gt_model_record *all;
    size_t count;
    enum gt_status status = gt_store_find_models(l->store, NULL, l->arena, &all, &count, l->err);
    if (status == GT_OK)
        status = list_candidates(l, all, count);
    if (status != GT_OK)
        return status;
    if (count == 0)
        return gt_err_set(l->err, GT_E_NOENT, "no model '%s': the store has none yet; greentrack eval --model NAME records one",
                          label);
    return gt_err_set(l->err, GT_E_NOENT, "no model '%s'; the store has: %s", label, candidates_text(l));
}

/* The model that the label means: the only name that fits, and of several files under it the most recently run. */
static enum gt_status find_selected(struct load *l, struct gt_model_record *selected)
{
    struct gt_model_record *found;
    size_t count;
    char label[128];
    gt_text_escape(label, sizeof label, l->query->model, SIZE_MAX);
    enum gt_status status = gt_store_find_models(l->store, l->query->model, l->arena, &found, &count, l->err);
    if (status == GT_OK && count == 0)
        return refuse_unknown(l, label);
    if (status == GT_OK)
        status = list_candidates(l, found, count);
    if (status != GT_OK)
        return status;
    if (l->report->candidate_count > 1)
        return gt_err_set(l->err, GT_E_AMBIGUOUS, "'%s' could be any of: %s", label, candidates_text(l));
    *selected = found[0];
    return GT_OK;
}

/* Distinct families in the store, in its order, into report->candidates. */
static enum gt_status list_families(struct load *l)
{
    struct gt_model_record *all;
    size_t count, n = 0;
    enum gt_status status = gt_store_find_models(l->store, NULL, l->arena, &all, &count, l->err);
    const char **names = status == GT_OK ? gt_arena_alloc(l->arena, count + 1, sizeof *names) : NULL;
    if (status == GT_OK && !names)
        return no_memory(l);
    for (size_t i = 0; status == GT_OK && i < count; i++) /* ordered by family */
        if (all[i].family && (n == 0 || strcmp(names[n - 1], all[i].family) != 0))
            names[n++] = all[i].family;
    l->report->candidates = names;
    l->report->candidate_count = n;
    return status;
}

/* Of the candidates those that have `part` in their name; that of this very name alone, if there is one. */
static void keep_families(struct load *l, const char *part, const char **names)
{
    size_t n = 0;
    for (size_t i = 0; i < l->report->candidate_count; i++) {
        const char *name = l->report->candidates[i];
        if (strcmp(name, part) == 0) {
            names[0] = name;
            n = 1;
            break;
        }
        if (*part && strstr(name, part))
            names[n++] = name;
    }
    l->report->candidates = names;
    l->report->candidate_count = n;
}

static enum gt_status find_family(struct load *l, const char **family)
{
    char label[128];
    enum gt_status status = list_families(l);
    if (status != GT_OK)
        return status;
    gt_text_escape(label, sizeof label, l->query->family, SIZE_MAX);
    const char **names = gt_arena_alloc(l->arena, l->report->candidate_count + 1, sizeof *names);
    const char *const *all = l->report->candidates;
    size_t all_count = l->report->candidate_count;
    if (!names)
        return no_memory(l);
    keep_families(l, l->query->family, names);
    if (l->report->candidate_count > 1)
        return gt_err_set(l->err, GT_E_AMBIGUOUS, "'%s' could be any of: %s", label, candidates_text(l));
    if (l->report->candidate_count == 1) {
        *family = names[0];
        return GT_OK;
    }
    l->report->candidates = all;
    l->report->candidate_count = all_count;
    if (all_count == 0)
        return gt_err_set(l->err, GT_E_NOENT,
                          "no family '%s': the store has none yet; greentrack eval --model NAME records one", label);
    return gt_err_set(l->err, GT_E_NOENT, "no family '%s'; the store has: %s", label, candidates_text(l));
}

/* --- the family */

static void fill_model(struct gt_facts_model *out, const struct gt_model_record *m)
{
    *out = (struct gt_facts_model){.name = m->name ? m->name : m->digest,
                                   .family = m->family,
                                   .digest = m->digest,
                                   .weights = m->weights,
                                   .phi = m->phi,
                                   .macs = count_of(m->macs),
                                   .params = count_of(m->params),
                                   .macs_known = known(m->macs),
                                   .params_known = known(m->params)};
}

static enum gt_status load_family(struct load *l)
{
    struct gt_model_record *family = NULL;
    size_t count = 0;
    enum gt_status status = find_family(l, &l->report->family);
    if (status == GT_OK)
        status = gt_store_family_models(l->store, l->report->family, l->arena, &family, &count, l->err);
    if (status != GT_OK)
        return status;
    l->models = gt_arena_alloc(l->arena, count + 1, sizeof *l->models);
    if (!l->models)
        return no_memory(l);
    for (size_t i = 0; i < count; i++)
        fill_model(&l->models[i], &family[i]);
    l->facts.models = l->models;
    l->facts.model_count = count;
    l->facts.family_alone = true;
    return GT_OK;
}

static enum gt_status load_models(struct load *l)
{
    struct gt_model_record selected = {0}, *family = NULL;
    size_t count = 0;
    enum gt_status status = find_selected(l, &selected);
    if (status == GT_OK && selected.family)
        status = gt_store_family_models(l->store, selected.family, l->arena, &family, &count, l->err);
    if (status != GT_OK)
        return status;
    l->models = gt_arena_alloc(l->arena, count + 1, sizeof *l->models);
    if (!l->models)
        return no_memory(l);
    l->facts.selected = count; /* until it is found among them */
    for (size_t i = 0; i < count; i++) {
        fill_model(&l->models[i], &family[i]);
        if (strcmp(family[i].digest, selected.digest) == 0)
            l->facts.selected = i;
    }
    l->facts.model_count = count;
    if (l->facts.selected == count)
        fill_model(&l->models[l->facts.model_count++], &selected);
    l->facts.models = l->models;
    return GT_OK;
}

/* --- accuracies */

static struct gt_facts_accuracy accuracy_fact(size_t model, const struct gt_accuracy_record *a)
{
    bool whole = a->answers && known(a->n) && a->answer_count == (size_t)a->n;
    return (struct gt_facts_accuracy){.model = model,
                                      .provenance = a->provenance,
                                      .dataset = a->dataset_name ? a->dataset_name : a->dataset,
                                      .images = a->dataset,
                                      .citation = a->citation,
                                      .split = a->split,
                                      .precision = a->precision,
                                      .preprocessing = a->preprocessing,
                                      .pct = a->pct,
                                      .n = count_of(a->n),
                                      .correct = count_of(a->correct),
                                      .counted = known(a->correct) && known(a->n),
                                      .answers = whole ? a->answers : NULL};
}

/* Makes room for `more` behind `count` elements. NULL when memory is out. */
static void *grow(struct load *l, const void *old, size_t count, size_t more, size_t size)
{
    void *out = gt_arena_alloc(l->arena, count + more + 1, size);
    if (out && count)
        memcpy(out, old, count * size);
    return out;
}

static enum gt_status append_accuracies(struct load *l, size_t model, const struct gt_accuracy_record *list, size_t count)
{
    l->accuracies = grow(l, l->accuracies, l->facts.accuracy_count, count, sizeof *l->accuracies);
    if (!l->accuracies)
        return no_memory(l);
    for (size_t i = count; i-- > 0;) /* newest first in the store, oldest first in facts */
        l->accuracies[l->facts.accuracy_count++] = accuracy_fact(model, &list[i]);
    l->facts.accuracies = l->accuracies;
    return GT_OK;
}

/* Whether there is one is known always, what it is only when it was asked for. */
static enum gt_status load_published(struct load *l, size_t model)
{
    struct gt_accuracy_record *published;
    struct gt_err ignored = {0};
    enum gt_status status = gt_store_published(l->store, l->models[model].name, l->arena, &published, &ignored);
    if (status == GT_E_NOENT)
        return GT_OK;
    if (status != GT_OK)
        return gt_err_set(l->err, status, "%s", ignored.text);
    l->facts.published = l->models[model].family != NULL; /* by which it is asked for */
    return l->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED ? append_accuracies(l, model, published, 1) : GT_OK;
}

static enum gt_status load_accuracies(struct load *l, size_t model)
{
    struct gt_accuracy_record *list;
    size_t count;
    enum gt_status status = gt_store_get_accuracies(l->store, l->models[model].digest, l->arena, &list, &count, l->err);
    if (status == GT_OK)
        status = append_accuracies(l, model, list, count);
    if (status == GT_OK)
        status = load_published(l, model);
    return status;
}

/* --- runs */

static const char *number_text(struct load *l, int64_t value)
{
    return known(value) ? gt_arena_printf(l->arena, "%" PRId64, value) : NULL;
}

static const char *joined(struct load *l, const char *a, const char *b)
{
    return a && b ? gt_arena_printf(l->arena, "%s %s", a, b) : a ? a : b;
}

static const char *host_text(struct load *l, const struct gt_model_run *run)
{
    if (!run->host)
        return NULL;
    return run->host_text ? gt_arena_printf(l->arena, "%s (#%.8s)", run->host_text, run->host) : run->host;
}

static bool has_bounds(const struct gt_model_run *run)
{
    return run->kind && strcmp(run->kind, "none") != 0;
}

static struct gt_facts_run run_fact(struct load *l, size_t model, const struct gt_model_run *run)
{
    const struct gt_run_model_record *part = &run->part;
    bool energy = isfinite(part->uj_per_inference);
    struct gt_facts_run out = {.model = model,
                               .id = run->run,
                               .series = run->series,
                               .parent = run->parent,
                               .series_complete = run->series_status == 0,
                               .hooked = run->unit_hooks,
                               .annotation_unused = run->annotation_unused,
                               .caveats = run->caveats,
                               .whole = part->counted && strcmp(part->counted, "observed") != 0,
                               .begun_ns = count_of(run->begin_real_ns),
                               .inferences = count_of(part->inferences),
                               .energy_known = energy,
                               .uj = part->uj_per_inference,
                               .lo_uj = has_bounds(run) ? part->lo_uj : NAN,
                               .hi_uj = has_bounds(run) ? part->hi_uj : NAN,
                               .dynamic_uj = part->dynamic_uj,
                               .idle_uj = part->uj_per_inference - part->dynamic_uj,
                               .kind = has_bounds(run) ? run->kind : NULL,
                               .seconds = part->seconds_per_inference,
                               .method = run->method,
                               .method_version = (uint32_t)count_of(run->method_version)};
    out.group[GT_GROUP_HOST] = host_text(l, run);
    out.group[GT_GROUP_BUILD] = joined(l, part->runtime, part->runtime_version);
    out.group[GT_GROUP_PRECISION] = part->precision;
    out.group[GT_GROUP_EXECUTION] = part->execution;
    out.group[GT_GROUP_THREADS] = number_text(l, part->threads);
    out.group[GT_GROUP_BATCH] = number_text(l, part->batch);
    out.group[GT_GROUP_SOURCE] = run->source;
    out.group[GT_GROUP_BOUNDARY] = run->boundary;
    out.group[GT_GROUP_PROVENANCE] = run->provenance;
    return out;
}

static enum gt_status load_runs(struct load *l, size_t model)
{
    struct gt_model_run *list;
    size_t count;
    enum gt_status status = gt_store_model_runs(l->store, l->models[model].digest, l->arena, &list, &count, l->err);
    if (status != GT_OK)
        return status;
    l->runs = grow(l, l->runs, l->facts.run_count, count, sizeof *l->runs);
    if (!l->runs)
        return no_memory(l);
    for (size_t i = count; i-- > 0;)
        if (list[i].part.inferences > 0)
            l->runs[l->facts.run_count++] = run_fact(l, model, &list[i]);
    l->facts.runs = l->runs;
    return GT_OK;
}

/* --- layers and closure of one run */

static const struct gt_unit_record *find_unit(const struct gt_model_record *model, int64_t index)
{
    for (size_t i = 0; i < model->unit_count; i++)
        if (model->units[i].index == index)
            return &model->units[i];
    return NULL;
}

static enum gt_status fill_layer(struct load *l, struct gt_report_layer *out, const struct gt_unit_energy_record *taken,
                                 const struct gt_model_record *model)
{
    const struct gt_unit_record *unit = find_unit(model, taken->index);
    *out = (struct gt_report_layer){.index = taken->index,
                                    .calls = count_of(taken->calls),
                                    .ns_per_call = taken->calls > 0 ? (double)taken->ns / (double)taken->calls : NAN,
                                    .energy_known = isfinite(taken->uj_per_call),
                                    .uj_per_call = taken->uj_per_call,
                                    .lo_uj = taken->lo_uj,
                                    .hi_uj = taken->hi_uj,
                                    .share = taken->share,
                                    .resolution = taken->resolution,
                                    .group = known(taken->group) ? taken->group : -1,
                                    .group_uj = taken->group_uj,
                                    .group_lo_uj = taken->group_lo_uj,
                                    .group_hi_uj = taken->group_hi_uj};
    if (!unit)
        return GT_OK;
    out->name = unit->name;
    out->op = unit->op;
    out->macs_known = known(unit->macs);
    out->macs = count_of(unit->macs);
    out->params = count_of(unit->params);
    out->members = gt_report_members_of(unit, l->arena);
    out->member_count = out->members ? unit->member_count : 0;
    return out->members ? GT_OK : no_memory(l);
}

/* Costliest first: by what all calls together took; the model's order on ties. */
static int by_cost(const void *left, const void *right)
{
    const struct gt_report_layer *a = left, *b = right;
    if (a->share != b->share && isfinite(a->share) && isfinite(b->share))
        return a->share > b->share ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* Without energy a layer's share is its share of the time. */
static void share_by_time(struct gt_report_layer *layers, size_t n)
{
    double total = 0;
    bool missing = false;
    for (size_t i = 0; i < n; i++) {
        total += (double)layers[i].calls * layers[i].ns_per_call;
        missing = missing || !isfinite(layers[i].share);
    }
    for (size_t i = 0; i < n && missing && total > 0; i++)
        layers[i].share = (double)layers[i].calls * layers[i].ns_per_call / total;
}

static enum gt_status fill_layers(struct load *l, const struct gt_run_model_record *part)
{
    struct gt_model_record *model;
    enum gt_status status = gt_store_get_model_of(l->store, part, l->arena, &model, l->err);
    struct gt_report_layer *layers = gt_arena_alloc(l->arena, part->unit_count + 1, sizeof *layers);
    if (status != GT_OK)
        return status;
    if (!layers)
        return no_memory(l);
    for (size_t i = 0; i < part->unit_count && status == GT_OK; i++)
        status = fill_layer(l, &layers[i], &part->units[i], model);
    share_by_time(layers, part->unit_count);
    qsort(layers, part->unit_count, sizeof *layers, by_cost);
    l->report->layers = layers;
    l->report->layer_count = part->unit_count;
    return status;
}

static int64_t uj_or_zero(int64_t uj)
{
    return known(uj) ? uj : 0;
}

/* Earlier versions stored 0 for what the model cannot see. */
static bool is_modelled(const struct gt_attribution_record *a)
{
    return a->provenance && strcmp(a->provenance, "modelled") == 0;
}

static void fill_closure(struct gt_report_closure *out, const struct gt_attribution_record *from)
{
    if (!from->method || !known(from->total.uj))
        return;
    *out = (struct gt_report_closure){.known = true,
                                      .units_known = known(from->units.uj),
                                      .idle_known = from->idle_known && known(from->idle.uj),
                                      .others_known = known(from->others.uj) && !is_modelled(from),
                                      .inference_uj = from->inference.uj,
                                      .units_uj = from->units.uj,
                                      .framework_uj = from->framework.uj,
                                      .idle_uj = uj_or_zero(from->idle.uj),
                                      .others_uj = uj_or_zero(from->others.uj),
                                      .unattributed_uj = from->unattributed.uj,
                                      .total_uj = from->total.uj,
                                      .kind = from->kind,
                                      .provenance = from->provenance,
                                      .unattributed_flagged = from->unattributed_flag};
}

static bool fits(const char *group, const char *own)
{
    return !group || !own || strcmp(group, own) == 0;
}

/* A run may have executed one model in several ways. */
static bool is_part(const struct load *l, const struct gt_facts_run *fact, const struct gt_run_model_record *part)
{
    return strcmp(part->model, l->models[fact->model].digest) == 0 && fits(fact->group[GT_GROUP_EXECUTION], part->execution) &&
           fits(fact->group[GT_GROUP_PRECISION], part->precision);
}

static enum gt_status load_layers(struct load *l)
{
    struct gt_report_choice choice = gt_report_choose(&l->facts);
    int chosen = choice.layers != GT_FACTS_NONE ? choice.layers : choice.reference;
    struct gt_run_record *run;
    if (chosen == GT_FACTS_NONE)
        return GT_OK;
    const struct gt_facts_run *fact = &l->facts.runs[chosen];
    enum gt_status status = gt_store_get_run(l->store, fact->id, l->arena, &run, l->err);
    if (status != GT_OK)
        return status;
    l->report->layer_provenance = fact->group[GT_GROUP_PROVENANCE];
    l->report->wattage_row = run->attribution.model_row;
    l->report->run_models = run->model_count;
    l->report->idle_unknown = run->attribution.method && known(run->attribution.total.uj) && !run->attribution.idle_known;
    if (l->facts.family_alone)
        return GT_OK;
    fill_closure(&l->report->closure, &run->attribution);
    for (size_t i = 0; i < run->model_count; i++)
        if (choice.layers != GT_FACTS_NONE && is_part(l, fact, &run->models[i]))
            return fill_layers(l, &run->models[i]);
    return GT_OK;
}

enum gt_status gt_report_build(struct gt_store *store, const struct gt_report_query *query, struct gt_arena *arena,
                               struct gt_report *report, struct gt_err *err)
{
    struct load l = {.store = store, .arena = arena, .query = query, .report = report, .err = err};
    *report = (struct gt_report){0};
    if (!query->model && !query->family)
        return gt_err_set(err, GT_E_ARG, "a report needs a model or a family");
    enum gt_status status = query->model ? load_models(&l) : load_family(&l);
    for (size_t model = 0; model < l.facts.model_count && status == GT_OK; model++) {
        status = load_accuracies(&l, model);
        if (status == GT_OK)
            status = load_runs(&l, model);
    }
    if (status == GT_OK && l.facts.family_alone)
        l.facts.selected = gt_report_anchor(&l.facts);
    if (status == GT_OK)
        status = load_layers(&l);
    return status == GT_OK ? gt_report_analyse(&l.facts, query, arena, report, err) : status;
}
