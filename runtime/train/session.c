#include "runtime/train/session.h"

#include "runtime/cli/fail.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/verbs.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/images.h"
#include "runtime/train/learn.h"
#include "runtime/train/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* One training, and all that it owns. */
struct session {
    struct gtcnn_recipe recipe;
    FILE *out;
    struct gtcnn_progress progress;
    struct gtcnn_graph *graph;
    struct gtcnn_net *net;
    struct gtcnn_images images;
    struct gtcnn_training training;
    uint8_t *labels; /* of one batch */
    uint32_t steps, classes;
    size_t pixels;                  /* of one input */
    double cpu_before, wall_before; /* seconds that earlier processes took */
    uint64_t begin_ns;
    char *checkpoint;
    int folder; /* descriptor of the output folder, locked while this training is at work in it; -1 */
};

static enum gtcnn_status check_network(const struct session *s, struct gtcnn_err *err)
{
    const struct gtcnn_shape *in = &s->graph->tensors[s->graph->input].shape;
    const struct gtcnn_shape *out = &s->graph->tensors[s->graph->output].shape;
    if (in->rank == 4 && in->dim[1] == 1 && in->dim[2] == in->dim[3] && out->rank == 2)
        return GTCNN_OK;
    return gtcnn_cli_fail(err, GTCNN_E_SHAPE, "%s: the trainer reads grey images; its input has %lld channels", s->recipe.model,
                          (long long)in->dim[1]);
}

static size_t count_state(const struct gtcnn_net *net, size_t *velocity)
{
    size_t n = 0;
    for (uint32_t i = 0; i < net->param_count; i++)
        n += net->params[i].n;
    *velocity = n;
    for (uint32_t i = 0; i < net->norm_count; i++)
        n += 2 * net->norms[i].channels;
    return n;
}

static void copy(float *values, float **state, size_t n, bool out)
{
    if (out)
        memcpy(*state, values, n * sizeof *values);
    else
        memcpy(values, *state, n * sizeof *values);
    *state += n;
}

/* Parameters and running statistics to (out) or from a flat array. */
static void exchange(const struct gtcnn_net *net, float *state, bool out)
{
    for (uint32_t i = 0; i < net->param_count; i++)
        copy(net->params[i].value, &state, net->params[i].n, out);
    for (uint32_t i = 0; i < net->norm_count; i++) {
        copy(net->norms[i].running_mean, &state, net->norms[i].channels, out);
        copy(net->norms[i].running_variance, &state, net->norms[i].channels, out);
    }
}

static enum gtcnn_status make_network(struct session *s, struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_family_build(s->recipe.model, &s->graph, err);
    if (!status)
        status = gtcnn_graph_infer_shapes(s->graph, 1, err);
    if (!status)
        status = check_network(s, err); /* before memory is taken for it */
    if (status)
        return status;
    gtcnn_parameters_reset(s->graph, s->recipe.model, s->recipe.seed);
    status = gtcnn_net_new(s->graph, s->recipe.batch, &s->net, err);
    if (status)
        return status;
    const struct gtcnn_shape *in = &s->graph->tensors[s->graph->input].shape;
    s->classes = (uint32_t)s->graph->tensors[s->graph->output].shape.dim[1];
    s->pixels = (size_t)(in->dim[2] * in->dim[3]);
    s->labels = calloc(s->recipe.batch, 1);
    return s->labels ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
}

static enum gtcnn_status name_checkpoint(struct session *s, const char *output, struct gtcnn_err *err)
{
    if (asprintf(&s->checkpoint, "%s/checkpoint", output) < 0) {
        s->checkpoint = NULL;
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    }
    return GTCNN_OK;
}

/* Makes the folder where it is not there, and locks it for this training. */
static enum gtcnn_status make_folder(struct session *s, const char *output, struct gtcnn_err *err)
{
    struct stat st;
    if (mkdir(output, 0777) != 0 && errno != EEXIST)
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, output, "cannot be made: %s", strerror(errno));
    if (stat(output, &st) == 0 && !S_ISDIR(st.st_mode))
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, output, "is no folder; name another --output");
    s->folder = open(output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->folder >= 0 && flock(s->folder, LOCK_EX | LOCK_NB) == 0)
        return name_checkpoint(s, output, err);
    if (s->folder >= 0 && errno == EWOULDBLOCK)
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, output, "another training is at work there; name another --output");
    return gtcnn_cli_fail_path(err, GTCNN_E_IO, output, "cannot be locked: %s", strerror(errno));
}

/* Begins anew, or where a checkpoint left off. */
static enum gtcnn_status begin(struct session *s, struct gtcnn_err *err)
{
    size_t velocity, state = count_state(s->net, &velocity);
    enum gtcnn_status status = gtcnn_training_new(s->recipe.epochs, state, velocity, &s->training, err);
    if (status)
        return status;
    exchange(s->net, s->training.state, true);
    status = gtcnn_checkpoint_read(s->checkpoint, &s->recipe, &s->training, err);
    if (status && status != GTCNN_E_NOENT)
        return status;
    exchange(s->net, s->training.state, false);
    s->cpu_before = s->training.cpu_seconds;
    s->wall_before = s->training.wall_seconds;
    s->begin_ns = gtcnn_cli_now_ns();
    return GTCNN_OK;
}

static enum gtcnn_status prepare(struct session *s, const char *data, const char *output, struct gtcnn_err *err)
{
    enum gtcnn_status status = make_network(s, err);
    if (!status)
        status =
            gtcnn_images_open(&s->recipe, data, (uint32_t)s->graph->tensors[s->graph->input].shape.dim[2], &s->images, err);
    if (!status)
        status = gtcnn_dataset_check_labels(&s->images.data, s->classes, err);
    if (!status)
        memcpy(s->recipe.data, s->images.data.digest, sizeof s->recipe.data);
    if (!status)
        status = make_folder(s, output, err);
    if (!status)
        status = begin(s, err);
    s->steps = status ? 0 : s->images.train_count / s->recipe.batch;
    return status;
}

static enum gtcnn_status train_step(struct session *s, uint32_t step, struct gtcnn_loss *total, struct gtcnn_epoch *epoch,
                                    struct gtcnn_err *err)
{
    const struct gtcnn_recipe *r = &s->recipe;
    for (uint32_t i = 0; i < r->batch; i++)
        s->labels[i] = gtcnn_images_train(&s->images, r, step * r->batch + i, gtcnn_net_input(s->net) + (size_t)i * s->pixels);
    enum gtcnn_status status = gtcnn_net_forward(s->net, true, err);
    if (status)
        return status;
    struct gtcnn_loss loss = gtcnn_loss_softmax(gtcnn_net_output(s->net), s->labels, r->batch, s->classes, r->smoothing,
                                                gtcnn_net_output_grad(s->net));
    if (!isfinite(loss.sum))
        return gtcnn_cli_fail(err, GTCNN_E_LIMIT, "epoch %u: the loss is no finite number any more; lower --rate",
                              s->training.epoch + 1);
    status = gtcnn_net_backward(s->net, err);
    if (status)
        return status;
    epoch->rate = gtcnn_recipe_rate(r, (uint64_t)s->training.epoch * s->steps + step, s->steps);
    gtcnn_sgd_step(s->net, s->training.velocity, epoch->rate, r->momentum, r->decay);
    total->sum += loss.sum;
    total->correct += loss.correct;
    return GTCNN_OK;
}

static enum gtcnn_status measure_held_out(struct session *s, struct gtcnn_epoch *epoch, struct gtcnn_err *err)
{
    struct gtcnn_loss total = {0};
    uint32_t n = s->images.held_out_count, batch = s->recipe.batch;
    for (uint32_t first = 0; first < n; first += batch) {
        uint32_t items = n - first < batch ? n - first : batch;
        for (uint32_t i = 0; i < items; i++)
            s->labels[i] = gtcnn_images_held_out(&s->images, first + i, gtcnn_net_input(s->net) + (size_t)i * s->pixels);
        enum gtcnn_status status = gtcnn_net_forward(s->net, false, err);
        if (status)
            return status;
        struct gtcnn_loss loss = gtcnn_loss_softmax(gtcnn_net_output(s->net), s->labels, items, s->classes, 0, NULL);
        total.sum += loss.sum;
        total.correct += loss.correct;
    }
    epoch->held_out_loss = total.sum / n;
    epoch->held_out_accuracy_pct = 100.0 * (double)total.correct / n;
    return GTCNN_OK;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The finished epoch into curve and checkpoint. */
static enum gtcnn_status keep_epoch(struct session *s, const struct gtcnn_epoch *epoch, struct gtcnn_err *err)
{
    struct gtcnn_training *t = &s->training;
    double best = t->best_epoch ? t->curve[t->best_epoch - 1].held_out_accuracy_pct : -1;
    exchange(s->net, t->state, true);
    t->curve[t->epoch++] = *epoch;
    t->examples += (uint64_t)s->steps * s->recipe.batch;
    if (epoch->held_out_accuracy_pct > best)
        t->improved_epoch = t->epoch;
    if (epoch->held_out_accuracy_pct >= best) { /* of equals the later one, which has learnt longer */
        t->best_epoch = t->epoch;
        memcpy(t->best, t->state, t->state_count * sizeof *t->best);
    }
    t->cpu_seconds = s->cpu_before + cpu_seconds();
    t->wall_seconds = s->wall_before + (double)(gtcnn_cli_now_ns() - s->begin_ns) / 1e9;
    return gtcnn_checkpoint_write(s->checkpoint, &s->recipe, t, err);
}

static enum gtcnn_status train_epoch(struct session *s, struct gtcnn_err *err)
{
    const struct gtcnn_recipe *r = &s->recipe;
    struct gtcnn_loss total = {0};
    struct gtcnn_epoch epoch = {0};
    enum gtcnn_status status = GTCNN_OK;
    gtcnn_images_begin_epoch(&s->images, r, s->training.epoch);
    for (uint32_t step = 0; step < s->steps && !status; step++) {
        status = train_step(s, step, &total, &epoch, err);
        gtcnn_progress_update(&s->progress, (uint64_t)s->training.epoch * s->steps + step + 1, (uint64_t)r->epochs * s->steps,
                              "steps");
    }
    double seen = (double)s->steps * r->batch;
    epoch.train_loss = total.sum / seen;
    epoch.train_accuracy_pct = 100 * (double)total.correct / seen;
    if (!status)
        status = measure_held_out(s, &epoch, err);
    if (!status)
        status = keep_epoch(s, &epoch, err);
    if (!status) {
        gtcnn_progress_clear(&s->progress);
        gtcnn_report_epoch(s->out, r, &s->training);
    }
    return status;
}

static bool finished(const struct session *s)
{
    const struct gtcnn_training *t = &s->training;
    return t->epoch == s->recipe.epochs || (t->epoch > 0 && t->epoch - t->improved_epoch >= s->recipe.patience);
}

static enum gtcnn_status train_all(struct session *s, FILE *log, struct gtcnn_err *err)
{
    enum gtcnn_status status = GTCNN_OK;
    gtcnn_progress_begin(&s->progress, log, (uint64_t)s->training.epoch * s->steps);
    while (!finished(s) && !status)
        status = train_epoch(s, err);
    gtcnn_progress_end(&s->progress);
    return status;
}

static enum gtcnn_status write_results(struct session *s, const char *output, struct gtcnn_err *err)
{
    exchange(s->net, s->training.best, false);
    gtcnn_net_store(s->net);
    s->graph->weights = "trained";
    return gtcnn_report_files(output, &s->recipe, &s->training, s->graph, &s->images.data, s->out, err);
}

static void release(struct session *s)
{
    gtcnn_net_free(s->net);
    gtcnn_graph_free(s->graph);
    gtcnn_images_close(&s->images);
    gtcnn_training_free(&s->training);
    free(s->labels);
    free(s->checkpoint);
    if (s->folder >= 0)
        close(s->folder);
}

enum gtcnn_status gtcnn_train(const struct gtcnn_recipe *recipe, const char *data, const char *output, FILE *out, FILE *log,
                              struct gtcnn_err *err)
{
    struct session s = {.recipe = *recipe, .out = out, .folder = -1};
    enum gtcnn_status status = prepare(&s, data, output, err);
    if (!status)
        status = train_all(&s, log, err);
    if (!status)
        status = write_results(&s, output, err);
    release(&s);
    return status;
}
