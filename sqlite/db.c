#include "sqlite/db.h"

#include <string.h>
#include <sys/vfs.h>

/* X: primary result code -> status, remedy. */
static const struct {
    int code;
    enum gt_status status;
    const char *remedy;
} failures[] = {
    {SQLITE_BUSY, GT_E_BUSY, "another process holds the store; try again"},
    {SQLITE_LOCKED, GT_E_BUSY, "another process holds the store; try again"},
    {SQLITE_READONLY, GT_E_PERM, "the store or its folder is read-only; make both writable, or set GREENTRACK_STORE"},
    {SQLITE_PERM, GT_E_PERM, "no permission; make the store and its folder yours, or set GREENTRACK_STORE"},
    {SQLITE_CANTOPEN, GT_E_PERM, "cannot be opened; make the store and its folder accessible, or set GREENTRACK_STORE"},
    {SQLITE_AUTH, GT_E_PERM, "no permission"},
    {SQLITE_FULL, GT_E_NOSPACE, "the disk is full; free some space and run the command again, nothing was lost"},
    {SQLITE_CORRUPT, GT_E_CORRUPT, "the store is damaged; move it away, or save what can be read with: sqlite3 FILE .recover"},
    {SQLITE_NOTADB, GT_E_CORRUPT, "this is not a greentrack store; move it away, or set GREENTRACK_STORE"},
    {SQLITE_NOMEM, GT_E_NOMEM, "out of memory"},
    {SQLITE_IOERR, GT_E_IO, "input/output error; check the disk"},
    {SQLITE_CONSTRAINT, GT_E_MISMATCH, "the record contradicts what is stored"},
    {SQLITE_TOOBIG, GT_E_LIMIT, "a value is too big to be stored"},
};

/* SQLite calls a file that cannot grow an input/output error where its shared memory is concerned: look for the cause. */
static int cause_of(const struct gt_store *store, int code)
{
    enum { ROOM = 64 * 1024 }; /* the write-ahead log's index takes 32 KiB steps (sqlite.org/walformat.html) */
    struct statfs fs;
    int primary = code & 0xff;
    if (primary != SQLITE_IOERR || statfs(store->path, &fs) != 0)
        return primary;
    return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize < ROOM ? SQLITE_FULL : primary;
}

enum gt_status gt_db_fail(struct gt_store *store, int code, struct gt_err *err)
{
    const char *detail = store->db ? sqlite3_errmsg(store->db) : sqlite3_errstr(code);
    int cause = cause_of(store, code);
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++)
        if (failures[i].code == cause)
            return gt_err_set(err, failures[i].status, "%s: %s (SQLite: %s)", store->path, failures[i].remedy, detail);
    return gt_err_set(err, GT_E_INTERNAL, "%s: SQLite says: %s", store->path, detail);
}

enum gt_status gt_db_exec(struct gt_store *store, const char *sql, struct gt_err *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? GT_OK : gt_db_fail(store, code, err);
}

enum gt_status gt_db_prepare(struct gt_store *store, const char *sql, sqlite3_stmt **statement, struct gt_err *err)
{
    int code = sqlite3_prepare_v2(store->db, sql, -1, statement, NULL);
    return code == SQLITE_OK ? GT_OK : gt_db_fail(store, code, err);
}

enum gt_status gt_db_finish(struct gt_store *store, sqlite3_stmt *statement, struct gt_err *err)
{
    int code = sqlite3_step(statement);
    enum gt_status status = code == SQLITE_DONE || code == SQLITE_ROW ? GT_OK : gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status;
}

enum gt_status gt_db_run(struct gt_store *store, const char *sql, const char *const *texts, int count, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(store, sql, &statement, err);
    for (int i = 0; i < count && status == GT_OK; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    return status == GT_OK ? gt_db_finish(store, statement, err) : status;
}

enum gt_status gt_db_integer(struct gt_store *store, const char *sql, const char *text, int64_t otherwise, int64_t *value,
                             struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(store, sql, &statement, err);
    if (status != GT_OK)
        return status;
    if (text)
        sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    int code = sqlite3_step(statement);
    bool found = code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL;
    *value = found ? sqlite3_column_int64(statement, 0) : otherwise;
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status;
}

enum gt_status gt_db_begin(struct gt_store *store, struct gt_err *err)
{
    return gt_db_exec(store, "BEGIN IMMEDIATE", err);
}

enum gt_status gt_db_end(struct gt_store *store, enum gt_status status, struct gt_err *err)
{
    if (status == GT_OK)
        status = gt_db_exec(store, "COMMIT", err);
    if (status != GT_OK && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
