/* Makes JPEG and PNG files in memory, for mkimage.c and the unit test of the decoders. */
#ifndef TESTS_HOST_MKIMAGE_H
#define TESTS_HOST_MKIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

/* The colour of a pixel: gradients, and a block of 255, 40, 20 where the seed puts it. */
static inline void mkimage_pixel(unsigned w, unsigned h, unsigned seed, unsigned x, unsigned y, uint8_t rgb[3])
{
    unsigned bx = seed * 7 % w, by = seed * 5 % h;
    bool block = x >= bx && x < bx + w / 4 + 1 && y >= by && y < by + h / 4 + 1;
    rgb[0] = block ? 255 : (uint8_t)(255 * x / w);
    rgb[1] = block ? 40 : (uint8_t)(255 * y / h);
    rgb[2] = block ? 20 : (uint8_t)(seed * 31);
}

static inline void mkimage_jpeg_setup(struct jpeg_compress_struct *c, const char *kind, unsigned w, unsigned h)
{
    bool cmyk = strcmp(kind, "jpeg-cmyk") == 0, grey = strcmp(kind, "jpeg-grey") == 0;
    c->image_width = w;
    c->image_height = h;
    c->input_components = cmyk ? 4 : grey ? 1 : 3;
    c->in_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, 95, TRUE);
    if (cmyk)
        jpeg_set_colorspace(c, JCS_YCCK); /* writes Adobe's marker, so the samples count as inverted */
    if (strcmp(kind, "jpeg-progressive") == 0)
        jpeg_simple_progression(c);
    static const jpeg_scan_info planes[] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (strcmp(kind, "jpeg-planes") == 0) {
        c->scan_info = planes;
        c->num_scans = 3;
    }
}

/* As the in-space wants it; CMYK inverted, as Adobe does. */
static inline void mkimage_sample(int n, const uint8_t rgb[3], uint8_t *to)
{
    if (n == 1)
        *to = rgb[1];
    else
        memcpy(to, rgb, 3);
    if (n == 4)
        to[3] = 255;
}

static inline uint8_t *mkimage_jpeg(const char *kind, unsigned w, unsigned h, unsigned seed, size_t *n)
{
    struct jpeg_error_mgr errors;
    struct jpeg_compress_struct c;
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    uint8_t *row = calloc(w, 4), rgb[3];
    c.err = jpeg_std_error(&errors); /* exits: in a test, that is a failure */
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, &bytes, &size);
    mkimage_jpeg_setup(&c, kind, w, h);
    jpeg_start_compress(&c, TRUE);
    for (unsigned y = 0; row && y < h; y++) {
        for (unsigned x = 0; x < w; x++) {
            mkimage_pixel(w, h, seed, x, y, rgb);
            mkimage_sample(c.input_components, rgb, row + x * (unsigned)c.input_components);
        }
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    free(row);
    *n = size;
    return bytes;
}

struct mkimage_buffer {
    uint8_t *bytes;
    size_t n;
};

static inline void mkimage_append(png_structp png, png_bytep from, size_t n)
{
    struct mkimage_buffer *b = png_get_io_ptr(png);
    uint8_t *more = realloc(b->bytes, b->n + n);
    if (!more)
        abort();
    memcpy(more + b->n, from, n);
    b->bytes = more;
    b->n += n;
}

static inline void mkimage_flush(png_structp png)
{
    (void)png;
}

static const struct mkimage_png {
    const char *kind;
    int type, depth, interlace;
    unsigned bytes; /* of a pixel */
} mkimage_pngs[] = {
    {"png", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, 3},
    {"png-interlaced", PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7, 3},
    {"png-grey", PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, 1},
    {"png-16", PNG_COLOR_TYPE_RGB, 16, PNG_INTERLACE_NONE, 6},
    {"png-alpha", PNG_COLOR_TYPE_RGB_ALPHA, 8, PNG_INTERLACE_NONE, 4},
    {"png-palette", PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_NONE, 1},
};

static inline void mkimage_png_pixel(const struct mkimage_png *k, const uint8_t rgb[3], uint8_t *to)
{
    for (unsigned c = 0; c < 3 && k->bytes >= 3; c++)
        to[k->bytes == 6 ? 2 * c : c] = rgb[c];
    for (unsigned c = 0; c < 3 && k->bytes == 6; c++)
        to[2 * c + 1] = rgb[c]; /* v * 257: exactly v */
    if (k->bytes == 4)
        to[3] = rgb[0]; /* any alpha: it is to be dropped */
    if (k->bytes == 1)
        to[0] = rgb[1];
}

/* Index i of the palette is (i, 255 - i, i / 2). */
static inline void mkimage_palette(png_structp png, png_infop info)
{
    png_color palette[256];
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)(255 - i), (png_byte)(i / 2)};
    png_set_PLTE(png, info, palette, 256);
}

static inline uint8_t *mkimage_png(const struct mkimage_png *k, unsigned w, unsigned h, unsigned seed, size_t *n)
{
    struct mkimage_buffer b = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t *pixels = calloc((size_t)w * h, k->bytes), rgb[3];
    png_bytep *rows = calloc(h, sizeof *rows);
    png_set_write_fn(png, &b, mkimage_append, mkimage_flush);
    png_set_IHDR(png, info, w, h, k->depth, k->type, k->interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (k->type == PNG_COLOR_TYPE_PALETTE)
        mkimage_palette(png, info);
    for (unsigned y = 0; y < h; y++) {
        rows[y] = pixels + (size_t)y * w * k->bytes;
        for (unsigned x = 0; x < w; x++) {
            mkimage_pixel(w, h, seed, x, y, rgb);
            mkimage_png_pixel(k, rgb, rows[y] + x * k->bytes);
        }
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    free(rows);
    free(pixels);
    *n = b.n;
    return b.bytes;
}

/* NULL: no such kind. Owned by the caller. */
static inline uint8_t *mkimage(const char *kind, unsigned w, unsigned h, unsigned seed, size_t *n)
{
    if (strncmp(kind, "jpeg", 4) == 0)
        return mkimage_jpeg(kind, w, h, seed, n);
    for (size_t i = 0; i < sizeof mkimage_pngs / sizeof *mkimage_pngs; i++)
        if (strcmp(mkimage_pngs[i].kind, kind) == 0)
            return mkimage_png(&mkimage_pngs[i], w, h, seed, n);
    return NULL;
}

#endif
