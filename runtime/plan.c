#include "runtime/plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGN = 16 }; /* elements: 64 bytes, a cache line */

/* Room for one more element of an array that doubles. NULL: out of memory (the array stays). */
static void *grow(void *array, uint32_t count, uint32_t *room, size_t size)
{
    if (count < *room)
        return array;
    uint32_t wanted = *room ? 2 * *room : 64;
    void *grown = reallocarray(array, wanted, size);
    if (grown)
        *room = wanted;
    return grown;
}

struct gtcnn_call *gtcnn_plan_add_call(struct gtcnn_plan *plan, enum gtcnn_call_kind kind)
{
    struct gtcnn_call *calls = grow(plan->calls, plan->call_count, &plan->call_room, sizeof *calls);
    if (!calls)
        return NULL;
    plan->calls = calls;
    struct gtcnn_call *call = &calls[plan->call_count++];
    *call = (struct gtcnn_call){
        .kind = kind, .y = {.buffer = -1}, .x = {{.buffer = -1}, {.buffer = -1}, {.buffer = -1}}, .sums = {.buffer = -1}};
    return call;
}

int gtcnn_plan_add_buffer(struct gtcnn_plan *plan, int64_t elements)
{
    struct gtcnn_buffer *buffers = grow(plan->buffers, plan->buffer_count, &plan->buffer_room, sizeof *buffers);
    if (!buffers || elements < 0)
        return -1;
    plan->buffers = buffers;
    buffers[plan->buffer_count] = (struct gtcnn_buffer){elements, plan->step_count, plan->step_count, 0};
    return (int)plan->buffer_count++;
}

float *gtcnn_plan_add_constant(struct gtcnn_plan *plan, int64_t n)
{
    bool fits = n >= 0 && (uint64_t)n <= SIZE_MAX / 4 / sizeof(float);
    return fits ? gtcnn_arena_take(&plan->constants, (size_t)n * sizeof(float)) : NULL;
}

float *gtcnn_plan_data(const struct gtcnn_plan *plan, const struct gtcnn_ref *at)
{
    if (at->buffer < 0)
        return (float *)at->constant;
    return (float *)plan->scratch.at + plan->buffers[at->buffer].offset + at->offset;
}

/* --- building */

static void add_constants(struct gtcnn_plan *plan)
{
    for (uint32_t t = 0; t < plan->graph->tensor_count; t++) {
        const struct gtcnn_tensor *tensor = &plan->graph->tensors[t];
        struct gtcnn_array *array = &plan->arrays[t];
        array->at = (struct gtcnn_ref){-1, 0, tensor->dtype == GTCNN_F32 ? tensor->data : NULL};
        array->shape = tensor->shape;
        gtcnn_layout_row_major(&array->shape, array->stride);
    }
}

static enum gtcnn_status add_input(struct gtcnn_plan *plan)
{
    struct gtcnn_array *input = &plan->arrays[plan->graph->input];
    input->at.buffer = gtcnn_plan_add_buffer(plan, gtcnn_shape_count(&input->shape));
    gtcnn_layout_memory(&input->shape, input->stride);
    return input->at.buffer < 0 ? GTCNN_E_NOMEM : GTCNN_OK;
}

static enum gtcnn_status add_steps(struct gtcnn_plan *plan, struct gtcnn_err *err)
{
    for (uint32_t g = 0; g < plan->fusion.group_count; g++) {
        struct gtcnn_step *step = &plan->steps[plan->step_count];
        *step = (struct gtcnn_step){g, plan->call_count, 0};
        enum gtcnn_status status = gtcnn_plan_fetch(plan, &plan->fusion.groups[g], err);
        if (!status)
            status = gtcnn_plan_lower(plan, &plan->fusion.groups[g], err);
        if (!status)
            status = gtcnn_plan_forget(plan, &plan->fusion.groups[g], step->first);
        if (status)
            return status;
        step->count = plan->call_count - step->first;
        plan->step_count += step->count > 0; /* a view is no step */
    }
    return GTCNN_OK;
}

/* --- memory */

static void extend(struct gtcnn_plan *plan, const struct gtcnn_ref *at, uint32_t step)
{
    if (at->buffer >= 0 && plan->buffers[at->buffer].last < step)
        plan->buffers[at->buffer].last = step;
}

static void find_lifetimes(struct gtcnn_plan *plan, const bool *keep)
{
    for (uint32_t s = 0; s < plan->step_count; s++)
        for (uint32_t c = 0; c < plan->steps[s].count; c++) {
            const struct gtcnn_call *call = &plan->calls[plan->steps[s].first + c];
            extend(plan, &call->y, s);
            extend(plan, &call->sums, s);
            for (int o = 0; o < 3; o++)
                extend(plan, &call->x[o], s);
        }
    for (uint32_t t = 0; t < plan->graph->tensor_count; t++)
        if (keep[t] || (int)t == plan->graph->output)
            extend(plan, &plan->arrays[plan->fusion.alias[t]].at, UINT32_MAX);
}

static int by_size(const void *a, const void *b)
{
    const struct gtcnn_buffer *x = *(struct gtcnn_buffer *const *)a, *y = *(struct gtcnn_buffer *const *)b;
    if (x->elements != y->elements)
        return x->elements < y->elements ? 1 : -1;
    return (x > y) - (x < y);
}

/* The lowest offset at which the buffer overlaps no placed one that lives at the same time. Overflow: -1. */
static int64_t find_place(struct gtcnn_buffer *const *placed, uint32_t count, const struct gtcnn_buffer *buffer)
{
    int64_t offset = 0, end;
    for (uint32_t i = 0; i < count; i++) {
        const struct gtcnn_buffer *other = placed[i];
        bool together = other->first <= buffer->last && buffer->first <= other->last;
        if (!together || other->offset + other->elements <= offset || offset + buffer->elements <= other->offset)
            continue;
        if (__builtin_add_overflow(other->offset, (other->elements + ALIGN - 1) / ALIGN * ALIGN, &end))
            return -1;
        offset = end;
        i = UINT32_MAX; /* moved: look at all of them again */
    }
    return offset;
}

/* Places the biggest buffers first. Returns the block's size in elements, -1: overflow. */
static int64_t place_buffers(struct gtcnn_plan *plan, struct gtcnn_buffer **order)
{
    int64_t total = 0, end;
    for (uint32_t i = 0; i < plan->buffer_count; i++)
        order[i] = &plan->buffers[i];
    qsort(order, plan->buffer_count, sizeof *order, by_size);
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        order[i]->offset = find_place(order, i, order[i]);
        if (order[i]->offset < 0 || __builtin_add_overflow(order[i]->offset, order[i]->elements, &end))
            return -1;
        total = end > total ? end : total;
    }
    return total;
}

/* Floats of memory that the machine has. */
static int64_t machine_floats(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (int64_t)sizeof(float);
}

static enum gtcnn_status allocate_scratch(struct gtcnn_plan *plan, struct gtcnn_err *err)
{
    struct gtcnn_buffer **order = calloc(plan->buffer_count + 1, sizeof *order);
    if (!order)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory while planning the model");
    int64_t elements = place_buffers(plan, order);
    free(order);
    if (elements < 0 || elements > machine_floats())
        return gtcnn_err_set(err, GTCNN_E_LIMIT, "the activations take more memory than this machine has; use a smaller batch");
    size_t bytes = (size_t)elements * sizeof(float) + 64;
    if (!gtcnn_memory_new(&plan->scratch, bytes))
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "no memory for %zu bytes of activations; use a smaller batch", bytes);
    return GTCNN_OK;
}

/* --- pointers */

static enum gtcnn_status add_zeros(struct gtcnn_plan *plan)
{
    int64_t most = 1;
    for (uint32_t c = 0; c < plan->call_count; c++)
        if (plan->calls[c].kind == GTCNN_CALL_CONV && plan->calls[c].args.conv.in > most)
            most = plan->calls[c].args.conv.in;
    plan->zeros = gtcnn_plan_add_constant(plan, most);
    return plan->zeros ? GTCNN_OK : GTCNN_E_NOMEM;
}

static void link_elements(const struct gtcnn_plan *plan, struct gtcnn_call *call)
{
    struct gtcnn_elements *args = &call->args.elements;
    args->y = gtcnn_plan_data(plan, &call->y);
    for (int o = 0; o < 3; o++)
        args->operand[o] = gtcnn_plan_data(plan, &call->x[o]);
    gtcnn_layout_simplify(args);
}

static void link_conv(const struct gtcnn_plan *plan, const struct gtcnn_call *call, struct gtcnn_conv *conv)
{
    const float *weights = gtcnn_plan_data(plan, &call->x[2]);
    conv->x = gtcnn_plan_data(plan, &call->x[0]);
    conv->y = gtcnn_plan_data(plan, &call->y);
    conv->residual = gtcnn_plan_data(plan, &call->x[1]);
    conv->weights = weights ? weights : conv->weights;
    conv->zeros = plan->zeros;
    conv->sums = gtcnn_plan_data(plan, &call->sums);
}

static void link_call(const struct gtcnn_plan *plan, struct gtcnn_call *call)
{
    float *y = gtcnn_plan_data(plan, &call->y);
    const float *x = gtcnn_plan_data(plan, &call->x[0]);
    switch (call->kind) {
    case GTCNN_CALL_CONV:
    case GTCNN_CALL_DEPTHWISE:
        link_conv(plan, call, &call->args.conv);
        break;
    case GTCNN_CALL_EXPAND:
        call->args.expand.expand.x = x;
        link_conv(plan, call, &call->args.expand.depthwise);
        break;
    case GTCNN_CALL_GATE:
        call->args.gate.gate = x;
        call->args.gate.y = y;
        break;
    case GTCNN_CALL_SCALE:
        call->args.scale.x = x;
        call->args.scale.gate = gtcnn_plan_data(plan, &call->x[1]);
        call->args.scale.y = y;
        break;
    case GTCNN_CALL_POOLING:
        call->args.pooling.x = x;
        call->args.pooling.y = y;
        break;
    case GTCNN_CALL_MEAN:
        call->args.mean.x = x;
        call->args.mean.y = y;
        break;
    case GTCNN_CALL_ELEMENTS:
        link_elements(plan, call);
        break;
    case GTCNN_CALL_REDUCE_MEAN:
    case GTCNN_CALL_SOFTMAX:
        call->args.along.x = x;
        call->args.along.y = y;
        break;
    }
}

/* --- memory for kernels */

static struct gtcnn_scratch *scratch_of(const struct gtcnn_kernels *k, struct gtcnn_call *call, int64_t *floats)
{
    struct gtcnn_conv *conv = &call->args.conv;
    *floats = 0;
    switch (call->kind) {
    case GTCNN_CALL_CONV:
        *floats = k->conv_scratch ? k->conv_scratch(conv) : 0;
        return &conv->scratch;
    case GTCNN_CALL_DEPTHWISE:
        *floats = k->depthwise_scratch ? k->depthwise_scratch(NULL, conv) : 0;
        return &conv->scratch;
    case GTCNN_CALL_EXPAND:
        *floats = k->depthwise_scratch(&call->args.expand.expand, &call->args.expand.depthwise);
        return &call->args.expand.depthwise.scratch;
    default:
        return NULL;
    }
}

/* One piece for all calls, since they follow each other; of it each part has its own. */
static enum gtcnn_status allocate_workspace(struct gtcnn_plan *plan, uint32_t threads, struct gtcnn_err *err)
{
    int64_t most = 0, floats;
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct gtcnn_scratch *scratch = scratch_of(plan->kernels, &plan->calls[c], &floats);
        if (!scratch)
            continue;
        scratch->step = (floats + ALIGN - 1) / ALIGN * ALIGN;
        most = scratch->step > most ? scratch->step : most;
    }
    if (most > machine_floats() / threads)
        return gtcnn_err_set(err, GTCNN_E_LIMIT, "a layer's window takes more memory than this machine has");
    size_t bytes = (size_t)most * threads * sizeof(float) + 64;
    if (!gtcnn_memory_new(&plan->workspace, bytes))
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "no memory for %zu bytes of workspace", bytes);
    for (uint32_t c = 0; c < plan->call_count; c++) {
        struct gtcnn_scratch *scratch = scratch_of(plan->kernels, &plan->calls[c], &floats);
        if (scratch)
            scratch->base = plan->workspace.at;
    }
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_plan_new(const struct gtcnn_graph *graph, const bool *keep, const struct gtcnn_plan_options *options,
                                 struct gtcnn_plan **out, struct gtcnn_err *err)
{
    struct gtcnn_plan *plan = calloc(1, sizeof *plan);
    bool wide = !options->by_layer && options->kernels->expand;
    enum gtcnn_status status = plan ? gtcnn_fuse(graph, keep, wide, &plan->fusion) : GTCNN_E_NOMEM;
    if (status)
        goto out;
    plan->graph = graph;
    plan->kernels = options->kernels;
    plan->arrays = calloc(graph->tensor_count + 1, sizeof *plan->arrays);
    plan->steps = calloc(plan->fusion.group_count + 1, sizeof *plan->steps);
    status = plan->arrays && plan->steps ? GTCNN_OK : GTCNN_E_NOMEM;
    if (status)
        goto out;
    add_constants(plan);
    status = gtcnn_plan_find_narrow(plan, keep);
    if (!status)
        status = add_input(plan);
    if (!status)
        status = gtcnn_plan_begin_fetching(plan);
    if (!status)
        status = add_steps(plan, err);
    gtcnn_memory_free(&plan->fetched);
    if (!status)
        status = add_zeros(plan);
    if (status)
        goto out;
    find_lifetimes(plan, keep);
    status = allocate_scratch(plan, err);
    for (uint32_t c = 0; c < plan->call_count && !status; c++)
        link_call(plan, &plan->calls[c]);
    for (uint32_t c = 0; c < plan->call_count && !status; c++)
        plan->calls[c].parts = gtcnn_plan_split(plan->kernels, &plan->calls[c]);
    if (!status)
        status = allocate_workspace(plan, options->threads, err);
out:
    if (status == GTCNN_E_NOMEM)
        gtcnn_err_set(err, status, "out of memory while planning the model");
    if (status)
        gtcnn_plan_free(plan);
    else
        *out = plan;
    return status;
}

void gtcnn_plan_free(struct gtcnn_plan *plan)
{
    if (!plan)
        return;
    gtcnn_arena_free(&plan->constants);
    gtcnn_fusion_free(&plan->fusion);
    free(plan->narrow);
    free(plan->arrays);
    free(plan->steps);
    free(plan->calls);
    free(plan->buffers);
    gtcnn_memory_free(&plan->scratch);
    gtcnn_memory_free(&plan->workspace);
    free(plan);
}

/* --- running */

struct task {
    const struct gtcnn_kernels *kernels;
    const struct gtcnn_call *call;
};

static void run_call(const void *argument, uint32_t part, uint32_t parts)
{
    const struct task *task = argument;
    const struct gtcnn_kernels *k = task->kernels;
    const struct gtcnn_call *call = task->call;
    switch (call->kind) {
    case GTCNN_CALL_CONV:
        k->conv(&call->args.conv, part, parts);
        break;
    case GTCNN_CALL_DEPTHWISE:
        k->depthwise(&call->args.conv, part, parts);
        break;
    case GTCNN_CALL_EXPAND:
        k->expand(&call->args.expand, part, parts);
        break;
    case GTCNN_CALL_GATE:
        k->gate(&call->args.gate, part, parts);
        break;
    case GTCNN_CALL_SCALE:
        k->scale(&call->args.scale, part, parts);
        break;
    case GTCNN_CALL_POOLING:
        k->pooling(&call->args.pooling, part, parts);
        break;
    case GTCNN_CALL_MEAN:
        k->mean(&call->args.mean, part, parts);
        break;
    case GTCNN_CALL_ELEMENTS:
        k->elements(&call->args.elements, part, parts);
        break;
    case GTCNN_CALL_REDUCE_MEAN:
        k->reduce_mean(&call->args.along, part, parts);
        break;
    case GTCNN_CALL_SOFTMAX:
        k->softmax(&call->args.along, part, parts);
        break;
    }
}

void gtcnn_plan_run(const struct gtcnn_plan *plan, uint32_t step, struct gtcnn_pool *pool)
{
    for (uint32_t c = 0; c < plan->steps[step].count; c++) {
        struct task task = {plan->kernels, &plan->calls[plan->steps[step].first + c]};
        gtcnn_pool_run(pool, task.call->parts, run_call, &task);
    }
}
