/* One batch: the input into memory's order, the units one after the other, the output back into the file's order. */
#include "runtime/model.h"

#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* `unit_ns` NULL: the clock is not read. */
static enum gtcnn_status infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items, uint64_t *unit_ns)
{
    if (!model || !input || !output || items == 0 || items > model->info.batch)
        return GTCNN_E_ARG;
    const struct gtcnn_plan *plan = model->plan;
    const struct gtcnn_array *in = &plan->arrays[model->graph->input];
    const struct gtcnn_array *out = &plan->arrays[plan->fusion.alias[model->graph->output]];
    struct gtcnn_execution execution = {plan, model->pool};
    int64_t stride[GTCNN_MAX_RANK];
    model->used = true;
    gtcnn_layout_row_major(&in->shape, stride);
    gtcnn_layout_copy(&in->shape, gtcnn_plan_data(plan, &in->at), in->stride, input, stride);
    for (uint32_t u = 0; u < model->info.unit_count; u++) {
        uint64_t begin = unit_ns ? now_ns() : 0;
        gtcnn_unit_execute(&model->units[u], &execution);
        if (unit_ns)
            unit_ns[u] = now_ns() - begin;
    }
    gtcnn_layout_row_major(&out->shape, stride);
    gtcnn_layout_copy(&out->shape, output, stride, gtcnn_plan_data(plan, &out->at), out->stride);
    return GTCNN_OK;
}

__attribute__((noinline)) enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input, float *output,
                                                        uint32_t items)
{
    return infer(model, input, output, items, NULL);
}

enum gtcnn_status gtcnn_infer_timed(struct gtcnn_model *model, const float *input, float *output, uint32_t items,
                                    uint64_t *unit_ns)
{
    return unit_ns ? infer(model, input, output, items, unit_ns) : GTCNN_E_ARG;
}
