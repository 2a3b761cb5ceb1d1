/* The writer as its reader sees it: records come back, cut files keep whole records, a full disk is a recorded loss. */
#include "core/trace_read.h"
#include "core/trace_write.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], path[160];
static int dir_fd;
static unsigned char buffer[16 * 1024];
static struct gt_trace_writer writer;

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gt-write-XXXXXX");
    dir_fd = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
    return dir_fd < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(dir_fd);
    unlink(path);
    return rmdir(folder);
}

static void create(void)
{
    struct gt_trace_header header;
    char name[GT_TRACE_WRITE_NAME_BYTES];
    uint8_t run[16] = {9};
    if (path[0])
        unlink(path);
    assert_int_equal(gt_trace_write_header_init(&header, GT_TRACE_ROLE_PROCESS, run, NULL), GT_OK);
    gt_trace_write_name(&header, name);
    assert_int_equal(strlen(name), strlen("process-.gtt") + 32);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(gt_trace_write_create(&writer, dir_fd, name, &header, buffer, sizeof buffer), GT_OK);
}

static void number(uint64_t n)
{
    gt_trace_write_begin(&writer, GT_TRACE_NOTE);
    gt_trace_write_string(&writer, GT_KEY_LABEL, "n");
    gt_trace_write_u64(&writer, GT_KEY_COUNT, n);
    gt_trace_write_commit(&writer);
}

static struct gt_trace_reader *reader(void)
{
    struct gt_trace_reader *r = NULL;
    struct gt_err err = {0};
    assert_int_equal(gt_trace_read_open(path, &r, &err), GT_OK);
    return r;
}

/* Reads numbers 0, 1, 2, ... and returns how many; anything else fails. *lost: the sum of LOSS records. */
static uint64_t read_numbers(struct gt_trace_reader *r, uint64_t *lost)
{
    struct gt_trace_view view;
    struct gt_err err = {0};
    uint64_t n, next = 0;
    while (gt_trace_read_next(r, &view, &err) == GT_OK) {
        if (view.type == GT_TRACE_LOSS && lost && gt_trace_find_u64(&view, GT_KEY_COUNT, &n))
            *lost += n;
        if (view.type != GT_TRACE_NOTE)
            continue;
        assert_true(gt_trace_find_u64(&view, GT_KEY_COUNT, &n));
        if (!lost)
            assert_int_equal(n, next);
        next++;
    }
    return next;
}

static void records_come_back_over_many_chunks(void **state)
{
    (void)state;
    struct stat st;
    create();
    for (uint64_t i = 0; i < 60000; i++)
        number(i);
    gt_trace_write_begin(&writer, GT_TRACE_END);
    gt_trace_write_commit(&writer);
    assert_int_equal(gt_trace_write_close(&writer), GT_OK);
    struct gt_trace_reader *r = reader();
    assert_int_equal(read_numbers(r, NULL), 60000);
    assert_int_equal(gt_trace_read_state(r), GT_TRACE_CLOSED);
    assert_int_equal(gt_trace_read_loss(r).bytes, 0);
    assert_int_equal(gt_trace_read_header(r)->run_id[0], 9);
    gt_trace_read_close(r);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(st.st_size > 2 * GT_TRACE_WRITE_CHUNK_BYTES);
}

static void every_kind_of_value_comes_back(void **state)
{
    (void)state;
    struct gt_trace_view view;
    struct gt_err err = {0};
    char text[GT_TRACE_WRITE_STRING_MAX + 10], *longer = malloc(10000);
    double f = 0;
    struct gt_trace_events head = {.thread = 5, .count = 2000};
    struct gt_trace_event *rows = calloc(2000, sizeof *rows);
    memset(longer, 'x', 9999);
    longer[9999] = 0;
    rows[1999].slot = 42;
    create();
    gt_trace_write_begin(&writer, GT_TRACE_MODEL);
    gt_trace_write_f64(&writer, GT_KEY_PHI, 1.5);
    gt_trace_write_string(&writer, GT_KEY_NAME, longer);
    gt_trace_write_string(&writer, GT_KEY_FAMILY, NULL);
    gt_trace_write_commit(&writer);
    /* larger than the buffer, and smaller */
    gt_trace_write_packed(&writer, GT_TRACE_EVENTS, &head, sizeof head, rows, 2000 * sizeof *rows);
    head.count = 1;
    gt_trace_write_packed(&writer, GT_TRACE_EVENTS, &head, sizeof head, rows + 1999, sizeof *rows);
    assert_int_equal(gt_trace_write_last_sequence(&writer), 3);
    gt_trace_write_close(&writer);
    struct gt_trace_reader *r = reader();
    assert_int_equal(gt_trace_read_next(r, &view, &err), GT_OK);
    assert_true(gt_trace_find_f64(&view, GT_KEY_PHI, &f) && f == 1.5);
    assert_true(gt_trace_find_string(&view, GT_KEY_NAME, text, sizeof text));
    assert_int_equal(strlen(text), GT_TRACE_WRITE_STRING_MAX);
    assert_false(gt_trace_find_string(&view, GT_KEY_FAMILY, text, sizeof text));
    for (uint32_t wanted = 2000; wanted >= 1; wanted = wanted == 2000 ? 1 : 0) {
        uint64_t thread;
        uint32_t count;
        const struct gt_trace_event *got;
        assert_int_equal(gt_trace_read_next(r, &view, &err), GT_OK);
        assert_int_equal(gt_trace_view_events(&view, &thread, &count, &got), GT_OK);
        assert_int_equal(count, wanted);
        assert_int_equal(got[count - 1].slot, 42);
    }
    assert_int_equal(gt_trace_read_next(r, &view, &err), GT_E_NOENT);
    gt_trace_read_close(r);
    free(longer);
    free(rows);
}

static void a_live_trace_is_locked_and_readable(void **state)
{
    (void)state;
    create();
    for (uint64_t i = 0; i < 10; i++)
        number(i);
    gt_trace_write_flush(&writer);
    number(10); /* not flushed: not there */
    struct gt_trace_reader *r = reader();
    assert_int_equal(read_numbers(r, NULL), 10);
    assert_int_equal(gt_trace_read_state(r), GT_TRACE_OPEN);
    gt_trace_read_close(r);
    gt_trace_write_close(&writer);
    r = reader();
    assert_int_equal(read_numbers(r, NULL), 11);
    assert_int_equal(gt_trace_read_state(r), GT_TRACE_CRASHED); /* no END */
    gt_trace_read_close(r);
}

/* Cut at any byte, the file holds exactly the records that are whole: none invented, at most the cut one missing. */
static void a_cut_file_keeps_its_whole_records(void **state)
{
    (void)state;
    struct stat st;
    create();
    for (uint64_t i = 0; i < 50; i++)
        number(i);
    gt_trace_write_flush(&writer);
    assert_int_equal(stat(path, &st), 0);
    uint64_t record = ((uint64_t)st.st_size - 128 - 16) / 50;
    for (off_t size = st.st_size; size > 144; size -= 7) {
        assert_int_equal(truncate(path, size), 0);
        struct gt_trace_reader *r = reader();
        assert_int_equal(read_numbers(r, NULL), ((uint64_t)size - 144) / record);
        gt_trace_read_close(r);
    }
    gt_trace_write_close(&writer);
}

/* RLIMIT_FSIZE stands for a full disk: EFBIG is handled as ENOSPC is (tests/e2e/plugin_full.sh has a real one). */
static void a_full_disk_is_a_recorded_loss(void **state)
{
    (void)state;
    struct rlimit old, limit;
    uint64_t lost = 0, kept;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 100000;
    create();
    setrlimit(RLIMIT_FSIZE, &limit);
    for (uint64_t i = 0; i < 5000; i++)
        number(i);
    assert_int_equal(gt_trace_write_flush(&writer), GT_E_NOSPACE);
    assert_true(gt_trace_write_lost(&writer) > 0);
    gt_trace_write_begin(&writer, GT_TRACE_END);
    gt_trace_write_commit(&writer);
    gt_trace_write_close(&writer);
    setrlimit(RLIMIT_FSIZE, &old);
    struct gt_trace_reader *r = reader();
    kept = read_numbers(r, &lost);
    assert_true(kept > 1000 && kept < 5000);
    assert_int_equal(kept + lost, 5000);
    assert_int_equal(gt_trace_read_state(r), GT_TRACE_CLOSED); /* END found its reserve */
    assert_int_equal(gt_trace_read_loss(r).bytes, 0);
    gt_trace_read_close(r);
}

/* A small file takes no more of the disk than it needs; a grown one is ahead of its end while it is open, and not afterwards.
 */
static void a_grown_file_has_room_ahead_until_it_ends(void **state)
{
    struct stat st;
    uint64_t lost = 0, n = 0;
    (void)state;
    create();
    for (; n < 20; n++)
        number(n);
    assert_int_equal(gt_trace_write_flush(&writer), GT_OK);
    assert_int_equal(stat(path, &st), 0);
    if (st.st_blocks * 512 < st.st_size + 4096) {
        print_message("[  SKIPPED ] no fallocate in /tmp\n");
        skip();
    }
    assert_true(st.st_blocks * 512 < st.st_size + GT_TRACE_WRITE_RESERVE_BYTES + 2 * 4096);
    for (; n < 100000; n++) {
        number(n);
        if (n % 100 == 0)
            assert_int_equal(gt_trace_write_flush(&writer), GT_OK);
    }
    gt_trace_write_flush(&writer);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 8 * GT_TRACE_WRITE_AHEAD_BYTES);
    assert_true(st.st_blocks * 512 > st.st_size + GT_TRACE_WRITE_RESERVE_BYTES);
    assert_true(st.st_blocks * 512 < st.st_size + GT_TRACE_WRITE_AHEAD_BYTES + 64 * 1024);
    assert_int_equal(gt_trace_write_close(&writer), GT_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_blocks * 512 <= st.st_size + 2 * 4096);
    struct gt_trace_reader *r = reader();
    assert_int_equal(read_numbers(r, &lost), n);
    assert_int_equal(lost, 0);
    gt_trace_read_close(r);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    static const unsigned char large[4000];
    struct gt_trace_writer closed = {.fd = -1};
    struct gt_trace_header header = {0};
    assert_int_equal(gt_trace_write_create(&closed, dir_fd, "x", &header, buffer, 100), GT_E_ARG);
    assert_int_equal(gt_trace_write_flush(&closed), GT_E_STATE);
    assert_int_equal(gt_trace_write_commit(&closed), GT_E_STATE);
    gt_trace_write_note(&closed, "a", "b"); /* nothing happens */
    create();
    assert_int_equal(gt_trace_write_create(&closed, dir_fd, strrchr(path, '/') + 1, &header, buffer, sizeof buffer),
                     GT_E_EXIST);
    gt_trace_write_begin(&writer, GT_TRACE_NOTE);
    for (int i = 0; i < 10; i++)
        gt_trace_write_bytes(&writer, GT_KEY_TEXT, large, sizeof large);
    assert_int_equal(gt_trace_write_commit(&writer), GT_E_LIMIT);
    assert_int_equal(gt_trace_write_lost(&writer), 1);
    gt_trace_write_close(&writer);
}

/* Both clocks at one moment, and the boot that the monotonic one counts from. */
static void the_header_is_anchored(void **state)
{
    struct gt_trace_header header;
    struct timespec before, after;
    char text[64] = "", digits[3] = "";
    size_t at = 0;
    (void)state;
    clock_gettime(CLOCK_REALTIME, &before);
    assert_int_equal(gt_trace_write_header_init(&header, GT_TRACE_ROLE_PROCESS, NULL, NULL), GT_OK);
    clock_gettime(CLOCK_REALTIME, &after);
    assert_in_range(header.real_ns, (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec,
                    (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(header.mono_ns > 0 && header.mono_ns <= (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec);
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
    assert_true(file && fgets(text, sizeof text, file));
    fclose(file);
    for (int i = 0; i < GT_TRACE_ID_BYTES; i++) {
        at += text[at] == '-';
        memcpy(digits, text + at, 2);
        assert_int_equal(header.boot_id[i], strtoul(digits, NULL, 16));
        at += 2;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_anchored),
        cmocka_unit_test(records_come_back_over_many_chunks),
        cmocka_unit_test(every_kind_of_value_comes_back),
        cmocka_unit_test(a_live_trace_is_locked_and_readable),
        cmocka_unit_test(a_cut_file_keeps_its_whole_records),
        cmocka_unit_test(a_full_disk_is_a_recorded_loss),
        cmocka_unit_test(a_grown_file_has_room_ahead_until_it_ends),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
