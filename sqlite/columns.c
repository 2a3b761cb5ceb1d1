#include "sqlite/columns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(type, member)                                                                                                     \
    {                                                                                                                          \
#member, GT_COLUMN_TEXT, offsetof(struct type, member)                                                                 \
    }
#define INTEGER(type, member)                                                                                                  \
    {                                                                                                                          \
#member, GT_COLUMN_INTEGER, offsetof(struct type, member)                                                              \
    }
#define REAL(type, member)                                                                                                     \
    {                                                                                                                          \
#member, GT_COLUMN_REAL, offsetof(struct type, member)                                                                 \
    }
#define BOOL(type, member)                                                                                                     \
    {                                                                                                                          \
#member, GT_COLUMN_BOOL, offsetof(struct type, member)                                                                 \
    }
/* A member under another name in the table. */
#define AS(type, kind, column, member)                                                                                         \
    {                                                                                                                          \
        column, GT_COLUMN_##kind, offsetof(struct type, member)                                                                \
    }
#define FIGURE(type, member)                                                                                                   \
    AS(type, INTEGER, #member "_uj", member.uj), AS(type, INTEGER, #member "_lo_uj", member.lo_uj),                            \
        AS(type, INTEGER, #member "_hi_uj", member.hi_uj)
#define TABLE(variable, table, type, columns)                                                                                  \
    const struct gt_table variable = {table, sizeof(struct type), sizeof(columns) / sizeof *(columns), columns}

#define T(m) TEXT(gt_host_record, m)
#define I(m) INTEGER(gt_host_record, m)
static const struct gt_column host[] = {T(id),           T(text),         T(cpu_model), T(vendor),    T(microcode),
                                        T(governor),     I(family),       I(model),     I(stepping),  I(cpus_online),
                                        I(cpus_allowed), I(memory_bytes), I(turbo),     I(hypervisor)};
#undef T
#undef I
TABLE(gt_table_host, "host_classes", gt_host_record, host);

static const struct gt_column model[] = {TEXT(gt_model_record, digest),   TEXT(gt_model_record, name),
                                         TEXT(gt_model_record, family),   TEXT(gt_model_record, weights),
                                         REAL(gt_model_record, phi),      INTEGER(gt_model_record, macs),
                                         INTEGER(gt_model_record, params)};
TABLE(gt_table_model, "models", gt_model_record, model);

static const struct gt_column unit[] = {AS(gt_unit_record, INTEGER, "idx", index),
                                        TEXT(gt_unit_record, name),
                                        TEXT(gt_unit_record, op),
                                        TEXT(gt_unit_record, shape_in),
                                        TEXT(gt_unit_record, shape_out),
                                        INTEGER(gt_unit_record, macs),
                                        INTEGER(gt_unit_record, params),
                                        BOOL(gt_unit_record, region)};
TABLE(gt_table_unit, "units", gt_unit_record, unit);

static const struct gt_column member[] = {TEXT(gt_member_record, name), TEXT(gt_member_record, op),
                                          INTEGER(gt_member_record, macs), INTEGER(gt_member_record, params),
                                          INTEGER(gt_member_record, bytes)};
TABLE(gt_table_member, "members", gt_member_record, member);

static const struct gt_column dataset[] = {TEXT(gt_dataset_record, digest), TEXT(gt_dataset_record, name),
                                           TEXT(gt_dataset_record, split), INTEGER(gt_dataset_record, images)};
TABLE(gt_table_dataset, "datasets", gt_dataset_record, dataset);

static const struct gt_column accuracy[] = {
    TEXT(gt_accuracy_record, model),      TEXT(gt_accuracy_record, dataset),   TEXT(gt_accuracy_record, dataset_name),
    TEXT(gt_accuracy_record, split),      TEXT(gt_accuracy_record, precision), TEXT(gt_accuracy_record, preprocessing),
    TEXT(gt_accuracy_record, provenance), INTEGER(gt_accuracy_record, n),      INTEGER(gt_accuracy_record, correct),
    REAL(gt_accuracy_record, pct),        TEXT(gt_accuracy_record, run),       TEXT(gt_accuracy_record, citation),
    INTEGER(gt_accuracy_record, real_ns)};
TABLE(gt_table_accuracy, "accuracies", gt_accuracy_record, accuracy);

static const struct gt_column process[] = {INTEGER(gt_process_record, pid),      INTEGER(gt_process_record, ppid),
                                           INTEGER(gt_process_record, begin_ns), INTEGER(gt_process_record, end_ns),
                                           TEXT(gt_process_record, exe),         TEXT(gt_process_record, command),
                                           TEXT(gt_process_record, state)};
TABLE(gt_table_process, "processes", gt_process_record, process);

/* Read as one from the view; written to two tables, since the last four belong to an attribution. */
enum { PART_ENERGIES = 4 };
#define R gt_run_model_record
static const struct gt_column run_model[] = {TEXT(R, model),
                                             TEXT(R, counted),
                                             TEXT(R, precision),
                                             TEXT(R, runtime),
                                             TEXT(R, runtime_version),
                                             INTEGER(R, threads),
                                             INTEGER(R, batch),
                                             INTEGER(R, inferences),
                                             INTEGER(R, calls),
                                             INTEGER(R, ns),
                                             REAL(R, seconds_per_inference),
                                             TEXT(R, execution),
                                             TEXT(R, division),
                                             REAL(R, uj_per_inference),
                                             REAL(R, lo_uj),
                                             REAL(R, hi_uj),
                                             REAL(R, dynamic_uj)};
#undef R
#define RUN_MODEL (sizeof run_model / sizeof *run_model)
TABLE(gt_table_run_model, "v_run_models", gt_run_model_record, run_model);
const struct gt_table gt_table_run_part = {"run_models", sizeof(struct gt_run_model_record), RUN_MODEL - PART_ENERGIES,
                                           run_model};
const struct gt_table gt_table_part_energy = {"part_attributions", sizeof(struct gt_run_model_record), PART_ENERGIES,
                                              run_model + RUN_MODEL - PART_ENERGIES};

static const struct gt_column slot[] = {INTEGER(gt_slot_record, slot), INTEGER(gt_slot_record, part),
                                        AS(gt_slot_record, INTEGER, "idx", index)};
TABLE(gt_table_slot, "slots", gt_slot_record, slot);

static const struct gt_column unit_energy[] = {AS(gt_unit_energy_record, INTEGER, "idx", index),
                                               INTEGER(gt_unit_energy_record, calls),
                                               INTEGER(gt_unit_energy_record, ns),
                                               REAL(gt_unit_energy_record, uj_per_call),
                                               REAL(gt_unit_energy_record, lo_uj),
                                               REAL(gt_unit_energy_record, hi_uj),
                                               REAL(gt_unit_energy_record, share),
                                               TEXT(gt_unit_energy_record, resolution),
                                               AS(gt_unit_energy_record, INTEGER, "group_idx", group),
                                               REAL(gt_unit_energy_record, group_uj),
                                               REAL(gt_unit_energy_record, group_lo_uj),
                                               REAL(gt_unit_energy_record, group_hi_uj)};
TABLE(gt_table_unit_energy, "unit_attributions", gt_unit_energy_record, unit_energy);

#define I(m) INTEGER(gt_counter_record, m)
static const struct gt_column counter[] = {TEXT(gt_counter_record, domain),
                                           I(parent),
                                           I(package),
                                           I(die),
                                           BOOL(gt_counter_record, additive),
                                           REAL(gt_counter_record, uj_per_count),
                                           I(wrap_count),
                                           I(first_raw),
                                           I(last_raw),
                                           I(total_uj),
                                           I(uj),
                                           I(lo_uj),
                                           I(hi_uj),
                                           I(wraps),
                                           I(gaps),
                                           I(gap_ns)};
#undef I
TABLE(gt_table_counter, "counters", gt_counter_record, counter);

#define C gt_run_counter_record
static const struct gt_column run_counter[] = {TEXT(C, name),          INTEGER(C, value), INTEGER(C, enabled_ns),
                                               INTEGER(C, running_ns), TEXT(C, scope),    TEXT(C, reason)};
#undef C
TABLE(gt_table_run_counter, "run_counters", gt_run_counter_record, run_counter);

#define C gt_unit_counter_record
static const struct gt_column unit_counter[] = {
    INTEGER(C, part), AS(C, INTEGER, "idx", index), TEXT(C, name),         INTEGER(C, calls),
    REAL(C, value),   INTEGER(C, enabled_ns),       INTEGER(C, running_ns)};
#undef C
TABLE(gt_table_unit_counter, "unit_counters", gt_unit_counter_record, unit_counter);
static const struct gt_column gap[] = {TEXT(gt_gap_record, domain), INTEGER(gt_gap_record, from_ns),
                                       INTEGER(gt_gap_record, to_ns), TEXT(gt_gap_record, reason)};
TABLE(gt_table_gap, "gaps", gt_gap_record, gap);

#define A gt_attribution_record
static const struct gt_column attribution[] = {TEXT(A, method),           INTEGER(A, version),   TEXT(A, kind),
                                               TEXT(A, provenance),       INTEGER(A, window_ns), INTEGER(A, covered_ns),
                                               INTEGER(A, window_cpu_ns), REAL(A, cpu_share),    REAL(A, gap_share),
                                               BOOL(A, idle_known),       FIGURE(A, units),      FIGURE(A, framework),
                                               FIGURE(A, inference),      FIGURE(A, idle),       FIGURE(A, others),
                                               FIGURE(A, unattributed),   FIGURE(A, total),      BOOL(A, unattributed_flag),
                                               FIGURE(A, run_total),      FIGURE(A, run_job),    TEXT(A, model_row),
                                               TEXT(A, refusal),          INTEGER(A, refreshes), REAL(A, refresh_sigma_ns),
                                               REAL(A, noise_uj),         REAL(A, spread_w),     REAL(A, inflation)};
#undef A
TABLE(gt_table_attribution, "attributions", gt_attribution_record, attribution);

static const struct gt_column event[] = {TEXT(gt_event_record, kind), TEXT(gt_event_record, text),
                                         INTEGER(gt_event_record, count), INTEGER(gt_event_record, begin_ns),
                                         INTEGER(gt_event_record, end_ns)};
TABLE(gt_table_event, "events", gt_event_record, event);

#define T(m) TEXT(gt_run_record, m)
#define I(m) INTEGER(gt_run_record, m)
static const struct gt_column run[] = {T(id),
                                       T(parent),
                                       T(series),
                                       T(link),
                                       T(role),
                                       T(state),
                                       T(command),
                                       T(tags),
                                       I(exit_status),
                                       I(exit_signal),
                                       I(begin_real_ns),
                                       I(begin_ns),
                                       I(end_ns),
                                       T(boot_id),
                                       AS(gt_run_record, TEXT, "host", host.id),
                                       T(source),
                                       T(boundary),
                                       T(provenance),
                                       BOOL(gt_run_record, unit_hooks),
                                       I(round),
                                       I(cpu_ns),
                                       I(machine_busy_begin_ns),
                                       I(machine_busy_end_ns),
                                       I(machine_total_begin_ns),
                                       I(machine_total_end_ns),
                                       AS(gt_run_record, INTEGER, "sampler_cpu_ns", overhead.sampler_cpu_ns),
                                       AS(gt_run_record, INTEGER, "plugin_cpu_ns", overhead.plugin_cpu_ns),
                                       AS(gt_run_record, INTEGER, "hooks", overhead.hooks),
                                       AS(gt_run_record, REAL, "hook_ns", overhead.hook_ns)};
#undef T
#undef I
TABLE(gt_table_run, "runs", gt_run_record, run);

static const struct gt_column annotation[] = {TEXT(gt_annotation_record, model), TEXT(gt_annotation_record, family),
                                              TEXT(gt_annotation_record, tags), REAL(gt_annotation_record, phi),
                                              INTEGER(gt_annotation_record, inferences)};
TABLE(gt_table_annotation, "annotations", gt_annotation_record, annotation);

#define C gt_calibration_record
static const struct gt_column calibration[] = {TEXT(C, host),       TEXT(C, source), TEXT(C, boundary),   REAL(C, idle_w),
                                               REAL(C, lo_w),       REAL(C, hi_w),   REAL(C, busy_share), REAL(C, seconds),
                                               INTEGER(C, real_ns), BOOL(C, forced)};
#undef C
TABLE(gt_table_calibration, "calibrations", gt_calibration_record, calibration);

/* Of the query in lines.c, whose columns have these names. */
#define L gt_run_line
static const struct gt_column run_line[] = {TEXT(L, id),
                                            TEXT(L, parent),
                                            TEXT(L, series),
                                            TEXT(L, link),
                                            TEXT(L, role),
                                            TEXT(L, state),
                                            TEXT(L, command),
                                            TEXT(L, tags),
                                            INTEGER(L, begin_real_ns),
                                            INTEGER(L, ns),
                                            INTEGER(L, exit_status),
                                            INTEGER(L, exit_signal),
                                            INTEGER(L, children),
                                            TEXT(L, model),
                                            TEXT(L, model_digest),
                                            TEXT(L, weights),
                                            TEXT(L, family),
                                            INTEGER(L, model_count),
                                            INTEGER(L, inferences),
                                            REAL(L, phi),
                                            FIGURE(L, job),
                                            TEXT(L, kind),
                                            TEXT(L, provenance),
                                            TEXT(L, source),
                                            TEXT(L, boundary),
                                            BOOL(L, unit_hooks),
                                            BOOL(L, annotation_unused)};
#undef L
TABLE(gt_table_run_line, "lines", gt_run_line, run_line);

#define M gt_model_run
#define P(kind, m) AS(gt_model_run, kind, #m, part.m)
static const struct gt_column model_run[] = {TEXT(M, run),
                                             TEXT(M, series),
                                             TEXT(M, parent),
                                             INTEGER(M, series_status),
                                             TEXT(M, role),
                                             TEXT(M, state),
                                             INTEGER(M, begin_real_ns),
                                             INTEGER(M, round),
                                             BOOL(M, unit_hooks),
                                             BOOL(M, annotation_unused),
                                             TEXT(M, caveats),
                                             TEXT(M, host),
                                             TEXT(M, host_text),
                                             TEXT(M, boot_id),
                                             TEXT(M, source),
                                             TEXT(M, boundary),
                                             TEXT(M, provenance),
                                             TEXT(M, kind),
                                             TEXT(M, method),
                                             INTEGER(M, method_version),
                                             P(TEXT, model),
                                             P(TEXT, counted),
                                             P(TEXT, precision),
                                             P(TEXT, runtime),
                                             P(TEXT, runtime_version),
                                             P(INTEGER, threads),
                                             P(INTEGER, batch),
                                             P(INTEGER, inferences),
                                             P(INTEGER, calls),
                                             P(INTEGER, ns),
                                             P(REAL, uj_per_inference),
                                             P(REAL, lo_uj),
                                             P(REAL, hi_uj),
                                             P(REAL, dynamic_uj),
                                             P(REAL, seconds_per_inference),
                                             P(TEXT, execution),
                                             P(TEXT, division)};
#undef P
#undef M
TABLE(gt_table_model_run, "model_runs", gt_model_run, model_run);

static const void *member_of(const void *record, const struct gt_column *column)
{
    return (const char *)record + column->offset;
}

static void bind_member(sqlite3_stmt *statement, int at, const struct gt_column *column, const void *record)
{
    const void *value = member_of(record, column);
    switch (column->kind) {
    case GT_COLUMN_TEXT: {
        const char *text;
        memcpy(&text, value, sizeof text);
        sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
        break;
    }
    case GT_COLUMN_INTEGER: {
        int64_t integer;
        memcpy(&integer, value, sizeof integer);
        if (integer != GT_UNKNOWN)
            sqlite3_bind_int64(statement, at, integer);
        break;
    }
    case GT_COLUMN_REAL: {
        double real;
        memcpy(&real, value, sizeof real);
        sqlite3_bind_double(statement, at, real); /* NaN becomes NULL */
        break;
    }
    case GT_COLUMN_BOOL: {
        bool flag;
        memcpy(&flag, value, sizeof flag);
        sqlite3_bind_int(statement, at, flag);
        break;
    }
    }
}

/* "VERB INTO table(key, column, ...) VALUES(?, ?, ...)" */
static sqlite3_str *insert_sql(const char *verb, const struct gt_table *table, const struct gt_key *keys, int key_count)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "%s INTO %s(", verb, table->name);
    for (int i = 0; i < key_count; i++)
        sqlite3_str_appendf(sql, "%s%s", i ? ", " : "", keys[i].name);
    for (int i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(sql, "%s%s", i + key_count ? ", " : "", table->columns[i].name);
    sqlite3_str_appendall(sql, ") VALUES(?");
    for (int i = 1; i < table->column_count + key_count; i++)
        sqlite3_str_appendall(sql, ", ?");
    sqlite3_str_appendall(sql, ")");
    return sql;
}

/* Frees `sql`. */
static enum gt_status run_insert(struct gt_store *store, sqlite3_str *sql, const struct gt_table *table,
                                 const struct gt_key *keys, int key_count, const void *record, struct gt_err *err)
{
    sqlite3_stmt *statement = NULL;
    char *text = sqlite3_str_finish(sql);
    enum gt_status status = text ? gt_db_prepare(store, text, &statement, err) : gt_err_set(err, GT_E_NOMEM, "out of memory");
    sqlite3_free(text);
    if (status != GT_OK)
        return status;
    for (int i = 0; i < key_count; i++)
        if (keys[i].text)
            sqlite3_bind_text(statement, i + 1, keys[i].text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_int64(statement, i + 1, keys[i].integer);
    for (int i = 0; i < table->column_count; i++)
        bind_member(statement, key_count + i + 1, &table->columns[i], record);
    return gt_db_finish(store, statement, err);
}

enum gt_status gt_columns_insert(struct gt_store *store, const char *verb, const struct gt_table *table,
                                 const struct gt_key *keys, int key_count, const void *record, struct gt_err *err)
{
    return run_insert(store, insert_sql(verb, table, keys, key_count), table, keys, key_count, record, err);
}

enum gt_status gt_columns_upsert(struct gt_store *store, const struct gt_table *table, const char *key, const void *record,
                                 struct gt_err *err)
{
    sqlite3_str *sql = insert_sql("INSERT", table, NULL, 0);
    sqlite3_str_appendf(sql, " ON CONFLICT(%s) DO UPDATE SET ", key);
    const char *comma = "";
    for (int i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, key) != 0) {
            sqlite3_str_appendf(sql, "%s%s = excluded.%s", comma, table->columns[i].name, table->columns[i].name);
            comma = ", ";
        }
    return run_insert(store, sql, table, NULL, 0, record, err);
}

const char *gt_columns_list(const struct gt_table *table, const char *prefix, struct gt_arena *arena)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    for (int i = 0; i < table->column_count; i++)
        sqlite3_str_appendf(sql, "%s%s%s", i ? ", " : "", prefix, table->columns[i].name);
    char *text = sqlite3_str_finish(sql);
    const char *copy = gt_arena_strdup(arena, text);
    sqlite3_free(text);
    return copy;
}

static enum gt_status read_member(sqlite3_stmt *statement, int at, const struct gt_column *column, struct gt_arena *arena,
                                  void *record)
{
    void *value = (char *)record + column->offset;
    bool null = sqlite3_column_type(statement, at) == SQLITE_NULL;
    switch (column->kind) {
    case GT_COLUMN_TEXT: {
        const char *text = null ? NULL : gt_arena_strdup(arena, (const char *)sqlite3_column_text(statement, at));
        memcpy(value, &text, sizeof text);
        return null || text ? GT_OK : GT_E_NOMEM;
    }
    case GT_COLUMN_INTEGER: {
        int64_t integer = null ? GT_UNKNOWN : sqlite3_column_int64(statement, at);
        memcpy(value, &integer, sizeof integer);
        return GT_OK;
    }
    case GT_COLUMN_REAL: {
        double real = null ? (double)NAN : sqlite3_column_double(statement, at);
        memcpy(value, &real, sizeof real);
        return GT_OK;
    }
    case GT_COLUMN_BOOL: {
        bool flag = !null && sqlite3_column_int(statement, at) != 0;
        memcpy(value, &flag, sizeof flag);
        return GT_OK;
    }
    }
    return GT_E_INTERNAL;
}

enum gt_status gt_columns_read(sqlite3_stmt *statement, int at, const struct gt_table *table, struct gt_arena *arena,
                               void *record)
{
    for (int i = 0; i < table->column_count; i++) {
        enum gt_status status = read_member(statement, at + i, &table->columns[i], arena, record);
        if (status != GT_OK)
            return status;
    }
    return GT_OK;
}

/* Rows collected in a block that doubles. */
struct rows {
    char *data;
    size_t count, room, bytes;
};

static void *next_row(struct rows *rows)
{
    if (rows->count == rows->room) {
        size_t room = rows->room ? 2 * rows->room : 64;
        char *grown = reallocarray(rows->data, room, rows->bytes);
        if (!grown)
            return NULL;
        rows->data = grown;
        rows->room = room;
    }
    void *row = rows->data + rows->count++ * rows->bytes;
    memset(row, 0, rows->bytes);
    return row;
}

static enum gt_status read_rows(struct gt_store *store, sqlite3_stmt *statement, const struct gt_table *table,
                                struct gt_arena *arena, struct rows *rows, struct gt_err *err)
{
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        void *row = next_row(rows);
        if (!row || gt_columns_read(statement, 0, table, arena, row) != GT_OK)
            return gt_err_set(err, GT_E_NOMEM, "out of memory");
    }
    return code == SQLITE_DONE ? GT_OK : gt_db_fail(store, code, err);
}

enum gt_status gt_columns_select(struct gt_store *store, const struct gt_table *table, const char *prefix, const char *rest,
                                 const char *first, const char *second, struct gt_arena *arena, void **out, size_t *count,
                                 struct gt_err *err)
{
    const char *columns = gt_columns_list(table, prefix, arena);
    const char *sql = columns ? gt_arena_printf(arena, "SELECT %s %s", columns, rest) : NULL;
    sqlite3_stmt *statement = NULL;
    enum gt_status status = sql ? gt_db_prepare(store, sql, &statement, err) : gt_err_set(err, GT_E_NOMEM, "out of memory");
    if (status != GT_OK)
        return status;
    if (first)
        sqlite3_bind_text(statement, 1, first, -1, SQLITE_STATIC);
    if (second)
        sqlite3_bind_text(statement, 2, second, -1, SQLITE_STATIC);
    struct rows rows = {.bytes = table->record_bytes};
    status = read_rows(store, statement, table, arena, &rows, err);
    sqlite3_finalize(statement);
    *count = rows.count;
    *out = status == GT_OK ? gt_arena_alloc(arena, rows.count + 1, rows.bytes) : NULL;
    if (*out && rows.count)
        memcpy(*out, rows.data, rows.count * rows.bytes);
    free(rows.data);
    return status == GT_OK && !*out ? gt_err_set(err, GT_E_NOMEM, "out of memory") : status;
}
