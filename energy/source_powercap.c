/*
 * RAPL counters through the kernel's powercap class (Linux: Documentation/power/powercap/powercap.rst; the zones' names are
 * those of drivers/powercap/intel_rapl_common.c, which also serves AMD).
 *
 *   /sys/class/powercap/intel-rapl:N         "package-0", "package-0-die-1", "psys"
 *   /sys/class/powercap/intel-rapl:N:M       "core", "uncore", "dram" inside that package
 *   /sys/class/powercap/intel-rapl-mmio:N    the same packages by another register interface: never added to them
 *   .../energy_uj                            microjoules, readable by root alone since CVE-2020-8694
 *   .../max_energy_range_uj                  where energy_uj wraps
 *
 * A total adds up packages and, where every package has one, its dram (which is outside of the package's own counter); core and
 * uncore are inside the package, psys contains everything. Light: system calls only, descriptors opened once.
 */
#include "energy/scan.h"
#include "energy/source.h"

#include <errno.h>
#include <string.h>

#define POWERCAP_ROOT "/sys/class/powercap"

enum {
    ZONES_MAX = 2 * GT_SOURCE_DOMAINS, /* zones looked at; more make open fail rather than drop some */
    PATH_BYTES = 512,
    RAPL_REFRESH_NS = 1000000 /* Intel SDM vol. 3B, 15.10: energy status is updated roughly every millisecond */
};

/* "intel-rapl:1:0" is {mmio 0, zone 1, sub 0}. */
struct zone {
    bool mmio;
    int zone, sub; /* sub -1: a zone of its own */
};

struct zone_list {
    struct zone zones[ZONES_MAX];
    int count;
    bool overflow;
};

struct powercap {
    const struct gt_os *os;
    int count;
    int fd[GT_SOURCE_DOMAINS];
};
_Static_assert(sizeof(struct powercap) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

static bool scan_index(const char **at, int *index)
{
    uint64_t value;
    if (**at != ':')
        return false;
    (*at)++;
    if (!gt_scan_u64(at, &value) || value > 9999)
        return false;
    *index = (int)value;
    return true;
}

static bool parse_zone(const char *name, struct zone *zone)
{
    static const char msr[] = "intel-rapl:", mmio[] = "intel-rapl-mmio:";
    zone->mmio = strncmp(name, mmio, sizeof mmio - 1) == 0;
    if (!zone->mmio && strncmp(name, msr, sizeof msr - 1) != 0)
        return false;
    name = strchr(name, ':');
    zone->sub = -1;
    return scan_index(&name, &zone->zone) && (*name == '\0' || (scan_index(&name, &zone->sub) && *name == '\0'));
}

/* Parents stand before their children, and the order does not depend on the directory's. */
static bool zone_before(const struct zone *a, const struct zone *b)
{
    if (a->mmio != b->mmio)
        return b->mmio;
    return a->zone != b->zone ? a->zone < b->zone : a->sub < b->sub;
}

static int add_zone(void *context, const char *name)
{
    struct zone_list *list = context;
    struct zone zone;
    if (!parse_zone(name, &zone))
        return 0;
    if (list->count == ZONES_MAX) {
        list->overflow = true;
        return 1;
    }
    int at = list->count++;
    for (; at > 0 && zone_before(&zone, &list->zones[at - 1]); at--)
        list->zones[at] = list->zones[at - 1];
    list->zones[at] = zone;
    return 0;
}

static char *zone_path(char *path, const char *root, const struct zone *zone, const char *file)
{
    path[0] = '\0';
    gt_scan_append(path, PATH_BYTES, root);
    gt_scan_append(path, PATH_BYTES, zone->mmio ? "/intel-rapl-mmio:" : "/intel-rapl:");
    gt_scan_append_u64(path, PATH_BYTES, (uint64_t)zone->zone);
    if (zone->sub >= 0) {
        gt_scan_append(path, PATH_BYTES, ":");
        gt_scan_append_u64(path, PATH_BYTES, (uint64_t)zone->sub);
    }
    gt_scan_append(path, PATH_BYTES, file);
    return path;
}

/* "package-0-die-1" -> package 0, die 1. */
static void parse_name(struct gt_domain *domain)
{
    const char *at = domain->name;
    uint64_t value;
    domain->package = domain->die = -1;
    if (strncmp(at, "package-", 8) != 0)
        return;
    at += 8;
    if (!gt_scan_u64(&at, &value))
        return;
    domain->package = (int)value;
    if (strncmp(at, "-die-", 5) == 0) {
        at += 5;
        if (gt_scan_u64(&at, &value))
            domain->die = (int)value;
    }
}

static bool is_package(const struct gt_domain *domain)
{
    return domain->parent < 0 && domain->package >= 0;
}

static bool is_dram(const struct gt_domain *domain)
{
    return domain->parent >= 0 && strcmp(domain->name, "dram") == 0;
}

static bool has_dram(const struct gt_source_desc *desc, int package)
{
    for (int i = 0; i < desc->domain_count; i++)
        if (desc->domains[i].parent == package && is_dram(&desc->domains[i]))
            return true;
    return false;
}

/* Which domains are disjoint and make up the total; `mmio[i]` tells mirrors. Returns how many do. */
static int choose_total(struct gt_source_desc *desc, const bool *mmio)
{
    int msr_packages = 0, packages = 0, drams = 0;
    for (int i = 0; i < desc->domain_count; i++)
        msr_packages += is_package(&desc->domains[i]) && !mmio[i];
    for (int i = 0; i < desc->domain_count; i++) {
        struct gt_domain *domain = &desc->domains[i];
        domain->additive = is_package(domain) && mmio[i] == (msr_packages == 0);
        packages += domain->additive;
        drams += domain->additive && has_dram(desc, i);
    }
    bool with_dram = packages > 0 && drams == packages;
    for (int i = 0; with_dram && i < desc->domain_count; i++)
        if (is_dram(&desc->domains[i]))
            desc->domains[i].additive = desc->domains[desc->domains[i].parent].additive;
    const char *boundary = with_dram ? "package+dram" : packages ? "package" : "psys";
    gt_scan_copy(desc->boundary, sizeof desc->boundary, boundary, strlen(boundary));
    if (packages > 0)
        return packages;
    /* Some machines show the platform's counter alone; one of it is the total. */
    for (int i = 0; i < desc->domain_count; i++)
        if (desc->domains[i].parent < 0 && strcmp(desc->domains[i].name, "psys") == 0) {
            desc->domains[i].additive = true;
            return 1;
        }
    return 0;
}

static int find_parent(const struct zone_list *list, const struct zone *zone)
{
    if (zone->sub < 0)
        return -1;
    for (int i = 0; i < list->count; i++)
        if (list->zones[i].mmio == zone->mmio && list->zones[i].zone == zone->zone && list->zones[i].sub < 0)
            return i;
    return -1;
}

static enum gt_status describe_zone(const struct gt_os *os, const char *root, const struct zone_list *list, int i,
                                    struct gt_domain *domain, struct gt_err *err)
{
    char path[PATH_BYTES];
    ssize_t n = gt_os_read_text(os, zone_path(path, root, &list->zones[i], "/name"), domain->name, sizeof domain->name);
    if (n <= 0)
        return n < 0 ? gt_err_set_errno(err, (int)-n, "%s", path) : gt_err_set(err, GT_E_FORMAT, "%s: empty", path);
    domain->parent = find_parent(list, &list->zones[i]);
    parse_name(domain);
    domain->uj_per_count = 1;
    domain->refresh_ns = RAPL_REFRESH_NS;
    int status = gt_os_read_u64(os, zone_path(path, root, &list->zones[i], "/max_energy_range_uj"), &domain->wrap_count);
    return status < 0 ? gt_err_set_errno(err, -status, "%s", path) : GT_OK;
}

/* The children take over their package's numbers. */
static void number_children(struct gt_source_desc *desc)
{
    for (int i = 0; i < desc->domain_count; i++) {
        struct gt_domain *domain = &desc->domains[i];
        if (domain->parent < 0)
            continue;
        domain->package = desc->domains[domain->parent].package;
        domain->die = desc->domains[domain->parent].die;
    }
}

/* Everything but the descriptors. */
static enum gt_status describe(const struct gt_os *os, const char *root, struct zone_list *list, struct gt_source_desc *desc,
                               struct gt_err *err)
{
    memset(list, 0, sizeof *list);
    memset(desc, 0, sizeof *desc);
    gt_scan_append(desc->source, sizeof desc->source, "powercap");
    desc->provenance = GT_PROVENANCE_MEASURED;
    int status = os->list(os->state, root, add_zone, list);
    if (list->overflow || list->count > GT_SOURCE_DOMAINS)
        return gt_err_set(err, GT_E_LIMIT, "%s: more than %d zones", root, (int)GT_SOURCE_DOMAINS);
    if (status < 0 && status != -ENOENT)
        return gt_err_set_errno(err, -status, "%s", root);
    if (list->count == 0)
        return gt_err_set(err, GT_E_ABSENT, "%s has no intel-rapl zone", root);
    bool mmio[GT_SOURCE_DOMAINS];
    for (int i = 0; i < list->count; i++) {
        enum gt_status described = describe_zone(os, root, list, i, &desc->domains[i], err);
        if (described != GT_OK)
            return described;
        mmio[i] = list->zones[i].mmio;
        desc->domain_count = i + 1;
    }
    if (choose_total(desc, mmio) == 0)
        return gt_err_set(err, GT_E_ABSENT, "%s has neither a package nor psys", root);
    number_children(desc);
    return GT_OK;
}

static void powercap_close(struct gt_source_state *state)
{
    struct powercap *p = (void *)state->bytes;
    for (int i = 0; i < p->count; i++)
        p->os->close(p->os->state, p->fd[i]);
    p->count = 0;
}

static ssize_t read_counter(const struct gt_os *os, int fd, uint64_t *value)
{
    char text[32];
    ssize_t n;
    do
        n = os->pread(os->state, fd, text, sizeof text - 1, 0);
    while (n == -EINTR);
    if (n < 0)
        return n;
    text[n] = '\0';
    const char *at = text;
    return gt_scan_u64(&at, value) ? 0 : -EIO;
}

static enum gt_status powercap_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                    struct gt_source_desc *desc, struct gt_err *err)
{
    const char *root = spec ? spec : POWERCAP_ROOT;
    struct zone_list list;
    struct powercap *p = (void *)state->bytes;
    char path[PATH_BYTES];
    uint64_t value;
    p->os = os;
    p->count = 0;
    enum gt_status status = describe(os, root, &list, desc, err);
    for (int i = 0; status == GT_OK && i < list.count; i++) {
        int fd = os->open_read(os->state, zone_path(path, root, &list.zones[i], "/energy_uj"));
        if (fd >= 0)
            p->fd[p->count++] = fd;
        /* A first reading tells a counter that can be opened but not read. */
        ssize_t failed = fd < 0 ? fd : read_counter(os, fd, &value);
        if (failed < 0)
            status = gt_err_set_errno(err, (int)-failed, "%s", path);
    }
    if (status != GT_OK)
        powercap_close(state);
    return status;
}

static enum gt_status powercap_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct powercap *p = (void *)state->bytes;
    uint64_t values[GT_SOURCE_DOMAINS] = {0};
    uint64_t before = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < p->count; i++) {
        ssize_t failed = read_counter(p->os, p->fd[i], &values[i]);
        if (failed < 0)
            return failed == -EACCES || failed == -EPERM ? GT_E_PERM : GT_E_IO;
    }
    uint64_t after = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    memcpy(raw, values, (size_t)p->count * sizeof *raw);
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

/* Group read for the caller's own group, on exactly the counters, now and after each boot (tmpfiles.d(5), type z). */
static void write_fix(char *fix, const char *root)
{
    fix[0] = '\0';
    gt_scan_append(fix, GT_SOURCE_TEXT, "echo z '");
    gt_scan_append(fix, GT_SOURCE_TEXT, root);
    gt_scan_append(fix, GT_SOURCE_TEXT,
                   "/intel-rapl*:*/energy_uj' 0440 root $(id -gn) | sudo tee /etc/tmpfiles.d/greentrack.conf && "
                   "sudo systemd-tmpfiles --create greentrack.conf");
}

static void describe_success(const struct gt_source_desc *desc, struct gt_probe *result)
{
    gt_scan_append(result->detail, sizeof result->detail, "RAPL, boundary ");
    gt_scan_append(result->detail, sizeof result->detail, desc->boundary);
    gt_scan_append(result->detail, sizeof result->detail, ":");
    for (int i = 0; i < desc->domain_count; i++) {
        if (!desc->domains[i].additive)
            continue;
        gt_scan_append(result->detail, sizeof result->detail, " ");
        gt_scan_append(result->detail, sizeof result->detail, desc->domains[i].name);
    }
}

static void powercap_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = powercap_open(os, spec, &state, &desc, &err);
    if (status == GT_OK) {
        describe_success(&desc, result);
        powercap_close(&state);
        return;
    }
    gt_scan_copy(result->detail, sizeof result->detail, err.text, strlen(err.text));
    result->result = status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status == GT_E_PERM)
        write_fix(result->fix, spec ? spec : POWERCAP_ROOT);
    else if (status == GT_E_NOENT)
        gt_scan_append(result->detail, sizeof result->detail, " (zones without files: hidden by a container's runtime?)");
}

const struct gt_energy_source gt_source_powercap = {
    .name = "powercap",
    .summary = "RAPL counters of the processor packages (and memory), by /sys/class/powercap",
    .light = true,
    .probe = powercap_probe,
    .open = powercap_open,
    .read = powercap_read,
    .close = powercap_close,
};
