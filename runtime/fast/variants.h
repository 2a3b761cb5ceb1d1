/*
 * The tiles that kernels are made of, by name: what they are called with, and one list per instruction set and datatype, which
 * the tests and the micro-benchmark go through. Names are datatype-operator-tile-isa.
 */
#ifndef GTCNN_FAST_VARIANTS_H
#define GTCNN_FAST_VARIANTS_H

#include <stddef.h>
#include <stdint.h>

/*
 * What is read of each pixel: `lines` times `taps` runs of k words, so many bytes apart: the rows and columns of a window over
 * the map; one of each for a pointwise product. Weights follow in that order.
 */
struct gemm_window {
    int64_t lines, taps, k;
    size_t line_bytes, tap_bytes;
};

struct gemm {
    const char *a;
    size_t a_bytes;
    const struct gemm_window *window;
    const float *b;
    size_t b_bytes;
    const float *bias; /* a vector per panel */
    float *tile;       /* out: [rows], tile_step floats apart, of [panels][VL] */
    int64_t tile_step;
    /*
     * What will be read next, fetched into the second-level cache meanwhile, a line of each per step of k: input and weights of
     * a layer come from farther away the first time.
     */
    const void *ahead[2];
};

/* The rows at hand: row r of the map stands in slot r % slots, if it is one of h. */
struct depthwise_map {
    const float *ring, *zeros;
    int64_t h, slots, row_step; /* floats from slot to slot */
};

struct depthwise {
    const struct depthwise_map *map;
    int64_t top, slot; /* the window's first row, and its slot: `top` where all h rows have one, else 0 ... slots - 1 */
    int64_t offset;    /* floats from a row's begin to the first output's leftmost column */
    int64_t x_step;    /* floats from column to column */
    const float *w;
    int64_t w_step;    /* floats from tap to tap */
    const float *bias; /* a vector */
    float *tile;       /* out: [outputs][VL] */
    int64_t kernel[2], stride, dilation[2];
};

typedef void gemm_fn(const struct gemm *g);
typedef void depthwise_fn(const struct depthwise *d);

struct gtcnn_variant {
    const char *name; /* "f32-gemm-14x2-avx512", "f32-depthwise-5s1-7-avx2"; NULL behind the last */
    gemm_fn *gemm;    /* or NULL */
    depthwise_fn *depthwise;
    int rows, panels;            /* of gemm */
    int kernel, stride, outputs; /* of depthwise */
};

struct gtcnn_variants {
    const struct gtcnn_variant *rows;
    int lanes; /* floats of a vector: of a panel */
    int pair;  /* numbers of a word: 1 (fp32), 2 (bfloat16) */
};

#endif
