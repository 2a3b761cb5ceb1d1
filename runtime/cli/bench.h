/* Between the files of the bench verb. Each prints to cli->out. */
#ifndef GTCNN_CLI_BENCH_H
#define GTCNN_CLI_BENCH_H

#include "runtime/cli/subject.h"

/* The beginning of a model's JSON object, up to where figures follow: what was measured, and how. No closing brace. */
void gtcnn_bench_json_head(FILE *f, const struct gtcnn_model_info *info);

/* A roofline: what each unit takes, and its shares of what the machine can do (bench_layers.c). */
enum gtcnn_status gtcnn_bench_layers(struct gtcnn_cli *cli, uint32_t index, struct gtcnn_err *err);

#endif
