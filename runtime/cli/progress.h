/* A line of progress on a terminal; nothing anywhere else. Not thread-safe. */
#ifndef GTCNN_CLI_PROGRESS_H
#define GTCNN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct gtcnn_progress {
    FILE *file;
    bool on;
    uint64_t first;             /* of the count when it began */
    uint64_t begin_ns, next_ns; /* when it began; not before this time again */
};

/* `first`: how many are done already, which the speed of this work is not judged by. */
void gtcnn_progress_begin(struct gtcnn_progress *p, FILE *file, uint64_t first);
/* A bar, the count, and the time left at the speed so far; at most five times a second. */
void gtcnn_progress_update(struct gtcnn_progress *p, uint64_t done, uint64_t total, const char *what);
/* Clears the line: before something else is printed. */
void gtcnn_progress_clear(const struct gtcnn_progress *p);
/* Clears the line, for good. */
void gtcnn_progress_end(struct gtcnn_progress *p);

#endif
