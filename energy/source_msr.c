/*
 * RAPL's registers themselves, through /dev/cpu/N/msr (msr(4)): for kernels whose drivers do not know the processor.
 *
 *   Intel (SDM vol. 4): 0x606 units, 0x611 package, 0x619 dram, 0x639 core (PP0), 0x641 uncore (PP1), 0x64D platform
 *   AMD, Hygon (PPR of family 17h, "RAPL"): 0xC0010299 units, 0xC001029B package, 0xC001029A one core
 *
 * Energy is counted in 32 bits, in units of 2^-n joules, n in bits 12:8 of the units register, but for the parts of the table
 * below. A register that cannot be read, or holds 0, does not exist on this part (Linux probes in the same way: perf_msr_probe,
 * rapl_check_domain). "msr:cores" also reads AMD's core counters, which are inside their packages: each read wakes its core, so
 * that they are not read unasked. A register is read on the first cpu that has it; when that one goes offline, which the device
 * tells by ENXIO, on the next one of the same package. Light: system calls alone.
 */
#include "energy/host.h"
#include "energy/rapl.h"
#include "energy/scan.h"
#include "energy/topology.h"

#include <errno.h>
#include <string.h>

enum {
    PATH_BYTES = 64,
    INTEL_UNITS = 0x606,
    INTEL_PACKAGE = 0x611,
    INTEL_DRAM = 0x619,
    INTEL_CORE = 0x639,
    INTEL_UNCORE = 0x641,
    INTEL_PSYS = 0x64d
};
#define AMD_UNITS UINT32_C(0xc0010299)
#define AMD_CORE UINT32_C(0xc001029a)
#define AMD_PACKAGE UINT32_C(0xc001029b)
#define WRAP UINT32_C(0xffffffff)
#define ONLINE "/sys/devices/system/cpu/online"
/* Where no other cpu has the register (the package is offline), one is looked for that often: it takes three files per cpu. */
#define LOOK_NS UINT64_C(1000000000)

/* A part's counters besides the package's; psys stands at the root. */
struct extra {
    uint32_t number;
    const char *name;
};
static const struct extra intel_extras[] = {
    {INTEL_DRAM, "dram"}, {INTEL_CORE, "core"}, {INTEL_UNCORE, "uncore"}, {INTEL_PSYS, "psys"}, {0, NULL}};
static const struct extra no_extras[] = {{0, NULL}};

static const struct vendor {
    const char *name;
    uint32_t units, package;
    const struct extra *extras;
} vendors[] = {
    {"GenuineIntel", INTEL_UNITS, INTEL_PACKAGE, intel_extras},
    {"AuthenticAMD", AMD_UNITS, AMD_PACKAGE, no_extras},
    {"HygonGenuine", AMD_UNITS, AMD_PACKAGE, no_extras},
};

/*
 * Counters whose unit is not that of the units register, by Intel's family 6 model (Linux: arch/x86/events/rapl.c for dram and
 * psys, drivers/powercap/intel_rapl_common.c for the small cores, whose unit is 2^n µJ).
 */
static const struct {
    int model;
    uint32_t number;
    double uj; /* 0: 2^n µJ */
} units_of_parts[] = {
    {0x3f, INTEL_DRAM, 1e6 / 65536}, /* Haswell-EP */
    {0x4f, INTEL_DRAM, 1e6 / 65536}, /* Broadwell-EP */
    {0x56, INTEL_DRAM, 1e6 / 65536}, /* Broadwell-DE */
    {0x55, INTEL_DRAM, 1e6 / 65536}, /* Skylake-SP, Cascade Lake, Cooper Lake */
    {0x6a, INTEL_DRAM, 1e6 / 65536}, /* Ice Lake-SP */
    {0x6c, INTEL_DRAM, 1e6 / 65536}, /* Ice Lake-D */
    {0x57, INTEL_DRAM, 1e6 / 65536}, /* Knights Landing */
    {0x85, INTEL_DRAM, 1e6 / 65536}, /* Knights Mill */
    {0x8f, INTEL_PSYS, 1e6},         /* Sapphire Rapids: 1 J */
    {0xcf, INTEL_PSYS, 1e6},         /* Emerald Rapids: 1 J */
    {0x37, INTEL_PACKAGE, 0},        /* Silvermont, and its kin */
    {0x37, INTEL_CORE, 0},           {0x4a, INTEL_PACKAGE, 0}, {0x4a, INTEL_CORE, 0}, {0x4c, INTEL_PACKAGE, 0},
    {0x4c, INTEL_CORE, 0},           {0x5a, INTEL_PACKAGE, 0}, {0x5a, INTEL_CORE, 0},
};

struct msr {
    const struct gt_os *os;
    int count;
    int fd[GT_SOURCE_DOMAINS]; /* one per counter, so that closing is simple */
    uint32_t number[GT_SOURCE_DOMAINS];
    struct gt_topology_cpu place[GT_SOURCE_DOMAINS]; /* cpus of that place show the counter; -1: of whichever */
    uint64_t next_look_ns;
};
_Static_assert(sizeof(struct msr) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

/* What one opening goes through. */
struct opening {
    const struct gt_os *os;
    struct msr *msr;
    struct gt_source_desc *desc;
    struct gt_err *err;
    const struct vendor *vendor;
    int model; /* of family 6; -1 any other */
    bool cores, dies;
    enum gt_status status;
};

static char *device_path(char *path, uint32_t cpu)
{
    path[0] = '\0';
    gt_scan_append(path, PATH_BYTES, "/dev/cpu/");
    gt_scan_append_u64(path, PATH_BYTES, cpu);
    gt_scan_append(path, PATH_BYTES, "/msr");
    return path;
}

/* 0, or -errno; -EIO where the register does not exist. */
static int read_register(const struct gt_os *os, int fd, uint32_t number, uint64_t *value)
{
    ssize_t n;
    do
        n = os->pread(os->state, fd, value, sizeof *value, number);
    while (n == -EINTR);
    return n == (ssize_t)sizeof *value ? 0 : n < 0 ? (int)n : -EIO;
}

static double unit_uj(const struct opening *o, uint32_t number, uint64_t units)
{
    uint64_t n = units >> 8 & 0x1f;
    for (size_t i = 0; i < sizeof units_of_parts / sizeof *units_of_parts; i++)
        if (units_of_parts[i].model == o->model && units_of_parts[i].number == number)
            return units_of_parts[i].uj > 0 ? units_of_parts[i].uj : (double)(UINT64_C(1) << n);
    return 1e6 / (double)(UINT64_C(1) << n);
}

/* Which cpus show the same counter. */
static struct gt_topology_cpu place_of(const struct opening *o, const struct gt_topology_cpu *cpu, uint32_t number)
{
    struct gt_topology_cpu place = *cpu;
    if (number == INTEL_PSYS)
        place.package = -1;
    if (number == INTEL_PSYS || !o->dies)
        place.die = -1;
    if (number != AMD_CORE)
        place.core = -1;
    return place;
}

/* Opens the cpu's device once more for a counter; what of the total cannot be read is an error. */
static void add_counter(struct opening *o, const struct gt_topology_cpu *cpu, uint32_t number, const char *name, int parent)
{
    char path[PATH_BYTES];
    uint64_t value = 0, units = 0;
    bool package = number == o->vendor->package;
    if (o->status != GT_OK)
        return;
    int fd = o->os->open_read(o->os->state, device_path(path, cpu->cpu));
    int failed = fd < 0 ? fd : read_register(o->os, fd, number, &value);
    if (!failed)
        failed = read_register(o->os, fd, o->vendor->units, &units);
    bool absent = failed == -EIO || (!failed && (value & WRAP) == 0);
    if (absent && package)
        o->status = gt_err_set(o->err, GT_E_ABSENT, "%s: the processor shows no energy register (a virtual machine?)", path);
    else if (failed && !absent)
        o->status = gt_err_set_errno(o->err, -failed, "%s", path);
    struct gt_domain *domain = NULL;
    if (o->status == GT_OK && !absent) {
        domain = package ? gt_rapl_add_package(o->desc, cpu->package, o->dies ? cpu->die : -1)
                         : gt_rapl_add_domain(o->desc, name, parent);
        if (!domain)
            o->status = gt_err_set(o->err, GT_E_LIMIT, "more than %d energy registers", (int)GT_SOURCE_DOMAINS);
    }
    if (!domain) {
        if (fd >= 0)
            o->os->close(o->os->state, fd);
        return;
    }
    domain->uj_per_count = unit_uj(o, number, units);
    domain->wrap_count = WRAP;
    o->msr->fd[o->msr->count] = fd;
    o->msr->place[o->msr->count] = place_of(o, cpu, number);
    o->msr->number[o->msr->count++] = number;
}

static bool is_package_wide(const struct opening *o)
{
    return o->vendor->package == AMD_PACKAGE;
}

/* The package or die that the cpu is in, -1 before it was added. */
static int find_package(const struct opening *o, const struct gt_topology_cpu *cpu)
{
    for (int i = 0; i < o->desc->domain_count; i++) {
        const struct gt_domain *domain = &o->desc->domains[i];
        if (domain->parent < 0 && domain->package == cpu->package && (!o->dies || domain->die == cpu->die))
            return i;
    }
    return -1;
}

static bool add_package(void *context, const struct gt_topology_cpu *cpu)
{
    struct opening *o = context;
    if (find_package(o, cpu) >= 0)
        return true;
    int package = o->desc->domain_count;
    bool first = package == 0;
    add_counter(o, cpu, o->vendor->package, NULL, -1);
    for (const struct extra *extra = o->vendor->extras; extra->name; extra++) {
        bool psys = extra->number == INTEL_PSYS; /* the machine has one */
        if (!psys || first)
            add_counter(o, cpu, extra->number, extra->name, psys ? -1 : package);
    }
    return o->status == GT_OK;
}

/* Hardware threads of one core show the same counter. The core's number goes into the name, so that the first one is known. */
static bool add_core(void *context, const struct gt_topology_cpu *cpu)
{
    struct opening *o = context;
    char name[GT_SOURCE_NAME] = "core-";
    int package = find_package(o, cpu);
    gt_scan_append_u64(name, sizeof name, (uint64_t)cpu->core);
    for (int i = 0; i < o->desc->domain_count; i++)
        if (o->desc->domains[i].parent == package && strcmp(o->desc->domains[i].name, name) == 0)
            return true;
    add_counter(o, cpu, AMD_CORE, name, package);
    return o->status == GT_OK;
}

static bool look_for_dies(void *context, const struct gt_topology_cpu *cpu)
{
    struct opening *o = context;
    o->dies = o->dies || cpu->die > 0;
    return !o->dies;
}

static void each_cpu(struct opening *o, gt_topology_cpu_fn *each)
{
    if (o->status != GT_OK)
        return;
    enum gt_status status = gt_topology_each_cpu(o->os, ONLINE, each, o, o->err);
    if (o->status == GT_OK)
        o->status = status;
}

static void find_vendor(struct opening *o)
{
    struct gt_host host;
    gt_host_read(o->os, &host);
    for (size_t i = 0; i < sizeof vendors / sizeof *vendors; i++)
        if (strcmp(vendors[i].name, host.vendor) == 0)
            o->vendor = &vendors[i];
    o->model = host.family == 6 ? host.model : -1;
    if (!o->vendor)
        o->status = gt_err_set(o->err, GT_E_ABSENT, "no processor whose energy registers are known");
}

static void msr_close(struct gt_source_state *state)
{
    struct msr *m = (void *)state->bytes;
    for (int i = 0; i < m->count; i++)
        m->os->close(m->os->state, m->fd[i]);
    m->count = 0;
}

static enum gt_status msr_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                               struct gt_source_desc *desc, struct gt_err *err)
{
    struct msr *m = (void *)state->bytes;
    struct opening o = {.os = os, .msr = m, .desc = desc, .err = err, .cores = spec && strcmp(spec, "cores") == 0};
    m->os = os;
    m->count = 0;
    m->next_look_ns = 0;
    memset(desc, 0, sizeof *desc);
    if (spec && !o.cores)
        return gt_err_set(err, GT_E_ARG, "msr:%.60s: only msr and msr:cores exist", spec);
    gt_scan_append(desc->source, sizeof desc->source, "msr");
    desc->provenance = GT_PROVENANCE_MEASURED;
    find_vendor(&o);
    if (o.status == GT_OK && !is_package_wide(&o))
        each_cpu(&o, look_for_dies);
    each_cpu(&o, add_package);
    if (o.cores && is_package_wide(&o))
        each_cpu(&o, add_core);
    if (o.status == GT_OK && gt_rapl_choose_total(desc, is_package_wide(&o)) == 0)
        o.status = gt_err_set(err, GT_E_ABSENT, "no package's energy register can be read");
    if (o.status == GT_OK)
        gt_rapl_note_filter(os, desc);
    else
        msr_close(state);
    return o.status;
}

/* A counter that looks for another cpu. */
struct move {
    const struct msr *msr;
    int counter, fd; /* fd -1: none was found */
    uint64_t value;
};

static bool try_cpu(void *context, const struct gt_topology_cpu *cpu)
{
    struct move *move = context;
    const struct gt_os *os = move->msr->os;
    const struct gt_topology_cpu *place = &move->msr->place[move->counter];
    char path[PATH_BYTES];
    if ((place->package >= 0 && place->package != cpu->package) || (place->die >= 0 && place->die != cpu->die) ||
        (place->core >= 0 && place->core != cpu->core))
        return true;
    int fd = os->open_read(os->state, device_path(path, cpu->cpu));
    if (fd < 0)
        return true;
    if (read_register(os, fd, move->msr->number[move->counter], &move->value) == 0)
        move->fd = fd;
    else
        os->close(os->state, fd);
    return move->fd < 0;
}

/* Reads the counter on another cpu that is online, and from then on there. False: there is none. */
static bool move_counter(struct msr *m, int counter, uint64_t now_ns, uint64_t *value)
{
    struct move move = {.msr = m, .counter = counter, .fd = -1};
    if (now_ns < m->next_look_ns)
        return false;
    gt_topology_each_cpu(m->os, ONLINE, try_cpu, &move, NULL);
    if (move.fd < 0) {
        m->next_look_ns = now_ns + LOOK_NS;
        return false;
    }
    m->os->close(m->os->state, m->fd[counter]);
    m->fd[counter] = move.fd;
    *value = move.value;
    return true;
}

static enum gt_status msr_read_some(struct gt_source_state *state, uint64_t domains, uint64_t *raw, uint64_t *t_ns)
{
    struct msr *m = (void *)state->bytes;
    uint64_t values[GT_SOURCE_DOMAINS] = {0};
    uint64_t before = m->os->clock_ns(m->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < m->count; i++) {
        if (!(domains >> i & 1))
            continue;
        int failed = read_register(m->os, m->fd[i], m->number[i], &values[i]);
        if (failed && !(failed == -ENXIO && move_counter(m, i, before, &values[i])))
            return failed == -EACCES || failed == -EPERM ? GT_E_PERM : GT_E_IO;
        values[i] &= WRAP;
    }
    uint64_t after = m->os->clock_ns(m->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < m->count; i++)
        if (domains >> i & 1)
            raw[i] = values[i];
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

static enum gt_status msr_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    return msr_read_some(state, UINT64_MAX, raw, t_ns);
}

/* The device asks for CAP_SYS_RAWIO besides (Linux: arch/x86/kernel/msr.c), which is a lot: the other ways come first. */
static const char msr_fix[] = "rather make perf or powercap readable; where neither exists: printf 'KERNEL==\"msr[0-9]*\", "
                              "GROUP=\"%s\", MODE=\"0440\"\\n' "
                              "\"$(id -gn)\" | sudo tee /etc/udev/rules.d/90-greentrack-msr.rules && sudo udevadm control "
                              "--reload && sudo udevadm trigger "
                              "-c add -s msr && sudo setcap cap_sys_rawio+ep \"$(command -v greentrack)\"";
_Static_assert(sizeof msr_fix <= GT_SOURCE_TEXT, "a fix that is cut is none");

static void msr_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = msr_open(os, spec, &state, &desc, &err);
    if (status == GT_OK) {
        gt_rapl_describe(&desc, result);
        msr_close(&state);
        return;
    }
    gt_scan_append(result->detail, sizeof result->detail, err.text);
    result->result = status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status == GT_E_PERM)
        gt_scan_append(result->fix, sizeof result->fix, msr_fix);
    else if (status == GT_E_NOENT)
        gt_scan_append(result->detail, sizeof result->detail, " (sudo modprobe msr makes it, where the kernel has it)");
}

const struct gt_energy_source gt_source_msr = {
    .name = "msr",
    .summary = "RAPL registers of the processor packages (and memory), by /dev/cpu/*/msr",
    .light = true,
    .probe = msr_probe,
    .open = msr_open,
    .read = msr_read,
    .read_some = msr_read_some,
    .close = msr_close,
};
