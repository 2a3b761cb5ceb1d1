/*
 * One recorded sequence, told twice by the plugin: row by row, and as blocks that were cut where it happened and merged
 * pairwise. What ingest makes of either is the same: calls, items and ns per unit, the equations, and the joules attributed
 * from them.
 */
#include "core/trace_read.h"
#include "energy/attribute.h"
#include "energy/origin.h"
#include "plugin/compact.h"
#include "plugin/sampler.h"
#include "plugin/unittable.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
enum { STEPS = 3000, DRAIN = 10, UNITS = 7, MODELS = 2, THREADS = 2, BLOCK_EVERY = 20, ROWS = 4096 };

static char folder[64];
static int dir_fd;
static uint64_t random_state = 88172645463325252u;

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gt-blocks-XXXXXX");
    dir_fd = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
    return dir_fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(dir_fd);
    return rmdir(folder);
}

/* A package with dram inside it, its counter wrapping now and then. */
static struct gt_source_desc two_domains(void)
{
    struct gt_source_desc desc = {.source = "test", .provenance = GT_PROVENANCE_MEASURED, .domain_count = 2};
    for (int i = 0; i < 2; i++)
        desc.domains[i] =
            (struct gt_domain){.parent = i - 1, .package = 0, .die = -1, .uj_per_count = 1, .wrap_count = 99999999};
    desc.domains[0].additive = true;
    return desc;
}

/* A sampler without its thread and without a source of its own: the test hands in what it would have read. */
static struct gt_sampler *start(bool blocks)
{
    struct gt_sampler *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    assert_non_null(s);
    memset(s, 0, sizeof *s);
    s->task_fd = s->blocks.old_fd = s->rings.dir_fd = -1;
    s->spool_fd = dir_fd;
    s->meter.open = true;
    s->meter.desc = two_domains();
    gt_state.config.block_ns = UINT64_MAX / 4;
    gt_state.config.trace_bytes = blocks ? 0 : UINT64_MAX;
    gt_state.config.spool_bytes = UINT64_MAX / 4;
    assert_int_equal(gt_trace_write_header_init(&s->header, GT_TRACE_ROLE_PROCESS, NULL, NULL), GT_OK);
    gt_trace_write_name(&s->header, s->name);
    assert_int_equal(gt_trace_write_create(&s->writer, dir_fd, s->name, &s->header, s->buffer, sizeof s->buffer), GT_OK);
    gt_blocks_tend(s);
    assert_int_equal(s->blocks.on, blocks);
    s->has_models = true;
    return s;
}

/* As a counter whose refreshes are followed: what it says of the times of ticks goes to the trace, or to the fold. */
static void follow(struct gt_sampler *s)
{
    static const struct gt_energy_source counter = {.name = "test"};
    s->meter.follow = (struct gt_follow){.source = &counter, .package = 0};
    if (s->blocks.on)
        gt_refresh_tell_fold(s);
    else
        gt_origin_write_edges(&s->writer, &s->meter.follow);
}

/* Most ticks are refreshes, known better at times than at others; some are plain readings. */
static double sigma_of(const struct gt_sampler *s, uint64_t t_ns)
{
    uint64_t seconds = t_ns / (1000 * MS), ms = t_ns / MS % 1000;
    return s->meter.follow.source && ms > 100 ? (double)(5000 + seconds % 3 * 4000 + ms) : 0;
}

static void read_counters(struct gt_sampler *s, uint64_t t_ns, const uint64_t raw[2], const struct gt_trace_cpu *cpu)
{
    struct gt_meter *m = &s->meter;
    const uint64_t row[] = {t_ns, raw[0], raw[1]};
    if (s->blocks.on) {
        gt_meter_add_tick(s, row, sigma_of(s, t_ns));
        m->cpu.rows[0] = *cpu;
        gt_fold_add_cpu(s->blocks.fold, cpu);
        return;
    }
    m->cpu.rows[m->cpu.count++] = *cpu;
    gt_meter_add_tick(s, row, sigma_of(s, t_ns));
    if (m->cpu.count == GT_BATCH)
        gt_meter_flush(s);
}

struct rows {
    struct gt_trace_event row[THREADS][ROWS];
    uint32_t count[THREADS];
};

static void add(struct rows *rows, int thread, uint32_t slot, uint32_t items, uint64_t begin, uint64_t end)
{
    assert_true(rows->count[thread] < ROWS);
    rows->row[thread][rows->count[thread]++] =
        (struct gt_trace_event){.slot = slot, .items = items, .t_begin_ns = begin, .t_end_ns = end};
}

/* One inference of that thread that ends at `end`: its units with pauses between them, then the inference itself. */
static void infer(struct rows *rows, int thread, uint64_t *free_from, uint64_t end)
{
    uint32_t model = (uint32_t)below(MODELS), first = model * UNITS;
    uint64_t begin = *free_from + below(2 * MS), at = begin;
    for (uint32_t i = 0; i < UNITS && at < end; i++) {
        uint64_t stop = at + 1 + below(6 * MS);
        stop = stop < end ? stop : end;
        add(rows, thread, first + i, 0, at, stop);
        at = stop + below(MS / 4);
    }
    if (begin < end)
        add(rows, thread, GT_TRACE_SLOT_INFER | first, 1 + (uint32_t)below(8), begin, end);
    *free_from = end;
}

static void drain(struct gt_sampler *s, struct rows *rows)
{
    for (int thread = 0; thread < THREADS; thread++)
        if (rows->count[thread] > 0)
            gt_sink_rows(s, (uint64_t)thread + 100, rows->row[thread], rows->count[thread]);
    memset(rows->count, 0, sizeof rows->count);
}

static void cut(struct gt_sampler *s)
{
    s->blocks.next_ns = 0; /* due */
    gt_blocks_tend(s);
}

/* The same for every sampler: the random numbers begin anew. */
static void play(struct gt_sampler *s)
{
    static struct rows rows;
    uint64_t t = 1000 * MS, raw[2] = {99000000, 5}, job = 0, free_from[THREADS] = {t, t};
    random_state = 88172645463325252u;
    for (int step = 0; step < STEPS; step++) {
        t += 9 * MS + below(2 * MS);
        raw[0] = (raw[0] + 100000 + below(300000)) % 100000000;
        raw[1] = (raw[1] + below(50000)) % 100000000;
        job += below(20 * MS);
        struct gt_trace_cpu cpu = {t + below(1000), job, job + job / 8, 20 * MS * (uint64_t)step};
        read_counters(s, t, raw, &cpu);
        for (int thread = 0; thread < THREADS; thread++)
            if (step > 20 && step < STEPS - 20 && below(3) == 0)
                infer(&rows, thread, &free_from[thread], t - below(2 * MS));
        if (step % DRAIN == DRAIN - 1)
            drain(s, &rows);
        if (s->blocks.on && step % BLOCK_EVERY == BLOCK_EVERY - 1)
            cut(s);
    }
    drain(s, &rows);
    gt_meter_flush(s);
}

static void stop(struct gt_sampler *s)
{
    gt_blocks_close(s);
    gt_trace_write_close(&s->writer);
    if (s->blocks.old_fd >= 0)
        close(s->blocks.old_fd);
    free(s);
}

/* --- what ingest makes of it -------------------------------------------------------------------------------------------- */

struct told {
    void *memory, *payload; /* owned */
    struct gt_fold *fold;
    struct gt_block block;
    size_t bytes;
    uint32_t blocks, rows; /* records read, of either kind */
};

static bool regions_alone; /* as ingest finds out: no process of the run made an inference */

static void add_block(struct told *told, const struct gt_trace_view *view, struct gt_block block)
{
    size_t bytes = view->bytes;
    void *copy = malloc(bytes);
    memcpy(copy, view->payload, bytes);
    if (block.head->region_windows > 0 && !regions_alone) {
        gt_block_drop_window(copy, &bytes);
        assert_int_equal(gt_block_parse(copy, bytes, &block), GT_OK);
    }
    assert_int_equal(gt_fold_add_block(told->fold, &block, 0, false), GT_OK);
    told->blocks++;
    free(copy);
}

static void take_record(struct told *told, const struct gt_trace_view *view)
{
    const struct gt_trace_event *events;
    const struct gt_trace_cpu *cpus;
    const uint64_t *ticks;
    uint64_t thread;
    uint32_t count, domains;
    double sigma_ns;
    struct gt_block block;
    if (view->type == GT_TRACE_EDGE && gt_trace_find_f64(view, GT_KEY_EDGE_SIGMA_NS, &sigma_ns))
        gt_fold_set_edges(told->fold, 0, sigma_ns);
    else if (view->type == GT_TRACE_TICK && gt_trace_view_ticks(view, &count, &domains, &ticks) == GT_OK)
        for (uint32_t i = 0; i < count; i++, ticks += 1 + domains)
            gt_fold_add_tick(told->fold, ticks[0], ticks + 1);
    else if (view->type == GT_TRACE_CPU && gt_trace_view_cpu(view, &count, &cpus) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            gt_fold_add_cpu(told->fold, &cpus[i]);
    else if (view->type == GT_TRACE_EVENTS && gt_trace_view_events(view, &thread, &count, &events) == GT_OK)
        for (uint32_t i = 0; i < count; i++, told->rows++)
            (regions_alone ? gt_fold_add_region : gt_fold_add_event)(told->fold, thread, &events[i]);
    else if (view->type == GT_TRACE_BLOCK && gt_block_parse(view->payload, view->bytes, &block) == GT_OK)
        add_block(told, view, block);
}

static struct told ingest(const char *name)
{
    struct told told = {0};
    struct gt_source_desc desc = two_domains();
    struct gt_trace_reader *reader;
    struct gt_trace_view view;
    struct gt_err err = {0};
    char path[160];
    size_t bytes = gt_fold_bytes(&gt_fold_config_large, desc.domain_count);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    told.memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
    assert_int_equal(gt_fold_init(told.memory, bytes, &gt_fold_config_large, &desc, &told.fold), GT_OK);
    assert_int_equal(gt_trace_read_open(path, &reader, &err), GT_OK);
    while (gt_trace_read_next(reader, &view, &err) == GT_OK)
        take_record(&told, &view);
    assert_int_equal(gt_trace_read_loss(reader).bytes, 0);
    gt_trace_read_close(reader);
    unlink(path);
    gt_fold_finish(told.fold);
    size_t capacity = gt_fold_take_bytes(told.fold);
    told.payload = aligned_alloc(16, (capacity + 15) / 16 * 16);
    assert_int_equal(gt_fold_take(told.fold, told.payload, capacity, &told.bytes), GT_OK);
    assert_int_equal(gt_block_parse(told.payload, told.bytes, &told.block), GT_OK);
    return told;
}

static void free_told(struct told *told)
{
    free(told->memory);
    free(told->payload);
}

struct judged {
    struct gt_attribution all;
    struct gt_unit_energy units[4 * UNITS];
    struct gt_infer_energy infers[4 * UNITS];
};

static void judge(const struct told *told, struct judged *out)
{
    struct gt_source_desc desc = two_domains();
    struct gt_host host = {.cpus_online = 2, .cpus_allowed = 2};
    struct gt_attribute_input input = {
        .block = &told->block, .desc = &desc, .host = &host, .idle_w = 5, .idle_lo_w = 4, .idle_hi_w = 6};
    struct gt_err err = {0};
    memset(out, 0, sizeof *out);
    assert_int_equal(gt_attribute(&input, &out->all, out->units, out->infers, &err), GT_OK);
}

/* Within that part of `whole`, and 1 µJ or ns for the rounding of each. */
static void assert_near(double a, double b, double whole, double part)
{
    assert_true(fabs(a - b) <= 1 + part * whole);
}

/*
 * CPU time inside inferences is interpolated between samples of which the plugin keeps fewer, so that it may differ by some ns;
 * everything else is sums of integers and equal to the last bit.
 */
static void even_out_interpolation(struct gt_block_head *a, struct gt_block_head *b)
{
    assert_near((double)a->inside_cpu_ns, (double)b->inside_cpu_ns, (double)a->inside_cpu_ns, 1e-5);
    assert_near((double)a->inside_cpu_lo_ns, (double)b->inside_cpu_lo_ns, (double)a->inside_cpu_lo_ns, 1e-5);
    assert_near((double)a->inside_cpu_hi_ns, (double)b->inside_cpu_hi_ns, (double)a->inside_cpu_hi_ns, 1e-5);
    b->inside_cpu_ns = a->inside_cpu_ns;
    b->inside_cpu_lo_ns = a->inside_cpu_lo_ns;
    b->inside_cpu_hi_ns = a->inside_cpu_hi_ns;
}

/* Each block knows the edge at its own end: together at least the true edges, at most by one interval's energy more. */
static void assert_same_domains(const struct gt_block *a, const struct gt_block *b)
{
    enum { MOST_OF_AN_INTERVAL_UJ = 400000 };
    for (uint32_t i = 0; i < a->head->domain_count; i++) {
        struct gt_block_domain x = a->domains[i], y = b->domains[i];
        assert_in_range(y.window.edge_uj, x.window.edge_uj, x.window.edge_uj + MOST_OF_AN_INTERVAL_UJ);
        y.window.edge_uj = x.window.edge_uj;
        assert_memory_equal(&x, &y, sizeof x);
    }
}

static void assert_same_sums(const struct told *a, const struct told *b)
{
    struct gt_block_head x = *a->block.head, y = *b->block.head;
    x.blocks = y.blocks = x.region_windows = y.region_windows = 0; /* how often it was cut */
    even_out_interpolation(&x, &y);
    assert_memory_equal(&x, &y, sizeof x);
    assert_same_domains(&a->block, &b->block);
    for (uint32_t i = 0; i < x.unit_count; i++) {
        assert_int_equal(a->block.units[i].slot, b->block.units[i].slot);
        assert_int_equal(a->block.units[i].calls, b->block.units[i].calls);
        assert_int_equal(a->block.units[i].items, b->block.units[i].items);
        assert_int_equal(a->block.units[i].ns, b->block.units[i].ns);
    }
    assert_memory_equal(a->block.units, b->block.units, x.unit_count * sizeof *a->block.units);
    assert_memory_equal(a->block.pairs, b->block.pairs, x.pair_count * sizeof *a->block.pairs);
}

/* Bounds have the window's edges in them. */
static void assert_same_energy(const struct gt_uj *a, const struct gt_uj *b, int64_t whole_uj)
{
    assert_near((double)a->uj, (double)b->uj, (double)whole_uj, 1e-5);
    assert_near((double)a->lo_uj, (double)b->lo_uj, (double)whole_uj, 1e-3);
    assert_near((double)a->hi_uj, (double)b->hi_uj, (double)whole_uj, 1e-3);
}

static void assert_same_joules(const struct judged *a, const struct judged *b)
{
    const struct gt_closure *x = &a->all.closure, *y = &b->all.closure;
    assert_same_energy(&x->units, &y->units, x->total.uj);
    assert_same_energy(&x->framework, &y->framework, x->total.uj);
    assert_same_energy(&x->idle, &y->idle, x->total.uj);
    assert_same_energy(&x->unattributed, &y->unattributed, x->total.uj);
    assert_same_energy(&x->total, &y->total, x->total.uj);
    assert_int_equal(a->all.unit_count, MODELS * UNITS);
    assert_int_equal(b->all.unit_count, a->all.unit_count);
    assert_int_equal(a->all.infer_count, MODELS);
    assert_int_equal(b->all.infer_count, a->all.infer_count);
    for (int i = 0; i < a->all.unit_count; i++) {
        assert_int_equal(a->units[i].slot, b->units[i].slot);
        assert_int_equal(a->units[i].calls, b->units[i].calls);
        assert_int_equal(a->units[i].ns, b->units[i].ns);
        assert_same_energy(&a->units[i].energy, &b->units[i].energy, a->units[i].energy.hi_uj);
    }
    for (int i = 0; i < a->all.infer_count; i++) {
        assert_int_equal(a->infers[i].items, b->infers[i].items);
        assert_near(a->infers[i].uj_per_item, b->infers[i].uj_per_item, a->infers[i].uj_per_item, 1e-5);
    }
}

/* The same sequence, told either way. */
static void tell_both(bool followed, struct told *rows, struct told *blocks)
{
    char names[2][GT_TRACE_WRITE_NAME_BYTES];
    for (int i = 0; i < 2; i++) {
        struct gt_sampler *s = start(i == 1);
        strcpy(names[i], s->name);
        if (followed)
            follow(s);
        play(s);
        stop(s);
    }
    *rows = ingest(names[0]);
    *blocks = ingest(names[1]);
    assert_true(rows->rows > STEPS && rows->blocks == 0);
    assert_int_equal(blocks->rows, 0);
    /* So many were cut that they were merged pairwise at least once. */
    assert_in_range(blocks->blocks, 2, STEPS / BLOCK_EVERY * 3 / 4);
    assert_true(rows->block.head->unit_count == MODELS * (UNITS + 1) && rows->block.head->pair_count > 0);
}

static void blocks_say_what_rows_say(void **state)
{
    static struct judged a, b;
    struct told rows, blocks;
    (void)state;
    tell_both(false, &rows, &blocks);
    assert_true(rows.block.head->edge_intervals == 0);
    assert_same_sums(&rows, &blocks);
    judge(&rows, &a);
    judge(&blocks, &b);
    assert_true(a.all.known && a.all.closure.units.uj > 0 && a.all.closure.framework.uj > 0);
    assert_same_joules(&a, &b);
    free_told(&rows);
    free_told(&blocks);
}

/* With ticks at refreshes the equations know the errors of their times, too; those of plain readings between them stay out. */
static void blocks_know_refreshes(void **state)
{
    struct told rows, blocks;
    (void)state;
    tell_both(true, &rows, &blocks);
    const struct gt_block_head *head = rows.block.head;
    assert_true(head->edge_intervals > STEPS / 2 && head->edge_intervals == head->intervals && head->unread_ns > 0);
    assert_true(head->edge_ns2 > head->edge_intervals * 4000 * 4000 && rows.block.units[0].edge_ns2 > 0);
    assert_same_sums(&rows, &blocks);
    free_told(&rows);
    free_told(&blocks);
}

/* --- regions ------------------------------------------------------------------------------------------------------------ */

/* Regions in the first half; then, where `models`, inferences of a model. Rows end at ticks, so that both halves part cleanly.
 */
static void play_regions(struct gt_sampler *s, bool models)
{
    uint64_t t = 1000 * MS, raw[2] = {0, 0}, job = 0;
    s->has_models = false;
    for (int step = 0; step < 400; step++) {
        struct gt_trace_event event = {.slot = (uint32_t)(step & 1), .t_begin_ns = t + MS, .t_end_ns = t + 9 * MS};
        t += 10 * MS;
        job += 8 * MS;
        struct gt_trace_cpu cpu = {t, job, job + MS, 20 * MS * (uint64_t)(step + 1)};
        raw[0] += 100000;
        raw[1] += 20000;
        read_counters(s, t, raw, &cpu);
        if (models && step == 200) {
            s->has_models = true; /* as gt_sink_describe does at the first MODEL */
            gt_blocks_end_regions(s);
        }
        if (step > 5 && step < 390)
            gt_sink_rows(s, 1, &event, 1);
        event.slot = GT_TRACE_SLOT_INFER | 2;
        event.items = 1;
        if (models && step > 200 && step < 390)
            gt_sink_rows(s, 1, &event, 1);
        if (s->blocks.on && step % 10 == 9)
            cut(s);
        if (s->blocks.on && step % 40 == 39)
            gt_compact(s);
    }
}

static struct told tell_regions(bool blocks, bool models, bool alone)
{
    char name[GT_TRACE_WRITE_NAME_BYTES];
    struct gt_sampler *s = start(blocks);
    strcpy(name, s->name);
    play_regions(s, models);
    gt_meter_flush(s);
    stop(s);
    regions_alone = alone;
    return ingest(name);
}

/* Where nobody made an inference, regions have the window, the cover and joules: in blocks the same as in rows. */
static void regions_have_a_window(void **state)
{
    static struct judged a, b;
    (void)state;
    struct told rows = tell_regions(false, false, true), blocks = tell_regions(true, false, true);
    assert_true(rows.rows > 0 && blocks.rows == 0 && blocks.blocks > 1);
    assert_true(blocks.block.head->region_windows > 0);
    assert_true(blocks.block.head->window_end_ns > 0 && blocks.block.head->covered_ns > 0);
    assert_same_sums(&rows, &blocks);
    judge(&rows, &a);
    judge(&blocks, &b);
    assert_true(a.all.closure.units.uj > 0);
    assert_same_energy(&a.all.closure.units, &b.all.closure.units, a.all.closure.total.uj);
    assert_same_energy(&a.units[0].energy, &b.units[0].energy, a.all.closure.total.uj);
    free_told(&rows);
    free_told(&blocks);
}

/* A program that begins with regions and makes inferences later: the window is that of the inferences. */
static void inferences_take_the_window(void **state)
{
    (void)state;
    struct told rows = tell_regions(false, true, false), blocks = tell_regions(true, true, false);
    assert_true(blocks.blocks > 1);
    assert_int_equal(rows.block.head->window_begin_ns, blocks.block.head->window_begin_ns);
    assert_int_equal(rows.block.head->window_end_ns, blocks.block.head->window_end_ns);
    assert_int_equal(rows.block.head->covered_ns, blocks.block.head->covered_ns);
    assert_int_equal(rows.block.domains[0].window.known_uj, blocks.block.domains[0].window.known_uj);
    assert_int_equal(rows.block.domains[0].all.known_uj, blocks.block.domains[0].all.known_uj);
    assert_int_equal(rows.block.head->job_cpu_ns, blocks.block.head->job_cpu_ns);
    for (uint32_t slot = 0; slot < 2; slot++) {
        const struct gt_block_unit *a = gt_block_find_unit(&rows.block, slot), *b = gt_block_find_unit(&blocks.block, slot);
        assert_true(a->calls > 0 && a->calls == b->calls && a->ns == b->ns);
        assert_null(gt_block_find_unit(&blocks.block, GT_TRACE_SLOT_INFER | slot));
    }
    free_told(&rows);
    free_told(&blocks);
}

static unsigned long address_space_pages(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    return pages;
}

/*
 * A file that merged blocks have replaced stays locked until the next one does: who reads it must not take its writer for
 * crashed. However often that happens, nothing stays mapped.
 */
static void merging_goes_on_for_ever(void **state)
{
    char path[160];
    unsigned long early = 0;
    uint64_t t = 1000 * MS, raw[2] = {0, 0};
    struct gt_sampler *s = start(true);
    (void)state;
    snprintf(path, sizeof path, "%s/%s", folder, s->name);
    for (int round = 0; round < 40; round++) {
        struct gt_trace_event event = {.slot = (uint32_t)round, .t_begin_ns = t, .t_end_ns = t + MS};
        for (int i = 0; i < 4; i++) {
            gt_fold_add_tick(s->blocks.fold, t += 10 * MS, raw);
            gt_sink_rows(s, 1, &event, 1);
            cut(s);
        }
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        gt_compact(s);
        assert_true(gt_trace_is_locked(fd) > 0);
        close(fd);
        early = round == 10 ? address_space_pages() : early;
    }
    assert_true(address_space_pages() <= early + 16);
    stop(s);
    unlink(path);
}

/* Items, counts of events and losses, told again and again: a merged trace has the last word of the first two, the sum of the
 * third, one record each. */
static void words_do_not_pile_up(void **state)
{
    struct gt_sampler *s = start(true);
    _Atomic uint64_t items = 0;
    char path[256];
    struct gt_trace_reader *reader = NULL;
    struct gt_trace_view view;
    const struct gt_event_count none = {0}, five = {5, 100, 100};
    const struct gt_trace_count *rows;
    static struct gt_unit_table table;
    uint32_t count, counts = 0;
    uint64_t counted = 0;
    uint64_t t = 0, raw[2] = {0}, n, notes = 0, last = 0, losses = 0, lost = 0;
    (void)state;
    gt_state.items = &items;
    s->unit_events.begun = true;
    s->unit_events.count = 1;
    s->unit_events.retired = &table;
    snprintf(path, sizeof path, "%s/%s", folder, s->name);
    for (int round = 0; round < 30; round++) {
        gt_fold_add_tick(s->blocks.fold, t += 10 * MS, raw);
        atomic_fetch_add(&items, 3);
        gt_unittable_add(&table, 1, 7, &none, &five);
        atomic_fetch_add(&gt_state.lost[GT_LOST_REENTRY], 2);
        gt_sink_losses(s);
        cut(s);
        if (round % 10 == 9)
            gt_compact(s);
    }
    stop(s);
    gt_state.items = NULL;
    atomic_store(&gt_state.lost[GT_LOST_REENTRY], 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(gt_trace_read_open_fd(fd, path, &reader, NULL), GT_OK);
    while (gt_trace_read_next(reader, &view, NULL) == GT_OK)
        if (view.type == GT_TRACE_NOTE && gt_trace_find_u64(&view, GT_KEY_ITEMS, &n)) {
            notes++;
            last = n;
        } else if (view.type == GT_TRACE_LOSS && gt_trace_find_u64(&view, GT_KEY_COUNT, &n)) {
            losses++;
            lost += n;
        } else if (view.type == GT_TRACE_COUNTS) {
            assert_int_equal(gt_trace_view_counts(&view, &count, &rows), GT_OK);
            assert_int_equal(count, 1);
            counts++;
            counted = rows[0].value;
        }
    gt_trace_read_close(reader);
    close(fd);
    unlink(path);
    assert_int_equal(notes, 1);
    assert_int_equal(last, 90);
    assert_int_equal(losses, 1);
    assert_int_equal(lost, 60);
    assert_int_equal(counts, 1);
    assert_int_equal(counted, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_say_what_rows_say), cmocka_unit_test(blocks_know_refreshes),
        cmocka_unit_test(regions_have_a_window),    cmocka_unit_test(inferences_take_the_window),
        cmocka_unit_test(merging_goes_on_for_ever), cmocka_unit_test(words_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
