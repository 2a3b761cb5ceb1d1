/* CPU time of a process tree without a cgroup: children, orphans, what has ended and what still runs; and with one, where it
 * may. */
#include "tests/sim/sim.h"
#include "tracker/job.h"
#include "tracker/jobtree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MS = 1000000 };

static uint64_t own_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void burn(unsigned ms)
{
    uint64_t begin = own_cpu_ns();
    while (own_cpu_ns() - begin < (uint64_t)ms * MS)
        ;
}

/* A child that burns 60 ms, has a child of its own burn 40 ms and waits for it, and leaves an orphan that burns 50 ms more. */
static pid_t start_family(const struct gt_jobtree *tree)
{
    pid_t child = fork();
    if (child == 0) {
        gt_jobtree_enter(tree);
        pid_t waited = fork();
        if (waited == 0) {
            burn(40);
            _exit(0);
        }
        waitpid(waited, NULL, 0);
        if (fork() == 0) {
            burn(50);
            pause();
        }
        burn(60);
        _exit(0);
    }
    return child;
}

/* Waits for the sum to reach `ms`; what it then is. */
static uint64_t wait_for(struct gt_jobtree *tree, unsigned ms)
{
    uint64_t cpu_ns = 0;
    for (int i = 0; i < 2000 && cpu_ns < (uint64_t)ms * MS; i++) {
        usleep(5000);
        tree->next_scan_ns = 0; /* the walk's pace is not what is tested */
        cpu_ns = gt_jobtree_cpu_ns(tree, gt_job_now_ns());
    }
    return cpu_ns;
}

static void sums_up(const char *name, const char *way)
{
    struct gt_jobtree tree;
    gt_jobtree_open(&tree, &gt_os_linux, name);
    if (name && !tree.folder[0]) {
        gt_jobtree_close(&tree);
        skip(); /* no cgroup that this process may write to */
    }
    assert_string_equal(gt_jobtree_way(&tree), way);
    assert_true(gt_jobtree_cpu_ns(&tree, gt_job_now_ns()) < 5 * MS);
    pid_t child = start_family(&tree);
    assert_int_equal(waitpid(child, NULL, 0), child);
    uint64_t cpu_ns = wait_for(&tree, 150);
    assert_in_range(cpu_ns / MS, 150, 260); /* 60 + 40 + 50, and what forking takes */
    assert_true(gt_jobtree_outlived(&tree));
    uint64_t later = gt_jobtree_cpu_ns(&tree, gt_job_now_ns());
    assert_true(later >= cpu_ns);
    char folder[sizeof tree.folder];
    strcpy(folder, tree.folder);
    gt_jobtree_close(&tree);
    if (name)
        assert_int_not_equal(access(folder, F_OK), 0);
}

static void without_a_cgroup(void **state)
{
    (void)state;
    sums_up(NULL, "process tree");
}

static void with_a_cgroup(void **state)
{
    char name[32];
    (void)state;
    snprintf(name, sizeof name, "test-%d", (int)getpid());
    sums_up(name, "cgroup");
}

/* The last time slice of a process that has just been waited for, which may be all of it, is in the sum. */
static void sees_short_children(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct gt_jobtree tree;
        char name[40];
        snprintf(name, sizeof name, "short-%d-%d", (int)getpid(), i);
        gt_jobtree_open(&tree, &gt_os_linux, name);
        pid_t child = fork();
        if (child == 0) {
            gt_jobtree_enter(&tree);
            burn(1);
            _exit(0);
        }
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_true(gt_jobtree_cpu_ns(&tree, gt_job_now_ns()) >= MS);
        gt_jobtree_close(&tree);
    }
}

/* A mount point with a blank in it, as the kernel writes it. */
static void decodes_mount_points(void **state)
{
    char folder[64] = "/tmp/greentrack a\\b-XXXXXX", procs[96], line[256], coded[128] = "", got[PATH_MAX], why[256];
    struct gt_sim sim;
    (void)state;
    assert_non_null(mkdtemp(folder));
    for (const char *at = folder; *at; at++)
        snprintf(coded + strlen(coded), sizeof coded - strlen(coded), *at == ' ' || *at == '\\' ? "\\%03o" : "%c", *at);
    snprintf(line, sizeof line, "30 23 0:26 / %s rw,nosuid - cgroup2 cgroup2 rw\n", coded);
    snprintf(procs, sizeof procs, "%s/cgroup.procs", folder);
    fclose(fopen(procs, "w"));
    gt_sim_init(&sim);
    gt_sim_file(&sim, "/proc/self/cgroup", "0::/\n");
    gt_sim_file(&sim, "/proc/self/mountinfo", line);
    bool found = gt_jobtree_own_cgroup(&sim.os, got, sizeof got, why, sizeof why);
    gt_sim_free(&sim);
    unlink(procs);
    rmdir(folder);
    assert_true(found);
    assert_string_equal(got, folder);
}

/* A job that went on after its greentrack was killed and ingested: its cgroup goes once it is empty and no run that begins. */
static void sweeps_old_empty_cgroups(void **state)
{
    static const char *const names[] = {"greentrack-00112233445566778899aabbccddeeff",
                                        "greentrack-00112233445566778899aabbccddeefe", "greentrack-job-of-somebody"};
    char own[PATH_MAX], why[256], paths[3][PATH_MAX + 64];
    const struct timespec old[] = {{time(NULL) - 100, 0}, {time(NULL) - 100, 0}};
    (void)state;
    if (!gt_jobtree_own_cgroup(&gt_os_linux, own, sizeof own, why, sizeof why)) {
        print_message("no cgroup to make others in: %s\n", why);
        skip();
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/%s", own, names[i]);
        assert_int_equal(mkdir(paths[i], 0755), 0);
        if (i != 1)
            assert_int_equal(utimensat(AT_FDCWD, paths[i], old, 0), 0);
    }
    gt_jobtree_sweep_old(&gt_os_linux, 60);
    assert_int_not_equal(rmdir(paths[0]), 0); /* swept */
    assert_int_equal(rmdir(paths[1]), 0);     /* young */
    assert_int_equal(rmdir(paths[2]), 0);     /* not ours */
}

/* The orphan that only pauses
 is in this process group: ends it. */
static int end_orphans(void **state)
{
    (void)state;
    signal(SIGTERM, SIG_IGN);
    return kill(0, SIGTERM);
}

static int own_group(void **state)
{
    (void)state;
    return setpgid(0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_a_cgroup),
        cmocka_unit_test(without_a_cgroup),
        cmocka_unit_test(sees_short_children),
        cmocka_unit_test(decodes_mount_points),
        cmocka_unit_test(sweeps_old_empty_cgroups),
    };
    return cmocka_run_group_tests(tests, own_group, end_orphans);
}
