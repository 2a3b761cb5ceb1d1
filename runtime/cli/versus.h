/*
 * bench --vs: this runtime and others on one ONNX file, in rounds that visit all of them in turn, beginning with another one
 * each time. versus.c measures, versus_print.c tells. Everything runs in processes of its own (peer.h), one for each contender
 * and model, so that load times and memory are theirs alone.
 */
#ifndef GTCNN_CLI_VERSUS_H
#define GTCNN_CLI_VERSUS_H

#include "runtime/cli/options.h"
#include "runtime/cli/peer.h"

enum { GTCNN_VERSUS_MOST = 12, GTCNN_VERSUS_ROUNDS = 100, GTCNN_VERSUS_LOADS = 3 };

/* What became of a contender. */
enum gtcnn_versus_state {
    GTCNN_VERSUS_OK,
    GTCNN_VERSUS_ABSENT, /* it is not installed */
    GTCNN_VERSUS_FAILED, /* it could not do it, died or was silent */
    GTCNN_VERSUS_DIFFERS /* its answer is another one */
};

struct gtcnn_contender {
    const char *name; /* "gtcnn", "openvino-f32", ... */
    bool ours;
    struct gtcnn_peer peer;
    enum gtcnn_versus_state state;
    char reason[GTCNN_ERR_TEXT]; /* unless OK */
    char version[64], precision[32], note[256];
    double load_ns[GTCNN_VERSUS_LOADS]; /* each in a process of its own */
    double error;                       /* largest difference from ours over our largest magnitude; NaN: not compared */
    double peak_bytes, python_bytes;
    uint64_t warm, calls;                 /* of each round */
    double round_ns[GTCNN_VERSUS_ROUNDS]; /* the median of a call, round by round */
    double min_ns;                        /* of all calls */
};

struct gtcnn_versus {
    struct gtcnn_cli *cli;
    const char *model; /* as the command line names it */
    char folder[128];  /* owned: removed at the end */
    char file[GTCNN_PEER_LINE], shape[128], isa[16], weights[16], how[32];
    uint32_t batch, threads, cpu_count, rounds;
    cpu_set_t cpus;
    struct gtcnn_contender contender[GTCNN_VERSUS_MOST]; /* the first is this runtime as it comes */
    uint32_t count;
};

enum gtcnn_status gtcnn_bench_versus(struct gtcnn_cli *cli, struct gtcnn_err *err);

/* How a contender compares with another one, over the rounds: the median, least and largest of its time by the other's. */
struct gtcnn_ratio {
    double median, least, most;
};
struct gtcnn_ratio gtcnn_versus_ratio(const struct gtcnn_versus *v, const struct gtcnn_contender *c,
                                      const struct gtcnn_contender *us);
/* Likewise of the fastest peer of `us`'s precision in each round; *fastest is the one of the least median. False: there is
 * none. */
bool gtcnn_versus_fastest(const struct gtcnn_versus *v, const struct gtcnn_contender *us, struct gtcnn_ratio *ratio,
                          const struct gtcnn_contender **fastest);
double gtcnn_versus_load_ns(const struct gtcnn_contender *c);
double gtcnn_versus_median_ns(const struct gtcnn_versus *v, const struct gtcnn_contender *c);

/* Prints one comparison as --format says; `index`: of the command's models, of so many. */
void gtcnn_versus_print(const struct gtcnn_versus *v, uint32_t index, uint32_t models);

#endif
