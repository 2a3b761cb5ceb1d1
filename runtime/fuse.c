#include "runtime/fuse.h"

#include <stdlib.h>

struct fuser {
    const struct gtcnn_graph *graph;
    const bool *keep;
    struct gtcnn_fusion *fusion;
    uint32_t *users;   /* per tensor (aliases resolved): nodes that read it, and one for whoever wants it after the inference */
    int (*readers)[2]; /* per tensor: the first two of those nodes */
    bool *absorbed;    /* per node */
    bool *needed;      /* per node: contributes to the output or to a kept tensor */
};

static int resolve(const struct fuser *f, int tensor)
{
    return tensor < 0 ? tensor : f->fusion->alias[tensor];
}

/* A node is needed when somebody reads what it writes; walked backward, since nodes stand in topological order. */
static void count_users(struct fuser *f)
{
    const struct gtcnn_graph *g = f->graph;
    f->users[resolve(f, g->output)]++;
    for (uint32_t t = 0; t < g->tensor_count; t++)
        f->users[resolve(f, (int)t)] += f->keep[t];
    for (uint32_t n = g->node_count; n-- > 0;) {
        const struct gtcnn_node *node = &g->nodes[n];
        if (gtcnn_op_renames(node->op) || node->op == GTCNN_OP_CONSTANT || f->users[node->output] == 0)
            continue;
        f->needed[n] = true;
        for (uint32_t i = 0; i < node->input_count; i++) {
            int t = resolve(f, node->inputs[i]);
            if (t < 0)
                continue;
            if (f->users[t] < 2)
                f->readers[t][f->users[t]] = (int)n;
            f->users[t]++;
        }
    }
}

/* The node that alone reads the tensor, or -1. */
static int only_reader(const struct fuser *f, int tensor)
{
    return f->users[tensor] == 1 ? f->readers[tensor][0] : -1;
}

static void absorb(struct fuser *f, struct gtcnn_group *group, int node)
{
    f->absorbed[node] = true;
    group->nodes[group->count++] = (uint32_t)node; /* it reads what those before it made: they ascend */
    group->output = f->graph->nodes[node].output;
}

static bool is_constant(const struct fuser *f, int tensor)
{
    int t = resolve(f, tensor);
    return t >= 0 && f->graph->tensors[t].data != NULL;
}

/* Are the normalised channels (dimension 1) the columns of the weights, and nothing but a bias by column added to them? */
static bool can_fold(const struct fuser *f, const struct gtcnn_node *product)
{
    if (product->op == GTCNN_OP_CONV)
        return true;
    if (f->graph->tensors[product->output].shape.rank != 2)
        return false;
    int c = product->op == GTCNN_OP_GEMM && product->input_count > 2 ? product->inputs[2] : -1;
    if (c < 0)
        return true;
    const struct gtcnn_shape *shape = &f->graph->tensors[c].shape;
    return is_constant(f, c) && (shape->rank < 2 || shape->dim[shape->rank - 2] == 1);
}

static void take_batchnorm(struct fuser *f, struct gtcnn_group *group)
{
    if (!can_fold(f, &f->graph->nodes[group->nodes[0]]))
        return;
    int n = only_reader(f, group->output);
    if (n < 0 || f->graph->nodes[n].op != GTCNN_OP_BATCHNORM)
        return;
    const struct gtcnn_node *node = &f->graph->nodes[n];
    if (resolve(f, node->inputs[0]) != group->output)
        return;
    for (uint32_t i = 1; i < 5; i++)
        if (!is_constant(f, node->inputs[i]))
            return;
    absorb(f, group, n);
    group->batchnorm = n;
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
static int gated_product(const struct fuser *f, int tensor, int gate)
{
    const struct gtcnn_node *g = &f->graph->nodes[gate];
    if (g->op != GTCNN_OP_SIGMOID && g->op != GTCNN_OP_HARDSIGMOID)
        return -1;
    int n = only_reader(f, g->output);
    if (n < 0 || f->graph->nodes[n].op != GTCNN_OP_MUL)
        return -1;
    int a = resolve(f, f->graph->nodes[n].inputs[0]), b = resolve(f, f->graph->nodes[n].inputs[1]);
    return (a == tensor && b == g->output) || (b == tensor && a == g->output) ? n : -1;
}

static void take_gate(struct fuser *f, struct gtcnn_group *group, int gate, int product)
{
    const struct gtcnn_node *g = &f->graph->nodes[gate];
    bool silu = g->op == GTCNN_OP_SIGMOID;
    if (group->nodes[0] != (uint32_t)gate)
        absorb(f, group, gate);
    absorb(f, group, product);
    group->activation = (struct gtcnn_activation){silu ? GTCNN_ACT_SILU : GTCNN_ACT_HARDSWISH, g->attr.alpha, g->attr.beta};
}

static void take_activation(struct fuser *f, struct gtcnn_group *group)
{
    int t = group->output;
    if (f->users[t] == 2)
        for (int i = 0; i < 2; i++) {
            int gate = f->readers[t][i], product = gate < 0 ? -1 : gated_product(f, t, gate);
            if (product >= 0) { /* it reads t: the other reader */
                take_gate(f, group, gate, product);
                return;
            }
        }
    int n = only_reader(f, t);
    if (n < 0)
        return;
    struct gtcnn_activation activation = activation_of(&f->graph->nodes[n]);
    if (activation.act == GTCNN_ACT_NONE)
        return;
    absorb(f, group, n);
    group->activation = activation;
}

static void make_group(struct fuser *f, uint32_t n, struct gtcnn_group *group)
{
    const struct gtcnn_node *node = &f->graph->nodes[n];
    *group = (struct gtcnn_group){.count = 1, .nodes = {n}, .batchnorm = -1, .output = node->output};
    if (node->op == GTCNN_OP_CONV || node->op == GTCNN_OP_GEMM || node->op == GTCNN_OP_MATMUL) {
        take_batchnorm(f, group);
        take_activation(f, group);
        return;
    }
    group->activation = activation_of(node);
    if (group->activation.act == GTCNN_ACT_NONE)
        return;
    int product = gated_product(f, resolve(f, node->inputs[0]), (int)n);
    if (product >= 0)
        take_gate(f, group, (int)n, product);
}

static bool allocate(struct fuser *f)
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

enum gtcnn_status gtcnn_fuse(const struct gtcnn_graph *graph, const bool *keep, struct gtcnn_fusion *fusion)
{
    struct fuser f = {.graph = graph, .keep = keep, .fusion = fusion};
    *fusion = (struct gtcnn_fusion){0};
    enum gtcnn_status status = allocate(&f) ? GTCNN_OK : GTCNN_E_NOMEM;
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
