/*
 * f32-conv: dense and grouped convolutions and matrix products.
 *
 * Pixels are taken in blocks whose input stays in the second-level cache while panels go by; the work's items are blocks by
 * groups of panels. A window of more than one tap, or a stride, is gathered into rows first, once for a block.
 */
#ifndef GTCNN_FAST_CONV_H
#define GTCNN_FAST_CONV_H

#include "runtime/fast/gather.h"
#include "runtime/fast/product.h"

/* Floats of input of one block: 256 KiB, a quarter of the second-level cache. Items that a layer should have at least. */
enum { CONV_BLOCK = 65536, CONV_ITEMS = 8 };

/* How the work is cut; by its shape alone. */
struct conv_plan {
    int64_t images, pixels; /* matrices of so many rows: one, or one per image where each has its own weights */
    int64_t blocks;         /* of pixels, in each */
    int64_t panels, tiles;  /* of output channels; groups of panels */
    bool direct;
};

static struct conv_plan conv_plan_of(const struct gtcnn_conv *a)
{
    struct conv_plan p = {.images = a->weights_step ? a->n : 1, .panels = (a->out + VL - 1) / VL, .direct = gather_is_needless(a)};
    p.pixels = a->oh * a->ow * (a->weights_step ? 1 : a->n);
    for (int64_t left = p.panels; left > 0; left -= product_panels(left, p.pixels))
        p.tiles++;
    int64_t by_cache = (p.pixels * gather_k(a) + CONV_BLOCK - 1) / CONV_BLOCK, columns = p.images * a->groups * p.tiles;
    int64_t by_items = columns < CONV_ITEMS ? (CONV_ITEMS + columns - 1) / columns : 1, most = (p.pixels + ROWS_2 - 1) / ROWS_2;
    p.blocks = by_cache > by_items ? by_cache : by_items;
    p.blocks = p.blocks < most ? p.blocks : most;
    return p;
}

static int64_t f32_conv_scratch(const struct gtcnn_conv *a)
{
    struct conv_plan p = conv_plan_of(a);
    return p.direct ? 0 : (p.pixels / p.blocks + 1) * gather_k(a) + VL;
}

/* The input of a block as rows. */
static const float *conv_rows(const struct gtcnn_conv *a, const struct conv_plan *p, int64_t group, int64_t first, int64_t count,
                              float *scratch, int64_t *step)
{
    *step = p->direct ? a->in * a->groups : gather_k(a);
    if (p->direct)
        return a->x + first * *step + group * a->in;
    gather(a, group, first, count, scratch);
    return scratch;
}

/* Tiles first ... last - 1 of one block of one group. */
static void conv_block(const struct gtcnn_conv *a, const struct conv_plan *p, int64_t matrix, int64_t block, const int64_t tiles[2],
                       float *scratch)
{
    int64_t group = matrix % a->groups, image = matrix / a->groups, first, step, k = gather_k(a), width = a->out * a->groups;
    int64_t rows = product_tile(p->pixels, block, p->blocks, &first);
    first += image * p->pixels;
    const float *x = conv_rows(a, p, group, first, rows, scratch, &step);
    struct product product = {.a = x, .a_step = step, .rows = rows, .k = k, .activation = &a->activation};
    for (int64_t tile = 0, panel = 0; panel < p->panels; tile++) {
        int panels = product_panels(p->panels - panel, p->pixels);
        int64_t channel = panel * VL, at = first * width + group * a->out + channel, left = a->out - channel;
        product.w = a->weights + image * a->weights_step + (group * p->panels + panel) * k * VL;
        product.bias = a->bias + (group * p->panels + panel) * VL;
        struct product_target to = {a->y + at, a->residual ? a->residual + at : NULL, width, left < panels * VL ? left : panels * VL};
        if (tile >= tiles[0] && tile < tiles[1])
            product_run(&product, panels, &to);
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
