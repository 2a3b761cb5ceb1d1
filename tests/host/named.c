/* named REGION...: each region once, 20 ms of work by the processor. */
#include "plugin/greentrack.h"

#include <time.h>

static long elapsed_ms(const struct timespec *since)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct timespec begin;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        greentrack_region_begin(argv[i]);
        while (elapsed_ms(&begin) < 20)
            continue;
        greentrack_region_end(argv[i]);
    }
    return 0;
}
