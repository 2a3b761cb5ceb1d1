/*
 * hookcost RATE SECONDS: that many units a second that do nothing, in a burst each millisecond, on one thread. Prints the
 * median nanoseconds of one, how many there were, and memory that is resident of this process in KiB, and of it shared, a
 * quarter of the way and at the end.
 *
 * Needs a gtcnn_unit_execute that is preloaded (tests/stub/idle.c), with the plugin in front of it or not.
 */
#include "runtime/gtcnn.h"

#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UNITS = 3, MILLISECOND = 1000000, BURSTS_MAX = 1 << 22 };

typedef void unit_execute_fn(const struct gtcnn_unit *unit, void *context);

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t at_ns)
{
    struct timespec t = {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

static long status_kib(const char *name)
{
    char line[256];
    long kib = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtol(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static unit_execute_fn *find_execute(void)
{
    union {
        void *object;
        unit_execute_fn *call;
    } found = {.object = dlsym(RTLD_DEFAULT, "gtcnn_unit_execute")};
    return found.call;
}

static void describe(struct gtcnn_model_info *info, struct gtcnn_unit *units)
{
    *info = (struct gtcnn_model_info){.struct_bytes = sizeof *info,
                                      .api_version = 1,
                                      .uid = 1,
                                      .name = "idle",
                                      .phi = NAN,
                                      .weights = "random",
                                      .precision = "fp32",
                                      .batch = 1,
                                      .threads = 1,
                                      .unit_count = UNITS,
                                      .units = units,
                                      .version = "0"};
    for (uint32_t i = 0; i < UNITS; i++)
        units[i] = (struct gtcnn_unit){
            .struct_bytes = sizeof *units, .index = i, .model_uid = 1, .name = "nothing", .op = "None", .model = info};
}

int main(int argc, char **argv)
{
    struct gtcnn_model_info info;
    struct gtcnn_unit units[UNITS];
    unit_execute_fn *execute = find_execute();
    long rate = argc > 1 ? strtol(argv[1], NULL, 10) : 0, seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
    long bursts = seconds * 1000, per_burst = rate / 1000, early_kib = 0, early_shared = 0;
    float *ns = bursts > 0 && bursts <= BURSTS_MAX ? calloc((size_t)bursts, sizeof *ns) : NULL;
    if (!execute || !ns || per_burst < 1)
        return 9;
    for (long i = 0; i < bursts; i++)
        ns[i] = 1; /* resident from the start */
    describe(&info, units);
    uint64_t next = now_ns();
    for (long i = 0; i < bursts; i++) {
        uint64_t begin = now_ns();
        for (long k = 0; k < per_burst; k++)
            execute(&units[1], NULL);
        ns[i] = (float)(now_ns() - begin) / (float)per_burst;
        if (i == bursts / 4) {
            early_kib = status_kib("VmRSS:");
            early_shared = status_kib("RssShmem:");
        }
        sleep_until(next += MILLISECOND);
    }
    long late_kib = status_kib("VmRSS:"), late_shared = status_kib("RssShmem:");
    qsort(ns, (size_t)bursts, sizeof *ns, compare);
    printf("unit_ns %.1f units %ld rss_kib %ld then %ld shared_kib %ld then %ld\n", (double)ns[bursts / 2], bursts * per_burst,
           early_kib, late_kib, early_shared, late_shared);
    free(ns);
    return 0;
}
