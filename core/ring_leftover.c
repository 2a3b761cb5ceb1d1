#include "core/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct gt_ring_leftover {
    struct gt_ring *image; /* owned: the file as it was, its sizes checked */
    uint64_t thread;
    uint32_t row_count, total_count;
    struct gt_trace_event *rows;   /* owned */
    struct gt_trace_total *totals; /* owned */
};

enum { FILE_MAX = 64 * 1024 * 1024 };

static enum gt_status read_all(int fd, void *out, size_t bytes, const char *path, struct gt_err *err)
{
    for (size_t at = 0; at < bytes;) {
        ssize_t n = pread(fd, (char *)out + at, bytes - at, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return gt_err_set_errno(err, errno, "%s", path);
        if (n == 0)
            return gt_err_set(err, GT_E_FORMAT, "%s: cut short", path);
        at += (size_t)n;
    }
    return GT_OK;
}

static enum gt_status check_file(int fd, uint32_t uid, const char *path, size_t *bytes, struct gt_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return gt_err_set_errno(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode))
        return gt_err_set(err, GT_E_FORMAT, "%s: not a regular file", path);
    if (st.st_uid != uid)
        return gt_err_set(err, GT_E_PERM, "%s: belongs to user %u", path, (unsigned)st.st_uid);
    if (st.st_size < GT_RING_HEADER_BYTES || st.st_size > FILE_MAX)
        return gt_err_set(err, GT_E_FORMAT, "%s: not a ring (%lld bytes)", path, (long long)st.st_size);
    *bytes = (size_t)st.st_size;
    return GT_OK;
}

/* Every size that is used below, checked against the file's own. */
static enum gt_status check_header(const struct gt_ring *ring, size_t bytes, const char *path, struct gt_err *err)
{
    if (memcmp(ring->magic, GT_RING_MAGIC, sizeof ring->magic) != 0)
        return gt_err_set(err, GT_E_FORMAT, "%s: not a ring", path);
    if (ring->version != GT_RING_VERSION)
        return gt_err_set(err, GT_E_VERSION, "%s: ring of version %u, this program reads %d", path, ring->version,
                          GT_RING_VERSION);
    size_t need = gt_ring_size(ring->capacity, ring->table_rows);
    if (need == 0 || need != bytes || ring->file_bytes != bytes || ring->header_bytes != GT_RING_HEADER_BYTES)
        return gt_err_set(err, GT_E_FORMAT, "%s: sizes do not fit", path);
    return GT_OK;
}

/*
 * What the killed sampler had on its way: where the record that was to hold the pending rows is in the trace, they are not
 * left over. Sequence numbers are compared modulo 2^32.
 */
static void settle_pending(struct gt_ring *ring, uint32_t last_sequence)
{
    uint32_t pending = atomic_load(&ring->pending_sequence);
    uint64_t tail = atomic_load(&ring->pending_tail);
    if (pending != 0 && tail != 0 && last_sequence != 0 && (int32_t)(last_sequence - pending) >= 0)
        atomic_store(&ring->tail, tail);
}

static enum gt_status copy_rows(struct gt_ring_leftover *l, const char *path, struct gt_err *err)
{
    uint64_t head = atomic_load(&l->image->head), tail = atomic_load(&l->image->tail);
    if (head - tail > l->image->capacity)
        return gt_err_set(err, GT_E_FORMAT, "%s: positions do not fit", path);
    const struct gt_trace_event *first;
    uint32_t part = gt_ring_peek(l->image, &first), count = (uint32_t)(head - tail);
    l->rows = calloc((size_t)count + 1, sizeof *l->rows);
    l->totals = calloc(2 * ((size_t)l->image->table_rows + 1), sizeof *l->totals);
    if (!l->rows || !l->totals)
        return gt_err_set(err, GT_E_NOMEM, "%s", path);
    memcpy(l->rows, first, part * sizeof *first);
    if (count > part)
        memcpy(l->rows + part, first + part - l->image->capacity, (count - part) * sizeof *first);
    l->row_count = count;
    for (uint32_t i = 0; i <= l->image->table_rows; i++) {
        l->total_count += gt_ring_table_row(l->image, i, &l->totals[l->total_count]);
        l->total_count += gt_ring_table_nested(l->image, i, &l->totals[l->total_count]);
    }
    return GT_OK;
}

static enum gt_status load(struct gt_ring_leftover *l, int fd, size_t bytes, uint32_t last_sequence, const char *path,
                           struct gt_err *err)
{
    if (posix_memalign((void **)&l->image, 64, bytes) != 0) {
        l->image = NULL;
        return gt_err_set(err, GT_E_NOMEM, "%s", path);
    }
    enum gt_status status = read_all(fd, l->image, bytes, path, err);
    if (status == GT_OK)
        status = check_header(l->image, bytes, path, err);
    if (status != GT_OK)
        return status;
    settle_pending(l->image, last_sequence);
    l->thread = atomic_load(&l->image->thread);
    return copy_rows(l, path, err);
}

enum gt_status gt_ring_leftover_open(const char *path, uint32_t uid, uint32_t last_sequence, struct gt_ring_leftover **leftover,
                                     struct gt_err *err)
{
    size_t bytes = 0;
    struct gt_ring_leftover *l = NULL;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return gt_err_set_errno(err, errno, "%s", path);
    enum gt_status status = check_file(fd, uid, path, &bytes, err);
    if (status != GT_OK)
        goto out;
    l = calloc(1, sizeof *l);
    status = l ? load(l, fd, bytes, last_sequence, path, err) : gt_err_set(err, GT_E_NOMEM, "%s", path);
out:
    close(fd);
    if (status != GT_OK)
        gt_ring_leftover_close(l);
    else
        *leftover = l;
    return status;
}

const uint8_t *gt_ring_leftover_trace_id(const struct gt_ring_leftover *leftover)
{
    return leftover->image->trace_id;
}

uint64_t gt_ring_leftover_thread(const struct gt_ring_leftover *leftover)
{
    return leftover->thread;
}

uint32_t gt_ring_leftover_rows(const struct gt_ring_leftover *leftover, const struct gt_trace_event **rows)
{
    *rows = leftover->rows;
    return leftover->row_count;
}

uint32_t gt_ring_leftover_table(const struct gt_ring_leftover *leftover, const struct gt_trace_total **rows)
{
    *rows = leftover->totals;
    return leftover->total_count;
}

uint64_t gt_ring_leftover_items(const struct gt_ring_leftover *leftover)
{
    return atomic_load(&leftover->image->items);
}

void gt_ring_leftover_close(struct gt_ring_leftover *leftover)
{
    if (!leftover)
        return;
    free(leftover->image);
    free(leftover->rows);
    free(leftover->totals);
    free(leftover);
}
