/*
 * What image.c and its two decoders share. Internal to them.
 *
 * A decoder is called with a file whose first bytes are its own. It reports by `reason`, a text without the file's name, and
 * may leave image->rgb allocated on failure: image.c frees it.
 */
#ifndef GTCNN_CLI_IMAGE_CODEC_H
#define GTCNN_CLI_IMAGE_CODEC_H

#include "runtime/cli/image.h"

enum { GTCNN_IMAGE_REASON = 256 };

struct gtcnn_image_job {
    const uint8_t *bytes;
    size_t n;
    struct gtcnn_image *image;
    char reason[GTCNN_IMAGE_REASON];
};

enum gtcnn_status gtcnn_image_jpeg(struct gtcnn_image_job *job);
enum gtcnn_status gtcnn_image_png(struct gtcnn_image_job *job);

/* Checks the declared size and allocates the pixels. GTCNN_E_FORMAT, GTCNN_E_LIMIT, GTCNN_E_NOMEM. */
enum gtcnn_status gtcnn_image_allocate(struct gtcnn_image_job *job, uint32_t height, uint32_t width);

#endif
