/* The regression's parts that can be told by hand: exact equations, its refusals, and batches as bytes. */
#include "energy/batches.h"
#include "energy/dense.h"
#include "energy/regress.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct gt_source_desc package(void)
{
    struct gt_source_desc desc = {.source = "test", .boundary = "package", .provenance = GT_PROVENANCE_MEASURED};
    desc.domain_count = 1;
    desc.domains[0] = (struct gt_domain){.name = "package-0", .parent = -1, .additive = true, .uj_per_count = 1};
    return desc;
}

/* Three units in intervals of 1 ms, in turns of changing length, with powers of 10, 20 and 60 W above 5 W, and no noise. */
static void feed(struct gt_fold *fold, struct gt_batches *batches, int intervals, double sigma_ns)
{
    static const double watts[] = {10, 20, 60};
    struct gt_err err = {0};
    double uj = 0;
    uint32_t random = 1;
    gt_fold_set_edges(fold, -1, sigma_ns);
    uint64_t raw = 0;
    gt_fold_add_tick(fold, 1000 * MS, &raw);
    for (int k = 0; k < intervals; k++) {
        uint64_t t = (1000 + (uint64_t)k) * MS, at = t;
        uj += 5e3;
        for (uint32_t unit = 0; unit < 3; unit++) {
            random = random * 1103515245 + 12345;
            uint64_t ns = 100000 + (random >> 16) % 200000;
            struct gt_trace_event event = {.slot = unit, .t_begin_ns = at, .t_end_ns = at + ns};
            gt_fold_add_event(fold, 1, &event);
            uj += watts[unit] * 1e-3 * (double)ns;
            at += ns;
        }
        raw = (uint64_t)(uj + 0.5);
        gt_fold_add_tick(fold, t + MS, &raw);
        if (gt_fold_equations_ns(fold) >= batches->ns)
            assert_int_equal(gt_batches_take(batches, fold, &err), GT_OK);
    }
    while (gt_fold_close_some(fold, batches->ns))
        assert_int_equal(gt_batches_take(batches, fold, &err), GT_OK);
    gt_fold_finish(fold);
    assert_int_equal(gt_batches_take(batches, fold, &err), GT_OK);
}

static void *begin_with(const struct gt_fold_config *config, struct gt_fold **fold, struct gt_batches *batches)
{
    struct gt_source_desc desc = package();
    size_t bytes = gt_fold_bytes(config, 1);
    void *memory = aligned_alloc(16, (bytes + 15) / 16 * 16);
    assert_non_null(memory);
    assert_int_equal(gt_fold_init(memory, bytes, config, &desc, fold), GT_OK);
    gt_batches_init(batches);
    return memory;
}

static void *begin(struct gt_fold **fold, struct gt_batches *batches)
{
    return begin_with(&gt_fold_config_large, fold, batches);
}

static void test_exact(void **state)
{
    (void)state;
    struct gt_fold *fold;
    static struct gt_batches batches;
    struct gt_regression r;
    struct gt_err err = {0};
    void *memory = begin(&fold, &batches);
    feed(fold, &batches, 5000, 100);
    assert_true(batches.count >= GT_REGRESS_BATCHES);
    assert_null(gt_regress_refusal(batches.blocks, batches.count));
    assert_int_equal(gt_regress(batches.blocks, batches.count, &r, &err), GT_OK);
    assert_int_equal(r.unit_count, 3);
    assert_int_equal(r.intervals, 5000);
    double all = 0, mean = 0;
    static const double watts[] = {10, 20, 60};
    for (int i = 0; i < 3; i++) {
        all += r.units[i].ns;
        mean += watts[i] * r.units[i].ns;
    }
    for (int i = 0; i < 3; i++) {
        assert_true(fabs(r.units[i].deviation_w - (watts[i] - mean / all)) < 0.05);
        assert_true(r.units[i].sd_w < 0.05);
        assert_int_equal(r.units[i].resolution, GT_RESOLUTION_UNIT);
    }
    gt_regress_free(&r);
    gt_batches_free(&batches);
    free(memory);
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int intervals;
        double sigma_ns;
    } cases[] = {{5000, 0}, {500, 100}, {5000, 60000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gt_fold *fold;
        static struct gt_batches batches;
        struct gt_regression r;
        struct gt_err err = {0};
        void *memory = begin(&fold, &batches);
        feed(fold, &batches, cases[i].intervals, cases[i].sigma_ns);
        assert_non_null(gt_regress_refusal(batches.blocks, batches.count));
        assert_int_equal(gt_regress(batches.blocks, batches.count, &r, &err), GT_E_STATE);
        assert_true(err.text[0] != '\0');
        assert_null(r.units);
        gt_batches_free(&batches);
        free(memory);
    }
}

/* Few places for units in intervals: older intervals end early, nothing is lost. Few for pairs: then the equations are not
 * whole. */
static void test_small_folds(void **state)
{
    (void)state;
    static const struct {
        uint32_t pairs, entries;
        bool told;
    } cases[] = {{64, 32, true}, {4, 8192, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gt_fold_config config = gt_fold_config_small;
        struct gt_fold *fold;
        static struct gt_batches batches;
        uint64_t intervals = 0, lost_ns = 0;
        config.pairs = cases[i].pairs;
        config.entries = cases[i].entries;
        void *memory = begin_with(&config, &fold, &batches);
        feed(fold, &batches, 5000, 100);
        for (size_t b = 0; b < batches.count; b++) {
            intervals += batches.blocks[b].head->intervals;
            lost_ns += batches.blocks[b].head->entry_overflow_ns + batches.blocks[b].head->late_ns;
        }
        assert_int_equal(intervals, 5000);
        assert_int_equal(lost_ns, 0);
        const char *refusal = gt_regress_refusal(batches.blocks, batches.count);
        if (cases[i].told)
            assert_null(refusal);
        else
            assert_non_null(strstr(refusal, "more layers than"));
        gt_batches_free(&batches);
        free(memory);
    }
}

/* Of a region with others inside, the rows have the others' time as well. */
static void test_nested_units_are_refused(void **state)
{
    (void)state;
    struct gt_fold *fold;
    static struct gt_batches batches;
    struct gt_err err = {0};
    void *memory = begin(&fold, &batches);
    feed(fold, &batches, 5000, 100);
    assert_null(gt_regress_refusal(batches.blocks, batches.count));
    gt_fold_take_nested(fold, 1, 1000);
    assert_int_equal(gt_batches_take(&batches, fold, &err), GT_OK);
    assert_non_null(strstr(gt_regress_refusal(batches.blocks, batches.count), "inside one another"));
    gt_batches_free(&batches);
    free(memory);
}

/* What ran inside is told at the end, when most of the unit's time is in batches that are done. */
static void test_nested_time_of_earlier_batches(void **state)
{
    (void)state;
    struct gt_fold *fold;
    static struct gt_batches batches;
    struct gt_block whole;
    struct gt_err err = {0};
    void *memory = begin(&fold, &batches), *payload = NULL;
    size_t bytes;
    feed(fold, &batches, 5000, 100);
    assert_int_equal(gt_batches_merge(&batches, &payload, &bytes, &whole, &err), GT_OK);
    uint64_t before = gt_block_find_unit(&whole, 1)->ns;
    free(payload);
    gt_fold_take_nested(fold, 1, before / 2);
    gt_fold_take_nested(fold, 2, UINT64_C(1) << 50);
    assert_int_equal(gt_batches_take(&batches, fold, &err), GT_OK);
    assert_int_equal(gt_batches_merge(&batches, &payload, &bytes, &whole, &err), GT_OK);
    assert_int_equal(gt_block_find_unit(&whole, 1)->ns, before - before / 2);
    assert_int_equal(gt_block_find_unit(&whole, 2)->ns, 0);
    free(payload);
    gt_batches_free(&batches);
    free(memory);
}

/* However long a run is, there are never more than GT_BATCHES, and together they are the whole run. */
static void test_batches_stay_few(void **state)
{
    (void)state;
    struct gt_fold *fold, *whole;
    static struct gt_batches batches, one;
    struct gt_block a, b;
    struct gt_err err = {0};
    void *memory = begin(&fold, &batches), *other = begin(&whole, &one), *pa = NULL, *pb = NULL;
    size_t na, nb;
    one.ns = UINT64_MAX;
    feed(fold, &batches, 40000, 100);
    feed(whole, &one, 40000, 100);
    assert_true(batches.count <= GT_BATCHES && batches.count > GT_BATCHES / 4);
    assert_int_equal(one.count, 1);
    assert_int_equal(gt_batches_merge(&batches, &pa, &na, &a, &err), GT_OK);
    assert_int_equal(gt_batches_merge(&one, &pb, &nb, &b, &err), GT_OK);
    assert_int_equal(na, nb);
    assert_int_equal(a.head->intervals, 40000);
    assert_int_equal(a.head->e_uj, b.head->e_uj);
    assert_memory_equal(&a.head->dt_dt, &b.head->dt_dt, sizeof a.head->dt_dt);
    assert_memory_equal(a.pairs, b.pairs, a.head->pair_count * sizeof *a.pairs);
    free(pa);
    free(pb);
    gt_batches_free(&batches);
    gt_batches_free(&one);
    free(memory);
    free(other);
}

static void test_bytes(void **state)
{
    (void)state;
    struct gt_fold *fold;
    static struct gt_batches batches, back;
    struct gt_err err = {0};
    void *memory = begin(&fold, &batches), *bytes = NULL;
    size_t size;
    feed(fold, &batches, 3000, 100);
    assert_int_equal(gt_batches_write(&batches, &bytes, &size, &err), GT_OK);
    assert_int_equal(gt_batches_read(&back, bytes, size, &err), GT_OK);
    assert_int_equal(back.count, batches.count);
    for (size_t i = 0; i < back.count; i++) {
        assert_int_equal(back.bytes[i], batches.bytes[i]);
        assert_memory_equal(back.payloads[i], batches.payloads[i], back.bytes[i]);
    }
    gt_batches_free(&back);
    /* cut and damaged ones are refused, or parse to something sound; never read beyond their end (sanitizers look) */
    for (size_t n = 0; n < size; n += 1 + size / 97) {
        void *cut = malloc(n ? n : 1);
        memcpy(cut, bytes, n);
        if (gt_batches_read(&back, cut, n, &err) == GT_OK)
            gt_batches_free(&back);
        assert_int_equal(back.count, 0);
        free(cut);
    }
    for (size_t i = 0; i < 200; i++) {
        unsigned char *damaged = malloc(size);
        memcpy(damaged, bytes, size);
        damaged[i * 7919 % size] ^= (unsigned char)(1 + i % 255);
        if (gt_batches_read(&back, damaged, size, &err) == GT_OK)
            gt_batches_free(&back);
        free(damaged);
    }
    free(bytes);
    gt_batches_free(&batches);
    free(memory);
}

static void test_dense(void **state)
{
    (void)state;
    double a[] = {4, 2, 0.6, 2, 5, 1, 0.6, 1, 3}, f[9], inverse[9], column[3], x[] = {1, 2, 3};
    memcpy(f, a, sizeof a);
    assert_true(gt_dense_cholesky(f, 3));
    assert_true(fabs(gt_dense_log_det(f, 3) - log(44.6)) < 1e-12); /* 4 (15 - 1) - 2 (6 - 0.6) + 0.6 (2 - 3) */
    gt_dense_solve(f, 3, x);
    gt_dense_invert(f, 3, inverse, column);
    for (int i = 0; i < 3; i++) {
        double b = 0, own = 0;
        for (int j = 0; j < 3; j++) {
            b += a[i * 3 + j] * x[j];
            own += a[i * 3 + j] * inverse[j * 3 + i];
        }
        assert_true(fabs(b - (i + 1)) < 1e-12);
        assert_true(fabs(own - 1) < 1e-12);
    }
    double indefinite[] = {1, 2, 2, 1}, zero[] = {0, 0, 0, 0}, nan[] = {NAN};
    assert_false(gt_dense_cholesky(indefinite, 2));
    assert_false(gt_dense_cholesky(zero, 2));
    assert_false(gt_dense_cholesky(nan, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_small_folds),
        cmocka_unit_test(test_nested_units_are_refused),
        cmocka_unit_test(test_nested_time_of_earlier_batches),
        cmocka_unit_test(test_batches_stay_few),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_dense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
