/* Listings: runs, models by label, the runs of a model. */
#include "sqlite/columns.h"

#include <string.h>

/* The model with the most inferences stands for the run. */
static const char lines_from[] =
    "FROM (SELECT r.id, r.parent, r.series, r.link, r.role, r.state, r.command, coalesce(a.tags, r.tags) AS tags,"
    " r.begin_real_ns, r.end_ns - r.begin_ns AS ns, r.exit_status, r.exit_signal,"
    " (SELECT count(*) FROM runs c WHERE (c.parent = r.id OR c.series = r.id) AND c.id <> r.id) AS children,"
    " m.name AS model, m.digest AS model_digest, m.weights, m.family, m.phi,"
    " (SELECT count(DISTINCT p.model) FROM run_models p WHERE p.run = r.id) AS model_count,"
    " (SELECT sum(inferences) FROM run_models p WHERE p.run = r.id) AS inferences,"
    " t.run_job_uj AS job_uj, t.run_job_lo_uj AS job_lo_uj, t.run_job_hi_uj AS job_hi_uj, t.kind, r.provenance, r.source,"
    " r.boundary, r.unit_hooks, " GT_DB_ANNOTATION_UNUSED
    " AS annotation_unused FROM runs r LEFT JOIN annotations a ON a.run = r.id LEFT JOIN v_attributions t ON t.run = r.id"
    " LEFT JOIN v_models m ON m.digest = (SELECT p.model FROM run_models p WHERE p.run = r.id"
    " ORDER BY p.inferences DESC, p.position LIMIT 1)";

enum gt_status gt_store_list_runs(struct gt_store *store, bool children, struct gt_arena *arena, struct gt_run_line **lines,
                                  size_t *count, struct gt_err *err)
{
    /* A parent that is not in the store (not ingested yet, or pruned) hides nobody. */
    static const char roots[] = " WHERE (r.parent IS NULL OR r.parent NOT IN (SELECT id FROM runs))"
                                " AND (r.series IS NULL OR r.series = r.id OR r.series NOT IN (SELECT id FROM runs))";
    void *rows = NULL;
    const char *rest = gt_arena_printf(arena, "%s%s) ORDER BY begin_real_ns DESC, id", lines_from, children ? "" : roots);
    if (!rest)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    enum gt_status status = gt_columns_select(store, &gt_table_run_line, "", rest, NULL, NULL, arena, &rows, count, err);
    *lines = rows;
    return status;
}

static enum gt_status select_models(struct gt_store *store, const char *rest, const char *text, struct gt_arena *arena,
                                    struct gt_model_record **models, size_t *count, struct gt_err *err)
{
    void *rows = NULL;
    enum gt_status status = gt_columns_select(store, &gt_table_model, "v.", rest, text, NULL, arena, &rows, count, err);
    *models = rows;
    return status;
}

#define MODEL_ORDER                                                                                                            \
    " ORDER BY v.family, v.phi, v.name, (SELECT max(r.begin_real_ns) FROM run_models p JOIN runs r ON r.id = p.run"            \
    " WHERE p.model = v.digest) DESC, v.digest"

enum gt_status gt_store_find_models(struct gt_store *store, const char *label, struct gt_arena *arena,
                                    struct gt_model_record **models, size_t *count, struct gt_err *err)
{
    if (!label)
        return select_models(store, "FROM v_models v" MODEL_ORDER, NULL, arena, models, count, err);
    /* the whole name, what follows its last slash, or six digits and more of the digest */
    enum gt_status status = select_models(store,
                                          "FROM v_models v WHERE v.name = ?1 OR substr(v.name, -length(?1) - 1) = '/' || ?1"
                                          " OR (length(?1) >= 6 AND substr(v.digest, 1, length(?1)) = lower(?1))" MODEL_ORDER,
                                          label, arena, models, count, err);
    if (status != GT_OK || *count > 0)
        return status;
    return select_models(store, "FROM v_models v WHERE ?1 <> '' AND instr(lower(v.name), lower(?1))" MODEL_ORDER, label, arena,
                         models, count, err);
}

enum gt_status gt_store_family_models(struct gt_store *store, const char *family, struct gt_arena *arena,
                                      struct gt_model_record **models, size_t *count, struct gt_err *err)
{
    return select_models(store, "FROM v_models v WHERE v.family = ?1" MODEL_ORDER, family, arena, models, count, err);
}

enum gt_status gt_store_model_runs(struct gt_store *store, const char *digest, struct gt_arena *arena,
                                   struct gt_model_run **runs, size_t *count, struct gt_err *err)
{
    static const char rest[] =
        "FROM (SELECT r.id AS run, r.series, r.parent, (SELECT s.exit_status FROM runs s WHERE s.id = r.series) AS "
        "series_status,"
        " r.role, r.state, r.begin_real_ns, r.round, r.unit_hooks, " GT_DB_ANNOTATION_UNUSED
        " AS annotation_unused, (SELECT group_concat(text, '; ') FROM (SELECT DISTINCT e.text FROM events e WHERE e.run = r.id"
        " AND e.kind IN ('" GT_EVENT_WINDOW "', '" GT_EVENT_COUNTER "') ORDER BY e.position)) AS caveats, r.host, h.text AS "
        "host_text,"
        " r.boot_id, r.source, r.boundary, r.provenance, t.kind, t.method, t.version AS method_version, p.*"
        " FROM v_run_models p JOIN runs r ON r.id = p.run LEFT JOIN host_classes h ON h.id = r.host"
        " LEFT JOIN v_attributions t ON t.run = r.id LEFT JOIN annotations a ON a.run = r.id WHERE p.model = ?1 AND "
        "p.inferences > 0)"
        " ORDER BY begin_real_ns DESC, run";
    void *rows = NULL;
    enum gt_status status = gt_columns_select(store, &gt_table_model_run, "", rest, digest, NULL, arena, &rows, count, err);
    *runs = rows;
    return status;
}
