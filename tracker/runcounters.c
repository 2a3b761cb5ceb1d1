#include "tracker/runcounters.h"

#include "energy/event.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t number(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* NULL stays NULL. */
static const char *copy(struct gt_arena *arena, const char *text, bool *failed)
{
    const char *out = text ? gt_arena_strdup(arena, text) : NULL;
    *failed = *failed || (text && !out);
    return out;
}

/* --- the run ----------------------------------------------------------------------------------------------------------------
 */

static bool fill_run(const struct gt_trace_info *info, struct gt_arena *arena, struct gt_run_record *run)
{
    bool failed = false;
    struct gt_run_counter_record *rows = gt_arena_alloc(arena, GT_TRACEINFO_COUNTERS, sizeof *rows);
    for (size_t i = 0; rows && i < GT_TRACEINFO_COUNTERS; i++) {
        const struct gt_trace_counter *c = &info->counters[i];
        if (!c->name)
            continue;
        rows[run->run_counter_count++] = (struct gt_run_counter_record){
            .name = copy(arena, c->name, &failed),
            .value = c->has_value ? c->value : GT_UNKNOWN,
            .enabled_ns = c->has_value ? number(c->enabled_ns) : GT_UNKNOWN,
            .running_ns = c->has_value ? number(c->running_ns) : GT_UNKNOWN,
            .scope = copy(arena, c->scope, &failed),
            .reason = copy(arena, c->reason, &failed),
        };
    }
    run->run_counters = rows;
    return rows && !failed;
}

/* --- units ------------------------------------------------------------------------------------------------------------------
 */

/* One term's counts of one slot, with where they belong: terms of one event and unit are put together. */
struct row {
    struct gt_unit_counter_record out;
    size_t process;
    uint32_t term;
};

static int by_slot(const void *left, const void *right)
{
    const struct gt_slot_record *a = left, *b = right;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

/* The run's slots are in order, as the block's units that they come from. NULL: nobody says what it is. */
static const struct gt_slot_record *find_slot(const struct gt_run_record *run, int64_t slot)
{
    const struct gt_slot_record wanted = {.slot = slot};
    return run->slot_count ? bsearch(&wanted, run->slots, run->slot_count, sizeof wanted, by_slot) : NULL;
}

/* False: it belongs to no unit that the run knows. */
static bool make_row(const struct gt_runfold_trace *trace, const struct gt_run_record *run, const struct gt_trace_count *count,
                     struct row *row)
{
    const struct gt_trace_counter *counter = count->event < GT_TRACEINFO_COUNTERS ? &trace->info->counters[count->event] : NULL;
    uint32_t infer = count->slot & GT_TRACE_SLOT_INFER;
    uint64_t plain = (uint64_t)(count->slot & ~GT_TRACE_SLOT_INFER) + trace->slot_base;
    const struct gt_slot_record *slot = plain < GT_RUNFOLD_SLOTS ? find_slot(run, (int64_t)(plain | infer)) : NULL;
    if (!counter || !counter->name || !slot || count->calls == 0)
        return false;
    struct gt_event_count sums = {count->value, count->enabled_ns, count->running_ns};
    double value = NAN;
    if (!gt_event_scale(&sums, &value))
        value = NAN;
    *row = (struct row){.term = count->event};
    row->out = (struct gt_unit_counter_record){.part = slot->part,
                                               .index = slot->index,
                                               .name = counter->name,
                                               .calls = number(count->calls),
                                               .value = (double)counter->weight * value,
                                               .enabled_ns = number(count->enabled_ns),
                                               .running_ns = number(count->running_ns)};
    return true;
}

/* By unit and event; then by process, so that the terms of one are neighbours. */
static int by_place(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->out.part != b->out.part)
        return a->out.part < b->out.part ? -1 : 1;
    if (a->out.index != b->out.index)
        return a->out.index < b->out.index ? -1 : 1;
    int names = strcmp(a->out.name, b->out.name);
    if (names != 0)
        return names;
    if (a->process != b->process)
        return a->process < b->process ? -1 : 1;
    return (a->term > b->term) - (a->term < b->term);
}

static bool same_place(const struct row *a, const struct row *b)
{
    return a->out.part == b->out.part && a->out.index == b->out.index && strcmp(a->out.name, b->out.name) == 0;
}

/* The calls are those of each process's first term: the others counted the same ones. */
static void add_row(struct gt_unit_counter_record *out, const struct row *row, bool next_process)
{
    out->value += row->out.value;
    out->enabled_ns += row->out.enabled_ns;
    out->running_ns += row->out.running_ns;
    if (next_process)
        out->calls += row->out.calls;
}

static bool fill_units(const struct gt_runfold_input *traces, struct gt_arena *arena, struct gt_run_record *run)
{
    size_t room = 1, count = 0;
    bool failed = false;
    for (size_t i = 0; i < traces->process_count; i++)
        room += traces->processes[i].info->count_rows;
    struct row *rows = gt_arena_alloc(arena, room, sizeof *rows);
    struct gt_unit_counter_record *out = gt_arena_alloc(arena, room, sizeof *out);
    if (!rows || !out)
        return false;
    for (size_t i = 0; i < traces->process_count; i++)
        for (size_t k = 0; k < traces->processes[i].info->count_rows; k++)
            if (make_row(&traces->processes[i], run, &traces->processes[i].info->counts[k], &rows[count]))
                rows[count++].process = i;
    qsort(rows, count, sizeof *rows, by_place);
    for (size_t i = 0; i < count; i++) {
        bool known = i > 0 && same_place(&rows[i - 1], &rows[i]);
        if (known) {
            add_row(&out[run->unit_counter_count - 1], &rows[i], rows[i - 1].process != rows[i].process);
            continue;
        }
        out[run->unit_counter_count] = rows[i].out;
        out[run->unit_counter_count++].name = copy(arena, rows[i].out.name, &failed);
    }
    run->unit_counters = out;
    return !failed;
}

enum gt_status gt_runcounters_make(const struct gt_runrecord_input *input, struct gt_arena *arena, struct gt_run_record *run,
                                   struct gt_err *err)
{
    const struct gt_runfold_input *traces = input->traces;
    bool ok = (!traces->run || fill_run(traces->run->info, arena, run)) && fill_units(traces, arena, run);
    return ok ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
}
