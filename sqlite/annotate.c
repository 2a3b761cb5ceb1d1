#include "sqlite/annotate.h"

#include "sqlite/columns.h"
#include "sqlite/digest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A foreign job has no file to take a digest of: its labels identify it, the same ones always. */
static enum gt_status make_model(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                 struct gt_err *err)
{
    char labels[1024], digest[GT_DIGEST_TEXT];
    int n = snprintf(labels, sizeof labels, "greentrack label\n%s\n%s\n%.17g\n", said->model, said->family ? said->family : "",
                     said->phi);
    if (n < 0 || (size_t)n >= sizeof labels)
        return gt_err_set(err, GT_E_LIMIT, "the model's labels are longer than a thousand bytes");
    enum gt_status status = gt_digest_text(labels, (size_t)n, digest, err);
    struct gt_model_record model = {.digest = digest,
                                    .name = said->model,
                                    .family = said->family,
                                    .phi = said->phi,
                                    .macs = GT_UNKNOWN,
                                    .params = GT_UNKNOWN};
    if (status == GT_OK)
        status = gt_columns_insert(store, "INSERT OR IGNORE", &gt_table_model, NULL, 0, &model, err);
    const char *texts[] = {run, digest};
    if (status == GT_OK)
        status = gt_db_run(store, "INSERT INTO run_models(run, position, model) VALUES(?, 0, ?)", texts, 2, err);
    return status;
}

static enum gt_status label_model(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                  struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status =
        gt_db_prepare(store,
                      "INSERT INTO labels(model, name, family, phi) SELECT model, ?2, ?3, ?4 FROM run_models"
                      " WHERE run = ?1 AND true ON CONFLICT(model) DO UPDATE SET"
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

/* With a number of inferences given by a person, one costs its part of the whole job. */
static enum gt_status divide_energy(struct gt_store *store, const char *run, int64_t inferences, struct gt_err *err)
{
    sqlite3_stmt *statement;
    enum gt_status status = gt_db_prepare(
        store,
        "UPDATE run_models SET inferences = ?2, seconds_per_inference = (SELECT (end_ns - begin_ns) / 1e9 / ?2 FROM runs"
        " WHERE id = ?1), (uj_per_inference, lo_uj, hi_uj) = (SELECT CAST(run_job_uj AS REAL) / ?2, CAST(run_job_lo_uj AS "
        "REAL) / ?2,"
        " CAST(run_job_hi_uj AS REAL) / ?2 FROM v_attributions WHERE run = ?1), dynamic_uj = NULL WHERE run = ?1",
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
    enum gt_status status = gt_db_integer(store, "SELECT count(*) FROM run_models WHERE run = ?", run, 0, &models, err);
    if (status != GT_OK)
        return status;
    if (models > 1 && (labels || said->inferences != GT_UNKNOWN))
        return gt_err_set(err, GT_E_AMBIGUOUS, "run %.8s has %lld models: a label or a number of inferences fits only one", run,
                          (long long)models);
    if (models == 0 && said->model)
        status = make_model(store, run, said, err);
    else if (models == 1 && labels)
        status = label_model(store, run, said, err);
    if (status == GT_OK && said->inferences != GT_UNKNOWN)
        status = divide_energy(store, run, said->inferences, err);
    return status;
}

enum gt_status gt_annotation_apply(struct gt_store *store, const char *run, struct gt_err *err)
{
    struct gt_arena arena = {0};
    void *rows;
    size_t count;
    enum gt_status status = gt_columns_select(store, &gt_table_annotation, "", "FROM annotations WHERE run = ?", run, NULL,
                                              &arena, &rows, &count, err);
    if (status == GT_OK && count > 0)
        status = apply(store, run, rows, err);
    gt_arena_free(&arena);
    return status;
}

enum gt_status gt_store_annotate(struct gt_store *store, const char *run, const struct gt_annotation_record *said,
                                 struct gt_err *err)
{
    int64_t found;
    if (said->inferences != GT_UNKNOWN && said->inferences <= 0)
        return gt_err_set(err, GT_E_ARG, "the number of inferences must be positive");
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = gt_db_integer(store, "SELECT count(*) FROM runs WHERE id = ?", run, 0, &found, err);
    if (status == GT_OK && !found)
        status = gt_err_set(err, GT_E_NOENT, "no run %.32s", run);
    if (status == GT_OK)
        status = gt_db_run(store, "INSERT OR IGNORE INTO annotations(run) VALUES(?)", &run, 1, err);
    sqlite3_stmt *statement = NULL;
    if (status == GT_OK)
        status = gt_db_prepare(store,
                               "UPDATE annotations SET model = coalesce(?2, model), family = coalesce(?3, family),"
                               " tags = coalesce(?4, tags), phi = coalesce(?5, phi), inferences = coalesce(?6, inferences)"
                               " WHERE run = ?1",
                               &statement, err);
    if (status == GT_OK) {
        const char *texts[] = {run, said->model, said->family, said->tags};
        for (int i = 0; i < 4; i++)
            sqlite3_bind_text(statement, i + 1, texts[i], -1, SQLITE_STATIC);
        sqlite3_bind_double(statement, 5, said->phi);
        if (said->inferences != GT_UNKNOWN)
            sqlite3_bind_int64(statement, 6, said->inferences);
        status = gt_db_finish(store, statement, err);
    }
    if (status == GT_OK)
        status = gt_annotation_apply(store, run, err);
    return gt_db_end(store, status, err);
}
