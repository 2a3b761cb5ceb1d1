#include "tracker/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Handed on to the job. SIGTSTP, SIGTTIN and SIGTTOU are left alone: they stop this process with the job. */
static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH};

struct job {
    const struct gt_job_spec *spec;
    struct gt_job_result *result;
    pid_t child;
    bool ended;
    sigset_t awaited, old_mask;
    struct sigaction old_chld, old_pipe;
};

uint64_t gt_job_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* SIGCHLD may have been ignored by whoever started us: waiting would fail. SIGPIPE must not end the measurement. */
static void take_signals(struct job *job)
{
    sigemptyset(&job->awaited);
    sigaddset(&job->awaited, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++)
        sigaddset(&job->awaited, forwarded[i]);
    struct sigaction plain = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGCHLD, &plain, &job->old_chld);
    sigaction(SIGPIPE, &ignore, &job->old_pipe);
    sigprocmask(SIG_BLOCK, &job->awaited, &job->old_mask);
}

static void restore_signals(const struct job *job)
{
    sigaction(SIGCHLD, &job->old_chld, NULL);
    sigaction(SIGPIPE, &job->old_pipe, NULL);
    sigprocmask(SIG_SETMASK, &job->old_mask, NULL);
}

/* Between the two: the child says that it has entered, the parent that it has read, the child why it could not execute. */
struct pipes {
    int ready[2], go[2], report[2];
};

static ssize_t read_whole(int fd, void *out, size_t size)
{
    ssize_t n;
    do
        n = read(fd, out, size);
    while (n < 0 && errno == EINTR);
    return n;
}

/* In the child: waits for the word to go on. False: who started us is gone, and nobody would measure. */
static bool wait_released(const struct pipes *pipes)
{
    char word = 0;
    return write(pipes->ready[1], &word, 1) == 1 && read_whole(pipes->go[0], &word, 1) == 1;
}

/* In the child. A file without a known format goes to the shell, as execvp(3) has it. */
static void execute(const struct job *job, char **shell_argv, const struct pipes *pipes)
{
    const struct gt_job_spec *spec = job->spec;
    int report = pipes->report[1];
    close(pipes->ready[0]);
    close(pipes->go[1]); /* else the end of who started us would not be seen */
    if (spec->enter)
        spec->enter(spec->context);
    if (!wait_released(pipes))
        _exit(126);
    restore_signals(job);
    execve(spec->file, spec->argv, spec->envp);
    if (errno == ENOEXEC)
        execve("/bin/sh", shell_argv, spec->envp);
    int failed = errno;
    ssize_t written = write(report, &failed, sizeof failed);
    _exit(written == (ssize_t)sizeof failed ? 127 : 126);
}

/* "sh FILE ARGUMENT ...": owned by the caller, elements borrowed. */
static char **make_shell_argv(const struct gt_job_spec *spec)
{
    size_t n = 0;
    while (spec->argv[n])
        n++;
    char **argv = calloc(n + 2, sizeof *argv);
    if (!argv)
        return NULL;
    argv[0] = (char *)"sh";
    argv[1] = (char *)spec->file;
    for (size_t i = 1; i < n; i++)
        argv[i + 1] = spec->argv[i];
    return argv;
}

static void close_end(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The child has entered: the first readings, then its program. A child that was killed meanwhile is seen by its end. */
static void release(struct job *job, struct pipes *pipes)
{
    char word = 0;
    close_end(&pipes->ready[1]);
    close_end(&pipes->go[0]);
    close_end(&pipes->report[1]);
    read_whole(pipes->ready[0], &word, 1);
    job->result->begin_ns = gt_job_now_ns();
    job->spec->begin(job->spec->context, job->child, job->result->begin_ns);
    ssize_t n = write(pipes->go[1], &word, 1);
    (void)n;
}

/* Waits until the child has executed the program or told why it could not. */
static int read_report(int report)
{
    int failed = 0;
    return read_whole(report, &failed, sizeof failed) == (ssize_t)sizeof failed ? failed : 0;
}

static enum gt_status launch(struct job *job, struct gt_err *err)
{
    struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}};
    int *ends[] = {pipes.ready, pipes.go, pipes.report};
    enum gt_status status = GT_OK;
    char **shell_argv = make_shell_argv(job->spec);
    if (!shell_argv)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    for (int i = 0; i < 3; i++)
        if (pipe2(ends[i], O_CLOEXEC) != 0) {
            status = gt_err_set_errno(err, errno, "pipe");
            goto out;
        }
    job->child = fork();
    if (job->child < 0) {
        status = gt_err_set_errno(err, errno, "fork");
        goto out;
    }
    if (job->child == 0)
        execute(job, shell_argv, &pipes);
    release(job, &pipes);
    job->result->exec_errno = read_report(pipes.report[0]);
out:
    for (int i = 0; i < 6; i++)
        close_end(&ends[i / 2][i % 2]);
    free(shell_argv);
    return status;
}

/* Is this process group the terminal's foreground one? Then a shell is waiting to hear that the job has stopped. */
static bool in_foreground(void)
{
    int tty = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (tty < 0)
        return false;
    bool foreground = tcgetpgrp(tty) == getpgrp();
    close(tty);
    return foreground;
}

/* Reaps what has ended: the job, and orphans of its tree that this process adopted as subreaper. */
static void reap(struct job *job)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != job->child)
            continue;
        if (!WIFSTOPPED(status)) {
            job->ended = true;
            job->result->wait_status = status;
        } else if (in_foreground()) {
            raise(SIGSTOP); /* the shell continues the whole group */
        }
    }
}

/*
 * A signal that the kernel sent (si_code > 0) came from the terminal and went to the whole process group, the job included;
 * only a hangup goes to the session's leader alone.
 */
static void forward(const struct job *job, const siginfo_t *info)
{
    int number = info->si_signo;
    bool to_group = info->si_code == SI_KERNEL && !(number == SIGHUP && getsid(0) == getpid());
    bool from_job = info->si_code == SI_USER && info->si_pid == job->child;
    if (!to_group && !from_job)
        kill(job->child, number);
}

/* Until a signal or the time for a sample: one system call, where a timer beside a poll takes three. False: it is time. */
static bool wait_signal(const struct job *job, uint64_t at_ns, siginfo_t *info)
{
    uint64_t now = gt_job_now_ns(), left = at_ns > now ? at_ns - now : 0;
    struct timespec timeout = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
    return sigtimedwait(&job->awaited, info, &timeout) > 0;
}

static void watch(struct job *job, uint64_t first_ns)
{
    uint64_t next = first_ns, now;
    siginfo_t info;
    while (!job->ended) {
        if (wait_signal(job, next, &info)) {
            if (info.si_signo == SIGCHLD)
                reap(job);
            else
                forward(job, &info);
        }
        now = gt_job_now_ns();
        if (!job->ended && now >= next)
            next = job->spec->sample(job->spec->context, now);
    }
}

enum gt_status gt_job_run(const struct gt_job_spec *spec, struct gt_job_result *result, struct gt_err *err)
{
    struct job job = {.spec = spec, .result = result};
    *result = (struct gt_job_result){0};
    take_signals(&job);
    enum gt_status status = launch(&job, err);
    if (status != GT_OK)
        goto out;
    if (result->exec_errno) {
        waitpid(job.child, &result->wait_status, 0);
        goto out;
    }
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* after the fork: the job would inherit it */
    watch(&job, result->begin_ns + spec->interval_ns);
    prctl(PR_SET_TIMERSLACK, 0UL, 0UL, 0UL, 0UL); /* back to what this process was started with */
    result->end_ns = gt_job_now_ns();
out:
    restore_signals(&job);
    return status;
}

int gt_job_pass_status(int wait_status)
{
    if (!WIFSIGNALED(wait_status))
        return WEXITSTATUS(wait_status);
    int number = WTERMSIG(wait_status);
    struct rlimit none = {0, 0};
    sigset_t mask;
    setrlimit(RLIMIT_CORE, &none); /* the job's own core, if any, is the one that people want */
    prctl(PR_SET_DUMPABLE, 0);
    signal(number, SIG_DFL);
    sigemptyset(&mask);
    sigaddset(&mask, number);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    raise(number);
    return 128 + number; /* not reached but for signals that cannot be raised */
}
