/*
 * Status codes and error details: what every fallible function of greentrack returns.
 *
 * A function returns an `enum gt_status`; GT_OK is 0. Results go through out-parameters. Detail for people
 * (which file, which place, what to do about it) goes into a caller-owned `struct gt_err`, which is untouched on
 * success. Libraries never print and never exit.
 *
 * Needs libc alone; safe in every thread. gt_err_set is not async-signal-safe (it formats with vsnprintf).
 */
#ifndef GT_CORE_STATUS_H
#define GT_CORE_STATUS_H

/* X(code, message): the one list of statuses. Codes are stable within a major version: they reach JSON. */
#define GT_STATUS_LIST(X)                                                                                                      \
    X(GT_OK, "ok")                                                                                                             \
    X(GT_E_ARG, "invalid argument")                                                                                            \
    X(GT_E_NOMEM, "out of memory")                                                                                             \
    X(GT_E_IO, "input/output error")                                                                                           \
    X(GT_E_NOENT, "not found")                                                                                                 \
    X(GT_E_EXIST, "already exists")                                                                                            \
    X(GT_E_PERM, "permission denied")                                                                                          \
    X(GT_E_NOSPACE, "no space left")                                                                                           \
    X(GT_E_FORMAT, "malformed data")                                                                                           \
    X(GT_E_CORRUPT, "corrupt data")                                                                                            \
    X(GT_E_VERSION, "unsupported version")                                                                                     \
    X(GT_E_LIMIT, "limit exceeded")                                                                                            \
    X(GT_E_UNSUPPORTED, "not supported")                                                                                       \
    X(GT_E_ABSENT, "not available on this machine")                                                                            \
    X(GT_E_BUSY, "busy")                                                                                                       \
    X(GT_E_STATE, "not possible in this state")                                                                                \
    X(GT_E_RANGE, "value out of range")                                                                                        \
    X(GT_E_MISMATCH, "values do not belong together")                                                                          \
    X(GT_E_AMBIGUOUS, "ambiguous")                                                                                             \
    X(GT_E_INTERNAL, "internal error")

enum gt_status {
#define GT_STATUS_ENUM(code, message) code,
    GT_STATUS_LIST(GT_STATUS_ENUM)
#undef GT_STATUS_ENUM
        GT_STATUS_COUNT
};

enum { GT_ERR_TEXT = 512 };

/* The detail of the last failure. Zero-initialise it; a callee fills it only when it fails. */
struct gt_err {
    enum gt_status status;
    char text[GT_ERR_TEXT]; /* one line, no newline, names the file, the place and the remedy */
};

/* The fixed message of a code; never NULL, "unknown status" for a value that is not in the list. */
const char *gt_status_message(enum gt_status status);

/*
 * Fills *err (NULL: nothing happens) with a formatted detail, truncated to GT_ERR_TEXT - 1 bytes, and returns
 * `status`, so that `return gt_err_set(err, GT_E_FORMAT, ...)` reads well. errno is left as it was.
 */
enum gt_status gt_err_set(struct gt_err *err, enum gt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The status that stands for an errno value (ENOENT -> GT_E_NOENT, ENOSPC/EDQUOT -> GT_E_NOSPACE, ...; else GT_E_IO). */
enum gt_status gt_status_from_errno(int errnum);

/* As gt_err_set, with the status taken from `errnum` and ": <strerror>" appended to the text. */
enum gt_status gt_err_set_errno(struct gt_err *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
