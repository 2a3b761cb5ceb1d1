#include "runtime/fuser.h"

#include <stdlib.h>

int gtcnn_fuser_resolve(const struct gtcnn_fuser *f, int tensor)
{
    return tensor < 0 ? tensor : f->fusion->alias[tensor];
}

/* A node is needed when somebody reads what it writes; walked backward, since nodes stand in topological order. */
static void count_users(struct gtcnn_fuser *f)
{
    const struct gtcnn_graph *g = f->graph;
    f->users[gtcnn_fuser_resolve(f, g->output)]++;
    for (uint32_t t = 0; t < g->tensor_count; t++)
        f->users[gtcnn_fuser_resolve(f, (int)t)] += f->keep[t];
    for (uint32_t n = g->node_count; n-- > 0;) {
        const struct gtcnn_node *node = &g->nodes[n];
        if (gtcnn_op_renames(node->op) || node->op == GTCNN_OP_CONSTANT || f->users[node->output] == 0)
            continue;
        f->needed[n] = true;
        for (uint32_t i = 0; i < node->input_count; i++) {
            int t = gtcnn_fuser_resolve(f, node->inputs[i]);
            if (t < 0)
                continue;
            if (f->users[t] < 2)
                f->readers[t][f->users[t]] = (int)n;
            f->users[t]++;
        }
    }
}

int gtcnn_fuser_only_reader(const struct gtcnn_fuser *f, int tensor)
{
    return f->users[tensor] == 1 ? f->readers[tensor][0] : -1;
}

void gtcnn_fuser_absorb(struct gtcnn_fuser *f, struct gtcnn_group *group, int node)
{
    f->absorbed[node] = true;
    group->nodes[group->count++] = (uint32_t)node; /* it reads what those before it made: they ascend */
    group->output = f->graph->nodes[node].output;
}

bool gtcnn_fuser_is_constant(const struct gtcnn_fuser *f, int tensor)
{
    int t = gtcnn_fuser_resolve(f, tensor);
    return t >= 0 && gtcnn_tensor_is_constant(&f->graph->tensors[t]);
}

/* Are the normalised channels (dimension 1) the columns of the weights, and nothing but a bias by column added to them? */
static bool can_fold(const struct gtcnn_fuser *f, const struct gtcnn_node *product)
{
    if (product->op == GTCNN_OP_CONV)
        return true;
    if (f->graph->tensors[product->output].shape.rank != 2)
        return false;
    int c = product->op == GTCNN_OP_GEMM && product->input_count > 2 ? product->inputs[2] : -1;
    if (c < 0)
        return true;
    const struct gtcnn_shape *shape = &f->graph->tensors[c].shape;
    return gtcnn_fuser_is_constant(f, c) && (shape->rank < 2 || shape->dim[shape->rank - 2] == 1);
}

static void take_batchnorm(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product)
{
    if (!can_fold(f, &f->graph->nodes[product->node]))
        return;
    int n = gtcnn_fuser_only_reader(f, group->output);
    if (n < 0 || f->graph->nodes[n].op != GTCNN_OP_BATCHNORM)
        return;
    const struct gtcnn_node *node = &f->graph->nodes[n];
    if (gtcnn_fuser_resolve(f, node->inputs[0]) != group->output)
        return;
    for (uint32_t i = 1; i < 5; i++)
        if (!gtcnn_fuser_is_constant(f, node->inputs[i]))
            return;
    gtcnn_fuser_absorb(f, group, n);
    product->batchnorm = n;
    product->output = group->output;
}

/* What one node alone does element by element; GTCNN_ACT_NONE when it is no activation. */
static struct gtcnn_activation activation_of(const struct gtcnn_node *node)
{
    switch (node->op) {
    case GTCNN_OP_RELU:
        return (struct gtcnn_activation){GTCNN_ACT_RELU, 0, 0};
    case GTCNN_OP_CLIP:
        return (struct gtcnn_activation){GTCNN_ACT_CLIP, node->attr.min, node->attr.max};
    case GTCNN_OP_SIGMOID:
        return (struct gtcnn_activation){GTCNN_ACT_SIGMOID, 0, 0};
    case GTCNN_OP_HARDSIGMOID:
        return (struct gtcnn_activation){GTCNN_ACT_HARDSIGMOID, node->attr.alpha, node->attr.beta};
    case GTCNN_OP_HARDSWISH:
        return (struct gtcnn_activation){GTCNN_ACT_HARDSWISH, 1.0f / 6, 0.5f};
    default:
        return (struct gtcnn_activation){GTCNN_ACT_NONE, 0, 0};
    }
}

/* The Mul that multiplies `tensor` with the gate's output, when nobody else reads the gate; or -1. */
static int gated_product(const struct gtcnn_fuser *f, int tensor, int gate)
{
    const struct gtcnn_node *g = &f->graph->nodes[gate];
    if (g->op != GTCNN_OP_SIGMOID && g->op != GTCNN_OP_HARDSIGMOID)
        return -1;
    int n = gtcnn_fuser_only_reader(f, g->output);
    if (n < 0 || f->graph->nodes[n].op != GTCNN_OP_MUL)
        return -1;
    int a = gtcnn_fuser_resolve(f, f->graph->nodes[n].inputs[0]), b = gtcnn_fuser_resolve(f, f->graph->nodes[n].inputs[1]);
    return (a == tensor && b == g->output) || (b == tensor && a == g->output) ? n : -1;
}

static void take_gate(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product, int gate, int mul)
{
    const struct gtcnn_node *g = &f->graph->nodes[gate];
    bool silu = g->op == GTCNN_OP_SIGMOID;
    if (product->node != gate)
        gtcnn_fuser_absorb(f, group, gate);
    gtcnn_fuser_absorb(f, group, mul);
    product->output = group->output;
    product->activation = (struct gtcnn_activation){silu ? GTCNN_ACT_SILU : GTCNN_ACT_HARDSWISH, g->attr.alpha, g->attr.beta};
}

void gtcnn_fuser_take_activation(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product)
{
    int t = group->output;
    if (f->users[t] == 2)
        for (int i = 0; i < 2; i++) {
            int gate = f->readers[t][i], mul = gate < 0 ? -1 : gated_product(f, t, gate);
            if (mul >= 0) { /* it reads t: the other reader */
                take_gate(f, group, product, gate, mul);
                return;
            }
        }
    int n = gtcnn_fuser_only_reader(f, t);
    if (n < 0)
        return;
    struct gtcnn_activation activation = activation_of(&f->graph->nodes[n]);
    if (activation.act == GTCNN_ACT_NONE)
        return;
    gtcnn_fuser_absorb(f, group, n);
    product->activation = activation;
    product->output = group->output;
}

void gtcnn_fuser_take_epilogue(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product)
{
    take_batchnorm(f, group, product);
    gtcnn_fuser_take_activation(f, group, product);
}

static void make_group(struct gtcnn_fuser *f, uint32_t n, struct gtcnn_group *group)
{
    const struct gtcnn_node *node = &f->graph->nodes[n];
    *group = (struct gtcnn_group){.count = 1,
                                  .nodes = {n},
                                  .first = {.node = (int)n, .batchnorm = -1, .output = node->output},
                                  .second = {.node = -1, .batchnorm = -1, .output = -1},
                                  .gated = -1,
                                  .gate = -1,
                                  .residual = -1,
                                  .pool = -1,
                                  .output = node->output};
    if (f->maker && gtcnn_fuse_block(f, n, group))
        return;
    if (node->op == GTCNN_OP_CONV || node->op == GTCNN_OP_GEMM || node->op == GTCNN_OP_MATMUL) {
        gtcnn_fuser_take_epilogue(f, group, &group->first);
        return;
    }
    group->first.activation = activation_of(node);
    if (group->first.activation.act == GTCNN_ACT_NONE)
        return;
    int mul = gated_product(f, gtcnn_fuser_resolve(f, node->inputs[0]), (int)n);
    if (mul >= 0)
        take_gate(f, group, &group->first, (int)n, mul);
}

/* Who computes which tensor; only blocks need to know. */
static bool find_makers(struct gtcnn_fuser *f)
{
    f->maker = malloc((f->graph->tensor_count + 1) * sizeof *f->maker);
    for (uint32_t t = 0; f->maker && t <= f->graph->tensor_count; t++)
        f->maker[t] = -1;
    for (uint32_t n = 0; f->maker && n < f->graph->node_count; n++)
        f->maker[f->graph->nodes[n].output] = (int)n;
    return f->maker != NULL;
}

static bool allocate(struct gtcnn_fuser *f)
{
    size_t tensors = f->graph->tensor_count, nodes = f->graph->node_count;
    f->fusion->alias = calloc(tensors + 1, sizeof *f->fusion->alias);
    f->fusion->groups = calloc(nodes + 1, sizeof *f->fusion->groups);
    f->users = calloc(tensors + 1, sizeof *f->users);
    f->readers = malloc((tensors + 1) * sizeof *f->readers);
    f->absorbed = calloc(nodes + 1, sizeof *f->absorbed);
    f->needed = calloc(nodes + 1, sizeof *f->needed);
    for (size_t t = 0; f->readers && t <= tensors; t++)
        f->readers[t][0] = f->readers[t][1] = -1;
    return f->fusion->alias && f->fusion->groups && f->users && f->readers && f->absorbed && f->needed;
}

enum gtcnn_status gtcnn_fuse(const struct gtcnn_graph *graph, const bool *keep, bool wide, struct gtcnn_fusion *fusion)
{
    struct gtcnn_fuser f = {.graph = graph, .keep = keep, .fusion = fusion};
    *fusion = (struct gtcnn_fusion){0};
    enum gtcnn_status status = allocate(&f) && (!wide || find_makers(&f)) ? GTCNN_OK : GTCNN_E_NOMEM;
    if (!status) {
        gtcnn_graph_find_aliases(graph, fusion->alias);
        count_users(&f);
        for (uint32_t n = 0; n < graph->node_count; n++)
            if (f.needed[n] && !f.absorbed[n])
                make_group(&f, n, &fusion->groups[fusion->group_count++]);
    }
    free(f.users);
    free(f.readers);
    free(f.absorbed);
    free(f.needed);
    free(f.maker);
    if (status)
        gtcnn_fusion_free(fusion);
    return status;
}

void gtcnn_fusion_free(struct gtcnn_fusion *fusion)
{
    free(fusion->groups);
    free(fusion->alias);
    *fusion = (struct gtcnn_fusion){0};
}
