/* The rows of a family: which accuracy, which energy, and who does not compare. */
#include "reports/analysis.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 4096 };

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool accuracy_allowed(const struct gt_analysis *a, const struct gt_facts_accuracy *accuracy)
{
    bool published = same(accuracy->provenance, "published");
    return published == (a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED);
}

static bool same_images(const struct gt_facts_accuracy *x, const struct gt_facts_accuracy *y)
{
    return same(x->dataset, y->dataset) && same(x->images, y->images) && same(x->split, y->split) &&
           same(x->precision, y->precision);
}

/*
 * Dataset (by name and by its images), split, precision and preprocessing are those of the selected model's accuracy, once that
 * is known.
 */
static bool accuracy_fits(const struct gt_analysis *a, const struct gt_facts_accuracy *accuracy)
{
    const struct gt_facts_accuracy *key = a->accuracy;
    return !key || (same_images(key, accuracy) && same(key->preprocessing, accuracy->preprocessing));
}

/* The latest that is allowed and fits; measured goes before what a user handed in. NULL none. */
static const struct gt_facts_accuracy *pick_accuracy(const struct gt_analysis *a, size_t model)
{
    const struct gt_facts_accuracy *best = NULL;
    for (size_t i = 0; i < a->facts->accuracy_count; i++) {
        const struct gt_facts_accuracy *candidate = &a->facts->accuracies[i];
        if (candidate->model == model && accuracy_allowed(a, candidate) && accuracy_fits(a, candidate) &&
            !(best && same(best->provenance, "measured") && !same(candidate->provenance, "measured")))
            best = candidate;
    }
    return best;
}

/* Wilson's interval of every number of right answers that the percentage may stand for. */
static void accuracy_bounds(struct gt_report_accuracy *out)
{
    double n = (double)out->n, z = gt_stats_normal_quantile(0.975);
    double least = fmax(0, out->pct - out->rounding_pp) * n / 100, most = fmin(100, out->pct + out->rounding_pp) * n / 100;
    out->lo_pct = 100 * gt_stats_wilson(out->counted ? (double)out->correct : least, n, z).lo;
    out->hi_pct = 100 * gt_stats_wilson(out->counted ? (double)out->correct : most, n, z).hi;
}

static struct gt_report_accuracy report_accuracy(const struct gt_facts_accuracy *from)
{
    struct gt_report_accuracy out = {.pct = NAN, .lo_pct = NAN, .hi_pct = NAN};
    if (!from)
        return out;
    out.known = true;
    out.n = from->n;
    out.correct = from->correct;
    out.provenance = from->provenance;
    out.citation = from->citation;
    out.dataset = from->dataset;
    out.split = from->split;
    out.precision = from->precision;
    out.preprocessing = from->preprocessing;
    out.answers = from->answers;
    out.answer_count = from->answers ? from->n : 0;
    out.counted = from->counted;
    out.rounding_pp = from->counted ? 0 : GT_REPORT_PUBLISHED_ROUNDING_PP;
    out.pct = from->counted ? 100.0 * (double)from->correct / (double)from->n : from->pct;
    if (from->n)
        accuracy_bounds(&out);
    return out;
}

/* With what else the store has of the model: on other images, or a user's beside the measured one. */
static struct gt_report_accuracy row_accuracy(const struct gt_analysis *a, size_t model)
{
    struct gt_report_accuracy out = report_accuracy(pick_accuracy(a, model));
    for (size_t i = 0; i < a->facts->accuracy_count; i++) {
        const struct gt_facts_accuracy *other = &a->facts->accuracies[i];
        if (other->model != model || !accuracy_allowed(a, other))
            continue;
        out.elsewhere = out.elsewhere || !accuracy_fits(a, other);
        out.user_unused =
            out.user_unused || (accuracy_fits(a, other) && same(out.provenance, "measured") && same(other->provenance, "user"));
    }
    return out;
}

static const struct gt_facts_run *reference(const struct gt_analysis *a)
{
    return a->choice.reference == GT_FACTS_NONE ? NULL : &a->facts->runs[a->choice.reference];
}

static bool comparable(const struct gt_analysis *a, const struct gt_facts_run *run)
{
    return gt_report_group_differs(run, reference(a)) == GT_GROUP_FIELDS;
}

/* Energy, observed inferences, hooks off, the reference's series, any series that ended well. */
static int merit(const struct gt_analysis *a, const struct gt_facts_run *run)
{
    const char *series = reference(a)->series;
    return 16 * run->energy_known + 8 * !run->whole + 4 * !run->hooked + 2 * (series && same(run->series, series)) +
           (!run->series || run->series_complete);
}

/* Whether `run` is to be preferred to an earlier one of the same model. */
static bool better_run(const struct gt_analysis *a, const struct gt_facts_run *than, const struct gt_facts_run *run)
{
    return merit(a, run) >= merit(a, than);
}

const struct gt_facts_run *gt_analysis_pick_run(const struct gt_analysis *a, size_t model)
{
    const struct gt_facts_run *best = NULL;
    for (size_t i = 0; i < a->facts->run_count && reference(a); i++) {
        const struct gt_facts_run *run = &a->facts->runs[i];
        if (run->model == model && comparable(a, run) && (!best || better_run(a, best, run)))
            best = run;
    }
    return best;
}

static const char *basis_of(const struct gt_facts_run *run)
{
    return run->whole ? GT_REPORT_WHOLE_RUN : run->hooked ? GT_REPORT_HOOKED : GT_REPORT_HOOKS_OFF;
}

static bool is_round(const struct gt_facts_run *run)
{
    return !run->whole && !run->hooked;
}

size_t gt_analysis_rounds(const struct gt_analysis *a, const struct gt_facts_run *picked, const struct gt_facts_run **rounds)
{
    size_t n = 0;
    for (size_t i = 0; i < a->facts->run_count && n < MOST_ROUNDS && is_round(picked) && picked->series; i++) {
        const struct gt_facts_run *run = &a->facts->runs[i];
        if (run->model == picked->model && same(run->series, picked->series) && is_round(run) && comparable(a, run) &&
            run->energy_known == picked->energy_known)
            rounds[n++] = run;
    }
    if (n == 0)
        rounds[n++] = picked;
    return n;
}

/* Mean of one figure over the rounds, found by its offset in struct gt_facts_run. */
static struct gt_mean mean_of(const struct gt_facts_run *const *rounds, size_t n, size_t offset, double *scratch)
{
    for (size_t i = 0; i < n; i++)
        memcpy(&scratch[i], (const char *)rounds[i] + offset, sizeof scratch[i]);
    return gt_stats_mean(scratch, n, 0.95);
}

#define MEAN(field) mean_of(rounds, n, offsetof(struct gt_facts_run, field), scratch)

/* Measured energy has its bounds from the rounds, when there are two; a model's range stays a range. */
static void energy_bounds(struct gt_report_energy *out, const struct gt_facts_run *const *rounds, size_t n, double *scratch)
{
    bool measured = same(out->provenance, "measured");
    out->lo_uj = MEAN(lo_uj).mean;
    out->hi_uj = MEAN(hi_uj).mean;
    out->kind = isfinite(out->lo_uj) ? rounds[n - 1]->kind : NULL;
    if (measured && isfinite(out->stat_lo_uj)) {
        out->lo_uj = out->stat_lo_uj;
        out->hi_uj = out->stat_hi_uj;
        out->kind = "ci95";
    }
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static double median(double *x, size_t n)
{
    qsort(x, n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

/* Rounds are in order of time. Sorts the halves of `uj` in place. */
static double drift(double *uj, size_t n)
{
    return n < 4 ? NAN : median(uj + n - n / 2, n / 2) / median(uj, n / 2) - 1;
}

static struct gt_report_energy unknown_energy(void)
{
    return (struct gt_report_energy){.uj = NAN,
                                     .lo_uj = NAN,
                                     .hi_uj = NAN,
                                     .stat_lo_uj = NAN,
                                     .stat_hi_uj = NAN,
                                     .round_sd_uj = NAN,
                                     .drift_share = NAN,
                                     .seconds_per_inference = NAN,
                                     .seconds_lo = NAN,
                                     .seconds_hi = NAN,
                                     .dynamic_uj = NAN,
                                     .idle_uj = NAN};
}

/* With two rounds a t-interval may reach below what joules and seconds can be. NaN stays. */
static double not_below_zero(double value)
{
    return value < 0 ? 0 : value;
}

/* What was lost in any of them, each reason once; NULL: nothing. */
static const char *caveats_of(struct gt_analysis *a, const struct gt_facts_run *const *rounds, size_t n)
{
    const char *out = NULL;
    for (size_t i = 0; i < n; i++)
        if (rounds[i]->caveats && !(out && strstr(out, rounds[i]->caveats)))
            out = gt_analysis_text(a, "%s%s%s", out ? out : "", out ? "; " : "", rounds[i]->caveats);
    return out;
}

struct gt_report_energy gt_analysis_energy(struct gt_analysis *a, const struct gt_facts_run *picked)
{
    struct gt_report_energy out = unknown_energy();
    const struct gt_facts_run **rounds = gt_analysis_alloc(a, a->facts->run_count + 1, sizeof *rounds);
    double *scratch = gt_analysis_alloc(a, a->facts->run_count + 1, sizeof *scratch);
    if (!picked || !rounds || !scratch)
        return out;
    size_t n = gt_analysis_rounds(a, picked, rounds);
    struct gt_mean seconds = MEAN(seconds);
    out.seconds_per_inference = seconds.mean;
    out.seconds_lo = not_below_zero(seconds.ci.lo);
    out.seconds_hi = seconds.ci.hi;
    out.basis = basis_of(picked);
    out.rounds = is_round(picked) ? (uint32_t)n : 0;
    out.other_series = is_round(picked) && reference(a)->series && !same(picked->series, reference(a)->series);
    out.provenance = picked->group[GT_GROUP_PROVENANCE];
    out.source = picked->group[GT_GROUP_SOURCE];
    out.boundary = picked->group[GT_GROUP_BOUNDARY];
    out.caveats = caveats_of(a, rounds, n);
    out.known = picked->energy_known;
    if (!out.known)
        return out;
    struct gt_mean uj = MEAN(uj);
    out.uj = uj.mean;
    out.stat_lo_uj = not_below_zero(uj.ci.lo);
    out.stat_hi_uj = uj.ci.hi;
    out.round_sd_uj = uj.sd;
    out.drift_share = drift(scratch, n); /* holds the rounds' joules */
    out.dynamic_uj = MEAN(dynamic_uj).mean;
    out.idle_uj = MEAN(idle_uj).mean;
    energy_bounds(&out, rounds, n, scratch);
    return out;
}

/* Why a model has no run in the reference's group although it was run elsewhere; NULL when it was not. */
static const char *group_reason(struct gt_analysis *a, size_t model)
{
    for (size_t i = a->facts->run_count; i-- > 0;) {
        const struct gt_facts_run *run = &a->facts->runs[i];
        if (run->model != model || !reference(a))
            continue;
        enum gt_group_field f = gt_report_group_differs(run, reference(a));
        if (f != GT_GROUP_FIELDS)
            return gt_analysis_text(a, "run in another comparison group: %s is %s there, %s here", gt_report_group_words(f),
                                    run->group[f], reference(a)->group[f]);
    }
    return NULL;
}

/* A row that speaks for its φ better: with accuracy, with energy, with weights of the selected kind, later. */
static int standing(const struct gt_analysis *a, size_t model)
{
    const struct gt_facts_model *m = &a->facts->models[model];
    int weights = same(m->weights, a->facts->models[a->facts->selected].weights);
    return model == a->facts->selected
               ? 100
               : 4 * (pick_accuracy(a, model) != NULL) + 2 * (gt_analysis_pick_run(a, model) != NULL) + weights;
}

/* Of several files under one name, one stands for its size. */
static bool stands_for_its_name(struct gt_analysis *a, size_t model)
{
    for (size_t other = 0; other < a->facts->model_count; other++)
        if (other != model && same(a->facts->models[other].name, a->facts->models[model].name) &&
            (standing(a, other) > standing(a, model) || (standing(a, other) == standing(a, model) && other > model)))
            return false;
    return true;
}

/* A model without an accuracy here that has one of the same images, prepared in another way. */
static void note_preprocessing(struct gt_analysis *a, size_t model)
{
    for (size_t i = a->facts->accuracy_count; i-- > 0;) {
        const struct gt_facts_accuracy *other = &a->facts->accuracies[i];
        if (other->model != model || !accuracy_allowed(a, other) || !a->accuracy || !same_images(a->accuracy, other))
            continue;
        gt_analysis_note(a, "An accuracy of %s is not compared: its images were prepared by \"%s\", here by \"%s\".",
                         a->facts->models[model].name, other->preprocessing ? other->preprocessing : "unknown",
                         a->accuracy->preprocessing ? a->accuracy->preprocessing : "unknown");
        return;
    }
}

static void fill_row(struct gt_analysis *a, size_t model)
{
    const struct gt_facts_model *m = &a->facts->models[model];
    const struct gt_facts_run *run = gt_analysis_pick_run(a, model);
    const char *reason = run ? NULL : group_reason(a, model);
    if (!stands_for_its_name(a, model))
        reason = "another file under the same name";
    if (reason) {
        gt_analysis_leave_out(a, m, reason);
        return;
    }
    a->report->rows[a->report->row_count++] = (struct gt_report_row){
        .name = m->name,
        .digest = m->digest,
        .weights = m->weights,
        .selected = model == a->facts->selected && !a->facts->family_alone,
        .phi = m->phi,
        .phi_eff = NAN,
        .macs = m->macs,
        .params = m->params,
        .macs_known = m->macs_known,
        .params_known = m->params_known,
        .accuracy = row_accuracy(a, model),
        .energy = gt_analysis_energy(a, run),
        .cost = NAN,
        .gain_pp_per_doubling = NAN,
        .gain_lo_pp = NAN,
        .gain_hi_pp = NAN,
    };
    if (!a->report->rows[a->report->row_count - 1].accuracy.known)
        note_preprocessing(a, model);
}

static int by_phi(const void *left, const void *right)
{
    const struct gt_report_row *a = left, *b = right;
    if (isnan(a->phi) != isnan(b->phi))
        return isnan(a->phi) ? 1 : -1;
    if (a->phi != b->phi && !isnan(a->phi))
        return a->phi < b->phi ? -1 : 1;
    if (a->macs != b->macs)
        return a->macs < b->macs ? -1 : 1;
    return strcmp(a->name ? a->name : "", b->name ? b->name : "");
}

/* MACs of φ = 0 in this family; 0 unknown. */
static uint64_t base_macs(const struct gt_facts *facts)
{
    for (size_t i = 0; i < facts->model_count; i++)
        if (facts->models[i].phi == 0 && facts->models[i].macs_known)
            return facts->models[i].macs;
    return 0;
}

static double effective_phi(const struct gt_facts *facts, bool known, uint64_t macs)
{
    uint64_t base = base_macs(facts);
    return known && macs && base ? log2((double)macs / (double)base) : NAN;
}

/* Of a family nothing but the family. */
static void leave_identity_open(struct gt_report *r)
{
    r->family_alone = true;
    r->phi = r->phi_eff = NAN;
    r->energy = unknown_energy();
    r->accuracy = report_accuracy(NULL);
}

static void fill_identity(struct gt_analysis *a)
{
    const struct gt_facts_model *m = &a->facts->models[a->facts->selected];
    struct gt_report *r = a->report;
    if (a->facts->family_alone) {
        leave_identity_open(r);
        return;
    }
    r->name = m->name;
    r->family = m->family;
    r->digest = m->digest;
    r->weights = m->weights;
    r->phi = m->phi;
    r->macs = m->macs;
    r->params = m->params;
    r->macs_known = m->macs_known;
    r->params_known = m->params_known;
    r->phi_eff = effective_phi(a->facts, m->macs_known, m->macs);
    r->energy = unknown_energy();
    r->accuracy = report_accuracy(a->accuracy);
}

static void fill_group(struct gt_analysis *a)
{
    const struct gt_facts_run *run = reference(a);
    const char *text = NULL;
    if (!run)
        return;
    for (int f = 0; f < GT_GROUP_FIELDS; f++)
        if (run->group[f] && f != GT_GROUP_PROVENANCE)
            text = gt_analysis_text(a, "%s%s%s %s", text ? text : "", text ? ", " : "",
                                    gt_report_group_words((enum gt_group_field)f), run->group[f]);
    a->report->group_text = text;
    a->report->host_text = run->group[GT_GROUP_HOST];
    a->report->precision = run->group[GT_GROUP_PRECISION];
    a->report->execution = run->group[GT_GROUP_EXECUTION];
    a->report->runtime = run->group[GT_GROUP_BUILD];
    if (a->facts->family_alone)
        return;
    if (a->choice.layers != GT_FACTS_NONE)
        run = &a->facts->runs[a->choice.layers];
    a->report->run_id = run->id;
    a->report->method = run->method;
    a->report->method_version = run->method_version;
}

void gt_analysis_fill_family(struct gt_analysis *a)
{
    size_t room = a->facts->model_count;
    struct gt_report *r = a->report;
    r->rows = gt_analysis_alloc(a, room, sizeof *r->rows);
    if (a->failed)
        return;
    a->accuracy = pick_accuracy(a, a->facts->selected);
    for (size_t model = 0; model < room && a->facts->family_alone && !a->accuracy; model++)
        a->accuracy = pick_accuracy(a, model);
    fill_identity(a);
    fill_group(a);
    for (size_t model = 0; model < room && !a->failed; model++)
        fill_row(a, model);
    qsort(r->rows, r->row_count, sizeof *r->rows, by_phi);
    for (size_t i = 0; i < r->row_count; i++) {
        r->rows[i].phi_eff = effective_phi(a->facts, r->rows[i].macs_known, r->rows[i].macs);
        if (r->rows[i].selected)
            r->energy = r->rows[i].energy;
    }
    if (r->idle_unknown)
        r->energy.dynamic_uj = r->energy.idle_uj = NAN;
}
