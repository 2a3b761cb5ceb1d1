/*
 * The built-in families: MBConv networks described by a blueprint and scaled by compound coefficients. Internal.
 *
 * A *blueprint* is the network at phi = 0; a *member* is one row of width, depth and resolution factors. Tables stand in
 * families.c, the builder in families_mbconv.c, the seeded weights in weights.c. All data is const; all functions are pure but
 * for memory, hence thread-safe.
 *
 * Sources: Tan & Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019 (arXiv:1905.11946),
 * and the official code, github.com/tensorflow/tpu models/official/efficientnet: efficientnet_builder.py (efficientnet_params,
 * blocks_args) and efficientnet_model.py (round_filters, round_repeats, MBConvBlock); beside it in lite/
 * efficientnet_lite_builder.py (efficientnet_lite_params, blocks_args).
 */
#ifndef GTCNN_FAMILIES_H
#define GTCNN_FAMILIES_H

#include "runtime/graph.h"

/* One stage: `repeats` MBConv blocks; the first has the stride and changes the channels. Official notation "r k s e o". */
struct gtcnn_stage {
    uint32_t repeats, kernel, stride, expand, channels;
};

/* The network at width = depth = 1. */
struct gtcnn_blueprint {
    const char *family;
    uint32_t input_channels, classes;
    uint32_t stem_channels, stem_stride; /* 3x3 convolution */
    uint32_t head_channels;              /* 1x1 convolution before the pooling */
    uint32_t divisor;                    /* channels are multiples of it */
    float bn_epsilon;
    double se_ratio; /* of the block's input channels; 0: no squeeze-and-excite */
    bool relu6;      /* the activation is min(max(x, 0), 6), else x * sigmoid(x) */
    bool fixed_ends; /* stem and head keep their channels, the first and the last stage their repeats, at any size */
    uint32_t stage_count;
    const struct gtcnn_stage *stages;
};

/* One member of a family. */
struct gtcnn_member {
    const char *name; /* "efficientnet/b0" */
    const struct gtcnn_blueprint *blueprint;
    double phi; /* nominal coefficient: what was asked for */
    double width, depth;
    uint32_t resolution; /* height and width of the input */
};

/* The member of that index (all families, one after the other) or NULL behind the last; and by name, NULL when unknown. */
const struct gtcnn_member *gtcnn_family_member(size_t index);
const struct gtcnn_member *gtcnn_family_find(const char *name);

/*
 * round_filters: channels * width to the nearest multiple of the divisor, at least the divisor, and one multiple more where
 * that lies below 90 % of the wish.
 */
uint32_t gtcnn_family_round_channels(uint32_t channels, double width, uint32_t divisor);
/* round_repeats: ceil(depth * repeats). */
uint32_t gtcnn_family_round_repeats(uint32_t repeats, double depth);
/* Channels of a squeeze: max(1, floor(block's input channels * ratio)). */
uint32_t gtcnn_family_squeeze_channels(uint32_t input_channels, double ratio);

/* The graph of a member with seeded weights and a dynamic batch (dimension 0 is -1). GTCNN_E_NOMEM is the only failure. */
enum gtcnn_status gtcnn_mbconv_build(const struct gtcnn_member *member, struct gtcnn_graph **graph, struct gtcnn_err *err);

#endif
