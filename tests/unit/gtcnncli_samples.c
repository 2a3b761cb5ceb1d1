/* What bench tells of its samples, and the noise that models get as input. */
#include "runtime/cli/samples.h"
#include "runtime/cli/subject.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void nothing_is_told_of_no_samples(void **state)
{
    (void)state;
    struct gtcnn_samples s = {0};
    assert_true(isnan(gtcnn_samples_median(&s)) && isnan(gtcnn_samples_least(&s)) && isnan(gtcnn_samples_most(&s)));
    assert_true(gtcnn_samples_sum(&s) == 0);
    gtcnn_samples_free(&s);
}

/* Of an even number the median is between the two in the middle; the order in which they came does not matter. */
static void order_statistics_are_exact(void **state)
{
    (void)state;
    struct gtcnn_samples s = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(gtcnn_samples_add(&s, i * 7919 % 1000), 0);
    assert_true(gtcnn_samples_sum(&s) == 499500);
    assert_true(gtcnn_samples_median(&s) == 499.5);
    assert_true(gtcnn_samples_least(&s) == 0 && gtcnn_samples_most(&s) == 999);
    assert_int_equal(gtcnn_samples_add(&s, -1), 0); /* after they were sorted, too */
    assert_true(gtcnn_samples_median(&s) == 499 && gtcnn_samples_least(&s) == -1);
    gtcnn_samples_free(&s);
    assert_int_equal(s.count, 0);
}

static void noise_has_mean_0_and_variance_1(void **state)
{
    (void)state;
    enum { N = 100000 };
    float *a = malloc(N * sizeof *a), *b = malloc(N * sizeof *b);
    double sum = 0, squares = 0;
    gtcnn_subject_noise(a, N);
    gtcnn_subject_noise(b, N);
    assert_memory_equal(a, b, N * sizeof *a);
    for (int i = 0; i < N; i++) {
        sum += a[i];
        squares += a[i] * a[i];
    }
    assert_true(fabs(sum / N) < 0.02 && fabs(squares / N - 1) < 0.02);
    free(a);
    free(b);
}

static void the_peak_of_memory_can_be_forgotten(void **state)
{
    (void)state;
    enum { BYTES = 64 << 20, PAGE = 4096 };
    uint64_t before = gtcnn_subject_peak_bytes();
    char *block = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i += PAGE)
        ((volatile char *)block)[i] = 1;
    uint64_t peak = gtcnn_subject_peak_bytes();
    assert_true(before > 0 && peak >= before + BYTES / 2);
    free(block);
    uint64_t after = gtcnn_subject_peak_bytes();
    assert_true(after >= before + BYTES / 2); /* the kernel's counters are exact to some pages alone */
    gtcnn_subject_forget_peak();              /* where that cannot be forgotten, the peak stays */
    assert_true(gtcnn_subject_peak_bytes() <= after + BYTES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_told_of_no_samples),
        cmocka_unit_test(order_statistics_are_exact),
        cmocka_unit_test(noise_has_mean_0_and_variance_1),
        cmocka_unit_test(the_peak_of_memory_can_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
