/* Weights that stay in the file until they are packed: the same answers, and no others when the file has changed. */
#include "runtime/model.h"
#include "runtime/store.h"
#include "tests/unit/onnx_build.h"
#include "tests/unit/runtime_layers.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SIDE = 6,
    CHANNELS = 48,
    PIXELS = CHANNELS * SIDE * SIDE,
    CLASSES = 30,
    LARGE = 1024 /* elements that are read at once */
};

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/gtcnn-store.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char other[96];
    snprintf(other, sizeof other, "%s/w.bin", folder);
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

/* Large weights of every use: packed (twice, one of them), added, multiplied and joined as they are; and small ones. */
static struct gtcnn_graph *large_graph(void)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    struct gtcnn_shape map = direct_shape4(1, CHANNELS, SIDE, SIDE), bias = {1, {CHANNELS}};
    struct gtcnn_shape square = direct_shape4(CHANNELS, CHANNELS, 3, 3), wide = {2, {2 * PIXELS, CLASSES}},
                       row = {1, {CLASSES}};
    struct gtcnn_attr *attr;
    int x = direct_input(g, &map), w = direct_constant(g, &square, false), large = direct_constant(g, &map, false);
    for (int i = 0; i < 2; i++) {
        x = direct_node(g, GTCNN_OP_CONV, (int[]){x, w, direct_constant(g, &bias, false)}, 3, &attr);
        attr->kernel[0] = attr->kernel[1] = 3;
        attr->auto_pad = GTCNN_PAD_SAME_UPPER;
        x = direct_unary(g, GTCNN_OP_RELU, layers_norm(g, x, CHANNELS));
    }
    x = direct_binary(g, GTCNN_OP_ADD, large, direct_binary(g, GTCNN_OP_MUL, x, large));
    x = direct_node(g, GTCNN_OP_CONCAT, (int[]){direct_constant(g, &map, false), x}, 2, &attr);
    attr->axis = 1;
    x = direct_unary(g, GTCNN_OP_FLATTEN, x);
    direct_node(g, GTCNN_OP_GEMM, (int[]){x, direct_constant(g, &wide, false), direct_constant(g, &row, false)}, 3, NULL);
    g->name = strdup("large");
    return g;
}

static void write_large(void)
{
    struct gtcnn_graph *g = large_graph();
    struct gtcnn_err err = {0};
    if (gtcnn_onnx_write(g, path, &err))
        fail_msg("%s", err.text);
    gtcnn_graph_free(g);
}

static struct gtcnn_graph *read_graph(bool in_place)
{
    struct gtcnn_graph *g = NULL;
    struct gtcnn_err err = {0};
    if ((in_place ? gtcnn_onnx_open : gtcnn_onnx_read)(path, &g, &err) || gtcnn_graph_infer_shapes(g, 0, &err))
        fail_msg("%s", err.text);
    return g;
}

static struct gtcnn_model *open_model(void)
{
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_model_open(path, NULL, &model, &err))
        fail_msg("%s", err.text);
    return model;
}

/* Only large initialisers stay in the file, and they say that they are initialisers. The digest is the same. */
static void large_initialisers_stay_in_the_file(void **state)
{
    (void)state;
    write_large();
    struct gtcnn_graph *all = read_graph(false), *lean = read_graph(true);
    struct gtcnn_err err = {0};
    uint8_t digest[GTCNN_DIGEST_BYTES];
    int left = 0;
    assert_null(all->store);
    assert_int_equal(all->tensor_count, lean->tensor_count);
    for (uint32_t t = 0; t < all->tensor_count; t++) {
        const struct gtcnn_tensor *a = &all->tensors[t], *b = &lean->tensors[t];
        bool large = a->data && direct_count(&a->shape) > LARGE;
        assert_int_equal(gtcnn_tensor_is_constant(a), gtcnn_tensor_is_constant(b));
        assert_int_equal(b->place.type != 0, large);
        assert_int_equal(b->data != NULL, a->data && !large);
        left += large;
        if (!large)
            continue;
        float *data = malloc((size_t)direct_count(&b->shape) * sizeof *data);
        assert_int_equal(gtcnn_store_load(lean->store, b, data, &err), GTCNN_OK);
        assert_memory_equal(data, a->data, (size_t)direct_count(&b->shape) * sizeof *data);
        free(data);
    }
    assert_int_equal(left, 4);
    assert_int_equal(gtcnn_store_end_digest(lean->store, digest, &err), GTCNN_OK);
    assert_memory_equal(digest, all->digest, sizeof digest);
    gtcnn_graph_free(all);
    gtcnn_graph_free(lean);
}

/* To the last bit, whole and layer by layer; nothing of the file is needed any more while it runs. */
static void plans_compute_the_same(void **state)
{
    (void)state;
    write_large();
    struct gtcnn_graph *all = read_graph(false), *lean = read_graph(true);
    float *x = direct_noise(PIXELS);
    for (int by_layer = 0; by_layer < 2; by_layer++) {
        struct gtcnn_plan_options options = {.kernels = &gtcnn_kernels_ref, .threads = 2, .by_layer = by_layer};
        float *wanted = direct_run(all, NULL, &options, x, NULL), *y = direct_run(lean, NULL, &options, x, NULL);
        assert_memory_equal(y, wanted, CLASSES * sizeof *y);
        free(wanted);
        free(y);
    }
    gtcnn_graph_free(all);
    gtcnn_graph_free(lean);
    free(x);
}

static void assert_infers(struct gtcnn_model *model, const float *x, const double *exact)
{
    float y[CLASSES];
    assert_int_equal(gtcnn_infer(model, x, y, 1), GTCNN_OK);
    direct_assert_near(y, exact, CLASSES, "large graph");
}

/* The name of the sum before the Concat. */
static const char *sum_of(const struct gtcnn_graph *g)
{
    for (uint32_t n = 0; n < g->node_count; n++)
        if (g->nodes[n].op == GTCNN_OP_ADD)
            return g->nodes[n].name;
    return NULL;
}

/* gtcnn_model_keep reads the weights again: from the file that it was, though that has no name any more. */
static void tensors_are_kept_after_the_file_is_gone(void **state)
{
    (void)state;
    write_large();
    struct gtcnn_graph *g = read_graph(false);
    struct gtcnn_model *model = open_model();
    float *x = direct_noise(PIXELS), *sum;
    struct gtcnn_shape shape;
    struct gtcnn_err err = {0};
    double **value = direct_compute(g, x);
    assert_memory_equal(gtcnn_model_info(model)->digest, g->digest, sizeof g->digest);
    assert_int_equal(unlink(path), 0);
    if (gtcnn_model_keep(model, sum_of(g), &err))
        fail_msg("%s", err.text);
    assert_infers(model, x, value[g->output]);
    if (gtcnn_model_tensor(model, sum_of(g), &sum, &shape, &err))
        fail_msg("%s", err.text);
    for (uint32_t n = 0; n < g->node_count; n++)
        if (g->nodes[n].op == GTCNN_OP_ADD)
            direct_assert_near(sum, value[g->nodes[n].output], PIXELS, "sum");
    free(sum);
    direct_free(g, value);
    gtcnn_model_close(model);
    gtcnn_graph_free(g);
    free(x);
}

/* One bit of one weight, or the end of the file: either way the model goes on as it was. */
static void keeping_from_a_changed_file_is_refused(void **state)
{
    (void)state;
    static const char *const wanted[] = {"has changed since", "did the file shrink?"};
    for (int shrunk = 0; shrunk < 2; shrunk++) {
        write_large();
        struct gtcnn_graph *g = read_graph(false);
        struct gtcnn_model *model = open_model();
        struct gtcnn_model_info before = *gtcnn_model_info(model);
        float *x = direct_noise(PIXELS);
        double **value = direct_compute(g, x);
        struct gtcnn_err err = {0};
        struct stat st;
        char byte;
        int fd = open(path, O_RDWR);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pread(fd, &byte, 1, st.st_size / 2), 1);
        byte ^= 1;
        assert_int_equal(shrunk ? ftruncate(fd, st.st_size / 2) : pwrite(fd, &byte, 1, st.st_size / 2) != 1, 0);
        close(fd);
        assert_int_equal(gtcnn_model_keep(model, sum_of(g), &err), GTCNN_E_IO);
        if (!strstr(err.text, wanted[shrunk]) || !strstr(err.text, path))
            fail_msg("%s", err.text);
        assert_memory_equal(gtcnn_model_info(model), &before, sizeof before);
        assert_infers(model, x, value[g->output]);
        direct_free(g, value);
        gtcnn_model_close(model);
        gtcnn_graph_free(g);
        free(x);
    }
}

/* --- outside the file, and of other types */

enum { ROW = 2000 };

static void put_entry(struct build *b, Onnx__TensorProto *t, const char *key, const char *value)
{
    Onnx__StringStringEntryProto *e = build_alloc(b, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = build_text(b, key);
    e->value = build_text(b, value);
    BUILD_APPEND(b, t->external_data, t->n_external_data, e);
}

static void write_file(const char *name, const void *bytes, size_t n)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
}

/* y = x * w, w being 2000 half-precision numbers 0, 1/2, 1, ..., in the file or behind 6 bytes of another. */
static void write_halves(bool external)
{
    static uint16_t file[3 + ROW], *halves = file + 3;
    const int64_t row = ROW;
    char other[96];
    for (int i = 0; i < ROW; i++) {
        _Float16 half = (_Float16)(i / 2.0f);
        memcpy(&halves[i], &half, sizeof half);
    }
    struct build *b = build_new(13, "in x 1x2000; out y; node Mul m x,w y");
    Onnx__TensorProto *t = build_tensor(b, "w", 10, 1, &row, halves, external ? 0 : sizeof file - 6);
    build_initializer(b, t);
    if (external) {
        t->has_raw_data = 0;
        t->has_data_location = 1;
        t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        put_entry(b, t, "location", "w.bin");
        put_entry(b, t, "offset", "6");
        snprintf(other, sizeof other, "%s/w.bin", folder);
        write_file(other, file, sizeof file);
    }
    size_t n;
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    write_file(path, bytes, n);
    free(bytes);
}

static void they_stay_in_external_files_too(void **state)
{
    (void)state;
    static float x[ROW], y[ROW];
    for (int external = 0; external < 2; external++) {
        write_halves(external);
        struct gtcnn_graph *g = read_graph(false);
        struct gtcnn_model *model = open_model();
        struct gtcnn_err err = {0};
        int w = gtcnn_graph_find_tensor(model->graph, "w");
        assert_null(model->graph->tensors[w].data);
        assert_int_equal(model->graph->tensors[w].place.file, external);
        assert_memory_equal(gtcnn_model_info(model)->digest, g->digest, sizeof g->digest);
        for (int i = 0; i < ROW; i++)
            x[i] = 2;
        for (int again = 0; again < 2; again++) {
            if (!again)
                assert_int_equal(gtcnn_model_keep(model, "y", &err), GTCNN_OK);
            assert_int_equal(gtcnn_infer(model, x, y, 1), GTCNN_OK);
            for (int i = 0; i < ROW; i++)
                assert_true(y[i] == (float)i);
        }
        gtcnn_model_close(model);
        gtcnn_graph_free(g);
    }
}

/* --- the digest */

/* With and without a thread, of one and of several ranges; given up half way; of a file that ends too early. */
static void digests_do_not_depend_on_who_takes_them(void **state)
{
    (void)state;
    enum { BIG = 3000001 };
    uint8_t *bytes = malloc(BIG), wanted[GTCNN_DIGEST_BYTES], digest[GTCNN_DIGEST_BYTES];
    struct gtcnn_err err = {0};
    for (int i = 0; i < BIG; i++)
        bytes[i] = (uint8_t)direct_pick(0, 255);
    write_file(path, bytes, BIG);
    int fd = open(path, O_RDONLY);
    for (size_t first = 0; first <= BIG; first += 999999) {
        struct gtcnn_range head = {{.fd = fd}, 0, first}, tail = {{.fd = -1, .bytes = bytes, .size = BIG}, first, BIG - first};
        EVP_Digest(bytes, BIG, wanted, NULL, EVP_sha256(), NULL);
        struct gtcnn_digest *d = gtcnn_digest_begin(&head);
        assert_true(gtcnn_digest_more(d, &tail, 1));
        assert_int_equal(gtcnn_digest_end(d, "it", digest, &err), GTCNN_OK);
        assert_memory_equal(digest, wanted, sizeof digest);
        gtcnn_digest_drop(gtcnn_digest_begin(&head));
    }
    struct gtcnn_range beyond = {{.fd = fd}, 1, BIG};
    assert_int_equal(gtcnn_digest_end(gtcnn_digest_begin(&beyond), "it", digest, &err), GTCNN_E_IO);
    assert_non_null(strstr(err.text, "it: cannot be read to its end"));
    close(fd);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_initialisers_stay_in_the_file),     cmocka_unit_test(plans_compute_the_same),
        cmocka_unit_test(tensors_are_kept_after_the_file_is_gone), cmocka_unit_test(keeping_from_a_changed_file_is_refused),
        cmocka_unit_test(they_stay_in_external_files_too),         cmocka_unit_test(digests_do_not_depend_on_who_takes_them),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
