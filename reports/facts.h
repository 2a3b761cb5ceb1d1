/*
 * What the store knows about one family, as plain structs: the input of the analysis. Internal to reports/ and its tests.
 *
 * Filled by load.c from the store, or by a test by hand; everything is borrowed (from an arena). Strings that are not known are
 * NULL, numbers NaN or paired with a flag. Immutable once filled, so any number of threads may read it.
 */
#ifndef GT_REPORTS_FACTS_H
#define GT_REPORTS_FACTS_H

#include "core/arena.h"
#include "reports/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, words): what must be equal for two runs to be compared (DESIGN, "comparison group"). NULL fits anything. */
#define GT_GROUP_LIST(X)                                                                                                       \
    X(DATASET, "dataset")                                                                                                      \
    X(SPLIT, "split")                                                                                                          \
    X(HOST, "host class")                                                                                                      \
    X(BUILD, "runtime build")                                                                                                  \
    X(PRECISION, "precision")                                                                                                  \
    X(EXECUTION, "execution")                                                                                                  \
    X(THREADS, "threads")                                                                                                      \
    X(BATCH, "batch")                                                                                                          \
    X(SOURCE, "energy source")                                                                                                 \
    X(BOUNDARY, "boundary")                                                                                                    \
    X(PROVENANCE, "provenance")

enum gt_group_field {
#define GT_GROUP_ENUM(name, words) GT_GROUP_##name,
    GT_GROUP_LIST(GT_GROUP_ENUM)
#undef GT_GROUP_ENUM
        GT_GROUP_FIELDS
};

struct gt_facts_model {
    const char *name, *family, *digest, *weights;
    double phi; /* NaN unknown */
    uint64_t macs, params;
    bool macs_known, params_known;
};

struct gt_facts_accuracy {
    size_t model;
    const char *provenance, *dataset, *split, *precision;
    const char *preprocessing;
    const char *citation;   /* of published ones */
    const char *images;     /* digest of the dataset; NULL where it is known by name alone */
    double pct;             /* as published; computed from correct / n where answers were counted */
    uint64_t n, correct;    /* n 0: unknown; correct 0 unless counted */
    bool counted;           /* correct is a count, not what a rounded percentage implies */
    const uint8_t *answers; /* one bit per image, least significant first; NULL none */
};

struct gt_facts_run {
    size_t model;
    const char *id;         /* for people */
    const char *series;     /* the run whose rounds these are; NULL none */
    const char *parent;     /* the run that it is inside of; NULL none */
    bool series_complete;   /* the series ended with status 0 */
    bool hooked;            /* unit hooks were on: it has layers */
    bool whole;             /* the figures of one inference are a part of the whole run: a number was reported or given */
    uint64_t begun_ns;      /* real time */
    bool annotation_unused; /* what a person said of it does not hold of its model or its several models */
    const char *caveats;    /* what was lost that changes the figures, in words; NULL nothing */
    const char *group[GT_GROUP_FIELDS];
    uint64_t inferences;
    bool energy_known;
    double uj, lo_uj, hi_uj, dynamic_uj, idle_uj; /* per inference, attributed; NaN unknown */
    const char *kind;
    double seconds; /* per inference; NaN unknown */
    const char *method;
    uint32_t method_version;
};

struct gt_facts {
    const struct gt_facts_model *models;
    size_t model_count;
    const struct gt_facts_accuracy *accuracies; /* oldest first */
    size_t accuracy_count;
    const struct gt_facts_run *runs; /* those with inferences of one of the models; oldest first */
    size_t run_count;
    size_t selected;   /* the model that was asked for, or whose runs a family's comparison group is */
    bool family_alone; /* none was */
    bool published;    /* accuracies of this family are published, whether they were asked for or not */
};

enum { GT_FACTS_NONE = -1 };

/* The runs that the report rests on; GT_FACTS_NONE where there is none. */
struct gt_report_choice {
    int reference; /* its group is the report's */
    int layers;    /* hooked run of the selected model in that group: of the reference's series, else of most inferences */
};

/*
 * The reference is the latest run of the selected model that has energy and its hooks off, else energy of observed inferences,
 * else energy, else any. Of several, one of a series that ended well goes before one of a series that was aborted or still
 * runs, then any before one that was executed layer by layer, and then that of the series which has rounds of the most models:
 * a family is compared within one series where it can be.
 */
struct gt_report_choice gt_report_choose(const struct gt_facts *facts);

/*
 * The model that a family's report takes its comparison group from: the one whose reference compares with the most models;
 * of equal ones the most recently run.
 */
size_t gt_report_anchor(const struct gt_facts *facts);

/* First field in which two runs differ, GT_GROUP_FIELDS when they are comparable. */
enum gt_group_field gt_report_group_differs(const struct gt_facts_run *a, const struct gt_facts_run *b);
const char *gt_report_group_words(enum gt_group_field field);

/*
 * Everything but layers and closure, which the loader fills before: the family, the decision, notes and headline.
 * GT_E_NOMEM is its only failure.
 */
enum gt_status gt_report_analyse(const struct gt_facts *facts, const struct gt_report_query *query, struct gt_arena *arena,
                                 struct gt_report *report, struct gt_err *err);

#endif
