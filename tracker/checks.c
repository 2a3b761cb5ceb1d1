#include "tracker/checks.h"

#include "core/text.h"
#include "tracker/jobtree.h"
#include "tracker/paths.h"
#include "tracker/powerevents.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* DESIGN, the plugin's law: rings take at most 4 MB and 1/16 of the free /dev/shm. */
enum { RINGS_BYTES = 4 << 20, RINGS_SHARE = 16 };

typedef void check_fn(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check);

const char *gt_check_word(enum gt_check_result result)
{
    static const char *const words[] = {"ok", "limited", "missing"};
    return words[result];
}

/* Documentation/admin-guide/sysctl/kernel.rst, perf_event_paranoid; Debian adds 3: nothing at all without a capability. */
static void check_perf(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    static const char *const meanings[] = {
        "everything may be counted",
        "everything but raw tracepoints may be counted",
        "own processes may be counted, with their kernel part, but no whole processor",
        "own processes may be counted, in user mode only",
        "nothing may be counted without CAP_PERFMON",
    };
    char text[32];
    int level;
    if (gt_os_read_text(os, "/proc/sys/kernel/perf_event_paranoid", text, sizeof text) <= 0 ||
        sscanf(text, "%d", &level) != 1) {
        *check = (struct gt_check){"perf events", GT_CHECK_MISSING, "this kernel has no performance events", NULL};
        return;
    }
    int row = level < 0 ? 0 : level > 3 ? 4 : level + 1;
    bool root = geteuid() == 0;
    check->result = root || level <= 0 ? GT_CHECK_OK : level <= 2 ? GT_CHECK_LIMITED : GT_CHECK_MISSING;
    check->detail = gt_arena_printf(arena, "kernel.perf_event_paranoid is %d: %s%s", level, meanings[row],
                                    root ? " (root may anyway)" : "");
    if (check->result != GT_CHECK_OK)
        check->fix = "sudo setcap cap_perfmon+ep \"$(command -v greentrack)\"";
}

static void check_shm(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct statvfs fs;
    char size[32], left[32];
    (void)os;
    if (statvfs("/dev/shm", &fs) != 0 || access("/dev/shm", W_OK) != 0) {
        check->result = GT_CHECK_MISSING;
        check->detail = gt_arena_printf(arena, "/dev/shm: %s; layers cannot be recorded", strerror(errno));
        check->fix = "mount -t tmpfs -o mode=1777,size=64m tmpfs /dev/shm";
        return;
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    bool enough = free_bytes / RINGS_SHARE >= RINGS_BYTES;
    check->result = enough ? GT_CHECK_OK : GT_CHECK_LIMITED;
    check->detail = gt_arena_printf(
        arena, "/dev/shm has %s, %s free%s", gt_text_bytes(size, sizeof size, (uint64_t)fs.f_blocks * fs.f_frsize),
        gt_text_bytes(left, sizeof left, free_bytes), enough ? "" : "; rings will be smaller than 4 MiB, and may overflow");
    if (!enough)
        check->fix = "docker run --shm-size=64m ... (in a container), or mount -o remount,size=64m /dev/shm";
}

/* statfs(2): file systems on which WAL mode's shared memory does not work between hosts. */
static bool on_network(const char *path)
{
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return false;
    unsigned type = (unsigned)fs.f_type;
    return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == 0xff534d42u /* CIFS */ ||
           type == 0xfe534d42u /* SMB2 */ || type == 0x65735546u /* FUSE: sshfs and the like */ || type == V9FS_MAGIC;
}

/* The nearest existing folder of a path that need not exist; in place. */
static void nearest_existing(char *path)
{
    struct stat st;
    while (stat(path, &st) != 0) {
        char *slash = strrchr(path, '/');
        if (!slash) {
            strcpy(path, ".");
            return;
        }
        slash[slash == path] = '\0';
        if (slash == path)
            return;
    }
}

/* A place of ours: exists and is private, or can be made. */
static void check_place(struct gt_arena *arena, const char *path, mode_t wanted, struct gt_check *check)
{
    struct stat st;
    char *near = gt_arena_strdup(arena, path);
    if (!near)
        return;
    if (lstat(path, &st) == 0) {
        bool ours = st.st_uid == geteuid(), private = (st.st_mode & 077) == 0, writable = access(path, W_OK) == 0;
        check->result = !ours || !writable ? GT_CHECK_MISSING : private ? GT_CHECK_OK : GT_CHECK_LIMITED;
        check->detail = gt_arena_printf(arena, "%s%s%s%s", path, ours ? "" : ": belongs to another user",
                                        writable ? "" : ": not writable", private ? "" : ": others may read it");
        if (ours && !private)
            check->fix = gt_arena_printf(arena, "chmod %o '%s'", (unsigned)wanted, path);
        return;
    }
    nearest_existing(near);
    bool possible = access(near, W_OK) == 0;
    check->result = possible ? GT_CHECK_OK : GT_CHECK_MISSING;
    check->detail = gt_arena_printf(arena, "%s: %s", path, possible ? "will be made when it is needed" : "cannot be made");
    if (!possible)
        check->fix = gt_arena_printf(arena, "make %s writable, or choose another place", near);
}

static void check_spool(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct gt_err err = {0};
    const char *path;
    (void)os;
    if (gt_paths_spool(arena, &path, &err) == GT_OK) {
        check_place(arena, path, 0700, check);
        return;
    }
    check->result = GT_CHECK_MISSING;
    check->detail = gt_arena_strdup(arena, err.text);
    check->fix = "export GREENTRACK_SPOOL=FOLDER";
}

static void check_store(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct gt_err err = {0};
    const char *path;
    (void)os;
    if (gt_paths_store(arena, &path, &err) != GT_OK) {
        check->result = GT_CHECK_MISSING;
        check->detail = gt_arena_strdup(arena, err.text);
        check->fix = "export GREENTRACK_STORE=FILE";
        return;
    }
    check_place(arena, path, 0600, check);
    char *near = gt_arena_strdup(arena, path);
    if (!near || check->result == GT_CHECK_MISSING)
        return;
    nearest_existing(near);
    if (on_network(near)) {
        check->result = GT_CHECK_LIMITED;
        check->detail = gt_arena_printf(arena, "%s; on a network file system: slower journal mode", check->detail);
    }
}

static void check_plugin(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct gt_err err = {0};
    const char *path;
    (void)os;
    bool found = gt_paths_plugin(arena, &path, &err) == GT_OK;
    check->result = found ? GT_CHECK_OK : GT_CHECK_MISSING;
    check->detail = found ? path : gt_arena_strdup(arena, err.text);
    check->fix = found ? NULL : "make, or export GREENTRACK_LIB=/path/to/libgreentrack.so";
}

static void check_gtcnn(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct gt_err err = {0};
    const char *path;
    (void)os;
    bool found = gt_paths_gtcnn(arena, &path, &err) == GT_OK;
    check->result = found ? GT_CHECK_OK : GT_CHECK_MISSING;
    check->detail = found ? path : gt_arena_strdup(arena, err.text);
    check->fix = found ? NULL : "make, or export GREENTRACK_GTCNN=/path/to/gtcnn";
}

/* perf's and locked ring buffers are charged to RLIMIT_MEMLOCK (perf_event_open(2)). */
static void check_memlock(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    struct rlimit limit;
    char size[32];
    (void)os;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return;
    bool enough = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= RINGS_BYTES;
    check->result = enough ? GT_CHECK_OK : GT_CHECK_LIMITED;
    check->detail = limit.rlim_cur == RLIM_INFINITY
                        ? "memory may be locked without limit"
                        : gt_arena_printf(arena, "%s may be locked", gt_text_bytes(size, sizeof size, limit.rlim_cur));
    if (!enough)
        check->fix = "ulimit -l 8192 (nothing needs it today: event counters of a later version will)";
}

static void check_cgroup(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    char folder[PATH_MAX], why[256];
    bool may = gt_jobtree_own_cgroup(os, folder, sizeof folder, why, sizeof why);
    check->result = may ? GT_CHECK_OK : GT_CHECK_LIMITED;
    check->detail = may ? gt_arena_printf(arena, "%s: a run gets a cgroup of its own, its CPU time is exact", why)
                        : gt_arena_printf(arena, "%s: CPU time is added up over the process tree instead", why);
    if (!may)
        check->fix = "systemd-run --user --scope -p Delegate=yes greentrack run ...";
}

size_t gt_checks_run(const struct gt_os *os, struct gt_arena *arena, const struct gt_check **checks)
{
    static const struct {
        const char *name;
        check_fn *check;
    } table[] = {
        {"plugin", check_plugin},         {"gtcnn", check_gtcnn},
        {"spool", check_spool},           {"store", check_store},
        {"/dev/shm", check_shm},          {"cgroup", check_cgroup},
        {"perf events", check_perf},      {"energy events", gt_powerevents_check},
        {"locked memory", check_memlock},
    };
    size_t count = sizeof table / sizeof *table;
    struct gt_check *rows = gt_arena_alloc(arena, count, sizeof *rows);
    for (size_t i = 0; rows && i < count; i++) {
        rows[i].name = table[i].name;
        table[i].check(os, arena, &rows[i]);
        rows[i].name = table[i].name;
    }
    *checks = rows;
    return rows ? count : 0;
}
