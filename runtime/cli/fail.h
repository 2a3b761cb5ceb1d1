/*
 * How the command's own files report errors: like the library, by a negative status and a text that names file, place and
 * remedy. (The library's own setter is hidden in it.) Thread-safe.
 */
#ifndef GTCNN_CLI_FAIL_H
#define GTCNN_CLI_FAIL_H

#include "runtime/gtcnn.h"

/* Fills *err (NULL: nothing) and returns `status`; errno is left as it was. */
enum gtcnn_status gtcnn_cli_fail(struct gtcnn_err *err, enum gtcnn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "PATH: REASON" with the path escaped; the reason is formatted. */
enum gtcnn_status gtcnn_cli_fail_path(struct gtcnn_err *err, enum gtcnn_status status, const char *path, const char *format,
                                      ...) __attribute__((format(printf, 4, 5)));

#endif
