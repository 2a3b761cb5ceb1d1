/*
 * A labelled set of grey images in MNIST's four files: {train,t10k}-{images-idx3,labels-idx1}-ubyte, plain or .gz.
 * Thread-safe; the data set owns its memory.
 */
#ifndef GTCNN_CLI_DATASET_H
#define GTCNN_CLI_DATASET_H

#include "runtime/cli/idx.h"

#include <stdbool.h>

/* Where Debian's package dataset-fashion-mnist puts its files. */
#define GTCNN_DATASET_DEFAULT "/usr/share/datasets/fashion-mnist"
#define GTCNN_DATASET_PACKAGE "dataset-fashion-mnist"

struct gtcnn_dataset {
    char *name;        /* owned; base name of the folder */
    const char *split; /* "test" or "train"; static */
    struct gtcnn_idx images, labels;
    uint8_t digest[GTCNN_DIGEST_BYTES]; /* SHA-256 over the uncompressed images file, then the labels file */
};

/*
 * Loads a split ("test", "train") from `folder` (NULL: the default one). A plain file is preferred to its .gz. The numbers of
 * images and labels must agree. A missing default set is answered with the name of its package.
 */
enum gtcnn_status gtcnn_dataset_load(const char *folder, const char *split, struct gtcnn_dataset *d, struct gtcnn_err *err);
/* Base name of a folder: "fashion-mnist" from ".../fashion-mnist//"; owned by the caller, NULL when memory is out. */
char *gtcnn_dataset_name(const char *folder);
void gtcnn_dataset_free(struct gtcnn_dataset *d);

/* Whether `folder` (NULL: the default one) has a file of that split. */
bool gtcnn_dataset_there(const char *folder, const char *split);

/* GTCNN_E_FORMAT naming the first label that is no class. */
enum gtcnn_status gtcnn_dataset_check_labels(const struct gtcnn_dataset *d, uint64_t classes, struct gtcnn_err *err);

#endif
