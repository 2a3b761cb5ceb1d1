/* A job begins with its own program: what its process did before, joining a cgroup and so on, is neither its time nor its CPU.
 */
#include "tracker/job.h"
#include "tracker/jobtree.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { BURN_NS = 100000000 };

/* In memory that parent and child share. */
struct seen {
    struct gt_jobtree tree;
    char file[64]; /* what happened, a letter each */
    char exe[PATH_MAX];
    uint64_t entered_ns, burnt_ns;
    unsigned begins;
    bool burn;
};

static uint64_t own_cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void note(const struct seen *seen, char letter)
{
    int fd = open(seen->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t n = write(fd, &letter, 1);
    close(fd);
    if (n != 1)
        _exit(1);
}

static void enter(void *context)
{
    struct seen *seen = context;
    gt_jobtree_enter(&seen->tree);
    while (seen->burn && own_cpu_ns() < BURN_NS)
        ;
    seen->burnt_ns = own_cpu_ns();
    seen->entered_ns = gt_job_now_ns();
    note(seen, 'e');
}

static void begin(void *context, pid_t child, uint64_t now_ns)
{
    struct seen *seen = context;
    char path[64];
    (void)now_ns;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)child);
    ssize_t n = readlink(path, seen->exe, sizeof seen->exe - 1);
    seen->exe[n > 0 ? n : 0] = '\0';
    seen->begins++;
    gt_jobtree_begin(&seen->tree, child);
    note(seen, 'b');
}

static uint64_t sample(void *context, uint64_t now_ns)
{
    struct seen *seen = context;
    gt_jobtree_cpu_ns(&seen->tree, now_ns);
    return now_ns + 10000000;
}

static struct seen *make_seen(const char *cgroup)
{
    struct seen *seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(seen, MAP_FAILED);
    snprintf(seen->file, sizeof seen->file, "/tmp/greentrack-job-%d", (int)getpid());
    unlink(seen->file);
    gt_jobtree_open(&seen->tree, &gt_os_linux, cgroup);
    return seen;
}

static void free_seen(struct seen *seen)
{
    unlink(seen->file);
    gt_jobtree_close(&seen->tree);
    munmap(seen, sizeof *seen);
}

static void run(struct seen *seen, const char *script, struct gt_job_result *result)
{
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)script, (char *)"sh", seen->file, NULL}, *envp[] = {NULL};
    struct gt_job_spec spec = {"/bin/sh", argv, envp, 10000000, enter, begin, sample, seen};
    struct gt_err err = {0};
    assert_int_equal(gt_job_run(&spec, result, &err), GT_OK);
    assert_int_equal(result->exec_errno, 0);
}

static void begins_between_entering_and_the_program(void **state)
{
    char own[PATH_MAX] = "", events[8] = "";
    struct gt_job_result result;
    struct seen *seen = make_seen(NULL);
    (void)state;
    assert_true(readlink("/proc/self/exe", own, sizeof own - 1) > 0);
    run(seen, "printf p >>\"$1\"; exit 3", &result);
    FILE *file = fopen(seen->file, "r");
    assert_non_null(file);
    assert_non_null(fgets(events, sizeof events, file));
    fclose(file);
    assert_string_equal(events, "ebp");
    assert_int_equal(seen->begins, 1);
    assert_string_equal(seen->exe, own); /* still waiting to become another program */
    assert_true(seen->entered_ns <= result.begin_ns && result.begin_ns < result.end_ns);
    assert_int_equal(WEXITSTATUS(result.wait_status), 3);
    free_seen(seen);
}

static void counts_the_program_alone(const char *name, const char *way)
{
    struct gt_job_result result;
    struct seen *seen = make_seen(name);
    assert_string_equal(gt_jobtree_way(&seen->tree), way);
    seen->burn = true;
    run(seen, ":", &result);
    assert_true(seen->burnt_ns >= BURN_NS);
    assert_true(gt_jobtree_cpu_ns(&seen->tree, result.end_ns) < seen->burnt_ns / 2);
    free_seen(seen);
}

static void leaves_out_what_entering_took(void **state)
{
    (void)state;
    counts_the_program_alone(NULL, "process tree");
}

static void leaves_it_out_of_a_cgroup(void **state)
{
    char name[40];
    (void)state;
    snprintf(name, sizeof name, "job-%d", (int)getpid());
    struct gt_jobtree tree;
    gt_jobtree_open(&tree, &gt_os_linux, name);
    bool may = tree.folder[0] != '\0';
    gt_jobtree_close(&tree);
    if (!may)
        skip(); /* no cgroup that this process may write to */
    counts_the_program_alone(name, "cgroup");
}

static void die(void *context)
{
    (void)context;
    raise(SIGKILL);
}

/* Killed before it became the program: an end like any other, not one that is waited for without end. */
static void survives_a_child_that_never_enters(void **state)
{
    char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};
    struct gt_job_result result;
    struct gt_err err = {0};
    struct seen *seen = make_seen(NULL);
    struct gt_job_spec spec = {"/bin/true", argv, envp, 10000000, die, begin, sample, seen};
    (void)state;
    assert_int_equal(gt_job_run(&spec, &result, &err), GT_OK);
    assert_true(WIFSIGNALED(result.wait_status) && WTERMSIG(result.wait_status) == SIGKILL);
    free_seen(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_between_entering_and_the_program),
        cmocka_unit_test(leaves_out_what_entering_took),
        cmocka_unit_test(leaves_it_out_of_a_cgroup),
        cmocka_unit_test(survives_a_child_that_never_enters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
