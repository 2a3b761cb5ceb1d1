/*
 * A graph computed directly: node by node, in double precision, in the file's order, straight from ONNX's definitions. Written
 * apart from the library's plan and kernels, so that the two can be held against each other. And what tests need to run a
 * graph.
 */
#ifndef TESTS_RUNTIME_DIRECT_H
#define TESTS_RUNTIME_DIRECT_H

#include "runtime/isa.h"
#include "runtime/model.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the above first */
#include <cmocka.h>

/* --- random numbers: splitmix64 (Steele, Lea, Flood 2014) */

static uint64_t direct_seed = 1;

static inline uint64_t direct_random(void)
{
    uint64_t z = direct_seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* low ... high */
static inline int direct_pick(int low, int high)
{
    return low + (int)(direct_random() % (uint64_t)(high - low + 1));
}

static inline float direct_value(void)
{
    return (float)((double)(direct_random() >> 40) / (1 << 23) - 1);
}

/* --- graphs */

static inline int64_t direct_count(const struct gtcnn_shape *shape)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < shape->rank; d++)
        n *= shape->dim[d];
    return n;
}

static inline int direct_input(struct gtcnn_graph *g, const struct gtcnn_shape *shape)
{
    int t = gtcnn_graph_add_tensor(g, "x", GTCNN_F32);
    g->tensors[t].shape = *shape;
    g->tensors[t].shape_known = true;
    return g->input = t;
}

/* An initialiser of random values; `positive`: in (0.5, 1.5), for variances. */
static inline int direct_constant(struct gtcnn_graph *g, const struct gtcnn_shape *shape, bool positive)
{
    int t = gtcnn_graph_add_tensor(g, NULL, GTCNN_F32);
    int64_t n = direct_count(shape);
    float *data = malloc((size_t)(n ? n : 1) * sizeof *data);
    for (int64_t i = 0; i < n; i++)
        data[i] = positive ? 1 + direct_value() / 2 : direct_value();
    g->tensors[t].shape = *shape;
    g->tensors[t].shape_known = true;
    g->tensors[t].data = data;
    return t;
}

static inline struct gtcnn_shape direct_shape4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (struct gtcnn_shape){4, {a, b, c, d}};
}

/* Appends a node; its output becomes the graph's. Returns the output's index; *attr, when wanted, its attributes. */
static inline int direct_node(struct gtcnn_graph *g, enum gtcnn_op op, const int *inputs, uint32_t count,
                              struct gtcnn_attr **attr)
{
    int y = gtcnn_graph_add_tensor(g, NULL, GTCNN_F32);
    int n = gtcnn_graph_add_node(g, op, g->tensors[y].name, inputs, count, y);
    assert_true(n >= 0);
    if (attr)
        *attr = &g->nodes[n].attr;
    return g->output = y;
}

static inline int direct_unary(struct gtcnn_graph *g, enum gtcnn_op op, int x)
{
    return direct_node(g, op, &x, 1, NULL);
}

static inline int direct_binary(struct gtcnn_graph *g, enum gtcnn_op op, int a, int b)
{
    return direct_node(g, op, (int[]){a, b}, 2, NULL);
}

/* --- the direct computation */

struct direct {
    const struct gtcnn_graph *g;
    double **value; /* per tensor */
};

static inline void direct_index(int64_t i, const struct gtcnn_shape *shape, int64_t *index)
{
    for (uint32_t d = shape->rank; d-- > 0;) {
        index[d] = i % shape->dim[d];
        i /= shape->dim[d];
    }
}

static inline int64_t direct_flat(const int64_t *index, const struct gtcnn_shape *shape)
{
    int64_t i = 0;
    for (uint32_t d = 0; d < shape->rank; d++)
        i = i * shape->dim[d] + index[d];
    return i;
}

static inline double direct_at4(const double *x, const struct gtcnn_shape *s, int64_t n, int64_t c, int64_t h, int64_t w)
{
    return x[((n * s->dim[1] + c) * s->dim[2] + h) * s->dim[3] + w];
}

static inline double direct_conv_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at)
{
    const struct gtcnn_shape *xs = &d->g->tensors[node->inputs[0]].shape, *ws = &d->g->tensors[node->inputs[1]].shape;
    const double *x = d->value[node->inputs[0]], *w = d->value[node->inputs[1]];
    const struct gtcnn_attr *a = &node->attr;
    int64_t per = ws->dim[1], group = at[1] / (ws->dim[0] / a->group);
    double sum = node->input_count > 2 && node->inputs[2] >= 0 ? d->value[node->inputs[2]][at[1]] : 0;
    for (int64_t c = 0; c < per; c++)
        for (int64_t kh = 0; kh < ws->dim[2]; kh++)
            for (int64_t kw = 0; kw < ws->dim[3]; kw++) {
                int64_t h = at[2] * a->stride[0] - a->pad[0] + kh * a->dilation[0];
                int64_t v = at[3] * a->stride[1] - a->pad[1] + kw * a->dilation[1];
                if (h >= 0 && h < xs->dim[2] && v >= 0 && v < xs->dim[3])
                    sum += direct_at4(x, xs, at[0], group * per + c, h, v) * direct_at4(w, ws, at[1], c, kh, kw);
            }
    return sum;
}

static inline double direct_pool_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at)
{
    const struct gtcnn_shape *xs = &d->g->tensors[node->inputs[0]].shape;
    const struct gtcnn_attr *a = &node->attr;
    bool max = node->op == GTCNN_OP_MAXPOOL;
    double result = max ? -INFINITY : 0;
    int64_t taps = 0;
    for (int64_t kh = 0; kh < a->kernel[0]; kh++)
        for (int64_t kw = 0; kw < a->kernel[1]; kw++) {
            int64_t h = at[2] * a->stride[0] - a->pad[0] + kh * a->dilation[0];
            int64_t w = at[3] * a->stride[1] - a->pad[1] + kw * a->dilation[1];
            bool inside = h >= 0 && h < xs->dim[2] && w >= 0 && w < xs->dim[3];
            bool padded = h < xs->dim[2] + a->pad[2] && w < xs->dim[3] + a->pad[3];
            taps += inside || (a->count_include_pad && padded);
            double v = inside ? direct_at4(d->value[node->inputs[0]], xs, at[0], at[1], h, w) : 0;
            if (inside)
                result = max ? (v > result ? v : result) : result + v;
        }
    return max ? result : result / (double)taps;
}

static inline double direct_unary_of(const struct gtcnn_node *node, double v)
{
    double hard;
    switch (node->op) {
    case GTCNN_OP_RELU:
        return v > 0 ? v : 0;
    case GTCNN_OP_CLIP:
        return fmin(fmax(v, (double)node->attr.min), (double)node->attr.max);
    case GTCNN_OP_SIGMOID:
        return 1 / (1 + exp(-v));
    case GTCNN_OP_HARDSIGMOID:
        return fmin(fmax((double)node->attr.alpha * v + (double)node->attr.beta, 0), 1);
    case GTCNN_OP_HARDSWISH:
        hard = fmin(fmax(v / 6 + 0.5, 0), 1);
        return v * hard;
    default:
        return v;
    }
}

/* The element that the broadcast operand contributes at an output index. */
static inline double direct_operand(const struct direct *d, int tensor, const struct gtcnn_shape *out, const int64_t *at)
{
    const struct gtcnn_shape *s = &d->g->tensors[tensor].shape;
    int64_t index[GTCNN_MAX_RANK];
    for (uint32_t i = 0; i < s->rank; i++)
        index[i] = s->dim[i] == 1 ? 0 : at[out->rank - s->rank + i];
    return d->value[tensor][direct_flat(index, s)];
}

static inline double direct_gemm_at(const struct direct *d, const struct gtcnn_node *node, const struct gtcnn_shape *out,
                                    const int64_t *at)
{
    const struct gtcnn_shape *as = &d->g->tensors[node->inputs[0]].shape, *bs = &d->g->tensors[node->inputs[1]].shape;
    const struct gtcnn_attr *t = &node->attr;
    int64_t inner = t->trans_a ? as->dim[0] : as->dim[1];
    double sum = 0;
    for (int64_t k = 0; k < inner; k++) {
        int64_t ia = t->trans_a ? k * as->dim[1] + at[0] : at[0] * as->dim[1] + k;
        int64_t ib = t->trans_b ? at[1] * bs->dim[1] + k : k * bs->dim[1] + at[1];
        sum += d->value[node->inputs[0]][ia] * d->value[node->inputs[1]][ib];
    }
    sum *= (double)t->alpha;
    if (node->input_count > 2 && node->inputs[2] >= 0)
        sum += (double)t->beta * direct_operand(d, node->inputs[2], out, at);
    return sum;
}

static inline double direct_matmul_at(const struct direct *d, const struct gtcnn_node *node, const struct gtcnn_shape *out,
                                      const int64_t *at)
{
    const struct gtcnn_shape *bs = &d->g->tensors[node->inputs[1]].shape;
    int64_t row = direct_flat(at, out) / out->dim[out->rank - 1];
    double sum = 0;
    for (int64_t k = 0; k < bs->dim[0]; k++)
        sum += d->value[node->inputs[0]][row * bs->dim[0] + k] * d->value[node->inputs[1]][k * bs->dim[1] + at[out->rank - 1]];
    return sum;
}

static inline double direct_mean_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at)
{
    const struct gtcnn_shape *xs = &d->g->tensors[node->inputs[0]].shape;
    bool over[GTCNN_MAX_RANK] = {0};
    bool pool = node->op == GTCNN_OP_GLOBALAVERAGEPOOL;
    for (uint32_t i = 0; i < xs->rank; i++)
        over[i] = pool ? i >= 2 : node->attr.axis_count == 0;
    for (uint32_t i = 0; i < node->attr.axis_count && !pool; i++)
        over[node->attr.axes[i]] = true;
    double sum = 0;
    int64_t n = 0, index[GTCNN_MAX_RANK], total = direct_count(xs);
    for (int64_t i = 0; i < total; i++) {
        direct_index(i, xs, index);
        bool same = true;
        for (uint32_t k = 0, o = 0; k < xs->rank; k++) {
            same = same && (over[k] || index[k] == at[o]);
            o += !over[k] || pool || node->attr.keepdims;
        }
        sum += same ? d->value[node->inputs[0]][i] : 0;
        n += same;
    }
    return sum / (double)n;
}

static inline double direct_softmax_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at)
{
    const struct gtcnn_shape *xs = &d->g->tensors[node->inputs[0]].shape;
    const double *x = d->value[node->inputs[0]];
    int64_t index[GTCNN_MAX_RANK], total = direct_count(xs);
    double sum = 0, most = -INFINITY;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t i = 0; i < total; i++) {
            direct_index(i, xs, index);
            bool same = true;
            for (uint32_t k = 0; k < xs->rank; k++)
                same = same && (node->attr.softmax_flat ? (int)k >= node->attr.axis || index[k] == at[k]
                                                        : (int)k == node->attr.axis || index[k] == at[k]);
            if (same && pass == 0)
                most = fmax(most, x[i]);
            else if (same)
                sum += exp(x[i] - most);
        }
    return exp(x[direct_flat(at, xs)] - most) / sum;
}

static inline double direct_batchnorm_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at, int64_t flat)
{
    int64_t c = at[1];
    double x = d->value[node->inputs[0]][flat], scale = d->value[node->inputs[1]][c], bias = d->value[node->inputs[2]][c];
    double mean = d->value[node->inputs[3]][c], variance = d->value[node->inputs[4]][c];
    return (x - mean) / sqrt(variance + (double)node->attr.epsilon) * scale + bias;
}

static inline double direct_moved_at(const struct direct *d, const struct gtcnn_node *node, const int64_t *at)
{
    int64_t index[GTCNN_MAX_RANK];
    const struct gtcnn_shape *xs = &d->g->tensors[node->inputs[0]].shape;
    if (node->op == GTCNN_OP_TRANSPOSE) {
        for (uint32_t i = 0; i < xs->rank; i++)
            index[node->attr.perm[i]] = at[i];
        return d->value[node->inputs[0]][direct_flat(index, xs)];
    }
    if (node->op == GTCNN_OP_PAD) {
        for (uint32_t i = 0; i < xs->rank; i++) {
            index[i] = at[i] - node->attr.pads[i];
            if (index[i] < 0 || index[i] >= xs->dim[i])
                return (double)node->attr.pad_value;
        }
        return d->value[node->inputs[0]][direct_flat(index, xs)];
    }
    memcpy(index, at, sizeof index);
    for (uint32_t i = 0; i < node->input_count; i++) { /* Concat */
        const struct gtcnn_shape *s = &d->g->tensors[node->inputs[i]].shape;
        if (index[node->attr.axis] < s->dim[node->attr.axis])
            return d->value[node->inputs[i]][direct_flat(index, s)];
        index[node->attr.axis] -= s->dim[node->attr.axis];
    }
    return NAN;
}

static inline double direct_element(const struct direct *d, const struct gtcnn_node *node, int64_t flat)
{
    const struct gtcnn_shape *out = &d->g->tensors[node->output].shape;
    int64_t at[GTCNN_MAX_RANK] = {0};
    direct_index(flat, out, at);
    switch (node->op) {
    case GTCNN_OP_CONV:
        return direct_conv_at(d, node, at);
    case GTCNN_OP_BATCHNORM:
        return direct_batchnorm_at(d, node, at, flat);
    case GTCNN_OP_ADD:
        return direct_operand(d, node->inputs[0], out, at) + direct_operand(d, node->inputs[1], out, at);
    case GTCNN_OP_MUL:
        return direct_operand(d, node->inputs[0], out, at) * direct_operand(d, node->inputs[1], out, at);
    case GTCNN_OP_AVERAGEPOOL:
    case GTCNN_OP_MAXPOOL:
        return direct_pool_at(d, node, at);
    case GTCNN_OP_GLOBALAVERAGEPOOL:
    case GTCNN_OP_REDUCEMEAN:
        return direct_mean_at(d, node, at);
    case GTCNN_OP_GEMM:
        return direct_gemm_at(d, node, out, at);
    case GTCNN_OP_MATMUL:
        return direct_matmul_at(d, node, out, at);
    case GTCNN_OP_SOFTMAX:
        return direct_softmax_at(d, node, at);
    case GTCNN_OP_TRANSPOSE:
    case GTCNN_OP_PAD:
    case GTCNN_OP_CONCAT:
        return direct_moved_at(d, node, at);
    default: /* element by element, or the same elements under another shape */
        return direct_unary_of(node, d->value[node->inputs[0]][flat]);
    }
}

/* Every tensor's value for that input; free each and the array. Shapes must have been inferred. */
static inline double **direct_compute(const struct gtcnn_graph *g, const float *input)
{
    struct direct d = {g, calloc(g->tensor_count, sizeof *d.value)};
    for (uint32_t t = 0; t < g->tensor_count; t++) {
        const float *from = (int)t == g->input ? input : g->tensors[t].data;
        int64_t n = direct_count(&g->tensors[t].shape);
        if (from && g->tensors[t].dtype == GTCNN_F32) {
            d.value[t] = malloc((size_t)n * sizeof **d.value);
            for (int64_t i = 0; i < n; i++)
                d.value[t][i] = from[i];
        }
    }
    for (uint32_t k = 0; k < g->node_count; k++) {
        const struct gtcnn_node *node = &g->nodes[k];
        int64_t n = direct_count(&g->tensors[node->output].shape);
        d.value[node->output] = malloc((size_t)n * sizeof **d.value);
        for (int64_t i = 0; i < n; i++)
            d.value[node->output][i] = direct_element(&d, node, i);
    }
    return d.value;
}

static inline void direct_free(const struct gtcnn_graph *g, double **value)
{
    for (uint32_t t = 0; t < g->tensor_count; t++)
        free(value[t]);
    free(value);
}

/* --- running a graph as the library does */

static inline float *direct_noise(int64_t n)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = 3 * direct_value();
    return x;
}

/* Runs the plan on so many threads, every call cut into as many parts, small as it may be. The output, in the file's order,
 * is the caller's. *plan is kept when wanted. */
static inline float *direct_run(const struct gtcnn_graph *g, const bool *keep, const struct gtcnn_plan_options *options,
                                const float *input, struct gtcnn_plan **kept)
{
    struct gtcnn_plan *plan = NULL;
    struct gtcnn_err err = {0};
    bool *none = calloc(g->tensor_count, sizeof *none);
    if (gtcnn_plan_new(g, keep ? keep : none, options, &plan, &err))
        fail_msg("%s", err.text);
    free(none);
    for (uint32_t c = 0; c < plan->call_count; c++)
        plan->calls[c].parts = options->threads;
    struct gtcnn_pool *pool = gtcnn_pool_new(options->threads);
    const struct gtcnn_array *in = &plan->arrays[g->input], *out = &plan->arrays[plan->fusion.alias[g->output]];
    int64_t stride[GTCNN_MAX_RANK];
    float *output = calloc((size_t)direct_count(&out->shape), sizeof *output);
    gtcnn_layout_row_major(&in->shape, stride);
    gtcnn_layout_copy(&in->shape, gtcnn_plan_data(plan, &in->at), in->stride, input, stride);
    for (uint32_t s = 0; s < plan->step_count; s++)
        gtcnn_plan_run(plan, s, pool);
    gtcnn_layout_row_major(&out->shape, stride);
    gtcnn_layout_copy(&out->shape, output, stride, gtcnn_plan_data(plan, &out->at), out->stride);
    gtcnn_pool_free(pool);
    if (kept)
        *kept = plan;
    else
        gtcnn_plan_free(plan);
    return output;
}

/* For bfloat16 a sanity bound over small graphs, in whose sums much may cancel; runtime_kernels.c has the one of its bits. */
#define DIRECT_BF16 0.05

/* ‖y - wanted‖∞ / ‖wanted‖∞ must be at most `bound`. */
static inline void direct_assert_within(const float *y, const double *wanted, int64_t n, double bound, const char *what)
{
    double most = 0, worst = 0;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs(wanted[i]));
        double error = fabs((double)y[i] - wanted[i]);
        worst = error > worst || isnan(error) ? error : worst;
    }
    if (!(worst <= bound * most + 1e-30))
        fail_msg("%s: error %g of %g", what, worst, most);
}

/* Within 1e-5 (the bound for fp32). */
static inline void direct_assert_near(const float *y, const double *wanted, int64_t n, const char *what)
{
    direct_assert_within(y, wanted, n, 1e-5, what);
}

/* On 1, 2 and 3 threads, which must compute the same bit for bit. */
static inline void direct_check_kernels(const struct gtcnn_graph *g, const struct gtcnn_kernels *kernels, bool by_layer,
                                        const float *input, const double *wanted, const char *what)
{
    float *first = NULL;
    int64_t n = direct_count(&g->tensors[g->output].shape);
    char text[256];
    snprintf(text, sizeof text, "%s, %s%s", what, kernels->name, by_layer ? ", layer by layer" : "");
    for (uint32_t threads = 1; threads <= 3; threads++) {
        struct gtcnn_plan_options options = {.kernels = kernels, .threads = threads, .by_layer = by_layer};
        float *y = direct_run(g, NULL, &options, input, NULL);
        direct_assert_within(y, wanted, n, kernels->narrow ? DIRECT_BF16 : 1e-5, text);
        if (first && memcmp(first, y, (size_t)n * sizeof *y) != 0)
            fail_msg("%s: %u threads compute something else than one", text, threads);
        if (first)
            free(y);
        else
            first = y;
    }
    free(first);
}

/* Runs the graph, its shapes inferred, by all kernels that this processor has, in blocks and layer by layer, and holds each
 * against the direct computation. Frees graph and input. */
static inline void direct_check_input(struct gtcnn_graph *g, float *input, const char *what)
{
    double **wanted = direct_compute(g, input);
    const struct gtcnn_kernels *kernels;
    for (uint32_t i = 0; (kernels = gtcnn_isa_at(i)); i++)
        for (int by_layer = 0; by_layer < (kernels->expand ? 2 : 1); by_layer++)
            direct_check_kernels(g, kernels, by_layer, input, wanted[g->output], what);
    free(input);
    direct_free(g, wanted);
    gtcnn_graph_free(g);
}

static inline void direct_infer(struct gtcnn_graph *g, uint32_t batch, const char *what)
{
    struct gtcnn_err err = {0};
    if (gtcnn_graph_infer_shapes(g, batch, &err))
        fail_msg("%s: %s", what, err.text);
}

/* Infers shapes and checks the graph with noise as its input. */
static inline void direct_check(struct gtcnn_graph *g, uint32_t batch, const char *what)
{
    direct_infer(g, batch, what);
    direct_check_input(g, direct_noise(direct_count(&g->tensors[g->input].shape)), what);
}

#endif
