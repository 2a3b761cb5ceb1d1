/* The rings of one sampler: created by it alone, one spare always ready, taken back from threads that are gone. */
#include "plugin/interpose.h"
#include "plugin/sampler.h"
#include "plugin/state.h"
#include "plugin/unitcount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Largest first; the first of which at least two fit the budget is taken (one thread and a spare). */
static const struct {
    uint32_t capacity, table_rows;
} sizes[] = {{8192, 1024}, {4096, 1024}, {1024, 1024}, {1024, 512}, {512, 256}, {128, 64}, {64, 16}};

static uint64_t budget_of(int dir_fd)
{
    struct statvfs fs;
    if (dir_fd < 0 || fstatvfs(dir_fd, &fs) != 0)
        return GT_RING_TOTAL_BYTES;
    uint64_t share = (uint64_t)fs.f_bavail * fs.f_frsize / GT_RING_SHARE;
    return share < GT_RING_TOTAL_BYTES ? share : GT_RING_TOTAL_BYTES;
}

static bool choose_size(struct gt_ringset *set)
{
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        set->capacity = sizes[i].capacity;
        set->table_rows = sizes[i].table_rows;
        if (2 * gt_ring_size(set->capacity, set->table_rows) <= set->budget)
            return true;
    }
    return false;
}

void gt_ringset_open(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    struct stat spool;
    if (fstat(s->spool_fd, &spool) == 0) {
        set->spool_device = (uint64_t)spool.st_dev;
        set->spool_inode = (uint64_t)spool.st_ino;
    }
    set->dir_fd = open(GT_RING_FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    set->budget = budget_of(set->dir_fd);
    if (set->dir_fd >= 0 && choose_size(set))
        return;
    gt_trace_write_note(&s->writer, "rings", "no room in /dev/shm: what a killed process had not yet written is lost");
    if (set->dir_fd >= 0)
        close(set->dir_fd);
    set->dir_fd = -1;
    set->budget = GT_RING_TOTAL_BYTES;
    choose_size(set);
}

static struct gt_ring *anonymous_ring(const struct gt_ringset *set, const uint8_t *trace_id)
{
    size_t bytes = gt_ring_size(set->capacity, set->table_rows);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, bytes, MADV_DONTFORK);
    gt_ring_init(memory, trace_id, set->capacity, set->table_rows);
    return memory;
}

static bool create(struct gt_sampler *s, struct gt_ring_place *place, unsigned number)
{
    struct gt_ringset *set = &s->rings;
    char name[GT_RING_NAME_BYTES];
    gt_ring_name(s->header.trace_id, number, name);
    place->file = set->dir_fd >= 0;
    if (place->file &&
        gt_ring_create(set->dir_fd, name, s->header.trace_id, set->capacity, set->table_rows, &place->ring) != GT_OK)
        place->ring = NULL;
    if (!place->ring) {
        place->file = false;
        place->ring = anonymous_ring(set, s->header.trace_id);
    }
    place->lock_fd = -1;
    if (place->ring)
        place->ring->number = number;
    if (place->file)
        place->lock_fd = gt_ring_claim(place->ring, set->dir_fd, name, set->spool_device, set->spool_inode);
    return place->ring != NULL;
}

/* A new place within the budget; NULL when there is none, or no memory. */
static struct gt_ring_place *new_place(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    size_t bytes = gt_ring_size(set->capacity, set->table_rows);
    struct gt_ring_place *place = &set->places[set->count];
    if (set->count == GT_RINGS || set->budget < bytes || !create(s, place, set->count))
        return NULL;
    set->budget -= bytes;
    set->count++;
    return place;
}

static struct gt_ring_place *find_state(struct gt_ringset *set, enum gt_ring_state state)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->places[i].state == state)
            return &set->places[i];
    return NULL;
}

static void offer_spare(struct gt_sampler *s)
{
    struct gt_ring_place *place = find_state(&s->rings, GT_RING_SPARE);
    if (place && atomic_load(&gt_state.spare) != place->ring)
        place->state = GT_RING_TAKEN;
    else if (place)
        return;
    place = find_state(&s->rings, GT_RING_FREE);
    if (!place)
        place = new_place(s);
    if (!place)
        return;
    place->state = GT_RING_SPARE;
    place->table_written = 0;
    atomic_store(&gt_state.spare, place->ring);
}

/* --- draining
 * -------------------------------------------------------------------------------------------------------------------- */

static void drain_ring(struct gt_sampler *s, struct gt_ring *ring)
{
    uint64_t thread = atomic_load(&ring->thread);
    const struct gt_trace_event *rows;
    uint32_t count;
    for (int part = 0; part < 2 && (count = gt_ring_peek(ring, &rows)) > 0; part++) {
        gt_sink_describe(s); /* a hook describes before its row: what these rows name is there by now */
        gt_ring_prepare(ring, count, gt_trace_write_last_sequence(&s->writer) + 1);
        gt_sink_rows(s, thread, rows, count);
        if (!s->blocks.on)
            gt_trace_write_flush(&s->writer); /* only what is in the file may leave the ring */
        gt_ring_consume(ring);
    }
}

static struct gt_ring *small_ring(int i)
{
    return (struct gt_ring *)(void *)gt_state.small[i];
}

static uint64_t table_calls(const struct gt_ring *ring)
{
    struct gt_trace_total total;
    uint64_t calls = 0;
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        if (gt_ring_table_row(ring, i, &total))
            calls += total.calls;
    return calls;
}

static void write_table(struct gt_sampler *s, const struct gt_ring *ring, uint64_t *written)
{
    uint64_t calls = table_calls(ring);
    if (calls == *written)
        return;
    *written = calls;
    struct gt_trace_total total;
    struct gt_trace_events head = {.thread = atomic_load(&ring->thread)};
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        head.count += (uint32_t)gt_ring_table_row(ring, i, &total) + gt_ring_table_nested(ring, i, &total);
    gt_trace_write_begin(&s->writer, GT_TRACE_TABLE);
    gt_trace_write_raw(&s->writer, &head, sizeof head);
    for (uint32_t i = 0, n = 0; i <= ring->table_rows; i++) {
        if (n < head.count && gt_ring_table_row(ring, i, &total)) {
            gt_trace_write_raw(&s->writer, &total, sizeof total);
            n++;
        }
        if (n < head.count && gt_ring_table_nested(ring, i, &total)) {
            gt_trace_write_raw(&s->writer, &total, sizeof total);
            n++;
        }
    }
    gt_trace_write_commit(&s->writer);
}

static void reset_ring(struct gt_ring *ring)
{
    uint8_t id[GT_TRACE_ID_BYTES];
    uint32_t capacity = ring->capacity, table_rows = ring->table_rows, number = ring->number;
    uint64_t spool_device = ring->spool_device, spool_inode = ring->spool_inode, items = atomic_load(&ring->items);
    memcpy(id, ring->trace_id, sizeof id);
    memset(ring, 0, GT_RING_HEADER_BYTES + ((size_t)table_rows + 1) * sizeof(struct gt_ring_total));
    gt_ring_init(ring, id, capacity, table_rows);
    ring->number = number;
    ring->spool_device = spool_device;
    ring->spool_inode = spool_inode;
    gt_ring_keep_items(ring, items); /* a total of the process does not end with the thread */
}

/* What ran inside of others on a thread that is gone, or has moved on, is summed: a table for each would have no end. */
static void keep_nested(struct gt_blocks *b, const struct gt_ring *ring)
{
    struct gt_trace_total row;
    for (uint32_t i = 0; i <= ring->table_rows; i++) {
        uint32_t at = 0;
        if (!gt_ring_table_nested(ring, i, &row))
            continue;
        while (at < b->nested_count && b->nested[at].slot != row.slot)
            at++;
        if (at == GT_NESTED)
            continue;
        if (at == b->nested_count)
            b->nested[b->nested_count++] = (struct gt_trace_total){.slot = row.slot};
        b->nested[at].ns += row.ns;
    }
}

static void write_nested(struct gt_sampler *s)
{
    struct gt_trace_events head = {.thread = UINT64_MAX, .count = s->blocks.nested_count}; /* no thread's key */
    if (head.count > 0)
        gt_trace_write_packed(&s->writer, GT_TRACE_TABLE, &head, sizeof head, s->blocks.nested,
                              head.count * sizeof *s->blocks.nested);
}

/* The last of a ring whose thread is gone or has moved on. */
static void retire(struct gt_sampler *s, struct gt_ring *ring, uint64_t *written)
{
    drain_ring(s, ring);
    /* Threads that come and go must not make a bounded trace grow without end; its blocks hold all they did. */
    if (!s->blocks.on || *written != 0) /* or it is in the trace already, from before */
        write_table(s, ring, written);
    else
        keep_nested(&s->blocks, ring);
    gt_trace_write_flush(&s->writer);
    s->dropped_rows += atomic_load(&ring->dropped);
    *written = 0;
    reset_ring(ring);
}

void gt_ringset_drain(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    for (uint32_t i = 0; i < set->count; i++)
        if (atomic_load(&set->places[i].ring->thread) != 0)
            drain_ring(s, set->places[i].ring);
    for (int i = 0; i < GT_SMALL_RINGS; i++) {
        int state = atomic_load_explicit(&gt_state.small_state[i], memory_order_acquire);
        if (state == GT_SMALL_USED)
            drain_ring(s, small_ring(i));
        if (state == GT_SMALL_RETIRED) {
            if (s->blocks.on && set->small_written[i] == 0)
                gt_blocks_lose_small(s, small_ring(i));
            retire(s, small_ring(i), &set->small_written[i]);
            atomic_store_explicit(&gt_state.small_state[i], GT_SMALL_FREE, memory_order_release);
        }
    }
}

void gt_ringset_tables(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    for (uint32_t i = 0; i < set->count; i++)
        if (atomic_load(&set->places[i].ring->thread) != 0)
            write_table(s, set->places[i].ring, &set->places[i].table_written);
    for (int i = 0; i < GT_SMALL_RINGS; i++)
        if (atomic_load(&gt_state.small_state[i]) == GT_SMALL_USED)
            write_table(s, small_ring(i), &set->small_written[i]);
    if (s->blocks.on)
        write_nested(s);
}

void gt_ringset_items(struct gt_sampler *s)
{
    if (s->rings.count > 0)
        gt_ring_keep_items(s->rings.places[0].ring, atomic_load(gt_state.items));
}

/* --- threads
 * ----------------------------------------------------------------------------------------------------------------------- */

/* Only a certain "no such thread" counts: a filter that refuses the question leaves the ring where it is. */
static bool is_dead(const struct gt_ring *ring)
{
    uint32_t tid = (uint32_t)atomic_load(&ring->thread);
    return tid != 0 && gt_syscall(SYS_tgkill, gt_state.pid, tid, 0) != 0 && errno == ESRCH;
}

static void reclaim(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    for (uint32_t i = 0; i < set->count; i++) {
        struct gt_ring_place *place = &set->places[i];
        if (place->state != GT_RING_TAKEN || !is_dead(place->ring))
            continue;
        gt_blocks_lose(s, i);
        gt_unitcount_retire(s, i);
        retire(s, place->ring, &place->table_written);
        place->state = GT_RING_FREE;
    }
    for (int i = 0; i < GT_SMALL_RINGS; i++)
        if (atomic_load(&gt_state.small_state[i]) == GT_SMALL_USED && is_dead(small_ring(i)))
            atomic_store(&gt_state.small_state[i], GT_SMALL_RETIRED);
}

void gt_ringset_tend(struct gt_sampler *s, bool check_dead)
{
    if (check_dead)
        reclaim(s);
    offer_spare(s);
}

bool gt_ringset_is_urgent(const struct gt_sampler *s)
{
    const struct gt_ringset *set = &s->rings;
    for (uint32_t i = 0; i < set->count; i++)
        if (gt_ring_waiting(set->places[i].ring) > set->capacity / 4)
            return true;
    for (int i = 0; i < GT_SMALL_RINGS; i++)
        if (atomic_load(&gt_state.small_state[i]) != GT_SMALL_FREE)
            return true;
    return false;
}

/* The word has changed: who is not writing now will not write again. A ring that stays busy is left mapped. */
static bool is_quiet(const struct gt_ring_place *place, uint32_t i)
{
    enum { TRIES = 100, PAUSE_NS = 100000 };
    if (place->state == GT_RING_TAKEN && atomic_load(&place->ring->thread) == 0)
        return false; /* taken off the spare's place, its thread is about to attach */
    for (int tries = 0; tries < TRIES; tries++) {
        struct timespec pause = {.tv_nsec = PAUSE_NS};
        if (atomic_load(&gt_state.busy[i]) == 0)
            return true;
        nanosleep(&pause, NULL);
    }
    return false;
}

void gt_ringset_close(struct gt_sampler *s)
{
    struct gt_ringset *set = &s->rings;
    char name[GT_RING_NAME_BYTES];
    struct gt_ring *spare = atomic_exchange(&gt_state.spare, NULL);
    for (uint32_t i = 0; i < set->count; i++) {
        struct gt_ring_place *place = &set->places[i];
        if (place->state == GT_RING_SPARE && place->ring != spare)
            place->state = GT_RING_TAKEN;
        s->dropped_rows += atomic_load(&place->ring->dropped);
        if (place->file)
            unlinkat(set->dir_fd, gt_ring_name(s->header.trace_id, i, name), 0);
        bool quiet = is_quiet(place, i);
        gt_unitcount_close(s, i, quiet);
        if (quiet)
            gt_ring_destroy(place->ring, -1, NULL);
        if (place->lock_fd >= 0)
            close(place->lock_fd);
    }
    if (set->dir_fd >= 0)
        close(set->dir_fd);
}
