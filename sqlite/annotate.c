#include "sqlite/annotate.h"

#include "sqlite/columns.h"
#include "sqlite/digest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Models of the run that a person can mean. */
static const char count_meant[] = "SELECT count(*) FROM run_models o WHERE o.run = ? AND " GT_DB_MEANT;

/* A foreign job has no file to take a digest of: its labels identify it, the same ones always. */
static enum gt_status digest_labels(const struct gt_annotation_record *said, char digest[GT_DIGEST_TEXT], struct gt_err *err)
{
    char labels[1024];
    int n = snprintf(labels, sizeof labels, "greentrack label\n%s\n%s\n%.17g\n", said->model, said->family ? said->family : "",
                     said->phi);
    if (n < 0 || (size_t)n >= sizeof labels)
        return gt_err_set(err, GT_E_LIMIT, "the model's labels are longer than a thousand bytes");
    return gt_digest_text(labels, (size_t)n, digest, err);
}

static enum gt_status insert_labelled(struct gt_store *store, const struct gt_annotation_record *said, const char *digest,
                                      struct gt_err *err)
{
    struct gt_model_record model = {.digest = digest,
                                    .name = said->model,
                                    .family = said->family,
                                    .phi = said->phi,
                                    .macs = GT_UNKNOWN,
                                    .params = GT_UNKNOWN};
    return gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_model, NULL, 0, &model, err);
}

static enum gt_status make_model(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                 struct gt_err *err)
{
    char digest[GT_DIGEST_TEXT];
    enum gt_status status = digest_labels(said, digest, err);
    if (status == GT_OK)
        status = insert_labelled(store, said, digest, err);
    const char *texts[] = {run, digest};
    if (status == GT_OK)
        status = gt_db_run(store, "INSERT INTO run_models(run, position, model) VALUES(?, 0, ?)", texts, 2, err);
    return status;
}

/*
 * A model that an earlier annotation of this run made is its label: with other labels the run, and the answers that came with
 * it, belong to another model. Other runs of the old label keep it; a label that no run has any more goes.
 */
static enum gt_status move_model(struct gt_store *store, const char *run, const struct gt_annotation_record *old,
                                 const struct gt_annotation_record *said, struct gt_err *err)
{
    static const char sweep[] = "DELETE FROM models WHERE digest IN (?2, ?3) AND digest NOT IN (SELECT model FROM run_models)"
                                " AND digest NOT IN (SELECT model FROM accuracies)";
    static const char *const steps[] = {
        "UPDATE run_models SET model = ?3 WHERE run = ?1 AND model = ?2",
        "UPDATE accuracies SET model = ?3 WHERE run = ?1 AND model = ?2",
        sweep,
    };
    char before[GT_DIGEST_TEXT] = "", after[GT_DIGEST_TEXT] = "";
    if (!old->model || !said->model)
        return GT_OK;
    enum gt_status status = digest_labels(old, before, err);
    if (status == GT_OK)
        status = digest_labels(said, after, err);
    if (status != GT_OK || strcmp(before, after) == 0)
        return status;
    status = insert_labelled(store, said, after, err);
    const char *texts[] = {run, before, after};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && status == GT_OK; i++)
        status = gt_db_run(store, steps[i], texts, 3, err);
    return status;
}

/* A label holds for the model in all its runs, so it adds what the model's file leaves open and never changes what it says. */
static enum gt_status label_model(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                  struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(
        store,
        "INSERT INTO labels(model, name, family, phi) SELECT m.digest, iif(m.name IS NULL, ?2, NULL),"
        " iif(m.family IS NULL, ?3, NULL), iif(m.phi IS NULL, ?4, NULL) FROM run_models o"
        " JOIN models m ON m.digest = o.model WHERE o.run = ?1 AND " GT_DB_MEANT " ON CONFLICT(model) DO UPDATE SET"
        " name = coalesce(excluded.name, name), family = coalesce(excluded.family, family),"
        " phi = coalesce(excluded.phi, phi)",
        &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, run, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, said->model, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, said->family, -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 4, said->phi);
    return gt_db_finish(store, statement, err);
}

/* With a number of inferences given by a person, one costs its part of the whole job: v_run_models divides the joules. */
static enum gt_status divide_run(struct gt_store *store, const char *run, int64_t inferences, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status =
        gt_db_prepare(store,
                      "UPDATE run_models AS o SET inferences = ?2, counted = 'annotated', seconds_per_inference ="
                      " (SELECT (end_ns - begin_ns) / 1e9 / ?2 FROM runs WHERE id = ?1) WHERE run = ?1"
                      " AND counted IS NOT 'observed' AND " GT_DB_MEANT,
                      &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, run, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, inferences);
    return gt_db_finish(store, statement, err);
}

static enum gt_status apply(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                            struct gt_err *err)
{
    int64_t models;
    bool labels = said->model || said->family || !isnan(said->phi);
    enum gt_status status = gt_db_integer(store, count_meant, run, 0, &models, err);
    if (status != GT_OK || models > 1) /* a live job may load more after its only one was labelled: then it is nobody's */
        return status;
    if (models == 0 && said->model)
        status = make_model(store, run, said, err);
    else if (models == 1 && labels)
        status = label_model(store, run, said, err);
    if (status == GT_OK && said->inferences != GT_UNKNOWN)
        status = divide_run(store, run, said->inferences, err);
    return status;
}

/* *said is NULL when nothing was. */
static enum gt_status read_annotation(struct gt_store *store, const char *run, struct gt_arena *arena,
                                      struct gt_annotation_record **said, struct gt_err *err)
{
    void *rows = NULL;
    size_t count = 0;
    enum gt_status status = gt_columns_select(store, &gt_table_annotation, "", "FROM annotations WHERE run = ?", run, NULL,
                                              arena, &rows, &count, err);
    *said = count > 0 ? rows : NULL;
    return status;
}

enum gt_status gt_annotation_apply(struct gt_store *store, const char *run, struct gt_err *err)
{
    struct gt_arena arena = {0};
    struct gt_annotation_record *said;
    enum gt_status status = read_annotation(store, run, &arena, &said, err);
    if (status == GT_OK && said)
        status = apply(store, run, said, err);
    gt_arena_free(&arena);
    return status;
}

/* What is not said keeps its earlier value. */
static enum gt_status merge(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                            struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_run(store, "INSERT OR IGNORE INTO annotations(run) VALUES(?)", &run, 1, err);
    if (status == GT_OK)
        status = gt_db_prepare(store,
                               "UPDATE annotations SET model = coalesce(?2, model), family = coalesce(?3, family),"
                               " tags = coalesce(?4, tags), phi = coalesce(?5, phi), inferences = coalesce(?6, inferences)"
                               " WHERE run = ?1",
                               &statement, err);
    if (status != GT_OK)
        return status;
    const char *texts[] = {run, said->model, said->family, said->tags};
    for (int i = 0; i < 4; i++)
        sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 5, said->phi);
    if (said->inferences != GT_UNKNOWN)
        sqlite3_bind_int64(statement, 6, said->inferences);
    return gt_db_finish(store, statement, err);
}

/* Labels and numbers that have nothing to stand on, or several, would be accepted and change no report. */
static enum gt_status check_model(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                  const struct gt_annotation_record *merged, struct gt_err *err)
{
    int64_t models;
    bool needed = said->family || !isnan(said->phi) || said->inferences != GT_UNKNOWN;
    enum gt_status status = gt_db_integer(store, count_meant, run, 0, &models, err);
    if (status == GT_OK && needed && !merged->model && models == 0)
        return gt_err_set(err, GT_E_STATE, "run %.8s has no model yet: say which one as well (--model)", run);
    if (status == GT_OK && (needed || said->model) && models > 1)
        return gt_err_set(err, GT_E_AMBIGUOUS, "run %.8s has %lld models: a label or a number of inferences fits only one", run,
                          (long long)models);
    return status;
}

/* What the run's model says of itself (its file, or the runtime that it is built into) is not for one run's annotation. */
static enum gt_status check_labels(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                   struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status =
        gt_db_prepare(store,
                      "SELECT coalesce(m.name, m.digest), CASE WHEN m.name <> ?2 THEN 'name' WHEN m.family <> ?3 THEN 'family'"
                      " ELSE 'φ' END FROM run_models o JOIN models m ON m.digest = o.model WHERE o.run = ?1"
                      " AND " GT_DB_MEANT " AND (m.name <> ?2 OR m.family <> ?3 OR m.phi <> ?4)",
                      &statement, err);
    if (status != GT_OK)
        return status;
    sqlite3_bind_text(statement, 1, run, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, said->model, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, said->family, -1, SQLITE_STATIC);
    sqlite3_bind_double(statement, 4, said->phi); /* NaN is NULL, and equal to anything here */
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        status =
            gt_err_set(err, GT_E_STATE, "run %.8s: its model, %.100s, says its %s itself; a label would change it in all runs",
                       run, (const char *)sqlite3_column_text(statement, 0), (const char *)sqlite3_column_text(statement, 1));
    else if (code != SQLITE_DONE)
        status = gt_db_fail(store, code, err);
    sqlite3_finalize(statement);
    return status;
}

/* An exact count must not give way to a remembered one; and nothing infers more than once in a nanosecond. */
static enum gt_status check_inferences(struct gt_store *store, const char *run, int64_t inferences, struct gt_err *err)
{
    static const char observed[] = "SELECT coalesce(max(inferences), 0) FROM run_models WHERE run = ? AND counted = 'observed'";
    int64_t count = 0, ns = 0;
    if (inferences == GT_UNKNOWN)
        return GT_OK;
    enum gt_status status = gt_db_integer(store, observed, run, 0, &count, err);
    if (status == GT_OK && count > 0)
        return gt_err_set(err, GT_E_STATE, "run %.8s: its inferences were observed, %lld of them; no number is taken instead",
                          run, (long long)count);
    if (status == GT_OK)
        status = gt_db_integer(store, "SELECT coalesce(end_ns - begin_ns, 9223372036854775807) FROM runs WHERE id = ?", run, 0,
                               &ns, err);
    if (status == GT_OK && inferences > ns)
        return gt_err_set(err, GT_E_ARG, "%lld inferences would be more than one in a nanosecond of run %.8s",
                          (long long)inferences, run);
    return status;
}

static enum gt_status annotate(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                               struct gt_arena *arena, struct gt_err *err)
{
    struct gt_annotation_record *old, *merged = NULL;
    enum gt_status status = read_annotation(store, run, arena, &old, err);
    if (status == GT_OK)
        status = merge(store, run, said, err);
    if (status == GT_OK)
        status = read_annotation(store, run, arena, &merged, err);
    if (status == GT_OK)
        status = check_model(store, run, said, merged, err);
    if (status == GT_OK && old)
        status = move_model(store, run, old, merged, err);
    if (status == GT_OK)
        status = check_labels(store, run, said, err);
    if (status == GT_OK)
        status = check_inferences(store, run, said->inferences, err);
    return status == GT_OK ? apply(store, run, merged, err) : status;
}

static bool is_blank(const char *name)
{
    return name && name[strspn(name, " \t\n\r")] == '\0';
}

enum gt_status gt_store_annotate(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                 struct gt_err *err)
{
    int64_t found;
    struct gt_arena arena = {0};
    if (said->inferences != GT_UNKNOWN && said->inferences <= 0)
        return gt_err_set(err, GT_E_ARG, "the number of inferences must be positive");
    if (is_blank(said->model) || is_blank(said->family))
        return gt_err_set(err, GT_E_ARG, "a name must have more than blanks in it");
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = gt_db_integer(store, "SELECT count(*) FROM runs WHERE id = ?", run, 0, &found, err);
    if (status == GT_OK && !found)
        status = gt_err_set(err, GT_E_NOENT, "no run %.32s", run);
    if (status == GT_OK)
        status = annotate(store, run, said, &arena, err);
    gt_arena_free(&arena);
    return gt_db_end(store, status, err);
}
