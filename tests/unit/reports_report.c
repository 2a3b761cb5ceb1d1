/*
 * Whole reports from a store that the test fills: golden text, JSON and CSV, and what holds for all of them.
 *
 * UPDATE=1 writes the goldens (tests/golden/report-*) anew: read the diff.
 */
#include "reports/report.h"
#include "reports/members.h"
#include "sqlite/store.h"
#include "sqlite/units.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { SIZES = 4, OTHER = SIZES, PUBLISHED, MODELS = PUBLISHED + SIZES, UNITS = 3, IMAGES = 8000, ROUNDS = 3 };

/* Of the family "toy", then of "other", then of "efficientnet". */
static const char *const digests[MODELS] = {"00000000000000000000000000000000000000000000000000000000000000b0",
                                            "11111111111111111111111111111111111111111111111111111111111111b1",
                                            "22222222222222222222222222222222222222222222222222222222222222b2",
                                            "33333333333333333333333333333333333333333333333333333333333333b3",
                                            "44444444444444444444444444444444444444444444444444444444444444b0",
                                            "55555555555555555555555555555555555555555555555555555555555555b0",
                                            "66666666666666666666666666666666666666666666666666666666666666b4",
                                            "77777777777777777777777777777777777777777777777777777777777777b5",
                                            "88888888888888888888888888888888888888888888888888888888888888b6"};
static const struct {
    const char *name, *family;
    double phi;
} labels[MODELS] = {{"toy/b0", "toy", 0},
                    {"toy/b1", "toy", 1},
                    {"toy/b2", "toy", 2},
                    {"toy/b3", "toy", 3},
                    {"other/b0", "other", 4},
                    {"efficientnet/b0", "efficientnet", 0},
                    {"efficientnet/b4", "efficientnet", 4},
                    {"efficientnet/b5", "efficientnet", 5},
                    {"efficientnet/b6", "efficientnet", 6}};
static const char dataset_digest[] = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
/* A name from a hostile file: it must not drive a terminal. */
static const char evil[] = "head\033[31m";

struct world {
    char path[64];
    struct gt_store *store;
    struct gt_arena arena;
    struct gt_err err;
    const char *weights, *provenance;
    const char *execution, *series; /* how the next runs are executed; NULL: "fused", the one series */
    int64_t threads;                /* of the next runs; 0: 2 */
    const char *kind;               /* of bounds; NULL: "range" */
    int others;                     /* runs with one of these three */
    bool uncalibrated;              /* idle power is not known, and the unattributed part is not above 5 % of the job's */
};

static void ok(struct world *w, enum gt_status status)
{
    if (status != GT_OK)
        fail_msg("%s: %s", gt_status_message(status), w->err.text);
}

static const struct gt_member_record pool_members[] = {{"pool", "GlobalAveragePool", 0, 0, 7000}};
static const struct gt_member_record head_members[] = {{evil, "Gemm", 640, 650, 3200}};

enum { STEM = 5 };

/* Of four MACs of the fused stem, three are the convolution's; of its bytes, half are those of neither convolution. */
static void stem_members(struct gt_member_record *out, int64_t scale)
{
    static const struct gt_member_record members[STEM] = {{"stem/conv", "Conv", 132300, 60, 30000},
                                                          {"stem/bn", "BatchNormalization", 0, 8, 20000},
                                                          {"stem/act", "Sigmoid", 0, 0, 20000},
                                                          {"stem/dw", "Conv", 44100, 12, 20000},
                                                          {"stem/dw_bn", "BatchNormalization", 0, 8, 10000}};
    for (int i = 0; i < STEM; i++) {
        out[i] = members[i];
        out[i].macs *= scale;
        out[i].params *= scale;
        out[i].bytes *= scale;
    }
}

static void model_record(struct gt_model_record *out, struct gt_unit_record *units, struct gt_member_record *stem,
                         const struct world *w, int size)
{
    int64_t scale = INT64_C(1) << size;
    stem_members(stem, scale);
    units[0] = (struct gt_unit_record){.index = 0,
                                       .name = "stem/conv",
                                       .op = "Conv",
                                       .macs = 176400 * scale,
                                       .params = 88 * scale,
                                       .member_count = STEM,
                                       .members = stem};
    units[1] = (struct gt_unit_record){.index = 1,
                                       .name = "pool",
                                       .op = "GlobalAveragePool",
                                       .macs = 0,
                                       .params = 0,
                                       .member_count = 1,
                                       .members = pool_members};
    units[2] = (struct gt_unit_record){.index = 2,
                                       .name = evil,
                                       .op = "Gemm",
                                       .macs = 640 * scale,
                                       .params = 650 * scale,
                                       .member_count = 1,
                                       .members = head_members};
    *out = (struct gt_model_record){.digest = digests[size],
                                    .name = labels[size].name,
                                    .family = labels[size].family,
                                    .weights = w->weights,
                                    .phi = labels[size].phi,
                                    .macs = 177040 * scale,
                                    .params = 738 * scale,
                                    .unit_count = UNITS,
                                    .units = units};
}

/* The closure of a hooked run: 70 % units, 10 % framework, 10 % idle, no others (nobody looked), 10 % unattributed. */
static struct gt_attribution_record attribution(const struct world *w, int64_t total)
{
    struct gt_attribution_record out = {.method = "time",
                                        .version = 1,
                                        .kind = w->kind ? w->kind : "range",
                                        .provenance = w->provenance,
                                        .window_ns = 1000000000,
                                        .covered_ns = 1000000000,
                                        .window_cpu_ns = 1900000000,
                                        .cpu_share = 0.95,
                                        .gap_share = 0,
                                        .idle_known = !w->uncalibrated,
                                        .unattributed_flag = !w->uncalibrated};
    struct gt_figure_uj *parts[] = {&out.inference, &out.units,        &out.framework, &out.idle,
                                    &out.others,    &out.unattributed, &out.total};
    static const int percent[] = {80, 70, 10, 10, 0, 10, 100};
    for (size_t i = 0; i < COUNT(parts); i++)
        *parts[i] = (struct gt_figure_uj){total * percent[i] / 100, total * percent[i] / 200, total * percent[i] / 50};
    out.run_total = out.run_job = out.total;
    out.model_row = "generic x86-64 (test table, 2026)";
    return out;
}

static const char *run_id(struct world *w, int size, int round)
{
    bool other = w->execution || w->series || w->threads; /* than those of the others with that size and round */
    return gt_arena_printf(&w->arena, "%08d%08d%06d%08daa", size + 1, round + 1, other ? ++w->others : 0, 0);
}

static void put_run(struct world *w, int size, int round, double uj)
{
    struct gt_unit_record units[UNITS];
    struct gt_member_record stem[STEM];
    struct gt_model_record model;
    char division[GT_STORE_DIVISION];
    model_record(&model, units, stem, w, size);
    if (w->execution) /* a list of units of its own: the convolution and what belongs to it are the first */
        units[0].member_count = 3;
    model.division = gt_store_division(&model, division);
    bool hooked = round < 0;
    const struct gt_unit_energy_record taken[UNITS] = {{.index = 0,
                                                        .calls = 800,
                                                        .ns = (int64_t)(640000 * uj),
                                                        .uj_per_call = 6.4 * uj,
                                                        .lo_uj = 3.2 * uj,
                                                        .hi_uj = 12.8 * uj,
                                                        .share = 0.8},
                                                       {.index = 1,
                                                        .calls = 800,
                                                        .ns = (int64_t)(40000 * uj),
                                                        .uj_per_call = 0.4 * uj,
                                                        .lo_uj = 0.2 * uj,
                                                        .hi_uj = 0.8 * uj,
                                                        .share = 0.05},
                                                       {.index = 2,
                                                        .calls = 800,
                                                        .ns = (int64_t)(120000 * uj),
                                                        .uj_per_call = 1.2 * uj,
                                                        .lo_uj = 0.6 * uj,
                                                        .hi_uj = 2.4 * uj,
                                                        .share = 0.15}};
    const struct gt_run_model_record part = {.model = digests[size],
                                             .precision = "fp32",
                                             .runtime = "libgtcnn",
                                             .runtime_version = "0.1.0 gcc",
                                             .execution = w->execution ? w->execution : GT_EXECUTION_FUSED,
                                             .division = division,
                                             .threads = w->threads ? w->threads : 2,
                                             .batch = 10,
                                             .inferences = IMAGES,
                                             .calls = IMAGES / 10,
                                             .ns = (int64_t)(1000 * uj) * IMAGES,
                                             .uj_per_inference = uj,
                                             .lo_uj = uj / 2,
                                             .hi_uj = uj * 2,
                                             .dynamic_uj = uj * 0.75,
                                             .seconds_per_inference = uj * 1e-6,
                                             .unit_count = hooked ? UNITS : 0,
                                             .units = taken};
    struct gt_run_record run = {.id = run_id(w, size, round),
                                .role = hooked ? "process" : "round",
                                .state = "closed",
                                .series = hooked      ? NULL
                                          : w->series ? w->series
                                                      : "ffffffffffffffffffffffffffffffff",
                                .command = "gtcnn",
                                .exit_status = 0,
                                .exit_signal = GT_UNKNOWN,
                                .begin_real_ns = INT64_C(1795519691000000000) + INT64_C(1000000000) * (10 * (round + 2) + size),
                                .begin_ns = 1,
                                .end_ns = 1000000001,
                                .boot_id = "boot",
                                .source = "model",
                                .boundary = "vcpu share",
                                .provenance = w->provenance,
                                .unit_hooks = hooked,
                                .round = hooked ? GT_UNKNOWN : round,
                                .cpu_ns = 1900000000,
                                .machine_busy_begin_ns = GT_UNKNOWN,
                                .machine_busy_end_ns = GT_UNKNOWN,
                                .machine_total_begin_ns = GT_UNKNOWN,
                                .machine_total_end_ns = GT_UNKNOWN,
                                .model_count = 1,
                                .models = &part};
    run.host = (struct gt_host_record){.id = "0123456789abcdef",
                                       .text = "Test CPU, 2 cpus",
                                       .cpu_model = "Test CPU",
                                       .vendor = "Test",
                                       .family = 6,
                                       .model = 1,
                                       .stepping = 1,
                                       .cpus_online = 2,
                                       .cpus_allowed = 2,
                                       .memory_bytes = 1 << 30,
                                       .turbo = GT_UNKNOWN,
                                       .hypervisor = 1};
    run.attribution = attribution(w, INT64_C(1000000) << size);
    if (!hooked)
        run.attribution.units = run.attribution.framework = (struct gt_figure_uj){GT_UNKNOWN, GT_UNKNOWN, GT_UNKNOWN};
    ok(w, gt_store_put_run(w->store, &run, &model, 1, &w->err));
}

/* Images up to `right` are answered rightly, and every 97th wrongly. */
static void put_accuracy(struct world *w, int size, int right)
{
    static const struct gt_dataset_record dataset = {
        .digest = dataset_digest, .name = "toys", .split = "test", .images = IMAGES};
    uint8_t answers[IMAGES / 8] = {0};
    int correct = 0;
    for (int i = 0; i < right; i++)
        if (i % 97 != size) {
            answers[i / 8] |= (uint8_t)(1 << i % 8);
            correct++;
        }
    struct gt_accuracy_record record = {.model = digests[size],
                                        .dataset = dataset_digest,
                                        .dataset_name = "toys",
                                        .split = "test",
                                        .precision = "fp32",
                                        .preprocessing = "resize=area mean=0.5 std=0.25",
                                        .provenance = "measured",
                                        .n = IMAGES,
                                        .correct = correct,
                                        .pct = 100.0 * correct / IMAGES,
                                        .answers = answers,
                                        .answer_count = IMAGES,
                                        .real_ns = 1};
    ok(w, gt_store_put_accuracy(w->store, &record, &dataset, NULL, &w->err));
}

/* The family b0 ... b3: each size twice the joules; accuracy saturates at b2. */
static void fill(struct world *w)
{
    static const int right[SIZES] = {6400, 6900, 7100, 7102};
    for (int size = 0; size < SIZES; size++) {
        double uj = 100.0 * (1 << size);
        put_run(w, size, -1, 1.1 * uj);
        for (int round = 0; round < ROUNDS; round++)
            put_run(w, size, round, uj * (1 + 0.01 * (round - 1)));
        put_accuracy(w, size, right[size]);
    }
}

static void put_rounds(struct world *w, int size, double uj)
{
    for (int round = 0; round < ROUNDS; round++)
        put_run(w, size, round, uj * (1 + 0.01 * (round - 1)));
}

static void by_layer(struct world *w, int size, double uj)
{
    w->execution = GT_EXECUTION_LAYERS;
    put_run(w, size, -1, uj);
    put_rounds(w, size, uj);
    w->execution = NULL;
}

static int world_open(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    snprintf(w->path, sizeof w->path, "/tmp/greentrack-report-%d.db", (int)getpid());
    unlink(w->path);
    w->weights = "random";
    w->provenance = "modelled";
    *state = w;
    return gt_store_open(w->path, GT_STORE_WRITE, &w->store, &w->err) == GT_OK ? 0 : -1;
}

static int world_close(void **state)
{
    static const char *const behind[] = {"", "-wal", "-shm"};
    struct world *w = *state;
    gt_store_close(w->store);
    for (size_t i = 0; i < COUNT(behind); i++) {
        char path[80];
        snprintf(path, sizeof path, "%s%s", w->path, behind[i]);
        unlink(path);
    }
    gt_arena_free(&w->arena);
    free(w);
    return 0;
}

/* Owned by the caller. */
static char *rendered(struct world *w, const struct gt_report *report, const char *format, const struct gt_report_view *view)
{
    struct gt_document document = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    gt_report_document(report, view, &w->arena, &document);
    ok(w, gt_render_document(&document, gt_renderer_find(format), NULL, out, &w->err));
    fclose(out);
    return text;
}

static void build(struct world *w, const char *model, struct gt_report *report)
{
    struct gt_report_query query = {.model = model};
    ok(w, gt_report_build(w->store, &query, &w->arena, report, &w->err));
}

static char *read_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = calloc(1, 1 << 20);
    if (in && text && fread(text, 1, (1 << 20) - 1, in) == 0)
        text[0] = '\0';
    if (in)
        fclose(in);
    return text;
}

static void against_golden(const char *got, const char *path)
{
    if (getenv("UPDATE")) {
        FILE *out = fopen(path, "wb");
        assert_non_null(out);
        fputs(got, out);
        fclose(out);
    }
    char *want = read_file(path);
    assert_string_equal(got, want);
    free(want);
}

static void all_goldens(struct world *w, const struct gt_report *report, const char *const (*formats)[2])
{
    for (size_t i = 0; i < 3; i++) {
        char *got = rendered(w, report, formats[i][0], NULL);
        against_golden(got, formats[i][1]);
        free(got);
    }
}

static void test_goldens(void **state)
{
    static const char *const formats[][2] = {
        {"text", "tests/golden/report-b3.txt"}, {"json", "tests/golden/report-b3.json"}, {"csv", "tests/golden/report-b3.csv"}};
    struct world *w = *state;
    struct gt_report report;
    fill(w);
    by_layer(w, 3, 1000);
    build(w, "b3", &report);
    all_goldens(w, &report, formats);
}

/* efficientnet b0, b4, b5, b6 in rounds at 100, 200, 400, 800 µJ; no accuracy of their own. */
static void fill_published(struct world *w)
{
    for (int size = 0; size < SIZES; size++)
        for (int round = 0; round < ROUNDS; round++)
            put_run(w, PUBLISHED + size, round, 100.0 * (1 << size) * (1 + 0.01 * (round - 1)));
}

static void build_family(struct world *w, const char *family, enum gt_report_accuracy_choice accuracy, struct gt_report *report)
{
    struct gt_report_query query = {.family = family, .accuracy = accuracy};
    ok(w, gt_report_build(w->store, &query, &w->arena, report, &w->err));
}

static void test_published_goldens(void **state)
{
    static const char *const formats[][2] = {{"text", "tests/golden/report-published.txt"},
                                             {"json", "tests/golden/report-published.json"},
                                             {"csv", "tests/golden/report-published.csv"}};
    struct world *w = *state;
    struct gt_report report;
    fill(w); /* another family, which stays out */
    fill_published(w);
    build_family(w, "efficientnet", GT_REPORT_ACCURACY_PUBLISHED, &report);
    all_goldens(w, &report, formats);
}

/* Wherever a published accuracy and a joule stand in one row, both labels do. */
static void test_published_labels_in_every_row(void **state)
{
    static const char *const tables[] = {"steps", "break_points", "tau_break_points"};
    static const char *const keys[][2] = {{"accuracy_provenance", "published"},
                                          {"energy_provenance", "modelled"},
                                          {"energy_source", "model"},
                                          {"weights", "random"}};
    struct world *w = *state;
    struct gt_report report;
    fill_published(w);
    build_family(w, "efficientnet", GT_REPORT_ACCURACY_PUBLISHED, &report);
    char *json = rendered(w, &report, "json", NULL);
    json_t *root = json_loads(json, 0, NULL), *row;
    size_t i, rows = 0;
    for (size_t t = 0; t < COUNT(tables); t++)
        json_array_foreach(json_object_get(root, tables[t]), i, row)
        {
            rows++;
            for (size_t k = 0; k < COUNT(keys); k++)
                assert_string_equal(json_string_value(json_object_get(row, keys[k][0])), keys[k][1]);
        }
    assert_true(rows >= 7);
    assert_non_null(strstr(report.headline, "Published accuracies against this host's modelled joules"));
    assert_non_null(strstr(report.headline, "weights=random"));
    assert_null(strstr(report.headline, "say nothing"));
    json_decref(root);
    free(json);
}

/* Without being asked for, published accuracies and joules never meet; how to get them is said. */
static void test_published_stay_out(void **state)
{
    static const char *const formats[] = {"text", "json", "csv"};
    struct world *w = *state;
    struct gt_report report;
    fill_published(w);
    build_family(w, "efficientnet", GT_REPORT_ACCURACY_OWN, &report);
    assert_int_equal(report.row_count, SIZES);
    assert_int_equal(report.judged_count, 0);
    assert_null(report.labels);
    for (size_t i = 0; i < report.row_count; i++)
        assert_false(report.rows[i].accuracy.known || report.rows[i].judged);
    for (size_t i = 0; i < COUNT(formats); i++) {
        char *out = rendered(w, &report, formats[i], NULL);
        assert_null(strstr(out, "77.1"));
        assert_null(strstr(out, "84.0"));
        assert_non_null(strstr(out, "greentrack report --family efficientnet --accuracy published"));
        free(out);
    }
}

/* The store's own accuracies stay in their report, and are not in that of the published ones. */
static void test_family_alone(void **state)
{
    static const char *const absent[] = {"model", "accuracy", "energy", "layers", "closure", "macs", "run"};
    struct world *w = *state;
    struct gt_report report;
    fill(w);
    build_family(w, "to", GT_REPORT_ACCURACY_OWN, &report);
    assert_int_equal(report.row_count, SIZES);
    assert_int_equal(report.judged_count, SIZES);
    assert_true(report.steps[0].step.paired && report.break_count == 3);
    char *json = rendered(w, &report, "json", NULL);
    json_t *root = json_loads(json, 0, NULL);
    for (size_t i = 0; i < COUNT(absent); i++)
        assert_true(json_is_null(json_object_get(root, absent[i])));
    assert_string_equal(json_string_value(json_object_get(root, "family_name")), "toy");
    json_decref(root);
    free(json);
    build_family(w, "toy", GT_REPORT_ACCURACY_PUBLISHED, &report);
    assert_int_equal(report.judged_count, 0);
}

static void test_unknown_and_ambiguous_family(void **state)
{
    struct world *w = *state;
    struct gt_report report;
    struct gt_report_query query = {.family = "t"};
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_NOENT);
    assert_non_null(strstr(w->err.text, "none yet"));
    put_run(w, 0, -1, 100);
    put_run(w, OTHER, -1, 100);
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_AMBIGUOUS);
    assert_non_null(strstr(w->err.text, "other, toy"));
    query.family = "nosuch";
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_NOENT);
    assert_int_equal(report.candidate_count, 2);
    assert_non_null(strstr(w->err.text, "other, toy"));
    query.family = "";
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_NOENT);
}

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-6 * fabs(wanted);
}

/* Rounds of both in one series: each round's difference counts, and what drifts in both alike does not widen it. */
static void test_what_fusing_saves(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    fill(w);
    by_layer(w, 3, 1000);
    build(w, "toy/b3", &r);
    const struct gt_report_fusing *f = &r.fusing;
    assert_true(r.energy.rounds == ROUNDS && near(r.energy.uj, 800)); /* the others are not among them */
    assert_string_equal(r.execution, GT_EXECUTION_FUSED);
    assert_true(f->compared && f->same_series && f->paired);
    assert_true(near(f->fused.uj, 800) && near(f->layers.uj, 1000) && f->layers.rounds == ROUNDS);
    assert_true(near(f->saved_uj, 200) && near(f->saved_share, 0.2) && near(f->saved_s, 200e-6) && near(f->saved_s_share, 0.2));
    assert_true(near(f->saved_lo_uj, 100) && near(f->saved_hi_uj, 400)); /* the range's common factor */
    /* rounds: 198, 200, 202; t(0.975, 2) = 4.302653, sd 2, of three */
    assert_true(near(f->saved_stat_lo_uj, 200 - 4.302652730 * 2 / sqrt(3)));
    assert_true(near(f->saved_hi_s, (200 + 4.302652730 * 2 / sqrt(3)) * 1e-6));
    assert_non_null(f->layers_run);
    char *text = rendered(w, &r, "text", NULL);
    assert_non_null(strstr(text, "What fusing saves, of one inference"));
    assert_non_null(strstr(text, "20.0 % of the joules, 20.0 % of the time"));
    assert_non_null(strstr(text, gt_arena_printf(&w->arena, "layer by layer: greentrack show %.12s.", f->layers_run)));
    free(text);
}

/* In another series, without a table's common factor: the two are independent. */
static void test_fusing_in_two_series(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    w->provenance = "measured";
    fill(w);
    w->series = "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    by_layer(w, 3, 816);
    w->series = NULL;
    build(w, "toy/b3", &r);
    const struct gt_report_fusing *f = &r.fusing;
    assert_true(f->compared && !f->same_series && !f->paired);
    double half = 4.302652730 * hypot(8, 8.16) / sqrt(3);
    assert_true(near(f->saved_uj, 16) && near(f->saved_lo_uj, 16 - half) && near(f->saved_stat_hi_uj, 16 + half));
    char *text = rendered(w, &r, "text", NULL);
    assert_non_null(strstr(text, "not told apart from none"));
    assert_non_null(strstr(text, "did not take turns"));
    free(text);
}

/* One hooked run of each, with intervals of their own: skew stays on its side. */
static void test_fusing_of_single_runs(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    w->provenance = "measured";
    w->kind = "ci95";
    put_run(w, 3, -1, 800);
    w->execution = GT_EXECUTION_LAYERS;
    put_run(w, 3, -1, 1000);
    w->execution = NULL;
    build(w, "toy/b3", &r);
    const struct gt_report_fusing *f = &r.fusing;
    assert_true(f->compared && !f->paired && f->fused.rounds == 0 && isnan(f->saved_stat_lo_uj) && isnan(f->saved_lo_s));
    assert_true(near(f->saved_uj, 200) && near(f->saved_lo_uj, 200 - hypot(500, 800)));
    assert_true(near(f->saved_hi_uj, 200 + hypot(1000, 400)));
    char *text = rendered(w, &r, "text", NULL);
    assert_non_null(strstr(text, "rests on fewer than two rounds of each"));
    free(text);
}

/* One line says which command would make what is missing; runs that differ in something else do not count. */
static void test_fusing_that_nobody_compared(void **state)
{
    static const char command[] = "greentrack eval --model toy/b3 --fusing both --rounds 10 --threads 2 --batch 10";
    struct world *w = *state;
    struct gt_report r;
    fill(w);
    w->threads = 1;
    by_layer(w, 3, 1000);
    w->threads = 0;
    w->execution = GT_EXECUTION_LAYERS;
    put_run(w, 3, -1, 1000); /* its layers are to be had, but it had its hooks on */
    w->execution = NULL;
    build(w, "toy/b3", &r);
    assert_true(r.fusing.known && !r.fusing.compared && isnan(r.fusing.saved_uj) && isnan(r.fusing.saved_s));
    assert_string_equal(r.fusing.command, command);
    assert_non_null(r.fusing.layers_run);
    char *text = rendered(w, &r, "text", NULL), *json = rendered(w, &r, "json", NULL);
    assert_non_null(strstr(text, "no run layer by layer compares with these. Both ways, in turns: greentrack eval"));
    json_t *root = json_loads(json, 0, NULL), *fusing = json_object_get(root, "fusing");
    assert_true(json_is_false(json_object_get(fusing, "compared")) && json_is_null(json_object_get(fusing, "saved_uj")));
    assert_string_equal(json_string_value(json_object_get(fusing, "command")), command);
    json_decref(root);
    free(json);
    free(text);
    /* runs of b0 layer by layer alone: they are its figures, and out of b3's group */
    w->execution = GT_EXECUTION_LAYERS;
    put_rounds(w, PUBLISHED, 100);
    w->execution = NULL;
    put_rounds(w, PUBLISHED + 1, 200);
    build(w, "efficientnet/b4", &r);
    assert_int_equal(r.row_count, 1);
    assert_string_equal(r.left_out[0].reason, "run in another comparison group: execution is layer by layer there, fused here");
}

/* A figure for a program that runs no units of a known kind is not "not fused". */
static void test_fusing_is_no_question_elsewhere(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    fill(w);
    build_family(w, "toy", GT_REPORT_ACCURACY_OWN, &r);
    assert_false(r.fusing.known);
    char *json = rendered(w, &r, "json", NULL);
    json_t *root = json_loads(json, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "fusing")) && json_is_null(json_object_get(root, "members")));
    json_decref(root);
    free(json);
}

static void test_reads_back_what_was_stored(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    fill(w);
    build(w, "toy/b3", &r);
    assert_int_equal(r.row_count, SIZES);
    assert_int_equal(r.layer_count, UNITS);
    assert_string_equal(r.layers[0].name, "stem/conv");
    assert_int_equal(r.layers[0].member_count, STEM);
    assert_string_equal(r.layers[0].members[1].name, "stem/bn");
    assert_true(r.layers[0].members[3].macs_share == 0.25 && r.layers[0].members[3].bytes_share == 0.2);
    assert_string_equal(r.execution, GT_EXECUTION_FUSED);
    assert_int_equal(r.energy.rounds, ROUNDS);
    assert_true(fabs(r.energy.uj - 800) < 1e-9);
    assert_string_equal(r.energy.kind, "range");
    assert_int_equal(r.accuracy.n, IMAGES);
    assert_true(r.closure.known && r.closure.unattributed_flagged);
    assert_int_equal(r.closure.units_uj + r.closure.framework_uj + r.closure.idle_uj + r.closure.others_uj +
                         r.closure.unattributed_uj,
                     r.closure.total_uj);
    assert_true(r.steps[0].step.paired && r.steps[0].step.verdict == GT_VERDICT_GAIN);
    assert_non_null(strstr(r.headline, "Random weights"));
}

/* Layers that were not observed took an unknown part of the energy, not none: in every format. */
static void test_unobserved_layers_are_not_zero(void **state)
{
    static const char *const wanted[][2] = {{"json", "\"inference_uj\": 800000,"},
                                            {"json", "\"units_uj\": null,"},
                                            {"json", "\"framework_uj\": null,"},
                                            {"json", "\"units_share\": null,"},
                                            {"csv", "closure,0,inference_uj,800000"},
                                            {"csv", "closure,0,units_uj,\r\n"},
                                            {"text", "inferences"},
                                            {"text", "Layers were not observed"}};
    struct world *w = *state;
    struct gt_report r;
    put_run(w, 0, 0, 100);
    build(w, "b0", &r);
    assert_true(r.closure.known && !r.closure.units_known);
    assert_int_equal(r.closure.inference_uj + r.closure.idle_uj + r.closure.others_uj + r.closure.unattributed_uj,
                     r.closure.total_uj);
    assert_string_equal(r.energy.basis, "hooks off");
    for (size_t i = 0; i < COUNT(wanted); i++) {
        char *got = rendered(w, &r, wanted[i][0], NULL);
        if (!strstr(got, wanted[i][1]))
            fail_msg("no %s in the %s:\n%s", wanted[i][1], wanted[i][0], got);
        free(got);
    }
}

/* What nobody looked at is no 0: idle without a calibration, others where the model knows the job alone. And one flag for all.
 */
static void test_unknown_parts_are_not_zero(void **state)
{
    static const char *const wanted[][2] = {{"json", "\"idle_uj\": null,"},
                                            {"json", "\"idle_share\": null,"},
                                            {"json", "\"others_uj\": null,"},
                                            {"json", "\"others_share\": null,"},
                                            {"text", "not known, and in the other parts"},
                                            {"text", "not seen: the model knows this job's CPU time alone"}};
    struct world *w = *state;
    struct gt_report r;
    w->provenance = "modelled";
    w->uncalibrated = true;
    put_run(w, 0, -1, 100);
    build(w, "b0", &r);
    assert_true(r.closure.known && !r.closure.idle_known && !r.closure.others_known);
    assert_false(r.closure.unattributed_flagged); /* as attribution judged it, whatever its share of the total is */
    for (size_t i = 0; i < COUNT(wanted); i++) {
        char *got = rendered(w, &r, wanted[i][0], NULL);
        if (!strstr(got, wanted[i][1]))
            fail_msg("no %s in the %s:\n%s", wanted[i][1], wanted[i][0], got);
        free(got);
    }
}

/* Of two models no hull is taken, so neither is on it or off it. */
static void test_no_hull_of_two(void **state)
{
    struct world *w = *state;
    struct gt_report r;
    for (int size = 0; size < 2; size++) {
        put_accuracy(w, size, 6400 + 500 * size);
        put_run(w, size, -1, 100 << size);
    }
    build(w, "toy/b0", &r);
    assert_int_equal(r.judged_count, 2);
    char *got = rendered(w, &r, "json", NULL);
    assert_non_null(strstr(got, "\"on_front\": true,"));
    assert_non_null(strstr(got, "\"on_hull\": null,"));
    assert_null(strstr(got, "\"on_hull\": false"));
    free(got);
}

/* Every number that the text shows

 is in the JSON, but for rounding and scale. */
static void collect_numbers(json_t *value, double *out, size_t *n)
{
    if (json_is_number(value) && *n < 4096)
        out[(*n)++] = json_number_value(value);
    for (void *i = json_object_iter(value); i; i = json_object_iter_next(value, i))
        collect_numbers(json_object_iter_value(i), out, n);
    for (size_t i = 0; i < json_array_size(value); i++)
        collect_numbers(json_array_get(value, i), out, n);
}

/* Whether `shown` is the rounded form of `value` under some scale of the text (SI, percent, seconds). */
static bool matches(double shown, double value)
{
    static const double scales[] = {1, 100, 1e3, 1e6, 1e9, 1e-3, 1e-6, 1e-9, 1e12, 1.0 / 1024};
    for (size_t i = 0; i < COUNT(scales); i++)
        if (fabs(fabs(value) * scales[i] - shown) <= 0.0051 * fmax(shown, 1))
            return true;
    return false;
}

static bool in_json(const char *token, const char *json, const double *numbers, size_t n)
{
    double shown = strtod(token, NULL);
    bool level = shown == 95 || shown == 80 || shown == 5; /* of tests and flags: constants, not figures */
    for (size_t i = 0; i < n && !level; i++)
        level = matches(shown, numbers[i]);
    return level || strstr(json, token); /* "threads 2" stands in a string */
}

/* What the text sums up in one line: the members of the first unit that have no MACs. */
static void collect_others(json_t *members, double *out, size_t *n)
{
    json_t *row;
    size_t i;
    double bytes = 0, share = 0, count = 0;
    json_array_foreach(members, i, row) if (json_integer_value(json_object_get(row, "index")) == 0 &&
                                            json_integer_value(json_object_get(row, "macs")) == 0)
    {
        bytes += json_number_value(json_object_get(row, "bytes"));
        share += json_number_value(json_object_get(row, "counted_bytes_share"));
        count++;
    }
    out[(*n)++] = bytes;
    out[(*n)++] = share;
    out[(*n)++] = count;
}

static void test_json_has_every_figure_of_the_text(void **state)
{
    struct world *w = *state;
    struct gt_report report;
    struct gt_report_view all = {.layers = SIZE_MAX};
    double numbers[4096];
    size_t n = 0, checked = 0;
    fill(w);
    by_layer(w, 3, 1000);
    build(w, "b3", &report);
    char *text = rendered(w, &report, "text", &all), *json = rendered(w, &report, "json", NULL), *rest = NULL;
    json_t *root = json_loads(json, 0, NULL);
    assert_non_null(root);
    collect_numbers(root, numbers, &n);
    collect_others(json_object_get(root, "members"), numbers, &n);
    for (char *word = strtok_r(text, " \n(),;:+-", &rest); word; word = strtok_r(NULL, " \n(),;:+-", &rest)) {
        size_t digits = strspn(word, "0123456789.");
        if (digits == 0 || word[digits])
            continue;
        if (word[digits - 1] == '.')
            word[digits - 1] = '\0';
        if (!in_json(word, json, numbers, n))
            fail_msg("%s is in the text but not in the JSON", word);
        checked++;
    }
    assert_true(checked > 100);
    json_decref(root);
    free(text);
    free(json);
}

static void test_flags_everywhere(void **state)
{
    static const char *const formats[] = {"text", "json", "csv"};
    struct world *w = *state;
    struct gt_report report;
    fill(w);
    build(w, "b3", &report);
    for (size_t i = 0; i < COUNT(formats); i++) {
        char *out = rendered(w, &report, formats[i], NULL);
        assert_non_null(strstr(out, "random"));
        assert_non_null(strstr(out, "modelled"));
        assert_non_null(strstr(out, "Modelled dynamic joules on one host are CPU-seconds times a constant"));
        assert_null(strchr(out, '\033'));
        free(out);
    }
}

static void test_model_without_accuracy(void **state)
{
    struct world *w = *state;
    struct gt_report report;
    put_run(w, 0, -1, 100);
    build(w, "b0", &report);
    char *text = rendered(w, &report, "text", NULL), *json = rendered(w, &report, "json", NULL);
    json_t *root = json_loads(json, 0, NULL);
    assert_true(json_is_null(json_object_get(root, "accuracy")));
    assert_non_null(strstr(json_string_value(json_object_get(root, "headline")), "greentrack eval --model toy/b0"));
    assert_non_null(strstr(text, "greentrack eval --model toy/b0"));
    json_decref(root);
    free(text);
    free(json);
}

static void test_unknown_and_ambiguous(void **state)
{
    struct world *w = *state;
    struct gt_report report;
    struct gt_report_query query = {.model = "b9"};
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_NOENT);
    assert_non_null(strstr(w->err.text, "greentrack eval"));
    put_run(w, 0, -1, 100);
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_NOENT);
    assert_int_equal(report.candidate_count, 1);
    assert_non_null(strstr(w->err.text, "toy/b0"));
    put_run(w, OTHER, -1, 100);
    query.model = "b0";
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_AMBIGUOUS);
    assert_int_equal(report.candidate_count, 2);
    assert_non_null(strstr(w->err.text, "toy/b0"));
    assert_non_null(strstr(w->err.text, "other/b0"));
    query.model = "other/b0";
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_OK);
    query.model = NULL;
    assert_int_equal(gt_report_build(w->store, &query, &w->arena, &report, &w->err), GT_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_goldens, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_published_goldens, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_published_labels_in_every_row, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_published_stay_out, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_family_alone, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_unknown_and_ambiguous_family, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_what_fusing_saves, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_fusing_in_two_series, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_fusing_of_single_runs, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_fusing_that_nobody_compared, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_fusing_is_no_question_elsewhere, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_reads_back_what_was_stored, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_unobserved_layers_are_not_zero, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_unknown_parts_are_not_zero, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_no_hull_of_two, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_json_has_every_figure_of_the_text, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_flags_everywhere, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_model_without_accuracy, world_open, world_close),
        cmocka_unit_test_setup_teardown(test_unknown_and_ambiguous, world_open, world_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
