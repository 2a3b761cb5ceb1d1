#include "energy/source.h"

#include <string.h>

static const struct gt_energy_source *const sources[] = {
    &gt_source_perf,   &gt_source_powercap, /* RAPL, ready to use */
    &gt_source_msr,                         /* RAPL, for the privileged */
    &gt_source_hwmon,                       /* sensors: slower, integrated */
    &gt_source_model,                       /* always there: nothing behind it is chosen by itself */
    &gt_source_replay, &gt_source_null,
};
enum { SOURCES = sizeof sources / sizeof *sources };

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
    *count = SOURCES;
    return sources;
}

const struct gt_energy_source *gt_source_find(const char *text, const char **spec)
{
    size_t length = strcspn(text, ":");
    *spec = text[length] == ':' ? text + length + 1 : NULL;
    for (int i = 0; i < SOURCES; i++)
        if (strlen(sources[i]->name) == length && memcmp(sources[i]->name, text, length) == 0)
            return sources[i];
    return NULL;
}

const struct gt_energy_source *gt_source_best(const struct gt_os *os)
{
    for (int i = 0; i < SOURCES; i++) {
        struct gt_probe probe;
        memset(&probe, 0, sizeof probe);
        sources[i]->probe(os, NULL, &probe);
        if (probe.result == GT_PROBE_AVAILABLE)
            return sources[i];
    }
    return &gt_source_model;
}
