/*
 * f32-depthwise-{3,5}s{1,2}-{1..}: a few output pixels of one row, one vector of channels.
 *
 * Layout: an input row is [columns][x_step] with what lies outside of the map as zeros in it, so that there are no edges here;
 * weights [tap][w_step]. Per row of the window its weights and the sums stay in registers, and every input column is loaded
 * once for all outputs that it is part of. Windows of other sizes, strides or dilations take the plain loop at the end.
 */
#ifndef GTCNN_FAST_DEPTHWISE_H
#define GTCNN_FAST_DEPTHWISE_H

#include "runtime/fast/variants.h"

/* Row kh of the window. Rings have a slot for each row of it. */
VEC_INLINE const float *depthwise_row(const struct depthwise *d, int64_t kh)
{
    int64_t row = d->top + kh * d->dilation[0], slot = d->slot + kh * d->dilation[0];
    slot = slot < d->map->slots ? slot : slot - d->map->slots;
    return (row < 0 || row >= d->map->h ? d->map->zeros : d->map->ring + slot * d->map->row_step) + d->offset;
}

VEC_INLINE void depthwise_tile(const struct depthwise *d, const int kernel, const int stride, const int outputs)
{
    vec sum[COLUMNS];
    const float *w = d->w;
    UNROLL
    for (int o = 0; o < outputs; o++)
        sum[o] = vec_load(d->bias);
    for (int kh = 0; kh < kernel; kh++) {
        const float *x = depthwise_row(d, kh);
        vec tap[5];
        UNROLL
        for (int kw = 0; kw < kernel; kw++)
            tap[kw] = vec_load(w + kw * d->w_step);
        UNROLL
        for (int column = 0; column < (outputs - 1) * stride + kernel; column++) {
            vec value = vec_load(x + column * d->x_step);
            UNROLL
            for (int kw = 0; kw < kernel; kw++) {
                int o = (column - kw) / stride;
                if (column >= kw && (column - kw) % stride == 0 && o < outputs)
                    sum[o] = vec_fma(value, tap[kw], sum[o]);
            }
        }
        w += kernel * d->w_step;
    }
    UNROLL
    for (int o = 0; o < outputs; o++)
        vec_store(d->tile + o * VL, sum[o]);
}

#define DEFINE(K, S, T)                                                                                                        \
    static void depthwise_##K##s##S##_##T(const struct depthwise *d)                                                           \
    {                                                                                                                          \
        depthwise_tile(d, K, S, T);                                                                                            \
    }
DEPTHWISE_TILES(DEFINE, 3, 1)
DEPTHWISE_TILES(DEFINE, 3, 2)
DEPTHWISE_TILES(DEFINE, 5, 1)
DEPTHWISE_TILES(DEFINE, 5, 2)
#undef DEFINE

#define ENTRY(K, S, T) depthwise_##K##s##S##_##T,
static depthwise_fn *const depthwise_3s1[] = {NULL, DEPTHWISE_TILES(ENTRY, 3, 1)};
static depthwise_fn *const depthwise_3s2[] = {NULL, DEPTHWISE_TILES(ENTRY, 3, 2)};
static depthwise_fn *const depthwise_5s1[] = {NULL, DEPTHWISE_TILES(ENTRY, 5, 1)};
static depthwise_fn *const depthwise_5s2[] = {NULL, DEPTHWISE_TILES(ENTRY, 5, 2)};
#undef ENTRY

/* Tiles of a window by how many outputs they make, 1 ... COLUMNS; NULL: there are none, use depthwise_any. */
static depthwise_fn *const *depthwise_of(const int64_t kernel[2], const int64_t stride[2], const int64_t dilation[2])
{
    bool square = kernel[0] == kernel[1] && dilation[0] == 1 && dilation[1] == 1;
    if (square && kernel[1] == 3)
        return stride[1] == 1 ? depthwise_3s1 : stride[1] == 2 ? depthwise_3s2 : NULL;
    if (square && kernel[1] == 5)
        return stride[1] == 1 ? depthwise_5s1 : stride[1] == 2 ? depthwise_5s2 : NULL;
    return NULL;
}

static void depthwise_any(const struct depthwise *d, int64_t outputs)
{
    for (int64_t o = 0; o < outputs; o++)
        vec_store(d->tile + o * VL, vec_load(d->bias));
    const float *w = d->w;
    for (int64_t kh = 0; kh < d->kernel[0]; kh++) {
        const float *x = depthwise_row(d, kh);
        for (int64_t kw = 0; kw < d->kernel[1]; kw++, w += d->w_step)
            for (int64_t o = 0; o < outputs; o++) {
                vec value = vec_load(x + (o * d->stride + kw * d->dilation[1]) * d->x_step);
                vec_store(d->tile + o * VL, vec_fma(value, vec_load(w), vec_load(d->tile + o * VL)));
            }
    }
}

#endif
