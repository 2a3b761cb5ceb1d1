#include "tracker/ringsweep.h"

#include "core/ring.h"
#include "core/trace_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A trace is there before its first ring, and a merged one is renamed over the old: who is not there now is gone for good. */
static bool has_trace(const struct gt_spool *spool, const uint8_t *trace_id)
{
    struct gt_trace_header header = {.role = GT_TRACE_ROLE_PROCESS};
    char name[GT_TRACE_WRITE_NAME_BYTES];
    struct stat st;
    memcpy(header.trace_id, trace_id, sizeof header.trace_id);
    return fstatat(spool->fd, gt_trace_write_name(&header, name), &st, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

size_t gt_ringsweep(const struct gt_spool *spool)
{
    struct stat st;
    struct dirent *entry;
    size_t removed = 0;
    uint8_t trace_id[GT_TRACE_ID_BYTES];
    DIR *folder = fstat(spool->fd, &st) == 0 ? opendir(GT_RING_FOLDER) : NULL;
    while (folder && (entry = readdir(folder)))
        if (strncmp(entry->d_name, "greentrack-", strlen("greentrack-")) == 0 &&
            gt_ring_is_abandoned(dirfd(folder), entry->d_name, (uint32_t)geteuid(), (uint64_t)st.st_dev, (uint64_t)st.st_ino,
                                 trace_id) &&
            !has_trace(spool, trace_id))
            removed += unlinkat(dirfd(folder), entry->d_name, 0) == 0;
    if (folder)
        closedir(folder);
    return removed;
}
