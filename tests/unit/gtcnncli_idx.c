/* IDX files and the data sets made of them: good ones, a table of hostile ones, and seeded mutations. */
#include "runtime/cli/dataset.h"

#include <openssl/sha.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static char folder[128];

static int make_folder(void **state)
{
    (void)state;
    const char *tmp = getenv("TMP");
    snprintf(folder, sizeof folder, "%.100s/idx.XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_plain(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(path_of(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path_of(name);
}

static const char *write_gzip(const char *name, const void *bytes, size_t n)
{
    gzFile f = gzopen(path_of(name), "wb9");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)n), n);
    assert_int_equal(gzclose(f), Z_OK);
    return path_of(name);
}

/* Two images of 2 x 3 pixels, and their labels. */
static const uint8_t IMAGES[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static const uint8_t LABELS[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 0};

static void both_kinds_are_read_alike(void **state)
{
    (void)state;
    for (int gz = 0; gz < 2; gz++) {
        const char *path = (gz ? write_gzip : write_plain)("good", IMAGES, sizeof IMAGES);
        struct gtcnn_idx idx;
        struct gtcnn_err err = {0};
        assert_int_equal(gtcnn_idx_load(path, 3, &idx, &err), GTCNN_OK);
        assert_int_equal(idx.dim[0], 2);
        assert_int_equal(idx.dim[1], 2);
        assert_int_equal(idx.dim[2], 3);
        assert_int_equal(idx.count, 12);
        assert_memory_equal(idx.data, IMAGES + 16, 12);
        assert_memory_equal(idx.header, IMAGES, 16);
        gtcnn_idx_free(&idx);
    }
}

#define ROW(rank, status, text, ...)                                                                                           \
    {                                                                                                                          \
        (rank), (status), (text), {__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                                        \
    }

static const struct {
    uint32_t rank;
    enum gtcnn_status status;
    const char *text;
    uint8_t bytes[24];
    size_t n;
} HOSTILE[] = {
    ROW(1, GTCNN_E_FORMAT, "inside the magic", 0),
    ROW(1, GTCNN_E_FORMAT, "inside the magic", 0, 0, 8),
    ROW(1, GTCNN_E_FORMAT, "no IDX file", 'P', 'K', 3, 4, 0, 0, 0, 1, 9),
    ROW(1, GTCNN_E_UNSUPPORTED, "IDX type 0d", 0, 0, 13, 1, 0, 0, 0, 1, 9),
    ROW(1, GTCNN_E_FORMAT, "has 3 dimensions", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9),
    ROW(3, GTCNN_E_FORMAT, "images have 3", 0, 0, 8, 1, 0, 0, 0, 1, 9),
    ROW(3, GTCNN_E_FORMAT, "has 255 dimensions", 0, 0, 8, 255, 0, 0, 0, 1, 9),
    ROW(1, GTCNN_E_FORMAT, "inside the sizes", 0, 0, 8, 1, 0, 0),
    ROW(1, GTCNN_E_FORMAT, "dimension 0 is 0", 0, 0, 8, 1, 0, 0, 0, 0),
    ROW(3, GTCNN_E_FORMAT, "dimension 2 is 0", 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0),
    ROW(1, GTCNN_E_FORMAT, "declares 3 bytes", 0, 0, 8, 1, 0, 0, 0, 3, 1, 2),
    ROW(1, GTCNN_E_FORMAT, "declares 4294967295 bytes", 0, 0, 8, 1, 255, 255, 255, 255, 1, 2),
    ROW(1, GTCNN_E_FORMAT, "goes on after byte 9", 0, 0, 8, 1, 0, 0, 0, 1, 1, 2),
    ROW(3, GTCNN_E_LIMIT, "overflow", 0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255),
    ROW(3, GTCNN_E_LIMIT, "overflow", 0, 0, 8, 3, 128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 4),
    ROW(3, GTCNN_E_FORMAT, "declares", 0, 0, 8, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 7),
};

static void hostile_files_are_refused_by_name_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof HOSTILE / sizeof *HOSTILE; i++) {
        struct gtcnn_idx idx;
        struct gtcnn_err err = {0};
        write_plain("hostile", HOSTILE[i].bytes, HOSTILE[i].n);
        enum gtcnn_status status = gtcnn_idx_load(path_of("hostile"), HOSTILE[i].rank, &idx, &err);
        if (status != HOSTILE[i].status || !strstr(err.text, HOSTILE[i].text) || !strstr(err.text, "hostile"))
            fail_msg("row %zu: status %d, \"%s\"", i, (int)status, err.text);
        assert_null(idx.data);
    }
}

static void expect_refusal(const char *path, uint32_t rank, enum gtcnn_status status, const char *text)
{
    struct gtcnn_idx idx;
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_idx_load(path, rank, &idx, &err), status);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" lacks \"%s\"", err.text, text);
}

/* A header that wants 4 GB in a few hundred bytes of gzip is refused before anything of the kind is allocated. */
static void bombs_are_refused(void **state)
{
    (void)state;
    uint8_t header[8] = {0, 0, 8, 1, 255, 255, 255, 255};
    expect_refusal(write_gzip("bomb", header, sizeof header), 1, GTCNN_E_FORMAT, "declares 4294967295 bytes");
    /* The other kind: far more data than the header says. */
    enum { MEGABYTES = 16 };
    uint8_t *zeros = calloc(MEGABYTES, 1 << 20);
    memcpy(zeros, LABELS, 8);
    expect_refusal(write_gzip("bomb", zeros, (size_t)MEGABYTES << 20), 1, GTCNN_E_FORMAT, "goes on after byte 10");
    free(zeros);
}

static void damaged_gzip_is_refused(void **state)
{
    (void)state;
    uint8_t bytes[512];
    const char *path = write_gzip("damaged", IMAGES, sizeof IMAGES);
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t cut = 1; cut < n; cut++) {
        struct gtcnn_idx idx;
        struct gtcnn_err err = {0};
        write_plain("cut", bytes, cut);
        if (gtcnn_idx_load(path_of("cut"), 3, &idx, &err) == GTCNN_OK)
            fail_msg("cut at %zu of %zu was accepted", cut, n);
        assert_non_null(strstr(err.text, "cut"));
    }
    bytes[n - 6] ^= 1; /* in the CRC */
    expect_refusal(write_plain("crc", bytes, n), 3, GTCNN_E_FORMAT, "damaged gzip data");
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    expect_refusal(path_of("absent"), 1, GTCNN_E_NOENT, "No such file");
    expect_refusal("/dev/zero", 1, GTCNN_E_IO, "not a regular file");
    expect_refusal(folder, 1, GTCNN_E_IO, "not a regular file");
    assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);
    expect_refusal(path_of("fifo"), 1, GTCNN_E_IO, "not a regular file");
    write_plain("e\033[31mvil", "", 0);
    expect_refusal(path_of("e\033[31mvil"), 1, GTCNN_E_FORMAT, "e\\x1b[31mvil");
}

/* Whatever is changed: no crash, and what is accepted is consistent. */
static void mutations_never_get_through_inconsistent(void **state)
{
    (void)state;
    uint32_t x = 1;
    unsigned accepted = 0;
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[sizeof IMAGES + 8];
        memcpy(bytes, IMAGES, sizeof IMAGES);
        memset(bytes + sizeof IMAGES, 0, 8);
        size_t n = sizeof IMAGES;
        for (int k = 0; k < 2; k++) {
            x = x * 1664525u + 1013904223u;
            bytes[(x >> 8) % 20] ^= (uint8_t)(x >> 24);
        }
        n += (x >> 4) % 12 == 0 ? 1 : 0;
        struct gtcnn_idx idx;
        struct gtcnn_err err = {0};
        write_plain("mutant", bytes, n);
        if (gtcnn_idx_load(path_of("mutant"), 3, &idx, &err) == GTCNN_OK) {
            accepted++;
            assert_int_equal(idx.count, (uint64_t)idx.dim[0] * idx.dim[1] * idx.dim[2]);
            assert_int_equal(idx.count + 16, n);
            gtcnn_idx_free(&idx);
        } else {
            assert_true(err.text[0] != 0);
        }
    }
    assert_true(accepted > 0 && accepted < 3000);
}

static void data_sets_are_loaded_and_named(void **state)
{
    (void)state;
    uint8_t all[sizeof IMAGES + sizeof LABELS], digest[GTCNN_DIGEST_BYTES];
    memcpy(all, IMAGES, sizeof IMAGES);
    memcpy(all + sizeof IMAGES, LABELS, sizeof LABELS);
    SHA256(all, sizeof all, digest);
    write_gzip("t10k-images-idx3-ubyte.gz", IMAGES, sizeof IMAGES);
    write_plain("t10k-labels-idx1-ubyte", LABELS, sizeof LABELS);
    struct gtcnn_dataset d;
    struct gtcnn_err err = {0};
    char slashes[160];
    snprintf(slashes, sizeof slashes, "%s//", folder);
    assert_int_equal(gtcnn_dataset_load(slashes, "test", &d, &err), GTCNN_OK);
    assert_string_equal(d.name, strrchr(folder, '/') + 1);
    assert_string_equal(d.split, "test");
    assert_memory_equal(d.digest, digest, sizeof digest);
    assert_int_equal(gtcnn_dataset_check_labels(&d, 8, &err), GTCNN_OK);
    assert_int_equal(gtcnn_dataset_check_labels(&d, 7, &err), GTCNN_E_FORMAT);
    assert_non_null(strstr(err.text, "label 7 of image 0"));
    gtcnn_dataset_free(&d);
    assert_int_equal(gtcnn_dataset_load(folder, "train", &d, &err), GTCNN_E_NOENT);
    assert_non_null(strstr(err.text, "train-images-idx3-ubyte"));
    assert_int_equal(gtcnn_dataset_load(folder, "validation", &d, &err), GTCNN_E_ARG);
}

static void counts_must_agree(void **state)
{
    (void)state;
    static const uint8_t three[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 2, 3};
    struct gtcnn_dataset d;
    struct gtcnn_err err = {0};
    write_plain("train-images-idx3-ubyte", IMAGES, sizeof IMAGES);
    write_plain("train-labels-idx1-ubyte", three, sizeof three);
    assert_int_equal(gtcnn_dataset_load(folder, "train", &d, &err), GTCNN_E_FORMAT);
    assert_non_null(strstr(err.text, "2 images but 3 labels"));
    assert_null(d.images.data);
}

static void the_default_set_is_fashion_mnist(void **state)
{
    (void)state;
    struct gtcnn_dataset d;
    struct gtcnn_err err = {0};
    if (access(GTCNN_DATASET_DEFAULT, F_OK) != 0) {
        assert_int_equal(gtcnn_dataset_load(NULL, "test", &d, &err), GTCNN_E_NOENT);
        assert_non_null(strstr(err.text, "apt install dataset-fashion-mnist"));
        skip();
    }
    assert_int_equal(gtcnn_dataset_load(NULL, "test", &d, &err), GTCNN_OK);
    assert_string_equal(d.name, "fashion-mnist");
    assert_int_equal(d.images.dim[0], 10000);
    assert_int_equal(d.images.dim[1] * d.images.dim[2], 28 * 28);
    uint32_t histogram[10] = {0};
    assert_int_equal(gtcnn_dataset_check_labels(&d, 10, &err), GTCNN_OK);
    for (uint32_t i = 0; i < 10000; i++)
        histogram[d.labels.data[i]]++;
    for (int c = 0; c < 10; c++)
        assert_int_equal(histogram[c], 1000);
    gtcnn_dataset_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_are_read_alike),
        cmocka_unit_test(hostile_files_are_refused_by_name_and_place),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(mutations_never_get_through_inconsistent),
        cmocka_unit_test(data_sets_are_loaded_and_named),
        cmocka_unit_test(counts_must_agree),
        cmocka_unit_test(the_default_set_is_fashion_mnist),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
