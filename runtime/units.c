/* What the public interface tells about a model: its layers, and the units that its plan executes. */
#include "runtime/cost.h"
#include "runtime/model.h"

#include <stdlib.h>
#include <string.h>

#ifndef GT_VERSION
#define GT_VERSION "unknown"
#endif

/* Fills `layer_of` (per node; -1: none) while layers are as gtcnn_cost_layers numbered them: nodes but Constant, in order. */
static void number_layers(const struct gtcnn_graph *graph, int64_t *layer_of)
{
    int64_t next = 0;
    for (uint32_t n = 0; n < graph->node_count; n++)
        layer_of[n] = graph->nodes[n].op == GTCNN_OP_CONSTANT ? -1 : next++;
}

/* What is made before a model gives up what it has. */
struct tables {
    struct gtcnn_layer *layers;
    struct gtcnn_unit *units;
    uint64_t *unit_bytes;
    const struct gtcnn_layer **members;
    int64_t *layer_of;
    uint32_t layer_count;
};

static void free_tables(struct tables *t)
{
    free(t->layers);
    free(t->units);
    free(t->unit_bytes);
    free(t->members);
    free(t->layer_of);
}

static uint64_t bytes_of(const struct gtcnn_plan *plan, int tensor)
{
    int64_t n = tensor < 0 ? 0 : gtcnn_shape_count(&plan->graph->tensors[tensor].shape);
    return n <= 0 ? 0 : (uint64_t)n * (plan->arrays[tensor].narrow ? sizeof(uint16_t) : sizeof(float));
}

/* The weights of a product, but for depthwise ones', are half as long in kernels that are narrow. */
static bool is_narrow_constant(const struct gtcnn_plan *plan, const struct gtcnn_node *node, uint32_t input)
{
    const struct gtcnn_tensor *weights = &plan->graph->tensors[node->inputs[input]];
    if (!plan->kernels->narrow || input != 1 || !gtcnn_tensor_is_constant(weights))
        return false;
    return node->op == GTCNN_OP_GEMM || node->op == GTCNN_OP_MATMUL ||
           (node->op == GTCNN_OP_CONV && (node->attr.group == 1 || weights->shape.dim[1] > 1));
}

/* Does a member compute the tensor, or has an input before input `end` of member `last` been it? */
static bool is_counted(const struct gtcnn_plan *plan, const struct gtcnn_group *group, int tensor, uint32_t last, uint32_t end)
{
    const int *alias = plan->fusion.alias;
    for (uint32_t i = 0; i < group->count; i++) {
        const struct gtcnn_node *node = &plan->graph->nodes[group->nodes[i]];
        if (alias[node->output] == tensor)
            return true;
        for (uint32_t k = 0; i <= last && k < (i < last ? node->input_count : end); k++)
            if (node->inputs[k] >= 0 && alias[node->inputs[k]] == tensor)
                return true;
    }
    return false;
}

/* A normalisation's constants are in the weights before it. */
static uint64_t count_unit_bytes(const struct gtcnn_plan *plan, const struct gtcnn_group *group)
{
    uint64_t n = bytes_of(plan, group->output) + (group->pool != group->output ? bytes_of(plan, group->pool) : 0);
    for (uint32_t i = 0; i < group->count; i++) {
        const struct gtcnn_node *node = &plan->graph->nodes[group->nodes[i]];
        uint32_t inputs = node->op == GTCNN_OP_BATCHNORM ? 1 : node->input_count;
        for (uint32_t k = 0; k < inputs; k++) {
            int tensor = node->inputs[k] < 0 ? -1 : plan->fusion.alias[node->inputs[k]];
            if (tensor >= 0 && !is_counted(plan, group, tensor, i, k))
                n += bytes_of(plan, tensor) / (is_narrow_constant(plan, node, k) ? 2 : 1);
        }
    }
    return n;
}

static void describe_unit(const struct tables *t, const struct gtcnn_plan *plan, uint32_t index,
                          const struct gtcnn_layer **members)
{
    const struct gtcnn_group *group = &plan->fusion.groups[plan->steps[index].group];
    struct gtcnn_unit *unit = &t->units[index];
    *unit = (struct gtcnn_unit){.struct_bytes = sizeof *unit, .index = index, .member_count = group->count, .members = members};
    for (uint32_t i = 0; i < group->count; i++) {
        struct gtcnn_layer *layer = &t->layers[t->layer_of[group->nodes[i]]];
        layer->unit = index;
        members[i] = layer;
        unit->macs += layer->macs;
        unit->params += layer->params;
    }
    const struct gtcnn_layer *principal = &t->layers[t->layer_of[group->first.node]];
    unit->name = principal->name;
    unit->op = principal->op;
    unit->input = principal->input;
    unit->output = plan->graph->tensors[group->output].shape;
    t->unit_bytes[index] = count_unit_bytes(plan, group);
}

static enum gtcnn_status make_tables(struct tables *t, const struct gtcnn_plan *plan, struct gtcnn_err *err)
{
    uint32_t nodes = plan->graph->node_count, steps = plan->step_count;
    *t = (struct tables){.layers = calloc(nodes + 1, sizeof *t->layers),
                         .units = calloc(steps + 1, sizeof *t->units),
                         .unit_bytes = calloc(steps + 1, sizeof *t->unit_bytes),
                         .members = calloc(nodes + 1, sizeof *t->members),
                         .layer_of = calloc(nodes + 1, sizeof *t->layer_of)};
    if (!t->layers || !t->units || !t->unit_bytes || !t->members || !t->layer_of)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory while describing the model");
    enum gtcnn_status status = gtcnn_cost_layers(plan->graph, t->layers, &t->layer_count, err);
    if (status)
        return status;
    number_layers(plan->graph, t->layer_of);
    const struct gtcnn_layer **members = t->members;
    for (uint32_t u = 0; u < steps; u++) {
        describe_unit(t, plan, u, members);
        members += t->units[u].member_count;
    }
    return GTCNN_OK;
}

static void describe_model(struct gtcnn_model *model)
{
    struct gtcnn_model_info *info = &model->info;
    const struct gtcnn_graph *graph = model->graph;
    const struct gtcnn_tensor *input = &graph->tensors[graph->input], *output = &graph->tensors[graph->output];
    info->name = graph->name;
    info->family = graph->family;
    info->phi = graph->phi;
    info->weights = graph->weights;
    info->path = model->path;
    info->precision = model->plan->kernels->precision;
    info->layers = model->layers;
    info->units = model->units;
    info->unit_count = model->plan->step_count;
    info->input = input->shape;
    info->output = output->shape;
    info->input_name = input->name;
    info->output_name = output->name;
    info->opset = graph->opset;
    info->ir_version = graph->ir_version;
    info->version = GT_VERSION;
    info->build = model->build;
    info->isa = model->plan->kernels->isa;
    info->unit_bytes = model->unit_bytes;
    info->fused = !model->by_layer && model->plan->kernels->expand;
    for (uint32_t u = 0; u < info->unit_count; u++) {
        model->units[u].model_uid = info->uid;
        model->units[u].model = info;
    }
    info->batch = input->shape.rank > 0 ? (uint32_t)input->shape.dim[0] : 1;
    info->macs = info->params = 0;
    for (uint32_t i = 0; i < info->layer_count; i++) {
        info->macs += model->layers[i].macs;
        info->params += model->layers[i].params;
    }
}

/* The tables become the model's, and what it had the tables'. */
static void exchange(struct gtcnn_model *model, struct tables *t)
{
    struct tables old = {model->layers, model->units, model->unit_bytes, model->members, NULL, 0};
    model->layers = t->layers;
    model->units = t->units;
    model->unit_bytes = t->unit_bytes;
    model->members = t->members;
    model->info.layer_count = t->layer_count;
    free(t->layer_of);
    *t = old;
}

/* Figures of runs by layer and of others are not to be compared: the build tells them apart. */
static enum gtcnn_status describe_build(struct gtcnn_model *model, const struct gtcnn_kernels *kernels, struct gtcnn_err *err)
{
    static const char by_layer[] = ", by layer";
    if (model->build)
        return GTCNN_OK;
    size_t n = strlen(kernels->build);
    char *build = malloc(n + sizeof by_layer);
    if (!build)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory while describing the model");
    memcpy(build, kernels->build, n + 1);
    if (model->by_layer && kernels->expand)
        memcpy(build + n, by_layer, sizeof by_layer);
    model->build = build;
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_model_take_plan(struct gtcnn_model *model, struct gtcnn_plan *plan, struct gtcnn_err *err)
{
    struct tables t;
    enum gtcnn_status status = make_tables(&t, plan, err);
    if (!status)
        status = describe_build(model, plan->kernels, err);
    if (!status) {
        exchange(model, &t);
        gtcnn_plan_free(model->plan);
        model->plan = plan;
        describe_model(model);
    }
    free_tables(&t);
    return status;
}
