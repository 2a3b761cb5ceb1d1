/*
 * The ONNX writer: opset 13, IR 8, initialisers inside, the same graph always the same bytes.
 *
 * The file is laid out as text (all but the weights, encoded in one buffer) and blobs (the weights, borrowed from the graph),
 * and then written, hashed or copied piece by piece, so that a model of hundreds of megabytes is never held twice.
 *
 * Shapes are inferred on an outline of the graph, so what is written does not depend on whether, or for which batch, the
 * graph's own were. What opset 13 lacks is spelled out: HardSwish as x * HardSigmoid(x), a Softmax over several axes as
 * Flatten, Softmax, Reshape.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/; field numbers: onnx.proto of Debian's libonnx-dev.
 */
#include "runtime/escape.h"
#include "runtime/graph.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPSET = 13, IR = 8, MAX_PROTOBUF = INT32_MAX };

/* --- bytes
 * -------------------------------------------------------------------------------------------------------------------------------------------
 */

struct blob {
    size_t at; /* goes in before this byte of the text */
    const void *data;
    size_t size;
};

struct layout {
    uint8_t *text; /* owned */
    size_t size, capacity;
    struct blob *blobs; /* owned; the data is the graph's */
    size_t blob_count, blob_capacity, blob_bytes;
    bool failed; /* memory ran out: everything later is void */
};

static void free_layout(struct layout *out)
{
    free(out->text);
    free(out->blobs);
}

static void put_bytes(struct layout *out, const void *data, size_t n)
{
    if (out->failed || n == 0)
        return;
    if (out->capacity - out->size < n) {
        size_t wanted = 2 * (out->size + n) + 256;
        uint8_t *grown = realloc(out->text, wanted);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->text = grown;
        out->capacity = wanted;
    }
    memcpy(out->text + out->size, data, n);
    out->size += n;
}

static void put_blob(struct layout *out, const void *data, size_t n)
{
    if (out->failed || n == 0)
        return;
    if (out->blob_count == out->blob_capacity) {
        size_t wanted = 2 * out->blob_capacity + 64;
        struct blob *grown = realloc(out->blobs, wanted * sizeof *grown);
        if (!grown) {
            out->failed = true;
            return;
        }
        out->blobs = grown;
        out->blob_capacity = wanted;
    }
    out->blobs[out->blob_count++] = (struct blob){out->size, data, n};
    out->blob_bytes += n;
}

static void put_varint(struct layout *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    put_bytes(out, bytes, n);
}

static void put_int(struct layout *out, uint32_t field, int64_t value)
{
    put_varint(out, field << 3);
    put_varint(out, (uint64_t)value);
}

static void put_float(struct layout *out, uint32_t field, float value)
{
    put_varint(out, field << 3 | 5);
    put_bytes(out, &value, sizeof value);
}

static void put_head(struct layout *out, uint32_t field, size_t n)
{
    put_varint(out, field << 3 | 2);
    put_varint(out, n);
}

static void put_text(struct layout *out, uint32_t field, const char *text)
{
    put_head(out, field, strlen(text));
    put_bytes(out, text, strlen(text));
}

/* A message, its own text freed; its blobs move along. */
static void put_message(struct layout *out, uint32_t field, struct layout *message)
{
    put_head(out, field, message->size + message->blob_bytes);
    size_t shift = out->size;
    put_bytes(out, message->text, message->size);
    for (size_t i = 0; i < message->blob_count && !message->failed; i++) {
        size_t end = out->size;
        out->size = shift + message->blobs[i].at;
        put_blob(out, message->blobs[i].data, message->blobs[i].size);
        out->size = end;
    }
    out->failed = out->failed || message->failed;
    free_layout(message);
}

/* --- what a file is made of
 * ---------------------------------------------------------------------------------------------------------------------------
 */

struct writer {
    const struct gtcnn_graph *graph; /* the weights are here */
    struct gtcnn_graph *shapes;      /* owned: the outline, shapes inferred */
    struct layout body;              /* GraphProto */
    struct gtcnn_err *err;
    char label[80];
};

static enum gtcnn_status fail(const struct writer *w, const struct gtcnn_node *node, enum gtcnn_status status, const char *what)
{
    char name[100];
    gtcnn_escape(name, sizeof name, node->name, SIZE_MAX);
    return gtcnn_err_set(w->err, status, "%s: node '%s' (%s): cannot be written as ONNX: %s", w->label, name,
                         gtcnn_op_name(node->op), what);
}

enum { ATTR_FLOAT = 1, ATTR_INT = 2, ATTR_INTS = 7 };

static void put_attribute(struct layout *node, struct layout *attribute, int type)
{
    put_int(attribute, 20, type);
    put_message(node, 5, attribute);
}

static void put_int_attribute(struct layout *node, const char *name, int64_t value)
{
    struct layout attribute = {0};
    put_text(&attribute, 1, name);
    put_int(&attribute, 3, value);
    put_attribute(node, &attribute, ATTR_INT);
}

static void put_float_attribute(struct layout *node, const char *name, float value)
{
    struct layout attribute = {0};
    put_text(&attribute, 1, name);
    put_float(&attribute, 2, value);
    put_attribute(node, &attribute, ATTR_FLOAT);
}

static void put_ints_attribute(struct layout *node, const char *name, const int64_t *values, uint32_t n)
{
    struct layout attribute = {0};
    put_text(&attribute, 1, name);
    for (uint32_t i = 0; i < n; i++)
        put_int(&attribute, 8, values[i]);
    put_attribute(node, &attribute, ATTR_INTS);
}

static void put_u32s_attribute(struct layout *node, const char *name, const uint32_t *values, uint32_t n)
{
    int64_t wide[4];
    for (uint32_t i = 0; i < n; i++)
        wide[i] = values[i];
    put_ints_attribute(node, name, wide, n);
}

static void put_axes_attribute(struct layout *node, const char *name, const int *values, uint32_t n)
{
    int64_t wide[GTCNN_MAX_RANK];
    for (uint32_t i = 0; i < n; i++)
        wide[i] = values[i];
    put_ints_attribute(node, name, wide, n);
}

/* --- initialisers
 * ---------------------------------------------------------------------------------------------------------------------------------------
 */

enum { TYPE_FLOAT = 1, TYPE_INT64 = 7 };

static void put_tensor_head(struct layout *tensor, const char *name, int type, const struct gtcnn_shape *shape)
{
    for (uint32_t i = 0; i < shape->rank; i++)
        put_int(tensor, 1, shape->dim[i]);
    put_int(tensor, 2, type);
    put_text(tensor, 8, name);
}

static void put_initializer(struct writer *w, const struct gtcnn_tensor *t)
{
    struct layout tensor = {0};
    bool f32 = t->dtype == GTCNN_F32;
    size_t size = (size_t)gtcnn_shape_count(&t->shape) * (f32 ? 4 : 8);
    put_tensor_head(&tensor, t->name, f32 ? TYPE_FLOAT : TYPE_INT64, &t->shape);
    put_head(&tensor, 9, size);
    put_blob(&tensor, t->data, size);
    put_message(&w->body, 5, &tensor);
}

/* A name for something that the node needs beside its own tensors; one that no tensor has. */
static void helper_name(const struct writer *w, const struct gtcnn_node *node, const char *what, char *out, size_t size)
{
    const char *base = w->shapes->tensors[node->output].name;
    snprintf(out, size, "%.3800s/%s", base, what);
    for (unsigned n = 1; gtcnn_graph_find_tensor(w->shapes, out) >= 0; n++)
        snprintf(out, size, "%.3800s/%s_%u", base, what, n);
}

enum { NAME_ROOM = 4096 };

/* An initialiser of its own (elements copied, few), and the node's input of that name. */
static void put_helper(struct writer *w, struct layout *node_out, const struct gtcnn_node *node, const char *what, int type,
                       const void *values, uint32_t n, bool scalar)
{
    char name[NAME_ROOM];
    struct layout tensor = {0};
    struct gtcnn_shape shape = {scalar ? 0 : 1, {n}};
    size_t size = n * (type == TYPE_FLOAT ? 4u : 8u);
    helper_name(w, node, what, name, sizeof name);
    put_tensor_head(&tensor, name, type, &shape);
    put_head(&tensor, 9, size);
    put_bytes(&tensor, values, size);
    put_message(&w->body, 5, &tensor);
    put_text(node_out, 1, name);
}

/* --- nodes
 * -------------------------------------------------------------------------------------------------------------------------------------------------
 */

/* Puts what the operator has beside its tensors: inputs that the graph keeps as attributes, then attributes. */
typedef enum gtcnn_status emit_fn(struct writer *w, const struct gtcnn_node *node, struct layout *out);

static enum gtcnn_status emit_nothing(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w, (void)node, (void)out;
    return GTCNN_OK;
}

static void put_window(const struct gtcnn_attr *a, struct layout *out)
{
    put_u32s_attribute(out, "kernel_shape", a->kernel, 2);
    put_u32s_attribute(out, "strides", a->stride, 2);
    put_u32s_attribute(out, "pads", a->pad, 4);
}

static enum gtcnn_status emit_conv(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w;
    put_window(&node->attr, out);
    put_u32s_attribute(out, "dilations", node->attr.dilation, 2);
    put_int_attribute(out, "group", node->attr.group);
    return GTCNN_OK;
}

static enum gtcnn_status emit_pool(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    const struct gtcnn_attr *a = &node->attr;
    bool dilated = a->dilation[0] != 1 || a->dilation[1] != 1;
    put_window(a, out);
    put_int_attribute(out, "ceil_mode", a->ceil_mode);
    if (node->op == GTCNN_OP_MAXPOOL)
        put_u32s_attribute(out, "dilations", a->dilation, 2);
    else if (dilated)
        return fail(w, node, GTCNN_E_UNSUPPORTED, "opset 13 has no dilated AveragePool");
    else
        put_int_attribute(out, "count_include_pad", a->count_include_pad);
    return GTCNN_OK;
}

static enum gtcnn_status emit_batchnorm(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w;
    put_float_attribute(out, "epsilon", node->attr.epsilon);
    return GTCNN_OK;
}

static enum gtcnn_status emit_clip(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    const struct gtcnn_attr *a = &node->attr;
    bool low = !isinf(a->min) || a->min > 0, high = !isinf(a->max) || a->max < 0;
    if (low)
        put_helper(w, out, node, "min", TYPE_FLOAT, &a->min, 1, true);
    else if (high)
        put_text(out, 1, "");
    if (high)
        put_helper(w, out, node, "max", TYPE_FLOAT, &a->max, 1, true);
    return GTCNN_OK;
}

static enum gtcnn_status emit_hardsigmoid(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w;
    put_float_attribute(out, "alpha", node->attr.alpha);
    put_float_attribute(out, "beta", node->attr.beta);
    return GTCNN_OK;
}

static enum gtcnn_status emit_gemm(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    emit_hardsigmoid(w, node, out);
    put_int_attribute(out, "transA", node->attr.trans_a);
    put_int_attribute(out, "transB", node->attr.trans_b);
    return GTCNN_OK;
}

static enum gtcnn_status emit_reduce(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w;
    put_axes_attribute(out, "axes", node->attr.axes, node->attr.axis_count);
    put_int_attribute(out, "keepdims", node->attr.keepdims);
    return GTCNN_OK;
}

static enum gtcnn_status emit_axis(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    (void)w;
    put_int_attribute(out, "axis", node->attr.axis);
    return GTCNN_OK;
}

static enum gtcnn_status emit_reshape(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    put_helper(w, out, node, "shape", TYPE_INT64, node->attr.target, node->attr.target_rank, false);
    return GTCNN_OK;
}

static enum gtcnn_status emit_axes_input(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    int64_t wide[GTCNN_MAX_RANK];
    for (uint32_t i = 0; i < node->attr.axis_count; i++)
        wide[i] = node->attr.axes[i];
    put_helper(w, out, node, "axes", TYPE_INT64, wide, node->attr.axis_count, false);
    return GTCNN_OK;
}

static enum gtcnn_status emit_transpose(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    put_axes_attribute(out, "perm", node->attr.perm, w->shapes->tensors[node->inputs[0]].shape.rank);
    return GTCNN_OK;
}

static enum gtcnn_status emit_pad(struct writer *w, const struct gtcnn_node *node, struct layout *out)
{
    uint32_t rank = w->shapes->tensors[node->inputs[0]].shape.rank;
    put_helper(w, out, node, "pads", TYPE_INT64, node->attr.pads, 2 * rank, false);
    put_helper(w, out, node, "value", TYPE_FLOAT, &node->attr.pad_value, 1, true);
    return GTCNN_OK;
}

static emit_fn *const emitters[GTCNN_OP_COUNT] = {
    [GTCNN_OP_CONV] = emit_conv,
    [GTCNN_OP_BATCHNORM] = emit_batchnorm,
    [GTCNN_OP_RELU] = emit_nothing,
    [GTCNN_OP_CLIP] = emit_clip,
    [GTCNN_OP_SIGMOID] = emit_nothing,
    [GTCNN_OP_HARDSIGMOID] = emit_hardsigmoid,
    [GTCNN_OP_ADD] = emit_nothing,
    [GTCNN_OP_MUL] = emit_nothing,
    [GTCNN_OP_GLOBALAVERAGEPOOL] = emit_nothing,
    [GTCNN_OP_AVERAGEPOOL] = emit_pool,
    [GTCNN_OP_MAXPOOL] = emit_pool,
    [GTCNN_OP_REDUCEMEAN] = emit_reduce,
    [GTCNN_OP_GEMM] = emit_gemm,
    [GTCNN_OP_MATMUL] = emit_nothing,
    [GTCNN_OP_SOFTMAX] = emit_axis,
    [GTCNN_OP_FLATTEN] = emit_axis,
    [GTCNN_OP_RESHAPE] = emit_reshape,
    [GTCNN_OP_SQUEEZE] = emit_axes_input,
    [GTCNN_OP_UNSQUEEZE] = emit_axes_input,
    [GTCNN_OP_TRANSPOSE] = emit_transpose,
    [GTCNN_OP_PAD] = emit_pad,
    [GTCNN_OP_CONCAT] = emit_axis,
    [GTCNN_OP_DROPOUT] = emit_nothing,
    [GTCNN_OP_IDENTITY] = emit_nothing,
};

static void finish_node(struct writer *w, struct layout *node, const char *name, const char *op, const char *output)
{
    put_text(node, 2, output);
    put_text(node, 3, name);
    put_text(node, 4, op);
    put_message(&w->body, 1, node);
}

static const char *tensor_name(const struct writer *w, int index)
{
    return index < 0 ? "" : w->shapes->tensors[index].name;
}

/* x * HardSigmoid(x, 1/6, 1/2): the operator's definition (ONNX HardSwish-14). */
static void write_hardswish(struct writer *w, const struct gtcnn_node *node)
{
    char gate[NAME_ROOM], name[NAME_ROOM];
    const char *x = tensor_name(w, node->inputs[0]);
    helper_name(w, node, "gate", gate, sizeof gate);
    snprintf(name, sizeof name, "%.3800s/HardSigmoid", node->name);
    struct layout first = {0}, second = {0};
    put_text(&first, 1, x);
    put_float_attribute(&first, "alpha", 1.0f / 6);
    put_float_attribute(&first, "beta", 0.5f);
    finish_node(w, &first, name, "HardSigmoid", gate);
    put_text(&second, 1, x);
    put_text(&second, 1, gate);
    finish_node(w, &second, node->name, "Mul", tensor_name(w, node->output));
}

/* Flatten at the axis, Softmax along the second dimension, Reshape to what it was. */
static void write_flat_softmax(struct writer *w, const struct gtcnn_node *node)
{
    char flat[NAME_ROOM], soft[NAME_ROOM], name[NAME_ROOM];
    const struct gtcnn_shape *shape = &w->shapes->tensors[node->inputs[0]].shape;
    int64_t target[GTCNN_MAX_RANK];
    memcpy(target, shape->dim, sizeof target);
    if (w->shapes->batch_dynamic)
        target[0] = -1;
    helper_name(w, node, "flat", flat, sizeof flat);
    helper_name(w, node, "soft", soft, sizeof soft);
    struct layout first = {0}, second = {0}, third = {0};
    put_text(&first, 1, tensor_name(w, node->inputs[0]));
    put_int_attribute(&first, "axis", node->attr.axis);
    snprintf(name, sizeof name, "%.3800s/Flatten", node->name);
    finish_node(w, &first, name, "Flatten", flat);
    put_text(&second, 1, flat);
    put_int_attribute(&second, "axis", 1);
    finish_node(w, &second, node->name, "Softmax", soft);
    put_text(&third, 1, soft);
    put_helper(w, &third, node, "shape", TYPE_INT64, target, shape->rank, false);
    snprintf(name, sizeof name, "%.3800s/Reshape", node->name);
    finish_node(w, &third, name, "Reshape", tensor_name(w, node->output));
}

static enum gtcnn_status write_node(struct writer *w, const struct gtcnn_node *node)
{
    if (node->op == GTCNN_OP_HARDSWISH) {
        write_hardswish(w, node);
        return GTCNN_OK;
    }
    if (node->op == GTCNN_OP_SOFTMAX && node->attr.softmax_flat) {
        write_flat_softmax(w, node);
        return GTCNN_OK;
    }
    /* With an empty list of axes it is the identity; without a list a reader would squeeze a batch of 1 away. */
    bool idle = (node->op == GTCNN_OP_SQUEEZE || node->op == GTCNN_OP_UNSQUEEZE) && node->attr.axis_count == 0;
    enum gtcnn_op op = idle ? GTCNN_OP_IDENTITY : node->op;
    if (!emitters[op])
        return fail(w, node, GTCNN_E_UNSUPPORTED, "it is no operator of opset 13");
    struct layout out = {0};
    for (uint32_t i = 0; i < node->input_count; i++)
        put_text(&out, 1, tensor_name(w, node->inputs[i]));
    enum gtcnn_status status = emitters[op](w, node, &out);
    if (status) {
        free_layout(&out);
        return status;
    }
    finish_node(w, &out, node->name, gtcnn_op_name(op), tensor_name(w, node->output));
    return GTCNN_OK;
}

/* --- the model
 * -----------------------------------------------------------------------------------------------------------------------------------------------
 */

/* ValueInfoProto of the input or the output; a dynamic batch is called N. */
static void put_value_info(struct writer *w, uint32_t field, int index)
{
    const struct gtcnn_tensor *t = &w->shapes->tensors[index];
    struct layout shape = {0}, tensor = {0}, type = {0}, info = {0};
    for (uint32_t i = 0; i < t->shape.rank; i++) {
        struct layout dim = {0};
        if (i == 0 && w->shapes->batch_dynamic)
            put_text(&dim, 2, "N");
        else
            put_int(&dim, 1, t->shape.dim[i]);
        put_message(&shape, 1, &dim);
    }
    put_int(&tensor, 1, TYPE_FLOAT);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&info, 1, t->name);
    put_message(&info, 2, &type);
    put_message(&w->body, field, &info);
}

static void put_metadata(struct layout *model, const char *key, const char *value)
{
    struct layout entry = {0};
    if (!value)
        return;
    put_text(&entry, 1, key);
    put_text(&entry, 2, value);
    put_message(model, 14, &entry);
}

/* With a point, whatever the locale says. */
static const char *phi_text(double phi, char *out, size_t size)
{
    if (!isfinite(phi))
        return NULL;
    snprintf(out, size, "%.12f", phi);
    char *point = out + strcspn(out, ".,");
    char *last = out + strlen(out) - 1;
    if (*point)
        *point = '.';
    while (*point && *last == '0')
        *last-- = '\0';
    if (*point && last == point)
        *last = '\0';
    return out;
}

static enum gtcnn_status write_graph(struct writer *w)
{
    const struct gtcnn_graph *g = w->shapes;
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < g->node_count && !status; i++)
        status = write_node(w, &g->nodes[i]);
    put_text(&w->body, 2, g->name ? g->name : "model");
    for (uint32_t i = 0; i < g->tensor_count; i++)
        if (w->graph->tensors[i].data)
            put_initializer(w, &w->graph->tensors[i]);
    put_value_info(w, 11, g->input);
    put_value_info(w, 12, g->output);
    return status;
}

static void write_model(struct writer *w, struct layout *model)
{
    struct layout opset = {0};
    char phi[400];
    put_int(model, 1, IR);
    put_text(model, 2, "gtcnn");
    put_message(model, 7, &w->body);
    w->body = (struct layout){0};
    put_text(&opset, 1, "");
    put_int(&opset, 2, OPSET);
    put_message(model, 8, &opset);
    put_metadata(model, "gtcnn.name", w->graph->name);
    put_metadata(model, "gtcnn.family", w->graph->family);
    put_metadata(model, "gtcnn.phi", phi_text(w->graph->phi, phi, sizeof phi));
    put_metadata(model, "gtcnn.weights", w->graph->weights);
}

/* The whole file as text and blobs. *model is to be freed by free_layout, also after an error. */
static enum gtcnn_status lay_out(const struct gtcnn_graph *graph, struct layout *model, struct gtcnn_err *err)
{
    struct writer w = {.graph = graph, .err = err, .shapes = gtcnn_graph_outline(graph)};
    gtcnn_escape(w.label, sizeof w.label, graph->name ? graph->name : "model", SIZE_MAX);
    enum gtcnn_status status = GTCNN_E_NOMEM;
    if (w.shapes)
        status = gtcnn_graph_infer_shapes(w.shapes, 0, err);
    if (w.shapes && !status)
        status = write_graph(&w);
    if (!status)
        write_model(&w, model);
    free_layout(&w.body);
    gtcnn_graph_free(w.shapes);
    if (!w.shapes || (!status && model->failed))
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "%s: out of memory", w.label);
    if (!status && model->size + model->blob_bytes > MAX_PROTOBUF)
        status = gtcnn_err_set(err, GTCNN_E_LIMIT, "%s: larger than the 2 GiB that a protobuf file may have", w.label);
    return status;
}

/* Hands the file out piece by piece, in order; stops at the first piece that is not taken. */
static bool for_pieces(const struct layout *model, bool (*take)(void *to, const void *data, size_t n), void *to)
{
    size_t at = 0;
    for (size_t i = 0; i < model->blob_count; i++) {
        const struct blob *blob = &model->blobs[i];
        if (!take(to, model->text + at, blob->at - at) || !take(to, blob->data, blob->size))
            return false;
        at = blob->at;
    }
    return take(to, model->text + at, model->size - at);
}

static bool take_copy(void *to, const void *data, size_t n)
{
    uint8_t **end = to;
    if (n)
        memcpy(*end, data, n);
    *end += n;
    return true;
}

static bool take_hash(void *to, const void *data, size_t n)
{
    return EVP_DigestUpdate(to, data, n) == 1;
}

static bool take_write(void *to, const void *data, size_t n)
{
    const char *p = data;
    while (n > 0) {
        ssize_t done = write(*(int *)to, p, n < (1u << 30) ? n : (1u << 30));
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

enum gtcnn_status gtcnn_onnx_encode(const struct gtcnn_graph *graph, uint8_t **bytes, size_t *n, struct gtcnn_err *err)
{
    struct layout model = {0};
    enum gtcnn_status status = lay_out(graph, &model, err);
    if (!status) {
        *n = model.size + model.blob_bytes;
        *bytes = malloc(*n);
        if (!*bytes)
            status = gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory for %zu bytes", *n);
    }
    if (!status) {
        uint8_t *end = *bytes;
        for_pieces(&model, take_copy, &end);
    }
    free_layout(&model);
    return status;
}

enum gtcnn_status gtcnn_onnx_digest(const struct gtcnn_graph *graph, uint8_t digest[GTCNN_DIGEST_BYTES], struct gtcnn_err *err)
{
    struct layout model = {0};
    EVP_MD_CTX *sha = EVP_MD_CTX_new();
    enum gtcnn_status status = lay_out(graph, &model, err);
    if (!status && (!sha || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1 || !for_pieces(&model, take_hash, sha) ||
                    EVP_DigestFinal_ex(sha, digest, NULL) != 1))
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "SHA-256 failed");
    EVP_MD_CTX_free(sha);
    free_layout(&model);
    return status;
}

/* --- the file
 * --------------------------------------------------------------------------------------------------------------------------------------------------
 */

static enum gtcnn_status write_failed(struct gtcnn_err *err, const char *path, const char *what)
{
    char name[256];
    int error = errno;
    gtcnn_escape(name, sizeof name, path, SIZE_MAX);
    return gtcnn_err_set(err, error == ENOENT ? GTCNN_E_NOENT : GTCNN_E_IO, "%s: %s: %s", name, what, strerror(error));
}

/* Creates a file beside `path` under a name that nobody has; *name is owned by the caller. The umask applies. */
static int create_temporary(const char *path, char **name)
{
    size_t size = strlen(path) + 32;
    *name = malloc(size);
    for (int tries = 0; *name && tries < 100; tries++) {
        uint64_t random = 0;
        if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
            random = (uint64_t)getpid() * 100 + (uint64_t)tries;
        snprintf(*name, size, "%s.%016llx.tmp", path, (unsigned long long)random);
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Renaming over a device or a FIFO would remove it. */
static bool is_something_else(const char *path)
{
    struct stat st;
    bool other = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    if (other)
        errno = S_ISDIR(st.st_mode) ? EISDIR : EEXIST;
    return other;
}

/* So that the new name itself survives a crash; a folder that cannot be synchronised is none of our business. */
static void sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(folder);
}

enum gtcnn_status gtcnn_onnx_write(const struct gtcnn_graph *graph, const char *path, struct gtcnn_err *err)
{
    struct layout model = {0};
    char *temporary = NULL;
    int fd = -1;
    enum gtcnn_status status = lay_out(graph, &model, err);
    if (status)
        goto out;
    fd = is_something_else(path) ? -1 : create_temporary(path, &temporary);
    if (fd < 0) {
        status = write_failed(err, path, "cannot be created as a file");
        goto out;
    }
    if (!for_pieces(&model, take_write, &fd) || fsync(fd) != 0 || rename(temporary, path) != 0) {
        status = write_failed(err, path, "cannot be written");
        unlink(temporary);
        goto out;
    }
    sync_folder(path);
out:
    if (fd >= 0)
        close(fd);
    free(temporary);
    free_layout(&model);
    return status;
}
