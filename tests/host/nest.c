/* nest WHAT N: regions in regions, and around inferences. loop: region "a" of 40 ms of work, and region "b" around N times
 * region "c" of the same; infer: region "around" about each of N inferences. */
#include "plugin/greentrack.h"
#include "tests/host/common.h"

#include <string.h>
#include <time.h>

static void work(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long begin = t.tv_sec * 1000 + t.tv_nsec / 1000000;
    do
        clock_gettime(CLOCK_MONOTONIC, &t);
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < begin + ms);
}

static void loop(int times)
{
    greentrack_region_begin("a");
    work(40);
    greentrack_region_end("a");
    greentrack_region_begin("b");
    for (int i = 0; i < times; i++) {
        greentrack_region_begin("c");
        work(40);
        greentrack_region_end("c");
    }
    greentrack_region_end("b");
}

int main(int argc, char **argv)
{
    int times = argc > 2 ? atoi(argv[2]) : 1;
    if (argc > 1 && strcmp(argv[1], "loop") == 0) {
        loop(times);
        return 0;
    }
    struct host_model host;
    host_open(&host, 1);
    for (int i = 0; i < times; i++) {
        greentrack_region_begin("around");
        host_infer(&host, 1);
        greentrack_region_end("around");
    }
    host_close(&host);
    return 0;
}
