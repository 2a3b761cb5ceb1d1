/* Mean and softmax along dimensions of an array of any order in memory. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <math.h>

static int64_t product(const int64_t *dim, uint32_t rank)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < rank; d++)
        n *= dim[d];
    return n;
}

static int64_t offset(int64_t index, const int64_t *dim, const int64_t *stride, uint32_t rank)
{
    int64_t at = 0;
    for (uint32_t d = rank; d-- > 0;) {
        at += index % dim[d] * stride[d];
        index /= dim[d];
    }
    return at;
}

void gtcnn_ref_reduce_mean(const struct gtcnn_along *a, uint32_t part, uint32_t parts)
{
    int64_t n = product(a->over, a->over_rank);
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)product(a->dim, a->rank), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const float *x = a->x + offset(i, a->dim, a->x_stride, a->rank);
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += x[offset(k, a->over, a->over_x, a->over_rank)];
        a->y[offset(i, a->dim, a->y_stride, a->rank)] = (float)(sum / (double)n);
    }
}

static void softmax(const struct gtcnn_along *a, const float *x, float *y, int64_t n)
{
    float most = -INFINITY;
    for (int64_t k = 0; k < n; k++) {
        float v = x[offset(k, a->over, a->over_x, a->over_rank)];
        most = v > most ? v : most;
    }
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        float e = expf(x[offset(k, a->over, a->over_x, a->over_rank)] - most);
        y[offset(k, a->over, a->over_y, a->over_rank)] = e;
        sum += e;
    }
    for (int64_t k = 0; k < n; k++)
        y[offset(k, a->over, a->over_y, a->over_rank)] /= (float)sum;
}

void gtcnn_ref_softmax(const struct gtcnn_along *a, uint32_t part, uint32_t parts)
{
    int64_t n = product(a->over, a->over_rank);
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)product(a->dim, a->rank), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++)
        softmax(a, a->x + offset(i, a->dim, a->x_stride, a->rank), a->y + offset(i, a->dim, a->y_stride, a->rank), n);
}
