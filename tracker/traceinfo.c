#include "tracker/traceinfo.h"

#include "energy/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One pass. */
struct pass {
    struct gt_arena *arena;
    struct gt_trace_info *info;
    struct gt_err *err;
};

static enum gt_status no_memory(struct pass *p)
{
    return gt_err_set(p->err, GT_E_NOMEM, "out of memory");
}

/* The field as text of the arena; NULL when it is absent (or memory is out, which the caller's next allocation tells). */
static const char *text_of(struct pass *p, const struct gt_trace_view *record, enum gt_trace_key key)
{
    struct gt_trace_field field;
    if (!gt_trace_find(record, key, &field))
        return NULL;
    return gt_arena_strndup(p->arena, (const char *)field.value, field.bytes);
}

/* Room for one more row of an array in the arena; NULL when memory is out or the limit is reached. */
static void *one_more(struct pass *p, void *rows, size_t *count, size_t *room, size_t size, size_t limit)
{
    if (*count >= limit)
        return NULL;
    if (*count < *room)
        return rows;
    size_t wanted = *room ? 2 * *room : 32;
    void *more = gt_arena_alloc(p->arena, wanted, size);
    if (!more)
        return NULL;
    if (*count)
        memcpy(more, rows, *count * size);
    *room = wanted;
    return more;
}

static void saw_time(struct gt_trace_info *info, uint64_t t_ns)
{
    if (!info->first_ns || t_ns < info->first_ns)
        info->first_ns = t_ns;
    if (t_ns > info->last_ns)
        info->last_ns = t_ns;
}

static void saw_slot(struct gt_trace_info *info, uint32_t slot)
{
    info->has_inferences = info->has_inferences || (slot & GT_TRACE_SLOT_INFER);
    slot &= ~GT_TRACE_SLOT_INFER;
    if (slot != GT_FOLD_SLOT_OTHER && slot >= info->slots)
        info->slots = slot + 1;
}

static enum gt_status read_process(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    info->has_process = true;
    gt_trace_find_u64(record, GT_KEY_PID, &info->pid);
    if (gt_trace_find_u64(record, GT_KEY_START_NS, &info->start_ns))
        saw_time(info, info->start_ns);
    gt_trace_find_u64(record, GT_KEY_THREADS, &info->threads);
    gt_trace_find_u64(record, GT_KEY_BATCH, &info->batch);
    info->exe = text_of(p, record, GT_KEY_EXE);
    info->command = text_of(p, record, GT_KEY_COMMAND);
    info->runtime = text_of(p, record, GT_KEY_RUNTIME);
    info->runtime_version = text_of(p, record, GT_KEY_RUNTIME_VERSION);
    info->precision = text_of(p, record, GT_KEY_PRECISION);
    return GT_OK;
}

static void small_number(const struct gt_trace_view *record, enum gt_trace_key key, int *value)
{
    uint64_t number;
    *value = gt_trace_find_u64(record, key, &number) && number <= INT32_MAX ? (int)number : -1;
}

static void cpu_number(const struct gt_trace_view *record, enum gt_trace_key key, uint32_t *value)
{
    uint64_t number;
    *value = gt_trace_find_u64(record, key, &number) && number > 0 && number <= UINT32_MAX ? (uint32_t)number : 1;
}

static enum gt_status read_host(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_host *host = &p->info->host;
    *host = (struct gt_host){0};
    p->info->has_host = true;
    gt_trace_find_string(record, GT_KEY_CPU_MODEL, host->cpu_model, sizeof host->cpu_model);
    gt_trace_find_string(record, GT_KEY_CPU_VENDOR, host->vendor, sizeof host->vendor);
    gt_trace_find_string(record, GT_KEY_MICROCODE, host->microcode, sizeof host->microcode);
    gt_trace_find_string(record, GT_KEY_GOVERNOR, host->governor, sizeof host->governor);
    gt_trace_find_string(record, GT_KEY_KERNEL, host->kernel, sizeof host->kernel);
    small_number(record, GT_KEY_CPU_FAMILY, &host->family);
    small_number(record, GT_KEY_CPU_MODEL_NUMBER, &host->model);
    small_number(record, GT_KEY_CPU_STEPPING, &host->stepping);
    small_number(record, GT_KEY_TURBO, &host->turbo);
    small_number(record, GT_KEY_HYPERVISOR, &host->hypervisor);
    cpu_number(record, GT_KEY_CPUS_ONLINE, &host->cpus_online);
    cpu_number(record, GT_KEY_CPUS_ALLOWED, &host->cpus_allowed);
    gt_trace_find_u64(record, GT_KEY_MEMORY_BYTES, &host->memory_bytes);
    return GT_OK;
}

static enum gt_status read_model(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    struct gt_trace_model *rows =
        one_more(p, info->models, &info->model_count, &info->model_room, sizeof *rows, GT_TRACEINFO_MODELS);
    if (!rows)
        return gt_err_set(p->err, GT_E_CORRUPT, "more than %d models", GT_TRACEINFO_MODELS);
    info->models = rows;
    struct gt_trace_model *model = &rows[info->model_count++];
    struct gt_trace_field field;
    uint64_t slot, fused = 0;
    *model = (struct gt_trace_model){.phi = NAN};
    gt_trace_find_u64(record, GT_KEY_MODEL_ID, &model->id);
    model->name = text_of(p, record, GT_KEY_NAME);
    model->family = text_of(p, record, GT_KEY_FAMILY);
    model->weights = text_of(p, record, GT_KEY_WEIGHTS);
    model->precision = text_of(p, record, GT_KEY_PRECISION);
    model->runtime = text_of(p, record, GT_KEY_RUNTIME);
    model->runtime_version = text_of(p, record, GT_KEY_RUNTIME_VERSION);
    gt_trace_find_f64(record, GT_KEY_PHI, &model->phi);
    model->has_digest = gt_trace_find(record, GT_KEY_DIGEST, &field) && field.bytes == sizeof model->digest;
    if (model->has_digest)
        memcpy(model->digest, field.value, sizeof model->digest);
    model->has_macs = gt_trace_find_u64(record, GT_KEY_MACS, &model->macs);
    model->has_params = gt_trace_find_u64(record, GT_KEY_PARAMS, &model->params);
    model->says_fused = model->has_fused = gt_trace_find_u64(record, GT_KEY_FUSED, &fused);
    model->fused = fused != 0;
    gt_trace_find_u64(record, GT_KEY_BATCH, &model->batch);
    gt_trace_find_u64(record, GT_KEY_THREADS, &model->threads);
    if (gt_trace_find_u64(record, GT_KEY_UNIT_SLOT, &slot) && slot < GT_FOLD_SLOT_OTHER) {
        model->has_slot = true;
        model->first_slot = (uint32_t)slot;
    }
    return GT_OK;
}

/* MEMBER_NAME begins a member; what follows belongs to it. */
static enum gt_status read_members(struct pass *p, const struct gt_trace_view *record, struct gt_trace_unit *unit)
{
    struct gt_trace_field field;
    size_t count = 0;
    for (uint32_t at = 0; gt_trace_field_next(record, &at, &field);)
        count += field.key == GT_KEY_MEMBER_NAME;
    if (count == 0)
        return GT_OK;
    struct gt_trace_member *members = count > GT_TRACEINFO_MEMBERS ? NULL : gt_arena_alloc(p->arena, count, sizeof *members),
                           *member = NULL;
    if (!members)
        return gt_err_set(p->err, GT_E_CORRUPT, "more than %d members in a unit", GT_TRACEINFO_MEMBERS);
    for (uint32_t at = 0; gt_trace_field_next(record, &at, &field);) {
        if (field.key == GT_KEY_MEMBER_NAME) {
            member = member ? member + 1 : members;
            member->name = gt_arena_strndup(p->arena, (const char *)field.value, field.bytes);
        } else if (member && field.key == GT_KEY_MEMBER_OP) {
            member->op = gt_arena_strndup(p->arena, (const char *)field.value, field.bytes);
        } else if (member && field.key == GT_KEY_MEMBER_MACS) {
            gt_trace_field_u64(&field, &member->macs);
        } else if (member && field.key == GT_KEY_MEMBER_PARAMS) {
            gt_trace_field_u64(&field, &member->params);
        } else if (member && field.key == GT_KEY_MEMBER_BYTES) {
            member->has_bytes = gt_trace_field_u64(&field, &member->bytes);
        }
    }
    unit->members = members;
    unit->member_count = count;
    return GT_OK;
}

/* A unit with several members that multiply is a group of layers. */
static bool is_group(const struct gt_trace_unit *unit)
{
    size_t products = 0;
    for (size_t i = 0; i < unit->member_count; i++)
        products += unit->members[i].macs > 0;
    return products > 1;
}

/* Of a model whose runtime does not say how it is executed. Units follow their model, so that it is one of the last. */
static void saw_members(struct gt_trace_info *info, const struct gt_trace_unit *unit)
{
    for (size_t i = unit->has_model && unit->member_count ? info->model_count : 0; i > 0; i--) {
        struct gt_trace_model *model = &info->models[i - 1];
        if (model->id != unit->model_id)
            continue;
        model->has_fused = true;
        model->fused = model->says_fused ? model->fused : model->fused || is_group(unit);
        return;
    }
}

static enum gt_status read_unit(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    uint64_t slot, index = 0, region = 0;
    if (!gt_trace_find_u64(record, GT_KEY_UNIT_SLOT, &slot) || slot >= GT_FOLD_SLOT_OTHER)
        return GT_OK; /* nothing can refer to it */
    struct gt_trace_unit *rows =
        one_more(p, info->units, &info->unit_count, &info->unit_room, sizeof *rows, GT_TRACEINFO_UNITS);
    if (!rows)
        return gt_err_set(p->err, GT_E_CORRUPT, "more than %d units", GT_TRACEINFO_UNITS);
    info->units = rows;
    struct gt_trace_unit *unit = &rows[info->unit_count++];
    *unit = (struct gt_trace_unit){.slot = (uint32_t)slot};
    unit->has_index = gt_trace_find_u64(record, GT_KEY_UNIT_INDEX, &index);
    unit->index = (uint32_t)index;
    unit->has_model = gt_trace_find_u64(record, GT_KEY_MODEL_ID, &unit->model_id);
    unit->region = gt_trace_find_u64(record, GT_KEY_REGION, &region) && region;
    unit->name = text_of(p, record, GT_KEY_NAME);
    unit->op = text_of(p, record, GT_KEY_OP);
    unit->shape_in = text_of(p, record, GT_KEY_SHAPE_IN);
    unit->shape_out = text_of(p, record, GT_KEY_SHAPE_OUT);
    unit->has_macs = gt_trace_find_u64(record, GT_KEY_MACS, &unit->macs);
    unit->has_params = gt_trace_find_u64(record, GT_KEY_PARAMS, &unit->params);
    saw_slot(info, unit->slot);
    enum gt_status status = read_members(p, record, unit);
    if (status == GT_OK)
        saw_members(info, unit);
    return status;
}

static void domain_field(const struct gt_trace_field *field, struct gt_domain *domain)
{
    uint64_t number = 0;
    bool is_number = gt_trace_field_u64(field, &number);
    int small = is_number && number <= INT32_MAX ? (int)number : -1;
    if (field->key == GT_KEY_DOMAIN_PARENT)
        domain->parent = small;
    else if (field->key == GT_KEY_DOMAIN_PACKAGE)
        domain->package = small;
    else if (field->key == GT_KEY_DOMAIN_DIE)
        domain->die = small;
    else if (field->key == GT_KEY_DOMAIN_ADDITIVE)
        domain->additive = number != 0;
    else if (field->key == GT_KEY_DOMAIN_UJ)
        gt_trace_field_f64(field, &domain->uj_per_count);
    else if (field->key == GT_KEY_DOMAIN_WRAP)
        domain->wrap_count = number;
    else if (field->key == GT_KEY_DOMAIN_REFRESH_NS)
        domain->refresh_ns = number;
    else if (field->key == GT_KEY_DOMAIN_MIRROR)
        domain->mirror = small < GT_SOURCE_DOMAINS ? small + 1 : 0;
    else if (field->key == GT_KEY_DOMAIN_MOST_W)
        gt_trace_field_f64(field, &domain->most_w);
}

static enum gt_status add_note(struct pass *p, struct gt_trace_note **notes, size_t *count, size_t *room, const char *label,
                               const char *text)
{
    if (*count >= GT_TRACEINFO_NOTES)
        return GT_OK;
    struct gt_trace_note *rows = one_more(p, *notes, count, room, sizeof *rows, GT_TRACEINFO_NOTES);
    if (!rows)
        return no_memory(p);
    *notes = rows;
    rows[(*count)++] = (struct gt_trace_note){label ? label : "", text ? text : ""};
    return GT_OK;
}

static enum gt_status read_source(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_source_desc *desc = &p->info->source;
    struct gt_trace_field field;
    char word[32];
    if (p->info->has_source)
        return GT_OK; /* a second one would contradict the ticks read so far */
    *desc = (struct gt_source_desc){0};
    p->info->has_source = true;
    gt_trace_find_string(record, GT_KEY_SOURCE_NAME, desc->source, sizeof desc->source);
    gt_trace_find_string(record, GT_KEY_BOUNDARY, desc->boundary, sizeof desc->boundary);
    gt_trace_find_string(record, GT_KEY_PROVENANCE, word, sizeof word);
    desc->provenance = gt_provenance_find(word);
    for (uint32_t at = 0; gt_trace_field_next(record, &at, &field);) {
        if (field.key != GT_KEY_DOMAIN_NAME) {
            if (desc->domain_count)
                domain_field(&field, &desc->domains[desc->domain_count - 1]);
            continue;
        }
        if (desc->domain_count == GT_SOURCE_DOMAINS)
            return gt_err_set(p->err, GT_E_CORRUPT, "more than %d domains", GT_SOURCE_DOMAINS);
        struct gt_domain *domain = &desc->domains[desc->domain_count++];
        *domain = (struct gt_domain){.parent = -1, .package = -1, .die = -1};
        gt_trace_field_string(&field, domain->name, sizeof domain->name);
    }
    gt_trace_find_string(record, GT_KEY_SOURCE_NOTE, desc->note, sizeof desc->note);
    if (!desc->note[0])
        return GT_OK;
    return add_note(p, &p->info->notes, &p->info->note_count, &p->info->note_room, "energy source", desc->note);
}

static enum gt_status read_note(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    gt_trace_find_u64(record, GT_KEY_ITEMS, &info->items);
    return add_note(p, &info->notes, &info->note_count, &info->note_room, text_of(p, record, GT_KEY_LABEL),
                    text_of(p, record, GT_KEY_TEXT));
}

static enum gt_status read_loss(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    uint64_t count = 0;
    gt_trace_find_u64(record, GT_KEY_COUNT, &count);
    info->lost += count;
    return add_note(p, &info->losses, &info->loss_count, &info->loss_room, text_of(p, record, GT_KEY_KIND),
                    gt_arena_printf(p->arena, "%llu", (unsigned long long)count));
}

/* A gap is named in the run; what the counter did meanwhile, its next reading tells. */
static enum gt_status read_gap(struct pass *p, const struct gt_trace_view *record)
{
    uint64_t begin_ns, end_ns;
    if (!gt_trace_find_u64(record, GT_KEY_T_BEGIN_NS, &begin_ns) || !gt_trace_find_u64(record, GT_KEY_T_END_NS, &end_ns) ||
        end_ns < begin_ns)
        return GT_OK;
    saw_time(p->info, end_ns); /* what it says goes into the run's list of gaps (runfold.c) */
    return GT_OK;
}

static enum gt_status read_overhead(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    struct gt_trace_field field;
    double hook_ns;
    if (!gt_trace_find_u64(record, GT_KEY_OVERHEAD_CPU_NS, &info->overhead_cpu_ns))
        return GT_OK;
    info->has_overhead = true;
    if (gt_trace_find(record, GT_KEY_OVERHEAD_HOOK_NS, &field) && gt_trace_field_f64(&field, &hook_ns) && hook_ns > 0)
        info->hook_ns = hook_ns;
    return GT_OK;
}

static enum gt_status read_end(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    info->has_end = true;
    if (gt_trace_find_u64(record, GT_KEY_T_END_NS, &info->end_ns))
        saw_time(info, info->end_ns);
    info->has_exit_status = gt_trace_find_u64(record, GT_KEY_EXIT_STATUS, &info->exit_status);
    info->has_signal = gt_trace_find_u64(record, GT_KEY_SIGNAL, &info->signal);
    return GT_OK;
}

static enum gt_status read_ticks(struct pass *p, const struct gt_trace_view *record)
{
    uint32_t count, domains;
    const uint64_t *rows;
    if (gt_trace_view_ticks(record, &count, &domains, &rows) != GT_OK || count == 0)
        return GT_OK;
    saw_time(p->info, rows[0]);
    saw_time(p->info, rows[(count - 1) * (size_t)(1 + domains)]);
    p->info->ticks += count;
    return GT_OK;
}

static enum gt_status read_cpu(struct pass *p, const struct gt_trace_view *record)
{
    uint32_t count;
    const struct gt_trace_cpu *rows;
    if (gt_trace_view_cpu(record, &count, &rows) != GT_OK || count == 0)
        return GT_OK;
    saw_time(p->info, rows[0].t_ns);
    saw_time(p->info, rows[count - 1].t_ns);
    p->info->cpu_rows += count;
    return GT_OK;
}

static enum gt_status read_events(struct pass *p, const struct gt_trace_view *record)
{
    uint64_t thread;
    uint32_t count;
    const struct gt_trace_event *rows;
    if (gt_trace_view_events(record, &thread, &count, &rows) != GT_OK)
        return GT_OK;
    for (uint32_t i = 0; i < count; i++) {
        saw_time(p->info, rows[i].t_begin_ns);
        saw_time(p->info, rows[i].t_end_ns);
        saw_slot(p->info, rows[i].slot);
    }
    p->info->event_rows += count;
    return GT_OK;
}

static enum gt_status read_table(struct pass *p, const struct gt_trace_view *record)
{
    uint64_t thread;
    uint32_t count;
    const struct gt_trace_total *rows;
    if (gt_trace_view_table(record, &thread, &count, &rows) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            if (!(rows[i].slot & GT_TRACE_SLOT_NESTED) || rows[i].slot == GT_FOLD_SLOT_OTHER)
                saw_slot(p->info, rows[i].slot);
    return GT_OK;
}

static enum gt_status read_block(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_block block;
    size_t bytes = record->bytes;
    void *copy = NULL;
    if (gt_block_parse_old(record->payload, &bytes, &block, &copy) != GT_OK)
        return GT_OK;
    p->info->blocks++;
    if (block.head->begin_ns)
        saw_time(p->info, block.head->begin_ns);
    if (block.head->end_ns)
        saw_time(p->info, block.head->end_ns);
    /* Regions that stood in for inferences are none. */
    uint32_t mask = block.head->region_windows != 0 ? ~GT_TRACE_SLOT_INFER : ~UINT32_C(0);
    for (uint32_t i = 0; i < block.head->unit_count; i++)
        saw_slot(p->info, block.units[i].slot & mask);
    free(copy);
    return GT_OK;
}

static enum gt_status read_counter(struct pass *p, const struct gt_trace_view *record)
{
    uint64_t index, value = 0, weight = 1;
    if (!gt_trace_find_u64(record, GT_KEY_EVENT_INDEX, &index) || index >= GT_TRACEINFO_COUNTERS)
        return GT_OK;
    struct gt_trace_counter *counter = &p->info->counters[index];
    *counter = (struct gt_trace_counter){.name = text_of(p, record, GT_KEY_EVENT_NAME),
                                         .scope = text_of(p, record, GT_KEY_EVENT_SCOPE),
                                         .reason = text_of(p, record, GT_KEY_EVENT_REASON)};
    counter->has_value = gt_trace_find_u64(record, GT_KEY_EVENT_VALUE, &value);
    gt_trace_find_u64(record, GT_KEY_EVENT_WEIGHT, &weight);
    gt_trace_find_u64(record, GT_KEY_EVENT_ENABLED, &counter->enabled_ns);
    gt_trace_find_u64(record, GT_KEY_EVENT_RUNNING, &counter->running_ns);
    counter->value = (int64_t)value;
    counter->weight = (int64_t)weight;
    return GT_OK;
}

/* Each record has all sums: the last one is kept, in memory that grows with the number of units alone. */
static enum gt_status read_counts(struct pass *p, const struct gt_trace_view *record)
{
    struct gt_trace_info *info = p->info;
    const struct gt_trace_count *rows;
    uint32_t count;
    if (gt_trace_view_counts(record, &count, &rows) != GT_OK || count > GT_TRACEINFO_COUNTS)
        return GT_OK;
    if (count > info->count_room) {
        info->counts = gt_arena_alloc(p->arena, 2 * (size_t)count, sizeof *rows);
        if (!info->counts)
            return no_memory(p);
        info->count_room = 2 * (size_t)count;
    }
    if (count > 0)
        memcpy(info->counts, rows, count * sizeof *rows);
    info->count_rows = count;
    return GT_OK;
}

typedef enum gt_status record_fn(struct pass *p, const struct gt_trace_view *record);

static record_fn *const readers[] = {
    [GT_TRACE_PROCESS] = read_process, [GT_TRACE_HOST] = read_host,         [GT_TRACE_MODEL] = read_model,
    [GT_TRACE_UNIT] = read_unit,       [GT_TRACE_SOURCE] = read_source,     [GT_TRACE_TICK] = read_ticks,
    [GT_TRACE_CPU] = read_cpu,         [GT_TRACE_EVENTS] = read_events,     [GT_TRACE_TABLE] = read_table,
    [GT_TRACE_GAP] = read_gap,         [GT_TRACE_BLOCK] = read_block,       [GT_TRACE_LOSS] = read_loss,
    [GT_TRACE_NOTE] = read_note,       [GT_TRACE_END] = read_end,           [GT_TRACE_COUNTER] = read_counter,
    [GT_TRACE_COUNTS] = read_counts,   [GT_TRACE_OVERHEAD] = read_overhead,
};

enum gt_status gt_traceinfo_read(struct gt_trace_reader *reader, struct gt_arena *arena, struct gt_trace_info *info,
                                 struct gt_err *err)
{
    struct pass p = {arena, info, err};
    struct gt_trace_view record;
    enum gt_status status = GT_OK;
    *info = (struct gt_trace_info){.header = *gt_trace_read_header(reader), .hook_ns = NAN};
    while (status == GT_OK && (status = gt_trace_read_next(reader, &record, err)) == GT_OK) {
        info->last_sequence = record.sequence;
        if (record.type < sizeof readers / sizeof *readers && readers[record.type])
            status = readers[record.type](&p, &record);
    }
    if (status != GT_E_NOENT)
        return status;
    info->state = gt_trace_read_state(reader);
    info->damage = gt_trace_read_loss(reader);
    gt_trace_read_rewind(reader);
    return GT_OK;
}

const char *gt_traceinfo_note(const struct gt_trace_info *info, const char *label)
{
    for (size_t i = info->note_count; i > 0; i--)
        if (strcmp(info->notes[i - 1].label, label) == 0)
            return info->notes[i - 1].text;
    return NULL;
}

const struct gt_trace_unit *gt_traceinfo_unit(const struct gt_trace_info *info, uint32_t slot)
{
    for (size_t i = 0; i < info->unit_count; i++)
        if (info->units[i].slot == slot)
            return &info->units[i];
    return NULL;
}

const struct gt_trace_model *gt_traceinfo_model(const struct gt_trace_info *info, uint64_t id)
{
    for (size_t i = 0; i < info->model_count; i++)
        if (info->models[i].id == id)
            return &info->models[i];
    return NULL;
}

const struct gt_trace_model *gt_traceinfo_model_at(const struct gt_trace_info *info, uint32_t first_slot)
{
    for (size_t i = 0; i < info->model_count; i++)
        if (info->models[i].has_slot && info->models[i].first_slot == first_slot)
            return &info->models[i];
    const struct gt_trace_unit *unit = gt_traceinfo_unit(info, first_slot);
    return unit && unit->has_model ? gt_traceinfo_model(info, unit->model_id) : NULL;
}
