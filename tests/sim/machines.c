#include "tests/sim/machines.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POWERCAP "/sys/class/powercap/"
#define POWER "/sys/bus/event_source/devices/power/"

/* What each package (or die) has. */
struct kind {
    const char *name; /* NULL: the package itself */
    uint32_t msr, event;
    const char *event_name;
    int exponent;
    uint32_t nj;
    bool total;
};

static const struct spec {
    const char *name, *cpuinfo;
    int packages, dies, cores; /* cores: per die, two threads each */
    struct kind kinds[6];
    bool mmio;
    int ways;
} specs[GT_MACHINE_COUNT] = {
    [GT_MACHINE_INTEL_CLIENT] =
        {"Intel client",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\nmodel name\t: Intel(R) Core(TM) i7-8650U CPU @ 1.90GHz\n",
         1,
         1,
         4,
         {{NULL, 0x611, 2, "energy-pkg", 14, 61035, true},
          {"core", 0x639, 1, "energy-cores", 14, 61035, false},
          {"uncore", 0x641, 4, "energy-gpu", 14, 61035, false},
          {"dram", 0x619, 3, "energy-ram", 14, 61035, true},
          {"psys", 0x64d, 5, "energy-psys", 14, 61035, false}},
         true,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_INTEL_OLD_CLIENT] =
        {"Intel client without dram",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 42\nmodel name\t: Intel(R) Core(TM) i5-2520M CPU @ 2.50GHz\n",
         1,
         1,
         2,
         {{NULL, 0x611, 2, "energy-pkg", 16, 15258, true},
          {"core", 0x639, 1, "energy-cores", 16, 15258, false},
          {"uncore", 0x641, 4, "energy-gpu", 16, 15258, false}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_INTEL_2S] =
        {"two sockets Intel",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\n",
         2,
         1,
         4,
         {{NULL, 0x611, 2, "energy-pkg", 14, 61035, true}, {"dram", 0x619, 3, "energy-ram", 16, 15300, true}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_INTEL_2S_PSYS] =
        {"two sockets Intel with psys",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: Intel(R) Xeon(R) Platinum 8480+\n",
         2,
         1,
         4,
         {{NULL, 0x611, 2, "energy-pkg", 14, 61035, true},
          {"dram", 0x619, 3, "energy-ram", 14, 61035, true},
          {"psys", 0x64d, 5, "energy-psys", 0, 1000000000, false}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_INTEL_DIES] = {"two sockets of two dies Intel",
                               "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) "
                               "Platinum 9242 CPU @ 2.30GHz\n",
                               2,
                               2,
                               2,
                               {{NULL, 0x611, 2, "energy-pkg", 14, 61035, true},
                                {"dram", 0x619, 3, "energy-ram", 16, 15300, true}},
                               false,
                               GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_AMD_2S] =
        {"two sockets AMD",
         "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC 7543 32-Core Processor\n",
         2,
         1,
         4,
         {{NULL, 0xc001029b, 2, "energy-pkg", 16, 15258, true}, {"core", 0xc001029a, 0, NULL, 16, 0, false}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_AMD_CCD] =
        {"AMD, one counter per die",
         "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9354 32-Core Processor\n",
         1,
         4,
         2,
         {{NULL, 0xc001029b, 2, "energy-pkg", 16, 15258, true}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP | GT_MACHINE_MSR},
    [GT_MACHINE_AMD_ENERGY] =
        {"AMD with amd_energy alone",
         "vendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 49\nmodel name\t: AMD EPYC 7742 64-Core Processor\n",
         2,
         1,
         4,
         {{0}},
         false,
         GT_MACHINE_HWMON},
    [GT_MACHINE_JETSON] = {"ARM board with an INA3221",
                           "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd42\n",
                           1,
                           1,
                           4,
                           {{0}},
                           false,
                           GT_MACHINE_HWMON},
    [GT_MACHINE_CONTAINER] =
        {"container",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz\n",
         2,
         1,
         4,
         {{NULL, 0x611, 2, "energy-pkg", 14, 61035, true}, {"dram", 0x619, 3, "energy-ram", 16, 15300, true}},
         false,
         GT_MACHINE_PERF | GT_MACHINE_POWERCAP},
    [GT_MACHINE_VM] =
        {"virtual machine",
         "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Intel Xeon Processor (Cascadelake)\n"
         "flags\t\t: fpu vme de pse hypervisor\n",
         1,
         1,
         2,
         {{0}},
         false,
         0},
};

const char *gt_machine_name(enum gt_machine_id id)
{
    return specs[id].name;
}

/* --- what the files hold
 * ------------------------------------------------------------------------------------------------------- */

static const char *show(char *text, uint64_t value, const char *end)
{
    snprintf(text, 32, "%" PRIu64 "%s", value, end);
    return text;
}

static uint64_t count_at(const struct gt_machine_counter *c, uint64_t mono_ns)
{
    return c->count + (c->machine->lives ? mono_ns / 1000000 : 0);
}

/* 32.32 fixed point joules since the event was opened (arch/x86/events/rapl.c: rapl_scale). */
static const char *show_perf(void *context, uint64_t mono_ns)
{
    struct gt_machine_counter *c = context;
    return show(c->text[0], (count_at(c, mono_ns) - c->start) << (32 - c->exponent), "");
}

static const char *show_msr(void *context, uint64_t mono_ns)
{
    struct gt_machine_counter *c = context;
    return show(c->text[1], UINT64_C(0xdead) << 32 | (uint32_t)count_at(c, mono_ns), ""); /* the upper half is reserved */
}

/* intel_rapl_common.c: the register times a whole number of nanojoules, in whole microjoules. */
static const char *show_powercap(void *context, uint64_t mono_ns)
{
    struct gt_machine_counter *c = context;
    return show(c->text[2], (uint64_t)((unsigned __int128)(uint32_t)count_at(c, mono_ns) * c->nj / 1000), "\n");
}

static const char *show_energy(void *context, uint64_t mono_ns)
{
    struct gt_machine_counter *c = context;
    return show(c->text[2], count_at(c, mono_ns), "\n"); /* 1 count: 1 µJ */
}

static const char *show_millivolts(void *context, uint64_t mono_ns)
{
    (void)context, (void)mono_ns;
    return "5000\n";
}

static const char *show_milliamperes(void *context, uint64_t mono_ns)
{
    struct gt_machine_counter *c = context;
    (void)mono_ns;
    return show(c->text[3], c->uw / 5000, "\n");
}

static const char *show_units(void *context, uint64_t mono_ns)
{
    static char text[32];
    const struct spec *spec = context;
    (void)mono_ns;
    /* power 2^-3 W, time 2^-10 s: what Intel's parts have */
    return show(text, UINT64_C(0xa0003) | (uint64_t)spec->kinds[0].exponent << 8, "");
}

/* --- building
 * ------------------------------------------------------------------------------------------------------------------ */

struct building {
    struct gt_machine *machine;
    const struct spec *spec;
    enum gt_machine_id id;
    int ways, zones;
};

static int cpu_of(const struct spec *spec, int package, int die)
{
    return (package * spec->dies + die) * spec->cores;
}

static struct gt_machine_counter *add_counter(struct gt_machine *machine, const char *name)
{
    if (machine->counter_count == GT_MACHINE_COUNTERS)
        abort();
    struct gt_machine_counter *c = &machine->counters[machine->counter_count++];
    memset(c, 0, sizeof *c);
    c->machine = machine;
    snprintf(c->name, sizeof c->name, "%s", name);
    return c;
}

static void build_cpus(const struct building *b)
{
    struct gt_sim *sim = b->machine->sim;
    const struct spec *spec = b->spec;
    int cores = spec->packages * spec->dies * spec->cores;
    gt_sim_file(sim, "/proc/cpuinfo", spec->cpuinfo);
    gt_sim_printf(sim, "/sys/devices/system/cpu/online", "0-%d\n", 2 * cores - 1);
    gt_sim_file(sim, "/proc/sys/kernel/perf_event_paranoid", "2\n");
    for (int cpu = 0; cpu < 2 * cores; cpu++) {
        char path[128];
        int core = cpu % cores; /* the second threads come after all first ones */
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
        gt_sim_printf(sim, path, "%d\n", core / (spec->dies * spec->cores));
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/die_id", cpu);
        gt_sim_printf(sim, path, "%d\n", core / spec->cores % spec->dies);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/core_id", cpu);
        gt_sim_printf(sim, path, "%d\n", core % (spec->dies * spec->cores));
    }
}

/* Chips that every machine has, none of which is the machine. */
static void build_other_sensors(struct gt_sim *sim)
{
    static const char *const files[][2] = {
        {"hwmon0/name", "nvme\n"},
        {"hwmon0/temp1_input", "38850\n"},
        {"hwmon0/temp1_label", "Composite\n"},
        {"hwmon1/name", "amdgpu\n"},
        {"hwmon1/power1_average", "33000000\n"},
        {"hwmon1/power1_label", "PPT\n"},
        {"hwmon1/in0_input", "812\n"},
        {"hwmon1/in0_label", "vddgfx\n"},
        {"hwmon2/name", "mlx5\n"},
        {"hwmon2/temp1_input", "54000\n"},
        {"hwmon3/name", "i915\n"},
        {"hwmon3/energy1_input", "88123456\n"},
        {"hwmon4/name", "pwmfan\n"},
        {"hwmon4/pwm1", "77\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128];
        snprintf(path, sizeof path, "/sys/class/hwmon/%s", files[i][0]);
        gt_sim_file(sim, path, files[i][1]);
    }
}

static void build_event_source(const struct building *b)
{
    struct gt_sim *sim = b->machine->sim;
    const struct spec *spec = b->spec;
    char mask[128] = "";
    gt_sim_file(sim, POWER "type", "23\n");
    gt_sim_file(sim, POWER "format/event", "config:0-7\n");
    for (int package = 0; package < spec->packages; package++)
        for (int die = 0; die < spec->dies; die++)
            snprintf(mask + strlen(mask), sizeof mask - strlen(mask), "%s%d", *mask ? "," : "", cpu_of(spec, package, die));
    gt_sim_printf(sim, POWER "cpumask", "%s\n", mask);
    for (const struct kind *kind = spec->kinds; kind->msr; kind++) {
        char path[128];
        if (!kind->event_name)
            continue;
        snprintf(path, sizeof path, POWER "events/%s", kind->event_name);
        gt_sim_printf(sim, path, "event=0x%02x\n", kind->event);
        snprintf(path, sizeof path, POWER "events/%s.unit", kind->event_name);
        gt_sim_file(sim, path, "Joules\n");
        snprintf(path, sizeof path, POWER "events/%s.scale", kind->event_name);
        gt_sim_file(sim, path, "2.3283064365386962890625e-10\n");
    }
    if (strstr(spec->cpuinfo, "AuthenticAMD")) { /* cores, since Linux 6.15 */
        gt_sim_file(sim, "/sys/bus/event_source/devices/power_core/type", "24\n");
        gt_sim_file(sim, "/sys/bus/event_source/devices/power_core/events/energy-core", "event=0x01\n");
    }
}

static void build_zone(const struct building *b, struct gt_machine_counter *c, const char *zone)
{
    struct gt_sim *sim = b->machine->sim;
    char path[160];
    snprintf(path, sizeof path, POWERCAP "%s/name", zone);
    gt_sim_printf(sim, path, "%s\n", c->name);
    snprintf(path, sizeof path, POWERCAP "%s/enabled", zone);
    gt_sim_file(sim, path, "1\n");
    snprintf(path, sizeof path, POWERCAP "%s/max_energy_range_uj", zone);
    gt_sim_printf(sim, path, "%" PRIu64 "\n", (uint64_t)((unsigned __int128)UINT32_MAX * c->nj / 1000));
    snprintf(path, sizeof path, POWERCAP "%s/energy_uj", zone);
    gt_sim_dynamic(sim, path, show_powercap, c);
    if (!*c->powercap)
        snprintf(c->powercap, sizeof c->powercap, "%s", path);
}

/* A register on one die, by all ways to it. Where the register is the package's, its first die's counter is shared. */
static void build_counter(struct building *b, const struct kind *kind, int package, int die, int *zone, int *sub)
{
    const struct spec *spec = b->spec;
    struct gt_sim *sim = b->machine->sim;
    int cpu = cpu_of(spec, package, die);
    char name[48], device[64], place[64];
    bool psys = kind->name && strcmp(kind->name, "psys") == 0, is_package = !kind->name;
    if (psys && (package || die)) { /* the event opens on each package's cpu: the machine's one register */
        for (int i = 0; i < b->machine->counter_count && (b->ways & GT_MACHINE_PERF); i++)
            if (strcmp(b->machine->counters[i].name, "psys") == 0)
                gt_sim_event(sim, 23, kind->event, cpu, show_perf, &b->machine->counters[i]);
        return;
    }
    if (is_package && spec->dies > 1)
        snprintf(name, sizeof name, "package-%d-die-%d", package, die);
    else if (is_package)
        snprintf(name, sizeof name, "package-%d", package);
    else
        snprintf(name, sizeof name, "%s", kind->name);
    struct gt_machine_counter *c = add_counter(b->machine, name);
    c->total = kind->total;
    c->exponent = kind->exponent;
    c->nj = kind->nj;
    c->count = c->start = UINT64_C(0xfffff000) - 77 * (uint64_t)b->machine->counter_count; /* soon to wrap */
    if ((b->ways & GT_MACHINE_PERF) && kind->event)
        snprintf(c->perf, sizeof c->perf, "%s", gt_sim_event(sim, 23, kind->event, cpu, show_perf, c));
    for (int k = 0; (b->ways & GT_MACHINE_MSR) && k < spec->cores; k++) {
        snprintf(device, sizeof device, "/dev/cpu/%d/msr", cpu + k);
        const char *path = gt_sim_register(sim, device, kind->msr, show_msr, c);
        if (k == 0)
            snprintf(c->msr, sizeof c->msr, "%s", path);
        gt_sim_register(sim, device, b->id == GT_MACHINE_AMD_2S || b->id == GT_MACHINE_AMD_CCD ? 0xc0010299 : 0x606, show_units,
                        (void *)(uintptr_t)spec);
    }
    if (!(b->ways & GT_MACHINE_POWERCAP) || !kind->nj)
        return;
    if (is_package || psys)
        snprintf(place, sizeof place, "intel-rapl:%d", b->zones);
    else
        snprintf(place, sizeof place, "intel-rapl:%d:%d", *zone, (*sub)++);
    if (is_package)
        *zone = b->zones;
    b->zones += is_package || psys;
    build_zone(b, c, place);
    if (is_package && spec->mmio) {
        snprintf(place, sizeof place, "intel-rapl-mmio:%d", package);
        build_zone(b, c, place);
    }
}

static void build_rapl(struct building *b)
{
    const struct spec *spec = b->spec;
    if (b->ways & GT_MACHINE_PERF)
        build_event_source(b);
    if (b->ways & GT_MACHINE_POWERCAP)
        gt_sim_file(b->machine->sim, POWERCAP "intel-rapl/enabled", "1\n");
    for (int package = 0; package < spec->packages; package++)
        for (int die = 0; die < spec->dies; die++) {
            int zone = 0, sub = 0;
            for (const struct kind *kind = spec->kinds; kind->msr; kind++)
                build_counter(b, kind, package, die, &zone, &sub);
        }
}

/* Each die shows the first one's register. */
static void share_package(struct gt_machine *machine)
{
    struct gt_sim *sim = machine->sim;
    for (int i = 1; i < machine->counter_count; i++) {
        struct gt_machine_counter *c = &machine->counters[i];
        c->total = false;
        if (*c->perf)
            gt_sim_event(sim, 23, 2, 2 * i, show_perf, &machine->counters[0]);
        if (*c->powercap)
            gt_sim_dynamic(sim, c->powercap, show_powercap, &machine->counters[0]);
        if (*c->msr)
            gt_sim_dynamic(sim, c->msr, show_msr, &machine->counters[0]);
    }
}

/* Documentation/hwmon/amd_energy.rst: cores first, then sockets. */
static void build_amd_energy(struct gt_machine *machine)
{
    struct gt_sim *sim = machine->sim;
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/name", "amd_energy\n");
    for (int i = 1; i <= 10; i++) {
        char path[128], name[32];
        bool socket = i > 8;
        snprintf(name, sizeof name, socket ? "Esocket%d" : "Ecore%03d", socket ? i - 9 : i - 1);
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon5/energy%d_label", i);
        gt_sim_printf(sim, path, "%s\n", name);
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon5/energy%d_input", i);
        struct gt_machine_counter *c = add_counter(machine, name);
        c->total = socket;
        c->count = c->start = 5000000000u + (uint64_t)i;
        snprintf(c->powercap, sizeof c->powercap, "%s", path);
        gt_sim_dynamic(sim, path, show_energy, c);
    }
}

/* Documentation/hwmon/ina3221.rst: voltages and currents, no powers; in4 to in6 are the shunts. */
static void build_jetson(struct gt_machine *machine)
{
    static const char *const rails[] = {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"};
    struct gt_sim *sim = machine->sim;
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/name", "ina3221\n");
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/update_interval", "20\n");
    for (int i = 1; i <= 3; i++) {
        char path[128];
        struct gt_machine_counter *c = add_counter(machine, rails[i - 1]);
        c->total = i == 1;
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon5/in%d_label", i);
        gt_sim_printf(sim, path, "%s\n", rails[i - 1]);
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon5/in%d_input", i);
        gt_sim_dynamic(sim, path, show_millivolts, c);
        snprintf(path, sizeof path, "/sys/class/hwmon/hwmon5/in%d_input", i + 3);
        gt_sim_file(sim, path, "4\n");
        snprintf(c->powercap, sizeof c->powercap, "/sys/class/hwmon/hwmon5/curr%d_input", i);
        gt_sim_dynamic(sim, c->powercap, show_milliamperes, c);
    }
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/in7_input", "12\n");
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/in7_label", "sum of shunt voltages\n");
    gt_sim_file(sim, "/sys/class/hwmon/hwmon5/curr4_input", "2000\n");
}

/* Docker masks /sys/devices/virtual/powercap: links of the class lead nowhere; its filter refuses perf_event_open. */
static void mask(struct gt_machine *machine)
{
    struct gt_sim *sim = machine->sim;
    for (int i = 0; i < sim->file_count; i++)
        if (strncmp(sim->files[i].path, POWERCAP, strlen(POWERCAP)) == 0)
            sim->files[i].open_error = ENOENT;
    for (int i = 0; i < machine->counter_count; i++)
        gt_sim_fail_open(sim, machine->counters[i].perf, EPERM);
}

void gt_machine_build(struct gt_machine *machine, struct gt_sim *sim, enum gt_machine_id id, int ways)
{
    struct building b = {.machine = machine, .spec = &specs[id], .id = id, .ways = ways & specs[id].ways};
    memset(machine, 0, sizeof *machine);
    machine->sim = sim;
    build_cpus(&b);
    build_other_sensors(sim);
    build_rapl(&b);
    if (id == GT_MACHINE_AMD_CCD)
        share_package(machine);
    else if (id == GT_MACHINE_AMD_ENERGY && b.ways)
        build_amd_energy(machine);
    else if (id == GT_MACHINE_JETSON && b.ways)
        build_jetson(machine);
    else if (id == GT_MACHINE_CONTAINER)
        mask(machine);
}

void gt_machine_move(struct gt_machine *machine, int i, uint64_t count)
{
    machine->counters[i].count += count;
    machine->counters[i].uw = count;
}

double gt_machine_uj(const struct gt_machine_counter *counter)
{
    double counts = (double)(counter->count - counter->start);
    return counter->nj || counter->exponent ? counts * ldexp(1e6, -counter->exponent) : counts;
}
