/* The analysis of a family from facts: who is compared, what is concluded, and what is said where nothing can be. */
#include "reports/facts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

enum { IMAGES = 4000, MODELS = 8, RUNS = 64 };

/* A family under construction. */
struct family {
    struct gt_facts facts;
    struct gt_facts_model models[MODELS];
    struct gt_facts_accuracy accuracies[MODELS];
    struct gt_facts_run runs[RUNS];
    uint8_t answers[MODELS][IMAGES / 8];
    char names[MODELS][16];
    struct gt_report_query query;
    struct gt_report report;
    struct gt_arena arena;
};

static void begin(struct family *f, size_t models, const char *weights)
{
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < models; i++) {
        snprintf(f->names[i], sizeof f->names[i], "toy/b%u", (unsigned)i % 100);
        f->models[i] = (struct gt_facts_model){.name = f->names[i],
                                               .family = "toy",
                                               .digest = f->names[i],
                                               .weights = weights,
                                               .phi = (double)i,
                                               .macs = UINT64_C(100000) << i,
                                               .params = 1000,
                                               .macs_known = true,
                                               .params_known = true};
    }
    f->facts = (struct gt_facts){.models = f->models, .model_count = models, .accuracies = f->accuracies, .runs = f->runs};
}

/* The first `right` images are answered rightly: larger models only gain. */
static void add_accuracy(struct family *f, size_t model, uint64_t right)
{
    for (uint64_t i = 0; i < right; i++)
        f->answers[model][i / 8] |= (uint8_t)(1 << i % 8);
    f->accuracies[f->facts.accuracy_count++] = (struct gt_facts_accuracy){.model = model,
                                                                          .provenance = "measured",
                                                                          .dataset = "toys",
                                                                          .split = "test",
                                                                          .precision = "fp32",
                                                                          .n = IMAGES,
                                                                          .correct = right,
                                                                          .counted = true,
                                                                          .answers = f->answers[model]};
}

static struct gt_facts_run *add_run(struct family *f, size_t model, double uj, const char *provenance, const char *series)
{
    struct gt_facts_run *run = &f->runs[f->facts.run_count++];
    *run = (struct gt_facts_run){.model = model,
                                 .id = "00112233",
                                 .series = series,
                                 .hooked = !series,
                                 .inferences = 100,
                                 .energy_known = isfinite(uj),
                                 .uj = uj,
                                 .lo_uj = 0.5 * uj,
                                 .hi_uj = 2 * uj,
                                 .dynamic_uj = 0.75 * uj,
                                 .idle_uj = 0.25 * uj,
                                 .kind = "range",
                                 .seconds = 1e-6 * uj,
                                 .method = "time",
                                 .method_version = 1};
    run->group[GT_GROUP_HOST] = "host A";
    run->group[GT_GROUP_THREADS] = "2";
    run->group[GT_GROUP_SOURCE] = "model";
    run->group[GT_GROUP_BOUNDARY] = "vcpu share";
    run->group[GT_GROUP_PROVENANCE] = provenance;
    return run;
}

static void analyse(struct family *f, size_t selected)
{
    struct gt_err err = {0};
    f->facts.selected = selected;
    assert_int_equal(gt_report_analyse(&f->facts, &f->query, &f->arena, &f->report, &err), GT_OK);
}

static bool noted(const struct family *f, const char *words)
{
    for (size_t i = 0; i < f->report.note_count; i++)
        if (strstr(f->report.notes[i], words))
            return true;
    return false;
}

static void assert_says(const struct family *f, const char *words)
{
    if (!strstr(f->report.headline, words))
        fail_msg("'%s' is not in the headline: %s", words, f->report.headline);
}

/* b0 80 %, b1 85 %, b2 85.05 %, b3 84.9 % at 1, 2, 4, 8 J. */
static void four(struct family *f, const char *weights, const char *provenance)
{
    static const uint64_t right[] = {3200, 3400, 3402, 3396};
    begin(f, 4, weights);
    for (size_t i = 0; i < 4; i++) {
        add_accuracy(f, i, right[i]);
        add_run(f, i, 1e6 * (double)(1 << i), provenance, NULL);
    }
    analyse(f, 3);
}

static void test_break_points_and_beyond(void **state)
{
    struct family f;
    (void)state;
    four(&f, "trained", "measured");
    assert_int_equal(f.report.judged_count, 4);
    assert_string_equal(f.report.axis, "J");
    assert_int_equal(f.report.break_count, 2);
    assert_true(fabs(f.report.breaks[0].pp_per_unit - 5) < 1e-9);
    assert_true(fabs(f.report.breaks[0].cost_per_correct_answer - 20) < 1e-9);
    assert_true(fabs(f.report.breaks[0].kwh_per_million - 1 / 3.6) < 1e-9);
    assert_true(fabs(f.report.breaks[1].cost_per_correct_answer - 4000) < 1e-6);
    assert_true(fabs(f.report.breaks[0].cost_lo - 10) < 1e-9 && fabs(f.report.breaks[0].cost_hi - 40) < 1e-9);
    assert_true(fabs(f.report.taus[0].pp_per_doubling - 5) < 1e-9);
    assert_says(&f, "b0 up to 20.0 J, b1 up to 4.00 kJ, b2 above.");
    assert_says(&f, "Beyond b1 no measurable gain (these images resolve steps from ");
    assert_true(f.report.rows[3].dominated && noted(&f, "b3: dominated: check its training"));
    assert_int_equal(f.report.steps[0].step.verdict, GT_VERDICT_GAIN);
    assert_int_equal(f.report.steps[1].step.verdict, GT_VERDICT_UNDECIDED);
    assert_true(fabs(f.report.phi_eff - 3) < 1e-12);
    assert_null(f.report.knee_linear); /* four points are too few for a knee */
    gt_arena_free(&f.arena);
}

static void test_modelled_and_random_are_said(void **state)
{
    struct family f;
    (void)state;
    four(&f, "random", "modelled");
    assert_says(&f, "Random weights:");
    assert_says(&f, "modelled joules");
    assert_true(noted(&f, "weights=random: b0, b1, b2, b3"));
    assert_true(noted(&f, "Modelled dynamic joules on one host are CPU-seconds times a constant"));
    assert_string_equal(f.report.energy.kind, "range");
    gt_arena_free(&f.arena);
}

static void test_no_data(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "trained");
    analyse(&f, 0);
    assert_says(&f, "No advice");
    assert_says(&f, "greentrack eval --model toy/b0");
    assert_true(noted(&f, "No accuracy of b0") && noted(&f, "missing energy is not zero"));
    assert_false(f.report.accuracy.known || f.report.energy.known);
    gt_arena_free(&f.arena);
}

static void test_few_points(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 2, "trained");
    add_accuracy(&f, 0, 3200);
    add_run(&f, 0, 1e6, "measured", NULL);
    analyse(&f, 0);
    assert_says(&f, "No advice from one model");
    assert_says(&f, "greentrack eval --model toy/b1");
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    add_accuracy(&f, 1, 3400);
    add_run(&f, 1, 2e6, "measured", NULL);
    analyse(&f, 0);
    assert_says(&f, "b0 to b1: measurable gain, +5.00 pp");
    assert_int_equal(f.report.break_count, 0);
    assert_int_equal(f.report.step_count, 1);
    gt_arena_free(&f.arena);
}

/* Rounds with hooks off beat a hooked run; the mean and the t-interval are theirs. */
static void test_rounds(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "trained");
    add_run(&f, 0, 9e6, "measured", NULL);
    add_run(&f, 0, 1e6, "measured", "series")->kind = NULL;
    add_run(&f, 0, 2e6, "measured", "series");
    add_run(&f, 0, 3e6, "measured", "series");
    analyse(&f, 0);
    assert_int_equal(f.report.energy.rounds, 3);
    assert_string_equal(f.report.energy.basis, "hooks off");
    assert_true(fabs(f.report.energy.uj - 2e6) < 1e-6);
    assert_true(fabs(f.report.energy.hi_uj - (2e6 + 4.302653 * 1e6 / sqrt(3))) < 10);
    assert_true(f.report.energy.lo_uj == 0 && f.report.energy.stat_lo_uj == 0); /* the interval would reach below */
    assert_string_equal(f.report.energy.kind, "ci95");
    assert_true(noted(&f, "Fewer than 10 rounds: b0"));
    gt_arena_free(&f.arena);
}

/* One network was not, several were not. */
static void test_random_weights_in_words(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "random");
    add_run(&f, 0, 9e6, "measured", NULL)->annotation_unused = true;
    analyse(&f, 0);
    assert_true(noted(&f, "b0 was never trained"));
    assert_true(noted(&f, "Annotation without effect (run 00112233)"));
    gt_arena_free(&f.arena);
    begin(&f, 2, "random");
    analyse(&f, 0);
    assert_true(noted(&f, "b0, b1 were never trained"));
    gt_arena_free(&f.arena);
}

/* 10 % more in the second half is a drift; 1 % is none. */
static void test_drift(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 2, "trained");
    for (int i = 0; i < 12; i++) {
        add_run(&f, 0, i < 6 ? 1e6 : 1.1e6, "measured", "series");
        add_run(&f, 1, i < 6 ? 1e6 : 1.01e6, "measured", "series");
    }
    analyse(&f, 0);
    assert_true(fabs(f.report.rows[0].energy.drift_share - 0.1) < 1e-9);
    assert_true(noted(&f, "Drift: joules of b0 moved"));
    assert_false(noted(&f, "Fewer than"));
    gt_arena_free(&f.arena);
}

/* A number that somebody gave divides the whole run: named so, and an observed inference goes before it. */
static void test_whole_runs_are_labelled(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 2, "trained");
    add_run(&f, 0, 9e6, "modelled", NULL)->whole = true;
    add_run(&f, 1, 1e6, "modelled", NULL);
    add_run(&f, 1, 9e6, "modelled", "series")->whole = true;
    analyse(&f, 0);
    assert_string_equal(f.report.energy.basis, "whole run");
    assert_int_equal(f.report.energy.rounds, 0);
    assert_true(noted(&f, "Joules of b0 are those of a whole run"));
    assert_false(noted(&f, "Annotation without effect"));
    assert_string_equal(f.report.rows[1].energy.basis, "hooked");
    assert_true(f.report.rows[1].energy.uj == 1e6);
    gt_arena_free(&f.arena);
}

static void test_hooked_energy_is_labelled(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "trained");
    add_run(&f, 0, 9e6, "measured", NULL);
    analyse(&f, 0);
    assert_string_equal(f.report.energy.basis, "hooked");
    assert_int_equal(f.report.energy.rounds, 0);
    assert_true(noted(&f, "unit hooks on"));
    assert_true(fabs(f.report.energy.idle_uj - 2.25e6) < 1e-3);
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){.idle_unknown = true};
    analyse(&f, 0);
    assert_true(isnan(f.report.energy.idle_uj) && isnan(f.report.energy.dynamic_uj));
    assert_true(noted(&f, "greentrack calibrate"));
    gt_arena_free(&f.arena);
}

static void test_other_groups_are_left_out(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 3, "trained");
    for (size_t i = 0; i < 3; i++)
        add_accuracy(&f, i, 3200 + 100 * i);
    add_run(&f, 0, 1e6, "measured", NULL);
    add_run(&f, 1, 2e6, "measured", NULL)->group[GT_GROUP_HOST] = "host B";
    add_run(&f, 2, 4e6, "measured", NULL);
    analyse(&f, 2);
    assert_int_equal(f.report.row_count, 2);
    assert_int_equal(f.report.left_out_count, 1);
    assert_string_equal(f.report.left_out[0].name, "toy/b1");
    assert_string_equal(f.report.left_out[0].reason,
                        "run in another comparison group: host class is host B there, host A here");
    assert_true(noted(&f, "toy/b1 (toy/b1) is not compared"));
    gt_arena_free(&f.arena);
}

/* A foreign accuracy (other data set, or published without being asked for) never enters. */
static void test_accuracies_do_not_mix(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 2, "trained");
    add_accuracy(&f, 0, 3200);
    add_accuracy(&f, 1, 3400);
    f.accuracies[0].preprocessing = "resize=area";
    f.accuracies[1].preprocessing = "resize=256"; /* the same images, but not what the network saw of them */
    analyse(&f, 0);
    assert_true(f.report.rows[0].accuracy.known && !f.report.rows[1].accuracy.known);
    assert_string_equal(f.report.rows[0].accuracy.preprocessing, "resize=area");
    assert_true(noted(
        &f, "An accuracy of toy/b1 is not compared: its images were prepared by \"resize=256\", here by \"resize=area\"."));
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.accuracies[1].preprocessing = NULL; /* what is not known may be another one */
    analyse(&f, 0);
    assert_true(noted(&f, "prepared by \"unknown\"") && !f.report.rows[1].accuracy.known);
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.accuracies[1].preprocessing = "resize=area";
    analyse(&f, 0);
    assert_true(f.report.rows[0].accuracy.known && f.report.rows[1].accuracy.known && !noted(&f, "prepared by"));
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.accuracies[1].dataset = "other toys";
    analyse(&f, 0);
    assert_true(f.report.rows[0].accuracy.known && !f.report.rows[1].accuracy.known);
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.accuracies[0] = (struct gt_facts_accuracy){.provenance = "published", .dataset = "toys", .pct = 77.1};
    analyse(&f, 0);
    assert_false(f.report.accuracy.known);
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.query.accuracy = GT_REPORT_ACCURACY_PUBLISHED;
    analyse(&f, 0);
    assert_true(f.report.accuracy.known && f.report.accuracy.pct == 77.1 && isnan(f.report.accuracy.lo_pct));
    assert_true(noted(&f, "published ones, as asked for"));
    gt_arena_free(&f.arena);
}

/*
 * EfficientNet b0 ... b7 of Tan & Le 2019, n = 50000, at 1, 2, 4 ... 128 J. The figures come from a program of its own: Wilson
 * at the printed percentage less and plus 0.05, Newcombe's unpaired interval at the ends that the rounding allows, z of the
 * difference less 0.1, Holm over seven steps.
 */
static void eight_published(struct family *f)
{
    static const double pct[] = {77.1, 79.1, 80.1, 81.6, 82.9, 83.6, 84.0, 84.3};
    begin(f, 8, "random");
    f->query.accuracy = GT_REPORT_ACCURACY_PUBLISHED;
    f->facts.published = f->facts.family_alone = true;
    for (size_t i = 0; i < 8; i++) {
        f->accuracies[f->facts.accuracy_count++] = (struct gt_facts_accuracy){.model = i,
                                                                              .provenance = "published",
                                                                              .dataset = "imagenet",
                                                                              .split = "validation",
                                                                              .citation = "Tan & Le 2019",
                                                                              .pct = pct[i],
                                                                              .n = 50000};
        add_run(f, i, 1e6 * (double)(1 << i), "modelled", "rounds");
    }
    analyse(f, gt_report_anchor(&f->facts));
}

static void near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("%.15g, wanted %.15g", got, want);
}

static void test_published_figures(void **state)
{
    static const double wilson[8][2] = {{76.67934260113668, 77.5159283399941},  {78.69107259732657, 79.50382904400087},
                                        {79.69741741631877, 80.4972970868471},  {81.20758507743031, 81.98684497212885},
                                        {82.51707836741959, 83.27710085021873}, {83.22247279991734, 83.97156940671633},
                                        {83.62564926644413, 84.36831396021182}, {83.9280780160624, 84.66582562304475}};
    static const struct {
        double lo, hi, z, p_holm;
        enum gt_verdict verdict;
    } steps[7] = {{1.3874256830461265, 2.6124274579983857, 7.266127693399686, 2.5895723326349057e-12, GT_VERDICT_GAIN},
                  {0.4004907701614575, 1.5994438376057647, 3.531622946028979, 0.001652071255364112, GT_VERDICT_GAIN},
                  {0.9122877428945568, 2.0876258950915285, 5.626684242771514, 1.102239339389597e-07, GT_VERDICT_GAIN},
                  {0.7263953666944402, 1.8735429710303217, 4.966460308779781, 3.4093000344230964e-06, GT_VERDICT_GAIN},
                  {0.13710796830383845, 1.262864663563662, 2.5406263904598494, 0.03319622738481858, GT_VERDICT_GAIN},
                  {-0.15673874555824485, 0.9567251296564623, 1.2874137425927674, 0.39590023375485583, GT_VERDICT_UNDECIDED},
                  {-0.2527223663660199, 0.8527131790989028, 0.8658884959894149, 0.39590023375485583, GT_VERDICT_UNDECIDED}};
    struct family f;
    (void)state;
    eight_published(&f);
    for (size_t i = 0; i < 8; i++) {
        near(f.report.rows[i].accuracy.lo_pct, wilson[i][0]);
        near(f.report.rows[i].accuracy.hi_pct, wilson[i][1]);
        assert_false(f.report.rows[i].accuracy.counted);
    }
    assert_int_equal(f.report.step_count, 7);
    for (size_t i = 0; i < 7; i++) {
        const struct gt_step *s = &f.report.steps[i].step;
        assert_false(s->paired);
        near(s->delta_ci_pp.lo, steps[i].lo);
        near(s->delta_ci_pp.hi, steps[i].hi);
        near(s->z, steps[i].z);
        near(s->p_holm, steps[i].p_holm);
        near(s->rounding_pp, 0.1);
        assert_int_equal(s->verdict, steps[i].verdict);
    }
    near(f.report.steps[5].step.resolvable_pp, 0.922982692483732);
    near(f.report.steps[5].step.images_needed, 376279);
    gt_arena_free(&f.arena);
}

/* Whose figures they are is said, and nothing that is true of random weights' own accuracies alone. */
static void test_published_words(void **state)
{
    struct family f;
    (void)state;
    eight_published(&f);
    assert_true(f.report.published);
    assert_string_equal(f.report.labels,
                        "accuracy: published, of trained weights; joules: modelled, source model, of weights=random");
    assert_says(&f,
                "Published accuracies against this host's modelled joules (accuracy: published, of trained weights; joules: "
                "modelled, source model, of weights=random).");
    assert_says(&f, "Beyond b6 no measurable gain");
    assert_null(strstr(f.report.headline, "say nothing"));
    assert_false(noted(&f, "say nothing"));
    assert_true(noted(&f, "joules and time of b0, b1, b2, b3, b4, b5, b6, b7 are those of random weights"));
    assert_true(noted(&f, "Published in: Tan & Le 2019 (imagenet validation)."));
    assert_true(noted(&f, "Published to one decimal: each accuracy may be off by 0.05 pp."));
    assert_true(noted(&f, "Steps are unpaired"));
    assert_true(noted(&f, "Joules are attributed"));
    gt_arena_free(&f.arena);
}

/* Two sizes are one test; what is judged by MACs has its joules labelled all the same, where there are any. */
static void test_published_few_and_without_joules(void **state)
{
    struct family f;
    (void)state;
    eight_published(&f);
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.facts.model_count = 2;
    f.facts.accuracy_count = f.facts.run_count = 2;
    analyse(&f, 0);
    assert_says(&f, "of weights=random). b0 to b1: measurable gain, +2.00 pp (95 % +1.39 to +2.61) for 2 times the modelled");
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.query.axis = GT_REPORT_AXIS_MACS;
    f.facts.model_count = f.facts.accuracy_count = f.facts.run_count = 3;
    analyse(&f, 0);
    assert_says(
        &f, "Published accuracies against MACs (accuracy: published, of trained weights; joules: modelled, source model, of "
            "weights=random; cost: MACs, counted).");
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.query.axis = GT_REPORT_AXIS_AUTO;
    f.facts.run_count = 0;
    analyse(&f, 0);
    assert_says(&f, "(accuracy: published, of trained weights; no joules; weights=random; cost: MACs, counted).");
    gt_arena_free(&f.arena);
    f.report = (struct gt_report){0};
    f.query.axis = GT_REPORT_AXIS_JOULES; /* nothing to judge, and the accuracies are labelled none the less */
    analyse(&f, 0);
    assert_int_equal(f.report.judged_count, 0);
    assert_string_equal(f.report.labels, "accuracy: published, of trained weights; no joules; weights=random");
    gt_arena_free(&f.arena);
}

/* A family is compared where most of its models were run, not where the latest one was. */
static void test_anchor_of_a_family(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 3, "trained");
    add_run(&f, 0, 1e6, "measured", NULL);
    add_run(&f, 1, 2e6, "measured", NULL);
    struct gt_facts_run *elsewhere = add_run(&f, 2, 4e6, "measured", NULL);
    elsewhere->group[GT_GROUP_HOST] = "host B";
    elsewhere->begun_ns = 9;
    f.runs[1].begun_ns = 5;
    assert_int_equal(gt_report_anchor(&f.facts), 1);
    f.facts.family_alone = true;
    analyse(&f, 1);
    assert_int_equal(f.report.row_count, 2);
    assert_int_equal(f.report.left_out_count, 1);
    assert_null(f.report.name);
    assert_false(f.report.rows[0].selected || f.report.rows[1].selected);
    f.facts.run_count = 0;
    assert_int_equal(gt_report_anchor(&f.facts), 0);
    gt_arena_free(&f.arena);
}

/* Without joules the axis is MACs, and it is named. */
static void test_axis_without_energy(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 3, "trained");
    for (size_t i = 0; i < 3; i++) {
        add_accuracy(&f, i, 3000 + 200 * i);
        add_run(&f, i, NAN, NULL, NULL);
    }
    analyse(&f, 0);
    assert_string_equal(f.report.axis, "GMAC");
    assert_says(&f, "MACs");
    assert_true(noted(&f, "The axis of cost is 10^9 MACs per inference, not joules."));
    assert_true(isnan(f.report.breaks[0].kwh_per_million));
    gt_arena_free(&f.arena);
}

static void test_unpaired_without_answers(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 2, "trained");
    for (size_t i = 0; i < 2; i++) {
        add_accuracy(&f, i, 3200 + 200 * i);
        add_run(&f, i, 1e6 * (double)(i + 1), "measured", NULL);
    }
    f.accuracies[1].answers = NULL;
    analyse(&f, 0);
    assert_false(f.report.steps[0].step.paired);
    assert_true(noted(&f, "unpaired"));
    gt_arena_free(&f.arena);
}

static struct gt_facts_run *add_round(struct family *f, size_t model, double uj, const char *series, bool complete)
{
    struct gt_facts_run *run = add_run(f, model, uj, "measured", series);
    run->series_complete = complete;
    return run;
}

/* A series that was aborted supersedes no complete one, of none of its models. */
static void test_aborted_series(void **state)
{
    struct family f;
    (void)state;
    for (size_t selected = 0; selected < 2; selected++) {
        begin(&f, 2, "trained");
        for (size_t model = 0; model < 2; model++) {
            add_round(&f, model, 1e6, "whole", true);
            add_round(&f, model, 1e6, "whole", true);
        }
        add_round(&f, 0, 9e6, "aborted", false);
        analyse(&f, selected);
        for (size_t row = 0; row < 2; row++) {
            assert_int_equal(f.report.rows[row].energy.rounds, 2);
            assert_true(f.report.rows[row].energy.uj == 1e6);
        }
        assert_false(noted(&f, "another series"));
        gt_arena_free(&f.arena);
    }
}

/* The table of a family is the same whichever of its models is asked for: the series with most models, and what is not in it.
 */
static void test_one_series_per_family(void **state)
{
    struct family f;
    (void)state;
    for (size_t selected = 0; selected < 2; selected++) {
        begin(&f, 3, "trained");
        add_round(&f, 2, 4e6, "first", true);
        add_round(&f, 0, 1e6, "both", true);
        add_round(&f, 1, 2e6, "both", true);
        add_round(&f, 0, 9e6, "later", true);
        analyse(&f, selected);
        assert_true(f.report.rows[0].energy.uj == 1e6);
        assert_true(f.report.rows[1].energy.uj == 2e6);
        assert_true(f.report.rows[2].energy.uj == 4e6);
        assert_true(noted(&f, selected ? "Rounds of b2 are of another series than those of b1"
                                       : "Rounds of b2 are of another series than those of b0"));
        gt_arena_free(&f.arena);
    }
}

/* Layers: the pass that came with the rounds, whatever ran later; without rounds the run of more inferences. */
static void test_layers_of_the_series(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "trained");
    add_run(&f, 0, 1e6, "measured", NULL)->parent = "series";
    add_round(&f, 0, 1e6, "series", true);
    add_run(&f, 0, 3e6, "measured", NULL)->inferences = 1000;
    assert_int_equal(gt_report_choose(&f.facts).layers, 0);
    begin(&f, 1, "trained");
    add_run(&f, 0, 1e6, "measured", NULL);
    add_run(&f, 0, 1e6, "measured", NULL)->inferences = 2;
    assert_int_equal(gt_report_choose(&f.facts).layers, 0);
}

/* An accuracy that does not compare is there all the same; a user's beside a measured one is not passed over in silence. */
static void test_other_accuracies_are_said(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 3, "trained");
    add_accuracy(&f, 0, 3200);
    add_accuracy(&f, 1, 3400);
    f.accuracies[1].dataset = "other toys";
    add_accuracy(&f, 0, 3300);
    f.accuracies[2].provenance = "user";
    analyse(&f, 0);
    assert_true(noted(&f, "No accuracy of b2."));
    assert_true(noted(&f, "Accuracy of b1 is of other images"));
    assert_true(noted(&f, "Accuracy of b0 is the measured one; what the user handed in for it is not used."));
    gt_arena_free(&f.arena);
}

/* `eval` runs models that gtcnn knows, by a name that a shell takes for one word; of other models nothing of the kind is
 * advised. */
static void test_advice_can_be_followed(void **state)
{
    struct family f;
    (void)state;
    begin(&f, 1, "trained");
    f.models[0].name = "it's mine";
    analyse(&f, 0);
    assert_says(&f, "`greentrack eval --model 'it'\\''s mine'`");
    assert_true(noted(&f, "`greentrack eval --model 'it'\\''s mine'` measures it"));
    gt_arena_free(&f.arena);
    begin(&f, 1, NULL);
    f.models[0].macs_known = false;
    analyse(&f, 0);
    assert_says(&f, "No advice");
    assert_null(strstr(f.report.headline, "eval"));
    assert_true(noted(&f, "No accuracy of b0. `greentrack annotate") && noted(&f, "`greentrack run` takes them"));
    gt_arena_free(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_break_points_and_beyond),
        cmocka_unit_test(test_modelled_and_random_are_said),
        cmocka_unit_test(test_no_data),
        cmocka_unit_test(test_few_points),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_aborted_series),
        cmocka_unit_test(test_one_series_per_family),
        cmocka_unit_test(test_layers_of_the_series),
        cmocka_unit_test(test_drift),
        cmocka_unit_test(test_random_weights_in_words),
        cmocka_unit_test(test_hooked_energy_is_labelled),
        cmocka_unit_test(test_whole_runs_are_labelled),
        cmocka_unit_test(test_other_groups_are_left_out),
        cmocka_unit_test(test_accuracies_do_not_mix),
        cmocka_unit_test(test_published_figures),
        cmocka_unit_test(test_published_words),
        cmocka_unit_test(test_published_few_and_without_joules),
        cmocka_unit_test(test_anchor_of_a_family),
        cmocka_unit_test(test_other_accuracies_are_said),
        cmocka_unit_test(test_advice_can_be_followed),
        cmocka_unit_test(test_axis_without_energy),
        cmocka_unit_test(test_unpaired_without_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
