#include "runtime/cli/bench.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/json.h"
#include "runtime/cli/verbs.h"
#include "runtime/cli/versus.h"
#include "runtime/escape.h"

#include <inttypes.h>

/* Part of the time given that goes into warming up before it, at least one inference. */
#define WARM_UP 0.1

struct result {
    double median_ms, min_ms, mean_ms; /* one image */
    double images_per_second, gmacs_per_second;
    uint64_t calls, peak_bytes;
};

static enum gtcnn_status measure(const struct gtcnn_subject *subject, double seconds, struct result *r, struct gtcnn_err *err)
{
    struct gtcnn_samples s = {0};
    double per_image = 1e-6 / subject->info->batch;
    enum gtcnn_status status = gtcnn_subject_run(subject, 1, WARM_UP * seconds * 1e9, NULL, err);
    if (!status)
        status = gtcnn_subject_run(subject, 1, seconds * 1e9, &s, err);
    if (!status) {
        r->calls = s.count;
        r->mean_ms = gtcnn_samples_sum(&s) / (double)s.count * per_image;
        r->median_ms = gtcnn_samples_median(&s) * per_image;
        r->min_ms = gtcnn_samples_least(&s) * per_image;
        r->images_per_second = 1000 / r->mean_ms;
        r->gmacs_per_second = r->images_per_second * (double)subject->info->macs / 1e9;
        r->peak_bytes = gtcnn_subject_peak_bytes();
    }
    gtcnn_samples_free(&s);
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

void gtcnn_bench_json_head(FILE *f, const struct gtcnn_model_info *m)
{
    fputs("  {\"name\": ", f);
    gtcnn_json_string(f, m->name);
    fputs(", \"digest\": ", f);
    gtcnn_json_hex(f, m->digest, GTCNN_DIGEST_BYTES);
    fprintf(f, ", \"weights\": \"%s\", \"batch\": %u, \"threads\": %u, \"isa\": \"%s\", \"precision\": \"%s\", \"fused\": %s",
            m->weights, m->batch, m->threads, m->isa, m->precision, m->fused ? "true" : "false");
}

/* "calls" and "runs" are the same; the former is the older name. */
static void print_json(FILE *f, const struct gtcnn_subject *s, const struct result *r)
{
    gtcnn_bench_json_head(f, s->info);
    fprintf(f,
            ", \"calls\": %" PRIu64 ", \"runs\": %" PRIu64 ", \"median_ms\": %.9g, \"min_ms\": %.9g, \"mean_ms\": %.9g"
            ", \"images_per_second\": %.9g, \"gmacs_per_second\": %.9g, \"load_ms\": %.9g",
            r->calls, r->calls, r->median_ms, r->min_ms, r->mean_ms, r->images_per_second, r->gmacs_per_second,
            (double)s->load_ns / 1e6);
    if (r->peak_bytes > 0)
        fprintf(f, ", \"peak_rss_bytes\": %" PRIu64 "}", r->peak_bytes);
    else
        fputs(", \"peak_rss_bytes\": null}", f);
}

static enum gtcnn_status bench_one(struct gtcnn_cli *cli, uint32_t index, struct gtcnn_err *err)
{
    bool json = cli->args.format[0] == 'j';
    struct gtcnn_subject subject;
    struct result r = {0};
    enum gtcnn_status status = gtcnn_subject_open(cli, cli->args.models.item[index], &subject, err);
    if (status)
        return status;
    status = measure(&subject, cli->args.seconds, &r, err);
    if (!status && json)
        print_json(cli->out, &subject, &r);
    else if (!status && index == 0)
        print_heading(cli->out);
    if (!status && !json)
        print_text(cli->out, subject.info, &r);
    gtcnn_subject_close(&subject);
    return status;
}

enum gtcnn_status gtcnn_cli_bench(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    bool json = cli->args.format[0] == 'j';
    enum gtcnn_status status = GTCNN_OK;
    if (cli->args.versus)
        return gtcnn_bench_versus(cli, err);
    if (cli->args.format[0] == 'c')
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--format csv goes with --vs; without it there are text and json");
    for (uint32_t i = 0; i < cli->args.models.count && !status; i++) {
        if (json)
            fputs(i == 0 ? "[\n" : ",\n", cli->out);
        status = cli->args.layers ? gtcnn_bench_layers(cli, i, err) : bench_one(cli, i, err);
        fflush(cli->out);
    }
    if (json && !status)
        fputs("\n]\n", cli->out);
    return status;
}
