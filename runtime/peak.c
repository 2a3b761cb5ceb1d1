/*
 * What this machine can do at most: multiply-adds that depend on nothing but their own sum, and reading memory from one end to
 * the other. Best of many short measurements, since whatever disturbs one makes it slower.
 */
#include "runtime/isa.h"
#include "runtime/model.h"
#include "runtime/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/*
 * SUMS independent chains cover two multiply-adds a cycle of a latency of 4 or 5, and fit 16 registers with two constants. A
 * task of ROUNDS takes about a millisecond: far more than handing it to threads does.
 */
enum { SUMS = 12, ROUNDS = 400000, MEASURE_MS = 60 };
#define EACH_SUM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

/* What is read: several times the last cache, within what any machine has. */
enum { LEAST_MIB = 64, MOST_MIB = 512, CACHES = 4 };

/* 16 bytes are a vector on every processor. */
typedef float vec4 __attribute__((vector_size(16), may_alias));

struct task {
    float *results;   /* one for each part, CACHE_LINE apart: the work must seem to be for something */
    const vec4 *from; /* what is read */
    uint64_t vectors;
};

enum { CACHE_LINE = 16 /* floats */ };

/* x * 0.5 + 1 goes to 2: no denormals, no infinities. Every sum begins elsewhere, which is not known before: none can be left
 * out. */
#define DECLARE(i) V x##i = one * (start + (float)(i));
#define STEP(i) x##i = MULTIPLY_ADD(x##i, half, one);
#define ADD(i) sum += x##i;

static void multiply_add_c(const void *argument, uint32_t part, uint32_t parts)
{
    (void)parts;
    float *result = &((const struct task *)argument)->results[part * CACHE_LINE], start = *result;
    typedef vec4 V;
    const V half = {0.5f, 0.5f, 0.5f, 0.5f}, one = {1, 1, 1, 1};
    V sum = {0};
#define MULTIPLY_ADD(x, a, b) ((x) * (a) + (b))
    EACH_SUM(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH_SUM(STEP)
    }
    EACH_SUM(ADD)
#undef MULTIPLY_ADD
    *result = sum[0] * 0x1p-10f;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void multiply_add_avx2(const void *argument, uint32_t part, uint32_t parts)
{
    (void)parts;
    float *result = &((const struct task *)argument)->results[part * CACHE_LINE], start = *result;
    typedef __m256 V;
    const V half = _mm256_set1_ps(0.5f), one = _mm256_set1_ps(1);
    V sum = _mm256_setzero_ps();
#define MULTIPLY_ADD _mm256_fmadd_ps
    EACH_SUM(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH_SUM(STEP)
    }
    EACH_SUM(ADD)
#undef MULTIPLY_ADD
    *result = sum[0] * 0x1p-10f;
}

__attribute__((target("avx512f"))) static void multiply_add_avx512(const void *argument, uint32_t part, uint32_t parts)
{
    (void)parts;
    float *result = &((const struct task *)argument)->results[part * CACHE_LINE], start = *result;
    typedef __m512 V;
    const V half = _mm512_set1_ps(0.5f), one = _mm512_set1_ps(1);
    V sum = _mm512_setzero_ps();
#define MULTIPLY_ADD _mm512_fmadd_ps
    EACH_SUM(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH_SUM(STEP)
    }
    EACH_SUM(ADD)
#undef MULTIPLY_ADD
    *result = sum[0] * 0x1p-10f;
}

/* A multiply-add of pairs. Its terms are the bits of pairs of bfloat16. */
__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static void multiply_add_pairs(const void *argument,
                                                                                               uint32_t part, uint32_t parts)
{
    (void)parts;
    float *result = &((const struct task *)argument)->results[part * CACHE_LINE], start = *result;
    typedef __m512 V;
    const V one = _mm512_set1_ps(1);
    const __m512bh half = (__m512bh)_mm512_set1_epi32(0x3f003f00), tiny = (__m512bh)_mm512_set1_epi32(0x33003300);
    V sum = _mm512_setzero_ps();
#define MULTIPLY_ADD(x, a, b) _mm512_dpbf16_ps(x, a, tiny)
    EACH_SUM(DECLARE)
    for (int i = 0; i < ROUNDS; i++) {
        EACH_SUM(STEP)
    }
    EACH_SUM(ADD)
#undef MULTIPLY_ADD
    *result = sum[0] * 0x1p-10f;
}
#endif

static const struct {
    const char *precision, *isa;
    uint64_t lanes; /* multiply-adds of an instruction */
    gtcnn_task_fn *multiply_add;
} peaks_of[] = {
#if defined(__x86_64__)
    {"bf16", "avx512", 32, multiply_add_pairs},
    {"fp32", "avx512", 16, multiply_add_avx512},
    {"fp32", "avx2", 8, multiply_add_avx2},
#endif
    {"fp32", "c", 4, multiply_add_c},
};

enum { ISAS = sizeof peaks_of / sizeof *peaks_of };

#define ZERO(i) vec4 x##i = {0};
#define READ(i) x##i += v[i];

static void read_memory(const void *argument, uint32_t part, uint32_t parts)
{
    const struct task *task = argument;
    uint64_t begin, end;
    gtcnn_pool_slice(task->vectors / SUMS, part, parts, &begin, &end);
    vec4 sum = {0};
    EACH_SUM(ZERO)
    for (const vec4 *v = task->from + SUMS * begin; v < task->from + SUMS * end; v += SUMS) {
        EACH_SUM(READ)
    }
    EACH_SUM(ADD)
    task->results[part * CACHE_LINE] = sum[0];
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of the fastest of all runs; the first warms up. */
static double fastest(struct gtcnn_pool *pool, gtcnn_task_fn *fn, const struct task *task)
{
    double best = 0, first = now_s(), now = first;
    for (int i = 0; i < 3 || now - first < MEASURE_MS * 1e-3; i++) {
        double begin = now_s();
        gtcnn_pool_run(pool, gtcnn_pool_threads(pool), fn, task);
        now = now_s();
        if (i == 1 || (i > 1 && now - begin < best))
            best = now - begin;
    }
    return best;
}

static uint64_t bytes_to_read(void)
{
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    uint64_t wanted = cache > 0 ? CACHES * (uint64_t)cache : 0, least = (uint64_t)LEAST_MIB << 20,
             most = (uint64_t)MOST_MIB << 20;
    return wanted < least ? least : wanted > most ? most : wanted;
}

static enum gtcnn_status measure(const struct gtcnn_kernels *kernels, struct gtcnn_pool *pool, struct gtcnn_peaks *peaks,
                                 struct gtcnn_err *err)
{
    uint64_t bytes = bytes_to_read(), threads = gtcnn_pool_threads(pool);
    struct task task = {.results = calloc(threads * CACHE_LINE, sizeof(float)), .vectors = bytes / sizeof(vec4)};
    void *memory = NULL;
    if (!task.results || posix_memalign(&memory, 64, bytes) != 0) {
        free(task.results);
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "no memory for measuring the machine's peaks");
    }
    memset(memory, 0x3f, bytes);
    task.from = memory;
    uint32_t i = 0;
    while (i + 1 < ISAS &&
           (strcmp(peaks_of[i].isa, kernels->isa) != 0 || strcmp(peaks_of[i].precision, kernels->precision) != 0))
        i++;
    peaks->isa = peaks_of[i].isa;
    peaks->threads = (uint32_t)threads;
    peaks->macs_per_second =
        (double)(threads * SUMS * ROUNDS * peaks_of[i].lanes) / fastest(pool, peaks_of[i].multiply_add, &task);
    peaks->bytes_per_second = (double)bytes / fastest(pool, read_memory, &task);
    free(memory);
    free(task.results);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_measure_peaks(const struct gtcnn_options *options, struct gtcnn_peaks *peaks, struct gtcnn_err *err)
{
    const struct gtcnn_kernels *kernels;
    struct gtcnn_options chosen;
    gtcnn_options_take(&chosen, options);
    enum gtcnn_status status = gtcnn_isa_choose(chosen.flags & GTCNN_BF16 ? "bf16" : "fp32", &kernels, err);
    if (status)
        return status;
    uint32_t threads = chosen.threads ? chosen.threads : 1;
    if (threads > GTCNN_POOL_MAX)
        return gtcnn_err_set(err, GTCNN_E_ARG, "%u threads: at most %d are supported", threads, GTCNN_POOL_MAX);
    struct gtcnn_pool *pool = gtcnn_pool_new(threads);
    if (!pool)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "cannot start %u threads: %s", threads, strerror(errno));
    struct gtcnn_peaks found = {.struct_bytes = peaks->struct_bytes};
    status = measure(kernels, pool, &found, err);
    if (!status) /* an older caller's struct is shorter */
        memcpy(peaks, &found, peaks->struct_bytes < sizeof found ? peaks->struct_bytes : sizeof found);
    gtcnn_pool_free(pool);
    return status;
}
