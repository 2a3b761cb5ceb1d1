/* Reading one run, one model, datasets and calibrations. */
#include "sqlite/columns.h"
#include "sqlite/pack.h"

#include <string.h>

static enum gt_status no_memory(struct gt_err *err)
{
    return gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* A blob of the current row, copied. *bytes 0 and NULL when it is NULL. */
static const uint8_t *take_blob(sqlite3_stmt *statement, int at, struct gt_arena *arena, size_t *bytes, bool *failed)
{
    *bytes = 0;
    if (sqlite3_column_type(statement, at) == SQLITE_NULL)
        return NULL;
    size_t n = (size_t)sqlite3_column_bytes(statement, at);
    const void *blob = sqlite3_column_blob(statement, at);
    uint8_t *copy = n == 0 || blob ? gt_arena_alloc(arena, n + 1, 1) : NULL;
    if (!copy)
        *failed = true;
    else if (n)
        memcpy(copy, blob, n);
    *bytes = copy ? n : 0;
    return copy;
}

/* Finalises a statement that was read by hand. A last step that failed is an error, not the end: damage is not absence. */
static enum gt_status end_reading(struct gt_store *store, sqlite3_stmt *statement, int code, bool failed, struct gt_err *err)
{
    enum gt_status status = code == SQLITE_ROW || code == SQLITE_DONE ? GT_OK : gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status == GT_OK && failed ? no_memory(err) : status;
}

/* --- runs */

/* The rows of one of a run's tables, in order. */
static enum gt_status get_rows(struct gt_store *store, const struct gt_table *table, const char *run, struct gt_arena *arena,
                               void *rows, size_t *count, struct gt_err *err)
{
    const char *rest = gt_arena_printf(arena, "FROM %s WHERE run = ? ORDER BY position", table->name);
    void *found = NULL;
    enum gt_status status =
        rest ? gt_columns_select(store, table, "", rest, run, NULL, arena, &found, count, err) : no_memory(err);
    memcpy(rows, &found, sizeof found); /* the caller's pointer has the record's type */
    return status;
}

static enum gt_status get_parts(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    struct gt_run_model_record *parts = NULL;
    enum gt_status status = get_rows(store, &gt_table_run_model, run->id, arena, &parts, &run->model_count, err);
    run->models = parts;
    for (size_t p = 0; p < run->model_count && status == GT_OK; p++) {
        void *units = NULL;
        char rest[96];
        sqlite3_snprintf(sizeof rest, rest, "FROM v_unit_attributions WHERE run = ? AND part = %d ORDER BY position", (int)p);
        status =
            gt_columns_select(store, &gt_table_unit_energy, "", rest, run->id, NULL, arena, &units, &parts[p].unit_count, err);
        parts[p].units = units;
    }
    return status;
}

static enum gt_status get_host(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    void *rows;
    size_t count;
    if (!run->host.id)
        return GT_OK;
    enum gt_status status = gt_columns_select(store, &gt_table_host, "", "FROM host_classes WHERE id = ?", run->host.id, NULL,
                                              arena, &rows, &count, err);
    if (status == GT_OK && count > 0)
        run->host = *(struct gt_host_record *)rows;
    return status;
}

static enum gt_status get_slots(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status = gt_columns_select(store, &gt_table_slot, "", "FROM slots WHERE run = ? ORDER BY slot", run->id,
                                              NULL, arena, &rows, &run->slot_count, err);
    run->slots = rows;
    return status;
}

static enum gt_status get_attribution(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena,
                                      struct gt_err *err)
{
    void *rows;
    size_t count;
    enum gt_status status = gt_columns_select(store, &gt_table_attribution, "", "FROM v_attributions WHERE run = ?", run->id,
                                              NULL, arena, &rows, &count, err);
    if (status == GT_OK && count > 0)
        run->attribution = *(struct gt_attribution_record *)rows;
    return status;
}

/* A damaged one is left as it is: whoever needs it will say so, and the run can be shown without. False: out of memory. */
static bool unpack_trace(struct gt_run_record *run, struct gt_arena *arena)
{
    return gt_unpack(run->trace, run->trace_bytes, arena, &run->trace, &run->trace_bytes) != GT_E_NOMEM;
}

/* The folded trace, and the tags that a person gave. */
static enum gt_status get_extras(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status =
        gt_db_prepare(store,
                      "SELECT t.bytes, a.tags, " GT_DB_ANNOTATION_UNUSED " FROM runs r LEFT JOIN traces t ON t.digest = r.trace"
                      " LEFT JOIN annotations a ON a.run = r.id WHERE r.id = ?",
                      &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, run->id, -1, SQLITE_STATIC);
    bool failed = false;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        run->trace = take_blob(statement, 0, arena, &run->trace_bytes, &failed);
        failed = failed || (run->trace && !unpack_trace(run, arena));
        const char *tags = (const char *)sqlite3_column_text(statement, 1);
        run->annotation_unused = sqlite3_column_int(statement, 2) != 0;
        if (tags)
            run->tags = gt_arena_strdup(arena, tags);
        failed = failed || (tags && !run->tags);
    }
    return end_reading(store, statement, code, failed, err);
}

static enum gt_status get_whole(struct gt_store *store, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    struct gt_process_record *processes = NULL;
    struct gt_counter_record *counters = NULL;
    struct gt_event_record *events = NULL;
    struct gt_run_counter_record *run_counters = NULL;
    struct gt_unit_counter_record *unit_counters = NULL;
    struct gt_gap_record *gaps = NULL;
    enum gt_status status = get_rows(store, &gt_table_process, run->id, arena, &processes, &run->process_count, err);
    if (status == GT_OK)
        status = get_rows(store, &gt_table_counter, run->id, arena, &counters, &run->counter_count, err);
    if (status == GT_OK)
        status = get_rows(store, &gt_table_gap, run->id, arena, &gaps, &run->gap_count, err);
    if (status == GT_OK)
        status = get_rows(store, &gt_table_event, run->id, arena, &events, &run->event_count, err);
    if (status == GT_OK)
        status = get_rows(store, &gt_table_run_counter, run->id, arena, &run_counters, &run->run_counter_count, err);
    if (status == GT_OK)
        status = get_rows(store, &gt_table_unit_counter, run->id, arena, &unit_counters, &run->unit_counter_count, err);
    run->processes = processes;
    run->counters = counters;
    run->gaps = gaps;
    run->events = events;
    run->run_counters = run_counters;
    run->unit_counters = unit_counters;
    if (status == GT_OK)
        status = get_parts(store, run, arena, err);
    if (status == GT_OK)
        status = get_slots(store, run, arena, err);
    if (status == GT_OK)
        status = get_host(store, run, arena, err);
    if (status == GT_OK)
        status = get_attribution(store, run, arena, err);
    return status == GT_OK ? get_extras(store, run, arena, err) : status;
}

enum gt_status gt_store_get_run(struct gt_store *store, const char *prefix, struct gt_arena *arena, struct gt_run_record **run,
                                struct gt_err *err)
{
    void *rows = NULL;
    size_t count, n = strlen(prefix);
    if (n < 4 || n > 32 || strspn(prefix, "0123456789abcdefABCDEF") != n)
        return gt_err_set(err, GT_E_ARG,
                          "'%.40s' is no run: give at least 4 of its hexadecimal digits (`greentrack list` has them)", prefix);
    enum gt_status status = gt_columns_select(store, &gt_table_run, "", "FROM runs WHERE id LIKE ? || '%' ORDER BY id LIMIT 2",
                                              prefix, NULL, arena, &rows, &count, err);
    if (status != GT_OK)
        return status;
    if (count == 0)
        return gt_err_set(err, GT_E_NOENT, "no run begins with %s; `greentrack list` has them all", prefix);
    if (count > 1)
        return gt_err_set(err, GT_E_AMBIGUOUS, "several runs begin with %s; give more digits", prefix);
    *run = rows;
    return get_whole(store, *run, arena, err);
}

enum gt_status gt_store_get_attributions(struct gt_store *store, const char *run, struct gt_arena *arena,
                                         struct gt_attribution_record **records, size_t *count, struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status =
        gt_columns_select(store, &gt_table_attribution, "",
                          "FROM attributions WHERE run = ?1 ORDER BY (method, version) ="
                          " (SELECT method, version FROM v_attributions WHERE run = ?1) DESC, method, version DESC",
                          run, NULL, arena, &rows, count, err);
    *records = rows;
    return status;
}

static const struct gt_column id_column = {"id", GT_COLUMN_TEXT, 0};
static const struct gt_table ids_table = {"runs", sizeof(char *), 1, &id_column};

enum gt_status gt_store_runs_without(struct gt_store *store, const char *method, int64_t version, struct gt_arena *arena,
                                     const char ***ids, size_t *count, struct gt_err *err)
{
    void *rows = NULL;
    char rest[192];
    sqlite3_snprintf(sizeof rest, rest,
                     "FROM runs WHERE NOT EXISTS (SELECT 1 FROM attributions a WHERE a.run = runs.id AND a.method = ?1"
                     " AND a.version = %lld) ORDER BY begin_real_ns, id",
                     (long long)version);
    enum gt_status status = gt_columns_select(store, &ids_table, "", rest, method, NULL, arena, &rows, count, err);
    *ids = rows;
    return status;
}

enum gt_status gt_store_child_runs(struct gt_store *store, const char *run, struct gt_arena *arena, const char ***ids,
                                   size_t *count, struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status = gt_columns_select(
        store, &ids_table, "", "FROM runs WHERE (parent = ?1 OR series = ?1) AND id <> ?1 ORDER BY begin_real_ns, id", run,
        NULL, arena, &rows, count, err);
    *ids = rows;
    return status;
}

/* --- models */

static enum gt_status get_units(struct gt_store *store, struct gt_model_record *model, struct gt_arena *arena,
                                struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status =
        gt_columns_select(store, &gt_table_unit, "", "FROM units WHERE model = ? AND division = ? ORDER BY idx", model->digest,
                          model->division, arena, &rows, &model->unit_count, err);
    struct gt_unit_record *units = rows;
    model->units = units;
    for (size_t u = 0; u < model->unit_count && status == GT_OK; u++) {
        char rest[96];
        sqlite3_snprintf(sizeof rest, rest, "FROM members WHERE model = ? AND division = ? AND unit = %lld ORDER BY position",
                         (long long)units[u].index);
        status = gt_columns_select(store, &gt_table_member, "", rest, model->digest, model->division, arena, &rows,
                                   &units[u].member_count, err);
        units[u].members = rows;
    }
    return status;
}

static enum gt_status longest_division(struct gt_store *store, struct gt_model_record *model, struct gt_arena *arena,
                                       struct gt_err *err)
{
    static const struct gt_column column = {"division", GT_COLUMN_TEXT, 0};
    static const struct gt_table table = {"units", sizeof(char *), 1, &column};
    void *rows = NULL;
    size_t count = 0;
    enum gt_status status = gt_columns_select(
        store, &table, "", "FROM units WHERE model = ? GROUP BY division ORDER BY count(*) DESC, division LIMIT 1",
        model->digest, NULL, arena, &rows, &count, err);
    model->division = status == GT_OK && count > 0 ? *(const char **)rows : "";
    return status;
}

/* `division` NULL: the longest. */
static enum gt_status get_model(struct gt_store *store, const char *digest, const char *division, struct gt_arena *arena,
                                struct gt_model_record **model, struct gt_err *err)
{
    void *rows = NULL;
    size_t count;
    enum gt_status status = gt_columns_select(store, &gt_table_model, "", "FROM v_models WHERE digest = ?", digest, NULL, arena,
                                              &rows, &count, err);
    if (status == GT_OK && count == 0)
        return gt_err_set(err, GT_E_NOENT, "no model %.64s in the store", digest);
    *model = rows;
    if (status == GT_OK && division)
        (*model)->division = division;
    else if (status == GT_OK)
        status = longest_division(store, *model, arena, err);
    return status == GT_OK ? get_units(store, *model, arena, err) : status;
}

enum gt_status gt_store_get_model(struct gt_store *store, const char *digest, struct gt_arena *arena,
                                  struct gt_model_record **model, struct gt_err *err)
{
    return get_model(store, digest, NULL, arena, model, err);
}

enum gt_status gt_store_get_model_of(struct gt_store *store, const struct gt_run_model_record *part, struct gt_arena *arena,
                                     struct gt_model_record **model, struct gt_err *err)
{
    return get_model(store, part->model, part->division ? part->division : "", arena, model, err);
}

/* --- accuracies, datasets, calibrations */

static enum gt_status get_blobs(struct gt_store *store, struct gt_accuracy_record *accuracies, size_t count, const char *model,
                                struct gt_arena *arena, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(store,
                                          "SELECT predictions, answers, answer_count FROM accuracies WHERE model = ?"
                                          " ORDER BY real_ns DESC, id DESC",
                                          &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, model, -1, SQLITE_STATIC);
    bool failed = false;
    int code = SQLITE_DONE;
    for (size_t i = 0; i < count && (code = sqlite3_step(statement)) == SQLITE_ROW; i++) {
        struct gt_accuracy_record *a = &accuracies[i];
        size_t bytes;
        a->predictions = take_blob(statement, 0, arena, &a->prediction_bytes, &failed);
        a->answers = take_blob(statement, 1, arena, &bytes, &failed);
        a->answer_count = a->answers ? (size_t)sqlite3_column_int64(statement, 2) : 0;
        if (a->answer_count > bytes * 8) /* a damaged row must not be read beyond its end */
            a->answer_count = bytes * 8;
    }
    return end_reading(store, statement, code, failed, err);
}

enum gt_status gt_store_get_accuracies(struct gt_store *store, const char *model, struct gt_arena *arena,
                                       struct gt_accuracy_record **accuracies, size_t *count, struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status =
        gt_columns_select(store, &gt_table_accuracy, "", "FROM accuracies WHERE model = ? ORDER BY real_ns DESC, id DESC",
                          model, NULL, arena, &rows, count, err);
    *accuracies = rows;
    return status == GT_OK ? get_blobs(store, *accuracies, *count, model, arena, err) : status;
}

enum gt_status gt_store_published(struct gt_store *store, const char *name, struct gt_arena *arena,
                                  struct gt_accuracy_record **accuracy, struct gt_err *err)
{
    void *rows = NULL;
    size_t count;
    enum gt_status status =
        gt_columns_select(store, &gt_table_accuracy, "",
                          "FROM (SELECT name AS model, NULL AS dataset, dataset_name, split, NULL AS precision, NULL AS "
                          "preprocessing, 'published' AS provenance, n,"
                          " NULL AS correct, pct, NULL AS run, citation, NULL AS real_ns FROM published WHERE name = ?)",
                          name, NULL, arena, &rows, &count, err);
    if (status == GT_OK && count == 0)
        return gt_err_set(err, GT_E_NOENT, "no published accuracy of %.100s is known", name);
    *accuracy = rows;
    return status;
}

static enum gt_status get_labels(struct gt_store *store, struct gt_dataset_record *dataset, struct gt_arena *arena,
                                 struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(store, "SELECT labels FROM datasets WHERE digest = ?", &statement, err);
    if (status != GT_OK)
        return status;
    bool failed = false;
    sqlite3_bind_text(statement, 1, dataset->digest, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        dataset->labels = take_blob(statement, 0, arena, &dataset->label_bytes, &failed);
    return end_reading(store, statement, code, failed, err);
}

enum gt_status gt_store_get_dataset(struct gt_store *store, const char *digest, const char *name, const char *split,
                                    struct gt_arena *arena, struct gt_dataset_record **dataset, struct gt_err *err)
{
    void *rows = NULL;
    size_t count;
    enum gt_status status = gt_columns_select(store, &gt_table_dataset, "",
                                              digest ? "FROM datasets WHERE digest = ?"
                                                     : "FROM datasets WHERE name = ? AND split = ? ORDER BY digest LIMIT 2",
                                              digest ? digest : name, digest ? NULL : split, arena, &rows, &count, err);
    if (status != GT_OK)
        return status;
    if (count == 0)
        return gt_err_set(err, GT_E_NOENT, "no dataset %.64s in the store", digest ? digest : name);
    if (count > 1)
        return gt_err_set(err, GT_E_AMBIGUOUS, "several datasets are called %.64s, %.32s", name, split);
    *dataset = rows;
    return get_labels(store, *dataset, arena, err);
}

enum gt_status gt_store_get_calibration(struct gt_store *store, const char *host, const char *source, const char *boundary,
                                        struct gt_arena *arena, struct gt_calibration_record **calibration, struct gt_err *err)
{
    void *rows = NULL;
    size_t count;
    const char *under = gt_arena_printf(arena, "%s\n%s", source, boundary);
    if (!under)
        return no_memory(err);
    enum gt_status status = gt_columns_select(store, &gt_table_calibration, "",
                                              "FROM calibrations WHERE host = ?1 AND source || char(10) || boundary = ?2"
                                              " ORDER BY real_ns DESC, id DESC LIMIT 1",
                                              host, under, arena, &rows, &count, err);
    if (status == GT_OK && count == 0)
        return gt_err_set(err, GT_E_NOENT, "no calibration of this host under %.32s (%.32s)", source, boundary);
    *calibration = rows;
    return status;
}

enum gt_status gt_store_find_dataset(struct gt_store *store, const char *name, const char *split, const uint8_t *labels,
                                     size_t bytes, size_t width, struct gt_arena *arena, struct gt_dataset_record *dataset,
                                     struct gt_err *err)
{
    sqlite3_stmt *statement;
    *dataset = (struct gt_dataset_record){.images = GT_UNKNOWN};
    enum gt_status status =
        gt_db_prepare(store,
                      "SELECT digest, images FROM datasets WHERE name = ?1 AND split = ?2"
                      " AND length(labels) = images * ?5 AND substr(labels, 1, ?3) = ?4 ORDER BY images DESC, digest LIMIT 1",
                      &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, split, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)bytes);
    sqlite3_bind_blob64(statement, 4, labels, bytes, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, (int64_t)width);
    bool failed = false;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        dataset->digest = gt_arena_strdup(arena, (const char *)sqlite3_column_text(statement, 0));
        dataset->images = sqlite3_column_int64(statement, 1);
        failed = !dataset->digest;
    }
    return end_reading(store, statement, code, failed, err);
}
