/*
 * The store: an SQLite database of runs, models, accuracies and joules.
 *
 * Life cycle: gt_store_open -> put and get ... -> gt_store_close. Every put is one BEGIN IMMEDIATE transaction: all of it or
 * nothing. Several processes may write at once (busy time-out, WAL; DELETE journal on network file systems, where WAL's shared
 * memory does not work). Gets allocate everything from the caller's arena. One store belongs to one thread.
 *
 * Failures name the file and the remedy: GT_E_CORRUPT, GT_E_BUSY (locked), GT_E_PERM (read-only), GT_E_NOSPACE,
 * GT_E_VERSION (written by a newer greentrack), GT_E_IO, GT_E_NOMEM; nothing that was stored is lost by any of them.
 */
#ifndef GT_SQLITE_STORE_H
#define GT_SQLITE_STORE_H

#include "core/arena.h"
#include "core/status.h"
#include "sqlite/records.h"

enum { GT_STORE_VERSION = 6 }; /* PRAGMA user_version of what this code writes */

struct gt_store; /* opaque */

/* $GREENTRACK_STORE, else greentrack/store.db under $XDG_DATA_HOME, else under ~/.local/share. GT_E_NOENT: no home. */
enum gt_status gt_store_default_path(struct gt_arena *arena, const char **path, struct gt_err *err);

enum gt_store_mode { GT_STORE_READ, GT_STORE_WRITE };

/*
 * Opens the store. WRITE creates the folders (0700) and the file (0600) and migrates an older schema; READ needs an existing
 * file (GT_E_NOENT: there is none, or it is empty) of the current schema; also on read-only media, if the writer closed it. A
 * symbolic link is followed. A store of another user needs write permission on its folder even to be read, since readers and
 * writers share memory beside it; without, GT_E_PERM says to copy it. The process's umask is neither changed nor obeyed.
 * *store is owned by the caller.
 */
enum gt_status gt_store_open(const char *path, enum gt_store_mode mode, struct gt_store **store, struct gt_err *err);
void gt_store_close(struct gt_store *store); /* NULL is allowed */

/* --- writing */

/*
 * Stores the run with all that belongs to it, replacing what the store has under its id; models and the host class are stored
 * or kept. A run that is stored as closed or crashed is not replaced by an open one (GT_OK, nothing happens). `models` holds
 * the records of all models that run->models names by digest. Of its attributions, the one of the same method and version is
 * replaced; others stay while the folded trace that they were made from is the same, and go when the run has got longer.
 */
enum gt_status gt_store_put_run(struct gt_store *store, const struct gt_run_record *run, const struct gt_model_record *models,
                                size_t model_count, struct gt_err *err);
/* Whose shares are looked for: those of runs that overlap with this one. parent, series: NULL where it has none. */
struct gt_shares_query {
    const char *run, *parent, *series, *boot_id;
};

/*
 * Adds to shares->parts (the caller's, zeroed, `count` from `first_slot` on) what other runs of the same boot have of these
 * slots, up to 65535. A run inside another counts once, by the outermost; what the queried run is inside of, or has inside,
 * does not.
 */
enum gt_status gt_store_get_shares_of_others(struct gt_store *store, const struct gt_shares_query *query,
                                             struct gt_shares_record *shares, struct gt_err *err);

/*
 * Attributes a stored run anew: another record beside those that it has, with the energy of an inference and of the units of
 * parts[i] for the i-th model of the run (gt_store_get_run has them in that order; of `parts` only these energies and the units
 * are read). A record of the same method and version is there already: GT_OK, nothing happens, *added (NULL: not wanted) is
 * false. Which record is the run's current one, the view v_attributions says alone: best method, then newest version.
 * GT_E_NOENT: no such run; GT_E_MISMATCH: not its number of models.
 */
enum gt_status gt_store_put_attribution(struct gt_store *store, const char *run,
                                        const struct gt_attribution_record *attribution,
                                        const struct gt_run_model_record *parts, size_t part_count, bool *added,
                                        struct gt_err *err);

/*
 * Replaces an accuracy of the same model, dataset (name and digest: other images under the same name are another dataset),
 * split, precision, preprocessing and provenance; one that rests on more images stays (a trial on a few must not destroy a full
 * result), and *kept (NULL: not wanted) gets their number, else 0. `dataset` NULL: none.
 */
enum gt_status gt_store_put_accuracy(struct gt_store *store, const struct gt_accuracy_record *accuracy,
                                     const struct gt_dataset_record *dataset, int64_t *kept, struct gt_err *err);
/*
 * Merges: what is not said keeps its earlier value. A foreign job's model is its label, so that naming it anew concerns this
 * run (and its answers) alone; labels of a model known by its file are the model's, in all runs: they add what the file leaves
 * open. GT_E_NOENT: no such run; GT_E_STATE: a number of inferences, a family or a φ for a run that has no model and is not
 * given one, a label that is not what the model says of itself, a number where inferences were observed; GT_E_ARG: a number
 * below 1 or beyond one in a nanosecond, a blank name; GT_E_AMBIGUOUS: for a run that has several models. Nothing is stored
 * then.
 */
enum gt_status gt_store_annotate(struct gt_store *store, const char *run, const struct gt_annotation_record *annotation,
                                 struct gt_err *err);
enum gt_status gt_store_put_calibration(struct gt_store *store, const struct gt_calibration_record *calibration,
                                        struct gt_err *err);
/* Deletes the run and its children; GT_E_NOENT: no such run. Models, datasets and accuracies stay. */
enum gt_status gt_store_delete_run(struct gt_store *store, const char *run, struct gt_err *err);
/*
 * The same of many runs, in transactions of a thousand each; ids that are no runs (any more) are passed over. On failure those
 * of earlier transactions are gone.
 */
enum gt_status gt_store_delete_runs(struct gt_store *store, const char *const *runs, size_t count, struct gt_err *err);

/* --- reading */

/* One line of `list`. Annotations are applied. */
struct gt_run_line {
    const char *id, *parent, *series, *link, *role, *state, *command, *tags;
    int64_t begin_real_ns, ns, exit_status, exit_signal, children;
    const char *model, *model_digest, *weights, *family; /* of the model with the most inferences; NULL none */
    int64_t model_count, inferences;                     /* over all models */
    double phi;
    struct gt_figure_uj job; /* the whole run, attributed to the job */
    const char *kind, *provenance, *source, *boundary;
    bool unit_hooks, annotation_unused;
};

/* Newest first. `children`: also runs that have a parent. */
enum gt_status gt_store_list_runs(struct gt_store *store, bool children, struct gt_arena *arena, struct gt_run_line **lines,
                                  size_t *count, struct gt_err *err);

/* The run whose id begins with `prefix` (at least 4 digits), whole, annotations applied. GT_E_NOENT, GT_E_AMBIGUOUS. */
enum gt_status gt_store_get_run(struct gt_store *store, const char *prefix, struct gt_arena *arena, struct gt_run_record **run,
                                struct gt_err *err);

/* All attributions of a run: the current one first, the others by method, newest version first. */
enum gt_status gt_store_get_attributions(struct gt_store *store, const char *run, struct gt_arena *arena,
                                         struct gt_attribution_record **records, size_t *count, struct gt_err *err);

/* Ids of the runs that have no attribution of that method and version, oldest first. */
enum gt_status gt_store_runs_without(struct gt_store *store, const char *method, int64_t version, struct gt_arena *arena,
                                     const char ***ids, size_t *count, struct gt_err *err);

/* Ids of the runs whose parent or series is that run, oldest first. */
enum gt_status gt_store_child_runs(struct gt_store *store, const char *run, struct gt_arena *arena, const char ***ids,
                                   size_t *count, struct gt_err *err);

/*
 * A model by digest, with its units; of several lists of them (one model can be executed in several ways), the longest.
 * Annotated labels win. GT_E_NOENT.
 */
enum gt_status gt_store_get_model(struct gt_store *store, const char *digest, struct gt_arena *arena,
                                  struct gt_model_record **model, struct gt_err *err);
/* The same with the units that the run has executed whose part that is. */
enum gt_status gt_store_get_model_of(struct gt_store *store, const struct gt_run_model_record *part, struct gt_arena *arena,
                                     struct gt_model_record **model, struct gt_err *err);

/*
 * Models (without units) by label: a full name ("fashion/b3"), its last part ("b3"), or a digest's beginning (at least 6
 * digits); where none fits, by a part of the name in any case; NULL: all. Ordered by family, φ, name, then the most recently
 * run first. No match: *count is 0.
 */
enum gt_status gt_store_find_models(struct gt_store *store, const char *label, struct gt_arena *arena,
                                    struct gt_model_record **models, size_t *count, struct gt_err *err);

/* Models (without units) of a family, by φ. */
enum gt_status gt_store_family_models(struct gt_store *store, const char *family, struct gt_arena *arena,
                                      struct gt_model_record **models, size_t *count, struct gt_err *err);

/* Accuracies of a model, all provenances, newest first, with answers. */
enum gt_status gt_store_get_accuracies(struct gt_store *store, const char *model, struct gt_arena *arena,
                                       struct gt_accuracy_record **accuracies, size_t *count, struct gt_err *err);

/* A published accuracy by family and name ("efficientnet/b3"); shipped with the store. GT_E_NOENT. */
enum gt_status gt_store_published(struct gt_store *store, const char *name, struct gt_arena *arena,
                                  struct gt_accuracy_record **accuracy, struct gt_err *err);

/* A model's part in one run, with what decides the comparison group. */
struct gt_model_run {
    const char *run, *series, *parent, *role, *state;
    int64_t series_status; /* how the series ended; GT_UNKNOWN: it has not, was killed, or there is none */
    int64_t begin_real_ns, round;
    bool unit_hooks, annotation_unused;
    const char *caveats; /* texts of its events that change what the figures say (GT_EVENT_WINDOW, ...), or NULL */
    const char *host, *host_text, *boot_id;
    const char *source, *boundary, *provenance, *kind;
    const char *method;
    int64_t method_version;
    struct gt_run_model_record part; /* without units */
};

/* Every run in which the model made inferences, newest first. */
enum gt_status gt_store_model_runs(struct gt_store *store, const char *digest, struct gt_arena *arena,
                                   struct gt_model_run **runs, size_t *count, struct gt_err *err);

/* The newest calibration of a host class for that source and boundary. GT_E_NOENT. */
enum gt_status gt_store_get_calibration(struct gt_store *store, const char *host, const char *source, const char *boundary,
                                        struct gt_arena *arena, struct gt_calibration_record **calibration, struct gt_err *err);

/* A dataset by digest, or by name and split (digest NULL), with its labels. GT_E_NOENT, GT_E_AMBIGUOUS. */
enum gt_status gt_store_get_dataset(struct gt_store *store, const char *digest, const char *name, const char *split,
                                    struct gt_arena *arena, struct gt_dataset_record **dataset, struct gt_err *err);

/*
 * The largest dataset of that name and split whose labels have `width` bytes each and begin with these `bytes`: the one that
 * answers without a digest belong to. digest NULL: none.
 */
enum gt_status gt_store_find_dataset(struct gt_store *store, const char *name, const char *split, const uint8_t *labels,
                                     size_t bytes, size_t width, struct gt_arena *arena, struct gt_dataset_record *dataset,
                                     struct gt_err *err);

#endif
