/*
 * RAPL counters through the kernel's "power" event source (Linux: arch/x86/events/rapl.c).
 *
 *   /sys/bus/event_source/devices/power/type          the event source's number
 *   .../format/event                                  "config:0-7": where an event's number goes
 *   .../events/energy-pkg                             "event=0x02"; -ram, -cores, -gpu, -psys
 *   .../events/energy-pkg.scale, energy-pkg.unit      "2.3283064365386962890625e-10" (2^-32), "Joules"
 *   .../cpumask                                       one cpu of each package (or die): "0,28"
 *
 * Best of the ways to RAPL: the kernel unwraps the 32-bit registers and serves 64 bits. Needs perf_event_paranoid <= 0 or
 * CAP_PERFMON, since events of a whole cpu are opened. AMD's other event source, power_core, is not read: each core's energy is
 * inside its package's, and waking 96 cores to read them would change what is measured. Light: system calls alone.
 */
#include "energy/rapl.h"
#include "energy/scan.h"
#include "energy/topology.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>

#define PMU "/sys/bus/event_source/devices/power/"

enum { PATH_BYTES = 128, TEXT_BYTES = 128 };

/* In the order in which a package's domains stand. */
static const struct {
    const char *event, *domain; /* domain: as powercap names it */
} kinds[] = {
    {"energy-pkg", NULL}, {"energy-ram", "dram"}, {"energy-cores", "core"}, {"energy-gpu", "uncore"}, {"energy-psys", "psys"}};
enum { PACKAGE = 0, PSYS = 4, KINDS = sizeof kinds / sizeof *kinds };

struct event {
    bool present;
    uint64_t config;
    double uj_per_count;
};

struct places {
    bool package_wide, dies; /* dies: some package has more than one */
    int count;
    struct gt_topology_cpu cpus[GT_SOURCE_DOMAINS];
    bool overflow;
};

struct perf {
    const struct gt_os *os;
    int count;
    int fd[GT_SOURCE_DOMAINS];
};
_Static_assert(sizeof(struct perf) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

static enum gt_status read_text(const struct gt_os *os, const char *path, char *text, struct gt_err *err)
{
    ssize_t n = gt_os_read_text(os, path, text, TEXT_BYTES);
    return n < 0 ? gt_err_set_errno(err, (int)-n, "%s", path) : GT_OK;
}

/* "0x02" or "2". */
static bool scan_number(const char **at, uint64_t *value)
{
    if (strncmp(*at, "0x", 2) != 0)
        return gt_scan_u64(at, value);
    const char *p = *at + 2;
    *value = 0;
    for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
        *value = *value * 16 + (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    bool sound = p > *at + 2 && p <= *at + 18;
    *at = p;
    return sound;
}

/* "config:0-7": the lowest bit of the event's field. */
static enum gt_status read_shift(const struct gt_os *os, uint64_t *shift, struct gt_err *err)
{
    char text[TEXT_BYTES];
    enum gt_status status = read_text(os, PMU "format/event", text, err);
    const char *at = text + 7;
    if (status != GT_OK)
        return status;
    if (strncmp(text, "config:", 7) != 0 || !gt_scan_u64(&at, shift) || *shift > 63)
        return gt_err_set(err, GT_E_FORMAT, PMU "format/event: '%.60s' is not understood", text);
    return GT_OK;
}

static char *event_path(char *path, int kind, const char *suffix)
{
    path[0] = '\0';
    gt_scan_append(path, PATH_BYTES, PMU "events/");
    gt_scan_append(path, PATH_BYTES, kinds[kind].event);
    gt_scan_append(path, PATH_BYTES, suffix);
    return path;
}

static enum gt_status read_scale(const struct gt_os *os, int kind, double *uj_per_count, struct gt_err *err)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    enum gt_status status = read_text(os, event_path(path, kind, ".unit"), text, err);
    if (status == GT_OK && strcmp(text, "Joules") != 0)
        return gt_err_set(err, GT_E_FORMAT, "%s: '%.60s' instead of Joules", path, text);
    if (status == GT_OK)
        status = read_text(os, event_path(path, kind, ".scale"), text, err);
    if (status != GT_OK)
        return status;
    const char *at = text;
    double scale;
    if (!gt_scan_f64(&at, &scale) || *at || !(scale > 0 && scale < 1))
        return gt_err_set(err, GT_E_FORMAT, "%s: '%.60s' is no scale", path, text);
    *uj_per_count = scale * 1e6;
    return GT_OK;
}

static enum gt_status read_event(const struct gt_os *os, int kind, uint64_t shift, struct event *event, struct gt_err *err)
{
    char path[PATH_BYTES], text[TEXT_BYTES];
    ssize_t n = gt_os_read_text(os, event_path(path, kind, ""), text, sizeof text);
    *event = (struct event){0};
    if (n == -ENOENT)
        return GT_OK;
    if (n < 0)
        return gt_err_set_errno(err, (int)-n, "%s", path);
    const char *at = text + 6;
    if (strncmp(text, "event=", 6) != 0 || !scan_number(&at, &event->config) || *at)
        return gt_err_set(err, GT_E_FORMAT, "%s: '%.60s' is not understood", path, text);
    event->config <<= shift;
    event->present = true;
    return read_scale(os, kind, &event->uj_per_count, err);
}

/* One cpu per package, or die: a second one would show the same counter once more. */
static bool add_place(void *context, const struct gt_topology_cpu *cpu)
{
    struct places *places = context;
    for (int i = 0; i < places->count; i++) {
        const struct gt_topology_cpu *other = &places->cpus[i];
        if (other->package != cpu->package)
            continue;
        if (places->package_wide || other->die == cpu->die)
            return true;
        places->dies = true;
    }
    places->overflow = places->count == GT_SOURCE_DOMAINS;
    if (!places->overflow)
        places->cpus[places->count++] = *cpu;
    return !places->overflow;
}

static int open_event(const struct perf *p, uint64_t type, uint64_t config, uint32_t cpu)
{
    struct perf_event_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = (uint32_t)type;
    attr.config = config;
    return p->os->perf_event_open(p->os->state, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

/* A package's own counter must be there; what else an event source lists but will not open is left out. */
static enum gt_status add_event(struct perf *p, const struct event *event, int kind, uint64_t type, const struct places *places,
                                int place, int package, struct gt_source_desc *desc, struct gt_err *err)
{
    const struct gt_topology_cpu *cpu = &places->cpus[place];
    int fd = open_event(p, type, event->config, cpu->cpu);
    if (fd < 0 && (kind == PACKAGE || fd == -EACCES || fd == -EPERM))
        return gt_err_set_errno(err, -fd, "perf event power/%s/ on cpu %u", kinds[kind].event, (unsigned)cpu->cpu);
    if (fd < 0)
        return GT_OK;
    struct gt_domain *domain = kind == PACKAGE ? gt_rapl_add_package(desc, cpu->package, places->dies ? cpu->die : -1)
                                               : gt_rapl_add_domain(desc, kinds[kind].domain, package);
    if (!domain) {
        p->os->close(p->os->state, fd);
        return gt_err_set(err, GT_E_LIMIT, "the power event source has more than %d counters", (int)GT_SOURCE_DOMAINS);
    }
    domain->uj_per_count = event->uj_per_count;
    p->fd[p->count++] = fd;
    return GT_OK;
}

/* All of one package; psys, of which a machine has one, by the first package's cpu. */
static enum gt_status add_package(struct perf *p, const struct event *events, uint64_t type, const struct places *places,
                                  int place, struct gt_source_desc *desc, struct gt_err *err)
{
    int package = events[PACKAGE].present ? desc->domain_count : -1;
    enum gt_status status = GT_OK;
    for (int kind = 0; kind < KINDS && status == GT_OK; kind++)
        if (events[kind].present && (kind != PSYS || place == 0) && (package >= 0 || kind == PSYS))
            status = add_event(p, &events[kind], kind, type, places, place, kind == PSYS ? -1 : package, desc, err);
    return status;
}

static enum gt_status find_events(const struct gt_os *os, struct event *events, uint64_t *type, struct places *places,
                                  struct gt_err *err)
{
    uint64_t shift = 0;
    int n = gt_os_read_u64(os, PMU "type", type);
    if (n == -ENOENT)
        return gt_err_set(err, GT_E_ABSENT, "this kernel has no event source \"power\" for this processor");
    if (n < 0)
        return gt_err_set_errno(err, -n, PMU "type");
    enum gt_status status = read_shift(os, &shift, err);
    for (int kind = 0; kind < KINDS && status == GT_OK; kind++)
        status = read_event(os, kind, shift, &events[kind], err);
    *places = (struct places){.package_wide = gt_rapl_is_package_wide(os)};
    if (status == GT_OK)
        status = gt_topology_each_cpu(os, PMU "cpumask", add_place, places, err);
    if (status == GT_OK && places->overflow)
        return gt_err_set(err, GT_E_LIMIT, "more than %d packages", (int)GT_SOURCE_DOMAINS);
    return status;
}

static void perf_close(struct gt_source_state *state)
{
    struct perf *p = (void *)state->bytes;
    for (int i = 0; i < p->count; i++)
        p->os->close(p->os->state, p->fd[i]);
    p->count = 0;
}

static enum gt_status perf_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                struct gt_source_desc *desc, struct gt_err *err)
{
    struct perf *p = (void *)state->bytes;
    struct event events[KINDS];
    struct places places;
    uint64_t type = 0;
    p->os = os;
    p->count = 0;
    memset(desc, 0, sizeof *desc);
    if (spec)
        return gt_err_set(err, GT_E_ARG, "perf:%.60s: perf takes no argument", spec);
    gt_scan_append(desc->source, sizeof desc->source, "perf");
    desc->provenance = GT_PROVENANCE_MEASURED;
    enum gt_status status = find_events(os, events, &type, &places, err);
    for (int i = 0; status == GT_OK && i < places.count; i++)
        status = add_package(p, events, type, &places, i, desc, err);
    if (status == GT_OK && gt_rapl_choose_total(desc, places.package_wide) == 0)
        status = gt_err_set(err, GT_E_ABSENT, "the event source \"power\" counts neither packages nor psys");
    if (status == GT_OK)
        gt_rapl_note_filter(os, desc);
    else
        perf_close(state);
    return status;
}

static enum gt_status perf_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct perf *p = (void *)state->bytes;
    uint64_t values[GT_SOURCE_DOMAINS] = {0};
    uint64_t before = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < p->count; i++) {
        ssize_t n;
        do
            n = p->os->read(p->os->state, p->fd[i], &values[i], sizeof values[i]);
        while (n == -EINTR);
        /* 0 bytes: the event is in an error state, as after its whole package went offline. */
        if (n != (ssize_t)sizeof values[i])
            return n == -EACCES || n == -EPERM ? GT_E_PERM : GT_E_IO;
    }
    uint64_t after = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    memcpy(raw, values, (size_t)p->count * sizeof *raw);
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

/*
 * The kernel refuses by EACCES (perf_event_paranoid), a container's system call filter by EPERM. Docker's default profile lets
 * perf_event_open pass with CAP_PERFMON.
 */
static void write_fix(const struct gt_os *os, struct gt_probe *result)
{
    char level[32];
    if (gt_os_read_text(os, "/proc/sys/kernel/perf_event_paranoid", level, sizeof level) > 0) {
        gt_scan_append(result->detail, sizeof result->detail, " (kernel.perf_event_paranoid is ");
        gt_scan_append(result->detail, sizeof result->detail, level);
        gt_scan_append(result->detail, sizeof result->detail, ")");
    }
    gt_scan_append(result->fix, sizeof result->fix,
                   "sudo setcap cap_perfmon+ep \"$(command -v greentrack)\"; in a container: docker run --cap-add PERFMON; for "
                   "everybody on the machine: sudo sysctl kernel.perf_event_paranoid=0");
}

static void perf_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = perf_open(os, spec, &state, &desc, &err);
    if (status == GT_OK) {
        gt_rapl_describe(&desc, result);
        perf_close(&state);
        return;
    }
    gt_scan_append(result->detail, sizeof result->detail, err.text);
    result->result = status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status == GT_E_PERM)
        write_fix(os, result);
}

const struct gt_energy_source gt_source_perf = {
    .name = "perf",
    .summary = "RAPL counters of the processor packages (and memory), by the kernel's perf events",
    .light = true,
    .probe = perf_probe,
    .open = perf_open,
    .read = perf_read,
    .close = perf_close,
};
