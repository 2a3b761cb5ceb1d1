#include "tracker/jobtree.h"

#include "core/trace.h"
#include "energy/cputime.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOUNTINFO_BYTES = 256 * 1024, SCAN_SHARE = 20, MOVES_MOST = 64 };

/* --- the cgroup ------------------------------------------------------------------------------------------------------ */

/* proc(5): blank, tab, newline and backslash stand as \ooo. In place. */
static void decode(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++) {
        bool coded = at[0] == '\\' && strspn(at + 1, "01234567") >= 3;
        *to = coded ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : *at;
        at += coded ? 4 : 1;
    }
    *to = '\0';
}

/* Field `which` (0-based) of a blank-separated line. */
static bool field_of(const char *line, int which, char *out, size_t size)
{
    for (; which > 0; which--) {
        line += strcspn(line, " \n");
        if (*line != ' ')
            return false;
        line++;
    }
    if ((size_t)snprintf(out, size, "%.*s", (int)strcspn(line, " \n"), line) >= size)
        return false;
    decode(out);
    return true;
}

/* proc(5), /proc/PID/mountinfo: fields 3 and 4 are root and mount point; behind " - " stands the type. */
static bool find_mount(const struct gt_os *os, char *root, char *mount, size_t size)
{
    char *text = malloc(MOUNTINFO_BYTES);
    bool found = false;
    if (!text || gt_os_read_text(os, "/proc/self/mountinfo", text, MOUNTINFO_BYTES) <= 0)
        goto out;
    for (char *line = text; line && *line && !found; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *dash = strstr(line, " - ");
        const char *end = line + strcspn(line, "\n");
        if (dash && dash < end && strncmp(dash + 3, "cgroup2 ", 8) == 0)
            found = field_of(line, 3, root, size) && field_of(line, 4, mount, size);
    }
out:
    free(text);
    return found;
}

/* The "0::PATH" line of /proc/self/cgroup. */
static bool own_path(const struct gt_os *os, char *path, size_t size)
{
    char text[8192];
    if (gt_os_read_text(os, "/proc/self/cgroup", text, sizeof text) <= 0)
        return false;
    const char *line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (!line)
        return false;
    line = strstr(line, "0::") + 3;
    return (size_t)snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line) < size;
}

bool gt_jobtree_own_cgroup(const struct gt_os *os, char *folder, size_t size, char *why, size_t why_size)
{
    char root[PATH_MAX], mount[PATH_MAX], path[PATH_MAX], probe[PATH_MAX + 32];
    if (!own_path(os, path, sizeof path) || !find_mount(os, root, mount, sizeof mount)) {
        snprintf(why, why_size, "no cgroup v2 hierarchy is mounted");
        return false;
    }
    size_t below = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, below) != 0 || strstr(path, "/..")) {
        snprintf(why, why_size, "this process's cgroup is outside of what is mounted");
        return false;
    }
    const char *rest = strcmp(path + below, "/") == 0 ? "" : path + below;
    if ((size_t)snprintf(folder, size, "%s%s", mount, rest) >= size)
        return false;
    snprintf(probe, sizeof probe, "%s/cgroup.procs", folder);
    if (access(folder, W_OK) != 0 || access(probe, W_OK) != 0) {
        snprintf(why, why_size, "%.160s may not be written", folder);
        return false;
    }
    snprintf(why, why_size, "%.160s", folder);
    return true;
}

static bool make_cgroup(struct gt_jobtree *tree, const char *name)
{
    char why[256], procs[PATH_MAX + 32];
    uint64_t cpu_ns;
    if (!gt_jobtree_own_cgroup(tree->os, tree->parent, sizeof tree->parent, why, sizeof why))
        return false;
    if ((size_t)snprintf(tree->folder, sizeof tree->folder, "%s/greentrack-%s", tree->parent, name) >= sizeof tree->folder ||
        mkdir(tree->folder, 0755) != 0) {
        tree->folder[0] = '\0';
        return false;
    }
    snprintf(procs, sizeof procs, "%s/cgroup.procs", tree->folder);
    tree->procs = open(procs, O_WRONLY | O_CLOEXEC);
    if (tree->procs >= 0 && gt_cputime_cgroup(tree->os, tree->folder, &cpu_ns) == 0)
        return true;
    gt_jobtree_close(tree);
    return false;
}

/* One pass: every process of the cgroup goes to the parent's. */
static void move_survivors(const struct gt_jobtree *tree)
{
    char path[PATH_MAX + 32], text[65536];
    snprintf(path, sizeof path, "%s/cgroup.procs", tree->folder);
    if (gt_os_read_text(tree->os, path, text, sizeof text) <= 0)
        return;
    snprintf(path, sizeof path, "%s/cgroup.procs", tree->parent);
    int target = open(path, O_WRONLY | O_CLOEXEC);
    if (target < 0)
        return;
    char *save;
    for (char *pid = strtok_r(text, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
        if (write(target, pid, strlen(pid)) < 0)
            continue; /* it ended meanwhile */
    close(target);
}

void gt_jobtree_enter(const struct gt_jobtree *tree)
{
    if (tree->procs >= 0) {
        ssize_t n = write(tree->procs, "0", 1);
        (void)n; /* the job runs all the same; its CPU time then stays at what the cgroup saw */
    }
}

void gt_jobtree_close(struct gt_jobtree *tree)
{
    if (tree->procs >= 0)
        close(tree->procs);
    tree->procs = -1;
    /* A process that forks meanwhile takes more than one pass. */
    for (int i = 0; tree->folder[0] && i < MOVES_MOST; i++) {
        if (rmdir(tree->folder) == 0 || errno == ENOENT)
            break;
        move_survivors(tree);
    }
    tree->folder[0] = '\0';
    free(tree->known);
    tree->known = NULL;
    tree->known_count = tree->known_room = 0;
}

void gt_jobtree_sweep(const struct gt_os *os, const char *name)
{
    char why[256], parent[PATH_MAX], folder[PATH_MAX + 64];
    if (!gt_jobtree_own_cgroup(os, parent, sizeof parent, why, sizeof why))
        return;
    snprintf(folder, sizeof folder, "%s/greentrack-%.40s", parent, name);
    rmdir(folder);
}

/* "greentrack-" and a run's id. Tests and people may have others. */
static bool is_runs_name(const char *name)
{
    static const char prefix[] = "greentrack-";
    const char *id = name + strlen(prefix);
    return strncmp(name, prefix, strlen(prefix)) == 0 && strspn(id, "0123456789abcdef") == 2 * GT_TRACE_ID_BYTES &&
           id[2 * GT_TRACE_ID_BYTES] == '\0';
}

size_t gt_jobtree_sweep_old(const struct gt_os *os, time_t age_s)
{
    char why[256], parent[PATH_MAX];
    size_t removed = 0;
    struct dirent *entry;
    struct stat st;
    DIR *folder = gt_jobtree_own_cgroup(os, parent, sizeof parent, why, sizeof why) ? opendir(parent) : NULL;
    while (folder && (entry = readdir(folder)))
        if (is_runs_name(entry->d_name) && fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode) && st.st_uid == geteuid() && time(NULL) - st.st_mtime >= age_s)
            removed += unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR) == 0; /* EBUSY with processes in it */
    if (folder)
        closedir(folder);
    return removed;
}

/* --- the process tree
 ------------------------------------------------------------------------------------------------ */

static uint64_t waited_for_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000 +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000;
}

struct candidate {
    pid_t pid, parent;
    uint64_t start;
    bool inside;
};

struct scan {
    const struct gt_os *os;
    struct candidate *rows; /* owned */
    size_t count, room;
};

/* Parent and start of a process by /proc/PID/stat; the name in parentheses may hold anything. */
static bool read_stat(const struct gt_os *os, pid_t pid, pid_t *parent, uint64_t *start)
{
    char path[64], text[1024], state;
    int ppid;
    unsigned long long begin;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (gt_os_read_text(os, path, text, sizeof text) <= 0)
        return false;
    const char *rest = strrchr(text, ')');
    if (!rest || sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state,
                        &ppid, &begin) != 3)
        return false;
    *parent = ppid;
    *start = begin;
    return state != 'Z' && state != 'X';
}

static int add_candidate(void *context, const char *name)
{
    struct scan *scan = context;
    if (!isdigit((unsigned char)*name))
        return 0;
    if (scan->count == scan->room) {
        size_t room = scan->room ? 2 * scan->room : 256;
        struct candidate *rows = realloc(scan->rows, room * sizeof *rows);
        if (!rows)
            return 1;
        scan->rows = rows;
        scan->room = room;
    }
    struct candidate *row = &scan->rows[scan->count];
    *row = (struct candidate){.pid = (pid_t)atoi(name)};
    if (read_stat(scan->os, row->pid, &row->parent, &row->start))
        scan->count++;
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Does following the parents from `row` lead to `root`? Bounded, since pids may be reused while the list is read. */
static bool descends(const struct scan *scan, const struct candidate *row, pid_t root)
{
    for (size_t step = 0; row && step < scan->count; step++) {
        if (row->parent == root)
            return true;
        struct candidate wanted = {.pid = row->parent};
        row = bsearch(&wanted, scan->rows, scan->count, sizeof wanted, by_pid);
    }
    return false;
}

static size_t mark_descendants(struct scan *scan, pid_t root)
{
    size_t inside = 0;
    if (scan->count)
        qsort(scan->rows, scan->count, sizeof *scan->rows, by_pid);
    for (size_t i = 0; i < scan->count; i++)
        inside += scan->rows[i].inside = descends(scan, &scan->rows[i], root);
    return inside;
}

static void walk(struct gt_jobtree *tree, uint64_t now_ns)
{
    struct scan scan = {.os = tree->os};
    uint64_t begin = tree->os->clock_ns(tree->os->state, CLOCK_MONOTONIC);
    tree->os->list(tree->os->state, "/proc", add_candidate, &scan);
    size_t inside = mark_descendants(&scan, getpid());
    if (inside > tree->known_room) {
        struct gt_jobtree_process *known = realloc(tree->known, 2 * inside * sizeof *known);
        if (!known)
            goto out;
        tree->known = known;
        tree->known_room = 2 * inside;
    }
    tree->known_count = 0;
    for (size_t i = 0; i < scan.count; i++)
        if (scan.rows[i].inside)
            tree->known[tree->known_count++] = (struct gt_jobtree_process){scan.rows[i].pid, scan.rows[i].start};
out:
    free(scan.rows);
    tree->next_scan_ns = now_ns + SCAN_SHARE * (tree->os->clock_ns(tree->os->state, CLOCK_MONOTONIC) - begin);
}

/* Own CPU time of a live process to the nanosecond; `coarse` where its clock cannot be had. */
static uint64_t own_cpu_ns(pid_t pid, uint64_t coarse)
{
    clockid_t clock;
    struct timespec now;
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &now) != 0)
        return coarse;
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The same, and what it waited for. 0 when it is gone. */
static uint64_t live_cpu_ns(const struct gt_jobtree *tree, const struct gt_jobtree_process *process)
{
    uint64_t own = 0, children = 0, start = 0;
    pid_t parent;
    if (!read_stat(tree->os, process->pid, &parent, &start) || start != process->start ||
        gt_cputime_process(tree->os, process->pid, &own, &children) != 0)
        return 0;
    return own_cpu_ns(process->pid, own) + children;
}

/* Clocks tell nanoseconds, what was waited for microseconds: the second may be a little behind. */
static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static uint64_t tree_cpu_ns(struct gt_jobtree *tree, uint64_t now_ns)
{
    if (now_ns >= tree->next_scan_ns)
        walk(tree, now_ns);
    uint64_t sum = 0;
    for (size_t i = 0; i < tree->known_count; i++)
        sum += live_cpu_ns(tree, &tree->known[i]);
    return since(sum + waited_for_ns(), tree->children_before);
}

/* --- both ------------------------------------------------------------------------------------------------------------ */

void gt_jobtree_open(struct gt_jobtree *tree, const struct gt_os *os, const char *name)
{
    *tree = (struct gt_jobtree){.os = os, .procs = -1, .children_before = waited_for_ns()};
    if (name && make_cgroup(tree, name))
        return;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* A cgroup may be told of a process's last time slice only after the process was waited for: then wait's own sum is ahead. */
static bool cgroup_cpu_ns(const struct gt_jobtree *tree, uint64_t *cpu_ns)
{
    if (gt_cputime_cgroup(tree->os, tree->folder, cpu_ns) != 0)
        return false;
    uint64_t waited_ns = since(waited_for_ns(), tree->children_before);
    *cpu_ns = since(*cpu_ns, tree->cgroup_before);
    *cpu_ns = *cpu_ns > waited_ns ? *cpu_ns : waited_ns;
    return true;
}

void gt_jobtree_begin(struct gt_jobtree *tree, pid_t child)
{
    tree->children_before += own_cpu_ns(child, 0);
    if (tree->folder[0] && gt_cputime_cgroup(tree->os, tree->folder, &tree->cgroup_before) != 0)
        tree->cgroup_before = 0;
    tree->last_ns = 0;
}

uint64_t gt_jobtree_cpu_ns(struct gt_jobtree *tree, uint64_t now_ns)
{
    uint64_t cpu_ns = 0;
    if (!tree->folder[0])
        cpu_ns = tree_cpu_ns(tree, now_ns);
    else if (!cgroup_cpu_ns(tree, &cpu_ns))
        return UINT64_MAX;
    if (cpu_ns > tree->last_ns)
        tree->last_ns = cpu_ns; /* a process that ends between two reads is seen by neither: never go back */
    return tree->last_ns;
}

bool gt_jobtree_outlived(struct gt_jobtree *tree)
{
    char path[PATH_MAX + 32], text[4096];
    if (!tree->folder[0]) {
        walk(tree, 0);
        return tree->known_count > 0;
    }
    snprintf(path, sizeof path, "%s/cgroup.procs", tree->folder);
    return gt_os_read_text(tree->os, path, text, sizeof text) != 0;
}

const char *gt_jobtree_way(const struct gt_jobtree *tree)
{
    return tree->folder[0] ? "cgroup" : "process tree";
}
