/* The sources on virtual machines: every topology of powercap, every failure, and the replay script. */
#include "energy/source.h"

#include "tests/sim/sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROOT "/sys/class/powercap/"

static struct gt_sim sim;
static struct gt_source_state state_memory;
static struct gt_source_desc desc;
static struct gt_err err;

static int begin(void **state)
{
    (void)state;
    gt_sim_init(&sim);
    memset(&err, 0, sizeof err);
    return 0;
}

static int end(void **state)
{
    (void)state;
    int open = sim.open_fds;
    gt_sim_free(&sim);
    return open; /* a descriptor was leaked */
}

static void zone(const char *zone_name, const char *name, unsigned long long uj, unsigned long long range)
{
    char path[256];
    snprintf(path, sizeof path, ROOT "%s/name", zone_name);
    gt_sim_printf(&sim, path, "%s\n", name);
    snprintf(path, sizeof path, ROOT "%s/energy_uj", zone_name);
    gt_sim_printf(&sim, path, "%llu\n", uj);
    snprintf(path, sizeof path, ROOT "%s/max_energy_range_uj", zone_name);
    gt_sim_printf(&sim, path, "%llu\n", range);
}

static enum gt_status open_powercap(void)
{
    return gt_source_powercap.open(&sim.os, NULL, &state_memory, &desc, &err);
}

static void check_domain(int i, const char *name, int parent, bool additive, int package, int die)
{
    assert_string_equal(desc.domains[i].name, name);
    assert_int_equal(desc.domains[i].parent, parent);
    assert_int_equal(desc.domains[i].additive, additive);
    assert_int_equal(desc.domains[i].package, package);
    assert_int_equal(desc.domains[i].die, die);
}

/* --- powercap
 * ------------------------------------------------------------------------------------------------------------------ */

static void test_laptop(void **state)
{
    (void)state;
    uint64_t raw[GT_SOURCE_DOMAINS], t;
    zone("intel-rapl:0", "package-0", 100, 262143328850);
    zone("intel-rapl:0:0", "core", 50, 262143328850);
    zone("intel-rapl:0:1", "uncore", 7, 262143328850);
    zone("intel-rapl:1", "psys", 400, 262143328850);
    zone("intel-rapl-mmio:0", "package-0", 101, 262143328850);
    gt_sim_file(&sim, ROOT "intel-rapl/enabled", "1\n");
    gt_sim_file(&sim, ROOT "dtpm/name", "dtpm\n");
    assert_int_equal(open_powercap(), GT_OK);
    assert_int_equal(desc.domain_count, 5);
    assert_string_equal(desc.boundary, "package");
    assert_string_equal(desc.source, "powercap");
    assert_int_equal(desc.provenance, GT_PROVENANCE_MEASURED);
    check_domain(0, "package-0", -1, true, 0, -1);
    check_domain(1, "core", 0, false, 0, -1);
    check_domain(2, "uncore", 0, false, 0, -1);
    check_domain(3, "psys", -1, false, -1, -1);
    check_domain(4, "package-0", -1, false, 0, -1);
    assert_int_equal(desc.domains[0].wrap_count, 262143328850);
    sim.step_ns = 100;
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_OK);
    assert_int_equal(raw[0], 100);
    assert_int_equal(raw[3], 400);
    assert_int_equal(t, 1000000000 + 150);
    gt_sim_file(&sim, ROOT "intel-rapl:0/energy_uj", "12345\n");
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_OK);
    assert_int_equal(raw[0], 12345);
    gt_source_powercap.close(&state_memory);
}

static void test_server_with_dram(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 1, 262143328850);
    zone("intel-rapl:0:0", "dram", 2, 65712999613);
    zone("intel-rapl:1", "package-1", 3, 262143328850);
    zone("intel-rapl:1:0", "dram", 4, 65712999613);
    assert_int_equal(open_powercap(), GT_OK);
    assert_string_equal(desc.boundary, "package+dram");
    check_domain(0, "package-0", -1, true, 0, -1);
    check_domain(1, "dram", 0, true, 0, -1);
    check_domain(2, "package-1", -1, true, 1, -1);
    check_domain(3, "dram", 2, true, 1, -1);
    assert_int_equal(desc.domains[1].wrap_count, 65712999613);
    gt_source_powercap.close(&state_memory);
}

/* Memory of one package alone would make a boundary that no word describes. */
static void test_dram_of_some_packages_is_left_out(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 1, 1000);
    zone("intel-rapl:0:0", "dram", 2, 1000);
    zone("intel-rapl:1", "package-1", 3, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    assert_string_equal(desc.boundary, "package");
    assert_false(desc.domains[1].additive);
    gt_source_powercap.close(&state_memory);
}

static void test_dies(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0-die-0", 1, 1000);
    zone("intel-rapl:1", "package-0-die-1", 2, 1000);
    zone("intel-rapl:2", "package-1-die-0", 3, 1000);
    zone("intel-rapl:10", "package-1-die-1", 4, 1000);
    zone("intel-rapl:10:0", "core", 5, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    check_domain(1, "package-0-die-1", -1, true, 0, 1);
    check_domain(3, "package-1-die-1", -1, true, 1, 1);
    check_domain(4, "core", 3, false, 1, 1);
    gt_source_powercap.close(&state_memory);
}

/* On AMD's processors dies show their package's counter, but only if there are dies at all (energy_machines.c has these). */
static void test_dies_by_name_alone_add_up(void **state)
{
    (void)state;
    gt_sim_file(&sim, "/proc/cpuinfo", "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n");
    gt_sim_file(&sim, "/sys/devices/system/cpu/online", "0-1\n");
    gt_sim_file(&sim, "/sys/devices/system/cpu/cpu1/topology/die_id", "0\n");
    zone("intel-rapl:0", "package-0-die-0", 1, 1000);
    zone("intel-rapl:1", "package-0-die-1", 2, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    check_domain(0, "package-0-die-0", -1, true, 0, 0);
    check_domain(1, "package-0-die-1", -1, true, 0, 1);
    gt_source_powercap.close(&state_memory);
}

static void test_mmio_alone_counts(void **state)
{
    (void)state;
    zone("intel-rapl-mmio:0", "package-0", 1, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    assert_true(desc.domains[0].additive);
    gt_source_powercap.close(&state_memory);
}

static void test_psys_alone(void **state)
{
    (void)state;
    zone("intel-rapl:0", "psys", 1, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    assert_string_equal(desc.boundary, "psys");
    assert_true(desc.domains[0].additive);
    gt_source_powercap.close(&state_memory);
}

static void test_too_many_zones_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i <= GT_SOURCE_DOMAINS; i++) {
        char name[32], package[32];
        snprintf(name, sizeof name, "intel-rapl:%d", i);
        snprintf(package, sizeof package, "package-%d", i);
        zone(name, package, 1, 1000);
    }
    assert_int_equal(open_powercap(), GT_E_LIMIT);
}

static void test_no_powercap(void **state)
{
    (void)state;
    struct gt_probe probe;
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_ABSENT);
    assert_string_equal(probe.fix, "");
    assert_true(probe.detail[0] != '\0');
    assert_int_equal(open_powercap(), GT_E_ABSENT);
    assert_ptr_equal(gt_source_best(&sim.os), &gt_source_model);
}

static const char *show_moving(void *context, uint64_t mono_ns)
{
    snprintf(context, 32, "%llu\n", (unsigned long long)mono_ns / 100000);
    return context;
}

static void test_only_root_may_read(void **state)
{
    (void)state;
    struct gt_probe probe;
    char text[32];
    zone("intel-rapl:0", "package-0", 1, 1000);
    zone("intel-rapl:0:0", "core", 1, 1000);
    gt_sim_dynamic(&sim, ROOT "intel-rapl:0/energy_uj", show_moving, text);
    gt_sim_fail_open(&sim, ROOT "intel-rapl:0/energy_uj", EACCES);
    assert_int_equal(open_powercap(), GT_E_PERM);
    assert_non_null(strstr(err.text, "intel-rapl:0/energy_uj"));
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_NO_PERMISSION);
    assert_string_equal(
        probe.fix, "printf 'SUBSYSTEM==\"powercap\", KERNEL==\"*:*\", RUN+=\"/bin/chgrp %s /sys%%p/energy_uj\", "
                   "RUN+=\"/bin/chmod 0440 /sys%%p/energy_uj\"\\n' \"$(id -gn)\" | sudo tee "
                   "/etc/udev/rules.d/90-greentrack-powercap.rules && sudo udevadm control --reload && sudo udevadm trigger "
                   "-c add -s powercap");
    assert_ptr_equal(gt_source_best(&sim.os), &gt_source_model);
    gt_sim_fail_open(&sim, ROOT "intel-rapl:0/energy_uj", 0);
    gt_source_powercap.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_AVAILABLE);
    assert_non_null(strstr(probe.detail, "package-0"));
    assert_ptr_equal(gt_source_best(&sim.os), &gt_source_powercap);
}

/* Each file of each zone, failing in turn at open and at the first read: no leak, an error that names it. */
static void test_every_file_may_fail(void **state)
{
    (void)state;
    static const char *const files[] = {"name", "energy_uj", "max_energy_range_uj"};
    static const char *const zones[] = {"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"};
    zone("intel-rapl:0", "package-0", 1, 1000);
    zone("intel-rapl:0:0", "dram", 1, 1000);
    zone("intel-rapl:1", "package-1", 1, 1000);
    zone("intel-rapl:1:0", "dram", 1, 1000);
    for (int i = 0; i < 9; i++) {
        char path[256];
        snprintf(path, sizeof path, ROOT "%s/%s", zones[i / 3], files[i % 3]);
        gt_sim_fail_open(&sim, path, ENOENT);
        assert_int_equal(open_powercap(), GT_E_NOENT);
        assert_non_null(strstr(err.text, path));
        gt_sim_fail_open(&sim, path, 0);
        gt_sim_fail_read(&sim, path, EIO, 1, 1);
        assert_int_equal(open_powercap(), GT_E_IO);
        assert_int_equal(sim.open_fds, 0);
        assert_int_equal(open_powercap(), GT_OK);
        gt_source_powercap.close(&state_memory);
        assert_int_equal(sim.open_fds, 0);
    }
}

/* Only what the total needs must be readable: someone may have opened the packages alone. */
static void test_unreadable_parts_are_left_out(void **state)
{
    (void)state;
    zone("intel-rapl:0", "package-0", 1, 1000);
    zone("intel-rapl:0:0", "core", 1, 1000);
    zone("intel-rapl:1", "psys", 1, 1000);
    zone("intel-rapl:2", "package-1", 1, 1000);
    zone("intel-rapl:2:0", "uncore", 1, 1000);
    zone("intel-rapl-mmio:0", "package-0", 1, 1000);
    gt_sim_fail_open(&sim, ROOT "intel-rapl:0:0/energy_uj", EACCES);
    gt_sim_fail_open(&sim, ROOT "intel-rapl:1/energy_uj", EACCES);
    assert_int_equal(open_powercap(), GT_OK);
    assert_int_equal(desc.domain_count, 4);
    check_domain(0, "package-0", -1, true, 0, -1);
    check_domain(1, "package-1", -1, true, 1, -1);
    check_domain(2, "uncore", 1, false, 1, -1);
    check_domain(3, "package-0", -1, false, 0, -1);
    assert_int_equal(desc.domains[3].mirror, 1);
    assert_int_equal(desc.domains[1].mirror, 0);
    gt_source_powercap.close(&state_memory);
}

/* What is no number is no reading: garbage, nothing, a text that is torn anywhere. */
static void test_garbled_counters(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "\n", "12a\n", "-5\n", "0x10\n", "1 2\n", "99999999999999999999999\n", "123456789012345678901234567890123"};
    uint64_t raw[GT_SOURCE_DOMAINS] = {7}, t = 5;
    zone("intel-rapl:0", "package-0", 1, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        gt_sim_file(&sim, ROOT "intel-rapl:0/energy_uj", texts[i]);
        assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_E_IO);
        assert_int_equal(raw[0], 7);
        assert_int_equal(t, 5);
    }
    gt_sim_file(&sim, ROOT "intel-rapl:0/energy_uj", "123456\n");
    for (sim.piece = 1; sim.piece < 8; sim.piece++) {
        assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_OK);
        assert_int_equal(raw[0], 123456);
    }
    gt_source_powercap.close(&state_memory);
}

static void test_a_failing_read_is_a_gap(void **state)
{
    (void)state;
    uint64_t raw[GT_SOURCE_DOMAINS] = {111, 222}, t = 5;
    zone("intel-rapl:0", "package-0", 1, 1000);
    zone("intel-rapl:1", "package-1", 2, 1000);
    assert_int_equal(open_powercap(), GT_OK);
    gt_sim_fail_read(&sim, ROOT "intel-rapl:1/energy_uj", EIO, 2, 1);
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_OK);
    assert_int_equal(raw[1], 2);
    raw[0] = 111;
    t = 5;
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_E_IO);
    assert_int_equal(raw[0], 111);
    assert_int_equal(t, 5);
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_OK);
    gt_sim_fail_read(&sim, ROOT "intel-rapl:0/energy_uj", EACCES, 1, 0);
    assert_int_equal(gt_source_powercap.read(&state_memory, raw, &t), GT_E_PERM);
    gt_source_powercap.close(&state_memory);
}

static void test_another_root(void **state)
{
    (void)state;
    gt_sim_file(&sim, "/x/intel-rapl:0/name", "package-0\n");
    gt_sim_file(&sim, "/x/intel-rapl:0/energy_uj", "5\n");
    gt_sim_file(&sim, "/x/intel-rapl:0/max_energy_range_uj", "50\n");
    const char *spec;
    const struct gt_energy_source *source = gt_source_find("powercap:/x", &spec);
    assert_ptr_equal(source, &gt_source_powercap);
    assert_string_equal(spec, "/x");
    assert_int_equal(source->open(&sim.os, spec, &state_memory, &desc, &err), GT_OK);
    source->close(&state_memory);
}

/* --- replay
 * -------------------------------------------------------------------------------------------------------------------- */

static enum gt_status open_replay(const char *script)
{
    gt_sim_file(&sim, "/script", script);
    return gt_source_replay.open(&sim.os, "/script", &state_memory, &desc, &err);
}

static void expect_at(uint64_t t_ns, enum gt_status status, uint64_t first)
{
    uint64_t raw[GT_SOURCE_DOMAINS], t;
    sim.mono_ns = 1000000000 + t_ns;
    enum gt_status got = gt_source_replay.read(&state_memory, raw, &t);
    assert_int_equal(got, status);
    if (status != GT_OK)
        return;
    assert_int_equal(raw[0], first);
    assert_int_equal(t, sim.mono_ns);
}

static void test_replay_steps(void **state)
{
    (void)state;
    sim.piece = 7; /* lines come in pieces */
    assert_int_equal(open_replay("# a comment\ngreentrack-replay 1\nboundary package+dram\nprovenance measured\n"
                                 "domain package-0 scale=61.03515625 wrap=999 refresh_ns=1000000 package=0 die=1\n"
                                 "domain core parent=0\ndomain dram parent=0 additive=1\n\n"
                                 "1000 5 1 2\n  2000 6 1 2 # later\n3000 gap\n4000 1001 1 2\n5000 end\n"),
                     GT_OK);
    assert_int_equal(desc.domain_count, 3);
    assert_string_equal(desc.boundary, "package+dram");
    assert_int_equal(desc.provenance, GT_PROVENANCE_MEASURED);
    check_domain(0, "package-0", -1, true, 0, 1);
    check_domain(1, "core", 0, false, -1, -1);
    check_domain(2, "dram", 0, true, -1, -1);
    assert_true(desc.domains[0].uj_per_count == 61.03515625);
    expect_at(0, GT_OK, 5);
    expect_at(1999, GT_OK, 5);
    expect_at(2000, GT_OK, 6);
    expect_at(3500, GT_E_IO, 0);
    expect_at(4000, GT_OK, 1);
    expect_at(5000, GT_E_RANGE, 0);
    expect_at(9000, GT_E_RANGE, 0);
    gt_source_replay.close(&state_memory);
}

static void test_replay_between_rows(void **state)
{
    (void)state;
    assert_int_equal(open_replay("greentrack-replay 1\nmode linear\ndomain p wrap=99\n0 0\n1000 200\n2000 210\n"), GT_OK);
    assert_int_equal(desc.provenance, GT_PROVENANCE_IMPORTED);
    expect_at(0, GT_OK, 0);
    expect_at(250, GT_OK, 50);
    expect_at(750, GT_OK, 50); /* 150, wrapped */
    expect_at(1500, GT_OK, 5);
    expect_at(500000, GT_OK, 10); /* the last row stays in force */
    gt_source_replay.close(&state_memory);
}

/* A busy machine may take its time before the first reading: the script begins with that all the same. */
static void test_replay_begins_with_the_first_reading(void **state)
{
    (void)state;
    for (int linear = 0; linear < 2; linear++) {
        assert_int_equal(open_replay(linear ? "greentrack-replay 1\nmode linear\ndomain p\n0 10\n1000 20\n2000 40\n"
                                            : "greentrack-replay 1\ntime relative\ndomain p\n0 10\n1000 20\n2000 40\n"),
                         GT_OK);
        expect_at(70000, GT_OK, 10);
        expect_at(71000, GT_OK, 20);
        expect_at(72000, GT_OK, 40);
        gt_source_replay.close(&state_memory);
    }
}

static void test_replay_by_absolute_time(void **state)
{
    (void)state;
    assert_int_equal(open_replay("greentrack-replay 1\ntime absolute\ndomain p\n1000000100 7\n1000000200 8\n"), GT_OK);
    expect_at(150, GT_OK, 7);
    expect_at(200, GT_OK, 8);
    gt_source_replay.close(&state_memory);
}

static void test_replay_refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "something else\n",
        "greentrack-replay 1\n",
        "greentrack-replay 1\n0 1\n",
        "greentrack-replay 1\ndomain\n0 1\n",
        "greentrack-replay 1\ndomain p\n0\n",
        "greentrack-replay 1\ndomain p\n0 1 2\n",
        "greentrack-replay 1\ndomain p\n0 x\n",
        "greentrack-replay 1\ndomain p\n5 1\n4 2\n",
        "greentrack-replay 1\ndomain p scale=0\n0 1\n",
        "greentrack-replay 1\ndomain p scale=\n0 1\n",
        "greentrack-replay 1\ndomain p parent=0\n0 1\n",
        "greentrack-replay 1\ndomain p colour=red\n0 1\n",
        "greentrack-replay 1\nmode curly\ndomain p\n0 1\n",
        "greentrack-replay 1\nprovenance hearsay\ndomain p\n0 1\n",
        "greentrack-replay 1\ndomain p\n0 99999999999999999999999\n",
        "greentrack-replay 1\nboundary\ndomain p\n0 1\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum gt_status status = open_replay(bad[i]);
        if (status != GT_E_FORMAT)
            print_message("script %zu\n", i);
        assert_int_equal(status, GT_E_FORMAT);
        assert_non_null(strstr(err.text, "/script:"));
        assert_int_equal(sim.open_fds, 0);
    }
    assert_int_equal(open_replay("greentrack-replay 2\n"), GT_E_VERSION);
    assert_int_equal(gt_source_replay.open(&sim.os, NULL, &state_memory, &desc, &err), GT_E_ARG);
    assert_int_equal(gt_source_replay.open(&sim.os, "/none", &state_memory, &desc, &err), GT_E_NOENT);
    struct gt_probe probe;
    gt_source_replay.probe(&sim.os, NULL, &probe);
    assert_int_equal(probe.result, GT_PROBE_ABSENT);
}

static void test_replay_ends_at_a_malformed_row(void **state)
{
    (void)state;
    assert_int_equal(open_replay("greentrack-replay 1\ndomain p\n0 1\n1000 2\nnonsense\n"), GT_OK);
    expect_at(0, GT_OK, 1);
    expect_at(500, GT_OK, 1);
    expect_at(1000, GT_E_FORMAT, 0);
    expect_at(2000, GT_E_RANGE, 0);
    gt_source_replay.close(&state_memory);
}

/* A long script is read in small pieces, and the right row is found however late one looks. */
static void test_a_long_replay(void **state)
{
    (void)state;
    static char script[200000];
    size_t n = (size_t)snprintf(script, sizeof script, "greentrack-replay 1\ndomain p\n");
    for (int i = 0; i < 10000; i++)
        n += (size_t)snprintf(script + n, sizeof script - n, "%d %d\n", i * 100, i * 3);
    assert_int_equal(open_replay(script), GT_OK);
    expect_at(0, GT_OK, 0);
    expect_at(12345, GT_OK, 369);
    expect_at(999900, GT_OK, 29997);
    gt_source_replay.close(&state_memory);
}

/* --- the rest
 * ------------------------------------------------------------------------------------------------------------------ */

static void test_registry(void **state)
{
    (void)state;
    int count;
    const char *spec = "x";
    const struct gt_energy_source *const *list = gt_source_list(&count);
    for (int i = 0; i < count; i++) {
        struct gt_probe probe;
        assert_ptr_equal(gt_source_find(list[i]->name, &spec), list[i]);
        assert_null(spec);
        assert_true(list[i]->light && list[i]->summary[0]);
        list[i]->probe(&sim.os, NULL, &probe);
        assert_int_equal(probe.result == GT_PROBE_AVAILABLE, list[i] == &gt_source_model || list[i] == &gt_source_null);
    }
    assert_null(gt_source_find("powercapx", &spec));
    assert_null(gt_source_find("", &spec));
    assert_int_equal(gt_source_model.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(gt_provenance_word(desc.provenance), "modelled");
    assert_string_equal(desc.boundary, "vcpu share");
    assert_int_equal(desc.domain_count, 0);
    assert_int_equal(gt_source_null.open(&sim.os, NULL, &state_memory, &desc, &err), GT_OK);
    assert_string_equal(gt_provenance_word(desc.provenance), "none");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_laptop),
        TEST(test_server_with_dram),
        TEST(test_dram_of_some_packages_is_left_out),
        TEST(test_dies),
        TEST(test_dies_by_name_alone_add_up),
        TEST(test_mmio_alone_counts),
        TEST(test_psys_alone),
        TEST(test_too_many_zones_are_refused),
        TEST(test_no_powercap),
        TEST(test_only_root_may_read),
        TEST(test_every_file_may_fail),
        TEST(test_unreadable_parts_are_left_out),
        TEST(test_garbled_counters),
        TEST(test_a_failing_read_is_a_gap),
        TEST(test_another_root),
        TEST(test_replay_steps),
        TEST(test_replay_between_rows),
        TEST(test_replay_begins_with_the_first_reading),
        TEST(test_replay_by_absolute_time),
        TEST(test_replay_refuses_what_it_does_not_understand),
        TEST(test_replay_ends_at_a_malformed_row),
        TEST(test_a_long_replay),
        TEST(test_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
