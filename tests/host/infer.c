/* infer [TIMES] [PAUSE_MS] [BATCH]: inferences on the main thread; prints how many, and errno around them. */
#include "tests/host/common.h"

#include <errno.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int times = argc > 1 ? atoi(argv[1]) : 10, pause_ms = argc > 2 ? atoi(argv[2]) : 0;
    struct host_model host;
    host_open(&host, argc > 3 ? (uint32_t)atoi(argv[3]) : 1);
    printf("before\n");
    errno = 4711;
    for (int i = 0; i < times; i++) {
        host_infer(&host, 1);
        if (errno != 4711)
            return 3;
        if (pause_ms > 0)
            usleep((unsigned)pause_ms * 1000);
        errno = 4711;
    }
    printf("%d inferences\n", times);
    host_close(&host);
    return 7;
}
