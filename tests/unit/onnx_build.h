/*
 * ONNX models for tests, built with protobuf-c from a line of text, and handed to the reader through a memfd.
 *
 * Statements are separated by ';':
 *   in NAME SHAPE              graph input: "Nx3x5x5" (N: dynamic, by a name; ?: without any value)
 *   out NAME                   graph output
 *   f NAME SHAPE               float32 initialiser, elements 0.25 * (i % 7 - 3); SHAPE "scalar" for rank 0
 *   fv NAME 1 2 ...            float32 list of these values;  fs NAME 1: float32 scalar
 *   i NAME 1 2 ...             int64 list (may be empty);      is NAME 1: int64 scalar;  b NAME 1: bool scalar
 *   node OP NAME IN,IN OUT,OUT attribute=KIND:VALUE ...   "_": left out; NAME "_": without a name
 *       kinds: i (int), f (float), s (text), is (ints), fs (floats), as (empty list of ints)
 */
#ifndef TESTS_ONNX_BUILD_H
#define TESTS_ONNX_BUILD_H

#include "runtime/graph.h"

#include "onnx.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define UNUSED __attribute__((unused))

struct build {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    void *allocations[4096];
    size_t allocation_count;
};

UNUSED static void *build_alloc(struct build *b, size_t n)
{
    void *p = calloc(1, n ? n : 1);
    assert_non_null(p);
    assert_true(b->allocation_count < 4096);
    return b->allocations[b->allocation_count++] = p;
}

UNUSED static char *build_text(struct build *b, const char *text)
{
    return strcpy(build_alloc(b, strlen(text) + 1), text);
}

/* Appends a pointer to a list of protobuf-c's; lists hold at most 64. */
#define BUILD_APPEND(b, list, n, item)                                                                                         \
    do {                                                                                                                       \
        if (!(list))                                                                                                           \
            (list) = build_alloc(b, 64 * sizeof *(list));                                                                      \
        assert_true((n) < 64);                                                                                                 \
        (list)[(n)++] = (item);                                                                                                \
    } while (0)

UNUSED static Onnx__TensorProto *build_tensor(struct build *b, const char *name, int type, size_t n_dims, const int64_t *dims,
                                              const void *raw, size_t size)
{
    Onnx__TensorProto *t = build_alloc(b, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = build_text(b, name);
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = n_dims;
    t->dims = build_alloc(b, n_dims * sizeof *dims);
    if (n_dims)
        memcpy(t->dims, dims, n_dims * sizeof *dims);
    t->has_raw_data = 1;
    t->raw_data.len = size;
    t->raw_data.data = build_alloc(b, size);
    if (size)
        memcpy(t->raw_data.data, raw, size);
    return t;
}

UNUSED static void build_initializer(struct build *b, Onnx__TensorProto *t)
{
    BUILD_APPEND(b, b->graph.initializer, b->graph.n_initializer, t);
}

/* "Nx3x5": -1 for N, -2 for ?. */
UNUSED static size_t build_dims(const char *text, int64_t dims[16])
{
    size_t n = 0;
    if (strcmp(text, "scalar") == 0)
        return 0;
    for (const char *p = text; p; p = strchr(p, 'x')) {
        p += *p == 'x';
        dims[n++] = *p == 'N' ? -1 : *p == '?' ? -2 : strtoll(p, NULL, 10);
    }
    return n;
}

UNUSED static Onnx__ValueInfoProto *build_value(struct build *b, const char *name, const char *shape_text)
{
    Onnx__ValueInfoProto *info = build_alloc(b, sizeof *info);
    Onnx__TypeProto *type = build_alloc(b, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = build_alloc(b, sizeof *tensor);
    Onnx__TensorShapeProto *shape = build_alloc(b, sizeof *shape);
    int64_t dims[16];
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    size_t n = shape_text ? build_dims(shape_text, dims) : 0;
    for (size_t i = 0; i < n; i++) {
        Onnx__TensorShapeProto__Dimension *dim = build_alloc(b, sizeof *dim);
        onnx__tensor_shape_proto__dimension__init(dim);
        if (dims[i] == -1) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dim->dim_param = build_text(b, "batch");
        } else if (dims[i] != -2) {
            dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dim->dim_value = dims[i];
        }
        BUILD_APPEND(b, shape->dim, shape->n_dim, dim);
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = 1;
    tensor->shape = shape_text ? shape : NULL;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = build_text(b, name);
    info->type = type;
    return info;
}

UNUSED static Onnx__AttributeProto *build_attribute(struct build *b, Onnx__NodeProto *node, const char *name, int type)
{
    Onnx__AttributeProto *a = build_alloc(b, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = build_text(b, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    BUILD_APPEND(b, node->attribute, node->n_attribute, a);
    return a;
}

UNUSED static void build_attribute_text(struct build *b, Onnx__NodeProto *node, char *text)
{
    char *kind = strchr(text, '='), *value;
    assert_non_null(kind);
    *kind++ = '\0';
    value = strchr(kind, ':');
    assert_non_null(value);
    *value++ = '\0';
    if (strcmp(kind, "i") == 0) {
        Onnx__AttributeProto *a = build_attribute(b, node, text, 2);
        a->has_i = 1;
        a->i = strtoll(value, NULL, 10);
    } else if (strcmp(kind, "f") == 0) {
        Onnx__AttributeProto *a = build_attribute(b, node, text, 1);
        a->has_f = 1;
        a->f = strtof(value, NULL);
    } else if (strcmp(kind, "s") == 0) {
        Onnx__AttributeProto *a = build_attribute(b, node, text, 3);
        a->has_s = 1;
        a->s.data = (uint8_t *)build_text(b, value);
        a->s.len = strlen(value);
    } else if (strcmp(kind, "is") == 0) {
        Onnx__AttributeProto *a = build_attribute(b, node, text, 7);
        for (char *save, *p = strtok_r(value, ",", &save); p; p = strtok_r(NULL, ",", &save))
            BUILD_APPEND(b, a->ints, a->n_ints, strtoll(p, NULL, 10));
    } else if (strcmp(kind, "fs") == 0) {
        Onnx__AttributeProto *a = build_attribute(b, node, text, 6);
        for (char *save, *p = strtok_r(value, ",", &save); p; p = strtok_r(NULL, ",", &save))
            BUILD_APPEND(b, a->floats, a->n_floats, strtof(p, NULL));
    } else {
        assert_string_equal(kind, "as");
        build_attribute(b, node, text, 7);
    }
}

UNUSED static Onnx__NodeProto *build_node(struct build *b, char *text)
{
    Onnx__NodeProto *node = build_alloc(b, sizeof *node);
    char *save, *op = strtok_r(text, " ", &save), *name = strtok_r(NULL, " ", &save), *in = strtok_r(NULL, " ", &save),
                *out = strtok_r(NULL, " ", &save);
    assert_non_null(out);
    onnx__node_proto__init(node);
    node->op_type = build_text(b, op);
    if (strcmp(name, "_") != 0)
        node->name = build_text(b, name);
    for (char *at, *p = strtok_r(in, ",", &at); p; p = strtok_r(NULL, ",", &at))
        if (strcmp(p, "-") != 0)
            BUILD_APPEND(b, node->input, node->n_input, build_text(b, strcmp(p, "_") ? p : ""));
    for (char *at, *p = strtok_r(out, ",", &at); p; p = strtok_r(NULL, ",", &at))
        BUILD_APPEND(b, node->output, node->n_output, build_text(b, strcmp(p, "_") ? p : ""));
    for (char *p = strtok_r(NULL, " ", &save); p; p = strtok_r(NULL, " ", &save))
        build_attribute_text(b, node, p);
    BUILD_APPEND(b, b->graph.node, b->graph.n_node, node);
    return node;
}

UNUSED static void build_filled(struct build *b, const char *name, const char *shape)
{
    int64_t dims[16], count = 1;
    size_t n = build_dims(shape, dims);
    for (size_t i = 0; i < n; i++)
        count *= dims[i];
    float *values = build_alloc(b, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i++)
        values[i] = 0.25f * (float)(i % 7 - 3);
    build_initializer(b, build_tensor(b, name, 1, n, dims, values, (size_t)count * sizeof *values));
}

/* kind: "fv", "fs", "i", "is", "b". */
UNUSED static void build_listed(struct build *b, const char *kind, const char *name, char **save)
{
    float floats[64];
    int64_t ints[64], n = 0;
    uint8_t flag;
    for (char *p = strtok_r(NULL, " ", save); p; p = strtok_r(NULL, " ", save), n++) {
        floats[n] = strtof(p, NULL);
        ints[n] = strtoll(p, NULL, 10);
    }
    flag = n && ints[0] != 0;
    size_t rank = strcmp(kind, "fv") == 0 || strcmp(kind, "i") == 0;
    if (*kind == 'f')
        build_initializer(b, build_tensor(b, name, 1, rank, &n, floats, (size_t)n * 4));
    else if (*kind == 'i')
        build_initializer(b, build_tensor(b, name, 7, rank, &n, ints, (size_t)n * 8));
    else
        build_initializer(b, build_tensor(b, name, 9, 0, NULL, &flag, 1));
}

UNUSED static void build_statement(struct build *b, char *text)
{
    char *save, *kind = strtok_r(text, " ", &save);
    if (!kind)
        return;
    if (strcmp(kind, "node") == 0) {
        build_node(b, save);
        return;
    }
    const char *name = strtok_r(NULL, " ", &save);
    assert_non_null(name);
    if (strcmp(kind, "in") == 0)
        BUILD_APPEND(b, b->graph.input, b->graph.n_input, build_value(b, name, strtok_r(NULL, " ", &save)));
    else if (strcmp(kind, "out") == 0)
        BUILD_APPEND(b, b->graph.output, b->graph.n_output, build_value(b, name, NULL));
    else if (strcmp(kind, "f") == 0)
        build_filled(b, name, strtok_r(NULL, " ", &save));
    else
        build_listed(b, kind, name, &save);
}

UNUSED static struct build *build_new(int64_t opset, const char *text)
{
    struct build *b = calloc(1, sizeof *b);
    assert_non_null(b);
    onnx__model_proto__init(&b->model);
    onnx__graph_proto__init(&b->graph);
    b->model.has_ir_version = 1;
    b->model.ir_version = 8;
    b->model.graph = &b->graph;
    b->graph.name = build_text(b, "test");
    Onnx__OperatorSetIdProto *import = build_alloc(b, sizeof *import);
    onnx__operator_set_id_proto__init(import);
    import->has_version = 1;
    import->version = opset;
    BUILD_APPEND(b, b->model.opset_import, b->model.n_opset_import, import);
    char *copy = build_text(b, text);
    for (char *save, *p = strtok_r(copy, ";", &save); p; p = strtok_r(NULL, ";", &save))
        build_statement(b, p);
    return b;
}

UNUSED static void build_free(struct build *b)
{
    for (size_t i = 0; i < b->allocation_count; i++)
        free(b->allocations[i]);
    free(b);
}

/* The encoded model; owned by the caller. */
UNUSED static uint8_t *build_bytes(const struct build *b, size_t *n)
{
    *n = onnx__model_proto__get_packed_size(&b->model);
    uint8_t *bytes = malloc(*n);
    assert_non_null(bytes);
    onnx__model_proto__pack(&b->model, bytes);
    return bytes;
}

/* Reads a model from memory, through a memfd. */
UNUSED static enum gtcnn_status read_bytes(const uint8_t *bytes, size_t n, int folder, struct gtcnn_graph **graph,
                                           struct gtcnn_err *err)
{
    int fd = memfd_create("model", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    enum gtcnn_status status = gtcnn_onnx_read_fd(fd, folder, "test.onnx", graph, err);
    close(fd);
    return status;
}

/* Builds, reads, and frees what was built. */
UNUSED static enum gtcnn_status read_build(struct build *b, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    size_t n;
    uint8_t *bytes = build_bytes(b, &n);
    enum gtcnn_status status = read_bytes(bytes, n, -1, graph, err);
    free(bytes);
    build_free(b);
    return status;
}

#endif
