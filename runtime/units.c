/* What the public interface tells about a model: its layers, and the units that its plan executes. */
#include "runtime/cost.h"
#include "runtime/model.h"

#include <stdlib.h>

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

static void describe_unit(struct gtcnn_model *model, uint32_t index, const struct gtcnn_layer **members,
                          const int64_t *layer_of)
{
    const struct gtcnn_group *group = &model->plan->fusion.groups[model->plan->steps[index].group];
    struct gtcnn_unit *unit = &model->units[index];
    *unit = (struct gtcnn_unit){.struct_bytes = sizeof *unit, .index = index, .model_uid = model->info.uid};
    unit->member_count = group->count;
    unit->members = members;
    unit->model = &model->info;
    for (uint32_t i = 0; i < group->count; i++) {
        struct gtcnn_layer *layer = &model->layers[layer_of[group->nodes[i]]];
        layer->unit = index;
        members[i] = layer;
        unit->macs += layer->macs;
        unit->params += layer->params;
    }
    unit->name = members[0]->name;
    unit->op = members[0]->op;
    unit->input = members[0]->input;
    unit->output = model->graph->tensors[group->output].shape;
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
    info->precision = "fp32";
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
    info->build = "compiler " __VERSION__ ", kernels fp32 reference";
    info->batch = input->shape.rank > 0 ? (uint32_t)input->shape.dim[0] : 1;
    info->macs = info->params = 0;
    for (uint32_t i = 0; i < info->layer_count; i++) {
        info->macs += model->layers[i].macs;
        info->params += model->layers[i].params;
    }
}

enum gtcnn_status gtcnn_model_describe(struct gtcnn_model *model, struct gtcnn_err *err)
{
    uint32_t nodes = model->graph->node_count, steps = model->plan->step_count;
    int64_t *layer_of = calloc(nodes + 1, sizeof *layer_of);
    free(model->layers);
    free(model->units);
    free(model->members);
    model->layers = calloc(nodes + 1, sizeof *model->layers);
    model->units = calloc(steps + 1, sizeof *model->units);
    model->members = calloc(nodes + 1, sizeof *model->members);
    enum gtcnn_status status = GTCNN_OK;
    if (!layer_of || !model->layers || !model->units || !model->members)
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory while describing the model");
    if (!status)
        status = gtcnn_cost_layers(model->graph, model->layers, &model->info.layer_count, err);
    if (!status) {
        number_layers(model->graph, layer_of);
        const struct gtcnn_layer **members = model->members;
        for (uint32_t u = 0; u < steps; u++) {
            describe_unit(model, u, members, layer_of);
            members += model->units[u].member_count;
        }
        describe_model(model);
    }
    free(layer_of);
    return status;
}
