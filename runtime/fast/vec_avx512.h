/*
 * A vector of 16 floats by AVX-512 (F, DQ): what the kernels of this folder are written in. One translation unit includes this
 * file or vec_avx2.h, then the kernels.
 */
#ifndef GTCNN_VEC_H
#define GTCNN_VEC_H

#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))
/* Before a loop whose bounds are constants once its function is inlined: arrays that it goes through become registers. */
#define UNROLL _Pragma("GCC unroll 32")

typedef __m512 vec;

/*
 * Floats of a vector. Tiles of the matrix product: pixels at once with one, two and three panels. 14 x 2 takes 28 registers for
 * sums, 2 for weights and 1 for the pixel; 9 x 3 takes 27, 3 and 1. Of 14 pixels by one panel the weights are what is loaded
 * most. Depthwise: 14 outputs, a row of the window (5) and one input make 20.
 */
enum { VL = 16, ROWS_1 = 14, ROWS_2 = 14, ROWS_3 = 9, COLUMNS = 14 };
#define GEMM_TILES_1(X) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1)
#define GEMM_TILES_2(X) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define GEMM_TILES_3(X) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(9, 3)
#define DEPTHWISE_TILES(X, K, S)                                                                                               \
    X(K, S, 1) X(K, S, 2) X(K, S, 3) X(K, S, 4) X(K, S, 5) X(K, S, 6) X(K, S, 7) X(K, S, 8) X(K, S, 9) X(K, S, 10)             \
    X(K, S, 11) X(K, S, 12) X(K, S, 13) X(K, S, 14)

VEC_INLINE vec vec_set(float x)
{
    return _mm512_set1_ps(x);
}

VEC_INLINE vec vec_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

VEC_INLINE void vec_store(float *to, vec x)
{
    _mm512_storeu_ps(to, x);
}

/* The first n lanes, 0 ... VL; the others are 0, their memory is not touched. */
VEC_INLINE vec vec_load_first(const float *from, int64_t n)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from);
}

VEC_INLINE void vec_store_first(float *to, vec x, int64_t n)
{
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), x);
}

VEC_INLINE vec vec_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}

VEC_INLINE vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

/* a * b + c, rounded once. */
VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* A bound and a value; of a NaN as value the result is that. */
VEC_INLINE vec vec_at_least(vec bound, vec x)
{
    return _mm512_max_ps(bound, x);
}

VEC_INLINE vec vec_at_most(vec bound, vec x)
{
    return _mm512_min_ps(bound, x);
}

/*
 * 1 / (1 + 2^(-x log2 e)), to 3e-6 of itself. 2^t is 2^floor(t) by scalef times a polynomial of degree 4 on [0, 1) whose largest
 * relative error, 2.6e-6, is the least possible (Remez). The reciprocal is the 14-bit one after a step of Newton's. Far below 0,
 * where the power would overflow, the result stays at 2^-120.
 */
VEC_INLINE vec vec_sigmoid(vec x)
{
    vec t = vec_at_most(vec_set(120), _mm512_mul_ps(x, vec_set(-1.44269504f)));
    vec f = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vec p = vec_fma(f, vec_set(0x1.bb7cd4p-7f), vec_set(0x1.aa13fp-5f));
    p = vec_fma(f, p, vec_set(0x1.ee798ap-3f));
    p = vec_fma(f, p, vec_set(0x1.62d166p-1f));
    p = vec_fma(f, p, vec_set(0x1.00002cp+0f));
    vec d = _mm512_add_ps(vec_set(1), _mm512_scalef_ps(p, t));
    vec r = _mm512_rcp14_ps(d);
    return _mm512_mul_ps(r, _mm512_fnmadd_ps(d, r, vec_set(2)));
}

#endif
