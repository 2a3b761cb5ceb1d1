/* Decoding: every kind of JPEG and PNG to the colours that went in; damaged and hostile files to errors, and nothing printed.
 */
#include "runtime/cli/image.h"
#include "tests/host/mkimage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const KINDS[] = {"jpeg",     "jpeg-grey", "jpeg-progressive", "jpeg-planes", "jpeg-cmyk",     "png",
                                    "png-grey", "png-16",    "png-alpha",        "png-palette", "png-interlaced"};

static void decode(const uint8_t *bytes, size_t n, struct gtcnn_image *image)
{
    struct gtcnn_err err = {0};
    if (gtcnn_image_decode(bytes, n, "file", image, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
}

/* What a kind keeps of a colour. */
static void expected(const char *kind, const uint8_t rgb[3], int want[3])
{
    bool grey = strcmp(kind, "jpeg-grey") == 0 || strcmp(kind, "png-grey") == 0;
    for (int c = 0; c < 3; c++)
        want[c] = grey ? rgb[1] : rgb[c];
    if (strcmp(kind, "png-palette") == 0) {
        want[0] = rgb[1];
        want[1] = 255 - rgb[1];
        want[2] = rgb[1] / 2;
    }
}

/* PNG exactly; JPEG, of a smooth image, nearly: in the mean over all pixels. */
static void colours_survive(void **state)
{
    enum { W = 61, H = 37, SEED = 4 };
    (void)state;
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        size_t n = 0;
        struct gtcnn_image image;
        uint8_t *bytes = mkimage(KINDS[k], W, H, SEED, &n), rgb[3];
        double off = 0;
        assert_non_null(bytes);
        decode(bytes, n, &image);
        assert_int_equal(image.width, W);
        assert_int_equal(image.height, H);
        for (unsigned y = 0; y < H; y++)
            for (unsigned x = 0; x < W; x++) {
                int want[3];
                mkimage_pixel(W, H, SEED, x, y, rgb);
                expected(KINDS[k], rgb, want);
                for (unsigned c = 0; c < 3; c++)
                    off += abs(image.rgb[(y * W + x) * 3 + c] - want[c]);
            }
        off /= W * H * 3;
        if (off > (KINDS[k][0] == 'p' ? 0 : 8))
            fail_msg("%s: off by %g", KINDS[k], off);
        gtcnn_image_free(&image);
        free(bytes);
    }
}

static void refuse(const uint8_t *bytes, size_t n, enum gtcnn_status status, const char *text)
{
    struct gtcnn_image image;
    struct gtcnn_err err = {0};
    enum gtcnn_status got = gtcnn_image_decode(bytes, n, "a\033file", &image, &err);
    if (got != status || !strstr(err.text, text) || strncmp(err.text, "a\\x1bfile: ", 11) != 0)
        fail_msg("status %d, \"%s\", not %d, \"%s\"", (int)got, err.text, (int)status, text);
    assert_null(image.rgb);
}

/* A file cut anywhere before its last bytes is an error. */
static void cut_files_are_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        size_t n = 0;
        uint8_t *bytes = mkimage(KINDS[k], 40, 30, 2, &n);
        for (size_t cut = 0; cut < n - 2; cut += cut < 400 ? 1 : 13) {
            uint8_t *part = malloc(cut + 1); /* so that a sanitizer sees what is read behind the end */
            memcpy(part, bytes, cut);
            refuse(part, cut, GTCNN_E_FORMAT, "; get the file anew, or take it out of the folder");
            free(part);
        }
        free(bytes);
    }
}

/* Whatever bytes are flipped: an answer or an error that names the file. */
static void damaged_files_do_no_harm(void **state)
{
    uint32_t x = 12345;
    (void)state;
    for (size_t k = 0; k < COUNT(KINDS); k++) {
        size_t n = 0;
        uint8_t *bytes = mkimage(KINDS[k], 33, 21, 6, &n), *copy = malloc(n);
        for (int round = 0; round < 400; round++) {
            struct gtcnn_image image;
            struct gtcnn_err err = {0};
            memcpy(copy, bytes, n);
            for (int i = 0; i <= round % 4; i++) {
                x = x * 1664525u + 1013904223u;
                size_t at = (round % 2 ? x >> 4 : (x >> 4) % 700) % n;
                copy[at] = (uint8_t)(x >> 24);
            }
            if (gtcnn_image_decode(copy, n, "file", &image, &err) != GTCNN_OK)
                assert_true(strncmp(err.text, "file: ", 6) == 0);
            gtcnn_image_free(&image);
        }
        free(copy);
        free(bytes);
    }
}

static uint32_t crc_of(const uint8_t *bytes, size_t n)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int b = 0; b < 8; b++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Gives a PNG another size in its header, with the right checksum. */
static void resize_png(uint8_t *png, uint32_t w, uint32_t h)
{
    put32(png + 16, w);
    put32(png + 20, h);
    put32(png + 29, crc_of(png + 12, 17));
}

/* Gives a JPEG another size in its SOF0 or SOF2. */
static void resize_jpeg(uint8_t *jpeg, size_t n, uint16_t w, uint16_t h)
{
    size_t at = 2;
    while (at + 9 < n && jpeg[at + 1] != 0xc0 && jpeg[at + 1] != 0xc2)
        at += 2 + (size_t)(jpeg[at + 2] << 8 | jpeg[at + 3]);
    jpeg[at + 5] = (uint8_t)(h >> 8);
    jpeg[at + 6] = (uint8_t)h;
    jpeg[at + 7] = (uint8_t)(w >> 8);
    jpeg[at + 8] = (uint8_t)w;
}

/* The peak of this process's memory, in KiB. */
static long peak_kib(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void declared_sizes_are_checked_before_memory_is_taken(void **state)
{
    static const struct {
        uint32_t w, h;
        enum gtcnn_status status;
        const char *text;
    } pngs[] = {
        {2147483647, 2147483647, GTCNN_E_FORMAT, "cannot hold"},
        {60000, 60000, GTCNN_E_FORMAT, "cannot hold"},
        {5000, 5000, GTCNN_E_FORMAT, "cannot hold"},

        {0, 5, GTCNN_E_FORMAT, "libpng: "},
        {41, 30, GTCNN_E_FORMAT, "libpng: "},
    };
    size_t n = 0;
    uint8_t *png = mkimage("png", 40, 30, 2, &n);
    (void)state;
    long before = peak_kib();
    for (size_t i = 0; i < COUNT(pngs); i++) {
        resize_png(png, pngs[i].w, pngs[i].h);
        refuse(png, n, pngs[i].status, pngs[i].text);
    }
    free(png);
    png = mkimage("png-grey", 40, 30, 2, &n);
    resize_png(png, 70000, 1);
    refuse(png, n, GTCNN_E_LIMIT, "at most 65500 a side");
    free(png);
    uint8_t *jpeg = mkimage("jpeg", 40, 30, 2, &n);
    resize_jpeg(jpeg, n, 65500, 65500);
    refuse(jpeg, n, GTCNN_E_FORMAT, "cannot hold");
    enum { LONG = 9000000 }; /* what lies behind its end could be pixels */
    uint8_t *more = realloc(jpeg, LONG);
    assert_non_null(more);
    jpeg = more;
    refuse(jpeg, LONG, GTCNN_E_LIMIT, "64000000 in all are read; make it smaller");
    resize_jpeg(jpeg, n, 65535, 3);
    refuse(jpeg, n, GTCNN_E_LIMIT, "libjpeg: Maximum");
    free(jpeg);
    if (!getenv("SANITIZER") || !*getenv("SANITIZER"))
        assert_true(peak_kib() - before < 20000);
}

/* A JPEG with one of its scans repeated: each costs a pass over the image for a few bytes. */
static void many_scans_are_refused(void **state)
{
    size_t n = 0, sos = 0;
    uint8_t *jpeg = mkimage("jpeg-planes", 16, 16, 1, &n);
    (void)state;
    for (size_t i = n - 4; i > 0; i--)
        if (jpeg[i] == 0xff && jpeg[i + 1] == 0xda) {
            sos = i;
            break;
        }
    size_t scan = n - 2 - sos, room = n + 200 * scan;
    uint8_t *many = malloc(room);
    memcpy(many, jpeg, n - 2);
    for (size_t i = 0; i < 200; i++)
        memcpy(many + n - 2 + i * scan, jpeg + sos, scan);
    memcpy(many + room - 2, "\xff\xd9", 2);
    struct gtcnn_image image;
    struct gtcnn_err err = {0};
    enum gtcnn_status status = gtcnn_image_decode(many, room, "file", &image, &err);
    assert_int_equal(status, GTCNN_E_LIMIT);
    assert_non_null(strstr(err.text, "more than 100 scans"));
    free(many);
    free(jpeg);
}

static void other_files_are_refused(void **state)
{
    static const char gif[] = "GIF89a and so on";
    struct gtcnn_image image;
    struct gtcnn_err err = {0};
    (void)state;
    refuse((const uint8_t *)gif, sizeof gif, GTCNN_E_FORMAT, "is neither JPEG nor PNG");
    refuse((const uint8_t *)gif, 0, GTCNN_E_FORMAT, "is empty");
    assert_int_equal(gtcnn_image_load("/nonexistent", &image, &err), GTCNN_E_NOENT);
    assert_int_equal(gtcnn_image_load("/dev/zero", &image, &err), GTCNN_E_IO);
    assert_int_equal(gtcnn_image_load("/tmp", &image, &err), GTCNN_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_sizes_are_checked_before_memory_is_taken), /* first: it looks at the peak of memory */
        cmocka_unit_test(colours_survive),
        cmocka_unit_test(cut_files_are_refused),
        cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(many_scans_are_refused),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
