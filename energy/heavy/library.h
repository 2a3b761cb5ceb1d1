/*
 * A library that is loaded when it is asked for and may be missing: libpapi, libnvidia-ml.
 *
 * Life cycle: gt_library_open -> use -> gt_library_close. Loaded RTLD_NOW | RTLD_LOCAL, so that its symbols meet nobody else's.
 * What it opens without close-on-exec would be inherited by the job: bracket the calls that open things with
 * gt_library_descriptors and gt_library_keep_private. In the tracker only, never in a foreign process. One thread.
 */
#ifndef GT_ENERGY_HEAVY_LIBRARY_H
#define GT_ENERGY_HEAVY_LIBRARY_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Where the address of one function goes. */
struct gt_library_symbol {
    const char *name;
    size_t offset; /* of a function pointer in the caller's struct */
};

/*
 * The library that the environment variable `variable` names (not in a set-user-ID program), else the first of `names` (NULL
 * behind the last) that can be loaded; all `symbols` (name NULL behind the last) into `functions`. GT_E_ABSENT says which is
 * missing; nothing stays loaded then.
 */
enum gt_status gt_library_open(void **handle, const char *variable, const char *const *names,
                               const struct gt_library_symbol *symbols, void *functions, struct gt_err *err);
void gt_library_close(void *handle); /* NULL: nothing */

/* Descriptors below GT_LIBRARY_FDS that are open: a bit each. None without /proc. */
enum { GT_LIBRARY_FDS = 1024 };
struct gt_library_fds {
    uint64_t bits[GT_LIBRARY_FDS / 64];
};
void gt_library_descriptors(struct gt_library_fds *fds);

/* Sets close-on-exec on what was opened since `before`. */
void gt_library_keep_private(const struct gt_library_fds *before);

#endif
