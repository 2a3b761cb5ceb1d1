#include "runtime/onnx_reader.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INPUTS = 4096 };

/* One node being turned into the graph's. */
struct parse {
    struct gtcnn_onnx_reader *reader;
    const Onnx__NodeProto *node;
    enum gtcnn_op op;
    struct gtcnn_attr *attr;
    int *inputs; /* -1: left out */
    uint32_t input_count;
};

typedef enum gtcnn_status parse_fn(struct parse *p);

#define FAIL(p, status, ...) gtcnn_onnx_fail((p)->reader, (p)->node, status, __VA_ARGS__)

static int64_t opset_of(const struct parse *p)
{
    return p->reader->graph->opset;
}

static bool has_input(const struct parse *p, uint32_t i)
{
    return i < p->input_count && p->inputs[i] >= 0;
}

/* --- inputs that say how, not what: they must be known now
 * ----------------------------------------------------------------------------- */

/* The constant that input i is; its elements must be of the type. */
static enum gtcnn_status constant_input(const struct parse *p, uint32_t i, enum gtcnn_dtype dtype,
                                        const struct gtcnn_tensor **out)
{
    const struct gtcnn_tensor *t = &p->reader->graph->tensors[p->inputs[i]];
    if (!gtcnn_tensor_is_constant(t))
        return FAIL(
            p, GTCNN_E_UNSUPPORTED,
            "input %u ('%s') is computed, but must be an initialiser or a Constant; fold the model's constants when exporting",
            i, gtcnn_onnx_quote(t->name).text);
    if (t->dtype != dtype)
        return FAIL(p, GTCNN_E_FORMAT, "input %u ('%s') must hold %s", i, gtcnn_onnx_quote(t->name).text,
                    dtype == GTCNN_I64 ? "integers" : "float32");
    *out = t;
    return GTCNN_OK;
}

/* Input i as a list of integers; none when it is left out. *values is borrowed from the tensor. */
static enum gtcnn_status integers_input(const struct parse *p, uint32_t i, const int64_t **values, size_t *n)
{
    const struct gtcnn_tensor *t = NULL;
    *n = 0;
    if (!has_input(p, i))
        return GTCNN_OK;
    enum gtcnn_status status = constant_input(p, i, GTCNN_I64, &t);
    if (status)
        return status;
    if (t->shape.rank > 1)
        return FAIL(p, GTCNN_E_SHAPE, "input %u ('%s') must be a list", i, gtcnn_onnx_quote(t->name).text);
    *values = t->data;
    *n = (size_t)gtcnn_shape_count(&t->shape);
    return GTCNN_OK;
}

/* Input i as one number; *value keeps its own when it is left out. */
static enum gtcnn_status number_input(const struct parse *p, uint32_t i, float *value)
{
    const struct gtcnn_tensor *t = NULL;
    if (!has_input(p, i))
        return GTCNN_OK;
    enum gtcnn_status status = constant_input(p, i, GTCNN_F32, &t);
    if (status)
        return status;
    if (gtcnn_shape_count(&t->shape) != 1)
        return FAIL(p, GTCNN_E_SHAPE, "input %u ('%s') must be one number", i, gtcnn_onnx_quote(t->name).text);
    memcpy(value, t->data, sizeof *value);
    return isnan(*value) ? FAIL(p, GTCNN_E_FORMAT, "input %u is not a number", i) : GTCNN_OK;
}

static enum gtcnn_status no_input_before(const struct parse *p, uint32_t i, int opset)
{
    if (i >= p->input_count || opset_of(p) >= opset)
        return GTCNN_OK;
    return FAIL(p, GTCNN_E_FORMAT, "has an input %u, which %s has from opset %d on; the model is of opset %lld", i,
                gtcnn_op_name(p->op), opset, (long long)opset_of(p));
}

/* Axes from the attribute, or from input 1 from `opset` on. *given: they were there, be it an empty list. */
static enum gtcnn_status read_axes(struct parse *p, int opset, bool *given)
{
    const Onnx__AttributeProto *attribute = gtcnn_onnx_attribute(p->node, "axes");
    const int64_t *values = attribute ? attribute->ints : NULL;
    size_t n = attribute ? attribute->n_ints : 0;
    enum gtcnn_status status = no_input_before(p, 1, opset);
    if (!status && has_input(p, 1))
        status = integers_input(p, 1, &values, &n);
    *given = attribute || has_input(p, 1);
    return status ? status : gtcnn_onnx_axes(p->reader, p->node, values, n, p->attr->axes, &p->attr->axis_count);
}

/* --- operators, one by one
 * ----------------------------------------------------------------------------------------------------------------- */

static enum gtcnn_status parse_nothing(struct parse *p)
{
    (void)p;
    return GTCNN_OK;
}

static enum gtcnn_status parse_conv(struct parse *p)
{
    int64_t group = 1;
    enum gtcnn_status status = gtcnn_onnx_bounded(p->reader, p->node, "group", 1, INT32_MAX, &group);
    p->attr->group = (uint32_t)group;
    return status ? status : gtcnn_onnx_window(p->reader, p->node, false, p->attr);
}

static enum gtcnn_status parse_batchnorm(struct parse *p)
{
    if (gtcnn_onnx_int(p->node, "training_mode", 0) != 0)
        return FAIL(p, GTCNN_E_UNSUPPORTED, "is in training mode; export the model for inference (model.eval())");
    enum gtcnn_status status = gtcnn_onnx_float(p->reader, p->node, "epsilon", &p->attr->epsilon);
    if (!status && p->attr->epsilon < 0)
        status = FAIL(p, GTCNN_E_FORMAT, "attribute 'epsilon' is negative");
    return status;
}

static enum gtcnn_status parse_clip(struct parse *p)
{
    enum gtcnn_status status = number_input(p, 1, &p->attr->min);
    return status ? status : number_input(p, 2, &p->attr->max);
}

static enum gtcnn_status parse_alpha_beta(struct parse *p)
{
    enum gtcnn_status status = gtcnn_onnx_float(p->reader, p->node, "alpha", &p->attr->alpha);
    return status ? status : gtcnn_onnx_float(p->reader, p->node, "beta", &p->attr->beta);
}

static enum gtcnn_status parse_gemm(struct parse *p)
{
    p->attr->trans_a = gtcnn_onnx_int(p->node, "transA", 0) != 0;
    p->attr->trans_b = gtcnn_onnx_int(p->node, "transB", 0) != 0;
    return parse_alpha_beta(p);
}

static enum gtcnn_status parse_pool(struct parse *p)
{
    p->attr->ceil_mode = gtcnn_onnx_int(p->node, "ceil_mode", 0) != 0;
    p->attr->count_include_pad = gtcnn_onnx_int(p->node, "count_include_pad", 0) != 0;
    return gtcnn_onnx_window(p->reader, p->node, true, p->attr);
}

static enum gtcnn_status parse_reduce(struct parse *p)
{
    bool given;
    enum gtcnn_status status = read_axes(p, 18, &given);
    p->attr->keepdims = gtcnn_onnx_int(p->node, "keepdims", 1) != 0;
    if (!status && p->attr->axis_count == 0 && gtcnn_onnx_int(p->node, "noop_with_empty_axes", 0) != 0)
        p->op = GTCNN_OP_IDENTITY;
    return status;
}

static enum gtcnn_status parse_axis(struct parse *p)
{
    int64_t axis = opset_of(p) < 13 || p->op != GTCNN_OP_SOFTMAX ? 1 : -1;
    if (p->op == GTCNN_OP_CONCAT && !gtcnn_onnx_attribute(p->node, "axis"))
        return FAIL(p, GTCNN_E_FORMAT, "attribute 'axis' is missing");
    enum gtcnn_status status = gtcnn_onnx_bounded(p->reader, p->node, "axis", -GTCNN_MAX_RANK, GTCNN_MAX_RANK, &axis);
    p->attr->axis = (int)axis;
    p->attr->softmax_flat = p->op == GTCNN_OP_SOFTMAX && opset_of(p) < 13;
    return status;
}

static enum gtcnn_status parse_reshape(struct parse *p)
{
    const int64_t *values = NULL;
    size_t n;
    enum gtcnn_status status = integers_input(p, 1, &values, &n);
    if (status)
        return status;
    if (n > GTCNN_MAX_RANK)
        return FAIL(p, GTCNN_E_LIMIT, "reshapes to %zu dimensions, at most %d are supported", n, GTCNN_MAX_RANK);
    for (size_t i = 0; i < n; i++) {
        if (values[i] < -1)
            return FAIL(p, GTCNN_E_FORMAT, "the target shape holds %lld", (long long)values[i]);
        if (values[i] == 0 && gtcnn_onnx_int(p->node, "allowzero", 0) != 0)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "allowzero with a dimension of 0: empty tensors are not supported");
        p->attr->target[i] = values[i];
    }
    p->attr->target_rank = (uint32_t)n;
    return GTCNN_OK;
}

static enum gtcnn_status parse_squeeze(struct parse *p)
{
    bool given;
    enum gtcnn_status status = read_axes(p, 13, &given);
    if (!status && p->op == GTCNN_OP_UNSQUEEZE && !given)
        status = FAIL(p, GTCNN_E_FORMAT, "has no axes");
    /* An empty list squeezes nothing; no list squeezes all axes of length 1. */
    if (!status && given && p->attr->axis_count == 0)
        p->op = GTCNN_OP_IDENTITY;
    return status;
}

static enum gtcnn_status parse_transpose(struct parse *p)
{
    const Onnx__AttributeProto *perm = gtcnn_onnx_attribute(p->node, "perm");
    if (!perm)
        return GTCNN_OK;
    for (size_t i = 0; i < perm->n_ints; i++)
        if (perm->ints[i] < 0)
            return FAIL(p, GTCNN_E_FORMAT, "perm holds %lld", (long long)perm->ints[i]);
    return gtcnn_onnx_axes(p->reader, p->node, perm->ints, perm->n_ints, p->attr->perm, &p->attr->target_rank);
}

static enum gtcnn_status parse_pad(struct parse *p)
{
    const Onnx__AttributeProto *mode = gtcnn_onnx_attribute(p->node, "mode");
    const int64_t *pads = NULL, *axes = NULL;
    size_t n = 0, axis_count = 0;
    if (mode && (mode->s.len != 8 || memcmp(mode->s.data, "constant", 8) != 0))
        return FAIL(p, GTCNN_E_UNSUPPORTED,
                    "pads by another mode than 'constant' (reflect, edge or wrap), which is not supported");
    enum gtcnn_status status = no_input_before(p, 3, 18);
    if (!status)
        status = integers_input(p, 1, &pads, &n);
    if (!status)
        status = number_input(p, 2, &p->attr->pad_value);
    if (!status)
        status = integers_input(p, 3, &axes, &axis_count);
    if (!status && has_input(p, 3))
        status = gtcnn_onnx_axes(p->reader, p->node, axes, axis_count, p->attr->axes, &p->attr->axis_count);
    if (status)
        return status;
    if (n % 2 || n > 2 * GTCNN_MAX_RANK || (has_input(p, 3) && n != 2 * axis_count))
        return FAIL(p, GTCNN_E_FORMAT, "has %zu pads, which is not two for each axis", n);
    for (size_t i = 0; i < n; i++) {
        if (pads[i] < 0 || pads[i] > INT32_MAX)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "pad %lld is outside 0 ... 2147483647 (cropping is not supported)",
                        (long long)pads[i]);
        p->attr->pads[i] = pads[i];
    }
    p->attr->target_rank = (uint32_t)(n / 2);
    if (n == 0)
        p->op = GTCNN_OP_IDENTITY;
    return GTCNN_OK;
}

static enum gtcnn_status parse_dropout(struct parse *p)
{
    const int64_t *training = NULL;
    size_t n;
    enum gtcnn_status status = no_input_before(p, 1, 12);
    if (!status)
        status = integers_input(p, 2, &training, &n);
    if (!status && n > 0 && training[0] != 0)
        status = FAIL(p, GTCNN_E_UNSUPPORTED, "is in training mode; export the model for inference (model.eval())");
    return status;
}

/* --- the table
 * ---------------------------------------------------------------------------------------------------------------------------------
 */

enum extra { NO_EXTRA, MASK_EXTRA }; /* outputs beside the first: refused, or refused only when somebody uses them */

static const struct {
    parse_fn *parse;
    int opset; /* the first that has the operator */
    uint32_t least, most;
    uint32_t kept;     /* inputs that remain in the graph; the others have become attributes */
    unsigned constant; /* bit i: input i must be a constant, the rest must not be (Add, Mul, Concat: not all of them) */
    enum extra extra;
} rules[GTCNN_OP_COUNT] = {
    [GTCNN_OP_CONV] = {parse_conv, 1, 2, 3, 3, 6},
    [GTCNN_OP_BATCHNORM] = {parse_batchnorm, 1, 5, 5, 5, 30},
    [GTCNN_OP_RELU] = {parse_nothing, 1, 1, 1, 1},
    [GTCNN_OP_CLIP] = {parse_clip, 1, 1, 3, 1},
    [GTCNN_OP_SIGMOID] = {parse_nothing, 1, 1, 1, 1},
    [GTCNN_OP_HARDSIGMOID] = {parse_alpha_beta, 1, 1, 1, 1},
    [GTCNN_OP_HARDSWISH] = {parse_nothing, 14, 1, 1, 1},
    [GTCNN_OP_ADD] = {parse_nothing, 1, 2, 2, 2},
    [GTCNN_OP_MUL] = {parse_nothing, 1, 2, 2, 2},
    [GTCNN_OP_GLOBALAVERAGEPOOL] = {parse_nothing, 1, 1, 1, 1},
    [GTCNN_OP_AVERAGEPOOL] = {parse_pool, 1, 1, 1, 1},
    [GTCNN_OP_MAXPOOL] = {parse_pool, 1, 1, 1, 1},
    [GTCNN_OP_REDUCEMEAN] = {parse_reduce, 1, 1, 2, 1},
    [GTCNN_OP_GEMM] = {parse_gemm, 1, 2, 3, 3, 6},
    [GTCNN_OP_MATMUL] = {parse_nothing, 1, 2, 2, 2, 2},
    [GTCNN_OP_SOFTMAX] = {parse_axis, 1, 1, 1, 1},
    [GTCNN_OP_FLATTEN] = {parse_axis, 1, 1, 1, 1},
    [GTCNN_OP_RESHAPE] = {parse_reshape, 1, 2, 2, 1},
    [GTCNN_OP_SQUEEZE] = {parse_squeeze, 1, 1, 2, 1},
    [GTCNN_OP_UNSQUEEZE] = {parse_squeeze, 1, 1, 2, 1},
    [GTCNN_OP_TRANSPOSE] = {parse_transpose, 1, 1, 1, 1},
    [GTCNN_OP_PAD] = {parse_pad, 1, 2, 4, 1},
    [GTCNN_OP_CONCAT] = {parse_axis, 1, 1, MAX_INPUTS, MAX_INPUTS},
    [GTCNN_OP_CONSTANT] = {parse_nothing, 1, 0, 0, 0},
    [GTCNN_OP_DROPOUT] = {parse_dropout, 1, 1, 3, 1, 0, MASK_EXTRA},
    [GTCNN_OP_IDENTITY] = {parse_nothing, 1, 1, 1, 1},
};

/* --- common to all operators
 * --------------------------------------------------------------------------------------------------------------- */

static bool is_function(const Onnx__ModelProto *model, const Onnx__NodeProto *node)
{
    const char *domain = node->domain ? node->domain : "";
    for (size_t i = 0; i < model->n_functions; i++) {
        const Onnx__FunctionProto *f = model->functions[i];
        if (f->name && strcmp(f->name, node->op_type) == 0 && strcmp(f->domain ? f->domain : "", domain) == 0)
            return true;
    }
    return false;
}

static enum gtcnn_status find_op(struct parse *p)
{
    const char *type = p->node->op_type ? p->node->op_type : "", *domain = p->node->domain ? p->node->domain : "";
    if (p->reader->model->n_functions && p->node->op_type && is_function(p->reader->model, p->node))
        return FAIL(p, GTCNN_E_UNSUPPORTED,
                    "is a call of a function of the model, which is not supported; inline the functions");
    if (*domain && strcmp(domain, "ai.onnx") != 0)
        return FAIL(p, GTCNN_E_UNSUPPORTED, "is of the operator domain '%s'; only ONNX's own operators are supported",
                    gtcnn_onnx_quote(domain).text);
    p->op = gtcnn_op_find(type);
    if (p->op == GTCNN_OP_COUNT)
        return FAIL(p, GTCNN_E_UNSUPPORTED,
                    "the operator is not supported; export with folded constants, or simplify the model (man gtcnn lists the "
                    "operators)");
    if (opset_of(p) < rules[p->op].opset)
        return FAIL(p, GTCNN_E_UNSUPPORTED, "the operator exists from opset %d on; the model is of opset %lld",
                    rules[p->op].opset, (long long)opset_of(p));
    return GTCNN_OK;
}

static enum gtcnn_status find_inputs(struct parse *p)
{
    uint32_t most = rules[p->op].most;
    size_t n = p->node->n_input;
    while (n > 0 && p->op != GTCNN_OP_CONCAT && *p->node->input[n - 1] == '\0')
        n--;
    if (n < rules[p->op].least || n > most)
        return FAIL(p, GTCNN_E_FORMAT, "has %zu inputs, but must have %u to %u", n, rules[p->op].least, most);
    p->inputs = malloc((n + 1) * sizeof *p->inputs);
    if (!p->inputs)
        return FAIL(p, GTCNN_E_NOMEM, "out of memory");
    for (p->input_count = 0; p->input_count < n; p->input_count++) {
        int *input = &p->inputs[p->input_count];
        const char *name = p->node->input[p->input_count];
        *input = -1;
        if (!*name && (p->input_count < rules[p->op].least || p->op == GTCNN_OP_CONCAT))
            return FAIL(p, GTCNN_E_FORMAT, "input %u is left out, but is not optional", p->input_count);
        enum gtcnn_status status = *name ? gtcnn_onnx_resolve(p->reader, p->node, name, input) : GTCNN_OK;
        if (status)
            return status;
    }
    return GTCNN_OK;
}

static enum gtcnn_status find_output(const struct parse *p)
{
    if (p->node->n_output == 0 || !*p->node->output[0])
        return FAIL(p, GTCNN_E_FORMAT, "has no output");
    if (p->node->n_output > 8)
        return FAIL(p, GTCNN_E_LIMIT, "has %zu outputs", p->node->n_output);
    for (size_t i = 1; i < p->node->n_output; i++)
        if (*p->node->output[i] && rules[p->op].extra == NO_EXTRA)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "has a second output ('%s'), which is not supported",
                        gtcnn_onnx_quote(p->node->output[i]).text);
    return GTCNN_OK;
}

/* What is left of the inputs must be numbers; constants where the kernels fold or pack them, and nowhere else. */
static enum gtcnn_status check_data_inputs(const struct parse *p)
{
    uint32_t constants = 0, mixes = p->op == GTCNN_OP_ADD || p->op == GTCNN_OP_MUL || p->op == GTCNN_OP_CONCAT;
    for (uint32_t i = 0; i < p->input_count; i++) {
        if (p->inputs[i] < 0)
            continue;
        const struct gtcnn_tensor *t = &p->reader->graph->tensors[p->inputs[i]];
        bool must = i < 32 && rules[p->op].constant >> i & 1, constant = gtcnn_tensor_is_constant(t);
        constants += constant;
        if (t->dtype != GTCNN_F32)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "input %u ('%s') holds integers, but only float32 is computed", i,
                        gtcnn_onnx_quote(t->name).text);
        if (must && !constant)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "input %u ('%s') is computed, but only constant weights are supported there", i,
                        gtcnn_onnx_quote(t->name).text);
        if (constant && gtcnn_shape_count(&t->shape) == 0)
            return FAIL(p, GTCNN_E_SHAPE, "input %u ('%s') is empty", i, gtcnn_onnx_quote(t->name).text);
        if (constant && !must && !mixes)
            return FAIL(p, GTCNN_E_UNSUPPORTED, "input %u ('%s') is a constant; fold the model's constants when exporting", i,
                        gtcnn_onnx_quote(t->name).text);
    }
    if (mixes && constants == p->input_count)
        return FAIL(p, GTCNN_E_UNSUPPORTED, "computes a constant; fold the model's constants when exporting");
    return GTCNN_OK;
}

/* Outputs that are not computed: their names are taken, and whoever uses one is told. */
static enum gtcnn_status define_extra(struct parse *p)
{
    for (size_t i = 1; i < p->node->n_output; i++) {
        int index;
        if (!*p->node->output[i])
            continue;
        enum gtcnn_status status = gtcnn_onnx_define(p->reader, p->node, p->node->output[i], GTCNN_I64, &index);
        if (status)
            return status;
        p->reader->marks[index].refused = "is the mask of a Dropout, which is not computed in inference";
    }
    return GTCNN_OK;
}

/* --- constants
 * -----------------------------------------------------------------------------------------------------------------------------------
 */

/* A tensor of n elements copied from an attribute; scalar: rank 0. */
static enum gtcnn_status copy_constant(const struct parse *p, struct gtcnn_tensor *t, enum gtcnn_dtype dtype,
                                       const void *values, size_t n, bool scalar)
{
    size_t size = n * (dtype == GTCNN_F32 ? 4 : 8);
    t->dtype = dtype;
    t->shape = (struct gtcnn_shape){scalar ? 0 : 1, {(int64_t)n}};
    t->shape_known = true;
    t->data = malloc(size ? size : 1);
    if (!t->data)
        return FAIL(p, GTCNN_E_NOMEM, "out of memory");
    if (size)
        memcpy(t->data, values, size);
    return GTCNN_OK;
}

static enum gtcnn_status read_constant(const struct parse *p, struct gtcnn_tensor *t)
{
    if (p->node->n_attribute != 1)
        return FAIL(p, GTCNN_E_FORMAT, "must have exactly one value");
    const Onnx__AttributeProto *a = p->node->attribute[0];
    switch (a->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return a->t ? gtcnn_onnx_tensor(p->reader, p->node, a->t, NULL, t) : FAIL(p, GTCNN_E_FORMAT, "has no value");
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        return copy_constant(p, t, GTCNN_F32, &a->f, 1, true);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        return copy_constant(p, t, GTCNN_F32, a->floats, a->n_floats, false);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        return copy_constant(p, t, GTCNN_I64, &a->i, 1, true);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        return copy_constant(p, t, GTCNN_I64, a->ints, a->n_ints, false);
    default:
        return FAIL(p, GTCNN_E_UNSUPPORTED, "holds text or a sparse tensor ('%s'), which is not supported",
                    gtcnn_onnx_quote(a->name).text);
    }
}

static enum gtcnn_status add_constant(struct parse *p)
{
    struct gtcnn_tensor value = {0};
    int index;
    enum gtcnn_status status = read_constant(p, &value);
    if (!status)
        status = gtcnn_onnx_define(p->reader, p->node, p->node->output[0], value.dtype, &index);
    if (status) {
        free(value.data);
        return status;
    }
    value.name = p->reader->graph->tensors[index].name;
    p->reader->graph->tensors[index] = value;
    return GTCNN_OK;
}

/* Another name for a constant: exporters share weights that way. */
static enum gtcnn_status add_alias(struct parse *p)
{
    int index, target = p->inputs[0];
    enum gtcnn_status status =
        gtcnn_onnx_define(p->reader, p->node, p->node->output[0], p->reader->graph->tensors[target].dtype, &index);
    if (!status)
        p->reader->marks[index].alias = target;
    return status;
}

/* --- a node
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

static enum gtcnn_status add_computing(struct parse *p)
{
    if (p->input_count > rules[p->op].kept)
        p->input_count = rules[p->op].kept;
    enum gtcnn_status status = check_data_inputs(p);
    int output;
    if (!status)
        status = gtcnn_onnx_define(p->reader, p->node, p->node->output[0], GTCNN_F32, &output);
    if (!status)
        status = define_extra(p);
    if (status)
        return status;
    const char *name = p->node->name && *p->node->name ? p->node->name : p->node->output[0];
    int index = gtcnn_graph_add_node(p->reader->graph, p->op, name, p->inputs, p->input_count, output);
    if (index < 0)
        return FAIL(p, GTCNN_E_NOMEM, "out of memory");
    p->reader->graph->nodes[index].attr = *p->attr;
    return GTCNN_OK;
}

static enum gtcnn_status add_parsed(struct parse *p)
{
    if (p->op == GTCNN_OP_CONSTANT)
        return add_constant(p);
    *p->attr = gtcnn_attr_default(p->op);
    enum gtcnn_status status = rules[p->op].parse(p);
    if (status)
        return status;
    bool constant = has_input(p, 0) && gtcnn_tensor_is_constant(&p->reader->graph->tensors[p->inputs[0]]);
    if (constant && p->op == GTCNN_OP_IDENTITY)
        return add_alias(p);
    if (constant && gtcnn_onnx_folds(p->op))
        return gtcnn_onnx_fold(p->reader, p->node, p->op, p->attr, p->inputs[0]);
    return add_computing(p);
}

enum gtcnn_status gtcnn_onnx_add_node(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node)
{
    struct gtcnn_attr attr;
    struct parse p = {.reader = reader, .node = node, .op = GTCNN_OP_COUNT, .attr = &attr};
    enum gtcnn_status status = find_op(&p);
    if (!status)
        status = gtcnn_onnx_check_attributes(reader, node, p.op);
    if (!status)
        status = find_output(&p);
    if (!status)
        status = find_inputs(&p);
    if (!status)
        status = add_parsed(&p);
    free(p.inputs);
    return status;
}
