/*
 * Seeded weights for models that nobody has trained yet. Internal.
 *
 * A stream is seeded by the model's and the tensor's name alone: a tensor's values depend neither on the order in which tensors
 * are made nor on the machine. Generator: xoshiro256** (Blackman & Vigna, Scrambled Linear Pseudorandom Number Generators, ACM
 * TOMS 2021), its state filled by SplitMix64 from the FNV-1a hash of "model\0tensor". Values are uniform, not normal: a uniform
 * value is one exact integer and one multiplication, whereas log and cos differ in the last bit between C libraries.
 *
 * Models with such weights carry weights = "random"; their accuracy is that of guessing.
 */
#ifndef GTCNN_WEIGHTS_H
#define GTCNN_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

struct gtcnn_weights {
    uint64_t s[4];
};

void gtcnn_weights_seed(struct gtcnn_weights *stream, const char *model, const char *tensor);

/* The next 64 bits of the stream. */
uint64_t gtcnn_weights_next(struct gtcnn_weights *stream);

/* Fills `n` values, uniform around `mean` with the given variance (mean 0: exactly symmetric). */
void gtcnn_weights_fill(struct gtcnn_weights *stream, float *values, size_t n, double mean, double variance);

#endif
