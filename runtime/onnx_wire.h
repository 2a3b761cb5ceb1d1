/*
 * The wire format of a model, checked before protobuf-c sees it. Internal to the ONNX reader.
 *
 * protobuf-c recurses as deep as a file asks for and copies every blob. So the file is first walked from its descriptor: the
 * initialisers, which are nearly all of it, are only noted by their place; all the rest (the *skeleton*, at most 64 MiB) is
 * copied together as a model without initialisers and checked against the schema: nesting, sizes, varints, UTF-8, no group, no
 * field twice that may stand once, and a bound on fields and messages that keeps what unpacking allocates in proportion.
 *
 * Encoding: https://protobuf.dev/programming-guides/encoding/. Schema: onnx.proto of Debian's libonnx-dev (IR 8); fields that
 * later IR versions added are skipped.
 */
#ifndef GTCNN_ONNX_WIRE_H
#define GTCNN_ONNX_WIRE_H

#include "runtime/graph.h"
#include "runtime/onnx_io.h"

/* Where one TensorProto of graph.initializer lies in the file, and its raw_data in it (raw_field: the tag of that field). */
struct gtcnn_wire_tensor {
    uint64_t at, size;
    bool has_raw;
    uint64_t raw_field, raw_at, raw_size;
};

struct gtcnn_wire {
    uint8_t *skeleton; /* owned: an encoded ModelProto without initialisers */
    size_t skeleton_size;
    struct gtcnn_wire_tensor *tensors; /* owned */
    uint32_t tensor_count;
    uint32_t fields, messages; /* seen so far, of what is allowed in one file */
};

/* Walks the file. `label` begins the error texts. What *wire holds is freed by gtcnn_wire_free, also after an error. */
enum gtcnn_status gtcnn_wire_scan(const struct gtcnn_source *from, const char *label, struct gtcnn_wire *wire,
                                  struct gtcnn_err *err);
void gtcnn_wire_free(struct gtcnn_wire *wire);

/* Copies one initialiser without its raw_data (*bytes owned by the caller) and checks it like the skeleton. */
enum gtcnn_status gtcnn_wire_tensor_header(const struct gtcnn_source *from, const char *label, struct gtcnn_wire *wire,
                                           uint32_t index, uint8_t **bytes, size_t *n, struct gtcnn_err *err);

#endif
