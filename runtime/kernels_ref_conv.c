/* Convolutions, dense and grouped; matrix products are convolutions of one pixel. */
#include "runtime/kernels.h"
#include "runtime/pool.h"

#include <string.h>

/* Pixels that are computed at once with one panel. */
enum { PANEL = GTCNN_REF_PANEL, PIXELS = 4 };

/* One row of output pixels of one group, and what is the same for all of them. */
struct row {
    const struct gtcnn_conv *args;
    const float *image; /* of the batch's item, first channel of the group */
    int64_t oh;
};

/* acc[p][c] += sum over k of x[p][k] * weights[k][c]. */
static void multiply(float acc[PIXELS][PANEL], const float *const x[PIXELS], const float *weights, int64_t in)
{
    for (int64_t k = 0; k < in; k++)
        for (int p = 0; p < PIXELS; p++)
            for (int c = 0; c < PANEL; c++)
                acc[p][c] += x[p][k] * weights[k * PANEL + c];
}

/* The input pixel below one tap of the window, or zeros outside the map. */
static const float *tap(const struct row *row, int64_t ow, int64_t kh, int64_t kw)
{
    const struct gtcnn_conv *a = row->args;
    int64_t ih = row->oh * a->stride[0] - a->pad[0] + kh * a->dilation[0];
    int64_t iw = ow * a->stride[1] - a->pad[1] + kw * a->dilation[1];
    if (ow >= a->ow || ih < 0 || ih >= a->h || iw < 0 || iw >= a->w)
        return a->zeros;
    return row->image + (ih * a->w + iw) * a->in * a->groups;
}

/* PIXELS pixels from `ow` on, one panel of output channels. */
static void compute(const struct row *row, int64_t ow, const float *weights, float acc[PIXELS][PANEL])
{
    const struct gtcnn_conv *a = row->args;
    const float *x[PIXELS];
    for (int64_t kh = 0; kh < a->kernel[0]; kh++)
        for (int64_t kw = 0; kw < a->kernel[1]; kw++) {
            for (int p = 0; p < PIXELS; p++)
                x[p] = tap(row, ow + p, kh, kw);
            multiply(acc, x, weights, a->in);
            weights += a->in * PANEL;
        }
}

static void store(const struct gtcnn_conv *a, float *y, int64_t pixels, int64_t channels, float acc[PIXELS][PANEL])
{
    for (int64_t p = 0; p < pixels; p++) {
        float *to = y + p * a->out * a->groups;
        memcpy(to, acc[p], (size_t)channels * sizeof *to);
        gtcnn_ref_activate(&a->activation, to, channels);
    }
}

/* One panel of one group over one row. */
static void panel(const struct row *row, int64_t group, int64_t first, const float *weights, float *y)
{
    const struct gtcnn_conv *a = row->args;
    int64_t channels = a->out - first < PANEL ? a->out - first : PANEL;
    const float *bias = a->bias + group * ((a->out + PANEL - 1) / PANEL * PANEL) + first;
    for (int64_t ow = 0; ow < a->ow; ow += PIXELS) {
        float acc[PIXELS][PANEL];
        for (int p = 0; p < PIXELS; p++)
            memcpy(acc[p], bias, sizeof acc[p]);
        compute(row, ow, weights, acc);
        int64_t pixels = a->ow - ow < PIXELS ? a->ow - ow : PIXELS;
        store(a, y + ow * a->out * a->groups, pixels, channels, acc);
    }
}

void gtcnn_ref_conv(const struct gtcnn_conv *a, uint32_t part, uint32_t parts)
{
    int64_t panels = (a->out + PANEL - 1) / PANEL, panel_size = a->kernel[0] * a->kernel[1] * a->in * PANEL;
    uint64_t begin, end;
    /* Work is split by (row, group, panel), panels innermost, so that a single row still keeps all threads busy. */
    gtcnn_pool_slice((uint64_t)(a->n * a->oh * a->groups * panels), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t p = i % panels, group = i / panels % a->groups, line = i / panels / a->groups;
        struct row row = {a, a->x + line / a->oh * a->h * a->w * a->in * a->groups + group * a->in, line % a->oh};
        float *y = a->y + line * a->ow * a->out * a->groups + group * a->out + p * PANEL;
        panel(&row, group, p * PANEL, a->weights + (group * panels + p) * panel_size, y);
    }
}
