/*
 * Writer of trace files (core/trace.h), fit for a thread inside somebody else's process.
 *
 * Life cycle: gt_trace_write_create -> (gt_trace_write_begin, gt_trace_write_<value>..., gt_trace_write_commit)... ->
 * gt_trace_write_flush now and then -> gt_trace_write_close. Everything lives in the caller's struct and buffer: after create
 * there is no allocation, no lock, no stdio; only pwrite(2), fallocate(2) and ftruncate(2). A writer belongs to one thread.
 *
 * Records collect in the buffer; a flush appends them to the open chunk with one pwrite, and a chunk is sealed with its CRC32C
 * once it is large enough. The lock on the file's first byte (OFD write lock) lives as long as the descriptor.
 *
 * A full disk, quota or file size limit (ENOSPC, EDQUOT, EFBIG) is a *loss*, not an error that ends anything: the records of
 * that flush are dropped, the file is cut back to its last whole record, and a LOSS record says how many, at once where the
 * reserve that was set aside on disk allows it, else as soon as there is room. SIGXFSZ must be blocked or ignored by the
 * caller.
 */
#ifndef GT_CORE_TRACE_WRITE_H
#define GT_CORE_TRACE_WRITE_H

#include "core/status.h"
#include "core/trace.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    GT_TRACE_WRITE_BUFFER_MIN = 8 * 1024,    /* least buffer */
    GT_TRACE_WRITE_CHUNK_BYTES = 1 << 20,    /* a chunk is sealed when it holds this much */
    GT_TRACE_WRITE_STRING_MAX = 4096,        /* strings are cut here */
    GT_TRACE_WRITE_NAME_BYTES = 48,          /* "process-<32 hex>.gtt" and its NUL fit */
    GT_TRACE_WRITE_RESERVE_BYTES = 4 * 1024, /* kept allocated ahead of the end for LOSS and END */
    GT_TRACE_WRITE_AHEAD_BYTES = 256 * 1024  /* at most so much more, in files that are eight times as large */
};

/* All fields are the writer's own; look at them through the functions below. */
struct gt_trace_writer {
    int fd;                /* -1: not open */
    unsigned char *buffer; /* borrowed; GT_TRACE_WRITE_BUFFER_MIN or more */
    size_t capacity, used; /* bytes; `used` counts committed records and the one in progress */
    size_t record_at;      /* where the record in progress begins */
    bool in_record, overflow;
    uint32_t sequence;     /* of the next record; starts at 1 */
    uint32_t buffered;     /* committed records in the buffer */
    uint64_t offset;       /* bytes of the file that are whole */
    uint64_t allocated_to; /* the disk has room for the file up to here; 0: not known */
    uint64_t chunk_at;     /* where the open chunk's header is; 0: no chunk is open */
    uint32_t chunk_sequence, chunk_crc, chunk_bytes;
    uint64_t lost_records, lost_reported;
    int last_error; /* errno of the last loss; 0 none */
};

/*
 * Fills the parts of a header that every writer fills alike: magic, versions, ids, boot id, both clocks, pid. `trace_id` is
 * drawn from getrandom(2). `run_id` and `parent_run_id`: 16 bytes, NULL means zero. GT_E_IO when there is no randomness.
 */
enum gt_status gt_trace_write_header_init(struct gt_trace_header *header, enum gt_trace_role role, const uint8_t *run_id,
                                          const uint8_t *parent_run_id);

/* "process-<32 hex>.gtt" or "run-<32 hex>.gtt", by the header's role and id. Returns `out`. */
char *gt_trace_write_name(const struct gt_trace_header *header, char out[GT_TRACE_WRITE_NAME_BYTES]);

/*
 * Creates `name` in the open folder `dir_fd` (O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), locks it and writes the header
 * (its CRC is filled in here). `buffer`: `capacity` bytes, borrowed until close. GT_E_ARG, GT_E_EXIST, GT_E_PERM,
 * GT_E_NOSPACE, GT_E_IO; nothing is left behind then. errno is set on failure.
 */
enum gt_status gt_trace_write_create(struct gt_trace_writer *writer, int dir_fd, const char *name,
                                     const struct gt_trace_header *header, void *buffer, size_t capacity);

/* Begins a record; what does not fit the buffer is flushed first. */
void gt_trace_write_begin(struct gt_trace_writer *writer, enum gt_trace_type type);

/* Fields. A string of NULL is left out; one longer than GT_TRACE_WRITE_STRING_MAX is cut. */
void gt_trace_write_u64(struct gt_trace_writer *writer, enum gt_trace_key key, uint64_t value);
void gt_trace_write_f64(struct gt_trace_writer *writer, enum gt_trace_key key, double value);
void gt_trace_write_string(struct gt_trace_writer *writer, enum gt_trace_key key, const char *text);
void gt_trace_write_bytes(struct gt_trace_writer *writer, enum gt_trace_key key, const void *bytes, size_t n);
/* Bytes of a packed payload, or fields that were encoded elsewhere. */
void gt_trace_write_raw(struct gt_trace_writer *writer, const void *bytes, size_t n);

/*
 * Ends the record: it will be whole in the file after the next flush that works. GT_E_LIMIT: it was larger than the buffer and
 * counts as lost.
 */
enum gt_status gt_trace_write_commit(struct gt_trace_writer *writer);

/*
 * A packed record of any size up to the reader's limit, written from the caller's memory (head may be NULL with 0 bytes).
 * Flushes when it is larger than the buffer. As commit and flush.
 */
enum gt_status gt_trace_write_packed(struct gt_trace_writer *writer, enum gt_trace_type type, const void *head,
                                     size_t head_bytes, const void *rows, size_t row_bytes);

/* Short forms of whole records: a NOTE, and a LOSS (counts of one kind add up). */
void gt_trace_write_note(struct gt_trace_writer *writer, const char *label, const char *text);
void gt_trace_write_loss(struct gt_trace_writer *writer, const char *kind, uint64_t count);

/* A GAP record; `domain` NULL: none could be read. */
void gt_trace_write_gap(struct gt_trace_writer *writer, uint64_t begin_ns, uint64_t end_ns, const char *domain,
                        const char *reason);

/* OVERHEAD: CPU time of the sampler; hook_ns 0: not known. */
void gt_trace_write_overhead(struct gt_trace_writer *writer, uint64_t cpu_ns, double hook_ns);

/*
 * Brings all committed records into the file. GT_E_NOSPACE: they were lost and counted; GT_E_IO: likewise, for another reason.
 */
enum gt_status gt_trace_write_flush(struct gt_trace_writer *writer);

/* Seals the open chunk (after a flush): the next record begins a new one. */
enum gt_status gt_trace_write_seal(struct gt_trace_writer *writer);

/* Bytes of the file so far, buffered ones included; sequence of the last committed record (0: none); records lost so far. */
uint64_t gt_trace_write_bytes_total(const struct gt_trace_writer *writer);
uint32_t gt_trace_write_last_sequence(const struct gt_trace_writer *writer);
uint64_t gt_trace_write_lost(const struct gt_trace_writer *writer);

/*
 * Flushes, writes a pending LOSS, seals and closes. It adds no END record: whoever knows how the job ended writes that first
 * (gt_trace_write_begin(w, GT_TRACE_END) with T_END_NS and, where known, EXIT_STATUS or SIGNAL). A closed writer is left alone.
 */
enum gt_status gt_trace_write_close(struct gt_trace_writer *writer);

#endif
