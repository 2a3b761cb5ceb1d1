/*
 * The command's two tables: verbs and options. They feed parsing, --help, the hints for misspelt words, and the man page.
 *
 * Parsing is pure: it fills a struct and an error text. All data is const; thread-safe.
 */
#ifndef GTCNN_CLI_OPTIONS_H
#define GTCNN_CLI_OPTIONS_H

#include "runtime/gtcnn.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { GTCNN_CLI_LIST_MAX = 64 };

/* Values of a repeatable option; borrowed from argv. */
struct gtcnn_cli_list {
    const char *item[GTCNN_CLI_LIST_MAX];
    uint32_t count;
};

/* What the command line says. Strings are borrowed from argv or static. */
struct gtcnn_cli_args {
    struct gtcnn_cli_list models, dumps;
    const char *data, *split, *precision, *predictions, *input, *output, *format;
    const char *classes, *crop, *interpolation, *mean, *std;
    uint64_t limit, batch, threads, resize; /* 0: not given */
    double seconds, timeout;
    const char *versus; /* of bench: peers, parted by commas; NULL: none */
    uint64_t rounds;
    uint64_t seed, epochs, warmup, patience, held_out, shift; /* of train; defaults filled in */
    double rate, momentum, decay, smoothing;
    bool no_flip, no_fuse, layers;
    bool help, man;
    const char *topic; /* of help; NULL: none */
};

/* Where the command writes. */
struct gtcnn_cli {
    FILE *out, *err;
    struct gtcnn_cli_args args;
    char *const *words; /* behind the command's name, as main got them; NULL behind the last */
};

/* One verb. `run` reports through `err`; what it prints goes to cli->out. */
struct gtcnn_cli_verb {
    const char *name;
    unsigned bit; /* GTCNN_CLI_EVAL ... */
    const char *summary, *details;
    enum gtcnn_status (*run)(struct gtcnn_cli *cli, struct gtcnn_err *err);
};

enum {
    GTCNN_CLI_EVAL = 1,
    GTCNN_CLI_RUN = 2,
    GTCNN_CLI_BENCH = 4,
    GTCNN_CLI_INFO = 8,
    GTCNN_CLI_EXPORT = 16,
    GTCNN_CLI_HELP = 32,
    GTCNN_CLI_TRAIN = 64,
    GTCNN_CLI_ALL = 127
};

enum gtcnn_cli_kind { GTCNN_CLI_FLAG, GTCNN_CLI_TEXT, GTCNN_CLI_LIST, GTCNN_CLI_COUNT, GTCNN_CLI_REAL };

struct gtcnn_cli_option {
    const char *name, *argument; /* "batch", "B"; argument NULL for a flag */
    enum gtcnn_cli_kind kind;
    size_t offset;              /* in struct gtcnn_cli_args */
    unsigned verbs;             /* that take it; a name may stand twice, for different verbs */
    unsigned required, repeats; /* that need it; that take it more than once */
    double min, max;            /* of COUNT and REAL */
    const char *choices;        /* of TEXT: "test|train"; the first is the default. NULL: any text */
    const char *help;           /* one sentence, no full stop */
};

extern const struct gtcnn_cli_verb GTCNN_CLI_VERBS[];     /* name NULL behind the last */
extern const struct gtcnn_cli_option GTCNN_CLI_OPTIONS[]; /* likewise */

/* NULL when there is none of that name. */
const struct gtcnn_cli_verb *gtcnn_cli_find_verb(const char *name);

/* The verb whose name is nearest to a misspelt one, or NULL when none is near. */
const char *gtcnn_cli_nearest_verb(const char *name);

/* Edits (insert, delete, replace, swap neighbours) from one word to the other; words are cut at 31 bytes. */
unsigned gtcnn_cli_distance(const char *a, const char *b);

/*
 * Parses the words behind the verb. GTCNN_E_ARG with a text for the user; with --help among them it succeeds whatever else is
 * missing. Options: "--name value" or "--name=value".
 */
enum gtcnn_status gtcnn_cli_parse(const struct gtcnn_cli_verb *verb, int argc, char *const argv[], struct gtcnn_cli_args *args,
                                  struct gtcnn_err *err);

#endif
