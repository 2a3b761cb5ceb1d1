#include "tracker/reattribute.h"

#include "core/trace.h"
#include "energy/rapl.h"
#include "tracker/partsum.h"
#include "tracker/runrecord.h"
#include "tracker/runtrace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct anew {
    struct gt_store *store;
    struct gt_arena *arena;
    struct gt_err *err;
    const struct gt_run_record *run;
    struct gt_batches batches;
    struct gt_block block; /* all of them */
    void *payload;         /* owned: its bytes */
    struct gt_source_desc desc;
    struct gt_host host;
    struct gt_attribution attribution;
    struct gt_unit_energy *units;
    struct gt_infer_energy *infers;
    struct gt_run_model_record *parts; /* copies of run->models, with the new energies */
    struct gt_partsum *sums;           /* one per part */
};

static enum gt_status no_memory(struct anew *a)
{
    return gt_err_set(a->err, GT_E_NOMEM, "out of memory");
}

/* --- what the store has of the inputs */

static int known_int(int64_t value)
{
    return value == GT_UNKNOWN ? -1 : (int)value;
}

static uint32_t at_least_one(int64_t value)
{
    return value < 1 || value > UINT32_MAX ? 1 : (uint32_t)value;
}

static void take_host(struct anew *a)
{
    const struct gt_host_record *from = &a->run->host;
    a->host = (struct gt_host){
        .family = known_int(from->family),
        .model = known_int(from->model),
        .stepping = known_int(from->stepping),
        .cpus_online = at_least_one(from->cpus_online),
        .cpus_allowed = at_least_one(from->cpus_allowed),
        .memory_bytes = from->memory_bytes > 0 ? (uint64_t)from->memory_bytes : 0,
        .turbo = known_int(from->turbo),
        .hypervisor = known_int(from->hypervisor),
    };
    snprintf(a->host.cpu_model, sizeof a->host.cpu_model, "%s", from->cpu_model ? from->cpu_model : "");
    snprintf(a->host.vendor, sizeof a->host.vendor, "%s", from->vendor ? from->vendor : "");
}

/* Blocks of version 1 do not say how late counters may be; those of RAPL are refreshed alike on every machine. 0: not known. */
static uint64_t refresh_of(const char *source)
{
    static const char *const rapl[] = {"perf", "powercap", "msr"};
    for (size_t i = 0; i < sizeof rapl / sizeof *rapl; i++)
        if (strcmp(source, rapl[i]) == 0)
            return GT_RAPL_REFRESH_NS;
    return 0;
}

/* A run without a single reading has no counters in the store; its block's domains know nothing then, and add nothing. */
static void take_source(struct anew *a)
{
    const struct gt_run_record *run = a->run;
    uint32_t domains = a->block.head->domain_count;
    snprintf(a->desc.source, sizeof a->desc.source, "%s", run->source ? run->source : "");
    snprintf(a->desc.boundary, sizeof a->desc.boundary, "%s", run->boundary ? run->boundary : "");
    a->desc.provenance = run->provenance ? gt_provenance_find(run->provenance) : GT_PROVENANCE_NONE;
    a->desc.domain_count = (int)(run->counter_count ? run->counter_count : domains);
    for (size_t i = 0; i < run->counter_count && i < GT_SOURCE_DOMAINS; i++) {
        a->desc.domains[i].additive = run->counters[i].additive;
        a->desc.domains[i].refresh_ns = refresh_of(a->desc.source);
    }
}

static enum gt_status take_block(struct anew *a)
{
    size_t bytes;
    struct gt_err why = {0};
    enum gt_status status = gt_batches_read(&a->batches, a->run->trace, a->run->trace_bytes, &why);
    if (status == GT_OK)
        status = gt_batches_merge(&a->batches, &a->payload, &bytes, &a->block, &why);
    return status == GT_OK ? GT_OK : gt_err_set(a->err, GT_E_CORRUPT, "run %.12s: %s", a->run->id, why.text);
}

static void take_idle_power(struct anew *a, struct gt_attribute_input *input)
{
    struct gt_calibration_record *found;
    struct gt_err none = {0};
    const struct gt_run_record *run = a->run;
    if (!gt_provenance_has_counters(a->desc.provenance))
        return;
    for (size_t i = 0; i < run->event_count; i++) {
        const struct gt_event_record *event = &run->events[i];
        if (event->kind && strcmp(event->kind, GT_NOTE_IDLE_W) == 0 && gt_runtrace_idle_of(event->text, &input->idle_w)) {
            input->idle_lo_w = input->idle_hi_w = input->idle_w;
            return;
        }
    }
    if (!run->host.id ||
        gt_store_get_calibration(a->store, run->host.id, a->desc.source, a->desc.boundary, a->arena, &found, &none) != GT_OK)
        return;
    input->idle_w = found->idle_w;
    input->idle_lo_w = found->lo_w;
    input->idle_hi_w = found->hi_w;
}

static enum gt_status attribute(struct anew *a)
{
    size_t rows = a->block.head->unit_count + (size_t)1;
    struct gt_attribute_input input = {.block = &a->block,
                                       .batches = a->batches.blocks,
                                       .batch_count = a->batches.count,
                                       .desc = &a->desc,
                                       .host = &a->host,
                                       .idle_w = NAN,
                                       .idle_lo_w = NAN,
                                       .idle_hi_w = NAN};
    a->units = gt_arena_alloc(a->arena, rows, sizeof *a->units);
    a->infers = gt_arena_alloc(a->arena, rows, sizeof *a->infers);
    if (!a->units || !a->infers)
        return no_memory(a);
    take_idle_power(a, &input);
    return gt_attribute(&input, &a->attribution, a->units, a->infers, a->err);
}

/* --- from slots to models and units */

static int by_slot(const void *key, const void *row)
{
    int64_t slot = *(const int64_t *)key, other = ((const struct gt_slot_record *)row)->slot;
    return (slot > other) - (slot < other);
}

/* NULL: a slot that nobody described, or a damaged row. */
static const struct gt_slot_record *slot_of(const struct anew *a, uint32_t number)
{
    int64_t key = number;
    const struct gt_slot_record *found =
        a->run->slot_count ? bsearch(&key, a->run->slots, a->run->slot_count, sizeof *found, by_slot) : NULL;
    return found && found->part >= 0 && (size_t)found->part < a->run->model_count ? found : NULL;
}

static int by_index(const void *key, const void *row)
{
    int64_t index = *(const int64_t *)key, other = ((const struct gt_unit_energy_record *)row)->index;
    return (index > other) - (index < other);
}

/* The units of one part that were called, in order; each gets the sum of its slots. */
static enum gt_status sum_units(struct anew *a, size_t part)
{
    struct gt_run_model_record *record = &a->parts[part];
    struct gt_unit_energy_record *rows = gt_arena_alloc(a->arena, record->unit_count + 1, sizeof *rows);
    struct gt_unitsum *sums = gt_arena_alloc(a->arena, record->unit_count + 1, sizeof *sums);
    if (!rows || !sums)
        return no_memory(a);
    if (record->unit_count)
        memcpy(rows, record->units, record->unit_count * sizeof *rows);
    for (int i = 0; i < a->attribution.unit_count; i++) {
        const struct gt_slot_record *slot = slot_of(a, a->units[i].slot);
        const struct gt_unit_energy_record *row = slot && slot->part == (int64_t)part && record->unit_count
                                                      ? bsearch(&slot->index, rows, record->unit_count, sizeof *rows, by_index)
                                                      : NULL;
        if (row)
            gt_unitsum_add(&sums[row - rows], &a->units[i]);
    }
    for (size_t u = 0; u < record->unit_count; u++) {
        const struct gt_slot_record *first = sums[u].group_slot != UINT32_MAX ? slot_of(a, sums[u].group_slot) : NULL;
        gt_unitsum_finish(&sums[u], a->attribution.known && a->attribution.window_ns > 0 && sums[u].calls > 0,
                          first && first->part == (int64_t)part ? first->index : GT_UNKNOWN, &rows[u]);
    }
    record->units = rows;
    return GT_OK;
}

static void sum_inferences(struct anew *a)
{
    for (int i = 0; i < a->attribution.infer_count; i++) {
        const struct gt_slot_record *slot = slot_of(a, a->infers[i].slot);
        if (slot)
            gt_partsum_add(&a->sums[slot->part], &a->infers[i]);
    }
    for (size_t p = 0; p < a->run->model_count; p++) {
        struct gt_run_model_record *part = &a->parts[p];
        if (part->counted && strcmp(part->counted, "reported") == 0) {
            a->sums[p].items = (uint64_t)part->inferences;
            gt_partsum_whole_run(&a->sums[p], &a->attribution);
        }
        gt_partsum_finish(&a->sums[p], a->attribution.known, part);
    }
}

static enum gt_status sum_parts(struct anew *a)
{
    size_t count = a->run->model_count;
    a->parts = gt_arena_alloc(a->arena, count + 1, sizeof *a->parts);
    a->sums = gt_arena_alloc(a->arena, count + 1, sizeof *a->sums);
    if (!a->parts || !a->sums)
        return no_memory(a);
    if (count)
        memcpy(a->parts, a->run->models, count * sizeof *a->parts);
    sum_inferences(a);
    enum gt_status status = GT_OK;
    for (size_t p = 0; p < count && status == GT_OK; p++)
        status = sum_units(a, p);
    return status;
}

/* --- one run */

static enum gt_status store_anew(struct anew *a, bool *added)
{
    struct gt_attribution_record record;
    enum gt_status status = take_block(a);
    if (status != GT_OK)
        return status;
    take_host(a);
    take_source(a);
    status = attribute(a);
    if (status == GT_OK)
        status = sum_parts(a);
    if (status == GT_OK && !gt_runrecord_attribution(&a->attribution, a->run->unit_hooks, a->arena, &record))
        status = no_memory(a);
    if (status == GT_OK)
        status = gt_store_put_attribution(a->store, a->run->id, &record, a->parts, a->run->model_count, added, a->err);
    return status;
}

/* Which of them it is follows from the folded trace, which does not change. */
static bool has_record(const struct gt_attribution_record *records, size_t count)
{
    static const struct {
        const char *method;
        int version;
    } current[] = {{GT_ATTRIBUTE_METHOD, GT_ATTRIBUTE_VERSION}, {GT_ATTRIBUTE_REGRESSION, GT_ATTRIBUTE_REGRESSION_VERSION}};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof current / sizeof *current; k++)
            if (strcmp(records[i].method, current[k].method) == 0 && records[i].version == current[k].version)
                return true;
    return false;
}

/* Rows of units or inferences without a slot cannot be told whose they are. */
static bool is_self_contained(const struct gt_run_record *run)
{
    bool needs_slots = false;
    for (size_t i = 0; i < run->model_count; i++)
        needs_slots = needs_slots || run->models[i].unit_count > 0 ||
                      (run->models[i].calls > 0 && run->models[i].counted && strcmp(run->models[i].counted, "reported") != 0);
    return run->trace && (run->slot_count > 0 || !needs_slots);
}

enum gt_status gt_reattribute_run(struct gt_store *store, const char *id, struct gt_arena *arena, enum gt_reattributed *outcome,
                                  struct gt_err *err)
{
    struct gt_run_record *run;
    struct gt_attribution_record *records;
    size_t count;
    bool added = false;
    enum gt_status status = gt_store_get_run(store, id, arena, &run, err);
    if (status == GT_OK)
        status = gt_store_get_attributions(store, run->id, arena, &records, &count, err);
    if (status != GT_OK)
        return status;
    *outcome = has_record(records, count)         ? GT_REATTRIBUTED_ALREADY
               : run->state && *run->state == 'o' ? GT_REATTRIBUTED_OPEN
               : !is_self_contained(run)          ? GT_REATTRIBUTED_CANNOT
                                                  : GT_REATTRIBUTED;
    if (*outcome != GT_REATTRIBUTED)
        return GT_OK;
    struct anew a = {.store = store, .arena = arena, .err = err, .run = run};
    status = store_anew(&a, &added);
    gt_batches_free(&a.batches);
    free(a.payload);
    if (status == GT_OK && !added)
        *outcome = GT_REATTRIBUTED_ALREADY; /* another process was faster */
    return status;
}
