/* Weights that stand in a file (store.h): in memory for as long as the group that packs them is lowered. */
#include "runtime/plan.h"
#include "runtime/store.h"

#include <stdint.h>
#include <string.h>

enum { ALIGN = 16 }; /* elements */

static int tensor_of(const struct gtcnn_plan *plan, uint32_t node, uint32_t i)
{
    int input = plan->graph->nodes[node].inputs[i];
    return input < 0 ? -1 : plan->fusion.alias[input];
}

static bool is_wanted(const struct gtcnn_plan *plan, int tensor)
{
    return tensor >= 0 && plan->graph->tensors[tensor].place.type && !plan->arrays[tensor].at.constant;
}

static int64_t room_for(const struct gtcnn_plan *plan, int tensor)
{
    return (gtcnn_shape_count(&plan->graph->tensors[tensor].shape) + ALIGN - 1) / ALIGN * ALIGN;
}

/* Elements of all that a group reads from the file; a tensor that it reads twice counts twice. */
static int64_t room_of(const struct gtcnn_plan *plan, const struct gtcnn_group *group)
{
    int64_t room = 0, most = INT64_MAX / 16;
    for (uint32_t n = 0; n < group->count; n++)
        for (uint32_t i = 0; i < plan->graph->nodes[group->nodes[n]].input_count; i++) {
            int tensor = tensor_of(plan, group->nodes[n], i);
            if (is_wanted(plan, tensor) && room < most)
                room += room_for(plan, tensor);
        }
    return room;
}

enum gtcnn_status gtcnn_plan_begin_fetching(struct gtcnn_plan *plan)
{
    int64_t most = 0;
    for (uint32_t g = 0; plan->graph->store && g < plan->fusion.group_count; g++) {
        int64_t room = room_of(plan, &plan->fusion.groups[g]);
        most = room > most ? room : most;
    }
    return most == 0 || gtcnn_memory_new(&plan->fetched, (size_t)most * sizeof(float)) ? GTCNN_OK : GTCNN_E_NOMEM;
}

enum gtcnn_status gtcnn_plan_fetch(struct gtcnn_plan *plan, const struct gtcnn_group *group, struct gtcnn_err *err)
{
    float *to = plan->fetched.at;
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t n = 0; n < group->count; n++)
        for (uint32_t i = 0; i < plan->graph->nodes[group->nodes[n]].input_count && !status; i++) {
            int tensor = tensor_of(plan, group->nodes[n], i);
            if (!is_wanted(plan, tensor))
                continue;
            status = gtcnn_store_load(plan->graph->store, &plan->graph->tensors[tensor], to, err);
            plan->arrays[tensor].at.constant = to;
            to += room_for(plan, tensor);
        }
    return status;
}

/* Does a call read the elements themselves, or the group hand them on? (Operands of additions and parts of a Concat.) */
static bool is_read(const struct gtcnn_plan *plan, const struct gtcnn_group *group, uint32_t first_call, const float *at,
                    int64_t n)
{
    const struct gtcnn_ref *out = &plan->arrays[group->output].at;
    bool read = out->buffer < 0 && out->constant >= at && out->constant < at + n;
    for (uint32_t c = first_call; c < plan->call_count; c++)
        for (int o = 0; o < 3; o++) {
            const struct gtcnn_ref *ref = &plan->calls[c].x[o];
            read = read || (ref->buffer < 0 && ref->constant >= at && ref->constant < at + n);
        }
    return read;
}

static void move(struct gtcnn_ref *ref, const float *from, int64_t n, const float *to)
{
    if (ref->buffer < 0 && ref->constant >= from && ref->constant < from + n)
        ref->constant = to + (ref->constant - from);
}

/* A copy that lasts as long as the plan. */
static enum gtcnn_status keep(struct gtcnn_plan *plan, const struct gtcnn_group *group, uint32_t first_call, int tensor)
{
    const float *from = plan->arrays[tensor].at.constant;
    int64_t n = gtcnn_shape_count(&plan->graph->tensors[tensor].shape);
    float *copy = gtcnn_plan_add_constant(plan, n);
    if (!copy)
        return GTCNN_E_NOMEM;
    memcpy(copy, from, (size_t)n * sizeof *copy);
    plan->arrays[tensor].at.constant = copy;
    move(&plan->arrays[group->output].at, from, n, copy);
    for (uint32_t c = first_call; c < plan->call_count; c++)
        for (int o = 0; o < 3; o++)
            move(&plan->calls[c].x[o], from, n, copy);
    return GTCNN_OK;
}

static bool is_fetched(const struct gtcnn_plan *plan, int tensor)
{
    uintptr_t at = tensor < 0 ? 0 : (uintptr_t)plan->arrays[tensor].at.constant, from = (uintptr_t)plan->fetched.at;
    return at && at >= from && at - from < plan->fetched.bytes;
}

enum gtcnn_status gtcnn_plan_forget(struct gtcnn_plan *plan, const struct gtcnn_group *group, uint32_t first_call)
{
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t n = 0; n < group->count; n++)
        for (uint32_t i = 0; i < plan->graph->nodes[group->nodes[n]].input_count; i++) {
            int tensor = tensor_of(plan, group->nodes[n], i);
            if (!is_fetched(plan, tensor))
                continue;
            int64_t elements = gtcnn_shape_count(&plan->graph->tensors[tensor].shape);
            if (is_read(plan, group, first_call, plan->arrays[tensor].at.constant, elements) && !status)
                status = keep(plan, group, first_call, tensor);
            if (is_fetched(plan, tensor))
                plan->arrays[tensor].at.constant = NULL;
        }
    return status;
}
