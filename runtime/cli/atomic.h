/*
 * Files that are whole or absent: written under a temporary name in the same folder, then renamed over the old one.
 * Not thread-safe per file; different files are independent.
 */
#ifndef GTCNN_CLI_ATOMIC_H
#define GTCNN_CLI_ATOMIC_H

#include "runtime/gtcnn.h"

#include <stdio.h>

struct gtcnn_atomic {
    FILE *file;      /* write here; errors may be left to commit */
    char *path;      /* owned */
    char *temporary; /* owned */
};

/* A file that may not be replaced (a folder, a device) is refused. */
enum gtcnn_status gtcnn_atomic_open(struct gtcnn_atomic *a, const char *path, struct gtcnn_err *err);
/* Flushes and renames; GTCNN_E_IO when any write since open failed. Frees `a` in every case. */
enum gtcnn_status gtcnn_atomic_commit(struct gtcnn_atomic *a, struct gtcnn_err *err);
/* Removes the temporary file and frees `a`. */
void gtcnn_atomic_abandon(struct gtcnn_atomic *a);

#endif
