#include "runtime/onnx_wire.h"

#include "runtime/escape.h"
#include "runtime/onnx_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Limits. Real models nest 7 deep (model, graph, value, type, tensor, shape, dimension), three more per subgraph; the largest
 * published CNNs have a few thousand nodes, some 50 thousand fields, and a skeleton below 4 MiB.
 */
enum { MAX_DEPTH = 32, MAX_FIELDS = 2000000, MAX_MESSAGES = 500000, MAX_INITIALIZERS = 100000, MAX_SKELETON = 64 << 20 };

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

/* --- a field, from memory or from the file
 * -------------------------------------------------------------------------------------- */

/* Reads [at, end) of the file through a window, or of `memory` when from is NULL. */
struct cursor {
    const struct gtcnn_source *from;
    const uint8_t *memory;
    uint64_t at, end;
    uint64_t window_at;
    size_t window_size;
    uint8_t *window; /* borrowed, WINDOW bytes; not used for memory, so that deep messages cost little stack */
};

enum { WINDOW = 4096 };

struct field {
    uint32_t number, wire;
    uint64_t field_at, at, size; /* of the tag; of the value (behind a length), in bytes */
    uint64_t varint;
};

/* What is wrong with the bytes; NULL: nothing. An error of the file itself is told by errno's text. */
typedef const char *complaint;

static complaint next_byte(struct cursor *c, uint8_t *byte)
{
    if (c->at >= c->end)
        return "ends in the middle of a field";
    if (!c->from) {
        *byte = c->memory[c->at++];
        return NULL;
    }
    if (c->at < c->window_at || c->at >= c->window_at + c->window_size) {
        size_t n = c->end - c->at < WINDOW ? (size_t)(c->end - c->at) : WINDOW;
        c->window_size = 0;
        if (gtcnn_io_read(c->from, c->window, n, c->at) != 0)
            return "cannot be read to its end (did it shrink?)";
        c->window_at = c->at;
        c->window_size = n;
    }
    *byte = c->window[c->at++ - c->window_at];
    return NULL;
}

static complaint next_varint(struct cursor *c, uint64_t *value)
{
    *value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        uint8_t byte;
        complaint bad = next_byte(c, &byte);
        if (bad)
            return bad;
        if (shift == 63 && byte > 1)
            break;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return NULL;
    }
    return "has a number longer than 64 bits";
}

static complaint next_field(struct cursor *c, struct field *f)
{
    uint64_t tag;
    f->field_at = c->at;
    complaint bad = next_varint(c, &tag);
    if (bad)
        return bad;
    if (tag > UINT32_MAX || tag >> 3 == 0)
        return "has a field with an impossible number";
    f->number = (uint32_t)(tag >> 3);
    f->wire = tag & 7;
    f->at = c->at;
    switch (f->wire) {
    case WIRE_VARINT:
        bad = next_varint(c, &f->varint);
        f->size = c->at - f->at;
        return bad;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        f->size = f->wire == WIRE_FIXED64 ? 8 : 4;
        break;
    case WIRE_BYTES:
        bad = next_varint(c, &f->size);
        if (bad)
            return bad;
        f->at = c->at;
        break;
    default:
        return "has a group, or a field of unknown wire type";
    }
    if (f->size > c->end - c->at)
        return "has a field that is longer than what holds it";
    c->at += f->size;
    return NULL;
}

/* --- the schema
 * --------------------------------------------------------------------------------------------------------------------- */

enum kind { INTEGER, FLOAT, STRING, BYTES, MESSAGE, INTEGERS, FLOATS, DOUBLES };

struct message;

struct member {
    uint8_t number;
    uint8_t kind;
    bool repeated;
    const struct message *message;
};

struct message {
    const char *name;
    const struct member *members;
    size_t count;
};

#define DEFINE(id, text) const struct message id = {text, id##_members, sizeof id##_members / sizeof *id##_members}

static const struct message attribute, node, graph, tensor, sparse_tensor, type, entry;

static const struct member entry_members[] = {{1, STRING, false, NULL}, {2, STRING, false, NULL}};
static DEFINE(entry, "StringStringEntryProto");

static const struct member segment_members[] = {{1, INTEGER, false, NULL}, {2, INTEGER, false, NULL}};
static DEFINE(segment, "TensorProto.Segment");

static const struct member tensor_members[] = {
    {1, INTEGERS, true, NULL}, {2, INTEGER, false, NULL}, {3, MESSAGE, false, &segment}, {4, FLOATS, true, NULL},
    {5, INTEGERS, true, NULL}, {6, BYTES, true, NULL},    {7, INTEGERS, true, NULL},     {8, STRING, false, NULL},
    {12, STRING, false, NULL}, {9, BYTES, false, NULL},   {13, MESSAGE, true, &entry},   {14, INTEGER, false, NULL},
    {10, DOUBLES, true, NULL}, {11, INTEGERS, true, NULL}};
static DEFINE(tensor, "TensorProto");

static const struct member sparse_tensor_members[] = {
    {1, MESSAGE, false, &tensor}, {2, MESSAGE, false, &tensor}, {3, INTEGERS, true, NULL}};
static DEFINE(sparse_tensor, "SparseTensorProto");

static const struct member dimension_members[] = {
    {1, INTEGER, false, NULL}, {2, STRING, false, NULL}, {3, STRING, false, NULL}};
static DEFINE(dimension, "TensorShapeProto.Dimension");

static const struct member shape_members[] = {{1, MESSAGE, true, &dimension}};
static DEFINE(shape, "TensorShapeProto");

static const struct member tensor_type_members[] = {{1, INTEGER, false, NULL}, {2, MESSAGE, false, &shape}};
static DEFINE(tensor_type, "TypeProto.Tensor");

static const struct member element_type_members[] = {{1, MESSAGE, false, &type}};
static DEFINE(element_type, "TypeProto.Sequence");

static const struct member map_type_members[] = {{1, INTEGER, false, NULL}, {2, MESSAGE, false, &type}};
static DEFINE(map_type, "TypeProto.Map");

static const struct member type_members[] = {{1, MESSAGE, false, &tensor_type}, {4, MESSAGE, false, &element_type},
                                             {5, MESSAGE, false, &map_type},    {9, MESSAGE, false, &element_type},
                                             {8, MESSAGE, false, &tensor_type}, {6, STRING, false, NULL}};
static DEFINE(type, "TypeProto");

static const struct member value_info_members[] = {
    {1, STRING, false, NULL}, {2, MESSAGE, false, &type}, {3, STRING, false, NULL}};
static DEFINE(value_info, "ValueInfoProto");

static const struct member attribute_members[] = {{1, STRING, false, NULL},
                                                  {21, STRING, false, NULL},
                                                  {13, STRING, false, NULL},
                                                  {20, INTEGER, false, NULL},
                                                  {2, FLOAT, false, NULL},
                                                  {3, INTEGER, false, NULL},
                                                  {4, BYTES, false, NULL},
                                                  {5, MESSAGE, false, &tensor},
                                                  {6, MESSAGE, false, &graph},
                                                  {14, MESSAGE, false, &type},
                                                  {22, MESSAGE, false, &sparse_tensor},
                                                  {7, FLOATS, true, NULL},
                                                  {8, INTEGERS, true, NULL},
                                                  {9, BYTES, true, NULL},
                                                  {10, MESSAGE, true, &tensor},
                                                  {11, MESSAGE, true, &graph},
                                                  {15, MESSAGE, true, &type},
                                                  {23, MESSAGE, true, &sparse_tensor}};
static DEFINE(attribute, "AttributeProto");

static const struct member node_members[] = {{1, STRING, true, NULL},  {2, STRING, true, NULL},  {3, STRING, false, NULL},
                                             {4, STRING, false, NULL}, {7, STRING, false, NULL}, {5, MESSAGE, true, &attribute},
                                             {6, STRING, false, NULL}};
static DEFINE(node, "NodeProto");

static const struct member annotation_members[] = {{1, STRING, false, NULL}, {2, MESSAGE, true, &entry}};
static DEFINE(annotation, "TensorAnnotation");

static const struct member graph_members[] = {
    {1, MESSAGE, true, &node},           {2, STRING, false, NULL},         {5, MESSAGE, true, &tensor},
    {15, MESSAGE, true, &sparse_tensor}, {10, STRING, false, NULL},        {11, MESSAGE, true, &value_info},
    {12, MESSAGE, true, &value_info},    {13, MESSAGE, true, &value_info}, {14, MESSAGE, true, &annotation}};
static DEFINE(graph, "GraphProto");

static const struct member opset_members[] = {{1, STRING, false, NULL}, {2, INTEGER, false, NULL}};
static DEFINE(opset, "OperatorSetIdProto");

static const struct member training_members[] = {
    {1, MESSAGE, false, &graph}, {2, MESSAGE, false, &graph}, {3, MESSAGE, true, &entry}, {4, MESSAGE, true, &entry}};
static DEFINE(training, "TrainingInfoProto");

static const struct member function_members[] = {
    {1, STRING, false, NULL},  {4, STRING, true, NULL},  {5, STRING, true, NULL},    {6, STRING, true, NULL},
    {7, MESSAGE, true, &node}, {8, STRING, false, NULL}, {9, MESSAGE, true, &opset}, {10, STRING, false, NULL}};
static DEFINE(function, "FunctionProto");

static const struct member model_members[] = {
    {1, INTEGER, false, NULL},   {8, MESSAGE, true, &opset},     {2, STRING, false, NULL},      {3, STRING, false, NULL},
    {4, STRING, false, NULL},    {5, INTEGER, false, NULL},      {6, STRING, false, NULL},      {7, MESSAGE, false, &graph},
    {14, MESSAGE, true, &entry}, {20, MESSAGE, true, &training}, {25, MESSAGE, true, &function}};
static DEFINE(model, "ModelProto");

static const struct member *find_member(const struct message *m, uint32_t number)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->members[i].number == number)
            return &m->members[i];
    return NULL;
}

/* --- the check of bytes in memory
 * ------------------------------------------------------------------------------------------------- */

struct checker {
    struct gtcnn_wire *wire;
    const char *where; /* the message in which it went wrong */
};

/* Well-formed UTF-8 without NUL: protobuf-c hands strings out NUL-terminated. */
static complaint check_text(const uint8_t *p, uint64_t n)
{
    while (n > 0) {
        uint32_t code;
        size_t length = gtcnn_utf8_length(p, (size_t)n, &code);
        if (length == 0)
            return "has a text that is not UTF-8";
        if (code == 0)
            return "has a text with a NUL in it";
        p += length;
        n -= length;
    }
    return NULL;
}

static complaint check_packed(const uint8_t *memory, const struct field *f, uint32_t kind)
{
    if (kind != INTEGERS)
        return f->size % (kind == FLOATS ? 4 : 8) ? "has a packed list of broken length" : NULL;
    struct cursor c = {.memory = memory, .at = f->at, .end = f->at + f->size};
    while (c.at < c.end) {
        uint64_t value;
        complaint bad = next_varint(&c, &value);
        if (bad)
            return bad;
    }
    return NULL;
}

/* Wire type of one value of the kind. */
static uint32_t wire_of(uint32_t kind)
{
    static const uint8_t wires[] = {
        [INTEGER] = WIRE_VARINT,  [INTEGERS] = WIRE_VARINT, [FLOAT] = WIRE_FIXED32, [FLOATS] = WIRE_FIXED32,
        [DOUBLES] = WIRE_FIXED64, [STRING] = WIRE_BYTES,    [BYTES] = WIRE_BYTES,   [MESSAGE] = WIRE_BYTES};
    return wires[kind];
}

static complaint check_message(struct checker *check, const uint8_t *memory, uint64_t at, uint64_t end, const struct message *m,
                               int depth);

static complaint check_value(struct checker *check, const uint8_t *memory, const struct field *f, const struct member *member,
                             int depth)
{
    bool packed = member->kind >= INTEGERS && f->wire == WIRE_BYTES;
    if (f->wire != wire_of(member->kind) && !packed)
        return "has a field of the wrong wire type";
    if (packed)
        return check_packed(memory, f, member->kind);
    if (member->kind == STRING)
        return check_text(memory + f->at, f->size);
    if (member->kind == MESSAGE)
        return check_message(check, memory, f->at, f->at + f->size, member->message, depth + 1);
    return NULL;
}

static complaint check_message(struct checker *check, const uint8_t *memory, uint64_t at, uint64_t end, const struct message *m,
                               int depth)
{
    struct cursor c = {.memory = memory, .at = at, .end = end};
    uint64_t seen = 0;
    check->where = m->name;
    if (depth > MAX_DEPTH)
        return "is nested deeper than 32 messages";
    if (++check->wire->messages > MAX_MESSAGES)
        return "has more than 500000 messages";
    while (c.at < c.end) {
        struct field f;
        complaint bad = next_field(&c, &f);
        if (bad)
            return bad;
        if (++check->wire->fields > MAX_FIELDS)
            return "has more than 2000000 fields";
        const struct member *member = find_member(m, f.number);
        if (!member)
            continue;
        if (!member->repeated && seen >> member->number & 1)
            return "has a field twice that may stand once";
        seen |= (uint64_t)1 << member->number;
        bad = check_value(check, memory, &f, member, depth);
        if (bad)
            return bad;
        check->where = m->name;
    }
    return NULL;
}

static enum gtcnn_status malformed(struct gtcnn_err *err, const char *label, const char *where, const char *what, uint64_t at)
{
    return gtcnn_err_set(err, GTCNN_E_FORMAT, "%s: not a valid ONNX file: %s %s (at byte %llu); export or download it again",
                         label, where, what, (unsigned long long)at);
}

/* --- the walk through the file
 * -------------------------------------------------------------------------------------------------------- */

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

struct scan {
    const struct gtcnn_source *from;
    const char *label;
    struct gtcnn_wire *wire;
    struct gtcnn_err *err;
    struct bytes outer, inner; /* of the skeleton: fields of the model, fields of its graph */
    uint32_t tensor_capacity;
};

static enum gtcnn_status no_memory(const struct scan *scan)
{
    return gtcnn_err_set(scan->err, GTCNN_E_NOMEM, "%s: out of memory", scan->label);
}

/* Room for n more bytes; false when memory is out. */
static bool reserve(struct bytes *bytes, size_t n)
{
    if (bytes->capacity - bytes->size >= n)
        return true;
    size_t wanted = (bytes->size + n) * 2;
    uint8_t *grown = realloc(bytes->data, wanted);
    if (!grown)
        return false;
    bytes->data = grown;
    bytes->capacity = wanted;
    return true;
}

/* Copies a field, with its tag, from the file. */
static enum gtcnn_status keep_field(struct scan *scan, struct bytes *into, const struct field *f)
{
    uint64_t n = f->at + f->size - f->field_at;
    if (n + scan->outer.size + scan->inner.size > MAX_SKELETON)
        return gtcnn_err_set(
            scan->err, GTCNN_E_LIMIT,
            "%s: has more than 64 MiB beside its initialisers; store the weights as initialisers, not as Constant nodes",
            scan->label);
    if (!reserve(into, (size_t)n))
        return no_memory(scan);
    if (gtcnn_io_read(scan->from, into->data + into->size, (size_t)n, f->field_at) != 0)
        return gtcnn_err_set(scan->err, GTCNN_E_IO, "%s: cannot read %llu bytes at %llu (%s); did the file shrink?",
                             scan->label, (unsigned long long)n, (unsigned long long)f->field_at, strerror(errno));
    into->size += (size_t)n;
    return GTCNN_OK;
}

/* Notes where an initialiser and its raw_data lie. */
static enum gtcnn_status note_tensor(struct scan *scan, const struct field *at)
{
    struct gtcnn_wire *wire = scan->wire;
    uint8_t window[WINDOW];
    struct cursor c = {.from = scan->from, .at = at->at, .end = at->at + at->size, .window = window};
    struct gtcnn_wire_tensor tensor_at = {.at = at->at, .size = at->size};
    while (c.at < c.end) {
        struct field f;
        complaint bad = next_field(&c, &f);
        if (!bad && f.number == 9 && (f.wire != WIRE_BYTES || tensor_at.has_raw))
            bad = "has a raw_data that is no blob, or two";
        if (!bad && ++wire->fields > MAX_FIELDS)
            bad = "has more than 2000000 fields";
        if (bad)
            return malformed(scan->err, scan->label, "an initialiser", bad, c.at);
        if (f.number == 9) {
            tensor_at.has_raw = true;
            tensor_at.raw_field = f.field_at;
            tensor_at.raw_at = f.at;
            tensor_at.raw_size = f.size;
        }
    }
    if (wire->tensor_count >= MAX_INITIALIZERS)
        return gtcnn_err_set(scan->err, GTCNN_E_LIMIT, "%s: has more than 100000 initialisers", scan->label);
    if (wire->tensor_count == scan->tensor_capacity) {
        uint32_t wanted = scan->tensor_capacity ? 2 * scan->tensor_capacity : 64;
        void *grown = realloc(wire->tensors, wanted * sizeof *wire->tensors);
        if (!grown)
            return no_memory(scan);
        wire->tensors = grown;
        scan->tensor_capacity = wanted;
    }
    wire->tensors[wire->tensor_count++] = tensor_at;
    return GTCNN_OK;
}

/* Fields of the model, or of its graph: `divert` is the one that is looked into instead of being kept. */
static enum gtcnn_status walk(struct scan *scan, uint64_t at, uint64_t end, uint32_t divert, struct bytes *into,
                              enum gtcnn_status (*visit)(struct scan *, const struct field *))
{
    uint8_t window[WINDOW];
    struct cursor c = {.from = scan->from, .at = at, .end = end, .window = window};
    while (c.at < c.end) {
        struct field f;
        complaint bad = next_field(&c, &f);
        if (!bad && f.number == divert && f.wire != WIRE_BYTES)
            bad = "has a field of the wrong wire type";
        if (!bad && ++scan->wire->fields > MAX_FIELDS)
            bad = "has more than 2000000 fields";
        if (bad)
            return malformed(scan->err, scan->label, divert == 7 ? "the model" : "the graph", bad, c.at);
        enum gtcnn_status status = f.number == divert ? visit(scan, &f) : keep_field(scan, into, &f);
        if (status)
            return status;
    }
    return GTCNN_OK;
}

static enum gtcnn_status walk_graph(struct scan *scan, const struct field *f)
{
    if (scan->inner.capacity)
        return malformed(scan->err, scan->label, "the model", "has two graphs", f->field_at);
    if (!reserve(&scan->inner, 16))
        return no_memory(scan);
    return walk(scan, f->at, f->at + f->size, 5, &scan->inner, note_tensor);
}

/* outer ++ (field 7, length, inner): a model again. */
static enum gtcnn_status join(struct scan *scan)
{
    if (!scan->inner.capacity)
        return gtcnn_err_set(scan->err, GTCNN_E_FORMAT, "%s: not an ONNX model: it has no graph", scan->label);
    if (!reserve(&scan->outer, scan->inner.size + 11))
        return no_memory(scan);
    struct bytes *outer = &scan->outer;
    outer->data[outer->size++] = 7 << 3 | WIRE_BYTES;
    size_t left = scan->inner.size;
    for (; left >= 0x80; left >>= 7)
        outer->data[outer->size++] = (uint8_t)(left | 0x80);
    outer->data[outer->size++] = (uint8_t)left;
    if (scan->inner.size)
        memcpy(outer->data + outer->size, scan->inner.data, scan->inner.size);
    outer->size += scan->inner.size;
    scan->wire->skeleton = outer->data;
    scan->wire->skeleton_size = outer->size;
    outer->data = NULL;
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_wire_scan(const struct gtcnn_source *from, const char *label, struct gtcnn_wire *wire,
                                  struct gtcnn_err *err)
{
    struct scan scan = {.from = from, .label = label, .wire = wire, .err = err};
    enum gtcnn_status status = walk(&scan, 0, from->size, 7, &scan.outer, walk_graph);
    if (!status)
        status = join(&scan);
    free(scan.outer.data);
    free(scan.inner.data);
    if (status)
        return status;
    struct checker check = {wire, "the model"};
    complaint bad = check_message(&check, wire->skeleton, 0, wire->skeleton_size, &model, 0);
    return bad ? gtcnn_err_set(err, GTCNN_E_FORMAT, "%s: not a valid ONNX file: a %s %s; export or download it again", label,
                               check.where, bad)
               : GTCNN_OK;
}

void gtcnn_wire_free(struct gtcnn_wire *wire)
{
    free(wire->skeleton);
    free(wire->tensors);
    memset(wire, 0, sizeof *wire);
}

enum gtcnn_status gtcnn_wire_tensor_header(const struct gtcnn_source *from, const char *label, struct gtcnn_wire *wire,
                                           uint32_t index, uint8_t **bytes, size_t *n, struct gtcnn_err *err)
{
    const struct gtcnn_wire_tensor *t = &wire->tensors[index];
    uint64_t end = t->at + t->size, cut = t->has_raw ? t->raw_field : end, resume = t->has_raw ? t->raw_at + t->raw_size : end;
    size_t before = (size_t)(cut - t->at), after = (size_t)(end - resume);
    uint8_t *header = malloc(before + after + 1);
    if (!header)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "%s: out of memory for initialiser %u", label, index);
    complaint bad = NULL;
    if (gtcnn_io_read(from, header, before, t->at) != 0 || gtcnn_io_read(from, header + before, after, resume) != 0)
        bad = "cannot be read to its end (did the file shrink?)";
    struct checker check = {wire, "TensorProto"};
    if (!bad)
        bad = check_message(&check, header, 0, before + after, &tensor, 2);
    if (bad) {
        free(header);
        return gtcnn_err_set(err, GTCNN_E_FORMAT, "%s: not a valid ONNX file: initialiser %u: a %s %s", label, index,
                             check.where, bad);
    }
    *bytes = header;
    *n = before + after;
    return GTCNN_OK;
}
