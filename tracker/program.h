/*
 * What kind of program a command is: can the plugin be preloaded into it?
 *
 * Reads files with pread only and takes nothing in them on trust. No allocation, no stdio; thread-safe.
 */
#ifndef GT_TRACKER_PROGRAM_H
#define GT_TRACKER_PROGRAM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum gt_program_kind {
    GT_PROGRAM_PRELOADABLE, /* dynamically linked with glibc, of this machine and class */
    GT_PROGRAM_STATIC,      /* no PT_INTERP (System V ABI, program header): no dynamic linker, no LD_PRELOAD */
    GT_PROGRAM_OTHER_CLASS, /* 32-bit (or 64-bit under a 32-bit greentrack) */
    GT_PROGRAM_OTHER_CPU,   /* e_machine of another processor: run by an emulator, if at all */
    GT_PROGRAM_OTHER_LIBC,  /* musl or another dynamic linker: the plugin is built against glibc */
    GT_PROGRAM_PRIVILEGED,  /* set-user-ID, set-group-ID: ld.so ignores LD_PRELOAD with a slash (ld.so(8)) */
    GT_PROGRAM_UNKNOWN      /* neither ELF nor script, or unreadable: the kernel will say; preloading is tried */
};

struct gt_program {
    enum gt_program_kind kind;
    char path[PATH_MAX];        /* what is looked at in the end: the interpreter of a script */
    char interpreter[PATH_MAX]; /* PT_INTERP; "" without */
    int scripts;                /* how many #! lines were followed */
};

/* Why a kind cannot be preloaded, for people: "is statically linked"; NULL where it can. */
const char *gt_program_reason(enum gt_program_kind kind);

/*
 * Finds `name` as execvp(3) does: as it is when it has a slash, else in `path` (NULL: the system's default; an empty element
 * is the current folder). 0 with the file in `found`, or the errno that tells why not (ENOENT; EACCES when a file of that name
 * was there but may not be executed; ENAMETOOLONG).
 */
int gt_program_search(const char *name, const char *path, char *found, size_t size);

/*
 * Looks into an executable file, following #! lines (at most five, as Linux does) and "/usr/bin/env NAME" through `path`.
 * Never fails: what cannot be read is GT_PROGRAM_UNKNOWN.
 */
void gt_program_inspect(const char *file, const char *path, struct gt_program *program);

#endif
