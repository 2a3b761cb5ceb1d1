/* What runs have of a machine's common slots of time: those that overlap must not share out more than there is. */
#include "sqlite/db.h"

#include <string.h>

enum { WHOLE = 65535 };

/*
 * ?1 the run, ?2 and ?3 its parent and series, ?4 the boot, ?5 and ?6 the slots. Runs that this one is inside of, or that are
 * inside of it, compute the same; of others that are inside one another the outermost stands for all.
 */
static const char overlapping[] =
    "WITH RECURSIVE inside(id, outer) AS (SELECT id, parent FROM runs WHERE parent IS NOT NULL"
    " UNION ALL SELECT id, series FROM runs WHERE series IS NOT NULL),"
    " around(id) AS (SELECT ?2 UNION SELECT ?3 UNION SELECT i.outer FROM inside i JOIN around a ON i.id = a.id),"
    " within(id) AS (SELECT ?1 UNION SELECT i.id FROM inside i JOIN within w ON i.outer = w.id),"
    " kin(id) AS (SELECT id FROM around WHERE id IS NOT NULL UNION SELECT id FROM within)"
    " SELECT s.first_slot, s.shares FROM run_shares s JOIN runs r ON r.id = s.run"
    " WHERE r.boot_id = ?4 AND s.first_slot < ?6 AND s.first_slot + s.slots > ?5 AND s.run NOT IN (SELECT id FROM kin)"
    " AND NOT EXISTS (SELECT 1 FROM inside i JOIN run_shares t ON t.run = i.outer WHERE i.id = s.run"
    " AND t.run NOT IN (SELECT id FROM kin))";

/* Shares are stored little-endian. */
static void add_shares(struct gt_shares_record *shares, int64_t first, const uint8_t *bytes, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = first + i - shares->first_slot;
        if (at < 0 || at >= (int64_t)shares->count)
            continue;
        uint32_t sum = shares->parts[at] + (bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8);
        shares->parts[at] = (uint16_t)(sum < WHOLE ? sum : WHOLE);
    }
}

enum gt_status gt_store_get_shares_of_others(struct gt_store *store, const struct gt_shares_query *query,
                                             struct gt_shares_record *shares, struct gt_err *err)
{
    sqlite3_stmt *statement;
    const char *texts[] = {query->run, query->parent, query->series, query->boot_id};
    enum gt_status status = gt_db_prepare(store, overlapping, &statement, err);
    int code = SQLITE_DONE;
    if (status != GT_OK)
        return status;
    for (int i = 0; i < 4; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, shares->first_slot);
    sqlite3_bind_int64(statement, 6, shares->first_slot + (int64_t)shares->count);
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const uint8_t *bytes = sqlite3_column_blob(statement, 1);
        add_shares(shares, sqlite3_column_int64(statement, 0), bytes, sqlite3_column_bytes(statement, 1) / 2);
    }
    status = code == SQLITE_DONE ? GT_OK : gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status;
}

enum gt_status gt_db_put_shares(struct gt_store *store, const char *run, const struct gt_shares_record *shares,
                                struct gt_err *err)
{
    sqlite3_stmt *statement;
    size_t first = 0, count = shares->count;
    /* Slots at the ends in which the run had nothing take no room. */
    while (count > 0 && shares->parts[count - 1] == 0)
        count--;
    while (first < count && shares->parts[first] == 0)
        first++;
    enum gt_status status = gt_db_run(store, "DELETE FROM run_shares WHERE run = ?", &run, 1, err);
    if (status != GT_OK || first == count)
        return status;
    status = gt_db_prepare(store, "INSERT INTO run_shares(run, first_slot, slots, shares) VALUES(?, ?, ?, ?)", &statement, err);
    if (status != GT_OK)
        return status;
    uint8_t *bytes = sqlite3_malloc64(2 * (count - first));
    for (size_t i = first; bytes && i < count; i++) {
        bytes[2 * (i - first)] = (uint8_t)shares->parts[i];
        bytes[2 * (i - first) + 1] = (uint8_t)(shares->parts[i] >> 8);
    }
    sqlite3_bind_text(statement, 1, run, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, shares->first_slot + (int64_t)first);
    sqlite3_bind_int64(statement, 3, (int64_t)(count - first));
    if (bytes) /* else the statement fails: a run's shares may not be NULL */
        sqlite3_bind_blob64(statement, 4, bytes, 2 * (count - first), sqlite3_free);
    return gt_db_finish(store, statement, err);
}
