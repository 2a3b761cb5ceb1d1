/* Small graphs of layers, and plans of them, for the tests of fusion and planning. */
#ifndef TESTS_RUNTIME_LAYERS_H
#define TESTS_RUNTIME_LAYERS_H

#include "tests/unit/runtime_direct.h"

/* A plan of the graph (shapes inferred with `batch`), its fusion to be looked at. */
static inline struct gtcnn_plan *layers_plan_by(struct gtcnn_graph *g, const bool *keep, const struct gtcnn_kernels *kernels)
{
    struct gtcnn_err err = {0};
    bool none[256] = {0};
    struct gtcnn_plan_options options = {.kernels = kernels, .threads = 1};
    struct gtcnn_plan *plan = NULL;
    assert_true(g->tensor_count <= sizeof none);
    if (gtcnn_graph_infer_shapes(g, 0, &err) || gtcnn_plan_new(g, keep ? keep : none, &options, &plan, &err))
        fail_msg("%s", err.text);
    return plan;
}

/* By the reference's kernels. */
static inline struct gtcnn_plan *layers_plan(struct gtcnn_graph *g, const bool *keep)
{
    return layers_plan_by(g, keep, &gtcnn_kernels_ref);
}

/* A unit has the name of its principal layer. */
static inline bool layers_names_a_member(const struct gtcnn_unit *unit)
{
    for (uint32_t m = 0; m < unit->member_count; m++)
        if (strcmp(unit->name, unit->members[m]->name) == 0)
            return true;
    return false;
}

static inline int layers_conv(struct gtcnn_graph *g, int x, int in, int out, int kernel)
{
    struct gtcnn_shape ws = direct_shape4(out, in, kernel, kernel), bs = {1, {out}};
    struct gtcnn_attr *attr;
    int y = direct_node(g, GTCNN_OP_CONV, (int[]){x, direct_constant(g, &ws, false), direct_constant(g, &bs, false)}, 3, &attr);
    attr->kernel[0] = attr->kernel[1] = (uint32_t)kernel;
    attr->auto_pad = GTCNN_PAD_SAME_UPPER;
    return y;
}

static inline int layers_norm(struct gtcnn_graph *g, int x, int channels)
{
    struct gtcnn_shape cs = {1, {channels}};
    int inputs[5] = {x};
    for (int k = 1; k < 5; k++)
        inputs[k] = direct_constant(g, &cs, k == 4);
    return direct_node(g, GTCNN_OP_BATCHNORM, inputs, 5, NULL);
}

static inline int layers_silu(struct gtcnn_graph *g, int x, bool gate_first)
{
    int gate = direct_unary(g, GTCNN_OP_SIGMOID, x);
    return direct_binary(g, GTCNN_OP_MUL, gate_first ? gate : x, gate_first ? x : gate);
}

static inline struct gtcnn_graph *layers_graph(int *x)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    struct gtcnn_shape shape = direct_shape4(2, 6, 7, 5);
    *x = direct_input(g, &shape);
    return g;
}

#endif
