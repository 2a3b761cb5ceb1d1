#include "core/trace_write.h"

#include "core/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "traces are written as they lie in memory");
_Static_assert(sizeof(struct gt_trace_header) == 128 && sizeof(struct gt_trace_chunk) == 16, "layout of the file");
_Static_assert(sizeof(struct gt_trace_record) == 16 && sizeof(struct gt_trace_tail) == 8, "layout of the file");

enum { HEAD = sizeof(struct gt_trace_record), TAIL = sizeof(struct gt_trace_tail), CHUNK = sizeof(struct gt_trace_chunk) };

static size_t padding_of(size_t bytes, size_t unit)
{
    return (unit - bytes % unit) % unit;
}

/* --- header and name ----------------------------------------------------------------------------------------------------- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* random(4): 32 hexadecimal digits with hyphens. Zero when it cannot be read. */
static void read_boot_id(uint8_t out[16])
{
    char text[40];
    int digits = 0;
    memset(out, 0, 16);
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < n && digits < 32; i++) {
        int digit = hex_digit(text[i]);
        if (digit >= 0) {
            out[digits / 2] |= (uint8_t)(digits % 2 ? digit : digit << 4);
            digits++;
        }
    }
}

enum gt_status gt_trace_write_header_init(struct gt_trace_header *header, enum gt_trace_role role, const uint8_t *run_id,
                                          const uint8_t *parent_run_id)
{
    memset(header, 0, sizeof *header);
    memcpy(header->magic, GT_TRACE_MAGIC, sizeof header->magic);
    header->version = GT_TRACE_VERSION;
    header->min_reader = GT_TRACE_MIN_READER;
    header->header_bytes = sizeof *header;
    if (getrandom(header->trace_id, sizeof header->trace_id, 0) != (ssize_t)sizeof header->trace_id)
        return GT_E_IO;
    if (run_id)
        memcpy(header->run_id, run_id, sizeof header->run_id);
    if (parent_run_id)
        memcpy(header->parent_run_id, parent_run_id, sizeof header->parent_run_id);
    read_boot_id(header->boot_id);
    header->mono_ns = clock_ns(CLOCK_MONOTONIC);
    header->real_ns = clock_ns(CLOCK_REALTIME);
    header->role = (uint32_t)role;
    header->pid = (uint32_t)getpid();
    return GT_OK;
}

char *gt_trace_write_name(const struct gt_trace_header *header, char out[GT_TRACE_WRITE_NAME_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    const char *prefix = header->role == GT_TRACE_ROLE_RUN ? "run-" : "process-";
    char *at = stpcpy(out, prefix);
    for (int i = 0; i < GT_TRACE_ID_BYTES; i++) {
        *at++ = digits[header->trace_id[i] >> 4];
        *at++ = digits[header->trace_id[i] & 15];
    }
    strcpy(at, ".gtt");
    return out;
}

/* --- the file ------------------------------------------------------------------------------------------------------------ */

/* All of it, or the errno that stopped it. */
static int write_at(int fd, const void *bytes, size_t n, uint64_t offset)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t done = pwrite(fd, at, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? errno : ENOSPC;
        at += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

static int allocate(const struct gt_trace_writer *w, size_t n)
{
    return fallocate(w->fd, FALLOC_FL_KEEP_SIZE, (off_t)w->offset, (off_t)n) == 0 ? 0 : errno;
}

/*
 * Room for `n` bytes at the end and for the reserve behind them, so that a full disk leaves place to say so. File systems
 * without fallocate, and filters that forbid it, go without. The call takes as long as the writing: a file that has grown gets
 * room for several flushes at once, an eighth of what it has, where the disk has that.
 */
static int reserve_room(struct gt_trace_writer *w, size_t n)
{
    size_t needed = n + GT_TRACE_WRITE_RESERVE_BYTES;
    size_t ahead = w->offset / 8 < GT_TRACE_WRITE_AHEAD_BYTES ? (size_t)w->offset / 8 : GT_TRACE_WRITE_AHEAD_BYTES;
    if (w->offset + needed <= w->allocated_to)
        return 0;
    if (ahead > needed && allocate(w, needed + ahead) == 0) {
        w->allocated_to = w->offset + needed + ahead;
        return 0;
    }
    int error = allocate(w, needed);
    return error == ENOSPC || error == EDQUOT || error == EFBIG ? error : 0;
}

/* Cuts the file back to what is whole; what was allocated behind it is given back by that. */
static bool cut_back(struct gt_trace_writer *w, uint64_t end)
{
    w->allocated_to = 0;
    return ftruncate(w->fd, (off_t)end) == 0;
}

/* Appends whole records. On failure the file is cut back, so that no half of them is taken for something. */
static int append(struct gt_trace_writer *w, const void *bytes, size_t n)
{
    int error = write_at(w->fd, bytes, n, w->offset);
    if (error != 0) {
        /* If even this is refused, later records overwrite the rest from the same place on; CRC and sequence tell. */
        if (!cut_back(w, w->offset))
            w->last_error = errno;
        return error;
    }
    w->chunk_crc = gt_crc32c(w->chunk_crc, bytes, n);
    w->chunk_bytes += (uint32_t)n;
    w->offset += n;
    return 0;
}

static int open_chunk(struct gt_trace_writer *w)
{
    if (w->chunk_at != 0)
        return 0;
    struct gt_trace_chunk chunk = {.magic = GT_TRACE_CHUNK_MAGIC, .sequence = w->chunk_sequence};
    int error = write_at(w->fd, &chunk, sizeof chunk, w->offset);
    if (error != 0) {
        if (!cut_back(w, w->offset))
            w->last_error = errno;
        return error;
    }
    w->chunk_at = w->offset;
    w->offset += sizeof chunk;
    w->chunk_crc = w->chunk_bytes = 0;
    return 0;
}

static enum gt_status status_of(int error)
{
    return error == 0 ? GT_OK : error == ENOSPC || error == EDQUOT || error == EFBIG ? GT_E_NOSPACE : GT_E_IO;
}

enum gt_status gt_trace_write_create(struct gt_trace_writer *writer, int dir_fd, const char *name,
                                     const struct gt_trace_header *header, void *buffer, size_t capacity)
{
    memset(writer, 0, sizeof *writer);
    writer->fd = -1;
    if (capacity < GT_TRACE_WRITE_BUFFER_MIN || !buffer)
        return GT_E_ARG;
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return gt_status_from_errno(errno);
    struct gt_trace_header sealed = *header;
    sealed.crc32c = gt_crc32c(0, &sealed, offsetof(struct gt_trace_header, crc32c));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int error = fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
    if (error == 0)
        error = write_at(fd, &sealed, sizeof sealed, 0);
    if (error != 0) {
        unlinkat(dir_fd, name, 0);
        close(fd);
        errno = error;
        return gt_status_from_errno(error);
    }
    writer->fd = fd;
    writer->buffer = buffer;
    writer->capacity = capacity;
    writer->sequence = 1;
    writer->offset = sizeof sealed;
    return GT_OK;
}

/* --- records ------------------------------------------------------------------------------------------------------------- */

static bool append_buffer(struct gt_trace_writer *w, const void *bytes, size_t n)
{
    if (w->overflow || w->capacity - w->used < n + 8 + TAIL) {
        w->overflow = true;
        return false;
    }
    if (n > 0) /* memcpy of nothing from NULL is undefined */
        memcpy(w->buffer + w->used, bytes, n);
    w->used += n;
    return true;
}

/* Sets committed records aside of a record that is in progress, so that they can be flushed without it. */
static void begin_record(struct gt_trace_writer *w, enum gt_trace_type type)
{
    struct gt_trace_record head = {.type = (uint16_t)type};
    w->record_at = w->used;
    w->in_record = true;
    w->overflow = false;
    append_buffer(w, &head, sizeof head);
}

void gt_trace_write_begin(struct gt_trace_writer *writer, enum gt_trace_type type)
{
    if (writer->fd < 0)
        return;
    /* Half the buffer for any record: the other half is what makes flushes rare. */
    if (writer->used > writer->capacity / 2)
        gt_trace_write_flush(writer);
    begin_record(writer, type);
}

void gt_trace_write_raw(struct gt_trace_writer *writer, const void *bytes, size_t n)
{
    if (writer->fd >= 0 && writer->in_record)
        append_buffer(writer, bytes, n);
}

void gt_trace_write_bytes(struct gt_trace_writer *writer, enum gt_trace_key key, const void *bytes, size_t n)
{
    static const char zero[4];
    if (n > UINT16_MAX)
        n = UINT16_MAX;
    uint16_t head[2] = {(uint16_t)key, (uint16_t)n};
    gt_trace_write_raw(writer, head, sizeof head);
    gt_trace_write_raw(writer, bytes, n);
    gt_trace_write_raw(writer, zero, padding_of(n, 4));
}

void gt_trace_write_u64(struct gt_trace_writer *writer, enum gt_trace_key key, uint64_t value)
{
    gt_trace_write_bytes(writer, key, &value, sizeof value);
}

void gt_trace_write_f64(struct gt_trace_writer *writer, enum gt_trace_key key, double value)
{
    gt_trace_write_bytes(writer, key, &value, sizeof value);
}

void gt_trace_write_string(struct gt_trace_writer *writer, enum gt_trace_key key, const char *text)
{
    if (text)
        gt_trace_write_bytes(writer, key, text, strnlen(text, GT_TRACE_WRITE_STRING_MAX));
}

static void lose(struct gt_trace_writer *w, uint64_t records, int error)
{
    w->lost_records += records;
    w->last_error = error;
}

/* Head, padding and tail around the payload that stands in the buffer. */
enum gt_status gt_trace_write_commit(struct gt_trace_writer *writer)
{
    static const char zero[8];
    struct gt_trace_writer *w = writer;
    if (w->fd < 0 || !w->in_record)
        return GT_E_STATE;
    w->in_record = false;
    if (w->overflow) {
        w->used = w->record_at;
        lose(w, 1, EMSGSIZE);
        return GT_E_LIMIT;
    }
    struct gt_trace_record head;
    struct gt_trace_tail tail = {w->sequence++, GT_TRACE_COMMIT};
    memcpy(&head, w->buffer + w->record_at, sizeof head);
    head.payload_bytes = (uint32_t)(w->used - w->record_at - HEAD);
    size_t pad = padding_of(head.payload_bytes, 8);
    memcpy(w->buffer + w->used, zero, pad);
    memcpy(w->buffer + w->used + pad, &tail, sizeof tail);
    w->used += pad + TAIL;
    head.bytes = (uint32_t)(w->used - w->record_at);
    memcpy(w->buffer + w->record_at, &head, sizeof head);
    w->buffered++;
    return GT_OK;
}

void gt_trace_write_note(struct gt_trace_writer *writer, const char *label, const char *text)
{
    gt_trace_write_begin(writer, GT_TRACE_NOTE);
    gt_trace_write_string(writer, GT_KEY_LABEL, label);
    gt_trace_write_string(writer, GT_KEY_TEXT, text);
    gt_trace_write_commit(writer);
}

void gt_trace_write_loss(struct gt_trace_writer *writer, const char *kind, uint64_t count)
{
    gt_trace_write_begin(writer, GT_TRACE_LOSS);
    gt_trace_write_string(writer, GT_KEY_KIND, kind);
    gt_trace_write_u64(writer, GT_KEY_COUNT, count);
    gt_trace_write_commit(writer);
}

/* --- flushing ------------------------------------------------------------------------------------------------------------ */

static const char *loss_kind(int error)
{
    switch (error) {
    case ENOSPC:
        return "no space";
    case EDQUOT:
        return "quota";
    case EFBIG:
        return "file size limit";
    case EMSGSIZE:
        return "record too large";
    default:
        return "write error";
    }
}

/* The loss that was not yet told, as a record of its own in the (empty) buffer, written into the reserve. */
static void report_loss(struct gt_trace_writer *w)
{
    uint64_t count = w->lost_records - w->lost_reported;
    if (count == 0 || w->used != 0)
        return;
    begin_record(w, GT_TRACE_LOSS);
    gt_trace_write_string(w, GT_KEY_KIND, loss_kind(w->last_error));
    gt_trace_write_u64(w, GT_KEY_COUNT, count);
    gt_trace_write_commit(w);
    if (open_chunk(w) == 0 && append(w, w->buffer, w->used) == 0)
        w->lost_reported += count;
    w->used = w->buffered = 0;
}

/* The reserve holds some sixty LOSS records: tell a loss at once when it begins, then only as it doubles. */
static bool worth_telling(const struct gt_trace_writer *w)
{
    return w->lost_records - w->lost_reported > w->lost_reported;
}

enum gt_status gt_trace_write_flush(struct gt_trace_writer *writer)
{
    struct gt_trace_writer *w = writer;
    if (w->fd < 0)
        return GT_E_STATE;
    if (w->in_record) /* a half record cannot be told from a whole one: the caller has begun one too early */
        return GT_E_STATE;
    if (w->used == 0)
        return GT_OK;
    int error = reserve_room(w, w->used + CHUNK);
    if (error == 0)
        error = open_chunk(w);
    if (error == 0)
        error = append(w, w->buffer, w->used);
    uint32_t records = w->buffered;
    w->used = w->buffered = 0;
    if (error != 0) {
        lose(w, records, error);
        if (worth_telling(w))
            report_loss(w);
        return status_of(error);
    }
    report_loss(w);
    return w->chunk_bytes >= GT_TRACE_WRITE_CHUNK_BYTES ? gt_trace_write_seal(w) : GT_OK;
}

enum gt_status gt_trace_write_seal(struct gt_trace_writer *writer)
{
    struct gt_trace_writer *w = writer;
    if (w->fd < 0)
        return GT_E_STATE;
    if (w->chunk_at == 0 || w->chunk_bytes == 0)
        return GT_OK;
    struct gt_trace_chunk chunk = {
        .magic = GT_TRACE_CHUNK_MAGIC, .sequence = w->chunk_sequence, .bytes = w->chunk_bytes, .crc32c = w->chunk_crc};
    int error = write_at(w->fd, &chunk, sizeof chunk, w->chunk_at);
    if (error == 0) {
        w->chunk_at = 0;
        w->chunk_sequence++;
    }
    return status_of(error);
}

/* A record that the buffer cannot hold: straight from the caller's memory, the commit word last. */
static int append_large(struct gt_trace_writer *w, const struct gt_trace_record *record, const void *head, size_t head_bytes,
                        const void *rows, size_t row_bytes)
{
    unsigned char end[8 + TAIL] = {0};
    size_t pad = padding_of(head_bytes + row_bytes, 8);
    struct gt_trace_tail tail = {w->sequence, GT_TRACE_COMMIT};
    memcpy(end + pad, &tail, sizeof tail);
    struct gt_trace_writer before = *w;
    int error = reserve_room(w, record->bytes + CHUNK);
    if (error == 0)
        error = open_chunk(w);
    uint64_t begin = w->offset;
    if (error == 0)
        before = *w;
    if (error == 0)
        error = append(w, record, sizeof *record);
    if (error == 0 && head_bytes > 0)
        error = append(w, head, head_bytes);
    if (error == 0)
        error = append(w, rows, row_bytes);
    if (error == 0)
        error = append(w, end, pad + TAIL);
    if (error != 0) {
        *w = before;
        if (!cut_back(w, begin))
            w->last_error = error;
        return error;
    }
    w->sequence++;
    return 0;
}

enum gt_status gt_trace_write_packed(struct gt_trace_writer *writer, enum gt_trace_type type, const void *head,
                                     size_t head_bytes, const void *rows, size_t row_bytes)
{
    struct gt_trace_writer *w = writer;
    if (w->fd < 0)
        return GT_E_STATE;
    size_t payload = head_bytes + row_bytes;
    size_t whole = HEAD + payload + padding_of(payload, 8) + TAIL;
    if (whole + 8 <= w->capacity) {
        if (w->capacity - w->used < whole + 8)
            gt_trace_write_flush(w);
        begin_record(w, type);
        gt_trace_write_raw(w, head, head_bytes);
        gt_trace_write_raw(w, rows, row_bytes);
        return gt_trace_write_commit(w);
    }
    struct gt_trace_record record = {.type = (uint16_t)type, .bytes = (uint32_t)whole, .payload_bytes = (uint32_t)payload};
    gt_trace_write_flush(w);
    int error = append_large(w, &record, head, head_bytes, rows, row_bytes);
    if (error != 0) {
        lose(w, 1, error);
        if (worth_telling(w))
            report_loss(w);
        return status_of(error);
    }
    return w->chunk_bytes >= GT_TRACE_WRITE_CHUNK_BYTES ? gt_trace_write_seal(w) : GT_OK;
}

uint64_t gt_trace_write_bytes_total(const struct gt_trace_writer *writer)
{
    return writer->offset + writer->used;
}

uint32_t gt_trace_write_last_sequence(const struct gt_trace_writer *writer)
{
    return writer->sequence - 1;
}

uint64_t gt_trace_write_lost(const struct gt_trace_writer *writer)
{
    return writer->lost_records;
}

/* The last records (END) must fit the reserve even when nothing else does. */
static void flush_into_reserve(struct gt_trace_writer *w)
{
    if (w->used == 0 || w->used > GT_TRACE_WRITE_RESERVE_BYTES || reserve_room(w, w->used) == 0)
        return;
    if (open_chunk(w) == 0 && append(w, w->buffer, w->used) == 0)
        w->used = w->buffered = 0;
}

enum gt_status gt_trace_write_close(struct gt_trace_writer *writer)
{
    if (writer->fd < 0)
        return GT_E_STATE;
    writer->in_record = false;
    flush_into_reserve(writer);
    enum gt_status status = gt_trace_write_flush(writer);
    report_loss(writer);
    enum gt_status sealed = gt_trace_write_seal(writer);
    if (writer->allocated_to > writer->offset)
        cut_back(writer, writer->offset);
    close(writer->fd);
    writer->fd = -1;
    return status != GT_OK ? status : sealed;
}

void gt_trace_write_gap(struct gt_trace_writer *writer, uint64_t begin_ns, uint64_t end_ns, const char *domain,
                        const char *reason)
{
    gt_trace_write_begin(writer, GT_TRACE_GAP);
    gt_trace_write_u64(writer, GT_KEY_T_BEGIN_NS, begin_ns);
    gt_trace_write_u64(writer, GT_KEY_T_END_NS, end_ns);
    if (domain)
        gt_trace_write_string(writer, GT_KEY_GAP_DOMAIN, domain);
    gt_trace_write_string(writer, GT_KEY_GAP_REASON, reason);
    gt_trace_write_commit(writer);
}

void gt_trace_write_overhead(struct gt_trace_writer *writer, uint64_t cpu_ns, double hook_ns)
{
    gt_trace_write_begin(writer, GT_TRACE_OVERHEAD);
    gt_trace_write_u64(writer, GT_KEY_OVERHEAD_CPU_NS, cpu_ns);
    if (hook_ns > 0)
        gt_trace_write_f64(writer, GT_KEY_OVERHEAD_HOOK_NS, hook_ns);
    gt_trace_write_commit(writer);
}
