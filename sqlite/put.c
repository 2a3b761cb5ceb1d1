/* Writing runs, accuracies and calibrations: each in one transaction. */
#include "sqlite/annotate.h"
#include "sqlite/columns.h"
#include "sqlite/digest.h"
#include "sqlite/pack.h"
#include "sqlite/regions.h"

#include <string.h>

/* --- models */

static enum gt_status put_regions(struct gt_store *store, const struct gt_model_record *model, struct gt_err *err)
{
    const struct gt_key keys[] = {{"model", model->digest, 0}, {"division", "", 0}};
    enum gt_status status = GT_OK;
    for (size_t u = 0; u < model->unit_count && status == GT_OK; u++)
        status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_unit, keys, 2, &model->units[u], err);
    return status;
}

static enum gt_status put_unit(struct gt_store *store, const struct gt_model_record *model, const struct gt_unit_record *unit,
                               struct gt_err *err)
{
    struct gt_key keys[] = {{"model", model->digest, 0},
                            {"division", model->division ? model->division : "", 0},
                            {"unit", NULL, unit->index},
                            {"position", NULL, 0}};
    enum gt_status status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_unit, keys, 2, unit, err);
    for (size_t m = 0; m < unit->member_count && status == GT_OK; m++) {
        keys[3].integer = (int64_t)m;
        status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_member, keys, 4, &unit->members[m], err);
    }
    return status;
}

/* Makes room for a list without a division of its own. *shorter: what is stored has more, and stays. */
static enum gt_status clear_units(struct gt_store *store, const struct gt_model_record *model, bool *shorter,
                                  struct gt_err *err)
{
    int64_t stored;
    enum gt_status status =
        gt_db_integer(store, "SELECT count(*) FROM units WHERE model = ? AND division = ''", model->digest, 0, &stored, err);
    *shorter = (int64_t)model->unit_count < stored;
    if (status != GT_OK || *shorter)
        return status;
    return gt_db_run(store, "DELETE FROM units WHERE model = ? AND division = ''", &model->digest, 1, err);
}

/*
 * A run with its unit hooks off knows no units: the fullest list stays. Regions are added to those of other runs. A list with
 * a division of its own never changes, and stands beside the model's others.
 */
static enum gt_status put_units(struct gt_store *store, const struct gt_model_record *model, struct gt_err *err)
{
    bool shorter = false;
    enum gt_status status = GT_OK;
    if (gt_regions_alone(model))
        return put_regions(store, model, err);
    if (model->unit_count > 0 && !(model->division && *model->division))
        status = clear_units(store, model, &shorter, err);
    for (size_t u = 0; u < model->unit_count && status == GT_OK && !shorter; u++)
        status = put_unit(store, model, &model->units[u], err);
    return status;
}

/* Lists of units that no run has: a live run's first look may have seen the beginning of one. */
static enum gt_status sweep_units(struct gt_store *store, const char *model, struct gt_err *err)
{
    return gt_db_run(store,
                     "DELETE FROM units WHERE model = ?1 AND division <> '' AND division NOT IN"
                     " (SELECT division FROM run_models WHERE model = ?1 AND division IS NOT NULL)",
                     &model, 1, err);
}

/* What an earlier run did not know (a live job's first ingest may be early) is filled in; what this one does not, stays. */
static enum gt_status fill_model(struct gt_store *store, const struct gt_model_record *model, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status =
        gt_db_prepare(store,
                      "UPDATE models SET name = coalesce(?2, name), family = coalesce(?3, family),"
                      " weights = coalesce(?4, weights), phi = coalesce(?5, phi), macs = coalesce(?6, macs),"
                      " params = coalesce(?7, params) WHERE digest = ?1",
                      &statement, err);
    if (status != GT_OK)
        return status;
    const char *texts[] = {model->digest, model->name, model->family, model->weights};
    for (int i = 0; i < 4; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 5, model->phi); /* NaN becomes NULL */
    if (model->macs != GT_UNKNOWN)
        sqlite3_bind_int64(statement, 6, model->macs);
    if (model->params != GT_UNKNOWN)
        sqlite3_bind_int64(statement, 7, model->params);
    return gt_db_finish(store, statement, err);
}

static enum gt_status put_model(struct gt_store *store, const struct gt_model_record *model, struct gt_err *err)
{
    enum gt_status status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_model, NULL, 0, model, err);
    if (status == GT_OK)
        status = fill_model(store, model, err);
    return status == GT_OK ? put_units(store, model, err) : status;
}

/* --- runs */

/* Inserts the n records of an array, numbered by position. */
static enum gt_status put_rows(struct gt_store *store, const char *run, const struct gt_table *table, const void *rows,
                               size_t n, struct gt_err *err)
{
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < n && status == GT_OK; i++) {
        const struct gt_key keys[] = {{"run", run, 0}, {"position", NULL, (int64_t)i}};
        status = gt_columns_insert(store, "INSERT", table, keys, 2, (const char *)rows + i * table->record_bytes, err);
    }
    return status;
}

/* What one attribution says: its own row, the energy of an inference of each model, the units'. Without a method: '' and 0. */
static enum gt_status put_attribution(struct gt_store *store, const char *run, const struct gt_attribution_record *a,
                                      const struct gt_run_model_record *parts, size_t part_count, struct gt_err *err)
{
    struct gt_key keys[] = {{"run", run, 0},
                            {"method", a->method ? a->method : "", 0},
                            {"version", NULL, a->method ? a->version : 0},
                            {"part", NULL, 0},
                            {"position", NULL, 0}};
    enum gt_status status = a->method ? gt_columns_insert(store, "INSERT", &gt_table_attribution, keys, 1, a, err) : GT_OK;
    for (size_t p = 0; p < part_count && status == GT_OK; p++) {
        keys[3].integer = (int64_t)p;
        status = gt_columns_insert(store, "INSERT", &gt_table_part_energy, keys, 4, &parts[p], err);
        for (size_t u = 0; u < parts[p].unit_count && status == GT_OK; u++) {
            keys[4].integer = (int64_t)u;
            status = gt_columns_insert(store, "INSERT", &gt_table_unit_energy, keys, 5, &parts[p].units[u], err);
        }
    }
    return status;
}

static enum gt_status put_slots(struct gt_store *store, const struct gt_run_record *run, struct gt_err *err)
{
    const struct gt_key key = {"run", run->id, 0};
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < run->slot_count && status == GT_OK; i++)
        status = gt_columns_insert(store, "INSERT", &gt_table_slot, &key, 1, &run->slots[i], err);
    return status;
}

/* `digest` "": the run has no folded trace. */
static enum gt_status put_trace(struct gt_store *store, const struct gt_run_record *run, const char *digest, struct gt_err *err)
{
    sqlite3_stmt *statement;
    struct gt_arena arena = {0};
    const uint8_t *packed = NULL;
    size_t bytes = 0;
    enum gt_status status = GT_OK;
    if (*digest) {
        if (gt_pack(run->trace, run->trace_bytes, &arena, &packed, &bytes) != GT_OK) {
            gt_arena_free(&arena);
            return gt_err_set(err, GT_E_NOMEM, "out of memory");
        }
        status = gt_db_prepare(store, "INSERT OR IGNORE INTO traces(digest, bytes) VALUES(?, ?)", &statement, err);
        if (status == GT_OK) {
            sqlite3_bind_text(statement, 1, digest, -1, SQLITE_STATIC);
            sqlite3_bind_blob64(statement, 2, packed, bytes, SQLITE_STATIC);
            status = gt_db_finish(store, statement, err);
        }
        gt_arena_free(&arena);
    }
    const char *texts[] = {digest, run->id};
    return status == GT_OK ? gt_db_run(store, "UPDATE runs SET trace = nullif(?, '') WHERE id = ?", texts, 2, err) : status;
}

/* A folded trace goes with the last run that has it. Looks at all traces. */
static enum gt_status sweep_traces(struct gt_store *store, struct gt_err *err)
{
    return gt_db_exec(store, "DELETE FROM traces WHERE NOT EXISTS (SELECT 1 FROM runs WHERE trace = traces.digest)", err);
}

/* The same where only the run's earlier trace, `before`, can have lost its last one. */
static enum gt_status sweep_trace(struct gt_store *store, const char *before, struct gt_err *err)
{
    return gt_db_run(store, "DELETE FROM traces WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM runs WHERE trace = ?1)",
                     &before, 1, err);
}

/* Digest of the trace that the run is stored with; NULL: none. */
static enum gt_status find_trace(struct gt_store *store, const char *run, struct gt_arena *arena, const char **digest,
                                 struct gt_err *err)
{
    static const struct gt_column column = {"trace", GT_COLUMN_TEXT, 0};
    static const struct gt_table table = {"runs", sizeof(char *), 1, &column};
    void *rows = NULL;
    size_t count = 0;
    enum gt_status status =
        gt_columns_select(store, &table, "", "FROM runs WHERE id = ?", run, NULL, arena, &rows, &count, err);
    *digest = status == GT_OK && count > 0 ? *(const char **)rows : NULL;
    return status;
}

static enum gt_status delete_rows(struct gt_store *store, const char *table, const char *where, const char *const *texts,
                                  int count, struct gt_err *err)
{
    char sql[192];
    sqlite3_snprintf(sizeof sql, sql, "DELETE FROM %s WHERE run = ?1%s", table, where);
    return gt_db_run(store, sql, texts, count, err);
}

/*
 * What an earlier look at the same run said. Attributions by other methods and versions stay where they were made from the same
 * folded trace; of a run that has got longer they would be the figures of its beginning.
 */
static enum gt_status clear_run(struct gt_store *store, const struct gt_run_record *run, const char *digest, struct gt_err *err)
{
    static const char *const seen[] = {"processes",  "counters", "events",       "gaps",
                                       "run_models", "slots",    "run_counters", "unit_counters"};
    static const char *const attributed[] = {"attributions", "part_attributions", "unit_attributions"};
    static const char other[] = " AND (method = ?2 AND version = CAST(?3 AS INTEGER) OR"
                                " (SELECT trace FROM runs WHERE id = ?1) IS NOT ?4)";
    char version[24];
    sqlite3_snprintf(sizeof version, version, "%lld", (long long)(run->attribution.method ? run->attribution.version : 0));
    const char *texts[] = {run->id, run->attribution.method ? run->attribution.method : "", version, digest};
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < sizeof seen / sizeof *seen && status == GT_OK; i++)
        status = delete_rows(store, seen[i], "", texts, 1, err);
    for (size_t i = 0; i < sizeof attributed / sizeof *attributed && status == GT_OK; i++)
        status = delete_rows(store, attributed[i], other, texts, 4, err);
    return status;
}

/* What was seen: all but the attribution. */
static enum gt_status put_seen(struct gt_store *store, const struct gt_run_record *run, struct gt_err *err)
{
    const struct {
        const struct gt_table *table;
        const void *rows;
        size_t count;
    } lists[] = {{&gt_table_process, run->processes, run->process_count},
                 {&gt_table_counter, run->counters, run->counter_count},
                 {&gt_table_gap, run->gaps, run->gap_count},
                 {&gt_table_event, run->events, run->event_count},
                 {&gt_table_run_counter, run->run_counters, run->run_counter_count},
                 {&gt_table_unit_counter, run->unit_counters, run->unit_counter_count},
                 {&gt_table_run_part, run->models, run->model_count}};
    enum gt_status status = gt_columns_upsert(store, &gt_table_run, "id", run, err);
    for (size_t i = 0; i < sizeof lists / sizeof *lists && status == GT_OK; i++)
        status = put_rows(store, run->id, lists[i].table, lists[i].rows, lists[i].count, err);
    if (status == GT_OK)
        status = gt_db_put_shares(store, run->id, &run->shares, err);
    return status == GT_OK ? put_slots(store, run, err) : status;
}

/* Writes a run whose regions have the store's indices. */
static enum gt_status put_placed(struct gt_store *store, const struct gt_run_record *run, const struct gt_model_record *models,
                                 size_t model_count, struct gt_err *err)
{
    char digest[GT_DIGEST_TEXT] = "";
    const char *before = NULL;
    struct gt_arena arena = {0};
    enum gt_status status = run->trace ? gt_digest_text(run->trace, run->trace_bytes, digest, err) : GT_OK;
    for (size_t m = 0; m < model_count && status == GT_OK; m++)
        status = put_model(store, &models[m], err);
    if (status == GT_OK && run->host.id)
        status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_host, NULL, 0, &run->host, err);
    if (status == GT_OK)
        status = find_trace(store, run->id, &arena, &before, err);
    if (status == GT_OK)
        status = clear_run(store, run, digest, err);
    if (status == GT_OK)
        status = put_seen(store, run, err);
    if (status == GT_OK)
        status = put_trace(store, run, digest, err);
    if (status == GT_OK && before)
        status = sweep_trace(store, before, err);
    for (size_t m = 0; m < model_count && status == GT_OK; m++)
        status = sweep_units(store, models[m].digest, err);
    gt_arena_free(&arena);
    if (status == GT_OK)
        status = put_attribution(store, run->id, &run->attribution, run->models, run->model_count, err);
    return status == GT_OK ? gt_annotation_apply(store, run->id, err) : status;
}

static enum gt_status put_run(struct gt_store *store, const struct gt_run_record *run, const struct gt_model_record *models,
                              size_t model_count, struct gt_err *err)
{
    struct gt_arena arena = {0};
    struct gt_run_record placed = *run;
    struct gt_model_record *copies = gt_arena_alloc(&arena, model_count + 1, sizeof *copies);
    enum gt_status status = copies ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
    if (copies && model_count > 0)
        memcpy(copies, models, model_count * sizeof *copies);
    if (status == GT_OK)
        status = gt_regions_place(store, &placed, copies, model_count, &arena, err);
    if (status == GT_OK)
        status = put_placed(store, &placed, copies, model_count, err);
    gt_arena_free(&arena);
    return status;
}

enum gt_status gt_store_put_run(struct gt_store *store, const struct gt_run_record *run, const struct gt_model_record *models,
                                size_t model_count, struct gt_err *err)
{
    int64_t final;
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = gt_db_integer(store, "SELECT state <> 'open' FROM runs WHERE id = ?", run->id, 0, &final, err);
    if (status == GT_OK && !(final && strcmp(run->state, "open") == 0))
        status = put_run(store, run, models, model_count, err);
    return gt_db_end(store, status, err);
}

/* *there: the record is stored already. */
static enum gt_status check_attribution(struct gt_store *store, const char *run, const struct gt_attribution_record *a,
                                        size_t part_count, bool *there, struct gt_err *err)
{
    int64_t runs, parts;
    struct gt_arena arena = {0};
    struct gt_attribution_record *records;
    size_t count = 0;
    enum gt_status status = gt_db_integer(store, "SELECT count(*) FROM runs WHERE id = ?", run, 0, &runs, err);
    if (status == GT_OK && !runs)
        status = gt_err_set(err, GT_E_NOENT, "no run %.32s", run);
    if (status == GT_OK)
        status = gt_db_integer(store, "SELECT count(*) FROM run_models WHERE run = ?", run, 0, &parts, err);
    if (status == GT_OK && parts != (int64_t)part_count)
        status = gt_err_set(err, GT_E_MISMATCH, "run %.32s has %lld models, its new attribution %zu", run, (long long)parts,
                            part_count);
    if (status == GT_OK)
        status = gt_store_get_attributions(store, run, &arena, &records, &count, err);
    *there = false;
    for (size_t i = 0; i < count && status == GT_OK; i++)
        *there = *there || (strcmp(records[i].method, a->method) == 0 && records[i].version == a->version);
    gt_arena_free(&arena);
    return status;
}

enum gt_status gt_store_put_attribution(struct gt_store *store, const char *run,
                                        const struct gt_attribution_record *attribution,
                                        const struct gt_run_model_record *parts, size_t part_count, bool *added,
                                        struct gt_err *err)
{
    bool there = false;
    if (!attribution->method)
        return gt_err_set(err, GT_E_ARG, "an attribution needs a method");
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = check_attribution(store, run, attribution, part_count, &there, err);
    if (status == GT_OK && !there)
        status = put_attribution(store, run, attribution, parts, part_count, err);
    status = gt_db_end(store, status, err);
    if (added)
        *added = status == GT_OK && !there;
    return status;
}

/* The run with all below it. Rows that belong to a run go with it (ON DELETE CASCADE). */
static enum gt_status delete_family(struct gt_store *store, const char *run, struct gt_err *err)
{
    static const char down[] = "WITH RECURSIVE down(id) AS (VALUES(?1) UNION SELECT r.id FROM down d JOIN runs r"
                               " ON r.parent = d.id UNION SELECT r.id FROM down d JOIN runs r ON r.series = d.id) DELETE FROM ";
    static const char *const tables[] = {"annotations WHERE run IN down", "runs WHERE id IN down"};
    enum gt_status status = GT_OK;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && status == GT_OK; i++) {
        char sql[320];
        sqlite3_snprintf(sizeof sql, sql, "%s%s", down, tables[i]);
        status = gt_db_run(store, sql, &run, 1, err);
    }
    return status;
}

enum gt_status gt_store_delete_run(struct gt_store *store, const char *run, struct gt_err *err)
{
    int64_t found;
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = gt_db_integer(store, "SELECT count(*) FROM runs WHERE id = ?", run, 0, &found, err);
    if (status == GT_OK && !found)
        status = gt_err_set(err, GT_E_NOENT, "no run %.32s", run);
    if (status == GT_OK)
        status = delete_family(store, run, err);
    if (status == GT_OK)
        status = sweep_traces(store, err);
    return gt_db_end(store, status, err);
}

enum gt_status gt_store_delete_runs(struct gt_store *store, const char *const *runs, size_t count, struct gt_err *err)
{
    enum { AT_ONCE = 1000 }; /* others wait meanwhile, for less than their busy time-out */
    enum gt_status status = GT_OK;
    for (size_t at = 0; at < count && status == GT_OK; at += AT_ONCE) {
        status = gt_db_begin(store, err);
        if (status != GT_OK)
            return status;
        for (size_t i = at; i < count && i < at + AT_ONCE && status == GT_OK; i++)
            status = delete_family(store, runs[i], err);
        status = gt_db_end(store, status, err);
    }
    if (status != GT_OK)
        return status;
    status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    return gt_db_end(store, sweep_traces(store, err), err);
}

/* --- accuracies and calibrations */

/* Sets the blob columns of the row just inserted; NULL stays NULL. */
static enum gt_status put_blobs(struct gt_store *store, const struct gt_accuracy_record *a, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(
        store, "UPDATE accuracies SET predictions = ?, answers = ?, answer_count = ? WHERE id = last_insert_rowid()",
        &statement, err);
    if (status != GT_OK)
        return status;
    if (a->predictions)
        sqlite3_bind_blob64(statement, 1, a->predictions, a->prediction_bytes, SQLITE_STATIC);
    if (a->answers) {
        sqlite3_bind_blob64(statement, 2, a->answers, (a->answer_count + 7) / 8, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, (sqlite3_int64)a->answer_count);
    }
    return gt_db_finish(store, statement, err);
}

static enum gt_status put_dataset(struct gt_store *store, const struct gt_dataset_record *dataset, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_dataset, NULL, 0, dataset, err);
    if (status != GT_OK || !dataset->labels)
        return status;
    status = gt_db_prepare(store, "UPDATE datasets SET labels = ? WHERE digest = ? AND labels IS NULL", &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_blob64(statement, 1, dataset->labels, dataset->label_bytes, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, dataset->digest, -1, SQLITE_STATIC);
    return gt_db_finish(store, statement, err);
}

/* Deletes the accuracy that the new one replaces; *more: it rests on that many images, which are more, and stays; else 0. */
static enum gt_status replace_accuracy(struct gt_store *store, const struct gt_accuracy_record *accuracy, int64_t *more,
                                       struct gt_err *err)
{
    static const char same[] = " FROM accuracies WHERE model = ? AND dataset_name IS ? AND split IS ? AND precision IS ?"
                               " AND provenance = ? AND dataset IS ? AND preprocessing IS ?";
    const char *texts[] = {accuracy->model,      accuracy->dataset_name, accuracy->split,        accuracy->precision,
                           accuracy->provenance, accuracy->dataset,      accuracy->preprocessing};
    char sql[256];
    sqlite3_stmt *statement;
    sqlite3_snprintf(sizeof sql, sql, "SELECT n%s ORDER BY n DESC", same);
    enum gt_status status = gt_db_prepare(store, sql, &statement, err);
    if (status != GT_OK)
        return status;
    for (int i = 0; i < 7; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    int64_t n = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    *more = n > accuracy->n ? n : 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) /* what could not be read must not be taken for nothing */
        status = gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    if (status != GT_OK || *more)
        return status;
    sqlite3_snprintf(sizeof sql, sql, "DELETE%s", same);
    return gt_db_run(store, sql, texts, 7, err);
}

enum gt_status gt_store_put_accuracy(struct gt_store *store, const struct gt_accuracy_record *accuracy,
                                     const struct gt_dataset_record *dataset, int64_t *kept, struct gt_err *err)
{
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    if (dataset)
        status = put_dataset(store, dataset, err);
    int64_t more = 0;
    if (status == GT_OK)
        status = replace_accuracy(store, accuracy, &more, err);
    if (status == GT_OK && !more)
        status = gt_columns_insert(store, "INSERT", &gt_table_accuracy, NULL, 0, accuracy, err);
    if (status == GT_OK && !more)
        status = put_blobs(store, accuracy, err);
    if (kept)
        *kept = more;
    return gt_db_end(store, status, err);
}

enum gt_status gt_store_put_calibration(struct gt_store *store, const struct gt_calibration_record *calibration,
                                        struct gt_err *err)
{
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = gt_columns_insert(store, "INSERT", &gt_table_calibration, NULL, 0, calibration, err);
    return gt_db_end(store, status, err);
}
