/*
 * inherit COMMAND...: runs it under a seccomp filter as containers have: the sampler's calls are EPERM or ENOSYS, none kills.
 * -t: the private descriptor table is refused, too. -k: perf_event_open kills, and all else is allowed.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REFUSE(number, error)                                                                                                  \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

int main(int argc, char **argv)
{
    int table = argc > 2 && strcmp(argv[1], "-t") == 0, kill = argc > 2 && strcmp(argv[1], "-k") == 0;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        REFUSE(SYS_unshare, EPERM),
        REFUSE(SYS_setns, EPERM),
        REFUSE(SYS_sched_setaffinity, EPERM),
        REFUSE(SYS_fallocate, ENOSYS),
        REFUSE(SYS_tgkill, EPERM),
        REFUSE(table ? SYS_close_range : SYS_perf_event_open, table ? ENOSYS : EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter killer[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (kill)
        program = (struct sock_fprog){sizeof killer / sizeof *killer, killer};
    if (argc < 2 + table + kill || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return 99;
    execvp(argv[1 + table + kill], argv + 1 + table + kill);
    perror(argv[1 + table + kill]);
    return 98;
}
