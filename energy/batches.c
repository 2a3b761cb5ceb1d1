#include "energy/batches.h"

#include "energy/block.h"

#include <stdlib.h>
#include <string.h>

void gt_batches_init(struct gt_batches *batches)
{
    memset(batches, 0, sizeof *batches);
    batches->ns = GT_BATCHES_NS;
}

void gt_batches_free(struct gt_batches *batches)
{
    for (size_t i = 0; i < batches->count; i++)
        free(batches->payloads[i]);
    gt_batches_init(batches);
}

static enum gt_status no_memory(struct gt_err *err)
{
    return gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* 8-byte aligned, as blocks need it; at least one byte. */
static void *room(size_t bytes)
{
    return aligned_alloc(16, (bytes + 16) / 16 * 16);
}

static enum gt_status join(const struct gt_block *a, const struct gt_block *b, void **payload, size_t *bytes,
                           struct gt_block *out, struct gt_err *err)
{
    size_t capacity = gt_block_merge_bytes(a, b);
    *payload = room(capacity);
    if (!*payload)
        return no_memory(err);
    enum gt_status status = gt_block_merge(a, b, *payload, capacity, bytes);
    if (status == GT_OK)
        status = gt_block_parse(*payload, *bytes, out);
    if (status == GT_OK)
        return GT_OK;
    free(*payload);
    *payload = NULL;
    return gt_err_set(err, status, "joining a run's blocks: %s", gt_status_message(status));
}

static enum gt_status halve(struct gt_batches *b, struct gt_err *err)
{
    size_t kept = 0;
    enum gt_status status = GT_OK;
    for (size_t i = 0; i + 1 < b->count && status == GT_OK; i += 2) {
        void *payload;
        size_t bytes;
        struct gt_block block;
        status = join(&b->blocks[i], &b->blocks[i + 1], &payload, &bytes, &block, err);
        if (status != GT_OK)
            break;
        free(b->payloads[i]);
        free(b->payloads[i + 1]);
        b->payloads[i] = b->payloads[i + 1] = NULL;
        b->payloads[kept] = payload;
        b->bytes[kept] = bytes;
        b->blocks[kept++] = block;
    }
    if (status != GT_OK)
        return status; /* what was joined has NULLs behind it: freeing is safe, and the run fails */
    b->count = kept;
    b->ns *= 2;
    return GT_OK;
}

enum gt_status gt_batches_take(struct gt_batches *b, struct gt_fold *fold, struct gt_err *err)
{
    enum gt_status status = b->count == GT_BATCHES ? halve(b, err) : GT_OK;
    size_t capacity = gt_fold_take_bytes(fold), bytes;
    void *payload = status == GT_OK ? room(capacity) : NULL;
    if (!payload)
        return status == GT_OK ? no_memory(err) : status;
    status = gt_fold_take(fold, payload, capacity, &bytes);
    if (status == GT_OK)
        status = gt_block_parse(payload, bytes, &b->blocks[b->count]);
    if (status != GT_OK) {
        free(payload);
        return gt_err_set(err, status, "folding the run: %s", gt_status_message(status));
    }
    b->payloads[b->count] = payload;
    b->bytes[b->count++] = bytes;
    return GT_OK;
}

/* More was said to have run inside a unit than it took (a damaged trace): none of its time is its own. */
static void clamp_times(void *payload)
{
    struct gt_block_head *head = payload;
    struct gt_block_unit *units = (void *)((char *)payload + gt_block_bytes(head->domain_count, 0, 0));
    for (uint32_t i = 0; i < head->unit_count; i++)
        if (units[i].ns > INT64_MAX)
            units[i].ns = 0;
}

enum gt_status gt_batches_merge(const struct gt_batches *b, void **payload, size_t *bytes, struct gt_block *block,
                                struct gt_err *err)
{
    if (b->count == 0)
        return gt_err_set(err, GT_E_STATE, "a run without a block");
    *bytes = b->bytes[0];
    *payload = room(*bytes);
    if (!*payload)
        return no_memory(err);
    memcpy(*payload, b->payloads[0], *bytes);
    enum gt_status status = gt_block_parse(*payload, *bytes, block);
    for (size_t i = 1; i < b->count && status == GT_OK; i++) {
        void *next;
        struct gt_block joined;
        status = join(block, &b->blocks[i], &next, bytes, &joined, err);
        free(*payload);
        *payload = next;
        *block = joined;
    }
    if (status == GT_OK)
        clamp_times(*payload);
    return status;
}

enum gt_status gt_batches_write(const struct gt_batches *b, void **out, size_t *bytes, struct gt_err *err)
{
    *bytes = 0;
    for (size_t i = 0; i < b->count; i++)
        *bytes += b->bytes[i];
    char *at = *out = room(*bytes);
    if (!at)
        return no_memory(err);
    for (size_t i = 0; i < b->count; at += b->bytes[i++])
        memcpy(at, b->payloads[i], b->bytes[i]);
    return GT_OK;
}

/* One block off the bytes; *size shrinks to what is left behind it. */
static enum gt_status read_one(struct gt_batches *b, const char **at, size_t *size, struct gt_err *err)
{
    struct gt_block_head head;
    enum gt_status status = GT_E_FORMAT;
    if (*size < sizeof head)
        return gt_err_set(err, status, "a folded trace ends inside of a block");
    memcpy(&head, *at, sizeof head);
    size_t bytes = gt_block_bytes(head.domain_count, head.unit_count, head.pair_count);
    if (head.version != GT_BLOCK_VERSION || head.domain_count > GT_SOURCE_DOMAINS || bytes > *size || b->count == GT_BATCHES)
        return gt_err_set(err, status, "a folded trace is damaged");
    void *payload = room(bytes);
    if (!payload)
        return no_memory(err);
    memcpy(payload, *at, bytes);
    status = gt_block_parse(payload, bytes, &b->blocks[b->count]);
    if (status == GT_OK && b->count > 0 && b->blocks[0].head->domain_count != head.domain_count)
        status = GT_E_FORMAT;
    if (status != GT_OK) {
        free(payload);
        return gt_err_set(err, status, "a folded trace is damaged");
    }
    b->payloads[b->count] = payload;
    b->bytes[b->count++] = bytes;
    *at += bytes;
    *size -= bytes;
    return GT_OK;
}

/* A single block that an earlier version wrote. */
static enum gt_status read_old(struct gt_batches *b, const void *bytes, size_t size, struct gt_err *err)
{
    void *aligned = room(size), *copy = NULL;
    if (!aligned)
        return no_memory(err);
    memcpy(aligned, bytes, size);
    b->bytes[0] = size;
    enum gt_status status = gt_block_parse_old(aligned, &b->bytes[0], &b->blocks[0], &copy);
    if (status != GT_OK) {
        free(aligned);
        return gt_err_set(err, status, "a folded trace: %s", gt_status_message(status));
    }
    if (copy)
        free(aligned);
    b->payloads[0] = copy ? copy : aligned;
    b->count = 1;
    return GT_OK;
}

enum gt_status gt_batches_read(struct gt_batches *b, const void *bytes, size_t size, struct gt_err *err)
{
    uint32_t version = 0;
    enum gt_status status = GT_OK;
    const char *at = bytes;
    gt_batches_init(b);
    if (size >= sizeof version)
        memcpy(&version, bytes, sizeof version);
    if (version != GT_BLOCK_VERSION)
        return read_old(b, bytes, size, err);
    while (size > 0 && status == GT_OK)
        status = read_one(b, &at, &size, err);
    if (status != GT_OK)
        gt_batches_free(b);
    return status;
}
