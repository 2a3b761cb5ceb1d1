/*
 * A worker process that bench --vs asks, and the line protocol with it (contrib/peers/README.md): a request is a line of words
 * parted by tabs; so is the one answer to each, "ok" and what was asked for, "absent" or "error" and a text.
 *
 * Life cycle: gtcnn_peer_start -> gtcnn_peer_ask ... -> gtcnn_peer_stop. A peer that does not answer, ends or writes nonsense
 * is killed; every later request then fails. Nothing is left behind by any of it.
 */
#ifndef GTCNN_CLI_PEER_H
#define GTCNN_CLI_PEER_H

#include "runtime/gtcnn.h"

#include <sched.h>
#include <stdio.h>
#include <sys/types.h>

enum { GTCNN_PEER_LINE = 4096, GTCNN_PEER_FIELDS = 8, GTCNN_PEER_PROTOCOL = 1 };

/* What a worker is: a program, or a function in a new process (then `argv` is NULL), which returns the exit status. */
struct gtcnn_peer_program {
    char *const *argv;
    int (*serve)(void *context, FILE *in, FILE *out);
    void *context;
    const cpu_set_t *cpus; /* that it may use; NULL or an empty set: all */
    const char *log;       /* file that gets what it prints to stderr */
};

struct gtcnn_peer {
    pid_t pid;                     /* 0: none */
    int to, from;                  /* descriptors; owned */
    char line[GTCNN_PEER_LINE];    /* the last answer, cut into fields */
    char pending[GTCNN_PEER_LINE]; /* what has come of the next one */
    size_t pending_bytes;
    const char *field[GTCNN_PEER_FIELDS]; /* behind "ok"; "" where the answer has fewer */
    char log[256];
};

/* Starts it. GTCNN_E_IO: no process or pipe to be had. What it says first is the answer to a request of NULL. */
enum gtcnn_status gtcnn_peer_start(struct gtcnn_peer *peer, const struct gtcnn_peer_program *program, struct gtcnn_err *err);

/*
 * Writes the request (NULL: none) and waits for the answer for at most so many seconds. GTCNN_OK: peer->field has it.
 * GTCNN_E_NOENT: "absent". GTCNN_E_UNSUPPORTED: "error". GTCNN_E_IO: it died, was silent, or SIGINT or SIGTERM is pending
 * (which the caller blocks). The text says what happened, with the last line of its log where it died.
 */
enum gtcnn_status gtcnn_peer_ask(struct gtcnn_peer *peer, double timeout_s, const char *request, struct gtcnn_err *err);

/* A field as a number that is not negative; GTCNN_E_FORMAT when it is none. */
enum gtcnn_status gtcnn_peer_number(const struct gtcnn_peer *peer, int field, double *value, struct gtcnn_err *err);

/* Ends it: by "quit" where it still lives, by SIGKILL where that does not help. A peer that was never started is allowed. */
void gtcnn_peer_stop(struct gtcnn_peer *peer);

#endif
