/*
 * timerloop INTERVAL_US SECONDS: a thread that does nothing but wake up at that pace, with the plugin's timer slack. Prints its
 * CPU time in nanoseconds and the time that passed: what any sampler of that pace costs here before it has done anything.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    uint64_t interval = argc > 1 ? strtoull(argv[1], NULL, 10) * 1000 : 0, seconds = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    if (interval == 0 || seconds == 0)
        return 9;
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    uint64_t begin = clock_ns(CLOCK_MONOTONIC), cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID), now = begin;
    for (uint64_t next = begin + interval; now < begin + seconds * 1000000000u; next += interval) {
        struct timespec t = {(time_t)(next / 1000000000u), (long)(next % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
        now = clock_ns(CLOCK_MONOTONIC);
    }
    printf("cpu_ns %llu wall_ns %llu\n", (unsigned long long)(clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu),
           (unsigned long long)(now - begin));
    return 0;
}
