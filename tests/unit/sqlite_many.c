/* Several processes write at once, and some are killed while they do. */
#include "tests/unit/sqlite_record.h"

#include <signal.h>
#include <time.h>

enum { WRITERS = 4, RUNS = 25, KILLS = 15 };

static void write_runs(const char *path, unsigned first, unsigned count)
{
    struct gt_store *store = NULL;
    struct gt_err err = {0};
    char id[33];
    if (gt_store_open(path, GT_STORE_WRITE, &store, &err) != GT_OK) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    for (unsigned i = first; i < first + count; i++) {
        struct gt_run_record run = record_run(id, i, "closed");
        if (gt_store_put_run(store, &run, &record_model, 1, &err) != GT_OK) {
            fprintf(stderr, "%s\n", err.text);
            _exit(3);
        }
    }
    gt_store_close(store);
    _exit(0);
}

/* The store does not exist before: all of them create it, too. */
static void writers_do_not_lose_each_others_runs(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    gt_store_close(p.store);
    p.store = NULL;
    unlink(p.path);
    pid_t pids[WRITERS];
    for (unsigned w = 0; w < WRITERS; w++) {
        pids[w] = fork();
        if (pids[w] == 0)
            write_runs(p.path, w * RUNS, RUNS);
    }
    for (unsigned w = 0; w < WRITERS; w++) {
        int status;
        assert_int_equal(waitpid(pids[w], &status, 0), pids[w]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ask(&p, "SELECT count(*) FROM runs"), WRITERS * RUNS);
    assert_int_equal(ask(&p, "SELECT count(*) FROM unit_attributions"), WRITERS * RUNS * 2);
    assert_int_equal(ask(&p, "SELECT count(*) FROM models"), 1);
    assert_sound(&p);
    place_close(&p);
}

/* Each run is there whole, or not at all. */
static void a_killed_writer_leaves_whole_runs(void **state)
{
    (void)state;
    struct place p;
    place_open(&p);
    for (unsigned k = 0; k < KILLS; k++) {
        pid_t pid = fork();
        if (pid == 0)
            write_runs(p.path, k * 100000, 100000);
        struct timespec pause = {0, 1000000 + (long)(k * 7919 % 23) * 4000000};
        nanosleep(&pause, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(ask(&p, "SELECT count(*) FROM runs r WHERE (SELECT count(*) FROM processes WHERE run = r.id) <> 2"
                                 " OR (SELECT count(*) FROM unit_attributions WHERE run = r.id) <> 2"
                                 " OR (SELECT count(*) FROM counters WHERE run = r.id) <> 2"
                                 " OR (SELECT count(*) FROM events WHERE run = r.id) <> 2"
                                 " OR (SELECT count(*) FROM attributions WHERE run = r.id) <> 1 OR trace IS NULL"),
                         0);
        assert_sound(&p);
    }
    assert_true(ask(&p, "SELECT count(*) FROM runs") > 0);
    place_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_do_not_lose_each_others_runs),
        cmocka_unit_test(a_killed_writer_leaves_whole_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
