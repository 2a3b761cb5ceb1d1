#include "energy/heavy/papi_events.h"

#include "energy/rapl.h"
#include "energy/scan.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *component, *prefix, *domain;
    enum gt_papi_kind kind;
} rules[] = {
    {"rapl", "PACKAGE_ENERGY:PACKAGE", "package-", GT_PAPI_PACKAGE},
    {"rapl", "DRAM_ENERGY:PACKAGE", "dram", GT_PAPI_DRAM},
    {"rapl", "PP0_ENERGY:PACKAGE", "core", GT_PAPI_INSIDE},
    {"rapl", "PP1_ENERGY:PACKAGE", "uncore", GT_PAPI_INSIDE},
    {"rapl", "PSYS_ENERGY:PACKAGE", "psys", GT_PAPI_PSYS},
    {"powercap", "ENERGY_UJ:ZONE", "", GT_PAPI_OTHER},
    {"cray_pm", "PM_ENERGY:NODE", "node", GT_PAPI_NODE},
};

static const struct {
    const char *name;
    double micro; /* microjoules, or microwatts, of one */
    bool power;
} units_known[] = {
    {"nJ", 1e-3, false}, {"uJ", 1, false}, {"mJ", 1e3, false}, {"J", 1e6, false}, {"mW", 1e3, true}, {"uW", 1, true},
};

static void read_units(const char *units, struct gt_papi_event *event)
{
    event->uj_per_count = 0;
    for (size_t i = 0; i < sizeof units_known / sizeof *units_known; i++)
        if (strcmp(units, units_known[i].name) == 0) {
            event->uj_per_count = units_known[i].micro;
            event->power = units_known[i].power;
        }
}

static bool says(const char *text, const char *word)
{
    return strcasestr(text, word) != NULL;
}

/* The number behind `prefix`, -1 when there is none. */
static int number_behind(const char *text, const char *prefix)
{
    uint64_t number;
    const char *at = strstr(text, prefix);
    at = at ? at + strlen(prefix) : "";
    return gt_scan_u64(&at, &number) && number <= 9999 ? (int)number : -1;
}

static bool apply_rule(const char *component, struct gt_papi_event *event)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(component, rules[i].component) != 0 || strncmp(event->name, rules[i].prefix, strlen(rules[i].prefix)) != 0)
            continue;
        event->kind = rules[i].kind;
        event->zone = number_behind(event->name, rules[i].prefix);
        event->sub = number_behind(event->name, "_SUBZONE");
        gt_scan_append(event->domain, sizeof event->domain, rules[i].domain);
        if (event->kind == GT_PAPI_PACKAGE)
            gt_scan_append_u64(event->domain, sizeof event->domain, event->zone < 0 ? 0 : (uint64_t)event->zone);
        if (event->uj_per_count == 0)
            event->uj_per_count = 1; /* powercap gives no units: microjoules by its name */
        return true;
    }
    return false;
}

/* Of a GPU: its energy, or its power; limits and extremes are no readings. */
static bool is_gpu(const char *component, const struct gt_papi_event *event)
{
    return strcmp(component, "nvml") == 0 && !says(event->name, "limit") && !says(event->name, "min") &&
           !says(event->name, "max") && says(event->name, event->power ? "power" : "energy");
}

void gt_papi_event_classify(const char *component, const char *symbol, const char *units, struct gt_papi_event *event)
{
    const char *name = strstr(symbol, ":::");
    name = name ? name + 3 : symbol;
    *event = (struct gt_papi_event){.code = event->code, .zone = -1, .sub = -1};
    if (strlen(name) >= sizeof event->name)
        return;
    gt_scan_append(event->name, sizeof event->name, name);
    read_units(units, event);
    if (apply_rule(component, event))
        return;
    bool gpu = event->uj_per_count > 0 && is_gpu(component, event);
    if (!gpu && (event->uj_per_count == 0 || event->power || !says(name, "energy")))
        return;
    event->kind = gpu ? GT_PAPI_GPU : GT_PAPI_OTHER;
    event->zone = gpu ? number_behind(name, "device_") : -1;
    gt_scan_append(event->domain, sizeof event->domain, gpu ? "gpu" : name);
    if (gpu)
        gt_scan_append_u64(event->domain, sizeof event->domain, event->zone < 0 ? 0 : (uint64_t)event->zone);
}

void gt_papi_event_zone(struct gt_papi_event *event, const char *zone)
{
    gt_scan_copy(event->domain, sizeof event->domain, zone, strcspn(zone, "\r\n "));
    event->kind = strncmp(zone, "package-", 8) == 0 ? GT_PAPI_PACKAGE
                  : strncmp(zone, "psys", 4) == 0   ? GT_PAPI_PSYS
                  : event->sub < 0                  ? GT_PAPI_OTHER
                  : strncmp(zone, "dram", 4) == 0   ? GT_PAPI_DRAM
                                                    : GT_PAPI_INSIDE;
}

static int count_kind(const struct gt_papi_event *events, int count, enum gt_papi_kind kind)
{
    int n = 0;
    for (int i = 0; i < count; i++)
        n += events[i].kind == kind;
    return n;
}

/* The package whose zone an event is in, -1 when it is none's. */
static int find_package(const struct gt_papi_event *events, int count, const struct gt_papi_event *of)
{
    if (of->kind != GT_PAPI_DRAM && of->kind != GT_PAPI_INSIDE)
        return -1;
    for (int i = 0; i < count; i++)
        if (events[i].kind == GT_PAPI_PACKAGE && events[i].zone == of->zone)
            return i;
    return -1;
}

struct total {
    const char *boundary;
    enum gt_papi_kind kind, with;
    int most; /* of these at most so many count */
};

static struct total choose_total(const struct gt_papi_event *events, int count)
{
    int packages = count_kind(events, count, GT_PAPI_PACKAGE), drams = 0;
    for (int i = 0; i < count; i++)
        drams += events[i].kind == GT_PAPI_DRAM && find_package(events, count, &events[i]) >= 0;
    if (packages > 0)
        return packages == drams ? (struct total){"package+dram", GT_PAPI_PACKAGE, GT_PAPI_DRAM, count}
                                 : (struct total){"package", GT_PAPI_PACKAGE, GT_PAPI_PACKAGE, count};
    if (count_kind(events, count, GT_PAPI_PSYS))
        return (struct total){"psys", GT_PAPI_PSYS, GT_PAPI_PSYS, 1};
    if (count_kind(events, count, GT_PAPI_NODE))
        return (struct total){"node", GT_PAPI_NODE, GT_PAPI_NODE, 1};
    if (count_kind(events, count, GT_PAPI_GPU))
        return (struct total){"gpu", GT_PAPI_GPU, GT_PAPI_GPU, count};
    /* One energy alone is its own total, whatever it is; of several nobody says which contains which. */
    return (struct total){count == 1 ? events[0].domain : NULL, count ? events[0].kind : GT_PAPI_OTHER, GT_PAPI_NONE, 1};
}

enum gt_status gt_papi_events_describe(const char *component, const struct gt_papi_event *events, int count,
                                       struct gt_source_desc *desc, struct gt_err *err)
{
    struct total total = choose_total(events, count);
    if (count == 0)
        return gt_err_set(err, GT_E_ABSENT, "papi: component %s has no energy", component);
    if (!total.boundary)
        return gt_err_set(err, GT_E_ABSENT,
                          "papi: which of %s's %d energies contain others is not known; ask for one, as papi:%s:::%s",
                          component, count, component, events[0].name);
    memset(desc, 0, sizeof *desc);
    gt_scan_append(desc->source, sizeof desc->source, "papi ");
    gt_scan_append(desc->source, sizeof desc->source, component);
    gt_scan_append(desc->boundary, sizeof desc->boundary, total.boundary);
    desc->provenance = GT_PROVENANCE_MEASURED;
    desc->domain_count = count;
    for (int i = 0; i < count; i++) {
        struct gt_domain *domain = &desc->domains[i];
        int parent = find_package(events, count, &events[i]), of = parent >= 0 ? parent : i;
        *domain = (struct gt_domain){.parent = parent, .package = -1, .die = -1, .uj_per_count = events[i].uj_per_count};
        gt_scan_append(domain->name, sizeof domain->name, events[i].domain);
        if (events[of].kind == GT_PAPI_PACKAGE)
            domain->package = number_behind(events[of].domain, "package-");
        domain->additive = total.most > 0 && (events[i].kind == total.kind || (events[i].kind == total.with && parent >= 0));
        total.most -= domain->additive;
        domain->refresh_ns = events[i].kind == GT_PAPI_GPU ? 100000000 : 1000000;
    }
    return GT_OK;
}

void gt_papi_events_mirrors(struct gt_source_desc *desc, bool package_wide)
{
    if (strncmp(desc->boundary, "package", 7) != 0)
        return;
    for (int i = 0; i < desc->domain_count; i++)
        if (desc->domains[i].parent < 0)
            gt_rapl_parse_name(&desc->domains[i]);
    gt_rapl_choose_total(desc, package_wide);
}

bool gt_papi_events_machine(const struct gt_source_desc *desc)
{
    static const char *const machine[] = {"package+dram", "package", "psys", "node"};
    for (size_t i = 0; i < sizeof machine / sizeof *machine; i++)
        if (strcmp(desc->boundary, machine[i]) == 0)
            return true;
    return false;
}
