#include "runtime/onnx_reader.h"

#include <math.h>
#include <string.h>

#define TYPE(name) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##name
#define ALWAYS 1, 99

/*
 * Which attribute an operator has, its type, and the opsets in which it has it: https://github.com/onnx/onnx
 * docs/Operators.md and docs/Changelog.md, opsets 11 to 23.
 */
static const struct {
    enum gtcnn_op op;
    const char *name;
    Onnx__AttributeProto__AttributeType type;
    int from, to;
} attributes[] = {
    {GTCNN_OP_CONV, "auto_pad", TYPE(STRING), ALWAYS},
    {GTCNN_OP_CONV, "dilations", TYPE(INTS), ALWAYS},
    {GTCNN_OP_CONV, "group", TYPE(INT), ALWAYS},
    {GTCNN_OP_CONV, "kernel_shape", TYPE(INTS), ALWAYS},
    {GTCNN_OP_CONV, "pads", TYPE(INTS), ALWAYS},
    {GTCNN_OP_CONV, "strides", TYPE(INTS), ALWAYS},
    {GTCNN_OP_BATCHNORM, "epsilon", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_BATCHNORM, "momentum", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_BATCHNORM, "training_mode", TYPE(INT), 14, 99},
    {GTCNN_OP_HARDSIGMOID, "alpha", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_HARDSIGMOID, "beta", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "auto_pad", TYPE(STRING), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "ceil_mode", TYPE(INT), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "count_include_pad", TYPE(INT), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "dilations", TYPE(INTS), 19, 99},
    {GTCNN_OP_AVERAGEPOOL, "kernel_shape", TYPE(INTS), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "pads", TYPE(INTS), ALWAYS},
    {GTCNN_OP_AVERAGEPOOL, "strides", TYPE(INTS), ALWAYS},
    {GTCNN_OP_MAXPOOL, "auto_pad", TYPE(STRING), ALWAYS},
    {GTCNN_OP_MAXPOOL, "ceil_mode", TYPE(INT), ALWAYS},
    {GTCNN_OP_MAXPOOL, "dilations", TYPE(INTS), ALWAYS},
    {GTCNN_OP_MAXPOOL, "kernel_shape", TYPE(INTS), ALWAYS},
    {GTCNN_OP_MAXPOOL, "pads", TYPE(INTS), ALWAYS},
    {GTCNN_OP_MAXPOOL, "storage_order", TYPE(INT), ALWAYS},
    {GTCNN_OP_MAXPOOL, "strides", TYPE(INTS), ALWAYS},
    {GTCNN_OP_REDUCEMEAN, "axes", TYPE(INTS), 1, 17},
    {GTCNN_OP_REDUCEMEAN, "keepdims", TYPE(INT), ALWAYS},
    {GTCNN_OP_REDUCEMEAN, "noop_with_empty_axes", TYPE(INT), 18, 99},
    {GTCNN_OP_GEMM, "alpha", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_GEMM, "beta", TYPE(FLOAT), ALWAYS},
    {GTCNN_OP_GEMM, "transA", TYPE(INT), ALWAYS},
    {GTCNN_OP_GEMM, "transB", TYPE(INT), ALWAYS},
    {GTCNN_OP_SOFTMAX, "axis", TYPE(INT), ALWAYS},
    {GTCNN_OP_FLATTEN, "axis", TYPE(INT), ALWAYS},
    {GTCNN_OP_RESHAPE, "allowzero", TYPE(INT), 14, 99},
    {GTCNN_OP_SQUEEZE, "axes", TYPE(INTS), 1, 12},
    {GTCNN_OP_UNSQUEEZE, "axes", TYPE(INTS), 1, 12},
    {GTCNN_OP_TRANSPOSE, "perm", TYPE(INTS), ALWAYS},
    {GTCNN_OP_PAD, "mode", TYPE(STRING), ALWAYS},
    {GTCNN_OP_CONCAT, "axis", TYPE(INT), ALWAYS},
    {GTCNN_OP_CONSTANT, "sparse_value", TYPE(SPARSE_TENSOR), ALWAYS},
    {GTCNN_OP_CONSTANT, "value", TYPE(TENSOR), ALWAYS},
    {GTCNN_OP_CONSTANT, "value_float", TYPE(FLOAT), 12, 99},
    {GTCNN_OP_CONSTANT, "value_floats", TYPE(FLOATS), 12, 99},
    {GTCNN_OP_CONSTANT, "value_int", TYPE(INT), 12, 99},
    {GTCNN_OP_CONSTANT, "value_ints", TYPE(INTS), 12, 99},
    {GTCNN_OP_CONSTANT, "value_string", TYPE(STRING), 12, 99},
    {GTCNN_OP_CONSTANT, "value_strings", TYPE(STRINGS), 12, 99},
    {GTCNN_OP_DROPOUT, "ratio", TYPE(FLOAT), 1, 11},
    {GTCNN_OP_DROPOUT, "seed", TYPE(INT), 12, 99},
};

static enum gtcnn_status check_attribute(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, enum gtcnn_op op,
                                         const Onnx__AttributeProto *attribute)
{
    const char *name = attribute->name ? attribute->name : "";
    struct gtcnn_onnx_name quoted = gtcnn_onnx_quote(name);
    if (attribute->ref_attr_name && *attribute->ref_attr_name)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_UNSUPPORTED, "attribute '%s' refers to a function's; inline the functions",
                               quoted.text);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        if (attributes[i].op != op || strcmp(attributes[i].name, name) != 0)
            continue;
        if (reader->graph->opset < attributes[i].from || reader->graph->opset > attributes[i].to)
            break;
        if (attribute->type == attributes[i].type)
            return GTCNN_OK;
        return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "attribute '%s' is of type %d, but must be of type %d",
                               quoted.text, (int)attribute->type, (int)attributes[i].type);
    }
    return gtcnn_onnx_fail(reader, node, GTCNN_E_UNSUPPORTED, "attribute '%s' is not one of %s in opset %lld", quoted.text,
                           gtcnn_op_name(op), (long long)reader->graph->opset);
}

enum gtcnn_status gtcnn_onnx_check_attributes(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node,
                                              enum gtcnn_op op)
{
    if (node->n_attribute > 32)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_LIMIT, "has %zu attributes", node->n_attribute);
    for (size_t i = 0; i < node->n_attribute; i++) {
        enum gtcnn_status status = check_attribute(reader, node, op, node->attribute[i]);
        if (status)
            return status;
        if (gtcnn_onnx_attribute(node, node->attribute[i]->name) != node->attribute[i])
            return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "attribute '%s' stands twice",
                                   gtcnn_onnx_quote(node->attribute[i]->name).text);
    }
    return GTCNN_OK;
}

const Onnx__AttributeProto *gtcnn_onnx_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (node->attribute[i]->name && strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

int64_t gtcnn_onnx_int(const Onnx__NodeProto *node, const char *name, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = gtcnn_onnx_attribute(node, name);
    return attribute ? attribute->i : otherwise;
}

enum gtcnn_status gtcnn_onnx_bounded(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                     int64_t least, int64_t most, int64_t *value)
{
    *value = gtcnn_onnx_int(node, name, *value);
    if (*value >= least && *value <= most)
        return GTCNN_OK;
    return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "attribute '%s' is %lld, but must be in %lld ... %lld", name,
                           (long long)*value, (long long)least, (long long)most);
}

enum gtcnn_status gtcnn_onnx_float(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                   float *value)
{
    const Onnx__AttributeProto *attribute = gtcnn_onnx_attribute(node, name);
    if (attribute)
        *value = attribute->f;
    return isfinite(*value) ? GTCNN_OK
                            : gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "attribute '%s' is not a finite number", name);
}

/* A list of `n` numbers in [least, most], or none: then *out stays. Sets *present. */
static enum gtcnn_status bounded_list(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                      size_t n, int64_t least, uint32_t *out, bool *present)
{
    const Onnx__AttributeProto *attribute = gtcnn_onnx_attribute(node, name);
    *present = attribute != NULL;
    if (!attribute)
        return GTCNN_OK;
    if (attribute->n_ints != n)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_UNSUPPORTED,
                               "attribute '%s' has %zu numbers, but only two spatial dimensions (%zu numbers) are supported",
                               name, attribute->n_ints, n);
    for (size_t i = 0; i < n; i++) {
        if (attribute->ints[i] < least || attribute->ints[i] > INT32_MAX)
            return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT,
                                   "attribute '%s' holds %lld, but must be in %lld ... 2147483647", name,
                                   (long long)attribute->ints[i], (long long)least);
        out[i] = (uint32_t)attribute->ints[i];
    }
    return GTCNN_OK;
}

static enum gtcnn_status read_auto_pad(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node,
                                       struct gtcnn_attr *attr)
{
    static const struct {
        const char *name;
        int auto_pad;
        bool keeps_pads;
    } modes[] = {{"", GTCNN_PAD_EXPLICIT, true},
                 {"NOTSET", GTCNN_PAD_EXPLICIT, true},
                 {"VALID", GTCNN_PAD_EXPLICIT, false},
                 {"SAME_UPPER", GTCNN_PAD_SAME_UPPER, false},
                 {"SAME_LOWER", GTCNN_PAD_SAME_LOWER, false}};
    const Onnx__AttributeProto *attribute = gtcnn_onnx_attribute(node, "auto_pad");
    if (!attribute)
        return GTCNN_OK;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        size_t n = strlen(modes[i].name); /* an empty text has no data */
        if (attribute->s.len != n || (n > 0 && memcmp(attribute->s.data, modes[i].name, n) != 0))
            continue;
        attr->auto_pad = modes[i].auto_pad;
        if (!modes[i].keeps_pads && (attr->pad[0] | attr->pad[1] | attr->pad[2] | attr->pad[3]))
            return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "has both pads and auto_pad=%s; drop one", modes[i].name);
        return GTCNN_OK;
    }
    return gtcnn_onnx_fail(reader, node, GTCNN_E_UNSUPPORTED, "auto_pad is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER");
}

enum gtcnn_status gtcnn_onnx_window(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, bool has_kernel,
                                    struct gtcnn_attr *attr)
{
    bool kernel, present;
    enum gtcnn_status status = bounded_list(reader, node, "kernel_shape", 2, 1, attr->kernel, &kernel);
    if (!status)
        status = bounded_list(reader, node, "strides", 2, 1, attr->stride, &present);
    if (!status)
        status = bounded_list(reader, node, "dilations", 2, 1, attr->dilation, &present);
    if (!status)
        status = bounded_list(reader, node, "pads", 4, 0, attr->pad, &present);
    if (!status && has_kernel && !kernel)
        status = gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "attribute 'kernel_shape' is missing");
    return status ? status : read_auto_pad(reader, node, attr);
}

enum gtcnn_status gtcnn_onnx_axes(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const int64_t *values,
                                  size_t n, int axes[GTCNN_MAX_RANK], uint32_t *count)
{
    if (n > GTCNN_MAX_RANK)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_LIMIT, "has %zu axes, at most %d are supported", n, GTCNN_MAX_RANK);
    for (size_t i = 0; i < n; i++) {
        if (values[i] < -GTCNN_MAX_RANK || values[i] >= GTCNN_MAX_RANK)
            return gtcnn_onnx_fail(reader, node, GTCNN_E_FORMAT, "axis %lld is outside -%d ... %d", (long long)values[i],
                                   GTCNN_MAX_RANK, GTCNN_MAX_RANK - 1);
        axes[i] = (int)values[i];
    }
    *count = (uint32_t)n;
    return GTCNN_OK;
}
