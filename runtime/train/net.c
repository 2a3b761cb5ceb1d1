#include "runtime/train/net.h"

#include "runtime/escape.h"
#include "runtime/train/lower.h"

#include <stdlib.h>
#include <string.h>

static const struct gtcnn_lowering LOWERINGS[] = {
    {GTCNN_OP_CONV, gtcnn_conv_forward, gtcnn_conv_backward},
    {GTCNN_OP_BATCHNORM, gtcnn_norm_forward, gtcnn_norm_backward},
    {GTCNN_OP_SIGMOID, gtcnn_sigmoid_forward, gtcnn_sigmoid_backward},
    {GTCNN_OP_MUL, gtcnn_mul_forward, gtcnn_mul_backward},
    {GTCNN_OP_ADD, gtcnn_add_forward, gtcnn_add_backward},
    {GTCNN_OP_GLOBALAVERAGEPOOL, gtcnn_pool_forward, gtcnn_pool_backward},
    {GTCNN_OP_FLATTEN, gtcnn_flatten_forward, gtcnn_flatten_backward},
    {GTCNN_OP_GEMM, gtcnn_gemm_forward, gtcnn_gemm_backward},
};

enum { LOWERING_COUNT = sizeof LOWERINGS / sizeof *LOWERINGS };

enum gtcnn_status gtcnn_lower_refuse(const struct gtcnn_net *net, uint32_t node, const char *what, struct gtcnn_err *err)
{
    const struct gtcnn_node *n = &net->graph->nodes[node];
    char safe[128];
    return gtcnn_err_set(err, GTCNN_E_UNSUPPORTED, "node '%s' (%s): %s", gtcnn_escape(safe, sizeof safe, n->name, SIZE_MAX),
                         gtcnn_op_name(n->op), what);
}

static enum gtcnn_status own(struct gtcnn_net *net, dnnl_memory_t memory, struct gtcnn_err *err)
{
    if (net->owned_count == net->owned_capacity) {
        uint32_t capacity = net->owned_capacity ? 2 * net->owned_capacity : 64;
        dnnl_memory_t *owned = realloc(net->owned, capacity * sizeof *owned);
        if (!owned) {
            dnnl_memory_destroy(memory);
            return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
        }
        net->owned = owned;
        net->owned_capacity = capacity;
    }
    net->owned[net->owned_count++] = memory;
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_net_memory(struct gtcnn_net *net, const dnnl_memory_desc_t *desc, dnnl_memory_t *memory,
                                   struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_dnn_memory(&net->dnn, desc, memory, err);
    return status ? status : own(net, *memory, err);
}

enum gtcnn_status gtcnn_net_view(struct gtcnn_net *net, const dnnl_memory_desc_t *desc, float *data, dnnl_memory_t *memory,
                                 struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_dnn_view(&net->dnn, desc, data, memory, err);
    return status ? status : own(net, *memory, err);
}

const dnnl_memory_desc_t *gtcnn_memory_desc(dnnl_memory_t memory)
{
    const dnnl_memory_desc_t *desc = NULL;
    dnnl_memory_get_memory_desc(memory, &desc);
    return desc;
}

enum gtcnn_status gtcnn_net_value(struct gtcnn_net *net, int tensor, dnnl_memory_t *memory, struct gtcnn_err *err)
{
    struct gtcnn_net_tensor *t = &net->tensors[tensor];
    enum gtcnn_status status = GTCNN_OK;
    if (!t->value) {
        dnnl_memory_desc_t desc = gtcnn_dnn_activation(&net->graph->tensors[tensor].shape);
        status = gtcnn_net_memory(net, &desc, &t->value, err);
    }
    *memory = t->value;
    return status;
}

enum gtcnn_status gtcnn_net_constant(struct gtcnn_net *net, int tensor, const dnnl_memory_desc_t *desc, struct gtcnn_err *err)
{
    const struct gtcnn_tensor *from = &net->graph->tensors[tensor];
    struct gtcnn_net_tensor *t = &net->tensors[tensor];
    if (!from->data || from->dtype != GTCNN_F32 || t->value) {
        char safe[128];
        return gtcnn_err_set(err, GTCNN_E_UNSUPPORTED, "tensor '%s': a parameter of one node with values of its own is wanted",
                             gtcnn_escape(safe, sizeof safe, from->name, SIZE_MAX));
    }
    enum gtcnn_status status = gtcnn_net_memory(net, desc, &t->value, err);
    if (!status)
        memcpy(gtcnn_dnn_data(t->value), from->data, (size_t)gtcnn_shape_count(&from->shape) * sizeof(float));
    return status;
}

enum gtcnn_status gtcnn_net_param(struct gtcnn_net *net, int tensor, const dnnl_memory_desc_t *desc, bool decays,
                                  struct gtcnn_err *err)
{
    struct gtcnn_net_tensor *t = &net->tensors[tensor];
    enum gtcnn_status status = gtcnn_net_constant(net, tensor, desc, err);
    if (!status)
        status = gtcnn_net_memory(net, desc, &t->grad, err);
    if (!status)
        net->params[net->param_count++] = (struct gtcnn_net_param){
            .tensor = tensor,
            .value = gtcnn_dnn_data(t->value),
            .grad = gtcnn_dnn_data(t->grad),
            .n = (size_t)gtcnn_shape_count(&net->graph->tensors[tensor].shape),
            .decays = decays,
        };
    return status;
}

enum gtcnn_status gtcnn_grad_begin(struct gtcnn_net *net, int tensor, dnnl_memory_t *to, struct gtcnn_err *err)
{
    struct gtcnn_net_tensor *t = &net->tensors[tensor];
    const dnnl_memory_desc_t *desc = gtcnn_memory_desc(t->value);
    if (!net->tensors[t->root].written) {
        *to = t->grad;
        return GTCNN_OK;
    }
    return gtcnn_net_memory(net, desc, to, err);
}

enum gtcnn_status gtcnn_grad_end(struct gtcnn_net *net, int tensor, dnnl_memory_t to, struct gtcnn_err *err)
{
    struct gtcnn_net_tensor *t = &net->tensors[tensor];
    net->tensors[t->root].written = true;
    return to == t->grad ? GTCNN_OK
                         : gtcnn_program_add_binary(&net->dnn, &net->back, dnnl_binary_add, t->grad, to, t->grad, err);
}

enum gtcnn_status gtcnn_net_add_both(struct gtcnn_net *net, const char *what, const_dnnl_primitive_desc_t desc,
                                     const dnnl_exec_arg_t *args, int count, struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_program_add(&net->train, what, desc, args, count, err);
    return status ? status : gtcnn_program_add(&net->eval, what, desc, args, count, err);
}

int gtcnn_silu_source(const struct gtcnn_net *net, uint32_t node)
{
    const struct gtcnn_node *mul = &net->graph->nodes[node];
    for (int i = 0; i < 2; i++) {
        int gate = mul->inputs[i], x = mul->inputs[1 - i], producer = net->producer[gate];
        const struct gtcnn_node *sigmoid = producer < 0 ? NULL : &net->graph->nodes[producer];
        if (sigmoid && sigmoid->op == GTCNN_OP_SIGMOID && sigmoid->inputs[0] == x && net->consumers[gate] == 1)
            return x;
    }
    return -1;
}

static const struct gtcnn_lowering *find_lowering(enum gtcnn_op op)
{
    for (size_t i = 0; i < LOWERING_COUNT; i++)
        if (LOWERINGS[i].op == op)
            return &LOWERINGS[i];
    return NULL;
}

static enum gtcnn_status lower_forward(struct gtcnn_net *net, struct gtcnn_err *err)
{
    dnnl_memory_t input;
    enum gtcnn_status status = gtcnn_net_value(net, net->graph->input, &input, err);
    for (uint32_t i = 0; i < net->graph->node_count && !status; i++) {
        const struct gtcnn_lowering *lowering = find_lowering(net->graph->nodes[i].op);
        status =
            lowering ? lowering->forward(net, i, err) : gtcnn_lower_refuse(net, i, "the trainer has no such operator", err);
    }
    return status;
}

/* Gradients of all activations but the input. */
static enum gtcnn_status make_gradients(struct gtcnn_net *net, struct gtcnn_err *err)
{
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < net->graph->tensor_count && !status; i++) {
        struct gtcnn_net_tensor *t = &net->tensors[i];
        if (!t->value || t->grad || net->producer[i] < 0)
            continue;
        t->wants_grad = true;
        const dnnl_memory_desc_t *desc = gtcnn_memory_desc(t->value);
        status = t->root == (int)i ? gtcnn_net_memory(net, desc, &t->grad, err)
                                   : gtcnn_net_view(net, desc, gtcnn_dnn_data(net->tensors[t->root].grad), &t->grad, err);
    }
    return status;
}

static enum gtcnn_status lower_backward(struct gtcnn_net *net, struct gtcnn_err *err)
{
    enum gtcnn_status status = make_gradients(net, err);
    net->tensors[net->tensors[net->graph->output].root].written = true;
    for (uint32_t i = net->graph->node_count; i-- > 0 && !status;)
        status = find_lowering(net->graph->nodes[i].op)->backward(net, i, err);
    return status;
}

static enum gtcnn_status allocate(struct gtcnn_net *net, struct gtcnn_err *err)
{
    const struct gtcnn_graph *g = net->graph;
    net->tensors = calloc(g->tensor_count, sizeof *net->tensors);
    net->producer = malloc(g->tensor_count * sizeof *net->producer);
    net->consumers = calloc(g->tensor_count, sizeof *net->consumers);
    net->forward_desc = calloc(g->node_count, sizeof(dnnl_primitive_desc_t));
    net->params = calloc(g->tensor_count, sizeof *net->params);
    net->norms = calloc(g->node_count, sizeof *net->norms);
    if (!net->tensors || !net->producer || !net->consumers || !net->forward_desc || !net->params || !net->norms)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < g->tensor_count; i++) {
        net->tensors[i].root = (int)i;
        net->producer[i] = -1;
    }
    for (uint32_t n = 0; n < g->node_count; n++) {
        net->producer[g->nodes[n].output] = (int)n;
        for (uint32_t i = 0; i < g->nodes[n].input_count; i++)
            if (g->nodes[n].inputs[i] >= 0)
                net->consumers[g->nodes[n].inputs[i]]++;
    }
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_net_new(struct gtcnn_graph *graph, uint32_t batch, struct gtcnn_net **out, struct gtcnn_err *err)
{
    struct gtcnn_net *net = calloc(1, sizeof *net);
    if (!net)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    net->graph = graph;
    net->batch = batch;
    enum gtcnn_status status = gtcnn_graph_infer_shapes(graph, batch, err);
    if (!status)
        status = gtcnn_dnn_open(&net->dnn, err);
    if (!status)
        status = allocate(net, err);
    if (!status)
        status = lower_forward(net, err);
    if (!status)
        status = lower_backward(net, err);
    if (status)
        gtcnn_net_free(net);
    else
        *out = net;
    return status;
}

void gtcnn_net_free(struct gtcnn_net *net)
{
    if (!net)
        return;
    gtcnn_program_free(&net->train);
    gtcnn_program_free(&net->eval);
    gtcnn_program_free(&net->back);
    for (uint32_t i = 0; net->forward_desc && i < net->graph->node_count; i++)
        if (net->forward_desc[i])
            dnnl_primitive_desc_destroy(net->forward_desc[i]);
    for (uint32_t i = 0; i < net->owned_count; i++)
        dnnl_memory_destroy(net->owned[i]);
    gtcnn_dnn_close(&net->dnn);
    free(net->owned);
    free(net->tensors);
    free(net->producer);
    free(net->consumers);
    free(net->forward_desc);
    free(net->params);
    free(net->norms);
    free(net);
}

float *gtcnn_net_input(const struct gtcnn_net *net)
{
    return gtcnn_dnn_data(net->tensors[net->graph->input].value);
}

const float *gtcnn_net_output(const struct gtcnn_net *net)
{
    return gtcnn_dnn_data(net->tensors[net->graph->output].value);
}

float *gtcnn_net_output_grad(const struct gtcnn_net *net)
{
    return gtcnn_dnn_data(net->tensors[net->graph->output].grad);
}

enum gtcnn_status gtcnn_net_forward(struct gtcnn_net *net, bool training, struct gtcnn_err *err)
{
    return gtcnn_program_run(&net->dnn, training ? &net->train : &net->eval, err);
}

enum gtcnn_status gtcnn_net_backward(struct gtcnn_net *net, struct gtcnn_err *err)
{
    return gtcnn_program_run(&net->dnn, &net->back, err);
}

static void store(const struct gtcnn_net *net, int tensor)
{
    struct gtcnn_tensor *to = &net->graph->tensors[tensor];
    memcpy(to->data, gtcnn_dnn_data(net->tensors[tensor].value), (size_t)gtcnn_shape_count(&to->shape) * sizeof(float));
}

void gtcnn_net_store(const struct gtcnn_net *net)
{
    for (uint32_t i = 0; i < net->param_count; i++)
        store(net, net->params[i].tensor);
    for (uint32_t i = 0; i < net->norm_count; i++) {
        store(net, net->norms[i].mean);
        store(net, net->norms[i].variance);
    }
}
