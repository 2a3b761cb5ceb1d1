#include "energy/dense.h"

#include <math.h>

static double dot(const double *a, const double *b, size_t n)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum[0] += a[i] * b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

bool gt_dense_cholesky(double *a, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double *row = a + i * n;
        for (size_t j = 0; j < i; j++)
            row[j] = (row[j] - dot(row, a + j * n, j)) / a[j * n + j];
        double rest = row[i] - dot(row, row, i);
        if (!(rest > 1e-12 * fabs(row[i])) || !(rest > 0))
            return false;
        row[i] = sqrt(rest);
    }
    return true;
}

double gt_dense_log_det(const double *factor, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += log(factor[i * n + i]);
    return 2 * sum;
}

void gt_dense_solve(const double *factor, size_t n, double *x)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (x[i] - dot(factor + i * n, x, i)) / factor[i * n + i];
    for (size_t i = n; i-- > 0;) {
        x[i] /= factor[i * n + i];
        for (size_t j = 0; j < i; j++)
            x[j] -= factor[i * n + j] * x[i];
    }
}

void gt_dense_invert(const double *factor, size_t n, double *out, double *column)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++)
            column[j] = i == j;
        gt_dense_solve(factor, n, column);
        for (size_t j = 0; j < n; j++)
            out[i * n + j] = column[j];
    }
}
