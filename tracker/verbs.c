/* The table of verbs and, for each, the options that it takes. */
#include "tracker/tracker.h"

#include <stddef.h>

#define END                                                                                                                    \
    {                                                                                                                          \
        .flags = GT_OPTION_END                                                                                                 \
    }
#define COMMON                                                                                                                 \
    {GT_OPT_HELP},                                                                                                             \
    {                                                                                                                          \
        GT_OPT_NO_COLOR                                                                                                        \
    }

static const struct gt_verb_option run_options[] = {
    COMMON,
    {GT_OPT_QUIET, 0, "no summary at the end"},
    {GT_OPT_ENERGY_SOURCE},
    {GT_OPT_REQUIRE_MEASURED},
    {GT_OPT_IDLE_W},
    {GT_OPT_INTERVAL},
    {GT_OPT_COUNTERS},
    {GT_OPT_UNIT_COUNTERS},
    END,
};

static const struct gt_verb_option eval_options[] = {
    COMMON,
    {GT_OPT_MODEL, GT_OPTION_REPEATS | GT_OPTION_NEEDED, "a built-in model (fashion/b3) or an ONNX file"},
    {GT_OPT_ROUNDS},
    {GT_OPT_SECONDS},
    {GT_OPT_LIMIT, 0, "only the first N images"},
    {GT_OPT_DATA},
    {GT_OPT_CLASSES},
    {GT_OPT_RESIZE},
    {GT_OPT_CROP},
    {GT_OPT_INTERPOLATION},
    {GT_OPT_MEAN},
    {GT_OPT_STD},
    {GT_OPT_THREADS},
    {GT_OPT_BATCH},
    {GT_OPT_PRECISION},
    {GT_OPT_FUSING},
    {GT_OPT_ENERGY_SOURCE},
    {GT_OPT_IDLE_W},
    {GT_OPT_REQUIRE_MEASURED},
    {GT_OPT_INTERVAL},
    {GT_OPT_COUNTERS},
    {GT_OPT_UNIT_COUNTERS},
    {GT_OPT_QUIET},
    {GT_OPT_FORMAT},
    END,
};

static const struct gt_verb_option ingest_options[] = {
    COMMON, {GT_OPT_QUIET, 0, "say nothing unless something is wrong"}, {GT_OPT_AGAIN}, {GT_OPT_FORMAT}, END,
};

static const struct gt_verb_option list_options[] = {
    COMMON,
    {GT_OPT_FORMAT},
    {GT_OPT_MODEL, 0, "only runs of models whose name has NAME in it"},
    {GT_OPT_ALL, 0, "also the runs inside a series, which are collapsed into their parent by default"},
    {GT_OPT_LIMIT, 0, "only the N newest"},
    END,
};

static const struct gt_verb_option show_options[] = {
    COMMON,
    {GT_OPT_FORMAT},
    {GT_OPT_ALL, 0, "every layer, not only the ten that cost most"},
    END,
};

static const struct gt_verb_option annotate_options[] = {
    COMMON,
    {GT_OPT_MODEL, 0, "the name of the model that the run used"},
    {GT_OPT_FAMILY},
    {GT_OPT_PHI},
    {GT_OPT_INFERENCES},
    {GT_OPT_TAGS},
    {GT_OPT_DATASET},
    {GT_OPT_SPLIT},
    {GT_OPT_ANSWERS},
    END,
};

static const struct gt_verb_option report_options[] = {
    COMMON,
    {GT_OPT_MODEL, 0,
     "the model: its name, a part of it such as b3, or the start of its digest; without it, --family is needed"},
    {GT_OPT_FAMILY, 0, "the family that the model is looked for in; without --model, the family to report on"},
    {GT_OPT_ACCURACY},
    {GT_OPT_AXIS},
    {GT_OPT_LIMIT, 0, "list the N layers that cost most (default: 10)"},
    {GT_OPT_ALL, 0, "list all layers"},
    {GT_OPT_FORMAT},
    {GT_OPT_OUTPUT},
    END,
};

static const struct gt_verb_option cost_options[] = {
    COMMON,
    {GT_OPT_MODEL, GT_OPTION_NEEDED, "a built-in model (efficientnet/b0) or an ONNX file"},
    {GT_OPT_FORMAT},
    END,
};

static const struct gt_verb_option doctor_options[] = {
    COMMON,
    {GT_OPT_FORMAT, 0, "text (for people, the default) or json", "text|json"},
    {GT_OPT_ENERGY_SOURCE},
    END,
};

static const struct gt_verb_option calibrate_options[] = {
    COMMON,
    {GT_OPT_ENERGY_SOURCE},
    {GT_OPT_REQUIRE_MEASURED, 0, "accepted for symmetry: calibrate never models"},
    {GT_OPT_SECONDS, 0, "how long to measure (2 to 3600; default: 30)"},
    {GT_OPT_QUIET, 0, "no progress"},
    {GT_OPT_FORMAT, 0, "text (for people, the default) or json", "text|json"},
    {GT_OPT_FORCE},
    END,
};

static const struct gt_verb_option export_options[] = {
    COMMON,
    {GT_OPT_FORMAT, 0, "json (the default) or csv", "json|csv"},
    {GT_OPT_OUTPUT},
    END,
};

static const struct gt_verb_option prune_options[] = {
    COMMON, {GT_OPT_OLDER}, {GT_OPT_KEEP, 0, "keep the N newest runs"}, {GT_OPT_DRY_RUN}, {GT_OPT_FORMAT}, END,
};

static const struct gt_verb_option version_options[] = {
    COMMON,
    {GT_OPT_FORMAT, 0, "text (for people, the default) or json", "text|json"},
    END,
};

static const struct gt_verb_option help_options[] = {
    COMMON,
    {GT_OPT_MAN},
    {GT_OPT_COMPLETION},
    END,
};

const struct gt_verb gt_verbs[] = {
    {"run", "run any program and measure it", "[--] COMMAND [ARGUMENT...]", 1, -1,
     GT_VERB_TAKES_COMMAND | GT_VERB_OWN_FAILURE_125, gt_cmd_run, run_options,
     "Runs COMMAND with the plugin preloaded and reads the machine's energy counters and the CPU time of the whole process "
     "tree "
     "from outside, at fixed intervals. Standard input, output and error are the command's own. A program that cannot load the "
     "plugin (static, 32-bit, musl, set-user-ID) is measured from outside only, and that is said.\n\n"
     "The exit status is the command's; a signal that killed it kills greentrack, too. 125: greentrack itself failed; 126: the "
     "command cannot be executed; 127: it was not found. A run inside a run is shown under it and not counted twice. "
     "Processes that outlive their run are counted in it (event outlived); those that execute layers become a run of their "
     "own, "
     "linked, without joules."},
    {"eval", "measure models of the reference runtime over labelled images", "", 0, 0, GT_VERB_INGESTS, gt_cmd_eval,
     eval_options,
     "Runs gtcnn over the images of a dataset with the plugin preloaded, scores its answers against the labels and stores the "
     "accuracy with every answer and with what was done to the images. With several models, every one of them in turn.\n\n"
     "With --rounds, the joules of the models are then taken again with the unit hooks off, in rounds that visit every model "
     "in "
     "a rotating order, so that neither the hooks nor a drifting machine favour one of them."},
    {"ingest", "move the traces of the spool into the store", "[RUN]", 0, 1, 0, gt_cmd_ingest, ingest_options,
     "Reads every trace in the spool, also of programs that still run, computes the joules and writes runs to the store. A "
     "trace "
     "leaves the spool only when its run is committed and its writer has ended; the rows of a run that is still going are "
     "replaced at the next ingest. A malformed trace is moved to the folder rejected in the spool, and the others go on. All "
     "verbs that read or change runs do this first.\n\n"
     "With --again, the joules of RUN, or of all runs, are then attributed again from the folded trace that the store keeps, "
     "by "
     "the method of this greentrack. The new figures stand beside the older ones and are the ones that are shown; nothing that "
     "was measured changes. A run that has them already is left alone."},
    {"list", "list the runs", "", 0, 0, GT_VERB_INGESTS, gt_cmd_list, list_options,
     "Lists the runs of the store, the newest first. A series of runs, as eval makes, is one line."},
    {"show", "show one run", "[RUN]", 0, 1, GT_VERB_INGESTS, gt_cmd_show, show_options,
     "Shows everything that is known about one run: what ran, where, its joules with their bounds and their provenance, the "
     "closure, the layers that cost most, its child runs. RUN is the run's id or the beginning of it; last is the newest, and "
     "is meant where none is given. "
     "Gaps are times over which a counter could not be trusted, with the reason; what it may have missed is inside the "
     "bounds."},
    {"annotate", "tell what a run was", "RUN", 1, 1, GT_VERB_INGESTS, gt_cmd_annotate, annotate_options,
     "Says what a run was: its tags, and where the run does not say so itself, its model, family, scaling coefficient and "
     "number "
     "of inferences. A model that was read from a file, or is built in, keeps the name, family and φ that it has; family or φ "
     "that "
     "it leaves open are then the model's in all its runs; inferences that were observed keep their number. With --answers and "
     "--dataset, "
     "scores the answers and stores the accuracy, marked user. RUN is as for show."},
    {"report", "report on a model and its family", "", 0, 0, GT_VERB_INGESTS, gt_cmd_report, report_options,
     "Reports what is known about a model: accuracy, multiply-accumulates, joules per inference with bounds, the layers that "
     "cost most; then its family, and where scaling stops paying off. Where rounds of several evaluations are known, "
     "those of the one that ended well and has most models of the family are taken; rows of another one are noted. "
     "With --family alone, only the family. With --accuracy "
     "published, accuracies that their authors published for trained weights (efficientnet: Tan & Le 2019, table 2) are set "
     "against the joules of the weights that were run here; without it they never meet."},
    {"cost", "count a model's multiply-accumulates, parameters and bytes, layer by layer", "", 0, 0, 0, gt_cmd_cost,
     cost_options,
     "Counts exactly, without running the model: a MAC is one multiply-accumulate of a convolution or fully connected layer, "
     "for "
     "one image; what papers call FLOPs is usually this number. Parameters are counted before batch normalisation is folded. "
     "Neither spool nor store is touched."},
    {"doctor", "say what can be measured here, and how to get what cannot", "", 0, 0, 0, gt_cmd_doctor, doctor_options,
     "Looks at every energy source and at everything else that a measurement needs, and prints the least privilege that would "
     "make it available. Changes nothing."},
    {"calibrate", "measure this host's idle power", "", 0, 0, GT_VERB_INGESTS, gt_cmd_calibrate, calibrate_options,
     "Measures the idle power of this host and stores it, so that the idle share of every later run is known. The machine must "
     "be idle, and it must have an energy counter. A meter that says nothing for ten seconds ends it."},
    {"export", "write runs, layers, members, families, counters or gaps as data",
     "runs|layers|members|family|counters|unit-counters|gaps", 1, 1, GT_VERB_INGESTS, gt_cmd_export, export_options,
     "Writes one of the store's views as JSON or CSV. With --output the file appears whole or not at all."},
    {"prune", "delete old runs", "", 0, 0, GT_VERB_INGESTS, gt_cmd_prune, prune_options,
     "Deletes runs with everything that belongs to them alone. At least one of --older-than and --keep is needed; with both, a "
     "run goes only when both allow it. Child runs go with their parent."},
    {"version", "print the version", "", 0, 0, 0, gt_cmd_version, version_options,
     "Prints the version of greentrack, of its store's schema, of the traces that it reads and of the runtime."},
    {"help", "help about a verb, the man page's tables, the completion", "[VERB]", 0, 1, 0, gt_cmd_help, help_options,
     "Without a verb, lists all of them."},
    {NULL},
};
