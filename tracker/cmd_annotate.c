#include "tracker/answers.h"
#include "tracker/storeopen.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* The model that the answers belong to: the run's only one, or only one with inferences (others are regions around them). */
static enum gt_status only_model(const struct gt_run_record *run, const struct gt_run_model_record **part, struct gt_err *err)
{
    size_t inferring = 0;
    if (run->model_count == 0)
        return gt_err_set(err, GT_E_STATE, "the run has no model yet: give --model as well");
    *part = &run->models[0];
    for (size_t i = 0; i < run->model_count; i++)
        if (run->models[i].inferences > 0 && inferring++ == 0)
            *part = &run->models[i];
    if (inferring > 1 || (inferring == 0 && run->model_count > 1))
        return gt_err_set(err, GT_E_AMBIGUOUS, "the run has %zu models: answers belong to one",
                          inferring ? inferring : run->model_count);
    return GT_OK;
}

/* Answers that do not say of which images they are: a part of those that the store has under this name must not replace all. */
static enum gt_status find_images(struct gt_tracker *tracker, struct gt_store *store, const char *name, const char *split,
                                  struct gt_answers *answers, struct gt_err *err)
{
    struct gt_dataset_record known = {0};
    enum gt_status status = GT_OK;
    if (answers->dataset_digest)
        return GT_OK;
    for (size_t width = 1; width <= 2 && status == GT_OK && !known.digest; width++) {
        const uint8_t *labels = gt_answers_labels(answers, width, &tracker->arena);
        if (labels)
            status =
                gt_store_find_dataset(store, name, split, labels, answers->count * width, width, &tracker->arena, &known, err);
    }
    answers->dataset_digest = known.digest;
    answers->dataset_images = known.digest ? known.images : answers->dataset_images;
    return status;
}

static enum gt_status store_answers(struct gt_tracker *tracker, struct gt_store *store, const char *id, struct gt_err *err)
{
    struct gt_answers answers;
    struct gt_run_record *run;
    const struct gt_run_model_record *part = NULL;
    enum gt_status status = gt_store_get_run(store, id, &tracker->arena, &run, err);
    if (status == GT_OK)
        status = only_model(run, &part, err);
    if (status == GT_OK)
        status = gt_answers_read(gt_tracker_text(tracker, GT_OPT_ANSWERS, ""), &tracker->arena, &answers, err);
    if (status != GT_OK)
        return status;
    if (answers.model_digest && strcmp(answers.model_digest, part->model) != 0)
        return gt_err_set(err, GT_E_MISMATCH, "--answers: the file is of model %.16s, the run of %.16s", answers.model_digest,
                          part->model);
    struct gt_dataset_record dataset;
    struct gt_accuracy_record accuracy;
    const char *name = gt_tracker_text(tracker, GT_OPT_DATASET, answers.dataset);
    if (!name)
        return gt_err_set(err, GT_E_ARG, "--dataset NAME is needed with these answers");
    const char *split = gt_tracker_text(tracker, GT_OPT_SPLIT, answers.split ? answers.split : "test");
    status = find_images(tracker, store, name, split, &answers, err);
    if (status == GT_OK)
        status = gt_answers_records(&answers, name, split, &tracker->arena, &dataset, &accuracy, err);
    if (status != GT_OK)
        return status;
    accuracy.model = part->model;
    accuracy.precision = part->precision ? part->precision : answers.precision ? answers.precision : "fp32";
    accuracy.provenance = "user";
    accuracy.run = id;
    int64_t kept = 0;
    status = gt_store_put_accuracy(store, &accuracy, &dataset, &kept, err);
    if (status == GT_OK && kept)
        gt_tracker_say(tracker, "the store keeps the earlier accuracy, which rests on %lld images", (long long)kept);
    if (status == GT_OK)
        fprintf(tracker->out, "%zu of %zu answers are right: %.2f %% (user)\n", (size_t)accuracy.correct, (size_t)accuracy.n,
                accuracy.pct);
    return status;
}

static enum gt_status annotate(struct gt_tracker *tracker, struct gt_store *store, struct gt_err *err)
{
    const struct gt_option_value *phi = &tracker->args->values[GT_OPT_PHI], *n = &tracker->args->values[GT_OPT_INFERENCES];
    struct gt_annotation_record annotation = {
        .model = gt_tracker_text(tracker, GT_OPT_MODEL, NULL),
        .family = gt_tracker_text(tracker, GT_OPT_FAMILY, NULL),
        .tags = gt_tracker_text(tracker, GT_OPT_TAGS, NULL),
        .phi = phi->count ? phi->number : NAN,
        .inferences = n->count ? (int64_t)n->integer : GT_UNKNOWN,
    };
    bool labels = annotation.model || annotation.family || annotation.tags || phi->count || n->count;
    bool answers = gt_tracker_given(tracker, GT_OPT_ANSWERS);
    const char *id;
    if (!labels && !answers)
        return gt_err_set(err, GT_E_ARG,
                          "nothing to annotate: give --model, --family, --phi, --inferences, --tags or --answers");
    enum gt_status status = gt_storeopen_run(tracker, store, tracker->args->operands[0], &id, err);
    if (status == GT_E_ARG) /* a word that can be no run's id: not found, as in `show`, and not a usage error */
        status = GT_E_NOENT;
    if (status == GT_OK && labels)
        status = gt_store_annotate(store, id, &annotation, err);
    if (status == GT_OK && answers)
        status = store_answers(tracker, store, id, err);
    return status;
}

int gt_cmd_annotate(struct gt_tracker *tracker)
{
    struct gt_store *store = NULL;
    struct gt_err err = {0};
    enum gt_status status = gt_storeopen(tracker, GT_STORE_READ, &store, &err); /* a missing one is not created */
    gt_store_close(store);
    store = NULL;
    if (status == GT_OK)
        status = gt_storeopen(tracker, GT_STORE_WRITE, &store, &err);
    if (status == GT_OK)
        status = annotate(tracker, store, &err);
    gt_store_close(store);
    if (status == GT_OK)
        return GT_EXIT_OK;
    err.status = status;
    gt_tracker_fail(tracker, &err);
    return status == GT_E_ARG ? GT_EXIT_USAGE : GT_EXIT_FAILED;
}
