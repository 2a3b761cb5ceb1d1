#include "runtime/layout.h"

#include "runtime/kernels.h"

#include <string.h>

void gtcnn_layout_row_major(const struct gtcnn_shape *shape, int64_t stride[GTCNN_MAX_RANK])
{
    int64_t step = 1;
    for (uint32_t d = shape->rank; d-- > 0;) {
        stride[d] = step;
        step *= shape->dim[d];
    }
}

void gtcnn_layout_memory(const struct gtcnn_shape *shape, int64_t stride[GTCNN_MAX_RANK])
{
    if (shape->rank != 4) {
        gtcnn_layout_row_major(shape, stride);
        return;
    }
    stride[1] = 1;
    stride[3] = shape->dim[1];
    stride[2] = stride[3] * shape->dim[3];
    stride[0] = stride[2] * shape->dim[2];
}

bool gtcnn_layout_equal(const struct gtcnn_shape *shape, const int64_t *a, const int64_t *b)
{
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->dim[d] > 1 && a[d] != b[d])
            return false;
    return true;
}

bool gtcnn_layout_is_row_major(const struct gtcnn_array *array)
{
    int64_t stride[GTCNN_MAX_RANK];
    gtcnn_layout_row_major(&array->shape, stride);
    return gtcnn_layout_equal(&array->shape, array->stride, stride);
}

bool gtcnn_layout_is_memory(const struct gtcnn_array *array)
{
    int64_t stride[GTCNN_MAX_RANK];
    gtcnn_layout_memory(&array->shape, stride);
    return gtcnn_layout_equal(&array->shape, array->stride, stride);
}

/* Elements that are hardly worth a call of their own. */
enum { SHORT_ROW = 8 };

static void swap_dimensions(struct gtcnn_elements *e, uint32_t a, uint32_t b)
{
    int64_t *rows[5] = {e->dim, e->y_stride, e->stride[0], e->stride[1], e->stride[2]};
    for (int i = 0; i < 5; i++) {
        int64_t kept = rows[i][a];
        rows[i][a] = rows[i][b];
        rows[i][b] = kept;
    }
}

static void move_dimension(struct gtcnn_elements *e, uint32_t from, uint32_t to)
{
    int64_t *rows[5] = {e->dim, e->y_stride, e->stride[0], e->stride[1], e->stride[2]};
    for (int i = 0; i < 5; i++)
        rows[i][to] = rows[i][from];
}

static bool joins(const struct gtcnn_elements *e, uint32_t outer, uint32_t inner)
{
    if (e->y_stride[outer] != e->y_stride[inner] * e->dim[inner])
        return false;
    for (int o = 0; o < 3; o++)
        if (e->operand[o] && e->stride[o][outer] != e->stride[o][inner] * e->dim[inner])
            return false;
    return true;
}

void gtcnn_layout_simplify(struct gtcnn_elements *e)
{
    uint32_t n = 0;
    for (uint32_t d = 0; d < e->rank; d++)
        if (e->dim[d] != 1)
            move_dimension(e, d, n++);
    if (n == 0) {
        e->dim[n] = 1;
        e->y_stride[n] = e->stride[0][n] = e->stride[1][n] = e->stride[2][n] = 1;
        n++;
    }
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0 && e->y_stride[j - 1] < e->y_stride[j]; j--)
            swap_dimensions(e, j - 1, j);
    uint32_t last = 0;
    for (uint32_t d = 1; d < n; d++) {
        if (joins(e, last, d)) {
            int64_t joined = e->dim[last] * e->dim[d];
            move_dimension(e, d, last);
            e->dim[last] = joined;
        } else {
            move_dimension(e, d, ++last);
        }
    }
    e->rank = last + 1;
    /* Rows of three colours: the kernel goes along the pixels instead. */
    if (last > 0 && e->dim[last] < SHORT_ROW && e->dim[last - 1] > e->dim[last] && e->activation.act == GTCNN_ACT_NONE)
        swap_dimensions(e, last - 1, last);
}

void gtcnn_layout_copy(const struct gtcnn_shape *shape, float *to, const int64_t *to_stride, const float *from,
                       const int64_t *from_stride)
{
    struct gtcnn_elements copy = {.op = GTCNN_ELEMENT_COPY, .rank = shape->rank, .y = to, .operand = {from}};
    memcpy(copy.dim, shape->dim, sizeof copy.dim);
    memcpy(copy.y_stride, to_stride, sizeof copy.y_stride);
    memcpy(copy.stride[0], from_stride, sizeof copy.stride[0]);
    gtcnn_layout_simplify(&copy);
    gtcnn_ref_elements(&copy, 0, 1);
}
