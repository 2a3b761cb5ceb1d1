#include "energy/rapl.h"

#include "energy/host.h"
#include "energy/scan.h"
#include "energy/topology.h"

#include <string.h>

void gt_rapl_parse_name(struct gt_domain *domain)
{
    const char *at = domain->name;
    uint64_t value;
    domain->package = domain->die = -1;
    if (strncmp(at, "package-", 8) != 0)
        return;
    at += 8;
    if (!gt_scan_u64(&at, &value) || value > INT32_MAX)
        return;
    domain->package = (int)value;
    if (strncmp(at, "-die-", 5) == 0) {
        at += 5;
        if (gt_scan_u64(&at, &value) && value <= INT32_MAX)
            domain->die = (int)value;
    }
}

struct gt_domain *gt_rapl_add_domain(struct gt_source_desc *desc, const char *name, int parent)
{
    if (desc->domain_count == GT_SOURCE_DOMAINS)
        return NULL;
    struct gt_domain *domain = &desc->domains[desc->domain_count++];
    *domain = (struct gt_domain){.parent = parent, .package = -1, .die = -1, .refresh_ns = GT_RAPL_REFRESH_NS};
    gt_scan_append(domain->name, sizeof domain->name, name);
    if (parent >= 0) {
        domain->package = desc->domains[parent].package;
        domain->die = desc->domains[parent].die;
    }
    return domain;
}

struct gt_domain *gt_rapl_add_package(struct gt_source_desc *desc, int package, int die)
{
    struct gt_domain *domain = gt_rapl_add_domain(desc, "package-", -1);
    if (!domain)
        return NULL;
    gt_scan_append_u64(domain->name, sizeof domain->name, (uint64_t)package);
    if (die >= 0) {
        gt_scan_append(domain->name, sizeof domain->name, "-die-");
        gt_scan_append_u64(domain->name, sizeof domain->name, (uint64_t)die);
    }
    domain->package = package;
    domain->die = die;
    return domain;
}

void gt_rapl_drop_domain(struct gt_source_desc *desc, int i)
{
    int parent = desc->domains[i].parent;
    desc->domain_count--;
    memmove(&desc->domains[i], &desc->domains[i + 1], (size_t)(desc->domain_count - i) * sizeof *desc->domains);
    for (int k = 0; k < desc->domain_count; k++) {
        struct gt_domain *domain = &desc->domains[k];
        if (domain->parent == i)
            domain->parent = parent;
        else if (domain->parent > i)
            domain->parent--;
        if (domain->mirror > i + 1)
            domain->mirror--;
    }
}

static bool look_for_die(void *context, const struct gt_topology_cpu *cpu)
{
    bool *dies = context;
    *dies = *dies || cpu->die > 0;
    return !*dies;
}

bool gt_rapl_is_package_wide(const struct gt_os *os)
{
    struct gt_host host;
    bool dies = false;
    gt_host_read(os, &host);
    if (strcmp(host.vendor, "AuthenticAMD") != 0 && strcmp(host.vendor, "HygonGenuine") != 0)
        return false;
    return gt_topology_each_cpu(os, "/sys/devices/system/cpu/online", look_for_die, &dies, NULL) == GT_OK && dies;
}

/* --- the total
 * ----------------------------------------------------------------------------------------------------------------- */

static bool is_package(const struct gt_domain *domain)
{
    return domain->parent < 0 && domain->package >= 0;
}

static bool is_dram(const struct gt_domain *domain)
{
    return domain->parent >= 0 && strcmp(domain->name, "dram") == 0;
}

static bool is_psys(const struct gt_domain *domain)
{
    return domain->parent < 0 && strcmp(domain->name, "psys") == 0;
}

static bool has_dram(const struct gt_source_desc *desc, int package)
{
    for (int i = 0; i < desc->domain_count; i++)
        if (desc->domains[i].parent == package && is_dram(&desc->domains[i]))
            return true;
    return false;
}

/* One that names no die shows the whole package, and so each of its dies. */
static bool shows_same(const struct gt_domain *a, const struct gt_domain *b, bool package_wide)
{
    return a->package == b->package && (package_wide || a->die == b->die || a->die < 0 || b->die < 0);
}

static void find_mirror(struct gt_source_desc *desc, int i, bool package_wide)
{
    struct gt_domain *domain = &desc->domains[i];
    bool package = is_package(domain);
    if (!package && !is_psys(domain))
        return;
    for (int k = 0; k < i && domain->mirror == 0; k++) {
        const struct gt_domain *other = &desc->domains[k];
        if (other->mirror == 0 && (package ? is_package(other) && shows_same(domain, other, package_wide) : is_psys(other)))
            domain->mirror = k + 1;
    }
}

/* Some machines show the platform's counter alone; one of it is the total. */
static int choose_psys(struct gt_source_desc *desc)
{
    for (int i = 0; i < desc->domain_count; i++)
        if (is_psys(&desc->domains[i])) {
            desc->domains[i].additive = true;
            return 1;
        }
    return 0;
}

int gt_rapl_choose_total(struct gt_source_desc *desc, bool package_wide)
{
    int packages = 0, drams = 0;
    for (int i = 0; i < desc->domain_count; i++) {
        struct gt_domain *domain = &desc->domains[i];
        find_mirror(desc, i, package_wide);
        domain->additive = is_package(domain) && domain->mirror == 0;
        packages += domain->additive;
        drams += domain->additive && has_dram(desc, i);
    }
    bool with_dram = packages > 0 && drams == packages;
    for (int i = 0; with_dram && i < desc->domain_count; i++)
        if (is_dram(&desc->domains[i]))
            desc->domains[i].additive = desc->domains[desc->domains[i].parent].additive;
    desc->boundary[0] = '\0';
    gt_scan_append(desc->boundary, sizeof desc->boundary, with_dram ? "package+dram" : packages ? "package" : "psys");
    return packages > 0 ? packages : choose_psys(desc);
}

/* --- the noise filter
 * ---------------------------------------------------------------------------------------------------------- */

enum {
    /*
     * Intel, "Running Average Power Limit Energy Reporting" (advisory guidance, INTEL-SA-00389): bit 11 of
     * IA32_ARCH_CAPABILITIES says that bit 0 of IA32_MISC_PACKAGE_CTLS switches the filter.
     */
    MSR_ARCH_CAPABILITIES = 0x10a,
    MSR_MISC_PACKAGE_CTLS = 0xbc,
    CAN_FILTER = 1 << 11,
    FILTERS = 1 << 0
};

static bool read_msr(const struct gt_os *os, int fd, uint64_t number, uint64_t *value)
{
    return os->pread(os->state, fd, value, sizeof *value, number) == (ssize_t)sizeof *value;
}

void gt_rapl_note_filter(const struct gt_os *os, struct gt_source_desc *desc)
{
    uint64_t capabilities = 0, control = 0;
    int fd = os->open_read(os->state, "/dev/cpu/0/msr");
    if (fd < 0)
        return;
    bool told = read_msr(os, fd, MSR_ARCH_CAPABILITIES, &capabilities) && (capabilities & CAN_FILTER) &&
                read_msr(os, fd, MSR_MISC_PACKAGE_CTLS, &control);
    os->close(os->state, fd);
    if (told)
        gt_scan_append(desc->note, sizeof desc->note,
                       control & FILTERS ? "RAPL's noise filter is on: figures of single milliseconds are blurred by the "
                                           "processor, totals are not"
                                         : "RAPL's noise filter is off");
}

void gt_rapl_describe(const struct gt_source_desc *desc, struct gt_probe *result)
{
    char *text = result->detail;
    bool mirrors = false;
    gt_scan_append(text, sizeof result->detail, "RAPL, boundary ");
    gt_scan_append(text, sizeof result->detail, desc->boundary);
    gt_scan_append(text, sizeof result->detail, ":");
    for (int i = 0; i < desc->domain_count; i++) {
        mirrors = mirrors || desc->domains[i].mirror;
        if (!desc->domains[i].additive)
            continue;
        gt_scan_append(text, sizeof result->detail, " ");
        gt_scan_append(text, sizeof result->detail, desc->domains[i].name);
    }
    if (mirrors)
        gt_scan_append(text, sizeof result->detail, "; a second counter of the same is not added");
    if (desc->note[0]) {
        gt_scan_append(text, sizeof result->detail, "; ");
        gt_scan_append(text, sizeof result->detail, desc->note);
    }
}
