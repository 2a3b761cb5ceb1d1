/*
 * The contract of an energy source: something that counts joules, or stands in for such a counter.
 *
 * Life cycle: probe (any time) -> open -> read ... read -> close. A source only reads: unwrapping, merging of domains and
 * attribution happen once, in energy/fold and energy/attribute. A *light* source uses system calls alone (through the os seam;
 * no allocation, no stdio, no locks) and may run in the plugin's sampler; a *heavy* one needs a library and runs in the
 * tracker. State lives in caller-owned memory, so that nothing is allocated in a foreign process. One state belongs to one
 * thread.
 */
#ifndef GT_ENERGY_SOURCE_H
#define GT_ENERGY_SOURCE_H

#include "core/os.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GT_SOURCE_DOMAINS = 64, /* most domains of one source; more are refused, not dropped */
    GT_SOURCE_NAME = 32,
    GT_SOURCE_TEXT = 512,
    GT_SOURCE_STATE_BYTES = 4096
};

/* Where a figure comes from. The words reach stores and reports: never renumber. */
#define GT_PROVENANCE_LIST(X)                                                                                                  \
    X(GT_PROVENANCE_NONE, "none")                                                                                              \
    X(GT_PROVENANCE_MEASURED, "measured")                                                                                      \
    X(GT_PROVENANCE_MODELLED, "modelled")                                                                                      \
    X(GT_PROVENANCE_MIXED, "mixed")                                                                                            \
    X(GT_PROVENANCE_IMPORTED, "imported")

enum gt_provenance {
#define GT_PROVENANCE_ENUM(code, word) code,
    GT_PROVENANCE_LIST(GT_PROVENANCE_ENUM)
#undef GT_PROVENANCE_ENUM
        GT_PROVENANCE_COUNT
};
const char *gt_provenance_word(enum gt_provenance provenance);

/* One counter. Domains form a tree: core and uncore inside package; a total adds up disjoint ones only. */
struct gt_domain {
    char name[GT_SOURCE_NAME]; /* as the kernel spells it: "package-0", "dram", "psys" */
    int parent;                /* index in the descriptor, -1 at the root */
    int package, die;          /* -1 unknown or not applicable */
    bool additive;             /* counts toward the boundary's total (disjoint from all other additive domains) */
    double uj_per_count;       /* scale of the raw counter, microjoules */
    uint64_t wrap_count;       /* counter values are in [0, wrap_count]; 0: 64 bits, never wraps */
    uint64_t refresh_ns;       /* how often the counter moves; 0 unknown */
    int mirror;                /* 1 + index of the domain whose energy it shows once more (never added up); 0: of none */
};

struct gt_source_desc {
    char source[GT_SOURCE_NAME];   /* "powercap", "model", ... */
    char boundary[GT_SOURCE_NAME]; /* "package", "package+dram", "psys", "gpu", "wall", "vcpu share" ... */
    char note[GT_SOURCE_TEXT];     /* what readers of its figures should know ("RAPL's noise filter is on ..."); "" nothing */
    enum gt_provenance provenance;
    bool exclusive; /* only one reader at a time may use it */
    int domain_count;
    struct gt_domain domains[GT_SOURCE_DOMAINS];
};

enum gt_probe_result { GT_PROBE_AVAILABLE, GT_PROBE_ABSENT, GT_PROBE_NO_PERMISSION };

struct gt_probe {
    enum gt_probe_result result;
    char detail[GT_SOURCE_TEXT]; /* what was found, or why not */
    char fix[GT_SOURCE_TEXT];    /* the exact least-privilege command that would make it available; empty when none */
};

struct gt_source_state {
    _Alignas(16) unsigned char bytes[GT_SOURCE_STATE_BYTES];
};

struct gt_energy_source {
    const char *name;
    const char *summary; /* one line for `doctor` and --help */
    bool light;
    /* `spec`: what followed "name:" in --energy-source (the script of replay, a root of powercap), NULL when nothing did. */
    void (*probe)(const struct gt_os *os, const char *spec, struct gt_probe *result);
    enum gt_status (*open)(const struct gt_os *os, const char *spec, struct gt_source_state *state, struct gt_source_desc *desc,
                           struct gt_err *err);
    /*
     * One reading: `raw` gets desc->domain_count counters, *t_ns the CLOCK_MONOTONIC time that belongs to them.
     * GT_E_PERM / GT_E_IO: a gap (raw is left alone). GT_E_RANGE from replay: the script is over.
     */
    enum gt_status (*read)(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns);
    void (*close)(struct gt_source_state *state);
};

/* All sources, best first: the one registry. `count` gets its length. */
const struct gt_energy_source *const *gt_source_list(int *count);

/* "powercap" or "replay:FILE"; *spec gets what follows the colon, or NULL. NULL when no source has that name. */
const struct gt_energy_source *gt_source_find(const char *text, const char **spec);

/* What "auto" means: the first of the list that its probe finds available. Never NULL ("model" always is). */
const struct gt_energy_source *gt_source_best(const struct gt_os *os);

/* Does attribution read counters of it (measured, mixed, imported), or the wattage table (modelled)? */
bool gt_provenance_has_counters(enum gt_provenance provenance);
enum gt_provenance gt_provenance_find(const char *word); /* GT_PROVENANCE_NONE for an unknown word */

extern const struct gt_energy_source gt_source_perf, gt_source_powercap, gt_source_msr, gt_source_hwmon;
extern const struct gt_energy_source gt_source_model, gt_source_replay, gt_source_null;

#endif
