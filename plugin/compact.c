#include "plugin/compact.h"

#include "core/trace_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOSS_KIND = 64, LOSS_KINDS = 16 };

/* The old file, walked record by record: we wrote it, and hold its lock. */
struct walk {
    int fd;
    uint64_t at, end;
    unsigned char *map; /* of the part behind the prefix; borrowed while the walk lasts */
    size_t map_bytes;
    uint64_t map_at;
};

static bool open_walk(struct walk *w, const struct gt_sampler *s)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    w->fd = s->writer.fd;
    w->at = s->blocks.prefix_bytes;
    w->end = gt_trace_write_bytes_total(&s->writer);
    w->map_at = 0;
    w->map_bytes = (size_t)(w->end - w->at + page);
    w->map = mmap(NULL, w->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (w->map == MAP_FAILED)
        return false;
    for (uint64_t at = w->at; at < w->end;) {
        ssize_t n = pread(w->fd, w->map + (at - w->at), w->end - at, (off_t)at);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            munmap(w->map, w->map_bytes);
            return false;
        }
        at += n > 0 ? (uint64_t)n : 0;
    }
    w->map_at = w->at;
    return true;
}

/* The next record's head, or NULL at the end. Chunk heads are passed over. */
static const struct gt_trace_record *next_record(struct walk *w)
{
    while (w->at + sizeof(struct gt_trace_record) <= w->end) {
        const void *here = w->map + (w->at - w->map_at);
        uint32_t magic;
        memcpy(&magic, here, sizeof magic);
        if (magic == GT_TRACE_CHUNK_MAGIC) {
            w->at += sizeof(struct gt_trace_chunk);
            continue;
        }
        const struct gt_trace_record *record = here;
        if (record->bytes < sizeof *record || record->bytes > w->end - w->at)
            return NULL;
        w->at += record->bytes;
        return record;
    }
    return NULL;
}

/* The full rows, as they are: sealed chunks. */
static bool copy_prefix(struct gt_sampler *s, struct gt_trace_writer *to)
{
    _Alignas(8) char buffer[4096];
    uint64_t at = to->offset;
    while (at < s->blocks.prefix_bytes) {
        uint64_t left = s->blocks.prefix_bytes - at;
        ssize_t n = pread(s->writer.fd, buffer, left < sizeof buffer ? left : sizeof buffer, (off_t)at);
        if (n <= 0 || pwrite(to->fd, buffer, (size_t)n, (off_t)at) != n)
            return false;
        at += (uint64_t)n;
    }
    to->offset = at;
    to->chunk_sequence = s->writer.chunk_sequence;
    return true;
}

/* Windows of regions and of inferences stay apart, so that ingest can take the first kind back. */
static bool go_together(const struct gt_block *a, const struct gt_block *b)
{
    bool both = a->head->window_end_ns != 0 && b->head->window_end_ns != 0;
    return !both || (a->head->region_windows != 0) == (b->head->region_windows != 0);
}

/* Writes the pair merged, or both when they do not go together. */
static uint32_t write_pair(struct gt_sampler *s, struct gt_trace_writer *to, const struct gt_trace_record *first,
                           const struct gt_trace_record *second)
{
    struct gt_block a, b;
    size_t bytes = 0, room = 0;
    void *out = MAP_FAILED;
    (void)s;
    if (gt_block_parse(first + 1, first->payload_bytes, &a) == GT_OK &&
        gt_block_parse(second + 1, second->payload_bytes, &b) == GT_OK && go_together(&a, &b)) {
        room = gt_block_merge_bytes(&a, &b);
        out = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    bool merged = out != MAP_FAILED && gt_block_merge(&a, &b, out, room, &bytes) == GT_OK;
    if (merged) {
        gt_trace_write_packed(to, GT_TRACE_BLOCK, NULL, 0, out, bytes);
    } else {
        gt_trace_write_packed(to, GT_TRACE_BLOCK, NULL, 0, first + 1, first->payload_bytes);
        gt_trace_write_packed(to, GT_TRACE_BLOCK, NULL, 0, second + 1, second->payload_bytes);
    }
    if (out != MAP_FAILED)
        munmap(out, room);
    return merged ? 1 : 2;
}

/* What would grow with the program's life though only its last word, or its sum, counts. */
struct folded {
    const struct gt_trace_record *items;    /* the last NOTE of items; borrowed from the walk */
    const struct gt_trace_record *counts;   /* the last COUNTS, likewise */
    const struct gt_trace_record *overhead; /* the last one, likewise */
    uint32_t losses;
    struct {
        char kind[LOSS_KIND];
        uint64_t count;
    } loss[LOSS_KINDS];
};

static bool fold_loss(struct folded *f, const struct gt_trace_view *view)
{
    struct gt_trace_field field;
    char kind[LOSS_KIND];
    uint64_t count;
    if (!gt_trace_find(view, GT_KEY_KIND, &field) || field.bytes >= sizeof kind ||
        !gt_trace_find_u64(view, GT_KEY_COUNT, &count))
        return false;
    gt_trace_field_string(&field, kind, sizeof kind);
    uint32_t i = 0;
    while (i < f->losses && strcmp(f->loss[i].kind, kind) != 0)
        i++;
    if (i == LOSS_KINDS)
        return false;
    if (i == f->losses)
        strcpy(f->loss[f->losses++].kind, kind);
    f->loss[i].count += count;
    return true;
}

/* False: the record is to be copied as it is. */
static bool fold_record(struct folded *f, const struct gt_trace_record *record)
{
    const struct gt_trace_view view = {
        .type = record->type, .bytes = record->payload_bytes, .payload = (const void *)(record + 1)};
    uint64_t items;
    if (record->type == GT_TRACE_LOSS)
        return fold_loss(f, &view);
    if (record->type == GT_TRACE_COUNTS) {
        f->counts = record;
        return true;
    }
    if (record->type == GT_TRACE_OVERHEAD) {
        f->overhead = record;
        return true;
    }
    if (record->type != GT_TRACE_NOTE || !gt_trace_find_u64(&view, GT_KEY_ITEMS, &items))
        return false;
    f->items = record;
    return true;
}

static void write_folded(struct gt_trace_writer *to, const struct folded *f)
{
    if (f->items)
        gt_trace_write_packed(to, GT_TRACE_NOTE, NULL, 0, f->items + 1, f->items->payload_bytes);
    if (f->counts)
        gt_trace_write_packed(to, GT_TRACE_COUNTS, NULL, 0, f->counts + 1, f->counts->payload_bytes);
    if (f->overhead)
        gt_trace_write_packed(to, GT_TRACE_OVERHEAD, NULL, 0, f->overhead + 1, f->overhead->payload_bytes);
    for (uint32_t i = 0; i < f->losses; i++)
        gt_trace_write_loss(to, f->loss[i].kind, f->loss[i].count);
}

static uint32_t write_records(struct gt_sampler *s, struct gt_trace_writer *to, struct walk *w)
{
    const struct gt_trace_record *record, *waiting = NULL;
    struct folded folded = {0};
    uint32_t blocks = 0;
    while ((record = next_record(w)) != NULL) {
        if (record->type != GT_TRACE_BLOCK) {
            if (!fold_record(&folded, record))
                gt_trace_write_packed(to, (enum gt_trace_type)record->type, NULL, 0, record + 1, record->payload_bytes);
        } else if (!waiting) {
            waiting = record;
        } else {
            blocks += write_pair(s, to, waiting, record);
            waiting = NULL;
        }
    }
    if (waiting) {
        gt_trace_write_packed(to, GT_TRACE_BLOCK, NULL, 0, waiting + 1, waiting->payload_bytes);
        blocks++;
    }
    write_folded(to, &folded);
    gt_trace_write_flush(to);
    return blocks;
}

/* The new file takes over. The old one's lock lasts until the next time: a reader of it must not think that we crashed. */
static void take_over(struct gt_sampler *s, const struct gt_trace_writer *to)
{
    if (s->blocks.old_fd >= 0)
        close(s->blocks.old_fd);
    s->blocks.old_fd = s->writer.fd;
    s->writer = *to;
}

void gt_compact(struct gt_sampler *s)
{
    char name[GT_TRACE_WRITE_NAME_BYTES + 1] = ".";
    struct gt_trace_writer to;
    struct walk walk;
    gt_trace_write_flush(&s->writer);
    s->blocks.count = 0;
    if (!open_walk(&walk, s))
        return;
    void *buffer = mmap(NULL, GT_WRITER_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(name + 1, s->name); /* a dot, and no known prefix: nobody ingests it while it is half */
    if (buffer == MAP_FAILED || gt_trace_write_create(&to, s->spool_fd, name, &s->header, buffer, GT_WRITER_BYTES) != GT_OK)
        goto out;
    to.sequence = s->writer.sequence; /* goes on: rings name records by it */
    uint32_t blocks = copy_prefix(s, &to) ? write_records(s, &to, &walk) : 0;
    if (blocks == 0 || gt_trace_write_lost(&to) != 0 || renameat(s->spool_fd, name, s->spool_fd, s->name) != 0) {
        unlinkat(s->spool_fd, name, 0);
        close(to.fd);
    } else {
        to.lost_records = s->writer.lost_records;
        to.lost_reported = s->writer.lost_reported;
        to.buffer = s->buffer; /* empty after the flush */
        take_over(s, &to);
        s->blocks.count = blocks;
    }
out:
    if (buffer != MAP_FAILED)
        munmap(buffer, GT_WRITER_BYTES);
    munmap(walk.map, walk.map_bytes);
}
