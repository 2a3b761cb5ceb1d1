/*
 * `report --model b3`: everything that is known about one model and its family, as one struct, and the document made of it;
 * `report --family fashion`: the same without the parts of one model.
 *
 * Life cycle: gt_report_build (reads the store, computes) -> gt_report_document -> gt_render_document. Everything is borrowed
 * from the caller's arena and from the store's rows copied into it; nothing needs freeing but the arena. One thread.
 *
 * Rules that hold throughout: what is unknown has `known == false` and is rendered as absent, never as zero; figures of
 * different comparison groups are never joined (what was left out is listed with its reason); random weights and modelled
 * energy are said wherever they appear; no conclusion is made without data.
 */
#ifndef GT_REPORTS_REPORT_H
#define GT_REPORTS_REPORT_H

#include "core/arena.h"
#include "core/status.h"
#include "reports/decide.h"
#include "reports/render.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gt_store;
struct gt_report_member;

/* Which accuracies a report may use. Published ones belong to other weights and therefore only enter when asked for. */
enum gt_report_accuracy_choice { GT_REPORT_ACCURACY_OWN, GT_REPORT_ACCURACY_PUBLISHED };

/* The axis of cost on which the family is judged; every output names it. AUTO: joules, else 10^9 MACs. */
enum gt_report_axis { GT_REPORT_AXIS_AUTO, GT_REPORT_AXIS_JOULES, GT_REPORT_AXIS_SECONDS, GT_REPORT_AXIS_MACS };

struct gt_report_query {
    const char
        *model; /* "b3", "fashion/b3", a part of the name, or a digest's beginning (>= 6 hex digits); NULL: the family alone */
    const char *family; /* where there is no model: a family's name, or a part of it that no other has */
    enum gt_report_accuracy_choice accuracy;
    enum gt_report_axis axis;
};

struct gt_report_accuracy {
    bool known;
    double pct, lo_pct, hi_pct; /* Wilson, 95 %, widened by rounding_pp; lo and hi are NaN where n is unknown */
    double rounding_pp;         /* half of the last published digit; 0 where answers were counted */
    uint64_t n, correct;        /* correct 0 unless counted */
    bool counted;
    const char *provenance; /* "measured", "user", "published" */
    const char *dataset, *split, *precision;
    const char *preprocessing; /* of the images, in one line; NULL not known */
    const char *citation;      /* of published figures; NULL else */
    const uint8_t *answers;    /* one bit per image, least significant first; NULL: none kept */
    uint64_t answer_count;
    bool elsewhere;   /* the store has one on other images, of another split or precision; it does not compare */
    bool user_unused; /* a user's stands beside the measured one, and is not used */
};

/* What the figures of one inference were taken from; the words reach users. */
#define GT_REPORT_HOOKS_OFF "hooks off" /* inferences were observed, their units were not */
#define GT_REPORT_HOOKED "hooked"       /* both were */
#define GT_REPORT_WHOLE_RUN "whole run" /* the whole run, divided by a number that the program or a person gave */

struct gt_report_energy {
    bool known;
    double uj, lo_uj, hi_uj; /* per inference, attributed; lo and hi are NaN when no bounds are known */
    const char *kind;        /* of the bounds: "range", "ci95" */
    const char *provenance, *source, *boundary;
    const char *basis;             /* GT_REPORT_HOOKS_OFF, GT_REPORT_HOOKED, GT_REPORT_WHOLE_RUN */
    uint32_t rounds;               /* hooks-off rounds; 0 else */
    const char *caveats;           /* what was lost in those runs that changes their figures, in words; NULL nothing */
    bool other_series;             /* they are rounds of another series than the selected model's */
    double stat_lo_uj, stat_hi_uj; /* t-interval over rounds, 95 %, cut at 0; NaN below two rounds */
    double round_sd_uj;            /* standard deviation over rounds; NaN below two */
    double drift_share;            /* medians of the second half of the rounds over the first, less 1; NaN below four rounds */
    double seconds_per_inference;  /* of the same runs; NaN unknown */
    double seconds_lo, seconds_hi; /* t-interval over rounds; NaN below two */
    double dynamic_uj, idle_uj;    /* the two parts of uj; NaN unknown */
};

struct gt_report_layer {
    int64_t index; /* position of the unit in the model */
    const char *name, *op;
    const struct gt_report_member *members; /* reports/members.h */
    size_t member_count;
    uint64_t calls;
    double ns_per_call;
    bool energy_known;
    double uj_per_call, lo_uj, hi_uj;
    double share;           /* of the energy of all units of the run, or of their time where energy is unknown */
    const char *resolution; /* as in the store: what its energy was told from; NULL unknown */
    int64_t group;          /* index of its group's first unit; negative: none */
    double group_uj, group_lo_uj, group_hi_uj;
    uint64_t macs, params;
    bool macs_known;
};

/*
 * What fusing saves: the model executed in units of several layers against layer by layer, in runs that are of one comparison
 * group otherwise and taken with the same hooks. Differences are layer by layer less fused: positive where fusing saves.
 */
struct gt_report_fusing {
    bool known;    /* how the report's runs were executed; without, it is no question */
    bool compared; /* runs of both are there: the rest means something */
    bool same_series;
    bool paired; /* the rounds took turns, and the intervals over rounds are of their differences */
    struct gt_report_energy fused, layers;
    double saved_uj, saved_lo_uj, saved_hi_uj; /* of one inference; bounds NaN unknown: a range's common factor, else 95 % */
    double saved_stat_lo_uj, saved_stat_hi_uj; /* 95 % over rounds; NaN below two of each */
    double saved_share;                        /* of the joules layer by layer */
    double saved_s, saved_lo_s, saved_hi_s;    /* seconds; 95 % over rounds */
    double saved_s_share;
    const char *layers_run; /* a hooked run layer by layer of that group, else NULL */
    const char *command;    /* that makes runs of both; NULL: the runtime knows one way alone */
};

struct gt_report_closure {
    bool known;
    bool units_known;  /* units were observed: inference = units + framework, else those two mean nothing */
    bool idle_known;   /* else it is in the other parts */
    bool others_known; /* else nobody looked: a model knows this job alone */
    int64_t inference_uj, units_uj, framework_uj, idle_uj, others_uj, unattributed_uj, total_uj;
    const char *kind, *provenance;
    bool unattributed_flagged; /* above 5 % of the job's dynamic part: inferences + unattributed; as ingest judged it */
};

enum { GT_REPORT_HULL_MODELS = 3 /* SCALING.md, "Few points": two are one test, no hull */ };
#define GT_REPORT_PUBLISHED_ROUNDING_PP 0.05 /* published accuracies have one decimal */
#define GT_REPORT_DRIFT_FLAG 0.05            /* SCALING.md, "Measuring" */

/* One model of the family, in order of φ. */
struct gt_report_row {
    const char *name, *digest, *weights;
    bool selected;       /* the model that was asked for */
    double phi, phi_eff; /* NaN unknown; phi_eff = log2(MACs / MACs of φ = 0) */
    uint64_t macs, params;
    bool macs_known, params_known;
    struct gt_report_accuracy accuracy;
    struct gt_report_energy energy;
    double cost;                                         /* on the report's axis; NaN unknown */
    bool judged;                                         /* has accuracy and cost: takes part in the decision */
    bool on_front, on_hull;                              /* Pareto front; hull in (E, A) */
    bool dominated;                                      /* judged and not on the front */
    double gain_pp_per_doubling, gain_lo_pp, gain_hi_pp; /* from the judged model before it; NaN for the first */
};

/* A consecutive pair of judged models, with the tests of SCALING.md. */
struct gt_report_step {
    size_t from, to; /* rows */
    struct gt_step step;
};

/* A slope of the hull: `to` instead of `from` is optimal from here on. */
struct gt_report_break {
    size_t from, to;                /* rows */
    double pp_per_unit;             /* λ: percentage points per unit of the axis */
    double cost_per_correct_answer; /* 100 / λ, in units of the axis */
    double cost_lo, cost_hi;        /* of cost_per_correct_answer, by the common factor of modelled joules; NaN else */
    double kwh_per_million;         /* of the additional cost; NaN unless the axis is joules */
};

/* A slope of the hull in (log2 E, A). */
struct gt_report_tau {
    size_t from, to;
    double pp_per_doubling;
};

/* A model of the family that is not compared, and why. */
struct gt_report_left_out {
    const char *name, *digest, *reason;
};

struct gt_report {
    bool
        family_alone; /* no model was asked for: name to params, accuracy, energy, layers, closure are unknown; family is not */
    /* identity */
    const char *name, *family, *digest, *weights, *precision, *runtime;
    const char *execution; /* GT_EXECUTION_FUSED, GT_EXECUTION_LAYERS; NULL not known */
    double phi, phi_eff;
    uint64_t macs, params;
    bool macs_known, params_known;
    /* group and provenance of the figures */
    const char *group_text; /* one line: dataset, host class, build, precision, threads, batch, source, boundary */
    const char *run_id;     /* of the layers and the closure; NULL none */
    const char *host_text;
    const char *method; /* of attribution: "time" */
    uint32_t method_version;
    struct gt_report_accuracy accuracy;
    struct gt_report_energy energy;
    struct gt_report_layer *layers; /* costliest first */
    size_t layer_count;
    const char *layer_provenance; /* of the layers' energy */
    struct gt_report_closure closure;
    struct gt_report_fusing fusing;
    size_t run_models;       /* in the run of layers and closure: the closure covers all of them */
    bool idle_unknown;       /* no calibration: the split into dynamic and idle is not known */
    const char *wattage_row; /* of the table that modelled it, with source and year; NULL when measured */
    struct gt_report_row *rows;
    size_t row_count;
    const char *axis;    /* "J", "s", "GMAC" per inference; NULL when nothing can be judged */
    size_t judged_count; /* rows with accuracy and cost */
    struct gt_report_step *steps;
    size_t step_count;
    struct gt_report_break *breaks;
    size_t break_count;
    struct gt_report_tau *taus;
    size_t tau_count;
    const struct gt_report_row *knee_linear, *knee_log; /* descriptions; NULL: none, or fewer than five points */
    const struct gt_report_row *beyond;                 /* no measurable gain beyond this one; NULL: not so, or not known */
    struct gt_report_left_out *left_out;
    size_t left_out_count;
    bool random_weights, modelled; /* of anything that is judged */
    bool published;                /* the accuracies are published ones: of trained weights, not of those that were run */
    const char *labels;            /* whose accuracies and joules stand side by side; NULL unless published */
    const char *headline;
    const char *const *notes; /* flags, left-out models, assumptions, how to get what is missing */
    size_t note_count;
    const char *const *candidates; /* after GT_E_AMBIGUOUS and GT_E_NOENT: models, or families, that the store has */
    size_t candidate_count;
};

/*
 * Builds the report of one model, or of a family. GT_E_NOENT: no such model or family; GT_E_AMBIGUOUS: several (candidates
 * are filled, and named in the error's text); GT_E_NOMEM; whatever the store reports.
 */
enum gt_status gt_report_build(struct gt_store *store, const struct gt_report_query *query, struct gt_arena *arena,
                               struct gt_report *report, struct gt_err *err);

struct gt_report_view {
    size_t layers; /* rows of the text table of layers; 0: GT_REPORT_LAYERS, SIZE_MAX: all. JSON and CSV always have all. */
};

enum { GT_REPORT_LAYERS = 10, GT_REPORT_FORMAT_VERSION = 1 /* of the JSON */ };

/* Lays the report out as sections. `view` NULL: defaults. */
void gt_report_document(const struct gt_report *report, const struct gt_report_view *view, struct gt_arena *arena,
                        struct gt_document *document);

#endif
