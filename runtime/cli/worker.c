#include "runtime/cli/worker.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/peer.h"
#include "runtime/cli/subject.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct server {
    const struct gtcnn_cli *cli;
    FILE *out;
    struct gtcnn_subject subject;
    char *word[GTCNN_PEER_FIELDS]; /* behind the request's name; "" where it has fewer */
};

static enum gtcnn_status write_floats(const char *path, const float *values, uint64_t n, struct gtcnn_err *err)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(values, sizeof *values, n, f) == n;
    ok = f && fclose(f) == 0 && ok;
    return ok ? GTCNN_OK : gtcnn_cli_fail_path(err, GTCNN_E_IO, path, "cannot be written: %s", strerror(errno));
}

static enum gtcnn_status write_input(const struct gtcnn_model_info *info, const char *folder, struct gtcnn_err *err)
{
    char path[PATH_MAX];
    uint64_t n = gtcnn_cli_count(&info->input);
    float *noise = malloc((n + 1) * sizeof *noise);
    if (!noise)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for the input");
    gtcnn_subject_noise(noise, n);
    snprintf(path, sizeof path, "%s/input.f32", folder);
    enum gtcnn_status status = write_floats(path, noise, n, err);
    free(noise);
    return status;
}

/* The file that all contenders read: the model's own, or one that is written here. */
static enum gtcnn_status find_file(const struct gtcnn_model *model, const char *folder, char *path, struct gtcnn_err *err)
{
    const struct gtcnn_model_info *info = gtcnn_model_info(model);
    if (!info->path) {
        snprintf(path, PATH_MAX, "%s/model.onnx", folder);
        return gtcnn_model_export(model, path, err);
    }
    if (!realpath(info->path, path))
        return gtcnn_cli_fail_path(err, GTCNN_E_IO, info->path, "%s", strerror(errno));
    if (strpbrk(path, "\t\n"))
        return gtcnn_cli_fail_path(err, GTCNN_E_ARG, path,
                                   "has a tab or a line's end in its name: other programs cannot be told it");
    return GTCNN_OK;
}

static enum gtcnn_status prepare(struct server *s, struct gtcnn_err *err)
{
    struct gtcnn_model *model = NULL;
    char path[PATH_MAX], shape[128], safe[256];
    enum gtcnn_status status = gtcnn_cli_open(s->cli, s->word[0], &model, err);
    if (status)
        return status;
    const struct gtcnn_model_info *info = gtcnn_model_info(model);
    status = write_input(info, s->word[1], err);
    if (!status)
        status = find_file(model, s->word[1], path, err);
    if (!status)
        fprintf(s->out, "ok\t%s\t%s\t%s\t%" PRIu64 "\t%s\t%s\t%s\n", path,
                gtcnn_cli_shape_text(shape, sizeof shape, &info->input), gtcnn_escape(safe, sizeof safe, info->name, SIZE_MAX),
                info->macs, info->isa, info->weights, info->fused ? "blocks fused" : "layer by layer");
    gtcnn_model_close(model);
    return status;
}

static enum gtcnn_status load(struct server *s, struct gtcnn_err *err)
{
    gtcnn_subject_close(&s->subject);
    enum gtcnn_status status = gtcnn_subject_open(s->cli, s->word[3], &s->subject, err);
    if (!status)
        fprintf(s->out, "ok\t%" PRIu64 "\t%s\t%s, %s\n", s->subject.load_ns, s->subject.info->precision, s->subject.info->isa,
                s->subject.info->fused ? "blocks fused" : "layer by layer");
    return status;
}

static enum gtcnn_status need_model(const struct server *s, struct gtcnn_err *err)
{
    return s->subject.model ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_ARG, "no model has been loaded");
}

static enum gtcnn_status run(struct server *s, struct gtcnn_err *err)
{
    struct gtcnn_samples samples = {0};
    enum gtcnn_status status = need_model(s, err);
    if (!status)
        status = gtcnn_subject_run(&s->subject, strtoull(s->word[0], NULL, 10), 0, NULL, err);
    if (!status)
        status = gtcnn_subject_run(&s->subject, strtoull(s->word[1], NULL, 10), 0, &samples, err);
    if (!status)
        fprintf(s->out, "ok\t%.9g\t%.9g\n", gtcnn_samples_median(&samples), gtcnn_samples_least(&samples));
    gtcnn_samples_free(&samples);
    return status;
}

static enum gtcnn_status output(struct server *s, struct gtcnn_err *err)
{
    enum gtcnn_status status = need_model(s, err);
    if (!status)
        status = write_floats(s->word[0], s->subject.output, s->subject.outputs, err);
    if (!status)
        fprintf(s->out, "ok\t%" PRIu64 "\n", s->subject.outputs);
    return status;
}

static enum gtcnn_status memory(struct server *s, struct gtcnn_err *err)
{
    (void)err;
    fprintf(s->out, "ok\t%" PRIu64 "\t0\n", gtcnn_subject_peak_bytes());
    return GTCNN_OK;
}

static const struct {
    const char *name;
    enum gtcnn_status (*answer)(struct server *s, struct gtcnn_err *err);
} requests[] = {{"prepare", prepare}, {"load", load}, {"run", run}, {"output", output}, {"memory", memory}};

static enum gtcnn_status answer(struct server *s, const char *name, struct gtcnn_err *err)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (strcmp(requests[i].name, name) == 0)
            return requests[i].answer(s, err);
    return gtcnn_cli_fail(err, GTCNN_E_ARG, "unknown request");
}

/* Cuts the line into words; returns the first. */
static char *cut(struct server *s, char *line)
{
    line[strcspn(line, "\n")] = 0;
    char *end = line + strlen(line);
    for (int i = -1; i < GTCNN_PEER_FIELDS; i++) {
        char *at = i < 0 ? line : s->word[i], *tab = strchr(at, '\t');
        if (tab)
            *tab = 0;
        if (i + 1 < GTCNN_PEER_FIELDS)
            s->word[i + 1] = tab ? tab + 1 : end;
    }
    return line;
}

int gtcnn_worker_serve(void *context, FILE *in, FILE *out)
{
    const struct gtcnn_worker *worker = context;
    struct gtcnn_cli cli = *worker->cli;
    struct server s = {.cli = &cli, .out = out};
    char line[GTCNN_PEER_LINE];
    if (worker->isa)
        setenv("GTCNN_ISA", worker->isa, 1);
    if (worker->precision)
        cli.args.precision = worker->precision;
    fprintf(out, "ok\t%d\t%s\n", GTCNN_PEER_PROTOCOL, GT_VERSION);
    while (fflush(out) == 0 && fgets(line, sizeof line, in)) {
        struct gtcnn_err err = {0};
        const char *name = cut(&s, line);
        if (strcmp(name, "quit") == 0)
            break;
        enum gtcnn_status status = answer(&s, name, &err);
        bool lacks = status == GTCNN_E_ARG && strstr(err.text, "this processor has no"); /* such kernels */
        if (status) /* a text of the library has neither tabs nor ends of lines: names are escaped */
            fprintf(out, "%s\t%s\n", lacks ? "absent" : "error", err.text);
    }
    gtcnn_subject_close(&s.subject);
    return ferror(out) ? 1 : 0;
}
