#include "energy/host.h"

#include "energy/scan.h"

#include <string.h>

enum { CPUINFO_BYTES = 8192, TEXT_BYTES = 4096, PATH_BYTES = 512 };

/* --- /proc/cpuinfo
 * ------------------------------------------------------------------------------------------------------------- */

/* A number in decimal or with 0x; -1 when the text is anything else. */
static int number(const char *text)
{
    uint64_t value = 0;
    if (strncmp(text, "0x", 2) != 0)
        return *text && gt_scan_u64(&text, &value) && *text == '\0' && value <= INT32_MAX ? (int)value : -1;
    text += 2;
    if (!*text)
        return -1;
    for (; *text; text++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = strchr(digits, *text | 0x20);
        if (!digit || value > INT32_MAX / 16)
            return -1;
        value = value * 16 + (uint64_t)(digit - digits);
    }
    return (int)value;
}

static int field_number(const char *cpuinfo, const char *key)
{
    char text[32];
    return gt_scan_value(cpuinfo, key, text, sizeof text) ? number(text) : -1;
}

/* Implementers and parts of ARM's main id register (Arm Architecture Reference Manual, MIDR_EL1; parts: Linux cputype.h). */
static const struct {
    int implementer, part;
    const char *vendor, *name;
} arm_parts[] = {
    {0x41, 0xd07, "ARM", "ARM Cortex-A57"},
    {0x41, 0xd08, "ARM", "ARM Cortex-A72"},
    {0x41, 0xd0b, "ARM", "ARM Cortex-A76"},
    {0x41, 0xd0c, "ARM", "ARM Neoverse-N1"},
    {0x41, 0xd40, "ARM", "ARM Neoverse-V1"},
    {0x41, 0xd49, "ARM", "ARM Neoverse-N2"},
    {0x41, 0xd4f, "ARM", "ARM Neoverse-V2"},
    {0x41, -1, "ARM", "ARM"},
    {0x43, -1, "Cavium", "Cavium"},
    {0x48, -1, "HiSilicon", "HiSilicon"},
    {0x51, -1, "Qualcomm", "Qualcomm"},
    {0x61, -1, "Apple", "Apple"},
    {0xc0, 0xac3, "Ampere", "Ampere Ampere-1"},
    {0xc0, -1, "Ampere", "Ampere"},
};

/* 64-bit ARM kernels print numbers only; the name is made here. */
static void read_arm(const char *cpuinfo, struct gt_host *host)
{
    int implementer = field_number(cpuinfo, "CPU implementer");
    host->family = field_number(cpuinfo, "CPU architecture");
    host->model = field_number(cpuinfo, "CPU part");
    host->stepping = field_number(cpuinfo, "CPU revision");
    for (size_t i = 0; i < sizeof arm_parts / sizeof *arm_parts; i++) {
        if (arm_parts[i].implementer != implementer || (arm_parts[i].part >= 0 && arm_parts[i].part != host->model))
            continue;
        gt_scan_copy(host->vendor, sizeof host->vendor, arm_parts[i].vendor, strlen(arm_parts[i].vendor));
        if (!host->cpu_model[0])
            gt_scan_copy(host->cpu_model, sizeof host->cpu_model, arm_parts[i].name, strlen(arm_parts[i].name));
        return;
    }
}

/* Is `word` one of the blank-separated words? */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    return false;
}

/* The first processor's lines stand for all. The file is as long as the machine has cpus, so only its beginning is read. */
static void read_cpuinfo(const struct gt_os *os, struct gt_host *host)
{
    char cpuinfo[CPUINFO_BYTES], flags[TEXT_BYTES];
    int fd = os->open_read(os->state, "/proc/cpuinfo");
    if (fd < 0)
        return;
    size_t used = 0;
    ssize_t n;
    while (used < sizeof cpuinfo - 1 && (n = os->pread(os->state, fd, cpuinfo + used, sizeof cpuinfo - 1 - used, used)) > 0)
        used += (size_t)n;
    os->close(os->state, fd);
    cpuinfo[used] = '\0';
    gt_scan_value(cpuinfo, "model name", host->cpu_model, sizeof host->cpu_model);
    gt_scan_value(cpuinfo, "vendor_id", host->vendor, sizeof host->vendor);
    gt_scan_value(cpuinfo, "microcode", host->microcode, sizeof host->microcode);
    host->family = field_number(cpuinfo, "cpu family");
    host->model = field_number(cpuinfo, "model");
    host->stepping = field_number(cpuinfo, "stepping");
    if (gt_scan_value(cpuinfo, "flags", flags, sizeof flags))
        host->hypervisor = has_word(flags, "hypervisor");
    if (field_number(cpuinfo, "CPU implementer") >= 0)
        read_arm(cpuinfo, host);
}

/* --- cpus
 * ---------------------------------------------------------------------------------------------------------------------- */

/* "0-3,8" -> 5; 0 when it is no such list. */
static uint32_t count_list(const char *at)
{
    uint64_t count = 0, first, last;
    for (;;) {
        if (!gt_scan_u64(&at, &first))
            return 0;
        last = first;
        if (*at == '-' && (at++, !gt_scan_u64(&at, &last)))
            return 0;
        if (last < first || last > 1 << 20)
            return 0;
        count += last - first + 1;
        if (*at != ',')
            return *at == '\0' ? (uint32_t)count : 0;
        at++;
    }
}

static uint32_t read_online(const struct gt_os *os)
{
    char text[TEXT_BYTES];
    uint32_t count = gt_os_read_text(os, "/sys/devices/system/cpu/online", text, sizeof text) > 0 ? count_list(text) : 0;
    return count ? count : 1;
}

static uint32_t read_affinity(const struct gt_os *os, uint32_t online)
{
    char status[TEXT_BYTES], list[1024];
    if (gt_os_read_text(os, "/proc/self/status", status, sizeof status) <= 0 ||
        !gt_scan_value(status, "Cpus_allowed_list", list, sizeof list))
        return online;
    uint32_t count = count_list(list);
    return count && count < online ? count : online;
}

/* --- cgroup quotas
 * ------------------------------------------------------------------------------------------------------------- */

/* cgroup v2, cpu.max: "max 100000" or "150000 100000" (Documentation/admin-guide/cgroup-v2.rst). 0: no quota. */
static double quota_v2(const struct gt_os *os, const char *folder)
{
    char path[PATH_BYTES] = "", text[64];
    const char *at = text;
    uint64_t quota, period;
    gt_scan_append(path, sizeof path, folder);
    if (!gt_scan_append(path, sizeof path, "/cpu.max") || gt_os_read_text(os, path, text, sizeof text) <= 0 ||
        !gt_scan_u64(&at, &quota))
        return 0;
    gt_scan_blanks(&at);
    return gt_scan_u64(&at, &period) && period > 0 ? (double)quota / (double)period : 0;
}

/* cgroup v1, cpu.cfs_quota_us: -1 or microseconds per cpu.cfs_period_us (Documentation/scheduler/sched-bwc.rst). */
static double quota_v1(const struct gt_os *os, const char *folder)
{
    char path[PATH_BYTES] = "";
    uint64_t quota, period;
    gt_scan_append(path, sizeof path, folder);
    if (!gt_scan_append(path, sizeof path, "/cpu.cfs_quota_us") || gt_os_read_u64(os, path, &quota) < 0)
        return 0;
    path[strlen(folder)] = '\0';
    if (!gt_scan_append(path, sizeof path, "/cpu.cfs_period_us") || gt_os_read_u64(os, path, &period) < 0 || period == 0)
        return 0;
    return (double)quota / (double)period;
}

typedef double quota_fn(const struct gt_os *os, const char *folder);

/* The least quota of the group and its ancestors, up to `root`. */
static double least_quota(const struct gt_os *os, const char *root, const char *group, quota_fn *quota)
{
    char folder[PATH_BYTES] = "";
    double least = 0;
    size_t base = strlen(root);
    gt_scan_append(folder, sizeof folder, root);
    if (strcmp(group, "/") != 0 && !gt_scan_append(folder, sizeof folder, group))
        return 0;
    for (;;) {
        double here = quota(os, folder);
        if (here > 0 && (least == 0 || here < least))
            least = here;
        if (strlen(folder) <= base)
            return least;
        *strrchr(folder, '/') = '\0';
    }
}

/* In "4:cpu,cpuacct:/group" and "0::/group": does the controller list (between the colons) have `cpu`? */
static bool names_cpu(const char *list, size_t n)
{
    for (size_t at = 0; at < n; at++) {
        size_t word = strcspn(list + at, ",:");
        if (word == 3 && memcmp(list + at, "cpu", 3) == 0)
            return true;
        at += word;
    }
    return false;
}

static double line_quota(const struct gt_os *os, const char *line)
{
    char group[PATH_BYTES];
    const char *list = strchr(line, ':');
    const char *path = list ? strchr(list + 1, ':') : NULL;
    if (!path)
        return 0;
    gt_scan_copy(group, sizeof group, path + 1, strcspn(path + 1, "\n"));
    if (group[0] != '/')
        return 0;
    list++;
    if (list == path)
        return least_quota(os, "/sys/fs/cgroup", group, quota_v2);
    if (!names_cpu(list, (size_t)(path - list)))
        return 0;
    return least_quota(os, "/sys/fs/cgroup/cpu", group, quota_v1);
}

/*
 * In a container the group's path may be the host's while only its own folder is mounted: then the folders named here do not
 * exist, and the walk ends at the root, which is the container's group. That gives the right answer in both cases.
 */
static double read_quota(const struct gt_os *os)
{
    char text[TEXT_BYTES];
    double least = 0;
    if (gt_os_read_text(os, "/proc/self/cgroup", text, sizeof text) <= 0)
        return 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        double quota = line_quota(os, line);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
    }
    return least;
}

static uint32_t whole_cpus(double quota)
{
    uint32_t whole = quota < 1e6 ? (uint32_t)quota : 1000000;
    return whole + ((double)whole < quota);
}

static void read_cpus(const struct gt_os *os, struct gt_host *host)
{
    host->cpus_online = read_online(os);
    host->cpus_allowed = read_affinity(os, host->cpus_online);
    host->cpus_quota = read_quota(os);
    if (host->cpus_quota > 0 && whole_cpus(host->cpus_quota) < host->cpus_allowed)
        host->cpus_allowed = whole_cpus(host->cpus_quota);
}

/* --- the rest
 * ------------------------------------------------------------------------------------------------------------------ */

static uint64_t read_memory(const struct gt_os *os)
{
    char text[TEXT_BYTES], value[64];
    const char *at = value;
    uint64_t kib;
    /* The first line is all that is wanted; a file too long for the buffer does not matter. */
    int fd = os->open_read(os->state, "/proc/meminfo");
    if (fd < 0)
        return 0;
    ssize_t n = os->pread(os->state, fd, text, sizeof text - 1, 0);
    os->close(os->state, fd);
    text[n > 0 ? n : 0] = '\0';
    return gt_scan_value(text, "MemTotal", value, sizeof value) && gt_scan_u64(&at, &kib) ? kib * 1024 : 0;
}

/* intel_pstate says "no turbo", acpi-cpufreq and amd-pstate say "boost". */
static int read_turbo(const struct gt_os *os)
{
    uint64_t value;
    if (gt_os_read_u64(os, "/sys/devices/system/cpu/intel_pstate/no_turbo", &value) == 0)
        return value == 0;
    if (gt_os_read_u64(os, "/sys/devices/system/cpu/cpufreq/boost", &value) == 0)
        return value != 0;
    return -1;
}

static void read_short(const struct gt_os *os, const char *path, char *out, size_t size)
{
    if (gt_os_read_text(os, path, out, size) < 0)
        out[0] = '\0';
}

void gt_host_read(const struct gt_os *os, struct gt_host *host)
{
    memset(host, 0, sizeof *host);
    host->family = host->model = host->stepping = host->hypervisor = -1;
    read_cpuinfo(os, host);
    read_cpus(os, host);
    host->memory_bytes = read_memory(os);
    host->turbo = read_turbo(os);
    read_short(os, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", host->governor, sizeof host->governor);
    read_short(os, "/proc/sys/kernel/osrelease", host->kernel, sizeof host->kernel);
    char type[32];
    if (host->hypervisor < 0 && gt_os_read_text(os, "/sys/hypervisor/type", type, sizeof type) > 0)
        host->hypervisor = 1;
}

/* --- the class
 * ----------------------------------------------------------------------------------------------------------------- */

static void append_number(char *out, size_t size, const char *before, int value)
{
    gt_scan_append(out, size, before);
    if (value < 0)
        gt_scan_append(out, size, "?");
    else
        gt_scan_append_u64(out, size, (uint64_t)value);
}

static void append_word(char *out, size_t size, const char *before, const char *word)
{
    if (!word[0])
        return;
    gt_scan_append(out, size, before);
    gt_scan_append(out, size, word);
}

char *gt_host_class_text(const struct gt_host *host, char *out, size_t size)
{
    const uint64_t gib = UINT64_C(1) << 30;
    out[0] = '\0';
    gt_scan_append(out, size, host->cpu_model[0] ? host->cpu_model : "unknown processor");
    append_number(out, size, " (", host->family);
    append_number(out, size, "/", host->model);
    append_number(out, size, "/", host->stepping);
    append_number(out, size, "), ", (int)host->cpus_allowed);
    append_number(out, size, " of ", (int)host->cpus_online);
    gt_scan_append(out, size, " cpus");
    if (host->memory_bytes) {
        append_number(out, size, ", ", (int)((host->memory_bytes + gib - 1) / gib));
        gt_scan_append(out, size, " GiB");
    }
    append_word(out, size, ", microcode ", host->microcode);
    append_word(out, size, ", ", host->governor);
    append_word(out, size, ", turbo ", host->turbo < 0 ? "" : host->turbo ? "on" : "off");
    append_word(out, size, ", ", host->hypervisor == 1 ? "virtual" : "");
    return out;
}

char *gt_host_class_id(const struct gt_host *host, char out[GT_HOST_ID])
{
    static const char digits[] = "0123456789abcdef";
    char text[GT_HOST_CLASS_TEXT];
    gt_host_class_text(host, text, sizeof text);
    /* FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923). */
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *at = text; *at; at++)
        hash = (hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
    for (int i = 0; i < 16; i++)
        out[i] = digits[hash >> (60 - 4 * i) & 15];
    out[16] = '\0';
    return out;
}
