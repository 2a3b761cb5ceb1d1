#include "runtime/train/report.h"

#include "runtime/cli/atomic.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/json.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>

void gtcnn_report_epoch(FILE *f, const struct gtcnn_recipe *r, const struct gtcnn_training *t)
{
    const struct gtcnn_epoch *e = &t->curve[t->epoch - 1];
    fprintf(f, "epoch %u of %u  rate %.4f  loss %.4f  train %.2f %%  held out %.2f %%%s\n", t->epoch, r->epochs, e->rate,
            e->train_loss, e->train_accuracy_pct, e->held_out_accuracy_pct, t->best_epoch == t->epoch ? "  best" : "");
    fflush(f);
}

static void write_recipe(FILE *f, const struct gtcnn_recipe *r)
{
    fprintf(f,
            "  \"recipe\": {\"seed\": %" PRIu64 ", \"epochs\": %u, \"warmup\": %u, \"patience\": %u, \"batch\": %u, "
            "\"threads\": %u, \"held_out\": %u, \"limit\": ",
            r->seed, r->epochs, r->warmup, r->patience, r->batch, r->threads, r->held_out);
    if (r->limit)
        fprintf(f, "%u", r->limit);
    else
        fputs("null", f);
    fprintf(
        f,
        ", \"shift\": %u, \"flip\": %s, \"rate\": %.9g, \"optimiser\": \"SGD, Nesterov\", \"momentum\": %.9g, \"decay\": %.9g, "
        "\"smoothing\": %.9g, \"schedule\": \"linear warm-up, cosine\"},\n",
        r->shift, r->flip ? "true" : "false", r->rate, r->momentum, r->decay, r->smoothing);
}

/* One quantity of an epoch. */
static double rate(const struct gtcnn_epoch *e)
{
    return e->rate;
}
static double train_loss(const struct gtcnn_epoch *e)
{
    return e->train_loss;
}
static double train_accuracy(const struct gtcnn_epoch *e)
{
    return e->train_accuracy_pct;
}
static double held_out_loss(const struct gtcnn_epoch *e)
{
    return e->held_out_loss;
}
static double held_out_accuracy(const struct gtcnn_epoch *e)
{
    return e->held_out_accuracy_pct;
}

static void write_curves(FILE *f, const struct gtcnn_training *t)
{
    static const struct {
        const char *name;
        double (*value)(const struct gtcnn_epoch *);
    } CURVES[] = {
        {"rate", rate},
        {"train_loss", train_loss},
        {"train_accuracy_pct", train_accuracy},
        {"held_out_loss", held_out_loss},
        {"held_out_accuracy_pct", held_out_accuracy},
    };
    enum { N = sizeof CURVES / sizeof *CURVES };
    fputs("  \"curves\": {\n", f);
    for (int i = 0; i < N; i++) {
        fprintf(f, "    \"%s\": [", CURVES[i].name);
        for (uint32_t k = 0; k < t->epoch; k++)
            fprintf(f, "%s%.6g", k ? ", " : "", CURVES[i].value(&t->curve[k]));
        fprintf(f, "]%s\n", i == N - 1 ? "" : ",");
    }
    fputs("  }\n}\n", f);
}

static void write_document(FILE *f, const struct gtcnn_recipe *r, const struct gtcnn_training *t, const uint8_t *digest,
                           const struct gtcnn_dataset *data)
{
    const dnnl_version_t *v = dnnl_version();
    const struct gtcnn_epoch *best = &t->curve[t->best_epoch - 1];
    fputs("{\n  \"model\": ", f);
    gtcnn_json_string(f, r->model);
    fputs(",\n  \"digest\": ", f);
    gtcnn_json_hex(f, digest, GTCNN_DIGEST_BYTES);
    fputs(",\n  \"dataset\": {\"name\": ", f);
    gtcnn_json_string(f, data->name);
    fputs(", \"split\": \"train\", \"digest\": ", f);
    gtcnn_json_hex(f, data->digest, GTCNN_DIGEST_BYTES);
    fputs("},\n", f);
    write_recipe(f, r);
    fprintf(f,
            "  \"epochs_run\": %u,\n  \"best_epoch\": %u,\n  \"held_out_accuracy_pct\": %.6g,\n  \"final_train_loss\": %.6g,\n"
            "  \"examples_seen\": %" PRIu64 ",\n  \"cpu_seconds\": %.1f,\n  \"wall_seconds\": %.1f,\n"
            "  \"trainer\": \"gtcnn %s, oneDNN %d.%d.%d\",\n",
            t->epoch, t->best_epoch, best->held_out_accuracy_pct, t->curve[t->epoch - 1].train_loss, t->examples,
            t->cpu_seconds, t->wall_seconds, GT_VERSION, v->major, v->minor, v->patch);
    write_curves(f, t);
}

static enum gtcnn_status write_json(const char *path, const struct gtcnn_recipe *r, const struct gtcnn_training *t,
                                    const uint8_t *digest, const struct gtcnn_dataset *data, struct gtcnn_err *err)
{
    struct gtcnn_atomic a;
    enum gtcnn_status status = gtcnn_atomic_open(&a, path, err);
    if (status)
        return status;
    write_document(a.file, r, t, digest, data);
    return gtcnn_atomic_commit(&a, err);
}

enum gtcnn_status gtcnn_report_files(const char *folder, const struct gtcnn_recipe *r, const struct gtcnn_training *t,
                                     const struct gtcnn_graph *graph, const struct gtcnn_dataset *data, FILE *out,
                                     struct gtcnn_err *err)
{
    char *model = NULL, *json = NULL;
    uint8_t digest[GTCNN_DIGEST_BYTES];
    if (asprintf(&model, "%s/model.onnx", folder) < 0)
        model = NULL;
    if (asprintf(&json, "%s/training.json", folder) < 0)
        json = NULL;
    enum gtcnn_status status = model && json ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    if (!status)
        status = gtcnn_onnx_digest(graph, digest, err);
    if (!status)
        status = gtcnn_onnx_write(graph, model, err);
    if (!status)
        status = write_json(json, r, t, digest, data, err);
    if (!status) {
        char safe[256];
        fprintf(out, "%s: epoch %u of %u, held out %.2f %%; %.0f s of CPU time\n",
                gtcnn_escape(safe, sizeof safe, model, SIZE_MAX), t->best_epoch, t->epoch,
                t->curve[t->best_epoch - 1].held_out_accuracy_pct, t->cpu_seconds);
    }
    free(model);
    free(json);
    return status;
}
