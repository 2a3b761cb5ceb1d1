/*
 * startcost LIBRARY PROGRAM...: microseconds that preloading the library adds to the program's life, from start to end. Both
 * ways in turn, 150 times; the minima are compared, which other work on the machine hardly moves.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t once(char **argv, char **env)
{
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    uint64_t begin = now_ns();
    if (posix_spawnp(&pid, argv[0], &quiet, NULL, argv, env) != 0)
        exit(9);
    waitpid(pid, &status, 0);
    uint64_t end = now_ns();
    posix_spawn_file_actions_destroy(&quiet);
    return status == 0 ? end - begin : UINT64_MAX;
}

int main(int argc, char **argv)
{
    char preload[4096];
    char *bare[] = {"PATH=/usr/bin:/bin", NULL}, *loaded[] = {"PATH=/usr/bin:/bin", preload, NULL};
    uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
    if (argc < 3)
        return 9;
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s", argv[1]);
    for (int i = 0; i < 150; i++)
        for (int with = 0; with < 2; with++) {
            uint64_t ns = once(argv + 2, with ? loaded : bare);
            least[with] = ns < least[with] ? ns : least[with];
        }
    if (least[0] == UINT64_MAX || least[1] == UINT64_MAX)
        return 8;
    printf("%lld\n", ((long long)least[1] - (long long)least[0]) / 1000);
    return 0;
}
