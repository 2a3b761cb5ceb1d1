#include "core/trace_read.h"

#include "core/crc32c.h"
#include "core/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "traces are little-endian and read in place");
_Static_assert(sizeof(struct gt_trace_header) == 128 && sizeof(struct gt_trace_chunk) == 16, "layout of the file");
_Static_assert(sizeof(struct gt_trace_record) == 16 && sizeof(struct gt_trace_tail) == 8, "layout of the file");

enum {
    HEAD = sizeof(struct gt_trace_record),
    TAIL = sizeof(struct gt_trace_tail),
    CHUNK_HEAD = sizeof(struct gt_trace_chunk),
    STEP = 64 * 1024, /* bytes read at once when a chunk is checked or searched */
    /* Bytes that may be checked or searched per byte of the file: crafted chunk heads must not make reading quadratic. */
    WORK_PER_BYTE = 8
};

struct gt_trace_reader {
    int fd;
    bool own_fd, locked, ended;
    bool in_chunk, sealed;
    uint64_t size;      /* at open or rewind */
    uint64_t at;        /* of the next record, or chunk */
    uint64_t chunk_at;  /* of the chunk's head */
    uint64_t chunk_end; /* of a sealed chunk's records */
    uint64_t work_left;
    struct gt_trace_loss loss;
    struct gt_trace_header header;
    unsigned char *buffer; /* owned: one record's payload and tail, or a step of a search */
    size_t capacity;
    char name[160];
};

const char *gt_trace_state_word(enum gt_trace_state state)
{
    static const char *const words[] = {"open", "crashed", "closed"};
    return (unsigned)state < sizeof words / sizeof *words ? words[state] : "unknown";
}

int gt_trace_is_locked(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    if (fcntl(fd, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------------------- */

/* Up to n bytes at that offset; fewer at the end of the file. -errno. */
static ssize_t read_at(const struct gt_trace_reader *r, void *out, size_t n, uint64_t offset)
{
    size_t used = 0;
    while (used < n) {
        ssize_t got = pread(r->fd, (char *)out + used, n - used, (off_t)(offset + used));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static enum gt_status io_error(const struct gt_trace_reader *r, ssize_t negative, struct gt_err *err)
{
    return gt_err_set_errno(err, (int)-negative, "%s", r->name);
}

static bool reserve(struct gt_trace_reader *r, size_t bytes)
{
    if (bytes <= r->capacity)
        return true;
    unsigned char *buffer = realloc(r->buffer, bytes);
    if (!buffer)
        return false;
    r->buffer = buffer;
    r->capacity = bytes;
    return true;
}

/* Takes `bytes` off the work that this file is worth. */
static bool spend(struct gt_trace_reader *r, uint64_t bytes)
{
    bool enough = bytes <= r->work_left;
    r->work_left -= enough ? bytes : r->work_left;
    return enough;
}

/* What was found where a record, a chunk or more data should be. */
enum found { FOUND, NOT_FOUND, FAILED };

/*
 * One record at `offset`, which must end at or before `limit`. NOT_FOUND: it is not complete, or not a record. The head's
 * sizes are checked against each other before anything is read or allocated by them.
 */
static enum found read_record(struct gt_trace_reader *r, uint64_t offset, uint64_t limit, struct gt_trace_view *view,
                              struct gt_err *err)
{
    struct gt_trace_record head;
    struct gt_trace_tail tail;
    ssize_t n = read_at(r, &head, HEAD, offset);
    if (n < 0)
        return (void)io_error(r, n, err), FAILED;
    if (n < HEAD || head.bytes > GT_TRACE_READ_RECORD_MAX || head.bytes < HEAD + TAIL || limit - offset < head.bytes)
        return NOT_FOUND;
    uint64_t padded = ((uint64_t)head.payload_bytes + 7) & ~UINT64_C(7);
    if (HEAD + padded + TAIL != head.bytes)
        return NOT_FOUND;
    if (!reserve(r, head.bytes))
        return (void)gt_err_set(err, GT_E_NOMEM, "%s: record of %u bytes", r->name, head.bytes), FAILED;
    n = read_at(r, r->buffer, padded + TAIL, offset + HEAD);
    if (n < 0)
        return (void)io_error(r, n, err), FAILED;
    if ((uint64_t)n < padded + TAIL)
        return NOT_FOUND;
    memcpy(&tail, r->buffer + padded, TAIL);
    if (tail.commit != GT_TRACE_COMMIT)
        return NOT_FOUND;
    *view = (struct gt_trace_view){
        .type = head.type, .flags = head.flags, .sequence = tail.sequence, .bytes = head.payload_bytes, .payload = r->buffer};
    r->at = offset + head.bytes;
    return FOUND;
}

static bool is_sealed(const struct gt_trace_chunk *chunk)
{
    return chunk->bytes != 0 || chunk->crc32c != 0;
}

/* Does the file reach to `end`? A live one may have grown since it was last looked at; reading on is worth as much again. */
static bool reaches(struct gt_trace_reader *r, uint64_t end)
{
    struct stat now;
    if (end > r->size && fstat(r->fd, &now) == 0 && (uint64_t)now.st_size > r->size) {
        r->work_left += WORK_PER_BYTE * ((uint64_t)now.st_size - r->size);
        r->size = (uint64_t)now.st_size;
    }
    return end <= r->size;
}

/* Does a sealed chunk's CRC hold? NOT_FOUND: no, or it is cut short, or not worth the work. */
static enum found check_chunk(struct gt_trace_reader *r, uint64_t offset, const struct gt_trace_chunk *chunk,
                              struct gt_err *err)
{
    uint32_t crc = 0;
    uint64_t at = offset + CHUNK_HEAD, end = at + chunk->bytes;
    if (chunk->bytes % 8 != 0 || chunk->bytes > GT_TRACE_READ_CHUNK_MAX || !reaches(r, end) || !spend(r, chunk->bytes))
        return NOT_FOUND;
    if (!reserve(r, STEP))
        return (void)gt_err_set(err, GT_E_NOMEM, "%s", r->name), FAILED;
    while (at < end) {
        size_t want = end - at < STEP ? (size_t)(end - at) : STEP;
        ssize_t n = read_at(r, r->buffer, want, at);
        if (n < 0)
            return (void)io_error(r, n, err), FAILED;
        if ((size_t)n < want)
            return NOT_FOUND;
        crc = gt_crc32c(crc, r->buffer, want);
        at += want;
    }
    return crc == chunk->crc32c ? FOUND : NOT_FOUND;
}

static void enter(struct gt_trace_reader *r, uint64_t offset, const struct gt_trace_chunk *chunk)
{
    r->in_chunk = true;
    r->sealed = is_sealed(chunk);
    r->chunk_at = offset;
    r->at = offset + CHUNK_HEAD;
    r->chunk_end = r->at + chunk->bytes;
}

/* Is there a chunk at `offset`, of which everything that can be checked holds? Enters it. */
static enum found try_chunk(struct gt_trace_reader *r, uint64_t offset, struct gt_err *err)
{
    struct gt_trace_chunk chunk;
    ssize_t n = read_at(r, &chunk, CHUNK_HEAD, offset);
    if (n < 0)
        return (void)io_error(r, n, err), FAILED;
    if (n < CHUNK_HEAD || chunk.magic != GT_TRACE_CHUNK_MAGIC)
        return NOT_FOUND;
    enum found found = is_sealed(&chunk) ? check_chunk(r, offset, &chunk, err) : FOUND;
    if (found == FOUND)
        enter(r, offset, &chunk);
    return found;
}

/* Next offset >= *offset (in steps of 8) where a chunk's magic stands. *blank: everything passed over was zero. */
static enum found find_magic(struct gt_trace_reader *r, uint64_t *offset, bool *blank, struct gt_err *err)
{
    if (!reserve(r, STEP))
        return (void)gt_err_set(err, GT_E_NOMEM, "%s", r->name), FAILED;
    for (uint64_t at = *offset; at < r->size; at += STEP) {
        ssize_t n = spend(r, STEP) ? read_at(r, r->buffer, STEP, at) : 0;
        if (n < 0)
            return (void)io_error(r, n, err), FAILED;
        for (size_t i = 0; i + 8 <= (size_t)n; i += 8) {
            uint64_t word;
            memcpy(&word, r->buffer + i, sizeof word);
            *offset = at + i;
            if ((uint32_t)word == GT_TRACE_CHUNK_MAGIC)
                return FOUND;
            *blank = *blank && word == 0;
        }
        if (n < STEP)
            break;
    }
    return NOT_FOUND;
}

/* An open chunk amid damage counts only with a record in it: its head alone could be any data. */
static enum found try_chunk_strictly(struct gt_trace_reader *r, uint64_t offset, struct gt_err *err)
{
    struct gt_trace_view record;
    enum found found = try_chunk(r, offset, err);
    if (found != FOUND || r->sealed)
        return found;
    found = read_record(r, r->at, UINT64_MAX, &record, err);
    r->in_chunk = found == FOUND;
    r->at = offset + CHUNK_HEAD;
    return found;
}

/* Searches the next sound chunk behind `offset` and counts what lies between as lost; at the end of the file otherwise. */
static enum found resync(struct gt_trace_reader *r, uint64_t offset, struct gt_err *err)
{
    uint64_t at = offset + 8;
    uint64_t first;
    bool blank = read_at(r, &first, sizeof first, offset) == (ssize_t)sizeof first && first == 0;
    enum found found;
    while ((found = find_magic(r, &at, &blank, err)) == FOUND) {
        found = try_chunk_strictly(r, at, err);
        if (found != NOT_FOUND)
            break;
        blank = false;
        at += 8;
    }
    if (found == FAILED)
        return FAILED;
    uint64_t end = found == FOUND ? r->chunk_at : r->size;
    /* Zeros at the end are what a crash of the machine leaves of a file that was being extended: nothing was there. */
    if (found == FOUND || !blank) {
        r->loss.chunks++;
        r->loss.bytes += end > offset ? end - offset : 0;
    }
    if (found == NOT_FOUND) {
        r->in_chunk = false;
        r->at = end > offset ? end : offset;
    }
    return found;
}

/* Enters the chunk at r->at, or the next sound one. NOT_FOUND: the file ends here. */
static enum found next_chunk(struct gt_trace_reader *r, struct gt_err *err)
{
    uint64_t at = r->at;
    if (!reaches(r, at + CHUNK_HEAD))
        return NOT_FOUND;
    enum found found = try_chunk(r, at, err);
    return found == NOT_FOUND ? resync(r, at, err) : found;
}

/*
 * An open chunk has no further record. Either this is the end (the writer is at work, or dead), or the chunk was sealed in the
 * meantime, or its head was damaged and the next chunk begins here.
 */
static enum found leave_open(struct gt_trace_reader *r, struct gt_err *err)
{
    struct gt_trace_chunk chunk;
    ssize_t n = read_at(r, &chunk, CHUNK_HEAD, r->chunk_at);
    if (n < 0)
        return (void)io_error(r, n, err), FAILED;
    if (n == CHUNK_HEAD && chunk.magic == GT_TRACE_CHUNK_MAGIC && is_sealed(&chunk)) {
        r->sealed = true;
        r->chunk_end = r->chunk_at + CHUNK_HEAD + chunk.bytes;
        return FOUND;
    }
    uint64_t damaged = r->chunk_at;
    enum found found = try_chunk(r, r->at, err);
    if (found == FOUND && damaged != r->chunk_at)
        r->loss.chunks++;
    return found;
}

/* A chunk whose CRC holds but whose records do not fit it: nothing behind this place can be told apart. */
static void skip_rest(struct gt_trace_reader *r)
{
    r->loss.chunks++;
    r->loss.bytes += r->chunk_end > r->at ? r->chunk_end - r->at : 0;
    r->at = r->chunk_end;
}

static enum found step(struct gt_trace_reader *r, struct gt_trace_view *record, struct gt_err *err)
{
    for (;;) {
        if (r->in_chunk && r->sealed && r->at >= r->chunk_end) {
            r->in_chunk = false; /* (beyond its end only when the writer shrank the chunk under us: never go back) */
        }
        if (!r->in_chunk) {
            enum found found = next_chunk(r, err);
            if (found != FOUND)
                return found;
            continue;
        }
        enum found found = read_record(r, r->at, r->sealed ? r->chunk_end : UINT64_MAX, record, err);
        if (found != NOT_FOUND)
            return found;
        if (r->sealed) {
            skip_rest(r);
            continue;
        }
        found = leave_open(r, err);
        if (found != FOUND)
            return found;
    }
}

enum gt_status gt_trace_read_next(struct gt_trace_reader *reader, struct gt_trace_view *record, struct gt_err *err)
{
    struct gt_err detail = {0};
    switch (step(reader, record, &detail)) {
    case FOUND:
        reader->ended = reader->ended || record->type == GT_TRACE_END;
        return GT_OK;
    case NOT_FOUND:
        return GT_E_NOENT;
    default:
        return gt_err_set(err, detail.status, "%s", detail.text);
    }
}

/* --- opening
 * ------------------------------------------------------------------------------------------------------------------- */

void gt_trace_read_rewind(struct gt_trace_reader *reader)
{
    struct stat now;
    reader->locked = gt_trace_is_locked(reader->fd) == 1;
    if (fstat(reader->fd, &now) == 0)
        reader->size = (uint64_t)now.st_size;
    reader->work_left = WORK_PER_BYTE * reader->size + 16 * STEP;
    reader->loss = (struct gt_trace_loss){0};
    reader->ended = reader->in_chunk = reader->sealed = false;
    reader->at = reader->header.header_bytes;
}

static enum gt_status check_header(struct gt_trace_reader *r, struct gt_err *err)
{
    const struct gt_trace_header *h = &r->header;
    ssize_t n = read_at(r, &r->header, sizeof r->header, 0);
    if (n < 0)
        return io_error(r, n, err);
    if (n < (ssize_t)sizeof r->header || memcmp(h->magic, GT_TRACE_MAGIC, sizeof h->magic) != 0)
        return gt_err_set(err, GT_E_FORMAT, "%s: not a trace", r->name);
    if (h->min_reader > GT_TRACE_VERSION)
        return gt_err_set(err, GT_E_VERSION, "%s: needs a reader of version %u, this one has %d", r->name, h->min_reader,
                          (int)GT_TRACE_VERSION);
    if (gt_crc32c(0, h, offsetof(struct gt_trace_header, crc32c)) != h->crc32c)
        return gt_err_set(err, GT_E_CORRUPT, "%s: the header's checksum is wrong", r->name);
    if (h->header_bytes < sizeof *h || h->header_bytes % 8 != 0 || h->header_bytes > STEP)
        return gt_err_set(err, GT_E_CORRUPT, "%s: a header of %u bytes", r->name, h->header_bytes);
    return GT_OK;
}

enum gt_status gt_trace_read_open_fd(int fd, const char *name, struct gt_trace_reader **reader, struct gt_err *err)
{
    struct gt_trace_reader *r = calloc(1, sizeof *r);
    if (!r)
        return gt_err_set(err, GT_E_NOMEM, "trace reader");
    r->fd = fd;
    gt_text_escape(r->name, sizeof r->name, name, SIZE_MAX);
    enum gt_status status = check_header(r, err);
    if (status != GT_OK) {
        gt_trace_read_close(r);
        return status;
    }
    gt_trace_read_rewind(r);
    *reader = r;
    return GT_OK;
}

enum gt_status gt_trace_read_open(const char *path, struct gt_trace_reader **reader, struct gt_err *err)
{
    struct stat kind;
    /* O_NONBLOCK: a fifo must not hold us up before we know that it is one. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        return gt_err_set(err, GT_E_FORMAT, "%s: a symbolic link, not a trace", path);
    if (fd < 0)
        return gt_err_set_errno(err, errno, "%s", path);
    enum gt_status status = GT_OK;
    if (fstat(fd, &kind) < 0)
        status = gt_err_set_errno(err, errno, "%s", path);
    else if (!S_ISREG(kind.st_mode))
        status = gt_err_set(err, GT_E_FORMAT, "%s: not a regular file", path);
    else
        status = gt_trace_read_open_fd(fd, path, reader, err);
    if (status == GT_OK)
        (*reader)->own_fd = true;
    else
        close(fd);
    return status;
}

void gt_trace_read_close(struct gt_trace_reader *reader)
{
    if (!reader)
        return;
    if (reader->own_fd)
        close(reader->fd);
    free(reader->buffer);
    free(reader);
}

const struct gt_trace_header *gt_trace_read_header(const struct gt_trace_reader *reader)
{
    return &reader->header;
}

enum gt_trace_state gt_trace_read_state(const struct gt_trace_reader *reader)
{
    if (reader->ended)
        return GT_TRACE_CLOSED;
    return reader->locked ? GT_TRACE_OPEN : GT_TRACE_CRASHED;
}

struct gt_trace_loss gt_trace_read_loss(const struct gt_trace_reader *reader)
{
    return reader->loss;
}

uint64_t gt_trace_read_bytes(const struct gt_trace_reader *reader)
{
    return reader->size;
}
