/* Fuzz target: a JPEG or PNG file, decoded and, where it is small, made ready for a model. */
#include "runtime/cli/preprocess.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void prepare(const struct gtcnn_image *image)
{
    static float out[3 * 16 * 12];
    const struct gtcnn_shape input = {4, {1, 3, 16, 12}};
    const struct gtcnn_cli_args args[] = {{.resize = 0}, {.resize = 20, .interpolation = "bilinear"}, {.crop = "none"}};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        struct gtcnn_recipe recipe;
        if (gtcnn_recipe_settle(&recipe, &args[i], &input, false, NULL) == GTCNN_OK)
            gtcnn_recipe_apply(&recipe, image, out, NULL);
    }
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A PNG's chunks with right checksums, or no mutation would come past them. */
static void mend_checksums(uint8_t *png, size_t size)
{
    for (size_t at = 8; at + 12 <= size && get32(png + at) <= size - at - 12; at += 12 + get32(png + at)) {
        uint8_t *end = png + at + 8 + get32(png + at);
        uint32_t sum = (uint32_t)crc32(0, png + at + 4, 4 + get32(png + at));
        for (int i = 0; i < 4; i++)
            end[i] = (uint8_t)(sum >> (24 - 8 * i));
    }
}

static void decode(const uint8_t *data, size_t size)
{
    struct gtcnn_image image;
    struct gtcnn_err err = {0};
    if (gtcnn_image_decode(data, size, "fuzz", &image, &err) == GTCNN_OK && (uint64_t)image.height * image.width < 1 << 20)
        prepare(&image);
    gtcnn_image_free(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    if (!copy)
        return -1;
    memcpy(copy, data, size);
    mend_checksums(copy, size);
    decode(data, size);
    decode(copy, size);
    free(copy);
    return 0;
}
