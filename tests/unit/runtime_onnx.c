/* The ONNX writer, the round trip through the reader, the digest, and the escape of names. */
#include "runtime/escape.h"
#include "tests/unit/onnx_build.h"

#include <fcntl.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <sys/stat.h>

static struct gtcnn_graph *graph_of(int opset, const char *text)
{
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    if (read_build(build_new(opset, text), &graph, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
    return graph;
}

static uint8_t *encoded(const struct gtcnn_graph *graph, size_t *n)
{
    uint8_t *bytes = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_onnx_encode(graph, &bytes, n, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
    return bytes;
}

/* Every operator, all its attributes away from their defaults. */
static const char every_operator[] =
    "in x Nx4x9x9; out y; f w 4x2x3x3; f b 4; node Conv conv x,w,b a group=i:2 strides=is:2,1 pads=is:1,0,2,1 dilations=is:1,2;"
    "f s 4; f o 4; f m 4; fv v 1 2 3 4; node BatchNormalization norm a,s,o,m,v c epsilon=f:0.01;"
    "node Relu relu c d; fs lo -1; fs hi 5; node Clip clip d,lo,hi e; node Clip high e,_,hi e2; node Clip low e2,lo e3;"
    "node Sigmoid sig e3 g; node Mul silu e3,g h; node HardSigmoid hs h i alpha=f:0.25 beta=f:0.75; node HardSwish hw i j;"
    "node Add add j,h k; node MaxPool mp k l kernel_shape=is:2,3 strides=is:1,2 pads=is:1,1,0,0 ceil_mode=i:1 dilations=is:1,1;"
    "node AveragePool ap l n kernel_shape=is:2,2 count_include_pad=i:1 pads=is:0,1,1,0; i pp 0 0 1 0 0 0 0 2; fs pv 0.5;"
    "node Pad pad n,pp,pv p; node Transpose tr p q perm=is:0,2,3,1; node Transpose back q r perm=is:0,3,1,2;"
    "node Concat cat r,r,r t axis=i:-3; node ReduceMean mean t u axes=is:-1; i ax 3; node Squeeze sq u,ax u2;"
    "node Unsqueeze un u2,ax u3; node GlobalAveragePool gap u3 z; node Dropout drop z z2; node Identity id z2 z3;"
    "node Flatten flat z3 z4; f gw 5x12; f gc 5; node Gemm gemm z4,gw,gc z5 transB=i:1 alpha=f:0.5 beta=f:2; f mw 5x6;"
    "node MatMul mm z5,mw z6; i rs 0 2 -1; node Reshape re z6,rs z7; node Softmax soft z7 y axis=i:-1";

static void what_is_written_is_read_back_alike(void **state)
{
    (void)state;
    struct gtcnn_graph *first = graph_of(14, every_operator), *second = NULL;
    struct gtcnn_err err = {0};
    size_t n, m;
    uint8_t *bytes = encoded(first, &n);
    if (read_bytes(bytes, n, -1, &second, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
    uint8_t *again = encoded(second, &m);
    assert_int_equal(n, m);
    assert_memory_equal(bytes, again, n);
    assert_int_equal(second->opset, 13);
    assert_int_equal(second->ir_version, 8);
    assert_int_equal(second->node_count, first->node_count + 1); /* HardSwish in its two parts */
    assert_int_equal(second->tensors[second->input].shape.dim[0], -1);
    assert_int_equal(gtcnn_graph_infer_shapes(first, 3, &err), GTCNN_OK);
    assert_int_equal(gtcnn_graph_infer_shapes(second, 3, &err), GTCNN_OK);
    assert_memory_equal(&first->tensors[first->output].shape, &second->tensors[second->output].shape,
                        sizeof(struct gtcnn_shape));
    for (uint32_t i = 0, k = 0; i < first->node_count; i++, k++) {
        const struct gtcnn_node *a = &first->nodes[i], *b = &second->nodes[k];
        if (a->op == GTCNN_OP_HARDSWISH) {
            assert_int_equal(b->op, GTCNN_OP_HARDSIGMOID);
            b = &second->nodes[++k];
            assert_int_equal(b->op, GTCNN_OP_MUL);
            assert_string_equal(a->name, b->name);
            continue;
        }
        assert_int_equal(a->op, b->op);
        assert_string_equal(a->name, b->name);
        assert_memory_equal(a->attr.kernel, b->attr.kernel, sizeof a->attr.kernel);
        assert_memory_equal(a->attr.pad, b->attr.pad, sizeof a->attr.pad);
        assert_memory_equal(a->attr.pads, b->attr.pads, sizeof a->attr.pads);
        assert_memory_equal(a->attr.dilation, b->attr.dilation, sizeof a->attr.dilation);
        assert_true(a->attr.min == b->attr.min && a->attr.max == b->attr.max && a->attr.pad_value == b->attr.pad_value);
        assert_true(a->attr.alpha == b->attr.alpha && a->attr.beta == b->attr.beta && a->attr.epsilon == b->attr.epsilon);
        assert_int_equal(a->attr.ceil_mode, b->attr.ceil_mode);
        assert_int_equal(a->attr.count_include_pad, b->attr.count_include_pad);
        assert_memory_equal(&first->tensors[a->output].shape, &second->tensors[b->output].shape, sizeof(struct gtcnn_shape));
    }
    free(bytes);
    free(again);
    gtcnn_graph_free(first);
    gtcnn_graph_free(second);
}

static void the_bytes_do_not_depend_on_the_batch_bound(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = graph_of(14, every_operator);
    size_t n, m;
    uint8_t *before = encoded(graph, &n);
    assert_int_equal(gtcnn_graph_infer_shapes(graph, 7, NULL), GTCNN_OK);
    uint8_t *after = encoded(graph, &m);
    assert_int_equal(n, m);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    gtcnn_graph_free(graph);
}

static void a_softmax_over_several_axes_is_spelled_out(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = graph_of(11, "in x Nx3x4; out y; node Softmax s x y"), *again = NULL;
    struct gtcnn_err err = {0};
    size_t n;
    uint8_t *bytes = encoded(graph, &n);
    if (read_bytes(bytes, n, -1, &again, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
    assert_int_equal(again->node_count, 3);
    assert_int_equal(again->nodes[1].op, GTCNN_OP_SOFTMAX);
    assert_int_equal(gtcnn_graph_infer_shapes(again, 2, NULL), GTCNN_OK);
    assert_int_equal(again->tensors[again->nodes[1].output].shape.dim[1], 12);
    assert_int_equal(again->tensors[again->output].shape.rank, 3);
    free(bytes);
    gtcnn_graph_free(graph);
    gtcnn_graph_free(again);
}

static void labels_survive(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = graph_of(13, "in x Nx3; out y; node Relu r x y"), *again = NULL;
    assert_string_equal(graph->name, "test"); /* test.onnx */
    assert_null(graph->family);
    assert_true(isnan(graph->phi));
    assert_string_equal(graph->weights, "file");
    free(graph->name);
    graph->name = strdup("fashion/b3");
    graph->family = strdup("fashion");
    graph->phi = 2.5;
    graph->weights = "random";
    size_t n;
    uint8_t *bytes = encoded(graph, &n);
    assert_int_equal(read_bytes(bytes, n, -1, &again, NULL), GTCNN_OK);
    assert_string_equal(again->name, "fashion/b3");
    assert_string_equal(again->family, "fashion");
    assert_true(again->phi == 2.5);
    assert_string_equal(again->weights, "random");
    free(bytes);
    gtcnn_graph_free(graph);
    gtcnn_graph_free(again);
}

static void labels_of_foreign_files_are_checked(void **state)
{
    (void)state;
    static const char *const entries[][2] = {
        {"gtcnn.name", "a\x1b[31mb"}, {"gtcnn.family", "x y"}, {"gtcnn.phi", "1e9"}, {"gtcnn.weights", "perfect"}};
    struct gtcnn_graph *graph = NULL;
    struct build *b = build_new(13, "in x Nx3; out y; node Relu r x y");
    for (int i = 0; i < 4; i++) {
        Onnx__StringStringEntryProto *e = build_alloc(b, sizeof *e);
        onnx__string_string_entry_proto__init(e);
        e->key = build_text(b, entries[i][0]);
        e->value = build_text(b, entries[i][1]);
        BUILD_APPEND(b, b->model.metadata_props, b->model.n_metadata_props, e);
    }
    assert_int_equal(read_build(b, &graph, NULL), GTCNN_OK);
    assert_string_equal(graph->name, "test");
    assert_null(graph->family);
    assert_true(isnan(graph->phi));
    assert_string_equal(graph->weights, "file");
    gtcnn_graph_free(graph);
}

static void digests_agree_and_cover_the_file(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = graph_of(14, every_operator), *again = NULL;
    uint8_t wanted[32], got[32];
    size_t n;
    uint8_t *bytes = encoded(graph, &n);
    EVP_Digest(bytes, n, wanted, NULL, EVP_sha256(), NULL);
    assert_int_equal(gtcnn_onnx_digest(graph, got, NULL), GTCNN_OK);
    assert_memory_equal(got, wanted, 32);
    assert_int_equal(read_bytes(bytes, n, -1, &again, NULL), GTCNN_OK);
    assert_memory_equal(again->digest, wanted, 32);
    free(bytes);
    gtcnn_graph_free(graph);
    gtcnn_graph_free(again);
}

static void files_appear_whole_or_not_at_all(void **state)
{
    (void)state;
    char folder[] = "/tmp/gtcnn-write.XXXXXX", path[64], fifo[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.onnx", folder);
    snprintf(fifo, sizeof fifo, "%s/fifo", folder);
    struct gtcnn_graph *graph = graph_of(13, "in x Nx3; out y; node Relu r x y"), *again = NULL;
    struct gtcnn_err err = {0};
    mode_t mask = umask(027);
    assert_int_equal(gtcnn_onnx_write(graph, path, &err), GTCNN_OK);
    assert_int_equal(gtcnn_onnx_write(graph, path, &err), GTCNN_OK);
    umask(mask);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(gtcnn_onnx_read(path, &again, &err), GTCNN_OK);
    assert_string_equal(again->name, "test");
    gtcnn_graph_free(again);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(gtcnn_onnx_write(graph, fifo, &err), GTCNN_E_IO);
    assert_int_equal(stat(fifo, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(gtcnn_onnx_write(graph, "/nowhere/m.onnx", &err), GTCNN_E_NOENT);
    assert_non_null(strstr(err.text, "/nowhere/m.onnx"));
    assert_int_equal(gtcnn_onnx_write(graph, "/dev/full", &err), GTCNN_E_IO);
    assert_int_equal(stat("/dev/full", &st), 0);
    unlink(path);
    unlink(fifo);
    assert_int_equal(rmdir(folder), 0); /* no temporary file was left */
    gtcnn_graph_free(graph);
}

static void tensors_are_found_by_name_among_many(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = gtcnn_graph_new();
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(gtcnn_graph_add_tensor(graph, name, GTCNN_F32), i);
        assert_int_equal(gtcnn_graph_add_tensor(graph, name, GTCNN_F32), -1);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof name, "t%d", i);
        assert_int_equal(gtcnn_graph_find_tensor(graph, name), i);
    }
    assert_int_equal(gtcnn_graph_find_tensor(graph, "t5000"), -1);
    int unnamed = gtcnn_graph_add_tensor(graph, NULL, GTCNN_F32);
    assert_int_equal(gtcnn_graph_find_tensor(graph, graph->tensors[unnamed].name), unnamed);
    int input = 7;
    assert_int_equal(gtcnn_graph_add_node(graph, GTCNN_OP_RELU, "r", &input, 1, 4000), 0);
    graph->input = 7;
    graph->output = 4000;
    assert_int_equal(gtcnn_graph_prune(graph), GTCNN_OK);
    assert_int_equal(graph->tensor_count, 2);
    assert_string_equal(graph->tensors[graph->output].name, "t4000");
    assert_int_equal(gtcnn_graph_find_tensor(graph, "t4000"), graph->nodes[0].output);
    assert_int_equal(gtcnn_graph_find_tensor(graph, "t4001"), -1);
    gtcnn_graph_free(graph);
}

static void names_reach_a_terminal_escaped(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(gtcnn_escape(out, sizeof out, "plain caf\xc3\xa9", SIZE_MAX), "plain caf\xc3\xa9");
    assert_string_equal(gtcnn_escape(out, sizeof out, "a\x1b[31m\n\x7f\\", SIZE_MAX), "a\\x1b[31m\\x0a\\x7f\\\\");
    assert_string_equal(gtcnn_escape(out, sizeof out, "\xc2\x9b\xe2\x80\xae\xff", SIZE_MAX), "\\xc2\\x9b\\xe2\\x80\\xae\\xff");
    assert_string_equal(gtcnn_escape(out, sizeof out, "abcdef", 3), "abc");
    assert_string_equal(gtcnn_escape(out, 7, "abcdefgh", SIZE_MAX), "abc...");
    assert_string_equal(gtcnn_escape(out, 9, "abcdefgh", SIZE_MAX), "abcdefgh");
    assert_string_equal(gtcnn_escape(out, 8, "ab\x01\x02\x03", SIZE_MAX), "ab...");
    assert_string_equal(gtcnn_escape(out, sizeof out, NULL, SIZE_MAX), "");
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    assert_int_equal(read_build(build_new(13, "in x 1x3; out y; node \x1b]0_X \x1b[2J x y"), &graph, &err),
                     GTCNN_E_UNSUPPORTED);
    assert_null(strchr(err.text, '\x1b'));
    assert_non_null(strstr(err.text, "\\x1b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_back_alike),
        cmocka_unit_test(the_bytes_do_not_depend_on_the_batch_bound),
        cmocka_unit_test(a_softmax_over_several_axes_is_spelled_out),
        cmocka_unit_test(labels_survive),
        cmocka_unit_test(labels_of_foreign_files_are_checked),
        cmocka_unit_test(digests_agree_and_cover_the_file),
        cmocka_unit_test(files_appear_whole_or_not_at_all),
        cmocka_unit_test(tensors_are_found_by_name_among_many),
        cmocka_unit_test(names_reach_a_terminal_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
