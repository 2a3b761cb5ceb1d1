/*
 * A ring: what one thread of a job has measured and the sampler has not yet written. A 0600 file on tmpfs, so that it outlives
 * SIGKILL; fully allocated and prefaulted before use, since a sparse mapping on a full disk kills with SIGBUS.
 *
 * Two parts. *Rows* (struct gt_trace_event) in a circular buffer with one producer (the thread) and one consumer (the sampler),
 * lock-free. A *table* with exact sums per slot, which only the thread writes and which never loses a call: a unit that finds
 * the circle full is counted in the table and in its `lost_*`. A full table sums the rest under GT_RING_SLOT_OTHER.
 *
 * Life cycle, writer: gt_ring_size -> gt_ring_create (or gt_ring_init in memory of one's own) -> gt_ring_attach by the thread
 * -> gt_ring_push ... by it, gt_ring_peek / gt_ring_prepare / gt_ring_consume by the sampler -> gt_ring_destroy.
 * The sampler claims each ring (gt_ring_claim): a lock on the file, gone with the process however that ends, says that it
 * lives. Reader of leftovers (ingest): gt_ring_leftover_open -> gt_ring_leftover_rows / _table -> gt_ring_leftover_close.
 *
 * No allocation but the mapping; no locks; gt_ring_push makes no system call.
 */
#ifndef GT_CORE_RING_H
#define GT_CORE_RING_H

#include "core/status.h"
#include "core/trace.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { GT_RING_VERSION = 1, GT_RING_NAME_BYTES = 64, GT_RING_HEADER_BYTES = 4096 };

#define GT_RING_MAGIC "GTRING1\n"
#define GT_RING_FOLDER "/dev/shm"
#define GT_RING_SLOT_OTHER UINT32_C(0x7fffffff) /* the same as GT_FOLD_SLOT_OTHER */

/* One slot's exact sums since the thread began. `lost_*`: of those, the calls that have no row. calls == 0: the row is free. */
struct gt_ring_total {
    _Atomic uint32_t slot;
    uint32_t reserved;
    _Atomic uint64_t calls, items, ns;
    _Atomic uint64_t lost_calls, lost_items, lost_ns;
    _Atomic uint64_t nested_ns; /* of `ns`, what ran inside on this thread */
};

/* The file's first page. Positions count rows ever written; a row's place is its position modulo `capacity` (a power of 2). */
struct gt_ring {
    char magic[8];
    uint32_t version, header_bytes;
    uint8_t trace_id[GT_TRACE_ID_BYTES];
    uint64_t file_bytes;
    uint32_t uid, pid;
    uint32_t capacity, table_rows;      /* both powers of 2 */
    uint32_t number, reserved;          /* of the ring within its trace */
    _Atomic uint64_t thread;            /* key as in EVENTS: kernel thread id, reuse count in the upper half; 0: nobody's yet */
    _Alignas(64) _Atomic uint64_t head; /* producer: rows written */
    _Atomic uint64_t dropped;           /* rows that found the circle full */
    uint64_t tail_seen;                 /* producer's copy of `tail` */
    _Alignas(64) _Atomic uint64_t tail; /* consumer: rows that are whole in the trace */
    _Atomic uint64_t pending_tail;      /* what `tail` will be when record `pending_sequence` is in the trace; 0 none */
    _Atomic uint32_t pending_sequence;
    _Alignas(64) uint64_t spool_device, spool_inode; /* of the folder that its trace is in; 0, 0: not claimed */
    _Atomic uint64_t items; /* that the program reported, of the whole process: the largest total that reached this ring */
};

/* Bytes of a ring; 0 when either is no power of 2 or too large. */
size_t gt_ring_size(uint32_t capacity, uint32_t table_rows);

/* Makes a ring of zeroed memory (page-aligned, gt_ring_size bytes). */
void gt_ring_init(struct gt_ring *ring, const uint8_t *trace_id, uint32_t capacity, uint32_t table_rows);

/* "greentrack-<32 hex>-<n>" in GT_RING_FOLDER. Returns `out`. */
char *gt_ring_name(const uint8_t *trace_id, unsigned n, char out[GT_RING_NAME_BYTES]);

/*
 * Creates the file `name` in the open folder `dir_fd` (O_EXCL, O_NOFOLLOW, 0600), allocates it with posix_fallocate, maps and
 * prefaults it, marks it MADV_DONTFORK and closes its descriptor. *ring: owned, gt_ring_destroy. GT_E_NOSPACE, GT_E_NOMEM,
 * GT_E_PERM, GT_E_EXIST, GT_E_IO; nothing is left behind then. SIGXFSZ must be blocked.
 */
enum gt_status gt_ring_create(int dir_fd, const char *name, const uint8_t *trace_id, uint32_t capacity, uint32_t table_rows,
                              struct gt_ring **ring);

/*
 * Writes into the ring which spool its trace is in, and locks the file (OFD write lock on its first byte). The descriptor that
 * holds the lock, the caller's to close when the ring ends; -errno when there is none to be had: the ring is then as good as
 * any, and never taken for an orphan.
 */
int gt_ring_claim(struct gt_ring *ring, int dir_fd, const char *name, uint64_t spool_device, uint64_t spool_inode);

/* Unmaps and unlinks (name NULL: no unlink). */
void gt_ring_destroy(struct gt_ring *ring, int dir_fd, const char *name);

/* --- producer ---------------------------------------------------------------------------------------------------------- */

/* The calling thread takes the ring under that key. */
void gt_ring_attach(struct gt_ring *ring, uint64_t thread);

/* One finished unit or inference. False when its row was dropped (the table has it all the same). */
bool gt_ring_push(struct gt_ring *ring, const struct gt_trace_event *event);

/* Of the time of the calls pushed so far, so much was other units' and inferences'. */
void gt_ring_nest(struct gt_ring *ring, uint32_t slot, uint64_t ns);

/* The process has reported `total` items so far; an older, smaller total changes nothing. Any thread; lock-free. */
void gt_ring_keep_items(struct gt_ring *ring, uint64_t total);

/* --- consumer ---------------------------------------------------------------------------------------------------------- */

/* Contiguous rows from the tail on, at most up to the circle's end: their number, *rows borrowed until consumed. */
uint32_t gt_ring_peek(const struct gt_ring *ring, const struct gt_trace_event **rows);
/* Says which trace record will hold the next `count` rows, so that a reader of leftovers takes none of them twice. */
void gt_ring_prepare(struct gt_ring *ring, uint32_t count, uint32_t sequence);
/* The rows prepared are whole in the trace (or given up): frees them. */
void gt_ring_consume(struct gt_ring *ring);
/* Rows waiting. */
uint32_t gt_ring_waiting(const struct gt_ring *ring);

/* --- table: any thread; the owner may be writing, each figure is whole -------------------------------------------------- */

/* Row i of the table as a TABLE row; false when it is free. i < ring->table_rows + 1; the last one is GT_RING_SLOT_OTHER. */
bool gt_ring_table_row(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *total);
/* Row i's GT_TRACE_SLOT_NESTED row; false when nothing ran inside. */
bool gt_ring_table_nested(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *nested);
/* The same for the calls that have no row: `lost_*` of row i. */
bool gt_ring_table_lost(const struct gt_ring *ring, uint32_t i, struct gt_trace_total *lost);

/* --- leftovers: what ingest finds of killed processes ------------------------------------------------------------------- */

/*
 * Is the file `name` in the open folder `dir_fd` a ring of that spool whose process is gone: a regular file of `uid`, under its
 * right name, claimed for that spool and not locked? Then *trace_id gets its trace's id; whether that is still there is the
 * caller's to find out. So is a file of that name that its process left unlocked and of no spool, half made, more than a minute
 * ago. False for everything else, and for what cannot be read.
 */
bool gt_ring_is_abandoned(int dir_fd, const char *name, uint32_t uid, uint64_t spool_device, uint64_t spool_inode,
                          uint8_t trace_id[GT_TRACE_ID_BYTES]);

struct gt_ring_leftover; /* opaque, owned by the caller of open; allocates with malloc */

/*
 * Reads the ring file (O_NOFOLLOW, regular file, owned by `uid`, sizes checked against the file: hostile input is safe).
 * `last_sequence`: of the last whole record of its trace (0: the trace has none). GT_E_NOENT, GT_E_PERM (another owner),
 * GT_E_FORMAT, GT_E_VERSION, GT_E_NOMEM, GT_E_IO.
 */
enum gt_status gt_ring_leftover_open(const char *path, uint32_t uid, uint32_t last_sequence, struct gt_ring_leftover **leftover,
                                     struct gt_err *err);

/* Of the trace that it belongs to. Borrowed. */
const uint8_t *gt_ring_leftover_trace_id(const struct gt_ring_leftover *leftover);
/* Key as in EVENTS and TABLE; 0: no thread ever took it (there are no rows then). */
uint64_t gt_ring_leftover_thread(const struct gt_ring_leftover *leftover);
/* Rows that are not in the trace yet, oldest first. Borrowed. */
uint32_t gt_ring_leftover_rows(const struct gt_ring_leftover *leftover, const struct gt_trace_event **rows);
/* The exact sums: they replace all TABLE records of that thread. Borrowed. */
uint32_t gt_ring_leftover_table(const struct gt_ring_leftover *leftover, const struct gt_trace_total **rows);
/* Items that the program had reported when this ring last heard of it: the largest of a trace's rings counts. */
uint64_t gt_ring_leftover_items(const struct gt_ring_leftover *leftover);
/* NULL is allowed. */
void gt_ring_leftover_close(struct gt_ring_leftover *leftover);

#endif
