/*
 * How a network is trained: everything that decides the result, but for the processor. Internal to the trainer.
 *
 * The same recipe on the same processor and oneDNN gives the same weights bit for bit, interrupted or not.
 */
#ifndef GTCNN_TRAIN_RECIPE_H
#define GTCNN_TRAIN_RECIPE_H

#include "runtime/gtcnn.h"

#include <stdbool.h>
#include <stdio.h>

struct gtcnn_recipe {
    const char *model; /* built-in name; borrowed */
    uint64_t seed;     /* of weights, order and augmentation; never of the held-out split */
    uint32_t epochs;   /* of the cosine schedule */
    uint32_t warmup;   /* epochs of linear warm-up among them */
    uint32_t patience; /* epochs without a better held-out accuracy after which training stops */
    uint32_t batch, threads;
    uint32_t held_out;                /* training images set apart, the same ones for every seed and size */
    uint32_t limit;                   /* train on that many of the others; 0: all */
    uint32_t shift;                   /* pixels, each way, before resizing */
    bool flip;                        /* left and right, every second image */
    double rate;                      /* the highest learning rate, for a batch of the size above */
    double momentum;                  /* Nesterov's */
    double decay;                     /* weight decay (L2), of weights alone */
    double smoothing;                 /* of labels */
    uint8_t data[GTCNN_DIGEST_BYTES]; /* SHA-256 of the data set's training split; filled in when it is opened */
};

/* What one epoch came to. */
struct gtcnn_epoch {
    double rate;                                 /* learning rate of its last step */
    double train_loss, train_accuracy_pct;       /* running means over the epoch, augmented images, smoothed labels */
    double held_out_loss, held_out_accuracy_pct; /* afterwards; plain cross-entropy */
};

/* Learning rate of step `step` of `steps_per_epoch` in each epoch: linear warm-up from 0, then half a cosine down to 0. */
double gtcnn_recipe_rate(const struct gtcnn_recipe *recipe, uint64_t step, uint64_t steps_per_epoch);

/* One line that holds everything; what a checkpoint must agree with. */
void gtcnn_recipe_text(const struct gtcnn_recipe *recipe, char *out, size_t size);

#endif
