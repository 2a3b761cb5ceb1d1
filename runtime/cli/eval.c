#include "runtime/cli/fail.h"
#include "runtime/cli/imageset.h"
#include "runtime/cli/predictions.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One evaluation, and all that it owns. */
struct eval {
    struct gtcnn_cli *cli;
    struct gtcnn_imageset set;
    struct gtcnn_model *model;
    const struct gtcnn_model_info *info;
    struct gtcnn_progress progress;
    float *input, *output;
    uint32_t *predictions;
    uint64_t images, classes; /* to classify; outputs for each */
    uint64_t correct, infer_ns;
};

/* An input of an image of 1 or 3 channels and one row of outputs for each image. */
static enum gtcnn_status check_shapes(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_model_info *m = e->info;
    const struct gtcnn_shape *in = &m->input;
    char shape[128], safe[128];
    uint64_t out = gtcnn_cli_count(&m->output);
    e->classes = out / m->batch;
    if (gtcnn_recipe_fits(in) && gtcnn_cli_count(in) > 0 && in->dim[0] == m->batch && out > 0 && out % m->batch == 0)
        return GTCNN_OK;
    return gtcnn_cli_fail(
        err, GTCNN_E_SHAPE,
        "%s: its input is %s; eval classifies images and wants NxCxHxW or NxHxWxC with C 1 or 3 (gtcnn run takes any)",
        gtcnn_escape(safe, sizeof safe, m->name, SIZE_MAX), gtcnn_cli_shape_text(shape, sizeof shape, in));
}

static enum gtcnn_status allocate(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_shape *in = &e->info->input;
    e->input = calloc(gtcnn_cli_count(in), sizeof *e->input);
    e->output = calloc(gtcnn_cli_count(&e->info->output), sizeof *e->output);
    e->predictions = calloc(e->images, sizeof *e->predictions);
    return e->input && e->output && e->predictions ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for the images");
}

static enum gtcnn_status prepare(struct eval *e, struct gtcnn_err *err)
{
    const struct gtcnn_cli_args *args = &e->cli->args;
    enum gtcnn_status status = gtcnn_cli_open(e->cli, args->models.item[0], &e->model, err);
    if (status)
        return status;
    e->info = gtcnn_model_info(e->model);
    status = check_shapes(e, err);
    if (!status)
        status = gtcnn_imageset_open(&e->set, args, &e->info->input, e->classes, err);
    if (status)
        return status;
    e->images = args->limit && args->limit < e->set.count ? args->limit : e->set.count;
    return allocate(e, err);
}

static enum gtcnn_status classify_batch(struct eval *e, uint64_t first, uint32_t items, struct gtcnn_err *err)
{
    size_t values = (size_t)(gtcnn_cli_count(&e->info->input) / e->info->batch);
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < items && !status; i++)
        status = gtcnn_imageset_get(&e->set, first + i, e->input + i * values, err);
    if (status)
        return status;
    uint64_t begin = gtcnn_cli_now_ns();
    status = gtcnn_infer(e->model, e->input, e->output, items);
    e->infer_ns += gtcnn_cli_now_ns() - begin;
    if (status)
        return gtcnn_cli_fail(err, status, "the inference of image %" PRIu64 " failed (status %d)", first, (int)status);
    for (uint32_t i = 0; i < items; i++) {
        uint32_t answer = gtcnn_predictions_argmax(e->output + i * e->classes, e->classes);
        e->predictions[first + i] = answer;
        e->correct += answer == e->set.labels[first + i];
    }
    return GTCNN_OK;
}

static enum gtcnn_status classify_all(struct eval *e, struct gtcnn_err *err)
{
    enum gtcnn_status status = GTCNN_OK;
    for (uint64_t first = 0; first < e->images && !status; first += e->info->batch) {
        uint64_t left = e->images - first;
        status = classify_batch(e, first, left < e->info->batch ? (uint32_t)left : e->info->batch, err);
        gtcnn_progress_update(&e->progress, first, e->images, "images");
    }
    return status;
}

static void on_hashed(void *context, size_t done)
{
    struct eval *e = context;
    gtcnn_progress_update(&e->progress, done, e->set.count, "files read for the digest");
}

/* The digest first: a file that cannot be read is then known before the work and not after it. */
static enum gtcnn_status work(struct eval *e, struct gtcnn_err *err)
{
    enum gtcnn_status status = GTCNN_OK;
    gtcnn_progress_begin(&e->progress, e->cli->err, 0);
    if (e->cli->args.predictions)
        status = gtcnn_imageset_hash(&e->set, on_hashed, e, err);
    if (!status)
        status = classify_all(e, err);
    gtcnn_progress_end(&e->progress);
    return status;
}

static enum gtcnn_status write_predictions(const struct eval *e, struct gtcnn_err *err)
{
    return gtcnn_predictions_write(e->cli->args.predictions,
                                   &(struct gtcnn_predictions){
                                       .model = e->info,
                                       .dataset = e->set.name,
                                       .split = e->set.split,
                                       .dataset_digest = e->set.digest,
                                       .dataset_images = e->set.count,
                                       .preprocessing = e->set.recipe.text,
                                       .images = e->images,
                                       .classes = e->classes,
                                       .labels = e->set.labels,
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
    fprintf(f, "\ndata      %s, %s split, %" PRIu64 " of %" PRIu64 " images",
            gtcnn_escape(safe, sizeof safe, e->set.name, SIZE_MAX), e->set.split, e->images, e->set.count);
    if (e->set.others)
        fprintf(f, "; %" PRIu64 " other %s left out", e->set.others, e->set.others == 1 ? "entry" : "entries");
    fprintf(f, "\nprepared  %s\n", e->set.recipe.text);
    fprintf(f, "accuracy  %.2f %% (%" PRIu64 " of %" PRIu64 "; 95 %%: %.2f to %.2f %%)%s\n",
            100 * (double)e->correct / (double)e->images, e->correct, e->images, lo, hi,
            strcmp(e->info->weights, "random") == 0 ? "; the weights are random: this is guessing" : "");
    fprintf(f, "speed     %.6g images/s (batch %u, threads %u)\n", (double)e->images / ((double)e->infer_ns / 1e9),
            e->info->batch, e->info->threads);
}

static void release(struct eval *e)
{
    gtcnn_imageset_free(&e->set);
    gtcnn_model_close(e->model);
    free(e->input);
    free(e->output);
    free(e->predictions);
}

enum gtcnn_status gtcnn_cli_eval(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    struct eval e = {.cli = cli};
    enum gtcnn_status status = prepare(&e, err);
    if (!status)
        status = work(&e, err);
    if (!status && cli->args.predictions)
        status = write_predictions(&e, err);
    if (!status)
        print_result(&e);
    release(&e);
    return status;
}
