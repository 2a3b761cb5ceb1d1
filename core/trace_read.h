/*
 * Reader of trace files (core/trace.h): pread only, bounded memory, made for files that a crashing, a still running or a
 * hostile process wrote.
 *
 * Life cycle: gt_trace_read_open -> gt_trace_read_next ... -> (gt_trace_read_state, gt_trace_read_loss) -> gt_trace_read_close.
 * Sealed chunks are checked by their CRC32C before their first record is handed out; a chunk that fails is skipped, as is
 * anything between chunks that is not one, and counted as loss. The open chunk is read up to the first record without its
 * commit word. A reader belongs to one thread; different readers are independent. No stdio, no locale.
 */
#ifndef GT_CORE_TRACE_READ_H
#define GT_CORE_TRACE_READ_H

#include "core/status.h"
#include "core/trace.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    GT_TRACE_READ_RECORD_MAX = 4 * 1024 * 1024, /* bytes of head, payload and tail; a longer record is corrupt */
    GT_TRACE_READ_CHUNK_MAX = 64 * 1024 * 1024  /* bytes of a sealed chunk's records; a longer one is corrupt */
};

/* What its writer is doing. The words reach the store: "open", "crashed", "closed". */
enum gt_trace_state { GT_TRACE_OPEN, GT_TRACE_CRASHED, GT_TRACE_CLOSED };
const char *gt_trace_state_word(enum gt_trace_state state);

/* What could not be read. All zero for a sound file (an unfinished last record of an open chunk is not a loss). */
struct gt_trace_loss {
    uint64_t chunks; /* sealed chunks whose CRC, length or records were wrong */
    uint64_t bytes;  /* skipped, with the chunks above */
};

/* One record. `payload` is borrowed from the reader, 8-byte aligned, valid until the next call. */
struct gt_trace_view {
    uint16_t type, flags; /* type: enum gt_trace_type, or one that this code does not know: skip it */
    uint32_t sequence;
    uint32_t bytes; /* of the payload, without padding */
    const unsigned char *payload;
};

struct gt_trace_reader; /* opaque, owned by the caller of open */

/*
 * Opens a trace (O_NOFOLLOW, regular files only), checks magic, min_reader and the header's CRC, and looks whether its writer
 * still holds its lock. *reader is owned by the caller. GT_E_NOENT, GT_E_PERM, GT_E_IO; GT_E_FORMAT: not a trace, or shorter
 * than a header; GT_E_CORRUPT: header CRC; GT_E_VERSION: written for a newer reader (the number is in the text).
 */
enum gt_status gt_trace_read_open(const char *path, struct gt_trace_reader **reader, struct gt_err *err);

/* The same on a descriptor that stays the caller's; `name` is for messages. */
enum gt_status gt_trace_read_open_fd(int fd, const char *name, struct gt_trace_reader **reader, struct gt_err *err);

/* Borrowed; lives as long as the reader. */
const struct gt_trace_header *gt_trace_read_header(const struct gt_trace_reader *reader);

/*
 * The next record. GT_OK; GT_E_NOENT at the end (nothing in *record; a later call reads on when the file has grown);
 * GT_E_IO, GT_E_NOMEM.
 */
enum gt_status gt_trace_read_next(struct gt_trace_reader *reader, struct gt_trace_view *record, struct gt_err *err);

/* Back to the first record; losses are counted anew. The lock is looked at again. */
void gt_trace_read_rewind(struct gt_trace_reader *reader);

/*
 * After the end was reached: closed when an END record was read, else open when the writer held its lock before the first
 * record was read, else crashed. Since the lock is looked at first, "crashed" and "closed" mean that everything was read.
 */
enum gt_trace_state gt_trace_read_state(const struct gt_trace_reader *reader);

struct gt_trace_loss gt_trace_read_loss(const struct gt_trace_reader *reader);

/* Bytes of the file at open or rewind. */
uint64_t gt_trace_read_bytes(const struct gt_trace_reader *reader);

/* NULL is allowed. */
void gt_trace_read_close(struct gt_trace_reader *reader);

/* Is the trace behind this descriptor locked by a writer (F_OFD_GETLK on its first byte)? -errno when that cannot be told. */
int gt_trace_is_locked(int fd);

/* --- fields payloads
 * ----------------------------------------------------------------------------------------------------------- */

/* One field; `value` is borrowed from the record, 4-byte aligned only. */
struct gt_trace_field {
    uint16_t key, bytes;
    const unsigned char *value;
};

/* Iteration in the record's order: `at` starts at 0. False at the end; a field that overruns the payload ends it, too. */
bool gt_trace_field_next(const struct gt_trace_view *record, uint32_t *at, struct gt_trace_field *field);

/* Values by type; false (and *value untouched) when the field's size is not the type's. */
bool gt_trace_field_u64(const struct gt_trace_field *field, uint64_t *value);
bool gt_trace_field_f64(const struct gt_trace_field *field, double *value);
/* Copies a string, NUL-terminated, cut to size - 1 bytes. Returns `out`. Bytes are as the writer had them: escape before
 * printing. */
char *gt_trace_field_string(const struct gt_trace_field *field, char *out, size_t size);

/* The first field with that key. False when there is none. */
bool gt_trace_find(const struct gt_trace_view *record, enum gt_trace_key key, struct gt_trace_field *field);
bool gt_trace_find_u64(const struct gt_trace_view *record, enum gt_trace_key key, uint64_t *value);
bool gt_trace_find_f64(const struct gt_trace_view *record, enum gt_trace_key key, double *value);
/* `out` becomes "" when there is none. */
bool gt_trace_find_string(const struct gt_trace_view *record, enum gt_trace_key key, char *out, size_t size);

/* --- packed payloads: GT_E_FORMAT when sizes and counts do not fit each other; rows are borrowed from the record
 * --------------- */

/* Row i is rows + i * (1 + *domains): t_ns, then `domains` raw counters. */
enum gt_status gt_trace_view_ticks(const struct gt_trace_view *record, uint32_t *count, uint32_t *domains,
                                   const uint64_t **rows);
enum gt_status gt_trace_view_cpu(const struct gt_trace_view *record, uint32_t *count, const struct gt_trace_cpu **rows);
enum gt_status gt_trace_view_events(const struct gt_trace_view *record, uint64_t *thread, uint32_t *count,
                                    const struct gt_trace_event **rows);
enum gt_status gt_trace_view_table(const struct gt_trace_view *record, uint64_t *thread, uint32_t *count,
                                   const struct gt_trace_total **rows);
/* COUNTS: of the whole process. */
enum gt_status gt_trace_view_counts(const struct gt_trace_view *record, uint32_t *count, const struct gt_trace_count **rows);

#endif
