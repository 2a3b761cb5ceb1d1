/*
 * The measuring part of `eval`: hooked passes with answers, then rounds with the unit hooks off. Part of cmd_eval. One thread.
 */
#ifndef GT_TRACKER_EVALRUN_H
#define GT_TRACKER_EVALRUN_H

#include "tracker/answers.h"
#include "tracker/measure.h"
#include "tracker/tracker.h"

#include <stdbool.h>
#include <stddef.h>

/* One model of the evaluation. */
struct gt_eval_model {
    const char *name;         /* as given */
    bool by_layer;            /* executed layer by layer */
    bool answered;            /* the hooked pass gave answers */
    char run_hex[GT_RUN_HEX]; /* of the hooked pass */
    struct gt_answers answers;
};

struct gt_evalrun {
    struct gt_eval_model *models; /* from the arena */
    size_t model_count;
    uint64_t rounds;
    bool both_ways; /* each model is there twice: fused, and layer by layer */
    bool series;    /* several runs under one parent */
    char series_hex[GT_RUN_HEX];
    int failures;    /* jobs that failed */
    int wait_status; /* of the job that a signal ended; 0: none */
};

/* Runs everything that the options ask for. GT_OK even when single jobs failed (`failures`). */
enum gt_status gt_evalrun_measure(struct gt_tracker *tracker, struct gt_evalrun *eval, struct gt_err *err);

#endif
