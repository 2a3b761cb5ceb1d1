/*
 * What the trainer needs of oneDNN (C API, major version 2), made short: memory in a known order, primitives with their
 * arguments, programs of them. Internal to the trainer.
 *
 * Activations lie in memory as NHWC, matrices row-major, parameters in the order of the ONNX file; where a primitive wants
 * weights in an order of its own, a program converts them. Errors name the primitive and oneDNN's reason.
 * Life cycle: gtcnn_dnn_open -> memories, programs -> free them -> gtcnn_dnn_close. One thread at a time; oneDNN's own threads
 * are OpenMP's.
 */
#ifndef GTCNN_TRAIN_DNN_H
#define GTCNN_TRAIN_DNN_H

#include "runtime/gtcnn.h"

#include <oneapi/dnnl/dnnl.h>

struct gtcnn_dnn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
};

enum { GTCNN_CALL_ARGS = 9 };

/* One step of a program: a primitive with its arguments, or a function of ours. */
struct gtcnn_call {
    const char *what;           /* static; for errors */
    dnnl_primitive_t primitive; /* owned; NULL: `function` */
    int count;
    dnnl_exec_arg_t args[GTCNN_CALL_ARGS]; /* memories borrowed */
    void (*function)(void *context);
    void *context; /* borrowed */
};

/* Zero-initialise it. */
struct gtcnn_program {
    struct gtcnn_call *calls; /* owned */
    uint32_t count, capacity;
};

/* How many threads oneDNN computes with, in the whole process, from the next primitive on. */
void gtcnn_dnn_use_threads(uint32_t threads);

enum gtcnn_status gtcnn_dnn_open(struct gtcnn_dnn *dnn, struct gtcnn_err *err);
void gtcnn_dnn_close(struct gtcnn_dnn *dnn);

/* GTCNN_OK for dnnl_success; else fills err with `what` and the reason. */
enum gtcnn_status gtcnn_dnn_check(dnnl_status_t status, const char *what, struct gtcnn_err *err);

/* A dense description of rank 1 (a), 2 (row-major) or 4 (NHWC; dims are N, C, H, W). */
dnnl_memory_desc_t gtcnn_dnn_activation(const struct gtcnn_shape *shape);
/* The same dims with oneDNN free to choose the order. */
dnnl_memory_desc_t gtcnn_dnn_any(const dnnl_memory_desc_t *desc);

/* A memory with zeroed storage of its own, and where that is. */
enum gtcnn_status gtcnn_dnn_memory(const struct gtcnn_dnn *dnn, const dnnl_memory_desc_t *desc, dnnl_memory_t *memory,
                                   struct gtcnn_err *err);
/* A memory over somebody else's storage. */
enum gtcnn_status gtcnn_dnn_view(const struct gtcnn_dnn *dnn, const dnnl_memory_desc_t *desc, float *data,
                                 dnnl_memory_t *memory, struct gtcnn_err *err);
float *gtcnn_dnn_data(dnnl_memory_t memory);

/* A primitive's description; `op` is one of oneDNN's operation descriptors, `hint` the forward one of a backward one or NULL.
 */
enum gtcnn_status gtcnn_dnn_describe(const struct gtcnn_dnn *dnn, const char *what, const void *op,
                                     const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *desc, struct gtcnn_err *err);

/* Appends a primitive made from `desc` (which stays the caller's). */
enum gtcnn_status gtcnn_program_add(struct gtcnn_program *p, const char *what, const_dnnl_primitive_desc_t desc,
                                    const dnnl_exec_arg_t *args, int count, struct gtcnn_err *err);
enum gtcnn_status gtcnn_program_add_function(struct gtcnn_program *p, const char *what, void (*function)(void *), void *context,
                                             struct gtcnn_err *err);
/* Appends a conversion from one order to another, a copy where they are the same. */
enum gtcnn_status gtcnn_program_add_reorder(const struct gtcnn_dnn *dnn, struct gtcnn_program *p, dnnl_memory_t from,
                                            dnnl_memory_t to, struct gtcnn_err *err);
/* Appends to = a (op) b, element by element; b's dimensions of 1 are repeated. `to` may be a. */
enum gtcnn_status gtcnn_program_add_binary(const struct gtcnn_dnn *dnn, struct gtcnn_program *p, dnnl_alg_kind_t op,
                                           dnnl_memory_t a, dnnl_memory_t b, dnnl_memory_t to, struct gtcnn_err *err);
enum gtcnn_status gtcnn_program_run(const struct gtcnn_dnn *dnn, const struct gtcnn_program *p, struct gtcnn_err *err);
void gtcnn_program_free(struct gtcnn_program *p);

#endif
