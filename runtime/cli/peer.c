#include "runtime/cli/peer.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUIT_MS = 1000, POLL_MS = 100, NO_PROGRAM = 127 };

/* In the new process. Signals that the parent keeps from itself end this one, and so does the parent's end. */
static void become_worker(const struct gtcnn_peer_program *p, int in, int out)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (p->cpus && CPU_COUNT(p->cpus) > 0)
        sched_setaffinity(0, sizeof *p->cpus, p->cpus);
    int log = open(p->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (log >= 0)
        dup2(log, STDERR_FILENO);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0); /* other peers' pipes among them: else those would not see them end */
    if (p->argv) {
        execv(p->argv[0], p->argv);
        fprintf(stderr, "%s: %s\n", p->argv[0], strerror(errno));
        _exit(NO_PROGRAM);
    }
    FILE *requests = fdopen(STDIN_FILENO, "r"), *answers = fdopen(STDOUT_FILENO, "w");
    _exit(requests && answers ? p->serve(p->context, requests, answers) : NO_PROGRAM);
}

enum gtcnn_status gtcnn_peer_start(struct gtcnn_peer *peer, const struct gtcnn_peer_program *program, struct gtcnn_err *err)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1};
    *peer = (struct gtcnn_peer){.to = -1, .from = -1};
    snprintf(peer->log, sizeof peer->log, "%s", program->log);
    if (pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0)
        peer->pid = fork();
    if (to[0] < 0 || from[0] < 0 || peer->pid < 0) {
        enum gtcnn_status status = gtcnn_cli_fail(err, GTCNN_E_IO, "cannot start a process: %s", strerror(errno));
        for (int i = 0; i < 2; i++) {
            if (to[i] >= 0)
                close(to[i]);
            if (from[i] >= 0)
                close(from[i]);
        }
        peer->pid = 0;
        return status;
    }
    if (peer->pid == 0)
        become_worker(program, to[0], from[1]);
    setpgid(peer->pid, peer->pid); /* here, too: whoever comes first */
    close(to[0]);
    close(from[1]);
    peer->to = to[1];
    peer->from = from[0];
    return GTCNN_OK;
}

/* The last line that is not empty, escaped; "" where there is none. */
static const char *last_words(const char *path, char *out, size_t size)
{
    char line[512], last[512] = "";
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (*line)
            memcpy(last, line, sizeof last);
    }
    if (f)
        fclose(f);
    return gtcnn_escape(out, size, last, SIZE_MAX);
}

/* Waits for its end. The pipes go first, so that it sees that nobody asks any more. */
static int reap(struct gtcnn_peer *peer, bool kill_it)
{
    int status = 0;
    if (peer->to >= 0)
        close(peer->to);
    if (peer->from >= 0)
        close(peer->from);
    peer->to = peer->from = -1;
    for (int waited = 0; !kill_it; waited += 10) {
        pid_t ended = waitpid(peer->pid, &status, WNOHANG);
        if (ended == peer->pid) {
            peer->pid = 0;
            return status;
        }
        kill_it = (ended < 0 && errno != EINTR) || waited >= QUIT_MS;
        usleep(10000);
    }
    kill(-peer->pid, SIGKILL); /* with what it has started */
    while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR) {
    }
    peer->pid = 0;
    return status;
}

/* It has closed its end: its own, or somebody's doing. */
static enum gtcnn_status tell_death(struct gtcnn_peer *peer, struct gtcnn_err *err)
{
    char words[256];
    int status = reap(peer, false);
    last_words(peer->log, words, sizeof words);
    const char *colon = *words ? ": " : "";
    if (WIFSIGNALED(status))
        return gtcnn_cli_fail(err, GTCNN_E_IO, "died of signal %d (%s)%s%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
                              colon, words);
    return gtcnn_cli_fail(err, GTCNN_E_IO, "ended with status %d%s%s", WEXITSTATUS(status), colon, words);
}

static enum gtcnn_status give_up(struct gtcnn_peer *peer, struct gtcnn_err *err, const char *why)
{
    reap(peer, true);
    return gtcnn_cli_fail(err, GTCNN_E_IO, "%s", why);
}

/* A line from what has come into peer->line; false: there is none yet. */
static bool take_line(struct gtcnn_peer *peer)
{
    char *end = memchr(peer->pending, '\n', peer->pending_bytes);
    if (!end)
        return false;
    size_t n = (size_t)(end - peer->pending);
    memcpy(peer->line, peer->pending, n);
    peer->line[n] = 0;
    peer->pending_bytes -= n + 1;
    memmove(peer->pending, end + 1, peer->pending_bytes);
    return true;
}

static bool interrupted(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM));
}

static enum gtcnn_status read_line(struct gtcnn_peer *peer, double timeout_s, struct gtcnn_err *err)
{
    char why[96];
    double deadline = (double)gtcnn_cli_now_ns() + timeout_s * 1e9;
    while (!take_line(peer)) {
        struct pollfd wait = {.fd = peer->from, .events = POLLIN};
        if (interrupted())
            return give_up(peer, err, "interrupted");
        if ((double)gtcnn_cli_now_ns() >= deadline) {
            snprintf(why, sizeof why, "gave no answer within %.4g s", timeout_s);
            return give_up(peer, err, why);
        }
        if (poll(&wait, 1, POLL_MS) <= 0)
            continue;
        ssize_t n = read(peer->from, peer->pending + peer->pending_bytes, sizeof peer->pending - peer->pending_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return tell_death(peer, err);
        peer->pending_bytes += (size_t)n;
        if (peer->pending_bytes == sizeof peer->pending && !memchr(peer->pending, '\n', peer->pending_bytes))
            return give_up(peer, err, "answered with a line of more than 4095 bytes");
    }
    return GTCNN_OK;
}

/* Cuts the line; returns its first word. */
static const char *cut_fields(struct gtcnn_peer *peer)
{
    char *at = peer->line;
    for (int i = -1; i < GTCNN_PEER_FIELDS; i++) {
        if (i >= 0)
            peer->field[i] = at ? at : "";
        char *tab = at ? strchr(at, '\t') : NULL;
        if (tab)
            *tab = 0;
        at = tab ? tab + 1 : NULL;
    }
    return peer->line;
}

static enum gtcnn_status write_request(struct gtcnn_peer *peer, const char *request, struct gtcnn_err *err)
{
    char line[GTCNN_PEER_LINE];
    int n = snprintf(line, sizeof line, "%s\n", request);
    if (n >= (int)sizeof line)
        return gtcnn_cli_fail(err, GTCNN_E_LIMIT, "a request would have more than 4095 bytes: use shorter paths");
    if (write(peer->to, line, (size_t)n) == n) /* less than a pipe's atomic room */
        return GTCNN_OK;
    return tell_death(peer, err);
}

enum gtcnn_status gtcnn_peer_ask(struct gtcnn_peer *peer, double timeout_s, const char *request, struct gtcnn_err *err)
{
    if (peer->pid == 0)
        return gtcnn_cli_fail(err, GTCNN_E_IO, "has ended");
    enum gtcnn_status status = request ? write_request(peer, request, err) : GTCNN_OK;
    if (!status)
        status = read_line(peer, timeout_s, err);
    if (status)
        return status;
    char safe[256];
    const char *word = cut_fields(peer);
    if (strcmp(word, "ok") == 0)
        return GTCNN_OK;
    bool absent = strcmp(word, "absent") == 0;
    if (absent || strcmp(word, "error") == 0)
        return gtcnn_cli_fail(err, absent ? GTCNN_E_NOENT : GTCNN_E_UNSUPPORTED, "%s",
                              gtcnn_escape(safe, sizeof safe, peer->field[0], SIZE_MAX));
    gtcnn_escape(safe, sizeof safe, word, 60);
    reap(peer, true);
    return gtcnn_cli_fail(err, GTCNN_E_IO, "answered \"%s\", which is no answer", safe);
}

enum gtcnn_status gtcnn_peer_number(const struct gtcnn_peer *peer, int field, double *value, struct gtcnn_err *err)
{
    char safe[64], *end;
    const char *text = peer->field[field];
    *value = strtod(text, &end);
    if (*text >= '0' && *text <= '9' && !*end && isfinite(*value))
        return GTCNN_OK;
    return gtcnn_cli_fail(err, GTCNN_E_FORMAT, "answered \"%s\" where a number was asked for",
                          gtcnn_escape(safe, sizeof safe, text, 40));
}

void gtcnn_peer_stop(struct gtcnn_peer *peer)
{
    struct gtcnn_err ignored;
    if (peer->pid == 0)
        return;
    if (write_request(peer, "quit", &ignored) == GTCNN_OK)
        reap(peer, false);
}
