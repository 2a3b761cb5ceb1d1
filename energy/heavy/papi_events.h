/*
 * Which of a PAPI component's native events are energies, and how they hang together: from events to domains.
 *
 * Known are the names of PAPI's own components (src/components/NAME/ of its source): powercap "ENERGY_UJ:ZONE0_SUBZONE1" (no
 * units; the zone's name is the description of "NAME:..."), rapl "PACKAGE_ENERGY:PACKAGE0" in nJ, nvml "...:device_0:power" in
 * mW, cray_pm "PM_ENERGY:NODE" in J. Of any other component, events whose units are joules and whose name says energy. Only
 * domains that are known to be disjoint add up: packages and their dram, else psys alone, else the node alone; GPUs. Pure.
 */
#ifndef GT_ENERGY_HEAVY_PAPI_EVENTS_H
#define GT_ENERGY_HEAVY_PAPI_EVENTS_H

#include "energy/source.h"

enum gt_papi_kind {
    GT_PAPI_NONE, /* no energy */
    GT_PAPI_PACKAGE,
    GT_PAPI_DRAM,
    GT_PAPI_INSIDE, /* core, uncore: in the package */
    GT_PAPI_PSYS,
    GT_PAPI_NODE,
    GT_PAPI_GPU,
    GT_PAPI_OTHER, /* an energy of which nothing else is known */
};

struct gt_papi_event {
    int code;
    enum gt_papi_kind kind;
    bool power;          /* watts, to be integrated; uj_per_count is then µW per value */
    int zone, sub;       /* powercap: ZONE and SUBZONE; else the package or device; -1 none */
    double uj_per_count; /* of the raw value */
    char name[64];       /* the event's name without "component:::" */
    char domain[GT_SOURCE_NAME];
};

/*
 * What that event of `component` is; `symbol` is its full name ("rapl:::PACKAGE_ENERGY:PACKAGE0"). `kind` is GT_PAPI_NONE for
 * all that are no energies. powercap's zones are GT_PAPI_OTHER until gt_papi_event_zone told them their names.
 */
void gt_papi_event_classify(const char *component, const char *symbol, const char *units, struct gt_papi_event *event);

/* The zone's name, as the kernel has it: "package-0", "dram", "core", "psys". */
void gt_papi_event_zone(struct gt_papi_event *event, const char *zone);

/*
 * Domains, tree and boundary of the events, in their order. GT_E_ABSENT: none of them is known to be a total; the text names
 * the first (several energies of an unknown component: one can be asked for by name).
 */
enum gt_status gt_papi_events_describe(const char *component, const struct gt_papi_event *events, int count,
                                       struct gt_source_desc *desc, struct gt_err *err);

/*
 * Where packages make up the total: names the dies, and takes out what shows a package or die once more (gt_rapl_choose_total;
 * AMD's package counter once per die, where `package_wide`).
 */
void gt_papi_events_mirrors(struct gt_source_desc *desc, bool package_wide);

/* Is that boundary the machine, so that `auto` may take it? */
bool gt_papi_events_machine(const struct gt_source_desc *desc);

#endif
