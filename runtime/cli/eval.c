#include "runtime/cli/dataset.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/predictions.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/resize.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One evaluation, and all that it owns. */
struct eval {
    struct gtcnn_cli *cli;
    struct gtcnn_dataset data;
    struct gtcnn_model *model;
    const struct gtcnn_model_info *info;
    struct gtcnn_resizer resizer;
    float *input, *output;
    uint32_t *predictions;
    uint64_t images, classes; /* to classify; outputs for each */
    uint64_t correct, infer_ns;
};

/* An image-like input of 1 or 3 channels and one row of outputs for each image. */
static enum gtcnn_status check_shapes(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_model_info *m = e->info;
    const struct gtcnn_shape *in = &m->input;
    char shape[128], safe[128];
    uint64_t out = gtcnn_cli_count(&m->output);
    e->classes = out / m->batch;
    if (in->rank == 4 && (in->dim[1] == 1 || in->dim[1] == 3) && in->dim[0] == m->batch && out > 0 && out % m->batch == 0)
        return GTCNN_OK;
    return gtcnn_cli_fail(err, GTCNN_E_SHAPE,
                          "%s: its input is %s; eval classifies images and wants Nx1xHxW or Nx3xHxW (gtcnn run takes any)",
                          gtcnn_escape(safe, sizeof safe, m->name, SIZE_MAX), gtcnn_cli_shape_text(shape, sizeof shape, in));
}

static enum gtcnn_status allocate(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_shape *in = &e->info->input;
    e->input = calloc(gtcnn_cli_count(in), sizeof *e->input);
    e->output = calloc(gtcnn_cli_count(&e->info->output), sizeof *e->output);
    e->predictions = calloc(e->images, sizeof *e->predictions);
    bool ok = e->input && e->output && e->predictions &&
              gtcnn_resizer_init(&e->resizer, e->data.images.dim[1], e->data.images.dim[2], (uint32_t)in->dim[2],
                                 (uint32_t)in->dim[3]) == 0;
    return ok ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for the images, or a side of them is above 65535");
}

static enum gtcnn_status prepare(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_cli_args *args = &e->cli->args;
    enum gtcnn_status status = gtcnn_dataset_load(args->data, args->split, &e->data, err);
    if (!status)
        status = gtcnn_cli_open(e->cli, args->models.item[0], &e->model, err);
    if (status)
        return status;
    e->info = gtcnn_model_info(e->model);
    e->images = e->data.labels.count;
    if (args->limit && args->limit < e->images)
        e->images = args->limit;
    status = check_shapes(e, err);
    if (!status)
        status = gtcnn_dataset_check_labels(&e->data, e->classes, err);
    return status ? status : allocate(e, err);
}

/* Image `index` of the data set to place `slot` of the batch, repeated for every channel. */
static void load_image(struct eval *e, uint64_t index, uint32_t slot)
{
    const struct gtcnn_shape *in = &e->info->input;
    size_t plane = (size_t)(in->dim[2] * in->dim[3]), channels = (size_t)in->dim[1];
    float *to = e->input + slot * channels * plane;
    uint64_t pixels = (uint64_t)e->data.images.dim[1] * e->data.images.dim[2];
    gtcnn_resizer_apply(&e->resizer, e->data.images.data + index * pixels, to);
    for (size_t c = 1; c < channels; c++)
        memcpy(to + c * plane, to, plane * sizeof *to);
}

static enum gtcnn_status classify_batch(struct eval *e, uint64_t first, uint32_t items, struct gtcnn_err *err)
{
    for (uint32_t i = 0; i < items; i++)
        load_image(e, first + i, i);
    uint64_t begin = gtcnn_cli_now_ns();
    enum gtcnn_status status = gtcnn_infer(e->model, e->input, e->output, items);
    e->infer_ns += gtcnn_cli_now_ns() - begin;
    if (status)
        return gtcnn_cli_fail(err, status, "the inference of image %" PRIu64 " failed (status %d)", first, (int)status);
    for (uint32_t i = 0; i < items; i++) {
        uint32_t answer = gtcnn_predictions_argmax(e->output + i * e->classes, e->classes);
        e->predictions[first + i] = answer;
        e->correct += answer == e->data.labels.data[first + i];
    }
    return GTCNN_OK;
}

static enum gtcnn_status classify_all(struct eval *e, struct gtcnn_err *err)
{
    struct gtcnn_progress progress;
    gtcnn_progress_begin(&progress, e->cli->err);
    enum gtcnn_status status = GTCNN_OK;
    for (uint64_t first = 0; first < e->images && !status; first += e->info->batch) {
        uint64_t left = e->images - first;
        status = classify_batch(e, first, left < e->info->batch ? (uint32_t)left : e->info->batch, err);
        gtcnn_progress_update(&progress, first, e->images, "images");
    }
    gtcnn_progress_end(&progress);
    return status;
}

static enum gtcnn_status write_predictions(const struct eval *e, struct gtcnn_err *err)
{
    return gtcnn_predictions_write(e->cli->args.predictions,
                                   &(struct gtcnn_predictions){
                                       .model = e->info,
                                       .dataset = e->data.name,
                                       .split = e->data.split,
                                       .dataset_digest = e->data.digest,
                                       .dataset_images = e->data.labels.count,
                                       .images = e->images,
                                       .classes = e->classes,
                                       .labels = e->data.labels.data,
                                       .predictions = e->predictions,
                                   },
                                   err);
}

/* Wilson's score interval of a proportion at 95 % (Wilson 1927), in percent. */
static void wilson(uint64_t correct, uint64_t n, double *lo, double *hi)
{
    const double z = 1.959963984540054;
    double p = (double)correct / (double)n, zz = z * z / (double)n;
    double centre = (p + zz / 2) / (1 + zz), half = z * sqrt(p * (1 - p) / (double)n + zz / (4 * (double)n)) / (1 + zz);
    *lo = 100 * fmax(0, centre - half);
    *hi = 100 * fmin(1, centre + half);
}

static void print_result(const struct eval *e)
{
    FILE *f = e->cli->out;
    char safe[256];
    double lo, hi;
    wilson(e->correct, e->images, &lo, &hi);
    fputs("model     ", f);
    gtcnn_cli_print_identity(f, e->info);
    fprintf(f, "\ndata      %s, %s split, %" PRIu64 " of %" PRIu64 " images\n",
            gtcnn_escape(safe, sizeof safe, e->data.name, SIZE_MAX), e->data.split, e->images, e->data.labels.count);
    fprintf(f, "accuracy  %.2f %% (%" PRIu64 " of %" PRIu64 "; 95 %%: %.2f to %.2f %%)%s\n",
            100 * (double)e->correct / (double)e->images, e->correct, e->images, lo, hi,
            strcmp(e->info->weights, "random") == 0 ? "; the weights are random: this is guessing" : "");
    fprintf(f, "speed     %.6g images/s (batch %u, threads %u)\n", (double)e->images / ((double)e->infer_ns / 1e9),
            e->info->batch, e->info->threads);
}

static void release(struct eval *e)
{
    gtcnn_dataset_free(&e->data);
    gtcnn_model_close(e->model);
    gtcnn_resizer_free(&e->resizer);
    free(e->input);
    free(e->output);
    free(e->predictions);
}

enum gtcnn_status gtcnn_cli_eval(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    struct eval e = {.cli = cli};
    enum gtcnn_status status = prepare(&e, err);
    if (!status)
        status = classify_all(&e, err);
    if (!status && cli->args.predictions)
        status = write_predictions(&e, err);
    if (!status)
        print_result(&e);
    release(&e);
    return status;
}
