/*
 * The verbs' run functions, one file each, and what they share. Each reports through `err`, prints to cli->out alone, and frees
 * all that it takes.
 */
#ifndef GTCNN_CLI_VERBS_H
#define GTCNN_CLI_VERBS_H

#include "runtime/cli/options.h"

enum gtcnn_status gtcnn_cli_eval(struct gtcnn_cli *cli, struct gtcnn_err *err);
enum gtcnn_status gtcnn_cli_run(struct gtcnn_cli *cli, struct gtcnn_err *err);
enum gtcnn_status gtcnn_cli_bench(struct gtcnn_cli *cli, struct gtcnn_err *err);
enum gtcnn_status gtcnn_cli_info(struct gtcnn_cli *cli, struct gtcnn_err *err);
enum gtcnn_status gtcnn_cli_export(struct gtcnn_cli *cli, struct gtcnn_err *err);
/* Becomes the trainer, a program of its own (gtcnn-train, which defines this function anew): the command needs no oneDNN. */
enum gtcnn_status gtcnn_cli_train(struct gtcnn_cli *cli, struct gtcnn_err *err);
enum gtcnn_status gtcnn_cli_help(struct gtcnn_cli *cli, struct gtcnn_err *err);

/* The command line's batch, threads, precision and flags; strings are borrowed from it. */
struct gtcnn_options gtcnn_cli_model_options(const struct gtcnn_cli *cli);

/* Opens a model with those; *model is owned by the caller. */
enum gtcnn_status gtcnn_cli_open(const struct gtcnn_cli *cli, const char *name, struct gtcnn_model **model,
                                 struct gtcnn_err *err);

/* "fashion/b3, weights=random, digest 0123456789ab", no newline; names escaped. */
void gtcnn_cli_print_identity(FILE *f, const struct gtcnn_model_info *info);

/* Elements of a bound shape; 0 when it is not bound. */
uint64_t gtcnn_cli_count(const struct gtcnn_shape *shape);
/* "1x3x224x224"; `out` holds 64 bytes or more. Returns `out`. */
char *gtcnn_cli_shape_text(char *out, size_t size, const struct gtcnn_shape *shape);

/* Monotonic nanoseconds. */
uint64_t gtcnn_cli_now_ns(void);

/* Runs the command: argv as main has it. Returns the exit status: 0 success, 1 failure, 2 wrong usage. */
int gtcnn_cli_main(int argc, char *const argv[], FILE *out, FILE *err);

#endif
