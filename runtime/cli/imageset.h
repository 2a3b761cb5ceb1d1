/*
 * Labelled images to classify: IDX files (dataset.h) or folders of JPEG and PNG files (folder.h), made ready for a model.
 *
 * Of folders one image at a time is in memory. Not thread-safe; owns its memory.
 */
#ifndef GTCNN_CLI_IMAGESET_H
#define GTCNN_CLI_IMAGESET_H

#include "runtime/cli/dataset.h"
#include "runtime/cli/folder.h"
#include "runtime/cli/preprocess.h"
#include "runtime/cli/resize.h"

struct gtcnn_imageset {
    bool idx;
    struct gtcnn_dataset data;    /* of IDX */
    struct gtcnn_folder folder;   /* else */
    struct gtcnn_resizer resizer; /* of IDX */
    struct gtcnn_recipe recipe;
    char *name;             /* owned; base name of the folder */
    const char *split;      /* static */
    uint32_t *labels;       /* owned */
    uint64_t count, others; /* images of the whole split; entries of folders that were left out */
    uint8_t digest[GTCNN_DIGEST_BYTES];
};

/*
 * Opens what --data names: IDX where a file of the split is there or the folder has no folders, else folders. Labels and counts
 * are checked against the model's `classes` outputs, preprocessing against its input.
 */
enum gtcnn_status gtcnn_imageset_open(struct gtcnn_imageset *set, const struct gtcnn_cli_args *args,
                                      const struct gtcnn_shape *input, uint64_t classes, struct gtcnn_err *err);
void gtcnn_imageset_free(struct gtcnn_imageset *set);

/* Image `index` as one item of the model's input. */
enum gtcnn_status gtcnn_imageset_get(struct gtcnn_imageset *set, uint64_t index, float *out, struct gtcnn_err *err);

/* Fills set->digest, which of folders means reading every file; `tick` is called after each. */
enum gtcnn_status gtcnn_imageset_hash(struct gtcnn_imageset *set, void (*tick)(void *context, size_t done), void *context,
                                      struct gtcnn_err *err);

#endif
