/*
 * IDX files, the format of MNIST and its successors: big-endian, a magic 00 00 TT RR (TT 08: unsigned bytes; RR: rank), RR
 * sizes of four bytes, then the bytes (Yann LeCun, The MNIST database, "The IDX file format"). Plain or gzip'd.
 *
 * Files are not trusted: the declared size is checked against what the file could hold before anything is allocated (deflate
 * expands at most 1032 times), exactly the declared bytes are read, and one more is looked for. Thread-safe.
 */
#ifndef GTCNN_CLI_IDX_H
#define GTCNN_CLI_IDX_H

#include "runtime/gtcnn.h"

#include <stdint.h>

enum { GTCNN_IDX_MAX_RANK = 3, GTCNN_IDX_HEADER_MAX = 4 + 4 * GTCNN_IDX_MAX_RANK };

struct gtcnn_idx {
    uint32_t rank;
    uint32_t dim[GTCNN_IDX_MAX_RANK];
    uint8_t header[GTCNN_IDX_HEADER_MAX]; /* the first 4 + 4 rank bytes, as they stand in the file */
    uint64_t count;                       /* product of the sizes */
    uint8_t *data;                        /* owned; `count` bytes */
};

/* Loads a file of that rank (1: labels, 3: images). Errors name the file, the place and the remedy. */
enum gtcnn_status gtcnn_idx_load(const char *path, uint32_t rank, struct gtcnn_idx *idx, struct gtcnn_err *err);
void gtcnn_idx_free(struct gtcnn_idx *idx);

#endif
