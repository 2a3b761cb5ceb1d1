/* Damage inside the store's file, and places that cannot be written: said so, never taken for "not known". */
#include "tests/unit/sqlite_record.h"

#include <sched.h>
#include <sys/mount.h>

enum { RUNS = 12, PAGE = 4096, FLIPS = 60, BIG = 5 * PAGE };

/* Closes the store, which folds the write-ahead log into the file, and reads the file. */
static unsigned char *take_file(struct place *p, size_t *n)
{
    gt_store_close(p->store);
    p->store = NULL;
    FILE *f = fopen(p->path, "rb");
    struct stat st;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    unsigned char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    *n = fread(bytes, 1, (size_t)st.st_size, f);
    assert_int_equal(*n, st.st_size);
    fclose(f);
    return bytes;
}

static void give_file(const struct place *p, const unsigned char *bytes, size_t n)
{
    char journal[128];
    snprintf(journal, sizeof journal, "%s-wal", p->path);
    unlink(journal);
    snprintf(journal, sizeof journal, "%s-shm", p->path);
    unlink(journal);
    FILE *f = fopen(p->path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

/*
 * A value bigger than a page goes on in overflow pages (sqlite.org/fileformat.html, 1.6), each led by the next one's number:
 * those that a stretch of `value` is found in.
 */
static void break_chain(unsigned char *bytes, size_t n, const uint8_t *value, size_t value_bytes)
{
    size_t broken = 0;
    for (size_t page = 0; page + PAGE <= n; page += PAGE) {
        bool inside = true;
        for (size_t i = 4; i + 64 < PAGE - 8 && inside; i += 64)
            inside = memmem(value, value_bytes, bytes + page + i, 16) != NULL;
        if (inside) {
            memset(bytes + page, 0x7f, 4);
            broken++;
        }
    }
    assert_true(broken > 0);
}

static void a_damaged_trace_is_not_a_missing_one(void **state)
{
    (void)state;
    static uint8_t trace[BIG];
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed"), *got = NULL;
    size_t n;
    for (size_t i = 0, r = 1; i < sizeof trace; i++) /* as random bytes, it is kept as long as it is */
        trace[i] = (uint8_t)((r = r * 6364136223846793005u + 1442695040888963407u) >> 56);
    run.trace = trace;
    run.trace_bytes = sizeof trace;
    place_open(&p);
    put(&p, &run);
    unsigned char *bytes = take_file(&p, &n);
    break_chain(bytes, n, trace, sizeof trace);
    give_file(&p, bytes, n);
    free(bytes);
    OK(&p, gt_store_open(p.path, GT_STORE_READ, &p.store, &p.err));
    assert_int_equal(gt_store_get_run(p.store, id, &p.arena, &got, &p.err), GT_E_CORRUPT);
    assert_non_null(strstr(p.err.text, p.path));
    place_close(&p);
}

static void damaged_answers_and_labels_are_not_missing_ones(void **state)
{
    (void)state;
    static uint8_t predictions[BIG];
    memset(predictions, 0xcd, sizeof predictions);
    struct gt_dataset_record dataset = {"dddd", "toy", "test", BIG, predictions, BIG}, *set = NULL;
    struct gt_accuracy_record a = {.model = MODEL_A, .dataset = "dddd", .dataset_name = "toy", .split = "test"}, *got = NULL;
    struct place p;
    size_t n, count;
    a.provenance = "measured";
    a.predictions = predictions;
    a.prediction_bytes = BIG;
    place_open(&p);
    OK(&p, gt_store_put_accuracy(p.store, &a, &dataset, NULL, &p.err));
    unsigned char *bytes = take_file(&p, &n);
    break_chain(bytes, n, predictions, sizeof predictions);
    give_file(&p, bytes, n);
    free(bytes);
    OK(&p, gt_store_open(p.path, GT_STORE_READ, &p.store, &p.err));
    assert_int_equal(gt_store_get_accuracies(p.store, MODEL_A, &p.arena, &got, &count, &p.err), GT_E_CORRUPT);
    assert_int_equal(gt_store_get_dataset(p.store, "dddd", NULL, NULL, &p.arena, &set, &p.err), GT_E_CORRUPT);
    place_close(&p);
}

/* Uses everything once; the first failure. */
static enum gt_status use(struct place *p)
{
    struct gt_run_line *lines;
    struct gt_model_record *models;
    struct gt_model_run *runs;
    struct gt_run_record *run;
    size_t count;
    char id[33];
    enum gt_status status = gt_store_open(p->path, GT_STORE_WRITE, &p->store, &p->err);
    if (status == GT_OK)
        status = gt_store_list_runs(p->store, true, &p->arena, &lines, &count, &p->err);
    for (unsigned i = 0; i < RUNS && status == GT_OK; i++) {
        snprintf(id, sizeof id, "%032x", i);
        status = gt_store_get_run(p->store, id, &p->arena, &run, &p->err);
    }
    if (status == GT_OK)
        status = gt_store_find_models(p->store, NULL, &p->arena, &models, &count, &p->err);
    if (status == GT_OK)
        status = gt_store_model_runs(p->store, MODEL_A, &p->arena, &runs, &count, &p->err);
    struct gt_run_record more = record_run(id, RUNS, "closed");
    if (status == GT_OK)
        status = gt_store_put_run(p->store, &more, &record_model, 1, &p->err);
    return status;
}

/* Whatever bytes a page has got: an answer or an error that names the file, and no fault (the sanitizers look on). */
static void flipped_pages_end_in_an_answer_or_a_clear_error(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    size_t n;
    unsigned seed = 4, failures = 0;
    place_open(&p);
    for (unsigned i = 0; i < RUNS; i++) {
        struct gt_run_record run = record_run(id, i, "closed");
        put(&p, &run);
    }
    unsigned char *sound = take_file(&p, &n), *bytes = malloc(n);
    assert_non_null(bytes);
    for (unsigned k = 0; k < FLIPS; k++) {
        memcpy(bytes, sound, n);
        size_t page = (size_t)rand_r(&seed) % (n / PAGE) * PAGE;
        for (unsigned i = 0; i < 1u << k % 9; i++)
            bytes[page + (size_t)rand_r(&seed) % PAGE] = (unsigned char)rand_r(&seed);
        give_file(&p, bytes, n);
        p.err = (struct gt_err){0};
        if (use(&p) != GT_OK) {
            assert_non_null(p.err.text);
            assert_true(p.err.text[0] != '\0');
            failures++;
        }
        gt_store_close(p.store);
        p.store = NULL;
    }
    assert_true(failures > 0);
    free(bytes);
    free(sound);
    place_close(&p);
}

/* Child: in a mount namespace of its own, so that no mount outlives it. 77: not allowed here. */
static int read_from_sealed_media(struct place *p, const char *id)
{
    struct gt_run_record *got = NULL;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(p->folder, p->folder, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, p->folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
        return 77;
    if (gt_store_open(p->path, GT_STORE_READ, &p->store, &p->err) != GT_OK ||
        gt_store_get_run(p->store, id, &p->arena, &got, &p->err) != GT_OK || got->process_count != 2) {
        fprintf(stderr, "%s\n", p->err.text);
        return 1;
    }
    gt_store_close(p->store);
    p->store = NULL;
    return gt_store_open(p->path, GT_STORE_WRITE, &p->store, &p->err) == GT_E_PERM ? 0 : 2;
}

/* A store on read-only media (an archive, a snapshot) still answers, although SQLite cannot make its shared memory there. */
static void a_store_on_read_only_media_is_readable(void **state)
{
    (void)state;
    struct place p;
    char id[33];
    struct gt_run_record run = record_run(id, 1, "closed");
    int status;
    memset(&p, 0, sizeof p);
    strcpy(p.folder, "/tmp/greentrack-store.XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    snprintf(p.path, sizeof p.path, "%s/odd ?#%%41 name.db", p.folder);
    OK(&p, gt_store_open(p.path, GT_STORE_WRITE, &p.store, &p.err));
    put(&p, &run);
    gt_store_close(p.store);
    p.store = NULL;
    pid_t pid = fork();
    if (pid == 0)
        _exit(read_from_sealed_media(&p, id));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    place_close(&p);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no mount namespaces here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_trace_is_not_a_missing_one),
        cmocka_unit_test(damaged_answers_and_labels_are_not_missing_ones),
        cmocka_unit_test(flipped_pages_end_in_an_answer_or_a_clear_error),
        cmocka_unit_test(a_store_on_read_only_media_is_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
