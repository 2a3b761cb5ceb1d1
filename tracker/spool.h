/*
 * The spool as ingest sees it: a private folder of traces that other processes add to all the time.
 *
 * Life cycle: gt_spool_open (takes the lock of ingest) -> gt_spool_list -> gt_spool_reject / gt_spool_remove -> gt_spool_close.
 * Everything goes through the folder's descriptor; nothing in it is followed or trusted: regular files of our own alone. The
 * lock is an OFD lock on the file .lock, gone with its holder however that ends. One thread.
 */
#ifndef GT_TRACKER_SPOOL_H
#define GT_TRACKER_SPOOL_H

#include "core/arena.h"
#include "core/status.h"

#include <stddef.h>

struct gt_spool {
    const char *path; /* borrowed */
    int fd;           /* of the folder; -1: there is none, and so nothing to ingest */
    int lock;         /* descriptor */
};

/*
 * A spool that does not exist is an empty one (GT_OK, fd -1). Waits at most `wait_ms` for another ingest to finish: GT_E_BUSY.
 * GT_E_PERM: it belongs to another user, or is a symbolic link.
 */
enum gt_status gt_spool_open(struct gt_spool *spool, const char *path, unsigned wait_ms, struct gt_err *err);
void gt_spool_close(struct gt_spool *spool);

/* Names of the traces (*.gtt), sorted; allocated from the arena. */
enum gt_status gt_spool_list(const struct gt_spool *spool, struct gt_arena *arena, const char *const **names, size_t *count,
                             struct gt_err *err);

/* Opens one for reading: O_NOFOLLOW, a regular file of our own. Descriptor, or -1 with *err. */
int gt_spool_open_trace(const struct gt_spool *spool, const char *name, struct gt_err *err);

/* Moves a trace to the folder rejected/ in the spool (0700), under a name that is free there. */
enum gt_status gt_spool_reject(const struct gt_spool *spool, const char *name, struct gt_err *err);

/* Removes a trace that is in the store. A missing one is fine. */
enum gt_status gt_spool_remove(const struct gt_spool *spool, const char *name, struct gt_err *err);

#endif
