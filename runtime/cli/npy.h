/*
 * NumPy's .npy files (NEP 1 and numpy.lib.format, versions 1.0, 2.0, 3.0), read as 32-bit floats and written as version 1.0.
 *
 * Read: f4, f8, f2 in either byte order, and u1; C and Fortran order; up to eight dimensions. Files are not trusted: the header
 * is parsed as the one dictionary that it may be, sizes are multiplied with overflow checks, and the data must fill the rest of
 * the file exactly. Thread-safe.
 */
#ifndef GTCNN_CLI_NPY_H
#define GTCNN_CLI_NPY_H

#include "runtime/gtcnn.h"

struct gtcnn_npy {
    struct gtcnn_shape shape; /* rank 0: a scalar */
    int64_t count;            /* elements; 0 when a dimension is 0 */
    float *data;              /* owned; C order */
};

/* Parses a whole file held in memory. Error texts name the place (byte) and not the file. */
enum gtcnn_status gtcnn_npy_parse(const uint8_t *bytes, size_t n, struct gtcnn_npy *array, struct gtcnn_err *err);
/* Reads a regular file. */
enum gtcnn_status gtcnn_npy_load(const char *path, struct gtcnn_npy *array, struct gtcnn_err *err);
void gtcnn_npy_free(struct gtcnn_npy *array);

/* Writes fp32, C order, atomically. `data`: as many values as `shape` holds. */
enum gtcnn_status gtcnn_npy_write(const char *path, const struct gtcnn_shape *shape, const float *data, struct gtcnn_err *err);

#endif
