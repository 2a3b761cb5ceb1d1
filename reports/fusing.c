/*
 * What fusing saves: the selected model's runs of the report's comparison group against those that differ from it in nothing
 * but how the runtime executed the model, in units of several layers or layer by layer.
 */
#include "reports/analysis.h"
#include "sqlite/records.h"

#include <math.h>
#include <string.h>

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Executed in the other way, and alike in all else that a comparison needs. */
static bool is_other_way(const struct gt_facts_run *run, const struct gt_facts_run *than)
{
    struct gt_facts_run alike = *run;
    if (!run->group[GT_GROUP_EXECUTION] || same(run->group[GT_GROUP_EXECUTION], than->group[GT_GROUP_EXECUTION]))
        return false;
    alike.group[GT_GROUP_EXECUTION] = than->group[GT_GROUP_EXECUTION];
    return run->model == than->model && run->energy_known == than->energy_known && run->whole == than->whole &&
           run->hooked == than->hooked && gt_report_group_differs(&alike, than) == GT_GROUP_FIELDS;
}

/* Of the same series before any other, of one that ended well before others, then the latest. */
static int merit(const struct gt_facts_run *run, const struct gt_facts_run *than)
{
    return 2 * (run->series && same(run->series, than->series)) + (!run->series || run->series_complete);
}

static int other_way(const struct gt_facts *facts, const struct gt_facts_run *than)
{
    int best = GT_FACTS_NONE;
    for (size_t i = 0; i < facts->run_count; i++)
        if (is_other_way(&facts->runs[i], than) &&
            (best == GT_FACTS_NONE || merit(&facts->runs[i], than) >= merit(&facts->runs[best], than)))
            best = (int)i;
    return best;
}

struct estimate {
    double value, lo, hi;
};

/* A t-interval is symmetric, although its lower limit is not shown below 0. */
static struct estimate from_rounds(double mean, double hi)
{
    return (struct estimate){mean, 2 * mean - hi, hi};
}

/* a - b with the bounds of two independent figures (MOVER; Zou & Donner 2008, Stat. Med. 27:1693). */
static struct gt_interval difference(struct estimate a, struct estimate b)
{
    double d = a.value - b.value;
    return (struct gt_interval){d - hypot(a.value - a.lo, b.hi - b.value), d + hypot(a.hi - a.value, b.value - b.lo)};
}

/* A model's range is one common factor: both figures at its lower end, both at its upper. Else the two are independent. */
static struct gt_interval energy_difference(const struct gt_report_energy *a, const struct gt_report_energy *b)
{
    if (!a->kind || !same(a->kind, b->kind))
        return (struct gt_interval){NAN, NAN};
    if (strcmp(a->kind, "range") == 0) {
        double low = a->lo_uj - b->lo_uj, high = a->hi_uj - b->hi_uj;
        return (struct gt_interval){fmin(low, high), fmax(low, high)};
    }
    if (a->hi_uj == a->stat_hi_uj && b->hi_uj == b->stat_hi_uj)
        return difference(from_rounds(a->uj, a->hi_uj), from_rounds(b->uj, b->hi_uj));
    return difference((struct estimate){a->uj, a->lo_uj, a->hi_uj}, (struct estimate){b->uj, b->lo_uj, b->hi_uj});
}

static void compare(struct gt_report_fusing *f)
{
    const struct gt_report_energy *l = &f->layers, *g = &f->fused;
    struct gt_interval uj = energy_difference(l, g);
    struct gt_interval rounds = difference(from_rounds(l->uj, l->stat_hi_uj), from_rounds(g->uj, g->stat_hi_uj));
    struct gt_interval s =
        difference(from_rounds(l->seconds_per_inference, l->seconds_hi), from_rounds(g->seconds_per_inference, g->seconds_hi));
    f->compared = true;
    f->saved_uj = l->uj - g->uj;
    f->saved_lo_uj = uj.lo;
    f->saved_hi_uj = uj.hi;
    f->saved_stat_lo_uj = rounds.lo;
    f->saved_stat_hi_uj = rounds.hi;
    f->saved_share = f->saved_uj / l->uj;
    f->saved_s = l->seconds_per_inference - g->seconds_per_inference;
    f->saved_lo_s = s.lo;
    f->saved_hi_s = s.hi;
    f->saved_s_share = f->saved_s / l->seconds_per_inference;
}

/* Rounds that took turns had the same weather: the differences of neighbours do not have it. */
static void pair(struct gt_report_fusing *f, const struct gt_facts_run *const *layers, const struct gt_facts_run *const *fused,
                 size_t n, double *scratch)
{
    struct gt_mean mean;
    for (size_t i = 0; i < n; i++)
        scratch[i] = layers[i]->seconds - fused[i]->seconds;
    mean = gt_stats_mean(scratch, n, 0.95);
    f->saved_lo_s = mean.ci.lo;
    f->saved_hi_s = mean.ci.hi;
    for (size_t i = 0; i < n; i++)
        scratch[i] = layers[i]->uj - fused[i]->uj;
    mean = gt_stats_mean(scratch, n, 0.95);
    f->saved_stat_lo_uj = mean.ci.lo;
    f->saved_stat_hi_uj = mean.ci.hi;
    if (same(f->layers.kind, "ci95")) {
        f->saved_lo_uj = mean.ci.lo;
        f->saved_hi_uj = mean.ci.hi;
    }
    f->paired = true;
}

/* Both lists of rounds are in order of time; `there`: the analysis whose group is the other's. */
static void pair_rounds(struct gt_analysis *a, const struct gt_analysis *there, const struct gt_facts_run *own,
                        const struct gt_facts_run *other, bool fused)
{
    struct gt_report_fusing *f = &a->report->fusing;
    size_t room = a->facts->run_count + 1;
    const struct gt_facts_run **mine = gt_analysis_alloc(a, room, sizeof *mine);
    const struct gt_facts_run **theirs = gt_analysis_alloc(a, room, sizeof *theirs);
    double *scratch = gt_analysis_alloc(a, room, sizeof *scratch);
    if (!mine || !theirs || !scratch || !f->same_series)
        return;
    size_t n = gt_analysis_rounds(a, own, mine);
    if (n < 2 || gt_analysis_rounds(there, other, theirs) != n)
        return;
    pair(f, fused ? theirs : mine, fused ? mine : theirs, n, scratch);
}

static const char *option_unless_1(struct gt_analysis *a, const char *option, const char *value)
{
    return value && strcmp(value, "1") != 0 ? gt_analysis_text(a, " %s %s", option, value) : "";
}

/* What would make runs of both ways, interleaved. Only libgtcnn is known to execute in either. */
static const char *command(struct gt_analysis *a, const struct gt_facts_run *run)
{
    const struct gt_facts_model *m = &a->facts->models[a->facts->selected];
    if (!run->group[GT_GROUP_BUILD] || strncmp(run->group[GT_GROUP_BUILD], "libgtcnn", 8) != 0)
        return NULL;
    return gt_analysis_text(a, "greentrack eval --model %s --fusing both --rounds 10%s%s",
                            same(m->weights, "file") ? "FILE" : m->name,
                            option_unless_1(a, "--threads", run->group[GT_GROUP_THREADS]),
                            option_unless_1(a, "--batch", run->group[GT_GROUP_BATCH]));
}

/* The latest hooked one that was executed layer by layer: its layers are measured one by one. */
static const char *layers_run(const struct gt_facts *facts, const struct gt_facts_run *own)
{
    struct gt_facts_run hooked = *own;
    const char *id = NULL;
    hooked.hooked = true;
    for (size_t i = 0; i < facts->run_count; i++)
        if (is_other_way(&facts->runs[i], &hooked))
            id = facts->runs[i].id;
    return id;
}

void gt_analysis_compare_fusing(struct gt_analysis *a)
{
    struct gt_report_fusing *f = &a->report->fusing;
    const struct gt_facts_run *own = a->facts->family_alone ? NULL : gt_analysis_pick_run(a, a->facts->selected);
    f->saved_uj = f->saved_lo_uj = f->saved_hi_uj = f->saved_stat_lo_uj = f->saved_stat_hi_uj = f->saved_share = NAN;
    f->saved_s = f->saved_lo_s = f->saved_hi_s = f->saved_s_share = NAN;
    if (!own || !own->group[GT_GROUP_EXECUTION])
        return;
    bool fused = same(own->group[GT_GROUP_EXECUTION], GT_EXECUTION_FUSED);
    int other = other_way(a->facts, own);
    f->known = true;
    f->command = command(a, own);
    f->layers_run = fused ? layers_run(a->facts, own) : NULL;
    if (other == GT_FACTS_NONE)
        return;
    /* The other's rounds are collected in its own comparison group. */
    struct gt_analysis there = *a;
    there.choice.reference = other;
    *(fused ? &f->fused : &f->layers) = gt_analysis_energy(a, own);
    *(fused ? &f->layers : &f->fused) = gt_analysis_energy(&there, &a->facts->runs[other]);
    f->same_series = own->series && same(own->series, a->facts->runs[other].series);
    a->failed = a->failed || there.failed;
    compare(f);
    pair_rounds(a, &there, own, &a->facts->runs[other], fused);
}
