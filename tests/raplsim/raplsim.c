/*
 * raplsim [NAME=NUMBER ...] TABLE MOUNTPOINT: a live powercap tree as a file system, until it is told to end (SIGTERM,
 * unmounted).
 *
 * The tree is that of the kernel's powercap class: zones beside one another and sub-zones again inside their parents, each with
 * name, energy_uj (0400), max_energy_range_uj and enabled. Nothing is cached, so that each read is one of the counter at its
 * last refresh. Mounted over /sys/class/powercap (tests/e2e/lib_raplsim.sh), unmodified readers take it for the kernel's. The
 * jobs' power comes from TABLE (power.h), the rest from the machine's numbers (machine.h); their names are those of `settings`.
 *
 * For tests, not listed:
 *   .raplsim/truth           {"t_ns", "uj", "known"}: all packages and drams since the beginning, now
 *   .raplsim/between-T0-T1   {"uj", "known"}: the same between two times of CLOCK_MONOTONIC
 *   .raplsim/control         written to: "fail MS" energy_uj cannot be read for so long (EIO), "stall MS" counters stand still
 */
#define FUSE_USE_VERSION 31
#include "tests/raplsim/machine.h"

#include <errno.h>
#include <fuse3/fuse.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ZONES = 64, NAME = 48, TEXT = 256 };

struct zone {
    char name[NAME], label[NAME];
    enum machine_kind kind;
    unsigned package;
    bool mmio;
    int parent; /* -1: none */
};

/* One program, one machine: FUSE's callbacks get at it by fuse_get_context. */
struct sim {
    struct machine machine;
    struct zone zones[ZONES];
    int zone_count;
    uint64_t fail_until_ns, stall_from_ns, stall_until_ns;
};

static struct sim *self(void)
{
    return fuse_get_context()->private_data;
}

/* --- the tree ---------------------------------------------------------------------------------------------------------- */

static const unsigned MMIO_SHIFT_US = 137; /* the other interface is refreshed at other times */

static void add_zone(struct sim *sim, enum machine_kind kind, unsigned package, bool mmio, int parent, int number)
{
    static const char *const labels[] = {"package-", "core", "dram", "psys"};
    struct zone *zone = &sim->zones[sim->zone_count++];
    *zone = (struct zone){.kind = kind, .package = package, .mmio = mmio, .parent = parent};
    if (parent < 0)
        snprintf(zone->name, NAME, "%s:%d", mmio ? "intel-rapl-mmio" : "intel-rapl", number);
    else
        snprintf(zone->name, NAME, "intel-rapl:%u:%d", package, number);
    if (kind == MACHINE_PACKAGE)
        snprintf(zone->label, NAME, "%s%u", labels[kind], package);
    else
        snprintf(zone->label, NAME, "%s", labels[kind]);
}

static void grow_tree(struct sim *sim)
{
    const struct machine_options *o = &sim->machine.options;
    int top = 0;
    for (unsigned p = 0; p < o->packages; p++) {
        int parent = sim->zone_count, sub = 0;
        add_zone(sim, MACHINE_PACKAGE, p, false, -1, top++);
        if (o->core)
            add_zone(sim, MACHINE_CORE, p, false, parent, sub++);
        if (o->dram)
            add_zone(sim, MACHINE_DRAM, p, false, parent, sub++);
    }
    if (o->psys)
        add_zone(sim, MACHINE_PSYS, 0, false, -1, top++);
    for (unsigned p = 0; o->mmio && p < o->packages; p++)
        add_zone(sim, MACHINE_PACKAGE, p, true, -1, (int)p);
}

static const char *const control_types[] = {"intel-rapl", "intel-rapl-mmio"};
static const char *const zone_files[] = {"name", "energy_uj", "max_energy_range_uj", "enabled"};
static const char *const own_files[] = {"truth", "control"};
static const char between[] = "/.raplsim/between-";

static const struct zone *find_zone(const struct sim *sim, const char *name, size_t n)
{
    for (int i = 0; i < sim->zone_count; i++)
        if (strlen(sim->zones[i].name) == n && memcmp(sim->zones[i].name, name, n) == 0)
            return &sim->zones[i];
    return NULL;
}

static const char *find_word(const char *const *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0)
            return words[i];
    return NULL;
}

/* What a path names: a folder or a file, of a zone where it is one's. */
struct place {
    const struct zone *zone;
    const char *file; /* NULL: a folder */
    const char *path;
};

/* Of a/b/c the last zone counts: sub-zones can be reached through their parents, too. */
static bool find_place(const struct sim *sim, const char *path, struct place *place)
{
    *place = (struct place){.path = path};
    if (strncmp(path, between, sizeof between - 1) == 0) {
        place->file = path;
        return true;
    }
    if (strncmp(path, "/.raplsim/", 10) == 0)
        return (place->file = find_word(own_files, sizeof own_files / sizeof *own_files, path + 10)) != NULL;
    for (const char *at = path + 1; *at;) {
        size_t n = strcspn(at, "/");
        const struct zone *zone = find_zone(sim, at, n);
        bool last = at[n] == 0;
        if (zone)
            place->zone = zone;
        else if (place->zone && last)
            return (place->file = find_word(zone_files, sizeof zone_files / sizeof *zone_files, at)) != NULL;
        else if (at != path + 1 || !last || (!find_word(control_types, 2, at) && strcmp(at, ".raplsim") != 0))
            return false;
        at += n + (last ? 0 : 1);
    }
    return true;
}

/* --- what the files say -------------------------------------------------------------------------------------------------- */

static uint64_t edge_of(const struct sim *sim, uint64_t now_ns, bool mmio)
{
    uint64_t seen = now_ns < sim->stall_until_ns && now_ns > sim->stall_from_ns ? sim->stall_from_ns : now_ns;
    return machine_edge(&sim->machine, seen, mmio ? MMIO_SHIFT_US : 0);
}

static int energy_text(struct sim *sim, const struct zone *zone, char *text)
{
    uint64_t now = power_now_ns(), pj;
    if (now < sim->fail_until_ns)
        return -EIO;
    machine_look(&sim->machine, now);
    if (!machine_energy(&sim->machine, zone->kind, zone->package, edge_of(sim, now, zone->mmio), &pj))
        return -EOVERFLOW;
    return snprintf(text, TEXT, "%" PRIu64 "\n", machine_counter_uj(&sim->machine, pj));
}

static int truth_text(struct sim *sim, char *text)
{
    uint64_t now = power_now_ns(), pj;
    machine_look(&sim->machine, now);
    bool known = machine_total(&sim->machine, now, &pj);
    return snprintf(text, TEXT, "{\"t_ns\":%" PRIu64 ",\"uj\":%" PRIu64 ",\"known\":%s}\n", now, pj / 1000000,
                    known ? "true" : "false");
}

static int between_text(const struct sim *sim, const char *times, char *text)
{
    uint64_t t0, t1, a, b;
    if (sscanf(times, "%" SCNu64 "-%" SCNu64, &t0, &t1) != 2 || t0 < sim->machine.begin_ns || t1 < t0 || t1 > power_now_ns())
        return -EINVAL;
    bool known = machine_total(&sim->machine, t0, &a);
    known &= machine_total(&sim->machine, t1, &b);
    return snprintf(text, TEXT, "{\"uj\":%" PRIu64 ",\"known\":%s}\n", (b - a) / 1000000, known ? "true" : "false");
}

static int place_text(struct sim *sim, const struct place *place, char *text)
{
    if (!place->zone && strcmp(place->file, "truth") == 0)
        return truth_text(sim, text);
    if (!place->zone && place->file == place->path)
        return between_text(sim, place->path + sizeof between - 1, text);
    if (!place->zone)
        return 0;
    if (strcmp(place->file, "energy_uj") == 0)
        return energy_text(sim, place->zone, text);
    if (strcmp(place->file, "name") == 0)
        return snprintf(text, TEXT, "%s\n", place->zone->label);
    if (strcmp(place->file, "enabled") == 0)
        return snprintf(text, TEXT, "1\n");
    return snprintf(text, TEXT, "%" PRIu64 "\n", sim->machine.options.wrap_uj);
}

/* --- the file system --------------------------------------------------------------------------------------------------- */

/* An open file: what its last read from the beginning gave, so that reading on gives the rest of that. */
struct opened {
    int bytes;
    char text[TEXT];
};

static mode_t mode_of(const struct place *place)
{
    if (!place->file)
        return S_IFDIR | 0755;
    if (strcmp(place->file, "energy_uj") == 0) /* since CVE-2020-8694 */
        return S_IFREG | 0400;
    return S_IFREG | (strcmp(place->file, "control") == 0 ? 0600 : 0444);
}

static int sim_getattr(const char *path, struct stat *st, struct fuse_file_info *file)
{
    struct place place;
    (void)file;
    memset(st, 0, sizeof *st);
    if (!find_place(self(), path, &place))
        return -ENOENT;
    st->st_mode = mode_of(&place);
    st->st_nlink = place.file ? 1 : 2;
    st->st_size = place.file ? 4096 : 0; /* as sysfs has it */
    st->st_uid = getuid();
    st->st_gid = getgid();
    return 0;
}

static int sim_open(const char *path, struct fuse_file_info *file)
{
    struct place place;
    struct opened *opened = calloc(1, sizeof *opened);
    if (!opened || !find_place(self(), path, &place) || !place.file) {
        free(opened);
        return opened ? -ENOENT : -ENOMEM;
    }
    file->fh = (uintptr_t)opened;
    file->direct_io = 1;
    return 0;
}

static int sim_release(const char *path, struct fuse_file_info *file)
{
    (void)path;
    free((void *)(uintptr_t)file->fh);
    return 0;
}

static int sim_read(const char *path, char *to, size_t bytes, off_t offset, struct fuse_file_info *file)
{
    struct opened *opened = (void *)(uintptr_t)file->fh;
    struct place place;
    if (!find_place(self(), path, &place))
        return -ENOENT;
    if (offset == 0) {
        opened->bytes = 0;
        int n = place_text(self(), &place, opened->text);
        if (n < 0)
            return n;
        opened->bytes = n;
    }
    if (offset >= opened->bytes)
        return 0;
    size_t left = (size_t)(opened->bytes - offset);
    left = left < bytes ? left : bytes;
    memcpy(to, opened->text + offset, left);
    return (int)left;
}

static int sim_write(const char *path, const char *from, size_t bytes, off_t offset, struct fuse_file_info *file)
{
    struct sim *sim = self();
    char text[64] = {0};
    uint64_t ms, now = power_now_ns();
    (void)offset, (void)file;
    if (strcmp(path, "/.raplsim/control") != 0)
        return -EACCES;
    memcpy(text, from, bytes < sizeof text ? bytes : sizeof text - 1);
    if (sscanf(text, "fail %" SCNu64, &ms) == 1) {
        sim->fail_until_ns = now + ms * 1000000;
    } else if (sscanf(text, "stall %" SCNu64, &ms) == 1) {
        sim->stall_from_ns = now;
        sim->stall_until_ns = now + ms * 1000000;
    } else {
        return -EINVAL;
    }
    return (int)bytes;
}

static int sim_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    (void)path, (void)size, (void)file;
    return 0;
}

static int sim_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
                       enum fuse_readdir_flags flags)
{
    struct sim *sim = self();
    struct place place;
    (void)offset, (void)file, (void)flags;
    if (!find_place(sim, path, &place) || place.file)
        return -ENOENT;
    fill(buffer, ".", NULL, 0, 0);
    fill(buffer, "..", NULL, 0, 0);
    bool root = path[1] == 0;
    for (size_t i = 0; place.zone && i < sizeof zone_files / sizeof *zone_files; i++)
        fill(buffer, zone_files[i], NULL, 0, 0);
    for (int i = 0; i < sim->zone_count; i++)
        if (root || (place.zone && sim->zones[i].parent == place.zone - sim->zones))
            fill(buffer, sim->zones[i].name, NULL, 0, 0);
    for (uint64_t i = 0; root && i < 1 + sim->machine.options.mmio; i++)
        fill(buffer, control_types[i], NULL, 0, 0);
    return 0;
}

static void *sim_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    config->attr_timeout = config->entry_timeout = config->negative_timeout = 0;
    config->direct_io = 1;
    return self();
}

static const struct fuse_operations operations = {
    .init = sim_init,
    .getattr = sim_getattr,
    .open = sim_open,
    .release = sim_release,
    .read = sim_read,
    .write = sim_write,
    .truncate = sim_truncate,
    .readdir = sim_readdir,
};

/* --- the program --------------------------------------------------------------------------------------------------------- */

struct setting {
    const char *name;
    size_t at; /* in struct machine_options */
    uint64_t low, high, initial;
};

#define SETTING(name, low, high, initial)                                                                                      \
    {                                                                                                                          \
#name, offsetof(struct machine_options, name), low, high, initial                                                      \
    }

static const struct setting settings[] = {
    SETTING(packages, 1, 4, 1),
    SETTING(core, 0, 1, 0),
    SETTING(dram, 0, 1, 0),
    SETTING(psys, 0, 1, 0),
    SETTING(mmio, 0, 1, 0),
    SETTING(period_us, 100, 1000000, 1000),
    SETTING(jitter_us, 0, 400000, 15),
    SETTING(phase_us, 0, 1000000, 0),
    SETTING(wrap_uj, 1000000, 1000000000000, 262143328850),
    SETTING(idle_mw, 0, 1000000, 20000),
    SETTING(noise_mw, 0, 1000000, 1000),
    SETTING(dram_mw, 0, 1000000, 3000),
    SETTING(board_mw, 0, 1000000, 8000),
    SETTING(busy_mw, 0, 1000000, 0),
    SETTING(seed, 0, 4294967295, 1),
};

enum { SETTINGS = sizeof settings / sizeof *settings };

static uint64_t *setting_of(struct machine_options *options, const struct setting *setting)
{
    return (uint64_t *)((char *)options + setting->at);
}

static bool take_setting(struct machine_options *options, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : 0;
    for (int i = 0; equals && i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        char *end;
        unsigned long long value = strtoull(equals + 1, &end, 10);
        if (strlen(s->name) == n && memcmp(s->name, text, n) == 0 && *end == 0 && value >= s->low && value <= s->high) {
            *setting_of(options, s) = value;
            return true;
        }
    }
    return false;
}

static int usage(const char *wrong)
{
    fprintf(stderr, "raplsim: %s\nusage: raplsim [NAME=NUMBER ...] TABLE MOUNTPOINT\n", wrong);
    for (int i = 0; i < SETTINGS; i++)
        fprintf(stderr, "  %s=%" PRIu64 " ... %" PRIu64 " (%" PRIu64 ")\n", settings[i].name, settings[i].low, settings[i].high,
                settings[i].initial);
    return 2;
}

static int serve(struct sim *sim, const char *mountpoint)
{
    /* The kernel checks the modes, as it does in sysfs, and lets other users look. */
    char *argv[] = {"raplsim", "-o", "fsname=raplsim,default_permissions,allow_other", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, sim);
    int result = 1;
    if (fuse && fuse_mount(fuse, mountpoint) == 0) {
        struct fuse_session *session = fuse_get_session(fuse);
        if (fuse_set_signal_handlers(session) == 0)
            result = fuse_loop(fuse) < 0;
        fuse_remove_signal_handlers(session);
        fuse_unmount(fuse);
    }
    if (fuse)
        fuse_destroy(fuse);
    fuse_opt_free_args(&args);
    return result;
}

int main(int argc, char **argv)
{
    static struct sim sim;
    struct machine_options options = {0};
    struct power_table *table;
    for (int i = 0; i < SETTINGS; i++)
        *setting_of(&options, &settings[i]) = settings[i].initial;
    for (int i = 1; i < argc - 2; i++)
        if (!take_setting(&options, argv[i]))
            return usage(argv[i]);
    if (argc < 3)
        return usage("two operands");
    if (options.noise_mw > options.idle_mw || 2 * options.jitter_us >= options.period_us)
        return usage("noise is below idle power, jitter below half a period");
    if (!(table = power_open(argv[argc - 2]))) {
        perror(argv[argc - 2]);
        return 1;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a test that is killed leaves nothing behind */
    machine_init(&sim.machine, &options, table);
    grow_tree(&sim);
    return serve(&sim, argv[argc - 1]);
}
