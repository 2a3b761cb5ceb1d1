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
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

typedef __m512 vec;

/*
 * Floats of a vector. Tiles of the matrix product: pixels at once with one, two and three panels. 14 x 2 takes 28 registers for
 * sums, 2 for weights and 1 for the pixel; 9 x 3 takes 27, 3 and 1. Of 14 pixels by one panel the weights are what is loaded
 * most. Depthwise: 14 outputs, a row of the window (5) and one input make 20.
 */
enum { VL = 16, ROWS_1 = 14, ROWS_2 = 14, ROWS_3 = 9, COLUMNS = 14 };
#define GEMM_TILES_1(X)                                                                                                        \
    X(2, 1) X(3, 1) X(4, 1) X(5, 1) X(6, 1) X(7, 1) X(8, 1) X(9, 1) X(10, 1) X(11, 1) X(12, 1) X(13, 1) X(14, 1)
#define GEMM_TILES_2(X)                                                                                                        \
    X(2, 2) X(3, 2) X(4, 2) X(5, 2) X(6, 2) X(7, 2) X(8, 2) X(9, 2) X(10, 2) X(11, 2) X(12, 2) X(13, 2) X(14, 2)
#define GEMM_TILES_3(X) X(2, 3) X(3, 3) X(4, 3) X(5, 3) X(6, 3) X(7, 3) X(8, 3) X(9, 3)
#define DEPTHWISE_TILES(X, K, S)                                                                                               \
    X(K, S, 1)                                                                                                                 \
    X(K, S, 2)                                                                                                                 \
    X(K, S, 3)                                                                                                                 \
    X(K, S, 4)                                                                                                                 \
    X(K, S, 5) X(K, S, 6) X(K, S, 7) X(K, S, 8) X(K, S, 9) X(K, S, 10) X(K, S, 11) X(K, S, 12) X(K, S, 13) X(K, S, 14)

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

#ifdef NARROW
/* What dense convolutions multiply: two bfloat16 to a word. */
typedef uint16_t element;
enum { PAIR = 2 };

/* sum + x * w, of each word the two products, rounded as the instruction does. */
VEC_INLINE vec vec_dot(vec x, vec w, vec sum)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)w);
}

/* The first n of bfloat16, as floats. */
VEC_INLINE vec vec_widen_first(const element *from, int64_t n)
{
    __m256i bits = _mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

/* To the nearest, ties to even; denormals become zero. */
VEC_INLINE void vec_narrow_first(element *to, vec x, int64_t n)
{
    _mm256_mask_storeu_epi16(to, (__mmask16)((1u << n) - 1), (__m256i)_mm512_cvtneps_pbh(x));
}

/* Both elements of each word times a number each, rounded again. */
VEC_INLINE vec vec_scale_pairs(vec pairs, float even, float odd)
{
    __m512i bits = _mm512_castps_si512(pairs), high = _mm512_set1_epi32((int)0xffff0000u);
    vec low = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16)), vec_set(even));
    vec top = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(bits, high)), vec_set(odd));
    __m512i lows = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(low));
    __m512i tops = _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(top)), 16);
    return _mm512_castsi512_ps(_mm512_or_si512(lows, tops));
}
#endif

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
 * 1 / (1 + 2^(-x log2 e)), to 3e-6 of itself. 2^t is 2^floor(t) by scalef times a polynomial of degree 4 on [0, 1) whose
 * largest relative error, 2.6e-6, is the least possible (Remez). The reciprocal is the 14-bit one after a step of Newton's. Far
 * below 0, where the power would overflow, the result stays at 2^-120.
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

/*
 * x / (1 + e^-x), to 2e-6 of itself above -15. It is max(x, 0) - r(|x|) with r(u) = u / (1 + e^u), and that is taken from 32
 * pieces half a unit wide, each a polynomial of degree 4 about its middle with the least relative error (Lawson's iteration;
 * the first has no constant). Which piece: the last bits of u + 2^22, whose steps are of 1/2; a permutation looks the
 * coefficients up. So it takes four products where an exponential and a reciprocal take nine. Below -15.7 it stays at -2.4e-6.
 */
static const float vec_silu_pieces[5][32] = {
    {0x0.0p+0f,       0x1.829a12p-3f,  0x1.136564p-2f,  0x1.1834a4p-2f,  0x1.e84154p-3f,  0x1.8464d6p-3f,  0x1.236274p-3f,
     0x1.a4385cp-4f,  0x1.26afa2p-4f,  0x1.9505ccp-5f,  0x1.1223a0p-5f,  0x1.6ec4acp-6f,  0x1.e62332p-7f,  0x1.3fbd64p-7f,
     0x1.a1f250p-8f,  0x1.0fb3a6p-8f,  0x1.5fa3dcp-9f,  0x1.c547e6p-10f, 0x1.231fd4p-10f, 0x1.74ca0ep-11f, 0x1.dc07f8p-12f,
     0x1.2f2b54p-12f, 0x1.814794p-13f, 0x1.e89d70p-14f, 0x1.353f16p-14f, 0x1.86c434p-15f, 0x1.ecfc3ep-16f, 0x1.3682eap-16f,
     0x1.869ecap-17f, 0x1.eac504p-18f, 0x1.33ee66p-18f, 0x1.81fda8p-19f},
    {0x1.000002p-1f,   0x1.0a4930p-2f,   0x1.284906p-4f,   -0x1.5243f0p-5f,  -0x1.73dae6p-4f,  -0x1.972712p-4f,
     -0x1.68e100p-4f,  -0x1.1fd7a2p-4f,  -0x1.af6e5ep-5f,  -0x1.369196p-5f,  -0x1.b2f426p-6f,  -0x1.2a971ap-6f,
     -0x1.93e976p-7f,  -0x1.0e1186p-7f,  -0x1.65dba6p-8f,  -0x1.d6a5c8p-9f,  -0x1.3390dcp-9f,  -0x1.8fdc12p-10f,
     -0x1.02bd6ep-10f, -0x1.4d84c6p-11f, -0x1.ac6770p-12f, -0x1.12493cp-12f, -0x1.5e3ee4p-13f, -0x1.be1e78p-14f,
     -0x1.1b78e2p-14f, -0x1.678056p-15f, -0x1.c70f2ap-16f, -0x1.1f8218p-16f, -0x1.6ab74cp-17f, -0x1.c8eb84p-18f,
     -0x1.1f667ep-18f, -0x1.6915e6p-19f},
    {-0x1.00013ep-2f, -0x1.c3d7a8p-3f, -0x1.35a230p-3f, -0x1.3fe764p-4f, -0x1.9a236ap-6f, 0x1.1535fcp-8f,  0x1.08c3fap-6f,
     0x1.2dcc7cp-6f,  0x1.0c9040p-6f,  0x1.ab79a2p-7f,  0x1.3f79c0p-7f,  0x1.caf36cp-8f,  0x1.40e4e4p-8f,  0x1.b8236ep-9f,
     0x1.2980cep-9f,  0x1.8dade4p-10f, 0x1.0768a8p-10f, 0x1.5a6034p-11f, 0x1.c4aa90p-12f, 0x1.263bc2p-12f, 0x1.7cc50ap-13f,
     0x1.eace3ep-14f, 0x1.3b371ep-14f, 0x1.93a172p-15f, 0x1.01b438p-15f, 0x1.483eb2p-16f, 0x1.a12520p-17f, 0x1.08834cp-17f,
     0x1.4ed274p-18f, 0x1.a71570p-19f, 0x1.0ae0cap-19f, 0x1.5030f6p-20f},
    {0x1.51aafep-14f,  0x1.2a651ap-5f,   0x1.a15de8p-5f,   0x1.62dd58p-5f,   0x1.bb9904p-6f,   0x1.a6ae3ep-7f,
     0x1.0978f2p-8f,   -0x1.5a0340p-12f, -0x1.0541c8p-9f,  -0x1.2cfeb4p-9f,  -0x1.0b0896p-9f,  -0x1.a7794ep-10f,
     -0x1.3ba03ap-10f, -0x1.c49daep-11f, -0x1.3c1e6ep-11f, -0x1.b14f34p-12f, -0x1.24c804p-12f, -0x1.874b32p-13f,
     -0x1.03283ep-13f, -0x1.54c6cep-14f, -0x1.bd5a54p-15f, -0x1.217cd2p-15f, -0x1.76a43cp-16f, -0x1.e2ecf6p-17f,
     -0x1.362ab4p-17f, -0x1.8d2e70p-18f, -0x1.fb30fcp-19f, -0x1.4305eap-19f, -0x1.9a85a4p-20f, -0x1.045226p-20f,
     -0x1.49865ep-21f, -0x1.a06692p-22f},
    {0x1.4f2bacp-6f,   0x1.cb2988p-7f,   0x1.c936acp-11f, -0x1.d6f14ap-8f, -0x1.0b2ea6p-7f, -0x1.79f0e2p-8f, -0x1.9c1db6p-9f,
     -0x1.64c54cp-10f, -0x1.a06102p-12f, 0x1.41ffdcp-15f, 0x1.93c948p-13f, 0x1.c64252p-13f, 0x1.8e268ap-13f, 0x1.3981f4p-13f,
     0x1.d16072p-14f,  0x1.4cd37ap-14f,  0x1.d02a86p-15f, 0x1.3dcc30p-15f, 0x1.ad2e62p-16f, 0x1.1eab44p-16f, 0x1.7b9cfep-17f,
     0x1.f3103cp-18f,  0x1.460e5ep-18f,  0x1.a7d58ep-19f, 0x1.123a2ap-19f, 0x1.6175dap-20f, 0x1.c60042p-21f, 0x1.22aaaep-21f,
     0x1.7327d6p-22f,  0x1.d8befcp-23f,  0x1.2c635ep-23f, 0x1.7cf366p-24f},
};

VEC_INLINE vec vec_silu_coefficient(int degree, __m512i piece)
{
    return _mm512_permutex2var_ps(vec_load(vec_silu_pieces[degree]), piece, vec_load(vec_silu_pieces[degree] + VL));
}

VEC_INLINE vec vec_silu(vec x)
{
    const vec step = vec_set(0x1p22f);
    vec u = vec_at_most(vec_set(15.7f), _mm512_abs_ps(x)), t = vec_add(u, step);
    vec f = _mm512_sub_ps(u, _mm512_sub_ps(t, step));
    __m512i piece = _mm512_castps_si512(t);
    vec r = vec_silu_coefficient(4, piece);
    UNROLL
    for (int degree = 3; degree >= 0; degree--)
        r = vec_fma(r, f, vec_silu_coefficient(degree, piece));
    return _mm512_sub_ps(vec_at_least(vec_set(0), x), r);
}

#endif
