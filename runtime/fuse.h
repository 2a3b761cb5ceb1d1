/*
 * Which nodes of a graph are executed together: the groups that become units.
 *
 * A convolution or matrix product takes a batch normalisation behind it (folded into its weights, where its columns are what is
 * normalised and only a bias is added to them) and then an activation (as epilogue); Sigmoid and Mul of one input are SiLU,
 * HardSigmoid and Mul are HardSwish, with or without a convolution before. Identity and Dropout are no computation at all:
 * their outputs are other names of their inputs.
 */
#ifndef GTCNN_FUSE_H
#define GTCNN_FUSE_H

#include "runtime/graph.h"
#include "runtime/kernels.h"

enum { GTCNN_GROUP_NODES = 4 };

struct gtcnn_group {
    uint32_t count;
    uint32_t nodes[GTCNN_GROUP_NODES]; /* ascending; the first is the principal one */
    int batchnorm;                     /* the node that is folded, or -1 */
    struct gtcnn_activation activation;
    int output; /* tensor */
};

struct gtcnn_fusion {
    uint32_t group_count;
    struct gtcnn_group *groups; /* owned; in an order in which they can be executed */
    int *alias;                 /* owned; per tensor: the tensor whose elements it has (itself, mostly) */
};

/* `keep`: per tensor, must be there after an inference. GTCNN_E_NOMEM is the only failure. */
enum gtcnn_status gtcnn_fuse(const struct gtcnn_graph *graph, const bool *keep, struct gtcnn_fusion *fusion);
void gtcnn_fusion_free(struct gtcnn_fusion *fusion);

#endif
