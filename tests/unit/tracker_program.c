/* Which programs can take the plugin: crafted ELF files, scripts, PATH search; hostile files change nothing but the answer. */
#include "tracker/program.h"

#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/greentrack-program.XXXXXX";

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_file(const char *name, const void *bytes, size_t n, mode_t mode)
{
    const char *path = path_of(name);
    unlink(path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
    chmod(path, mode);
    return path;
}

struct elf {
    Elf64_Ehdr head;
    Elf64_Phdr segment;
    char interpreter[64];
};

static uint16_t own_machine(void)
{
    Elf64_Ehdr head;
    FILE *file = fopen("/proc/self/exe", "re");
    assert_int_equal(fread(&head, sizeof head, 1, file), 1);
    fclose(file);
    return head.e_machine;
}

static struct elf make_elf(const char *interpreter)
{
    struct elf elf = {0};
    memcpy(elf.head.e_ident, ELFMAG, SELFMAG);
    elf.head.e_ident[EI_CLASS] = ELFCLASS64;
    elf.head.e_ident[EI_DATA] = ELFDATA2LSB;
    elf.head.e_machine = own_machine();
    elf.head.e_type = ET_DYN;
    elf.head.e_phoff = offsetof(struct elf, segment);
    elf.head.e_phnum = 1;
    elf.head.e_phentsize = sizeof(Elf64_Phdr);
    elf.segment.p_type = interpreter ? PT_INTERP : PT_LOAD;
    elf.segment.p_offset = offsetof(struct elf, interpreter);
    if (interpreter) {
        snprintf(elf.interpreter, sizeof elf.interpreter, "%s", interpreter);
        elf.segment.p_filesz = strlen(interpreter) + 1;
    }
    return elf;
}

static enum gt_program_kind kind_of(const char *path)
{
    struct gt_program program;
    gt_program_inspect(path, folder, &program);
    return program.kind;
}

static enum gt_program_kind elf_kind(struct elf elf)
{
    return kind_of(write_file("elf", &elf, sizeof elf, 0755));
}

static void tells_programs_apart(void **state)
{
    struct elf elf;
    (void)state;
    assert_int_equal(kind_of("/proc/self/exe"), GT_PROGRAM_PRELOADABLE);
    assert_int_equal(elf_kind(make_elf("/lib64/ld-linux-x86-64.so.2")), GT_PROGRAM_PRELOADABLE);
    assert_int_equal(elf_kind(make_elf("/lib/ld-linux-aarch64.so.1")), GT_PROGRAM_PRELOADABLE);
    assert_int_equal(elf_kind(make_elf("/lib/ld-musl-x86_64.so.1")), GT_PROGRAM_OTHER_LIBC);
    assert_int_equal(elf_kind(make_elf(NULL)), GT_PROGRAM_STATIC);
    elf = make_elf("/lib/ld-linux.so.2");
    elf.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(elf_kind(elf), GT_PROGRAM_OTHER_CLASS);
    elf = make_elf("/lib64/ld-linux-x86-64.so.2");
    elf.head.e_machine = EM_S390;
    assert_int_equal(elf_kind(elf), GT_PROGRAM_OTHER_CPU);
    assert_int_equal(kind_of(path_of("absent")), GT_PROGRAM_UNKNOWN);
    assert_int_equal(kind_of(write_file("text", "hello", 5, 0755)), GT_PROGRAM_UNKNOWN);
    assert_non_null(gt_program_reason(GT_PROGRAM_STATIC));
    assert_null(gt_program_reason(GT_PROGRAM_PRELOADABLE));
}

static void follows_scripts(void **state)
{
    char line[512];
    struct gt_program program;
    struct elf elf = make_elf(NULL);
    (void)state;
    write_file("static", &elf, sizeof elf, 0755);
    snprintf(line, sizeof line, "#! %s/static -x\necho\n", folder);
    gt_program_inspect(write_file("script", line, strlen(line), 0755), folder, &program);
    assert_int_equal(program.kind, GT_PROGRAM_STATIC);
    assert_int_equal(program.scripts, 1);
    assert_string_equal(program.path, path_of("static"));
    gt_program_inspect(write_file("script", "#!/usr/bin/env static\n", 22, 0755), folder, &program);
    assert_int_equal(program.kind, GT_PROGRAM_STATIC);
    gt_program_inspect(write_file("script", "#!/usr/bin/env -S static -q\n", 28, 0755), folder, &program);
    assert_int_equal(program.kind, GT_PROGRAM_STATIC);
    snprintf(line, sizeof line, "#!%s/loop\n", folder);
    assert_int_equal(kind_of(write_file("loop", line, strlen(line), 0755)), GT_PROGRAM_UNKNOWN);
    assert_int_equal(kind_of(write_file("script", "#!\n", 3, 0755)), GT_PROGRAM_UNKNOWN);
}

static void searches_as_execvp_does(void **state)
{
    char found[256], path[512];
    (void)state;
    write_file("tool", "#!/bin/sh\n", 10, 0755);
    write_file("data", "x", 1, 0644);
    snprintf(path, sizeof path, "/nowhere:%s", folder);
    assert_int_equal(gt_program_search("tool", path, found, sizeof found), 0);
    assert_string_equal(found, path_of("tool"));
    assert_int_equal(gt_program_search("absent", path, found, sizeof found), ENOENT);
    assert_int_equal(gt_program_search("", path, found, sizeof found), ENOENT);
    assert_int_equal(gt_program_search("data", path, found, sizeof found), EACCES);
    assert_int_equal(gt_program_search(path_of("data"), path, found, sizeof found), EACCES);
    assert_int_equal(gt_program_search(folder, path, found, sizeof found), EACCES);
    assert_int_equal(gt_program_search("tool", path, found, 8), ENOENT);
    assert_int_equal(gt_program_search(path_of("tool"), path, found, 8), ENAMETOOLONG);
}

/* 3,000 mutations of a sound file: any answer, no crash (the sanitizers watch). */
static void survives_hostile_files(void **state)
{
    (void)state;
    srand(7);
    for (int i = 0; i < 3000; i++) {
        struct elf elf = make_elf("/lib64/ld-linux-x86-64.so.2");
        unsigned char *bytes = (unsigned char *)&elf;
        for (int k = rand() % 6; k >= 0; k--)
            bytes[rand() % (int)sizeof elf] = (unsigned char)(rand() % 2 ? 0xff : rand());
        enum gt_program_kind kind = kind_of(write_file("mutant", &elf, (size_t)rand() % (sizeof elf + 1), 0755));
        assert_in_range(kind, GT_PROGRAM_PRELOADABLE, GT_PROGRAM_UNKNOWN);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"elf", "text", "static", "script", "loop", "tool", "data", "mutant"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(path_of(names[i]));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_programs_apart),
        cmocka_unit_test(follows_scripts),
        cmocka_unit_test(searches_as_execvp_does),
        cmocka_unit_test(survives_hostile_files),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
