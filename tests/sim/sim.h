/*
 * A virtual machine behind core/os.h: files in memory, a scripted clock, scripted failures.
 *
 * Life cycle: gt_sim_init, set it up, hand &sim->os to the code under test, gt_sim_free. Any path is a file once it was given
 * contents; folders follow from paths. Depends on core alone. One thread.
 */
#ifndef GT_TESTS_SIM_H
#define GT_TESTS_SIM_H

#include "core/os.h"

#include <stdbool.h>
#include <stdint.h>

enum { GT_SIM_FILES = 2048, GT_SIM_FDS = 256 };

/* Called when a file is read; returns its contents (borrowed until the next call). */
typedef const char *gt_sim_contents_fn(void *context, uint64_t mono_ns);

struct gt_sim_file {
    char *path, *text;            /* owned */
    gt_sim_contents_fn *contents; /* instead of text */
    void *context;
    int open_error; /* errno of open; 0 none */
    int read_error; /* errno of reads, from the `fail_from`th on (1 is the next), for `fail_count` reads (0: all) */
    int fail_from, fail_count;
    int reads;
    bool is_word;   /* a perf event: 8 bytes, the number that its text holds */
    bool is_device; /* reads go to its registers */
};

struct gt_sim {
    struct gt_os os;
    struct gt_sim_file files[GT_SIM_FILES];
    int file_count;
    int fds[GT_SIM_FDS]; /* index of the file + 1; 0 free */
    int open_fds;        /* how many are open: leaks show here */
    uint64_t mono_ns, real_ns, cpu_ns;
    uint64_t step_ns;      /* added to mono_ns at each look at it */
    size_t piece;          /* most bytes that one read gives; 0: no limit */
    uint64_t sleep_lag_ns; /* sleeps end that much late */
    char path[256];        /* the last one that gt_sim_register or gt_sim_event returned */
};

void gt_sim_init(struct gt_sim *sim);
void gt_sim_free(struct gt_sim *sim);

/* Creates or replaces a file. */
void gt_sim_file(struct gt_sim *sim, const char *path, const char *text);
void gt_sim_printf(struct gt_sim *sim, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));
void gt_sim_dynamic(struct gt_sim *sim, const char *path, gt_sim_contents_fn *contents, void *context);
void gt_sim_remove(struct gt_sim *sim, const char *path);

/*
 * What is no text: a register behind a device such as /dev/cpu/0/msr (a read at its number gives 8 bytes, -EIO where there is
 * none), and a perf event of a type, config and cpu (opening any other gives -ENOENT). Their value is the number that
 * `contents` prints. They fail by the paths that are returned (borrowed, until the next call of one of the two).
 */
const char *gt_sim_register(struct gt_sim *sim, const char *device, uint64_t number, gt_sim_contents_fn *contents,
                            void *context);
const char *gt_sim_event(struct gt_sim *sim, uint64_t type, uint64_t config, int cpu, gt_sim_contents_fn *contents,
                         void *context);

/* Opening that file (or listing that folder) fails with `errnum`; 0 takes it back. */
void gt_sim_fail_open(struct gt_sim *sim, const char *path, int errnum);
/* Reading it fails: from its `from`th read from now on (1: the next), `count` times (0: for ever). */
void gt_sim_fail_read(struct gt_sim *sim, const char *path, int errnum, int from, int count);

#endif
