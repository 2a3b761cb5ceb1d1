/*
 * Calls of the host that the sampler would disturb: unshare and setns want a process with one thread, a seccomp filter would
 * hit the sampler (SIGSYS), and a main thread that leaves must not make the sampler the last one (glibc ends a process with its
 * last thread: exit handlers and stdio would run in our descriptor table).
 *
 * Each interposer makes the system call itself, as glibc's wrapper does, so that nothing has to be looked up.
 * syscall(2), through which libseccomp installs its filters, comes here from interpose_syscall.c.
 */
#include "plugin/interpose.h"

#include "plugin/adapter.h"
#include "plugin/state.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

/* Without the sampler; `filter`: after a success it stays away, in this process and in its children. */
static long quietly(const long args[7], bool filter)
{
    bool taken = gt_life_quiesce();
    long result = gt_syscall(args[0], args[1], args[2], args[3], args[4], args[5], args[6]);
    int saved = errno;
    bool filtered = filter && result == 0;
    if (filtered)
        atomic_store(&gt_state.disabled, true);
    if (taken)
        gt_life_resume(filtered);
    errno = saved;
    return result;
}

GT_EXPORT int unshare(int flags)
{
    return (int)quietly((const long[7]){SYS_unshare, flags}, false);
}

GT_EXPORT int setns(int fd, int nstype)
{
    return (int)quietly((const long[7]){SYS_setns, fd, nstype}, false);
}

GT_EXPORT int prctl(int option, ...)
{
    long args[7] = {SYS_prctl, option};
    va_list list;
    va_start(list, option);
    for (int i = 2; i < 6; i++)
        args[i] = va_arg(list, long);
    va_end(list);
    if (option == PR_SET_SECCOMP)
        return (int)quietly(args, true);
    return (int)gt_syscall(SYS_prctl, args[1], args[2], args[3], args[4], args[5]);
}

/* From syscall(): one of the numbers below. */
long gt_interpose_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    const long args[7] = {number, a, b, c, d, e, f};
    bool filter = (number == SYS_seccomp && (a == SECCOMP_SET_MODE_FILTER || a == SECCOMP_SET_MODE_STRICT)) ||
                  (number == SYS_prctl && a == PR_SET_SECCOMP);
    if (filter || number == SYS_unshare || number == SYS_setns)
        return quietly(args, filter);
    return gt_syscall(number, a, b, c, d, e, f);
}

/* --- the main thread leaves
 * ------------------------------------------------------------------------------------------------------- */

static _Noreturn void leave(const char *name, void *value)
{
    void (*real)(void *) = (void (*)(void *))dlsym(RTLD_NEXT, name);
    /* Disabled by a filter: there is no sampler to care for, and the filter may kill for these calls. */
    if (!atomic_load(&gt_state.disabled) && gt_syscall(SYS_gettid) == getpid())
        gt_life_main_leaves();
    if (real)
        real(value);
    _exit(0);
}

GT_EXPORT _Noreturn void pthread_exit(void *value)
{
    leave("pthread_exit", value);
}

GT_EXPORT _Noreturn void thrd_exit(int value)
{
    pthread_exit((void *)(long)value);
}
