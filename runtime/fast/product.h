/*
 * A matrix product in tiles: rows (pixels) by panels of output channels. Rows are cut into tiles of nearly the same height, so
 * that no small one is left over: 49 rows are 13 + 12 + 12 + 12.
 */
#ifndef GTCNN_FAST_PRODUCT_H
#define GTCNN_FAST_PRODUCT_H

#include "runtime/fast/activate.h"
#include "runtime/fast/gemm.h"

struct product {
    const char *a; /* [rows], a_bytes apart */
    size_t a_bytes;
    int64_t rows, k; /* k: words of all runs of the window */
    struct gemm_window window;
    const float *w, *bias; /* of the first panel: [panel][k][VL] words, [panel][VL] */
};

/* Vectors of a tile at most: 14 x 2, 9 x 3 or 1 x 8, and the like. */
enum { TILE_MOST = 28 };

/* Rows of tile `i` of `tiles`, from *first on. */
static int64_t product_tile(int64_t rows, int64_t i, int64_t tiles, int64_t *first)
{
    int64_t least = rows / tiles, more = rows % tiles;
    *first = i * least + (i < more ? i : more);
    return least + (i < more);
}

/* Panels that are computed together where `left` are left: threes and twos, more of a single row. */
static int product_panels(int64_t left, int64_t rows)
{
    if (rows == 1)
        return left < PANELS_MOST ? (int)left : PANELS_MOST;
    return left == 4 || left == 2 ? 2 : left >= 3 ? 3 : (int)left;
}

/*
 * The sums of `rows` rows from `first` on and `panels` panels, biased, in `tile`, rows `step` floats apart. It is tile `i` of
 * its panels: behind these there are more weights, of which each tile fetches a piece.
 */
static void product_sums(const struct product *p, int64_t first, int64_t rows, int64_t i, int panels, float *tile, int64_t step)
{
    struct gemm g = {.a = p->a + (size_t)first * p->a_bytes,
                     .a_bytes = p->a_bytes,
                     .window = &p->window,
                     .b = p->w,
                     .b_bytes = (size_t)(p->k * VL) * sizeof(float),
                     .bias = p->bias,
                     .tile = tile,
                     .tile_step = step,
                     .ahead = {p->a + (size_t)(first + rows) * p->a_bytes, p->w + (panels + i) * p->k * VL}};
    gemm_of[panels][rows](&g);
}

/* Where results go: into y and from the residual of a convolution, row r of the product at element `at` + r * step. */
struct product_target {
    const struct gtcnn_conv *conv;
    int64_t at, step, channels; /* so many of the panels at hand are wanted */
};

static void product_add(const struct product_target *to, int64_t first, int64_t rows, int panels, float *tile)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < to->channels; c += VL) {
            float *sums = tile + r * panels * VL + c;
            int64_t n = to->channels - c < VL ? to->channels - c : VL, at = to->at + (first + r) * to->step + c;
            vec_store(sums, vec_add(vec_load(sums), element_load(to->conv->residual, to->conv->residual_narrow, at, n)));
        }
}

static void product_store(const struct product_target *to, int64_t first, int64_t rows, int panels, const float *tile)
{
    int64_t whole = to->channels / VL, rest = to->channels % VL;
    struct target target = {.y = to->conv->y, .step = VL, .narrow = to->conv->y_narrow};
    for (int64_t r = 0; r < rows; r++) {
        target.at = to->at + (first + r) * to->step;
        target.lanes = VL;
        activate(&to->conv->activation, tile + r * panels * VL, whole, &target);
        target.at += whole * VL;
        target.lanes = rest;
        if (rest)
            activate(&to->conv->activation, tile + (r * panels + whole) * VL, 1, &target);
    }
}

/* All rows by `panels` panels. */
static void product_run(const struct product *p, int panels, const struct product_target *to)
{
    _Alignas(64) float tile[TILE_MOST * VL];
    const struct gtcnn_conv *conv = to->conv;
    int64_t tiles = (p->rows + gemm_rows[panels] - 1) / gemm_rows[panels], first;
    bool direct = !conv->residual && !conv->y_narrow && conv->activation.act == GTCNN_ACT_NONE && to->channels == panels * VL;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t rows = product_tile(p->rows, i, tiles, &first);
        if (direct) {
            product_sums(p, first, rows, i, panels, conv->y + to->at + first * to->step, to->step);
            continue;
        }
        product_sums(p, first, rows, i, panels, tile, panels * VL);
        if (conv->residual)
            product_add(to, first, rows, panels, tile);
        product_store(to, first, rows, panels, tile);
    }
}

#endif
