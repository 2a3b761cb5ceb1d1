#include "runtime/cli/fail.h"
#include "runtime/cli/json.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <stdlib.h>

/* Part of the time given that goes into warming up before it, at least one inference. */
#define WARM_UP 0.1

/* Times of single calls, in ns. */
struct samples {
    uint64_t *ns; /* owned */
    size_t count, room;
    uint64_t total;
};

struct result {
    double median_ms, mean_ms; /* one image */
    double images_per_second, gmacs_per_second;
    uint64_t calls;
};

static int add_sample(struct samples *s, uint64_t ns)
{
    if (s->count == s->room) {
        size_t room = s->room ? 2 * s->room : 1024;
        uint64_t *grown = realloc(s->ns, room * sizeof *grown);
        if (!grown)
            return -1;
        s->ns = grown;
        s->room = room;
    }
    s->ns[s->count++] = ns;
    s->total += ns;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double median(struct samples *s)
{
    qsort(s->ns, s->count, sizeof *s->ns, compare);
    return ((double)s->ns[(s->count - 1) / 2] + (double)s->ns[s->count / 2]) / 2;
}

/* Uniform noise of unit variance from a 32-bit xorshift (Marsaglia 2003): the same on every run. */
static void fill_noise(float *values, uint64_t n)
{
    uint32_t x = 2463534242u;
    for (uint64_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        values[i] = ((float)(x >> 8) * 0x1p-23f - 1) * 1.7320508f;
    }
}

/* Calls the model for `ns`, at least once; `samples` NULL: times are not kept. */
static enum gtcnn_status run_for(struct gtcnn_model *model, const float *input, float *output, double ns,
                                 struct samples *samples, struct gtcnn_err *err)
{
    uint64_t begin = gtcnn_cli_now_ns(), now = begin;
    do {
        uint64_t before = now;
        enum gtcnn_status status = gtcnn_infer(model, input, output, gtcnn_model_info(model)->batch);
        now = gtcnn_cli_now_ns();
        if (status)
            return gtcnn_cli_fail(err, status, "the inference failed (status %d)", (int)status);
        if (samples && add_sample(samples, now - before) != 0)
            return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory; bench fewer --seconds");
    } while ((double)(now - begin) < ns);
    return GTCNN_OK;
}

static enum gtcnn_status measure(struct gtcnn_model *model, double seconds, struct result *r, struct gtcnn_err *err)
{
    const struct gtcnn_model_info *info = gtcnn_model_info(model);
    uint64_t n = gtcnn_cli_count(&info->input);
    float *input = calloc(n, sizeof *input), *output = calloc(gtcnn_cli_count(&info->output), sizeof *output);
    struct samples s = {0};
    enum gtcnn_status status =
        input && output ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for input and output");
    if (!status) {
        fill_noise(input, n);
        status = run_for(model, input, output, WARM_UP * seconds * 1e9, NULL, err);
    }
    if (!status)
        status = run_for(model, input, output, seconds * 1e9, &s, err);
    if (!status) {
        r->calls = s.count;
        r->mean_ms = (double)s.total / (double)s.count / info->batch / 1e6;
        r->median_ms = median(&s) / info->batch / 1e6;
        r->images_per_second = 1000 / r->mean_ms;
        r->gmacs_per_second = r->images_per_second * (double)info->macs / 1e9;
    }
    free(s.ns);
    free(input);
    free(output);
    return status;
}

static void print_text(FILE *f, const struct gtcnn_model_info *m, const struct result *r)
{
    char safe[256];
    fprintf(f, "%-24s %5u %7u %11" PRIu64 " %13.4g %11.4g %10.6g %8.3g  %s\n",
            gtcnn_escape(safe, sizeof safe, m->name, SIZE_MAX), m->batch, m->threads, r->calls, r->median_ms, r->mean_ms,
            r->images_per_second, r->gmacs_per_second, m->weights);
}

static void print_heading(FILE *f)
{
    fprintf(f, "%-24s %5s %7s %11s %13s %11s %10s %8s  %s\n", "model", "batch", "threads", "calls", "median ms/img",
            "mean ms/img", "images/s", "GMAC/s", "weights");
}

static void print_json(FILE *f, const struct gtcnn_model_info *m, const struct result *r, bool first)
{
    fputs(first ? "[\n  {\"name\": " : ",\n  {\"name\": ", f);
    gtcnn_json_string(f, m->name);
    fputs(", \"digest\": ", f);
    gtcnn_json_hex(f, m->digest, GTCNN_DIGEST_BYTES);
    fprintf(f,
            ", \"weights\": \"%s\", \"batch\": %u, \"threads\": %u, \"calls\": %" PRIu64
            ", \"median_ms\": %.9g, \"mean_ms\": %.9g, \"images_per_second\": %.9g, \"gmacs_per_second\": %.9g}",
            m->weights, m->batch, m->threads, r->calls, r->median_ms, r->mean_ms, r->images_per_second, r->gmacs_per_second);
}

static enum gtcnn_status bench_one(struct gtcnn_cli *cli, uint32_t index, bool json, struct gtcnn_err *err)
{
    struct gtcnn_model *model = NULL;
    struct result r = {0};
    enum gtcnn_status status = gtcnn_cli_open(cli, cli->args.models.item[index], &model, err);
    if (!status)
        status = measure(model, cli->args.seconds, &r, err);
    if (!status && json)
        print_json(cli->out, gtcnn_model_info(model), &r, index == 0);
    else if (!status && index == 0)
        print_heading(cli->out);
    if (!status && !json)
        print_text(cli->out, gtcnn_model_info(model), &r);
    fflush(cli->out);
    gtcnn_model_close(model);
    return status;
}

enum gtcnn_status gtcnn_cli_bench(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    bool json = cli->args.format[0] == 'j';
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < cli->args.models.count && !status; i++)
        status = bench_one(cli, i, json, err);
    if (json && !status)
        fputs("\n]\n", cli->out);
    return status;
}
