/* Fuzz target: a JPEG or PNG file, decoded and, where it is small, made ready for a model. */
#include "runtime/cli/preprocess.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gtcnn_image image;
    struct gtcnn_err err = {0};
    if (gtcnn_image_decode(data, size, "fuzz", &image, &err) == GTCNN_OK && (uint64_t)image.height * image.width < 1 << 20)
        prepare(&image);
    gtcnn_image_free(&image);
    return 0;
}
