#include "sqlite/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

/* With its terminator, and NULL unlike "": no two lists of texts are the same bytes. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
    return text ? mix(hash, text, strlen(text) + 1) : mix(hash, "\xff", 1);
}

static uint64_t mix_number(uint64_t hash, int64_t number)
{
    return mix(hash, &number, sizeof number);
}

static uint64_t mix_member(uint64_t hash, const struct gt_member_record *member)
{
    hash = mix_text(mix_text(hash, member->name), member->op);
    return mix_number(mix_number(mix_number(hash, member->macs), member->params), member->bytes);
}

static uint64_t mix_unit(uint64_t hash, const struct gt_unit_record *unit)
{
    hash = mix_text(mix_text(mix_number(hash, unit->index), unit->name), unit->op);
    hash = mix_text(mix_text(hash, unit->shape_in), unit->shape_out);
    hash = mix_number(mix_number(mix_number(hash, unit->macs), unit->params), (int64_t)unit->member_count);
    for (size_t m = 0; m < unit->member_count; m++)
        hash = mix_member(hash, &unit->members[m]);
    return hash;
}

const char *gt_store_division(const struct gt_model_record *model, char out[GT_STORE_DIVISION])
{
    uint64_t hash = UINT64_C(14695981039346656037);
    bool regions = true;
    for (size_t u = 0; u < model->unit_count; u++) {
        regions = regions && model->units[u].region;
        hash = mix_unit(hash, &model->units[u]);
    }
    if (regions)
        return NULL;
    snprintf(out, GT_STORE_DIVISION, "%016" PRIx64, hash);
    return out;
}
