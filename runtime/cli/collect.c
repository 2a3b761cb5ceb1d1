#include "runtime/cli/collect.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 200 };

/* Room for `rows` rows of `row` values, on the first batch. */
static enum gtcnn_status begin(struct gtcnn_collected *c, uint64_t row, uint64_t rows, struct gtcnn_err *err)
{
    uint64_t count;
    if (__builtin_mul_overflow(row, rows, &count) || count > SIZE_MAX / sizeof *c->data)
        return gtcnn_cli_fail(err, GTCNN_E_LIMIT, "the result has too many elements");
    c->data = malloc(count ? count * sizeof *c->data : 1);
    return c->data ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for a result of %" PRIu64 " values", count);
}

enum gtcnn_status gtcnn_collect_add(struct gtcnn_collected *c, const struct gtcnn_shape *shape, const float *data,
                                    uint32_t batch, uint64_t first, uint32_t items, uint64_t total, struct gtcnn_err *err)
{
    bool by_item = shape->rank > 0 && shape->dim[0] == batch;
    uint64_t row = gtcnn_cli_count(shape) / (by_item ? batch : 1);
    if (!by_item && total != batch)
        return gtcnn_cli_fail(
            err, GTCNN_E_SHAPE,
            "a result's first dimension is not the batch, so it cannot be cut or joined; give exactly %u items", batch);
    if (!c->data) {
        c->shape = *shape;
        if (by_item)
            c->shape.dim[0] = (int64_t)total;
        enum gtcnn_status status = begin(c, row, by_item ? total : 1, err);
        if (status)
            return status;
    }
    memcpy(c->data + first * row, data, (by_item ? items : 1) * row * sizeof *data);
    return GTCNN_OK;
}

char *gtcnn_collect_path(const char *output, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    char safe[NAME_MAX_BYTES + 1];
    size_t n = strnlen(name, NAME_MAX_BYTES);
    for (size_t i = 0; i < n; i++)
        safe[i] = strchr(plain, name[i]) && (i > 0 || name[i] != '.') ? name[i] : '_';
    safe[n] = 0;
    const char *slash = strrchr(output, '/');
    char *path;
    int folder = slash ? (int)(slash - output) + 1 : 0;
    return asprintf(&path, "%.*s%s.npy", folder, output, n ? safe : "_") < 0 ? NULL : path;
}
