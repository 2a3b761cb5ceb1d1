/*
 * syscall(2), exactly: libseccomp installs its filters through it. All numbers but four go straight to the kernel, without a
 * stack frame of ours, since a call may return twice (vfork, clone). Those four go to gt_interpose_syscall, which ends up here
 * again by the entry for the plugin's own calls.
 *
 * Convention: System V ABI for AMD64, section A.2.1; Linux returns -4095...-1 for errors (syscall(2)). On other processors
 * syscall() is not interposed, and a filter that is installed through it is a documented limit.
 */
#include "plugin/interpose.h"

#include <sys/syscall.h>

#if defined(__x86_64__)

_Static_assert(SYS_seccomp == 317 && SYS_unshare == 272 && SYS_setns == 308 && SYS_prctl == 157, "numbers below");

#define GT_MAKE_CALL                                                                                                           \
    "  movq %rdi, %rax\n"                                                                                                      \
    "  movq %rsi, %rdi\n"                                                                                                      \
    "  movq %rdx, %rsi\n"                                                                                                      \
    "  movq %rcx, %rdx\n"                                                                                                      \
    "  movq %r8, %r10\n"                                                                                                       \
    "  movq %r9, %r8\n"                                                                                                        \
    "  movq 8(%rsp), %r9\n"                                                                                                    \
    "  syscall\n"                                                                                                              \
    "  cmpq $-4095, %rax\n"                                                                                                    \
    "  jae 1f\n"                                                                                                               \
    "  ret\n"                                                                                                                  \
    "1: negl %eax\n"                                                                                                           \
    "  pushq %rax\n"                                                                                                           \
    "  .cfi_adjust_cfa_offset 8\n"                                                                                             \
    "  call __errno_location@PLT\n"                                                                                            \
    "  popq %rcx\n"                                                                                                            \
    "  .cfi_adjust_cfa_offset -8\n"                                                                                            \
    "  movl %ecx, (%rax)\n"                                                                                                    \
    "  movq $-1, %rax\n"                                                                                                       \
    "  ret\n"

__asm__(".text\n"
        ".p2align 4\n"
        ".globl gt_syscall\n"
        ".hidden gt_syscall\n"
        ".type gt_syscall, @function\n"
        "gt_syscall:\n"
        "  .cfi_startproc\n"
        "  endbr64\n" GT_MAKE_CALL "  .cfi_endproc\n"
        ".size gt_syscall, . - gt_syscall\n"
        ".p2align 4\n"
        ".globl syscall\n"
        ".type syscall, @function\n"
        "syscall:\n"
        "  .cfi_startproc\n"
        "  endbr64\n"
        "  cmpq $317, %rdi\n"
        "  je 2f\n"
        "  cmpq $272, %rdi\n"
        "  je 2f\n"
        "  cmpq $308, %rdi\n"
        "  je 2f\n"
        "  cmpq $157, %rdi\n"
        "  je 2f\n"
        /* The seventh argument stands where the C function finds it, too: a tail call. */
        "  jmp gt_syscall\n"
        "2: jmp gt_interpose_syscall\n"
        "  .cfi_endproc\n"
        ".size syscall, . - syscall\n");

#endif
