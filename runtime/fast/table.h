/* The kernels of one instruction set, put together: included behind its vector, with NAME, DATATYPE, ISA, TABLE and MACS_PER_US
 * defined. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <stdbool.h>
#include <string.h>

#include "runtime/fast/conv.h"
#include "runtime/fast/mbconv.h"
#include "runtime/fast/pointwise.h"

#define GEMM(R, P) {.name = DATATYPE "-gemm-" #R "x" #P "-" ISA, .gemm = gemm_##R##x##P, .rows = R, .panels = P},
#define ROW(P) GEMM(1, P)
#define DEPTHWISE(K, S, T)                                                                                                     \
    {.name = DATATYPE "-depthwise-" #K "s" #S "-" #T "-" ISA,                                                                  \
     .depthwise = depthwise_##K##s##S##_##T,                                                                                   \
     .kernel = K,                                                                                                              \
     .stride = S,                                                                                                              \
     .outputs = T},
static const struct gtcnn_variant variants[] = {
    GEMM_ROWS(ROW) GEMM_TILES_1(GEMM) GEMM_TILES_2(GEMM) GEMM_TILES_3(GEMM) DEPTHWISE_TILES(DEPTHWISE, 3, 1)
        DEPTHWISE_TILES(DEPTHWISE, 3, 2) DEPTHWISE_TILES(DEPTHWISE, 5, 1) DEPTHWISE_TILES(DEPTHWISE, 5, 2){.name = NULL}};
static const struct gtcnn_variants all_variants = {variants, VL, PAIR};

const struct gtcnn_kernels TABLE = {
    .name = NAME,
    .isa = ISA,
    .precision = PAIR == 2 ? "bf16" : "fp32",
    .build = GTCNN_BUILD(NAME),
    .panel = VL,
    .variants = &all_variants,
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
