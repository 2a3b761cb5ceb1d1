/* The kernels of one instruction set, put together: included behind its vector, with NAME, ISA, TABLE and MACS_PER_US
 * defined. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/fast/conv.h"
#include "runtime/fast/mbconv.h"
#include "runtime/fast/pointwise.h"

const struct gtcnn_kernels TABLE = {
    .name = NAME,
    .isa = ISA,
    .precision = PAIR == 2 ? "bf16" : "fp32",
    .build = GTCNN_BUILD(NAME),
    .panel = VL,
    .macs_per_us = MACS_PER_US,
    .conv = f32_conv,
    .depthwise = f32_depthwise,
    .pooling = gtcnn_ref_pooling,
    .mean = f32_mean,
    .elements = f32_elements,
    .reduce_mean = gtcnn_ref_reduce_mean,
    .softmax = gtcnn_ref_softmax,
    .expand = f32_expand,
    .gate = f32_gate,
    .scale = f32_scale,
    .narrow = PAIR == 2,
    .conv_scratch = f32_conv_scratch,
    .depthwise_scratch = f32_depthwise_scratch,
    .bands = f32_depthwise_bands,
};
