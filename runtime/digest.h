/*
 * SHA-256 of what a model is read from, taken while the rest of the reader and the planner work. Internal to the library.
 *
 * Life cycle: gtcnn_digest_begin -> gtcnn_digest_more ... -> gtcnn_digest_end, or gtcnn_digest_drop. What is large is hashed by
 * a thread of its own, which blocks all signals and has ended when gtcnn_digest_end or gtcnn_digest_drop returns; what is
 * small, or where no thread can be had, by gtcnn_digest_end itself. A digest belongs to one caller at a time.
 */
#ifndef GTCNN_DIGEST_H
#define GTCNN_DIGEST_H

#include "runtime/gtcnn.h"
#include "runtime/onnx_io.h"

#include <stdbool.h>

/* Bytes of a source. */
struct gtcnn_range {
    struct gtcnn_source from; /* borrowed until the digest has ended */
    uint64_t at, size;
};

struct gtcnn_digest;

/* Begins with one range. NULL: out of memory. */
struct gtcnn_digest *gtcnn_digest_begin(const struct gtcnn_range *range);
/* Adds `count` ranges (copied) behind what has been added. False: out of memory. Waits for what is under way. */
bool gtcnn_digest_more(struct gtcnn_digest *digest, const struct gtcnn_range *ranges, uint32_t count);
/*
 * Waits, fills in `bytes` and frees the digest. GTCNN_E_IO: a range cannot be read to its end; GTCNN_E_NOMEM: there is no
 * SHA-256. `label` begins the error text.
 */
enum gtcnn_status gtcnn_digest_end(struct gtcnn_digest *digest, const char *label, uint8_t bytes[GTCNN_DIGEST_BYTES],
                                   struct gtcnn_err *err);
/* Stops and frees it. NULL is allowed. */
void gtcnn_digest_drop(struct gtcnn_digest *digest);

#endif
