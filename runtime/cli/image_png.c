#include "runtime/cli/image_codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

/* The largest factor of deflate (zlib's documentation, "Maximum Compression Factor"), and room for small files. */
#define DEFLATE_FACTOR 1032
#define DEFLATE_SLACK 4096

/* Outside of the function that calls setjmp; only its members change after that call (see image_jpeg.c). */
struct decoding {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    struct gtcnn_image_job *job;
    size_t at; /* bytes taken */
    enum gtcnn_status status;
    png_bytep *rows; /* owned */
};

static void fail(struct decoding *d, enum gtcnn_status status, const char *reason)
{
    snprintf(d->job->reason, sizeof d->job->reason, "%s", reason);
    d->status = status;
    longjmp(d->failed, 1);
}

static PNG_NORETURN void on_error(png_structp png, png_const_charp text)
{
    struct decoding *d = png_get_error_ptr(png);
    snprintf(d->job->reason, sizeof d->job->reason, "libpng: %s", text);
    d->status = GTCNN_E_FORMAT;
    longjmp(d->failed, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct decoding *d = png_get_io_ptr(png);
    if (n > d->job->n - d->at)
        png_error(png, "the file ends inside of the image");
    memcpy(to, d->job->bytes + d->at, n);
    d->at += n;
}

/* Declared sizes against what the file could hold, before anything of that size is allocated. */
static void check_capacity(struct decoding *d, uint32_t height, uint32_t width)
{
    uint64_t bits = (uint64_t)png_get_bit_depth(d->png, d->info) * png_get_channels(d->png, d->info) * width;
    char reason[GTCNN_IMAGE_REASON];
    if ((bits + 7) / 8 <= ((uint64_t)d->job->n * DEFLATE_FACTOR + DEFLATE_SLACK) / (height ? height : 1))
        return;
    snprintf(reason, sizeof reason, "declares %u x %u pixels, which its %zu bytes cannot hold: it is cut or damaged", width,
             height, d->job->n);
    fail(d, GTCNN_E_FORMAT, reason);
}

/* Whatever the file holds, to 8 bits of red, green and blue. */
static void set_transforms(struct decoding *d)
{
    png_set_palette_to_rgb(d->png);
    png_set_expand_gray_1_2_4_to_8(d->png);
    png_set_scale_16(d->png);
    png_set_strip_alpha(d->png);
    png_set_gray_to_rgb(d->png);
    png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
}

static void decode(struct decoding *d)
{
    struct gtcnn_image *image = d->job->image;
    png_read_info(d->png, d->info);
    uint32_t height = png_get_image_height(d->png, d->info), width = png_get_image_width(d->png, d->info);
    check_capacity(d, height, width);
    d->status = gtcnn_image_allocate(d->job, height, width);
    if (d->status)
        return;
    set_transforms(d);
    if (png_get_rowbytes(d->png, d->info) != (size_t)width * 3)
        fail(d, GTCNN_E_FORMAT, "is of a kind of PNG that is not known");
    d->rows = malloc(height * sizeof *d->rows);
    if (!d->rows)
        fail(d, GTCNN_E_NOMEM, "no memory for its rows");
    for (uint32_t y = 0; y < height; y++)
        d->rows[y] = image->rgb + (size_t)y * width * 3;
    png_read_image(d->png, d->rows);
    png_read_end(d->png, NULL);
}

static void configure(struct decoding *d)
{
    png_set_read_fn(d->png, d, on_read);
    /* Beyond what we allow libpng may go: the refusal with our limits in it is ours. */
    png_set_user_limits(d->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(d->png, 8 << 20);
    /* Nothing but IHDR, PLTE, tRNS, IDAT and IEND is looked at: profiles and texts are where bombs hide. */
    png_set_keep_unknown_chunks(d->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
}

static enum gtcnn_status run(struct decoding *d)
{
    if (setjmp(d->failed) == 0) {
        d->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, d, on_error, on_warning);
        d->info = d->png ? png_create_info_struct(d->png) : NULL;
        if (!d->info)
            fail(d, GTCNN_E_NOMEM, "no memory for libpng");
        configure(d);
        decode(d);
    }
    png_destroy_read_struct(&d->png, &d->info, NULL);
    free(d->rows);
    return d->status;
}

enum gtcnn_status gtcnn_image_png(struct gtcnn_image_job *job)
{
    struct decoding d = {.job = job};
    return run(&d);
}
