/*
 * law WHAT: a program that does something between its layers which a careless guest would notice or break; the plugin's law has
 * a sentence for each. What it prints and how it ends must be the same with and without the plugin.
 */
#include "tests/host/common.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILDREN = 10, STACK = 64 * 1024, SYSTEM_SIGNALS = 32 };

static struct host_model host;

/* --- what belongs to the process or its thread and must stay as it is --------------------------------------------------------
 */

static void print_signals(void)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    for (int i = 1; i <= SIGRTMAX; i++) {
        struct sigaction action;
        if ((i < SYSTEM_SIGNALS || i >= SIGRTMIN) && sigaction(i, NULL, &action) == 0)
            printf("%d%c%c ", i,
                   action.sa_handler == SIG_DFL   ? 'd'
                   : action.sa_handler == SIG_IGN ? 'i'
                                                  : 'h',
                   sigismember(&mask, i) ? '-' : '+');
    }
    printf("\n");
}

static void print_state(void)
{
    char folder[4096];
    cpu_set_t set;
    stack_t stack;
    mode_t mask = umask(0);
    umask(mask);
    sigaltstack(NULL, &stack);
    sched_getaffinity(0, sizeof set, &set);
    printf("umask %o, folder %s, locale %s, slack %d, cpus %d, other stack %d, dumpable %d\n", (unsigned)mask,
           getcwd(folder, sizeof folder), setlocale(LC_ALL, NULL), prctl(PR_GET_TIMERSLACK), CPU_COUNT(&set), stack.ss_flags,
           prctl(PR_GET_DUMPABLE));
    print_signals();
}

static void state(void)
{
    print_state();
}

/* Every call leaves errno alone, the first one, which starts the sampler, as well. */
static void leave_errno(void)
{
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        errno = 4000 + i;
        host_infer(&host, 1);
        wrong += errno != 4000 + i;
    }
    printf("errno was changed %d times\n", wrong);
}

/* --- a filter that ends the process at the first call which only a guest would make
 * ------------------------------------------- */

#define KILL_AT(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

static void tight_filter(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        KILL_AT(SYS_getpid),
        KILL_AT(SYS_gettid),
        KILL_AT(SYS_openat),
        KILL_AT(SYS_clone3),
        KILL_AT(SYS_prctl),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf("filter: %d\n", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
    fflush(stdout);
}

/* read, write, exit and sigreturn are all that is left. */
static void strict(void)
{
    static const char text[] = "after strict mode\n";
    fflush(stdout);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) == 0) {
        ssize_t n = write(1, text, sizeof text - 1);
        syscall(SYS_exit, n > 0 ? 6 : 7);
    }
    _exit(97);
}

/* --- threads ----------------------------------------------------------------------------------------------------------------
 */

/* Its model is opened beforehand: libcrypto, which digests a model, must not be inside while exit() tears it down. */
static struct host_model second;
static void *infer_for_ever(void *unused)
{
    (void)unused;
    for (;;) {
        host_infer(&second, 1);
        pthread_testcancel();
    }
    return NULL;
}

static void *leave(void *unused)
{
    (void)unused;
    usleep(5000);
    exit(7);
}

/* exit() by one thread while others are inside layers. */
static void exit_elsewhere(void)
{
    pthread_t thread;
    host_open(&second, 1);
    pthread_create(&thread, NULL, infer_for_ever, NULL);
    pthread_create(&thread, NULL, leave, NULL);
    for (;;)
        host_infer(&host, 1);
}

static void cancel(void)
{
    host_open(&second, 1);
    for (int i = 0; i < CHILDREN; i++) {
        pthread_t thread;
        void *value = NULL;
        pthread_create(&thread, NULL, infer_for_ever, NULL);
        usleep(2000);
        pthread_cancel(thread);
        pthread_join(thread, &value);
        printf("cancelled %d\n", value == PTHREAD_CANCELED);
    }
}

/* Children are forked while another thread is inside a layer; each runs layers of its own. */
static void fork_inside(void)
{
    pthread_t thread;
    host_open(&second, 1);
    pthread_create(&thread, NULL, infer_for_ever, NULL);
    usleep(5000);
    for (int i = 0; i < CHILDREN; i++) {
        int status = 0;
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
            host_infer(&host, 3);
            _exit(20 + i);
        }
        waitpid(pid, &status, 0);
        printf("child ended with %x\n", (unsigned)status);
    }
    pthread_cancel(thread);
    pthread_join(thread, NULL);
}

/* A child that shares memory and then runs another program. */
static int run_by_vfork(void)
{
    int status = 0;
    pid_t pid = vfork();
    if (pid == 0) {
        unshare(0); /* the sampler is the parent's: nothing may be stopped for it */
        execl("/bin/sh", "sh", "-c", "exit 3", NULL);
        _exit(4);
    }
    waitpid(pid, &status, 0);
    return status;
}

static void vfork_storm(void)
{
    for (int i = 0; i < 2 * CHILDREN; i++) {
        int status = run_by_vfork();
        host_infer(&host, 1);
        if (WEXITSTATUS(status) != 3)
            printf("child %d ended with %x\n", i, (unsigned)status);
    }
}

/* --- signals ----------------------------------------------------------------------------------------------------------------
 */

static void on_fault(int number)
{
    static const char text[] = "handler on its own stack\n";
    ssize_t n = write(1, text, sizeof text - 1);
    _exit(n > 0 ? 30 + number : 1);
}

static void fault(void)
{
    stack_t stack = {.ss_sp = malloc(STACK), .ss_size = STACK};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    host_infer(&host, 2);
    fflush(stdout);
    raise(SIGSEGV);
}

/* Layers inside a handler that interrupts layers: a hook inside a hook is counted, never entered. */
static struct host_model in_handler;
static void on_alarm(int unused)
{
    (void)unused;
    host_infer(&in_handler, 1);
}

static void interrupt(void)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    host_open(&in_handler, 1);
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 200; i++) {
        kill(getpid(), SIGUSR1);
        host_infer(&host, 1);
    }
}

/* Out of an inference by longjmp, its output being where nothing may be written; then inferences from further out and further
 * in. */
static sigjmp_buf out;
static void jump(int unused)
{
    (void)unused;
    siglongjmp(out, 1);
}

static void infer_deeper(int depth, const float *input)
{
    volatile char room[512];
    room[0] = (char)depth;
    if (depth > 0)
        infer_deeper(depth - 1, input);
    else
        for (int i = 0; i < 4; i++)
            gtcnn_infer(host.model, input, host.output, 1);
    room[1] = room[0];
}

/* As ctypes does: the runtime's own function, past every hook but that of its units. */
static void infer_by_dlsym(int times)
{
    void *runtime = dlopen("libgtcnn.so.1", RTLD_LAZY | RTLD_NOLOAD);
    enum gtcnn_status (*infer)(struct gtcnn_model *, const float *, float *, uint32_t) =
        (enum gtcnn_status(*)(struct gtcnn_model *, const float *, float *, uint32_t))dlsym(runtime, "gtcnn_infer");
    for (int i = 0; i < times; i++)
        if (infer(host.model, host.input, host.output, 1) != GTCNN_OK)
            exit(98);
    dlclose(runtime);
}

static void leave_by_longjmp(void)
{
    struct sigaction action = {.sa_handler = jump}, before;
    float *absent = mmap(NULL, STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &action, &before);
    for (volatile int i = 0; i < 3; i++) {
        if (sigsetjmp(out, 1) == 0)
            gtcnn_infer(host.model, host.input, absent, 1);
        infer_deeper(i * 8, host.input);
        if (sigsetjmp(out, 1) == 0)
            gtcnn_infer(host.model, host.input, absent, 1);
        infer_by_dlsym(5);
        if (sigsetjmp(out, 1) == 0)
            infer_deeper(20, absent); /* before the first unit */
        infer_by_dlsym(5);
    }
    sigaction(SIGSEGV, &before, NULL);
}

static void close_everything(void)
{
    printf("close_range %ld\n", syscall(SYS_close_range, 3U, ~0U, 0U));
    int fd = dup(0);
    printf("lowest descriptor %d\n", fd);
    close(fd);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"state", state},
    {"errno", leave_errno},
    {"tight_filter", tight_filter},
    {"strict", strict},
    {"exit_elsewhere", exit_elsewhere},
    {"cancel", cancel},
    {"fork_inside", fork_inside},
    {"vfork_storm", vfork_storm},
    {"fault", fault},
    {"interrupt", interrupt},
    {"longjmp", leave_by_longjmp},
    {"close_range", close_everything},
};

static void act(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0) {
            acts[i].act();
            return;
        }
    exit(96);
}

int main(int argc, char **argv)
{
    host_open(&host, 1);
    errno = 4711;
    host_infer(&host, 10);
    printf("errno after the first layers %d\n", errno);
    usleep(20000); /* the sampler is up */
    act(argc > 1 ? argv[1] : "");
    host_infer(&host, 10);
    printf("last layers\n");
    return 5;
}
