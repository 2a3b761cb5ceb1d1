/*
 * terminal COLUMNS [wait=TEXT | type=TEXT | pause=MS]... -- COMMAND...: runs the command on a pseudo-terminal of that width,
 * takes the steps one after another and prints what the terminal showed. Ends as the command does (128 and the signal where one
 * killed it), by 99 when a text does not come within 20 seconds: then closing the terminal hangs the command up.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, SHOWN_BYTES = 1 << 20 };

struct screen {
    int fd;
    char shown[SHOWN_BYTES + 1]; /* a string: nothing shown has a zero byte in it */
    size_t length, waited;       /* what was waited for ends at `waited`: the next text comes after it */
};

static _Noreturn void give_up(const struct screen *s, const char *why, const char *what)
{
    fprintf(stderr, "terminal: %s '%s'; shown since: '%s'\n", why, what, s->shown + s->waited);
    exit(99);
}

static long now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 0 when the last one that had the terminal open is gone (Linux says EIO then), else 1. */
static int show(struct screen *s, long until_ms, const char *wanted)
{
    long left = until_ms - now_ms();
    struct pollfd readable = {.fd = s->fd, .events = POLLIN};
    if (s->length == SHOWN_BYTES)
        give_up(s, "too much is shown before", wanted);
    if (left <= 0 || poll(&readable, 1, (int)left) == 0)
        give_up(s, "waited in vain for", wanted);
    ssize_t n = read(s->fd, s->shown + s->length, SHOWN_BYTES - s->length);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n <= 0)
        return 0;
    s->length += (size_t)n;
    return 1;
}

static void wait_for(struct screen *s, const char *text)
{
    long until_ms = now_ms() + PATIENCE_MS;
    const char *found;
    while (!(found = strstr(s->shown + s->waited, text)))
        if (!show(s, until_ms, text))
            give_up(s, "the end came before", text);
    s->waited = (size_t)(found - s->shown) + strlen(text);
}

static void type(struct screen *s, const char *text)
{
    if (write(s->fd, text, strlen(text)) != (ssize_t)strlen(text))
        give_up(s, "could not type", text);
}

static void pause_ms(struct screen *s, const char *text)
{
    (void)s;
    usleep((unsigned)atoi(text) * 1000);
}

static const struct {
    const char *name;
    void (*take)(struct screen *s, const char *text);
} steps[] = {{"wait=", wait_for}, {"type=", type}, {"pause=", pause_ms}};

static void take(struct screen *s, const char *step)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strncmp(step, steps[i].name, strlen(steps[i].name)) == 0) {
            steps[i].take(s, step + strlen(steps[i].name));
            return;
        }
    give_up(s, "no such step:", step);
}

static int status_of(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 99;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    static struct screen screen;
    int command = 2;
    while (command < argc && strcmp(argv[command], "--") != 0)
        command++;
    if (command + 1 >= argc)
        return 99;
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)atoi(argv[1])};
    pid_t pid = forkpty(&screen.fd, NULL, NULL, &size);
    if (pid == 0) {
        execvp(argv[command + 1], argv + command + 1);
        perror(argv[command + 1]);
        _exit(127);
    }
    if (pid < 0)
        return 99;
    for (int i = 2; i < command; i++)
        take(&screen, argv[i]);
    for (long until_ms = now_ms() + PATIENCE_MS; show(&screen, until_ms, "the end");)
        ;
    fwrite(screen.shown, 1, screen.length, stdout);
    return status_of(pid);
}
