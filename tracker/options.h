/*
 * Options of the greentrack command: one table of all options, and per verb a list of those that it takes.
 *
 * The tables feed parsing, --help, the man page and the completion, so that none of them can say what another does not.
 * Values are checked while parsing; every complaint names the option. Pointers in `struct gt_args` are borrowed from argv
 * or from the arena. Nothing here prints.
 */
#ifndef GT_TRACKER_OPTIONS_H
#define GT_TRACKER_OPTIONS_H

#include "core/arena.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum gt_option_kind {
    GT_OPTION_FLAG,   /* takes no value */
    GT_OPTION_TEXT,   /* any text but the empty one */
    GT_OPTION_FILE,   /* a file's name (the completion offers files) */
    GT_OPTION_FOLDER, /* a folder's name */
    GT_OPTION_COUNT,  /* an integer from `low` to `high` */
    GT_OPTION_NUMBER, /* a finite decimal number from `low` to `high` */
    GT_OPTION_CHOICE  /* one of the words in `choices`, separated by | */
};

/* X(id, name, letter, kind, placeholder, choices, low, high, summary). The placeholder is what help shows for the value. */
#define GT_OPTIONS(X)                                                                                                          \
    X(HELP, "help", 'h', FLAG, "", "", 0, 0, "show this help")                                                                 \
    X(NO_COLOR, "no-color", 0, FLAG, "", "", 0, 0, "no colours, whatever the terminal (as NO_COLOR does)")                     \
    X(FORMAT, "format", 'f', CHOICE, "FORMAT", "text|json|csv", 0, 0, "text (for people, the default), json or csv")           \
    X(QUIET, "quiet", 'q', FLAG, "", "", 0, 0, "no summary and no progress")                                                   \
    X(MODEL, "model", 'm', TEXT, "NAME", "", 0, 0, "the model: its name, a part of it such as b3, or the start of its digest") \
    X(FAMILY, "family", 0, TEXT, "NAME", "", 0, 0, "the model's family")                                                       \
    X(PHI, "phi", 0, NUMBER, "N", "", -64, 64, "the scaling coefficient")                                                      \
    X(INFERENCES, "inferences", 0, COUNT, "N", "", 1, 1e15, "how many inferences (items) the run made")                        \
    X(TAGS, "tags", 0, TEXT, "TEXT", "", 0, 0, "free text kept with the run")                                                  \
    X(DATASET, "dataset", 0, TEXT, "NAME", "", 0, 0, "the dataset that the answers belong to")                                 \
    X(SPLIT, "split", 0, TEXT, "NAME", "", 0, 0, "the dataset's split (default: test)")                                        \
    X(ANSWERS, "answers", 0, FILE, "FILE", "", 0, 0, "answers to score: a predictions file, or lines INDEX LABEL PREDICTION")  \
    X(ROUNDS, "rounds", 0, COUNT, "N", "", 1, 1000, "rounds that visit every model in a rotating order, unit hooks off")       \
    X(SECONDS, "seconds", 0, NUMBER, "S", "", 0.05, 3600, "length of one round of one model (default: 1)")                     \
    X(LIMIT, "limit", 'n', COUNT, "N", "", 1, 1e9, "only the first N")                                                         \
    X(DATA, "data", 0, FOLDER, "DIR", "", 0, 0,                                                                                \
      "folder of the images: IDX files, or JPEG and PNG files in a folder for each class (default: Fashion-MNIST)")            \
    X(CLASSES, "classes", 0, FILE, "FILE", "", 0, 0, "names of the class folders in the order of the outputs, one on a line")  \
    X(RESIZE, "resize", 0, TEXT, "N", "", 0, 0, "pixels of an image's shorter side before the crop (gtcnn(1))")                \
    X(CROP, "crop", 0, TEXT, "N|none", "", 0, 0, "pixels of a side of the centre square, or the whole image (gtcnn(1))")       \
    X(INTERPOLATION, "interpolation", 0, TEXT, "FILTER", "", 0, 0, "filter of the resizing: bicubic (default) or bilinear")    \
    X(MEAN, "mean", 0, TEXT, "R,G,B", "", 0, 0, "mean of the channels, 0 to 1 (gtcnn(1))")                                     \
    X(STD, "std", 0, TEXT, "R,G,B", "", 0, 0, "standard deviation of the channels, 0 to 1 (gtcnn(1))")                         \
    X(THREADS, "threads", 't', COUNT, "N", "", 1, 1024, "threads of the runtime (default: 1)")                                 \
    X(BATCH, "batch", 'b', COUNT, "N", "", 1, 65536, "images per batch (default: the model's own, or 1)")                      \
    X(PRECISION, "precision", 0, TEXT, "PRECISION", "", 0, 0, "of the runtime: fp32 (default) or bf16 (gtcnn(1))")             \
    X(FUSING, "fusing", 0, CHOICE, "WHICH", "on|off|both", 0, 0,                                                               \
      "on (layers are fused, the default), off (layer by layer) or both, in the same rounds: what fusing saves")               \
    X(ENERGY_SOURCE, "energy-source", 0, TEXT, "SOURCE", "", 0, 0,                                                             \
      "where joules come from: auto, or a source that `greentrack doctor` lists, as perf, papi:rapl, hwmon:NAME or "           \
      "external:FILE (default: GREENTRACK_ENERGY_SOURCE, or auto)")                                                            \
    X(REQUIRE_MEASURED, "require-measured", 0, FLAG, "", "", 0, 0,                                                             \
      "refuse to model joules: fail before the job starts where no counter can be read and no meter is given")                 \
    X(INTERVAL, "interval", 0, NUMBER, "MS", "", 1, 60000, "time between two readings in milliseconds (default: 10)")          \
    X(IDLE_W, "idle-w", 0, NUMBER, "W", "", 0, 1e6,                                                                            \
      "idle power of the machine, within the energy source's boundary (default: GREENTRACK_IDLE_W, or the calibration's)")     \
    X(COUNTERS, "counters", 0, TEXT, "LIST", "", 0, 0,                                                                         \
      "event counters of the whole run, by commas: task-clock, page-faults, minor-faults, major-faults, context-switches, "    \
      "cpu-migrations, PAPI_..., libpfm4's names, or none (default: task-clock,page-faults,context-switches,cpu-migrations)")  \
    X(UNIT_COUNTERS, "unit-counters", 0, TEXT, "LIST", "", 0, 0,                                                               \
      "event counters of every unit, in the job itself: those that it can read without a system call (default: none)")         \
    X(OUTPUT, "output", 'o', FILE, "FILE", "", 0, 0, "write there instead of to standard output, atomically")                  \
    X(OLDER, "older-than", 0, NUMBER, "DAYS", "", 0, 36500, "only runs that began more than DAYS ago")                         \
    X(KEEP, "keep", 0, COUNT, "N", "", 0, 1e9, "keep the N newest")                                                            \
    X(DRY_RUN, "dry-run", 0, FLAG, "", "", 0, 0, "only say what would be done")                                                \
    X(ALL, "all", 'a', FLAG, "", "", 0, 0, "also what is hidden by default")                                                   \
    X(AGAIN, "again", 0, FLAG, "", "", 0, 0, "attribute the joules of stored runs again, by the method of this greentrack")    \
    X(FORCE, "force", 0, FLAG, "", "", 0, 0, "measure even while the machine is busy; the result says so")                     \
    X(ACCURACY, "accuracy", 0, CHOICE, "WHICH", "own|published", 0, 0,                                                         \
      "own (measured or yours, the default) or published (of other weights; both labels stand beside every figure)")           \
    X(AXIS, "axis", 0, CHOICE, "AXIS", "auto|joules|seconds|macs", 0, 0,                                                       \
      "the cost that the family is judged by (default: joules, or MACs where no energy is known)")                             \
    X(MAN, "man", 0, FLAG, "", "", 0, 0, "print the man page's tables")                                                        \
    X(COMPLETION, "completion", 0, CHOICE, "SHELL", "bash", 0, 0, "print the completion of that shell")

enum gt_option_id {
#define GT_OPTION_ENUM(id, ...) GT_OPT_##id,
    GT_OPTIONS(GT_OPTION_ENUM)
#undef GT_OPTION_ENUM
        GT_OPT_COUNT
};

struct gt_option {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum gt_option_kind kind;
    const char *placeholder, *choices;
    double low, high; /* of COUNT and NUMBER, both included */
    const char *summary;
};

extern const struct gt_option gt_options[GT_OPT_COUNT];

/* One row of a verb's list; a row with summary "" ends it. */
struct gt_verb_option {
    enum gt_option_id id;
    unsigned flags;
    const char *summary; /* what it means to this verb; NULL: the option's own */
    const char *choices; /* for this verb; NULL: the option's own */
};

enum {
    GT_OPTION_REPEATS = 1, /* may be given several times, every value counts; otherwise the last one does */
    GT_OPTION_NEEDED = 2,
    GT_OPTION_END = 4 /* behind the last row */
};

/* What was given for one option. */
struct gt_option_value {
    unsigned count;   /* times given; 0: absent, and the rest is zero */
    const char *text; /* of the last one */
    const char **all; /* `count` texts, for an option that repeats */
    double number;    /* COUNT and NUMBER */
    uint64_t integer; /* COUNT */
    unsigned choice;  /* CHOICE: position in `choices` */
};

struct gt_args {
    struct gt_option_value values[GT_OPT_COUNT];
    char **operands; /* borrowed: a rearranged part of argv, NULL behind the last */
    int operand_count;
};

enum {
    GT_ARGS_STOP_AT_OPERAND = 1 /* the first operand and all that follows are operands: `run CMD --its-option` */
};

/*
 * Parses argv[0 ... argc - 1] (without program and verb). `verb_options` ends with GT_OPTION_END. Needed options are
 * checked unless --help was given. GT_E_ARG with a text that names the option, for an unknown one with the nearest.
 */
enum gt_status gt_options_parse(const struct gt_verb_option *verb_options, unsigned flags, int argc, char **argv,
                                struct gt_arena *arena, struct gt_args *args, struct gt_err *err);

/* The verb's row for `id`, NULL when it does not take it. */
const struct gt_verb_option *gt_options_find(const struct gt_verb_option *verb_options, enum gt_option_id id);

/* Summary and choices of a row, its own or the option's. */
const char *gt_option_summary(const struct gt_verb_option *row);
const char *gt_option_choices(const struct gt_verb_option *row);

#endif
