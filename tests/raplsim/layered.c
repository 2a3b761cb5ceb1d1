/*
 * layered SECONDS PLAN [THREADS]: inferences of a synthetic model (runtime.c) by so many threads for so long, then its true
 * joules as JSON: {"t0_ns", "t1_ns", "cpu_ns", "uj", "units": [{"name", "calls", "uj"}, ...]}.
 */
#include "runtime/gtcnn.h"
#include "tests/raplsim/power.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 8, NAME = 32 };

struct worker {
    pthread_t thread;
    const char *plan;
    uint64_t until_ns, inferences;
};

static void *work(void *context)
{
    struct worker *w = context;
    struct gtcnn_options options = {.struct_bytes = sizeof options};
    struct gtcnn_err err = {0};
    struct gtcnn_model *model;
    float in = 0, out = 0;
    if (gtcnn_model_open(w->plan, &options, &model, &err) != GTCNN_OK) {
        fprintf(stderr, "layered: %s\n", err.text);
        exit(1);
    }
    for (; power_now_ns() < w->until_ns; w->inferences++)
        gtcnn_infer(model, &in, &out, 1);
    gtcnn_model_close(model);
    return NULL;
}

static uint64_t process_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* mW × µs = nJ. */
static void print_truth(const char *plan, uint64_t inferences, uint64_t t0_ns)
{
    double sum = 0;
    int used;
    char name[NAME];
    printf("{\"t0_ns\":%" PRIu64 ",\"t1_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"units\":[", t0_ns, power_now_ns(),
           process_cpu_ns());
    for (const char *at = plan; *at; at += used + (at[used] == ',')) {
        double us, mw;
        if (sscanf(at, "%31[^:,]:%lf:%lf%n", name, &us, &mw, &used) != 3)
            break;
        double uj = us * mw * 1e-3 * (double)inferences;
        printf("%s{\"name\":\"%s\",\"calls\":%" PRIu64 ",\"uj\":%.0f}", at == plan ? "" : ",", name, inferences, uj);
        sum += uj;
    }
    printf("],\"uj\":%.0f}\n", sum);
}

int main(int argc, char **argv)
{
    struct worker workers[THREADS];
    int threads = argc > 3 ? atoi(argv[3]) : 1;
    double seconds = argc > 2 ? atof(argv[1]) : 0;
    if (seconds <= 0 || threads < 1 || threads > THREADS) {
        fprintf(stderr, "usage: layered SECONDS PLAN [THREADS]\n");
        return 2;
    }
    uint64_t t0_ns = power_now_ns(), inferences = 0;
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.plan = argv[2], .until_ns = t0_ns + (uint64_t)(seconds * 1e9)};
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 1;
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        inferences += workers[i].inferences;
    }
    print_truth(argv[2], inferences, t0_ns);
    return 0;
}
