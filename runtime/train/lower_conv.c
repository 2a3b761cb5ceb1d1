/* Convolutions and fully connected layers: the operators with weights, which oneDNN may want in an order of its own. */
#include "runtime/train/lower.h"

#include <string.h>

/* Of a convolution: what both halves need. */
struct conv {
    dnnl_dims_t stride, dilation, before, after; /* h, w; dilation counts from 0 */
    dnnl_memory_t x, y, weight, bias;            /* bias NULL: none */
    dnnl_memory_desc_t any_weight;
};

static int input(const struct gtcnn_net *net, uint32_t node, uint32_t i)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    return i < n->input_count ? n->inputs[i] : -1;
}

static const dnnl_memory_desc_t *bias_desc(const struct conv *c)
{
    return c->bias ? gtcnn_memory_desc(c->bias) : NULL;
}

static void fill_geometry(const struct gtcnn_attr *attr, struct conv *c)
{
    for (int axis = 0; axis < 2; axis++) {
        c->stride[axis] = attr->stride[axis];
        c->dilation[axis] = (dnnl_dim_t)attr->dilation[axis] - 1;
        c->before[axis] = attr->pad[axis];
        c->after[axis] = attr->pad[axis + 2];
    }
}

/* The weights' own order: of the ONNX file, M x C/group x kH x kW, with the groups as a dimension where there are any. */
static dnnl_memory_desc_t weight_desc(const struct gtcnn_shape *shape, uint32_t group)
{
    dnnl_memory_desc_t desc = {0};
    const int64_t *d = shape->dim;
    if (shape->rank == 2)
        dnnl_memory_desc_init_by_tag(&desc, 2, (dnnl_dims_t){d[0], d[1]}, dnnl_f32, dnnl_ab);
    else if (group == 1)
        dnnl_memory_desc_init_by_tag(&desc, 4, (dnnl_dims_t){d[0], d[1], d[2], d[3]}, dnnl_f32, dnnl_oihw);
    else
        dnnl_memory_desc_init_by_tag(&desc, 5, (dnnl_dims_t){group, d[0] / group, d[1], d[2], d[3]}, dnnl_f32, dnnl_goihw);
    return desc;
}

static enum gtcnn_status make_parameters(struct gtcnn_net *net, uint32_t node, uint32_t group, struct gtcnn_err *err)
{
    int weight = input(net, node, 1), bias = input(net, node, 2);
    dnnl_memory_desc_t desc = weight_desc(&net->graph->tensors[weight].shape, group);
    enum gtcnn_status status = gtcnn_net_param(net, weight, &desc, true, err);
    if (status || bias < 0)
        return status;
    desc = gtcnn_dnn_activation(&net->graph->tensors[bias].shape);
    return gtcnn_net_param(net, bias, &desc, false, err);
}

static enum gtcnn_status gather(struct gtcnn_net *net, uint32_t node, struct conv *c, struct gtcnn_err *err)
{
    int bias = input(net, node, 2);
    *c = (struct conv){.weight = net->tensors[input(net, node, 1)].value, .bias = bias < 0 ? NULL : net->tensors[bias].value};
    fill_geometry(&net->graph->nodes[node].attr, c);
    c->any_weight = gtcnn_dnn_any(gtcnn_memory_desc(c->weight));
    enum gtcnn_status status = gtcnn_net_value(net, input(net, node, 0), &c->x, err);
    return status ? status : gtcnn_net_value(net, net->graph->nodes[node].output, &c->y, err);
}

/* `own` in the order that `desc` wants its argument in, converted by `programs` (NULL-terminated) where the orders differ. */
static enum gtcnn_status converted(struct gtcnn_net *net, const_dnnl_primitive_desc_t desc, dnnl_query_t what,
                                   dnnl_memory_t own, struct gtcnn_program *const *programs, dnnl_memory_t *to,
                                   struct gtcnn_err *err)
{
    const dnnl_memory_desc_t *wanted = dnnl_primitive_desc_query_md(desc, what, 0);
    *to = own;
    if (dnnl_memory_desc_equal(wanted, gtcnn_memory_desc(own)))
        return GTCNN_OK;
    enum gtcnn_status status = gtcnn_net_memory(net, wanted, to, err);
    for (int i = 0; programs[i] && !status; i++)
        status = gtcnn_program_add_reorder(&net->dnn, programs[i], own, *to, err);
    return status;
}

static enum gtcnn_status add_forward(struct gtcnn_net *net, uint32_t node, const char *what, const struct conv *c,
                                     struct gtcnn_err *err)
{
    struct gtcnn_program *const programs[] = {&net->train, &net->eval, NULL};
    dnnl_memory_t weight;
    enum gtcnn_status status =
        converted(net, net->forward_desc[node], dnnl_query_weights_md, c->weight, programs, &weight, err);
    dnnl_exec_arg_t args[4] = {
        {DNNL_ARG_SRC, c->x}, {DNNL_ARG_WEIGHTS, weight}, {DNNL_ARG_DST, c->y}, {DNNL_ARG_BIAS, c->bias}};
    return status ? status : gtcnn_net_add_both(net, what, net->forward_desc[node], args, c->bias ? 4 : 3, err);
}

/* dX from dY and the weights; `desc` is consumed. */
static enum gtcnn_status add_backward_data(struct gtcnn_net *net, uint32_t node, const char *what, const struct conv *c,
                                           dnnl_primitive_desc_t desc, struct gtcnn_err *err)
{
    struct gtcnn_program *const programs[] = {&net->back, NULL};
    int x = input(net, node, 0);
    dnnl_memory_t weight = NULL, to = NULL, dy = net->tensors[net->graph->nodes[node].output].grad;
    enum gtcnn_status status = converted(net, desc, dnnl_query_weights_md, c->weight, programs, &weight, err);
    if (!status)
        status = gtcnn_grad_begin(net, x, &to, err);
    if (!status)
        status = gtcnn_program_add(
            &net->back, what, desc,
            (dnnl_exec_arg_t[]){{DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_WEIGHTS, weight}, {DNNL_ARG_DIFF_SRC, to}}, 3, err);
    dnnl_primitive_desc_destroy(desc);
    return status ? status : gtcnn_grad_end(net, x, to, err);
}

/* dW, and db where there is a bias; `desc` is consumed. */
static enum gtcnn_status add_backward_weights(struct gtcnn_net *net, uint32_t node, const char *what, const struct conv *c,
                                              dnnl_primitive_desc_t desc, struct gtcnn_err *err)
{
    struct gtcnn_program *const none[] = {NULL};
    int bias = input(net, node, 2);
    dnnl_memory_t own = net->tensors[input(net, node, 1)].grad, to, dy = net->tensors[net->graph->nodes[node].output].grad;
    enum gtcnn_status status = converted(net, desc, dnnl_query_diff_weights_md, own, none, &to, err);
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, c->x}, {DNNL_ARG_DIFF_DST, dy}, {DNNL_ARG_DIFF_WEIGHTS, to}};
    if (bias >= 0)
        args[3] = (dnnl_exec_arg_t){DNNL_ARG_DIFF_BIAS, net->tensors[bias].grad};
    if (!status)
        status = gtcnn_program_add(&net->back, what, desc, args, bias >= 0 ? 4 : 3, err);
    if (!status && to != own)
        status = gtcnn_program_add_reorder(&net->dnn, &net->back, to, own, err);
    dnnl_primitive_desc_destroy(desc);
    return status;
}

enum gtcnn_status gtcnn_conv_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    struct conv c = {0};
    dnnl_convolution_desc_t op;
    enum gtcnn_status status = make_parameters(net, node, net->graph->nodes[node].attr.group, err);
    if (!status)
        status = gather(net, node, &c, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_dilated_convolution_forward_desc_init(
                                     &op, dnnl_forward_training, dnnl_convolution_direct, gtcnn_memory_desc(c.x), &c.any_weight,
                                     bias_desc(&c), gtcnn_memory_desc(c.y), c.stride, c.dilation, c.before, c.after),
                                 "convolution", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "convolution", &op, NULL, &net->forward_desc[node], err);
    return status ? status : add_forward(net, node, "convolution", &c, err);
}

static enum gtcnn_status conv_backward_data(struct gtcnn_net *net, uint32_t node, const struct conv *c, struct gtcnn_err *err)
{
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status = gtcnn_dnn_check(
        dnnl_dilated_convolution_backward_data_desc_init(&op, dnnl_convolution_direct, gtcnn_memory_desc(c->x), &c->any_weight,
                                                         gtcnn_memory_desc(c->y), c->stride, c->dilation, c->before, c->after),
        "convolution's data", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "convolution's data", &op, net->forward_desc[node], &desc, err);
    return status ? status : add_backward_data(net, node, "convolution's data", c, desc, err);
}

enum gtcnn_status gtcnn_conv_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    struct conv c = {0};
    dnnl_convolution_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status = gather(net, node, &c, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_dilated_convolution_backward_weights_desc_init(
                                     &op, dnnl_convolution_direct, gtcnn_memory_desc(c.x), &c.any_weight, bias_desc(&c),
                                     gtcnn_memory_desc(c.y), c.stride, c.dilation, c.before, c.after),
                                 "convolution's weights", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "convolution's weights", &op, net->forward_desc[node], &desc, err);
    if (!status)
        status = add_backward_weights(net, node, "convolution's weights", &c, desc, err);
    return status || !net->tensors[input(net, node, 0)].wants_grad ? status : conv_backward_data(net, node, &c, err);
}

enum gtcnn_status gtcnn_gemm_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_attr *attr = &net->graph->nodes[node].attr;
    struct conv c = {0};
    dnnl_inner_product_desc_t op;
    if (attr->trans_a || !attr->trans_b || attr->alpha != 1 || attr->beta != 1)
        return gtcnn_lower_refuse(net, node, "the trainer wants x * W^T + b, with W as classes x features", err);
    enum gtcnn_status status = make_parameters(net, node, 1, err);
    if (!status)
        status = gather(net, node, &c, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_inner_product_forward_desc_init(&op, dnnl_forward_training, gtcnn_memory_desc(c.x),
                                                                      &c.any_weight, bias_desc(&c), gtcnn_memory_desc(c.y)),
                                 "inner product", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "inner product", &op, NULL, &net->forward_desc[node], err);
    return status ? status : add_forward(net, node, "inner product", &c, err);
}

static enum gtcnn_status gemm_backward_data(struct gtcnn_net *net, uint32_t node, const struct conv *c, struct gtcnn_err *err)
{
    dnnl_inner_product_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status = gtcnn_dnn_check(
        dnnl_inner_product_backward_data_desc_init(&op, gtcnn_memory_desc(c->x), &c->any_weight, gtcnn_memory_desc(c->y)),
        "inner product's data", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "inner product's data", &op, net->forward_desc[node], &desc, err);
    return status ? status : add_backward_data(net, node, "inner product's data", c, desc, err);
}

enum gtcnn_status gtcnn_gemm_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    struct conv c = {0};
    dnnl_inner_product_desc_t op;
    dnnl_primitive_desc_t desc;
    enum gtcnn_status status = gather(net, node, &c, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_inner_product_backward_weights_desc_init(&op, gtcnn_memory_desc(c.x), &c.any_weight,
                                                                               bias_desc(&c), gtcnn_memory_desc(c.y)),
                                 "inner product's weights", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "inner product's weights", &op, net->forward_desc[node], &desc, err);
    if (!status)
        status = add_backward_weights(net, node, "inner product's weights", &c, desc, err);
    return status || !net->tensors[input(net, node, 0)].wants_grad ? status : gemm_backward_data(net, node, &c, err);
}
