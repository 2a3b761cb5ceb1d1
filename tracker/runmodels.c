#include "tracker/runmodels.h"

#include "core/text.h"
#include "sqlite/units.h"
#include "tracker/partsum.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_HEX = 65, UNITS_OF_A_MODEL = 65536, REGIONS = 4096 };

/* One model of the run, over all processes. */
struct part {
    struct part *next;
    struct gt_model_record model;
    struct gt_run_model_record run;
    struct gt_unit_record *units; /* of model.units */
    struct gt_unitsum *sums;
    size_t room;
    bool foreign, mixed; /* no runtime described it; several bindings */
    struct gt_partsum sum;
    int64_t position;
};

/* Where a slot leads. */
struct place {
    struct part *part;  /* whose unit it is; NULL: not described */
    struct part *infer; /* whose inferences begin with it */
    uint32_t unit;
};

struct joining {
    const struct gt_runrecord_input *input;
    struct gt_arena *arena;
    struct part *parts, **last;
    size_t count;
    struct place *places; /* by shifted slot */
    uint32_t slots;
    bool failed;
};

static void *take(struct joining *j, size_t count, size_t size)
{
    void *memory = gt_arena_alloc(j->arena, count + 1, size);
    j->failed = j->failed || !memory;
    return memory;
}

static int64_t number_if(bool known, uint64_t value)
{
    return known ? value > INT64_MAX ? INT64_MAX : (int64_t)value : GT_UNKNOWN;
}

/* --- parts ------------------------------------------------------------------------------------------------------------ */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The part of that model which was executed in the same way, others are not averaged with it; `way` NULL: in any. */
static struct part *find_part(struct joining *j, const char *digest, const struct gt_run_model_record *way)
{
    for (struct part *part = j->parts; part; part = part->next)
        if (strcmp(part->model.digest, digest) == 0 &&
            (!way || (same(part->run.precision, way->precision) && same(part->run.runtime_version, way->runtime_version) &&
                      same(part->run.execution, way->execution))))
            return part;
    return NULL;
}

static struct part *add_part(struct joining *j, const char *digest, size_t unit_room)
{
    struct part *part = take(j, 1, sizeof *part);
    if (!part)
        return NULL;
    part->units = take(j, unit_room, sizeof *part->units);
    part->sums = take(j, unit_room, sizeof *part->sums);
    part->room = part->units && part->sums ? unit_room : 0;
    part->model = (struct gt_model_record){.digest = digest, .phi = NAN, .macs = GT_UNKNOWN, .params = GT_UNKNOWN};
    part->run = (struct gt_run_model_record){.model = digest, .threads = GT_UNKNOWN, .batch = GT_UNKNOWN};
    *j->last = part;
    j->last = &part->next;
    part->position = (int64_t)j->count++;
    return part;
}

/* SHA-256 of the labels, each with its terminator, so that no two lists of labels are the same bytes. */
static const char *label_digest(struct joining *j, const char *name, const char *family, const char *phi)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const char *texts[] = {"greentrack foreign model 1", name, family ? family : "", phi ? phi : ""};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    char *out = take(j, DIGEST_HEX, 1);
    bool ok = context && out && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < sizeof texts / sizeof *texts; i++)
        ok = EVP_DigestUpdate(context, texts[i], strlen(texts[i]) + 1) == 1;
    ok = ok && EVP_DigestFinal_ex(context, bytes, &size) == 1 && size == 32;
    EVP_MD_CTX_free(context);
    j->failed = j->failed || !ok;
    return ok ? gt_text_hex(out, bytes, 32) : NULL;
}

/* A runtime's model without a digest is known by what it says of itself. */
static const char *model_digest(struct joining *j, const struct gt_trace_model *model)
{
    if (!model->has_digest)
        return label_digest(j, model->name ? model->name : "", model->family, NULL);
    char *out = take(j, DIGEST_HEX, 1);
    return out ? gt_text_hex(out, model->digest, 32) : NULL;
}

static size_t units_of(const struct gt_trace_info *info, const struct gt_trace_model *model)
{
    size_t room = 0;
    for (size_t i = 0; i < info->unit_count; i++) {
        const struct gt_trace_unit *unit = &info->units[i];
        if (unit->has_model && unit->has_index && unit->model_id == model->id && unit->index < UNITS_OF_A_MODEL &&
            unit->index >= room)
            room = unit->index + 1;
    }
    return room;
}

/* How the model is executed, as its part of the run says it. */
static struct gt_run_model_record way_of(const struct gt_trace_info *info, const struct gt_trace_model *model)
{
    return (struct gt_run_model_record){.precision = model->precision ? model->precision : info->precision,
                                        .runtime = model->runtime ? model->runtime : info->runtime,
                                        .runtime_version =
                                            model->runtime_version ? model->runtime_version : info->runtime_version,
                                        .execution = !model->has_fused ? NULL
                                                     : model->fused    ? GT_EXECUTION_FUSED
                                                                       : GT_EXECUTION_LAYERS};
}

static void describe_part(struct part *part, const struct gt_trace_info *info, const struct gt_trace_model *model,
                          const struct gt_run_model_record *way)
{
    part->model.name = model->name;
    part->model.family = model->family;
    part->model.weights = model->weights;
    part->model.phi = model->phi;
    part->model.macs = number_if(model->has_macs, model->macs);
    part->model.params = number_if(model->has_params, model->params);
    part->run.precision = way->precision;
    part->run.runtime = way->runtime;
    part->run.runtime_version = way->runtime_version;
    part->run.execution = way->execution;
    uint64_t threads = model->threads ? model->threads : info->threads, batch = model->batch ? model->batch : info->batch;
    part->run.threads = number_if(threads > 0, threads);
    part->run.batch = number_if(batch > 0, batch);
    part->model.unit_count = part->room;
    for (size_t i = 0; i < part->room; i++)
        part->units[i] = (struct gt_unit_record){.index = (int64_t)i, .macs = GT_UNKNOWN, .params = GT_UNKNOWN};
}

static struct part *part_of_model(struct joining *j, const struct gt_trace_info *info, const struct gt_trace_model *model)
{
    const char *digest = model_digest(j, model);
    const struct gt_run_model_record way = way_of(info, model);
    struct part *part = digest ? find_part(j, digest, &way) : NULL;
    if (part) {
        part->mixed = part->mixed || (model->threads && part->run.threads != number_if(true, model->threads)) ||
                      (model->batch && part->run.batch != number_if(true, model->batch));
        return part;
    }
    part = digest ? add_part(j, digest, units_of(info, model)) : NULL;
    if (part)
        describe_part(part, info, model, &way);
    return part;
}

static const struct gt_member_record *members_of(struct joining *j, const struct gt_trace_unit *unit)
{
    struct gt_member_record *rows = take(j, unit->member_count, sizeof *rows);
    for (size_t i = 0; rows && i < unit->member_count; i++)
        rows[i] = (struct gt_member_record){.name = unit->members[i].name,
                                            .op = unit->members[i].op,
                                            .macs = number_if(true, unit->members[i].macs),
                                            .params = number_if(true, unit->members[i].params),
                                            .bytes = number_if(unit->members[i].has_bytes, unit->members[i].bytes)};
    return rows;
}

static void describe_unit(struct joining *j, struct gt_unit_record *record, const struct gt_trace_unit *unit)
{
    if (record->name)
        return; /* another process said so already */
    record->name = unit->name ? unit->name : gt_arena_printf(j->arena, "unit %u", unit->index);
    record->op = unit->op;
    record->shape_in = unit->shape_in;
    record->shape_out = unit->shape_out;
    record->macs = number_if(unit->has_macs, unit->macs);
    record->params = number_if(unit->has_params, unit->params);
    record->region = unit->region;
    record->members = members_of(j, unit);
    record->member_count = record->members ? unit->member_count : 0;
}

/* --- foreign jobs ------------------------------------------------------------------------------------------------------- */

struct labels {
    const char *model, *family, *phi;
};

static const char *label(const struct gt_runrecord_input *input, const struct gt_trace_info *info, const char *name)
{
    const char *text = info ? gt_traceinfo_note(info, name) : NULL;
    if ((!text || !*text) && input->traces->run)
        text = gt_traceinfo_note(input->traces->run->info, name);
    return text && *text ? text : NULL;
}

static struct labels labels_of(const struct gt_runrecord_input *input, const struct gt_trace_info *info)
{
    return (struct labels){label(input, info, "model"), label(input, info, "family"), label(input, info, "phi")};
}

static double phi_of(const char *text)
{
    char *end;
    double phi = text ? strtod(text, &end) : NAN;
    return text && *end == '\0' && isfinite(phi) ? phi : NAN;
}

static const char *program_name(const struct gt_trace_info *info)
{
    const char *exe = info && info->exe ? info->exe : NULL, *slash = exe ? strrchr(exe, '/') : NULL;
    return slash && slash[1] ? slash + 1 : exe && *exe ? exe : "unknown";
}

/* The model that a process without a known runtime runs: named by its labels, else by its program. */
static struct part *foreign_part(struct joining *j, const struct gt_trace_info *info)
{
    struct labels labels = labels_of(j->input, info);
    const char *name = labels.model ? labels.model : program_name(info);
    const char *digest = label_digest(j, name, labels.family, labels.phi);
    struct part *part = digest ? find_part(j, digest, NULL) : NULL;
    if (part || !digest)
        return part;
    part = add_part(j, digest, REGIONS);
    if (!part)
        return NULL;
    part->foreign = true;
    part->model.name = name;
    part->model.family = labels.family;
    part->model.phi = phi_of(labels.phi);
    part->run.precision = info ? info->precision : NULL;
    return part;
}

/* Position of the region with that name among the part's units; UINT32_MAX when there are too many. */
static uint32_t region_of(struct joining *j, struct part *part, const struct gt_trace_unit *unit)
{
    const char *name = unit->name ? unit->name : "region";
    for (size_t i = 0; i < part->model.unit_count; i++)
        if (strcmp(part->units[i].name, name) == 0)
            return (uint32_t)i;
    if (part->model.unit_count >= part->room)
        return UINT32_MAX;
    struct gt_unit_record *record = &part->units[part->model.unit_count];
    describe_unit(j, record, unit);
    record->name = name;
    record->index = (int64_t)part->model.unit_count;
    record->region = true;
    return (uint32_t)part->model.unit_count++;
}

/* Labels win over what a runtime says, where there is no doubt which model they mean; it may be executed in several ways. */
static void apply_labels(struct joining *j)
{
    const struct gt_runfold_input *traces = j->input->traces;
    for (struct part *part = j->parts; part; part = part->next)
        if (part->foreign || strcmp(part->model.digest, j->parts->model.digest) != 0)
            return;
    struct labels labels = labels_of(j->input, traces->process_count ? traces->processes[0].info : NULL);
    for (struct part *part = j->parts; part; part = part->next) {
        if (labels.model)
            part->model.name = labels.model;
        if (labels.family)
            part->model.family = labels.family;
        if (!isnan(phi_of(labels.phi)))
            part->model.phi = phi_of(labels.phi);
    }
}

/* --- places ------------------------------------------------------------------------------------------------------------- */

static void place_unit(struct joining *j, const struct gt_runfold_trace *trace, const struct gt_trace_unit *unit)
{
    const struct gt_trace_model *model = unit->has_model ? gt_traceinfo_model(trace->info, unit->model_id) : NULL;
    struct part *part = model ? part_of_model(j, trace->info, model) : unit->region ? foreign_part(j, trace->info) : NULL;
    uint32_t position = !part ? UINT32_MAX : model ? unit->index : region_of(j, part, unit);
    if (!part || position >= part->room)
        return;
    describe_unit(j, &part->units[position], unit);
    struct place *place = &j->places[trace->slot_base + unit->slot];
    place->part = part;
    place->unit = position;
}

/* A process that had to stop its sampler for a moment goes on in another trace, whose count of items includes this one's. */
static bool is_continued(const struct joining *j, const struct gt_runfold_trace *trace)
{
    char id[2 * GT_TRACE_ID_BYTES + 1];
    gt_text_hex(id, trace->info->header.trace_id, GT_TRACE_ID_BYTES);
    for (size_t i = 0; i < j->input->traces->process_count; i++) {
        const char *before = gt_traceinfo_note(j->input->traces->processes[i].info, "continues");
        if (before && strcmp(before, id) == 0)
            return true;
    }
    return false;
}

static void place_process(struct joining *j, const struct gt_runfold_trace *trace)
{
    const struct gt_trace_info *info = trace->info;
    for (size_t i = 0; i < info->unit_count && !j->failed; i++)
        place_unit(j, trace, &info->units[i]);
    for (size_t i = 0; i < info->model_count && !j->failed; i++) {
        struct part *part = part_of_model(j, info, &info->models[i]);
        uint32_t first = info->models[i].first_slot;
        if (part && info->models[i].has_slot && first < info->slots)
            j->places[trace->slot_base + first].infer = part;
    }
    if (info->items > 0 && !j->failed && !is_continued(j, trace)) {
        struct part *part = j->count == 1 && !j->parts->foreign ? j->parts : foreign_part(j, info);
        if (part && part->foreign)
            part->sum.items += info->items;
    }
}

/* --- sums --------------------------------------------------------------------------------------------------------------- */

static struct place *place_of(struct joining *j, uint32_t slot)
{
    uint32_t plain = slot & ~GT_TRACE_SLOT_INFER;
    return plain < j->slots ? &j->places[plain] : NULL;
}

static void add_infer(struct joining *j, const struct gt_infer_energy *row)
{
    struct place *place = place_of(j, row->slot);
    struct part *part = place ? place->infer ? place->infer : place->part : NULL;
    if (!part || (row->items == 0 && !place->infer)) /* a region that stands in for an inference has no items */
        return;
    gt_partsum_add(&part->sum, row);
}

static void add_unit(struct joining *j, const struct gt_unit_energy *row)
{
    struct place *place = place_of(j, row->slot);
    if (place && place->part)
        gt_unitsum_add(&place->part->sums[place->unit], row);
}

static void finish_units(struct joining *j, struct part *part, bool energy_known)
{
    struct gt_unit_energy_record *rows = take(j, part->model.unit_count, sizeof *rows);
    size_t count = 0;
    for (size_t i = 0; rows && i < part->model.unit_count; i++) {
        if (!part->units[i].name)
            part->units[i].name = gt_arena_printf(j->arena, "unit %zu", i);
        if (part->sums[i].calls == 0)
            continue;
        rows[count].index = part->units[i].index;
        const struct place *first = place_of(j, part->sums[i].group_slot);
        bool grouped = part->sums[i].group_slot != UINT32_MAX && first && first->part == part;
        int64_t group = grouped ? part->units[first->unit].index : GT_UNKNOWN;
        gt_unitsum_finish(&part->sums[i], energy_known, group, &rows[count++]);
    }
    part->model.units = part->units;
    part->run.units = rows;
    part->run.unit_count = count;
    char *division = take(j, GT_STORE_DIVISION, 1);
    if (division && !part->foreign)
        part->model.division = part->run.division = gt_store_division(&part->model, division);
}

/* Items that a program reported itself have no boundaries: the whole run is divided by them. */
static void finish_reported(struct joining *j, struct part *part, const struct gt_run_record *run)
{
    part->sum.ns = (uint64_t)(run->end_ns - run->begin_ns);
    part->sum.calls = part->sum.items;
    gt_partsum_whole_run(&part->sum, &j->input->fold->attribution);
}

static void finish_part(struct joining *j, struct part *part, const struct gt_run_record *run)
{
    const struct gt_attribution *a = &j->input->fold->attribution;
    const struct gt_partsum *sum = &part->sum;
    bool reported = part->foreign && sum->items > 0 && sum->calls == 0;
    if (reported)
        finish_reported(j, part, run);
    part->run.counted = sum->items == 0 ? NULL : reported ? "reported" : "observed";
    part->run.inferences = number_if(true, sum->items);
    part->run.calls = number_if(true, sum->calls);
    part->run.ns = number_if(true, sum->ns);
    part->run.seconds_per_inference = sum->items > 0 ? (double)sum->ns / 1e9 / (double)sum->items : NAN;
    /* Without a window there is nothing to divide: the joules are not known, which is not the same as none. */
    gt_partsum_finish(sum, a->known && (reported || a->window_ns > 0), &part->run);
    if (part->mixed)
        part->run.threads = part->run.batch = GT_UNKNOWN;
    finish_units(j, part, a->known && a->window_ns > 0);
}

/* Where the rows of the folded trace lead. */
static void write_slots(struct joining *j, struct gt_runrecord *record)
{
    const struct gt_block *block = &j->input->fold->block;
    struct gt_slot_record *rows = take(j, block->head->unit_count, sizeof *rows);
    size_t count = 0;
    for (uint32_t i = 0; rows && i < block->head->unit_count; i++) {
        uint32_t slot = block->units[i].slot;
        const struct place *place = place_of(j, slot);
        bool infer = slot & GT_TRACE_SLOT_INFER;
        const struct part *part = !place ? NULL : infer && place->infer ? place->infer : place->part;
        if (part)
            rows[count++] = (struct gt_slot_record){slot, part->position, infer ? GT_UNKNOWN : place->unit};
    }
    record->run.slots = rows;
    record->run.slot_count = count;
}

static void write_out(struct joining *j, struct gt_runrecord *record)
{
    struct gt_model_record *models = take(j, j->count, sizeof *models);
    struct gt_run_model_record *parts = take(j, j->count, sizeof *parts);
    size_t count = 0;
    for (struct part *part = j->parts; models && parts && part; part = part->next) {
        models[count] = part->model;
        parts[count++] = part->run;
    }
    record->models = models;
    record->model_count = count;
    record->run.models = parts;
    record->run.model_count = count;
    write_slots(j, record);
}

enum gt_status gt_runmodels_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_runrecord *record,
                                 struct gt_err *err)
{
    const struct gt_runfold_input *traces = input->traces;
    struct joining j = {.input = input, .arena = arena};
    j.last = &j.parts;
    for (size_t i = 0; i < traces->process_count; i++)
        j.slots += traces->processes[i].info->slots;
    j.places = take(&j, j.slots, sizeof *j.places);
    for (size_t i = 0; i < traces->process_count && !j.failed; i++)
        place_process(&j, &traces->processes[i]);
    if (!j.parts && !j.failed && labels_of(input, NULL).model)
        foreign_part(&j, traces->run->info); /* nothing was seen inside, but somebody said what it was */
    const struct gt_attribution *a = &input->fold->attribution;
    for (int i = 0; i < a->infer_count && !j.failed; i++)
        add_infer(&j, &input->fold->infers[i]);
    for (int i = 0; i < a->unit_count && !j.failed; i++)
        add_unit(&j, &input->fold->units[i]);
    if (!j.failed && j.parts)
        apply_labels(&j);
    for (struct part *part = j.parts; part && !j.failed; part = part->next)
        finish_part(&j, part, &record->run);
    if (!j.failed)
        write_out(&j, record);
    return j.failed ? gt_err_set(err, GT_E_NOMEM, "out of memory") : GT_OK;
}
