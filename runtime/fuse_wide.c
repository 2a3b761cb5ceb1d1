/*
 * The groups of a block (inverted bottleneck, Sandler et al. 2018; squeeze-and-excite, Hu et al. 2018), where kernels take more
 * than one product at once:
 *   a dense convolution and the depthwise one that alone reads it (or a depthwise one alone), and the mean over the output's
 *   pixels; two fully connected layers on maps of one pixel; a pointwise convolution, the gate by channel before it and the
 *   addition behind it.
 * Nodes are executed at the place of a group's first one: what the later ones read must be there by then.
 */
#include "runtime/fuser.h"

static const struct gtcnn_node *node_of(const struct gtcnn_fuser *f, int n)
{
    return &f->graph->nodes[n];
}

static const struct gtcnn_shape *shape_of(const struct gtcnn_fuser *f, int tensor)
{
    return &f->graph->tensors[tensor].shape;
}

static const struct gtcnn_shape *input_shape(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    return shape_of(f, gtcnn_fuser_resolve(f, node->inputs[0]));
}

static bool has_constants(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    for (uint32_t i = 1; i < node->input_count; i++)
        if (node->inputs[i] >= 0 && !gtcnn_fuser_is_constant(f, node->inputs[i]))
            return false;
    return node->input_count > 1;
}

static bool is_dense(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    return node->op == GTCNN_OP_CONV && node->attr.group == 1 && has_constants(f, node);
}

static bool is_depthwise(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    int64_t channels = node->op == GTCNN_OP_CONV ? input_shape(f, node)->dim[1] : 0;
    return channels > 1 && node->attr.group == channels && shape_of(f, node->output)->dim[1] == channels &&
           has_constants(f, node);
}

static bool is_pointwise(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    const struct gtcnn_attr *a = &node->attr;
    return is_dense(f, node) && a->kernel[0] == 1 && a->kernel[1] == 1 && a->stride[0] == 1 && a->stride[1] == 1 &&
           a->pad[0] == 0 && a->pad[1] == 0 && a->pad[2] == 0 && a->pad[3] == 0;
}

static bool is_one_pixel(const struct gtcnn_shape *shape)
{
    return shape->rank == 4 && shape->dim[2] == 1 && shape->dim[3] == 1;
}

static struct gtcnn_product product_of(const struct gtcnn_fuser *f, int n)
{
    return (struct gtcnn_product){.node = n, .batchnorm = -1, .output = node_of(f, n)->output};
}

static void take_second(struct gtcnn_fuser *f, struct gtcnn_group *group, int n)
{
    group->second = product_of(f, n);
    gtcnn_fuser_absorb(f, group, n);
    gtcnn_fuser_take_epilogue(f, group, &group->second);
}

/* --- expansion, depthwise convolution, mean */

static bool is_mean(const struct gtcnn_fuser *f, const struct gtcnn_node *node)
{
    if (node->op == GTCNN_OP_GLOBALAVERAGEPOOL)
        return true;
    return node->op == GTCNN_OP_REDUCEMEAN && input_shape(f, node)->rank == 4 && node->attr.axis_count == 2 &&
           node->attr.axes[0] == 2 && node->attr.axes[1] == 3;
}

static void take_pool(struct gtcnn_fuser *f, struct gtcnn_group *group)
{
    int t = group->output;
    for (uint32_t i = 0; i < 2 && i < f->users[t]; i++) {
        int n = f->readers[t][i];
        if (n < 0 || f->users[t] > 2 || !is_mean(f, node_of(f, n)))
            continue;
        gtcnn_fuser_absorb(f, group, n);
        group->pool = node_of(f, n)->output;
        group->output = t;
        return;
    }
}

static bool make_depthwise(struct gtcnn_fuser *f, struct gtcnn_group *group)
{
    gtcnn_fuser_take_epilogue(f, group, &group->first);
    take_pool(f, group);
    return true;
}

/* --- squeeze and excitation; projection */

/* Same size, computed earlier: the other operand of an addition behind the projection. */
static int residual_of(const struct gtcnn_fuser *f, const struct gtcnn_group *group, const struct gtcnn_node *add)
{
    int a = gtcnn_fuser_resolve(f, add->inputs[0]), b = gtcnn_fuser_resolve(f, add->inputs[1]);
    int other = a == group->output ? b : a;
    const struct gtcnn_shape *x = shape_of(f, group->output), *y = shape_of(f, other);
    if (x->rank != y->rank || gtcnn_fuser_is_constant(f, other) || f->maker[other] >= (int)group->nodes[0])
        return -1;
    for (uint32_t d = 0; d < x->rank; d++)
        if (x->dim[d] != y->dim[d])
            return -1;
    return other;
}

static void take_residual(struct gtcnn_fuser *f, struct gtcnn_group *group)
{
    int n = group->first.activation.act == GTCNN_ACT_NONE ? gtcnn_fuser_only_reader(f, group->output) : -1;
    int other = n >= 0 && node_of(f, n)->op == GTCNN_OP_ADD ? residual_of(f, group, node_of(f, n)) : -1;
    if (other < 0)
        return;
    gtcnn_fuser_absorb(f, group, n);
    group->residual = other;
    group->first.output = group->output;
    gtcnn_fuser_take_activation(f, group, &group->first);
}

static bool make_dense(struct gtcnn_fuser *f, struct gtcnn_group *group)
{
    const struct gtcnn_node *node = node_of(f, group->first.node);
    gtcnn_fuser_take_epilogue(f, group, &group->first);
    int n = gtcnn_fuser_only_reader(f, group->output);
    const struct gtcnn_node *next = n >= 0 ? node_of(f, n) : NULL;
    bool reads = next && gtcnn_fuser_resolve(f, next->inputs[0]) == group->output;
    if (reads && is_depthwise(f, next)) {
        take_second(f, group, n);
        take_pool(f, group);
    } else if (reads && is_one_pixel(input_shape(f, node)) && is_pointwise(f, node) && is_pointwise(f, next)) {
        take_second(f, group, n);
    } else {
        take_residual(f, group);
    }
    return true;
}

/* x times a gate by channel, read by a pointwise convolution alone. */
static bool make_gated(struct gtcnn_fuser *f, const struct gtcnn_node *mul, struct gtcnn_group *group)
{
    int x = gtcnn_fuser_resolve(f, mul->inputs[0]), gate = gtcnn_fuser_resolve(f, mul->inputs[1]);
    if (is_one_pixel(shape_of(f, x))) {
        int swap = x;
        x = gate;
        gate = swap;
    }
    const struct gtcnn_shape *xs = shape_of(f, x), *gs = shape_of(f, gate);
    int n = gtcnn_fuser_only_reader(f, mul->output);
    if (xs->rank != 4 || !is_one_pixel(gs) || is_one_pixel(xs) || xs->dim[0] != gs->dim[0] || xs->dim[1] != gs->dim[1] ||
        gtcnn_fuser_is_constant(f, gate) || gtcnn_fuser_is_constant(f, x) || n < 0 || !is_pointwise(f, node_of(f, n)))
        return false;
    group->gated = x;
    group->gate = gate;
    group->first = product_of(f, n);
    gtcnn_fuser_absorb(f, group, n);
    gtcnn_fuser_take_epilogue(f, group, &group->first);
    take_residual(f, group);
    return true;
}

bool gtcnn_fuse_block(struct gtcnn_fuser *f, uint32_t n, struct gtcnn_group *group)
{
    const struct gtcnn_node *node = node_of(f, (int)n);
    if (node->op == GTCNN_OP_MUL)
        return make_gated(f, node, group);
    if (node->op != GTCNN_OP_CONV || shape_of(f, node->output)->rank != 4)
        return false;
    return is_depthwise(f, node) ? make_depthwise(f, group) : is_dense(f, node) && make_dense(f, group);
}
