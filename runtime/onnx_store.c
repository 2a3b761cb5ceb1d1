/* Weights that stay in the file until they are packed. */
#include "runtime/escape.h"
#include "runtime/onnx_reader.h"
#include "runtime/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum gtcnn_status gtcnn_store_load(const struct gtcnn_store *store, const struct gtcnn_tensor *tensor, float *out,
                                   struct gtcnn_err *err)
{
    const struct gtcnn_place *place = &tensor->place;
    size_t count = (size_t)gtcnn_shape_count(&tensor->shape);
    if (gtcnn_onnx_elements(&store->files[place->file], place->at, place->type, count, out) == 0)
        return GTCNN_OK;
    return gtcnn_err_set(err, GTCNN_E_IO, "%s: cannot read tensor '%s': %s%s", store->label,
                         gtcnn_onnx_quote(tensor->name).text, strerror(errno), errno == EIO ? " (did the file shrink?)" : "");
}

enum gtcnn_status gtcnn_store_begin_digest(struct gtcnn_store *store, struct gtcnn_err *err)
{
    struct gtcnn_range all = {.from = store->files[0], .size = store->files[0].size};
    gtcnn_store_drop_digest(store);
    store->digest = gtcnn_digest_begin(&all);
    if (store->digest && gtcnn_digest_more(store->digest, store->ranges, store->range_count))
        return GTCNN_OK;
    gtcnn_store_drop_digest(store);
    return gtcnn_err_set(err, GTCNN_E_NOMEM, "%s: out of memory", store->label);
}

enum gtcnn_status gtcnn_store_end_digest(struct gtcnn_store *store, uint8_t bytes[GTCNN_DIGEST_BYTES], struct gtcnn_err *err)
{
    struct gtcnn_digest *digest = store->digest;
    store->digest = NULL;
    return gtcnn_digest_end(digest, store->label, bytes, err);
}

void gtcnn_store_drop_digest(struct gtcnn_store *store)
{
    gtcnn_digest_drop(store->digest);
    store->digest = NULL;
}

void gtcnn_store_free(struct gtcnn_store *store)
{
    if (!store)
        return;
    gtcnn_store_drop_digest(store);
    for (uint32_t i = 0; i < store->file_count; i++)
        if (store->files[i].fd >= 0)
            close(store->files[i].fd);
    free(store->files);
    free(store->ranges);
    free(store);
}
