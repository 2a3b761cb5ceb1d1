/*
 * Which tensors may be kept as bfloat16: those that a convolution or a depthwise one computes and that nothing else than such
 * reads, as its map or as what is added to its sums. Gates, means, vectors and what the caller sees stay floats.
 */
#include "runtime/plan.h"

#include <stdlib.h>
#include <string.h>

static bool is_convolution(const struct gtcnn_plan *plan, const struct gtcnn_group *group)
{
    return plan->graph->nodes[group->first.node].op == GTCNN_OP_CONV;
}

/* A squeeze and its excitation: vectors. */
static bool is_excitation(const struct gtcnn_plan *plan, const struct gtcnn_group *group)
{
    return group->second.node >= 0 && plan->graph->nodes[group->second.node].attr.group == 1;
}

static int resolve(const struct gtcnn_plan *plan, int tensor)
{
    return tensor < 0 ? tensor : plan->fusion.alias[tensor];
}

/* What one group reads as floats. */
static void mark_group(struct gtcnn_plan *plan, const struct gtcnn_group *group)
{
    if (is_convolution(plan, group)) {
        if (group->gate >= 0)
            plan->narrow[group->gate] = false;
        return; /* besides maps and residual there are but constants */
    }
    for (uint32_t i = 0; i < group->count; i++) {
        const struct gtcnn_node *node = &plan->graph->nodes[group->nodes[i]];
        for (uint32_t k = 0; k < node->input_count; k++)
            if (node->inputs[k] >= 0)
                plan->narrow[resolve(plan, node->inputs[k])] = false;
    }
}

enum gtcnn_status gtcnn_plan_find_narrow(struct gtcnn_plan *plan, const bool *keep)
{
    if (!plan->kernels->narrow)
        return GTCNN_OK;
    plan->narrow = calloc(plan->graph->tensor_count + 1, sizeof *plan->narrow);
    if (!plan->narrow)
        return GTCNN_E_NOMEM;
    for (uint32_t g = 0; g < plan->fusion.group_count; g++) {
        const struct gtcnn_group *group = &plan->fusion.groups[g];
        plan->narrow[group->output] = is_convolution(plan, group) && !is_excitation(plan, group);
    }
    for (uint32_t g = 0; g < plan->fusion.group_count; g++)
        mark_group(plan, &plan->fusion.groups[g]);
    plan->narrow[resolve(plan, plan->graph->output)] = false;
    for (uint32_t t = 0; t < plan->graph->tensor_count; t++)
        if (keep[t])
            plan->narrow[resolve(plan, (int)t)] = false;
    return GTCNN_OK;
}
