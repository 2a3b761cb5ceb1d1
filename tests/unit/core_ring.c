/* Rings: order, fullness, exact tables, one producer and one consumer at once, leftovers, hostile files. */
#include "core/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const uint8_t id[GT_TRACE_ID_BYTES] = {1, 2, 3, 0xab};
static char folder[64];
static int dir_fd;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gt-ring-XXXXXX");
    dir_fd = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
    return dir_fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(dir_fd, "r", 0);
    close(dir_fd);
    return rmdir(folder);
}

static struct gt_ring *make(uint32_t capacity, uint32_t table_rows)
{
    struct gt_ring *ring = NULL;
    assert_int_equal(gt_ring_create(dir_fd, "r", id, capacity, table_rows, &ring), GT_OK);
    gt_ring_attach(ring, 77);
    return ring;
}

static bool push(struct gt_ring *ring, uint32_t slot, uint64_t begin, uint64_t ns)
{
    struct gt_trace_event event = {.slot = slot, .items = 2, .t_begin_ns = begin, .t_end_ns = begin + ns};
    return gt_ring_push(ring, &event);
}

static uint64_t calls_of(const struct gt_ring *ring, uint32_t slot)
{
    struct gt_trace_total total;
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        if (gt_ring_table_row(ring, i, &total) && total.slot == slot)
            return total.calls;
    return 0;
}

static void rows_come_in_order_across_the_end(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    const struct gt_trace_event *rows;
    uint64_t wanted = 0, sent = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 7; i++)
            assert_true(push(ring, 1, sent++, 5));
        for (uint32_t n; (n = gt_ring_peek(ring, &rows)) > 0;) {
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(rows[i].t_begin_ns, wanted++);
            gt_ring_prepare(ring, n, 1);
            gt_ring_consume(ring);
        }
    }
    assert_int_equal(wanted, sent);
    gt_ring_destroy(ring, dir_fd, "r");
    assert_int_equal(faccessat(dir_fd, "r", F_OK, 0), -1);
}

static void a_full_ring_drops_rows_and_the_table_stays_exact(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    struct gt_trace_total total, lost;
    for (uint64_t i = 0; i < 100; i++)
        assert_int_equal(push(ring, 3, i, 10), i < 16);
    assert_int_equal(gt_ring_waiting(ring), 16);
    assert_int_equal(atomic_load(&ring->dropped), 84);
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        if (gt_ring_table_row(ring, i, &total) && total.slot == 3) {
            assert_int_equal(total.calls, 100);
            assert_int_equal(total.items, 200);
            assert_int_equal(total.ns, 1000);
            assert_true(gt_ring_table_lost(ring, i, &lost));
            assert_int_equal(lost.calls, 84);
            assert_int_equal(lost.ns, 840);
        }
    gt_ring_destroy(ring, dir_fd, "r");
}

static void a_full_table_sums_the_rest(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    uint64_t sum = 0;
    for (uint32_t slot = 0; slot < 50; slot++)
        push(ring, slot * 977, slot, 1);
    struct gt_trace_total total;
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        sum += gt_ring_table_row(ring, i, &total) ? total.calls : 0;
    assert_int_equal(sum, 50);
    assert_int_equal(calls_of(ring, GT_RING_SLOT_OTHER), 42);
    gt_ring_destroy(ring, dir_fd, "r");
}

static void *produce(void *ring)
{
    for (uint64_t i = 0; i < 200000; i++)
        push(ring, (uint32_t)(i % 5), i, 1);
    return NULL;
}

static void producer_and_consumer_at_once(void **state)
{
    (void)state;
    struct gt_ring *ring = make(256, 64);
    const struct gt_trace_event *rows;
    pthread_t thread;
    uint64_t seen = 0, last = 0, calls = 0;
    pthread_create(&thread, NULL, produce, ring);
    for (bool joined = false;;) {
        uint32_t n = gt_ring_peek(ring, &rows);
        for (uint32_t i = 0; i < n; i++) {
            assert_true(seen + i == 0 || rows[i].t_begin_ns > last);
            last = rows[i].t_begin_ns;
        }
        seen += n;
        gt_ring_prepare(ring, n, 1);
        gt_ring_consume(ring);
        if (n == 0 && joined)
            break;
        if (n == 0 && gt_ring_waiting(ring) == 0 && calls_of(ring, 4) == 40000) {
            pthread_join(thread, NULL);
            joined = true;
        }
    }
    for (uint32_t slot = 0; slot < 5; slot++)
        calls += calls_of(ring, slot);
    assert_int_equal(calls, 200000);
    assert_int_equal(seen + atomic_load(&ring->dropped), 200000);
    gt_ring_destroy(ring, dir_fd, "r");
}

static struct gt_ring_leftover *open_left(uint32_t last_sequence)
{
    char path[80];
    struct gt_ring_leftover *left = NULL;
    struct gt_err err = {0};
    snprintf(path, sizeof path, "%s/r", folder);
    assert_int_equal(gt_ring_leftover_open(path, (uint32_t)geteuid(), last_sequence, &left, &err), GT_OK);
    return left;
}

/* Killed between the write of record 9 and the end of its bookkeeping: the rows are told once, whichever happened. */
static void leftovers_are_told_once(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    const struct gt_trace_event *rows;
    const struct gt_trace_total *totals;
    for (uint64_t i = 0; i < 10; i++)
        push(ring, 1, i, 1);
    gt_ring_prepare(ring, 6, 9);
    struct gt_ring_leftover *left = open_left(8);
    assert_int_equal(gt_ring_leftover_rows(left, &rows), 10);
    assert_memory_equal(gt_ring_leftover_trace_id(left), id, sizeof id);
    assert_int_equal(gt_ring_leftover_thread(left), 77);
    assert_int_equal(gt_ring_leftover_table(left, &totals), 1);
    assert_int_equal(totals[0].calls, 10);
    gt_ring_leftover_close(left);
    left = open_left(9);
    assert_int_equal(gt_ring_leftover_rows(left, &rows), 4);
    assert_int_equal(rows[0].t_begin_ns, 6);
    gt_ring_leftover_close(left);
    gt_ring_destroy(ring, dir_fd, "r");
}

static void the_file_is_private_and_new(void **state)
{
    (void)state;
    struct stat st;
    struct gt_ring *ring = make(16, 8), *second = NULL;
    assert_int_equal(fstatat(dir_fd, "r", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true((uint64_t)st.st_blocks * 512 >= (uint64_t)st.st_size); /* allocated, not sparse */
    assert_int_equal(gt_ring_create(dir_fd, "r", id, 16, 8, &second), GT_E_EXIST);
    gt_ring_destroy(ring, dir_fd, "r");
    assert_int_equal(symlinkat("/etc/passwd", dir_fd, "r"), 0);
    assert_int_equal(gt_ring_create(dir_fd, "r", id, 16, 8, &second), GT_E_EXIST);
    assert_int_equal(gt_ring_create(dir_fd, "x", id, 17, 8, &second), GT_E_ARG);
    unlinkat(dir_fd, "r", 0);
}

/* A hook never takes a fault: every page is in the table of this process (proc(5), /proc/PID/pagemap: bit 63) before the first
 * row. */
static void pages_are_there_before_use(void **state)
{
    (void)state;
    enum { PAGE = 4096 };
    struct gt_ring *ring = make(1024, 1024);
    uint64_t entry;
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (map < 0) {
        gt_ring_destroy(ring, dir_fd, "r");
        skip(); /* this kernel or container does not show it */
    }
    for (size_t at = 0; at < ring->file_bytes; at += PAGE) {
        off_t where = (off_t)(((uintptr_t)ring + at) / PAGE * sizeof entry);
        assert_int_equal(pread(map, &entry, sizeof entry, where), sizeof entry);
        assert_true(entry >> 63);
    }
    close(map);
    gt_ring_destroy(ring, dir_fd, "r");
}

/* mincore(2) fails with ENOMEM where nothing is mapped. */
static void a_child_has_no_ring(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    unsigned char present[64];
    int status = 0;
    assert_int_equal(mincore(ring, ring->file_bytes, present), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(mincore(ring, gt_ring_size(16, 8), present) == -1 && errno == ENOMEM ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    gt_ring_destroy(ring, dir_fd, "r");
}

/* A file system with 64 KiB free: a ring of more is refused beforehand, where a sparse one would kill with SIGBUS when it is
 * used. */
static int try_on_a_small_disk(void)
{
    enum { PASSED = 0, FAILED = 1, NOT_PERMITTED = 77 };
    struct gt_ring *ring = NULL;
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
    if (unshare(flags) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", folder, "tmpfs", 0, "size=64k") != 0)
        return NOT_PERMITTED;
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (gt_ring_create(fd, "big", id, 8192, 1024, &ring) != GT_E_NOSPACE || faccessat(fd, "big", F_OK, 0) == 0)
        return FAILED;
    return gt_ring_create(fd, "small", id, 64, 16, &ring) == GT_OK ? PASSED : FAILED;
}

static void a_full_disk_makes_no_ring(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        _exit(try_on_a_small_disk());
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(); /* mounting is not permitted here */
    assert_int_equal(status, 0);
}

static bool abandoned(const char *name, uint64_t device, uint64_t inode)
{
    uint8_t trace_id[GT_TRACE_ID_BYTES] = {0};
    if (!gt_ring_is_abandoned(dir_fd, name, (uint32_t)geteuid(), device, inode, trace_id))
        return false;
    assert_memory_equal(trace_id, id, sizeof id);
    return true;
}

/* A claimed ring is abandoned when its lock is gone; for its own spool, under its own name, and to its owner alone. */
static void a_claim_ends_with_its_process(void **state)
{
    (void)state;
    char name[GT_RING_NAME_BYTES];
    uint8_t trace_id[GT_TRACE_ID_BYTES];
    struct gt_ring *ring = NULL;
    gt_ring_name(id, 0, name);
    assert_int_equal(gt_ring_create(dir_fd, name, id, 16, 8, &ring), GT_OK);
    assert_false(abandoned(name, 0, 0));
    int lock = gt_ring_claim(ring, dir_fd, name, 5, 6);
    assert_true(lock >= 0);
    assert_false(abandoned(name, 5, 6));
    assert_true(gt_ring_claim(ring, dir_fd, name, 7, 8) < 0);
    close(lock);
    assert_true(abandoned(name, 5, 6));
    assert_false(abandoned(name, 5, 7));
    assert_false(abandoned(name, 4, 6));
    assert_false(gt_ring_is_abandoned(dir_fd, name, (uint32_t)geteuid() + 1, 5, 6, trace_id));
    assert_int_equal(symlinkat(name, dir_fd, "link"), 0);
    assert_false(abandoned("link", 5, 6));
    unlinkat(dir_fd, "link", 0);
    assert_int_equal(renameat(dir_fd, name, dir_fd, "r"), 0);
    assert_false(abandoned("r", 5, 6));
    assert_false(abandoned("absent", 5, 6));
    gt_ring_destroy(ring, dir_fd, "r");
}

static void age(const char *name, time_t seconds)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - seconds}};
    assert_int_equal(utimensat(dir_fd, name, times, 0), 0);
}

/* What ran inside a unit is told beside its row, of that slot, without calls. */
static void nested_time_is_told_apart(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    struct gt_trace_total total;
    uint64_t nested = 0, rows = 0;
    push(ring, 3, 10, 90);
    push(ring, 4, 10, 40);
    gt_ring_nest(ring, 3, 60);
    gt_ring_nest(ring, 3, 5);
    for (uint32_t i = 0; i <= ring->table_rows; i++)
        if (gt_ring_table_nested(ring, i, &total)) {
            assert_int_equal(total.slot, 3 | GT_TRACE_SLOT_NESTED);
            assert_int_equal(total.calls, 0);
            nested += total.ns;
            rows++;
        }
    assert_int_equal(rows, 1);
    assert_int_equal(nested, 65);
    gt_ring_destroy(ring, dir_fd, "r");
}

/* What a process leaves that ends while it makes a ring: nothing in the file, zeros, or a ring that is claimed by nobody. */
static void half_made_rings_are_abandoned_after_a_minute(void **state)
{
    (void)state;
    char name[GT_RING_NAME_BYTES];
    struct gt_ring *ring = NULL;
    gt_ring_name(id, 3, name);
    for (int size = 0; size <= 8192; size += 8192) {
        int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600);
        assert_int_equal(ftruncate(fd, size), 0);
        assert_false(abandoned(name, 5, 6));
        age(name, 120);
        assert_true(abandoned(name, 5, 6));
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
        assert_false(abandoned(name, 5, 6));
        close(fd);
        assert_int_equal(renameat(dir_fd, name, dir_fd, "greentrack-12"), 0);
        assert_false(abandoned("greentrack-12", 5, 6));
        unlinkat(dir_fd, "greentrack-12", 0);
    }
    assert_int_equal(gt_ring_create(dir_fd, name, id, 16, 8, &ring), GT_OK);
    age(name, 120);
    assert_false(abandoned(name, 5, 6)); /* it may be that its lock could not be had: this process lives */
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    ring->pid = (uint32_t)child;
    age(name, 120);
    assert_true(abandoned(name, 5, 6));
    gt_ring_destroy(ring, dir_fd, name);
}

/* Whatever a file holds, the reader answers with a status or with what fits the file. */
static void hostile_files_are_refused(void **state)
{
    (void)state;
    struct gt_ring *ring = make(16, 8);
    size_t bytes = gt_ring_size(16, 8);
    unsigned char *good = malloc(bytes), *bad = malloc(bytes);
    char path[80];
    for (uint64_t i = 0; i < 20; i++)
        push(ring, (uint32_t)i, i, 1);
    memcpy(good, ring, bytes);
    gt_ring_destroy(ring, dir_fd, "r");
    snprintf(path, sizeof path, "%s/r", folder);
    srand(11);
    for (int round = 0; round < 2000; round++) {
        size_t size = round % 5 == 0 ? (size_t)rand() % (bytes + 100) : bytes;
        memcpy(bad, good, bytes);
        for (int i = 0; i < 1 + rand() % 8; i++)
            bad[(size_t)rand() % (round % 2 ? sizeof(struct gt_ring) : bytes)] = (unsigned char)rand();
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, bad, size < bytes ? size : bytes), size < bytes ? size : bytes);
        assert_int_equal(ftruncate(fd, (off_t)size), 0);
        close(fd);
        struct gt_ring_leftover *left = NULL;
        if (gt_ring_leftover_open(path, (uint32_t)geteuid(), (uint32_t)rand(), &left, NULL) == GT_OK) {
            const struct gt_trace_event *rows;
            assert_true(gt_ring_leftover_rows(left, &rows) <= 16);
            gt_ring_leftover_close(left);
        }
    }
    struct gt_ring_leftover *left = NULL;
    assert_int_equal(gt_ring_leftover_open(path, (uint32_t)geteuid() + 1, 0, &left, NULL), GT_E_PERM);
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, good, bytes), bytes);
    close(fd);
    assert_int_equal(gt_ring_leftover_open(path, (uint32_t)geteuid(), 0, &left, NULL), GT_OK);
    gt_ring_leftover_close(left);
    /* A whole ring, but by way of a link. */
    assert_int_equal(renameat(dir_fd, "r", dir_fd, "target"), 0);
    assert_int_equal(symlinkat("target", dir_fd, "r"), 0);
    assert_int_not_equal(gt_ring_leftover_open(path, (uint32_t)geteuid(), 0, &left, NULL), GT_OK);
    unlinkat(dir_fd, "target", 0);
    free(good);
    free(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_order_across_the_end), cmocka_unit_test(a_full_ring_drops_rows_and_the_table_stays_exact),
        cmocka_unit_test(a_full_table_sums_the_rest),        cmocka_unit_test(producer_and_consumer_at_once),
        cmocka_unit_test(leftovers_are_told_once),           cmocka_unit_test(the_file_is_private_and_new),
        cmocka_unit_test(pages_are_there_before_use),        cmocka_unit_test(a_child_has_no_ring),
        cmocka_unit_test(a_full_disk_makes_no_ring),         cmocka_unit_test(a_claim_ends_with_its_process),
        cmocka_unit_test(nested_time_is_told_apart),         cmocka_unit_test(half_made_rings_are_abandoned_after_a_minute),
        cmocka_unit_test(hostile_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
