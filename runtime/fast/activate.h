/*
 * Activations, on the way from a tile of sums to where the results belong: `n` vectors, `from` floats apart, go to places
 * `step` elements apart, of each the first `lanes` ones. NaN stays NaN, as ONNX has it.
 */
#ifndef GTCNN_FAST_ACTIVATE_H
#define GTCNN_FAST_ACTIVATE_H

#include "runtime/fast/element.h"
#include "runtime/kernels.h"

struct target {
    float *y;
    int64_t at, step, lanes; /* elements: the first vector's place, from vector to vector; 1 ... VL */
    bool narrow;             /* y is bfloat16 */
};

/* y = f(v) for each vector v of the tile, and the sum of all y. */
#define EACH(EXPRESSION)                                                                                                       \
    for (int64_t i = 0; i < n; i++) {                                                                                          \
        vec v = vec_load(tile + i * from), y = EXPRESSION;                                                                     \
        sum = vec_add(sum, y);                                                                                                 \
        element_store(to->y, narrow, to->at + i * to->step, y, lanes);                                                         \
    }                                                                                                                          \
    break;

VEC_INLINE vec activate_to(const struct gtcnn_activation *activation, const float *tile, int64_t from, int64_t n,
                           const struct target *to, const bool narrow, int64_t lanes)
{
    const vec zero = vec_set(0), one = vec_set(1), a = vec_set(activation->a), b = vec_set(activation->b);
    vec sum = zero;
    switch (activation->act) {
    case GTCNN_ACT_NONE:
        EACH(v)
    case GTCNN_ACT_CLIP:
        EACH(vec_at_most(b, vec_at_least(a, v)))
    case GTCNN_ACT_RELU:
        EACH(vec_at_least(zero, v))
    case GTCNN_ACT_SIGMOID:
        EACH(vec_sigmoid(v))
    case GTCNN_ACT_SILU:
        EACH(vec_silu(v))
    case GTCNN_ACT_HARDSIGMOID:
        EACH(vec_at_most(one, vec_at_least(zero, vec_fma(a, v, b))))
    case GTCNN_ACT_HARDSWISH:
        EACH(vec_mul(v, vec_at_most(one, vec_at_least(zero, vec_fma(a, v, b)))))
    }
    return sum;
}

/* The sum over all vectors of what was stored. */
static vec activate(const struct gtcnn_activation *activation, const float *tile, int64_t from, int64_t n,
                    const struct target *to)
{
#ifdef NARROW
    if (to->narrow)
        return activate_to(activation, tile, from, n, to, true, to->lanes);
#endif
    if (to->lanes == VL)
        return activate_to(activation, tile, from, n, to, false, VL);
    return activate_to(activation, tile, from, n, to, false, to->lanes);
}

#endif
