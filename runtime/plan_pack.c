/* Weights as the convolution kernels want them, batch normalisation folded in (in double precision). */
#include "runtime/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* gamma / sqrt(variance + epsilon): what the normalisation multiplies channel o with. */
static double scale_of(const struct gtcnn_packing *p, int64_t o)
{
    return p->gamma ? p->gamma[o] / sqrt((double)p->variance[o] + (double)p->epsilon) : 1;
}

static double bias_of(const struct gtcnn_packing *p, int64_t o)
{
    double bias = p->bias ? (double)p->bias_scale * p->bias[o * p->bias_stride] : 0;
    return p->gamma ? (bias - p->mean[o]) * scale_of(p, o) + p->beta[o] : bias;
}

/* The products are made in double precision and rounded once: exact for what is not normalised, and the same everywhere. */
typedef float four_t __attribute__((vector_size(16), aligned(4), may_alias));
typedef double four_double_t __attribute__((vector_size(32)));

static four_t times(double scale, const float *from)
{
    four_double_t wide = __builtin_convertvector(*(const four_t *)from, four_double_t);
    return __builtin_convertvector(wide * scale, four_t);
}

/* Four channels by four elements of each, turned round. */
static void pack_square(const double *scale, const float *from, int64_t stride, float *to, int64_t width)
{
    four_t a = times(scale[0], from), b = times(scale[1], from + stride), c = times(scale[2], from + 2 * stride),
           d = times(scale[3], from + 3 * stride);
    four_t ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    four_t ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four_t *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four_t *)(to + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four_t *)(to + 2 * width) = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
    *(four_t *)(to + 3 * width) = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
}

/* One element of each of `count` channels: columns of a matrix, mostly, that stand side by side. */
static void pack_row(const double *scale, const float *from, int64_t stride, int64_t count, float *to)
{
    for (int64_t o = 0; o < count; o++)
        to[o] = (float)(scale[o] * from[o * stride]);
}

/* Channels that are rows of `n` adjacent elements: nearly all there is to pack, hence in squares. */
static void pack_rows(const double *scale, const float *from, int64_t stride, int64_t count, int64_t n, float *to,
                      int64_t width)
{
    int64_t squares = count / 4 * 4, k = 0;
    for (; k + 4 <= n; k += 4) {
        for (int64_t o = 0; o < squares; o += 4)
            pack_square(scale + o, from + o * stride + k, stride, to + k * width + o, width);
        for (int64_t i = k; i < k + 4 && squares < count; i++)
            pack_row(scale + squares, from + squares * stride + i, stride, count - squares, to + i * width + squares);
    }
    for (; k < n; k++)
        pack_row(scale, from + k, stride, count, to + k * width);
}

/* `count` channels from `first` on, of all channels, as a panel [taps][in][width]; what is beyond them stays as it is. */
static void pack_panel(const struct gtcnn_packing *p, const struct gtcnn_conv *a, int64_t first, int64_t count, int64_t width,
                       float *panel)
{
    int64_t taps = a->kernel[0] * a->kernel[1];
    const float *from = p->weights + first * p->out_stride;
    double scale[GTCNN_PANEL_MOST];
    for (int64_t o = 0; o < count; o++)
        scale[o] = scale_of(p, first + o) * (double)p->weight_scale;
    if (taps == 1 && p->in_stride == 1)
        pack_rows(scale, from, p->out_stride, count, a->in, panel, width);
    else
        for (int64_t t = 0; t < taps; t++)
            for (int64_t i = 0; i < a->in; i++)
                pack_row(scale, from + i * p->in_stride + t, p->out_stride, count, panel + (t * a->in + i) * width);
}

/* bfloat16, to the nearest, ties to even (Intel's definition of the format); what is no number stays none. */
static uint32_t narrow(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

/* A panel of floats [k][width] as words of two: [run][pair][width]; see kernels.h. */
static void pack_pairs(const struct gtcnn_conv *a, const float *panel, int64_t width, float *to)
{
    bool joined = a->dilation[1] == 1;
    int64_t runs = a->kernel[0] * (joined ? 1 : a->kernel[1]), run = joined ? a->kernel[1] * a->in : a->in;
    for (int64_t r = 0; r < runs; r++, panel += run * width)
        for (int64_t k = 0; k < run; k += 2)
            for (int64_t o = 0; o < width; o++, to++) {
                uint32_t word = narrow(panel[k * width + o]) | (k + 1 < run ? narrow(panel[(k + 1) * width + o]) << 16 : 0);
                memcpy(to, &word, sizeof word);
            }
}

/* Words of a panel. */
static int64_t words_of(const struct gtcnn_conv *a, int64_t width)
{
    bool joined = a->dilation[1] == 1;
    int64_t runs = a->kernel[0] * (joined ? 1 : a->kernel[1]), run = joined ? a->kernel[1] * a->in : a->in;
    return runs * ((run + 1) / 2) * width;
}

/* Panels of all groups, one after the other. */
static int64_t panels_of(const struct gtcnn_plan *plan, const struct gtcnn_conv *a)
{
    return (a->out + plan->kernels->panel - 1) / plan->kernels->panel;
}

static float *pack_panels(struct gtcnn_plan *plan, const struct gtcnn_packing *p, const struct gtcnn_conv *a)
{
    bool pairs = plan->kernels->narrow && p->for_product;
    int64_t width = plan->kernels->panel, panels = panels_of(plan, a), size = a->kernel[0] * a->kernel[1] * a->in * width;
    int64_t packed_size = pairs ? words_of(a, width) : size;
    float *packed = gtcnn_plan_add_constant(plan, a->groups * panels * packed_size);
    float *panel = pairs && packed ? calloc((size_t)size + 1, sizeof *panel) : packed;
    if (!panel)
        return NULL;
    for (int64_t i = 0; i < a->groups * panels; i++) {
        int64_t first = i % panels * width, count = a->out - first < width ? a->out - first : width;
        if (pairs)
            memset(panel, 0, (size_t)size * sizeof *panel);
        pack_panel(p, a, i / panels * a->out + first, count, width, pairs ? panel : packed + i * size);
        if (pairs)
            pack_pairs(a, panel, width, packed + i * packed_size);
    }
    if (pairs)
        free(panel);
    return packed;
}

static float *pack_depthwise(struct gtcnn_plan *plan, const struct gtcnn_packing *p, const struct gtcnn_conv *a)
{
    int64_t taps = a->kernel[0] * a->kernel[1];
    float *packed = gtcnn_plan_add_constant(plan, taps * a->groups + plan->kernels->panel);
    for (int64_t c = 0; packed && c < a->groups; c++) {
        double scale = scale_of(p, c);
        for (int64_t t = 0; t < taps; t++)
            packed[t * a->groups + c] = (float)(scale * (double)p->weights[c * taps + t]);
    }
    return packed;
}

enum gtcnn_status gtcnn_plan_pack(struct gtcnn_plan *plan, const struct gtcnn_packing *p, struct gtcnn_conv *a)
{
    bool depthwise = a->in == 1 && a->out == 1 && a->groups > 1;
    int64_t width = plan->kernels->panel, padded = depthwise ? a->out : panels_of(plan, a) * width;
    float *bias = gtcnn_plan_add_constant(plan, padded * a->groups + width);
    float *packed = depthwise ? pack_depthwise(plan, p, a) : pack_panels(plan, p, a);
    if (!bias || !packed)
        return GTCNN_E_NOMEM;
    for (int64_t g = 0; g < a->groups; g++)
        for (int64_t o = 0; o < a->out; o++)
            bias[g * padded + o] = (float)bias_of(p, g * a->out + o);
    a->weights = packed;
    a->bias = bias;
    return GTCNN_OK;
}
