/*
 * RAPL counters through the kernel's powercap class (Linux: Documentation/power/powercap/powercap.rst; the zones' names are
 * those of drivers/powercap/intel_rapl_common.c, which also serves AMD).
 *
 *   /sys/class/powercap/intel-rapl:N         "package-0", "package-0-die-1", "psys"
 *   /sys/class/powercap/intel-rapl:N:M       "core", "uncore", "dram" inside that package
 *   /sys/class/powercap/intel-rapl-mmio:N    the same packages by another register interface: mirrors, never added to them
 *   .../energy_uj                            microjoules, readable by root alone since CVE-2020-8694
 *   .../max_energy_range_uj                  where energy_uj wraps
 *
 * What adds up, energy/rapl.h decides. A zone of the total that cannot be read is an error; any other one is left out. Light:
 * system calls only, descriptors opened once.
 */
#include "energy/rapl.h"
#include "energy/scan.h"
#include "energy/source.h"

#include <errno.h>
#include <string.h>

#define POWERCAP_ROOT "/sys/class/powercap"

enum {
    ZONES_MAX = 2 * GT_SOURCE_DOMAINS, /* zones looked at; more make open fail rather than drop some */
    PATH_BYTES = 512
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
    gt_rapl_parse_name(domain);
    domain->uj_per_count = 1;
    domain->refresh_ns = GT_RAPL_REFRESH_NS;
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
    if (status == -EACCES || status == -EPERM) /* the kernel lets everybody list it */
        return gt_err_set(err, GT_E_ABSENT, "%s may not be listed: hidden by a container's runtime?", root);
    if (status < 0 && status != -ENOENT)
        return gt_err_set_errno(err, -status, "%s", root);
    if (list->count == 0)
        return gt_err_set(err, GT_E_ABSENT, "%s has no intel-rapl zone", root);
    for (int i = 0; i < list->count; i++) {
        enum gt_status described = describe_zone(os, root, list, i, &desc->domains[i], err);
        if (described != GT_OK)
            return described;
        desc->domain_count = i + 1;
    }
    if (gt_rapl_choose_total(desc, gt_rapl_is_package_wide(os)) == 0)
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

/* Opened and read once, since a counter may be open to all and yet unreadable. The descriptor, or -errno. */
static int open_counter(const struct gt_os *os, const char *path)
{
    uint64_t value;
    int fd = os->open_read(os->state, path);
    int failed = fd < 0 ? 0 : gt_os_pread_u64(os, fd, &value);
    if (failed == 0)
        return fd;
    os->close(os->state, fd);
    return failed;
}

static void drop_zone(struct zone_list *list, struct gt_source_desc *desc, int i)
{
    gt_rapl_drop_domain(desc, i);
    list->count--;
    memmove(&list->zones[i], &list->zones[i + 1], (size_t)(list->count - i) * sizeof *list->zones);
}

static enum gt_status powercap_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                    struct gt_source_desc *desc, struct gt_err *err)
{
    const char *root = spec && *spec ? spec : POWERCAP_ROOT;
    struct zone_list list;
    struct powercap *p = (void *)state->bytes;
    char path[PATH_BYTES];
    p->os = os;
    p->count = 0;
    enum gt_status status = describe(os, root, &list, desc, err);
    while (status == GT_OK && p->count < list.count) {
        int fd = open_counter(os, zone_path(path, root, &list.zones[p->count], "/energy_uj"));
        if (fd >= 0)
            p->fd[p->count++] = fd;
        else if (desc->domains[p->count].additive)
            status = gt_err_set_errno(err, -fd, "%s", path);
        else
            drop_zone(&list, desc, p->count);
    }
    if (status == GT_OK)
        gt_rapl_note_filter(os, desc);
    else
        powercap_close(state);
    return status;
}

static enum gt_status powercap_read_some(struct gt_source_state *state, uint64_t domains, uint64_t *raw, uint64_t *t_ns)
{
    struct powercap *p = (void *)state->bytes;
    uint64_t values[GT_SOURCE_DOMAINS] = {0};
    uint64_t before = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < p->count; i++) {
        if (!(domains >> i & 1))
            continue;
        int failed = gt_os_pread_u64(p->os, p->fd[i], &values[i]);
        if (failed < 0)
            return failed == -EACCES || failed == -EPERM ? GT_E_PERM : GT_E_IO;
    }
    uint64_t after = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < p->count; i++)
        if (domains >> i & 1)
            raw[i] = values[i];
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

static enum gt_status powercap_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    return powercap_read_some(state, UINT64_MAX, raw, t_ns);
}

/* Read by the caller's own group, on exactly the counters, now and whenever the kernel makes a zone (udev(7)). */
static const char powercap_fix[] =
    "printf 'SUBSYSTEM==\"powercap\", KERNEL==\"*:*\", RUN+=\"/bin/chgrp %s /sys%%p/energy_uj\", "
    "RUN+=\"/bin/chmod 0440 /sys%%p/energy_uj\"\\n' \"$(id -gn)\" | sudo tee /etc/udev/rules.d/90-greentrack-powercap.rules "
    "&& sudo udevadm control --reload && sudo udevadm trigger -c add -s powercap";
_Static_assert(sizeof powercap_fix <= GT_SOURCE_TEXT, "a fix that is cut is none");

static void powercap_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = powercap_open(os, spec, &state, &desc, &err);
    if (status == GT_OK) {
        gt_rapl_describe(&desc, result);
        powercap_close(&state);
        return;
    }
    gt_scan_copy(result->detail, sizeof result->detail, err.text, strlen(err.text));
    result->result = status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status == GT_E_PERM && !spec)
        gt_scan_append(result->fix, sizeof result->fix, powercap_fix);
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
    .read_some = powercap_read_some,
    .close = powercap_close,
};
