#include "energy/calibrate.h"

#include "energy/cputime.h"
#include "energy/scan.h"
#include "energy/unwrap.h"

#include <math.h>
#include <string.h>

enum { SLICES_MIN = 2, SLICES_MAX = 3600, READS = 4 /* per slice */ };

/* Slices without news: of a meter that has spoken and may be a slow one, and of one that has said nothing yet. */
enum { SLICES_SLOW = 60, SLICES_SILENT = 10 };

static const uint64_t SLICE_NS = 1000000000;

/* Two-sided 95 % quantiles of Student's t for 1 … 30 degrees of freedom; beyond, 2.0 is conservative. */
static double t_quantile(int degrees)
{
    static const double table[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                   2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                   2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
    int n = (int)(sizeof table / sizeof *table);
    return degrees < 1 ? INFINITY : degrees <= n ? table[degrees - 1] : 2.042;
}

struct series {
    const struct gt_os *os;
    const struct gt_energy_source *source;
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_cputime cputime;
    struct gt_unwrap unwrap[GT_SOURCE_DOMAINS];
    uint64_t t_ns, uj, gap_ns, busy_ns, total_ns; /* at the last reading; energy and gaps of the additive domains */
    double sum_w, sum_w2;
    int slices;
    bool spoken; /* the first reading told of a time before it was made, or another one came: no silent meter */
};

static enum gt_status take(struct series *s, struct gt_err *err)
{
    uint64_t raw[GT_SOURCE_DOMAINS];
    uint64_t before_ns = s->os->clock_ns(s->os->state, CLOCK_MONOTONIC);
    bool first = s->t_ns == 0;
    enum gt_status status = s->source->read(&s->state, raw, &s->t_ns);
    if (status == GT_E_BUSY)
        return status;
    if (status != GT_OK)
        return gt_err_set(err, status, "%s: reading failed: %s", s->source->name, gt_status_message(status));
    s->spoken = !first || s->t_ns < before_ns;
    s->uj = s->gap_ns = 0;
    for (int i = 0; i < s->desc.domain_count; i++) {
        gt_unwrap_step(&s->unwrap[i], s->t_ns, raw[i]);
        if (!s->desc.domains[i].additive)
            continue;
        s->uj += s->unwrap[i].known_uj;
        s->gap_ns += s->unwrap[i].gap_ns;
    }
    gt_cputime_machine(&s->cputime, &s->busy_ns, &s->total_ns);
    return GT_OK;
}

static enum gt_status refuse_silence(const struct series *s, int seconds, struct gt_err *err)
{
    return gt_err_set(err, GT_E_BUSY,
                      "%s: the meter said nothing for %d seconds: see that what reads it is running and adds rows to its file "
                      "or pipe, then calibrate again",
                      s->source->name, seconds);
}

/* Sleeps one slice and adds its mean power. Readings in between keep a source that integrates a power from missing any. */
static enum gt_status add_slice(struct series *s, struct gt_err *err)
{
    uint64_t t_ns = s->t_ns, uj = s->uj, gap_ns = s->gap_ns;
    int quiet = s->spoken ? SLICES_SLOW : SLICES_SILENT;
    enum gt_status status = GT_E_BUSY;
    for (uint64_t i = 1; i <= READS || (status == GT_E_BUSY && i <= READS * (uint64_t)quiet); i++) {
        while (s->os->sleep_until(s->os->state, t_ns + i * (SLICE_NS / READS)) < 0)
            continue;
        status = take(s, err);
        if (status != GT_OK && status != GT_E_BUSY)
            return status;
    }
    if (status == GT_E_BUSY)
        return refuse_silence(s, quiet, err);
    if (s->gap_ns != gap_ns || s->t_ns <= t_ns)
        return gt_err_set(err, GT_E_IO, "%s: a counter jumped, stood still or said nothing", s->source->name);
    double w = (double)(s->uj - uj) / ((double)(s->t_ns - t_ns) * 1e-3);
    s->sum_w += w;
    s->sum_w2 += w * w;
    s->slices++;
    return GT_OK;
}

static enum gt_status measure(struct series *s, const struct gt_calibrate_options *options, int wanted, struct gt_err *err)
{
    while (s->slices < wanted) {
        enum gt_status status = add_slice(s, err);
        if (status != GT_OK)
            return status;
        if (options->progress && options->progress(options->context, s->slices, wanted) != 0)
            return gt_err_set(err, GT_E_STATE, "calibration was stopped");
    }
    return GT_OK;
}

static double busy_share(const struct series *s, uint64_t busy_ns, uint64_t total_ns)
{
    if (s->busy_ns == UINT64_MAX || busy_ns == UINT64_MAX || s->total_ns <= total_ns)
        return NAN;
    return (double)(s->busy_ns - busy_ns) / (double)(s->total_ns - total_ns);
}

static void conclude(const struct series *s, double share, double seconds, struct gt_calibration *out)
{
    double n = s->slices, mean = s->sum_w / n;
    double variance = (s->sum_w2 - n * mean * mean) / (n - 1);
    double half = t_quantile(s->slices - 1) * sqrt((variance > 0 ? variance : 0) / n);
    memset(out, 0, sizeof *out);
    out->idle_w = mean;
    out->lo_w = mean > half ? mean - half : 0;
    out->hi_w = mean + half;
    out->busy_share = share;
    out->seconds = seconds;
    out->slices = s->slices;
    gt_scan_append(out->source, sizeof out->source, s->desc.source);
    gt_scan_append(out->boundary, sizeof out->boundary, s->desc.boundary);
}

/* A busy machine would make its work's energy idle energy; an unreadable /proc/stat cannot say that it is idle. */
static enum gt_status judge(double share, double most, bool force, struct gt_err *err)
{
    if (force || share <= most)
        return GT_OK;
    if (isnan(share))
        return gt_err_set(err, GT_E_STATE, "/proc/stat cannot be read, so that nothing says whether the machine is idle");
    return gt_err_set(err, GT_E_STATE, "the machine is not idle: %.1f %% of its cpus were busy, at most %.1f %% are allowed",
                      100 * share, 100 * most);
}

static enum gt_status run(struct series *s, const struct gt_calibrate_options *options, struct gt_calibration *out,
                          struct gt_err *err)
{
    double seconds = options->seconds > 0 ? options->seconds : 30;
    int wanted = seconds > SLICES_MAX ? SLICES_MAX : seconds < SLICES_MIN ? SLICES_MIN : (int)seconds;
    double most = options->max_busy_share > 0 ? options->max_busy_share : 0.05;
    for (int i = 0; i < s->desc.domain_count; i++)
        gt_unwrap_init(&s->unwrap[i], &s->desc.domains[i]);
    enum gt_status status = take(s, err);
    uint64_t t_ns = s->t_ns, busy_ns = s->busy_ns, total_ns = s->total_ns;
    if (status == GT_OK)
        status = measure(s, options, wanted, err);
    if (status != GT_OK)
        return status;
    double share = busy_share(s, busy_ns, total_ns);
    status = judge(share, most, options->force, err);
    if (status == GT_OK) {
        conclude(s, share, (double)(s->t_ns - t_ns) * 1e-9, out);
        out->forced = !(share <= most);
    }
    return status;
}

enum gt_status gt_calibrate_idle(const struct gt_os *os, const struct gt_energy_source *source, const char *spec,
                                 const struct gt_calibrate_options *options, struct gt_calibration *out, struct gt_err *err)
{
    struct series s;
    memset(&s, 0, sizeof s);
    s.os = os;
    s.source = source;
    enum gt_status status = source->open(os, spec, &s.state, &s.desc, err);
    if (status != GT_OK)
        return status;
    gt_cputime_open(&s.cputime, os);
    if (!gt_provenance_has_counters(s.desc.provenance) || s.desc.domain_count == 0)
        status = gt_err_set(err, GT_E_ABSENT, "source %s measures nothing; idle power needs a counter (see greentrack doctor)",
                            source->name);
    else
        status = run(&s, options, out, err);
    gt_cputime_close(&s.cputime);
    source->close(&s.state);
    return status;
}
