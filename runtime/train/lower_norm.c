/* Batch normalisation (Ioffe & Szegedy 2015): by the batch's statistics in training, by the running ones in evaluation. */
#include "runtime/train/lower.h"

/* Of one normalisation: inputs in ONNX's order. */
enum { X, SCALE, SHIFT, MEAN, VARIANCE };

static const unsigned FLAGS = dnnl_use_scale | dnnl_use_shift;

/* The running variance estimates the population's: a batch's is corrected by n / (n - 1). */
static void gather_statistics(void *context)
{
    const struct gtcnn_net_norm *norm = context;
    const float *mean = gtcnn_dnn_data(norm->batch_mean), *variance = gtcnn_dnn_data(norm->batch_variance);
    float unbiased = norm->samples > 1 ? (float)(norm->samples / (norm->samples - 1)) : 1;
    for (size_t c = 0; c < norm->channels; c++) {
        norm->running_mean[c] += GTCNN_NORM_UPDATE * (mean[c] - norm->running_mean[c]);
        norm->running_variance[c] += GTCNN_NORM_UPDATE * (variance[c] * unbiased - norm->running_variance[c]);
    }
}

static enum gtcnn_status make_tensors(struct gtcnn_net *net, const struct gtcnn_node *n, struct gtcnn_net_norm *norm,
                                      struct gtcnn_err *err)
{
    const struct gtcnn_shape *shape = &net->graph->tensors[n->inputs[X]].shape;
    dnnl_memory_desc_t desc = gtcnn_dnn_activation(&net->graph->tensors[n->inputs[SCALE]].shape);
    enum gtcnn_status status = GTCNN_OK;
    for (int i = SCALE; i <= VARIANCE && !status; i++)
        status = i <= SHIFT ? gtcnn_net_param(net, n->inputs[i], &desc, false, err)
                            : gtcnn_net_constant(net, n->inputs[i], &desc, err);
    if (status)
        return status;
    *norm = (struct gtcnn_net_norm){
        .mean = n->inputs[MEAN],
        .variance = n->inputs[VARIANCE],
        .running_mean = gtcnn_dnn_data(net->tensors[n->inputs[MEAN]].value),
        .running_variance = gtcnn_dnn_data(net->tensors[n->inputs[VARIANCE]].value),
        .channels = (size_t)shape->dim[1],
        .samples = (double)gtcnn_shape_count(shape) / (double)shape->dim[1],
    };
    status = gtcnn_net_memory(net, &desc, &norm->batch_mean, err);
    return status ? status : gtcnn_net_memory(net, &desc, &norm->batch_variance, err);
}

/* Adds the forward half for one kind of statistics; *desc is the caller's. */
static enum gtcnn_status add_forward(struct gtcnn_net *net, const struct gtcnn_node *n, const struct gtcnn_net_norm *norm,
                                     bool training, dnnl_primitive_desc_t *desc, struct gtcnn_err *err)
{
    dnnl_batch_normalization_desc_t op;
    dnnl_memory_t x, y = NULL;
    enum gtcnn_status status = gtcnn_net_value(net, n->inputs[X], &x, err);
    if (!status)
        status = gtcnn_net_value(net, n->output, &y, err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_batch_normalization_forward_desc_init(
                                     &op, training ? dnnl_forward_training : dnnl_forward_inference, gtcnn_memory_desc(x),
                                     n->attr.epsilon, training ? FLAGS : FLAGS | dnnl_use_global_stats),
                                 "batch normalisation", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "batch normalisation", &op, NULL, desc, err);
    dnnl_exec_arg_t args[6] = {
        {DNNL_ARG_SRC, x},
        {DNNL_ARG_DST, y},
        {DNNL_ARG_SCALE, net->tensors[n->inputs[SCALE]].value},
        {DNNL_ARG_SHIFT, net->tensors[n->inputs[SHIFT]].value},
        {DNNL_ARG_MEAN, training ? norm->batch_mean : net->tensors[norm->mean].value},
        {DNNL_ARG_VARIANCE, training ? norm->batch_variance : net->tensors[norm->variance].value},
    };
    return status ? status : gtcnn_program_add(training ? &net->train : &net->eval, "batch normalisation", *desc, args, 6, err);
}

enum gtcnn_status gtcnn_norm_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    struct gtcnn_net_norm *norm = &net->norms[net->norm_count];
    dnnl_primitive_desc_t eval = NULL;
    enum gtcnn_status status = make_tensors(net, n, norm, err);
    if (!status)
        status = add_forward(net, n, norm, true, &net->forward_desc[node], err);
    if (!status)
        status = gtcnn_program_add_function(&net->train, "running statistics", gather_statistics, norm, err);
    if (!status)
        status = add_forward(net, n, norm, false, &eval, err);
    if (eval)
        dnnl_primitive_desc_destroy(eval);
    net->norm_count += !status;
    return status;
}

static const struct gtcnn_net_norm *norm_of(const struct gtcnn_net *net, const struct gtcnn_node *n)
{
    const struct gtcnn_net_norm *norm = net->norms;
    while (norm->mean != n->inputs[MEAN])
        norm++;
    return norm;
}

enum gtcnn_status gtcnn_norm_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    const struct gtcnn_net_norm *norm = norm_of(net, n);
    const dnnl_memory_desc_t *desc = gtcnn_memory_desc(net->tensors[n->inputs[X]].value);
    dnnl_batch_normalization_desc_t op;
    dnnl_primitive_desc_t back;
    dnnl_memory_t to = NULL;
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_batch_normalization_backward_desc_init(&op, dnnl_backward, desc, desc, n->attr.epsilon, FLAGS),
                        "batch normalisation's gradient", err);
    if (!status)
        status = gtcnn_dnn_describe(&net->dnn, "batch normalisation's gradient", &op, net->forward_desc[node], &back, err);
    if (status)
        return status;
    status = gtcnn_grad_begin(net, n->inputs[X], &to, err);
    dnnl_exec_arg_t args[9] = {
        {DNNL_ARG_SRC, net->tensors[n->inputs[X]].value},
        {DNNL_ARG_MEAN, norm->batch_mean},
        {DNNL_ARG_VARIANCE, norm->batch_variance},
        {DNNL_ARG_DIFF_DST, net->tensors[n->output].grad},
        {DNNL_ARG_SCALE, net->tensors[n->inputs[SCALE]].value},
        {DNNL_ARG_DIFF_SRC, to},
        {DNNL_ARG_DIFF_SCALE, net->tensors[n->inputs[SCALE]].grad},
        {DNNL_ARG_DIFF_SHIFT, net->tensors[n->inputs[SHIFT]].grad},
        {DNNL_ARG_SHIFT, net->tensors[n->inputs[SHIFT]].value}, /* not needed, but oneDNN 2.6 counts it in */
    };
    if (!status)
        status = gtcnn_program_add(&net->back, "batch normalisation's gradient", back, args, 9, err);
    dnnl_primitive_desc_destroy(back);
    return status ? status : gtcnn_grad_end(net, n->inputs[X], to, err);
}
