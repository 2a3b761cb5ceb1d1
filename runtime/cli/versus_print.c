#include "runtime/cli/json.h"
#include "runtime/cli/samples.h"
#include "runtime/cli/versus.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const states[] = {"ok", "absent", "failed", "differs"};

static bool was_timed(const struct gtcnn_contender *c)
{
    return c->state == GTCNN_VERSUS_OK || c->state == GTCNN_VERSUS_DIFFERS;
}

static struct gtcnn_ratio summarise(const double *values, uint32_t n)
{
    struct gtcnn_samples s = {0};
    for (uint32_t i = 0; i < n; i++)
        gtcnn_samples_add(&s, values[i]); /* at most a hundred: when memory is out, of fewer */
    struct gtcnn_ratio r = {gtcnn_samples_median(&s), gtcnn_samples_least(&s), gtcnn_samples_most(&s)};
    gtcnn_samples_free(&s);
    return r;
}

double gtcnn_versus_median_ns(const struct gtcnn_versus *v, const struct gtcnn_contender *c)
{
    return summarise(c->round_ns, v->rounds).median;
}

double gtcnn_versus_load_ns(const struct gtcnn_contender *c)
{
    return summarise(c->load_ns, GTCNN_VERSUS_LOADS).median;
}

struct gtcnn_ratio gtcnn_versus_ratio(const struct gtcnn_versus *v, const struct gtcnn_contender *c,
                                      const struct gtcnn_contender *us)
{
    double ratio[GTCNN_VERSUS_ROUNDS];
    for (uint32_t r = 0; r < v->rounds; r++)
        ratio[r] = c->round_ns[r] / us->round_ns[r];
    return summarise(ratio, v->rounds);
}

static bool is_rival(const struct gtcnn_contender *c, const struct gtcnn_contender *us)
{
    return !c->ours && c->state == GTCNN_VERSUS_OK && strcmp(c->precision, us->precision) == 0;
}

bool gtcnn_versus_fastest(const struct gtcnn_versus *v, const struct gtcnn_contender *us, struct gtcnn_ratio *ratio,
                          const struct gtcnn_contender **fastest)
{
    double best[GTCNN_VERSUS_ROUNDS];
    *fastest = NULL;
    for (uint32_t r = 0; r < v->rounds; r++)
        best[r] = INFINITY;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct gtcnn_contender *c = &v->contender[i];
        if (!is_rival(c, us))
            continue;
        if (!*fastest || gtcnn_versus_median_ns(v, c) < gtcnn_versus_median_ns(v, *fastest))
            *fastest = c;
        for (uint32_t r = 0; r < v->rounds; r++)
            best[r] = fmin(best[r], c->round_ns[r] / us->round_ns[r]);
    }
    *ratio = summarise(best, v->rounds);
    return *fastest != NULL;
}

/* Without Python's share. */
static double own_bytes(const struct gtcnn_contender *c)
{
    return c->peak_bytes > c->python_bytes ? c->peak_bytes - c->python_bytes : 0;
}

static void machine_name(char *out, size_t size)
{
    char line[256];
    snprintf(out, size, "unknown processor");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        const char *colon = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (!colon)
            continue;
        line[strcspn(line, "\n")] = 0;
        gtcnn_escape(out, size, colon + 1 + strspn(colon + 1, " "), SIZE_MAX);
        break;
    }
    if (f)
        fclose(f);
}

/* --- text */

static void print_row(FILE *f, const struct gtcnn_versus *v, const struct gtcnn_contender *c)
{
    char version[40], precision[24], error[24] = "-";
    if (!was_timed(c))
        return;
    struct gtcnn_ratio r = gtcnn_versus_ratio(v, c, v->contender);
    if (c != v->contender)
        snprintf(error, sizeof error, "%.1e", c->error);
    fprintf(f, "%-13s %-14s %-9s %9.4g %9.4g %8.3f  %6.3f to %6.3f %9s %9.4g %9.1f\n", c->name,
            gtcnn_escape(version, sizeof version, c->version, SIZE_MAX),
            gtcnn_escape(precision, sizeof precision, c->precision, SIZE_MAX), gtcnn_versus_median_ns(v, c) / 1e6 / v->batch,
            c->min_ns / 1e6 / v->batch, r.median, r.least, r.most, error, gtcnn_versus_load_ns(c) / 1e6,
            own_bytes(c) / (1 << 20));
}

/* Of the peers of one of our precisions: who loads fastest, who is leanest. */
static void print_verdict(FILE *f, const struct gtcnn_versus *v, const struct gtcnn_contender *us)
{
    const struct gtcnn_contender *fastest, *loader = NULL, *leanest = NULL;
    struct gtcnn_ratio r;
    if (!gtcnn_versus_fastest(v, us, &r, &fastest))
        return;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct gtcnn_contender *c = &v->contender[i];
        if (is_rival(c, us) && (!loader || gtcnn_versus_load_ns(c) < gtcnn_versus_load_ns(loader)))
            loader = c;
        if (is_rival(c, us) && (!leanest || own_bytes(c) < own_bytes(leanest)))
            leanest = c;
    }
    fprintf(f, "The fastest of %s in each round takes %.3f times as long as %s (%.3f to %.3f); over all rounds that is %s.\n",
            us->precision, r.median, us->name, r.least, r.most, fastest->name);
    fprintf(f, "From file to first answer %s takes %.2f of %s's time; of %s's memory it takes %.2f.\n", us->name,
            gtcnn_versus_load_ns(us) / gtcnn_versus_load_ns(loader), loader->name, leanest->name,
            own_bytes(us) / own_bytes(leanest));
}

static void print_text(FILE *f, const struct gtcnn_versus *v)
{
    char model[128], machine[128], text[GTCNN_ERR_TEXT];
    machine_name(machine, sizeof machine);
    fprintf(f, "model     %s, weights=%s, batch %u\n", gtcnn_escape(model, sizeof model, v->model, SIZE_MAX), v->weights,
            v->batch);
    fprintf(f, "machine   %s; threads %u, pinned to %u processors\n", machine, v->threads, v->cpu_count);
    fprintf(f, "gtcnn     %s, %s\n", v->isa, v->how);
    fprintf(f, "measured  %u rounds of %.4g s each, in rotating order; medians of rounds, ratios round by round\n\n", v->rounds,
            v->cli->args.seconds);
    fprintf(f, "%-13s %-14s %-9s %9s %9s %8s  %16s %9s %9s %9s\n", "", "version", "precision", "median ms", "min ms",
            "by gtcnn", "over rounds", "error", "load ms", "peak MiB");
    for (uint32_t i = 0; i < v->count; i++)
        print_row(f, v, &v->contender[i]);
    fputc('\n', f);
    for (uint32_t i = 0; i < v->count; i++) {
        const struct gtcnn_contender *c = &v->contender[i];
        if (c->state != GTCNN_VERSUS_OK)
            fprintf(f, "%s %s: %s\n", c->name, states[c->state], gtcnn_escape(text, sizeof text, c->reason, SIZE_MAX));
        else if (!c->ours)
            fprintf(f, "%s says of its precision: %s\n", c->name, gtcnn_escape(text, sizeof text, c->note, SIZE_MAX));
    }
    for (uint32_t i = 0; i < v->count; i++)
        if (v->contender[i].ours && was_timed(&v->contender[i]))
            print_verdict(f, v, &v->contender[i]);
    fputs(
        "Times are of one image; load is from the file, cached, to the first answer, without starting the process;\n"
        "the median of three processes.\n"
        "Memory is the most that was resident in a process of its own, less what Python with numpy had before the peer came.\n"
        "Errors are the largest difference from gtcnn's answer over its largest magnitude, on the same file and input.\n",
        f);
}

/* --- for programs */

/* What a value is printed as where it is not known: null, or nothing. */
static void number(FILE *f, const char *before, double value, bool known, const char *unknown)
{
    if (known && isfinite(value))
        fprintf(f, "%s%.9g", before, value);
    else
        fprintf(f, "%s%s", before, unknown);
}

static const char *const columns[] = {"median_ms", "min_ms",  "ratio",          "ratio_least",     "ratio_most",
                                      "error",     "load_ms", "peak_rss_bytes", "python_rss_bytes"};
enum { COLUMNS = sizeof columns / sizeof *columns };

static void figures(const struct gtcnn_versus *v, const struct gtcnn_contender *c, double *out)
{
    struct gtcnn_ratio r = gtcnn_versus_ratio(v, c, v->contender);
    double all[COLUMNS] = {gtcnn_versus_median_ns(v, c) / 1e6 / v->batch,
                           c->min_ns / 1e6 / v->batch,
                           r.median,
                           r.least,
                           r.most,
                           c == v->contender ? 0 : c->error,
                           gtcnn_versus_load_ns(c) / 1e6,
                           c->peak_bytes,
                           c->python_bytes};
    memcpy(out, all, sizeof all);
}

static void print_json(FILE *f, const struct gtcnn_versus *v, uint32_t index)
{
    char machine[128];
    machine_name(machine, sizeof machine);
    fputs(index == 0 ? "[\n  {\"model\": " : ",\n  {\"model\": ", f);
    gtcnn_json_string(f, v->model);
    fputs(", \"machine\": ", f);
    gtcnn_json_string(f, machine);
    fprintf(f,
            ", \"weights\": \"%s\", \"isa\": \"%s\", \"batch\": %u, \"threads\": %u, \"processors\": %u, \"rounds\": %u"
            ", \"seconds\": %.9g, \"contenders\": [\n",
            v->weights, v->isa, v->batch, v->threads, v->cpu_count, v->rounds, v->cli->args.seconds);
    for (uint32_t i = 0; i < v->count; i++) {
        const struct gtcnn_contender *c = &v->contender[i];
        double value[COLUMNS];
        figures(v, c, value);
        fprintf(f, "    {\"name\": \"%s\", \"state\": \"%s\", \"reason\": ", c->name, states[c->state]);
        gtcnn_json_string(f, c->state == GTCNN_VERSUS_OK ? NULL : c->reason);
        const char *const keys[] = {"version", "precision", "precision_note"}, *const texts[] = {c->version, c->precision,
                                                                                                 c->note};
        for (int k = 0; k < 3; k++) {
            fprintf(f, ", \"%s\": ", keys[k]);
            gtcnn_json_string(f, *texts[k] ? texts[k] : NULL);
        }
        for (int k = 0; k < COLUMNS; k++) {
            fprintf(f, ", \"%s\": ", columns[k]);
            number(f, "", value[k], was_timed(c), "null");
        }
        fprintf(f, ", \"calls\": %" PRIu64 "}%s\n", c->calls, i + 1 < v->count ? "," : "");
    }
    fputs("  ]}", f);
}

/* RFC 4180: quoted, quotes doubled. */
static void csv_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        fprintf(f, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', f);
}

static void print_csv(FILE *f, const struct gtcnn_versus *v, uint32_t index)
{
    char machine[128];
    machine_name(machine, sizeof machine);
    if (index == 0) {
        fputs("model,machine,batch,threads,rounds,name,state,version,precision", f);
        for (int k = 0; k < COLUMNS; k++)
            fprintf(f, ",%s", columns[k]);
        fputs(",precision_note,reason\n", f);
    }
    for (uint32_t i = 0; i < v->count; i++) {
        const struct gtcnn_contender *c = &v->contender[i];
        double value[COLUMNS];
        figures(v, c, value);
        csv_text(f, v->model);
        fputc(',', f);
        csv_text(f, machine);
        fprintf(f, ",%u,%u,%u,%s,%s,", v->batch, v->threads, v->rounds, c->name, states[c->state]);
        csv_text(f, c->version);
        fputc(',', f);
        csv_text(f, c->precision);
        for (int k = 0; k < COLUMNS; k++)
            number(f, ",", value[k], was_timed(c), "");
        fputc(',', f);
        csv_text(f, c->note);
        fputc(',', f);
        csv_text(f, c->reason);
        fputc('\n', f);
    }
}

void gtcnn_versus_print(const struct gtcnn_versus *v, uint32_t index, uint32_t models)
{
    FILE *f = v->cli->out;
    switch (v->cli->args.format[0]) {
    case 'j':
        print_json(f, v, index);
        fputs(index + 1 == models ? "\n]\n" : "", f);
        break;
    case 'c':
        print_csv(f, v, index);
        break;
    default:
        fputs(index > 0 ? "\n" : "", f);
        print_text(f, v);
    }
}
