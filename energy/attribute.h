/*
 * Attribution: from a folded block to joules per unit, per inference and the closure of a run. A pure function.
 *
 * Method "time", version 3 (2 took the job's share over the whole window at once; 1 gave inferences whose rows were lost, on a
 * full disk, no CPU time of their own). The energy of
 * the inference window (first inference's begin to last one's end) is split so that nothing is lost and nothing counted twice:
 *
 *   total = units + framework + idle + others + unattributed, and inference = units + framework
 *
 * - Measured: total is what the boundary's counters say; idle is idle power × window × cpus allowed / cpus online; others are
 * the rest of idle, and the dynamic energy (total - idle power × window) in proportion to the CPU time of other jobs.
 * Proportions are taken on common slots, [n, n + 1) × 100 ms of CLOCK_MONOTONIC: in each the job's share is its CPU time over
 * the machine's busy time (no less than the job's own), its dynamic energy is Σ share × (energy of the slot - idle power × its
 * time). So a job that computes while the machine draws much gets more than one that computes as long while it draws little.
 * Runs that overlap share out each slot once: what runs that were ingested before have of it
 * is not had again (tracker/claims.h), whatever the machine's ticks say. A run inside another is part of that one, and does not
 * count beside it.
 * - Modelled: dynamic is CPU time × (full - idle) W, idle is cpus allowed × idle W × window; others are not seen (0).
 *
 * The job's dynamic energy is split by its CPU time inside and between inferences (unattributed); what is inside goes to units
 * in proportion to their time, and what no unit covers is the framework's. Where no unit was observed (unit hooks off), the two
 * cannot be told apart: units_known is false and inference alone means something. Where idle power is unknown, idle is 0 and
 * lies inside the other parts: the job's share is by CPU time of everything, and the bounds span both extremes (no idle power;
 * all of it idle, shared by reserved cpus).
 *
 * The energy of an inference is *attributed*: units + framework + idle × (time covered by inferences / window), per item.
 * A unit's energy is dynamic alone, so that units add up to closure.units.
 *
 * Method "regression" (energy/regress.h): the same closure, but closure.units goes to the units by their time *and* power. Each
 * unit's power is the mean of all units plus its deviation by the regression, none below 0; its bounds are 95 % intervals of
 * the deviation, with those of the total. It is used where the batches' equations allow it (gt_regress_refusal), which needs
 * counters whose refreshes were followed, and a job that did not wait for processors inside inferences; else the method is
 * "time".
 *
 * Floating point inside, integers of µJ out; the closure and the units sum exactly. Thread-safe.
 */
#ifndef GT_ENERGY_ATTRIBUTE_H
#define GT_ENERGY_ATTRIBUTE_H

#include "energy/fold.h"
#include "energy/host.h"
#include "energy/regress.h"
#include "energy/source.h"
#include "energy/wattage.h"

enum { GT_ATTRIBUTE_VERSION = 3, GT_ATTRIBUTE_REGRESSION_VERSION = 1 };
#define GT_ATTRIBUTE_METHOD "time"
#define GT_ATTRIBUTE_REGRESSION "regression"

/* Kinds of bounds; the words reach reports. */
enum gt_bounds { GT_BOUNDS_NONE, GT_BOUNDS_CI95, GT_BOUNDS_RANGE };
const char *gt_bounds_word(enum gt_bounds bounds); /* "none", "ci95", "range" */

/* Integer microjoules with bounds: 0 <= lo <= value <= hi. */
struct gt_uj {
    int64_t uj, lo_uj, hi_uj;
};

struct gt_attribute_input {
    const struct gt_block *block;   /* merged over the whole run */
    const struct gt_block *batches; /* the same in order, in pieces: what the method "regression" needs; NULL: "time" */
    size_t batch_count;
    const struct gt_source_desc *desc; /* provenance modelled: its domains are not looked at */
    const struct gt_host *host;
    double idle_w, idle_lo_w,
        idle_hi_w; /* of the whole machine, from a calibration of the same source and boundary; NaN unknown */
};

/* Values sum to total exactly, bounds each on their own. */
struct gt_closure {
    struct gt_uj units, framework, idle, others, unattributed, total;
    struct gt_uj inference;    /* units + framework, exactly */
    double unattributed_share; /* of units + framework + unattributed; flagged above 0.05 */
    bool unattributed_flag;
};

struct gt_unit_energy {
    uint32_t slot;
    uint64_t calls, ns;
    struct gt_uj energy; /* dynamic; all units sum to closure.units */
    double ns_per_call;
    double uj_per_call, lo_uj, hi_uj; /* per call */
    double share;                     /* of closure.units, 0 ... 1 */
    double power_w;                   /* while it ran; NaN without energy */
    enum gt_resolution resolution;
    uint32_t group_slot;       /* of the group's first unit; UINT32_MAX: none */
    int group;                 /* row of the group's first unit; -1: none */
    struct gt_uj group_energy; /* of the whole group, in each of its rows */
};

/* One model's inferences. */
struct gt_infer_energy {
    uint32_t slot; /* with GT_TRACE_SLOT_INFER */
    uint64_t calls, items, ns;
    double ns_per_item;
    double uj_per_item, lo_uj, hi_uj; /* attributed, per item; 0 items: all three NaN */
    double dynamic_uj_per_item;       /* of it, without the idle share */
};

struct gt_attribution {
    int version;
    const char *method;
    const char *refusal;             /* why the units are split by time though refreshes were asked for (static text); NULL */
    struct gt_regression regression; /* its figures, without `units`; zero by "time" */
    enum gt_provenance provenance;
    enum gt_bounds kind;
    bool known;       /* false: no energy at all could be told (then every energy is 0 and kind is none) */
    bool units_known; /* false: no unit was observed, so that closure.units is 0 and closure.framework has what may be theirs */
    bool idle_known;  /* false: closure.idle is 0 and is part of the others */
    bool share_known; /* false: no machine CPU time; the job is taken for the only one */
    double cpu_share; /* of the machine's dynamic energy in the window the job's, by CPU time, 0 ... 1 */
    double gap_share; /* of the window's time that no counter covers; its energy is filled at the mean power */
    uint64_t window_ns, covered_ns;
    uint64_t window_cpu_ns; /* the job's */
    struct gt_closure closure;
    /* the whole run, from its begin to its end, sampled or not: what the machine used, and the job's attributed part of it */
    uint64_t run_ns, run_cpu_ns;
    struct gt_uj run_total, run_job;
    struct gt_uj domains[GT_SOURCE_DOMAINS]; /* over the whole run, gaps filled in; all 0 where a domain told nothing */
    const struct gt_wattage *wattage;        /* the row that modelled energy stands on; NULL when measured */
    int unit_count, infer_count;             /* rows written below */
};

/*
 * `units` and `infers` are the caller's, with room for block->head->unit_count rows each (NULL: not wanted). A run without
 * inferences has an all-zero closure; run_total and run_job are there all the same.
 */
enum gt_status gt_attribute(const struct gt_attribute_input *input, struct gt_attribution *out, struct gt_unit_energy *units,
                            struct gt_infer_energy *infers, struct gt_err *err);

#endif
