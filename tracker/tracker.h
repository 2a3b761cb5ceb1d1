/*
 * The greentrack command: what every verb shares.
 *
 * Life cycle: gt_tracker_main parses the verb and its options, fills one `struct gt_tracker`, lets the verb's function work
 * and frees everything. One thread. A verb prints to `out` and `err` of its context alone, and returns the exit status.
 */
#ifndef GT_TRACKER_TRACKER_H
#define GT_TRACKER_TRACKER_H

#include "core/arena.h"
#include "core/status.h"
#include "tracker/options.h"

#include <stdbool.h>
#include <stdio.h>

enum { GT_EXIT_OK = 0, GT_EXIT_FAILED = 1, GT_EXIT_USAGE = 2 };

/* Of `run` alone, as env(1) and timeout(1) have them. */
enum { GT_EXIT_OWN_FAILURE = 125, GT_EXIT_CANNOT_EXECUTE = 126, GT_EXIT_NOT_FOUND = 127 };

/* In the order of the option's choices. */
enum gt_format { GT_FORMAT_TEXT, GT_FORMAT_JSON, GT_FORMAT_CSV };

struct gt_verb;

struct gt_tracker {
    struct gt_arena arena; /* of the command; verbs allocate from it freely */
    FILE *out, *err;       /* borrowed */
    const struct gt_verb *verb;
    const struct gt_args *args;
    int argc; /* the whole command line, as it was given */
    char **argv;
    enum gt_format format;
    bool colour;   /* of `out`: a terminal, and nobody said no */
    bool progress; /* `err` is a terminal, and not --quiet */
    bool quiet;
    int columns; /* of the terminal; 80 when there is none */
};

typedef int gt_verb_fn(struct gt_tracker *tracker);

enum {
    GT_VERB_INGESTS = 1,        /* ingests the spool first */
    GT_VERB_TAKES_COMMAND = 2,  /* the first operand and all that follows belong to a command */
    GT_VERB_OWN_FAILURE_125 = 4 /* a usage error is not the job's exit status: 125 instead of 2 */
};

struct gt_verb {
    const char *name;
    const char *summary;  /* one line, no full stop */
    const char *operands; /* "RUN", "[--] COMMAND [ARG…]", "" */
    int least, most;      /* operands; most -1: any number */
    unsigned flags;
    gt_verb_fn *run;
    const struct gt_verb_option *options;
    const char *description; /* paragraphs separated by an empty line, no other line breaks */
};

/* The one table of verbs, in the order of help; NULL name behind the last. */
extern const struct gt_verb gt_verbs[];

/* NULL when there is no such verb. */
const struct gt_verb *gt_verb_find(const char *name);

/* main() without the process: returns the exit status. argv is rearranged. */
int gt_tracker_main(int argc, char **argv, FILE *out, FILE *err);

/* Prints "greentrack VERB: detail" and returns GT_EXIT_FAILED. `err` with an empty text prints its status. */
int gt_tracker_fail(struct gt_tracker *tracker, const struct gt_err *err);

/* Prints "greentrack VERB: ..." to `err`, with a line end, unless the format is empty. */
void gt_tracker_say(struct gt_tracker *tracker, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text made safe for a terminal, allocated from the command's arena ("" for NULL and when memory is out). */
const char *gt_tracker_escape(struct gt_tracker *tracker, const char *text);

/* The given value, or `otherwise` when the option was not given. */
const char *gt_tracker_text(const struct gt_tracker *tracker, enum gt_option_id id, const char *otherwise);
bool gt_tracker_given(const struct gt_tracker *tracker, enum gt_option_id id);

/* The verbs, one file each (cmd_NAME.c). */
gt_verb_fn gt_cmd_run, gt_cmd_eval, gt_cmd_ingest, gt_cmd_list, gt_cmd_show, gt_cmd_annotate, gt_cmd_report, gt_cmd_cost,
    gt_cmd_doctor, gt_cmd_calibrate, gt_cmd_export, gt_cmd_prune, gt_cmd_version, gt_cmd_help;

#endif
