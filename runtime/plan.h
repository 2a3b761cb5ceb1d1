/*
 * The plan: a graph turned into units, each a short list of kernel calls with everything decided: layouts, packed weights,
 * places in one block of scratch memory that tensors share by lifetime.
 *
 * Life cycle: gtcnn_plan_new (graph with inferred shapes, which it borrows) -> gtcnn_plan_run_unit ... -> gtcnn_plan_free.
 */
#ifndef GTCNN_PLAN_H
#define GTCNN_PLAN_H

#include "runtime/fuse.h"
#include "runtime/kernels.h"
#include "runtime/layout.h"
#include "runtime/memory.h"
#include "runtime/pool.h"

/* No unit executes the layer: it only renames or reshapes, or nobody needs it. */
#define GTCNN_NO_UNIT UINT32_MAX

enum gtcnn_call_kind {
    GTCNN_CALL_CONV,
    GTCNN_CALL_DEPTHWISE,
    GTCNN_CALL_EXPAND,
    GTCNN_CALL_GATE,
    GTCNN_CALL_SCALE,
    GTCNN_CALL_POOLING,
    GTCNN_CALL_MEAN,
    GTCNN_CALL_ELEMENTS,
    GTCNN_CALL_REDUCE_MEAN,
    GTCNN_CALL_SOFTMAX
};

/* One kernel call. The arrays' pointers inside `args` are set when memory has been laid out. */
struct gtcnn_call {
    enum gtcnn_call_kind kind;
    union {
        struct gtcnn_conv conv;
        struct gtcnn_expand expand;
        struct gtcnn_gate gate;
        struct gtcnn_scale scale;
        struct gtcnn_pooling pooling;
        struct gtcnn_mean mean;
        struct gtcnn_elements elements;
        struct gtcnn_along along;
    } args;
    struct gtcnn_ref y, x[3]; /* a convolution's: input, residual, weights where they are computed */
    struct gtcnn_ref sums;    /* of a depthwise convolution's bands */
    uint32_t
        parts; /* into how many it is cut where there are as many threads; by its shapes and the kernels alone (plan_split.c) */
};

struct gtcnn_step {
    uint32_t group;        /* of the fusion */
    uint32_t first, count; /* calls */
};

/* A piece of scratch memory. */
struct gtcnn_buffer {
    int64_t elements;
    uint32_t first, last; /* steps between which it holds something */
    int64_t offset;       /* elements from the block's begin; a multiple of 16 */
};

struct gtcnn_plan {
    const struct gtcnn_graph *graph;
    const struct gtcnn_kernels *kernels;
    struct gtcnn_fusion fusion;
    bool *narrow;               /* per tensor: convolutions alone read it, so that it may be bfloat16; NULL: none may */
    struct gtcnn_array *arrays; /* per tensor; shape.rank and at.buffer are set for those that exist */
    struct gtcnn_step *steps;
    uint32_t step_count;
    struct gtcnn_call *calls;
    uint32_t call_count, call_room;
    struct gtcnn_buffer *buffers;
    uint32_t buffer_count, buffer_room;
    struct gtcnn_arena constants;  /* packed weights and what else is made here */
    struct gtcnn_memory fetched;   /* weights of the group that is being lowered; empty before and after planning */
    const float *zeros;            /* as many as the deepest convolution reads at once; among the constants */
    struct gtcnn_memory scratch;   /* activations */
    struct gtcnn_memory workspace; /* what kernels may use while they compute a part */
};

struct gtcnn_plan_options {
    const struct gtcnn_kernels *kernels;
    uint32_t threads; /* parts that may be computed at the same time */
    bool by_layer;    /* no groups of more than one product */
};

/*
 * `keep`: per tensor, still readable after an inference. *plan is owned by the caller. GTCNN_E_UNSUPPORTED names node and
 * operator; GTCNN_E_LIMIT: more memory than the machine has; GTCNN_E_IO: weights cannot be read; GTCNN_E_NOMEM.
 */
enum gtcnn_status gtcnn_plan_new(const struct gtcnn_graph *graph, const bool *keep, const struct gtcnn_plan_options *options,
                                 struct gtcnn_plan **plan, struct gtcnn_err *err);
void gtcnn_plan_free(struct gtcnn_plan *plan); /* NULL is allowed */

/* The elements of a tensor: computed, kept or constant. */
float *gtcnn_plan_data(const struct gtcnn_plan *plan, const struct gtcnn_ref *at);

/* Executes the calls of one step on the pool. */
void gtcnn_plan_run(const struct gtcnn_plan *plan, uint32_t step, struct gtcnn_pool *pool);

/* --- between the plan's files */

/* Which tensors may be bfloat16; sets plan->narrow where the kernels are narrow (plan_narrow.c). GTCNN_E_NOMEM. */
enum gtcnn_status gtcnn_plan_find_narrow(struct gtcnn_plan *plan, const bool *keep);

/* Turns one group into calls and the array of its output (plan_lower.c). */
enum gtcnn_status gtcnn_plan_lower(struct gtcnn_plan *plan, const struct gtcnn_group *group, struct gtcnn_err *err);

/*
 * What a group reads of weights that stand in the graph's store, around the lowering of that group (plan_fetch.c): memory for
 * the greediest group, GTCNN_E_NOMEM; the elements, behind arrays[].at.constant, GTCNN_E_IO with its text; and their end, but
 * for those that calls (from first_call on) go on reading, GTCNN_E_NOMEM.
 */
enum gtcnn_status gtcnn_plan_begin_fetching(struct gtcnn_plan *plan);
enum gtcnn_status gtcnn_plan_fetch(struct gtcnn_plan *plan, const struct gtcnn_group *group, struct gtcnn_err *err);
enum gtcnn_status gtcnn_plan_forget(struct gtcnn_plan *plan, const struct gtcnn_group *group, uint32_t first_call);

/* A new call, zeroed; NULL when memory is out. */
struct gtcnn_call *gtcnn_plan_add_call(struct gtcnn_plan *plan, enum gtcnn_call_kind kind);
/* A new buffer; its index, or -1 when memory is out or the size absurd. */
int gtcnn_plan_add_buffer(struct gtcnn_plan *plan, int64_t elements);
/* `n` zeroed floats that the plan owns; NULL when memory is out. */
float *gtcnn_plan_add_constant(struct gtcnn_plan *plan, int64_t n);

/* Packs OIHW weights (scaled per output channel) for the convolution kernels; sets args->weights and ->bias (plan_pack.c). */
struct gtcnn_packing {
    const float *weights;           /* [groups * out][in][kh][kw], or with strides for matrices */
    int64_t out_stride, in_stride;  /* elements between output and input channels; the window's taps are adjacent */
    const float *bias;              /* NULL: none */
    int64_t bias_stride;            /* 0: one value for all */
    float weight_scale, bias_scale; /* Gemm's alpha and beta */
    const float *gamma, *beta, *mean, *variance; /* of the batch normalisation that is folded; gamma NULL: none */
    float epsilon;
    bool for_product; /* what is packed is multiplied by a convolution kernel: narrow where those are */
};
enum gtcnn_status gtcnn_plan_pack(struct gtcnn_plan *plan, const struct gtcnn_packing *packing, struct gtcnn_conv *args);

/* How many parts a call is worth: 1 ... GTCNN_POOL_MAX. Its arguments must be final (plan_split.c). */
uint32_t gtcnn_plan_split(const struct gtcnn_kernels *kernels, const struct gtcnn_call *call);

#endif
