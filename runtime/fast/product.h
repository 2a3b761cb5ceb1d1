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

/* Rows cut into tiles of at most so many, as even as can be: the first `more` ones have one more than `least`. */
struct cut {
    int64_t tiles, least, more;
};

static struct cut cut_into(int64_t rows, int64_t tiles)
{
    return (struct cut){tiles, rows / tiles, rows % tiles};
}

static struct cut cut_of(int64_t rows, int64_t most)
{
    return rows <= most ? (struct cut){1, rows, 0} : cut_into(rows, (rows + most - 1) / most);
}

static int64_t cut_rows(const struct cut *cut, int64_t i)
{
    return cut->least + (i < cut->more);
}

/* The first row of tile i. */
static int64_t cut_first(const struct cut *cut, int64_t i)
{
    return i * cut->least + (i < cut->more ? i : cut->more);
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
    for (int64_t c = 0; c < to->channels; c += VL) {
        int64_t lanes = to->channels - c < VL ? to->channels - c : VL;
        struct target target = {to->conv->y, to->at + first * to->step + c, to->step, lanes, to->conv->y_narrow};
        activate(&to->conv->activation, tile + c, panels * VL, rows, &target);
    }
}

/* All rows by `panels` panels. */
static void product_run(const struct product *p, int panels, const struct product_target *to)
{
    _Alignas(64) float tile[TILE_MOST * VL];
    const struct gtcnn_conv *conv = to->conv;
    const struct cut cut = cut_of(p->rows, gemm_rows[panels]);
    bool direct = !conv->residual && !conv->y_narrow && conv->activation.act == GTCNN_ACT_NONE && to->channels == panels * VL;
    for (int64_t i = 0, first = 0; i < cut.tiles; first += cut_rows(&cut, i++)) {
        int64_t rows = cut_rows(&cut, i);
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
