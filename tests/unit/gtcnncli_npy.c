/* NumPy arrays: the types, orders and versions that are read, what is written, hostile files, seeded mutations. */
#include "runtime/cli/collect.h"
#include "runtime/cli/npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[128];

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMP");
    snprintf(folder, sizeof folder, "%.100s/npy.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A file in memory: version, header text as it stands, data. Returns its size. */
static size_t compose(uint8_t *out, int version, const char *header, const void *data, size_t n)
{
    size_t length = strlen(header), at = 8;
    memcpy(out, "\x93NUMPY", 6);
    out[6] = (uint8_t)version;
    out[7] = 0;
    for (int i = 0; i < (version == 1 ? 2 : 4); i++)
        out[at++] = (uint8_t)(length >> (8 * i));
    memcpy(out + at, header, length);
    memcpy(out + at + length, data, n);
    return at + length + n;
}

static void expect_values(int version, const char *header, const void *data, size_t n, const float *want, int64_t count)
{
    uint8_t file[512];
    struct gtcnn_npy a;
    struct gtcnn_err err = {0};
    if (gtcnn_npy_parse(file, compose(file, version, header, data, n), &a, &err) != GTCNN_OK)
        fail_msg("%s: %s", header, err.text);
    assert_int_equal(a.count, count);
    for (int64_t i = 0; i < count; i++)
        if (!(a.data[i] == want[i] || (isnan(a.data[i]) && isnan(want[i]))))
            fail_msg("%s: element %d is %g, not %g", header, (int)i, a.data[i], want[i]);
    gtcnn_npy_free(&a);
}

static void all_types_and_byte_orders_are_read(void **state)
{
    (void)state;
    static const float want[] = {1.5f, -2, INFINITY};
    static const uint8_t f4le[] = {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0x80, 0x7f};
    static const uint8_t f4be[] = {0x3f, 0xc0, 0, 0, 0xc0, 0, 0, 0, 0x7f, 0x80, 0, 0};
    static const uint8_t f8le[] = {0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f};
    static const uint8_t f8be[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0};
    static const uint8_t f2le[] = {0x00, 0x3e, 0x00, 0xc0, 0x00, 0x7c};
    static const uint8_t f2be[] = {0x3e, 0x00, 0xc0, 0x00, 0x7c, 0x00};
    static const uint8_t u1[] = {0, 128, 255};
    static const float want_u1[] = {0, 128, 255};
    for (int version = 1; version <= 3; version++) {
        expect_values(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n", f4le, sizeof f4le, want, 3);
        expect_values(version, "{'descr': '>f4', 'fortran_order': False, 'shape': (3,), }   \n", f4be, sizeof f4be, want, 3);
        expect_values(version, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }\n", f8le, sizeof f8le, want, 3);
        expect_values(version, "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 1), }\n", f8be, sizeof f8be, want, 3);
        expect_values(version, "{\"shape\":(3,),\"descr\":\"<f2\",\"fortran_order\":False}", f2le, sizeof f2le, want, 3);
        expect_values(version, "{'descr': '>f2', 'fortran_order': False, 'shape': (3,), }\n", f2be, sizeof f2be, want, 3);
        expect_values(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", u1, sizeof u1, want_u1, 3);
    }
}

/* Subnormals, the largest finite value, negative zero, NaN (IEEE 754, binary16). */
static void half_precision_is_exact(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x01, 0x00, 0xff, 0x03, 0x00, 0x04, 0xff, 0x7b, 0x00, 0x80, 0x01, 0x7e, 0x55, 0x35};
    static const float want[] = {0x1p-24f, 0x3ffp-24f, 0x1p-14f, 65504, -0.0f, NAN, 0.333251953125f};
    expect_values(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (7,), }\n", bytes, sizeof bytes, want, 7);
}

static void doubles_beyond_float_become_infinite(void **state)
{
    (void)state;
    const double values[] = {1e300, -1e300, 3.4028234663852886e38, 1e-320};
    static const float want[] = {INFINITY, -INFINITY, 0x1.fffffep127f, 0};
    expect_values(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (4,), }\n", values, sizeof values, want, 4);
}

static void fortran_order_is_turned(void **state)
{
    (void)state;
    /* a[i][j][k] = 100 i + 10 j + k of shape 2 x 3 x 2, first index fastest. */
    uint8_t bytes[12];
    float want[12];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 2; k++) {
                bytes[i + 2 * j + 6 * k] = (uint8_t)(100 * i + 10 * j + k);
                want[(i * 3 + j) * 2 + k] = (float)(100 * i + 10 * j + k);
            }
    expect_values(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 2), }\n", bytes, sizeof bytes, want, 12);
}

static void scalars_and_empty_arrays_are_read(void **state)
{
    (void)state;
    static const float seven = 7;
    expect_values(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (), }\n", "\7", 1, &seven, 1);
    expect_values(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 9999999999), }\n", "", 0, &seven, 0);
}

static const struct {
    const char *header;
    size_t data;
    enum gtcnn_status status;
    const char *text;
} HOSTILE[] = {
    {"", 4, GTCNN_E_FORMAT, "a dictionary should begin"},
    {"{", 4, GTCNN_E_FORMAT, "a quoted string should stand"},
    {"{'descr", 4, GTCNN_E_FORMAT, "does not end"},
    {"{'descr'", 4, GTCNN_E_FORMAT, "a colon"},
    {"{'descr': ", 4, GTCNN_E_FORMAT, "a quoted string should stand"},
    {"{'descr': '<f4'}", 4, GTCNN_E_FORMAT, "must all be there"},
    {"{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}", 4, GTCNN_E_FORMAT, "stands twice"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}", 4, GTCNN_E_FORMAT, "unknown key"},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}", 4, GTCNN_E_FORMAT, "a comma or"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, GTCNN_E_FORMAT, "behind the dictionary"},
    {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}", 4, GTCNN_E_FORMAT, "True or False"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", 4, GTCNN_E_FORMAT, "ends in a comma"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 1}", 4, GTCNN_E_FORMAT, "a tuple should stand"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 4, GTCNN_E_FORMAT, "a size should stand"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", 4, GTCNN_E_FORMAT, "a size should stand"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1 1)}", 4, GTCNN_E_FORMAT, "separated by commas"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4, GTCNN_E_LIMIT, "more than 8"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 4, GTCNN_E_LIMIT, "64 bits"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 4, GTCNN_E_LIMIT, "overflow"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693952,)}", 4, GTCNN_E_LIMIT, "overflow"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,)}", 4, GTCNN_E_FORMAT, "there are 4"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7, GTCNN_E_FORMAT, "wants 8 bytes"},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 9, GTCNN_E_FORMAT, "there are 9"},
    {"{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", 8, GTCNN_E_UNSUPPORTED, "\"<i8\" are not read"},
    {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8, GTCNN_E_UNSUPPORTED, "are not read"},
    {"{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", 4, GTCNN_E_UNSUPPORTED, "are not read"},
    {"{'descr': '\033[1m', 'fortran_order': False, 'shape': (1,)}", 4, GTCNN_E_UNSUPPORTED, "\\x1b[1m"},
    {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", 4, GTCNN_E_UNSUPPORTED, "structured"},
    {"{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1,)}", 4, GTCNN_E_FORMAT, "not one that NumPy"},
};

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof HOSTILE / sizeof *HOSTILE; i++) {
        uint8_t file[512], data[16] = {0};
        struct gtcnn_npy a;
        struct gtcnn_err err = {0};
        size_t n = compose(file, 1, HOSTILE[i].header, data, HOSTILE[i].data);
        enum gtcnn_status status = gtcnn_npy_parse(file, n, &a, &err);
        if (status != HOSTILE[i].status || !strstr(err.text, HOSTILE[i].text))
            fail_msg("%s: status %d, \"%s\"", HOSTILE[i].header, (int)status, err.text);
        assert_null(a.data);
    }
}

static void every_prefix_of_a_file_is_refused(void **state)
{
    (void)state;
    uint8_t file[256];
    size_t n = compose(file, 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", "12345678", 8);
    for (size_t cut = 0; cut < n; cut++) {
        struct gtcnn_npy a;
        struct gtcnn_err err = {0};
        uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees every byte read beyond */
        memcpy(exact, file, cut);
        assert_int_not_equal(gtcnn_npy_parse(exact, cut, &a, &err), GTCNN_OK);
        free(exact);
    }
    struct gtcnn_npy a;
    struct gtcnn_err err = {0};
    file[6] = 4;
    assert_int_equal(gtcnn_npy_parse(file, n, &a, &err), GTCNN_E_UNSUPPORTED);
    file[6] = 2;
    memset(file + 8, 255, 4);
    assert_int_equal(gtcnn_npy_parse(file, n, &a, &err), GTCNN_E_FORMAT);
}

static void mutations_never_crash(void **state)
{
    (void)state;
    uint32_t x = 3;
    for (int round = 0; round < 20000; round++) {
        uint8_t file[256];
        size_t n = compose(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n", "12345678", 8);
        for (int k = 0; k <= round % 3; k++) {
            x = x * 1664525u + 1013904223u;
            file[(x >> 8) % n] = (x >> 29) == 0 ? (uint8_t)(x >> 20) : (uint8_t) "{}(),:'0129<>fu \n"[(x >> 20) % 17];
        }
        struct gtcnn_npy a;
        struct gtcnn_err err = {0};
        if (gtcnn_npy_parse(file, n, &a, &err) == GTCNN_OK) {
            assert_true(a.count >= 0 && a.count <= 8);
            gtcnn_npy_free(&a);
        } else {
            assert_true(err.text[0] != 0);
        }
    }
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    static const struct gtcnn_shape shapes[] = {
        {0, {0}}, {1, {5}}, {2, {0, 3}}, {4, {1, 2, 3, 4}}, {8, {1, 1, 2, 1, 1, 3, 1, 2}}};
    char path[160];
    float data[24];
    for (int i = 0; i < 24; i++)
        data[i] = (float)i / 3 - 2;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct gtcnn_npy a;
        struct gtcnn_err err = {0};
        snprintf(path, sizeof path, "%s/out.npy", folder);
        assert_int_equal(gtcnn_npy_write(path, &shapes[s], data, &err), GTCNN_OK);
        assert_int_equal(gtcnn_npy_load(path, &a, &err), GTCNN_OK);
        assert_int_equal(a.shape.rank, shapes[s].rank);
        assert_memory_equal(a.shape.dim, shapes[s].dim, a.shape.rank * sizeof *a.shape.dim);
        assert_memory_equal(a.data, data, (size_t)a.count * sizeof *data);
        gtcnn_npy_free(&a);
    }
}

/* Byte for byte what numpy.save writes for numpy.array([[1.5, -2]], dtype="<f4"). */
static void the_file_is_numpys(void **state)
{
    (void)state;
    char path[160], want[136];
    uint8_t got[256];
    static const float data[] = {1.5f, -2};
    struct gtcnn_err err = {0};
    snprintf(path, sizeof path, "%s/numpy.npy", folder);
    assert_int_equal(gtcnn_npy_write(path, &(struct gtcnn_shape){2, {1, 2}}, data, &err), GTCNN_OK);
    memcpy(want, "\x93NUMPY\x01\x00\x76\x00", 10);
    snprintf(want + 10, sizeof want - 10, "%-117s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }");
    memcpy(want + 128, data, 8);
    FILE *f = fopen(path, "rb");
    assert_int_equal(fread(got, 1, sizeof got, f), 136);
    fclose(f);
    assert_memory_equal(got, want, 136);
}

static void files_are_whole_or_absent(void **state)
{
    (void)state;
    struct gtcnn_npy a;
    struct gtcnn_err err = {0};
    char path[160];
    static const float one = 1;
    const struct gtcnn_shape scalar = {0, {0}};
    snprintf(path, sizeof path, "%s/no/such/folder.npy", folder);
    assert_int_equal(gtcnn_npy_write(path, &scalar, &one, &err), GTCNN_E_IO);
    assert_int_equal(gtcnn_npy_write(folder, &scalar, &one, &err), GTCNN_E_IO);
    assert_int_equal(gtcnn_npy_write("/dev/full", &scalar, &one, &err), GTCNN_E_IO);
    assert_int_equal(gtcnn_npy_load("/dev/zero", &a, &err), GTCNN_E_IO);
    assert_int_equal(gtcnn_npy_load(path, &a, &err), GTCNN_E_NOENT);
    assert_non_null(strstr(err.text, "folder.npy"));
}

static void batches_are_joined_without_their_padding(void **state)
{
    (void)state;
    const struct gtcnn_shape two = {2, {2, 3}}, odd = {2, {3, 2}};
    const float first[] = {1, 2, 3, 4, 5, 6}, last[] = {7, 8, 9, -1, -1, -1}, want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct gtcnn_collected c = {0}, d = {0};
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_collect_add(&c, &two, first, 2, 0, 2, 3, &err), GTCNN_OK);
    assert_int_equal(gtcnn_collect_add(&c, &two, last, 2, 2, 1, 3, &err), GTCNN_OK);
    assert_int_equal(c.shape.dim[0], 3);
    assert_memory_equal(c.data, want, sizeof want);
    free(c.data);
    /* No batch dimension: fine for exactly one whole batch, refused for any other number. */
    assert_int_equal(gtcnn_collect_add(&d, &odd, first, 2, 0, 2, 2, &err), GTCNN_OK);
    assert_int_equal(d.shape.dim[0], 3);
    assert_memory_equal(d.data, first, sizeof first);
    free(d.data);
    d = (struct gtcnn_collected){0};
    assert_int_equal(gtcnn_collect_add(&d, &odd, first, 2, 0, 2, 4, &err), GTCNN_E_SHAPE);
    assert_int_equal(gtcnn_collect_add(&d, &odd, first, 2, 0, 1, 1, &err), GTCNN_E_SHAPE);
    assert_null(d.data);
}

static void dumps_get_safe_names(void **state)
{
    (void)state;
    static const struct {
        const char *output, *name, *want;
    } rows[] = {{"y.npy", "conv1", "conv1.npy"},
                {"/tmp/a/y.npy", "conv1", "/tmp/a/conv1.npy"},
                {"a/y.npy", "/layer/Conv:0", "a/_layer_Conv_0.npy"},
                {"a/y.npy", "../../etc/passwd", "a/_._.._etc_passwd.npy"},
                {"y", ".hidden", "_hidden.npy"},
                {"y", "\xc3\xa4", "__.npy"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = gtcnn_collect_path(rows[i].output, rows[i].name);
        assert_string_equal(path, rows[i].want);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_types_and_byte_orders_are_read),
        cmocka_unit_test(half_precision_is_exact),
        cmocka_unit_test(doubles_beyond_float_become_infinite),
        cmocka_unit_test(fortran_order_is_turned),
        cmocka_unit_test(scalars_and_empty_arrays_are_read),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(every_prefix_of_a_file_is_refused),
        cmocka_unit_test(mutations_never_crash),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(the_file_is_numpys),
        cmocka_unit_test(files_are_whole_or_absent),
        cmocka_unit_test(batches_are_joined_without_their_padding),
        cmocka_unit_test(dumps_get_safe_names),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
