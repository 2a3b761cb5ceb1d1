/*
 * What happens to an image before a model sees it: the recipe, its one-line text, and its application.
 *
 * The default for folders of images is that of EfficientNet's official evaluation (Tan & Le 2019; TensorFlow's
 * models/official/efficientnet/preprocessing.py, CROP_PADDING = 32): of an image, the centre square of
 * floor(side / (side + 32) x its shorter side) pixels, side being the model's input, resampled to the input by a bicubic
 * filter; pixels / 255, less the mean (0.485, 0.456, 0.406), over the standard deviation (0.229, 0.224, 0.225) of ImageNet's
 * channels. (Ours is widened when shrinking, as the filters of Pillow are; TensorFlow's was not.) A model whose input is not
 * square takes a box of its shape, side being the longer one.
 *
 * With `resize` or `crop` the usual two steps: the shorter side is resized to `resize`, the longer one to floor(resize x longer
 * / shorter), and the centre square of `crop` pixels (by default: as large as the model's input) is taken, and resampled to the
 * input where it is larger or smaller. Both steps are one resampling, and nothing is rounded between them. `whole` resamples
 * the whole image to the input, whatever its shape.
 *
 * IDX images are resized area-wise (resize.h) instead, and only mean and deviation can be chosen. Models of one channel get the
 * luma of colours, 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), and by default the mean and deviation of Fashion-MNIST.
 *
 * The text names the recipe and not the model's size, so that one recipe has one text for all members of a family.
 */
#ifndef GTCNN_CLI_PREPROCESS_H
#define GTCNN_CLI_PREPROCESS_H

#include "runtime/cli/image.h"
#include "runtime/cli/options.h"
#include "runtime/cli/resample.h"

#include <stdbool.h>

enum { GTCNN_RECIPE_TEXT = 256, GTCNN_CROP_PADDING = 32 };

struct gtcnn_recipe {
    bool area;             /* IDX: area-wise; what follows up to `filter` is unused */
    uint32_t resize, crop; /* 0: by the model's input */
    bool whole;            /* --crop none */
    enum gtcnn_filter filter;
    double mean[3], std[3]; /* by channel; of a grey model the first counts */
    uint32_t channels, height, width;
    bool channels_last;           /* the model's input is N x height x width x channels */
    char text[GTCNN_RECIPE_TEXT]; /* "resize=input+32 crop=input bicubic mean=0.485,0.456,0.406 std=0.229,0.224,0.225" */
};

/* Whether a model's input is that of an image: N x C x H x W or N x H x W x C with C 1 or 3; the former where both fit. */
bool gtcnn_recipe_fits(const struct gtcnn_shape *input);

/* From the options, for a model of an input that fits, and IDX files or not. GTCNN_E_ARG names the option and what it wants. */
enum gtcnn_status gtcnn_recipe_settle(struct gtcnn_recipe *recipe, const struct gtcnn_cli_args *args,
                                      const struct gtcnn_shape *input, bool idx, struct gtcnn_err *err);

/* An image to one item of the model's input. GTCNN_E_NOMEM; an area recipe is GTCNN_E_ARG. */
enum gtcnn_status gtcnn_recipe_apply(const struct gtcnn_recipe *recipe, const struct gtcnn_image *image, float *out,
                                     struct gtcnn_err *err);

/* The boxes that an image of that size is resampled from: [0] rows, [1] columns. */
void gtcnn_recipe_spans(const struct gtcnn_recipe *recipe, uint32_t height, uint32_t width, struct gtcnn_span spans[2]);

#endif
