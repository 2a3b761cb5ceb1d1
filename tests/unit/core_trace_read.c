/* The trace reader, on what the writer writes, on every truncation of it, and on thousands of damaged copies. */
#include "core/trace_read.h"

#include "core/crc32c.h"
#include "core/trace_write.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a trace in memory
 * --------------------------------------------------------------------------------------------------------- */

struct image {
    unsigned char bytes[1 << 16];
    size_t n;
    size_t chunk_at;
    uint32_t sequence, chunk_sequence;
};

static void put(struct image *image, const void *bytes, size_t n)
{
    assert_true(image->n + n <= sizeof image->bytes);
    memcpy(image->bytes + image->n, bytes, n);
    image->n += n;
}

static void begin(struct image *image)
{
    struct gt_trace_header h = {.version = GT_TRACE_VERSION,
                                .min_reader = GT_TRACE_MIN_READER,
                                .header_bytes = sizeof h,
                                .role = GT_TRACE_ROLE_PROCESS,
                                .pid = 4711};
    memset(image, 0, sizeof *image);
    memcpy(h.magic, GT_TRACE_MAGIC, 8);
    h.crc32c = gt_crc32c(0, &h, offsetof(struct gt_trace_header, crc32c));
    put(image, &h, sizeof h);
}

static void open_chunk(struct image *image)
{
    struct gt_trace_chunk chunk = {.magic = GT_TRACE_CHUNK_MAGIC, .sequence = ++image->chunk_sequence};
    image->chunk_at = image->n;
    put(image, &chunk, sizeof chunk);
}

static void seal(struct image *image)
{
    struct gt_trace_chunk chunk;
    memcpy(&chunk, image->bytes + image->chunk_at, sizeof chunk);
    chunk.bytes = (uint32_t)(image->n - image->chunk_at - sizeof chunk);
    chunk.crc32c = gt_crc32c(0, image->bytes + image->chunk_at + sizeof chunk, chunk.bytes);
    memcpy(image->bytes + image->chunk_at, &chunk, sizeof chunk);
}

static void record(struct image *image, uint16_t type, const void *payload, uint32_t n)
{
    static const unsigned char zero[8];
    uint32_t padding = (8 - n % 8) % 8;
    struct gt_trace_record head = {.type = type, .bytes = (uint32_t)(sizeof head) + n + padding + 8, .payload_bytes = n};
    struct gt_trace_tail tail = {.sequence = ++image->sequence, .commit = GT_TRACE_COMMIT};
    put(image, &head, sizeof head);
    put(image, payload, n);
    put(image, zero, padding);
    put(image, &tail, sizeof tail);
}

/* A NOTE whose payload is one u64 field. */
static void note(struct image *image, uint64_t value)
{
    unsigned char payload[12] = {GT_KEY_COUNT, 0, 8, 0};
    memcpy(payload + 4, &value, 8);
    record(image, GT_TRACE_NOTE, payload, sizeof payload);
}

/* Three sealed chunks of four notes each, then an open one of three: values 1 … 15. */
static void sample(struct image *image)
{
    begin(image);
    for (uint64_t i = 0; i < 15; i++) {
        if (i % 4 == 0) {
            if (i > 0)
                seal(image);
            open_chunk(image);
        }
        note(image, i + 1);
    }
}

static int file_of(const struct image *image, size_t n)
{
    int fd = memfd_create("trace", 0);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, image->bytes, n, 0), (ssize_t)n);
    return fd;
}

/* Reads everything; *values gets what the notes said. Returns how many records there were. */
static int read_all(int fd, uint64_t *values, int most, struct gt_trace_loss *loss, enum gt_trace_state *state)
{
    struct gt_trace_reader *reader = NULL;
    struct gt_err err = {0};
    struct gt_trace_view view;
    int n = 0;
    if (gt_trace_read_open_fd(fd, "test", &reader, &err) != GT_OK)
        return -1;
    enum gt_status status;
    while ((status = gt_trace_read_next(reader, &view, &err)) == GT_OK) {
        assert_true(n < most);
        values[n] = 0;
        gt_trace_find_u64(&view, GT_KEY_COUNT, &values[n]);
        n++;
    }
    assert_int_equal(status, GT_E_NOENT);
    if (loss)
        *loss = gt_trace_read_loss(reader);
    if (state)
        *state = gt_trace_read_state(reader);
    gt_trace_read_close(reader);
    return n;
}

/* --- tests
 * --------------------------------------------------------------------------------------------------------------------- */

static struct image image;
static uint64_t values[4096];

static void test_reads_sealed_and_open_chunks(void **state)
{
    (void)state;
    struct gt_trace_loss loss;
    enum gt_trace_state liveness;
    sample(&image);
    int fd = file_of(&image, image.n);
    assert_int_equal(read_all(fd, values, 4096, &loss, &liveness), 15);
    for (uint64_t i = 0; i < 15; i++)
        assert_int_equal(values[i], i + 1);
    assert_int_equal(loss.chunks, 0);
    assert_int_equal(loss.bytes, 0);
    assert_int_equal(liveness, GT_TRACE_CRASHED);
    close(fd);
}

/* Cut at every byte: whatever comes out is a prefix of the records, and never a record that was not written. */
static void test_every_truncation_is_a_prefix(void **state)
{
    (void)state;
    sample(&image);
    for (size_t n = 0; n <= image.n; n++) {
        int fd = file_of(&image, n);
        int count = read_all(fd, values, 4096, NULL, NULL);
        assert_int_equal(count < 0, n < sizeof(struct gt_trace_header));
        for (int i = 0; i < count; i++)
            assert_int_equal(values[i], i + 1);
        close(fd);
    }
}

static void test_a_corrupt_chunk_is_skipped_and_counted(void **state)
{
    (void)state;
    struct gt_trace_loss loss;
    sample(&image);
    size_t chunk_bytes = 16 + 4 * 40;
    image.bytes[sizeof(struct gt_trace_header) + chunk_bytes + 16 + 50] ^= 1; /* in the second chunk */
    int fd = file_of(&image, image.n);
    assert_int_equal(read_all(fd, values, 4096, &loss, NULL), 11);
    assert_int_equal(values[3], 4);
    assert_int_equal(values[4], 9);
    assert_int_equal(values[10], 15);
    assert_int_equal(loss.chunks, 1);
    assert_int_equal(loss.bytes, chunk_bytes);
    close(fd);
}

static void test_a_damaged_chunk_length_costs_one_chunk(void **state)
{
    (void)state;
    struct gt_trace_loss loss;
    sample(&image);
    image.bytes[sizeof(struct gt_trace_header) + 8 + 2] ^= 0x40; /* the first chunk claims to be far longer */
    int fd = file_of(&image, image.n);
    assert_int_equal(read_all(fd, values, 4096, &loss, NULL), 11);
    assert_int_equal(values[0], 5);
    assert_int_equal(loss.chunks, 1);
    close(fd);
}

static void test_an_uncommitted_record_ends_the_open_chunk(void **state)
{
    (void)state;
    struct gt_trace_loss loss;
    sample(&image);
    memset(image.bytes + image.n - 4, 0, 4); /* the last commit word */
    int fd = file_of(&image, image.n);
    assert_int_equal(read_all(fd, values, 4096, &loss, NULL), 14);
    assert_int_equal(loss.chunks, 0);
    close(fd);
}

static void test_zeros_behind_the_end_are_no_loss(void **state)
{
    (void)state;
    struct gt_trace_loss loss;
    sample(&image);
    seal(&image);
    static const unsigned char zeros[4096];
    put(&image, zeros, sizeof zeros);
    int fd = file_of(&image, image.n);
    assert_int_equal(read_all(fd, values, 4096, &loss, NULL), 15);
    assert_int_equal(loss.bytes, 0);
    close(fd);
}

static void test_reading_goes_on_when_the_file_has_grown(void **state)
{
    (void)state;
    struct gt_trace_reader *reader;
    struct gt_err err = {0};
    struct gt_trace_view view;
    sample(&image);
    size_t whole = image.n;
    int fd = file_of(&image, whole - 40), count = 0;
    assert_int_equal(gt_trace_read_open_fd(fd, "test", &reader, &err), GT_OK);
    while (gt_trace_read_next(reader, &view, &err) == GT_OK)
        count++;
    assert_int_equal(count, 14);
    seal(&image);
    open_chunk(&image);
    note(&image, 16);
    assert_int_equal(pwrite(fd, image.bytes, image.n, 0), (ssize_t)image.n);
    while (gt_trace_read_next(reader, &view, &err) == GT_OK)
        count++;
    assert_int_equal(count, 16);
    gt_trace_read_close(reader);
    close(fd);
}

static void test_a_newer_minimum_is_refused_by_number(void **state)
{
    (void)state;
    struct gt_trace_header h;
    struct gt_trace_reader *reader = NULL;
    struct gt_err err = {0};
    sample(&image);
    memcpy(&h, image.bytes, sizeof h);
    h.min_reader = 7;
    h.crc32c = gt_crc32c(0, &h, offsetof(struct gt_trace_header, crc32c));
    memcpy(image.bytes, &h, sizeof h);
    int fd = file_of(&image, image.n);
    assert_int_equal(gt_trace_read_open_fd(fd, "test", &reader, &err), GT_E_VERSION);
    assert_non_null(strstr(err.text, "7"));
    close(fd);
}

static void test_foreign_files_are_refused(void **state)
{
    (void)state;
    struct gt_trace_reader *reader = NULL;
    struct gt_err err = {0};
    assert_int_equal(gt_trace_read_open("/dev/null", &reader, &err), GT_E_FORMAT);
    assert_int_equal(gt_trace_read_open("/etc/passwd", &reader, &err), GT_E_FORMAT);
    assert_int_equal(gt_trace_read_open("/nonexistent/x.gtt", &reader, &err), GT_E_NOENT);
    sample(&image);
    image.bytes[20] ^= 1;
    int fd = file_of(&image, image.n);
    assert_int_equal(gt_trace_read_open_fd(fd, "test", &reader, &err), GT_E_CORRUPT);
    close(fd);
}

static void test_liveness(void **state)
{
    (void)state;
    enum gt_trace_state liveness;
    char path[] = "/tmp/gt-trace-XXXXXX";
    sample(&image);
    int writer = mkstemp(path);
    assert_int_equal(pwrite(writer, image.bytes, image.n, 0), (ssize_t)image.n);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    int reader = open(path, O_RDONLY);
    assert_int_equal(fcntl(writer, F_OFD_SETLK, &lock), 0);
    read_all(reader, values, 4096, NULL, &liveness);
    assert_int_equal(liveness, GT_TRACE_OPEN);
    close(writer);
    read_all(reader, values, 4096, NULL, &liveness);
    assert_int_equal(liveness, GT_TRACE_CRASHED);
    record(&image, GT_TRACE_END, "", 0);
    writer = open(path, O_WRONLY);
    assert_int_equal(pwrite(writer, image.bytes, image.n, 0), (ssize_t)image.n);
    read_all(reader, values, 4096, NULL, &liveness);
    assert_int_equal(liveness, GT_TRACE_CLOSED);
    assert_string_equal(gt_trace_state_word(liveness), "closed");
    close(writer);
    close(reader);
    unlink(path);
}

/* Goes through every accessor, as ingest would, so that the sanitizers see whatever they reach. */
static void touch(const struct gt_trace_view *view)
{
    uint64_t sum = 0, thread, number;
    uint32_t count, domains;
    double real;
    char text[64];
    const uint64_t *ticks;
    const struct gt_trace_cpu *cpu;
    const struct gt_trace_event *events;
    const struct gt_trace_total *totals;
    struct gt_trace_field field;
    for (uint32_t at = 0; gt_trace_field_next(view, &at, &field);) {
        gt_trace_field_string(&field, text, sizeof text);
        sum += gt_trace_field_u64(&field, &number) + gt_trace_field_f64(&field, &real);
    }
    if (gt_trace_view_ticks(view, &count, &domains, &ticks) == GT_OK)
        for (uint64_t i = 0; i < (uint64_t)count * (1 + domains); i++)
            sum += ticks[i];
    if (gt_trace_view_cpu(view, &count, &cpu) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            sum += cpu[i].machine_total_ns;
    if (gt_trace_view_events(view, &thread, &count, &events) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            sum += events[i].t_end_ns;
    if (gt_trace_view_table(view, &thread, &count, &totals) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            sum += totals[i].ns;
    (void)*(volatile uint64_t *)&sum;
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64 (Marsaglia 2003) */
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void add_packed(struct image *out)
{
    uint64_t ticks[1 + 2 * 3] = {2 | UINT64_C(2) << 32, 10, 1, 2, 20, 3, 4};
    uint64_t cpu[1 + 4] = {1, 10, 20, 30, 40};
    struct {
        struct gt_trace_events head;
        struct gt_trace_event rows[2];
    } events = {{.thread = 9, .count = 2}, {{.slot = 1, .t_begin_ns = 1, .t_end_ns = 2}, {.slot = 2}}};
    struct {
        struct gt_trace_events head;
        struct gt_trace_total rows[1];
    } table = {{.thread = 9, .count = 1}, {{.slot = 1, .calls = 5}}};
    record(out, GT_TRACE_TICK, ticks, sizeof ticks);
    record(out, GT_TRACE_CPU, cpu, sizeof cpu);
    record(out, GT_TRACE_EVENTS, &events, sizeof events);
    record(out, GT_TRACE_TABLE, &table, sizeof table);
}

static void test_random_damage_never_hurts(void **state)
{
    (void)state;
    static struct image damaged;
    uint64_t random = 20260724;
    sample(&image);
    add_packed(&image);
    for (int round = 0; round < 3000; round++) {
        damaged = image;
        bool packed_only = round % 3 == 0; /* commit words and sizes of an open chunk, where no CRC protects */
        int flips = 1 + (int)(next_random(&random) % 8);
        for (int i = 0; i < flips; i++) {
            size_t from = packed_only ? image.chunk_at : round % 2 ? sizeof(struct gt_trace_header) : 0;
            damaged.bytes[from + next_random(&random) % (image.n - from)] = (unsigned char)next_random(&random);
        }
        int fd = file_of(&damaged, image.n - next_random(&random) % (round % 5 == 0 ? image.n : 1));
        struct gt_trace_reader *reader;
        struct gt_err err = {0};
        struct gt_trace_view view;
        if (gt_trace_read_open_fd(fd, "test", &reader, &err) == GT_OK) {
            int count = 0;
            while (gt_trace_read_next(reader, &view, &err) == GT_OK && ++count < 10000)
                touch(&view);
            assert_true(count < 10000);
            gt_trace_read_close(reader);
        }
        close(fd);
    }
}

static void test_packed_rows(void **state)
{
    (void)state;
    struct gt_trace_reader *reader;
    struct gt_err err = {0};
    struct gt_trace_view view;
    uint64_t thread;
    uint32_t count, domains;
    const uint64_t *ticks;
    const struct gt_trace_cpu *cpu;
    const struct gt_trace_event *events;
    const struct gt_trace_total *totals;
    begin(&image);
    open_chunk(&image);
    add_packed(&image);
    int fd = file_of(&image, image.n);
    assert_int_equal(gt_trace_read_open_fd(fd, "test", &reader, &err), GT_OK);
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_OK);
    assert_int_equal(gt_trace_view_ticks(&view, &count, &domains, &ticks), GT_OK);
    assert_int_equal(count, 2);
    assert_int_equal(domains, 2);
    assert_int_equal(ticks[5], 4);
    assert_int_equal(gt_trace_view_cpu(&view, &count, &cpu), GT_E_FORMAT);
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_OK);
    assert_int_equal(gt_trace_view_cpu(&view, &count, &cpu), GT_OK);
    assert_int_equal(cpu[0].machine_busy_ns, 30);
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_OK);
    assert_int_equal(gt_trace_view_events(&view, &thread, &count, &events), GT_OK);
    assert_int_equal(thread, 9);
    assert_int_equal(events[1].slot, 2);
    view.bytes -= 8;
    assert_int_equal(gt_trace_view_events(&view, &thread, &count, &events), GT_E_FORMAT);
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_OK);
    assert_int_equal(gt_trace_view_table(&view, &thread, &count, &totals), GT_OK);
    assert_int_equal(totals[0].calls, 5);
    gt_trace_read_close(reader);
    close(fd);
}

/* Crafted heads everywhere: reading must end soon, not check the same bytes over and over. */
static void test_crafted_chunk_heads_cost_linear_time(void **state)
{
    (void)state;
    begin(&image);
    while (image.n + 16 <= sizeof image.bytes) {
        struct gt_trace_chunk chunk = {
            .magic = GT_TRACE_CHUNK_MAGIC, .bytes = (uint32_t)(sizeof image.bytes - image.n - 16), .crc32c = 1};
        put(&image, &chunk, sizeof chunk);
    }
    int fd = file_of(&image, image.n);
    struct gt_trace_loss loss;
    assert_int_equal(read_all(fd, values, 4096, &loss, NULL), 0);
    assert_int_equal(loss.bytes, image.n - sizeof(struct gt_trace_header));
    close(fd);
}

/* What the writer writes comes back field by field. */
static void test_reads_what_the_writer_wrote(void **state)
{
    (void)state;
    char folder[] = "/tmp/gt-trace-XXXXXX", name[GT_TRACE_WRITE_NAME_BYTES], text[64];
    static unsigned char buffer[GT_TRACE_WRITE_BUFFER_MIN];
    struct gt_trace_writer writer;
    struct gt_trace_header header;
    struct gt_trace_reader *reader;
    struct gt_trace_view view;
    struct gt_err err = {0};
    double phi;
    assert_non_null(mkdtemp(folder));
    int dir = open(folder, O_RDONLY | O_DIRECTORY);
    assert_int_equal(gt_trace_write_header_init(&header, GT_TRACE_ROLE_PROCESS, NULL, NULL), GT_OK);
    gt_trace_write_name(&header, name);
    assert_int_equal(gt_trace_write_create(&writer, dir, name, &header, buffer, sizeof buffer), GT_OK);
    gt_trace_write_begin(&writer, GT_TRACE_MODEL);
    gt_trace_write_string(&writer, GT_KEY_NAME, "fashion/b3");
    gt_trace_write_f64(&writer, GT_KEY_PHI, 3);
    assert_int_equal(gt_trace_write_commit(&writer), GT_OK);
    assert_int_equal(gt_trace_write_flush(&writer), GT_OK);
    int fd = openat(dir, name, O_RDONLY);
    assert_int_equal(gt_trace_read_open_fd(fd, name, &reader, &err), GT_OK);
    assert_memory_equal(gt_trace_read_header(reader)->trace_id, header.trace_id, GT_TRACE_ID_BYTES);
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_OK);
    assert_int_equal(view.type, GT_TRACE_MODEL);
    assert_true(gt_trace_find_string(&view, GT_KEY_NAME, text, sizeof text));
    assert_string_equal(text, "fashion/b3");
    assert_true(gt_trace_find_f64(&view, GT_KEY_PHI, &phi) && phi == 3);
    assert_false(gt_trace_find_string(&view, GT_KEY_FAMILY, text, sizeof text));
    assert_int_equal(gt_trace_read_next(reader, &view, &err), GT_E_NOENT);
    assert_int_equal(gt_trace_read_state(reader), GT_TRACE_OPEN);
    gt_trace_read_close(reader);
    gt_trace_write_close(&writer);
    close(fd);
    unlinkat(dir, name, 0);
    close(dir);
    rmdir(folder);
}

/* A file of version 1, which every later version must read the same. Written once by the writer of that version. */
static void test_golden_file_of_version_1(void **state)
{
    (void)state;
    struct gt_trace_reader *reader = NULL;
    struct gt_err err = {0};
    struct gt_trace_view view;
    struct gt_trace_field digest;
    uint64_t sums[1024] = {0}, n, thread;
    uint32_t count, domains;
    double real;
    char text[64];
    const uint64_t *ticks;
    const struct gt_trace_cpu *cpu;
    const struct gt_trace_event *events;
    const struct gt_trace_total *totals;
    assert_int_equal(gt_trace_read_open("tests/golden/trace-v1.gtt", &reader, &err), GT_OK);
    assert_int_equal(gt_trace_read_header(reader)->pid, 4711);
    assert_int_equal(gt_trace_read_header(reader)->real_ns, 1700000000000000000);
    assert_int_equal(gt_trace_read_header(reader)->run_id[15], 31);
    while (gt_trace_read_next(reader, &view, &err) == GT_OK) {
        assert_true(view.type < 1024);
        sums[view.type]++;
        if (view.type == GT_TRACE_PROCESS) {
            assert_true(gt_trace_find_string(&view, GT_KEY_COMMAND, text, sizeof text));
            assert_string_equal(text, "gtcnn eval --model 'fashion/b3'");
        } else if (view.type == GT_TRACE_MODEL) {
            assert_true(gt_trace_find_f64(&view, GT_KEY_PHI, &real) && real == 3);
            assert_true(gt_trace_find(&view, GT_KEY_DIGEST, &digest) && digest.bytes == 32);
        } else if (view.type == GT_TRACE_SOURCE) {
            assert_true(gt_trace_find_f64(&view, GT_KEY_DOMAIN_UJ, &real) && real == 61.03515625);
        } else if (view.type == GT_TRACE_TICK) {
            assert_int_equal(gt_trace_view_ticks(&view, &count, &domains, &ticks), GT_OK);
            assert_true(count == 3 && domains == 1 && ticks[5] == 400);
        } else if (view.type == GT_TRACE_CPU) {
            assert_int_equal(gt_trace_view_cpu(&view, &count, &cpu), GT_OK);
            assert_true(count == 2 && cpu[1].job_cpu_ns == 15 && cpu[1].machine_busy_ns == UINT64_MAX);
        } else if (view.type == GT_TRACE_EVENTS) {
            assert_int_equal(gt_trace_view_events(&view, &thread, &count, &events), GT_OK);
            assert_true(thread == 4712 && count == 2 && events[1].items == 16 && events[1].slot == GT_TRACE_SLOT_INFER);
        } else if (view.type == GT_TRACE_TABLE) {
            assert_int_equal(gt_trace_view_table(&view, &thread, &count, &totals), GT_OK);
            assert_true(count == 1 && totals[0].ns == 3000000);
        } else if (view.type == GT_TRACE_END) {
            assert_true(gt_trace_find_u64(&view, GT_KEY_EXIT_STATUS, &n) && n == 0);
        }
    }
    static const uint16_t once[] = {
        GT_TRACE_PROCESS, GT_TRACE_HOST,  GT_TRACE_MODEL, GT_TRACE_UNIT, GT_TRACE_SOURCE, GT_TRACE_TICK, GT_TRACE_CPU,
        GT_TRACE_EVENTS,  GT_TRACE_TABLE, GT_TRACE_LOSS,  GT_TRACE_NOTE, GT_TRACE_GAP,    GT_TRACE_END,  999};
    for (size_t i = 0; i < sizeof once / sizeof *once; i++)
        assert_int_equal(sums[once[i]], 1);
    assert_int_equal(gt_trace_read_loss(reader).bytes, 0);
    assert_int_equal(gt_trace_read_state(reader), GT_TRACE_CLOSED);
    gt_trace_read_close(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_sealed_and_open_chunks),
        cmocka_unit_test(test_every_truncation_is_a_prefix),
        cmocka_unit_test(test_a_corrupt_chunk_is_skipped_and_counted),
        cmocka_unit_test(test_a_damaged_chunk_length_costs_one_chunk),
        cmocka_unit_test(test_an_uncommitted_record_ends_the_open_chunk),
        cmocka_unit_test(test_zeros_behind_the_end_are_no_loss),
        cmocka_unit_test(test_reading_goes_on_when_the_file_has_grown),
        cmocka_unit_test(test_a_newer_minimum_is_refused_by_number),
        cmocka_unit_test(test_foreign_files_are_refused),
        cmocka_unit_test(test_liveness),
        cmocka_unit_test(test_random_damage_never_hurts),
        cmocka_unit_test(test_packed_rows),
        cmocka_unit_test(test_crafted_chunk_heads_cost_linear_time),
        cmocka_unit_test(test_reads_what_the_writer_wrote),
        cmocka_unit_test(test_golden_file_of_version_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
