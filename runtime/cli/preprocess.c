#include "runtime/cli/preprocess.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/resize.h"
#include "runtime/escape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CROP_MOST = 65535 };

static const double IMAGENET_MEAN[3] = {0.485, 0.456, 0.406}, IMAGENET_STD[3] = {0.229, 0.224, 0.225};
static const double LUMA[3] = {0.299, 0.587, 0.114};

/* --- from the options */

static enum gtcnn_status bad(const char *option, const char *value, const char *wanted, struct gtcnn_err *err)
{
    char safe[128];
    return gtcnn_cli_fail(err, GTCNN_E_ARG, "--%s %s: %s", option, gtcnn_escape(safe, sizeof safe, value, SIZE_MAX), wanted);
}

/* "0.5" or "0.485,0.456,0.406": one number for every channel or one for all. Returns how many, 0: neither. */
static int parse_numbers(const char *text, double least, double values[3])
{
    for (int n = 0; n < 3; n++) {
        char *end;
        if (*text < '0' || *text > '9')
            return 0;
        values[n] = strtod(text, &end);
        if (!(values[n] >= least && values[n] <= 1) || strspn(text, "0123456789.e-") < (size_t)(end - text))
            return 0;
        if (*end == '\0')
            return n + 1;
        if (*end != ',')
            return 0;
        text = end + 1;
    }
    return 0;
}

static enum gtcnn_status settle_channels(const char *option, const char *text, double least, uint32_t channels,
                                         double values[3], struct gtcnn_err *err)
{
    double given[3];
    if (!text)
        return GTCNN_OK;
    int n = parse_numbers(text, least, given);
    if (n == 0)
        return bad(option, text,
                   least > 0 ? "wants R,G,B or one number, each above 0 and at most 1"
                             : "wants R,G,B or one number, each from 0 to 1",
                   err);
    if (n != 1 && n != (int)channels)
        return bad(option, text, channels == 1 ? "the model has one channel: give one number" : "wants R,G,B or one number",
                   err);
    for (int c = 0; c < 3; c++)
        values[c] = given[n == 1 ? 0 : c];
    return GTCNN_OK;
}

static enum gtcnn_status settle_crop(struct gtcnn_recipe *r, const char *text, struct gtcnn_err *err)
{
    if (!text)
        return GTCNN_OK;
    r->whole = strcmp(text, "none") == 0;
    if (r->whole)
        return GTCNN_OK;
    if (strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5)
        r->crop = (uint32_t)strtoul(text, NULL, 10);
    return r->crop >= 1 && r->crop <= CROP_MOST ? GTCNN_OK
                                                : bad("crop", text, "wants a number of pixels from 1 to 65535, or none", err);
}

/* Of the options that IDX files cannot have, the first that was given. */
static const char *option_for_folders(const struct gtcnn_cli_args *args)
{
    return args->resize          ? "resize"
           : args->crop          ? "crop"
           : args->interpolation ? "interpolation"
           : args->classes       ? "classes"
                                 : NULL;
}

static uint32_t crop_side(const struct gtcnn_recipe *r)
{
    return r->crop ? r->crop : r->height > r->width ? r->height : r->width;
}

static enum gtcnn_status check_geometry(const struct gtcnn_recipe *r, struct gtcnn_err *err)
{
    if (r->resize && r->whole)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--resize has no meaning with --crop none, which takes the whole image");
    if (r->resize && crop_side(r) > r->resize)
        return gtcnn_cli_fail(err, GTCNN_E_ARG,
                              "--resize %u: the crop of %u pixels does not fit in; resize to %u or more, or give --crop",
                              r->resize, crop_side(r), crop_side(r));
    return GTCNN_OK;
}

/* --- the text */

static void add_numbers(char *text, size_t size, const char *key, const double *values, uint32_t n)
{
    size_t used = strlen(text);
    for (uint32_t i = 0; i < n && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ",%.9g" : " %2$s=%1$.9g", values[i], key);
}

static void number_or(char out[24], uint32_t number, const char *otherwise)
{
    if (number)
        snprintf(out, 24, "%u", number);
    else
        snprintf(out, 24, "%s", otherwise);
}

static void write_text(struct gtcnn_recipe *r)
{
    char resize[24], crop[24], filter[32];
    snprintf(filter, sizeof filter, "%s", r->filter == GTCNN_FILTER_BICUBIC ? "bicubic" : "bilinear");
    number_or(crop, r->crop, "input");
    number_or(resize, r->resize, r->crop ? "crop+32" : "input+32");
    if (r->area)
        snprintf(r->text, sizeof r->text, "resize=area");
    else if (r->whole)
        snprintf(r->text, sizeof r->text, "resize=none crop=none %s", filter);
    else
        snprintf(r->text, sizeof r->text, "resize=%s crop=%s %s", resize, crop, filter);
    add_numbers(r->text, sizeof r->text, "mean", r->mean, r->channels);
    add_numbers(r->text, sizeof r->text, "std", r->std, r->channels);
}

static bool is_channels(int64_t n)
{
    return n == 1 || n == 3;
}

bool gtcnn_recipe_fits(const struct gtcnn_shape *input)
{
    return input->rank == 4 && (is_channels(input->dim[1]) || is_channels(input->dim[3]));
}

static void take_shape(struct gtcnn_recipe *r, const struct gtcnn_shape *input)
{
    r->channels_last = !is_channels(input->dim[1]);
    const int64_t *size = input->dim + (r->channels_last ? 1 : 2);
    r->channels = (uint32_t)input->dim[r->channels_last ? 3 : 1];
    r->height = (uint32_t)size[0];
    r->width = (uint32_t)size[1];
}

enum gtcnn_status gtcnn_recipe_settle(struct gtcnn_recipe *r, const struct gtcnn_cli_args *args,
                                      const struct gtcnn_shape *input, bool idx, struct gtcnn_err *err)
{
    const char *refused = option_for_folders(args);
    *r = (struct gtcnn_recipe){.area = idx, .resize = (uint32_t)args->resize};
    take_shape(r, input);
    if (idx && refused)
        return gtcnn_cli_fail(
            err, GTCNN_E_ARG,
            "--%s is for folders of JPEG and PNG files: IDX images are resized area-wise to the model's input", refused);
    if (args->interpolation && strcmp(args->interpolation, "bilinear") == 0)
        r->filter = GTCNN_FILTER_BILINEAR;
    for (int c = 0; c < 3; c++) {
        bool grey = idx || r->channels == 1;
        r->mean[c] = grey ? GTCNN_PIXEL_MEAN : IMAGENET_MEAN[c];
        r->std[c] = grey ? GTCNN_PIXEL_STD : IMAGENET_STD[c];
    }
    enum gtcnn_status status = settle_crop(r, args->crop, err);
    if (!status)
        status = check_geometry(r, err);
    if (!status)
        status = settle_channels("mean", args->mean, 0, r->channels, r->mean, err);
    if (!status)
        status = settle_channels("std", args->std, 1e-6, r->channels, r->std, err);
    if (!status)
        write_text(r);
    return status;
}

/* --- geometry */

/* The official box: whole pixels of the source, and nothing outside of it is looked at. */
static struct gtcnn_span official(uint32_t side, uint32_t padded, uint32_t shorter, uint32_t source)
{
    uint32_t length = (uint32_t)((uint64_t)side * shorter / padded);
    length = length ? length : 1;
    uint32_t begin = (source - length + 1) / 2;
    return (struct gtcnn_span){begin, length, begin, begin + length};
}

/* `crop` of the `resized` pixels that the source would have; the filter sees what is beside them. */
static struct gtcnn_span two_steps(double crop, double resized, uint32_t source)
{
    double begin = nearbyint((resized - crop) / 2), scale = source / resized;
    return (struct gtcnn_span){begin * scale, crop * scale, 0, source};
}

void gtcnn_recipe_spans(const struct gtcnn_recipe *r, uint32_t height, uint32_t width, struct gtcnn_span spans[2])
{
    uint32_t shorter = height < width ? height : width;
    const uint32_t source[2] = {height, width}, input[2] = {r->height, r->width};
    uint32_t resize = r->resize ? r->resize : crop_side(r) + GTCNN_CROP_PADDING;
    for (int i = 0; i < 2; i++) {
        uint64_t resized = (uint64_t)resize * source[i] / shorter;
        if (r->whole)
            spans[i] = (struct gtcnn_span){0, source[i], 0, source[i]};
        else if (r->resize || r->crop)
            spans[i] = two_steps(r->crop ? r->crop : input[i], (double)resized, source[i]);
        else
            spans[i] = official(input[i], resize, shorter, source[i]);
    }
}

/* --- application */

static void normalise_row(const struct gtcnn_recipe *r, const double *rgb, uint32_t y, float *out)
{
    size_t between = r->channels_last ? 1 : (size_t)r->height * r->width, step = r->channels_last ? r->channels : 1;
    float *to = out + (size_t)y * r->width * step;
    for (uint32_t x = 0; x < r->width; x++, rgb += 3, to += step) {
        const double grey = LUMA[0] * rgb[0] + LUMA[1] * rgb[1] + LUMA[2] * rgb[2];
        for (uint32_t c = 0; c < r->channels; c++)
            to[c * between] = (float)(((r->channels == 1 ? grey : rgb[c]) / 255 - r->mean[c]) / r->std[c]);
    }
}

enum gtcnn_status gtcnn_recipe_apply(const struct gtcnn_recipe *r, const struct gtcnn_image *image, float *out,
                                     struct gtcnn_err *err)
{
    struct gtcnn_span spans[2];
    struct gtcnn_resampler resampler;
    if (r->area)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "the recipe of IDX images is for bytes of grey");
    gtcnn_recipe_spans(r, image->height, image->width, spans);
    double *row = malloc((size_t)r->width * 3 * sizeof *row);
    if (!row || gtcnn_resampler_init(&resampler, r->filter, &spans[0], &spans[1], r->height, r->width) != 0) {
        free(row);
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory to resize an image of %u x %u pixels", image->width,
                              image->height);
    }
    for (uint32_t y = 0; y < r->height; y++) {
        gtcnn_resampler_row(&resampler, image->rgb, image->width, y, row);
        normalise_row(r, row, y, out);
    }
    gtcnn_resampler_free(&resampler);
    free(row);
    return GTCNN_OK;
}
