/*
 * Gradients of the trainer against finite differences: per operator, and end to end for a member of the family.
 *
 * For each parameter, along random directions d: (L(w + h d) - L(w - h d)) / 2h against the gradient's product with d. A
 * direction touches every element, so that a single wrong one shows. Losses are summed in double precision.
 */
#include "runtime/train/learn.h"
#include "runtime/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 4, SIDE = 7, CHANNELS = 8, DIRECTIONS = 3 };

/* A graph in the making: nodes are chained, `x` is the tensor that came last. */
struct chain {
    struct gtcnn_graph *graph;
    struct gtcnn_weights stream;
    int x;
};

static int add_parameter(struct chain *c, const char *name, const struct gtcnn_shape *shape, double mean, double variance)
{
    int index = gtcnn_graph_add_tensor(c->graph, name, GTCNN_F32);
    assert_true(index >= 0);
    struct gtcnn_tensor *t = &c->graph->tensors[index];
    size_t n = (size_t)gtcnn_shape_count(shape);
    t->shape = *shape;
    t->shape_known = true;
    t->data = malloc(n * sizeof(float));
    assert_non_null(t->data);
    gtcnn_weights_fill(&c->stream, t->data, n, mean, variance);
    return index;
}

static struct gtcnn_attr *add_node(struct chain *c, enum gtcnn_op op, const int *inputs, uint32_t count)
{
    char name[32];
    snprintf(name, sizeof name, "%s%u", gtcnn_op_name(op), c->graph->node_count);
    c->x = gtcnn_graph_add_tensor(c->graph, name, GTCNN_F32);
    assert_true(c->x >= 0);
    int node = gtcnn_graph_add_node(c->graph, op, name, inputs, count, c->x);
    assert_true(node >= 0);
    return &c->graph->nodes[node].attr;
}

static void add_conv(struct chain *c, const char *name, uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride,
                     uint32_t group, bool bias)
{
    char weight[32], offset[32];
    snprintf(weight, sizeof weight, "%s.w", name);
    snprintf(offset, sizeof offset, "%s.b", name);
    struct gtcnn_shape shape = {4, {out, in / group, kernel, kernel}};
    int inputs[3] = {c->x, add_parameter(c, weight, &shape, 0, 2.0 / (in / group * kernel * kernel)), -1};
    if (bias)
        inputs[2] = add_parameter(c, offset, &(struct gtcnn_shape){1, {out}}, 0, 0.1);
    struct gtcnn_attr *attr = add_node(c, GTCNN_OP_CONV, inputs, bias ? 3 : 2);
    for (int axis = 0; axis < 2; axis++) {
        attr->kernel[axis] = kernel;
        attr->stride[axis] = stride;
        attr->dilation[axis] = 1;
    }
    attr->group = group;
    attr->auto_pad = GTCNN_PAD_SAME_UPPER;
}

/* An input of 3 channels, brought to CHANNELS by a convolution: so that what follows has to hand a gradient on. */
static struct chain begin(const char *name)
{
    struct chain c = {.graph = gtcnn_graph_new()};
    assert_non_null(c.graph);
    gtcnn_weights_seed(&c.stream, "gradients", name);
    c.x = gtcnn_graph_add_tensor(c.graph, "input", GTCNN_F32);
    struct gtcnn_tensor *input = &c.graph->tensors[c.x];
    input->shape = (struct gtcnn_shape){4, {-1, 3, SIDE, SIDE}};
    input->shape_known = true;
    c.graph->input = c.x;
    add_conv(&c, "first", 3, CHANNELS, 1, 1, 1, true);
    return c;
}

/* The loss: outputs against fixed random weights. */
struct loss {
    float *weight;
    size_t n;
};

static double forward(struct gtcnn_net *net, const struct loss *loss)
{
    struct gtcnn_err err;
    double sum = 0;
    assert_int_equal(gtcnn_net_forward(net, true, &err), GTCNN_OK);
    const float *y = gtcnn_net_output(net);
    for (size_t i = 0; i < loss->n; i++) /* both in the order of memory */
        sum += (double)y[i] * loss->weight[i];
    return sum;
}

/* The loss's slope along d, from both sides. */
static double slope(struct gtcnn_net *net, const struct gtcnn_net_param *param, const float *d, double h,
                    double (*evaluate)(struct gtcnn_net *, const void *), const void *context)
{
    float *saved = malloc(param->n * sizeof *saved);
    double side[2];
    memcpy(saved, param->value, param->n * sizeof *saved);
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < param->n; i++)
            param->value[i] = saved[i] + (float)((s ? -h : h) * d[i]);
        side[s] = evaluate(net, context);
    }
    memcpy(param->value, saved, param->n * sizeof *saved);
    free(saved);
    return (side[0] - side[1]) / (2 * h);
}

/* `floor`: norm of a gradient below which rounding counts (that of a bias before a normalisation is 0). */
static void check_parameter(struct gtcnn_net *net, uint32_t p, double h, double tolerance, double floor,
                            double (*evaluate)(struct gtcnn_net *, const void *), const void *context)
{
    const struct gtcnn_net_param *param = &net->params[p];
    float *d = malloc(param->n * sizeof *d);
    struct gtcnn_weights stream;
    gtcnn_weights_seed(&stream, "directions", net->graph->tensors[param->tensor].name);
    for (int k = 0; k < DIRECTIONS; k++) {
        double product = 0, norm = 0;
        gtcnn_weights_fill(&stream, d, param->n, 0, 1);
        for (size_t i = 0; i < param->n; i++) {
            product += (double)param->grad[i] * d[i];
            norm += (double)param->grad[i] * param->grad[i];
        }
        double measured = slope(net, param, d, h, evaluate, context), allowed = tolerance * (sqrt(norm) + floor);
        if (fabs(measured - product) > allowed)
            fail_msg("%s, direction %d: gradient %.6g, finite difference %.6g, allowed %.2g",
                     net->graph->tensors[param->tensor].name, k, product, measured, allowed);
    }
    free(d);
}

static double evaluate_linear(struct gtcnn_net *net, const void *context)
{
    return forward(net, context);
}

/* Every parameter of the chain's network. */
static void check(struct chain *c, uint32_t parameters)
{
    struct gtcnn_net *net = NULL;
    struct gtcnn_err err = {0};
    c->graph->output = c->x;
    if (gtcnn_net_new(c->graph, BATCH, &net, &err))
        fail_msg("%s", err.text);
    assert_int_equal(net->param_count, parameters);
    struct loss loss = {.n = (size_t)gtcnn_shape_count(&c->graph->tensors[c->x].shape)};
    loss.weight = malloc(loss.n * sizeof *loss.weight);
    gtcnn_weights_fill(&c->stream, loss.weight, loss.n, 0.5, 1);
    gtcnn_weights_fill(&c->stream, gtcnn_net_input(net), BATCH * 3 * SIDE * SIDE, 0, 1);
    forward(net, &loss);
    memcpy(gtcnn_net_output_grad(net), loss.weight, loss.n * sizeof *loss.weight);
    assert_int_equal(gtcnn_net_backward(net, &err), GTCNN_OK);
    for (uint32_t p = 0; p < net->param_count; p++)
        check_parameter(net, p, 1e-2, 4e-3, 1, evaluate_linear, &loss);
    free(loss.weight);
    gtcnn_net_free(net);
    gtcnn_graph_free(c->graph);
}

static void test_convolution(void **state)
{
    (void)state;
    struct chain c = begin("convolution");
    add_conv(&c, "conv", CHANNELS, 12, 3, 2, 1, true);
    check(&c, 4);
}

static void test_pointwise(void **state)
{
    (void)state;
    struct chain c = begin("pointwise");
    add_conv(&c, "conv", CHANNELS, 20, 1, 1, 1, false);
    check(&c, 3);
}

static void test_depthwise(void **state)
{
    (void)state;
    for (uint32_t stride = 1; stride <= 2; stride++)
        for (uint32_t kernel = 3; kernel <= 5; kernel += 2) {
            struct chain c = begin("depthwise");
            add_conv(&c, "conv", CHANNELS, CHANNELS, kernel, stride, CHANNELS, false);
            check(&c, 3);
        }
}

static void test_grouped(void **state)
{
    (void)state;
    struct chain c = begin("grouped");
    add_conv(&c, "conv", CHANNELS, 12, 3, 1, 4, true);
    check(&c, 4);
}

static void add_norm(struct chain *c)
{
    struct gtcnn_shape shape = {1, {CHANNELS}};
    int inputs[5] = {c->x, add_parameter(c, "norm.scale", &shape, 1, 0.1), add_parameter(c, "norm.shift", &shape, 0, 0.1),
                     add_parameter(c, "norm.mean", &shape, 0, 0), add_parameter(c, "norm.variance", &shape, 1, 0)};
    add_node(c, GTCNN_OP_BATCHNORM, inputs, 5)->epsilon = 1e-3f;
}

static void test_normalisation(void **state)
{
    (void)state;
    struct chain c = begin("normalisation");
    add_norm(&c);
    check(&c, 4);
}

static void add_silu(struct chain *c)
{
    int x = c->x;
    add_node(c, GTCNN_OP_SIGMOID, &x, 1);
    add_node(c, GTCNN_OP_MUL, (int[]){c->x, x}, 2);
}

static void test_silu(void **state)
{
    (void)state;
    struct chain c = begin("silu");
    add_silu(&c);
    check(&c, 2);
}

static void test_sigmoid(void **state)
{
    (void)state;
    struct chain c = begin("sigmoid");
    add_node(&c, GTCNN_OP_SIGMOID, (int[]){c.x}, 1);
    check(&c, 2);
}

/* Squeeze-and-excite: x reaches the product on two ways, whose gradients have to be added. */
static void test_gate(void **state)
{
    (void)state;
    struct chain c = begin("gate");
    int x = c.x;
    add_node(&c, GTCNN_OP_GLOBALAVERAGEPOOL, &x, 1);
    add_conv(&c, "reduce", CHANNELS, 2, 1, 1, 1, true);
    add_silu(&c);
    add_conv(&c, "expand", 2, CHANNELS, 1, 1, 1, true);
    int logits = c.x;
    add_node(&c, GTCNN_OP_SIGMOID, &logits, 1);
    add_node(&c, GTCNN_OP_MUL, (int[]){x, c.x}, 2);
    check(&c, 6);
}

static void test_residual(void **state)
{
    (void)state;
    struct chain c = begin("residual");
    int x = c.x;
    add_conv(&c, "branch", CHANNELS, CHANNELS, 3, 1, 1, false);
    add_node(&c, GTCNN_OP_ADD, (int[]){c.x, x}, 2);
    check(&c, 3);
}

static void test_classifier(void **state)
{
    (void)state;
    struct chain c = begin("classifier");
    int x = c.x;
    add_node(&c, GTCNN_OP_GLOBALAVERAGEPOOL, &x, 1);
    x = c.x;
    add_node(&c, GTCNN_OP_FLATTEN, &x, 1)->axis = 1;
    int inputs[3] = {c.x, add_parameter(&c, "fc.w", &(struct gtcnn_shape){2, {10, CHANNELS}}, 0, 0.2),
                     add_parameter(&c, "fc.b", &(struct gtcnn_shape){1, {10}}, 0, 0.1)};
    struct gtcnn_attr *attr = add_node(&c, GTCNN_OP_GEMM, inputs, 3);
    attr->alpha = attr->beta = 1;
    attr->trans_b = true;
    check(&c, 4);
}

static const uint8_t LABELS[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

static double evaluate_softmax(struct gtcnn_net *net, const void *context)
{
    struct gtcnn_err err;
    (void)context;
    assert_int_equal(gtcnn_net_forward(net, true, &err), GTCNN_OK);
    return gtcnn_loss_softmax(gtcnn_net_output(net), LABELS, 16, 10, 0.1, NULL).sum / 16;
}

/* The whole way: a family's member, its fresh weights, softmax with smoothed labels. */
static void test_network(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_net *net = NULL;
    struct gtcnn_err err = {0};
    struct gtcnn_weights stream;
    assert_int_equal(gtcnn_family_build("fashion/b0", &graph, &err), GTCNN_OK);
    gtcnn_parameters_reset(graph, "fashion/b0", 1);
    if (gtcnn_net_new(graph, 16, &net, &err))
        fail_msg("%s", err.text);
    gtcnn_weights_seed(&stream, "gradients", "network");
    gtcnn_weights_fill(&stream, gtcnn_net_input(net), 16 * 14 * 14, 0, 1);
    evaluate_softmax(net, NULL);
    gtcnn_loss_softmax(gtcnn_net_output(net), LABELS, 16, 10, 0.1, gtcnn_net_output_grad(net));
    assert_int_equal(gtcnn_net_backward(net, &err), GTCNN_OK);
    for (uint32_t p = 0; p < net->param_count; p++)
        check_parameter(net, p, 3e-3, 2e-2, 1e-3, evaluate_softmax, NULL);
    gtcnn_net_free(net);
    gtcnn_graph_free(graph);
}

/* What no built-in family has is refused, by the node's name. */
static void test_refusal(void **state)
{
    (void)state;
    struct chain c = begin("refusal");
    struct gtcnn_net *net = NULL;
    struct gtcnn_err err = {0};
    add_node(&c, GTCNN_OP_RELU, (int[]){c.x}, 1);
    c.graph->output = c.x;
    assert_int_equal(gtcnn_net_new(c.graph, BATCH, &net, &err), GTCNN_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "Relu"));
    gtcnn_graph_free(c.graph);
}

int main(void)
{
    gtcnn_dnn_use_threads(1); /* tests run side by side */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convolution), cmocka_unit_test(test_pointwise),     cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_grouped),     cmocka_unit_test(test_normalisation), cmocka_unit_test(test_silu),
        cmocka_unit_test(test_sigmoid),     cmocka_unit_test(test_gate),          cmocka_unit_test(test_residual),
        cmocka_unit_test(test_classifier),  cmocka_unit_test(test_network),       cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
