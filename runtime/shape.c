/*
 * Shape inference: one rule per operator, in a table. A rule checks what its operator demands of its inputs, spells out the
 * attributes that depend on a rank (negative axes, reversed permutations, SAME padding), and gives the output's shape. Rules
 * follow the operators' specification at opset 23; where versions differ the reader has made them alike.
 */
#include "runtime/escape.h"
#include "runtime/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* More elements than any tensor here may have: keeps every product of sizes in bytes far from overflow. */
#define MAX_ELEMENTS ((int64_t)1 << 38)

struct infer {
    const struct gtcnn_graph *graph;
    struct gtcnn_node *node;
    struct gtcnn_shape out;
    struct gtcnn_err *err;
};

typedef enum gtcnn_status rule_fn(struct infer *in);

static enum gtcnn_status fail(const struct infer *in, enum gtcnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum gtcnn_status fail(const struct infer *in, enum gtcnn_status status, const char *format, ...)
{
    char model[80], node[100], detail[GTCNN_ERR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    gtcnn_escape(model, sizeof model, in->graph->name ? in->graph->name : "model", SIZE_MAX);
    gtcnn_escape(node, sizeof node, in->node->name, SIZE_MAX);
    return gtcnn_err_set(in->err, status, "%s: node '%s' (%s): %.300s", model, node, gtcnn_op_name(in->node->op), detail);
}

struct shape_text {
    char text[8 * 21 + 1];
};

static struct shape_text text_of(const struct gtcnn_shape *shape)
{
    struct shape_text text = {""};
    gtcnn_shape_text(text.text, sizeof text.text, shape);
    return text;
}

static bool has_input(const struct infer *in, uint32_t index)
{
    return index < in->node->input_count && in->node->inputs[index] >= 0;
}

static const struct gtcnn_shape *input_shape(const struct infer *in, uint32_t index)
{
    return &in->graph->tensors[in->node->inputs[index]].shape;
}

static enum gtcnn_status want_rank(const struct infer *in, uint32_t index, uint32_t rank)
{
    const struct gtcnn_shape *shape = input_shape(in, index);
    if (shape->rank == rank)
        return GTCNN_OK;
    return fail(in, GTCNN_E_SHAPE, "input %u is %s, but must have %u dimensions%s", index, text_of(shape).text, rank,
                rank == 4 ? " (batch, channels, height, width)" : "");
}

/* An axis in [-rank, rank) made non-negative. */
static enum gtcnn_status normal_axis(const struct infer *in, int *axis, uint32_t rank)
{
    int r = (int)rank;
    if (*axis < -r || *axis >= r)
        return fail(in, GTCNN_E_SHAPE, "axis %d is outside the %u dimensions", *axis, rank);
    *axis += *axis < 0 ? r : 0;
    return GTCNN_OK;
}

/* All axes of the attribute made non-negative and ascending; one that stands twice is refused. */
static enum gtcnn_status normal_axes(const struct infer *in, uint32_t rank, bool listed[GTCNN_MAX_RANK])
{
    struct gtcnn_attr *attr = &in->node->attr;
    memset(listed, 0, GTCNN_MAX_RANK * sizeof *listed);
    for (uint32_t i = 0; i < attr->axis_count; i++) {
        enum gtcnn_status status = normal_axis(in, &attr->axes[i], rank);
        if (status)
            return status;
        if (listed[attr->axes[i]])
            return fail(in, GTCNN_E_SHAPE, "axis %d stands twice", attr->axes[i]);
        listed[attr->axes[i]] = true;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < rank; i++)
        if (listed[i])
            attr->axes[n++] = (int)i;
    return GTCNN_OK;
}

/* --- convolution and pooling
 * --------------------------------------------------------------------------------------------------- */

/* One spatial axis: 0 is height, 1 is width. Resolves SAME into explicit padding. *out is the axis' output size. */
static enum gtcnn_status slide(const struct infer *in, int axis, int64_t size, int64_t *out)
{
    struct gtcnn_attr *attr = &in->node->attr;
    int64_t stride = attr->stride[axis], extent = ((int64_t)attr->kernel[axis] - 1) * attr->dilation[axis] + 1;
    if (attr->kernel[axis] == 0 || stride == 0 || attr->dilation[axis] == 0)
        return fail(in, GTCNN_E_SHAPE, "kernel, stride and dilation must be at least 1");
    if (extent > INT32_MAX)
        return fail(in, GTCNN_E_LIMIT, "the dilated window covers %lld, at most 2147483647 are supported", (long long)extent);
    if (attr->auto_pad != GTCNN_PAD_EXPLICIT) {
        int64_t total = ((size + stride - 1) / stride - 1) * stride + extent - size;
        total = total > 0 ? total : 0;
        int64_t begin = attr->auto_pad == GTCNN_PAD_SAME_UPPER ? total / 2 : total - total / 2;
        attr->pad[axis] = (uint32_t)begin;
        attr->pad[axis + 2] = (uint32_t)(total - begin);
    }
    int64_t begin = attr->pad[axis], padded = size + begin + attr->pad[axis + 2];
    if (padded < extent)
        return fail(in, GTCNN_E_SHAPE, "the window covers %lld, the padded input of %s has %lld in %s", (long long)extent,
                    text_of(input_shape(in, 0)).text, (long long)padded, axis ? "width" : "height");
    bool up = attr->ceil_mode && attr->auto_pad == GTCNN_PAD_EXPLICIT;
    *out = (padded - extent + (up ? stride - 1 : 0)) / stride + 1;
    /* A window that would begin in the padding behind the input is left out (Pool-22, as every runtime does). */
    if (up && (*out - 1) * stride >= size + begin)
        --*out;
    return GTCNN_OK;
}

static enum gtcnn_status slide_both(struct infer *in, int64_t channels)
{
    const struct gtcnn_shape *x = input_shape(in, 0);
    struct gtcnn_attr *attr = &in->node->attr;
    in->out = (struct gtcnn_shape){4, {x->dim[0], channels}};
    for (int axis = 0; axis < 2; axis++) {
        enum gtcnn_status status = slide(in, axis, x->dim[2 + axis], &in->out.dim[2 + axis]);
        if (status)
            return status;
    }
    if (attr->auto_pad != GTCNN_PAD_EXPLICIT)
        attr->ceil_mode = false; /* SAME has rounded up already */
    attr->auto_pad = GTCNN_PAD_EXPLICIT;
    return GTCNN_OK;
}

/* Input `index`, where it is there, must be a vector of n elements. */
static enum gtcnn_status want_vector(const struct infer *in, uint32_t index, int64_t n, const char *what)
{
    if (!has_input(in, index))
        return GTCNN_OK;
    const struct gtcnn_shape *shape = input_shape(in, index);
    if (shape->rank == 1 && shape->dim[0] == n)
        return GTCNN_OK;
    return fail(in, GTCNN_E_SHAPE, "%s is %s, but must be %lld", what, text_of(shape).text, (long long)n);
}

static enum gtcnn_status conv_weight(const struct infer *in, const struct gtcnn_shape *x, const struct gtcnn_shape *w)
{
    struct gtcnn_attr *attr = &in->node->attr;
    int64_t groups = attr->group;
    if (groups == 0 || x->dim[1] % groups || w->dim[0] % groups)
        return fail(in, GTCNN_E_SHAPE, "%lld groups do not divide the channels of input %s and weight %s", (long long)groups,
                    text_of(x).text, text_of(w).text);
    if (w->dim[1] != x->dim[1] / groups)
        return fail(in, GTCNN_E_SHAPE, "input %s in %lld groups gives %lld channels to each, weight %s wants %lld",
                    text_of(x).text, (long long)groups, (long long)(x->dim[1] / groups), text_of(w).text, (long long)w->dim[1]);
    for (int i = 0; i < 2; i++) {
        if (attr->kernel[i] == 0 && w->dim[2 + i] <= INT32_MAX)
            attr->kernel[i] = (uint32_t)w->dim[2 + i];
        if (attr->kernel[i] != w->dim[2 + i])
            return fail(in, GTCNN_E_SHAPE, "kernel_shape %ux%u contradicts weight %s", attr->kernel[0], attr->kernel[1],
                        text_of(w).text);
    }
    return GTCNN_OK;
}

static enum gtcnn_status infer_conv(struct infer *in)
{
    enum gtcnn_status status = want_rank(in, 0, 4);
    if (!status)
        status = want_rank(in, 1, 4);
    if (!status)
        status = conv_weight(in, input_shape(in, 0), input_shape(in, 1));
    if (!status)
        status = want_vector(in, 2, input_shape(in, 1)->dim[0], "bias");
    return status ? status : slide_both(in, input_shape(in, 1)->dim[0]);
}

static enum gtcnn_status infer_pool(struct infer *in)
{
    enum gtcnn_status status = want_rank(in, 0, 4);
    if (!status)
        status = slide_both(in, input_shape(in, 0)->dim[1]);
    if (status)
        return status;
    const struct gtcnn_attr *attr = &in->node->attr;
    for (int i = 0; i < 4; i++)
        if (attr->pad[i] > ((int64_t)attr->kernel[i & 1] - 1) * attr->dilation[i & 1])
            return fail(in, GTCNN_E_SHAPE, "padding %u is as wide as the window %ux%u: some windows would be empty",
                        attr->pad[i], attr->kernel[0], attr->kernel[1]);
    return GTCNN_OK;
}

static enum gtcnn_status infer_global_pool(struct infer *in)
{
    enum gtcnn_status status = want_rank(in, 0, 4);
    in->out = *input_shape(in, 0);
    in->out.dim[2] = in->out.dim[3] = 1;
    return status;
}

/* --- element by element
 * ----------------------------------------------------------------------------------------------------------- */

static enum gtcnn_status infer_same(struct infer *in)
{
    in->out = *input_shape(in, 0);
    return GTCNN_OK;
}

static enum gtcnn_status infer_batchnorm(struct infer *in)
{
    static const char *const what[] = {"", "scale", "bias", "mean", "variance"};
    const struct gtcnn_shape *x = input_shape(in, 0);
    if (x->rank < 2)
        return fail(in, GTCNN_E_SHAPE, "input %s has no channels", text_of(x).text);
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 1; i < 5 && !status; i++)
        status = want_vector(in, i, x->dim[1], what[i]);
    in->out = *x;
    return status;
}

/* The dimension of axis `i` of the common rank, shapes aligned at their ends; 1 where the shape has no such axis. */
static int64_t aligned(const struct gtcnn_shape *shape, uint32_t i, uint32_t rank)
{
    uint32_t missing = rank - shape->rank;
    return i < missing ? 1 : shape->dim[i - missing];
}

static enum gtcnn_status infer_broadcast(struct infer *in)
{
    const struct gtcnn_shape *a = input_shape(in, 0), *b = input_shape(in, 1);
    in->out.rank = a->rank > b->rank ? a->rank : b->rank;
    for (uint32_t i = 0; i < in->out.rank; i++) {
        int64_t m = aligned(a, i, in->out.rank), n = aligned(b, i, in->out.rank);
        if (m != n && m != 1 && n != 1)
            return fail(in, GTCNN_E_SHAPE, "%s and %s do not broadcast", text_of(a).text, text_of(b).text);
        in->out.dim[i] = m == 1 ? n : m;
    }
    return GTCNN_OK;
}

/* --- matrices
 * ---------------------------------------------------------------------------------------------------------------------- */

static enum gtcnn_status infer_gemm(struct infer *in)
{
    enum gtcnn_status status = want_rank(in, 0, 2);
    if (!status)
        status = want_rank(in, 1, 2);
    if (status)
        return status;
    const struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *a = input_shape(in, 0), *b = input_shape(in, 1);
    if (a->dim[!attr->trans_a] != b->dim[attr->trans_b])
        return fail(in, GTCNN_E_SHAPE, "%s%s does not multiply with %s%s", text_of(a).text,
                    attr->trans_a ? " (transposed)" : "", text_of(b).text, attr->trans_b ? " (transposed)" : "");
    in->out = (struct gtcnn_shape){2, {a->dim[attr->trans_a], b->dim[!attr->trans_b]}};
    if (!has_input(in, 2))
        return GTCNN_OK;
    const struct gtcnn_shape *c = input_shape(in, 2);
    bool fits = c->rank <= 2;
    for (uint32_t i = 0; i < 2 && fits; i++)
        fits = aligned(c, i, 2) == 1 || aligned(c, i, 2) == in->out.dim[i];
    return fits ? GTCNN_OK
                : fail(in, GTCNN_E_SHAPE, "C is %s, which does not broadcast to %s", text_of(c).text, text_of(&in->out).text);
}

static enum gtcnn_status infer_matmul(struct infer *in)
{
    const struct gtcnn_shape *a = input_shape(in, 0), *b = input_shape(in, 1);
    enum gtcnn_status status = want_rank(in, 1, 2);
    if (status)
        return status;
    if (a->rank < 2 || a->dim[a->rank - 1] != b->dim[0])
        return fail(in, GTCNN_E_SHAPE, "%s does not multiply with %s", text_of(a).text, text_of(b).text);
    in->out = *a;
    in->out.dim[a->rank - 1] = b->dim[1];
    return GTCNN_OK;
}

/* Softmax over several axes as one is the plain one when at most one of them is longer than 1. */
static void simplify_softmax(struct gtcnn_attr *attr, const struct gtcnn_shape *x)
{
    int longer = -1;
    for (uint32_t i = (uint32_t)attr->axis; i < x->rank; i++) {
        if (x->dim[i] != 1 && longer >= 0)
            return;
        longer = x->dim[i] != 1 ? (int)i : longer;
    }
    attr->axis = longer >= 0 ? longer : (int)x->rank - 1;
    attr->softmax_flat = false;
}

static enum gtcnn_status infer_softmax(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    in->out = *input_shape(in, 0);
    enum gtcnn_status status = normal_axis(in, &attr->axis, in->out.rank);
    if (!status && attr->softmax_flat && attr->axis > 0)
        simplify_softmax(attr, &in->out);
    return status;
}

/* --- axes
 * ----------------------------------------------------------------------------------------------------------------------------
 */

static enum gtcnn_status infer_reduce(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    bool listed[GTCNN_MAX_RANK];
    if (attr->axis_count == 0)
        for (uint32_t i = 0; i < x->rank; i++)
            attr->axes[attr->axis_count++] = (int)i;
    enum gtcnn_status status = normal_axes(in, x->rank, listed);
    in->out.rank = 0;
    for (uint32_t i = 0; i < x->rank; i++)
        if (!listed[i] || attr->keepdims)
            in->out.dim[in->out.rank++] = listed[i] ? 1 : x->dim[i];
    return status;
}

static enum gtcnn_status infer_flatten(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    if (attr->axis < -(int)x->rank || attr->axis > (int)x->rank)
        return fail(in, GTCNN_E_SHAPE, "axis %d is outside the %u dimensions of %s", attr->axis, x->rank, text_of(x).text);
    attr->axis += attr->axis < 0 ? (int)x->rank : 0;
    in->out = (struct gtcnn_shape){2, {1, 1}};
    for (uint32_t i = 0; i < x->rank; i++)
        in->out.dim[(int)i >= attr->axis] *= x->dim[i];
    return GTCNN_OK;
}

/* All axes of length 1, but never a batch that merely happens to be 1. */
static void list_ones(struct infer *in, const struct gtcnn_shape *x)
{
    struct gtcnn_attr *attr = &in->node->attr;
    for (uint32_t i = in->graph->batch_dynamic; i < x->rank; i++)
        if (x->dim[i] == 1)
            attr->axes[attr->axis_count++] = (int)i;
}

static enum gtcnn_status infer_squeeze(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    bool listed[GTCNN_MAX_RANK];
    if (attr->axis_count == 0)
        list_ones(in, x);
    enum gtcnn_status status = normal_axes(in, x->rank, listed);
    if (status)
        return status;
    in->out.rank = 0;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (listed[i] && x->dim[i] != 1)
            return fail(in, GTCNN_E_SHAPE, "axis %u of %s is not 1", i, text_of(x).text);
        if (!listed[i])
            in->out.dim[in->out.rank++] = x->dim[i];
    }
    return GTCNN_OK;
}

static enum gtcnn_status infer_unsqueeze(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    bool listed[GTCNN_MAX_RANK];
    uint32_t rank = x->rank + attr->axis_count;
    if (rank > GTCNN_MAX_RANK)
        return fail(in, GTCNN_E_LIMIT, "the result would have %u dimensions, at most %d are supported", rank, GTCNN_MAX_RANK);
    enum gtcnn_status status = normal_axes(in, rank, listed);
    if (status)
        return status;
    in->out.rank = rank;
    for (uint32_t i = 0, from = 0; i < rank; i++)
        in->out.dim[i] = listed[i] ? 1 : x->dim[from++];
    return GTCNN_OK;
}

static enum gtcnn_status infer_transpose(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    unsigned seen = 0;
    if (attr->perm[0] < 0)
        for (uint32_t i = 0; i < x->rank; i++)
            attr->perm[i] = (int)(x->rank - 1 - i);
    else if (attr->target_rank && attr->target_rank != x->rank)
        return fail(in, GTCNN_E_SHAPE, "perm has %u axes, input is %s", attr->target_rank, text_of(x).text);
    in->out.rank = x->rank;
    for (uint32_t i = 0; i < x->rank; i++) {
        if (attr->perm[i] < 0 || attr->perm[i] >= (int)x->rank || seen >> attr->perm[i] & 1)
            return fail(in, GTCNN_E_SHAPE, "perm is not a permutation of the %u axes of %s", x->rank, text_of(x).text);
        seen |= 1u << attr->perm[i];
        in->out.dim[i] = x->dim[attr->perm[i]];
    }
    return GTCNN_OK;
}

static enum gtcnn_status infer_concat(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *first = input_shape(in, 0);
    enum gtcnn_status status = normal_axis(in, &attr->axis, first->rank);
    if (status)
        return status;
    in->out = *first;
    for (uint32_t k = 1; k < in->node->input_count; k++) {
        const struct gtcnn_shape *x = input_shape(in, k);
        bool fits = x->rank == first->rank;
        for (uint32_t i = 0; i < first->rank && fits; i++)
            fits = (int)i == attr->axis || x->dim[i] == first->dim[i];
        if (!fits || __builtin_add_overflow(in->out.dim[attr->axis], x->dim[attr->axis], &in->out.dim[attr->axis]))
            return fail(in, GTCNN_E_SHAPE, "input %u is %s, which does not join %s along axis %d", k, text_of(x).text,
                        text_of(first).text, attr->axis);
    }
    return GTCNN_OK;
}

/* Pads of the listed axes spread to all axes. */
static enum gtcnn_status spread_pads(struct infer *in, uint32_t rank)
{
    struct gtcnn_attr *attr = &in->node->attr;
    uint32_t n = attr->axis_count ? attr->axis_count : rank;
    if (attr->target_rank && attr->target_rank != n)
        return fail(in, GTCNN_E_SHAPE, "pads are for %u axes, but there are %u", attr->target_rank, n);
    if (attr->axis_count == 0)
        return GTCNN_OK;
    int64_t all[2 * GTCNN_MAX_RANK] = {0};
    unsigned seen = 0;
    for (uint32_t i = 0; i < n; i++) {
        int axis = attr->axes[i];
        enum gtcnn_status status = normal_axis(in, &axis, rank);
        if (status)
            return status;
        if (seen >> axis & 1)
            return fail(in, GTCNN_E_SHAPE, "axis %d stands twice", axis);
        seen |= 1u << axis;
        all[axis] = attr->pads[i];
        all[(uint32_t)axis + rank] = attr->pads[i + n];
    }
    memcpy(attr->pads, all, sizeof all);
    attr->axis_count = 0;
    attr->target_rank = rank;
    return GTCNN_OK;
}

static enum gtcnn_status infer_pad(struct infer *in)
{
    struct gtcnn_attr *attr = &in->node->attr;
    const struct gtcnn_shape *x = input_shape(in, 0);
    enum gtcnn_status status = spread_pads(in, x->rank);
    if (status)
        return status;
    in->out = *x;
    for (uint32_t i = 0; i < 2 * x->rank; i++) {
        int64_t *dim = &in->out.dim[i % x->rank];
        if (attr->pads[i] < 0 || attr->pads[i] > INT32_MAX || *dim > MAX_ELEMENTS)
            return fail(in, GTCNN_E_UNSUPPORTED, "pad %lld is outside 0 ... 2147483647 (cropping is not supported)",
                        (long long)attr->pads[i]);
        *dim += attr->pads[i];
    }
    return GTCNN_OK;
}

/* The target's dimensions with 0 copied from the input; *open is the place of its -1, or -1. */
static enum gtcnn_status reshape_target(struct infer *in, const struct gtcnn_shape *x, int *open)
{
    const struct gtcnn_attr *attr = &in->node->attr;
    *open = -1;
    in->out.rank = attr->target_rank;
    for (uint32_t i = 0; i < attr->target_rank; i++) {
        int64_t dim = attr->target[i];
        if (dim == 0 && !attr->allow_zero) {
            if (i >= x->rank)
                return fail(in, GTCNN_E_SHAPE, "target copies dimension %u, which %s does not have", i, text_of(x).text);
            dim = x->dim[i];
        }
        if (dim < -1 || (dim == -1 && *open >= 0))
            return fail(in, GTCNN_E_SHAPE, "the target shape may hold one -1 and no other negative dimension");
        *open = dim == -1 ? (int)i : *open;
        in->out.dim[i] = dim == -1 ? 1 : dim;
    }
    return GTCNN_OK;
}

static enum gtcnn_status infer_reshape(struct infer *in)
{
    const struct gtcnn_shape *x = input_shape(in, 0);
    int open;
    enum gtcnn_status status = reshape_target(in, x, &open);
    if (status)
        return status;
    int64_t have = gtcnn_shape_count(x), want = gtcnn_shape_count(&in->out);
    if (open >= 0 && want > 0 && have % want == 0)
        in->out.dim[open] = have / want;
    else if (open >= 0 || have != want)
        return fail(in, GTCNN_E_SHAPE, "%s does not reshape to %s%s", text_of(x).text, text_of(&in->out).text,
                    in->graph->batch_dynamic ? "; if the batch is written into the target, open the model with batch 1" : "");
    return GTCNN_OK;
}

/* --- the whole graph
 * --------------------------------------------------------------------------------------------------------------- */

static const struct {
    rule_fn *infer;
    uint32_t least, most; /* inputs, after the shape-like ones have become attributes */
} rules[GTCNN_OP_COUNT] = {
    [GTCNN_OP_CONV] = {infer_conv, 2, 3},
    [GTCNN_OP_BATCHNORM] = {infer_batchnorm, 5, 5},
    [GTCNN_OP_RELU] = {infer_same, 1, 1},
    [GTCNN_OP_CLIP] = {infer_same, 1, 1},
    [GTCNN_OP_SIGMOID] = {infer_same, 1, 1},
    [GTCNN_OP_HARDSIGMOID] = {infer_same, 1, 1},
    [GTCNN_OP_HARDSWISH] = {infer_same, 1, 1},
    [GTCNN_OP_ADD] = {infer_broadcast, 2, 2},
    [GTCNN_OP_MUL] = {infer_broadcast, 2, 2},
    [GTCNN_OP_GLOBALAVERAGEPOOL] = {infer_global_pool, 1, 1},
    [GTCNN_OP_AVERAGEPOOL] = {infer_pool, 1, 1},
    [GTCNN_OP_MAXPOOL] = {infer_pool, 1, 1},
    [GTCNN_OP_REDUCEMEAN] = {infer_reduce, 1, 1},
    [GTCNN_OP_GEMM] = {infer_gemm, 2, 3},
    [GTCNN_OP_MATMUL] = {infer_matmul, 2, 2},
    [GTCNN_OP_SOFTMAX] = {infer_softmax, 1, 1},
    [GTCNN_OP_FLATTEN] = {infer_flatten, 1, 1},
    [GTCNN_OP_RESHAPE] = {infer_reshape, 1, 1},
    [GTCNN_OP_SQUEEZE] = {infer_squeeze, 1, 1},
    [GTCNN_OP_UNSQUEEZE] = {infer_unsqueeze, 1, 1},
    [GTCNN_OP_TRANSPOSE] = {infer_transpose, 1, 1},
    [GTCNN_OP_PAD] = {infer_pad, 1, 1},
    [GTCNN_OP_CONCAT] = {infer_concat, 1, UINT32_MAX},
    [GTCNN_OP_DROPOUT] = {infer_same, 1, 1},
    [GTCNN_OP_IDENTITY] = {infer_same, 1, 1},
};

static enum gtcnn_status check_inputs(const struct infer *in)
{
    const struct gtcnn_node *node = in->node;
    uint32_t least = rules[node->op].least;
    if (node->input_count < least || node->input_count > rules[node->op].most)
        return fail(in, GTCNN_E_FORMAT, "has %u inputs, at least %u are needed", node->input_count, least);
    for (uint32_t i = 0; i < node->input_count; i++) {
        if ((i < least || node->op == GTCNN_OP_CONCAT) && node->inputs[i] < 0)
            return fail(in, GTCNN_E_FORMAT, "input %u is missing", i);
        if (node->inputs[i] >= 0 && !in->graph->tensors[node->inputs[i]].shape_known)
            return fail(in, GTCNN_E_SHAPE, "the shape of input %u is not known", i);
    }
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_node_infer_shape(struct gtcnn_graph *graph, struct gtcnn_node *node, struct gtcnn_err *err)
{
    struct infer in = {graph, node, {0}, err};
    if ((unsigned)node->op >= GTCNN_OP_COUNT || !rules[node->op].infer)
        return fail(&in, GTCNN_E_UNSUPPORTED, "is not supported as a node");
    enum gtcnn_status status = check_inputs(&in);
    if (!status)
        status = rules[node->op].infer(&in);
    if (status)
        return status;
    int64_t count = gtcnn_shape_count(&in.out);
    if (count <= 0 || count > MAX_ELEMENTS)
        return fail(&in, GTCNN_E_LIMIT, "the output would be %s: empty, or larger than 2^38 elements", text_of(&in.out).text);
    graph->tensors[node->output].shape = in.out;
    graph->tensors[node->output].shape_known = true;
    return GTCNN_OK;
}

static enum gtcnn_status bind_batch(struct gtcnn_graph *graph, uint32_t batch, struct gtcnn_err *err)
{
    char name[80];
    gtcnn_escape(name, sizeof name, graph->name ? graph->name : "model", SIZE_MAX);
    if (graph->input < 0 || graph->output < 0 || !graph->tensors[graph->input].shape_known)
        return gtcnn_err_set(err, GTCNN_E_SHAPE, "%s: has no input of known shape, or no output", name);
    struct gtcnn_shape *shape = &graph->tensors[graph->input].shape;
    if (shape->rank == 0)
        return gtcnn_err_set(err, GTCNN_E_SHAPE, "%s: the input has no batch dimension", name);
    if (shape->dim[0] < 0)
        graph->batch_dynamic = true;
    if (shape->dim[0] < 0 || (graph->batch_dynamic && batch))
        shape->dim[0] = batch ? batch : 1;
    if (batch && shape->dim[0] != batch)
        return gtcnn_err_set(err, GTCNN_E_SHAPE,
                             "%s: the batch is fixed to %lld in the model, %u was asked for; export it with a dynamic batch",
                             name, (long long)shape->dim[0], batch);
    int64_t count = gtcnn_shape_count(shape);
    if (count <= 0 || count > MAX_ELEMENTS)
        return gtcnn_err_set(err, GTCNN_E_LIMIT, "%s: the input %s is empty, unknown, or larger than 2^38 elements", name,
                             text_of(shape).text);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_graph_infer_shapes(struct gtcnn_graph *graph, uint32_t batch, struct gtcnn_err *err)
{
    enum gtcnn_status status = bind_batch(graph, batch, err);
    for (uint32_t i = 0; i < graph->node_count && !status; i++)
        status = gtcnn_node_infer_shape(graph, &graph->nodes[i], err);
    if (!status && !graph->tensors[graph->output].shape_known)
        status = gtcnn_err_set(err, GTCNN_E_SHAPE, "no node computes the model's output");
    return status;
}
