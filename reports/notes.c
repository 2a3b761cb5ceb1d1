/* What has to be said beside the figures. One small function per kind of note, in a table. */
#include "reports/analysis.h"
#include "reports/names.h"

#include <math.h>
#include <string.h>

enum { ENOUGH_ROUNDS = 10 }; /* SCALING.md, "Measuring" */

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

typedef bool row_test(const struct gt_report_row *row);

/* Short names of the rows that pass, joined; NULL when none does. */
static const char *names_where(struct gt_analysis *a, row_test *test)
{
    const char *out = NULL;
    for (size_t i = 0; i < a->report->row_count; i++)
        if (test(&a->report->rows[i]))
            out = gt_analysis_text(a, "%s%s%s", out ? out : "", out ? ", " : "", gt_report_short_name(a->report->rows[i].name));
    return out;
}

static bool is_random(const struct gt_report_row *row)
{
    return is(row->weights, "random");
}

static bool is_hooked(const struct gt_report_row *row)
{
    return row->energy.known && is(row->energy.basis, GT_REPORT_HOOKED);
}

static bool is_whole_run(const struct gt_report_row *row)
{
    return row->energy.known && is(row->energy.basis, GT_REPORT_WHOLE_RUN);
}

static bool is_other_series(const struct gt_report_row *row)
{
    return row->energy.other_series;
}

static bool has_few_rounds(const struct gt_report_row *row)
{
    return row->energy.rounds > 0 && row->energy.rounds < ENOUGH_ROUNDS;
}

static bool has_drift(const struct gt_report_row *row)
{
    return fabs(row->energy.drift_share) > GT_REPORT_DRIFT_FLAG;
}

static bool is_dominated(const struct gt_report_row *row)
{
    return row->dominated;
}

static bool has_no_accuracy(const struct gt_report_row *row)
{
    return !row->accuracy.known && !row->accuracy.elsewhere;
}

static bool is_elsewhere(const struct gt_report_row *row)
{
    return !row->accuracy.known && row->accuracy.elsewhere;
}

static bool has_unused_user(const struct gt_report_row *row)
{
    return row->accuracy.user_unused;
}

static bool lacks_energy(const struct gt_report_row *row)
{
    return !row->energy.known;
}

static bool from_user(const struct gt_report_row *row)
{
    return is(row->accuracy.provenance, "user");
}

static bool is_modelled(const struct gt_report_row *row)
{
    return row->energy.known && is(row->energy.provenance, "modelled");
}

static bool is_rapl(const struct gt_report_row *row)
{
    return row->energy.known && is(row->energy.provenance, "measured") && is(row->energy.source, "powercap");
}

static bool has_energy(const struct gt_report_row *row)
{
    return row->energy.known;
}

static bool has_macs(const struct gt_report_row *row)
{
    return row->macs_known;
}

/* Of the selected model; of a family alone, of any row. */
static bool any(const struct gt_analysis *a, row_test *test)
{
    for (size_t i = 0; i < a->report->row_count; i++)
        if ((a->report->family_alone || a->report->rows[i].selected) && test(&a->report->rows[i]))
            return true;
    return false;
}

static void note_random(struct gt_analysis *a)
{
    const char *names = names_where(a, is_random);
    if (names && a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED)
        gt_analysis_note(a,
                         "weights=random: joules and time of %s are those of random weights in the same architecture. Assumed: "
                         "that trained weights cost the same.",
                         names);
    else if (names)
        gt_analysis_note(a,
                         strchr(names, ',')
                             ? "weights=random: %s were never trained; their accuracies say nothing about the networks."
                             : "weights=random: %s was never trained; its accuracy says nothing about the network.",
                         names);
}

/* Whose they are, where they stand, and how exact a printed decimal is. */
static void note_published(struct gt_analysis *a, const char *without)
{
    const struct gt_report_accuracy *first = NULL;
    for (size_t i = 0; i < a->report->row_count && !first; i++)
        if (a->report->rows[i].accuracy.known)
            first = &a->report->rows[i].accuracy;
    if (without)
        gt_analysis_note(a, "No published accuracy of %s is known.", without);
    if (!first)
        return;
    gt_analysis_note(a, "Accuracies are published ones, as asked for: they belong to trained weights, the joules to the "
                        "weights that were run.");
    gt_analysis_note(a, "Published in: %s (%s %s).", first->citation ? first->citation : "source unknown",
                     first->dataset ? first->dataset : "data set unknown", first->split ? first->split : "");
    if (!first->counted && first->n)
        gt_analysis_note(
            a,
            "Published to one decimal: each accuracy may be off by %.2f pp. Their intervals and those of the steps "
            "are wider by that, and a verdict holds for the least step that the rounding allows; break-points are "
            "taken at the printed figures.",
            first->rounding_pp);
}

static void note_missing_accuracy(struct gt_analysis *a)
{
    const char *names = names_where(a, has_no_accuracy), *model = gt_report_missing_model(a->report, false);
    if (names && model)
        gt_analysis_note(a,
                         "No accuracy of %s. `greentrack eval --model %s` measures it; `greentrack annotate RUN --dataset D "
                         "--answers FILE` takes it from answers that you have.",
                         names, gt_report_shell_word(a->arena, model));
    else if (names)
        gt_analysis_note(a,
                         "No accuracy of %s. `greentrack annotate RUN --dataset D --answers FILE` takes it from answers that "
                         "you have.",
                         names);
    if (names && a->facts->published)
        gt_analysis_note(a,
                         "Published accuracies of this family are left out, since they belong to other weights; "
                         "`greentrack report --family %s --accuracy published` sets them against this host's joules.",
                         a->report->family);
}

static void note_accuracy(struct gt_analysis *a)
{
    const char *elsewhere = names_where(a, is_elsewhere), *user = names_where(a, from_user),
               *unused = names_where(a, has_unused_user);
    if (a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED) {
        note_published(a, names_where(a, has_no_accuracy));
        return;
    }
    note_missing_accuracy(a);
    if (elsewhere)
        gt_analysis_note(a,
                         "Accuracy of %s is of other images (or another split, precision or preparation) than %s's, and not "
                         "compared.",
                         elsewhere, gt_report_short_name(a->report->name));
    if (unused)
        gt_analysis_note(a, "Accuracy of %s is the measured one; what the user handed in for it is not used.", unused);
    if (user)
        gt_analysis_note(a, "Accuracy of %s: scored from answers that the user handed in.", user);
}

static void note_energy(struct gt_analysis *a)
{
    const char *names = names_where(a, lacks_energy), *model = gt_report_missing_model(a->report, true);
    if (names)
        gt_analysis_note(a,
                         "No joules of %s in this comparison group: missing energy is not zero. `%s%s` takes them; "
                         "`greentrack doctor` says what this machine can measure.",
                         names,
                         !model                                               ? "greentrack run"
                         : a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED ? "greentrack run -- gtcnn bench --model "
                                                                              : "greentrack eval --model ",
                         model ? gt_report_shell_word(a->arena, model) : "");
    if (is(a->report->axis, "GMAC"))
        gt_analysis_note(a, "The axis of cost is 10^9 MACs per inference, not joules.");
    if (is(a->report->axis, "s"))
        gt_analysis_note(a, "The axis of cost is seconds per inference, not joules.");
}

static void note_modelled(struct gt_analysis *a)
{
    const char *names = names_where(a, is_modelled);
    if (!names)
        return;
    gt_analysis_note(a,
                     "Joules of %s are modelled, not measured: CPU time times a table of watts per vCPU; the bounds are that "
                     "table's range, one common factor for all models.",
                     names);
    if (a->report->wattage_row)
        gt_analysis_note(a, "Table row: %s.", a->report->wattage_row);
    gt_analysis_note(a, "Modelled dynamic joules on one host are CPU-seconds times a constant (full - idle watts); the idle "
                        "share adds reserved wall time. A ratio of modelled joules is thus a ratio of times.");
    gt_analysis_note(a, "Assumed, and not in the bounds: that watts per CPU-second are the same for all models (they vary with "
                        "the instruction mix).");
}

static void note_measured(struct gt_analysis *a)
{
    const char *names = names_where(a, is_rapl);
    if (names)
        gt_analysis_note(
            a, "Joules of %s are measured by powercap (RAPL): the vendor's on-chip figure, often itself an estimate.", names);
}

static void note_idle(struct gt_analysis *a)
{
    if (a->report->idle_unknown && any(a, has_energy))
        gt_analysis_note(a, "Idle power of this host is unknown, so dynamic energy and the share of idle cannot be told apart; "
                            "`greentrack calibrate` measures it where it can.");
}

static void note_basis(struct gt_analysis *a)
{
    const char *hooked = names_where(a, is_hooked), *few = names_where(a, has_few_rounds), *drift = names_where(a, has_drift),
               *whole = names_where(a, is_whole_run), *other = names_where(a, is_other_series);
    if (whole)
        gt_analysis_note(a,
                         "Joules of %s are those of a whole run, its start and end included, divided by the number of "
                         "inferences that the program reported or a person gave.",
                         whole);
    if (hooked)
        gt_analysis_note(a,
                         "Joules of %s come from runs with unit hooks on, which cost the smallest network most; %s takes them "
                         "with hooks off.",
                         hooked,
                         a->query->accuracy == GT_REPORT_ACCURACY_PUBLISHED ? "GREENTRACK_UNITS=off in the environment"
                                                                            : "`greentrack eval --rounds 10`");
    if (other)
        gt_analysis_note(a,
                         "Rounds of %s are of another series than those of %s, taken at another time: one `greentrack eval` of "
                         "all of them compares them under the same conditions.",
                         other, gt_report_short_name(a->report->name));
    if (few)
        gt_analysis_note(a, "Fewer than %d rounds: %s. The t-intervals are wide, or missing.", ENOUGH_ROUNDS, few);
    if (drift)
        gt_analysis_note(a,
                         "Drift: joules of %s moved by more than %.0f %% between the first and the second half of the rounds.",
                         drift, 100 * GT_REPORT_DRIFT_FLAG);
}

/* What was lost on the way to the figures. */
static void note_caveats(struct gt_analysis *a)
{
    const struct gt_facts_run *layers =
        a->choice.layers == GT_FACTS_NONE || !a->report->layer_count ? NULL : &a->facts->runs[a->choice.layers];
    for (size_t i = 0; i < a->report->row_count; i++) {
        const struct gt_report_row *row = &a->report->rows[i];
        if (row->energy.caveats)
            gt_analysis_note(a, "What was lost in the runs of %s: %s.", gt_report_short_name(row->name), row->energy.caveats);
        if (row->selected && row->energy.caveats && layers && layers->caveats &&
            strcmp(row->energy.caveats, layers->caveats) == 0)
            layers = NULL;
    }
    if (layers && layers->caveats)
        gt_analysis_note(a, "What was lost in the run of the layers: %s.", layers->caveats);
}

/* Of the selected model's runs: what was said of one before it loaded a second model. */
static void note_annotation(struct gt_analysis *a)
{
    const char *runs = NULL;
    for (size_t i = 0; i < a->facts->run_count; i++)
        if (a->facts->runs[i].annotation_unused && (a->facts->family_alone || a->facts->runs[i].model == a->facts->selected))
            runs = gt_analysis_text(a, "%s%s%.12s", runs ? runs : "", runs ? ", " : "", a->facts->runs[i].id);
    if (runs)
        gt_analysis_note(
            a,
            "Annotation without effect (run %s): the run has several models by now, or one that says its name, family and φ "
            "itself, or its inferences were observed.",
            runs);
}

/* Of the job's own dynamic part, as attribution judges it. */
static double unattributed_pct(const struct gt_report_closure *c)
{
    double job = (double)c->inference_uj + (double)c->unattributed_uj;
    return job > 0 ? 100 * (double)c->unattributed_uj / job : 0;
}

static void note_method(struct gt_analysis *a)
{
    const struct gt_report *r = a->report;
    if (r->layer_count && r->method)
        gt_analysis_note(a, "A layer's share of the energy is by %s (attribution method %s, version %u).",
                         strcmp(r->method, "regression") == 0 ? "its power, from a regression over the counter's refreshes"
                                                              : r->method,
                         r->method, r->method_version);
    if (r->layer_count && !r->method)
        gt_analysis_note(a, "Without joules a layer's share is its share of the time.");
    if (r->closure.known && !r->closure.units_known)
        gt_analysis_note(a,
                         "Layers were not observed in the run that the closure is of (unit hooks off): what they took and what "
                         "the framework took are not told apart.");
    if (r->closure.known && r->run_models > 1)
        gt_analysis_note(a, "The closure covers all %zu models of its run, and a layer's share is of all their layers.",
                         r->run_models);
    if (r->closure.known && r->closure.unattributed_flagged)
        gt_analysis_note(a,
                         "Unattributed energy is %.1f %% of what the job took beside idle in the inference window, above 5 %%: "
                         "look at it before "
                         "the layers.",
                         unattributed_pct(&r->closure));
}

static void note_dominated(struct gt_analysis *a)
{
    const char *names = names_where(a, is_dominated);
    if (names)
        gt_analysis_note(a, "%s: dominated: check its training (another model is at least as accurate and costs no more).",
                         names);
}

static void note_left_out(struct gt_analysis *a)
{
    for (size_t i = 0; i < a->report->left_out_count; i++) {
        const struct gt_report_left_out *left = &a->report->left_out[i];
        gt_analysis_note(a, "%s (%.12s) is not compared: %s.", left->name, left->digest ? left->digest : "no digest",
                         left->reason);
    }
}

static void note_unpaired(struct gt_analysis *a)
{
    for (size_t i = 0; i < a->report->step_count; i++)
        if (!a->report->steps[i].step.paired) {
            gt_analysis_note(
                a, a->report->published
                       ? "Steps are unpaired: published figures come without the answers to each image, so Newcombe's unpaired "
                         "interval and an unpaired variance, wider than the answers would give."
                       : "Steps marked unpaired lack the answers of the same images: Newcombe's unpaired interval, wider.");
            return;
        }
}

/* Two lists of rounds, or two runs, that are not told apart, or that did not take turns. */
static void note_fusing(struct gt_analysis *a)
{
    const struct gt_report_fusing *f = &a->report->fusing;
    if (f->layers_run)
        gt_analysis_note(a, "Each layer on its own, as it was measured layer by layer: greentrack show %.12s.", f->layers_run);
    if (!f->compared)
        return;
    if (isnan(f->saved_lo_s))
        gt_analysis_note(a, "What fusing saves rests on fewer than two rounds of each: no interval over rounds.");
    else if (f->saved_lo_s <= 0 && f->saved_hi_s >= 0)
        gt_analysis_note(a, "What fusing saves in time is not told apart from none by these rounds.");
    if (!f->same_series)
        gt_analysis_note(a,
                         "The runs fused and layer by layer did not take turns in one series: a machine that drifts shows in "
                         "their difference.");
}

static void note_fixed(struct gt_analysis *a)
{
    if (any(a, has_macs))
        gt_analysis_note(a, "%s", GT_REPORT_MAC_FOOTNOTE);
    if (any(a, has_energy))
        gt_analysis_note(a, "Joules are attributed: the dynamic share, and idle for the CPUs reserved. PUE not applied.");
}

void gt_analysis_write_notes(struct gt_analysis *a)
{
    static void (*const kinds[])(struct gt_analysis *) = {
        note_random,     note_accuracy, note_energy, note_modelled,  note_measured, note_idle,     note_basis, note_caveats,
        note_annotation, note_method,   note_fusing, note_dominated, note_left_out, note_unpaired, note_fixed};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !a->failed; i++)
        kinds[i](a);
}
