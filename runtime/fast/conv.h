/*
 * {f32,bf16}-conv: dense and grouped convolutions and matrix products.
 *
 * Rows of output are taken in blocks whose input stays in the second-level cache while panels go by; the work's items are
 * blocks by groups of panels. All pixels of a pointwise convolution are one row, cut into blocks of pixels.
 */
#ifndef GTCNN_FAST_CONV_H
#define GTCNN_FAST_CONV_H

#include "runtime/fast/window.h"

/* Floats of input of one block: 256 KiB, a quarter of the second-level cache. Items that a layer should have at least. */
enum { CONV_BLOCK = 65536, CONV_ITEMS = 8 };

/* How the work is cut; by its shape alone. */
struct conv_plan {
    bool direct;            /* items of a block are pixels; else rows of output, through a slab */
    int64_t images, length; /* matrices, and pixels or rows of each */
    int64_t blocks;         /* of pixels or rows, in each */
    int64_t panels, tiles;  /* of output channels; groups of panels */
};

static struct conv_plan conv_plan_of(const struct gtcnn_conv *a)
{
    struct conv_plan p = {.images = a->n, .length = a->oh, .panels = (a->out + VL - 1) / VL, .direct = window_is_pixel(a)};
    if (p.direct) { /* a batch is more pixels, unless each image has weights of its own */
        p.images = a->weights_step ? a->n : 1;
        p.length = a->oh * a->ow * (a->weights_step ? 1 : a->n);
    }
    for (int64_t left = p.panels; left > 0; left -= product_panels(left, p.direct ? p.length : a->ow))
        p.tiles++;
    int64_t floats = p.direct ? p.length * a->in : window_slab(a, a->oh), columns = p.images * a->groups * p.tiles;
    int64_t by_cache = (floats + CONV_BLOCK - 1) / CONV_BLOCK, by_items = (CONV_ITEMS + columns - 1) / columns;
    int64_t most = p.direct ? (p.length + ROWS_2 - 1) / ROWS_2 : p.length;
    p.blocks = by_cache > by_items ? by_cache : by_items;
    p.blocks = p.blocks < most ? p.blocks : most;
    return p;
}

static int64_t f32_conv_scratch(const struct gtcnn_conv *a)
{
    struct conv_plan p = conv_plan_of(a);
    return p.direct ? 0 : window_slab(a, (p.length + p.blocks - 1) / p.blocks);
}

/* One panel group of a block: all its pixels at once, or row by row of the slab. */
static void conv_tile(const struct gtcnn_conv *a, bool direct, struct product *product, const float *slab, int64_t count,
                      int panels, struct product_target *to)
{
    product->rows = direct ? count : a->ow;
    for (int64_t row = 0; row < (direct ? 1 : count); row++) {
        product->a = direct ? product->a : window_at(a, slab, row);
        product_run(product, panels, to);
        to->at += a->ow * to->step;
    }
}

/* Panel groups tiles[0] ... tiles[1] - 1 of one block of one group. */
static void conv_block(const struct gtcnn_conv *a, const struct conv_plan *p, int64_t matrix, int64_t block,
                       const int64_t tiles[2], float *slab)
{
    int64_t group = matrix % a->groups, image = matrix / a->groups, width = a->out * a->groups;
    const struct cut cut = cut_into(p->length, p->blocks);
    int64_t count = cut_rows(&cut, block), first = cut_first(&cut, block), pixel = p->direct ? first : first * a->ow;
    struct product product = {0};
    window_describe(a, &product);
    pixel += image * (p->direct ? p->length : a->oh * a->ow);
    product.a = (const char *)((const element *)(const void *)a->x + (pixel * a->groups + group) * a->in);
    if (!p->direct)
        window_make(a, image, group, first, count, slab);
    for (int64_t tile = 0, panel = 0; panel < p->panels && tile < tiles[1]; tile++) {
        int panels = product_panels(p->panels - panel, p->direct ? p->length : a->ow);
        int64_t left = a->out - panel * VL;
        product.w = a->weights + image * a->weights_step + (group * p->panels + panel) * product.k * VL;
        product.bias = a->bias + (group * p->panels + panel) * VL;
        struct product_target to = {a, pixel * width + group * a->out + panel * VL, width,
                                    left < panels * VL ? left : panels * VL};
        if (tile >= tiles[0])
            conv_tile(a, p->direct, &product, slab, count, panels, &to);
        panel += panels;
    }
}

static void f32_conv(const struct gtcnn_conv *a, uint32_t part, uint32_t parts)
{
    struct conv_plan p = conv_plan_of(a);
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(p.images * a->groups * p.blocks * p.tiles), part, parts, &begin, &end);
    for (int64_t i = (int64_t)begin; i < (int64_t)end;) {
        int64_t tile = i % p.tiles, block = i / p.tiles, tiles[2] = {tile, tile + (int64_t)end - i};
        tiles[1] = tiles[1] < p.tiles ? tiles[1] : p.tiles;
        conv_block(a, &p, block / p.blocks, block % p.blocks, tiles, a->scratch.base + part * a->scratch.step);
        i += tiles[1] - tiles[0];
    }
}

#endif
