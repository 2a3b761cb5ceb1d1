/* A line of progress on a terminal; nothing anywhere else. Not thread-safe. */
#ifndef GTCNN_CLI_PROGRESS_H
#define GTCNN_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct gtcnn_progress {
    FILE *file;
    bool on;
    uint64_t next_ns; /* not before this time again */
};

void gtcnn_progress_begin(struct gtcnn_progress *p, FILE *file);
void gtcnn_progress_update(struct gtcnn_progress *p, uint64_t done, uint64_t total, const char *what);
/* Clears the line. */
void gtcnn_progress_end(struct gtcnn_progress *p);

#endif
