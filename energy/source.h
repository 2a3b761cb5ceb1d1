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
    double most_w;             /* more is a fault; 0: what gt_unwrap takes for the most of a package, or of a machine */
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
    bool by_name_only; /* "auto" never takes it: it counts a part of the machine alone, such as its GPUs */
    /* `spec`: what followed "name:" in --energy-source (the script of replay, a root of powercap), NULL when nothing did. */
    void (*probe)(const struct gt_os *os, const char *spec, struct gt_probe *result);
    enum gt_status (*open)(const struct gt_os *os, const char *spec, struct gt_source_state *state, struct gt_source_desc *desc,
                           struct gt_err *err);
    /*
     * One reading: `raw` gets desc->domain_count counters, *t_ns the CLOCK_MONOTONIC time that belongs to them.
     * GT_E_PERM / GT_E_IO: a gap (raw is left alone). GT_E_RANGE from replay: the script is over. GT_E_BUSY: nothing is known
     * beyond the last reading yet (a meter that speaks once a second): neither a reading nor a gap. A source that knows that
     * energy is unknown since its last reading lets the counter go back by one, which gt_unwrap takes for what it is.
     */
    enum gt_status (*read)(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns);
    /*
     * The same of some domains alone: bit i of `domains` asks for domain i, and only these are written to `raw`. NULL: the
     * source cannot read single ones at the cost of one.
     */
    enum gt_status (*read_some)(struct gt_source_state *state, uint64_t domains, uint64_t *raw, uint64_t *t_ns);
    /*
     * A reading at a job's end, for sources whose counters come later than the time they belong to; NULL: `read` does. May
     * wait, a few seconds at most. To be called until it fails or *t_ns reaches `end_ns`.
     */
    enum gt_status (*finish)(struct gt_source_state *state, uint64_t end_ns, uint64_t *raw, uint64_t *t_ns);
    void (*close)(struct gt_source_state *state);
};

/*
 * All sources, best first: the one registry. Heavy ones are linked into the tracker alone, so the table stands in two objects,
 * energy/light/table.c (plugin, light ones) and energy/heavy/table.c (tracker, all), of which a program links one.
 */
#define GT_SOURCES(LIGHT, HEAVY)                                                                                               \
    LIGHT(perf)                                                                                                                \
    LIGHT(powercap)                                                                                                            \
    LIGHT(msr)                                                                                                                 \
    LIGHT(hwmon)                                                                                                               \
    HEAVY(papi)                                                                                                                \
    HEAVY(nvml)                                                                                                                \
    HEAVY(external)                                                                                                            \
    LIGHT(model)                                                                                                               \
    LIGHT(replay)                                                                                                              \
    LIGHT(null)

struct gt_source_table {
    const struct gt_energy_source *const *sources;
    int count;
};
extern const struct gt_source_table gt_source_table;

/* The table that this program was linked with. `count` gets its length. */
const struct gt_energy_source *const *gt_source_list(int *count);

/* "powercap" or "replay:FILE"; *spec gets what follows the colon, or NULL. NULL when no source has that name. */
const struct gt_energy_source *gt_source_find(const char *text, const char **spec);

/* Is that the name of a heavy source ("papi", "external:FILE"), whether or not it is linked? */
bool gt_source_is_heavy(const char *text);

/*
 * The source's probe, and a look at whether its counter moves at all (energy/still.h), which "auto" asks for: absent if it does
 * not. With a spec the probe alone: what is asked for by name is taken as it is.
 */
void gt_source_probe(const struct gt_os *os, const struct gt_energy_source *source, const char *spec, struct gt_probe *result);

/*
 * What "auto" means: the first of the list that gt_source_probe finds available and that counts the machine (not
 * `by_name_only`). Never NULL ("model" always is available). Takes a millisecond where a counter moves, and 20 ms for each
 * source whose counter does not.
 */
const struct gt_energy_source *gt_source_best(const struct gt_os *os);

/*
 * The same, opened at once, so that it is the first that *can* be opened and whose counter moves: its state and descriptor are
 * filled in. Never fails.
 */
const struct gt_energy_source *gt_source_open_best(const struct gt_os *os, struct gt_source_state *state,
                                                   struct gt_source_desc *desc);

/* Does attribution read counters of it (measured, mixed, imported), or the wattage table (modelled)? */
bool gt_provenance_has_counters(enum gt_provenance provenance);
enum gt_provenance gt_provenance_find(const char *word); /* GT_PROVENANCE_NONE for an unknown word */

#define GT_SOURCE_DECLARE(name) extern const struct gt_energy_source gt_source_##name;
GT_SOURCES(GT_SOURCE_DECLARE, GT_SOURCE_DECLARE)
#undef GT_SOURCE_DECLARE

#endif
