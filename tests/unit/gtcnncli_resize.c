/* Area-wise resizing against a direct computation in long double, normalisation, and arg max. */
#include "runtime/cli/predictions.h"
#include "runtime/cli/resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double denormalise(float value)
{
    return (value * GTCNN_PIXEL_STD + GTCNN_PIXEL_MEAN) * 255;
}

static long double overlap(long double a0, long double a1, long double b0, long double b1)
{
    long double from = a0 > b0 ? a0 : b0, to = a1 < b1 ? a1 : b1;
    return to > from ? to - from : 0;
}

/* The mean of the image over the box of output pixel (y, x), by its definition. */
static long double direct(const uint8_t *in, uint32_t h, uint32_t w, uint32_t oh, uint32_t ow, uint32_t y, uint32_t x)
{
    long double sum = 0, area = 0, sy = (long double)h / oh, sx = (long double)w / ow;
    for (uint32_t j = 0; j < h; j++)
        for (uint32_t i = 0; i < w; i++) {
            long double a = overlap(y * sy, (y + 1) * sy, j, j + 1) * overlap(x * sx, (x + 1) * sx, i, i + 1);
            sum += a * in[j * w + i];
            area += a;
        }
    return sum / area;
}

static void agrees_with_the_definition(void **state)
{
    (void)state;
    static const uint32_t shapes[][4] = {{28, 28, 14, 14}, {28, 28, 16, 16}, {28, 28, 19, 19}, {28, 28, 21, 21},
                                         {28, 28, 28, 28}, {28, 28, 40, 33}, {1, 1, 5, 7},     {3, 5, 1, 1},
                                         {7, 2, 3, 5},     {5, 9, 11, 2}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const uint32_t *d = shapes[s];
        uint8_t in[28 * 28];
        float out[40 * 40];
        uint32_t x = 7;
        for (uint32_t i = 0; i < d[0] * d[1]; i++)
            in[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
        struct gtcnn_resizer r;
        assert_int_equal(gtcnn_resizer_init(&r, d[0], d[1], d[2], d[3]), 0);
        gtcnn_resizer_apply(&r, in, GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD, out, 1);
        for (uint32_t y = 0; y < d[2]; y++)
            for (uint32_t c = 0; c < d[3]; c++) {
                double want = (double)direct(in, d[0], d[1], d[2], d[3], y, c);
                if (fabs(denormalise(out[y * d[3] + c]) - want) > 1e-3)
                    fail_msg("shape %zu, pixel %u %u: %g, not %g", s, y, c, denormalise(out[y * d[3] + c]), want);
            }
        gtcnn_resizer_free(&r);
    }
}

static void halving_is_the_mean_of_four(void **state)
{
    (void)state;
    const uint8_t in[] = {0, 100, 200, 255, 20, 40, 255, 200};
    float out[2];
    struct gtcnn_resizer r;
    assert_int_equal(gtcnn_resizer_init(&r, 2, 4, 1, 2), 0);
    gtcnn_resizer_apply(&r, in, GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD, out, 1);
    assert_true(fabs(denormalise(out[0]) - 40) < 1e-3);
    assert_true(fabs(denormalise(out[1]) - 227.5) < 1e-3);
    gtcnn_resizer_free(&r);
}

/* The mean of an image does not change, whatever the sizes. */
static void keeps_the_mean(void **state)
{
    (void)state;
    uint8_t in[13 * 17];
    double mean = 0;
    for (size_t i = 0; i < sizeof in; i++)
        mean += in[i] = (uint8_t)(i * 37 % 251);
    mean /= sizeof in;
    for (uint32_t h = 1; h < 30; h += 3)
        for (uint32_t w = 1; w < 30; w += 4) {
            float out[30 * 30];
            double got = 0;
            struct gtcnn_resizer r;
            assert_int_equal(gtcnn_resizer_init(&r, 13, 17, h, w), 0);
            gtcnn_resizer_apply(&r, in, GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD, out, 1);
            for (uint32_t i = 0; i < h * w; i++)
                got += denormalise(out[i]);
            assert_true(fabs(got / (h * w) - mean) < 1e-3);
            gtcnn_resizer_free(&r);
        }
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct gtcnn_resizer r;
    assert_int_equal(gtcnn_resizer_init(&r, 0, 1, 1, 1), -1);
    assert_int_equal(gtcnn_resizer_init(&r, 1, 65536, 1, 1), -1);
    assert_int_equal(gtcnn_resizer_init(&r, 1, 1, 1, 0), -1);
    gtcnn_resizer_free(&r);
}

static void arg_max_takes_the_first_of_equals_and_no_nan(void **state)
{
    (void)state;
    assert_int_equal(gtcnn_predictions_argmax((float[]){1, 3, 3, 2}, 4), 1);
    assert_int_equal(gtcnn_predictions_argmax((float[]){NAN, -INFINITY, NAN}, 3), 1);
    assert_int_equal(gtcnn_predictions_argmax((float[]){-1, NAN, -2}, 3), 0);
    assert_int_equal(gtcnn_predictions_argmax((float[]){NAN, NAN, 5}, 3), 2);
    assert_int_equal(gtcnn_predictions_argmax((float[]){NAN, NAN}, 2), 0);
    assert_int_equal(gtcnn_predictions_argmax(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(halving_is_the_mean_of_four),
        cmocka_unit_test(keeps_the_mean),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(arg_max_takes_the_first_of_equals_and_no_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
