/* The store's views as data, column by column as SQL has them. */
#include "tracker/output.h"
#include "tracker/paths.h"
#include "tracker/storeopen.h"
#include "tracker/suggest.h"

#include <sqlite3.h>
#include <string.h>

static const struct {
    const char *word, *query;
} exports[] = {
    {"runs", "SELECT * FROM v_runs"},
    {"layers", "SELECT * FROM v_layers"},
    {"members", "SELECT * FROM v_members"},
    {"family", "SELECT * FROM v_family"},
    {"counters", "SELECT * FROM v_run_counters"},
    {"unit-counters", "SELECT * FROM v_unit_counters"},
    {"gaps", "SELECT * FROM v_gaps"},
};

static struct gt_value cell(struct gt_arena *arena, sqlite3_stmt *statement, int i)
{
    switch (sqlite3_column_type(statement, i)) {
    case SQLITE_INTEGER:
        return gt_value_i64(sqlite3_column_int64(statement, i));
    case SQLITE_FLOAT:
        return gt_value_f64(sqlite3_column_double(statement, i));
    case SQLITE_TEXT:
        return gt_value_text(gt_arena_strdup(arena, (const char *)sqlite3_column_text(statement, i)));
    default: /* views have no blobs */
        return (struct gt_value){0};
    }
}

static const struct gt_column *columns_of(struct gt_arena *arena, sqlite3_stmt *statement, int count)
{
    struct gt_column *columns = gt_arena_alloc(arena, (size_t)count, sizeof *columns);
    for (int i = 0; columns && i < count; i++)
        columns[i] = (struct gt_column){gt_arena_strdup(arena, sqlite3_column_name(statement, i)), NULL, GT_Q_TEXT, 0};
    return columns;
}

static enum gt_status read_rows(struct gt_arena *arena, sqlite3_stmt *statement, const char *word, struct gt_document *document,
                                int *code)
{
    int count = sqlite3_column_count(statement);
    const struct gt_column *columns = columns_of(arena, statement, count);
    struct gt_value *values = gt_arena_alloc(arena, (size_t)count, sizeof *values);
    if (!columns || !values)
        return GT_E_NOMEM;
    struct gt_section *section = gt_document_section(document, GT_SECTION_TABLE, word, NULL, columns, (size_t)count);
    while ((*code = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < count; i++)
            values[i] = cell(arena, statement, i);
        gt_section_row(section, values, (size_t)count);
    }
    return *code == SQLITE_DONE ? GT_OK : GT_E_IO;
}

/* The store was opened (and migrated, where needed) by the ingest before; here it is only read. */
static enum gt_status read_view(struct gt_tracker *tracker, const char *word, const char *query, struct gt_document *document,
                                struct gt_err *err)
{
    struct gt_store *store = NULL;
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    const char *path;
    int code = SQLITE_OK;
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, err); /* its version and soundness are checked here */
    gt_store_close(store);
    if (status == GT_OK)
        status = gt_paths_store(&tracker->arena, &path, err);
    if (status != GT_OK)
        return status;
    code = sqlite3_open_v2(path, &database, SQLITE_OPEN_READONLY, NULL);
    sqlite3_busy_timeout(database, 10000);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v2(database, query, -1, &statement, NULL);
    if (code == SQLITE_OK)
        status = read_rows(&tracker->arena, statement, word, document, &code);
    else
        status = GT_E_IO;
    if (status != GT_OK)
        gt_err_set(err, status, "%s: %s", path, status == GT_E_NOMEM ? "out of memory" : sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return status;
}

static int unknown_word(struct gt_tracker *tracker, const char *word)
{
    struct gt_suggestion nearest = {0};
    for (size_t i = 0; i < sizeof exports / sizeof *exports; i++)
        gt_suggest_offer(&nearest, word, exports[i].word);
    gt_tracker_say(tracker, "'%s' is not one of runs, layers, members, family, counters, unit-counters, gaps%s%s%s",
                   gt_tracker_escape(tracker, word), nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "",
                   nearest.best ? "?" : "");
    return GT_EXIT_USAGE;
}

int gt_cmd_export(struct gt_tracker *tracker)
{
    const char *word = tracker->args->operands[0];
    struct gt_err err = {0};
    struct gt_document document;
    size_t i = 0;
    while (i < sizeof exports / sizeof *exports && strcmp(exports[i].word, word) != 0)
        i++;
    if (i == sizeof exports / sizeof *exports)
        return unknown_word(tracker, word);
    if (!gt_tracker_given(tracker, GT_OPT_FORMAT))
        tracker->format = GT_FORMAT_JSON;
    gt_document_init(&document, &tracker->arena, "export");
    enum gt_status status = read_view(tracker, word, exports[i].query, &document, &err);
    if (status != GT_OK) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    return gt_output_section(tracker, &document, word);
}
