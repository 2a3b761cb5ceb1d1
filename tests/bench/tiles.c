/*
 * `make bench-tiles`: what every tile of every instruction set and datatype that this processor has reaches in the first cache,
 * in GFLOP/s (two operations for a multiplication with addition): the best of some rounds of a millisecond, in one pass.
 */
#include "runtime/fast/variants.h"
#include "runtime/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { WORDS = 64, ROUNDS = 5, ROUND_NS = 1000000, FLOATS = 65536 };

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A call of one tile and the multiplications in it. */
struct call {
    const struct gtcnn_variant *variant;
    struct gemm gemm;
    struct depthwise depthwise;
    double macs;
};

static double rate_of(const struct call *call)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = now_ns(), now = begin, calls = 0;
        for (; now - begin < ROUND_NS; now = now_ns(), calls += 64)
            for (int i = 0; i < 64; i++) {
                if (call->variant->gemm)
                    call->variant->gemm(&call->gemm);
                else
                    call->variant->depthwise(&call->depthwise);
            }
        double rate = 2 * call->macs * (double)calls / (double)(now - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

static void run_variant(const struct gtcnn_variants *all, const struct gtcnn_variant *v, float *memory)
{
    int64_t step = 32 * all->lanes; /* a row of a ring */
    const struct gemm_window window = {.lines = 1, .taps = 1, .k = WORDS};
    const struct depthwise_map map = {memory, memory, 8, 8, step};
    float *w = memory + FLOATS / 4, *bias = memory + FLOATS / 2, *tile = memory + FLOATS / 4 * 3;
    struct call call = {.variant = v,
                        .gemm = {.a = (const char *)memory,
                                 .a_bytes = WORDS * sizeof(float),
                                 .window = &window,
                                 .b = w,
                                 .b_bytes = (size_t)(WORDS * all->lanes) * sizeof(float),
                                 .bias = bias,
                                 .tile = tile,
                                 .tile_step = v->panels * all->lanes,
                                 .ahead = {memory, w}},
                        .depthwise = {.map = &map,
                                      .x_step = all->lanes,
                                      .w = w,
                                      .w_step = all->lanes,
                                      .bias = bias,
                                      .tile = tile,
                                      .kernel = {v->kernel, v->kernel},
                                      .stride = v->stride,
                                      .dilation = {1, 1}}};
    call.macs = v->gemm ? (double)v->rows * v->panels * all->lanes * WORDS * all->pair
                        : (double)v->outputs * v->kernel * v->kernel * all->lanes;
    printf("%-32s %8.1f\n", v->name, rate_of(&call));
}

int main(void)
{
    const struct gtcnn_kernels *kernels;
    float *memory = aligned_alloc(64, FLOATS * sizeof *memory);
    for (int i = 0; memory && i < FLOATS; i++)
        memory[i] = 0.5f;
    for (uint32_t i = 0; memory && (kernels = gtcnn_isa_at(i)); i++)
        for (const struct gtcnn_variant *v = kernels->variants ? kernels->variants->rows : NULL; v && v->name; v++)
            run_variant(kernels->variants, v, memory);
    free(memory);
    return memory ? 0 : 1;
}
