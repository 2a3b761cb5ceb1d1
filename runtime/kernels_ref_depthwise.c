/* Depthwise convolution: every channel by its own window. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <string.h>

enum { BLOCK = 32 }; /* channels at once: their sums stay in registers and L1 */

static void accumulate(float *acc, const float *x, const float *weights, int64_t n)
{
    for (int64_t c = 0; c < n; c++)
        acc[c] += x[c] * weights[c];
}

/* `n` channels from `first` on of one output pixel. */
static void pixel(const struct gtcnn_conv *a, const float *image, int64_t oh, int64_t ow, int64_t first, int64_t n, float *acc)
{
    int64_t top = oh * a->stride[0] - a->pad[0], left = ow * a->stride[1] - a->pad[1];
    for (int64_t kh = 0; kh < a->kernel[0]; kh++) {
        int64_t ih = top + kh * a->dilation[0];
        if (ih < 0 || ih >= a->h)
            continue;
        for (int64_t kw = 0; kw < a->kernel[1]; kw++) {
            int64_t iw = left + kw * a->dilation[1];
            if (iw >= 0 && iw < a->w)
                accumulate(acc, image + (ih * a->w + iw) * a->groups + first,
                           a->weights + (kh * a->kernel[1] + kw) * a->groups + first, n);
        }
    }
}

static void row(const struct gtcnn_conv *a, const float *image, int64_t oh, int64_t first, int64_t n, float *y)
{
    for (int64_t ow = 0; ow < a->ow; ow++) {
        float acc[BLOCK];
        memcpy(acc, a->bias + first, (size_t)n * sizeof *acc);
        pixel(a, image, oh, ow, first, n, acc);
        gtcnn_ref_activate(&a->activation, acc, n);
        memcpy(y + ow * a->groups, acc, (size_t)n * sizeof *acc);
    }
}

void gtcnn_ref_depthwise(const struct gtcnn_conv *a, uint32_t part, uint32_t parts)
{
    int64_t blocks = (a->groups + BLOCK - 1) / BLOCK;
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * a->oh * blocks), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t first = i % blocks * BLOCK, line = i / blocks;
        int64_t n = a->groups - first < BLOCK ? a->groups - first : BLOCK;
        row(a, a->x + line / a->oh * a->h * a->w * a->groups, line % a->oh, first, n, a->y + line * a->ow * a->groups + first);
    }
}
