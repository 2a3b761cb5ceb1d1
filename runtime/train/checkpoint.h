/*
 * A training in progress: what it takes to go on where it was killed, and its file. Internal to the trainer.
 *
 * The file: magic and version, the recipe as text, counters, curves, then all values; little-endian, with a CRC-32 at the end.
 * It is written beside and renamed, so that a kill leaves the old or the new one, whole. One written under another recipe, or
 * damaged, is refused by name and left as it is.
 */
#ifndef GTCNN_TRAIN_CHECKPOINT_H
#define GTCNN_TRAIN_CHECKPOINT_H

#include "runtime/train/recipe.h"

struct gtcnn_training {
    uint32_t epoch;          /* finished ones */
    uint32_t best_epoch;     /* counted from 1; 0: none yet. Of equals the later one */
    uint32_t improved_epoch; /* the last one that was better than all before it, not only as good */
    uint64_t examples;       /* seen, with repetitions */
    double cpu_seconds, wall_seconds;
    struct gtcnn_epoch *curve; /* owned; room for all epochs */
    size_t state_count;        /* values of parameters and running statistics */
    size_t velocity_count;
    float *state, *best, *velocity; /* owned: as they are, of the best epoch, momentum */
};

/* Everything zero. GTCNN_E_NOMEM. */
enum gtcnn_status gtcnn_training_new(uint32_t epochs, size_t state_count, size_t velocity_count,
                                     struct gtcnn_training *training, struct gtcnn_err *err);
void gtcnn_training_free(struct gtcnn_training *training);

enum gtcnn_status gtcnn_checkpoint_write(const char *path, const struct gtcnn_recipe *recipe,
                                         const struct gtcnn_training *training, struct gtcnn_err *err);
/* GTCNN_E_NOENT when there is no such file, which leaves `training` as it was; errors may leave it half filled. */
enum gtcnn_status gtcnn_checkpoint_read(const char *path, const struct gtcnn_recipe *recipe, struct gtcnn_training *training,
                                        struct gtcnn_err *err);

#endif
