/*
 * {f32,bf16}-depthwise and -expand: depthwise convolutions, and those together with the dense convolution before them.
 *
 * Work is cut into blocks of two vectors of channels by bands of output rows. Of its block an item makes one input row after
 * the other - computed by the dense convolution, or copied - into a ring that holds as many rows as the window is high, zeros
 * left and right of the map included, and computes an output row as soon as its input is there. So what is between the two
 * convolutions stays in the first cache, and is never stored as a whole. A map that is small as a whole is made at once: its
 * pixels fill tiles better than its rows.
 *
 * Ring: [slots][width][2 * VL]; a row of zeros behind it.
 */
#ifndef GTCNN_FAST_MBCONV_H
#define GTCNN_FAST_MBCONV_H

#include "runtime/fast/depthwise.h"
#include "runtime/fast/window.h"

/* Channels of a block. Floats of a ring that a whole map may fill (40 KiB). Items that a layer should have at least. */
enum { BLOCK = 2 * VL, RING_WHOLE = 10240, DEPTHWISE_ITEMS = 8 };

struct mbconv {
    const struct gtcnn_conv *expand, *depthwise; /* expand NULL: the input is there */
    int64_t blocks, span, width, slots;
    struct cut columns; /* of an output row */
};

static struct mbconv mbconv_of(const struct gtcnn_conv *expand, const struct gtcnn_conv *d)
{
    struct mbconv m = {
        .expand = expand, .depthwise = d, .blocks = (d->groups + BLOCK - 1) / BLOCK, .columns = cut_of(d->ow, COLUMNS)};
    int64_t read = (d->ow - 1) * d->stride[1] + (d->kernel[1] - 1) * d->dilation[1] + 1, stored = d->pad[1] + d->w;
    m.span = (d->kernel[0] - 1) * d->dilation[0] + 1;
    m.width = read > stored ? read : stored;
    m.slots = window_times(d->h, m.width) * BLOCK <= RING_WHOLE ? d->h : m.span < d->h ? m.span : d->h;
    return m;
}

static int64_t f32_depthwise_bands(const struct gtcnn_conv *d)
{
    int64_t columns = (d->groups + BLOCK - 1) / BLOCK, wanted = (DEPTHWISE_ITEMS + columns - 1) / columns;
    int64_t most = d->oh / (4 * d->kernel[0]); /* the rows that neighbours both make are a small part */
    return most < 1 ? 1 : wanted < most ? wanted : most;
}

static int64_t f32_depthwise_scratch(const struct gtcnn_conv *expand, const struct gtcnn_conv *depthwise)
{
    struct mbconv m = mbconv_of(expand, depthwise);
    int64_t ring = window_times(m.slots + 1, m.width) * BLOCK;
    bool slab = expand && !window_is_pixel(expand);
    return ring + (slab ? window_slab(expand, m.slots == depthwise->h ? depthwise->h : 1) : 0);
}

/* Output pixels of one vector of channels, until there are enough to be activated and stored: small maps have short rows. */
enum { OUTLET = 4 * COLUMNS };

struct outlet {
    _Alignas(64) float tile[OUTLET * VL];
    int64_t first, filled; /* pixel of the map */
    vec sum;               /* of what was stored */
};

/* One item: a block of channels of one image. */
struct strip {
    const struct mbconv *m;
    int64_t image, channel; /* the first one */
    int panels;             /* vectors of it: 1 or 2 */
    float *ring, *zeros, *slab;
    int64_t made; /* the next row that the ring lacks */
};

static float *strip_pixel(const struct strip *s, int64_t row, int64_t column)
{
    return s->ring + (row % s->m->slots * s->m->width + s->m->depthwise->pad[1] + column) * BLOCK;
}

static void strip_copy(const struct strip *s, int64_t row)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    int64_t from = (s->image * d->h + row) * d->w * d->groups + s->channel, n = d->groups - s->channel;
    float *to = strip_pixel(s, row, 0);
    for (int64_t column = 0; column < d->w; column++, from += d->groups, to += BLOCK)
        for (int p = 0; p < s->panels; p++)
            vec_store(to + p * VL, element_load(d->x, d->x_narrow, from + p * VL, n - p * VL < VL ? n - p * VL : VL));
}

/* A tile of the dense convolution's pixels, from `pixel` of the map on, into the ring: a row of the map at a time. */
static void strip_put(const struct strip *s, const struct gtcnn_activation *activation, int64_t pixel, int64_t count,
                      const float *tile)
{
    int64_t w = s->m->depthwise->w, row = pixel / w, column = pixel % w, step = s->panels == 2 ? VL : BLOCK;
    while (count > 0) {
        int64_t n = count < w - column ? count : w - column;
        activate(activation, tile, VL, n * s->panels, &(struct target){strip_pixel(s, row, column), 0, step, VL, false});
        tile += n * s->panels * VL;
        count -= n;
        row++;
        column = 0;
    }
}

/* So many of the dense convolution's pixels, from `pixel` of the map on. */
static void strip_pixels(const struct strip *s, const struct product *p, int64_t pixel)
{
    _Alignas(64) float tile[ROWS_2 * BLOCK];
    const struct cut cut = cut_of(p->rows, gemm_rows[s->panels]);
    for (int64_t i = 0, first = 0; i < cut.tiles; first += cut_rows(&cut, i++)) {
        int64_t rows = cut_rows(&cut, i);
        product_sums(p, first, rows, i, s->panels, tile, s->panels * VL);
        strip_put(s, &s->m->expand->activation, pixel + first, rows, tile);
    }
}

/* Rows `row` ... `row + count - 1` of the dense convolution's output. */
static void strip_compute(const struct strip *s, int64_t row, int64_t count)
{
    const struct gtcnn_conv *e = s->m->expand;
    int64_t panel = s->channel / VL;
    struct product p = {.bias = e->bias + panel * VL};
    window_describe(e, &p);
    p.w = e->weights + panel * p.k * VL;
    if (window_is_pixel(e)) {
        p.a = (const char *)((const element *)(const void *)e->x + (s->image * e->oh + row) * e->ow * e->in);
        p.rows = count * e->ow;
        strip_pixels(s, &p, row * e->ow);
        return;
    }
    window_make(e, s->image, 0, row, count, s->slab);
    p.rows = e->ow;
    for (int64_t i = 0; i < count; i++) {
        p.a = window_at(e, s->slab, i);
        strip_pixels(s, &p, (row + i) * e->ow);
    }
}

/* Makes rows up to `until` - 1. */
static void strip_make(struct strip *s, int64_t until)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    until = until < d->h ? until : d->h;
    if (s->m->expand && s->made < until && s->m->slots == d->h) {
        strip_compute(s, s->made, until - s->made);
        s->made = until;
    }
    for (; s->made < until; s->made++)
        if (s->m->expand)
            strip_compute(s, s->made, 1);
        else
            strip_copy(s, s->made);
}

static void outlet_flush(const struct strip *s, struct outlet *outlet, int v)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    int64_t channel = s->channel + v * VL, lanes = d->groups - channel < VL ? d->groups - channel : VL;
    struct target to = {d->y, (s->image * d->oh * d->ow + outlet->first) * d->groups + channel, d->groups, lanes, d->y_narrow};
    outlet->sum = vec_add(outlet->sum, activate(&d->activation, outlet->tile, VL, outlet->filled, &to));
    outlet->first += outlet->filled;
    outlet->filled = 0;
}

/* One vector of channels of an output row. */
static void strip_row(const struct strip *s, int64_t oh, int v, struct outlet *outlet)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    depthwise_fn *const *fast = depthwise_of(d->kernel, d->stride, d->dilation);
    int64_t channel = s->channel + v * VL, top = oh * d->stride[0] - d->pad[0], slot = top % s->m->slots;
    const struct depthwise_map map = {s->ring, s->zeros, d->h, s->m->slots, s->m->width * BLOCK};
    struct depthwise call = {.map = &map,
                             .top = top,
                             .slot = map.slots == d->h ? top
                                     : slot < 0        ? slot + map.slots
                                                       : slot,
                             .offset = v * VL,
                             .x_step = BLOCK,
                             .w = d->weights + channel,
                             .w_step = d->groups,
                             .bias = d->bias + channel,
                             .kernel = {d->kernel[0], d->kernel[1]},
                             .stride = d->stride[1],
                             .dilation = {d->dilation[0], d->dilation[1]}};
    for (int64_t i = 0; i < s->m->columns.tiles; i++) {
        int64_t count = cut_rows(&s->m->columns, i);
        if (outlet->filled + count > OUTLET)
            outlet_flush(s, outlet, v);
        call.tile = outlet->tile + outlet->filled * VL;
        if (fast)
            fast[count](&call);
        else
            depthwise_any(&call, count);
        outlet->filled += count;
        call.offset += count * d->stride[1] * BLOCK;
    }
}

/* Where the results of the row behind this one go: every second line lies alone, and stores would wait for each. */
static void strip_prefetch(const struct strip *s, int64_t oh)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    size_t size = d->y_narrow ? sizeof(uint16_t) : sizeof(float), pixel = (size_t)d->groups * size;
    const char *y =
        (const char *)d->y + (size_t)(s->image * d->oh + oh + 1) * (size_t)d->ow * pixel + (size_t)s->channel * size;
    for (int64_t o = 0; o < d->ow; o++, y += pixel)
        for (int v = 0; v < s->panels; v++)
            __builtin_prefetch(y + (size_t)(v * VL) * size, 1);
}

static void strip_band(struct strip *s, int64_t band)
{
    const struct gtcnn_conv *d = s->m->depthwise;
    const struct cut cut = cut_into(d->oh, d->bands);
    struct outlet outlets[2];
    int64_t begin = cut_first(&cut, band), top = begin * d->stride[0] - d->pad[0];
    for (int v = 0; v < s->panels; v++) {
        outlets[v].first = begin * d->ow;
        outlets[v].filled = 0;
        outlets[v].sum = vec_set(0);
    }
    s->made = top < 0 || s->m->slots == d->h ? 0 : top; /* a whole map is made at once, whatever the band */
    for (int64_t oh = begin; oh < begin + cut_rows(&cut, band); oh++) {
        strip_make(s, s->m->slots == d->h ? d->h : oh * d->stride[0] - d->pad[0] + s->m->span);
        strip_prefetch(s, oh);
        for (int v = 0; v < s->panels; v++)
            strip_row(s, oh, v, &outlets[v]);
    }
    for (int v = 0; v < s->panels; v++) {
        int64_t channel = s->channel + v * VL, lanes = d->groups - channel < VL ? d->groups - channel : VL;
        outlet_flush(s, &outlets[v], v);
        if (d->sums)
            vec_store_first(d->sums + (s->image * d->bands + band) * d->groups + channel, outlets[v].sum, lanes);
    }
}

static void mbconv_run(const struct gtcnn_conv *expand, const struct gtcnn_conv *d, uint32_t part, uint32_t parts)
{
    struct mbconv m = mbconv_of(expand, d);
    float *ring = d->scratch.base + part * d->scratch.step;
    int64_t floats = (m.slots + 1) * m.width * BLOCK;
    uint64_t begin, end;
    gtcnn_pool_slice((uint64_t)(d->n * m.blocks * d->bands), part, parts, &begin, &end);
    if (begin < end)
        memset(ring, 0, (size_t)floats * sizeof *ring); /* margins, and the row of zeros, stay so */
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        int64_t channel = i / d->bands % m.blocks * BLOCK;
        struct strip s = {.m = &m,
                          .image = i / d->bands / m.blocks,
                          .channel = channel,
                          .panels = d->groups - channel > VL ? 2 : 1,
                          .ring = ring,
                          .zeros = ring + m.slots * m.width * BLOCK,
                          .slab = ring + floats};
        strip_band(&s, i % d->bands);
    }
}

static void f32_depthwise(const struct gtcnn_conv *a, uint32_t part, uint32_t parts)
{
    mbconv_run(NULL, a, part, parts);
}

static void f32_expand(const struct gtcnn_expand *a, uint32_t part, uint32_t parts)
{
    mbconv_run(&a->expand, &a->depthwise, part, parts);
}

#endif
