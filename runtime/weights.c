#include "runtime/weights.h"

#include <math.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* The terminating NUL goes in too: "a" "bc" and "ab" "c" are different streams. */
static uint64_t hash_string(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (unsigned char)*text) * FNV_PRIME;
    } while (*text++);
    return hash;
}

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void gtcnn_weights_seed(struct gtcnn_weights *stream, const char *model, const char *tensor)
{
    uint64_t state = hash_string(hash_string(FNV_OFFSET, model), tensor);
    for (int i = 0; i < 4; i++)
        stream->s[i] = splitmix64(&state);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t gtcnn_weights_next(struct gtcnn_weights *stream)
{
    uint64_t *s = stream->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Uniform on the odd multiples of 2^-24 in (-1, 1), from the upper 24 bits; its variance is 1/3. */
static double uniform(struct gtcnn_weights *stream)
{
    int64_t k = (int64_t)(gtcnn_weights_next(stream) >> 40);
    return (double)(2 * k + 1 - (1 << 24)) * 0x1p-24;
}

void gtcnn_weights_fill(struct gtcnn_weights *stream, float *values, size_t n, double mean, double variance)
{
    double scale = sqrt(3 * variance);
    for (size_t i = 0; i < n; i++) {
        /* The product is stored before the sum, so that no compiler may fuse them and round otherwise. */
        volatile double product = uniform(stream) * scale;
        values[i] = (float)(mean + product);
    }
}
