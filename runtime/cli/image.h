/*
 * JPEG and PNG files to pixels, by libjpeg-turbo and libpng.
 *
 * Files are not trusted. What a file is, its first bytes say and not its name. Sizes are checked before anything of that size
 * is allocated: a side of at most 65,500 pixels (libjpeg's own limit), 64 million pixels in all, a file of at most 128 MiB, a
 * PNG of no more than its bytes can hold (deflate expands at most 1032 times), a JPEG likewise (a bit for each block of 64
 * pixels, where it is Huffman-coded), and of at most 100 scans. What is damaged or cut is an error that names the file, the
 * reason and the remedy; nothing is filled in.
 *
 * All kinds become red, green and blue of 8 bits: grey is repeated, palettes are looked up, 16 bits are scaled to 8 with
 * rounding, CMYK and YCCK become RGB as (255 - C)(255 - K) / 255 (what Adobe stores inverted is turned first). Transparency is
 * dropped: the colours stay as stored. Colour profiles, gamma and EXIF's orientation are not applied; that is what
 * TensorFlow's decoders do, by which the published accuracies were taken. Thread-safe; no function prints or exits.
 */
#ifndef GTCNN_CLI_IMAGE_H
#define GTCNN_CLI_IMAGE_H

#include "runtime/gtcnn.h"

#include <stddef.h>
#include <stdint.h>

enum {
    GTCNN_IMAGE_SIDE_MOST = 65500,
    GTCNN_IMAGE_PIXELS_MOST = 64 * 1000 * 1000,
    GTCNN_IMAGE_FILE_MOST = 128 << 20,
};

struct gtcnn_image {
    uint32_t height, width;
    uint8_t *rgb; /* owned; height x width x 3 */
};

/* Reads a regular file into *bytes (owned by the caller, *n of them). GTCNN_E_NOENT, GTCNN_E_IO, GTCNN_E_LIMIT, GTCNN_E_NOMEM.
 */
enum gtcnn_status gtcnn_image_read(const char *path, uint8_t **bytes, size_t *n, struct gtcnn_err *err);

/*
 * Decodes `n` bytes; `name` is for errors. GTCNN_E_FORMAT (damaged, cut, or neither JPEG nor PNG), GTCNN_E_LIMIT,
 * GTCNN_E_NOMEM. On failure *image is empty.
 */
enum gtcnn_status gtcnn_image_decode(const uint8_t *bytes, size_t n, const char *name, struct gtcnn_image *image,
                                     struct gtcnn_err *err);

/* Both. */
enum gtcnn_status gtcnn_image_load(const char *path, struct gtcnn_image *image, struct gtcnn_err *err);
void gtcnn_image_free(struct gtcnn_image *image);

#endif
