/*
 * zoo WHAT [WHEN]: a program that does something to itself, before its first layer ("before"), between layers ("between", also
 * the default), with output around it. What it prints and how it exits must be the same with and without the plugin.
 */
#include "tests/host/common.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static struct host_model host;

static void nothing(void)
{
}

static void close_all(void)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    /* Each descriptor is where it would be without the plugin: the lowest free one. */
    int fd = open("/dev/null", O_RDONLY);
    printf("lowest descriptor %d\n", fd);
    close(fd);
}

static void close_stdio(void)
{
    fflush(stdout);
    int saved = dup(1);
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    host_infer(&host, 3);
    int fd = open("/dev/null", O_RDWR);
    bool lowest = fd == 0;
    dup2(saved, 1);
    close(saved);
    dup2(1, 2);
    printf("descriptor 0 was free: %d\n", lowest);
}

static void unshare_user(void)
{
    int result = unshare(CLONE_NEWUSER);
    printf("unshare: %d %s\n", result, result ? strerror(errno) : "");
}

static void unshare_mounts(void)
{
    int result = unshare(CLONE_NEWNS | CLONE_FS);
    printf("unshare: %d %s\n", result, result ? strerror(errno) : "");
}

static void join_namespace(void)
{
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int result = setns(fd, CLONE_NEWNS);
    printf("setns: %d %s\n", result, result ? strerror(errno) : "");
    close(fd);
}

/* As unshare_user, by syscall(2). */
static void raw_unshare(void)
{
    long result = syscall(SYS_unshare, CLONE_NEWUSER);
    printf("unshare by syscall(): %ld %s\n", result, result ? strerror(errno) : "");
}

/* Of a child that has one of its own: the kernel refuses it to a process with a second thread. */
static void join_user_namespace(void)
{
    char path[64], word;
    int ready[2], done[2], fd = -1;
    if (pipe(ready) != 0 || pipe(done) != 0)
        exit(95);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        close(done[1]);
        word = unshare(CLONE_NEWUSER) == 0 ? 'y' : 'n';
        _exit(write(ready[1], &word, 1) == 1 && read(done[0], &word, 1) == 0 ? 0 : 1);
    }
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    if (read(ready[0], &word, 1) == 1 && word == 'y')
        fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = setns(fd, CLONE_NEWUSER);
    printf("setns of a user namespace: %d %s\n", result, result ? strerror(errno) : "");
    close(done[1]);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 2; i++)
        close(ready[i]);
    close(done[0]);
    close(fd);
}

static void change_user(void)
{
    gid_t groups[] = {65534};
    int a = setgroups(1, groups), b = setgid(65534), c = setuid(65534);
    printf("setgroups %d setgid %d setuid %d: now %d, %d groups\n", a, b, c, (int)getuid(), getgroups(0, NULL));
}

static void fork_children(void)
{
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            host_infer(&host, 5);
            printf("child %d\n", i);
            exit(10 + i);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        printf("child ended with %d\n", WEXITSTATUS(status));
    }
}

static void fork_and_underscore_exit(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        host_infer(&host, 5);
        _exit(3);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    printf("child ended with %d\n", WEXITSTATUS(status));
}

static void spawn(void)
{
    char *argv[] = {"/bin/echo", "spawned", NULL};
    pid_t pid;
    int status = 0;
    fflush(stdout);
    posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
    waitpid(pid, &status, 0);
    printf("spawned program ended with %d\n", WEXITSTATUS(status));
    fflush(stdout);
    pid = vfork();
    if (pid == 0)
        _exit(4);
    waitpid(pid, &status, 0);
    printf("vfork child ended with %d\n", WEXITSTATUS(status));
}

/* As fork, without libc knowing: its handlers are not run. */
static void raw_clone(void)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        host_infer(&host, 5);
        _exit(5);
    }
    waitpid(pid, &status, 0);
    printf("cloned child ended with %d\n", WEXITSTATUS(status));
}

static void raw_vfork(void)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = (pid_t)syscall(SYS_vfork);
    if (pid == 0)
        _exit(6);
    waitpid(pid, &status, 0);
    printf("vfork child by syscall() ended with %d\n", WEXITSTATUS(status));
}

static int install(bool by_syscall)
{
    /* Kills whoever calls something that only the sampler would: close_range, futex with a bitset is left alone. */
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pwrite64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (by_syscall) /* to all threads at once, as libseccomp does when asked */
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static void filter_by_prctl(void)
{
    printf("filter: %d\n", install(false));
}

static void filter_by_syscall(void)
{
    printf("filter: %d\n", install(true));
}

static void exhaust_descriptors(void)
{
    struct rlimit limit = {64, 64};
    int count = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    while (open("/dev/null", O_RDONLY) >= 0)
        count++;
    printf("%d descriptors, then %s\n", count, strerror(errno));
}

static void exhaust_space(void)
{
    struct rlimit limit;
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1)
        exit(99);
    fclose(file);
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = (pages + 64) * 4096; /* enough for a stack to grow, for nothing else */
    printf("limit %d\n", setrlimit(RLIMIT_AS, &limit));
}

static void limit_files(void)
{
    struct rlimit limit = {0, 0};
    printf("limit %d\n", setrlimit(RLIMIT_FSIZE, &limit));
}

static void exhaust_threads(void)
{
    struct rlimit limit = {1, 1};
    change_user(); /* root is not counted */
    printf("limit %d\n", setrlimit(RLIMIT_NPROC, &limit));
}

static void signals(void)
{
    sigset_t mask;
    struct sigaction action;
    int handlers = 0;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int i = 1; i < 65; i++)
        handlers += sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
    mode_t mode = umask(022);
    umask(mode);
    char cwd[64];
    printf("blocked %d, handlers %d, umask %o, cwd %s\n", sigismember(&mask, SIGUSR1), handlers, (unsigned)mode,
           getcwd(cwd, sizeof cwd));
}

static void change_folder(void)
{
    char cwd[64];
    if (chdir("/proc") != 0)
        return;
    host_infer(&host, 3);
    printf("cwd %s\n", getcwd(cwd, sizeof cwd));
}

static void *work(void *unused)
{
    struct host_model mine;
    (void)unused;
    host_open(&mine, 1);
    host_infer(&mine, 20);
    host_close(&mine);
    return NULL;
}

static void at_exit(void)
{
    work(NULL);
    printf("at exit\n");
}

static void exit_handler(void)
{
    atexit(at_exit);
}

static void threads(void)
{
    pthread_t thread[40];
    for (int i = 0; i < 40; i++)
        pthread_create(&thread[i], NULL, work, NULL);
    for (int i = 0; i < 40; i++)
        pthread_join(thread[i], NULL);
    printf("40 threads\n");
}

static void *late(void *unused)
{
    usleep(50000);
    work(unused);
    usleep(50000);
    printf("the last thread's words\n"); /* flushed by the exit that glibc calls for the last thread */
    return NULL;
}

static void main_leaves(void)
{
    pthread_t thread;
    atexit(at_exit);
    pthread_create(&thread, NULL, late, NULL);
    pthread_exit(NULL);
}

static void abort_itself(void)
{
    fflush(stdout);
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void exec_echo(void)
{
    fflush(stdout);
    execl("/bin/echo", "echo", "another program", (char *)NULL);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"nothing", nothing},
    {"close_all", close_all},
    {"close_stdio", close_stdio},
    {"unshare_user", unshare_user},
    {"unshare_mounts", unshare_mounts},
    {"setns", join_namespace},
    {"raw_unshare", raw_unshare},
    {"setns_user", join_user_namespace},
    {"change_user", change_user},
    {"fork", fork_children},
    {"fork_exit", fork_and_underscore_exit},
    {"spawn", spawn},
    {"raw_clone", raw_clone},
    {"raw_vfork", raw_vfork},
    {"filter_prctl", filter_by_prctl},
    {"filter_syscall", filter_by_syscall},
    {"descriptors", exhaust_descriptors},
    {"space", exhaust_space},
    {"files", limit_files},
    {"nproc", exhaust_threads},
    {"signals", signals},
    {"chdir", change_folder},
    {"atexit", exit_handler},
    {"threads", threads},
    {"main_leaves", main_leaves},
    {"abort", abort_itself},
    {"exec", exec_echo},
};

static void act(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0) {
            acts[i].act();
            return;
        }
    fprintf(stderr, "no such act: %s\n", name);
    exit(99);
}

int main(int argc, char **argv)
{
    bool before = argc > 2 && strcmp(argv[2], "before") == 0;
    host_open(&host, 1);
    printf("opened\n");
    if (before)
        act(argv[1]);
    host_infer(&host, 10);
    usleep(20000); /* the sampler is up */
    printf("first layers\n");
    if (!before)
        act(argv[1]);
    host_infer(&host, 10);
    usleep(20000);
    host_infer(&host, 10);
    printf("last layers\n");
    host_close(&host);
    return 5;
}
