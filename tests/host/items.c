/*
 * items WAY: items by greentrack.h in a process that ends in an unusual way, or whose sampler starts meanwhile.
 *   exit, _exit, kill, abort, exec   100 times 1 ms of work and 10 items, then that
 *   fork                             four children that do the same and end by _exit; one item of the parent's
 *   threads                          eight threads at once, 1000 times one item each, then 20 ms
 */
#include "plugin/greentrack.h"
#include "tests/host/common.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8, WORKERS = 4 };

static pthread_barrier_t barrier;

static void work(void)
{
    for (int i = 0; i < 100; i++) {
        usleep(1000);
        greentrack_items(10);
    }
}

static void *report(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 1000; i++)
        greentrack_items(1);
    return NULL;
}

static int start_threads(void)
{
    pthread_t threads[THREADS];
    if (pthread_barrier_init(&barrier, NULL, THREADS) != 0)
        return 1;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, report, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    usleep(20000);
    return 0;
}

static int fork_workers(void)
{
    greentrack_items(1);
    usleep(5000);
    for (int i = 0; i < WORKERS; i++)
        if (fork() == 0) {
            work();
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "exit";
    if (strcmp(way, "threads") == 0)
        return start_threads();
    if (strcmp(way, "fork") == 0)
        return fork_workers();
    work();
    if (strcmp(way, "_exit") == 0)
        _exit(0);
    if (strcmp(way, "kill") == 0)
        kill(getpid(), SIGKILL);
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "exec") == 0)
        execl("/bin/true", "true", (char *)NULL);
    return 0;
}
