/* What a training leaves: a line for each epoch, the model's file, the recipe with its curves. Internal to the trainer. */
#ifndef GTCNN_TRAIN_REPORT_H
#define GTCNN_TRAIN_REPORT_H

#include "runtime/cli/dataset.h"
#include "runtime/graph.h"
#include "runtime/train/checkpoint.h"

/* The last finished epoch as a line. */
void gtcnn_report_epoch(FILE *f, const struct gtcnn_recipe *recipe, const struct gtcnn_training *training);

/* Writes model.onnx and training.json into the folder, each whole or not at all, and says so. */
enum gtcnn_status gtcnn_report_files(const char *folder, const struct gtcnn_recipe *recipe,
                                     const struct gtcnn_training *training, const struct gtcnn_graph *graph,
                                     const struct gtcnn_dataset *data, FILE *out, struct gtcnn_err *err);

#endif
