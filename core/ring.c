#include "core/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

_Static_assert(sizeof(struct gt_ring) <= GT_RING_HEADER_BYTES, "the header is one page");
_Static_assert(sizeof(struct gt_ring_total) == 64 && sizeof(struct gt_trace_event) == 24, "layout of the file");

enum { CAPACITY_MAX = 1 << 20, TABLE_MAX = 1 << 16, PROBES = 64, PAGE = 4096 };

#define LOAD(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define STORE(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)
#define ADD(field, value) STORE(field, LOAD(field) + (value)) /* one writer: no read-modify-write needed */

static bool is_power_of_2(uint32_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

size_t gt_ring_size(uint32_t capacity, uint32_t table_rows)
{
    if (!is_power_of_2(capacity) || !is_power_of_2(table_rows) || capacity > CAPACITY_MAX || table_rows > TABLE_MAX)
        return 0;
    size_t bytes = GT_RING_HEADER_BYTES + ((size_t)table_rows + 1) * sizeof(struct gt_ring_total) +
                   (size_t)capacity * sizeof(struct gt_trace_event);
    return (bytes + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static struct gt_ring_total *table_of(const struct gt_ring *ring)
{
    return (struct gt_ring_total *)((uintptr_t)ring + GT_RING_HEADER_BYTES);
}

static struct gt_trace_event *rows_of(const struct gt_ring *ring)
{
    return (struct gt_trace_event *)(void *)(table_of(ring) + ring->table_rows + 1);
}

void gt_ring_init(struct gt_ring *ring, const uint8_t *trace_id, uint32_t capacity, uint32_t table_rows)
{
    memcpy(ring->magic, GT_RING_MAGIC, sizeof ring->magic);
    ring->version = GT_RING_VERSION;
    ring->header_bytes = GT_RING_HEADER_BYTES;
    memcpy(ring->trace_id, trace_id, sizeof ring->trace_id);
    ring->file_bytes = gt_ring_size(capacity, table_rows);
    ring->uid = (uint32_t)geteuid();
    ring->pid = (uint32_t)getpid();
    ring->capacity = capacity;
    ring->table_rows = table_rows;
}

char *gt_ring_name(const uint8_t *trace_id, unsigned n, char out[GT_RING_NAME_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    char number[12], *at = stpcpy(out, "greentrack-"), *digit = number + sizeof number;
    for (int i = 0; i < GT_TRACE_ID_BYTES; i++) {
        *at++ = digits[trace_id[i] >> 4];
        *at++ = digits[trace_id[i] & 15];
    }
    *at++ = '-';
    *--digit = 0;
    do
        *--digit = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    strcpy(at, digit);
    return out;
}

/* --- creation ------------------------------------------------------------------------------------------------------------ */

/* Touches every page now, in the sampler, so that no hook ever takes a fault that could fail. */
static void prefault(void *memory, size_t bytes)
{
    if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
        return;
    for (size_t at = 0; at < bytes; at += PAGE)
        ((volatile unsigned char *)memory)[at] = 0;
}

static int map_file(int fd, size_t bytes, struct gt_ring **ring)
{
    int error = posix_fallocate(fd, 0, (off_t)bytes);
    if (error != 0)
        return error;
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return errno;
    if (madvise(memory, bytes, MADV_DONTFORK) != 0) {
        error = errno;
        munmap(memory, bytes);
        return error;
    }
    prefault(memory, bytes);
    *ring = memory;
    return 0;
}

enum gt_status gt_ring_create(int dir_fd, const char *name, const uint8_t *trace_id, uint32_t capacity, uint32_t table_rows,
                              struct gt_ring **ring)
{
    size_t bytes = gt_ring_size(capacity, table_rows);
    if (bytes == 0)
        return GT_E_ARG;
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return gt_status_from_errno(errno);
    int error = map_file(fd, bytes, ring);
    close(fd);
    if (error != 0) {
        unlinkat(dir_fd, name, 0);
        return gt_status_from_errno(error);
    }
    gt_ring_init(*ring, trace_id, capacity, table_rows);
    return GT_OK;
}

int gt_ring_claim(struct gt_ring *ring, int dir_fd, const char *name, uint64_t spool_device, uint64_t spool_inode)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    /* Only now: who reads them without the lock takes the process for gone. */
    ring->spool_inode = spool_inode;
    ring->spool_device = spool_device;
    return fd;
}

void gt_ring_destroy(struct gt_ring *ring, int dir_fd, const char *name)
{
    if (!ring)
        return;
    if (name)
        unlinkat(dir_fd, name, 0);
    munmap(ring, ring->file_bytes);
}

/* --- producer ------------------------------------------------------------------------------------------------------------ */

void gt_ring_attach(struct gt_ring *ring, uint64_t thread)
{
    atomic_store_explicit(&ring->thread, thread, memory_order_release);
}

/* The slot's row, a new one, or the last one when the table is crowded. */
static struct gt_ring_total *find_total(struct gt_ring *ring, uint32_t slot)
{
    struct gt_ring_total *table = table_of(ring);
    uint32_t mask = ring->table_rows - 1, at = slot * UINT32_C(2654435761) >> 7;
    for (uint32_t i = 0; i < PROBES && i <= mask; i++) {
        struct gt_ring_total *row = &table[(at + i) & mask];
        if (LOAD(row->calls) == 0) {
            STORE(row->slot, slot);
            return row;
        }
        if (LOAD(row->slot) == slot)
            return row;
    }
    struct gt_ring_total *other = &table[ring->table_rows];
    STORE(other->slot, GT_RING_SLOT_OTHER);
    return other;
}

static bool has_room(struct gt_ring *ring, uint64_t head)
{
    if (head - ring->tail_seen < ring->capacity)
        return true;
    ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
    return head - ring->tail_seen < ring->capacity;
}

bool gt_ring_push(struct gt_ring *ring, const struct gt_trace_event *event)
{
    struct gt_ring_total *total = find_total(ring, event->slot);
    uint64_t head = LOAD(ring->head), ns = event->t_end_ns - event->t_begin_ns;
    bool kept = has_room(ring, head);
    ADD(total->items, event->items);
    ADD(total->ns, ns);
    if (!kept) {
        ADD(total->lost_calls, 1);
        ADD(total->lost_items, event->items);
        ADD(total->lost_ns, ns);
        ADD(ring->dropped, 1);
    }
    /* Last, and released: who sees the call sees its row of the table as taken. */
    atomic_store_explicit(&total->calls, LOAD(total->calls) + 1, memory_order_release);
    if (!kept)
        return false;
    rows_of(ring)[head & (ring->capacity - 1)] = *event;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
    return true;
}

void gt_ring_nest(struct gt_ring *ring, uint32_t slot, uint64_t ns)
{
    struct gt_ring_total *total = find_total(ring, slot);
    ADD(total->nested_ns, ns);
}

void gt_ring_keep_items(struct gt_ring *ring, uint64_t total)
{
    uint64_t before = LOAD(ring->items);
    while (before < total &&
           !atomic_compare_exchange_weak_explicit(&ring->items, &before, total, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* --- consumer ------------------------------------------------------------------------------------------------------------ */

uint32_t gt_ring_waiting(const struct gt_ring *ring)
{
    return (uint32_t)(atomic_load_explicit(&ring->head, memory_order_acquire) - LOAD(ring->tail));
}

uint32_t gt_ring_peek(const struct gt_ring *ring, const struct gt_trace_event **rows)
{
    uint32_t count = gt_ring_waiting(ring), at = (uint32_t)LOAD(ring->tail) & (ring->capacity - 1);
    *rows = rows_of(ring) + at;
    return count < ring->capacity - at ? count : ring->capacity - at;
}

void gt_ring_prepare(struct gt_ring *ring, uint32_t count, uint32_t sequence)
{
    STORE(ring->pending_tail, LOAD(ring->tail) + count);
    atomic_store_explicit(&ring->pending_sequence, sequence, memory_order_release);
}

void gt_ring_consume(struct gt_ring *ring)
{
    uint64_t tail = LOAD(ring->pending_tail);
    if (tail != 0)
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    atomic_store_explicit(&ring->pending_sequence, 0, memory_order_release);
    STORE(ring->pending_tail, 0);
}

/* --- table --------------------------------------------------------------------------------------------------------------- */

bool gt_ring_table_row(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *total)
{
    const struct gt_ring_total *row = &table_of(ring)[i];
    uint64_t calls = atomic_load_explicit(&row->calls, memory_order_acquire);
    *total = (struct gt_trace_total){.slot = LOAD(row->slot), .calls = calls, .items = LOAD(row->items), .ns = LOAD(row->ns)};
    return calls != 0;
}

bool gt_ring_table_nested(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *nested)
{
    const struct gt_ring_total *row = &table_of(ring)[i];
    bool used = i < ring->table_rows && atomic_load_explicit(&row->calls, memory_order_acquire) != 0;
    *nested = (struct gt_trace_total){.slot = LOAD(row->slot) | GT_TRACE_SLOT_NESTED, .ns = LOAD(row->nested_ns)};
    return used && nested->ns != 0;
}

bool gt_ring_table_lost(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *lost)
{
    const struct gt_ring_total *row = &table_of(ring)[i];
    bool used = atomic_load_explicit(&row->calls, memory_order_acquire) != 0;
    *lost = (struct gt_trace_total){
        .slot = LOAD(row->slot), .calls = LOAD(row->lost_calls), .items = LOAD(row->lost_items), .ns = LOAD(row->lost_ns)};
    return used && lost->calls != 0;
}
