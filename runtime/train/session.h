/*
 * One training from its recipe to its files. Internal to the trainer.
 */
#ifndef GTCNN_TRAIN_SESSION_H
#define GTCNN_TRAIN_SESSION_H

#include "runtime/train/recipe.h"

/*
 * Trains into the folder `output` (made if it is not there): "checkpoint" after every epoch, from which it goes on if one of
 * the same recipe lies there; at the end "model.onnx" (weights of the epoch with the best held-out accuracy, the later one of
 * equals) and "training.json" (recipe, counts, curves). A line for each epoch goes to `out`, a progress bar to `log` where that
 * is a terminal. `data`: folder of the IDX files, NULL: the default one.
 */
enum gtcnn_status gtcnn_train(const struct gtcnn_recipe *recipe, const char *data, const char *output, FILE *out, FILE *log,
                              struct gtcnn_err *err);

#endif
