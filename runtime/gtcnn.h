/*
 * gtcnn: a small CNN inference library. The public, versioned interface.
 *
 * Life cycle: gtcnn_model_open -> gtcnn_infer ... -> gtcnn_model_close. A model owns its weights, plan, scratch memory and
 * threads. One model belongs to one caller at a time; different models may be used from different threads at once. Results are
 * deterministic for a given thread count.
 *
 * fork: the child may go on with the models that it finds, by its own copies. Its threads are started anew by the first
 * gtcnn_infer that needs them; where they cannot be, it computes on the caller's thread. A child that shares its parent's
 * memory (vfork) may only exec or exit.
 *
 * Everything about a model that can be told without running it stands in `struct gtcnn_model_info` and its units. A *unit* is
 * what the library executes in one call of gtcnn_unit_execute: one layer, or a fused group whose member layers are listed.
 * gtcnn_unit_execute and gtcnn_infer are exported, never inlined, and always called through a dynamic relocation, so that a
 * profiler may interpose them.
 *
 * The library prints nothing and never exits. Errors: a negative `enum gtcnn_status`; the text names file, place and remedy.
 */
#ifndef GTCNN_H
#define GTCNN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows with every change; structs only grow at their end, each begins with its own size. */
#define GTCNN_API_VERSION 2

#define GTCNN_API __attribute__((visibility("default")))

enum gtcnn_status {
    GTCNN_OK = 0,
    GTCNN_E_ARG = -1,
    GTCNN_E_NOMEM = -2,
    GTCNN_E_IO = -3,
    GTCNN_E_NOENT = -4,
    GTCNN_E_FORMAT = -5,      /* malformed or hostile file */
    GTCNN_E_UNSUPPORTED = -6, /* an operator, attribute, type or version that is not implemented */
    GTCNN_E_LIMIT = -7,       /* a size beyond what the library accepts */
    GTCNN_E_SHAPE = -8        /* shapes do not fit each other, or the array does not fit the model */
};

enum { GTCNN_ERR_TEXT = 512, GTCNN_MAX_RANK = 8, GTCNN_DIGEST_BYTES = 32 };

struct gtcnn_err {
    enum gtcnn_status status;
    char text[GTCNN_ERR_TEXT]; /* untouched on success; names from a file are escaped */
};

/* Dimensions in the order of the ONNX file (NCHW for images), whatever the order in memory. */
struct gtcnn_shape {
    uint32_t rank;
    int64_t dim[GTCNN_MAX_RANK];
};

/* A layer as the model file has it. */
struct gtcnn_layer {
    const char *name;     /* node's name, or its first output's */
    const char *op;       /* ONNX operator type: "Conv", "BatchNormalization", ... */
    uint64_t macs;        /* multiply-accumulates for one image; 0 but for convolutions and fully connected layers */
    uint64_t params;      /* before batch normalisation is folded: weights, biases, two per normalised channel */
    uint64_t activations; /* elements of its output, for one image */
    uint64_t bytes;       /* fp32 traffic for one image: inputs + weights + outputs, each once */
    struct gtcnn_shape input, output, weight; /* weight.rank 0: none */
    uint32_t kernel[2], stride[2], groups;    /* 0 where the layer has none */
    uint32_t
        unit; /* index of the unit that executes it; UINT32_MAX: none does (it only renames or reshapes, or nobody needs it) */
};

/* What one call of gtcnn_unit_execute executes. Borrowed from the model; valid until it is closed (but see gtcnn_model_keep).
 */
struct gtcnn_unit {
    uint32_t struct_bytes;
    uint32_t index;                   /* position in execution order, 0 ... unit_count - 1 */
    uint64_t model_uid;               /* the model it belongs to */
    const char *name;                 /* of its principal layer */
    const char *op;                   /* of its principal layer: "Conv", "Gemm", ... */
    uint64_t macs, params;            /* sums over its members; one image */
    struct gtcnn_shape input, output; /* with the batch bound at load */
    uint32_t member_count;
    const struct gtcnn_layer *const *members; /* in the file's order */
    const struct gtcnn_model_info *model;
};

struct gtcnn_model_info {
    uint32_t struct_bytes;
    uint32_t api_version;
    uint64_t uid;                       /* unique within the process, never reused */
    const char *name;                   /* "fashion/b3", or the file's base name without .onnx; never NULL */
    const char *family;                 /* "fashion"; NULL when unknown */
    double phi;                         /* scaling coefficient; NaN when unknown */
    const char *weights;                /* "random", "trained" or "file" */
    const char *path;                   /* of the file; NULL for a built-in model */
    const char *precision;              /* "fp32", "bf16" */
    uint8_t digest[GTCNN_DIGEST_BYTES]; /* SHA-256 of the file, then of each external range in initialiser order;
                                           for a built-in model, of what export writes */
    uint64_t macs, params;              /* sums over all layers; one image */
    uint32_t batch, threads;
    uint32_t layer_count, unit_count;
    const struct gtcnn_layer *layers;
    const struct gtcnn_unit *units;
    struct gtcnn_shape input, output; /* with the batch bound */
    const char *input_name, *output_name;
    int64_t opset, ir_version;
    const char *version, *build; /* of the library: "0.1.0", compiler and kernels */
    /* From version 2 on: */
    const char *isa;            /* of the kernels: "avx512", "avx2", "c" (plain C); the environment's GTCNN_ISA chooses */
    const uint64_t *unit_bytes; /* per unit: what one call of it reads and writes, each once: constants, and for the whole
                                   batch what its members do not hand to each other */
    uint32_t fused;             /* 1: blocks are executed as units of several products where they can be; 0: layer by layer */
    uint32_t reserved;          /* 0 */
};

struct gtcnn_options {
    uint32_t struct_bytes; /* sizeof(struct gtcnn_options) */
    uint32_t batch;        /* binds a dynamic batch dimension; 0: the file's own, or 1 where that is dynamic */
    uint32_t threads;      /* 0: 1 */
    uint32_t flags;        /* GTCNN_BY_LAYER | GTCNN_BF16, or 0; others are GTCNN_E_ARG. From version 2 on */
};

/*
 * GTCNN_BY_LAYER: no unit of more than one convolution or matrix product (with the normalisation and activation behind it).
 * GTCNN_BF16: weights of convolutions and products, and maps between them, are bfloat16, sums are fp32; GTCNN_E_ARG where the
 * processor has no instruction for that (AVX512_BF16).
 */
enum { GTCNN_BY_LAYER = 1, GTCNN_BF16 = 2 };

struct gtcnn_model;

/*
 * Opens a built-in model ("fashion/b3", "efficientnet/b0") or an ONNX file (anything that names an existing file, or ends
 * in .onnx). *model is owned by the caller. `options` NULL: all defaults. Weights are in memory once, as the kernels want them:
 * a file, and its external data, stays open for as long as the model. A thread that helps to read it has ended on return.
 */
GTCNN_API enum gtcnn_status gtcnn_model_open(const char *name_or_path, const struct gtcnn_options *options,
                                             struct gtcnn_model **model, struct gtcnn_err *err);
/* Joins the threads and frees everything. NULL is allowed. */
GTCNN_API void gtcnn_model_close(struct gtcnn_model *model);

/* Borrowed; valid until the model is closed. */
GTCNN_API const struct gtcnn_model_info *gtcnn_model_info(const struct gtcnn_model *model);

/*
 * Runs one batch. `input`: info->input elements of fp32 in the file's order (NCHW, row-major); `output`: room for
 * info->output elements, likewise. `items`: how many of the batch's images are real (1 ... batch); what it costs and
 * computes does not depend on it, but it is what a profiler counts.
 */
GTCNN_API enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items);

/*
 * The same, and the nanoseconds that each unit took: `unit_ns` has room for info->unit_count of them. A profiler that
 * interposes gtcnn_infer does not see this call, only its units.
 */
GTCNN_API enum gtcnn_status gtcnn_infer_timed(struct gtcnn_model *model, const float *input, float *output, uint32_t items,
                                              uint64_t *unit_ns);

/* Executes one unit on the model's threads. Called by gtcnn_infer, once per unit and batch, on the caller's thread. */
GTCNN_API void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context);

/* Writes the model as ONNX (opset 13, initialisers inside): temporary file, then renamed. Refused for models read from a file.
 */
GTCNN_API enum gtcnn_status gtcnn_model_export(const struct gtcnn_model *model, const char *path, struct gtcnn_err *err);

/*
 * Copies a tensor by node or tensor name after gtcnn_infer, in the file's order. Only tensors asked for by
 * gtcnn_model_keep before the first inference are kept; others are GTCNN_E_NOENT. *data is owned by the caller (free).
 *
 * gtcnn_model_keep plans the model anew, since what is kept cannot be fused: layers and units that were read before it are
 * void; read info->layers and info->units again. It reads the weights of a file again: GTCNN_E_IO when that has changed since
 * the model was opened. When it fails, for lack of memory too, the model is as it was, those pointers included.
 */
GTCNN_API enum gtcnn_status gtcnn_model_keep(struct gtcnn_model *model, const char *name, struct gtcnn_err *err);
GTCNN_API enum gtcnn_status gtcnn_model_tensor(const struct gtcnn_model *model, const char *name, float **data,
                                               struct gtcnn_shape *shape, struct gtcnn_err *err);

/* What a machine does at most. */
struct gtcnn_peaks {
    uint32_t struct_bytes; /* sizeof(struct gtcnn_peaks), set by the caller */
    uint32_t threads;
    const char *isa;         /* of the multiply-adds; static */
    double macs_per_second;  /* multiply-adds, all threads together; each is two floating-point operations */
    double bytes_per_second; /* reading memory that no cache holds, likewise */
};

/*
 * Measures both, best of a fifth of a second, with the instruction set, precision and number of threads (its own ones) that a
 * model opened with these options now would take; options NULL: all defaults. Takes up to 512 MiB meanwhile. From version 2 on.
 * GTCNN_E_ARG (threads, precision, GTCNN_ISA), GTCNN_E_NOMEM.
 */
GTCNN_API enum gtcnn_status gtcnn_measure_peaks(const struct gtcnn_options *options, struct gtcnn_peaks *peaks,
                                                struct gtcnn_err *err);

/* Names of the built-in models, one after the other; NULL behind the last. */
GTCNN_API const char *gtcnn_builtin_name(size_t index);

#ifdef __cplusplus
}
#endif
#endif
