/*
 * Where the elements of a tensor stand: dimensions in the file's order, a stride for each. Four-dimensional maps are NHWC in
 * memory, everything else is row-major; views (Transpose, Reshape, ...) only change dimensions and strides.
 */
#ifndef GTCNN_LAYOUT_H
#define GTCNN_LAYOUT_H

#include "runtime/gtcnn.h"

#include <stdbool.h>

/* Where an array begins: `offset` elements into a buffer of the plan, or at a constant. */
struct gtcnn_ref {
    int buffer; /* -1: constant */
    int64_t offset;
    const float *constant; /* borrowed */
};

struct gtcnn_array {
    struct gtcnn_ref at;
    bool narrow; /* bfloat16, two to a float; in memory's order, from a buffer's begin */
    struct gtcnn_shape shape;
    int64_t stride[GTCNN_MAX_RANK];
};

/* Strides in the file's order, and in memory's (NHWC where the rank is 4). */
void gtcnn_layout_row_major(const struct gtcnn_shape *shape, int64_t stride[GTCNN_MAX_RANK]);
void gtcnn_layout_memory(const struct gtcnn_shape *shape, int64_t stride[GTCNN_MAX_RANK]);

/* Do the strides address the same elements? Those of dimensions of size 1 do not matter. */
bool gtcnn_layout_equal(const struct gtcnn_shape *shape, const int64_t *a, const int64_t *b);
bool gtcnn_layout_is_row_major(const struct gtcnn_array *array);
bool gtcnn_layout_is_memory(const struct gtcnn_array *array);

struct gtcnn_elements;

/*
 * Puts the dimensions into y's memory order, drops those of size 1 and joins neighbours that all arrays step through evenly.
 * At least one dimension remains.
 */
void gtcnn_layout_simplify(struct gtcnn_elements *elements);

/* Copies an array: both with the shape's dimensions, each with its own strides. */
void gtcnn_layout_copy(const struct gtcnn_shape *shape, float *to, const int64_t *to_stride, const float *from,
                       const int64_t *from_stride);

#endif
