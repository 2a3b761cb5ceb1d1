/*
 * The pure simulator of a layered job beside a counter of energy: units with durations and powers of their own, one or several
 * streams of inferences, a counter that is refreshed at its own times, a sampler that follows it (energy/ticksync.h), all on a
 * scripted clock, thousands of times faster than real time. What it yields goes the way of real runs: energy/fold, batches,
 * energy/attribute; and the truth is known.
 *
 * A scenario is a struct of numbers; each seed draws other units and other noise from it. The random numbers are xoshiro256**
 * (Blackman & Vigna 2018), seeded by splitmix64, so that a seed means the same everywhere.
 */
#ifndef GT_TESTS_LAYERS_H
#define GT_TESTS_LAYERS_H

#include "energy/attribute.h"

enum { GT_LAYERS_UNITS = 256 };

struct gt_layers {
    const char *name;
    int units, streams;
    double inference_ms;         /* sum of the units' durations */
    double shortest_us;          /* ... from here, log-uniform, */
    double longest_us;           /* ... up to here, before they are scaled to the inference */
    double gap_us;               /* between two inferences: exponential */
    double duration_jitter;      /* of a unit's duration from call to call, relative */
    double mean_w, power_spread; /* of units: log-normal, σ of ln */
    double rest_w;               /* between inferences */
    double others_w;             /* neighbour load: on and off, with means of on_ms */
    double on_ms;
    double carry_us;                         /* power follows with that delay (first order) */
    double drift;                            /* amplitude of a slow change of all powers, relative, period 7 s */
    double noise;                            /* white, per refresh, relative to its mean energy */
    double colour;                           /* of it, correlation from refresh to refresh (AR(1)) */
    double quantum_uj;                       /* of the counter */
    uint64_t wrap;                           /* in counts; 0: never */
    double period_ms;                        /* of its refresh */
    double jitter_us;                        /* of single refreshes */
    double wander_ppm;                       /* slow change of the period */
    double stalls;                           /* share of refreshes that do not happen (the next one catches up) */
    double read_us;                          /* one reading */
    double late_us;                          /* the sampler's wake-ups: exponential */
    double preempted_ms, preempted_every_ms; /* the sampler does not run for so long, so often; 0: never */
    double stride;                           /* refreshes per reading; 0: 1 */
};

extern const struct gt_layers gt_layers_scenarios[];
extern const int gt_layers_scenario_count;

struct gt_layers_unit {
    double truth_uj; /* per call, of the machine while it ran */
    double us;
    double uj, lo_uj, hi_uj; /* as attributed */
    double time_uj;          /* by its share of time */
    enum gt_resolution resolution;
    double group_truth_uj, group_uj, group_lo_uj, group_hi_uj; /* of its group, per inference; NaN: none */
};

struct gt_layers_result {
    struct gt_layers_unit units[GT_LAYERS_UNITS];
    int unit_count;
    struct gt_attribution attribution;
    double truth_total_uj; /* of the whole run, as the sampler could see it: first to last tick */
    double edge_error_ns;  /* root mean square of estimated minus true refresh times */
    double edge_sigma_ns;  /* what the sampler said it was */
    uint64_t ticks, refreshes, readings;
    double reading_share; /* of the time that the sampler spent reading */
};

/* One simulated run of `seconds`. Aborts when memory is short. */
void gt_layers_run(const struct gt_layers *scenario, uint64_t seed, double seconds, struct gt_layers_result *result);

/* The p quantile (0 ... 1) of values[0 ... n - 1], which are sorted in place. */
double gt_layers_quantile(double *values, int n, double p);

#endif
