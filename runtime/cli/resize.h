/*
 * Grey images of bytes to a model's input: area-wise resizing, scaling to [0, 1], normalisation.
 *
 * Each output pixel is the exact mean of the input over the box that it covers, partly covered pixels counting by their covered
 * part; this is the same rule for shrinking and for enlarging. Coverage is computed in integers. A resizer
 * has scratch memory and belongs to one thread at a time.
 */
#ifndef GTCNN_CLI_RESIZE_H
#define GTCNN_CLI_RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* Mean and standard deviation of the pixels of Fashion-MNIST's 60,000 training images, scaled to [0, 1]. The default. */
#define GTCNN_PIXEL_MEAN 0.2860
#define GTCNN_PIXEL_STD 0.3530

/* One output index: input pixels first ... first + count - 1 with weights that sum to 1. */
struct gtcnn_resize_tap {
    uint32_t first, count;
    const double *weight; /* borrowed from the resizer */
};

struct gtcnn_resizer {
    uint32_t in_h, in_w, out_h, out_w;
    struct gtcnn_resize_tap *rows, *columns; /* owned; out_h and out_w of them */
    double *weights;                         /* owned */
    double *scratch;                         /* owned; in_h x out_w */
};

/* 0, or -1 when memory is out or a size is 0 or above 65535. */
int gtcnn_resizer_init(struct gtcnn_resizer *r, uint32_t in_h, uint32_t in_w, uint32_t out_h, uint32_t out_w);
void gtcnn_resizer_free(struct gtcnn_resizer *r);

/* in_h x in_w bytes to out_h x out_w normalised values, (pixel / 255 - mean) / std, each `step` floats behind the one before.
 */
void gtcnn_resizer_apply(struct gtcnn_resizer *r, const uint8_t *in, double mean, double std, float *out, size_t step);

#endif
