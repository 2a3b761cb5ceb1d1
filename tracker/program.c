#include "tracker/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __LP64__
enum { OWN_CLASS = ELFCLASS64 };
#else
enum { OWN_CLASS = ELFCLASS32 };
#endif

/* execve(2): up to four levels of interpreters on top of the script; 255 bytes of the line count. */
enum { SCRIPTS_MOST = 5, SCRIPT_LINE = 256, PROGRAM_HEADERS_MOST = 512 };

#define DEFAULT_PATH "/bin:/usr/bin"

const char *gt_program_reason(enum gt_program_kind kind)
{
    static const char *const reasons[] = {
        [GT_PROGRAM_STATIC] = "is statically linked",
        [GT_PROGRAM_OTHER_CLASS] = "is of another word size (32-bit)",
        [GT_PROGRAM_OTHER_CPU] = "is built for another processor",
        [GT_PROGRAM_OTHER_LIBC] = "is not linked with glibc",
        [GT_PROGRAM_PRIVILEGED] = "is set-user-ID or set-group-ID",
        [GT_PROGRAM_UNKNOWN] = NULL,
    };
    return reasons[kind];
}

/* Can this file be executed? 0, or errno. */
static int check_executable(const char *file)
{
    struct stat st;
    if (stat(file, &st) != 0)
        return errno;
    if (!S_ISREG(st.st_mode))
        return EACCES;
    return access(file, X_OK) == 0 ? 0 : errno;
}

int gt_program_search(const char *name, const char *path, char *found, size_t size)
{
    int result = ENOENT;
    if (!*name)
        return ENOENT;
    if (strchr(name, '/')) {
        if ((size_t)snprintf(found, size, "%s", name) >= size)
            return ENAMETOOLONG;
        return check_executable(found);
    }
    for (path = path ? path : DEFAULT_PATH;; path++) {
        size_t n = strcspn(path, ":");
        if ((size_t)snprintf(found, size, "%.*s%s%s", (int)n, path, n ? "/" : "./", name) < size) {
            int failed = check_executable(found);
            if (failed == 0)
                return 0;
            if (failed == EACCES)
                result = EACCES;
        }
        path += n;
        if (*path == '\0')
            return result;
    }
}

/* The 1-based word of a line "word word ...", without its line end; false when there is none. */
static bool word_of(const char *line, int which, char *word, size_t size)
{
    for (;; which--) {
        line += strspn(line, " \t");
        size_t n = strcspn(line, " \t\n");
        if (n == 0 || n >= size)
            return false;
        if (which == 1) {
            memcpy(word, line, n);
            word[n] = '\0';
            return true;
        }
        line += n;
    }
}

/* The program behind "#!": its first word, or what env(1) would look up (its -S allowed for). False: no such program. */
static bool script_interpreter(const char *line, const char *path, char *found, size_t size)
{
    char program[PATH_MAX], name[PATH_MAX];
    if (!word_of(line, 1, program, sizeof program))
        return false;
    const char *base = strrchr(program, '/');
    if (strcmp(base ? base + 1 : program, "env") != 0 || !word_of(line, 2, name, sizeof name))
        return (size_t)snprintf(found, size, "%s", program) < size;
    if (name[0] == '-' && !word_of(line, 3, name, sizeof name))
        return false;
    return gt_program_search(name, path, found, size) == 0;
}

static enum gt_program_kind judge_interpreter(const char *interpreter)
{
    const char *base = strrchr(interpreter, '/');
    base = base ? base + 1 : interpreter;
    /* glibc's dynamic linkers are ld-linux*.so.N, ld64.so.N and ld.so.1 (glibc, shlib-versions); musl's are ld-musl-ARCH. */
    bool glibc = strncmp(base, "ld-linux", 8) == 0 || strncmp(base, "ld64.so", 7) == 0 || strcmp(base, "ld.so.1") == 0;
    return glibc ? GT_PROGRAM_PRELOADABLE : GT_PROGRAM_OTHER_LIBC;
}

static uint16_t own_machine(void)
{
    Elf64_Ehdr head;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, &head, sizeof head, 0);
    if (fd >= 0)
        close(fd);
    return n == (ssize_t)sizeof head ? head.e_machine : EM_NONE;
}

/* A 64-bit ELF file of this machine: looks for PT_INTERP. */
static enum gt_program_kind judge_segments(int fd, const Elf64_Ehdr *head, struct gt_program *program)
{
    if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phnum > PROGRAM_HEADERS_MOST)
        return GT_PROGRAM_UNKNOWN;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr segment;
        uint64_t at;
        if (__builtin_add_overflow(head->e_phoff, i * sizeof segment, &at) || at > INT64_MAX - sizeof segment ||
            pread(fd, &segment, sizeof segment, (off_t)at) != (ssize_t)sizeof segment)
            return GT_PROGRAM_UNKNOWN;
        if (segment.p_type != PT_INTERP)
            continue;
        if (segment.p_filesz < 2 || segment.p_filesz > sizeof program->interpreter || segment.p_offset > INT64_MAX ||
            pread(fd, program->interpreter, segment.p_filesz, (off_t)segment.p_offset) != (ssize_t)segment.p_filesz)
            return GT_PROGRAM_UNKNOWN;
        program->interpreter[segment.p_filesz - 1] = '\0';
        return judge_interpreter(program->interpreter);
    }
    return GT_PROGRAM_STATIC;
}

static enum gt_program_kind judge_elf(int fd, const unsigned char *start, size_t n, struct gt_program *program)
{
    Elf64_Ehdr head;
    struct stat st;
    if (n < EI_NIDENT || start[EI_CLASS] != OWN_CLASS)
        return GT_PROGRAM_OTHER_CLASS;
    if (n < sizeof head)
        return GT_PROGRAM_UNKNOWN;
    memcpy(&head, start, sizeof head);
    uint16_t machine = own_machine();
    if (machine != EM_NONE && head.e_machine != machine)
        return GT_PROGRAM_OTHER_CPU;
    if (fstat(fd, &st) == 0 &&
        ((st.st_mode & S_ISUID && st.st_uid != geteuid()) || (st.st_mode & S_ISGID && st.st_gid != getegid())))
        return GT_PROGRAM_PRIVILEGED;
    return judge_segments(fd, &head, program);
}

/* One file. True: it is a script, and `next` names its interpreter. */
static bool look_into(const char *file, const char *path, struct gt_program *program, char *next, size_t size)
{
    unsigned char start[SCRIPT_LINE + 1] = {0};
    program->kind = GT_PROGRAM_UNKNOWN;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = pread(fd, start, SCRIPT_LINE, 0);
    bool script = n > 2 && start[0] == '#' && start[1] == '!';
    if (n >= SELFMAG && memcmp(start, ELFMAG, SELFMAG) == 0)
        program->kind = judge_elf(fd, start, (size_t)n, program);
    close(fd);
    return script && script_interpreter((const char *)start + 2, path, next, size);
}

void gt_program_inspect(const char *file, const char *path, struct gt_program *program)
{
    char next[PATH_MAX];
    *program = (struct gt_program){.kind = GT_PROGRAM_UNKNOWN};
    snprintf(program->path, sizeof program->path, "%s", file);
    while (look_into(program->path, path, program, next, sizeof next) && program->scripts < SCRIPTS_MOST) {
        snprintf(program->path, sizeof program->path, "%s", next);
        program->scripts++;
    }
}
