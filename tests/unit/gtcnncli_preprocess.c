/* Resampling against its definition, computed directly; crops against the formulas they are known by; options and text. */
#include "runtime/cli/preprocess.h"
#include "runtime/cli/resize.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { SIDE = 40 };

static const struct gtcnn_shape *input(int64_t channels, int64_t height, int64_t width)
{
    static struct gtcnn_shape shape;
    shape = (struct gtcnn_shape){4, {1, channels, height, width}};
    return &shape;
}

static void noise(uint8_t *rgb, size_t n)
{
    uint32_t x = 99;
    for (size_t i = 0; i < n; i++)
        rgb[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}

static double kernel(enum gtcnn_filter filter, double x)
{
    x = fabs(x);
    if (filter == GTCNN_FILTER_BILINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1)
        return 1.5 * x * x * x - 2.5 * x * x + 1;
    return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

/* Output (y, x) of channel c as a sum over all pixels that may be looked at. */
static double direct(const uint8_t *rgb, uint32_t w, const struct gtcnn_span s[2], const uint32_t out[2], uint32_t y,
                     uint32_t x, uint32_t c, enum gtcnn_filter filter)
{
    double sum = 0, weights = 0, sy = s[0].length / out[0], sx = s[1].length / out[1];
    for (uint32_t j = s[0].lo; j < s[0].hi; j++)
        for (uint32_t i = s[1].lo; i < s[1].hi; i++) {
            double a = kernel(filter, (j + 0.5 - s[0].begin - (y + 0.5) * sy) / fmax(1, sy)) *
                       kernel(filter, (i + 0.5 - s[1].begin - (x + 0.5) * sx) / fmax(1, sx));
            sum += a * rgb[(j * w + i) * 3 + c];
            weights += a;
        }
    return sum / weights;
}

/* Sizes in, sizes out, and the box: as parts of the image, and whether only it may be looked at. */
static const struct {
    uint32_t h, w, out_h, out_w;
    double begin, length;
    int clipped;
} CASES[] = {
    {20, 30, 20, 30, 0, 1, 0},     {20, 30, 7, 5, 0, 1, 0}, {5, 6, 31, 17, 0, 1, 0},
    {1, 1, 4, 3, 0, 1, 0},         {40, 1, 3, 4, 0, 1, 0},  {31, 29, 10, 12, 0.2, 0.6, 0},
    {31, 29, 10, 12, 0.2, 0.6, 1}, {40, 40, 1, 1, 0, 1, 0}, {12, 13, 16, 16, 0.1, 0.5, 1},
};

static struct gtcnn_span box(uint32_t side, double begin, double length, int clipped)
{
    if (!clipped)
        return (struct gtcnn_span){begin * side, length * side, 0, side};
    uint32_t lo = (uint32_t)(begin * side), n = (uint32_t)(length * side);
    return (struct gtcnn_span){lo, n, lo, lo + n};
}

static void resampling_agrees_with_the_definition(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    (void)state;
    noise(rgb, sizeof rgb);
    for (size_t i = 0; i < COUNT(CASES) * 2; i++) {
        enum gtcnn_filter filter = i % 2 ? GTCNN_FILTER_BILINEAR : GTCNN_FILTER_BICUBIC;
        const uint32_t out[2] = {CASES[i / 2].out_h, CASES[i / 2].out_w}, w = CASES[i / 2].w;
        const struct gtcnn_span s[2] = {box(CASES[i / 2].h, CASES[i / 2].begin, CASES[i / 2].length, CASES[i / 2].clipped),
                                        box(w, CASES[i / 2].begin, CASES[i / 2].length, CASES[i / 2].clipped)};
        struct gtcnn_resampler r;
        double row[SIDE * 3];
        assert_int_equal(gtcnn_resampler_init(&r, filter, &s[0], &s[1], out[0], out[1]), 0);
        for (uint32_t y = 0; y < out[0]; y++) {
            gtcnn_resampler_row(&r, rgb, w, y, row);
            for (uint32_t x = 0; x < out[1] * 3; x++) {
                double want = direct(rgb, w, s, out, y, x / 3, x % 3, filter);
                if (fabs(row[x] - want) > 1e-9)
                    fail_msg("case %zu, row %u, value %u: %.12g, not %.12g", i, y, x, row[x], want);
            }
        }
        gtcnn_resampler_free(&r);
    }
}

static void weights_sum_to_one(void **state)
{
    (void)state;
    for (uint32_t in = 1; in < 60; in += 3)
        for (uint32_t out = 1; out < 60; out += 4) {
            const struct gtcnn_span s = {0, in, 0, in};
            struct gtcnn_resampler r;
            assert_int_equal(gtcnn_resampler_init(&r, out % 2 ? GTCNN_FILTER_BICUBIC : GTCNN_FILTER_BILINEAR, &s, &s, out, out),
                             0);
            for (uint32_t i = 0; i < out; i++) {
                double sum = 0;
                assert_true(r.rows[i].count >= 1 && r.rows[i].first + r.rows[i].count <= in);
                for (uint32_t k = 0; k < r.rows[i].count; k++)
                    sum += r.rows[i].weight[k];
                assert_true(fabs(sum - 1) < 1e-12);
            }
            gtcnn_resampler_free(&r);
        }
}

/* The same size is the same image, exactly; one colour stays that colour. */
static void identity_and_constants(void **state)
{
    static uint8_t rgb[SIDE * SIDE * 3];
    static float out[3 * SIDE * SIDE];
    struct gtcnn_recipe r;
    const struct gtcnn_image image = {SIDE, SIDE, rgb};
    const struct gtcnn_cli_args whole = {.crop = "none", .mean = "0", .std = "1"};
    (void)state;
    noise(rgb, sizeof rgb);
    assert_int_equal(gtcnn_recipe_settle(&r, &whole, input(3, SIDE, SIDE), false, NULL), GTCNN_OK);
    assert_int_equal(gtcnn_recipe_apply(&r, &image, out, NULL), GTCNN_OK);
    for (uint32_t i = 0; i < SIDE * SIDE * 3; i++)
        assert_true(out[i % 3 * SIDE * SIDE + i / 3] == (float)(rgb[i] / 255.0));
    memset(rgb, 77, sizeof rgb);
    const struct gtcnn_cli_args recipes[] = {
        {.resize = 0}, {.crop = "none"}, {.resize = 30}, {.crop = "9"}, {.interpolation = "bilinear"}};
    for (size_t i = 0; i < COUNT(recipes); i++) {
        assert_int_equal(gtcnn_recipe_settle(&r, &recipes[i], input(3, 23, 29), false, NULL), GTCNN_OK);
        assert_int_equal(gtcnn_recipe_apply(&r, &image, out, NULL), GTCNN_OK);
        for (uint32_t k = 0; k < 3 * 23 * 29; k++)
            assert_true(fabs(out[k] - (77 / 255.0 - r.mean[k / (23 * 29)]) / r.std[k / (23 * 29)]) < 1e-6);
    }
    assert_int_equal(gtcnn_recipe_settle(&r, &recipes[0], input(1, 23, 29), false, NULL), GTCNN_OK);
    assert_int_equal(gtcnn_recipe_apply(&r, &image, out, NULL), GTCNN_OK);
    assert_true(fabs(out[100] - (77 / 255.0 - GTCNN_PIXEL_MEAN) / GTCNN_PIXEL_STD) < 1e-6);
}

/* The same values, whichever dimension the channels are. */
static void channels_may_stand_last(void **state)
{
    enum { H = 5, W = 7 };
    static uint8_t rgb[SIDE * SIDE * 3];
    const struct gtcnn_image image = {SIDE, SIDE, rgb};
    const struct gtcnn_shape last = {4, {1, H, W, 3}}, no[] = {{4, {1, 2, H, W}}, {3, {3, H, W}}};
    struct gtcnn_recipe r, l;
    float first[3 * H * W], out[3 * H * W];
    (void)state;
    noise(rgb, sizeof rgb);
    assert_true(gtcnn_recipe_fits(&last) && gtcnn_recipe_fits(input(3, H, W)) && gtcnn_recipe_fits(input(1, H, W)));
    assert_false(gtcnn_recipe_fits(&no[0]) || gtcnn_recipe_fits(&no[1]));
    assert_int_equal(gtcnn_recipe_settle(&r, &(struct gtcnn_cli_args){.resize = 9}, input(3, H, W), false, NULL), GTCNN_OK);
    assert_int_equal(gtcnn_recipe_settle(&l, &(struct gtcnn_cli_args){.resize = 9}, &last, false, NULL), GTCNN_OK);
    assert_true(l.channels_last && !r.channels_last && l.height == H && l.width == W && l.channels == 3);
    assert_string_equal(r.text, l.text);
    assert_int_equal(gtcnn_recipe_apply(&r, &image, first, NULL), GTCNN_OK);
    assert_int_equal(gtcnn_recipe_apply(&l, &image, out, NULL), GTCNN_OK);
    for (int i = 0; i < H * W * 3; i++)
        assert_true(out[i] == first[i % 3 * H * W + i / 3]);
}

/* Of colours, a grey model sees the luma. */
static void grey_models_see_luma(void **state)
{
    uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    float out[4];
    struct gtcnn_recipe r;
    (void)state;
    assert_int_equal(
        gtcnn_recipe_settle(&r, &(struct gtcnn_cli_args){.crop = "none", .mean = "0", .std = "1"}, input(1, 2, 2), false, NULL),
        GTCNN_OK);
    assert_int_equal(gtcnn_recipe_apply(&r, &(struct gtcnn_image){2, 2, rgb}, out, NULL), GTCNN_OK);
    const double want[] = {0.299, 0.587, 0.114, 1};
    for (int i = 0; i < 4; i++)
        assert_true(fabs(out[i] - want[i]) < 1e-6);
}

static void boxes_are_those_of_the_formulas(void **state)
{
    static const struct {
        struct gtcnn_cli_args args;
        uint32_t side, h, w;
        double want[4]; /* begin and length of rows, of columns */
    } cases[] = {
        {{.resize = 0}, 224, 256, 256, {16, 224, 16, 224}},
        {{.resize = 0}, 224, 375, 500, {24, 328, 86, 328}}, /* floor(224 x 375 / 256) = 328; (375 - 328 + 1) / 2 = 24 */
        {{.resize = 0}, 300, 100, 90, {10, 81, 5, 81}},     /* floor(300 x 90 / 332) = 81 */
        {{.resize = 256}, 224, 256, 300, {16, 224, 38, 224}},
        {{.resize = 256}, 224, 512, 512, {32, 448, 32, 448}},
        {{.resize = 256, .crop = "128"}, 64, 256, 256, {64, 128, 64, 128}},
        {{.crop = "96"}, 64, 128, 128, {16, 96, 16, 96}},
        {{.crop = "none"}, 64, 10, 500, {0, 10, 0, 500}},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gtcnn_recipe r;
        struct gtcnn_span s[2];
        assert_int_equal(gtcnn_recipe_settle(&r, &cases[i].args, input(3, cases[i].side, cases[i].side), false, NULL),
                         GTCNN_OK);
        gtcnn_recipe_spans(&r, cases[i].h, cases[i].w, s);
        const double got[] = {s[0].begin, s[0].length, s[1].begin, s[1].length};
        for (int k = 0; k < 4; k++)
            if (fabs(got[k] - cases[i].want[k]) > 1e-9)
                fail_msg("case %zu: number %d is %g, not %g", i, k, got[k], cases[i].want[k]);
    }
}

/* Boxes stay inside of every image, however thin. */
static void boxes_stay_inside(void **state)
{
    const struct gtcnn_cli_args recipes[] = {{.resize = 0}, {.resize = 300}, {.crop = "500"}, {.crop = "none"}};
    (void)state;
    for (uint32_t h = 1; h < 2000; h = h * 3 + 1)
        for (uint32_t w = 1; w < 65500; w = w * 4 + 3)
            for (size_t i = 0; i < COUNT(recipes); i++) {
                struct gtcnn_recipe r;
                struct gtcnn_span s[2];
                assert_int_equal(gtcnn_recipe_settle(&r, &recipes[i], input(3, 224, 200), false, NULL), GTCNN_OK);
                gtcnn_recipe_spans(&r, h, w, s);
                const uint32_t side[2] = {h, w};
                for (int k = 0; k < 2; k++)
                    assert_true(s[k].length > 0 && s[k].hi > s[k].lo && s[k].hi <= side[k] && s[k].begin >= s[k].lo - 1e-9 &&
                                s[k].begin + s[k].length <= s[k].hi + 1e-9);
            }
}

static void recipes_have_a_text(void **state)
{
    static const struct {
        struct gtcnn_cli_args args;
        int64_t channels;
        bool idx;
        const char *want;
    } cases[] = {
        {{.resize = 0}, 3, false, "resize=input+32 crop=input bicubic mean=0.485,0.456,0.406 std=0.229,0.224,0.225"},
        {{.resize = 0}, 1, false, "resize=input+32 crop=input bicubic mean=0.286 std=0.353"},
        {{.resize = 0}, 1, true, "resize=area mean=0.286 std=0.353"},
        {{.resize = 0}, 3, true, "resize=area mean=0.286,0.286,0.286 std=0.353,0.353,0.353"},
        {{.mean = "0.5", .std = "1,0.25,1e-3"}, 3, true, "resize=area mean=0.5,0.5,0.5 std=1,0.25,0.001"},
        {{.resize = 256, .interpolation = "bilinear"}, 1, false, "resize=256 crop=input bilinear mean=0.286 std=0.353"},
        {{.crop = "24", .interpolation = "bicubic"}, 1, false, "resize=crop+32 crop=24 bicubic mean=0.286 std=0.353"},
        {{.crop = "none"}, 1, false, "resize=none crop=none bicubic mean=0.286 std=0.353"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gtcnn_recipe r;
        assert_int_equal(gtcnn_recipe_settle(&r, &cases[i].args, input(cases[i].channels, 20, 20), cases[i].idx, NULL),
                         GTCNN_OK);
        assert_string_equal(r.text, cases[i].want);
    }
}

static void impossible_recipes_are_refused(void **state)
{
    static const struct {
        struct gtcnn_cli_args args;
        bool idx;
        const char *text;
    } cases[] = {
        {{.crop = "0"}, false, "--crop 0: wants"},
        {{.crop = "70000"}, false, "--crop 70000: wants"},
        {{.crop = "12a"}, false, "--crop 12a: wants"},
        {{.resize = 30, .crop = "none"}, false, "no meaning"},
        {{.resize = 30, .crop = "31"}, false, "--resize 30: the crop of 31 pixels"},
        {{.resize = 19}, false, "--resize 19: the crop of 20 pixels"},
        {{.mean = "0.1,0.2"}, false, "--mean 0.1,0.2: wants R,G,B"},
        {{.mean = "0.1,0.2,0.3,0.4"}, false, "--mean"},
        {{.mean = "1.5"}, false, "--mean 1.5"},
        {{.mean = "0x1"}, false, "--mean 0x1"},
        {{.mean = "0.1,,0.2"}, false, "--mean"},
        {{.std = "0"}, false, "--std 0: wants"},
        {{.std = "nan"}, false, "--std nan: wants"},
        {{.resize = 30}, true, "--resize is for folders"},
        {{.crop = "none"}, true, "--crop is for folders"},
        {{.interpolation = "bicubic"}, true, "--interpolation is for folders"},
        {{.classes = "c"}, true, "--classes is for folders"},
    };
    struct gtcnn_recipe r;
    struct gtcnn_err err = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        err.text[0] = '\0';
        if (gtcnn_recipe_settle(&r, &cases[i].args, input(3, 20, 20), cases[i].idx, &err) != GTCNN_E_ARG ||
            !strstr(err.text, cases[i].text))
            fail_msg("case %zu: \"%s\", not \"%s\"", i, err.text, cases[i].text);
    }
    assert_int_equal(gtcnn_recipe_settle(&r, &(struct gtcnn_cli_args){.mean = "0,0,0"}, input(1, 9, 9), false, &err),
                     GTCNN_E_ARG);
    assert_non_null(strstr(err.text, "one channel"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resampling_agrees_with_the_definition),
        cmocka_unit_test(weights_sum_to_one),
        cmocka_unit_test(identity_and_constants),
        cmocka_unit_test(channels_may_stand_last),
        cmocka_unit_test(grey_models_see_luma),
        cmocka_unit_test(boxes_are_those_of_the_formulas),
        cmocka_unit_test(boxes_stay_inside),
        cmocka_unit_test(recipes_have_a_text),
        cmocka_unit_test(impossible_recipes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
