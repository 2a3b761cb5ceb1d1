#include "tracker/runfold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A reading is taken at both ends of a run: more than this without one is a gap. */
#define UNREAD_LEAST_NS UINT64_C(100000000)

/* Sums of one global slot, to tell what the rows lack. [0] units, [1] inferences. */
struct slot_sum {
    uint64_t calls, items, ns;
};

/* The latest TABLE of one thread of one process. */
struct thread_table {
    size_t process;
    uint64_t thread;
    struct gt_trace_total *rows; /* owned */
    uint32_t count;
};

/* One trace being merged: its current record, and the time by which it takes its turn. */
struct feed {
    struct gt_runfold_trace *trace;
    size_t process;
    bool samples; /* its ticks and CPU rows count */
    bool rows;    /* its units count */
    bool ended;
    uint64_t turn_ns;
    struct gt_trace_view record;
};

struct merge {
    const struct gt_runfold_input *input;
    struct gt_fold *fold;
    uint32_t slots;
    bool regions_alone;                 /* nobody made an inference: what the program named itself stands in for them */
    struct slot_sum *seen[2], *told[2]; /* owned; by rows and blocks, by tables */
    struct slot_sum other_told;
    uint64_t *nested;            /* owned; ns of other units inside a unit, by tables */
    struct gt_runfold *out;      /* for the samples' ends */
    struct thread_table *tables; /* owned */
    size_t table_count, table_room;
    struct gt_err *err;
};

/* --- slots ------------------------------------------------------------------------------------------------------------ */

static uint32_t shifted(uint32_t slot, uint32_t base)
{
    if (slot == GT_FOLD_SLOT_OTHER)
        return slot;
    return (slot & GT_TRACE_SLOT_INFER) | ((slot & ~GT_TRACE_SLOT_INFER) + base);
}

/* Where the sums of a (shifted) slot stand; NULL for the overflow slot and for what is out of range. */
static struct slot_sum *sum_of(struct merge *m, struct slot_sum **sums, uint32_t slot)
{
    uint32_t plain = slot & ~GT_TRACE_SLOT_INFER;
    return plain < m->slots ? &sums[slot & GT_TRACE_SLOT_INFER ? 1 : 0][plain] : NULL;
}

static enum gt_status lay_out_slots(struct merge *m, struct gt_runfold_input *input)
{
    uint64_t next = 0;
    m->regions_alone = true;
    for (size_t i = 0; i < input->process_count; i++) {
        m->regions_alone = m->regions_alone && !input->processes[i].info->has_inferences;
        input->processes[i].slot_base = (uint32_t)next;
        next += input->processes[i].info->slots;
        if (next > GT_RUNFOLD_SLOTS)
            return gt_err_set(m->err, GT_E_LIMIT, "more than %d units in one run", GT_RUNFOLD_SLOTS);
    }
    m->slots = (uint32_t)next;
    m->nested = calloc(m->slots + 1, sizeof *m->nested);
    if (!m->nested)
        return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
    for (int i = 0; i < 2; i++) {
        m->seen[i] = calloc(m->slots + 1, sizeof **m->seen);
        m->told[i] = calloc(m->slots + 1, sizeof **m->told);
        if (!m->seen[i] || !m->told[i])
            return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
    }
    return GT_OK;
}

/* --- records ---------------------------------------------------------------------------------------------------------- */

static bool in_time(const struct merge *m, uint64_t t_end_ns)
{
    return t_end_ns > m->input->from_ns && t_end_ns <= m->input->until_ns;
}

static void add_rows(struct merge *m, const struct gt_runfold_trace *trace, uint64_t thread, const struct gt_trace_event *rows,
                     uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct gt_trace_event event = rows[i];
        event.slot = shifted(event.slot, trace->slot_base);
        struct slot_sum *sum = sum_of(m, m->seen, event.slot);
        if (sum) {
            sum->calls++;
            sum->items += event.items;
            sum->ns += event.t_end_ns > event.t_begin_ns ? event.t_end_ns - event.t_begin_ns : 0;
        }
        if (!in_time(m, event.t_end_ns))
            continue;
        gt_fold_add_event(m->fold, thread, &event);
        event.slot |= GT_TRACE_SLOT_INFER;
        if (m->regions_alone) /* the window and what it covers */
            gt_fold_add_event(m->fold, thread, &event);
    }
}

static void add_events(struct merge *m, const struct feed *feed)
{
    uint64_t thread;
    uint32_t count;
    const struct gt_trace_event *rows;
    if (gt_trace_view_events(&feed->record, &thread, &count, &rows) == GT_OK)
        add_rows(m, feed->trace, thread, rows, count);
}

/* Replaces what was known of that thread. */
static enum gt_status keep_table(struct merge *m, size_t process, uint64_t thread, const struct gt_trace_total *rows,
                                 uint32_t count)
{
    struct thread_table *table = NULL;
    for (size_t i = 0; i < m->table_count && !table; i++)
        if (m->tables[i].process == process && m->tables[i].thread == thread)
            table = &m->tables[i];
    if (!table) {
        if (m->table_count == m->table_room) {
            size_t room = m->table_room ? 2 * m->table_room : 16;
            struct thread_table *more = realloc(m->tables, room * sizeof *more);
            if (!more)
                return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
            m->tables = more;
            m->table_room = room;
        }
        table = &m->tables[m->table_count++];
        *table = (struct thread_table){.process = process, .thread = thread};
    }
    struct gt_trace_total *copy = malloc((count + 1) * sizeof *copy);
    if (!copy)
        return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
    memcpy(copy, rows, count * sizeof *copy);
    free(table->rows);
    table->rows = copy;
    table->count = count;
    return GT_OK;
}

static enum gt_status add_table(struct merge *m, const struct feed *feed)
{
    uint64_t thread;
    uint32_t count;
    const struct gt_trace_total *rows;
    if (gt_trace_view_table(&feed->record, &thread, &count, &rows) != GT_OK)
        return GT_OK;
    return keep_table(m, feed->process, thread, rows, count);
}

/* The record's block; where others made inferences, without the window that regions have in it. *copy: owned by the caller. */
static enum gt_status parse_block(const struct merge *m, const struct gt_trace_view *record, struct gt_block *block,
                                  void **copy)
{
    size_t bytes = record->bytes;
    enum gt_status status = gt_block_parse_old(record->payload, &bytes, block, copy);
    if (status == GT_E_NOMEM)
        return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
    if (status != GT_OK || m->regions_alone || block->head->region_windows == 0)
        return status;
    if (!*copy) {
        *copy = malloc(bytes);
        if (!*copy)
            return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
        memcpy(*copy, record->payload, bytes);
    }
    gt_block_drop_window(*copy, &bytes);
    return gt_block_parse(*copy, bytes, block);
}

static void go_on(uint64_t *counter, uint64_t by)
{
    *counter += *counter == UINT64_MAX ? 0 : by;
}

/* After the last row CPU time is in blocks alone: the counters at the end are those of the row and what blocks add. */
static void extend_cpu(struct gt_runfold *out, const struct gt_block_head *head)
{
    if (!out->has_cpu)
        return;
    go_on(&out->last_cpu.job_cpu_ns, head->job_cpu_ns);
    go_on(&out->last_cpu.machine_busy_ns, head->machine_busy_ns);
    go_on(&out->last_cpu.machine_total_ns, head->machine_total_ns);
}

static enum gt_status add_block(struct merge *m, const struct feed *feed)
{
    struct gt_block block;
    void *copy = NULL;
    enum gt_status status = parse_block(m, &feed->record, &block, &copy);
    if (status != GT_OK || !in_time(m, block.head->end_ns)) {
        free(copy);
        return status == GT_E_NOMEM ? status : GT_OK; /* what cannot be parsed is left out */
    }
    for (uint32_t i = 0; i < block.head->unit_count; i++) {
        struct slot_sum *sum = sum_of(m, m->seen, shifted(block.units[i].slot, feed->trace->slot_base));
        if (sum) {
            sum->calls += block.units[i].calls;
            sum->items += block.units[i].items;
            sum->ns += block.units[i].ns;
        }
    }
    /* A block whose domains are not the run's has no equations for us: its units count by their tables. */
    gt_fold_add_block(m->fold, &block, feed->trace->slot_base, !feed->samples);
    if (feed->samples)
        extend_cpu(m->out, block.head);
    free(copy);
    return GT_OK;
}

static void saw_sample(struct gt_runfold *out, uint64_t t_ns)
{
    if (!out->first_ns || t_ns < out->first_ns)
        out->first_ns = t_ns;
    if (t_ns > out->last_ns)
        out->last_ns = t_ns;
}

/* A run's own trace holds samples of that run alone; its last one is taken right after its end, and has what came before it. */
static bool sampled_in_time(const struct merge *m, const struct feed *feed, uint64_t t_ns)
{
    return feed->trace == m->input->run || (t_ns >= m->input->from_ns && t_ns <= m->input->until_ns);
}

/* A tick may leave domains out. */
static void keep_ends(struct gt_runfold *out, const uint64_t *raw, uint32_t domains)
{
    for (uint32_t i = 0; i < domains; i++) {
        if (raw[i] == GT_FOLD_UNREAD)
            continue;
        if (!(out->has_raw >> i & 1))
            out->first_raw[i] = raw[i];
        out->has_raw |= UINT64_C(1) << i;
        out->last_raw[i] = raw[i];
    }
    out->has_ticks = true;
}

static void add_edges(struct merge *m, const struct feed *feed)
{
    uint64_t package;
    double sigma_ns;
    int known = gt_trace_find_u64(&feed->record, GT_KEY_EDGE_PACKAGE, &package) && package <= INT32_MAX ? (int)package : -1;
    if (gt_trace_find_f64(&feed->record, GT_KEY_EDGE_SIGMA_NS, &sigma_ns))
        gt_fold_set_edges(m->fold, known, sigma_ns);
}

static void add_ticks(struct merge *m, const struct feed *feed)
{
    uint32_t count, domains;
    const uint64_t *rows;
    if (gt_trace_view_ticks(&feed->record, &count, &domains, &rows) != GT_OK ||
        domains != (uint32_t)feed->trace->info->source.domain_count)
        return;
    for (uint32_t i = 0; i < count; i++, rows += 1 + domains) {
        if (!sampled_in_time(m, feed, rows[0]))
            continue;
        gt_fold_add_tick(m->fold, rows[0], rows + 1);
        gt_alike_step(&m->out->alike, &feed->trace->info->source, rows + 1);
        saw_sample(m->out, rows[0]);
        keep_ends(m->out, rows + 1, domains);
    }
}

static void add_cpu(struct merge *m, const struct feed *feed)
{
    uint32_t count;
    const struct gt_trace_cpu *rows;
    if (gt_trace_view_cpu(&feed->record, &count, &rows) != GT_OK)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (!sampled_in_time(m, feed, rows[i].t_ns))
            continue;
        gt_fold_add_cpu(m->fold, &rows[i]);
        saw_sample(m->out, rows[i].t_ns);
        if (!m->out->has_cpu)
            m->out->first_cpu = rows[i];
        m->out->last_cpu = rows[i];
        m->out->has_cpu = true;
    }
}

/* Gaps of the same domain and reason that touch are one. */
static void list_gap(struct merge *m, int domain, uint64_t from_ns, uint64_t to_ns, const char *reason)
{
    struct gt_runfold *out = m->out;
    for (size_t i = out->gap_count; i-- > 0;) {
        struct gt_runfold_gap *gap = &out->gaps[i];
        if (gap->domain != domain || strcmp(gap->reason, reason) != 0 || gap->from_ns > to_ns || from_ns > gap->to_ns)
            continue;
        gap->from_ns = from_ns < gap->from_ns ? from_ns : gap->from_ns;
        gap->to_ns = to_ns > gap->to_ns ? to_ns : gap->to_ns;
        return;
    }
    if (out->gap_count == GT_RUNFOLD_GAPS) {
        out->gaps_dropped++;
        return;
    }
    struct gt_runfold_gap *gap = &out->gaps[out->gap_count++];
    *gap = (struct gt_runfold_gap){.domain = domain, .from_ns = from_ns, .to_ns = to_ns};
    snprintf(gap->reason, sizeof gap->reason, "%s", reason);
}

static int find_domain(const struct gt_source_desc *desc, const char *name)
{
    for (int i = 0; i < desc->domain_count; i++)
        if (strcmp(desc->domains[i].name, name) == 0)
            return i;
    return GT_GAP_ALL;
}

/* Of the source, which could not be read, or of a domain, which a process has folded itself. */
static void add_gap(struct merge *m, const struct feed *feed)
{
    uint64_t begin, end;
    struct gt_trace_field field;
    char reason[GT_RUNFOLD_REASON], name[GT_SOURCE_NAME];
    if (!gt_trace_find_u64(&feed->record, GT_KEY_T_BEGIN_NS, &begin) ||
        !gt_trace_find_u64(&feed->record, GT_KEY_T_END_NS, &end) || end < begin || end <= m->input->from_ns ||
        begin > m->input->until_ns)
        return;
    bool one = gt_trace_find(&feed->record, GT_KEY_GAP_DOMAIN, &field) && field.bytes < sizeof name;
    int domain = one ? find_domain(&m->out->desc, gt_trace_field_string(&field, name, sizeof name)) : GT_GAP_ALL;
    bool said = gt_trace_find(&feed->record, GT_KEY_GAP_REASON, &field);
    list_gap(m, domain, begin, end, said ? gt_trace_field_string(&field, reason, sizeof reason) : gt_gap_word(GT_GAP_UNREAD));
    if (!one)
        gt_fold_add_gap(m->fold, begin, end);
}

static enum gt_status add_record(struct merge *m, const struct feed *feed)
{
    uint16_t type = feed->record.type;
    if (feed->samples && type == GT_TRACE_TICK)
        add_ticks(m, feed);
    else if (feed->samples && type == GT_TRACE_CPU)
        add_cpu(m, feed);
    else if (feed->samples && type == GT_TRACE_EDGE)
        add_edges(m, feed);
    else if (feed->samples && type == GT_TRACE_GAP)
        add_gap(m, feed);
    else if (feed->rows && type == GT_TRACE_EVENTS)
        add_events(m, feed);
    else if (feed->rows && type == GT_TRACE_BLOCK)
        return add_block(m, feed);
    else if (feed->rows && type == GT_TRACE_TABLE)
        return add_table(m, feed);
    return GT_OK;
}

/* --- merging ---------------------------------------------------------------------------------------------------------- */

/* Samples go by their first row, units by their last end: the ticks that cover them then come first. 0: no time of its own. */
static uint64_t turn_of(const struct gt_trace_view *record)
{
    uint32_t count, domains;
    uint64_t thread;
    const uint64_t *ticks;
    const struct gt_trace_cpu *cpus;
    const struct gt_trace_event *events;
    if (record->type == GT_TRACE_TICK && gt_trace_view_ticks(record, &count, &domains, &ticks) == GT_OK && count)
        return ticks[0];
    if (record->type == GT_TRACE_CPU && gt_trace_view_cpu(record, &count, &cpus) == GT_OK && count)
        return cpus[0].t_ns;
    if (record->type == GT_TRACE_EVENTS && gt_trace_view_events(record, &thread, &count, &events) == GT_OK && count)
        return events[count - 1].t_end_ns;
    return 0;
}

/* Records without a time take their turn right after the one before them. */
static enum gt_status advance(struct merge *m, struct feed *feed)
{
    enum gt_status status = gt_trace_read_next(feed->trace->reader, &feed->record, m->err);
    if (status == GT_E_NOENT) {
        feed->ended = true;
        return GT_OK;
    }
    uint64_t turn = status == GT_OK ? turn_of(&feed->record) : 0;
    if (turn > feed->turn_ns)
        feed->turn_ns = turn;
    return status;
}

static struct feed *first_in_turn(struct feed *feeds, size_t count)
{
    struct feed *first = NULL;
    for (size_t i = 0; i < count; i++)
        if (!feeds[i].ended && (!first || feeds[i].turn_ns < first->turn_ns))
            first = &feeds[i];
    return first;
}

static enum gt_status merge_feeds(struct merge *m, struct feed *feeds, size_t count)
{
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < count && status == GT_OK; i++)
        status = advance(m, &feeds[i]);
    for (struct feed *next; status == GT_OK && (next = first_in_turn(feeds, count));) {
        status = add_record(m, next);
        if (status == GT_OK && gt_fold_equations_ns(m->fold) >= m->out->batches.ns)
            status = gt_batches_take(&m->out->batches, m->fold, m->err);
        if (status == GT_OK)
            status = advance(m, next);
    }
    for (size_t i = 0; i < count; i++)
        gt_trace_read_rewind(feeds[i].trace->reader);
    return status;
}

static enum gt_status merge_traces(struct merge *m, const struct gt_runfold_input *input)
{
    size_t count = 0;
    struct feed *feeds = calloc(input->process_count + 1, sizeof *feeds);
    if (!feeds)
        return gt_err_set(m->err, GT_E_NOMEM, "out of memory");
    if (input->run)
        feeds[count++] = (struct feed){.trace = input->run, .process = SIZE_MAX, .samples = true};
    for (size_t i = 0; i < input->process_count; i++)
        feeds[count++] =
            (struct feed){.trace = &input->processes[i], .process = i, .samples = !input->run && i == 0, .rows = true};
    enum gt_status status = merge_feeds(m, feeds, count);
    free(feeds);
    return status;
}

/* What killed processes left in their rings. */
static enum gt_status merge_leftovers(struct merge *m, const struct gt_runfold_input *input)
{
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < input->process_count; i++) {
        const struct gt_runfold_trace *trace = &input->processes[i];
        for (size_t j = 0; j < trace->leftover_count && status == GT_OK; j++) {
            const struct gt_trace_event *rows;
            const struct gt_trace_total *totals;
            uint64_t thread = gt_ring_leftover_thread(trace->leftovers[j]);
            uint32_t count = gt_ring_leftover_rows(trace->leftovers[j], &rows);
            add_rows(m, trace, thread, rows, count);
            count = gt_ring_leftover_table(trace->leftovers[j], &totals);
            if (count)
                status = keep_table(m, i, thread, totals, count);
        }
    }
    return status;
}

static bool is_nested(uint32_t slot)
{
    return (slot & GT_TRACE_SLOT_NESTED) && slot != GT_FOLD_SLOT_OTHER;
}

static void add_nested(struct merge *m, uint32_t base, const struct gt_trace_total *row)
{
    uint64_t slot = (uint64_t)(row->slot & ~(GT_TRACE_SLOT_NESTED | GT_TRACE_SLOT_INFER)) + base;
    if (slot < m->slots)
        m->nested[slot] += row->ns;
}

/* A region's time is its own alone: nothing is shared out twice. Where regions stand in for inferences, those are, too. */
static void take_nested(struct merge *m)
{
    for (uint32_t slot = 0; slot < m->slots && m->input->from_ns == 0; slot++) {
        if (m->nested[slot] == 0)
            continue;
        gt_fold_take_nested(m->fold, slot, m->nested[slot]);
        if (m->regions_alone)
            gt_fold_take_nested(m->fold, slot | GT_TRACE_SLOT_INFER, m->nested[slot]);
    }
}

static uint64_t beyond(uint64_t told, uint64_t seen)
{
    return told > seen ? told - seen : 0;
}

/* Kinds of loss by which rows fail to reach the file from some moment on; a full ring drops them here and there. */
static bool lost_its_end(const struct gt_trace_info *info)
{
    static const char *const kinds[] = {"no space", "block", "spool cap"};
    for (size_t i = 0; i < info->loss_count; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (strcmp(info->losses[i].label, kinds[k]) == 0)
                return true;
    return false;
}

/* Calls of the process's inferences (without any: its regions) by its rows and by its tables. */
static void count_calls(const struct merge *m, const struct gt_runfold_trace *trace, uint64_t *seen, uint64_t *told)
{
    int kind = m->regions_alone ? 0 : 1;
    for (uint32_t slot = trace->slot_base; slot < trace->slot_base + trace->info->slots; slot++) {
        *seen += m->seen[kind][slot].calls;
        *told += m->told[kind][slot].calls;
    }
}

/*
 * Inferences that the tables tell of came after the last row that reached the file: the window goes on to the process's end.
 * Where no row reached it there is no window, and the joules stay unknown.
 */
static void extend_window(struct merge *m)
{
    for (size_t i = 0; i < m->input->process_count; i++) {
        const struct gt_runfold_trace *trace = &m->input->processes[i];
        const struct gt_trace_info *info = trace->info;
        uint64_t seen = 0, told = 0, end_ns = info->last_ns < m->input->until_ns ? info->last_ns : m->input->until_ns;
        count_calls(m, trace, &seen, &told);
        if (trace->goes_on || told <= seen || !lost_its_end(info))
            continue;
        *(seen > 0 ? &m->out->extended_calls : &m->out->untimed_calls) += told - seen;
        if (seen > 0)
            gt_fold_extend_window(m->fold, end_ns, end_ns);
    }
}

/* Calls without a row: the tables are exact. */
static void add_missing(struct merge *m)
{
    for (size_t i = 0; i < m->table_count; i++) {
        const struct gt_runfold_trace *trace = &m->input->processes[m->tables[i].process];
        uint32_t base = trace->slot_base;
        if (trace->goes_on)
            continue;
        for (uint32_t j = 0; j < m->tables[i].count; j++) {
            const struct gt_trace_total *row = &m->tables[i].rows[j];
            if (is_nested(row->slot)) {
                add_nested(m, base, row);
                continue;
            }
            struct slot_sum *sum = sum_of(m, m->told, shifted(row->slot, base));
            sum = sum ? sum : &m->other_told;
            sum->calls += row->calls;
            sum->items += row->items;
            sum->ns += row->ns;
        }
    }
    for (uint32_t kind = 0; kind < 2; kind++)
        for (uint32_t slot = 0; slot < m->slots; slot++) {
            const struct slot_sum *told = &m->told[kind][slot], *seen = &m->seen[kind][slot];
            if (told->calls > seen->calls)
                gt_fold_add_missing(m->fold, slot | (kind ? GT_TRACE_SLOT_INFER : 0), told->calls - seen->calls,
                                    beyond(told->items, seen->items), beyond(told->ns, seen->ns));
        }
    extend_window(m);
    if (m->other_told.calls)
        gt_fold_add_missing(m->fold, GT_FOLD_SLOT_OTHER, m->other_told.calls, m->other_told.items, m->other_told.ns);
}

/* --- result ----------------------------------------------------------------------------------------------------------- */

static uint64_t least_known(uint64_t a, uint64_t b)
{
    return !a ? b : !b || a < b ? a : b;
}

/* From the first sample or row to the end that was written, else the last of them. */
static void find_span(const struct gt_runfold_input *input, struct gt_runfold *out)
{
    const struct gt_trace_info *info = input->run ? input->run->info : input->processes[0].info;
    uint64_t begin = out->first_ns, end = info->has_end && info->end_ns ? info->end_ns : out->last_ns;
    for (size_t i = 0; i < input->process_count && !input->run; i++) {
        begin = least_known(begin, input->processes[i].info->first_ns);
        end = input->processes[i].info->last_ns > end ? input->processes[i].info->last_ns : end;
    }
    begin = begin ? begin : info->first_ns;
    if (input->from_ns && begin < input->from_ns)
        begin = input->from_ns;
    if (end > input->until_ns)
        end = input->until_ns;
    out->begin_ns = begin;
    out->end_ns = end > begin ? end : begin;
}

/* Time at either end of the run for which there is no reading, where nothing else has named it. */
static void list_unread(struct merge *m, uint64_t from_ns, uint64_t to_ns)
{
    if (to_ns <= from_ns || to_ns - from_ns < UNREAD_LEAST_NS)
        return;
    for (size_t i = 0; i < m->out->gap_count; i++)
        if (m->out->gaps[i].domain == GT_GAP_ALL && m->out->gaps[i].from_ns < to_ns && from_ns < m->out->gaps[i].to_ns)
            return;
    list_gap(m, GT_GAP_ALL, from_ns, to_ns, gt_gap_word(GT_GAP_UNREAD));
}

static int by_begin(const void *a, const void *b)
{
    const struct gt_runfold_gap *x = a, *y = b;
    return x->from_ns != y->from_ns ? (x->from_ns > y->from_ns) - (x->from_ns < y->from_ns) : x->domain - y->domain;
}

/* What the fold found, and what was never read; by time. */
static void list_gaps(struct merge *m)
{
    struct gt_runfold *out = m->out;
    const struct gt_block_head *head = out->block.head;
    struct gt_gap_list found;
    gt_fold_take_gaps(m->fold, &found);
    for (uint32_t i = 0; i < found.count; i++)
        list_gap(m, found.rows[i].domain, found.rows[i].from_ns, found.rows[i].to_ns,
                 gt_gap_word((enum gt_gap_reason)found.rows[i].reason));
    out->gaps_dropped += found.dropped;
    if (out->desc.domain_count > 0 && head->end_ns == 0) {
        list_unread(m, out->begin_ns, out->end_ns);
    } else if (out->desc.domain_count > 0) {
        list_unread(m, out->begin_ns, head->begin_ns);
        list_unread(m, head->end_ns, out->end_ns);
    }
    qsort(out->gaps, out->gap_count, sizeof *out->gaps, by_begin);
}

static enum gt_status take_block(struct merge *m, struct gt_runfold *out)
{
    enum gt_status status = GT_OK;
    while (status == GT_OK && gt_fold_close_some(m->fold, out->batches.ns))
        status = gt_batches_take(&out->batches, m->fold, m->err);
    gt_fold_finish(m->fold);
    find_span(m->input, out);
    gt_fold_set_span(m->fold, out->begin_ns, out->end_ns);
    if (status == GT_OK)
        status = gt_batches_take(&out->batches, m->fold, m->err);
    if (status == GT_OK)
        status = gt_batches_merge(&out->batches, &out->payload, &out->bytes, &out->block, m->err);
    if (status == GT_OK)
        status = gt_batches_write(&out->batches, &out->kept, &out->kept_bytes, m->err);
    if (status == GT_OK)
        list_gaps(m);
    return status;
}

static enum gt_status attribute(const struct gt_runfold_input *input, struct gt_runfold *out, struct gt_err *err)
{
    size_t rows = out->block.head->unit_count + (size_t)1;
    struct gt_attribute_input to = {.block = &out->block,
                                    .batches = out->batches.blocks,
                                    .batch_count = out->batches.count,
                                    .desc = &out->desc,
                                    .host = &out->host,
                                    .idle_w = input->idle_w,
                                    .idle_lo_w = input->idle_lo_w,
                                    .idle_hi_w = input->idle_hi_w};
    out->units = calloc(rows, sizeof *out->units);
    out->infers = calloc(rows, sizeof *out->infers);
    if (!out->units || !out->infers)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    return gt_attribute(&to, &out->attribution, out->units, out->infers, err);
}

/* The samples' own trace says what host and source they are of. */
static void describe(const struct gt_runfold_input *input, struct gt_runfold *out)
{
    const struct gt_trace_info *info = input->run ? input->run->info : input->processes[0].info;
    out->desc = info->source;
    out->host = info->host;
    out->has_host = info->has_host;
    if (!info->has_host)
        out->host = (struct gt_host){
            .family = -1, .model = -1, .stepping = -1, .cpus_online = 1, .cpus_allowed = 1, .turbo = -1, .hypervisor = -1};
}

static void free_merge(struct merge *m)
{
    free(m->nested);
    for (int i = 0; i < 2; i++) {
        free(m->seen[i]);
        free(m->told[i]);
    }
    for (size_t i = 0; i < m->table_count; i++)
        free(m->tables[i].rows);
    free(m->tables);
}

enum gt_status gt_runfold_compute(struct gt_runfold_input *input, struct gt_runfold *out, struct gt_err *err)
{
    struct merge m = {.input = input, .out = out, .err = err};
    *out = (struct gt_runfold){0};
    gt_batches_init(&out->batches);
    describe(input, out);
    out->gaps = calloc(GT_RUNFOLD_GAPS, sizeof *out->gaps);
    size_t bytes = gt_fold_bytes(&gt_fold_config_large, out->desc.domain_count);
    void *memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
    enum gt_status status = memory && out->gaps ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
    if (status == GT_OK)
        status = lay_out_slots(&m, input);
    if (status == GT_OK && (status = gt_fold_init(memory, bytes, &gt_fold_config_large, &out->desc, &m.fold)) != GT_OK)
        gt_err_set(err, status, "preparing the fold: %s", gt_status_message(status));
    if (status == GT_OK && input->claims.count > 0)
        gt_fold_set_claims(m.fold, &input->claims);
    if (status == GT_OK)
        status = merge_traces(&m, input);
    if (status == GT_OK)
        status = merge_leftovers(&m, input);
    if (status == GT_OK) {
        add_missing(&m);
        take_nested(&m);
        status = take_block(&m, out);
    }
    if (status == GT_OK)
        status = attribute(input, out, err);
    free_merge(&m);
    free(memory);
    if (status != GT_OK)
        gt_runfold_free(out);
    return status;
}

void gt_runfold_free(struct gt_runfold *fold)
{
    free(fold->payload);
    free(fold->kept);
    gt_batches_free(&fold->batches);
    free(fold->units);
    free(fold->infers);
    free(fold->gaps);
    fold->payload = fold->kept = NULL;
    fold->units = NULL;
    fold->infers = NULL;
    fold->gaps = NULL;
}
