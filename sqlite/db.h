/*
 * SQLite, made to speak the house's language: statuses, texts that name the file, statements that clean up after themselves.
 * Internal to sqlite/.
 */
#ifndef GT_SQLITE_DB_H
#define GT_SQLITE_DB_H

#include "core/arena.h"
#include "core/status.h"
#include "sqlite/store.h"

#include <sqlite3.h>

struct gt_store {
    sqlite3 *db;
    char *path;
};

enum gt_journal {
    GT_JOURNAL_FITTING, /* what the store's file system needs */
    GT_JOURNAL_WAL,
    GT_JOURNAL_DELETE
};

/* The journal for a file system of that type (statfs(2)): DELETE where WAL's shared memory does not reach all clients. */
enum gt_journal gt_db_journal_for(unsigned long f_type);

/* gt_store_open with a journal of one's choice; READ leaves it as it is. */
enum gt_status gt_db_open(const char *path, enum gt_store_mode mode, enum gt_journal journal, struct gt_store **store,
                          struct gt_err *err);

/* "greentrack": how file(1) and we know the file; PRAGMA application_id. ASCII "GTst". */
#define GT_DB_APPLICATION_ID 0x47547374

/* The status of the connection's last error, with a text that names file and remedy. */
enum gt_status gt_db_fail(struct gt_store *store, int code, struct gt_err *err);

/* Executes SQL that returns no rows. */
enum gt_status gt_db_exec(struct gt_store *store, const char *sql, struct gt_err *err);

/* Prepares a statement; owned by the caller (sqlite3_finalize). */
enum gt_status gt_db_prepare(struct gt_store *store, const char *sql, sqlite3_stmt **statement, struct gt_err *err);

/* Steps a statement that returns no rows, and finalises it whatever happens. */
enum gt_status gt_db_finish(struct gt_store *store, sqlite3_stmt *statement, struct gt_err *err);

/* prepare + bind of texts (NULL: SQL NULL) + finish, for statements with text parameters alone. */
enum gt_status gt_db_run(struct gt_store *store, const char *sql, const char *const *texts, int count, struct gt_err *err);

/* One integer: of the first row, or `otherwise` when there is none. */
enum gt_status gt_db_integer(struct gt_store *store, const char *sql, const char *text, int64_t otherwise, int64_t *value,
                             struct gt_err *err);

/*
 * SQL, a condition on rows o of run_models: is it a model that a person can mean who speaks of the run's model? Where models
 * made inferences, the regions around them, which stand beside as a model without any, are not.
 */
#define GT_DB_MEANT "(o.inferences > 0 OR NOT EXISTS (SELECT 1 FROM run_models i WHERE i.run = o.run AND i.inferences > 0))"

/*
 * SQL over runs r and annotations a: what a person said, and what does not hold of the run any more: it has several models
 * that could be meant, or one that says otherwise itself, or whose inferences were observed (annotate.c).
 */
#define GT_DB_ANNOTATION_UNUSED                                                                                                \
    "coalesce(coalesce(a.model, a.family, a.phi, a.inferences) IS NOT NULL AND"                                                \
    " ((SELECT count(*) FROM run_models o WHERE o.run = r.id AND " GT_DB_MEANT                                                 \
    ") > 1 OR EXISTS (SELECT 1 FROM run_models o JOIN v_models v ON v.digest = o.model WHERE o.run = r.id AND " GT_DB_MEANT    \
    " AND (v.name <> a.model OR v.family <> a.family OR v.phi <> a.phi"                                                        \
    " OR (a.inferences IS NOT NULL AND o.counted = 'observed')))), 0)"

/* Replaces what is stored of the run's shares. Part of a transaction. */
enum gt_status gt_db_put_shares(struct gt_store *store, const char *run, const struct gt_shares_record *shares,
                                struct gt_err *err);

enum gt_status gt_db_begin(struct gt_store *store, struct gt_err *err);
/* Commits when `status` is GT_OK, else rolls back. Returns `status`, or why the commit failed. */
enum gt_status gt_db_end(struct gt_store *store, enum gt_status status, struct gt_err *err);

/*
 * Is the file a store, or still empty, and of a schema that this code knows? *version gets the schema's. Changes nothing, so
 * that another program's database is left as it is. GT_E_FORMAT, GT_E_VERSION, GT_E_CORRUPT.
 */
enum gt_status gt_db_check(struct gt_store *store, int64_t *version, struct gt_err *err);

/* Migrates from `version` to GT_STORE_VERSION (schema.c). */
enum gt_status gt_db_migrate(struct gt_store *store, int64_t version, struct gt_err *err);

#endif
