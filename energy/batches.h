/*
 * The blocks of a run in pieces, for figures that need to know how much its parts differ (energy/regress.h).
 *
 * Life cycle: gt_batches_init -> gt_batches_take whenever the fold has `ns` of equations, and once at the end -> use ->
 * gt_batches_free. There are never more than GT_BATCHES of them: when they are full, neighbours are merged and the next ones
 * are twice as long. As bytes they are their payloads one after another; each says how long it is. It allocates: tracker only.
 */
#ifndef GT_ENERGY_BATCHES_H
#define GT_ENERGY_BATCHES_H

#include "energy/fold.h"

enum { GT_BATCHES = 64 };

/* The first length: long against the correlation of the noise, short enough for a run of some seconds to have several. */
#define GT_BATCHES_NS UINT64_C(250000000)

struct gt_batches {
    uint64_t ns; /* wall time of equations in a batch */
    size_t count;
    struct gt_block blocks[GT_BATCHES];
    void *payloads[GT_BATCHES]; /* owned */
    size_t bytes[GT_BATCHES];
};

void gt_batches_init(struct gt_batches *batches);
void gt_batches_free(struct gt_batches *batches);

/* What the fold has summed since the last take becomes a batch. GT_E_NOMEM. */
enum gt_status gt_batches_take(struct gt_batches *batches, struct gt_fold *fold, struct gt_err *err);

/* All of them as one block: *payload is malloc'ed, the caller's. GT_E_NOMEM; GT_E_STATE: there is none. */
enum gt_status gt_batches_merge(const struct gt_batches *batches, void **payload, size_t *bytes, struct gt_block *block,
                                struct gt_err *err);

/* One after another into *out, which is malloc'ed, the caller's. GT_E_NOMEM. */
enum gt_status gt_batches_write(const struct gt_batches *batches, void **out, size_t *bytes, struct gt_err *err);

/* What gt_batches_write wrote, or one block of any version. Initialises *batches. GT_E_FORMAT, GT_E_VERSION, GT_E_NOMEM. */
enum gt_status gt_batches_read(struct gt_batches *batches, const void *bytes, size_t size, struct gt_err *err);

#endif
