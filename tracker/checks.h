/* What a measurement needs besides an energy source, looked at one by one for `doctor`. Changes nothing; one thread. */
#ifndef GT_TRACKER_CHECKS_H
#define GT_TRACKER_CHECKS_H

#include "core/arena.h"
#include "core/os.h"

#include <stddef.h>

/* The words reach JSON. */
enum gt_check_result { GT_CHECK_OK, GT_CHECK_LIMITED, GT_CHECK_MISSING };
const char *gt_check_word(enum gt_check_result result); /* "ok", "limited", "missing" */

struct gt_check {
    const char *name; /* "perf events" */
    enum gt_check_result result;
    const char *detail; /* what was found, and what it means */
    const char *fix;    /* the least privilege that would help; NULL: none is needed or possible */
};

/* Runs all checks; *checks is allocated from the arena. Returns their number, 0 when memory is out. */
size_t gt_checks_run(const struct gt_os *os, struct gt_arena *arena, const struct gt_check **checks);

#endif
