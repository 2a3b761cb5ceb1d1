/* Accuracy and joules of models of the reference runtime over labelled images. */
#include "core/text.h"
#include "reports/report.h"
#include "tracker/evalrun.h"
#include "tracker/ingest.h"
#include "tracker/output.h"
#include "tracker/storeopen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { FUSING_ON, FUSING_OFF, FUSING_BOTH }; /* words of --fusing */

/* SCALING, measuring: drift above 5 % is flagged. */
#define DRIFT_FLAG 0.05

static const struct gt_column all_columns[] = {
    {"model", NULL, GT_Q_TEXT, 0},
    {"weights", NULL, GT_Q_TEXT, 0},
    {"execution", NULL, GT_Q_TEXT, 0},
    {"correct", NULL, GT_Q_INTEGER, GT_COLUMN_DATA_ONLY},
    {"images", NULL, GT_Q_INTEGER, 0},
    {"accuracy_pct", "accuracy", GT_Q_PCT, 0},
    {"preprocessing", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    {"uj_per_inference", "energy of one", GT_Q_ENERGY_UJ, 0},
    {"provenance", NULL, GT_Q_TEXT, 0},
    {"basis", NULL, GT_Q_TEXT, 0},
    {"rounds", NULL, GT_Q_INTEGER, 0},
    {"seconds_per_inference", "time of one", GT_Q_TIME_S, 0},
    {"drift", "drift", GT_Q_SHARE, 0},
    {"run", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
};

enum { EXECUTION_COLUMN = 2 };

/* What the store has of one model in this evaluation. */
struct outcome {
    double uj, seconds, drift;
    size_t rounds; /* 0: the hooked pass */
    const char *provenance, *basis, *execution;
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Median time of the later half of the rounds over that of the earlier half, minus 1. NaN below four rounds. */
static double drift_of(double *seconds, size_t n)
{
    if (n < 4)
        return NAN;
    double early = median(seconds, n / 2), late = median(seconds + (n + 1) / 2, n / 2);
    return early > 0 ? late / early - 1 : NAN;
}

static int by_round(const void *a, const void *b)
{
    const struct gt_model_run *x = a, *y = b;
    return (x->round > y->round) - (x->round < y->round);
}

/* Where the model is evaluated in both ways, its rounds of either are in one series. */
static bool is_way(const struct gt_model_run *run, const struct gt_evalrun *eval, const struct gt_eval_model *model)
{
    const char *way = run->part.execution;
    return !eval->both_ways || !way || strcmp(way, model->by_layer ? GT_EXECUTION_LAYERS : GT_EXECUTION_FUSED) == 0;
}

/* Keeps this evaluation's runs of the model: its rounds, else the hooked pass; sorted by round. */
static size_t select_runs(struct gt_model_run *runs, size_t count, const struct gt_evalrun *eval,
                          const struct gt_eval_model *model)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool round = eval->rounds && runs[i].series && strcmp(runs[i].series, eval->series_hex) == 0;
        if ((eval->rounds ? round : strcmp(runs[i].run, model->run_hex) == 0) && is_way(&runs[i], eval, model))
            runs[kept++] = runs[i];
    }
    if (kept)
        qsort(runs, kept, sizeof *runs, by_round);
    return kept;
}

static enum gt_status find_outcome(struct gt_tracker *tracker, struct gt_store *store, const struct gt_evalrun *eval,
                                   const struct gt_eval_model *model, struct outcome *outcome, struct gt_err *err)
{
    struct gt_model_run *runs;
    size_t count;
    *outcome = (struct outcome){.uj = NAN, .seconds = NAN, .drift = NAN};
    enum gt_status status = gt_store_model_runs(store, model->answers.model_digest, &tracker->arena, &runs, &count, err);
    if (status != GT_OK)
        return status;
    size_t n = select_runs(runs, count, eval, model);
    double *seconds = gt_arena_alloc(&tracker->arena, n + 1, sizeof *seconds);
    if (!seconds || n == 0)
        return seconds ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
    double uj = 0, time = 0;
    for (size_t i = 0; i < n; i++) {
        uj += runs[i].part.uj_per_inference;
        time += seconds[i] = runs[i].part.seconds_per_inference;
    }
    outcome->uj = uj / (double)n;
    outcome->seconds = time / (double)n;
    outcome->rounds = eval->rounds ? n : 0;
    outcome->provenance = runs[0].provenance;
    outcome->execution = runs[0].part.execution;
    outcome->basis = runs[0].unit_hooks ? GT_REPORT_HOOKED : GT_REPORT_HOOKS_OFF;
    outcome->drift = drift_of(seconds, outcome->rounds);
    return GT_OK;
}

static enum gt_status store_accuracy(struct gt_tracker *tracker, struct gt_store *store, const struct gt_eval_model *model,
                                     int64_t *kept, struct gt_err *err)
{
    struct gt_dataset_record dataset;
    struct gt_accuracy_record accuracy;
    const struct gt_answers *answers = &model->answers;
    enum gt_status status =
        gt_answers_records(answers, answers->dataset ? answers->dataset : "unnamed", answers->split ? answers->split : "test",
                           &tracker->arena, &dataset, &accuracy, err);
    if (status != GT_OK)
        return status;
    accuracy.model = answers->model_digest;
    accuracy.precision = answers->precision ? answers->precision : "fp32";
    accuracy.provenance = "measured";
    accuracy.run = model->run_hex;
    return gt_store_put_accuracy(store, &accuracy, &dataset, kept, err);
}

static void add_model(struct gt_section *section, struct gt_section *notes, const struct gt_eval_model *model,
                      const struct outcome *outcome)
{
    const struct gt_answers *answers = &model->answers;
    const struct gt_value values[COUNT(all_columns)] = {
        gt_value_text(answers->model ? answers->model : model->name),
        gt_value_text(answers->weights),
        gt_value_text(outcome->execution),
        gt_value_u64(answers->correct),
        gt_value_u64(answers->count),
        gt_value_f64(100.0 * (double)answers->correct / (double)answers->count),
        gt_value_text(answers->preprocessing),
        gt_value_f64(outcome->uj),
        gt_value_text(isnan(outcome->uj) ? NULL : outcome->provenance),
        gt_value_text(outcome->basis),
        gt_value_u64_if(outcome->rounds > 0, outcome->rounds),
        gt_value_f64(outcome->seconds),
        gt_value_f64(outcome->drift),
        gt_value_text(model->run_hex),
    };
    gt_section_row(section, values, COUNT(values));
    if (fabs(outcome->drift) > DRIFT_FLAG)
        gt_section_line(notes, "%s%s became %.1f %% %s from the earlier to the later rounds: the machine was not steady.",
                        model->name, model->by_layer ? ", layer by layer," : "", 100 * fabs(outcome->drift),
                        outcome->drift > 0 ? "slower" : "faster");
    if (answers->weights && strcmp(answers->weights, "random") == 0)
        gt_section_line(notes, "%s has random weights: its accuracy says nothing about the architecture.", model->name);
}

/* People are told the execution where there are two. NULL when memory is out. */
static const struct gt_column *columns_for(struct gt_tracker *tracker, const struct gt_evalrun *eval)
{
    struct gt_column *own = gt_arena_alloc(&tracker->arena, COUNT(all_columns), sizeof *own);
    if (!own)
        return NULL;
    memcpy(own, all_columns, sizeof all_columns);
    if (!eval->both_ways)
        own[EXECUTION_COLUMN].flags |= GT_COLUMN_DATA_ONLY;
    return own;
}

static enum gt_status conclude(struct gt_tracker *tracker, const struct gt_evalrun *eval, struct gt_document *document,
                               struct gt_err *err)
{
    struct gt_store *store = NULL;
    enum gt_status status = gt_storeopen(tracker, GT_STORE_WRITE, &store, err);
    const struct gt_column *columns = columns_for(tracker, eval);
    struct gt_section *section = gt_document_section(document, GT_SECTION_TABLE, "models", NULL, columns, COUNT(all_columns));
    if (!columns)
        status = gt_err_set(err, GT_E_NOMEM, "out of memory");
    struct gt_section *notes = gt_document_section(document, GT_SECTION_LINES, "notes", NULL, NULL, 0);
    for (size_t i = 0; i < eval->model_count && status == GT_OK; i++) {
        struct outcome outcome;
        int64_t kept = 0;
        if (!eval->models[i].answered || !eval->models[i].answers.model_digest)
            continue;
        status = store_accuracy(tracker, store, &eval->models[i], &kept, err);
        if (status == GT_OK)
            status = find_outcome(tracker, store, eval, &eval->models[i], &outcome, err);
        if (status == GT_OK && eval->both_ways && !eval->models[i].by_layer && !outcome.execution)
            gt_section_line(notes, "%s: its kernels fuse nothing: there is one way alone, layer by layer.",
                            eval->models[i].name);
        else if (status == GT_OK)
            add_model(section, notes, &eval->models[i], &outcome);
        if (status == GT_OK && kept)
            gt_section_line(notes, "%s: the store keeps its earlier accuracy, which rests on %lld images.",
                            eval->models[i].name, (long long)kept);
    }
    gt_store_close(store);
    return status;
}

static enum gt_status settle(struct gt_tracker *tracker, struct gt_evalrun *eval, struct gt_err *err)
{
    const struct gt_option_value *models = &tracker->args->values[GT_OPT_MODEL];
    for (size_t i = 1; i < models->count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(models->all[i], models->all[k]) == 0) /* its rounds would count for both */
                return gt_err_set(err, GT_E_ARG, "--model %.100s is given twice", models->all[i]);
    unsigned fusing = tracker->args->values[GT_OPT_FUSING].choice;
    size_t ways = fusing == FUSING_BOTH ? 2 : 1;
    eval->both_ways = ways == 2;
    eval->model_count = ways * models->count;
    eval->models = gt_arena_alloc(&tracker->arena, eval->model_count, sizeof *eval->models);
    eval->rounds = tracker->args->values[GT_OPT_ROUNDS].integer;
    eval->series = eval->model_count > 1 || eval->rounds > 0;
    for (size_t i = 0; eval->models && i < eval->model_count; i++) {
        eval->models[i].name = models->all[i / ways];
        eval->models[i].by_layer = fusing == FUSING_OFF || i % ways == 1;
    }
    return eval->models ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

int gt_cmd_eval(struct gt_tracker *tracker)
{
    struct gt_evalrun eval = {0};
    struct gt_err err = {0};
    struct gt_document document;
    enum gt_status status = settle(tracker, &eval, &err);
    if (status != GT_OK) {
        gt_tracker_fail(tracker, &err);
        return status == GT_E_ARG ? GT_EXIT_USAGE : GT_EXIT_FAILED;
    }
    status = gt_evalrun_measure(tracker, &eval, &err);
    gt_ingest_before(tracker);
    if (eval.wait_status)
        return gt_job_pass_status(eval.wait_status);
    gt_document_init(&document, &tracker->arena, "eval");
    if (status == GT_OK)
        status = conclude(tracker, &eval, &document, &err);
    if (status != GT_OK) {
        err.status = status;
        return gt_tracker_fail(tracker, &err);
    }
    int printed = tracker->quiet ? GT_EXIT_OK : gt_output_section(tracker, &document, "models");
    return eval.failures ? GT_EXIT_FAILED : printed;
}
