/*
 * Dense symmetric positive definite matrices, row-major n × n, for the regression. Pure functions; matrices are the caller's.
 * Golub & Van Loan, Matrix Computations, 4th ed., section 4.2.
 */
#ifndef GT_ENERGY_DENSE_H
#define GT_ENERGY_DENSE_H

#include <stdbool.h>
#include <stddef.h>

/* a = L Lᵀ, in place: L in the lower triangle, the upper one is left alone. False: not positive definite. */
bool gt_dense_cholesky(double *a, size_t n);

/* log det of a, from its factor. */
double gt_dense_log_det(const double *factor, size_t n);

/* x := a⁻¹ x by a's factor. */
void gt_dense_solve(const double *factor, size_t n, double *x);

/* out (n × n, symmetric) := a⁻¹ by a's factor. `column`: n doubles of scratch. */
void gt_dense_invert(const double *factor, size_t n, double *out, double *column);

#endif
