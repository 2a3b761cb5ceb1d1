/* Every tile of every instruction set and datatype that this processor has, against a computation in double precision. */
#include "runtime/fast/variants.h"
#include "runtime/isa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Room for the largest: 14 pixels of a window of 3 x 2 runs of 40 words, 8 panels, 14 outputs of 5 x 5 at stride 2. */
enum { WORDS = 3 * 2 * 40, LANES = 16, INPUT = 16384, WEIGHTS = 8 * WORDS * LANES, TILE = 28 * LANES };

struct room {
    _Alignas(64) float x[INPUT], w[WEIGHTS + 4096], bias[8 * LANES], tile[TILE + 1];
    double wanted[TILE];
};

static uint32_t state = 1;

static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u; /* Numerical Recipes' */
    return state >> 8;
}

/* Small multiples of 1/8: bfloat16 has them exactly. */
static float number(void)
{
    return (float)((int)(draw() % 63) - 31) / 8;
}

/* A word of one float, or of two bfloat16. */
static float word(int pair)
{
    float value[2] = {number(), number()}, out;
    uint32_t bits[2];
    memcpy(bits, value, sizeof bits);
    bits[0] = pair == 2 ? bits[0] >> 16 | (bits[1] & 0xffff0000u) : bits[0];
    memcpy(&out, bits, sizeof out);
    return out;
}

static double times(float a, float b, int pair)
{
    uint32_t x, y, top[4];
    float value[4];
    if (pair == 1)
        return (double)a * b;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    top[0] = x << 16, top[1] = y << 16, top[2] = x & 0xffff0000u, top[3] = y & 0xffff0000u;
    memcpy(value, top, sizeof value);
    return (double)value[0] * value[1] + (double)value[2] * value[3];
}

static void fill(struct room *room, int pair)
{
    for (int i = 0; i < INPUT; i++)
        room->x[i] = word(pair);
    for (int i = 0; i < WEIGHTS + 4096; i++)
        room->w[i] = word(pair);
    for (int i = 0; i < 8 * LANES; i++)
        room->bias[i] = number();
    for (int i = 0; i <= TILE; i++)
        room->tile[i] = 12345;
}

/* The tile, and that nothing behind it was written. */
static void compare(const struct room *room, int count, double bound, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!(fabs(room->tile[i] - room->wanted[i]) <= bound))
            fail_msg("%s: element %d is %g, wanted %g", name, i, (double)room->tile[i], room->wanted[i]);
    if (room->tile[count] != 12345)
        fail_msg("%s wrote beyond its tile", name);
}

static void check_gemm(const struct gtcnn_variant *v, const struct gtcnn_variants *all, struct room *room)
{
    struct gemm_window window = {.lines = 1 + draw() % 3, .taps = 1 + draw() % 2, .k = 1 + draw() % 40};
    int64_t words = window.lines * window.taps * window.k, step = window.taps * window.k + draw() % 5;
    window.tap_bytes = (size_t)window.k * sizeof(float);
    window.line_bytes = (size_t)(14 * step) * sizeof(float);
    struct gemm g = {.a = (const char *)room->x,
                     .a_bytes = (size_t)step * sizeof(float),
                     .window = &window,
                     .b = room->w,
                     .b_bytes = (size_t)(words * all->lanes) * sizeof(float),
                     .bias = room->bias,
                     .tile = room->tile,
                     .tile_step = v->panels * all->lanes,
                     .ahead = {room->x, room->w}};
    fill(room, all->pair);
    for (int r = 0; r < v->rows; r++)
        for (int c = 0; c < v->panels * all->lanes; c++) {
            const float *w = room->w + c / all->lanes * words * all->lanes + c % all->lanes;
            double sum = room->bias[c];
            for (int64_t line = 0; line < window.lines; line++)
                for (int64_t i = 0; i < window.taps * window.k; i++, w += all->lanes)
                    sum += times(room->x[line * 14 * step + r * step + i], *w, all->pair);
            room->wanted[r * v->panels * all->lanes + c] = sum;
        }
    v->gemm(&g);
    compare(room, v->rows * v->panels * all->lanes, 1e-3, v->name);
}

static void check_depthwise(const struct gtcnn_variant *v, const struct gtcnn_variants *all, struct room *room)
{
    int64_t columns = (v->outputs - 1) * v->stride + v->kernel, lanes = all->lanes, step = columns * lanes;
    const struct depthwise_map map = {room->x, room->x + 6 * step, 4 + draw() % 4, 6, step};
    struct depthwise d = {.map = &map,
                          .top = (int64_t)(draw() % 6) - 2,
                          .x_step = lanes,
                          .w = room->w,
                          .w_step = lanes,
                          .bias = room->bias,
                          .tile = room->tile,
                          .kernel = {v->kernel, v->kernel},
                          .stride = v->stride,
                          .dilation = {1, 1}};
    d.slot = (d.top + 6) % 6;
    fill(room, 1);
    for (int o = 0; o < v->outputs; o++)
        for (int64_t c = 0; c < lanes; c++) {
            double sum = room->bias[c];
            for (int64_t kh = 0; kh < v->kernel; kh++)
                for (int64_t kw = 0; kw < v->kernel; kw++) {
                    int64_t row = d.top + kh, slot = row < 0 || row >= map.h ? 6 : row % 6;
                    sum += (double)room->x[slot * step + (o * v->stride + kw) * lanes + c] *
                           room->w[(kh * v->kernel + kw) * lanes + c];
                }
            room->wanted[o * lanes + c] = sum;
        }
    v->depthwise(&d);
    compare(room, v->outputs * (int)lanes, 1e-3, v->name);
}

static void every_tile_is_exact(void **unused)
{
    (void)unused;
    struct room *room = aligned_alloc(64, (sizeof *room + 63) / 64 * 64);
    const struct gtcnn_kernels *kernels;
    int tiles = 0;
    assert_non_null(room);
    for (uint32_t i = 0; (kernels = gtcnn_isa_at(i)); i++)
        for (const struct gtcnn_variant *v = kernels->variants ? kernels->variants->rows : NULL; v && v->name; v++)
            for (int round = 0; round < 20; round++, tiles++) {
                if (v->gemm)
                    check_gemm(v, kernels->variants, room);
                else
                    check_depthwise(v, kernels->variants, room);
            }
    free(room);
    if (tiles == 0) {
        print_message("skipped: this processor has none of the instruction sets that tiles are written for\n");
        skip();
    }
}

/* The name says datatype, operator, tile and instruction set, as the entry's other members do. */
static void names_say_what_they_are(void **unused)
{
    (void)unused;
    const struct gtcnn_kernels *kernels;
    char name[64];
    for (uint32_t i = 0; (kernels = gtcnn_isa_at(i)); i++)
        for (const struct gtcnn_variant *v = kernels->variants ? kernels->variants->rows : NULL; v && v->name; v++) {
            const char *type = kernels->variants->pair == 2 ? "bf16" : "f32";
            if (v->gemm)
                snprintf(name, sizeof name, "%s-gemm-%dx%d-%s", type, v->rows, v->panels, kernels->isa);
            else
                snprintf(name, sizeof name, "%s-depthwise-%ds%d-%d-%s", type, v->kernel, v->stride, v->outputs, kernels->isa);
            assert_string_equal(v->name, name);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_is_exact),
        cmocka_unit_test(names_say_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
