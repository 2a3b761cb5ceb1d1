/* The host class from samples of real machines, CPU time, the wattage table, and calibration on a virtual machine. */
#include "energy/calibrate.h"
#include "energy/cputime.h"
#include "energy/host.h"
#include "energy/model.h"
#include "energy/wattage.h"

#include "tests/sim/sim.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct gt_sim sim;
static struct gt_host host;

static int begin(void **state)
{
    (void)state;
    gt_sim_init(&sim);
    return 0;
}

static int end(void **state)
{
    (void)state;
    int open = sim.open_fds;
    gt_sim_free(&sim);
    return open;
}

static const char intel[] =
    "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n"
    "model name\t: Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz\nstepping\t: 7\nmicrocode\t: 0x5003303\n"
    "cpu MHz\t\t: 2700.000\nflags\t\t: fpu vme de pse tsc msr hypervisor lahf_lm\nbugs\t\t: spectre_v1\n\n"
    "processor\t: 1\nvendor_id\t: GenuineIntel\nmodel name\t: another\n";

static const char amd[] = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\n"
                          "model name\t: AMD EPYC 9654 96-Core Processor\nstepping\t: 1\nmicrocode\t: 0xa101111\n"
                          "flags\t\t: fpu vme nohypervisor2 de\n";

static const char arm[] = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd evtstrm\nCPU implementer\t: 0x41\n"
                          "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n";

static void machine(const char *cpuinfo, const char *online)
{
    gt_sim_file(&sim, "/proc/cpuinfo", cpuinfo);
    gt_sim_file(&sim, "/sys/devices/system/cpu/online", online);
    gt_sim_file(&sim, "/proc/meminfo", "MemTotal:       16308204 kB\nMemFree:         1234 kB\n");
    gt_sim_file(&sim, "/proc/sys/kernel/osrelease", "6.1.0-13-amd64\n");
}

static void test_intel(void **state)
{
    (void)state;
    char text[GT_HOST_CLASS_TEXT];
    machine(intel, "0-3\n");
    gt_sim_file(&sim, "/proc/self/status", "Name:\tx\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n");
    gt_sim_file(&sim, "/sys/devices/system/cpu/intel_pstate/no_turbo", "0\n");
    gt_sim_file(&sim, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    gt_host_read(&sim.os, &host);
    assert_string_equal(host.vendor, "GenuineIntel");
    assert_int_equal(host.family, 6);
    assert_int_equal(host.model, 85);
    assert_int_equal(host.stepping, 7);
    assert_int_equal(host.hypervisor, 1);
    assert_int_equal(host.turbo, 1);
    assert_int_equal(host.cpus_online, 4);
    assert_int_equal(host.cpus_allowed, 2);
    assert_int_equal(host.memory_bytes, 16308204ull * 1024);
    assert_string_equal(host.kernel, "6.1.0-13-amd64");
    assert_string_equal(gt_host_class_text(&host, text, sizeof text),
                        "Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz (6/85/7), 2 of 4 cpus, 16 GiB, microcode 0x5003303, "
                        "performance, turbo on, virtual");
    assert_string_equal(gt_wattage_find(&host)->family, "Intel Cascade Lake");
}

static void test_amd(void **state)
{
    (void)state;
    machine(amd, "0-191\n");
    gt_sim_file(&sim, "/sys/devices/system/cpu/cpufreq/boost", "0\n");
    gt_host_read(&sim.os, &host);
    assert_int_equal(host.family, 25);
    assert_int_equal(host.hypervisor, 0);
    assert_int_equal(host.turbo, 0);
    assert_int_equal(host.cpus_online, 192);
    assert_int_equal(host.cpus_allowed, 192);
    assert_string_equal(gt_wattage_find(&host)->family, "AMD EPYC 4th generation");
    strcpy(host.cpu_model, "AMD Ryzen 9 7950X");
    assert_string_equal(gt_wattage_find(&host)->family, "generic");
}

static void test_arm(void **state)
{
    (void)state;
    machine(arm, "0-1,4-5\n");
    gt_host_read(&sim.os, &host);
    assert_string_equal(host.cpu_model, "ARM Neoverse-N1");
    assert_string_equal(host.vendor, "ARM");
    assert_int_equal(host.family, 8);
    assert_int_equal(host.model, 0xd0c);
    assert_int_equal(host.stepping, 1);
    assert_int_equal(host.hypervisor, -1);
    assert_int_equal(host.cpus_online, 4);
    assert_string_equal(gt_wattage_find(&host)->family, "ARM Neoverse N1");
    host.model = 0xd4f; /* Neoverse V2 has no public result */
    assert_string_equal(gt_wattage_find(&host)->family, "generic");
}

static void test_nothing_can_be_read(void **state)
{
    (void)state;
    char text[GT_HOST_CLASS_TEXT], id[GT_HOST_ID];
    gt_host_read(&sim.os, &host);
    assert_int_equal(host.cpus_online, 1);
    assert_int_equal(host.cpus_allowed, 1);
    assert_int_equal(host.turbo, -1);
    assert_string_equal(gt_host_class_text(&host, text, sizeof text), "unknown processor (?/?/?), 1 of 1 cpus");
    assert_int_equal(strlen(gt_host_class_id(&host, id)), 16);
}

/* What differs between two pods of one kind of machine does not matter; what a class is made of does. */
static void test_class_identity(void **state)
{
    (void)state;
    char a[GT_HOST_ID], b[GT_HOST_ID];
    machine(intel, "0-3\n");
    gt_host_read(&sim.os, &host);
    gt_host_class_id(&host, a);
    gt_sim_file(&sim, "/proc/meminfo", "MemTotal:       16100000 kB\n");
    gt_sim_file(&sim, "/proc/sys/kernel/osrelease", "6.5.0\n");
    gt_host_read(&sim.os, &host);
    assert_string_equal(gt_host_class_id(&host, b), a);
    gt_sim_file(&sim, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    gt_host_read(&sim.os, &host);
    assert_string_not_equal(gt_host_class_id(&host, b), a);
}

static void expect_cpus(uint32_t allowed)
{
    gt_host_read(&sim.os, &host);
    assert_int_equal(host.cpus_allowed, allowed);
}

static void test_cgroup_quotas(void **state)
{
    (void)state;
    machine(intel, "0-7\n");
    expect_cpus(8);
    /* v2: the least of the group and its ancestors */
    gt_sim_file(&sim, "/proc/self/cgroup", "0::/user.slice/job.scope\n");
    gt_sim_file(&sim, "/sys/fs/cgroup/user.slice/job.scope/cpu.max", "max 100000\n");
    expect_cpus(8);
    gt_sim_file(&sim, "/sys/fs/cgroup/user.slice/cpu.max", "350000 100000\n");
    expect_cpus(4);
    assert_true(fabs(host.cpus_quota - 3.5) < 1e-12);
    gt_sim_file(&sim, "/sys/fs/cgroup/user.slice/job.scope/cpu.max", "50000 100000\n");
    expect_cpus(1);
    /* a container: only its own group is mounted, at the root */
    gt_sim_file(&sim, "/proc/self/cgroup", "0::/\n");
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu.max", "200000 100000\n");
    expect_cpus(2);
    gt_sim_file(&sim, "/proc/self/cgroup", "0::/../../elsewhere\n");
    expect_cpus(2);
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu.max", "nonsense\n");
    expect_cpus(8);
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu.max", "0 0\n");
    expect_cpus(8);
    /* v1 */
    gt_sim_file(&sim, "/proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/docker/x\n");
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "-1\n");
    expect_cpus(8);
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_quota_us", "250000\n");
    gt_sim_file(&sim, "/sys/fs/cgroup/cpu/docker/x/cpu.cfs_period_us", "100000\n");
    expect_cpus(3);
    /* never more than the affinity allows */
    gt_sim_file(&sim, "/proc/self/status", "Cpus_allowed_list:\t0,7\n");
    expect_cpus(2);
}

/* --- CPU time
 * ------------------------------------------------------------------------------------------------------------------ */

static void test_machine_time(void **state)
{
    (void)state;
    struct gt_cputime c;
    uint64_t busy, total, tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    gt_cputime_open(&c, &sim.os);
    assert_true(gt_cputime_machine(&c, &busy, &total) < 0);
    assert_true(busy == UINT64_MAX && total == UINT64_MAX);
    gt_sim_file(&sim, "/proc/stat", "cpu  10 20 30 400 50 6 7 80 9 1\ncpu0 1 2 3\n");
    gt_cputime_open(&c, &sim.os);
    assert_int_equal(gt_cputime_machine(&c, &busy, &total), 0);
    assert_int_equal(busy, 73 * tick);
    assert_int_equal(total, 603 * tick);
    gt_sim_file(&sim, "/proc/stat", "cpu  10 20 30 400\n");
    assert_int_equal(gt_cputime_machine(&c, &busy, &total), 0);
    assert_int_equal(total, 460 * tick);
    gt_sim_file(&sim, "/proc/stat", "intr 5\n");
    assert_int_equal(gt_cputime_machine(&c, &busy, &total), -EINVAL);
    assert_true(busy == UINT64_MAX);
    gt_sim_fail_read(&sim, "/proc/stat", EIO, 1, 0);
    assert_int_equal(gt_cputime_machine(&c, &busy, &total), -EIO);
    gt_cputime_close(&c);
}

static void test_process_time(void **state)
{
    (void)state;
    uint64_t own, children, tick = 1000000000 / (uint64_t)sysconf(_SC_CLK_TCK);
    gt_sim_file(&sim, "/proc/42/stat", "42 (a) b) R) S 1 42 42 0 -1 4194560 1 2 3 4 11 22 33 44 20 0 1 0 100 1 1\n");
    assert_int_equal(gt_cputime_process(&sim.os, 42, &own, &children), 0);
    assert_int_equal(own, 33 * tick);
    assert_int_equal(children, 77 * tick);
    assert_int_equal(gt_cputime_process(&sim.os, 43, &own, NULL), -ENOENT);
    gt_sim_file(&sim, "/cg/cpu.stat", "usage_usec 1234567\nuser_usec 1\n");
    assert_int_equal(gt_cputime_cgroup(&sim.os, "/cg", &own), 0);
    assert_int_equal(own, 1234567000);
    assert_int_equal(gt_cputime_cgroup(&sim.os, "/none", &own), -ENOENT);
}

/* --- wattage
 * ------------------------------------------------------------------------------------------------------------------- */

static void test_wattage_rows(void **state)
{
    (void)state;
    int count;
    const struct gt_wattage *rows = gt_wattage_list(&count), *generic = &rows[count - 1];
    assert_string_equal(generic->family, "generic");
    for (int i = 0; i < count; i++) {
        const struct gt_wattage *r = &rows[i];
        assert_true(r->family[0] && r->source[0] && r->year >= 2010 && r->year <= 2026);
        assert_true(0 < r->idle_lo_w && r->idle_lo_w <= r->idle_w && r->idle_w <= r->idle_hi_w);
        assert_true(r->full_lo_w <= r->full_w && r->full_w <= r->full_hi_w);
        assert_true(r->idle_w < r->full_w && r->idle_lo_w < r->full_lo_w && r->idle_hi_w < r->full_hi_w);
        assert_true(generic->idle_lo_w <= r->idle_lo_w && r->idle_hi_w <= generic->idle_hi_w);
        assert_true(generic->full_lo_w <= r->full_lo_w && r->full_hi_w <= generic->full_hi_w);
    }
}

static void test_modelled_energy(void **state)
{
    (void)state;
    struct gt_wattage row = {"x", 1, 0.5, 2, 5, 4, 7, "s", 2020};
    struct gt_model_energy e;
    gt_model_energy(&row, 2000000000, 3000000000, 4, &e); /* 2 cpu-s, 3 s of 4 cpus */
    assert_true(fabs(e.dynamic_uj - 8e6) < 1 && fabs(e.idle_uj - 12e6) < 1);
    assert_true(fabs(e.dynamic_lo_uj - 7e6) < 1 && fabs(e.dynamic_hi_uj - 10e6) < 1);
    assert_true(fabs(e.idle_lo_uj - 6e6) < 1 && fabs(e.idle_hi_uj - 24e6) < 1);
}

/* --- calibration
 * --------------------------------------------------------------------------------------------------------------- */

struct load {
    char text[128];
    double watts, busy;
};

static struct load load;

static const char *energy(void *context, uint64_t mono_ns)
{
    struct load *l = context;
    snprintf(l->text, sizeof l->text, "%llu\n", (unsigned long long)((double)mono_ns * 1e-3 * l->watts) % 5000000000);
    return l->text;
}

static const char *stat(void *context, uint64_t mono_ns)
{
    struct load *l = context;
    double ticks = (double)mono_ns * 4e-7; /* 4 cpus */
    snprintf(l->text, sizeof l->text, "cpu  %.0f 0 0 %.0f 0 0 0 0 0 0\n", ticks * l->busy, ticks * (1 - l->busy));
    return l->text;
}

static void idle_machine(double watts, double busy)
{
    load = (struct load){.watts = watts, .busy = busy};
    gt_sim_file(&sim, "/sys/class/powercap/intel-rapl:0/name", "package-0\n");
    gt_sim_file(&sim, "/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "4999999999\n");
    gt_sim_dynamic(&sim, "/sys/class/powercap/intel-rapl:0/energy_uj", energy, &load);
    gt_sim_dynamic(&sim, "/proc/stat", stat, &load);
}

static void test_calibration(void **state)
{
    (void)state;
    struct gt_calibrate_options options = {.seconds = 20};
    struct gt_calibration c;
    struct gt_err err = {0};
    idle_machine(23.5, 0.01);
    sim.sleep_lag_ns = 70000;
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_OK);
    assert_true(fabs(c.idle_w - 23.5) < 0.001);
    assert_true(c.lo_w <= c.idle_w && c.idle_w <= c.hi_w && c.hi_w - c.lo_w < 0.01);
    assert_true(fabs(c.busy_share - 0.01) < 0.002);
    assert_int_equal(c.slices, 20);
    assert_string_equal(c.source, "powercap");
    assert_string_equal(c.boundary, "package");
    assert_false(c.forced);
}

static void test_a_busy_machine_is_refused(void **state)
{
    (void)state;
    struct gt_calibrate_options options = {.seconds = 3};
    struct gt_calibration c;
    struct gt_err err = {0};
    idle_machine(80, 0.4);
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_E_STATE);
    assert_non_null(strstr(err.text, "40.0 %"));
    options.force = true;
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_OK);
    assert_true(c.forced);
    gt_sim_fail_open(&sim, "/proc/stat", EACCES);
    options.force = false;
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_E_STATE);
}

static int stop(void *context, double done_s, double wanted_s)
{
    (void)context;
    return done_s >= 2 && wanted_s == 10;
}

static void test_calibration_needs_a_counter(void **state)
{
    (void)state;
    struct gt_calibrate_options options = {.seconds = 10};
    struct gt_calibration c;
    struct gt_err err = {0};
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_model, NULL, &options, &c, &err), GT_E_ABSENT);
    assert_non_null(strstr(err.text, "model"));
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_E_ABSENT);
    idle_machine(20, 0);
    gt_sim_fail_read(&sim, "/sys/class/powercap/intel-rapl:0/energy_uj", EIO, 4, 1);
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_E_IO);
    options.progress = stop;
    assert_int_equal(gt_calibrate_idle(&sim.os, &gt_source_powercap, NULL, &options, &c, &err), GT_E_STATE);
}

/* A sensor's power is integrated from readings that lie close together: calibration's slices alone would be holes. */
static void test_calibration_of_a_power_sensor(void **state)
{
    (void)state;
    struct gt_calibrate_options options = {.seconds = 5};
    struct gt_calibration c;
    struct gt_err err = {0};
    idle_machine(20, 0);
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon0/name", "ina3221\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon0/in1_label", "VDD_IN\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon0/in1_input", "5000\n");
    gt_sim_file(&sim, "/sys/class/hwmon/hwmon0/curr1_input", "2000\n");
    sim.sleep_lag_ns = 70000;
    if (gt_calibrate_idle(&sim.os, &gt_source_hwmon, NULL, &options, &c, &err) != GT_OK)
        fail_msg("%s", err.text);
    assert_true(fabs(c.idle_w - 10) < 0.001);
    assert_int_equal(c.slices, 5);
}

/* The real machine has no script; what must hold anywhere does. */
static void test_this_machine(void **state)
{
    (void)state;
    struct gt_cputime c;
    uint64_t busy, total;
    char text[64];
    gt_host_read(&gt_os_linux, &host);
    assert_true(host.cpus_online >= 1 && host.cpus_allowed >= 1 && host.cpus_allowed <= host.cpus_online);
    assert_true(host.memory_bytes > 0 && host.kernel[0]);
    gt_cputime_open(&c, &gt_os_linux);
    assert_int_equal(gt_cputime_machine(&c, &busy, &total), 0);
    assert_true(0 < busy && busy <= total);
    gt_cputime_close(&c);
    assert_true(gt_cputime_self(&gt_os_linux) > 0);
    assert_int_equal(gt_os_read_text(&gt_os_linux, "/nonexistent", text, sizeof text), -ENOENT);
    assert_true(gt_os_read_text(&gt_os_linux, "/proc/cpuinfo", text, sizeof text) == -EFBIG && text[0] == '\0');
    uint64_t now = gt_os_linux.clock_ns(NULL, CLOCK_MONOTONIC);
    assert_int_equal(gt_os_linux.sleep_until(NULL, now + 1000000), 0);
    assert_true(gt_os_linux.clock_ns(NULL, CLOCK_MONOTONIC) >= now + 1000000);
    errno = 77;
    assert_int_equal(gt_os_linux.open_read(NULL, "/nonexistent"), -ENOENT);
    assert_int_equal(errno, 77);
}

static int see(void *context, const char *name)
{
    return strcmp(name, context) == 0 ? 5 : 0;
}

static void test_listing(void **state)
{
    (void)state;
    assert_int_equal(gt_os_linux.list(NULL, "/proc/self", see, "stat"), 5);
    assert_int_equal(gt_os_linux.list(NULL, "/proc/self", see, "no such name"), 0);
    assert_int_equal(gt_os_linux.list(NULL, "/nonexistent", see, "x"), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_intel),
        TEST(test_amd),
        TEST(test_arm),
        TEST(test_nothing_can_be_read),
        TEST(test_class_identity),
        TEST(test_cgroup_quotas),
        TEST(test_machine_time),
        TEST(test_process_time),
        TEST(test_wattage_rows),
        TEST(test_modelled_energy),
        TEST(test_calibration),
        TEST(test_a_busy_machine_is_refused),
        TEST(test_calibration_needs_a_counter),
        TEST(test_calibration_of_a_power_sensor),
        TEST(test_this_machine),
        TEST(test_listing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
