/*
 * Windows of a dense or grouped convolution as rows of a matrix, without writing them out: some rows of the input are copied
 * with what lies outside of the map as zeros, and a pixel's window is then `kernel` lines of so many taps in that slab.
 *
 * Slab: [rows][width][in]; and room for a vector behind it, since copies end with a whole one.
 */
#ifndef GTCNN_FAST_WINDOW_H
#define GTCNN_FAST_WINDOW_H

#include "runtime/fast/product.h"

/* Elements of a run: a row of the window, or one tap where the window is dilated. */
static int64_t window_run(const struct gtcnn_conv *a)
{
    return a->dilation[1] == 1 ? a->kernel[1] * a->in : a->in;
}

/* Words of a window. */
static int64_t window_k(const struct gtcnn_conv *a)
{
    return a->kernel[0] * (a->dilation[1] == 1 ? 1 : a->kernel[1]) * ((window_run(a) + PAIR - 1) / PAIR);
}

/* Is a pixel its own window, as the product reads it, and the next one's right behind it? */
static bool window_is_pixel(const struct gtcnn_conv *a)
{
    bool readable = PAIR == 1 || (a->x_narrow && a->in % PAIR == 0);
    return readable && a->kernel[0] == 1 && a->kernel[1] == 1 && a->stride[0] == 1 && a->stride[1] == 1 && a->pad[0] == 0 &&
           a->pad[1] == 0 && a->oh == a->h && a->ow == a->w;
}

/* Elements of a row of the slab. */
static int64_t window_row(const struct gtcnn_conv *a)
{
    return ((a->ow - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1) * a->in;
}

/* Floats of memory of the slab for so many output rows. */
static int64_t window_slab(const struct gtcnn_conv *a, int64_t rows)
{
    return (((rows - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1) * window_row(a) + PAIR - 1) / PAIR + VL;
}

/* Elements of the slab from `i` of the input on. */
static void window_copy(const struct gtcnn_conv *a, int64_t i, int64_t n, element *to)
{
    for (int64_t c = 0; c < n; c += VL) {
        int64_t lanes = n - c < VL ? n - c : VL;
        element_store((float *)(void *)to, PAIR == 2, c, element_load(a->x, a->x_narrow, i + c, lanes), PAIR == 2 ? lanes : VL);
    }
}

static void window_clear(element *to, int64_t n)
{
    memset(to, 0, (size_t)n * sizeof *to);
}

/* One row of the slab: zeros, what there is of the map (from element `i` of the input on), zeros. */
static void window_fill(const struct gtcnn_conv *a, int64_t i, element *to)
{
    int64_t width = window_row(a) / a->in, left = a->pad[1], right = width - left < a->w ? width - left : a->w;
    window_clear(to, left * a->in);
    if (a->groups == 1 && right > 0)
        window_copy(a, i, right * a->in, to + left * a->in);
    for (int64_t c = 0; a->groups > 1 && c < right; c++)
        window_copy(a, i + c * a->in * a->groups, a->in, to + (left + c) * a->in);
    if (left + right < width)
        window_clear(to + (left + right) * a->in, (width - left - right) * a->in);
}

/* Output rows `first` ... `first + rows - 1` of an image, of one group. */
static void window_make(const struct gtcnn_conv *a, int64_t image, int64_t group, int64_t first, int64_t rows, float *slab)
{
    int64_t pixel = a->in * a->groups, step = window_row(a), top = first * a->stride[0] - a->pad[0];
    int64_t count = (rows - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1, map = image * a->h * a->w * pixel;
    element *to = (element *)(void *)slab;
    for (int64_t row = top; row < top + count; row++, to += step) {
        if (row < 0 || row >= a->h)
            window_clear(to, step);
        else
            window_fill(a, map + row * a->w * pixel + group * a->in, to);
    }
    window_clear(to, PAIR - 1); /* an odd run's last word reaches so far, by a weight of zero */
}

/* Output row `row` of those in the slab. */
static const char *window_at(const struct gtcnn_conv *a, const float *slab, int64_t row)
{
    return (const char *)((const element *)(const void *)slab + row * a->stride[0] * window_row(a));
}

/* One row's pixels as rows of a product: those that follow each other in memory, or in the slab. */
static void window_describe(const struct gtcnn_conv *a, struct product *p)
{
    size_t in = (size_t)a->in * sizeof(element);
    p->k = window_k(a);
    p->window = (struct gemm_window){.lines = 1, .taps = 1, .k = p->k};
    p->a_bytes = in * (size_t)a->groups;
    if (window_is_pixel(a))
        return;
    p->a_bytes = in * (size_t)a->stride[1];
    p->window = (struct gemm_window){.lines = a->kernel[0],
                                     .line_bytes = (size_t)(a->dilation[0] * window_row(a)) * sizeof(element),
                                     .taps = a->dilation[1] == 1 ? 1 : a->kernel[1],
                                     .tap_bytes = in * (size_t)a->dilation[1],
                                     .k = (window_run(a) + PAIR - 1) / PAIR};
}

#endif
