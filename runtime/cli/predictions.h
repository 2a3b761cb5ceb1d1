/*
 * The predictions file: what `gtcnn eval --predictions FILE` writes and `greentrack eval` scores.
 *
 * Format, version 1 (UTF-8 text, LF line ends, no blank lines):
 *
 *   # gtcnn predictions 1            first line, exactly this; a reader refuses any other number
 *   # KEY VALUE                      header lines; the value is the rest of the line; unknown keys are to be ignored
 *   INDEX LABEL PREDICTION           one row per image, decimal, one blank between; INDEX counts from 0 without gaps
 *
 * Keys (all present but family and phi, which are left out where the model does not say):
 *   model           name as gtcnn shows it: "fashion/b3", or the file's base name without .onnx
 *   digest          of the model, 64 hexadecimal digits
 *   family, phi     "fashion", "3"
 *   weights         "random", "trained" or "file"
 *   macs, params    for one image, integers
 *   runtime         version and build of the library
 *   precision       "fp32"
 *   threads, batch  integers
 *   dataset         base name of the data's folder: "fashion-mnist"
 *   dataset_digest  SHA-256 over the uncompressed image file followed by the uncompressed label file (headers included), or
 *                   over the names and contents of the folders' images (folder.h), all of the split whatever --limit says; 64
 *                   hexadecimal digits
 *   dataset_images  images in the whole split
 *   split           "test" or "train"; of folders also "val"
 *   preprocessing   what was done to the images, in one line without the model's size (preprocess.h): accuracies of different
 *                   lines are not to be compared
 *   images          rows that follow: a reader that finds another number has a truncated file
 *   classes         outputs of the model; 0 <= PREDICTION < classes, likewise LABEL
 *
 * Bytes in values that could drive a terminal are escaped as \xHH, a backslash as \\ (escape.h). PREDICTION is the index of the
 * largest output, the lowest index on a tie; an output without any number in it (all NaN) is class 0. The label column is the
 * dataset's own, so a reader may score without having the dataset. Written to a temporary file beside FILE, then renamed: FILE
 * is whole or absent.
 */
#ifndef GTCNN_CLI_PREDICTIONS_H
#define GTCNN_CLI_PREDICTIONS_H

#include "runtime/gtcnn.h"

#include <stdint.h>

#define GTCNN_PREDICTIONS_MAGIC "# gtcnn predictions 1"

/* What was evaluated. All pointers borrowed. */
struct gtcnn_predictions {
    const struct gtcnn_model_info *model;
    const char *dataset, *split;
    const uint8_t *dataset_digest; /* GTCNN_DIGEST_BYTES */
    uint64_t dataset_images;
    uint64_t images; /* rows */
    uint64_t classes;
    const char *preprocessing;   /* one line */
    const uint32_t *labels;      /* `images` of them */
    const uint32_t *predictions; /* `images` of them */
};

/* Writes the file atomically. GTCNN_E_IO with the path and the system's reason in err. */
enum gtcnn_status gtcnn_predictions_write(const char *path, const struct gtcnn_predictions *p, struct gtcnn_err *err);

/* Index of the largest of `n` numbers; the lowest index on a tie, NaN never wins; 0 when n is 0 or all are NaN. */
uint32_t gtcnn_predictions_argmax(const float *values, uint64_t n);

#endif
