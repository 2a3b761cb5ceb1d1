#include "energy/source.h"

#include "energy/scan.h"
#include "energy/still.h"

#include <string.h>

#define NO_NAME(name)
#define ITS_NAME(name) #name,

static const char *const words[GT_PROVENANCE_COUNT] = {
#define GT_PROVENANCE_TEXT(code, word) [code] = (word),
    GT_PROVENANCE_LIST(GT_PROVENANCE_TEXT)
#undef GT_PROVENANCE_TEXT
};

const char *gt_provenance_word(enum gt_provenance provenance)
{
    return (unsigned)provenance < GT_PROVENANCE_COUNT ? words[provenance] : words[GT_PROVENANCE_NONE];
}

enum gt_provenance gt_provenance_find(const char *word)
{
    for (int i = 0; i < GT_PROVENANCE_COUNT; i++)
        if (strcmp(words[i], word) == 0)
            return (enum gt_provenance)i;
    return GT_PROVENANCE_NONE;
}

bool gt_provenance_has_counters(enum gt_provenance provenance)
{
    return provenance == GT_PROVENANCE_MEASURED || provenance == GT_PROVENANCE_MIXED || provenance == GT_PROVENANCE_IMPORTED;
}

const struct gt_energy_source *const *gt_source_list(int *count)
{
    *count = gt_source_table.count;
    return gt_source_table.sources;
}

static bool has_name(const char *name, const char *text, size_t length)
{
    return strlen(name) == length && memcmp(name, text, length) == 0;
}

const struct gt_energy_source *gt_source_find(const char *text, const char **spec)
{
    size_t length = strcspn(text, ":");
    *spec = text[length] == ':' ? text + length + 1 : NULL;
    for (int i = 0; i < gt_source_table.count; i++)
        if (has_name(gt_source_table.sources[i]->name, text, length))
            return gt_source_table.sources[i];
    return NULL;
}

bool gt_source_is_heavy(const char *text)
{
    static const char *const heavy[] = {GT_SOURCES(NO_NAME, ITS_NAME)};
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++)
        if (has_name(heavy[i], text, strcspn(text, ":")))
            return true;
    return false;
}

/* Only the one of "auto" is opened once more for it: a pipe's rows would go to us. */
static bool stands_still(const struct gt_os *os, const struct gt_energy_source *source)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    if (source->by_name_only || source->open(os, NULL, &state, &desc, &err) != GT_OK)
        return false;
    bool still = gt_still(os, source, &state, &desc);
    source->close(&state);
    return still;
}

void gt_source_probe(const struct gt_os *os, const struct gt_energy_source *source, const char *spec, struct gt_probe *result)
{
    memset(result, 0, sizeof *result);
    source->probe(os, spec, result);
    if (spec || result->result != GT_PROBE_AVAILABLE || !stands_still(os, source))
        return;
    *result = (struct gt_probe){.result = GT_PROBE_ABSENT};
    gt_scan_append(result->detail, sizeof result->detail, "present, but its counter does not move (a virtual machine?)");
}

const struct gt_energy_source *gt_source_best(const struct gt_os *os)
{
    for (int i = 0; i < gt_source_table.count; i++) {
        const struct gt_energy_source *source = gt_source_table.sources[i];
        struct gt_probe probe;
        if (source->by_name_only)
            continue;
        gt_source_probe(os, source, NULL, &probe);
        if (probe.result == GT_PROBE_AVAILABLE)
            return source;
    }
    return &gt_source_model;
}

const struct gt_energy_source *gt_source_open_best(const struct gt_os *os, struct gt_source_state *state,
                                                   struct gt_source_desc *desc)
{
    struct gt_err err = {0};
    for (int i = 0; i < gt_source_table.count; i++) {
        const struct gt_energy_source *source = gt_source_table.sources[i];
        if (source->by_name_only || source->open(os, NULL, state, desc, &err) != GT_OK)
            continue;
        if (!gt_still(os, source, state, desc))
            return source;
        source->close(state);
    }
    gt_source_model.open(os, NULL, state, desc, &err);
    return &gt_source_model;
}
