/* The reference kernels' table, and what all of them apply to their results. */
#include "runtime/kernels.h"

#include <math.h>

const struct gtcnn_kernels gtcnn_kernels_ref = {
    .name = "fp32 reference",
    .isa = "c",
    .precision = "fp32",
    .build = GTCNN_BUILD("fp32 reference"),
    .panel = GTCNN_REF_PANEL,
    .macs_per_us = 7000,
    .conv = gtcnn_ref_conv,
    .depthwise = gtcnn_ref_depthwise,
    .pooling = gtcnn_ref_pooling,
    .mean = gtcnn_ref_mean,
    .elements = gtcnn_ref_elements,
    .reduce_mean = gtcnn_ref_reduce_mean,
    .softmax = gtcnn_ref_softmax,
};

/* NaN stays NaN, as ONNX has it. */
static float clip(float v, float least, float most)
{
    v = v < least ? least : v;
    return v > most ? most : v;
}

static void hard(const struct gtcnn_activation *activation, float *y, int64_t n, int swish)
{
    for (int64_t i = 0; i < n; i++) {
        float gate = clip(activation->a * y[i] + activation->b, 0, 1);
        y[i] = swish ? y[i] * gate : gate;
    }
}

void gtcnn_ref_activate(const struct gtcnn_activation *activation, float *y, int64_t n)
{
    switch (activation->act) {
    case GTCNN_ACT_NONE:
        break;
    case GTCNN_ACT_CLIP:
        for (int64_t i = 0; i < n; i++)
            y[i] = clip(y[i], activation->a, activation->b);
        break;
    case GTCNN_ACT_RELU:
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] < 0 ? 0 : y[i];
        break;
    case GTCNN_ACT_SIGMOID:
        for (int64_t i = 0; i < n; i++)
            y[i] = 1 / (1 + expf(-y[i]));
        break;
    case GTCNN_ACT_SILU:
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] / (1 + expf(-y[i]));
        break;
    case GTCNN_ACT_HARDSIGMOID:
        hard(activation, y, n, 0);
        break;
    case GTCNN_ACT_HARDSWISH:
        hard(activation, y, n, 1);
        break;
    }
}
