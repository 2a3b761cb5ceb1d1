/*
 * The energy sources on machines as they are found (tests/sim/machines.h): which one is chosen, what its boundary is, and
 * whether the joules that come out of the fold are those that the machine used, by each way to its counters.
 */
#include "energy/fold.h"
#include "energy/pace.h"

#include "tests/fuzz/machines.c"
#include "tests/sim/machines.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct gt_sim sim;
static struct gt_machine machine;
static struct gt_source_state state_memory;
static struct gt_source_desc desc;
static struct gt_err err;
static uint64_t random_state;

static int begin(void **state)
{
    (void)state;
    gt_sim_init(&sim);
    memset(&err, 0, sizeof err);
    random_state = 88172645463325252u;
    return 0;
}

static int end(void **state)
{
    (void)state;
    int open = sim.open_fds;
    gt_sim_free(&sim);
    return open; /* a descriptor was leaked */
}

static void build(enum gt_machine_id id, int ways)
{
    gt_sim_free(&sim);
    gt_sim_init(&sim);
    gt_machine_build(&machine, &sim, id, ways);
}

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static const struct gt_energy_source *source_of(int way)
{
    return way == GT_MACHINE_PERF       ? &gt_source_perf
           : way == GT_MACHINE_POWERCAP ? &gt_source_powercap
           : way == GT_MACHINE_MSR      ? &gt_source_msr
                                        : &gt_source_hwmon;
}

static int find_domain(const char *name)
{
    for (int i = 0; i < desc.domain_count; i++)
        if (strcmp(desc.domains[i].name, name) == 0)
            return i;
    return -1;
}

/* --- a run
 * ----------------------------------------------------------------------------------------------------------------- */

struct run {
    void *memory;
    struct gt_fold *fold;
    void *payload;
    struct gt_block block;
};

static void start(struct run *run)
{
    size_t bytes = gt_fold_bytes(&gt_fold_config_small, desc.domain_count);
    assert_true(bytes > 0);
    *run = (struct run){.memory = aligned_alloc(16, (bytes + 15) & ~(size_t)15)};
    assert_int_equal(gt_fold_init(run->memory, bytes, &gt_fold_config_small, &desc, &run->fold), GT_OK);
}

static void finish(struct run *run)
{
    size_t capacity = gt_fold_take_bytes(run->fold), bytes;
    gt_fold_finish(run->fold);
    run->payload = malloc(capacity);
    assert_int_equal(gt_fold_take(run->fold, run->payload, capacity, &bytes), GT_OK);
    assert_int_equal(gt_block_parse(run->payload, bytes, &run->block), GT_OK);
}

static void release(struct run *run)
{
    free(run->payload);
    free(run->memory);
}

/* The total as everything above the fold sees it, and over which time it is not known. */
static double total_uj(const struct run *run, uint64_t *gap_ns)
{
    double uj = 0;
    *gap_ns = 0;
    for (int i = 0; i < desc.domain_count; i++) {
        uj += desc.domains[i].additive ? (double)run->block.domains[i].all.known_uj : 0;
        *gap_ns += desc.domains[i].additive ? run->block.domains[i].all.gap_ns : 0;
    }
    return uj;
}

static double truth_uj(void)
{
    double uj = 0;
    for (int i = 0; i < machine.counter_count; i++)
        uj += machine.counters[i].total ? gt_machine_uj(&machine.counters[i]) : 0;
    return uj;
}

/* 10 ms go by: every counter moves by some energy of its own, package and others up to 100 W. */
static void live(void)
{
    sim.mono_ns += 10 * MS;
    for (int i = 0; i < machine.counter_count; i++) {
        const struct gt_machine_counter *c = &machine.counters[i];
        uint64_t most = c->exponent || c->nj ? (uint64_t)1 << c->exponent : 1000000; /* 1 J */
        gt_machine_move(&machine, i, 1 + below(most + 1) / (uint64_t)(1 + i % 3));
    }
}

static void tick(const struct gt_energy_source *source, struct run *run)
{
    uint64_t raw[GT_SOURCE_DOMAINS], t_ns;
    assert_int_equal(source->read(&state_memory, raw, &t_ns), GT_OK);
    gt_fold_add_tick(run->fold, t_ns, raw);
}

/* --- choice, boundary, sums
 * ------------------------------------------------------------------------------------------------------ */

static const struct expectation {
    enum gt_machine_id id;
    const char *best, *boundary;
    int domains, additive;
} expected[] = {
    {GT_MACHINE_INTEL_CLIENT, "perf", "package+dram", 5, 2},
    {GT_MACHINE_INTEL_OLD_CLIENT, "perf", "package", 3, 1},
    {GT_MACHINE_INTEL_2S, "perf", "package+dram", 4, 4},
    {GT_MACHINE_INTEL_2S_PSYS, "perf", "package+dram", 5, 4},
    {GT_MACHINE_INTEL_DIES, "perf", "package+dram", 8, 8},
    {GT_MACHINE_AMD_2S, "perf", "package", 2, 2},
    {GT_MACHINE_AMD_CCD, "perf", "package", 1, 1},
    {GT_MACHINE_AMD_ENERGY, "hwmon", "package", 2, 2},
    {GT_MACHINE_JETSON, "hwmon", "board", 3, 1},
    {GT_MACHINE_CONTAINER, "model", "vcpu share", 0, 0},
    {GT_MACHINE_VM, "model", "vcpu share", 0, 0},
};
_Static_assert(sizeof expected / sizeof *expected == GT_MACHINE_COUNT, "every machine has its line");

static void test_what_auto_chooses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        build(expected[i].id, GT_MACHINE_ALL);
        machine.lives = true;
        const struct gt_energy_source *source = gt_source_best(&sim.os);
        print_message("%s: %s\n", gt_machine_name(expected[i].id), source->name);
        assert_string_equal(source->name, expected[i].best);
        assert_int_equal(source->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
        assert_string_equal(desc.boundary, expected[i].boundary);
        assert_int_equal(desc.domain_count, expected[i].domains);
        int additive = 0;
        for (int k = 0; k < desc.domain_count; k++)
            additive += desc.domains[k].additive;
        assert_int_equal(additive, expected[i].additive);
        source->close(&state_memory);
        assert_int_equal(sim.open_fds, 0);
    }
}

/* Best first: without perf powercap, without that the registers. */
static void test_what_comes_next(void **state)
{
    (void)state;
    static const struct {
        int ways;
        const char *name;
    } rows[] = {{GT_MACHINE_ALL, "perf"},
                {GT_MACHINE_POWERCAP | GT_MACHINE_MSR, "powercap"},
                {GT_MACHINE_MSR, "msr"},
                {GT_MACHINE_HWMON, "model"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        build(GT_MACHINE_INTEL_2S, rows[i].ways);
        machine.lives = true;
        assert_string_equal(gt_source_best(&sim.os)->name, rows[i].name);
    }
    /* perf is there, and forbidden: the next one is taken */
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_ALL);
    machine.lives = true;
    gt_sim_fail_open(&sim, machine.counters[0].perf, EACCES);
    assert_string_equal(gt_source_best(&sim.os)->name, "powercap");
    const struct gt_energy_source *opened = gt_source_open_best(&sim.os, &state_memory, &desc);
    assert_string_equal(opened->name, "powercap");
    assert_string_equal(desc.source, "powercap");
    opened->close(&state_memory);
    assert_int_equal(sim.open_fds, 0);
}

/* Counters that are there and never move: "auto" goes on, doctor says why, and who asks for one by name gets it. */
static void test_counters_that_stand_still(void **state)
{
    (void)state;
    for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_MSR; way *= 2) {
        struct gt_probe probe;
        build(GT_MACHINE_INTEL_2S, way);
        uint64_t begin_ns = sim.mono_ns;
        assert_ptr_equal(gt_source_open_best(&sim.os, &state_memory, &desc), &gt_source_model);
        assert_string_equal(desc.source, "model");
        assert_in_range(sim.mono_ns - begin_ns, 20 * MS, 21 * MS);
        assert_ptr_equal(gt_source_best(&sim.os), &gt_source_model);
        gt_source_probe(&sim.os, source_of(way), NULL, &probe);
        assert_int_equal(probe.result, GT_PROBE_ABSENT);
        assert_non_null(strstr(probe.detail, "present, but its counter does not move"));
        assert_int_equal(source_of(way)->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
        source_of(way)->close(&state_memory);
        /* one that moves is taken within a refresh */
        machine.lives = true;
        begin_ns = sim.mono_ns;
        assert_ptr_equal(gt_source_open_best(&sim.os, &state_memory, &desc), source_of(way));
        assert_true(sim.mono_ns - begin_ns <= MS + MS / 4);
        source_of(way)->close(&state_memory);
        assert_int_equal(sim.open_fds, 0);
    }
    /* a power that stays what it is is no counter that stands still */
    build(GT_MACHINE_JETSON, GT_MACHINE_ALL);
    assert_ptr_equal(gt_source_open_best(&sim.os, &state_memory, &desc), &gt_source_hwmon);
    gt_source_hwmon.close(&state_memory);
}

/* What the kernel's own rounding of powercap's unit makes of a total: 61.035 for 61.03515625 µJ, 15.3 for 15.2587890625. */
static double rounding(enum gt_machine_id id, int way)
{
    if (way != GT_MACHINE_POWERCAP)
        return 0;
    return id == GT_MACHINE_INTEL_2S || id == GT_MACHINE_INTEL_DIES ? 0.0028 : 6e-5;
}

/* Four seconds, in which each register wraps: the sum is the machine's, by each way, and all ways agree. */
static void test_sums(void **state)
{
    (void)state;
    for (int id = 0; id < GT_MACHINE_COUNT; id++) {
        for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_HWMON; way *= 2) {
            struct run run;
            uint64_t gap_ns;
            const struct gt_energy_source *source = source_of(way);
            random_state = 88172645463325252u;
            build((enum gt_machine_id)id, way);
            if (id == GT_MACHINE_JETSON || source->open(&sim.os, NULL, &state_memory, &desc, &err) != GT_OK)
                continue;
            start(&run);
            tick(source, &run);
            for (int i = 0; i < 400; i++) {
                live();
                tick(source, &run);
            }
            finish(&run);
            double got = total_uj(&run, &gap_ns), truth = truth_uj();
            print_message("%s by %s: %.0f uJ of %.0f\n", gt_machine_name((enum gt_machine_id)id), source->name, got, truth);
            assert_true(truth > 1e7);
            assert_true(fabs(got - truth) <= 2.0 * desc.domain_count + rounding((enum gt_machine_id)id, way) * truth);
            assert_int_equal(gap_ns, 0);
            assert_true(fabs((double)run.block.head->e_uj - got) <= 400.0 * desc.domain_count);
            for (int k = 0; k < desc.domain_count; k++)
                if (desc.domains[k].additive && way != GT_MACHINE_HWMON && way != GT_MACHINE_PERF)
                    assert_int_equal(run.block.domains[k].wraps, 1);
            release(&run);
            source->close(&state_memory);
        }
    }
}

/* All that the machines above were tried by, so that none of them was passed over. */
static void test_every_way_opens(void **state)
{
    (void)state;
    static const int ways[GT_MACHINE_COUNT] = {
        [GT_MACHINE_INTEL_CLIENT] = 7,  [GT_MACHINE_INTEL_OLD_CLIENT] = 7, [GT_MACHINE_INTEL_2S] = 7,
        [GT_MACHINE_INTEL_2S_PSYS] = 7, [GT_MACHINE_INTEL_DIES] = 7,       [GT_MACHINE_AMD_2S] = 7,
        [GT_MACHINE_AMD_CCD] = 7,       [GT_MACHINE_AMD_ENERGY] = 8,       [GT_MACHINE_JETSON] = 8,
    };
    for (int id = 0; id < GT_MACHINE_COUNT; id++)
        for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_HWMON; way *= 2) {
            build((enum gt_machine_id)id, way);
            enum gt_status status = source_of(way)->open(&sim.os, NULL, &state_memory, &desc, &err);
            assert_int_equal(status == GT_OK, (ways[id] & way) != 0);
            if (status == GT_OK)
                source_of(way)->close(&state_memory);
            assert_int_equal(sim.open_fds, 0);
        }
}

/* Package, dies and children carry the same names by each way. */
static void test_names(void **state)
{
    (void)state;
    for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_MSR; way *= 2) {
        build(GT_MACHINE_INTEL_DIES, way);
        assert_int_equal(source_of(way)->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
        int at = find_domain("package-1-die-1");
        assert_true(at >= 0);
        assert_int_equal(desc.domains[at].package, 1);
        assert_int_equal(desc.domains[at].die, 1);
        assert_string_equal(desc.domains[at + 1].name, "dram");
        assert_int_equal(desc.domains[at + 1].parent, at);
        assert_int_equal(desc.domains[at + 1].package, 1);
        source_of(way)->close(&state_memory);
        build(GT_MACHINE_INTEL_CLIENT, way);
        assert_int_equal(source_of(way)->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
        static const char *const inside[] = {"core", "uncore", "psys"};
        for (size_t i = 0; i < 3; i++)
            assert_false(desc.domains[find_domain(inside[i])].additive);
        assert_int_equal(desc.domains[find_domain("core")].parent, find_domain("package-0"));
        assert_int_equal(desc.domains[find_domain("psys")].parent, -1);
        source_of(way)->close(&state_memory);
    }
}

/* The MMIO twin is the same package; AMD's dies show one counter: each named as what it is, and never added. */
static void test_mirrors(void **state)
{
    (void)state;
    build(GT_MACHINE_INTEL_CLIENT, GT_MACHINE_POWERCAP);
    assert_int_equal(gt_source_powercap.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 6);
    assert_int_equal(desc.domains[5].mirror, 1);
    assert_string_equal(desc.domains[5].name, "package-0");
    gt_source_powercap.close(&state_memory);
    build(GT_MACHINE_AMD_CCD, GT_MACHINE_POWERCAP);
    assert_int_equal(gt_source_powercap.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 4);
    for (int i = 1; i < 4; i++)
        assert_int_equal(desc.domains[i].mirror, 1);
    gt_source_powercap.close(&state_memory);
    struct gt_probe probe;
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_non_null(strstr(probe.detail, "a second counter of the same is not added"));
}

/* Two packages whose counters begin equal, and even move alike, are two packages. */
static void test_equal_counters_are_no_mirrors(void **state)
{
    (void)state;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_MSR);
    for (int i = 0; i < machine.counter_count; i++)
        machine.counters[i].count = machine.counters[i].start = 1000;
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    struct run run;
    uint64_t gap_ns;
    start(&run);
    tick(&gt_source_msr, &run);
    for (int i = 0; i < 100; i++) {
        sim.mono_ns += 10 * MS;
        for (int k = 0; k < machine.counter_count; k++)
            gt_machine_move(&machine, k, 5000);
        tick(&gt_source_msr, &run);
    }
    finish(&run);
    assert_true(fabs(total_uj(&run, &gap_ns) - truth_uj()) <= 4);
    release(&run);
    gt_source_msr.close(&state_memory);
}

/* --- a cpu that goes away
 * ------------------------------------------------------------------------------------------------------- */

/* The cpu through which a package is read goes offline: the next one of the same package shows the same registers. */
static void test_a_cpu_goes_offline(void **state)
{
    (void)state;
    uint64_t raw[GT_SOURCE_DOMAINS] = {0}, t_ns;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_MSR);
    for (int i = 0; i < machine.counter_count; i++)
        machine.counters[i].count = machine.counters[i].start = 1000 * (uint64_t)(i + 1);
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    int open_fds = sim.open_fds;
    gt_sim_file(&sim, "/sys/devices/system/cpu/online", "1-7\n");
    for (int i = 0; i < 2; i++)
        gt_sim_fail_read(&sim, machine.counters[i].msr, ENXIO, 1, 0);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < machine.counter_count; i++)
            gt_machine_move(&machine, i, 10);
        assert_int_equal(gt_source_msr.read(&state_memory, raw, &t_ns), GT_OK);
        for (int i = 0; i < machine.counter_count; i++)
            assert_int_equal(raw[i], machine.counters[i].count);
    }
    assert_int_equal(sim.open_fds, open_fds);
    gt_source_msr.close(&state_memory);
}

/* No cpu of the package is left: a gap, not the other package's joules; and an end to it when one comes back. */
static void test_a_package_goes_offline(void **state)
{
    (void)state;
    uint64_t raw[GT_SOURCE_DOMAINS] = {111}, t_ns;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_MSR);
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    gt_sim_file(&sim, "/sys/devices/system/cpu/online", "4-7\n");
    for (int i = 0; i < 2; i++)
        gt_sim_fail_read(&sim, machine.counters[i].msr, ENXIO, 1, 0);
    assert_int_equal(gt_source_msr.read(&state_memory, raw, &t_ns), GT_E_IO);
    assert_int_equal(raw[0], 111);
    gt_sim_file(&sim, "/sys/devices/system/cpu/online", "3-7\n");
    sim.mono_ns += 1000 * MS;
    assert_int_equal(gt_source_msr.read(&state_memory, raw, &t_ns), GT_OK);
    assert_int_equal(raw[0], (uint32_t)machine.counters[0].count);
    gt_source_msr.close(&state_memory);
}

/* --- registers
 * ------------------------------------------------------------------------------------------------------------------ */

static const char *show_text(void *context, uint64_t mono_ns)
{
    (void)mono_ns;
    return context;
}

static double unit_of(int model, const char *domain)
{
    static const uint32_t numbers[] = {0x611, 0x639, 0x641, 0x619, 0x64d};
    build(GT_MACHINE_VM, 0);
    gt_sim_printf(&sim, "/proc/cpuinfo", "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: %d\n", model);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        gt_sim_register(&sim, "/dev/cpu/0/msr", numbers[i], show_text, "12345");
    gt_sim_register(&sim, "/dev/cpu/0/msr", 0x606, show_text, "658947"); /* 0xa0e03: 2^-14 J */
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    double uj = desc.domains[find_domain(domain)].uj_per_count;
    gt_source_msr.close(&state_memory);
    return uj;
}

static void test_units_of_parts(void **state)
{
    (void)state;
    assert_true(unit_of(142, "package-0") == 1e6 / 16384);
    assert_true(unit_of(142, "dram") == 1e6 / 16384); /* Kaby Lake: as all */
    assert_true(unit_of(85, "dram") == 1e6 / 65536);  /* Skylake-SP */
    assert_true(unit_of(0x3f, "dram") == 1e6 / 65536);
    assert_true(unit_of(85, "package-0") == 1e6 / 16384);
    assert_true(unit_of(143, "psys") == 1e6); /* Sapphire Rapids */
    assert_true(unit_of(143, "dram") == 1e6 / 16384);
    assert_true(unit_of(0x37, "package-0") == 16384); /* Silvermont counts in 2^n µJ */
}

/* A register that holds 0 is one that the part does not have; without the package's there is nothing. */
static void test_registers_that_do_not_exist(void **state)
{
    (void)state;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_MSR);
    gt_sim_register(&sim, "/dev/cpu/0/msr", 0x639, show_text, "0");
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_int_equal(find_domain("core"), -1);
    gt_source_msr.close(&state_memory);
    gt_sim_fail_read(&sim, machine.counters[0].msr, EIO, 1, 0);
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_E_ABSENT);
    assert_int_equal(gt_source_msr.open(&sim.os, "core", &state_memory, &desc, &err), GT_E_ARG);
}

/* AMD's cores are inside their package; they are read when asked for, once per core and not per thread. */
static void test_amd_cores(void **state)
{
    (void)state;
    build(GT_MACHINE_AMD_2S, GT_MACHINE_MSR);
    assert_int_equal(gt_source_msr.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 2);
    gt_source_msr.close(&state_memory);
    for (int cpu = 0; cpu < 16; cpu++) {
        char device[32];
        snprintf(device, sizeof device, "/dev/cpu/%d/msr", cpu);
        gt_sim_register(&sim, device, 0xc001029a, show_text, "77");
        gt_sim_register(&sim, device, 0xc0010299, show_text, "659459");
    }
    assert_int_equal(gt_source_msr.open(&sim.os, "cores", &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 2 + 8);
    assert_string_equal(desc.boundary, "package");
    for (int i = 2; i < 10; i++) {
        assert_false(desc.domains[i].additive);
        assert_int_equal(desc.domains[i].parent, (i - 2) / 4);
    }
    gt_source_msr.close(&state_memory);
}

/* --- the noise filter
 * ---------------------------------------------------------------------------------------------------------- */

static void test_noise_filter(void **state)
{
    (void)state;
    static const struct {
        const char *capabilities, *control, *note;
    } rows[] = {{"2048", "1", "RAPL's noise filter is on"},
                {"2048", "0", "RAPL's noise filter is off"},
                {"1024", "1", ""}}; /* the bit does not exist here */
    for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_MSR; way *= 2)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct gt_probe probe;
            const struct gt_energy_source *source = source_of(way);
            build(GT_MACHINE_INTEL_CLIENT, way);
            gt_sim_register(&sim, "/dev/cpu/0/msr", 0x10a, show_text, (void *)(uintptr_t)rows[i].capabilities);
            gt_sim_register(&sim, "/dev/cpu/0/msr", 0xbc, show_text, (void *)(uintptr_t)rows[i].control);
            assert_int_equal(source->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
            assert_int_equal(strncmp(desc.note, rows[i].note, strlen(rows[i].note)), 0);
            assert_int_equal(desc.note[0] == '\0', rows[i].note[0] == '\0');
            source->close(&state_memory);
            source->probe(&sim.os, NULL, &probe);
            assert_int_equal(strstr(probe.detail, "noise filter") != NULL, desc.note[0] != '\0');
        }
    build(GT_MACHINE_AMD_2S, GT_MACHINE_ALL);
    assert_int_equal(gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(desc.note, "");
    gt_source_perf.close(&state_memory);
}

/* --- failures
 * ------------------------------------------------------------------------------------------------------------------ */

static const char *path_by(const struct gt_machine_counter *counter, int way)
{
    return way == GT_MACHINE_PERF ? counter->perf : way == GT_MACHINE_MSR ? counter->msr : counter->powercap;
}

/* Every counter of the total, failing in every way in the middle of a run: a gap, and the total is right after it. */
static void test_failures_in_a_run(void **state)
{
    (void)state;
    static const int errors[] = {EACCES, EPERM, ENOENT, EIO, ENODEV};
    for (int id = 0; id < GT_MACHINE_COUNT; id++)
        for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_HWMON; way *= 2) {
            const struct gt_energy_source *source = source_of(way);
            build((enum gt_machine_id)id, way);
            if (source->open(&sim.os, NULL, &state_memory, &desc, &err) != GT_OK)
                continue;
            for (int k = 0; k < machine.counter_count; k++)
                for (size_t e = 0; machine.counters[k].total && e < sizeof errors / sizeof *errors; e++) {
                    uint64_t raw[GT_SOURCE_DOMAINS] = {111}, t_ns = 5;
                    bool refused = errors[e] == EACCES || errors[e] == EPERM;
                    gt_sim_fail_read(&sim, path_by(&machine.counters[k], way), errors[e], 1, 1);
                    assert_int_equal(source->read(&state_memory, raw, &t_ns), refused ? GT_E_PERM : GT_E_IO);
                    assert_int_equal(raw[0], 111);
                    assert_int_equal(t_ns, 5);
                    assert_int_equal(source->read(&state_memory, raw, &t_ns), GT_OK);
                }
            source->close(&state_memory);
        }
}

/* A register or an event that comes in pieces is no reading. */
static void test_torn_words(void **state)
{
    (void)state;
    for (int way = GT_MACHINE_PERF; way <= GT_MACHINE_MSR; way += 3) {
        uint64_t raw[GT_SOURCE_DOMAINS] = {111}, t_ns = 5;
        build(GT_MACHINE_INTEL_2S, way);
        assert_int_equal(source_of(way)->open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
        sim.piece = 4;
        assert_int_equal(source_of(way)->read(&state_memory, raw, &t_ns), GT_E_IO);
        assert_int_equal(raw[0], 111);
        sim.piece = 0;
        assert_int_equal(source_of(way)->read(&state_memory, raw, &t_ns), GT_OK);
        source_of(way)->close(&state_memory);
    }
}

/* Memory that is refused is an error with a fix, not silently a smaller boundary; memory that does not exist is one. */
static void test_refused_memory(void **state)
{
    (void)state;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_PERF);
    gt_sim_fail_open(&sim, machine.counters[1].perf, EACCES);
    assert_int_equal(gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err), GT_E_PERM);
    assert_non_null(strstr(err.text, "energy-ram"));
    gt_sim_fail_open(&sim, machine.counters[1].perf, ENOENT);
    assert_int_equal(gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(desc.boundary, "package"); /* the other package's memory alone would be no boundary */
    assert_int_equal(desc.domain_count, 3);
    gt_source_perf.close(&state_memory);
}

/* Refused at the start: "no permission", with a fix that opens no counter to everybody. */
static void test_fixes(void **state)
{
    (void)state;
    static const struct {
        enum gt_machine_id id;
        int way, error;
        const char *fix;
    } rows[] = {
        {GT_MACHINE_INTEL_2S, GT_MACHINE_PERF, EACCES, "sudo setcap cap_perfmon+ep \"$(command -v greentrack)\""},
        {GT_MACHINE_INTEL_2S, GT_MACHINE_PERF, EPERM, "docker run --cap-add PERFMON"},
        {GT_MACHINE_INTEL_2S, GT_MACHINE_POWERCAP, EACCES, "SUBSYSTEM==\"powercap\""},
        {GT_MACHINE_AMD_2S, GT_MACHINE_POWERCAP, EACCES, "/bin/chmod 0440"},
        {GT_MACHINE_INTEL_CLIENT, GT_MACHINE_MSR, EPERM, "cap_sys_rawio+ep"},
        {GT_MACHINE_AMD_ENERGY, GT_MACHINE_HWMON, EACCES, "amd_energy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gt_probe probe;
        build(rows[i].id, rows[i].way);
        for (int k = 0; k < machine.counter_count; k++) {
            const char *path = path_by(&machine.counters[k], rows[i].way);
            if (*path && rows[i].way == GT_MACHINE_MSR)
                gt_sim_fail_open(&sim, "/dev/cpu/0/msr", rows[i].error);
            else if (*path)
                gt_sim_fail_open(&sim, path, rows[i].error);
        }
        source_of(rows[i].way)->probe(&sim.os, NULL, &probe);
        assert_int_equal(probe.result, GT_PROBE_NO_PERMISSION);
        assert_non_null(strstr(probe.fix, rows[i].fix));
        assert_null(strstr(probe.fix, "a+r"));
        assert_null(strstr(probe.fix, "o+r"));
        assert_null(strstr(probe.fix, "444"));
        assert_int_equal(strncmp(gt_source_best(&sim.os)->name, "model", 5), 0);
    }
    struct gt_probe probe;
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_PERF);
    gt_sim_fail_open(&sim, machine.counters[0].perf, EACCES);
    gt_source_perf.probe(&sim.os, NULL, &probe);
    assert_non_null(strstr(probe.detail, "kernel.perf_event_paranoid is 2"));
}

/* What a container hides: named, and modelled. */
static void test_container(void **state)
{
    (void)state;
    struct gt_probe probe;
    build(GT_MACHINE_CONTAINER, GT_MACHINE_ALL);
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_ABSENT);
    assert_non_null(strstr(probe.detail, "container"));
    gt_source_perf.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_NO_PERMISSION);
    gt_sim_fail_open(&sim, "/sys/class/powercap", EACCES); /* another way to hide it */
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_ABSENT);
    assert_non_null(strstr(probe.detail, "container"));
    assert_string_equal(probe.fix, "");
    assert_ptr_equal(gt_source_best(&sim.os), &gt_source_model);
    build(GT_MACHINE_VM, GT_MACHINE_ALL);
    static const struct gt_energy_source *const none[] = {&gt_source_perf, &gt_source_powercap, &gt_source_msr,
                                                          &gt_source_hwmon};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        none[i]->probe(&sim.os, NULL, &probe);
        assert_int_equal(probe.result, GT_PROBE_ABSENT);
        assert_string_equal(probe.fix, "");
        assert_true(probe.detail[0] != '\0');
    }
}

/* Each file of the event source, garbled: an error, never an event that counts something else. */
static void test_garbled_event_source(void **state)
{
    (void)state;
    static const struct {
        const char *file, *text;
    } rows[] = {
        {"type", "x\n"},
        {"cpumask", "\n"},
        {"cpumask", "0-\n"},
        {"cpumask", "3-1\n"},
        {"cpumask", "0;4\n"},
        {"cpumask", "99999999\n"},
        {"format/event", "config1:0-7\n"},
        {"format/event", "config:\n"},
        {"format/event", "config:64\n"},
        {"events/energy-pkg", "event=\n"},
        {"events/energy-pkg", "event=0x\n"},
        {"events/energy-pkg", "event=0x02,umask=0x1\n"},
        {"events/energy-pkg", "energy=0x02\n"},
        {"events/energy-pkg.unit", "Watts\n"},
        {"events/energy-pkg.scale", "0\n"},
        {"events/energy-pkg.scale", "-1e-10\n"},
        {"events/energy-pkg.scale", "2.3e-10x\n"},
        {"events/energy-pkg.scale", "nan\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[128];
        build(GT_MACHINE_INTEL_2S, GT_MACHINE_PERF);
        snprintf(path, sizeof path, "/sys/bus/event_source/devices/power/%s", rows[i].file);
        gt_sim_file(&sim, path, rows[i].text);
        enum gt_status status = gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err);
        if (status == GT_OK)
            print_message("%s: %s", rows[i].file, rows[i].text);
        assert_int_not_equal(status, GT_OK);
        assert_int_equal(sim.open_fds, 0);
    }
    build(GT_MACHINE_INTEL_2S, GT_MACHINE_PERF); /* another place of the event's number */
    gt_sim_file(&sim, "/sys/bus/event_source/devices/power/format/event", "config:8-15\n");
    assert_int_not_equal(gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    gt_sim_event(&sim, 23, 0x200, 0, show_text, "1");
    gt_sim_event(&sim, 23, 0x200, 4, show_text, "1");
    assert_int_equal(gt_source_perf.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(desc.boundary, "package"); /* dram's event does not open: it is left out */
    gt_source_perf.close(&state_memory);
    assert_int_equal(gt_source_perf.open(&sim.os, "x", &state_memory, &desc, &err), GT_E_ARG);
}

/* --- sensors
 * ------------------------------------------------------------------------------------------------------------------- */

/* The board's input, which contains the other rails, integrated by trapezoids: a ramp is exact. */
static void test_integrated_power(void **state)
{
    (void)state;
    struct run run;
    uint64_t gap_ns;
    double truth = 0;
    build(GT_MACHINE_JETSON, GT_MACHINE_ALL);
    assert_int_equal(gt_source_hwmon.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(desc.domains[0].name, "VDD_IN");
    assert_int_equal(desc.domains[1].parent, 0);
    assert_int_equal(desc.domains[0].refresh_ns, 20 * MS);
    start(&run);
    uint64_t before = 0;
    for (uint64_t i = 0; i <= 300; i++) {
        uint64_t uw = 5000000 + i * 30000 / 5000 * 5000;
        for (int k = 0; k < 3; k++)
            gt_machine_move(&machine, k, k ? uw / 3 : uw);
        sim.mono_ns += 20 * MS;
        tick(&gt_source_hwmon, &run);
        truth += i ? (double)(before + uw) / 2 * 0.02 : 0;
        before = uw;
    }
    finish(&run);
    assert_true(fabs(total_uj(&run, &gap_ns) - truth) <= 2);
    assert_int_equal(gap_ns, 0);
    release(&run);
    gt_source_hwmon.close(&state_memory);
}

/* Five seconds without a reading: what was used meanwhile is not known, and the bounds hold the truth. */
static void test_integration_has_gaps(void **state)
{
    (void)state;
    struct run run;
    uint64_t gap_ns;
    build(GT_MACHINE_JETSON, GT_MACHINE_ALL);
    gt_machine_move(&machine, 0, 10000000);
    assert_int_equal(gt_source_hwmon.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    start(&run);
    for (int i = 0; i <= 200; i++) {
        sim.mono_ns += i == 100 ? 5000 * MS : 20 * MS;
        tick(&gt_source_hwmon, &run);
    }
    finish(&run);
    const struct gt_block_energy *e = &run.block.domains[0].all;
    assert_true(fabs(total_uj(&run, &gap_ns) - 199 * 0.2e6) <= 2);
    assert_int_equal(gap_ns, 5000 * MS);
    assert_int_equal(e->gap_lo_uj, 0);
    assert_true(e->gap_hi_uj >= 50000000);
    release(&run);
    gt_source_hwmon.close(&state_memory);
}

/* A pace of some seconds, as was asked for: integrated as any other, and what is far longer than the pace is a gap. */
static void test_integration_at_a_slow_pace(void **state)
{
    (void)state;
    static const uint64_t paces_ms[] = {1000, 2000, 10000, 60000};
    for (size_t p = 0; p < sizeof paces_ms / sizeof *paces_ms; p++)
        for (int hole = 0; hole < 2; hole++) {
            struct run run;
            uint64_t gap_ns, pace_ns = paces_ms[p] * MS + MS / 2; /* a little late, as readings are */
            build(GT_MACHINE_JETSON, GT_MACHINE_ALL);
            gt_machine_move(&machine, 0, 10000000);
            assert_int_equal(gt_source_hwmon.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
            start(&run);
            for (int i = 0; i <= 20; i++) {
                sim.mono_ns += hole && i == 10 ? 4 * pace_ns : pace_ns;
                tick(&gt_source_hwmon, &run);
            }
            finish(&run);
            assert_true(fabs(total_uj(&run, &gap_ns) - (hole ? 19 : 20) * 10.0 * (double)pace_ns * 1e-3) <= 20);
            assert_int_equal(gap_ns, hole ? 4 * pace_ns : 0);
            release(&run);
            gt_source_hwmon.close(&state_memory);
        }
}

/* Sensors that no table knows are not the machine, until the user says so. */
/* Stalls that grow are holes each: none of them is the pace that the next one is measured by. */
static void test_growing_stalls(void **state)
{
    (void)state;
    struct gt_pace pace = {0};
    static const struct {
        double seconds;
        bool hole;
    } rows[] = {{0.01, false}, {0.01, false}, {1.1, true}, {3.2, true},  {9.5, true}, {0.01, false}, {1.2, true},
                {0.01, false}, {5, true},     {5, false},  {5.2, false}, {16, true},  {5, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t ns = (uint64_t)(rows[i].seconds * 1e9);
        bool hole = gt_pace_is_hole(&pace, ns, UINT64_C(1000000000));
        if (hole != rows[i].hole)
            fail_msg("distance %zu, %g s: %s", i, rows[i].seconds, hole ? "a hole" : "no hole");
        gt_pace_take(&pace, ns, hole);
    }
}

static void test_sensors_by_name(void **state)
{
    (void)state;
    struct gt_probe probe;
    build(GT_MACHINE_VM, GT_MACHINE_ALL);
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon9/name", "ina219\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon9/power1_input", "4000000\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon9/in1_input", "5000\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon9/curr1_input", "800\n");
    gt_source_hwmon.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_ABSENT);
    assert_non_null(strstr(probe.detail, "hwmon:"));
    assert_non_null(strstr(probe.detail, "ina219/power1"));
    assert_int_equal(gt_source_hwmon.open(&sim.os, "ina219/power1", &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 1);
    assert_true(desc.domains[0].additive);
    assert_string_equal(desc.boundary, "chosen sensors");
    gt_source_hwmon.close(&state_memory);
    assert_int_equal(gt_source_hwmon.open(&sim.os, "ina219/power1+PPT", &state_memory, &desc, &err), GT_OK);
    assert_int_equal(desc.domain_count, 2);
    gt_source_hwmon.close(&state_memory);
    assert_int_equal(gt_source_hwmon.open(&sim.os, "ina219", &state_memory, &desc, &err), GT_E_NOENT);
    /* where the chip gives the power, its voltage times its current is not a second rail */
    assert_int_equal(gt_source_hwmon.open(&sim.os, "ina219/in1", &state_memory, &desc, &err), GT_E_NOENT);
}

/* --- hostile files: a short, fixed series of what tests/fuzz/machines.c does at random
 * ----------------------------------------------------------- */

static void test_hostile_files(void **state)
{
    (void)state;
    static const char *const pieces[] = {"\n",
                                         "0",
                                         "4294967296",
                                         "-1",
                                         "0-4096",
                                         "99999999999999999999",
                                         "package-0-die-",
                                         "package-99999999999",
                                         "event=0x",
                                         "config:",
                                         "1e999",
                                         ".e+",
                                         "dram",
                                         "psys",
                                         "\xff\xff",
                                         "Esocket4095"};
    for (int i = 0; i < 4000; i++) {
        uint8_t bytes[256];
        size_t n = 0;
        bytes[n++] = (uint8_t)below(256);
        for (int k = 0; k < 4; k++) {
            const char *piece = pieces[below(sizeof pieces / sizeof *pieces)];
            bytes[n++] = (uint8_t)below(256);
            bytes[n++] = (uint8_t)strlen(piece);
            memcpy(bytes + n, piece, strlen(piece));
            n += strlen(piece);
        }
        assert_int_equal(LLVMFuzzerTestOneInput(bytes, n), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_auto_chooses),
        TEST(test_what_comes_next),
        TEST(test_counters_that_stand_still),
        TEST(test_sums),
        TEST(test_every_way_opens),
        TEST(test_names),
        TEST(test_mirrors),
        TEST(test_equal_counters_are_no_mirrors),
        TEST(test_units_of_parts),
        TEST(test_registers_that_do_not_exist),
        TEST(test_amd_cores),
        TEST(test_noise_filter),
        TEST(test_failures_in_a_run),
        TEST(test_torn_words),
        TEST(test_refused_memory),
        TEST(test_fixes),
        TEST(test_container),
        TEST(test_garbled_event_source),
        TEST(test_a_cpu_goes_offline),
        TEST(test_a_package_goes_offline),
        TEST(test_integrated_power),
        TEST(test_integration_has_gaps),
        TEST(test_integration_at_a_slow_pace),
        TEST(test_growing_stalls),
        TEST(test_sensors_by_name),
        TEST(test_hostile_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
