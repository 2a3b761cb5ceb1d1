/* Fuzz target: a BLOCK payload that is parsed, merged with itself and added to a fold. */
#include "energy/fold.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gt_fold_config config = {
        .units = 16, .pairs = 16, .intervals = 16, .entries = 64, .tail = 4, .points = 16};
    struct gt_source_desc desc = {.domain_count = 1};
    struct gt_block block;
    struct gt_fold *fold;
    uint8_t *copy = malloc(size ? size : 1);
    size_t bytes = (gt_fold_bytes(&config, 1) + 15) & ~(size_t)15, taken;
    void *memory = aligned_alloc(16, bytes);
    memcpy(copy, data, size);
    if (gt_block_parse(copy, size, &block) == GT_OK && gt_fold_init(memory, bytes, &config, &desc, &fold) == GT_OK) {
        size_t capacity = gt_block_merge_bytes(&block, &block);
        void *merged = malloc(capacity);
        gt_block_merge(&block, &block, merged, capacity, &taken);
        free(merged);
        gt_fold_add_block(fold, &block, 7, (size & 1) != 0);
        capacity = gt_fold_take_bytes(fold);
        void *payload = malloc(capacity);
        gt_fold_take(fold, payload, capacity, &taken);
        free(payload);
    }
    free(memory);
    free(copy);
    return 0;
}
