#include "runtime/cost.h"

#include "runtime/escape.h"

#include <stdlib.h>

struct counter {
    const struct gtcnn_graph *graph;
    bool *counted; /* per tensor: its parameters have been counted */
    int *alias;    /* per tensor: the one whose elements it has */
    uint64_t batch;
};

static uint64_t elements(const struct counter *c, int tensor)
{
    int64_t n = tensor < 0 ? 0 : gtcnn_shape_count(&c->graph->tensors[tensor].shape);
    return n < 0 ? 0 : (uint64_t)n;
}

static bool is_constant(const struct counter *c, int tensor)
{
    return tensor >= 0 && gtcnn_tensor_is_constant(&c->graph->tensors[c->alias[tensor]]);
}

/* A constant is there once, whatever the batch. */
static uint64_t elements_of_one_image(const struct counter *c, int tensor)
{
    return elements(c, tensor) / (is_constant(c, tensor) ? 1 : c->batch);
}

static bool is_convolution(const struct gtcnn_node *node)
{
    return node->op == GTCNN_OP_CONV;
}

static bool is_product(const struct gtcnn_node *node)
{
    return node->op == GTCNN_OP_GEMM || node->op == GTCNN_OP_MATMUL;
}

/* Each output element takes one MAC per weight of its output channel. */
static bool count_macs(const struct counter *c, const struct gtcnn_node *node, uint64_t *macs)
{
    *macs = 0;
    if (!is_convolution(node) && !is_product(node))
        return true;
    const struct gtcnn_shape *w = &c->graph->tensors[node->inputs[1]].shape, *y = &c->graph->tensors[node->output].shape;
    uint64_t weights = elements(c, node->inputs[1]);
    uint64_t channels = is_convolution(node) ? (uint64_t)w->dim[0] : (uint64_t)y->dim[y->rank - 1];
    if (channels == 0)
        return true;
    return !__builtin_mul_overflow(elements(c, node->output) / c->batch, weights / channels, macs);
}

static uint64_t take_parameters(struct counter *c, int tensor)
{
    if (!is_constant(c, tensor) || c->counted[c->alias[tensor]])
        return 0;
    c->counted[c->alias[tensor]] = true;
    return elements(c, tensor);
}

static uint64_t count_params(struct counter *c, const struct gtcnn_node *node)
{
    uint32_t first = 1, last = node->input_count;
    if (node->op == GTCNN_OP_BATCHNORM)
        last = 3; /* scale and shift, not mean and variance */
    else if (node->op == GTCNN_OP_ADD)
        first = 0; /* the bias of a MatMul stands in an Add, on either side */
    else if (!is_convolution(node) && !is_product(node))
        return 0;
    uint64_t n = 0;
    for (uint32_t i = first; i < last && i < node->input_count; i++)
        if (node->op != GTCNN_OP_ADD || elements(c, node->inputs[i]) > 1) /* a single value is arithmetic, not a bias */
            n += take_parameters(c, node->inputs[i]);
    return n;
}

/* Inputs and outputs of one image, weights once. */
static uint64_t count_bytes(const struct counter *c, const struct gtcnn_node *node)
{
    uint64_t n = elements_of_one_image(c, node->output);
    for (uint32_t i = 0; i < node->input_count; i++)
        n += elements_of_one_image(c, node->inputs[i]);
    return n * sizeof(float);
}

static bool count_layer(struct counter *c, const struct gtcnn_node *node, struct gtcnn_layer *layer)
{
    const struct gtcnn_tensor *tensors = c->graph->tensors;
    *layer = (struct gtcnn_layer){.name = node->name, .op = gtcnn_op_name(node->op), .unit = UINT32_MAX};
    layer->activations = elements_of_one_image(c, node->output);
    layer->bytes = count_bytes(c, node);
    layer->params = count_params(c, node);
    if (node->input_count > 0 && node->inputs[0] >= 0)
        layer->input = tensors[node->inputs[0]].shape;
    layer->output = tensors[node->output].shape;
    if (is_convolution(node) || is_product(node))
        layer->weight = tensors[node->inputs[1]].shape;
    bool windowed = is_convolution(node) || node->op == GTCNN_OP_AVERAGEPOOL || node->op == GTCNN_OP_MAXPOOL;
    for (int i = 0; i < 2 && windowed; i++) {
        layer->kernel[i] = node->attr.kernel[i];
        layer->stride[i] = node->attr.stride[i];
    }
    layer->groups = is_convolution(node) ? node->attr.group : 0;
    return count_macs(c, node, &layer->macs);
}

enum gtcnn_status gtcnn_cost_layers(const struct gtcnn_graph *graph, struct gtcnn_layer *layers, uint32_t *count,
                                    struct gtcnn_err *err)
{
    const struct gtcnn_shape *input = &graph->tensors[graph->input].shape;
    struct counter c = {graph, calloc(graph->tensor_count + 1, sizeof *c.counted),
                        calloc(graph->tensor_count + 1, sizeof *c.alias), 1};
    enum gtcnn_status status = GTCNN_OK;
    if (!c.counted || !c.alias) {
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory while counting the model's layers");
        goto out;
    }
    gtcnn_graph_find_aliases(graph, c.alias);
    if (input->rank > 0 && input->dim[0] > 0)
        c.batch = (uint64_t)input->dim[0];
    uint64_t total = 0;
    *count = 0;
    bool fits = true;
    for (uint32_t n = 0; n < graph->node_count && fits; n++) {
        if (graph->nodes[n].op == GTCNN_OP_CONSTANT)
            continue;
        struct gtcnn_layer *layer = &layers[(*count)++];
        fits = count_layer(&c, &graph->nodes[n], layer) && !__builtin_add_overflow(total, layer->macs, &total);
    }
    char name[100];
    if (!fits)
        status = gtcnn_err_set(err, GTCNN_E_LIMIT, "node '%s': more than 2^64 multiply-accumulates",
                               gtcnn_escape(name, sizeof name, layers[*count - 1].name, SIZE_MAX));
out:
    free(c.counted);
    free(c.alias);
    return status;
}
