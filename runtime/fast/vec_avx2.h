/*
 * A vector of 8 floats by AVX2 and FMA: what the kernels of this folder are written in. One translation unit includes this file
 * or vec_avx512.h, then the kernels.
 */
#ifndef GTCNN_VEC_H
#define GTCNN_VEC_H

#include <immintrin.h>
#include <stdint.h>

#define VEC_INLINE static inline __attribute__((always_inline))
/* Before a loop whose bounds are constants once its function is inlined: arrays that it goes through become registers. */
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef __m256 vec;

/*
 * Floats of a vector. Tiles of the matrix product: pixels at once with one, two and three panels. 6 x 2 takes 12 of the 16
 * registers for sums, 2 for weights and 1 for the pixel; 4 x 3 takes 12, 3 and 1. Depthwise: 7 outputs, a row of the window (5)
 * and one input make 13.
 */
enum { VL = 8, ROWS_1 = 12, ROWS_2 = 6, ROWS_3 = 4, COLUMNS = 7 };
#define GEMM_TILES_1(X) X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1)
#define GEMM_TILES_2(X) X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2)
#define GEMM_TILES_3(X) X(2, 3) X(3, 3) X(4, 3)
#define DEPTHWISE_TILES(X, K, S) X(K, S, 1) X(K, S, 2) X(K, S, 3) X(K, S, 4) X(K, S, 5) X(K, S, 6) X(K, S, 7)

VEC_INLINE vec vec_set(float x)
{
    return _mm256_set1_ps(x);
}

VEC_INLINE vec vec_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

VEC_INLINE void vec_store(float *to, vec x)
{
    _mm256_storeu_ps(to, x);
}

VEC_INLINE __m256i vec_first(int64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n lanes, 0 ... VL; the others are 0, their memory is not touched. */
VEC_INLINE vec vec_load_first(const float *from, int64_t n)
{
    return n == VL ? vec_load(from) : _mm256_maskload_ps(from, vec_first(n));
}

VEC_INLINE void vec_store_first(float *to, vec x, int64_t n)
{
    if (n == VL)
        vec_store(to, x);
    else
        _mm256_maskstore_ps(to, vec_first(n), x);
}

VEC_INLINE vec vec_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}

VEC_INLINE vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

/* a * b + c, rounded once. */
VEC_INLINE vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* A bound and a value; of a NaN as value the result is that. */
VEC_INLINE vec vec_at_least(vec bound, vec x)
{
    return _mm256_max_ps(bound, x);
}

VEC_INLINE vec vec_at_most(vec bound, vec x)
{
    return _mm256_min_ps(bound, x);
}

/*
 * 1 / (1 + 2^(-x log2 e)), to 3e-6 of itself. 2^t is 2^floor(t), put together from bits, times a polynomial of degree 4 on [0,
 * 1) whose largest relative error, 2.6e-6, is the least possible (Remez). The reciprocal is the 12-bit one after a step of
 * Newton's. Beyond +-120 the power stays what it is there.
 */
VEC_INLINE vec vec_sigmoid(vec x)
{
    vec t = vec_at_least(vec_set(-120), vec_at_most(vec_set(120), _mm256_mul_ps(x, vec_set(-1.44269504f))));
    vec whole = _mm256_floor_ps(t), f = _mm256_sub_ps(t, whole);
    vec p = vec_fma(f, vec_set(0x1.bb7cd4p-7f), vec_set(0x1.aa13fp-5f));
    p = vec_fma(f, p, vec_set(0x1.ee798ap-3f));
    p = vec_fma(f, p, vec_set(0x1.62d166p-1f));
    p = vec_fma(f, p, vec_set(0x1.00002cp+0f));
    __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127)), 23);
    vec d = vec_fma(p, _mm256_castsi256_ps(exponent), vec_set(1)), r = _mm256_rcp_ps(d);
    return _mm256_mul_ps(r, _mm256_fnmadd_ps(d, r, vec_set(2)));
}

/* x / (1 + e^-x); far below 0, where the sigmoid stays at 2^-120, what is multiplied with it stays, too. */
VEC_INLINE vec vec_silu(vec x)
{
    return vec_mul(vec_at_least(vec_set(-120), x), vec_sigmoid(x));
}

#endif
