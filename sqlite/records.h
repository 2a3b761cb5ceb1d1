/*
 * What the store holds, as plain structs: the language between ingest, the store and the reports.
 *
 * Strings and arrays are borrowed: from the caller when written, from the caller's arena when read. Unknown is never zero: an
 * integer that is not known is GT_UNKNOWN (stored as NULL), a double NaN, a string NULL. Times are nanoseconds, energies
 * microjoules, counts integers. Identifiers are lower-case hexadecimal: runs 32 digits, models and datasets 64 (SHA-256),
 * host classes 16.
 */
#ifndef GT_SQLITE_RECORDS_H
#define GT_SQLITE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GT_UNKNOWN INT64_MIN

/* A figure with its bounds; all three GT_UNKNOWN when nothing is known, the bounds alone when they are not. */
struct gt_figure_uj {
    int64_t uj, lo_uj, hi_uj;
};

/* The host class: what two machines must have in common before their joules are compared (energy/host.h makes the id). */
struct gt_host_record {
    const char *id, *text;
    const char *cpu_model, *vendor, *microcode, *governor;
    int64_t family, model, stepping, cpus_online, cpus_allowed, memory_bytes;
    int64_t turbo, hypervisor; /* 0, 1 or GT_UNKNOWN */
};

struct gt_member_record {
    const char *name, *op;
    int64_t macs, params;
    int64_t bytes; /* traffic of the layer alone, one image: inputs, weights and outputs, each once */
};

/* A unit of a model, or a region that a program named itself: those of a model of regions alone are told apart by name. */
struct gt_unit_record {
    int64_t index; /* position in the model; the store has its own for regions, and changes a run's indices to them */
    const char *name, *op, *shape_in, *shape_out;
    int64_t macs, params;
    bool region;
    size_t member_count;
    const struct gt_member_record *members;
};

struct gt_model_record {
    const char *digest;                  /* of a foreign job without a file: SHA-256 of its labels, so that it is stable */
    const char *name, *family, *weights; /* "random", "trained", "file" */
    double phi;
    int64_t macs, params;
    size_t unit_count;
    const struct gt_unit_record *units;
    const char *division; /* which list of units (sqlite/units.h); NULL: of a model that has just one, as one of regions */
};

struct gt_dataset_record {
    const char *digest, *name, *split;
    int64_t images;
    /* The class of each image in label_bytes / images bytes, little-endian: one, or two where a class is above 255. NULL: not
     * kept. */
    const uint8_t *labels;
    size_t label_bytes;
};

/* Accuracy belongs to (model digest, dataset, split, precision, preprocessing). */
struct gt_accuracy_record {
    const char *model, *dataset; /* digests; dataset NULL for published figures without one here */
    const char *dataset_name, *split, *precision;
    const char *preprocessing; /* what was done to the images, in one line; NULL not known */
    const char *provenance;    /* "measured", "user", "published" */
    int64_t n, correct;
    double pct;                 /* as published; else 100 correct / n */
    const uint8_t *predictions; /* like the dataset's labels, in its order: prediction_bytes / n bytes each; NULL: not kept */
    size_t prediction_bytes;
    const uint8_t *answers; /* one bit per image, least significant first: 1 = right; NULL when not kept */
    size_t answer_count;    /* images, not bytes */
    const char *run;        /* the run that measured it, or NULL */
    const char *citation;   /* of published figures */
    int64_t real_ns;        /* when it was stored */
};

/* One process of a run. */
struct gt_process_record {
    int64_t pid, ppid, begin_ns, end_ns;
    const char *exe, *command, *state; /* "open", "crashed", "closed" */
};

/* What a unit took in a run, and what was attributed to it. */
struct gt_unit_energy_record {
    int64_t index; /* of the model's unit */
    int64_t calls, ns;
    double uj_per_call, lo_uj, hi_uj; /* NaN when no energy is known */
    double share;                     /* of the units' energy, 0 ... 1 */
    /* "time": split by time; "unit": its own power was measured; "group": its group's; "below resolution": neither. NULL
     * unknown */
    const char *resolution;
    int64_t group;                             /* index of its group's first unit; GT_UNKNOWN: none */
    double group_uj, group_lo_uj, group_hi_uj; /* of all of the group, per call; NaN: none */
};

/* A model's part in a run: its inferences and the energy of one. */
struct gt_run_model_record {
    const char *model; /* digest */
    /*
     * How its inferences are known: "observed" (their begin and end were hooked), "reported" (by the program) or "annotated"
     * (by a person). The energy of one that was not observed is its part of the whole run.
     */
    const char *counted;
    const char *precision, *runtime, *runtime_version;
    int64_t threads, batch;
    int64_t inferences, calls, ns;                     /* items, batches, time inside them */
    double uj_per_inference, lo_uj, hi_uj, dynamic_uj; /* attributed; NaN when no energy is known */
    double seconds_per_inference;
    size_t unit_count;
    const struct gt_unit_energy_record *units;
    const char *execution; /* GT_EXECUTION_FUSED, GT_EXECUTION_LAYERS; NULL not known */
    const char *division;  /* of the model's units that `units` index */
};

/* How a runtime executes a model; the words reach users. */
#define GT_EXECUTION_FUSED "fused"           /* units may be groups of layers */
#define GT_EXECUTION_LAYERS "layer by layer" /* a unit has one layer that multiplies, and what belongs to it */

/* What a slot of the folded trace stands for: with it, a run can be attributed again from its trace alone. */
struct gt_slot_record {
    int64_t slot;  /* as in the trace, GT_TRACE_SLOT_INFER included */
    int64_t part;  /* position among the run's models */
    int64_t index; /* of the model's unit; GT_UNKNOWN: the slot stands for its inferences */
};

/* A raw energy counter over a run. */
struct gt_counter_record {
    const char *domain;
    int64_t parent; /* position among the run's counters; GT_UNKNOWN at the root */
    int64_t package, die;
    bool additive;
    double uj_per_count;
    int64_t wrap_count;          /* GT_UNKNOWN: never wraps */
    int64_t first_raw, last_raw; /* as read */
    int64_t total_uj;            /* unwrapped: what its readings show */
    int64_t uj, lo_uj, hi_uj;    /* over the whole run, gaps and time without readings filled in; unknown in older stores */
    int64_t wraps, gaps, gap_ns;
};

/* Time over which a counter of the total, or all, said nothing that can be trusted. */
struct gt_gap_record {
    const char *domain;     /* NULL: none could be read */
    int64_t from_ns, to_ns; /* since the run began */
    const char *reason;
};

/* A versioned attribution: one way of splitting a run's energy (energy/attribute.h). All or none of the closure is known, but
 * for the parts of the inferences. */
struct gt_attribution_record {
    const char *method; /* "time" */
    int64_t version;
    const char *kind; /* of the bounds: "ci95", "range", "none" */
    const char *provenance;
    int64_t window_ns, covered_ns, window_cpu_ns;
    double cpu_share, gap_share; /* NaN unknown */
    bool idle_known;
    /* Sums exactly: total = inference + idle + others + unattributed. */
    struct gt_figure_uj inference, idle, others, unattributed, total;
    struct gt_figure_uj units, framework; /* the two parts of inference; unknown where units were not observed */
    bool unattributed_flag;
    struct gt_figure_uj run_total, run_job; /* the whole run: the machine (unknown where modelled), the job's attributed part */
    const char *model_row;                  /* of the wattage table, with its source and year; NULL when measured */
    /* Method "regression" (energy/regress.h), else GT_UNKNOWN and NaN; `refusal`: why units are split by time, NULL: no
     * question */
    const char *refusal;
    int64_t refreshes; /* of the counter, that the equations hold */
    double refresh_sigma_ns, noise_uj, spread_w, inflation;
};

/* Kinds of events that change what the figures say: reports repeat their text. */
#define GT_EVENT_WINDOW "window"   /* inferences whose time is not known, or was made up for */
#define GT_EVENT_COUNTER "counter" /* why a counter has gaps */

/* Something lost ("ring full"), a gap, or a note ("disabled": reason). */
struct gt_event_record {
    const char *kind, *text;
    int64_t count, begin_ns, end_ns;
};

/*
 * Parts of 65535 of slots of common time: [n, n + 1) × 100 ms of CLOCK_MONOTONIC (energy/attribute.h), from `first_slot` on.
 */
struct gt_shares_record {
    int64_t first_slot;
    size_t count;
    uint16_t *parts;
};

/* An event counter of a whole run. */
struct gt_run_counter_record {
    const char *name;               /* as asked for */
    int64_t value;                  /* scaled where running_ns < enabled_ns; GT_UNKNOWN: absent */
    int64_t enabled_ns, running_ns; /* when it should have counted, and when it did; over all threads */
    const char *scope;              /* "user", "kernel", "all"; NULL: absent */
    const char *reason;             /* why it is absent; NULL */
};

/* An event counter of a unit, over all its calls that were counted. */
struct gt_unit_counter_record {
    int64_t part;  /* position among the run's models */
    int64_t index; /* of the model's unit; GT_UNKNOWN: its inferences */
    const char *name;
    int64_t calls; /* those that were counted */
    double value;  /* of these, scaled where running_ns < enabled_ns; NaN: it never ran */
    int64_t enabled_ns, running_ns;
};

/* What measuring a run cost. */
struct gt_overhead_record {
    int64_t sampler_cpu_ns; /* CPU time of greentrack run while the job ran; GT_UNKNOWN: bare preload, or killed early */
    int64_t plugin_cpu_ns;  /* CPU time of the plugin's threads in the job's processes, a part of the job's; GT_UNKNOWN: none */
    int64_t hooks;          /* units and inferences that were hooked */
    double hook_ns;         /* one hook, estimated: the mean over the processes of what each tried out; NaN unknown */
};

struct gt_run_record {
    const char *id, *parent, *series; /* parent and series NULL when there is none; series: the run whose rounds these are */
    const char *link;                 /* the run that this one outlived, or NULL */
    const char *role;                 /* "run" (greentrack run), "eval", "round", "process" (bare preload), "outlived" */
    const char *state;                /* "open", "crashed", "closed" */
    const char *command, *tags;
    /* Read only: what a person said of it does not hold: it has several models by now, or one that says otherwise itself. */
    bool annotation_unused;
    int64_t exit_status, exit_signal;
    int64_t begin_real_ns, begin_ns, end_ns; /* monotonic but the first */
    const char *boot_id;
    struct gt_host_record host;
    const char *source, *boundary, *provenance;
    bool unit_hooks; /* false: inferences were observed without their units (GREENTRACK_UNITS=off) */
    int64_t round;   /* of a series, from 0 */
    int64_t cpu_ns;  /* the job's CPU time */
    int64_t machine_busy_begin_ns, machine_busy_end_ns, machine_total_begin_ns,
        machine_total_end_ns; /* /proc/stat at both ends */
    size_t process_count;
    const struct gt_process_record *processes;
    size_t model_count;
    const struct gt_run_model_record *models;
    size_t counter_count;
    const struct gt_counter_record *counters;
    size_t gap_count;
    const struct gt_gap_record *gaps; /* by time */
    size_t event_count;
    const struct gt_event_record *events;
    size_t run_counter_count;
    const struct gt_run_counter_record *run_counters;
    size_t unit_counter_count;
    const struct gt_unit_counter_record *unit_counters;
    struct gt_attribution_record attribution; /* the current one; method NULL: none */
    const uint8_t *trace;                     /* the folded trace (a BLOCK payload); NULL none */
    size_t trace_bytes;
    size_t slot_count;
    const struct gt_slot_record *slots; /* by slot */
    struct gt_shares_record shares;     /* of the machine; count 0: not known */
    struct gt_overhead_record overhead;
};

/* What a person says about a run; survives every later ingest of it. NULL, NaN and GT_UNKNOWN: not said. */
struct gt_annotation_record {
    const char *model, *family, *tags;
    double phi;
    int64_t inferences;
};

/* Idle power of a host class under a source, whole machine. */
struct gt_calibration_record {
    const char *host, *source, *boundary;
    double idle_w, lo_w, hi_w; /* 95 % */
    double busy_share, seconds;
    int64_t real_ns;
    bool forced;
};

#endif
