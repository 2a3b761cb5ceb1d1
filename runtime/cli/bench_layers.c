#include "runtime/cli/bench.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/json.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* So many inferences are kept; of more, evenly spaced ones: a tenth of a percent of a second's samples move no median. */
enum { KEPT = 4096 };

/* Times of the units, inference by inference. */
struct times {
    uint64_t *ns; /* owned; [KEPT][units + 1], the last one of the inference as a whole */
    uint64_t kept, every, calls;
};

struct roofline {
    struct gtcnn_subject subject;
    struct gtcnn_peaks peaks;
    struct times times;
    double *median_ns; /* owned; per unit, then of the inference */
    double sum_ns;     /* of the units' */
};

/* Every second one goes, and from now on only every second one comes. */
static void thin_out(struct times *t, size_t row)
{
    for (uint64_t i = 1; 2 * i < t->kept; i++)
        memcpy(t->ns + i * row, t->ns + 2 * i * row, row * sizeof *t->ns);
    t->kept = (t->kept + 1) / 2;
    t->every *= 2;
}

static enum gtcnn_status time_once(struct roofline *r, struct gtcnn_err *err)
{
    const struct gtcnn_subject *s = &r->subject;
    struct times *t = &r->times;
    size_t row = s->info->unit_count + 1;
    if (t->kept == KEPT)
        thin_out(t, row);
    uint64_t *ns = t->ns + t->kept * row, begin = gtcnn_cli_now_ns();
    enum gtcnn_status status = gtcnn_infer_timed(s->model, s->input, s->output, s->info->batch, ns);
    if (status)
        return gtcnn_cli_fail(err, status, "the inference failed (status %d)", (int)status);
    ns[row - 1] = gtcnn_cli_now_ns() - begin;
    if (t->calls++ % t->every == 0)
        t->kept++;
    return GTCNN_OK;
}

static enum gtcnn_status take_medians(struct roofline *r, struct gtcnn_err *err)
{
    size_t row = r->subject.info->unit_count + 1;
    r->median_ns = calloc(row, sizeof *r->median_ns);
    if (!r->median_ns)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    for (size_t u = 0; u < row; u++) {
        struct gtcnn_samples samples = {0};
        int added = 0;
        for (uint64_t i = 0; i < r->times.kept && added == 0; i++)
            added = gtcnn_samples_add(&samples, (double)r->times.ns[i * row + u]);
        r->median_ns[u] = gtcnn_samples_median(&samples);
        gtcnn_samples_free(&samples);
        r->sum_ns += u + 1 < row ? r->median_ns[u] : 0;
        if (added != 0)
            return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    }
    return GTCNN_OK;
}

/* Peaks are those before or after, whichever are higher: a disturbed machine is slower, never faster. */
static enum gtcnn_status take_peaks(const struct gtcnn_cli *cli, struct roofline *r, struct gtcnn_err *err)
{
    struct gtcnn_peaks peaks = {.struct_bytes = sizeof peaks};
    struct gtcnn_options options = gtcnn_cli_model_options(cli);
    enum gtcnn_status status = gtcnn_measure_peaks(&options, &peaks, err);
    if (status)
        return status;
    if (r->peaks.macs_per_second > peaks.macs_per_second)
        peaks.macs_per_second = r->peaks.macs_per_second;
    if (r->peaks.bytes_per_second > peaks.bytes_per_second)
        peaks.bytes_per_second = r->peaks.bytes_per_second;
    r->peaks = peaks;
    return GTCNN_OK;
}

static enum gtcnn_status measure(const struct gtcnn_cli *cli, struct roofline *r, struct gtcnn_err *err)
{
    double seconds = cli->args.seconds;
    r->times = (struct times){.every = 1};
    r->times.ns = calloc(KEPT * ((size_t)r->subject.info->unit_count + 1), sizeof *r->times.ns);
    if (!r->times.ns)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    enum gtcnn_status status = take_peaks(cli, r, err);
    if (!status)
        status = gtcnn_subject_run(&r->subject, 1, 0.1 * seconds * 1e9, NULL, err);
    uint64_t begin = gtcnn_cli_now_ns();
    do
        status = status ? status : time_once(r, err);
    while (!status && (double)(gtcnn_cli_now_ns() - begin) < seconds * 1e9);
    if (!status)
        status = take_peaks(cli, r, err);
    return status ? status : take_medians(r, err);
}

/* What a unit does in one call, and how that compares. */
struct row {
    double us, share;                  /* of all units' */
    double gflops, flops_share;        /* two operations for each MAC */
    double gigabytes, bandwidth_share; /* a second */
    uint64_t macs, bytes;
};

static struct row row_of(const struct roofline *r, uint32_t u)
{
    const struct gtcnn_model_info *info = r->subject.info;
    double ns = r->median_ns[u] > 0 ? r->median_ns[u] : 1;
    struct row row = {.us = r->median_ns[u] / 1e3, .share = r->median_ns[u] / r->sum_ns};
    row.macs = info->units[u].macs * info->batch;
    row.bytes = info->unit_bytes[u];
    row.gflops = 2 * (double)row.macs / ns;
    row.flops_share = (double)row.macs / ns * 1e9 / r->peaks.macs_per_second;
    row.gigabytes = (double)row.bytes / ns;
    row.bandwidth_share = (double)row.bytes / ns * 1e9 / r->peaks.bytes_per_second;
    return row;
}

static void print_text_row(FILE *f, const struct gtcnn_unit *unit, const struct row *row)
{
    char name[64], op[32];
    fprintf(f, "%5u  %-24s %-18s %6u %10.2f %6.1f %% %12" PRIu64 " %11" PRIu64 " %9.1f %6.1f %% %8.2f %6.1f %%\n", unit->index,
            gtcnn_escape(name, sizeof name, unit->name, SIZE_MAX), gtcnn_escape(op, sizeof op, unit->op, SIZE_MAX),
            unit->member_count, row->us, 100 * row->share, row->macs, row->bytes, row->gflops, 100 * row->flops_share,
            row->gigabytes, 100 * row->bandwidth_share);
}

static void print_text(FILE *f, const struct roofline *r)
{
    const struct gtcnn_model_info *m = r->subject.info;
    char safe[256];
    fprintf(f, "model     %s, weights=%s, %s\n", gtcnn_escape(safe, sizeof safe, m->name, SIZE_MAX), m->weights, m->precision);
    fprintf(f, "kernels   %s, %s\n", m->isa, m->fused ? "blocks fused" : "layer by layer");
    fprintf(f, "measured  batch %u, threads %u, %" PRIu64 " inferences, median %.4g ms\n", m->batch, m->threads, r->times.calls,
            r->median_ns[m->unit_count] / 1e6);
    fprintf(
        f, "peaks     %.1f GFLOP/s multiplying and adding in %s by %s, %.1f GB/s reading memory; measured before and after\n\n",
        2e-9 * r->peaks.macs_per_second, m->precision, r->peaks.isa, 1e-9 * r->peaks.bytes_per_second);
    fprintf(f, "%5s  %-24s %-18s %6s %10s %8s %12s %11s %9s %8s %8s %8s\n", "unit", "layer", "operator", "layers", "median us",
            "share", "MACs", "bytes", "GFLOP/s", "of peak", "GB/s", "of peak");
    for (uint32_t u = 0; u < m->unit_count; u++) {
        struct row row = row_of(r, u);
        print_text_row(f, &m->units[u], &row);
    }
    fputs("\nGFLOP/s count two operations for each MAC and none for the rest (activations, additions, pooling).\n"
          "Bytes are what a unit reads and writes, each once. Above 100 % of memory's bandwidth, caches have them.\n",
          f);
}

static void print_json_row(FILE *f, const struct gtcnn_unit *unit, const struct row *row)
{
    fprintf(f, "    {\"index\": %u, \"name\": ", unit->index);
    gtcnn_json_string(f, unit->name);
    fputs(", \"op\": ", f);
    gtcnn_json_string(f, unit->op);
    fprintf(f,
            ", \"layers\": %u, \"median_us\": %.9g, \"share\": %.6g, \"macs\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"gflops_per_second\": %.6g, \"gflops_share\": %.6g, \"gigabytes_per_second\": %.6g, \"bandwidth_share\": %.6g}",
            unit->member_count, row->us, row->share, row->macs, row->bytes, row->gflops, row->flops_share, row->gigabytes,
            row->bandwidth_share);
}

static void print_json(FILE *f, const struct roofline *r)
{
    const struct gtcnn_model_info *m = r->subject.info;
    gtcnn_bench_json_head(f, m);
    fprintf(f,
            ", \"runs\": %" PRIu64 ", \"median_ms\": %.9g, \"peaks\": {\"isa\": \"%s\", \"gflops_per_second\": %.6g"
            ", \"gigabytes_per_second\": %.6g}, \"units\": [\n",
            r->times.calls, r->median_ns[m->unit_count] / 1e6 / m->batch, r->peaks.isa, 2e-9 * r->peaks.macs_per_second,
            1e-9 * r->peaks.bytes_per_second);
    for (uint32_t u = 0; u < m->unit_count; u++) {
        struct row row = row_of(r, u);
        print_json_row(f, &m->units[u], &row);
        fputs(u + 1 < m->unit_count ? ",\n" : "\n", f);
    }
    fputs("  ]}", f);
}

enum gtcnn_status gtcnn_bench_layers(struct gtcnn_cli *cli, uint32_t index, struct gtcnn_err *err)
{
    struct roofline r = {0};
    enum gtcnn_status status = gtcnn_subject_open(cli, cli->args.models.item[index], &r.subject, err);
    if (status)
        return status;
    status = measure(cli, &r, err);
    if (!status && cli->args.format[0] == 'j')
        print_json(cli->out, &r);
    else if (!status)
        fputs(index > 0 ? "\n" : "", cli->out), print_text(cli->out, &r);
    free(r.times.ns);
    free(r.median_ns);
    gtcnn_subject_close(&r.subject);
    return status;
}
