/* What interpose_syscall.c hands over: system calls that quiesce the sampler, made through syscall(). */
#ifndef GT_PLUGIN_INTERPOSE_H
#define GT_PLUGIN_INTERPOSE_H

/* As syscall(): result, or -1 with errno. */
long gt_interpose_syscall(long number, long a, long b, long c, long d, long e, long f);

/* The plugin's own way into the kernel, past the interposer of syscall(). */
#if defined(__x86_64__)
long gt_syscall(long number, ...);
#else
#include <unistd.h>
#define gt_syscall syscall
#endif

#endif
