/* Activations over a tile of results: `n` vectors that lie side by side. NaN stays NaN, as ONNX has it. */
#ifndef GTCNN_FAST_ACTIVATE_H
#define GTCNN_FAST_ACTIVATE_H

#include "runtime/kernels.h"

/* y = f(v) for each vector v of the tile. */
#define EACH(EXPRESSION)                                                                                                       \
    for (int64_t i = 0; i < n; i++) {                                                                                          \
        vec v = vec_load(tile + i * VL);                                                                                       \
        vec_store(tile + i * VL, EXPRESSION);                                                                                  \
    }

static void activate(const struct gtcnn_activation *activation, float *tile, int64_t n)
{
    const vec zero = vec_set(0), one = vec_set(1), a = vec_set(activation->a), b = vec_set(activation->b);
    switch (activation->act) {
    case GTCNN_ACT_NONE:
        break;
    case GTCNN_ACT_CLIP:
        EACH(vec_at_most(b, vec_at_least(a, v)))
        break;
    case GTCNN_ACT_RELU:
        EACH(vec_at_least(zero, v))
        break;
    case GTCNN_ACT_SIGMOID:
        EACH(vec_sigmoid(v))
        break;
    case GTCNN_ACT_SILU:
        EACH(vec_silu(v))
        break;
    case GTCNN_ACT_HARDSIGMOID:
        EACH(vec_at_most(one, vec_at_least(zero, vec_fma(a, v, b))))
        break;
    case GTCNN_ACT_HARDSWISH:
        EACH(vec_mul(v, vec_at_most(one, vec_at_least(zero, vec_fma(a, v, b)))))
        break;
    }
}

#endif
