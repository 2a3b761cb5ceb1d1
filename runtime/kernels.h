/*
 * The seam between the plan and the arithmetic: one table of kernels per datatype and instruction set.
 *
 * A kernel computes one part of `parts` of one layer from plain arguments: it knows neither graph nor plan, allocates
 * nothing and calls nothing. Every output element is computed in exactly one part and in one order, so that results depend on
 * neither the number of parts nor the timing. Maps are NHWC; other arrays are described by strides.
 */
#ifndef GTCNN_KERNELS_H
#define GTCNN_KERNELS_H

#include "runtime/gtcnn.h"

#include <stdbool.h>

/* Applied to a result before it is stored. */
enum gtcnn_act {
    GTCNN_ACT_NONE,
    GTCNN_ACT_CLIP,
    GTCNN_ACT_RELU,
    GTCNN_ACT_SIGMOID,
    GTCNN_ACT_SILU,
    GTCNN_ACT_HARDSIGMOID,
    GTCNN_ACT_HARDSWISH
};

struct gtcnn_activation {
    enum gtcnn_act act;
    float a, b; /* clip: least, most; hard sigmoid: alpha, beta */
};

/* The most output channels that a panel of packed weights may have; each table has its own number of them. */
enum { GTCNN_PANEL_MOST = 16 };

/* Memory that a kernel may use while it computes one part: `step` floats of its own for each, 64-byte aligned. */
struct gtcnn_scratch {
    float *base;
    int64_t step;
};

/*
 * Convolution, x [n][h][w][groups * in] -> y [n][oh][ow][groups * out]; a matrix product is one of 1 x 1 with h = w = 1.
 * weights: per group and panel of so many output channels [kh][kw][in][panel], bias: per group and panel [panel], both padded
 * with zeros to whole panels. Narrow ones: per run of inputs that lie side by side (a row of the window, or one tap of a
 * dilated one) pairs of them, [run][pair][panel][2], the last with a zero where their number is odd. y = act(sum + bias +
 * residual).
 */
struct gtcnn_conv {
    const float *x, *weights, *bias;          /* bias never NULL */
    bool x_narrow, y_narrow, residual_narrow; /* those are bfloat16, two to a float; only where the table is narrow */
    const float *residual;                    /* what is added before the activation, where y is; NULL: nothing */
    float *y;
    const float *zeros;   /* `in` zeros: what lies outside the map */
    int64_t weights_step; /* floats from an image's weights to the next one's; 0: all have the same */
    int64_t n, h, w, in, oh, ow, out, groups;
    int64_t kernel[2], stride[2], dilation[2], pad[2]; /* height, width; pad: top, left */
    struct gtcnn_activation activation;
    struct gtcnn_scratch scratch;
    float *sums;   /* depthwise, beside y: sums over the pixels of each band of rows [n][bands][groups]; NULL: none */
    int64_t bands; /* of rows of y, as even as can be; at least 1 */
};

/*
 * A depthwise convolution has in = out = 1 and its channels as groups; its weights are [kh][kw][groups], with room for a panel
 * more behind them.
 */

/* A convolution and the depthwise one that alone reads it: what is between them is never stored as a whole. expand.y: unused.
 */
struct gtcnn_expand {
    struct gtcnn_conv expand, depthwise; /* depthwise.x: unused */
};

/* Weights of a pointwise convolution times a gate by input channel: y[image][panel][k][:] = weights[panel][k][:] *
 * gate[image][k] */
struct gtcnn_gate {
    const float *weights, *gate;
    float *y;
    int64_t n, panels, k;
};

/* The same done to a map: y[image][pixel][channel] = x[image][pixel][channel] * gate[image][channel] */
struct gtcnn_scale {
    const float *x, *gate;
    float *y;
    int64_t n, pixels, channels;
    bool narrow; /* x and y, as in gtcnn_conv */
};

/* Pooling over windows. */
struct gtcnn_pooling {
    const float *x;
    float *y;
    int64_t n, h, w, channels, oh, ow;
    int64_t kernel[2], stride[2], dilation[2], pad[4]; /* pad: top, left, bottom, right */
    bool max, count_padding;
};

/* Mean over all pixels of a map: x [n][pixels][channels] -> y [n][channels], sums divided by `divisor`. */
struct gtcnn_mean {
    const float *x;
    float *y;
    int64_t n, pixels, channels, divisor;
};

enum gtcnn_elementwise {
    GTCNN_ELEMENT_COPY,  /* y = act(a) */
    GTCNN_ELEMENT_ADD,   /* y = act(a + b) */
    GTCNN_ELEMENT_MUL,   /* y = act(a * b) */
    GTCNN_ELEMENT_SCALE, /* y = act(a * b + c) */
    GTCNN_ELEMENT_FILL   /* y = value */
};

/* Element by element over `dim`, where element (i0, i1, ...) stands at i0 * stride[0] + ..., stride 0 repeats; y, a, b and c
 * each with strides of their own. The last dimension should be y's densest. */
struct gtcnn_elements {
    enum gtcnn_elementwise op;
    uint32_t rank;
    int64_t dim[GTCNN_MAX_RANK];
    int64_t y_stride[GTCNN_MAX_RANK], stride[3][GTCNN_MAX_RANK];
    float *y;
    const float *operand[3]; /* a, b, c; NULL where the operation has fewer */
    float value;
    struct gtcnn_activation activation;
};

/* Mean or softmax along some dimensions of a strided array: `dim` the ones kept, `over` the ones reduced or normalised. */
struct gtcnn_along {
    const float *x;
    float *y;
    uint32_t rank, over_rank;
    int64_t dim[GTCNN_MAX_RANK], x_stride[GTCNN_MAX_RANK], y_stride[GTCNN_MAX_RANK];
    int64_t over[GTCNN_MAX_RANK], over_x[GTCNN_MAX_RANK], over_y[GTCNN_MAX_RANK];
};

#define GTCNN_BUILD(NAME) "compiler " __VERSION__ ", kernels " NAME

struct gtcnn_variants;

struct gtcnn_kernels {
    const char *name;      /* "fp32 reference" */
    const char *isa;       /* as GTCNN_ISA names it */
    const char *precision; /* "fp32", "bf16" */
    double macs_per_us;    /* about what one core multiplies and adds in a dense convolution (measured on an AMD EPYC) */
    const char *build;     /* compiler and kernels, for who compares runs */
    int64_t panel;         /* output channels of a panel of weights: 1 ... GTCNN_PANEL_MOST */
    bool narrow;           /* weights of dense convolutions are bfloat16, and maps between convolutions may be */
    void (*conv)(const struct gtcnn_conv *args, uint32_t part, uint32_t parts);
    void (*depthwise)(const struct gtcnn_conv *args, uint32_t part, uint32_t parts);
    void (*pooling)(const struct gtcnn_pooling *args, uint32_t part, uint32_t parts);
    void (*mean)(const struct gtcnn_mean *args, uint32_t part, uint32_t parts);
    void (*elements)(const struct gtcnn_elements *args, uint32_t part, uint32_t parts);
    void (*reduce_mean)(const struct gtcnn_along *args, uint32_t part, uint32_t parts);
    void (*softmax)(const struct gtcnn_along *args, uint32_t part, uint32_t parts);
    /* NULL in a table that executes layer by layer; then no convolution has a residual, sums or weights by image either. */
    void (*expand)(const struct gtcnn_expand *args, uint32_t part, uint32_t parts);
    void (*gate)(const struct gtcnn_gate *args, uint32_t part, uint32_t parts);
    void (*scale)(const struct gtcnn_scale *args, uint32_t part, uint32_t parts);
    /* Floats of scratch for one part; NULL: none. `expand` NULL: of the depthwise convolution alone. */
    int64_t (*conv_scratch)(const struct gtcnn_conv *args);
    int64_t (*depthwise_scratch)(const struct gtcnn_conv *expand, const struct gtcnn_conv *depthwise);
    const struct gtcnn_variants *variants; /* the tiles that these are made of (fast/variants.h); NULL: none */
    /* Into how many bands of rows a depthwise convolution is cut; by its shape alone. NULL: 1. */
    int64_t (*bands)(const struct gtcnn_conv *depthwise);
};

/* Plain C, the reference. */
extern const struct gtcnn_kernels gtcnn_kernels_ref;
#if defined(__x86_64__)
extern const struct gtcnn_kernels gtcnn_kernels_avx2, gtcnn_kernels_avx512, gtcnn_kernels_avx512_bf16;
#endif

/* The reference's parts, one file each. */
enum { GTCNN_REF_PANEL = 8 };
void gtcnn_ref_conv(const struct gtcnn_conv *args, uint32_t part, uint32_t parts);
void gtcnn_ref_depthwise(const struct gtcnn_conv *args, uint32_t part, uint32_t parts);
void gtcnn_ref_pooling(const struct gtcnn_pooling *args, uint32_t part, uint32_t parts);
void gtcnn_ref_mean(const struct gtcnn_mean *args, uint32_t part, uint32_t parts);
void gtcnn_ref_elements(const struct gtcnn_elements *args, uint32_t part, uint32_t parts);
void gtcnn_ref_reduce_mean(const struct gtcnn_along *args, uint32_t part, uint32_t parts);
void gtcnn_ref_softmax(const struct gtcnn_along *args, uint32_t part, uint32_t parts);
/* y[i] = act(y[i]) */
void gtcnn_ref_activate(const struct gtcnn_activation *activation, float *y, int64_t n);

#endif
