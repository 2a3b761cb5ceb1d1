/*
 * Puts the results of batches together again: rows of the real items of each batch, one behind the other.
 */
#ifndef GTCNN_CLI_COLLECT_H
#define GTCNN_CLI_COLLECT_H

#include "runtime/gtcnn.h"

/* Zero-initialise it. A tensor whose first dimension is not the batch can be had from one whole batch only. */
struct gtcnn_collected {
    struct gtcnn_shape shape;
    float *data; /* owned; free */
};

/* Adds the first `items` rows of a batch's tensor as rows first ... of `total`. */
enum gtcnn_status gtcnn_collect_add(struct gtcnn_collected *c, const struct gtcnn_shape *shape, const float *data,
                                    uint32_t batch, uint64_t first, uint32_t items, uint64_t total, struct gtcnn_err *err);

/*
 * Where the dump of tensor `name` goes: NAME.npy in the folder of `output`, every byte of the name outside [A-Za-z0-9._-] and a
 * leading dot replaced by _, at most 200 bytes. Owned by the caller; NULL when memory is out.
 */
char *gtcnn_collect_path(const char *output, const char *name);

#endif
