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

static void pack_channel(const struct gtcnn_packing *p, const struct gtcnn_conv *a, int64_t group, int64_t o, int64_t width,
                         float *panel)
{
    int64_t taps = a->kernel[0] * a->kernel[1], channel = group * a->out + o;
    double scale = scale_of(p, channel) * (double)p->weight_scale;
    const float *from = p->weights + channel * p->out_stride;
    for (int64_t i = 0; i < a->in; i++)
        for (int64_t t = 0; t < taps; t++)
            panel[(t * a->in + i) * width + o % width] = (float)(scale * from[i * p->in_stride + t]);
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
        for (int64_t o = 0; o < count; o++)
            pack_channel(p, a, i / panels, first + o, width, pairs ? panel : packed + i * size);
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
    for (int64_t c = 0; packed && c < a->groups; c++)
        for (int64_t t = 0; t < taps; t++)
            packed[t * a->groups + c] = (float)(scale_of(p, c) * (double)p->weights[c * taps + t]);
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
