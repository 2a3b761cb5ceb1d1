/*
 * Resampling a box of an image to another size, by a separable filter with antialiasing.
 *
 * The definition is the common one (Pillow's resize, timm's and torchvision's on it): output i has its centre at
 * begin + (i + 1/2) length / out in input coordinates, pixel j at j + 1/2; a pixel weighs kernel((j + 1/2 - centre) / s) where
 * s = max(1, length / out), so that a filter is widened when the image shrinks; weights are divided by their sum. The bicubic
 * kernel is Keys' with a = -1/2 (R. Keys, Cubic Convolution Interpolation for Digital Image Processing, IEEE TASSP 1981), the
 * bilinear one a triangle. All is in double; results are neither rounded nor clipped, so a bicubic one may leave 0 ... 255.
 *
 * A resampler is immutable but for its scratch row: one thread at a time.
 */
#ifndef GTCNN_CLI_RESAMPLE_H
#define GTCNN_CLI_RESAMPLE_H

#include <stdint.h>

enum gtcnn_filter { GTCNN_FILTER_BICUBIC, GTCNN_FILTER_BILINEAR };

/* One axis: the box to resample, and the pixels that may be looked at: lo <= j < hi. Box inside of lo ... hi, length > 0. */
struct gtcnn_span {
    double begin, length;
    uint32_t lo, hi;
};

struct gtcnn_resample_tap {
    uint32_t first, count;
    const double *weight; /* borrowed from the resampler; they sum to 1 */
};

struct gtcnn_resampler {
    uint32_t out_h, out_w;
    struct gtcnn_resample_tap *rows, *columns; /* owned */
    double *row_weights, *column_weights;      /* owned */
    double *scratch;                           /* owned; one row of pixels, 3 values each */
    uint32_t first_column, column_count;       /* those that have a weight */
};

/* 0, or -1 when memory is out. */
int gtcnn_resampler_init(struct gtcnn_resampler *r, enum gtcnn_filter filter, const struct gtcnn_span *rows,
                         const struct gtcnn_span *columns, uint32_t out_h, uint32_t out_w);
void gtcnn_resampler_free(struct gtcnn_resampler *r);

/* Row `y` of the output: out_w pixels of 3 values each, from `rgb`, whose rows are `width` pixels of 3 bytes. */
void gtcnn_resampler_row(struct gtcnn_resampler *r, const uint8_t *rgb, uint32_t width, uint32_t y, double *out);

#endif
