/*
 * {f32,bf16}-gemm-{2..14}x{1,2,3}, -1x{1..8}: a tile of `rows` pixels by a few panels of VL output channels.
 *
 * Layout: pixels a_bytes apart, of each the runs of words that its window says; a panel is [words of all runs][VL] (packed when
 * the model is planned), the next one b_bytes further on. The sums stay in registers over all of k; per step of it every
 * pixel's word is loaded once, as a broadcast, and used for each panel. The budget of registers stands beside the tiles' list
 * (vec_*.h).
 *
 * Seven rows share one base register: rows 1 to 6 are base + {1, 2, 4} * stride, + {1, 2} * 3 strides and + 5 strides, which
 * are addresses that an instruction of x86 computes by itself.
 */
#ifndef GTCNN_FAST_GEMM_H
#define GTCNN_FAST_GEMM_H

#include "runtime/fast/element.h"
#include "runtime/fast/variants.h"

enum { PANELS_MOST = 8 };

/* Row i of the seven behind `base`, in bytes; i is constant. */
VEC_INLINE vec gemm_broadcast(const char *base, size_t one, size_t three, size_t five, int i)
{
    const char *at = i == 0   ? base
                     : i == 1 ? base + one
                     : i == 2 ? base + 2 * one
                     : i == 3 ? base + three
                     : i == 4 ? base + 4 * one
                     : i == 5 ? base + five
                              : base + 2 * three;
    return vec_set(*(const float *)(const void *)at);
}

VEC_INLINE void gemm_tile(const struct gemm *g, const int rows, const int panels)
{
    vec sum[ROWS_1][3];
    const char *b = (const char *)g->b;
    const char *ahead_a = g->ahead[0], *ahead_b = g->ahead[1];
    size_t one = g->a_bytes, three = 3 * one, five = 5 * one, next = g->b_bytes;
    UNROLL
    for (int p = 0; p < panels; p++) {
        vec bias = vec_load(g->bias + p * VL);
        UNROLL
        for (int r = 0; r < rows; r++)
            sum[r][p] = bias;
    }
    const struct gemm_window *window = g->window;
    for (int64_t line = 0; line < window->lines; line++)
        for (int64_t tap = 0; tap < window->taps; tap++) {
            const char *a = g->a + (size_t)line * window->line_bytes + (size_t)tap * window->tap_bytes;
            const char *low = a, *high = low + 7 * g->a_bytes;
            for (int64_t k = window->k; k > 0; k--) {
                /* Or the compiler keeps a pointer for each row, more than there are registers. */
                __asm__("" : "+r"(low), "+r"(high), "+r"(one), "+r"(three), "+r"(five));
                vec w[3];
                UNROLL
                for (int p = 0; p < panels; p++)
                    w[p] = vec_load((const float *)(const void *)(b + (size_t)p * next));
                UNROLL
                for (int r = 0; r < rows; r++) {
                    vec x = gemm_broadcast(r < 7 ? low : high, one, three, five, r % 7);
                    UNROLL
                    for (int p = 0; p < panels; p++)
                        sum[r][p] = vec_dot(x, w[p], sum[r][p]);
                }
                _mm_prefetch(ahead_a, _MM_HINT_T1);
                _mm_prefetch(ahead_b, _MM_HINT_T1);
                ahead_a += 64;
                ahead_b += 64;
                low += sizeof(float);
                high += sizeof(float);
                b += VL * sizeof(float);
            }
        }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int p = 0; p < panels; p++)
        vec_store(g->tile + r * g->tile_step + p * VL, sum[r][p]);
}

/*
 * One pixel, a matrix by a vector: panels take the place of rows, since a sum waits for itself. In the order of k, as above: a
 * row's results do not depend on how many there are beside it.
 */
VEC_INLINE void gemm_row(const struct gemm *g, const int panels)
{
    vec sum[PANELS_MOST];
    const char *b = (const char *)g->b;
    UNROLL
    for (int p = 0; p < panels; p++)
        sum[p] = vec_load(g->bias + p * VL);
    const struct gemm_window *window = g->window;
    for (int64_t line = 0; line < window->lines; line++)
        for (int64_t tap = 0; tap < window->taps; tap++) {
            const char *a = g->a + (size_t)line * window->line_bytes + (size_t)tap * window->tap_bytes;
            for (int64_t k = 0; k < window->k; k++, b += VL * sizeof(float)) {
                vec x = gemm_broadcast(a + (size_t)k * sizeof(float), 0, 0, 0, 0);
                UNROLL
                for (int p = 0; p < panels; p++)
                    sum[p] = vec_dot(x, vec_load((const float *)(const void *)(b + (size_t)p * g->b_bytes)), sum[p]);
            }
        }
    UNROLL
    for (int p = 0; p < panels; p++)
        vec_store(g->tile + p * VL, sum[p]);
}

#define DEFINE(R, P)                                                                                                           \
    static void gemm_##R##x##P(const struct gemm *g)                                                                           \
    {                                                                                                                          \
        gemm_tile(g, R, P);                                                                                                    \
    }
GEMM_TILES_1(DEFINE)
GEMM_TILES_2(DEFINE)
GEMM_TILES_3(DEFINE)
#undef DEFINE
#define DEFINE(P)                                                                                                              \
    static void gemm_1x##P(const struct gemm *g)                                                                               \
    {                                                                                                                          \
        gemm_row(g, P);                                                                                                        \
    }
#define GEMM_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
GEMM_ROWS(DEFINE)
#undef DEFINE

#define ENTRY(R, P) gemm_##R##x##P,
static gemm_fn *const gemm_1[] = {NULL, gemm_1x1, GEMM_TILES_1(ENTRY)};
static gemm_fn *const gemm_2[] = {NULL, gemm_1x2, GEMM_TILES_2(ENTRY)};
static gemm_fn *const gemm_3[] = {NULL, gemm_1x3, GEMM_TILES_3(ENTRY)};
#undef ENTRY
#define ENTRY(P) static gemm_fn *const gemm_##P[] = {NULL, gemm_1x##P};
ENTRY(4)
ENTRY(5)
ENTRY(6)
ENTRY(7)
ENTRY(8)
#undef ENTRY
/* By panels, then rows; and the most rows. */
static gemm_fn *const *const gemm_of[] = {NULL, gemm_1, gemm_2, gemm_3, gemm_4, gemm_5, gemm_6, gemm_7, gemm_8};
static const int gemm_rows[] = {0, ROWS_1, ROWS_2, ROWS_3, 1, 1, 1, 1, 1};

#endif
