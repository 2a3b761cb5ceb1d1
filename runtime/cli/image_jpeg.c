#include "runtime/cli/image_codec.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h> /* looks at what jpeglib.h has configured */

enum { SCANS_MOST = 100 };
#define MEMORY_MOST (512L << 20) /* libjpeg's own; a progressive image of 64 million pixels needs 384 MB */

/*
 * Lives outside of the function that calls setjmp, and only its members change after that call: nothing is clobbered by the
 * longjmp. The managers stand first, so that libjpeg's pointers to them are pointers to it.
 */
struct decoding {
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    jmp_buf failed;
    struct gtcnn_image_job *job;
    enum gtcnn_status status;
    uint8_t *cmyk; /* owned; one row */
};

static struct decoding *decoding_of(j_common_ptr jpeg)
{
    return (struct decoding *)jpeg->client_data;
}

static void on_error(j_common_ptr jpeg)
{
    struct decoding *d = decoding_of(jpeg);
    char text[JMSG_LENGTH_MAX];
    int code = jpeg->err->msg_code;
    jpeg->err->format_message(jpeg, text);
    snprintf(d->job->reason, sizeof d->job->reason, "libjpeg: %s", text);
    d->status = code == JERR_OUT_OF_MEMORY                                    ? GTCNN_E_NOMEM
                : code == JERR_NO_BACKING_STORE || code == JERR_IMAGE_TOO_BIG ? GTCNN_E_LIMIT
                                                                              : GTCNN_E_FORMAT;
    longjmp(d->failed, 1);
}

/* After these warnings libjpeg goes on with pixels that the file does not hold. */
static const int FATAL_WARNINGS[] = {JWRN_JPEG_EOF,    JWRN_HIT_MARKER,        JWRN_HUFF_BAD_CODE,
                                     JWRN_MUST_RESYNC, JWRN_BOGUS_PROGRESSION, JWRN_ARITH_BAD_CODE};

static void on_message(j_common_ptr jpeg, int level)
{
    for (size_t i = 0; level < 0 && i < sizeof FATAL_WARNINGS / sizeof *FATAL_WARNINGS; i++)
        if (jpeg->err->msg_code == FATAL_WARNINGS[i])
            on_error(jpeg);
}

/* A few bytes for each scan cost a pass over all pixels. */
static void on_progress(j_common_ptr jpeg)
{
    struct decoding *d = decoding_of(jpeg);
    if (d->jpeg.input_scan_number <= SCANS_MOST)
        return;
    snprintf(d->job->reason, sizeof d->job->reason, "has more than %d scans", SCANS_MOST);
    d->status = GTCNN_E_LIMIT;
    longjmp(d->failed, 1);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

/* Adobe's programs store CMYK inverted, and say so by their marker. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, uint32_t width, int inverted)
{
    unsigned flip = inverted ? 0 : 255;
    for (uint32_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + (uint32_t)c] = (uint8_t)(((cmyk[4 * x + (uint32_t)c] ^ flip) * (cmyk[4 * x + 3] ^ flip) + 127) / 255);
}

static void read_rows(struct decoding *d)
{
    struct gtcnn_image *image = d->job->image;
    while (d->jpeg.output_scanline < image->height) {
        uint8_t *rgb = image->rgb + (size_t)d->jpeg.output_scanline * image->width * 3;
        JSAMPROW row = d->cmyk ? d->cmyk : rgb;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
        if (d->cmyk)
            cmyk_to_rgb(d->cmyk, rgb, image->width, d->jpeg.saw_Adobe_marker);
    }
}

/*
 * Every block of 8 x 8 samples has a Huffman code for its mean in some scan, a bit at least (ITU-T T.81, F and G). A quarter of
 * the pixels are samples of one component at least, however they are subsampled (sampling factors are 1 to 4, and each of the
 * two largest belongs to some component). Arithmetic coding has no such bound.
 */
static bool can_hold(struct decoding *d)
{
    uint64_t pixels = (uint64_t)d->jpeg.image_height * d->jpeg.image_width;
    if (d->jpeg.arith_code || pixels / 64 / 8 / 4 <= d->job->n)
        return true;
    snprintf(d->job->reason, sizeof d->job->reason,
             "declares %u x %u pixels, which its %zu bytes cannot hold: it is cut or damaged", d->jpeg.image_width,
             d->jpeg.image_height, d->job->n);
    d->status = GTCNN_E_FORMAT;
    return false;
}

static void decode(struct decoding *d)
{
    struct jpeg_decompress_struct *jpeg = &d->jpeg;
    jpeg_read_header(jpeg, TRUE);
    if (!can_hold(d))
        return;
    d->status = gtcnn_image_allocate(d->job, jpeg->image_height, jpeg->image_width);
    if (d->status)
        return;
    bool four = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = four ? JCS_CMYK : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    if (four && !(d->cmyk = malloc((size_t)jpeg->image_width * 4))) {
        d->status = GTCNN_E_NOMEM;
        snprintf(d->job->reason, sizeof d->job->reason, "no memory for a row");
        return;
    }
    jpeg_start_decompress(jpeg);
    read_rows(d);
    jpeg_finish_decompress(jpeg);
}

static enum gtcnn_status run(struct decoding *d)
{
    d->jpeg.err = jpeg_std_error(&d->errors);
    d->jpeg.client_data = d;
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->errors.output_message = print_nothing;
    d->progress.progress_monitor = on_progress;
    if (setjmp(d->failed) == 0) {
        jpeg_create_decompress(&d->jpeg);
        d->jpeg.progress = &d->progress;
        d->jpeg.mem->max_memory_to_use = MEMORY_MOST;
        jpeg_mem_src(&d->jpeg, d->job->bytes, d->job->n);
        decode(d);
    }
    jpeg_destroy_decompress(&d->jpeg);
    free(d->cmyk);
    return d->status;
}

enum gtcnn_status gtcnn_image_jpeg(struct gtcnn_image_job *job)
{
    struct decoding d = {.job = job};
    return run(&d);
}
