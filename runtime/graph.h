/*
 * The graph: a model as its file says it, after versions of the format have been made alike. Internal to the library.
 *
 * The ONNX reader and the families build it, shape inference completes it, the writer exports it, and the planner (plan.h)
 * turns it into units for the kernels. Dimensions are in the file's order (NCHW); memory order is the planner's business. Nodes
 * stand in topological order. Indices, never pointers, connect things. A graph owns all its memory.
 */
#ifndef GTCNN_GRAPH_H
#define GTCNN_GRAPH_H

#include "runtime/gtcnn.h"

#include <stdbool.h>

/* X(enumerator, ONNX operator type): what the library knows. SiLU, HardSwish before opset 14 arrive as their parts. */
#define GTCNN_OPS(X)                                                                                                           \
    X(GTCNN_OP_CONV, "Conv")                                                                                                   \
    X(GTCNN_OP_BATCHNORM, "BatchNormalization")                                                                                \
    X(GTCNN_OP_RELU, "Relu")                                                                                                   \
    X(GTCNN_OP_CLIP, "Clip")                                                                                                   \
    X(GTCNN_OP_SIGMOID, "Sigmoid")                                                                                             \
    X(GTCNN_OP_HARDSIGMOID, "HardSigmoid")                                                                                     \
    X(GTCNN_OP_HARDSWISH, "HardSwish")                                                                                         \
    X(GTCNN_OP_ADD, "Add")                                                                                                     \
    X(GTCNN_OP_MUL, "Mul")                                                                                                     \
    X(GTCNN_OP_GLOBALAVERAGEPOOL, "GlobalAveragePool")                                                                         \
    X(GTCNN_OP_AVERAGEPOOL, "AveragePool")                                                                                     \
    X(GTCNN_OP_MAXPOOL, "MaxPool")                                                                                             \
    X(GTCNN_OP_REDUCEMEAN, "ReduceMean")                                                                                       \
    X(GTCNN_OP_GEMM, "Gemm")                                                                                                   \
    X(GTCNN_OP_MATMUL, "MatMul")                                                                                               \
    X(GTCNN_OP_SOFTMAX, "Softmax")                                                                                             \
    X(GTCNN_OP_FLATTEN, "Flatten")                                                                                             \
    X(GTCNN_OP_RESHAPE, "Reshape")                                                                                             \
    X(GTCNN_OP_SQUEEZE, "Squeeze")                                                                                             \
    X(GTCNN_OP_UNSQUEEZE, "Unsqueeze")                                                                                         \
    X(GTCNN_OP_TRANSPOSE, "Transpose")                                                                                         \
    X(GTCNN_OP_PAD, "Pad")                                                                                                     \
    X(GTCNN_OP_CONCAT, "Concat")                                                                                               \
    X(GTCNN_OP_CONSTANT, "Constant")                                                                                           \
    X(GTCNN_OP_DROPOUT, "Dropout")                                                                                             \
    X(GTCNN_OP_IDENTITY, "Identity")

enum gtcnn_op {
#define GTCNN_OP_ENUM(code, text) code,
    GTCNN_OPS(GTCNN_OP_ENUM)
#undef GTCNN_OP_ENUM
        GTCNN_OP_COUNT
};
const char *gtcnn_op_name(enum gtcnn_op op);
/* GTCNN_OP_COUNT when the operator is unknown. */
enum gtcnn_op gtcnn_op_find(const char *name);

enum gtcnn_dtype { GTCNN_F32, GTCNN_I64 };

/* Where the elements of a large initialiser stand while they are in no memory (store.h). */
struct gtcnn_place {
    uint64_t at;   /* bytes from the begin of the file */
    uint32_t file; /* of the graph's store */
    uint32_t type; /* TensorProto.DataType; 0: the tensor has no such place */
};

struct gtcnn_tensor {
    char *name; /* owned; unique; never empty */
    enum gtcnn_dtype dtype;
    struct gtcnn_shape shape; /* rank 0 with count 1: a scalar. Dimension 0 (batch) may be -1 until the batch is bound */
    bool shape_known;
    void *data; /* owned; an initialiser's or constant's elements in the file's order; NULL for an activation, and where they
                   stand in place */
    struct gtcnn_place place;
    bool external; /* the initialiser was stored outside the file */
};

/* Attributes of all operators, normalised: axes non-negative where the rank is known, defaults filled in. */
struct gtcnn_attr {
    uint32_t kernel[2], stride[2], dilation[2]; /* h, w */
    uint32_t pad[4]; /* Conv and pools: top, left, bottom, right (ONNX's begin-h, begin-w, end-h, end-w) */
    enum { GTCNN_PAD_EXPLICIT, GTCNN_PAD_SAME_UPPER, GTCNN_PAD_SAME_LOWER } auto_pad; /* resolved into pad by shape inference */
    uint32_t group;
    bool ceil_mode, count_include_pad;
    float alpha, beta; /* Gemm, HardSigmoid */
    bool trans_a, trans_b;
    float epsilon;  /* BatchNormalization */
    float min, max; /* Clip; infinities when absent */
    int axis;       /* Softmax, Flatten, Concat */
    uint32_t axis_count;
    int axes[GTCNN_MAX_RANK]; /* ReduceMean, Squeeze, Unsqueeze; axis_count 0: all */
    bool keepdims;
    int perm[GTCNN_MAX_RANK]; /* Transpose; perm[0] -1: axes reversed, until shape inference spells it out */
    /* Pad: begins of all axes, then ends. Until shape inference, of target_rank axes: the ones listed in `axes`, else all */
    int64_t pads[2 * GTCNN_MAX_RANK];
    float pad_value;
    int64_t target[GTCNN_MAX_RANK]; /* Reshape: as given, with 0 (copy this dimension) and -1 */
    uint32_t target_rank;
    bool allow_zero;
    bool softmax_flat; /* opset < 13: Softmax over all axes from `axis` on, as one. Shape inference clears it where
                          at most one of those axes is longer than 1, and moves `axis` there */
};

struct gtcnn_node {
    enum gtcnn_op op;
    char *name; /* owned; the node's, or its first output's when it has none; never empty */
    struct gtcnn_attr attr;
    uint32_t input_count;
    int *inputs; /* owned; tensor indices, -1: an optional input left out. Shape-like inputs (axes, pads, target,
                    min, max) have been moved into attr by the reader and stand here no more */
    int output;  /* the one output that is used */
};

struct gtcnn_store;

struct gtcnn_graph {
    char *name, *family; /* owned; family NULL when unknown */
    double phi;          /* NaN when unknown */
    const char *weights; /* static string: "random", "trained", "file" */
    int64_t opset, ir_version;
    uint8_t digest[GTCNN_DIGEST_BYTES];
    uint32_t tensor_count, node_count;
    struct gtcnn_tensor *tensors; /* owned */
    struct gtcnn_node *nodes;     /* owned */
    struct gtcnn_store *store;    /* owned; what tensors with a place are read from; NULL: there are none */
    int input, output;            /* tensor indices: one image-like input, one output; -1 until set */
    bool batch_dynamic;           /* the batch was -1 before shape inference bound it; what is written has it dynamic */
    uint32_t tensor_capacity, node_capacity, bucket_count; /* graph.c's own: room, and the hash of names */
    int *buckets;
    uint64_t hash_key;
};

/* Life cycle: gtcnn_graph_new -> add ... -> gtcnn_graph_free. NULL when memory is out. */
struct gtcnn_graph *gtcnn_graph_new(void);
void gtcnn_graph_free(struct gtcnn_graph *graph);

/* Does the tensor hold an initialiser or a constant, in memory or not? */
static inline bool gtcnn_tensor_is_constant(const struct gtcnn_tensor *tensor)
{
    return tensor->data || tensor->place.type;
}

/* Index of a new tensor (name copied; NULL makes one up from the count), or -1 when memory is out or the name is taken. */
int gtcnn_graph_add_tensor(struct gtcnn_graph *graph, const char *name, enum gtcnn_dtype dtype);
/* Index of the tensor of that name, or -1. Constant time (hashed). */
int gtcnn_graph_find_tensor(const struct gtcnn_graph *graph, const char *name);
/* Does the operator give its input another name, and nothing else (Identity, Dropout as inference has it)? */
bool gtcnn_op_renames(enum gtcnn_op op);
/* Fills alias[0 ... tensor_count - 1]: for each tensor the one whose elements it has; itself, where no such operator made it.
 */
void gtcnn_graph_find_aliases(const struct gtcnn_graph *graph, int *alias);
/* Appends a node with default attributes; `inputs` is copied, name likewise. Index, or -1 when memory is out. */
int gtcnn_graph_add_node(struct gtcnn_graph *graph, enum gtcnn_op op, const char *name, const int *inputs, uint32_t input_count,
                         int output);

/*
 * Drops tensors that no node and neither end of the graph refers to, and renumbers the rest in order. Tensor pointers and
 * indices held elsewhere become invalid. GTCNN_E_NOMEM leaves the graph as it was.
 */
enum gtcnn_status gtcnn_graph_prune(struct gtcnn_graph *graph);
/*
 * A copy of graph, tensors and nodes whose tensors have no data of their own: no tensor has `data` or a place (shapes are
 * kept). NULL when memory is out.
 */
struct gtcnn_graph *gtcnn_graph_outline(const struct gtcnn_graph *graph);

/* What ONNX gives the operator's attributes when a node has none. */
struct gtcnn_attr gtcnn_attr_default(enum gtcnn_op op);

/* Elements of the shape; -1 when a dimension is unknown or negative, or the product overflows. */
int64_t gtcnn_shape_count(const struct gtcnn_shape *shape);

/*
 * Binds the batch (0: keep the file's, 1 where dynamic), resolves padding, and infers and checks every shape.
 * Errors name node, operator and both shapes. Idempotent; a batch that was dynamic may be bound anew. A tensor that neither a
 * node computes nor the caller feeds must have its shape already (weights); the elements are never looked at.
 */
enum gtcnn_status gtcnn_graph_infer_shapes(struct gtcnn_graph *graph, uint32_t batch, struct gtcnn_err *err);

/* The same for one node, whose inputs' shapes are known: the rule that gtcnn_graph_infer_shapes applies to each. */
enum gtcnn_status gtcnn_node_infer_shape(struct gtcnn_graph *graph, struct gtcnn_node *node, struct gtcnn_err *err);

/* Formats "1x3x224x224" into `out`. Returns `out`. */
char *gtcnn_shape_text(char *out, size_t size, const struct gtcnn_shape *shape);

/* gt-style error setter of the library: fills err (NULL: nothing) and returns the status. */
enum gtcnn_status gtcnn_err_set(struct gtcnn_err *err, enum gtcnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Reads an ONNX file into a graph (onnx_read.c). *graph is owned by the caller; its digest is filled in, its batch still -1
 * where the file leaves it open, its shapes not yet inferred. The path is opened for reading without blocking, and only a
 * regular file is read; external data is opened below its folder. Nothing of the file is mapped: a file that shrinks meanwhile
 * is an error. Statuses: NOENT, IO, FORMAT, UNSUPPORTED, LIMIT, SHAPE, NOMEM.
 */
enum gtcnn_status gtcnn_onnx_read(const char *path, struct gtcnn_graph **graph, struct gtcnn_err *err);
/*
 * The same, but large initialisers are left where they are: their tensors have a place in the graph's store, which is always
 * there and keeps the files open. Its digest is under way: gtcnn_store_end_digest tells it, the graph's own is not filled in.
 * Such a graph can be planned, but not written.
 */
enum gtcnn_status gtcnn_onnx_open(const char *path, struct gtcnn_graph **graph, struct gtcnn_err *err);
/*
 * The same from an open descriptor (borrowed; read by pread only). `folder`: descriptor of the folder that external data lies
 * in, -1: external data is refused. `label` stands for the file in errors and gives the name; NULL: "model".
 */
enum gtcnn_status gtcnn_onnx_read_fd(int fd, int folder, const char *label, struct gtcnn_graph **graph, struct gtcnn_err *err);
/* The same from memory (borrowed), without a descriptor. External data is refused. */
enum gtcnn_status gtcnn_onnx_read_memory(const void *bytes, size_t n, const char *label, struct gtcnn_graph **graph,
                                         struct gtcnn_err *err);
/* Writes a graph as ONNX (onnx_write.c): to memory (*bytes owned by the caller, free), or to a file (temporary, then renamed).
 */
enum gtcnn_status gtcnn_onnx_encode(const struct gtcnn_graph *graph, uint8_t **bytes, size_t *n, struct gtcnn_err *err);
enum gtcnn_status gtcnn_onnx_write(const struct gtcnn_graph *graph, const char *path, struct gtcnn_err *err);

/* SHA-256 of what gtcnn_onnx_write would write, without holding it in memory. */
enum gtcnn_status gtcnn_onnx_digest(const struct gtcnn_graph *graph, uint8_t digest[GTCNN_DIGEST_BYTES], struct gtcnn_err *err);

/* Builds a built-in model by name (families.c). GTCNN_E_NOENT, with the list of names in the text, for any other. */
enum gtcnn_status gtcnn_family_build(const char *name, struct gtcnn_graph **graph, struct gtcnn_err *err);

#endif
