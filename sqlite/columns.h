/*
 * Which member of a record stands in which column: one table per record feeds both INSERT and SELECT. Internal to sqlite/.
 *
 * Members that are arrays of other records (units, processes, ...) are not columns; put.c and get.c see to them.
 */
#ifndef GT_SQLITE_COLUMNS_H
#define GT_SQLITE_COLUMNS_H

#include "sqlite/db.h"

#include <stddef.h>

enum gt_column_kind { GT_COLUMN_TEXT, GT_COLUMN_INTEGER, GT_COLUMN_REAL, GT_COLUMN_BOOL };

struct gt_column {
    const char *name;
    enum gt_column_kind kind;
    size_t offset; /* of the member in the record */
};

struct gt_table {
    const char *name;
    size_t record_bytes;
    int column_count;
    const struct gt_column *columns;
};

extern const struct gt_table gt_table_host, gt_table_model, gt_table_unit, gt_table_member, gt_table_dataset, gt_table_accuracy,
    gt_table_process, gt_table_run_model, gt_table_run_part, gt_table_part_energy, gt_table_slot, gt_table_unit_energy,
    gt_table_counter, gt_table_gap, gt_table_run_counter, gt_table_unit_counter, gt_table_attribution, gt_table_event,
    gt_table_run, gt_table_annotation, gt_table_calibration, gt_table_run_line, gt_table_model_run;

/* Up to five leading key columns that are no members of the record: the run, a position. */
struct gt_key {
    const char *name;
    const char *text; /* NULL: the integer */
    int64_t integer;
};

/* INSERT (verb "INSERT", "INSERT OR IGNORE", "INSERT OR REPLACE") of one record. */
enum gt_status gt_columns_insert(struct gt_store *store, const char *verb, const struct gt_table *table,
                                 const struct gt_key *keys, int key_count, const void *record, struct gt_err *err);

/* Inserts the record, or, where one with the same `key` (a text column of its own) is there, sets all its other columns. */
enum gt_status gt_columns_upsert(struct gt_store *store, const struct gt_table *table, const char *key, const void *record,
                                 struct gt_err *err);

/* "a.x, a.y, ...": the table's columns for a SELECT, each with `prefix` in front. NULL: out of memory. */
const char *gt_columns_list(const struct gt_table *table, const char *prefix, struct gt_arena *arena);

/* Fills the members of *record from the statement's columns, the first being `at`. GT_E_NOMEM. */
enum gt_status gt_columns_read(sqlite3_stmt *statement, int at, const struct gt_table *table, struct gt_arena *arena,
                               void *record);

/*
 * Runs "SELECT <columns> <rest>" with up to two text parameters and reads all rows into an array in the arena (*rows, *count).
 * `prefix` stands before every column name.
 */
enum gt_status gt_columns_select(struct gt_store *store, const struct gt_table *table, const char *prefix, const char *rest,
                                 const char *first, const char *second, struct gt_arena *arena, void **rows, size_t *count,
                                 struct gt_err *err);

#endif
