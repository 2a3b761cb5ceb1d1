/* Whatever a record holds comes back: random values in every column of every table, hundreds of runs. Seeds are fixed. */
#include "sqlite/columns.h"
#include "tests/unit/sqlite_record.h"

enum { ROUNDS = 150, MOST = 4, TEXT_BYTES = 40 };

struct source {
    struct gt_arena arena;
    unsigned seed;
};

static unsigned below(struct source *s, unsigned n)
{
    return (unsigned)rand_r(&s->seed) % n;
}

static int64_t random_integer(struct source *s)
{
    static const int64_t edges[] = {GT_UNKNOWN, GT_UNKNOWN + 1, INT64_MAX, 0, 1, -1, INT64_C(1) << 53, (INT64_C(1) << 53) + 1};
    if (below(s, 2))
        return edges[below(s, sizeof edges / sizeof *edges)];
    return (int64_t)((uint64_t)rand_r(&s->seed) << 40 ^ (uint64_t)rand_r(&s->seed) << 20 ^ (uint64_t)rand_r(&s->seed));
}

static double random_real(struct source *s)
{
    static const double edges[] = {NAN, 0, 1e-300, -1e300, 0.1, 1.0 / 3, 5e-324};
    return below(s, 2) ? edges[below(s, sizeof edges / sizeof *edges)] : (double)random_integer(s) / 1009;
}

/* NULL, empty, or any bytes but the terminator: commands and names of files are not always UTF-8. */
static const char *random_text(struct source *s)
{
    char text[TEXT_BYTES + 1];
    unsigned n = below(s, 4) ? below(s, TEXT_BYTES) : 0;
    for (unsigned i = 0; i < n; i++)
        text[i] = (char)(1 + below(s, 255));
    text[n] = '\0';
    return below(s, 6) ? gt_arena_strdup(&s->arena, text) : NULL;
}

static void fill(struct source *s, const struct gt_table *table, void *record)
{
    for (int i = 0; i < table->column_count; i++) {
        void *member = (char *)record + table->columns[i].offset;
        int64_t integer = random_integer(s);
        double real = random_real(s);
        const char *text = random_text(s);
        bool flag = below(s, 2);
        switch (table->columns[i].kind) {
        case GT_COLUMN_TEXT:
            memcpy(member, &text, sizeof text);
            break;
        case GT_COLUMN_INTEGER:
            memcpy(member, &integer, sizeof integer);
            break;
        case GT_COLUMN_REAL:
            memcpy(member, &real, sizeof real);
            break;
        case GT_COLUMN_BOOL:
            memcpy(member, &flag, sizeof flag);
            break;
        }
    }
}

static void *random_rows(struct source *s, const struct gt_table *table, size_t *count)
{
    *count = below(s, MOST);
    char *rows = gt_arena_alloc(&s->arena, *count + 1, table->record_bytes);
    assert_non_null(rows);
    memset(rows, 0, (*count + 1) * table->record_bytes);
    for (size_t i = 0; i < *count; i++)
        fill(s, table, rows + i * table->record_bytes);
    return rows;
}

static bool same_member(const struct gt_column *column, const void *a, const void *b)
{
    const char *s, *t;
    double x, y;
    memcpy(&s, a, sizeof s);
    memcpy(&t, b, sizeof t);
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    switch (column->kind) {
    case GT_COLUMN_TEXT:
        return (!s && !t) || (s && t && strcmp(s, t) == 0);
    case GT_COLUMN_INTEGER:
        return memcmp(a, b, sizeof(int64_t)) == 0;
    case GT_COLUMN_REAL:
        return (isnan(x) && isnan(y)) || memcmp(&x, &y, sizeof x) == 0;
    case GT_COLUMN_BOOL:
        return *(const bool *)a == *(const bool *)b;
    }
    return false;
}

static void same_rows(const struct gt_table *table, const void *a, const void *b, size_t n, size_t m)
{
    assert_int_equal(n, m);
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < table->column_count; c++) {
            size_t at = i * table->record_bytes + table->columns[c].offset;
            if (!same_member(&table->columns[c], (const char *)a + at, (const char *)b + at))
                fail_msg("%s.%s of row %zu", table->name, table->columns[c].name, i);
        }
}

/* Models exist before they are named; a part's place among the units is the writer's to choose. */
static void random_parts(struct source *s, struct gt_run_record *run)
{
    struct gt_run_model_record *parts = random_rows(s, &gt_table_run_model, &run->model_count);
    for (size_t i = 0; i < run->model_count; i++) {
        struct gt_unit_energy_record *units = random_rows(s, &gt_table_unit_energy, &parts[i].unit_count);
        for (size_t u = 0; u < parts[i].unit_count; u++)
            units[u].index = (int64_t)u;
        parts[i].units = units;
        parts[i].model = MODEL_A;
    }
    run->models = parts;
}

static struct gt_run_record random_run(struct source *s, unsigned number)
{
    struct gt_run_record run = {0};
    fill(s, &gt_table_run, &run);
    fill(s, &gt_table_host, &run.host);
    run.host.id = gt_arena_printf(&s->arena, "%016x", number);
    run.id = gt_arena_printf(&s->arena, "%032x", number);
    run.state = below(s, 2) ? "closed" : "open";
    run.processes = random_rows(s, &gt_table_process, &run.process_count);
    run.counters = random_rows(s, &gt_table_counter, &run.counter_count);
    run.events = random_rows(s, &gt_table_event, &run.event_count);
    random_parts(s, &run);
    if (below(s, 3)) {
        fill(s, &gt_table_attribution, &run.attribution);
        run.attribution.method = "time";
        run.attribution.version = 1;
    }
    if (below(s, 3)) {
        run.trace_bytes = below(s, 3) * 3001;
        uint8_t *trace = gt_arena_alloc(&s->arena, run.trace_bytes + 1, 1);
        for (size_t i = 0; i < run.trace_bytes; i++)
            trace[i] = (uint8_t)below(s, 256);
        run.trace = trace;
    }
    return run;
}

static void same_runs(const struct gt_run_record *a, const struct gt_run_record *b)
{
    same_rows(&gt_table_run, a, b, 1, 1);
    same_rows(&gt_table_host, &a->host, &b->host, 1, 1);
    same_rows(&gt_table_process, a->processes, b->processes, a->process_count, b->process_count);
    same_rows(&gt_table_counter, a->counters, b->counters, a->counter_count, b->counter_count);
    same_rows(&gt_table_event, a->events, b->events, a->event_count, b->event_count);
    same_rows(&gt_table_run_model, a->models, b->models, a->model_count, b->model_count);
    for (size_t i = 0; i < a->model_count; i++)
        same_rows(&gt_table_unit_energy, a->models[i].units, b->models[i].units, a->models[i].unit_count,
                  b->models[i].unit_count);
    assert_int_equal(!a->attribution.method, !b->attribution.method);
    if (a->attribution.method)
        same_rows(&gt_table_attribution, &a->attribution, &b->attribution, 1, 1);
    assert_int_equal(!a->trace, !b->trace);
    assert_int_equal(a->trace_bytes, b->trace_bytes);
    if (a->trace_bytes)
        assert_memory_equal(a->trace, b->trace, a->trace_bytes);
}

static void random_runs_come_back(void **state)
{
    (void)state;
    struct source s = {.seed = 20190528};
    struct place p;
    place_open(&p);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct gt_run_record run = random_run(&s, i), *got = NULL;
        put(&p, &run);
        OK(&p, gt_store_get_run(p.store, run.id, &p.arena, &got, &p.err));
        same_runs(&run, got);
        gt_arena_free(&s.arena);
        gt_arena_free(&p.arena);
    }
    for (unsigned i = 0; i < ROUNDS; i += 2) {
        char id[33];
        snprintf(id, sizeof id, "%032x", i);
        enum gt_status status = gt_store_delete_run(p.store, id, &p.err);
        assert_true(status == GT_OK || status == GT_E_NOENT); /* a random parent may have taken it along */
    }
    assert_sound(&p);
    place_close(&p);
}

/* The tables feed both ways, so that a member listed twice, and another never, would come back "the same". */
static void each_column_is_a_member_of_its_own(void **state)
{
    (void)state;
    static const struct gt_table *const tables[] = {
        &gt_table_host,        &gt_table_model,    &gt_table_unit,      &gt_table_member,      &gt_table_dataset,
        &gt_table_accuracy,    &gt_table_process,  &gt_table_run_model, &gt_table_unit_energy, &gt_table_counter,
        &gt_table_attribution, &gt_table_event,    &gt_table_run,       &gt_table_annotation,  &gt_table_calibration,
        &gt_table_run_line,    &gt_table_model_run};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (int i = 0; i < tables[t]->column_count; i++)
            for (int j = 0; j < i; j++) {
                const struct gt_column *a = &tables[t]->columns[i], *b = &tables[t]->columns[j];
                if (a->offset == b->offset || strcmp(a->name, b->name) == 0)
                    fail_msg("%s: %s and %s", tables[t]->name, a->name, b->name);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_column_is_a_member_of_its_own),
        cmocka_unit_test(random_runs_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
