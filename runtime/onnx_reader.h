/*
 * What the parts of the ONNX reader share: onnx_read.c (the model as a whole), onnx_tensor.c (initialisers and constants),
 * onnx_node.c (operators), onnx_attr.c (their attributes). Internal.
 */
#ifndef GTCNN_ONNX_READER_H
#define GTCNN_ONNX_READER_H

#include "runtime/graph.h"
#include "runtime/onnx_wire.h"
#include "runtime/store.h"

#include "onnx.pb-c.h"

/* An external file is opened once, and stays open until the digest is taken, or as long as the graph where weights stay in it.
 */
enum { GTCNN_ONNX_MAX_FILES = 256 };

struct gtcnn_onnx_file {
    char *location; /* owned */
    int fd;         /* owned */
    uint64_t size;
};

/* What the reader knows of a tensor beside the graph. */
struct gtcnn_onnx_mark {
    int alias;           /* the tensor that this name stands for (Identity of a constant), or -1 */
    const char *refused; /* static text: why it may not be used (an output that is not computed); NULL: it may */
};

struct gtcnn_onnx_reader {
    struct gtcnn_source from;
    int folder;      /* borrowed; -1: external data is refused */
    char label[128]; /* the file, escaped */
    struct gtcnn_err *err;
    struct gtcnn_graph *graph;
    struct gtcnn_wire wire;
    Onnx__ModelProto *model;
    struct gtcnn_onnx_mark *marks;
    uint32_t mark_capacity;
    struct gtcnn_onnx_file files[GTCNN_ONNX_MAX_FILES];
    uint32_t file_count;
    struct gtcnn_digest *digest; /* owned; of the file, from the begin on */
    struct gtcnn_range *ranges;  /* owned; of external files, in initialiser order */
    uint32_t range_count, range_capacity;
    uint64_t external_bytes, external_room; /* asked for so far; sizes of the files together */
    uint64_t folded_bytes;                  /* of constants made from others */
    bool in_place;                          /* large initialisers are left in the file */
};

/* One error text: "file: node 'name' (Operator): detail". `node` NULL: without the node. */
enum gtcnn_status gtcnn_onnx_fail(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, enum gtcnn_status status,
                                  const char *format, ...) __attribute__((format(printf, 4, 5)));

struct gtcnn_onnx_name {
    char text[96];
};
/* A name of the file, escaped and cut for an error text. */
struct gtcnn_onnx_name gtcnn_onnx_quote(const char *name);

/* onnx_tensor.c */

/*
 * The elements of a tensor proto as fp32 or int64 (float16, bfloat16 and double become fp32; int32 and bool become int64; any
 * other type is refused by name). `at`: where its raw_data lies in the file, NULL: in the proto. Fills dtype, shape, data
 * (owned by the caller) and external of *tensor.
 */
enum gtcnn_status gtcnn_onnx_tensor(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node,
                                    const Onnx__TensorProto *proto, const struct gtcnn_wire_tensor *at,
                                    struct gtcnn_tensor *tensor);

/* Brings the elements of a tensor that has been left in the file into memory; nothing to do where they are. */
enum gtcnn_status gtcnn_onnx_bring(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, struct gtcnn_tensor *tensor);

/*
 * Reads `count` elements of a supported type at a byte of a file, as fp32 or int64, to `out`. 0, or -1 with errno set: EIO when
 * the file ends before.
 */
int gtcnn_onnx_elements(const struct gtcnn_source *from, uint64_t at, uint32_t type, size_t count, void *out);

/* onnx_read.c */

/* Defines a name. Refused when it is empty or defined already. *index: the new tensor. */
enum gtcnn_status gtcnn_onnx_define(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                    enum gtcnn_dtype dtype, int *index);
/* The tensor that a name stands for, aliases resolved. Refused when nothing has defined it yet. */
enum gtcnn_status gtcnn_onnx_resolve(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                     int *index);

/* onnx_attr.c: attributes have been checked against the table when the getters are called, so these cannot meet a wrong type.
 */

/* Every attribute must be one that the operator has in this opset, of the right type, and stand once. */
enum gtcnn_status gtcnn_onnx_check_attributes(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node,
                                              enum gtcnn_op op);
const Onnx__AttributeProto *gtcnn_onnx_attribute(const Onnx__NodeProto *node, const char *name);
int64_t gtcnn_onnx_int(const Onnx__NodeProto *node, const char *name, int64_t otherwise);
/* A flag or an integer in [least, most]; *value keeps its own when the attribute is absent. */
enum gtcnn_status gtcnn_onnx_bounded(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                     int64_t least, int64_t most, int64_t *value);
/* A finite number; *value keeps its own when the attribute is absent. */
enum gtcnn_status gtcnn_onnx_float(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const char *name,
                                   float *value);
/* kernel_shape, strides, dilations, pads, auto_pad of a window in two dimensions. */
enum gtcnn_status gtcnn_onnx_window(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, bool has_kernel,
                                    struct gtcnn_attr *attr);
/* Axes, each within 32 bits, at most GTCNN_MAX_RANK. */
enum gtcnn_status gtcnn_onnx_axes(const struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, const int64_t *values,
                                  size_t n, int axes[GTCNN_MAX_RANK], uint32_t *count);

/*
 * onnx_fold.c: whether a node over constants is computed while reading: those that only move elements (exporters leave them
 * between a weight and its user). gtcnn_onnx_fold defines the node's output as the constant that it computes.
 */
bool gtcnn_onnx_folds(enum gtcnn_op op);
enum gtcnn_status gtcnn_onnx_fold(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, enum gtcnn_op op,
                                  const struct gtcnn_attr *attr, int input);

/* onnx_node.c: adds one node of the file to the graph. Names its inputs use must be defined. */
enum gtcnn_status gtcnn_onnx_add_node(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node);

#endif
