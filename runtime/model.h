/* A loaded model: what stands behind the public handle. Internal to the library. */
#ifndef GTCNN_MODEL_H
#define GTCNN_MODEL_H

#include "runtime/plan.h"

struct gtcnn_model {
    struct gtcnn_model_info info;
    struct gtcnn_graph *graph;           /* owned */
    struct gtcnn_plan *plan;             /* owned */
    struct gtcnn_pool *pool;             /* owned */
    char *path;                          /* owned; NULL for a built-in model */
    char *build;                         /* owned; what info.build shows */
    bool by_layer;                       /* nothing but one product in a unit */
    const struct gtcnn_kernels *kernels; /* chosen when it was opened */
    struct gtcnn_layer *layers;
    struct gtcnn_unit *units;
    uint64_t *unit_bytes;
    const struct gtcnn_layer **members; /* of all units, one after the other */
    bool *keep;                         /* per tensor */
    bool used;                          /* an inference has been made */
};

/* The caller's options; of an older caller's struct, which is shorter, what it lacks keeps its default. NULL: all defaults. */
void gtcnn_options_take(struct gtcnn_options *chosen, const struct gtcnn_options *options);

/* What gtcnn_infer hands to gtcnn_unit_execute as its context. */
struct gtcnn_execution {
    const struct gtcnn_plan *plan;
    struct gtcnn_pool *pool;
};

/*
 * Makes the plan the model's, with the layers and units that the public interface shows (units.c), in place of the one it had.
 * On failure (GTCNN_E_NOMEM, GTCNN_E_LIMIT) the model is as it was, and the plan still the caller's.
 */
enum gtcnn_status gtcnn_model_take_plan(struct gtcnn_model *model, struct gtcnn_plan *plan, struct gtcnn_err *err);

#endif
