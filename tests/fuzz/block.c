/* Fuzz target: a BLOCK payload that is parsed, merged with itself and added to a fold; and a folded trace that is attributed.
 */
#include "energy/attribute.h"
#include "energy/batches.h"
#include "energy/fold.h"

#include <math.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void attribute(const uint8_t *data, size_t size)
{
    static const struct gt_host host = {.cpus_online = 2, .cpus_allowed = 1};
    struct gt_source_desc desc = {.provenance = GT_PROVENANCE_MEASURED, .domain_count = 1};
    struct gt_batches batches;
    struct gt_block whole;
    struct gt_attribution out;
    struct gt_err err = {0};
    void *payload = NULL;
    size_t bytes;
    desc.domains[0].additive = true;
    if (gt_batches_read(&batches, data, size, &err) != GT_OK)
        return;
    if (gt_batches_merge(&batches, &payload, &bytes, &whole, &err) == GT_OK) {
        struct gt_unit_energy *units = calloc(whole.head->unit_count + (size_t)1, sizeof *units);
        struct gt_infer_energy *infers = calloc(whole.head->unit_count + (size_t)1, sizeof *infers);
        struct gt_attribute_input input = {.block = &whole,
                                           .batches = batches.blocks,
                                           .batch_count = batches.count,
                                           .desc = &desc,
                                           .host = &host,
                                           .idle_w = NAN,
                                           .idle_lo_w = NAN,
                                           .idle_hi_w = NAN};
        gt_attribute(&input, &out, units, infers, &err);
        free(units);
        free(infers);
    }
    free(payload);
    gt_batches_free(&batches);
}

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
    attribute(data, size);
    return 0;
}
