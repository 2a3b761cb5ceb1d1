/*
 * What bench measures: an open model with an input of seeded noise and room for its output. Life cycle: gtcnn_subject_open ->
 * gtcnn_infer(subject.model, subject.input, subject.output, ...) -> gtcnn_subject_close.
 */
#ifndef GTCNN_CLI_SUBJECT_H
#define GTCNN_CLI_SUBJECT_H

#include "runtime/cli/options.h"
#include "runtime/cli/samples.h"

struct gtcnn_subject {
    struct gtcnn_model *model;           /* owned */
    const struct gtcnn_model_info *info; /* the model's */
    float *input, *output;               /* owned; as gtcnn_infer takes them */
    uint64_t inputs, outputs;            /* how many elements */
    uint64_t load_ns;                    /* opening the model, its file cached, and the first inference */
};

/* Opens the model with the command line's options, and makes the first inference. On failure everything is closed. */
enum gtcnn_status gtcnn_subject_open(const struct gtcnn_cli *cli, const char *name, struct gtcnn_subject *subject,
                                     struct gtcnn_err *err);
void gtcnn_subject_close(struct gtcnn_subject *subject);

/* Full batches one after the other: `least` of them, and for so many ns. `samples` (NULL: none) gets the ns of each. */
enum gtcnn_status gtcnn_subject_run(const struct gtcnn_subject *subject, uint64_t least, double ns,
                                    struct gtcnn_samples *samples, struct gtcnn_err *err);

/* Uniform noise of unit variance: the same on every run and machine. */
void gtcnn_subject_noise(float *values, uint64_t n);

/* The most memory that the process has had resident since gtcnn_subject_forget_peak, where the kernel lets that be forgotten;
 * else since it began. Bytes; 0: the kernel does not tell. */
uint64_t gtcnn_subject_peak_bytes(void);
void gtcnn_subject_forget_peak(void);

#endif
