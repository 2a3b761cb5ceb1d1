/*
 * Ingest of crafted traces: what the store then holds is known beforehand. A run with two domains and one model in two
 * processes, replaced while it is open; damaged, newer, foreign and unborn traces; calls that have no row.
 */
#include "core/text.h"
#include "core/trace_write.h"
#include "energy/origin.h"
#include "sqlite/store.h"
#include "tracker/ingest.h"
#include "tracker/traceinfo.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { MS = 1000000, BUFFER = 64 * 1024 };

static char folder[64], spool[96], store_path[96];
static int spool_fd;
static char said[4096]; /* what the last ingest complained about */

/* --- writing traces ------------------------------------------------------------------------------------------------------- */

struct trace {
    struct gt_trace_writer writer;
    struct gt_trace_header header;
    char name[GT_TRACE_WRITE_NAME_BYTES];
    _Alignas(16) unsigned char buffer[BUFFER];
};

/* Clock of the made-up machine: header time 1 s, rows in ms after it. */
static void create(struct trace *t, enum gt_trace_role role, const uint8_t *run, const uint8_t *parent)
{
    assert_int_equal(gt_trace_write_header_init(&t->header, role, run, parent), GT_OK);
    t->header.mono_ns = 1000 * (uint64_t)MS;
    if (role == GT_TRACE_ROLE_RUN)
        memcpy(t->header.run_id, t->header.trace_id, sizeof t->header.run_id);
    gt_trace_write_name(&t->header, t->name);
    assert_int_equal(gt_trace_write_create(&t->writer, spool_fd, t->name, &t->header, t->buffer, BUFFER), GT_OK);
}

static uint64_t at(unsigned ms)
{
    return (uint64_t)(1000 + ms) * MS;
}

static void describe(struct trace *t, bool source)
{
    gt_trace_write_begin(&t->writer, GT_TRACE_HOST);
    gt_trace_write_string(&t->writer, GT_KEY_CPU_MODEL, "Test CPU");
    gt_trace_write_u64(&t->writer, GT_KEY_CPUS_ONLINE, 4);
    gt_trace_write_u64(&t->writer, GT_KEY_CPUS_ALLOWED, 2);
    gt_trace_write_commit(&t->writer);
    if (!source)
        return;
    gt_trace_write_begin(&t->writer, GT_TRACE_SOURCE);
    gt_trace_write_string(&t->writer, GT_KEY_SOURCE_NAME, "replay");
    gt_trace_write_string(&t->writer, GT_KEY_BOUNDARY, "package");
    gt_trace_write_string(&t->writer, GT_KEY_PROVENANCE, "measured");
    for (int i = 0; i < 2; i++) {
        gt_trace_write_string(&t->writer, GT_KEY_DOMAIN_NAME, i ? "core" : "package-0");
        if (i)
            gt_trace_write_u64(&t->writer, GT_KEY_DOMAIN_PARENT, 0);
        gt_trace_write_u64(&t->writer, GT_KEY_DOMAIN_ADDITIVE, !i);
        gt_trace_write_f64(&t->writer, GT_KEY_DOMAIN_UJ, 1);
    }
    gt_trace_write_commit(&t->writer);
}

/* 10 W on the package, 4 W on the cores, one of four cpus busy with the job: a row each 10 ms. */
static void samples(struct trace *t, unsigned from_ms, unsigned to_ms)
{
    for (unsigned ms = from_ms; ms <= to_ms; ms += 10) {
        struct {
            struct gt_trace_ticks head;
            uint64_t row[3];
        } tick = {{1, 2}, {at(ms), 5000 + 10000 * (uint64_t)ms, 4000 * (uint64_t)ms}};
        struct {
            uint64_t count;
            struct gt_trace_cpu row;
        } cpu = {1, {at(ms), (uint64_t)ms * MS, (uint64_t)ms * MS, 4 * (uint64_t)ms * MS}};
        gt_trace_write_begin(&t->writer, GT_TRACE_TICK);
        gt_trace_write_raw(&t->writer, &tick, sizeof tick);
        gt_trace_write_commit(&t->writer);
        gt_trace_write_begin(&t->writer, GT_TRACE_CPU);
        gt_trace_write_raw(&t->writer, &cpu, sizeof cpu);
        gt_trace_write_commit(&t->writer);
    }
    gt_trace_write_flush(&t->writer);
}

static void model(struct trace *t)
{
    uint8_t digest[32] = {7, 7, 7};
    gt_trace_write_begin(&t->writer, GT_TRACE_MODEL);
    gt_trace_write_u64(&t->writer, GT_KEY_MODEL_ID, 1);
    gt_trace_write_u64(&t->writer, GT_KEY_UNIT_SLOT, 0);
    gt_trace_write_string(&t->writer, GT_KEY_NAME, "net/b1");
    gt_trace_write_string(&t->writer, GT_KEY_FAMILY, "net");
    gt_trace_write_f64(&t->writer, GT_KEY_PHI, 1);
    gt_trace_write_bytes(&t->writer, GT_KEY_DIGEST, digest, sizeof digest);
    gt_trace_write_string(&t->writer, GT_KEY_WEIGHTS, "file");
    gt_trace_write_commit(&t->writer);
    for (unsigned i = 0; i < 2; i++) {
        gt_trace_write_begin(&t->writer, GT_TRACE_UNIT);
        gt_trace_write_u64(&t->writer, GT_KEY_MODEL_ID, 1);
        gt_trace_write_u64(&t->writer, GT_KEY_UNIT_SLOT, i);
        gt_trace_write_u64(&t->writer, GT_KEY_UNIT_INDEX, i);
        gt_trace_write_string(&t->writer, GT_KEY_NAME, i ? "second" : "first");
        gt_trace_write_string(&t->writer, GT_KEY_OP, "Conv");
        gt_trace_write_commit(&t->writer);
    }
}

/* One inference of 2 items from `ms` on: 6 ms of the first unit, 2 ms of the second, 1 ms of framework. */
static void inference(struct trace *t, unsigned ms)
{
    struct {
        struct gt_trace_events head;
        struct gt_trace_event rows[3];
    } events = {{77, 3, 0},
                {{0, 0, at(ms), at(ms + 6)}, {1, 0, at(ms + 6), at(ms + 8)}, {GT_TRACE_SLOT_INFER, 2, at(ms), at(ms + 9)}}};
    gt_trace_write_begin(&t->writer, GT_TRACE_EVENTS);
    gt_trace_write_raw(&t->writer, &events, sizeof events);
    gt_trace_write_commit(&t->writer);
}

static void finish(struct trace *t, unsigned ms)
{
    gt_trace_write_begin(&t->writer, GT_TRACE_END);
    gt_trace_write_u64(&t->writer, GT_KEY_T_END_NS, at(ms));
    gt_trace_write_u64(&t->writer, GT_KEY_EXIT_STATUS, 3);
    gt_trace_write_commit(&t->writer);
    gt_trace_write_close(&t->writer);
}

/* --- helpers ----------------------------------------------------------------------------------------------------------------
 */

static void say(void *context, const char *line)
{
    (void)context;
    strncat(said, line, sizeof said - strlen(said) - 1);
    strncat(said, "\n", sizeof said - strlen(said) - 1);
}

static struct gt_ingest_counts ingest(void)
{
    struct gt_ingest_options options = {.spool = spool, .store = store_path, .wait_ms = 5000, .say = say};
    struct gt_ingest_counts counts;
    struct gt_err err = {0};
    said[0] = '\0';
    if (gt_ingest_spool(&options, &counts, &err) != GT_OK)
        fail_msg("%s", err.text);
    return counts;
}

static struct gt_run_record *stored(const uint8_t *id, struct gt_arena *arena)
{
    struct gt_store *store;
    struct gt_run_record *run = NULL;
    struct gt_err err = {0};
    char hex[33];
    assert_int_equal(gt_store_open(store_path, GT_STORE_READ, &store, &err), GT_OK);
    if (gt_store_get_run(store, gt_text_hex(hex, id, 16), arena, &run, &err) != GT_OK)
        run = NULL;
    gt_store_close(store);
    return run;
}

static size_t traces_left(void)
{
    size_t count = 0;
    struct dirent *entry;
    DIR *dir = opendir(spool);
    while ((entry = readdir(dir)))
        count += strstr(entry->d_name, ".gtt") != NULL;
    closedir(dir);
    return count;
}

/* --- tests ------------------------------------------------------------------------------------------------------------------
 */

/* One file as its runtime executes it: in a group of two layers (which says nothing of fusing), or layer by layer. */
static void net_in_units(struct trace *t, bool fused)
{
    static const char *const names[] = {"expand", "dw"};
    uint8_t digest[32] = {9, 9};
    gt_trace_write_begin(&t->writer, GT_TRACE_MODEL);
    gt_trace_write_u64(&t->writer, GT_KEY_MODEL_ID, 1);
    gt_trace_write_u64(&t->writer, GT_KEY_UNIT_SLOT, 0);
    gt_trace_write_string(&t->writer, GT_KEY_NAME, "net/b2");
    gt_trace_write_bytes(&t->writer, GT_KEY_DIGEST, digest, sizeof digest);
    if (!fused)
        gt_trace_write_u64(&t->writer, GT_KEY_FUSED, 0);
    gt_trace_write_commit(&t->writer);
    for (unsigned i = 0; i < (fused ? 1 : 2); i++) {
        gt_trace_write_begin(&t->writer, GT_TRACE_UNIT);
        gt_trace_write_u64(&t->writer, GT_KEY_MODEL_ID, 1);
        gt_trace_write_u64(&t->writer, GT_KEY_UNIT_SLOT, i);
        gt_trace_write_u64(&t->writer, GT_KEY_UNIT_INDEX, i);
        gt_trace_write_string(&t->writer, GT_KEY_NAME, names[i]);
        for (unsigned m = i; m < (fused ? 2 : i + 1); m++) {
            gt_trace_write_string(&t->writer, GT_KEY_MEMBER_NAME, names[m]);
            gt_trace_write_string(&t->writer, GT_KEY_MEMBER_OP, "Conv");
            gt_trace_write_u64(&t->writer, GT_KEY_MEMBER_MACS, 300 - 200 * m);
            if (fused)
                gt_trace_write_u64(&t->writer, GT_KEY_MEMBER_BYTES, 4000 - 3000 * m);
        }
        gt_trace_write_commit(&t->writer);
    }
}

/* What one run took in groups and what it took layer by layer are two figures, each with the names of its own units. */
static void one_file_executed_in_two_ways_is_two_parts(void **state)
{
    static struct trace run, fused, layers;
    struct gt_arena arena = {0};
    struct gt_store *store;
    struct gt_model_record *model = NULL;
    struct gt_err err = {0};
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 200);
    create(&fused, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
    net_in_units(&fused, true);
    inference(&fused, 20);
    finish(&fused, 40);
    create(&layers, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
    net_in_units(&layers, false);
    inference(&layers, 60);
    inference(&layers, 80);
    finish(&layers, 100);
    finish(&run, 200);
    ingest();
    assert_string_equal(said, "");
    struct gt_run_record *record = stored(run.header.run_id, &arena);
    assert_non_null(record);
    assert_int_equal(record->model_count, 2);
    bool first = strcmp(record->models[0].execution, GT_EXECUTION_FUSED) == 0;
    const struct gt_run_model_record *whole = &record->models[first ? 0 : 1], *single = &record->models[first ? 1 : 0];
    assert_string_equal(whole->execution, GT_EXECUTION_FUSED);
    assert_string_equal(single->execution, GT_EXECUTION_LAYERS);
    assert_string_equal(whole->model, single->model);
    assert_int_equal(whole->inferences, 2);
    assert_int_equal(single->inferences, 4);
    assert_int_equal(gt_store_open(store_path, GT_STORE_READ, &store, &err), GT_OK);
    assert_int_equal(gt_store_get_model_of(store, whole, &arena, &model, &err), GT_OK);
    assert_int_equal(model->unit_count, 1);
    assert_int_equal(model->units[0].member_count, 2);
    assert_string_equal(model->units[0].members[1].name, "dw");
    assert_int_equal(model->units[0].members[1].macs, 100);
    assert_int_equal(model->units[0].members[1].bytes, 1000);
    assert_int_equal(gt_store_get_model_of(store, single, &arena, &model, &err), GT_OK);
    assert_int_equal(model->unit_count, 2);
    assert_string_equal(model->units[1].name, "dw");
    assert_int_equal(model->units[1].members[0].bytes, GT_UNKNOWN); /* an earlier plugin's trace */
    gt_store_close(store);
    gt_arena_free(&arena);
}

static void stores_a_run_with_known_totals(void **state)
{
    static struct trace run, one, two;
    struct gt_arena arena = {0};
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 100);
    create(&one, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
    model(&one);
    inference(&one, 20);
    finish(&one, 90);
    create(&two, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
    model(&two);
    inference(&two, 60);
    gt_trace_write_flush(&two.writer);

    struct gt_ingest_counts counts = ingest();
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.closed, 0);
    struct gt_run_record *record = stored(run.header.run_id, &arena);
    assert_non_null(record);
    assert_string_equal(record->state, "open");
    assert_int_equal(record->models[0].inferences, 4);
    assert_int_equal(traces_left(), 3);

    inference(&two, 70);
    finish(&two, 95);
    samples(&run, 110, 200);
    finish(&run, 200);
    counts = ingest();
    assert_int_equal(counts.closed, 1);
    assert_string_equal(said, "");
    assert_int_equal(traces_left(), 0);
    record = stored(run.header.run_id, &arena);
    assert_string_equal(record->state, "closed");
    assert_int_equal(record->exit_status, 3);
    assert_int_equal(record->end_ns - record->begin_ns, 200 * MS);
    assert_int_equal(record->attribution.run_total.uj, 2000000); /* 10 W for 0.2 s; the cores are inside of it */
    assert_int_equal(record->counter_count, 2);
    assert_int_equal(record->counters[1].total_uj, 800000);
    assert_int_equal(record->process_count, 2);
    assert_int_equal(record->model_count, 1);
    const struct gt_run_model_record *part = &record->models[0];
    assert_int_equal(part->inferences, 6);
    assert_int_equal(part->calls, 3);
    assert_int_equal(part->ns, 27 * MS);
    assert_int_equal(part->unit_count, 2);
    assert_int_equal(part->units[0].calls, 3);
    assert_int_equal(part->units[0].ns, 18 * MS);
    assert_int_equal(part->units[1].ns, 6 * MS);
    const struct gt_attribution_record *a = &record->attribution;
    assert_int_equal(a->window_ns, 59 * MS); /* first begin at 20, last end at 79 */
    assert_int_equal(a->total.uj, 590000);
    assert_int_equal(a->units.uj + a->framework.uj, a->inference.uj);
    assert_true(!a->idle_known && a->idle.uj == GT_UNKNOWN); /* nobody calibrated: it is in the others */
    assert_int_equal(a->units.uj + a->framework.uj + a->others.uj + a->unattributed.uj, a->total.uj);
    gt_arena_free(&arena);
}

static bool has_event(const struct gt_run_record *record, const char *text)
{
    for (size_t i = 0; i < record->event_count; i++)
        if (record->events[i].text && strstr(record->events[i].text, text))
            return true;
    return false;
}

/* Two packages for four seconds; the second uses `share` of what the first does. What the source noted stands with the run. */
static struct gt_run_record *store_two_packages(double share, struct gt_arena *arena)
{
    static struct trace run;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    gt_trace_write_begin(&run.writer, GT_TRACE_SOURCE);
    gt_trace_write_string(&run.writer, GT_KEY_SOURCE_NAME, "powercap");
    gt_trace_write_string(&run.writer, GT_KEY_BOUNDARY, "package");
    gt_trace_write_string(&run.writer, GT_KEY_PROVENANCE, "measured");
    gt_trace_write_string(&run.writer, GT_KEY_SOURCE_NOTE, "the noise filter is on");
    for (int i = 0; i < 2; i++) {
        gt_trace_write_string(&run.writer, GT_KEY_DOMAIN_NAME, i ? "package-1" : "package-0");
        gt_trace_write_u64(&run.writer, GT_KEY_DOMAIN_ADDITIVE, 1);
        gt_trace_write_u64(&run.writer, GT_KEY_DOMAIN_PACKAGE, (uint64_t)i);
        gt_trace_write_f64(&run.writer, GT_KEY_DOMAIN_UJ, 1);
        gt_trace_write_u64(&run.writer, GT_KEY_DOMAIN_WRAP, 99999999);
    }
    gt_trace_write_commit(&run.writer);
    for (unsigned ms = 0; ms <= 4000; ms += 10) {
        uint64_t uj = 80000000 + 100000 * (uint64_t)ms / 10;
        struct {
            struct gt_trace_ticks head;
            uint64_t row[3];
        } tick = {{1, 2}, {at(ms), uj % 100000000, (uint64_t)((double)uj * share) % 100000000}};
        gt_trace_write_begin(&run.writer, GT_TRACE_TICK);
        gt_trace_write_raw(&run.writer, &tick, sizeof tick);
        gt_trace_write_commit(&run.writer);
    }
    finish(&run, 4000);
    ingest();
    return stored(run.header.run_id, arena);
}

static void warns_of_counters_that_move_alike(void **state)
{
    struct gt_arena arena = {0};
    (void)state;
    struct gt_run_record *record = store_two_packages(1, &arena);
    assert_true(has_event(record, "package-0 (counter 0) and package-1 (counter 1) move alike"));
    assert_true(has_event(record, "the noise filter is on"));
    assert_true(record->counters[0].additive && record->counters[1].additive); /* a warning: both still count */
    assert_int_equal(record->counters[1].total_uj, 40000000);
    record = store_two_packages(0.97, &arena);
    assert_false(has_event(record, "move alike"));
    assert_true(has_event(record, "the noise filter is on"));
    gt_arena_free(&arena);
}

/* What a source says of itself comes back from the trace: a mirror is one, and the note is there. */
static void keeps_a_source_as_it_was_described(void **state)
{
    static struct trace t;
    static struct gt_trace_info info;
    struct gt_arena arena = {0};
    struct gt_err err = {0};
    struct gt_trace_reader *reader;
    struct gt_source_desc desc = {.source = "powercap", .boundary = "package", .note = "noisy", .domain_count = 3};
    char path[PATH_MAX];
    (void)state;
    for (int i = 0; i < 3; i++)
        desc.domains[i] = (struct gt_domain){.name = "package-0", .parent = -1, .die = -1, .uj_per_count = 1, .mirror = i == 2};
    create(&t, GT_TRACE_ROLE_RUN, NULL, NULL);
    gt_origin_write_source(&t.writer, &desc);
    finish(&t, 1);
    snprintf(path, sizeof path, "%s/%s", spool, t.name);
    assert_int_equal(gt_trace_read_open(path, &reader, &err), GT_OK);
    assert_int_equal(gt_traceinfo_read(reader, &arena, &info, &err), GT_OK);
    assert_int_equal(info.source.domain_count, 3);
    assert_int_equal(info.source.domains[1].mirror, 0);
    assert_int_equal(info.source.domains[2].mirror, 1);
    assert_string_equal(info.source.note, "noisy");
    assert_string_equal(gt_traceinfo_note(&info, "energy source"), "noisy");
    gt_trace_read_close(reader);
    gt_arena_free(&arena);
}

/* `greentrack run` reads the counters once more after the job has ended: with that sample the run is complete. */
/* It has the CPU time up to the end, and what the counter shows late; what the machine used after the end is not the run's. */
static void counts_the_sample_after_the_end(void **state)
{
    static struct trace run;
    struct gt_arena arena = {0};
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 10);
    finish(&run, 9);
    ingest();
    struct gt_run_record *record = stored(run.header.run_id, &arena);
    assert_non_null(record);
    assert_int_equal(record->end_ns - record->begin_ns, 9 * MS);
    assert_int_equal(record->cpu_ns, 10 * MS);
    assert_int_equal(record->attribution.run_total.uj, 90000);
    assert_true(record->attribution.run_total.lo_uj <= 80000 && record->attribution.run_total.hi_uj >= 100000);
    gt_arena_free(&arena);
}

static void counts_calls_without_rows(void **state)
{
    static struct trace t;
    struct gt_arena arena = {0};
    struct {
        struct gt_trace_events head;
        struct gt_trace_total rows[2];
    } table = {{77, 2, 0}, {{0, 0, 11, 0, 66 * MS}, {GT_TRACE_SLOT_INFER, 0, 11, 22, 99 * MS}}};
    (void)state;
    create(&t, GT_TRACE_ROLE_PROCESS, NULL, NULL);
    describe(&t, true);
    samples(&t, 0, 100);
    model(&t);
    inference(&t, 40);
    gt_trace_write_begin(&t.writer, GT_TRACE_TABLE);
    gt_trace_write_raw(&t.writer, &table, sizeof table);
    gt_trace_write_commit(&t.writer);
    gt_trace_write_loss(&t.writer, "ring full", 20);
    gt_trace_write_close(&t.writer); /* without END: crashed */
    struct gt_ingest_counts counts = ingest();
    assert_int_equal(counts.crashed, 1);
    struct gt_run_record *record = stored(t.header.trace_id, &arena);
    assert_string_equal(record->state, "crashed");
    assert_string_equal(record->role, "process");
    assert_int_equal(record->models[0].inferences, 22);
    assert_int_equal(record->models[0].units[0].calls, 11);
    assert_int_equal(record->models[0].units[0].ns, 66 * MS);
    bool told = false;
    for (size_t i = 0; i < record->event_count; i++)
        told = told || (strcmp(record->events[i].kind, "ring full") == 0 && record->events[i].count == 20);
    assert_true(told);
    gt_arena_free(&arena);
}

static void splits_off_what_outlived(void **state)
{
    static struct trace run, process;
    struct gt_arena arena = {0};
    char hex[33];
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 100);
    finish(&run, 100);
    create(&process, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
    describe(&process, false);
    model(&process);
    inference(&process, 40);
    inference(&process, 140);
    inference(&process, 160);
    finish(&process, 180);
    ingest();
    struct gt_run_record *record = stored(run.header.run_id, &arena);
    assert_int_equal(record->models[0].inferences, 2);
    assert_null(record->link);
    record = stored(process.header.trace_id, &arena);
    assert_non_null(record);
    assert_string_equal(record->role, "outlived");
    assert_string_equal(record->link, gt_text_hex(hex, run.header.run_id, 16));
    assert_int_equal(record->models[0].inferences, 4);
    assert_int_equal(record->attribution.run_total.uj, GT_UNKNOWN); /* nobody read the counters then: not zero */
    assert_int_equal(traces_left(), 0);
    gt_arena_free(&arena);
}

static void write_bytes(const char *name, const void *bytes, size_t n, bool old)
{
    int fd = openat(spool_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct timespec past[2] = {{1000000000, 0}, {1000000000, 0}};
    assert_int_equal(write(fd, bytes, n), n);
    if (old)
        futimens(fd, past);
    close(fd);
}

static void moves_bad_traces_aside(void **state)
{
    static struct trace good, newer;
    struct gt_arena arena = {0};
    (void)state;
    create(&newer, GT_TRACE_ROLE_PROCESS, NULL, NULL);
    gt_trace_write_close(&newer.writer);
    assert_int_equal(unlinkat(spool_fd, newer.name, 0), 0);
    newer.header.min_reader = GT_TRACE_VERSION + 1;
    assert_int_equal(gt_trace_write_create(&newer.writer, spool_fd, newer.name, &newer.header, newer.buffer, BUFFER), GT_OK);
    gt_trace_write_close(&newer.writer);
    create(&good, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&good, true);
    samples(&good, 0, 50);
    finish(&good, 50);
    write_bytes("process-bad.gtt",
                "this is not a trace, but it is as long as a header: ------------------------------"
                "-------------------------------------------------------------",
                140, true);
    write_bytes("process-unborn.gtt", "GT", 2, false);
    write_bytes("process-abandoned.gtt", "GT", 2, true);
    assert_int_equal(symlinkat("/etc/passwd", spool_fd, "process-link.gtt"), 0);
    struct gt_ingest_counts counts = ingest();
    assert_int_equal(counts.closed, 1);
    assert_int_equal(counts.rejected, 3);
    assert_non_null(stored(good.header.run_id, &arena));
    assert_int_equal(faccessat(spool_fd, "rejected/process-bad.gtt", F_OK, 0), 0);
    assert_int_equal(faccessat(spool_fd, "rejected/process-abandoned.gtt", F_OK, 0), 0);
    assert_int_equal(faccessat(spool_fd, "process-unborn.gtt", F_OK, 0), 0);
    assert_int_equal(faccessat(spool_fd, newer.name, F_OK, 0), 0);
    assert_int_equal(faccessat(spool_fd, "rejected/process-link.gtt", F_OK, AT_SYMLINK_NOFOLLOW), 0);
    assert_non_null(strstr(said, "rejected"));
    gt_arena_free(&arena);
}

/* Four processes ingest one spool of ten runs at once: each run is stored once, nobody fails. */
static void many_ingest_at_once(void **state)
{
    static struct trace t;
    struct gt_arena arena = {0};
    struct gt_run_line *lines;
    struct gt_store *store = NULL;
    struct gt_err err = {0};
    size_t count;
    (void)state;
    for (int i = 0; i < 10; i++) {
        create(&t, GT_TRACE_ROLE_RUN, NULL, NULL);
        describe(&t, true);
        samples(&t, 0, 50);
        finish(&t, 50);
    }
    pid_t pids[4];
    for (int i = 0; i < 4; i++)
        if ((pids[i] = fork()) == 0) {
            struct gt_ingest_options options = {.spool = spool, .store = store_path, .wait_ms = 20000};
            struct gt_ingest_counts counts;
            _exit(gt_ingest_spool(&options, &counts, &err) != GT_OK || counts.failed || counts.rejected);
        }
    for (int i = 0; i < 4; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(traces_left(), 0);
    assert_int_equal(gt_store_open(store_path, GT_STORE_READ, &store, &err), GT_OK);
    assert_int_equal(gt_store_list_runs(store, true, &arena, &lines, &count, &err), GT_OK);
    assert_int_equal(count, 10);
    gt_store_close(store);
    gt_arena_free(&arena);
}

static void an_absent_spool_is_empty(void **state)
{
    struct gt_ingest_options options = {.spool = "/nonexistent/spool", .store = "/nonexistent/store.db"};
    struct gt_ingest_counts counts;
    struct gt_err err = {0};
    (void)state;
    assert_int_equal(gt_ingest_spool(&options, &counts, &err), GT_OK);
    assert_int_equal(counts.traces, 0);
}

static void counter(struct trace *t, uint64_t index, const char *name, int64_t weight, const int64_t *value, const char *reason)
{
    gt_trace_write_begin(&t->writer, GT_TRACE_COUNTER);
    gt_trace_write_string(&t->writer, GT_KEY_EVENT_NAME, name);
    gt_trace_write_u64(&t->writer, GT_KEY_EVENT_INDEX, index);
    gt_trace_write_u64(&t->writer, GT_KEY_EVENT_WEIGHT, (uint64_t)weight);
    if (value) {
        gt_trace_write_u64(&t->writer, GT_KEY_EVENT_VALUE, (uint64_t)*value);
        gt_trace_write_u64(&t->writer, GT_KEY_EVENT_ENABLED, 100);
        gt_trace_write_u64(&t->writer, GT_KEY_EVENT_RUNNING, 50);
    }
    gt_trace_write_string(&t->writer, GT_KEY_EVENT_SCOPE, value ? "user" : NULL);
    gt_trace_write_string(&t->writer, GT_KEY_EVENT_REASON, reason);
    gt_trace_write_commit(&t->writer);
}

/* A process's counts of its first unit, times `factor`: a plain event, and the two terms of another; one of them shared out. */
static void counts(struct trace *t, uint64_t factor)
{
    struct {
        struct gt_trace_events head;
        struct gt_trace_count rows[5];
    } all = {{0, 5, 0},
             {{0, 0, factor, 1000 * factor, 10, 10},
              {0, 1, factor, 100 * factor, 40, 10},
              {0, 2, factor, 30 * factor, 10, 10},
              {GT_TRACE_SLOT_INFER, 0, 1, 77, 10, 0},
              {0, 9, 1, 5, 1, 1}}}; /* of an event that nobody has described */
    gt_trace_write_begin(&t->writer, GT_TRACE_COUNTS);
    gt_trace_write_raw(&t->writer, &all, sizeof all);
    gt_trace_write_commit(&t->writer);
}

/* Later records replace earlier ones; processes of one model are summed; a sum is scaled term by term; absent is not zero. */
static void stores_event_counters(void **state)
{
    static struct trace run, processes[2];
    static const int64_t early = 5, late = -7;
    struct gt_arena arena = {0};
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 100);
    counter(&run, 0, "sub", 1, &early, NULL);
    counter(&run, 1, "hw", 1, NULL, "no PMU");
    counter(&run, 0, "sub", 1, &late, NULL);
    counter(&run, 64, "beyond the limit", 1, &late, NULL);
    for (unsigned i = 0; i < 2; i++) {
        struct trace *t = &processes[i];
        create(t, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
        model(t);
        inference(t, 20 + 30 * i);
        counter(t, 0, "cycles", 1, NULL, NULL);
        counter(t, 1, "ops", 4, NULL, NULL);
        counter(t, 2, "ops", -1, NULL, NULL);
        counts(t, 9);
        counts(t, i + 1);
        finish(t, 90);
    }
    finish(&run, 100);
    assert_int_equal(ingest().closed, 1);
    struct gt_run_record *record = stored(run.header.run_id, &arena);
    assert_int_equal(record->run_counter_count, 2);
    assert_int_equal(record->run_counters[0].value, -7);
    assert_int_equal(record->run_counters[0].running_ns, 50);
    assert_string_equal(record->run_counters[0].scope, "user");
    assert_int_equal(record->run_counters[1].value, GT_UNKNOWN);
    assert_int_equal(record->run_counters[1].enabled_ns, GT_UNKNOWN);
    assert_string_equal(record->run_counters[1].reason, "no PMU");
    assert_int_equal(record->unit_counter_count, 3);
    const struct gt_unit_counter_record *infer = &record->unit_counters[0], *cycles = infer + 1, *ops = infer + 2;
    assert_int_equal(infer->index, GT_UNKNOWN);
    assert_true(isnan(infer->value)); /* it never ran: not 0, and not 77 */
    assert_string_equal(cycles->name, "cycles");
    assert_true(cycles->part == 0 && cycles->index == 0 && cycles->calls == 3);
    assert_true(cycles->value == 3000);
    assert_string_equal(ops->name, "ops");
    assert_int_equal(ops->calls, 3);
    assert_true(ops->value == 3 * (4 * 400 - 30));
    gt_arena_free(&arena);
}

/* The last word of each writer counts; the plugin's threads add up, and hooks that were tried out make a mean. */
static void stores_overhead(void **state)
{
    static struct trace run, processes[2];
    struct gt_arena arena = {0};
    (void)state;
    create(&run, GT_TRACE_ROLE_RUN, NULL, NULL);
    describe(&run, true);
    samples(&run, 0, 100);
    gt_trace_write_overhead(&run.writer, 1000, 0);
    gt_trace_write_overhead(&run.writer, 3 * MS, 0);
    for (unsigned i = 0; i < 2; i++) {
        struct trace *t = &processes[i];
        create(t, GT_TRACE_ROLE_PROCESS, run.header.run_id, NULL);
        model(t);
        inference(t, 20 + 30 * i);
        gt_trace_write_overhead(&t->writer, 500, 60);
        gt_trace_write_overhead(&t->writer, (i + 1) * MS, i ? 90 : 0);
        finish(t, 90);
    }
    finish(&run, 100);
    assert_int_equal(ingest().closed, 1);
    const struct gt_overhead_record *got = &stored(run.header.run_id, &arena)->overhead;
    assert_int_equal(got->sampler_cpu_ns, 3 * MS);
    assert_int_equal(got->plugin_cpu_ns, 3 * MS);
    assert_int_equal(got->hooks, 6); /* two units and an inference, in each */
    assert_true(got->hook_ns == (60 + 90) / 2.0);
    gt_arena_free(&arena);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/greentrack-ingest.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(spool, sizeof spool, "%s/spool", folder);
    snprintf(store_path, sizeof store_path, "%s/store.db", folder);
    mkdir(spool, 0700);
    spool_fd = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return spool_fd < 0;
}

static int tear_down(void **state)
{
    char command[128];
    (void)state;
    close(spool_fd);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_file_executed_in_two_ways_is_two_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stores_a_run_with_known_totals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_the_sample_after_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warns_of_counters_that_move_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_source_as_it_was_described, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_calls_without_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(splits_off_what_outlived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(moves_bad_traces_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stores_event_counters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stores_overhead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_ingest_at_once, set_up, tear_down),
        cmocka_unit_test(an_absent_spool_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
