/*
 * infer [TIMES] [PAUSE_MS] [BATCH] [THREADS]: inferences on the main thread, and the same on each of THREADS others; prints how
 * many on the main one, and errno around them.
 */
#include "tests/host/common.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { THREADS = 128 };

static int times = 10, pause_ms;
static uint32_t batch = 1;

static void work(struct host_model *host)
{
    errno = 4711;
    for (int i = 0; i < times; i++) {
        host_infer(host, 1);
        if (errno != 4711)
            exit(3);
        if (pause_ms > 0)
            usleep((unsigned)pause_ms * 1000);
        errno = 4711;
    }
}

static void *work_beside(void *unused)
{
    struct host_model host;
    (void)unused;
    host_open(&host, batch);
    work(&host);
    host_close(&host);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t thread[THREADS];
    struct host_model host;
    times = argc > 1 ? atoi(argv[1]) : times;
    pause_ms = argc > 2 ? atoi(argv[2]) : pause_ms;
    batch = argc > 3 ? (uint32_t)atoi(argv[3]) : batch;
    int threads = argc > 4 && atoi(argv[4]) <= THREADS ? atoi(argv[4]) : 0;
    host_open(&host, batch);
    printf("before\n");
    for (int i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, work_beside, NULL) != 0)
            return 4;
    work(&host);
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%d inferences\n", times);
    host_close(&host);
    return 7;
}
