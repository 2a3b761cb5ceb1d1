/* Pooling over windows, and the mean of whole maps. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 32 }; /* channels at once */

/* How many positions of the window along one axis count for an average: those on the map, or on map and padding. */
static int64_t taps(const struct gtcnn_pooling *a, int axis, int64_t start)
{
    int64_t size = axis ? a->w : a->h, low = 0, high = size, n = 0;
    if (a->count_padding) {
        low = -a->pad[axis];
        high = size + a->pad[axis + 2];
    }
    for (int64_t k = 0; k < a->kernel[axis]; k++) {
        int64_t at = start + k * a->dilation[axis];
        n += at >= low && at < high;
    }
    return n;
}

static void combine(float *acc, const float *x, int64_t n, bool max)
{
    if (max)
        for (int64_t c = 0; c < n; c++)
            acc[c] = x[c] > acc[c] || isnan(x[c]) ? x[c] : acc[c];
    else
        for (int64_t c = 0; c < n; c++)
            acc[c] += x[c];
}

static void window(const struct gtcnn_pooling *a, const float *x, int64_t top, int64_t left, int64_t n, float *acc)
{
    for (int64_t kh = 0; kh < a->kernel[0]; kh++) {
        int64_t ih = top + kh * a->dilation[0];
        if (ih < 0 || ih >= a->h)
            continue;
        for (int64_t kw = 0; kw < a->kernel[1]; kw++) {
            int64_t iw = left + kw * a->dilation[1];
            if (iw >= 0 && iw < a->w)
                combine(acc, x + (ih * a->w + iw) * a->channels, n, a->max);
        }
    }
}

/* `n` channels of one output pixel. */
static void pixel(const struct gtcnn_pooling *a, const float *x, int64_t oh, int64_t ow, int64_t n, float *y)
{
    int64_t top = oh * a->stride[0] - a->pad[0], left = ow * a->stride[1] - a->pad[1];
    float acc[BLOCK];
    for (int64_t c = 0; c < n; c++)
        acc[c] = a->max ? -INFINITY : 0;
    window(a, x, top, left, n, acc);
    float divisor = a->max ? 1 : (float)(taps(a, 0, top) * taps(a, 1, left));
    for (int64_t c = 0; c < n; c++)
        y[c] = a->max ? acc[c] : acc[c] / divisor;
}

void gtcnn_ref_pooling(const struct gtcnn_pooling *a, uint32_t part, uint32_t parts)
{
    int64_t blocks = (a->channels + BLOCK - 1) / BLOCK;
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * a->oh * blocks), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t first = i % blocks * BLOCK, line = i / blocks;
        int64_t n = a->channels - first < BLOCK ? a->channels - first : BLOCK;
        const float *x = a->x + line / a->oh * a->h * a->w * a->channels + first;
        for (int64_t ow = 0; ow < a->ow; ow++)
            pixel(a, x, line % a->oh, ow, n, a->y + (line * a->ow + ow) * a->channels + first);
    }
}

void gtcnn_ref_mean(const struct gtcnn_mean *a, uint32_t part, uint32_t parts)
{
    int64_t blocks = (a->channels + BLOCK - 1) / BLOCK;
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(a->n * blocks), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t first = i % blocks * BLOCK, image = i / blocks;
        int64_t n = a->channels - first < BLOCK ? a->channels - first : BLOCK;
        const float *x = a->x + image * a->pixels * a->channels + first;
        double acc[BLOCK] = {0};
        for (int64_t p = 0; p < a->pixels; p++)
            for (int64_t c = 0; c < n; c++)
                acc[c] += x[p * a->channels + c];
        for (int64_t c = 0; c < n; c++)
            a->y[image * a->channels + first + c] = (float)(acc[c] / (double)a->divisor);
    }
}
