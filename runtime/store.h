/*
 * What a graph's weights are read from when they are wanted, instead of all standing in memory. Internal to the library.
 *
 * A model's weights are read once, to be packed, and packed they take the memory they are worth: so the reader only notes where
 * in the file each large initialiser stands (gtcnn_onnx_open), and the planner reads it when it packs it. The files stay open:
 * gtcnn_model_keep plans anew, and refuses when their digest has changed meanwhile.
 */
#ifndef GTCNN_STORE_H
#define GTCNN_STORE_H

#include "runtime/digest.h"
#include "runtime/graph.h"

struct gtcnn_store {
    struct gtcnn_source *files; /* owned, their descriptors too; the model first, then its external data */
    uint32_t file_count;
    struct gtcnn_range *ranges; /* owned; what the digest is of, after the model's file */
    uint32_t range_count;
    struct gtcnn_digest *digest; /* owned; under way, or NULL */
    char label[128];             /* the file, escaped */
};

/* Reads the elements of a tensor that has a place, as fp32, to `out`. GTCNN_E_IO names file and tensor. */
enum gtcnn_status gtcnn_store_load(const struct gtcnn_store *store, const struct gtcnn_tensor *tensor, float *out,
                                   struct gtcnn_err *err);

/* Begins to take the digest of the files as they are now. GTCNN_E_NOMEM. */
enum gtcnn_status gtcnn_store_begin_digest(struct gtcnn_store *store, struct gtcnn_err *err);
/* Waits for the digest that has been begun. Errors: gtcnn_digest_end. */
enum gtcnn_status gtcnn_store_end_digest(struct gtcnn_store *store, uint8_t bytes[GTCNN_DIGEST_BYTES], struct gtcnn_err *err);
/* Gives up the digest that is under way, if one is. */
void gtcnn_store_drop_digest(struct gtcnn_store *store);

/* Closes the files. NULL is allowed. */
void gtcnn_store_free(struct gtcnn_store *store);

#endif
