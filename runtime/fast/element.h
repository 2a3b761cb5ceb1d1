/*
 * What dense convolutions multiply. Words of 32 bits are broadcast, loaded and stored: a float each, or (NARROW) two bfloat16,
 * which an instruction multiplies and adds at once. Sums, depthwise convolutions and everything that is read by other layers
 * than convolutions are floats in either case.
 */
#ifndef GTCNN_FAST_ELEMENT_H
#define GTCNN_FAST_ELEMENT_H

#ifndef NARROW
typedef float element;
enum { PAIR = 1 };

VEC_INLINE vec vec_dot(vec x, vec w, vec sum)
{
    return vec_fma(x, w, sum);
}
#endif

/* `n` values, 1 ... VL, at index `i` of a map that is narrow or not. */
VEC_INLINE vec element_load(const float *map, bool narrow, int64_t i, int64_t n)
{
#ifdef NARROW
    if (narrow)
        return vec_widen_first((const element *)(const void *)map + i, n);
#else
    (void)narrow;
#endif
    return vec_load_first(map + i, n);
}

VEC_INLINE void element_store(float *map, bool narrow, int64_t i, vec value, int64_t n)
{
#ifdef NARROW
    if (narrow) {
        vec_narrow_first((element *)(void *)map + i, value, n);
        return;
    }
#else
    (void)narrow;
#endif
    vec_store_first(map + i, value, n);
}

#endif
