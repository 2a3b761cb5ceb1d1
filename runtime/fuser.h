/* Between fuse.c and fuse_wide.c: the state of one fusion, and the questions and steps that both need. */
#ifndef GTCNN_FUSER_H
#define GTCNN_FUSER_H

#include "runtime/fuse.h"

struct gtcnn_fuser {
    const struct gtcnn_graph *graph;
    const bool *keep;
    struct gtcnn_fusion *fusion;
    uint32_t *users;   /* per tensor (aliases resolved): nodes that read it, and one for whoever wants it after the inference */
    int (*readers)[2]; /* per tensor: the first two of those nodes */
    bool *absorbed;    /* per node */
    bool *needed;      /* per node: contributes to the output or to a kept tensor */
    int *maker;        /* per tensor: the node that computes it, or -1 */
};

/* The tensor whose elements `tensor` has; -1 for -1. */
int gtcnn_fuser_resolve(const struct gtcnn_fuser *f, int tensor);
/* The node that alone reads the tensor, or -1. */
int gtcnn_fuser_only_reader(const struct gtcnn_fuser *f, int tensor);
bool gtcnn_fuser_is_constant(const struct gtcnn_fuser *f, int tensor);
/* The node becomes the group's next member; its output is the group's from here on. */
void gtcnn_fuser_absorb(struct gtcnn_fuser *f, struct gtcnn_group *group, int node);
/* Normalisation and activation behind the product. */
void gtcnn_fuser_take_epilogue(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product);
void gtcnn_fuser_take_activation(struct gtcnn_fuser *f, struct gtcnn_group *group, struct gtcnn_product *product);

/* A block's group that begins with node n (fuse_wide.c); false: none does, and nothing has changed. */
bool gtcnn_fuse_block(struct gtcnn_fuser *f, uint32_t n, struct gtcnn_group *group);

#endif
