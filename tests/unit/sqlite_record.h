/* A run with everything that a run can have, and what the tests of the store share. */
#ifndef TESTS_SQLITE_RECORD_H
#define TESTS_SQLITE_RECORD_H

#include "sqlite/store.h"

#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define MODEL_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define MODEL_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HOSTILE "na'me\"; DROP TABLE runs; --\x1b[31m µ"

static const struct gt_member_record record_members[] = {{"stem", "Conv", 100, 10}, {HOSTILE, "Sigmoid", 0, GT_UNKNOWN}};
static const struct gt_unit_record record_units[] = {
    {0, "stem", "Conv", "1x1x14x14", "1x8x14x14", 100, 10, false, 2, record_members},
    {1, HOSTILE, "region", NULL, NULL, GT_UNKNOWN, GT_UNKNOWN, true, 0, NULL}};
static const struct gt_model_record record_model = {MODEL_A,          "fashion/b3", "fashion", "random",    3,
                                                    INT64_C(1) << 40, 33572,        2,         record_units};
static const struct gt_process_record record_processes[] = {{11, 1, 5, 95, "/bin/x", "x --flag 'a b'", "closed"},
                                                            {12, GT_UNKNOWN, 6, GT_UNKNOWN, NULL, HOSTILE, "crashed"}};
static const struct gt_unit_energy_record record_energies[] = {{0, 10, 500, 1.5, 1, 2, 0.75}, {1, 3, 100, NAN, NAN, NAN, NAN}};
static const struct gt_run_model_record record_parts[] = {
    {MODEL_A, "observed", "fp32", "libgtcnn", "0.1.0", 2, 1, 10, 10, 900, 12.5, 10, 15, 9, 0.25, 2, record_energies}};
static const struct gt_counter_record record_counters[] = {
    {"package-0", GT_UNKNOWN, 0, GT_UNKNOWN, true, 0.5, 262143, 5, 4, 131072, 131080, 131000, 132000, 1, 0, 0},
    {"core", 0, 0, 0, false, 1, GT_UNKNOWN, 0, INT64_MAX, 7, GT_UNKNOWN, GT_UNKNOWN, GT_UNKNOWN, 0, 2, 30}};
static const struct gt_gap_record record_gaps[] = {{NULL, 0, 100, "not read"}, {"package-0", 150, 400, HOSTILE}};
static const struct gt_event_record record_events[] = {{"ring full", NULL, 3, GT_UNKNOWN, GT_UNKNOWN},
                                                       {"note", HOSTILE, GT_UNKNOWN, 1, 2}};
static const struct gt_run_counter_record record_run_counters[] = {
    {"PAPI_TOT_INS", INT64_MAX, 100, 50, "user", NULL}, {"x,'y'", GT_UNKNOWN, GT_UNKNOWN, GT_UNKNOWN, NULL, HOSTILE}};
static const struct gt_unit_counter_record record_unit_counters[] = {{0, 1, "page-faults", 10, 1.5, 9, 9},
                                                                     {0, GT_UNKNOWN, HOSTILE, 10, NAN, 9, 0}};
static const struct gt_slot_record record_slots[] = {{0, 0, 0}, {5, 0, 1}, {INT64_C(1) << 31, 0, GT_UNKNOWN}};
static const uint8_t record_trace[] = {1, 0, 2, 255};

/* The run of that number: id 000...n. `state`: "open", "closed", "crashed". */
static inline struct gt_run_record record_run(char id[33], unsigned number, const char *state)
{
    snprintf(id, 33, "%032x", number);
    return (struct gt_run_record){.id = id,
                                  .role = "run",
                                  .state = state,
                                  .command = HOSTILE,
                                  .tags = "a,b",
                                  .exit_status = 0,
                                  .exit_signal = GT_UNKNOWN,
                                  .begin_real_ns = 1000 + number,
                                  .begin_ns = 5,
                                  .end_ns = 1005,
                                  .boot_id = "boot",
                                  .host = {"0123456789abcdef", "a host", "EPYC", "AuthenticAMD", NULL, "performance", 25, 17, 1,
                                           4, 2, 1 << 30, 1, GT_UNKNOWN},
                                  .source = "powercap",
                                  .boundary = "package",
                                  .provenance = "measured",
                                  .unit_hooks = true,
                                  .round = GT_UNKNOWN,
                                  .cpu_ns = 77,
                                  .machine_busy_begin_ns = 1,
                                  .machine_busy_end_ns = 2,
                                  .machine_total_begin_ns = 3,
                                  .machine_total_end_ns = GT_UNKNOWN,
                                  .overhead = {12345, GT_UNKNOWN, 6, 62.5},
                                  .process_count = 2,
                                  .processes = record_processes,
                                  .model_count = 1,
                                  .models = record_parts,
                                  .counter_count = 2,
                                  .counters = record_counters,
                                  .gap_count = 2,
                                  .gaps = record_gaps,
                                  .event_count = 2,
                                  .events = record_events,
                                  .run_counter_count = 2,
                                  .run_counters = record_run_counters,
                                  .unit_counter_count = 2,
                                  .unit_counters = record_unit_counters,
                                  .attribution = {.method = "time",
                                                  .version = 1,
                                                  .kind = "ci95",
                                                  .provenance = "measured",
                                                  .window_ns = 900,
                                                  .covered_ns = 800,
                                                  .window_cpu_ns = 700,
                                                  .cpu_share = 0.5,
                                                  .gap_share = NAN,
                                                  .idle_known = true,
                                                  .inference = {65, 54, 76},
                                                  .units = {60, 50, 70},
                                                  .framework = {5, 4, 6},
                                                  .idle = {20, 19, 21},
                                                  .others = {10, 10, 10},
                                                  .unattributed = {5, GT_UNKNOWN, GT_UNKNOWN},
                                                  .total = {100, 90, 110},
                                                  .unattributed_flag = true,
                                                  .run_total = {120, 100, 140},
                                                  .run_job = {90, 80, 100},
                                                  .model_row = NULL},
                                  .slot_count = 3,
                                  .slots = record_slots,
                                  .trace = record_trace,
                                  .trace_bytes = sizeof record_trace};
}

/* A folder of its own; the store in it. */
struct place {
    char folder[64], path[96];
    struct gt_store *store;
    struct gt_arena arena;
    struct gt_err err;
};

static inline void ok_at(struct place *p, enum gt_status status, int line)
{
    if (status != GT_OK)
        fail_msg("line %d: %s: %s", line, gt_status_message(status), p->err.text);
}
#define OK(p, call) ok_at(p, call, __LINE__)

static inline void place_open(struct place *p)
{
    memset(p, 0, sizeof *p);
    strcpy(p->folder, "/tmp/greentrack-store.XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    snprintf(p->path, sizeof p->path, "%s/deep/store.db", p->folder);
    OK(p, gt_store_open(p->path, GT_STORE_WRITE, &p->store, &p->err));
}

static inline void place_close(struct place *p)
{
    char command[128];
    gt_store_close(p->store);
    gt_arena_free(&p->arena);
    snprintf(command, sizeof command, "rm -rf '%s'", p->folder);
    assert_int_equal(system(command), 0);
}

static inline void put(struct place *p, const struct gt_run_record *run)
{
    OK(p, gt_store_put_run(p->store, run, &record_model, 1, &p->err));
}

/* One integer from the file, by a connection of its own. */
static inline int64_t ask(const struct place *p, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(p->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static inline void assert_sound(const struct place *p)
{
    assert_int_equal(ask(p, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
    assert_int_equal(ask(p, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

#endif
