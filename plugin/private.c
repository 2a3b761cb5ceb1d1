/* What makes the sampler invisible to its host: descriptors, current folder, affinity, and never being the last thread. */
#include "energy/scan.h"
#include "plugin/interpose.h"
#include "plugin/sampler.h"
#include "plugin/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif

/* Kernels before 5.9 (and filters that do not know the call): the older one, then every descriptor by itself. */
static bool unshare_files_slowly(void)
{
    if (gt_syscall(SYS_unshare, CLONE_FILES) != 0)
        return false;
    if (gt_syscall(SYS_close_range, 0, ~0U, 0) == 0)
        return true;
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < (most > 0 && most < 65536 ? most : 65536); fd++)
        close(fd);
    return true;
}

bool gt_private_enter(const char **refused, bool *fs_shared)
{
    if (gt_syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) != 0 && !unshare_files_slowly()) {
        *refused = errno == ENOSYS ? "private descriptor table: not supported by this kernel"
                                   : "private descriptor table: not permitted";
        return false;
    }
    /* Only absolute paths are used, so that a shared current folder does no harm; namespaces are quiesced for. */
    *fs_shared = gt_syscall(SYS_unshare, CLONE_FS) != 0;
    for (int fd = 0; fd < 3; fd++)
        if (open("/dev/null", O_RDWR | O_NOCTTY) < 0 && open("/", O_RDONLY | O_DIRECTORY) < 0) {
            *refused = "descriptors 0 to 2 cannot be filled";
            return false;
        }
    return true;
}

void gt_private_tune(void)
{
    cpu_set_t all;
    memset(&all, 0xff, sizeof all);
    /* A host that pinned its thread must not have the sampler beside it; the kernel cuts this to the cpuset. */
    gt_syscall(SYS_sched_setaffinity, 0, sizeof all, &all);
    gt_syscall(SYS_prctl, PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    gt_syscall(SYS_prctl, PR_SET_NAME, "greentrack", 0UL, 0UL, 0UL);
}

int gt_private_open_tasks(void)
{
    return open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A main thread that has left stays as a zombie until the last one goes. proc(5): the state follows the last ')'. */
static bool is_leader_gone(int task_fd)
{
    char path[32] = "", text[256];
    gt_scan_append_u64(path, sizeof path, (uint64_t)gt_state.pid);
    gt_scan_append(path, sizeof path, "/stat");
    int fd = openat(task_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *end = strrchr(text, ')');
    return end && (end[2] == 'Z' || end[2] == 'X');
}

bool gt_private_is_last(int task_fd)
{
    struct stat st;
    if (task_fd < 0 || fstat(task_fd, &st) != 0 || st.st_nlink < 3)
        return false;
    /* Links of /proc/PID/task: two and one per task. */
    long others = (long)st.st_nlink - 2 - 1 - atomic_load(&gt_state.keepers);
    return others <= 0 || (others == 1 && is_leader_gone(task_fd));
}
