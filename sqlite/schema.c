/*
 * The schema and its migrations: migrations[v] leads from user_version v to v + 1. A migration that has been released is never
 * changed; a new one is appended. All tables are STRICT; times are ns, energies µJ, NULL is "not known".
 */
#include "sqlite/db.h"

#define FIGURE(name) name "_uj INTEGER, " name "_lo_uj INTEGER, " name "_hi_uj INTEGER, "

static const char version_1[] =
    "CREATE TABLE host_classes(id TEXT PRIMARY KEY, text TEXT, cpu_model TEXT, vendor TEXT, microcode TEXT, governor TEXT,"
    " family INTEGER, model INTEGER, stepping INTEGER, cpus_online INTEGER, cpus_allowed INTEGER, memory_bytes INTEGER,"
    " turbo INTEGER, hypervisor INTEGER) STRICT;"
    "CREATE TABLE models(digest TEXT PRIMARY KEY, name TEXT, family TEXT, weights TEXT, phi REAL, macs INTEGER,"
    " params INTEGER) STRICT;"
    /* what a person said of a model; stands above what its file says */
    "CREATE TABLE labels(model TEXT PRIMARY KEY REFERENCES models(digest) ON DELETE CASCADE, name TEXT, family TEXT,"
    " phi REAL) STRICT;"
    "CREATE TABLE units(model TEXT NOT NULL REFERENCES models(digest) ON DELETE CASCADE, idx INTEGER NOT NULL, name TEXT,"
    " op TEXT, shape_in TEXT, shape_out TEXT, macs INTEGER, params INTEGER, region INTEGER NOT NULL,"
    " PRIMARY KEY(model, idx)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE members(model TEXT NOT NULL, unit INTEGER NOT NULL, position INTEGER NOT NULL, name TEXT, op TEXT,"
    " macs INTEGER, params INTEGER, PRIMARY KEY(model, unit, position),"
    " FOREIGN KEY(model, unit) REFERENCES units(model, idx) ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE datasets(digest TEXT PRIMARY KEY, name TEXT, split TEXT, images INTEGER, labels BLOB) STRICT;"
    "CREATE TABLE accuracies(id INTEGER PRIMARY KEY, model TEXT NOT NULL, dataset TEXT REFERENCES datasets(digest),"
    " dataset_name TEXT, split TEXT, precision TEXT, provenance TEXT NOT NULL, n INTEGER, correct INTEGER, pct REAL,"
    " predictions BLOB, answers BLOB, answer_count INTEGER, run TEXT, citation TEXT, real_ns INTEGER) STRICT;"
    "CREATE INDEX accuracies_model ON accuracies(model);"
    "CREATE TABLE published(name TEXT PRIMARY KEY, pct REAL NOT NULL, n INTEGER NOT NULL, dataset_name TEXT NOT NULL,"
    " split TEXT NOT NULL, citation TEXT NOT NULL) STRICT;"
    "CREATE TABLE traces(digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE runs(id TEXT PRIMARY KEY, parent TEXT, series TEXT, link TEXT, role TEXT, state TEXT NOT NULL, command TEXT,"
    " tags TEXT, exit_status INTEGER, exit_signal INTEGER, begin_real_ns INTEGER, begin_ns INTEGER, end_ns INTEGER,"
    " boot_id TEXT, host TEXT REFERENCES host_classes(id), source TEXT, boundary TEXT, provenance TEXT,"
    " unit_hooks INTEGER NOT NULL, round INTEGER, cpu_ns INTEGER, machine_busy_begin_ns INTEGER, machine_busy_end_ns INTEGER,"
    " machine_total_begin_ns INTEGER, machine_total_end_ns INTEGER, trace TEXT REFERENCES traces(digest)) STRICT;"
    "CREATE INDEX runs_parent ON runs(parent); CREATE INDEX runs_series ON runs(series);"
    "CREATE INDEX runs_trace ON runs(trace); CREATE INDEX runs_begin ON runs(begin_real_ns);"
    "CREATE TABLE processes(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL, pid INTEGER,"
    " ppid INTEGER, begin_ns INTEGER, end_ns INTEGER, exe TEXT, command TEXT, state TEXT,"
    " PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE run_models(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"
    " model TEXT NOT NULL REFERENCES models(digest), precision TEXT, runtime TEXT, runtime_version TEXT, threads INTEGER,"
    " batch INTEGER, inferences INTEGER, calls INTEGER, ns INTEGER, uj_per_inference REAL, lo_uj REAL, hi_uj REAL,"
    " dynamic_uj REAL, seconds_per_inference REAL, PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX run_models_model ON run_models(model);"
    "CREATE TABLE unit_attributions(run TEXT NOT NULL, part INTEGER NOT NULL, position INTEGER NOT NULL, idx INTEGER NOT NULL,"
    " calls INTEGER, ns INTEGER, uj_per_call REAL, lo_uj REAL, hi_uj REAL, share REAL, PRIMARY KEY(run, part, position),"
    " FOREIGN KEY(run, part) REFERENCES run_models(run, position) ON DELETE CASCADE) STRICT, WITHOUT ROWID;"
    "CREATE TABLE counters(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL, domain TEXT,"
    " parent INTEGER, package INTEGER, die INTEGER, additive INTEGER, uj_per_count REAL, wrap_count INTEGER, first_raw INTEGER,"
    " last_raw INTEGER, total_uj INTEGER, wraps INTEGER, gaps INTEGER, gap_ns INTEGER,"
    " PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE events(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL, kind TEXT, text "
    "TEXT,"
    " count INTEGER, begin_ns INTEGER, end_ns INTEGER, PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE attributions(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, method TEXT NOT NULL,"
    " version INTEGER NOT NULL, kind TEXT, provenance TEXT, window_ns INTEGER, covered_ns INTEGER, window_cpu_ns INTEGER,"
    " cpu_share REAL, gap_share REAL, idle_known INTEGER, " FIGURE("units") FIGURE("framework") FIGURE("idle") FIGURE("others")
        FIGURE("unattributed") FIGURE("total") "unattributed_flag INTEGER, " FIGURE("run_total") FIGURE(
            "run_job") "model_row TEXT, PRIMARY KEY(run, method, version)) STRICT, WITHOUT ROWID;"
                       /* what a person said of a run; kept when the run is ingested again */
                       "CREATE TABLE annotations(run TEXT PRIMARY KEY, model TEXT, family TEXT, tags TEXT, phi REAL, "
                       "inferences INTEGER) STRICT;"
                       "CREATE TABLE calibrations(id INTEGER PRIMARY KEY, host TEXT NOT NULL, source TEXT NOT NULL, boundary "
                       "TEXT NOT NULL,"
                       " idle_w REAL, lo_w REAL, hi_w REAL, busy_share REAL, seconds REAL, real_ns INTEGER, forced INTEGER NOT "
                       "NULL) STRICT;"
                       /* Tan & Le 2019, EfficientNet, table 2: ImageNet top-1 on 50,000 validation images */
                       "INSERT INTO published SELECT 'efficientnet/' || column1, column2, 50000, 'imagenet', 'validation',"
                       " 'Tan & Le 2019, EfficientNet, ICML (arXiv:1905.11946), table 2' FROM (VALUES ('b0', 77.1), ('b1', "
                       "79.1), ('b2', 80.1),"
                       " ('b3', 81.6), ('b4', 82.9), ('b5', 83.6), ('b6', 84.0), ('b7', 84.3));"
                       /* --- views, for people who like SQL */
                       "CREATE VIEW v_models AS SELECT m.digest, coalesce(l.name, m.name) AS name, coalesce(l.family, "
                       "m.family) AS family,"
                       " coalesce(l.phi, m.phi) AS phi, m.weights, m.macs, m.params FROM models m LEFT JOIN labels l ON "
                       "l.model = m.digest;"
                       "CREATE VIEW v_attributions AS SELECT * FROM attributions a WHERE version ="
                       " (SELECT max(version) FROM attributions b WHERE b.run = a.run);"
                       "CREATE VIEW v_runs AS SELECT r.id, r.parent, r.series, r.link, r.role, r.state, r.command, "
                       "coalesce(n.tags, r.tags) AS tags,"
                       " datetime(r.begin_real_ns / 1000000000, 'unixepoch') AS began_utc, r.begin_real_ns, r.end_ns - "
                       "r.begin_ns AS ns,"
                       " r.exit_status, r.exit_signal, h.text AS host, r.source, r.boundary, r.provenance, a.kind, "
                       "r.unit_hooks, r.round, r.cpu_ns,"
                       " a.run_job_uj AS job_uj, a.run_job_lo_uj AS job_lo_uj, a.run_job_hi_uj AS job_hi_uj, a.run_total_uj, "
                       "a.total_uj, a.units_uj,"
                       " a.framework_uj, a.idle_uj, a.others_uj, a.unattributed_uj,"
                       " (SELECT sum(inferences) FROM run_models p WHERE p.run = r.id) AS inferences"
                       " FROM runs r LEFT JOIN host_classes h ON h.id = r.host LEFT JOIN annotations n ON n.run = r.id"
                       " LEFT JOIN v_attributions a ON a.run = r.id;"
                       "CREATE VIEW v_layers AS SELECT p.run, m.name AS model, m.digest, m.weights, u.idx, u.name, u.op, "
                       "u.macs, u.params,"
                       " (SELECT group_concat(name, ' + ') FROM (SELECT e.name FROM members e WHERE e.model = u.model AND "
                       "e.unit = u.idx"
                       " ORDER BY e.position)) AS members, x.calls, x.ns, CAST(x.ns AS REAL) / x.calls AS ns_per_call, "
                       "x.uj_per_call, x.lo_uj,"
                       " x.hi_uj, x.share, r.source, r.boundary, r.provenance, a.kind, a.method, a.version"
                       " FROM unit_attributions x JOIN run_models p ON p.run = x.run AND p.position = x.part JOIN runs r ON "
                       "r.id = x.run"
                       " JOIN v_models m ON m.digest = p.model LEFT JOIN units u ON u.model = p.model AND u.idx = x.idx"
                       " LEFT JOIN v_attributions a ON a.run = x.run;"
                       "CREATE VIEW v_family AS SELECT m.family, m.phi, m.name, m.digest, m.weights, m.macs, m.params, p.run, "
                       "r.round,"
                       " r.unit_hooks, p.precision, p.threads, p.batch, p.runtime, p.runtime_version, r.host, r.source, "
                       "r.boundary, r.provenance,"
                       " a.kind, p.inferences, p.uj_per_inference, p.lo_uj, p.hi_uj, p.seconds_per_inference, c.pct AS "
                       "accuracy_pct,"
                       " c.n AS accuracy_n, c.provenance AS accuracy_provenance, c.dataset_name, c.split"
                       " FROM run_models p JOIN runs r ON r.id = p.run JOIN v_models m ON m.digest = p.model"
                       " LEFT JOIN v_attributions a ON a.run = p.run"
                       " LEFT JOIN accuracies c ON c.id = (SELECT max(id) FROM accuracies d WHERE d.model = m.digest"
                       " AND d.provenance IN ('measured', 'user'));";

/*
 * Parts of the inferences that were not observed become unknown, and how inferences were counted is said. What version 1 took
 * for hooked without having seen a unit had its hooks off.
 */
static const char version_2[] =
    "ALTER TABLE run_models ADD COLUMN counted TEXT;"
    "UPDATE run_models SET counted = CASE WHEN coalesce(inferences, 0) = 0 THEN NULL"
    " WHEN run IN (SELECT run FROM annotations WHERE inferences IS NOT NULL)"
    " AND (SELECT count(*) FROM run_models o WHERE o.run = run_models.run) = 1 THEN 'annotated'"
    " WHEN (uj_per_inference IS NOT NULL AND dynamic_uj IS NULL) OR coalesce((SELECT max(window_ns) FROM attributions a"
    " WHERE a.run = run_models.run), 0) = 0 THEN 'reported' ELSE 'observed' END;"
    "UPDATE runs SET unit_hooks = 0 WHERE id IN (SELECT run FROM attributions WHERE window_ns > 0)"
    " AND id NOT IN (SELECT run FROM unit_attributions);"
    "ALTER TABLE attributions ADD COLUMN inference_uj INTEGER; ALTER TABLE attributions ADD COLUMN inference_lo_uj INTEGER;"
    "ALTER TABLE attributions ADD COLUMN inference_hi_uj INTEGER;"
    "UPDATE attributions SET inference_uj = units_uj + framework_uj, inference_lo_uj = units_lo_uj + framework_lo_uj,"
    " inference_hi_uj = units_hi_uj + framework_hi_uj;"
    "UPDATE attributions SET (units_uj, units_lo_uj, units_hi_uj, framework_uj, framework_lo_uj, framework_hi_uj) ="
    " (NULL, NULL, NULL, NULL, NULL, NULL) WHERE run IN (SELECT id FROM runs WHERE unit_hooks = 0);"
    "DROP VIEW v_runs;"
    "CREATE VIEW v_runs AS SELECT r.id, r.parent, r.series, r.link, r.role, r.state, r.command, coalesce(n.tags, r.tags) AS "
    "tags,"
    " datetime(r.begin_real_ns / 1000000000, 'unixepoch') AS began_utc, r.begin_real_ns, r.end_ns - r.begin_ns AS ns,"
    " r.exit_status, r.exit_signal, h.text AS host, r.source, r.boundary, r.provenance, a.kind, r.unit_hooks, r.round, "
    "r.cpu_ns,"
    " a.run_job_uj AS job_uj, a.run_job_lo_uj AS job_lo_uj, a.run_job_hi_uj AS job_hi_uj, a.run_total_uj, a.total_uj,"
    " a.inference_uj, a.units_uj, a.framework_uj, a.idle_uj, a.others_uj, a.unattributed_uj,"
    " (SELECT sum(inferences) FROM run_models p WHERE p.run = r.id) AS inferences"
    " FROM runs r LEFT JOIN host_classes h ON h.id = r.host LEFT JOIN annotations n ON n.run = r.id"
    " LEFT JOIN v_attributions a ON a.run = r.id;";

/*
 * Several attributions of a run: everything that one of them says is keyed by its method and version. `methods` ranks them, the
 * higher the better, and v_attributions alone decides which one is current: every other view and query goes through it. A run
 * without any has '' and 0. `slots` says what the slots of the folded trace stand for.
 */
static const char version_3[] =
    "DROP VIEW v_runs; DROP VIEW v_layers; DROP VIEW v_family;"
    /* the model knows the job alone: earlier versions said the same of the machine */
    "UPDATE attributions SET (run_total_uj, run_total_lo_uj, run_total_hi_uj, cpu_share) = (NULL, NULL, NULL, NULL)"
    " WHERE provenance = 'modelled';"
    "CREATE TABLE methods(name TEXT PRIMARY KEY, rank INTEGER NOT NULL) STRICT;"
    "INSERT INTO methods VALUES('time', 1);"
    "CREATE TABLE slots(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, slot INTEGER NOT NULL, part INTEGER NOT NULL,"
    " idx INTEGER, PRIMARY KEY(run, slot)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE part_attributions(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, method TEXT NOT NULL,"
    " version INTEGER NOT NULL, part INTEGER NOT NULL, uj_per_inference REAL, lo_uj REAL, hi_uj REAL, dynamic_uj REAL,"
    " PRIMARY KEY(run, method, version, part)) STRICT, WITHOUT ROWID;"
    "INSERT INTO part_attributions SELECT p.run, coalesce(a.method, ''), coalesce(a.version, 0), p.position,"
    " p.uj_per_inference, p.lo_uj, p.hi_uj, p.dynamic_uj FROM run_models p LEFT JOIN attributions a ON a.run = p.run;"
    "ALTER TABLE unit_attributions RENAME TO unit_attributions_2;"
    "CREATE TABLE unit_attributions(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, method TEXT NOT NULL,"
    " version INTEGER NOT NULL, part INTEGER NOT NULL, position INTEGER NOT NULL, idx INTEGER NOT NULL, calls INTEGER,"
    " ns INTEGER, uj_per_call REAL, lo_uj REAL, hi_uj REAL, share REAL, PRIMARY KEY(run, method, version, part, position))"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO unit_attributions SELECT x.run, coalesce(a.method, ''), coalesce(a.version, 0), x.part, x.position, x.idx,"
    " x.calls, x.ns, x.uj_per_call, x.lo_uj, x.hi_uj, x.share FROM unit_attributions_2 x LEFT JOIN attributions a"
    " ON a.run = x.run;"
    "DROP TABLE unit_attributions_2;"
    "ALTER TABLE run_models DROP COLUMN uj_per_inference; ALTER TABLE run_models DROP COLUMN lo_uj;"
    "ALTER TABLE run_models DROP COLUMN hi_uj; ALTER TABLE run_models DROP COLUMN dynamic_uj;"
    "DROP VIEW v_attributions;"
    "CREATE VIEW v_attributions AS SELECT * FROM attributions a WHERE (a.method, a.version) = (SELECT b.method, b.version"
    " FROM attributions b LEFT JOIN methods m ON m.name = b.method WHERE b.run = a.run"
    " ORDER BY coalesce(m.rank, 0) DESC, b.version DESC, b.method LIMIT 1);"
    /* a number of inferences that a person gave divides the whole run */
    "CREATE VIEW v_run_models AS SELECT p.*,"
    " CASE p.counted WHEN 'annotated' THEN CAST(a.run_job_uj AS REAL) / p.inferences ELSE x.uj_per_inference END"
    " AS uj_per_inference,"
    " CASE p.counted WHEN 'annotated' THEN CAST(a.run_job_lo_uj AS REAL) / p.inferences ELSE x.lo_uj END AS lo_uj,"
    " CASE p.counted WHEN 'annotated' THEN CAST(a.run_job_hi_uj AS REAL) / p.inferences ELSE x.hi_uj END AS hi_uj,"
    " CASE p.counted WHEN 'annotated' THEN NULL ELSE x.dynamic_uj END AS dynamic_uj"
    " FROM run_models p LEFT JOIN v_attributions a ON a.run = p.run LEFT JOIN part_attributions x ON x.run = p.run"
    " AND x.method = coalesce(a.method, '') AND x.version = coalesce(a.version, 0) AND x.part = p.position;"
    "CREATE VIEW v_unit_attributions AS SELECT x.* FROM unit_attributions x LEFT JOIN v_attributions a ON a.run = x.run"
    " WHERE x.method = coalesce(a.method, '') AND x.version = coalesce(a.version, 0);"
    "CREATE VIEW v_runs AS SELECT r.id, r.parent, r.series, r.link, r.role, r.state, r.command, coalesce(n.tags, r.tags) AS "
    "tags,"
    " datetime(r.begin_real_ns / 1000000000, 'unixepoch') AS began_utc, r.begin_real_ns, r.end_ns - r.begin_ns AS ns,"
    " r.exit_status, r.exit_signal, h.text AS host, r.source, r.boundary, r.provenance, a.kind, r.unit_hooks, r.round, "
    "r.cpu_ns,"
    " a.run_job_uj AS job_uj, a.run_job_lo_uj AS job_lo_uj, a.run_job_hi_uj AS job_hi_uj, a.run_total_uj, a.total_uj,"
    " a.inference_uj, a.units_uj, a.framework_uj, a.idle_uj, a.others_uj, a.unattributed_uj,"
    " (SELECT sum(inferences) FROM run_models p WHERE p.run = r.id) AS inferences, a.method, a.version"
    " FROM runs r LEFT JOIN host_classes h ON h.id = r.host LEFT JOIN annotations n ON n.run = r.id"
    " LEFT JOIN v_attributions a ON a.run = r.id;"
    "CREATE VIEW v_layers AS SELECT p.run, m.name AS model, m.digest, m.weights, u.idx, u.name, u.op, u.macs, u.params,"
    " (SELECT group_concat(name, ' + ') FROM (SELECT e.name FROM members e WHERE e.model = u.model AND e.unit = u.idx"
    " ORDER BY e.position)) AS members, x.calls, x.ns, CAST(x.ns AS REAL) / x.calls AS ns_per_call, x.uj_per_call, x.lo_uj,"
    " x.hi_uj, x.share, r.source, r.boundary, r.provenance, a.kind, a.method, a.version"
    " FROM v_unit_attributions x JOIN run_models p ON p.run = x.run AND p.position = x.part JOIN runs r ON r.id = x.run"
    " JOIN v_models m ON m.digest = p.model LEFT JOIN units u ON u.model = p.model AND u.idx = x.idx"
    " LEFT JOIN v_attributions a ON a.run = x.run;"
    "CREATE VIEW v_family AS SELECT m.family, m.phi, m.name, m.digest, m.weights, m.macs, m.params, p.run, r.round,"
    " r.unit_hooks, p.precision, p.threads, p.batch, p.runtime, p.runtime_version, r.host, r.source, r.boundary, r.provenance,"
    " a.kind, p.inferences, p.uj_per_inference, p.lo_uj, p.hi_uj, p.seconds_per_inference, c.pct AS accuracy_pct,"
    " c.n AS accuracy_n, c.provenance AS accuracy_provenance, c.dataset_name, c.split, p.counted, a.method, a.version"
    " FROM v_run_models p JOIN runs r ON r.id = p.run JOIN v_models m ON m.digest = p.model"
    " LEFT JOIN v_attributions a ON a.run = p.run"
    " LEFT JOIN accuracies c ON c.id = (SELECT max(id) FROM accuracies d WHERE d.model = m.digest"
    " AND d.provenance IN ('measured', 'user'));";

/*
 * Accuracies say what was done to the images. All that was measured before went through the only way that there was; of answers
 * that a person handed in it is not known.
 */
static const char version_4[] =
    "DROP VIEW v_family;"
    "ALTER TABLE accuracies ADD COLUMN preprocessing TEXT;"
    "UPDATE accuracies SET preprocessing = 'resize=area mean=0.286 std=0.353' WHERE provenance = 'measured';"
    "CREATE VIEW v_family AS SELECT m.family, m.phi, m.name, m.digest, m.weights, m.macs, m.params, p.run, r.round,"
    " r.unit_hooks, p.precision, p.threads, p.batch, p.runtime, p.runtime_version, r.host, r.source, r.boundary, r.provenance,"
    " a.kind, p.inferences, p.uj_per_inference, p.lo_uj, p.hi_uj, p.seconds_per_inference, c.pct AS accuracy_pct,"
    " c.n AS accuracy_n, c.provenance AS accuracy_provenance, c.dataset_name, c.split, p.counted, a.method, a.version, "
    "c.preprocessing"
    " FROM v_run_models p JOIN runs r ON r.id = p.run JOIN v_models m ON m.digest = p.model"
    " LEFT JOIN v_attributions a ON a.run = p.run"
    " LEFT JOIN accuracies c ON c.id = (SELECT max(id) FROM accuracies d WHERE d.model = m.digest"
    " AND d.provenance IN ('measured', 'user'));";

/* Gaps of counters, and what the machine's domains are. */
#define VERSION_5_GAPS                                                                                                         \
    "CREATE TABLE gaps(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL, domain TEXT,"       \
    " from_ns INTEGER, to_ns INTEGER, reason TEXT, PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"                         \
    "ALTER TABLE counters ADD COLUMN uj INTEGER; ALTER TABLE counters ADD COLUMN lo_uj INTEGER;"                               \
    "ALTER TABLE counters ADD COLUMN hi_uj INTEGER;"                                                                           \
    "CREATE VIEW v_gaps AS SELECT g.run, g.position, g.domain, g.from_ns, g.to_ns, g.reason, r.source, r.boundary FROM gaps g" \
    " JOIN runs r ON r.id = g.run ORDER BY r.begin_real_ns, g.run, g.position;"

/* Event counters of runs and units. */
#define VERSION_5_EVENTS                                                                                                       \
    "CREATE TABLE run_counters(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"            \
    " name TEXT NOT NULL, value INTEGER, enabled_ns INTEGER, running_ns INTEGER, scope TEXT, reason TEXT,"                     \
    " PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"                                                                      \
    "CREATE TABLE unit_counters(run TEXT NOT NULL REFERENCES runs(id) ON DELETE CASCADE, position INTEGER NOT NULL,"           \
    " part INTEGER NOT NULL, idx INTEGER, name TEXT NOT NULL, calls INTEGER, value REAL, enabled_ns INTEGER,"                  \
    " running_ns INTEGER, PRIMARY KEY(run, position)) STRICT, WITHOUT ROWID;"                                                  \
    "CREATE VIEW v_run_counters AS SELECT c.run, c.name, c.value, CAST(c.running_ns AS REAL) / c.enabled_ns AS counted,"       \
    " c.scope, c.reason FROM run_counters c;"                                                                                  \
    "CREATE VIEW v_unit_counters AS SELECT c.run, m.name AS model, m.digest, u.idx, u.name, u.op, c.name AS counter, c.calls," \
    " c.value, c.value / c.calls AS per_call, CAST(c.running_ns AS REAL) / c.enabled_ns AS counted"                            \
    " FROM unit_counters c JOIN run_models p ON p.run = c.run AND p.position = c.part JOIN v_models m ON m.digest = p.model"   \
    " LEFT JOIN units u ON u.model = p.model AND u.idx = c.idx;"

/* Shares of the machine on common slots of time. */
#define VERSION_5_SHARES                                                                                                       \
    "CREATE TABLE run_shares(run TEXT PRIMARY KEY REFERENCES runs(id) ON DELETE CASCADE, first_slot INTEGER NOT NULL,"         \
    " slots INTEGER NOT NULL, shares BLOB NOT NULL) STRICT;"                                                                   \
    "CREATE INDEX run_shares_first_slot ON run_shares(first_slot);"

/* Attribution by regression. */
#define VERSION_5_UNITS                                                                                                        \
    "INSERT INTO methods VALUES('regression', 2);"                                                                             \
    "ALTER TABLE unit_attributions ADD COLUMN resolution TEXT; ALTER TABLE unit_attributions ADD COLUMN group_idx INTEGER;"    \
    "ALTER TABLE unit_attributions ADD COLUMN group_uj REAL; ALTER TABLE unit_attributions ADD COLUMN group_lo_uj REAL;"       \
    "ALTER TABLE unit_attributions ADD COLUMN group_hi_uj REAL;"                                                               \
    "UPDATE unit_attributions SET resolution = 'time';"                                                                        \
    "ALTER TABLE attributions ADD COLUMN refusal TEXT; ALTER TABLE attributions ADD COLUMN refreshes INTEGER;"                 \
    "ALTER TABLE attributions ADD COLUMN refresh_sigma_ns REAL; ALTER TABLE attributions ADD COLUMN noise_uj REAL;"            \
    "ALTER TABLE attributions ADD COLUMN spread_w REAL; ALTER TABLE attributions ADD COLUMN inflation REAL;"                   \
    "DROP VIEW v_layers;"                                                                                                      \
    "CREATE VIEW v_layers AS SELECT p.run, m.name AS model, m.digest, m.weights, u.idx, u.name, u.op, u.macs, u.params,"       \
    " (SELECT group_concat(name, ' + ') FROM (SELECT e.name FROM members e WHERE e.model = u.model AND e.unit = u.idx"         \
    " ORDER BY e.position)) AS members, x.calls, x.ns, CAST(x.ns AS REAL) / x.calls AS ns_per_call, x.uj_per_call, x.lo_uj,"   \
    " x.hi_uj, x.share, 1e3 * x.uj_per_call * x.calls / x.ns AS watts, x.resolution, x.group_idx, x.group_uj, x.group_lo_uj,"  \
    " x.group_hi_uj, r.source, r.boundary, r.provenance, a.kind, a.method, a.version"                                          \
    " FROM v_unit_attributions x JOIN run_models p ON p.run = x.run AND p.position = x.part JOIN runs r ON r.id = x.run"       \
    " JOIN v_models m ON m.digest = p.model LEFT JOIN units u ON u.model = p.model AND u.idx = x.idx"                          \
    " LEFT JOIN v_attributions a ON a.run = x.run;"

/* What measuring cost. */
#define VERSION_5_OVERHEAD                                                                                                     \
    "ALTER TABLE runs ADD COLUMN sampler_cpu_ns INTEGER; ALTER TABLE runs ADD COLUMN plugin_cpu_ns INTEGER;"                   \
    "ALTER TABLE runs ADD COLUMN hooks INTEGER; ALTER TABLE runs ADD COLUMN hook_ns REAL;"

static const char version_5[] = VERSION_5_GAPS VERSION_5_EVENTS VERSION_5_SHARES VERSION_5_UNITS VERSION_5_OVERHEAD;

/*
 * One model executed in several ways: a list of units belongs to a model and a division (sqlite/units.h), a run's part names
 * its own. What was stored before has the division '' and is what its units show: fused where one has several members that
 * multiply. Members have the traffic of their layer.
 */
#define VERSION_6_DIVISIONS                                                                                                    \
    "DROP VIEW v_layers; DROP VIEW v_unit_counters;"                                                                           \
    "ALTER TABLE run_models ADD COLUMN execution TEXT; ALTER TABLE run_models ADD COLUMN division TEXT;"                       \
    "UPDATE run_models SET execution = CASE WHEN EXISTS (SELECT 1 FROM members e WHERE e.model = run_models.model"             \
    " AND e.macs > 0 GROUP BY e.unit HAVING count(*) > 1) THEN 'fused'"                                                        \
    " WHEN EXISTS (SELECT 1 FROM members e WHERE e.model = run_models.model) THEN 'layer by layer' END;"                       \
    "ALTER TABLE units RENAME TO units_5; ALTER TABLE members RENAME TO members_5;"                                            \
    "CREATE TABLE units(model TEXT NOT NULL REFERENCES models(digest) ON DELETE CASCADE, division TEXT NOT NULL,"              \
    " idx INTEGER NOT NULL, name TEXT, op TEXT, shape_in TEXT, shape_out TEXT, macs INTEGER, params INTEGER,"                  \
    " region INTEGER NOT NULL, PRIMARY KEY(model, division, idx)) STRICT, WITHOUT ROWID;"                                      \
    "CREATE TABLE members(model TEXT NOT NULL, division TEXT NOT NULL, unit INTEGER NOT NULL, position INTEGER NOT NULL,"      \
    " name TEXT, op TEXT, macs INTEGER, params INTEGER, bytes INTEGER, PRIMARY KEY(model, division, unit, position),"          \
    " FOREIGN KEY(model, division, unit) REFERENCES units(model, division, idx) ON DELETE CASCADE) STRICT, WITHOUT ROWID;"     \
    "INSERT INTO units SELECT model, '', idx, name, op, shape_in, shape_out, macs, params, region FROM units_5;"               \
    "INSERT INTO members SELECT model, '', unit, position, name, op, macs, params, NULL FROM members_5;"                       \
    "DROP TABLE members_5; DROP TABLE units_5;"

/* Units by their division; members with their shares of what their unit counts, which is no measurement of them. */
#define VERSION_6_VIEWS                                                                                                        \
    "CREATE VIEW v_layers AS SELECT p.run, m.name AS model, m.digest, m.weights, u.idx, u.name, u.op, u.macs, u.params,"       \
    " (SELECT group_concat(name, ' + ') FROM (SELECT e.name FROM members e WHERE e.model = u.model"                            \
    " AND e.division = u.division AND e.unit = u.idx ORDER BY e.position)) AS members, x.calls, x.ns,"                         \
    " CAST(x.ns AS REAL) / x.calls AS ns_per_call, x.uj_per_call, x.lo_uj, x.hi_uj, x.share,"                                  \
    " 1e3 * x.uj_per_call * x.calls / x.ns AS watts, x.resolution, x.group_idx, x.group_uj, x.group_lo_uj, x.group_hi_uj,"     \
    " r.source, r.boundary, r.provenance, a.kind, a.method, a.version, p.execution"                                            \
    " FROM v_unit_attributions x JOIN run_models p ON p.run = x.run AND p.position = x.part JOIN runs r ON r.id = x.run"       \
    " JOIN v_models m ON m.digest = p.model LEFT JOIN units u ON u.model = p.model AND u.division = coalesce(p.division, '')"  \
    " AND u.idx = x.idx LEFT JOIN v_attributions a ON a.run = x.run;"                                                          \
    "CREATE VIEW v_members AS SELECT p.run, m.name AS model, m.digest, u.idx, u.name AS unit, e.position, e.name, e.op,"       \
    " e.macs, e.params, e.bytes,"                                                                                              \
    " CAST(e.macs AS REAL) / sum(e.macs) OVER same_unit AS counted_macs_share,"                                                \
    " CASE WHEN count(e.bytes) OVER same_unit = count(*) OVER same_unit"                                                       \
    " THEN CAST(e.bytes AS REAL) / sum(e.bytes) OVER same_unit END AS counted_bytes_share, p.execution"                        \
    " FROM run_models p JOIN v_models m ON m.digest = p.model JOIN units u ON u.model = p.model"                               \
    " AND u.division = coalesce(p.division, '') JOIN members e ON e.model = u.model AND e.division = u.division"               \
    " AND e.unit = u.idx WINDOW same_unit AS (PARTITION BY p.run, p.position, u.idx);"                                         \
    "CREATE VIEW v_unit_counters AS SELECT c.run, m.name AS model, m.digest, u.idx, u.name, u.op, c.name AS counter, c.calls," \
    " c.value, c.value / c.calls AS per_call, CAST(c.running_ns AS REAL) / c.enabled_ns AS counted"                            \
    " FROM unit_counters c JOIN run_models p ON p.run = c.run AND p.position = c.part JOIN v_models m ON m.digest = p.model"   \
    " LEFT JOIN units u ON u.model = p.model AND u.division = coalesce(p.division, '') AND u.idx = c.idx;"                     \
    "DROP VIEW v_family;"                                                                                                      \
    "CREATE VIEW v_family AS SELECT m.family, m.phi, m.name, m.digest, m.weights, m.macs, m.params, p.run, r.round,"           \
    " r.unit_hooks, p.precision, p.threads, p.batch, p.runtime, p.runtime_version, r.host, r.source, r.boundary,"              \
    " r.provenance, a.kind, p.inferences, p.uj_per_inference, p.lo_uj, p.hi_uj, p.seconds_per_inference,"                      \
    " c.pct AS accuracy_pct, c.n AS accuracy_n, c.provenance AS accuracy_provenance, c.dataset_name, c.split, p.counted,"      \
    " a.method, a.version, c.preprocessing, p.execution"                                                                       \
    " FROM v_run_models p JOIN runs r ON r.id = p.run JOIN v_models m ON m.digest = p.model"                                   \
    " LEFT JOIN v_attributions a ON a.run = p.run"                                                                             \
    " LEFT JOIN accuracies c ON c.id = (SELECT max(id) FROM accuracies d WHERE d.model = m.digest"                             \
    " AND d.provenance IN ('measured', 'user'));"

static const char version_6[] = VERSION_6_DIVISIONS VERSION_6_VIEWS;

static const char *const migrations[GT_STORE_VERSION] = {version_1, version_2, version_3, version_4, version_5, version_6};

static enum gt_status migrate_one(struct gt_store *store, int64_t from, struct gt_err *err)
{
    char stamp[64];
    sqlite3_snprintf(sizeof stamp, stamp, "PRAGMA user_version = %lld", (long long)from + 1);
    enum gt_status status = gt_db_exec(store, migrations[from], err);
    return status == GT_OK ? gt_db_exec(store, stamp, err) : status;
}

static enum gt_status check_version(struct gt_store *store, int64_t *version, struct gt_err *err)
{
    enum gt_status status = gt_db_integer(store, "PRAGMA user_version", NULL, 0, version, err);
    if (status == GT_OK && (*version > GT_STORE_VERSION || *version < 0))
        return gt_err_set(err, GT_E_VERSION,
                          "%s: written by a newer greentrack (schema %lld, this one knows %d); update greentrack, or set "
                          "GREENTRACK_STORE",
                          store->path, (long long)*version, GT_STORE_VERSION);
    return status;
}

/* A database of somebody else's must not become ours: an empty one has neither tables nor an application id. */
static enum gt_status check_owner(struct gt_store *store, struct gt_err *err)
{
    int64_t application, tables;
    enum gt_status status = gt_db_integer(store, "PRAGMA application_id", NULL, 0, &application, err);
    if (status == GT_OK)
        status = gt_db_integer(store, "SELECT count(*) FROM sqlite_schema", NULL, 0, &tables, err);
    if (status == GT_OK && application != GT_DB_APPLICATION_ID && (application != 0 || tables > 0))
        return gt_err_set(err, GT_E_FORMAT,
                          "%s: this is another program's SQLite database; set GREENTRACK_STORE to a file of its own",
                          store->path);
    return status;
}

enum gt_status gt_db_check(struct gt_store *store, int64_t *version, struct gt_err *err)
{
    enum gt_status status = check_owner(store, err);
    return status == GT_OK ? check_version(store, version, err) : status;
}

enum gt_status gt_db_migrate(struct gt_store *store, int64_t version, struct gt_err *err)
{
    if (version == GT_STORE_VERSION)
        return GT_OK;
    bool reading = sqlite3_db_readonly(store->db, "main") == 1;
    if (reading && version == 0) /* created, and then its first migration failed or is still to come */
        return gt_err_set(err, GT_E_NOENT, "%s: the store is still empty", store->path);
    if (reading)
        return gt_err_set(err, GT_E_VERSION, "%s: has the older schema %lld; any command that writes brings it up to date",
                          store->path, (long long)version);
    enum gt_status status = gt_db_begin(store, err);
    if (status != GT_OK)
        return status;
    status = check_version(store, &version, err); /* another process may have been faster */
    if (status == GT_OK && version == 0)
        status = gt_db_exec(store, "PRAGMA application_id = 1196716916", err); /* GT_DB_APPLICATION_ID */
    for (; status == GT_OK && version < GT_STORE_VERSION; version++)
        status = migrate_one(store, version, err);
    return gt_db_end(store, status, err);
}
