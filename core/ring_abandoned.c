#include "core/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { UNFINISHED_S = 60 };

static bool is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

/* Looked at before the lock: a ring that is not claimed yet is of no spool. */
static bool is_ring_of(const struct gt_ring *ring, const char *name, uint64_t spool_device, uint64_t spool_inode)
{
    char right[GT_RING_NAME_BYTES];
    return memcmp(ring->magic, GT_RING_MAGIC, sizeof ring->magic) == 0 && ring->version == GT_RING_VERSION &&
           ring->spool_device == spool_device && ring->spool_inode == spool_inode &&
           strcmp(name, gt_ring_name(ring->trace_id, ring->number, right)) == 0;
}

/* The id of a trace in the name of one of its rings. */
static bool parse_name(const char *name, uint8_t trace_id[GT_TRACE_ID_BYTES])
{
    static const char prefix[] = "greentrack-", digits[] = "0123456789abcdef";
    size_t at = sizeof prefix - 1;
    if (strncmp(name, prefix, at) != 0 || strspn(name + at, digits) != 2 * GT_TRACE_ID_BYTES)
        return false;
    for (int i = 0; i < GT_TRACE_ID_BYTES; i++, at += 2)
        trace_id[i] = (uint8_t)((strchr(digits, name[at]) - digits) << 4 | (strchr(digits, name[at + 1]) - digits));
    size_t number = name[at] == '-' ? strspn(name + at + 1, "0123456789") : 0;
    return number > 0 && name[at + 1 + number] == 0;
}

/*
 * A process that ended while it made the ring has left an empty file, a header of zeros, or one that claims nothing. Of no
 * spool; to be told from one that is being made right now, or that could not be locked, by its age and its process.
 */
static bool is_unfinished(int fd, const struct stat *st, const struct gt_ring *ring, ssize_t bytes)
{
    static const char zero[sizeof ring->magic];
    bool begun = bytes >= (ssize_t)sizeof *ring && memcmp(ring->magic, zero, sizeof zero) != 0;
    if (time(NULL) - st->st_mtime < UNFINISHED_S || is_locked(fd))
        return false;
    return !begun || (memcmp(ring->magic, GT_RING_MAGIC, sizeof ring->magic) == 0 && ring->spool_inode == 0 &&
                      kill((pid_t)ring->pid, 0) != 0 && errno == ESRCH);
}

bool gt_ring_is_abandoned(int dir_fd, const char *name, uint32_t uid, uint64_t spool_device, uint64_t spool_inode,
                          uint8_t trace_id[GT_TRACE_ID_BYTES])
{
    struct gt_ring head;
    struct stat st;
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    bool abandoned = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == uid && spool_inode != 0;
    ssize_t bytes = abandoned ? pread(fd, &head, sizeof head, 0) : -1;
    bool whole = bytes == (ssize_t)sizeof head && is_ring_of(&head, name, spool_device, spool_inode);
    abandoned = bytes >= 0 && parse_name(name, trace_id) && (whole ? !is_locked(fd) : is_unfinished(fd, &st, &head, bytes));
    close(fd);
    return abandoned;
}
