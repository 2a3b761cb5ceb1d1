/*
 * Windows of a dense or grouped convolution as rows of a matrix, without writing them out: some rows of the input are copied
 * with what lies outside of the map as zeros, and a pixel's window is then `kernel` lines of so many taps in that slab.
 *
 * Slab: [rows][columns][in], in whole words where a run is one pixel; and room for a vector behind it, since copies end with a
 * whole one.
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

/* a * b, or 2^45 where it is more: no machine has that, and no model that needs it is planned. */
static int64_t window_times(int64_t a, int64_t b)
{
    return (double)a * (double)b < 0x1p45 ? a * b : INT64_C(1) << 45;
}

/* Elements of a pixel of the slab: whole words where a run is one pixel, so that nobody reads a neighbour's first. */
static int64_t window_pixel(const struct gtcnn_conv *a)
{
    bool alone = a->kernel[1] == 1 || a->dilation[1] != 1;
    return alone ? (a->in + PAIR - 1) / PAIR * PAIR : a->in;
}

static int64_t window_columns(const struct gtcnn_conv *a)
{
    return (a->ow - 1) * a->stride[1] + (a->kernel[1] - 1) * a->dilation[1] + 1;
}

/* Elements of a row of the slab. */
static int64_t window_row(const struct gtcnn_conv *a)
{
    return window_times(window_columns(a), window_pixel(a));
}

/* Rows of the slab for so many of output. */
static int64_t window_lines(const struct gtcnn_conv *a, int64_t rows)
{
    return (rows - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1;
}

/* Floats of memory of the slab for so many output rows. */
static int64_t window_slab(const struct gtcnn_conv *a, int64_t rows)
{
    return (window_times(window_lines(a, rows), window_row(a)) + PAIR - 1) / PAIR + VL;
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
    int64_t columns = window_columns(a), pixel = window_pixel(a), left = a->pad[1] < columns ? a->pad[1] : columns;
    int64_t inside = columns - left < a->w ? columns - left : a->w;
    window_clear(to, left * pixel);
    to += left * pixel;
    if (a->groups == 1 && pixel == a->in)
        window_copy(a, i, inside * a->in, to);
    for (int64_t c = 0; (a->groups > 1 || pixel != a->in) && c < inside; c++) {
        window_copy(a, i + c * a->in * a->groups, a->in, to + c * pixel);
        window_clear(to + c * pixel + a->in, pixel - a->in);
    }
    window_clear(to + inside * pixel, (columns - left - inside) * pixel);
}

/* Output rows `first` ... `first + rows - 1` of an image, of one group. */
static void window_make(const struct gtcnn_conv *a, int64_t image, int64_t group, int64_t first, int64_t rows, float *slab)
{
    int64_t pixel = a->in * a->groups, step = window_row(a), top = first * a->stride[0] - a->pad[0];
    int64_t count = window_lines(a, rows), map = image * a->h * a->w * pixel;
    element *to = (element *)(void *)slab;
    for (int64_t row = top; row < top + count; row++, to += step) {
        if (row < 0 || row >= a->h)
            window_clear(to, step);
        else
            window_fill(a, map + row * a->w * pixel + group * a->in, to);
    }
    window_clear(to, PAIR - 1); /* the last word of an odd run of several pixels reaches so far, by a weight of zero */
}

/* Output row `row` of those in the slab. */
static const char *window_at(const struct gtcnn_conv *a, const float *slab, int64_t row)
{
    return (const char *)((const element *)(const void *)slab + row * a->stride[0] * window_row(a));
}

/* One row's pixels as rows of a product: those that follow each other in memory, or in the slab. */
static void window_describe(const struct gtcnn_conv *a, struct product *p)
{
    size_t pixel = (size_t)window_pixel(a) * sizeof(element);
    p->k = window_k(a);
    p->window = (struct gemm_window){.lines = 1, .taps = 1, .k = p->k};
    p->a_bytes = (size_t)(a->in * a->groups) * sizeof(element);
    if (window_is_pixel(a))
        return;
    p->a_bytes = pixel * (size_t)a->stride[1];
    p->window = (struct gemm_window){.lines = a->kernel[0],
                                     .line_bytes = (size_t)(a->dilation[0] * window_row(a)) * sizeof(element),
                                     .taps = a->dilation[1] == 1 ? 1 : a->kernel[1],
                                     .tap_bytes = pixel * (size_t)a->dilation[1],
                                     .k = (window_run(a) + PAIR - 1) / PAIR};
}

#endif
