/*
 * Which nodes of a graph are executed together: the groups that become units.
 *
 * A convolution or matrix product takes a batch normalisation behind it (folded into its weights, where its columns are what is
 * normalised and only a bias is added to them) and then an activation (as epilogue); Sigmoid and Mul of one input are SiLU,
 * HardSigmoid and Mul are HardSwish, with or without a convolution before. Identity and Dropout are no computation at all:
 * their outputs are other names of their inputs.
 *
 * Where kernels can do it, a block's parts are executed together too: an expansion with the depthwise convolution and the
 * pooling behind it, a squeeze with its excitation, a projection with the gate before it and the addition behind.
 */
#ifndef GTCNN_FUSE_H
#define GTCNN_FUSE_H

#include "runtime/graph.h"
#include "runtime/kernels.h"

enum { GTCNN_GROUP_NODES = 16 };

/* A node and what is computed with it: a product's normalisation, and the activation behind. */
struct gtcnn_product {
    int node;      /* -1: there is none */
    int batchnorm; /* the node that is folded, or -1 */
    struct gtcnn_activation activation;
    int output; /* tensor */
};

struct gtcnn_group {
    uint32_t count;
    uint32_t nodes[GTCNN_GROUP_NODES]; /* ascending */
    struct gtcnn_product first;        /* of the principal node */
    struct gtcnn_product second; /* of a depthwise convolution behind an expansion, or of an excitation behind a squeeze */
    int gated,
        gate;     /* tensors: the principal node reads the first times the second, which is by channel; gate -1: it does not */
    int residual; /* tensor that is added before the activation, or -1 */
    int pool;     /* tensor: the mean over all pixels of the output, or -1 */
    int output;   /* tensor */
};

struct gtcnn_fusion {
    uint32_t group_count;
    struct gtcnn_group *groups; /* owned; in an order in which they can be executed */
    int *alias;                 /* owned; per tensor: the tensor whose elements it has (itself, mostly) */
};

/*
 * `keep`: per tensor, must be there after an inference. `wide`: blocks too (fuse_wide.c), else every product is a group of its
 * own. GTCNN_E_NOMEM is the only failure.
 */
enum gtcnn_status gtcnn_fuse(const struct gtcnn_graph *graph, const bool *keep, bool wide, struct gtcnn_fusion *fusion);
void gtcnn_fusion_free(struct gtcnn_fusion *fusion);

#endif
