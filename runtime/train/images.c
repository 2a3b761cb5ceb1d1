#include "runtime/train/images.h"

#include "runtime/cli/fail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Unbiased: draws again where the range does not divide 2^64. */
static uint32_t below(struct gtcnn_weights *stream, uint32_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, draw;
    do
        draw = gtcnn_weights_next(stream);
    while (draw >= limit);
    return (uint32_t)(draw % n);
}

static void shuffle(struct gtcnn_weights *stream, uint32_t *indices, uint32_t n)
{
    for (uint32_t i = n; i > 1; i--) {
        uint32_t j = below(stream, i), swap = indices[i - 1];
        indices[i - 1] = indices[j];
        indices[j] = swap;
    }
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum gtcnn_status split(struct gtcnn_images *m, const struct gtcnn_recipe *recipe, struct gtcnn_err *err)
{
    uint32_t n = (uint32_t)m->data.labels.count;
    if (recipe->held_out >= n)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--held-out %u: the training split of %s has %u images", recipe->held_out,
                              m->data.name, n);
    m->train = malloc(n * sizeof *m->train);
    m->held_out = malloc((recipe->held_out + 1) * sizeof *m->held_out);
    if (!m->train || !m->held_out)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    for (uint32_t i = 0; i < n; i++)
        m->train[i] = i;
    struct gtcnn_weights stream;
    gtcnn_weights_seed(&stream, "held-out split", "1");
    shuffle(&stream, m->train, n);
    m->held_out_count = recipe->held_out;
    m->train_count = n - recipe->held_out;
    memcpy(m->held_out, m->train + m->train_count, m->held_out_count * sizeof *m->held_out);
    if (recipe->limit && recipe->limit < m->train_count)
        m->train_count = recipe->limit;
    if (m->train_count < recipe->batch)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "%u images to train on do not fill one batch of %u; lower --batch",
                              m->train_count, recipe->batch);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_images_open(const struct gtcnn_recipe *recipe, const char *folder, uint32_t side,
                                    struct gtcnn_images *m, struct gtcnn_err *err)
{
    *m = (struct gtcnn_images){0};
    enum gtcnn_status status = gtcnn_dataset_load(folder, "train", &m->data, err);
    if (status)
        return status;
    m->height = m->data.images.dim[1];
    m->width = m->data.images.dim[2];
    m->shifted = malloc((size_t)m->height * m->width + 1);
    if (!m->shifted || gtcnn_resizer_init(&m->resizer, m->height, m->width, side, side) != 0)
        status = gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for the images, or a side of them is above 65535");
    if (!status)
        status = split(m, recipe, err);
    if (status)
        gtcnn_images_close(m);
    return status;
}

void gtcnn_images_close(struct gtcnn_images *m)
{
    gtcnn_dataset_free(&m->data);
    gtcnn_resizer_free(&m->resizer);
    free(m->train);
    free(m->held_out);
    free(m->shifted);
    *m = (struct gtcnn_images){0};
}

void gtcnn_images_begin_epoch(struct gtcnn_images *m, const struct gtcnn_recipe *recipe, uint32_t epoch)
{
    char name[64];
    snprintf(name, sizeof name, "seed %" PRIu64 " epoch %u", recipe->seed, epoch);
    gtcnn_weights_seed(&m->stream, recipe->model, name);
    qsort(m->train, m->train_count, sizeof *m->train, compare); /* the order depends on the epoch alone, not on those before */
    shuffle(&m->stream, m->train, m->train_count);
}

static const uint8_t *pixels(const struct gtcnn_images *m, uint32_t image)
{
    return m->data.images.data + (size_t)image * m->height * m->width;
}

/* Moves the image by (dx, dy), black coming in from outside, and mirrors it where told. */
static void transform(struct gtcnn_images *m, const uint8_t *from, int dx, int dy, bool mirror)
{
    int height = (int)m->height, width = (int)m->width;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int sx = (mirror ? width - 1 - x : x) - dx, sy = y - dy;
            bool inside = sx >= 0 && sx < width && sy >= 0 && sy < height;
            m->shifted[y * width + x] = inside ? from[sy * width + sx] : 0;
        }
}

uint8_t gtcnn_images_train(struct gtcnn_images *m, const struct gtcnn_recipe *recipe, uint32_t n, float *out)
{
    uint32_t image = m->train[n], span = 2 * recipe->shift + 1;
    int dx = (int)below(&m->stream, span) - (int)recipe->shift, dy = (int)below(&m->stream, span) - (int)recipe->shift;
    bool mirror = recipe->flip && below(&m->stream, 2);
    transform(m, pixels(m, image), dx, dy, mirror);
    gtcnn_resizer_apply(&m->resizer, m->shifted, GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD, out, 1);
    return m->data.labels.data[image];
}

uint8_t gtcnn_images_held_out(struct gtcnn_images *m, uint32_t n, float *out)
{
    gtcnn_resizer_apply(&m->resizer, pixels(m, m->held_out[n]), GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD, out, 1);
    return m->data.labels.data[m->held_out[n]];
}
