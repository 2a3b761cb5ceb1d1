/* Activations, gates, sums, the global pooling, and the flattening behind it. */
#include "runtime/train/lower.h"

static enum gtcnn_status eltwise_forward(struct gtcnn_net *net, uint32_t node, dnnl_alg_kind_t kind, int from,
                                         struct gtcnn_err *err)
{
    dnnl_eltwise_desc_t op;
    dnnl_memory_t x = NULL, y = NULL;
    enum gtcnn_status status = gtcnn_net_value(net, from, &x, err);
    if (!status)
        status = gtcnn_net_value(net, net->graph->nodes[node].output, &y, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, kind, gtcnn_memory_desc(x), 1, 0),
                                 "activation", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "activation", &op, NULL, &net->forward_desc[node], err);
    return status ? status
                  : gtcnn_net_add_both(net, "activation", net->forward_desc[node],
                                       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}}, 2, err);
}

static enum gtcnn_status eltwise_backward(struct gtcnn_net *net, uint32_t node, dnnl_alg_kind_t kind, int from,
                                          struct gtcnn_err *err)
{
    dnnl_memory_t x = net->tensors[from].value, dy = net->tensors[net->graph->nodes[node].output].grad, to;
    const dnnl_memory_desc_t *desc = gtcnn_memory_desc(x);
    dnnl_eltwise_desc_t op;
    dnnl_primitive_desc_t back;
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_eltwise_backward_desc_init(&op, kind, desc, desc, 1, 0), "activation's gradient", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "activation's gradient", &op, net->forward_desc[node], &back, err);
    if (status)
        return status;
    status = gtcnn_grad_begin(net, from, &to, err);
    if (!status)
        status =
            gtcnn_program_add(&net->back, "activation's gradient", back,
                              (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, to}}, 3, err);
    dnnl_primitive_desc_destroy(back);
    return status ? status : gtcnn_grad_end(net, from, to, err);
}

/* Does a SiLU's Mul, which stands for both, use this sigmoid? */
static bool within_silu(const struct gtcnn_net *net, uint32_t node)
{
    int output = net->graph->nodes[node].output;
    for (uint32_t i = node + 1; i < net->graph->node_count; i++) {
        const struct gtcnn_node *n = &net->graph->nodes[i];
        if (n->op == GTCNN_OP_MUL && (n->inputs[0] == output || n->inputs[1] == output) && gtcnn_silu_source(net, i) >= 0)
            return true;
    }
    return false;
}

enum gtcnn_status gtcnn_sigmoid_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    if (within_silu(net, node))
        return GTCNN_OK;
    return eltwise_forward(net, node, dnnl_eltwise_logistic, net->graph->nodes[node].inputs[0], err);
}

enum gtcnn_status gtcnn_sigmoid_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    if (within_silu(net, node))
        return GTCNN_OK;
    return eltwise_backward(net, node, dnnl_eltwise_logistic, net->graph->nodes[node].inputs[0], err);
}

/* N x C x H x W times N x C x 1 x 1; which input is the gate, or -1. */
static int find_gate(const struct gtcnn_net *net, uint32_t node)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    for (int i = 0; i < 2; i++) {
        const struct gtcnn_shape *gate = &net->graph->tensors[n->inputs[i]].shape;
        const struct gtcnn_shape *x = &net->graph->tensors[n->inputs[1 - i]].shape;
        if (gate->rank == 4 && x->rank == 4 && gate->dim[0] == x->dim[0] && gate->dim[1] == x->dim[1] && gate->dim[2] == 1 &&
            gate->dim[3] == 1)
            return i;
    }
    return -1;
}

enum gtcnn_status gtcnn_mul_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    int silu = gtcnn_silu_source(net, node), gate = find_gate(net, node);
    if (silu >= 0)
        return eltwise_forward(net, node, dnnl_eltwise_swish, silu, err);
    if (gate < 0)
        return gtcnn_lower_refuse(net, node, "the trainer multiplies by a gate for each channel only", err);
    dnnl_memory_t x = NULL, g = NULL, y = NULL;
    enum gtcnn_status status = gtcnn_net_value(net, n->inputs[1 - gate], &x, err);
    if (!status)
        status = gtcnn_net_value(net, n->inputs[gate], &g, err);
    if (!status)
        status = gtcnn_net_value(net, n->output, &y, err);
    if (!status)
        status = gtcnn_program_add_binary(&net->dnn, &net->train, dnnl_binary_mul, x, g, y, err);
    return status ? status : gtcnn_program_add_binary(&net->dnn, &net->eval, dnnl_binary_mul, x, g, y, err);
}

/* to *= factor. */
static enum gtcnn_status add_scaling(struct gtcnn_net *net, dnnl_memory_t to, float factor, struct gtcnn_err *err)
{
    dnnl_eltwise_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status = gtcnn_dnn_check(
        dnnl_eltwise_forward_desc_init(&op, dnnl_forward_inference, dnnl_eltwise_linear, gtcnn_memory_desc(to), factor, 0),
        "scaling", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "scaling", &op, NULL, &desc, err);
    if (status)
        return status;
    status =
        gtcnn_program_add(&net->back, "scaling", desc, (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, to}, {DNNL_ARG_DST, to}}, 2, err);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

/*
 * The sum of `from` over its pixels: their mean, times their number. oneDNN 2.6 has a reduction primitive, but for NHWC only
 * its reference code, 20 times slower than the pooling.
 */
static enum gtcnn_status add_sum(struct gtcnn_net *net, dnnl_memory_t from, dnnl_memory_t to, struct gtcnn_err *err)
{
    const dnnl_memory_desc_t *x = gtcnn_memory_desc(from);
    dnnl_dims_t kernel = {x->dims[2], x->dims[3]}, none = {0, 0};
    dnnl_pooling_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_pooling_forward_desc_init(&op, dnnl_forward_inference, dnnl_pooling_avg_exclude_padding, x,
                                                       gtcnn_memory_desc(to), kernel, kernel, none, none),
                        "sum", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "sum", &op, NULL, &desc, err);
    if (status)
        return status;
    status = gtcnn_program_add(&net->back, "sum", desc, (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}}, 2, err);
    dnnl_primitive_desc_destroy(desc);
    return status ? status : add_scaling(net, to, (float)(x->dims[2] * x->dims[3]), err);
}

/* d gate = sum over the pixels of dY * X. */
static enum gtcnn_status gate_backward(struct gtcnn_net *net, int gate, dnnl_memory_t x, dnnl_memory_t dy,
                                       struct gtcnn_err *err)
{
    dnnl_memory_t product = NULL, to = NULL;
    enum gtcnn_status status = gtcnn_net_memory(net, gtcnn_memory_desc(x), &product, err);
    if (!status)
        status = gtcnn_program_add_binary(&net->dnn, &net->back, dnnl_binary_mul, dy, x, product, err);
    if (!status)
        status = gtcnn_grad_begin(net, gate, &to, err);
    if (!status)
        status = add_sum(net, product, to, err);
    return status ? status : gtcnn_grad_end(net, gate, to, err);
}

enum gtcnn_status gtcnn_mul_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    int silu = gtcnn_silu_source(net, node), gate = find_gate(net, node);
    if (silu >= 0)
        return eltwise_backward(net, node, dnnl_eltwise_swish, silu, err);
    int x = n->inputs[1 - gate], g = n->inputs[gate];
    dnnl_memory_t dy = net->tensors[n->output].grad, to;
    enum gtcnn_status status = gtcnn_grad_begin(net, x, &to, err);
    if (!status)
        status = gtcnn_program_add_binary(&net->dnn, &net->back, dnnl_binary_mul, dy, net->tensors[g].value, to, err);
    if (!status)
        status = gtcnn_grad_end(net, x, to, err);
    return status ? status : gate_backward(net, g, net->tensors[x].value, dy, err);
}

enum gtcnn_status gtcnn_add_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    dnnl_memory_t a = NULL, b = NULL, y = NULL;
    if (gtcnn_shape_count(&net->graph->tensors[n->inputs[0]].shape) !=
        gtcnn_shape_count(&net->graph->tensors[n->inputs[1]].shape))
        return gtcnn_lower_refuse(net, node, "the trainer adds arrays of one shape only", err);
    enum gtcnn_status status = gtcnn_net_value(net, n->inputs[0], &a, err);
    if (!status)
        status = gtcnn_net_value(net, n->inputs[1], &b, err);
    if (!status)
        status = gtcnn_net_value(net, n->output, &y, err);
    if (!status)
        status = gtcnn_program_add_binary(&net->dnn, &net->train, dnnl_binary_add, a, b, y, err);
    return status ? status : gtcnn_program_add_binary(&net->dnn, &net->eval, dnnl_binary_add, a, b, y, err);
}

enum gtcnn_status gtcnn_add_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    dnnl_memory_t dy = net->tensors[n->output].grad;
    enum gtcnn_status status = GTCNN_OK;
    for (int i = 0; i < 2 && !status; i++) {
        struct gtcnn_net_tensor *t = &net->tensors[n->inputs[i]];
        if (!t->wants_grad)
            continue;
        if (!net->tensors[t->root].written)
            status = gtcnn_program_add_reorder(&net->dnn, &net->back, dy, t->grad, err);
        else
            status = gtcnn_program_add_binary(&net->dnn, &net->back, dnnl_binary_add, t->grad, dy, t->grad, err);
        net->tensors[t->root].written = true;
    }
    return status;
}

enum gtcnn_status gtcnn_pool_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    const struct gtcnn_shape *shape = &net->graph->tensors[n->inputs[0]].shape;
    dnnl_dims_t kernel = {shape->dim[2], shape->dim[3]}, none = {0, 0};
    dnnl_pooling_desc_t op;
    dnnl_memory_t x = NULL, y = NULL;
    enum gtcnn_status status = gtcnn_net_value(net, n->inputs[0], &x, err);
    if (!status)
        status = gtcnn_net_value(net, n->output, &y, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_pooling_forward_desc_init(&op, dnnl_forward_training, dnnl_pooling_avg_exclude_padding,
                                                                gtcnn_memory_desc(x), gtcnn_memory_desc(y), kernel, kernel,
                                                                none, none),
                                 "pooling", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "pooling", &op, NULL, &net->forward_desc[node], err);
    return status ? status
                  : gtcnn_net_add_both(net, "pooling", net->forward_desc[node],
                                       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, x}, {DNNL_ARG_DST, y}}, 2, err);
}

enum gtcnn_status gtcnn_pool_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    const struct gtcnn_shape *shape = &net->graph->tensors[n->inputs[0]].shape;
    dnnl_dims_t kernel = {shape->dim[2], shape->dim[3]}, none = {0, 0};
    dnnl_pooling_desc_t op;
    dnnl_primitive_desc_t desc;
    dnnl_memory_t dy = net->tensors[n->output].grad, to;
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_pooling_backward_desc_init(&op, dnnl_pooling_avg_exclude_padding,
                                                        gtcnn_memory_desc(net->tensors[n->inputs[0]].value),
                                                        gtcnn_memory_desc(dy), kernel, kernel, none, none),
                        "pooling's gradient", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "pooling's gradient", &op, net->forward_desc[node], &desc, err);
    if (status)
        return status;
    status = gtcnn_grad_begin(net, n->inputs[0], &to, err);
    if (!status)
        status = gtcnn_program_add(&net->back, "pooling's gradient", desc,
                                   (dnnl_exec_arg_t[]){{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_SRC, to}}, 2, err);
    dnnl_primitive_desc_destroy(desc);
    return status ? status : gtcnn_grad_end(net, n->inputs[0], to, err);
}

/* N x C x 1 x 1 to N x C: the same values under another description. */
enum gtcnn_status gtcnn_flatten_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    const struct gtcnn_shape *shape = &net->graph->tensors[n->inputs[0]].shape;
    dnnl_memory_t x;
    if (shape->rank != 4 || shape->dim[2] != 1 || shape->dim[3] != 1 || n->attr.axis != 1)
        return gtcnn_lower_refuse(net, node, "the trainer flattens N x C x 1 x 1 to N x C only", err);
    enum gtcnn_status status = gtcnn_net_value(net, n->inputs[0], &x, err);
    if (status)
        return status;
    net->tensors[n->output].root = net->tensors[n->inputs[0]].root;
    dnnl_memory_desc_t desc = gtcnn_dnn_activation(&net->graph->tensors[n->output].shape);
    return gtcnn_net_view(net, &desc, gtcnn_dnn_data(x), &net->tensors[n->output].value, err);
}

/* The gradient lies where it is wanted already. */
enum gtcnn_status gtcnn_flatten_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    (void)net;
    (void)node;
    (void)err;
    return GTCNN_OK;
}
