#include "core/ring.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

bool gt_ring_is_abandoned(int dir_fd, const char *name, uint32_t uid, uint64_t spool_device, uint64_t spool_inode,
                          uint8_t trace_id[GT_TRACE_ID_BYTES])
{
    struct gt_ring head;
    struct stat st;
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    bool abandoned = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == uid &&
                     pread(fd, &head, sizeof head, 0) == (ssize_t)sizeof head && spool_inode != 0 &&
                     is_ring_of(&head, name, spool_device, spool_inode) && !is_locked(fd);
    close(fd);
    if (abandoned)
        memcpy(trace_id, head.trace_id, GT_TRACE_ID_BYTES);
    return abandoned;
}
