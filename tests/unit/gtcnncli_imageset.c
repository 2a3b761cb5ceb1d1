/* The whole way of `gtcnn eval` with a user's own models: one that takes its channels last answers as its twin does. */
#include "runtime/cli/verbs.h"
#include "tests/host/mkimage.h"
#include "tests/unit/onnx_build.h"

#include <sys/stat.h>

#define BODY                                                                                                                   \
    "f w 4x3x3x3; f k 4; node Conv conv a,w,k b pads=is:1,1,1,1; node GlobalAveragePool pool b c; node Flatten flat c y;"

static char folder[] = "/tmp/greentrack-imageset.XXXXXX";

static const char *inside(const char *name)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_bytes(const char *name, const uint8_t *bytes, size_t n)
{
    FILE *file = fopen(inside(name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void write_model(const char *name, const char *text)
{
    size_t n;
    struct build *b = build_new(13, text);
    uint8_t *bytes = build_bytes(b, &n);
    write_bytes(name, bytes, n);
    free(bytes);
    build_free(b);
}

static void write_images(void)
{
    for (unsigned c = 0; c < 4; c++) {
        char name[32];
        snprintf(name, sizeof name, "set/c%u", c);
        assert_int_equal(mkdir(inside(name), 0700), 0);
        for (unsigned i = 0; i < 3; i++) {
            size_t n;
            uint8_t *bytes = mkimage(i ? "png" : "jpeg", 20 + 9 * i, 30, 3 * c + i, &n);
            snprintf(name, sizeof name, "set/c%u/%u.%s", c, i, i ? "png" : "jpg");
            write_bytes(name, bytes, n);
            free(bytes);
        }
    }
}

/* Grey IDX images of 5 x 4 pixels, each a ramp of another slope. */
static void write_idx(void)
{
    enum { IMAGES = 6, PIXELS = 20 };
    uint8_t images[16 + IMAGES * PIXELS] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, 5, 0, 0, 0, 4};
    uint8_t labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, IMAGES};
    for (int i = 0; i < IMAGES * PIXELS; i++)
        images[16 + i] = (uint8_t)(i % PIXELS * (i / PIXELS * 5 + 1));
    for (int i = 0; i < IMAGES; i++)
        labels[8 + i] = (uint8_t)(i % 4);
    assert_int_equal(mkdir(inside("idx"), 0700), 0);
    write_bytes("idx/t10k-images-idx3-ubyte", images, sizeof images);
    write_bytes("idx/t10k-labels-idx1-ubyte", labels, sizeof labels);
}

/* What eval says of the accuracy and how it prepared; the caller's to free. */
static char *evaluate(const char *model, const char *data, const char *const *more)
{
    char *text = NULL, *out = NULL,
         *argv[16] = {"gtcnn", "eval", "--model", (char *)inside(model), "--data", (char *)inside(data)};
    size_t n = 0;
    int argc = 6;
    while (*more)
        argv[argc++] = (char *)*more++;
    FILE *file = open_memstream(&text, &n);
    assert_int_equal(gtcnn_cli_main(argc, argv, file, stderr), 0);
    fclose(file);
    char *begin = strstr(text, "prepared"), *end = strstr(text, "\nspeed");
    assert_true(begin && end);
    out = strndup(begin, (size_t)(end - begin));
    free(text);
    return out;
}

static void channels_last_answer_alike(void **state)
{
    static const char *const plain[] = {NULL}, *const chosen[] = {"--mean",  "0.1,0.2,0.3", "--std", "0.3,0.2,0.1",
                                                                  "--batch", "4",           NULL};
    const char *const *more[] = {plain, chosen};
    static const char *const sets[] = {"set", "idx"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        char *first = evaluate("nchw.onnx", sets[i / 2], more[i % 2]), *last = evaluate("nhwc.onnx", sets[i / 2], more[i % 2]);
        assert_string_equal(first, last);
        assert_non_null(strstr(first, i % 2 ? "mean=0.1,0.2,0.3 std=0.3,0.2,0.1" : i ? "resize=area" : "resize=input+32"));
        assert_non_null(strstr(first, i / 2 ? "of 6;" : "of 12;"));
        free(first);
        free(last);
    }
}

/* Every image's answer, too: the rows of the predictions files. */
static void answers_are_the_same(void **state)
{
    static char rows[2][4096];
    const char *const names[] = {"nchw.onnx", "nhwc.onnx"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        const char *const more[] = {"--predictions", inside(i ? "q" : "p"), NULL};
        free(evaluate(names[i], "set", more));
        FILE *file = fopen(more[1], "re");
        assert_non_null(file);
        rows[i][fread(rows[i], 1, sizeof rows[i] - 1, file)] = '\0';
        fclose(file);
    }
    assert_string_equal(strstr(rows[0], "# dataset "), strstr(rows[1], "# dataset "));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || mkdir(inside("set"), 0700) != 0)
        return -1;
    write_model("nchw.onnx", "in a Nx3x12x10; out y;" BODY);
    write_model("nhwc.onnx", "in x Nx12x10x3; out y; node Transpose turn x a perm=is:0,3,1,2;" BODY);
    write_images();
    write_idx();
    return 0;
}

static int tear_down(void **state)
{
    char command[96];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_last_answer_alike),
        cmocka_unit_test(answers_are_the_same),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
