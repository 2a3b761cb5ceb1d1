/* Samples of one quantity, in any unit, and what is told of them. Life cycle: zeroed -> add ... -> free. */
#ifndef GTCNN_CLI_SAMPLES_H
#define GTCNN_CLI_SAMPLES_H

#include <stddef.h>

struct gtcnn_samples {
    double *value; /* owned */
    size_t count, room;
};

/* 0, or -1 when memory is out (then nothing has changed). */
int gtcnn_samples_add(struct gtcnn_samples *samples, double value);
void gtcnn_samples_free(struct gtcnn_samples *samples);

/* NaN of no samples. Median, least and most sort them. */
double gtcnn_samples_median(struct gtcnn_samples *samples);
double gtcnn_samples_least(struct gtcnn_samples *samples);
double gtcnn_samples_most(struct gtcnn_samples *samples);
double gtcnn_samples_sum(const struct gtcnn_samples *samples);

#endif
