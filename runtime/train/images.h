/*
 * The images to train on: the split, the order of an epoch, augmentation. Internal to the trainer.
 *
 * The held-out images are drawn once, by a fixed seed of their own, from the data set's training split; all seeds and sizes
 * share them, and no epoch sees them. The test split is never opened. Belongs to one thread at a time.
 */
#ifndef GTCNN_TRAIN_IMAGES_H
#define GTCNN_TRAIN_IMAGES_H

#include "runtime/cli/dataset.h"
#include "runtime/cli/resize.h"
#include "runtime/train/recipe.h"
#include "runtime/weights.h"

struct gtcnn_images {
    struct gtcnn_dataset data;
    struct gtcnn_resizer resizer;
    struct gtcnn_weights stream; /* of the epoch */
    uint32_t *train, *held_out;  /* owned; indices into the data set */
    uint32_t train_count, held_out_count;
    uint8_t *shifted;       /* owned; one image */
    uint32_t height, width; /* of the data set's images */
};

/* Loads the training split of the folder (NULL: the default) and splits it. `side`: of the network's square input. */
enum gtcnn_status gtcnn_images_open(const struct gtcnn_recipe *recipe, const char *folder, uint32_t side,
                                    struct gtcnn_images *images, struct gtcnn_err *err);
void gtcnn_images_close(struct gtcnn_images *images);

/* Shuffles the training images and seeds the augmentation: a function of the recipe and the epoch alone. */
void gtcnn_images_begin_epoch(struct gtcnn_images *images, const struct gtcnn_recipe *recipe, uint32_t epoch);

/* The n-th training image of the epoch, augmented: side x side values to `out`. Images are to be taken in order. Returns the
 * label. */
uint8_t gtcnn_images_train(struct gtcnn_images *images, const struct gtcnn_recipe *recipe, uint32_t n, float *out);
/* The n-th held-out image, as an evaluation would see it. */
uint8_t gtcnn_images_held_out(struct gtcnn_images *images, uint32_t n, float *out);

#endif
