/* The ONNX reader against files that are broken, or made to break it. */
#include "runtime/onnx_io.h"
#include "runtime/onnx_wire.h"
#include "tests/fuzz/onnx.c"
#include "tests/unit/onnx_build.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <openssl/evp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static const char small_model[] =
    "in x Nx4x6x6; out y; f w 4x1x3x3; f b 4; node Conv c x,w,b z group=i:4 auto_pad=s:SAME_UPPER;"
    "fs lo 0; fs hi 6; node Clip k z,lo,hi q; node GlobalAveragePool g q p; i s 0 -1;"
    "node Reshape r p,s f; f m 4x2; node MatMul mm f,m o; node Softmax sm o y";

static void expect(enum gtcnn_status status, const struct gtcnn_err *err, enum gtcnn_status wanted, const char *text)
{
    if (status != wanted || !strstr(err->text, text))
        fail_msg("wanted %d \"%s\", got %d \"%s\"", wanted, text, status, err->text);
}

static void expect_bytes(const void *bytes, size_t n, enum gtcnn_status wanted, const char *text)
{
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    enum gtcnn_status status = read_bytes(bytes, n, -1, &graph, &err);
    gtcnn_graph_free(graph);
    expect(status, &err, wanted, text);
}

static void expect_build(struct build *b, enum gtcnn_status wanted, const char *text)
{
    size_t n;
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    expect_bytes(bytes, n, wanted, text);
    free(bytes);
}

/* --- the wire format -------------------------------------------------------------------------------------------------------
 */

static void a_model_cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t n;
    struct build *b = build_new(13, small_model);
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    expect_bytes(bytes, n, GTCNN_OK, "");
    for (size_t cut = 0; cut < n; cut++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        if (read_bytes(bytes, cut, -1, &graph, &err) == GTCNN_OK)
            fail_msg("cut after %zu of %zu bytes: accepted", cut, n);
        assert_non_null(strstr(err.text, "test.onnx: "));
    }
    free(bytes);
}

/* Fields of a ModelProto that is nothing else. */
static void broken_wire_formats_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *wanted;
    } cases[] = {
        {"", 0, "it has no graph"},
        {"hello, world", 12, "not a valid ONNX file"},
        {"\x08", 1, "ends in the middle"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 11, "longer than 64 bits"},
        {"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 12, "longer than 64 bits"},
        {"\x0b\x0c", 2, "a group"},
        {"\x0e\x00", 2, "unknown wire type"},
        {"\x02\x00", 2, "impossible number"},
        {"\x80\x80\x80\x80\x80\x01\x00", 7, "impossible number"},
        {"\x3a\x05\x12", 3, "longer than what holds it"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "longer than what holds it"},
        {"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10, "longer than what holds it"},
        {"\x3a\x02\x2a\x10", 4, "longer than what holds it"},
        {"\x3a\x02\x0a\x05", 4, "longer than what holds it"},
        {"\x3a\x04\x0a\x02\x0a\x05", 6, "a NodeProto has a field that is longer"},
        {"\x3a\x00\x3a\x00", 4, "two graphs"},
        {"\x38\x00", 2, "wrong wire type"},
        {"\x3a\x02\x28\x00", 4, "wrong wire type"},
        {"\x3a\x00\x08\x08\x08\x08", 6, "field twice that may stand once"},
        {"\x3a\x00\x0a\x01x", 5, "wrong wire type"},
        {"\x3a\x00\x12\x02\xff\xfe", 6, "not UTF-8"},
        {"\x3a\x00\x12\x02\xc0\x80", 6, "not UTF-8"},
        {"\x3a\x00\x12\x03\xed\xa0\x80", 7, "not UTF-8"},
        {"\x3a\x00\x12\x03"
         "a\0b",
         7, "a NUL in it"},
        {"\x3a\x06\x2a\x04\x4a\x00\x4a\x00", 8, "raw_data that is no blob, or two"},
        {"\x3a\x05\x2a\x03\x4d\x00\x00", 7, "longer than what holds it"},
        {"\x3a\x09\x0a\x07\x2a\x05\x3a\x03\x00\x00\x00", 11, "packed list of broken length"},
        {"\x3a\x07\x0a\x05\x2a\x03\x42\x01\x80", 9, "ends in the middle"},
        {"\x3a\x00", 2, "IR version 0"},
        {"\x3a\x00\x08\x08", 4, "opset 0"},
        {"\x3a\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, "IR version -1"},
        {"\x3a\x00\x08\x08\x42\x02\x10\x0d\x42\x02\x10\x0e", 12, "two opsets, 13 and 14"},
        {"\x3a\x00\x08\x08\x42\x02\x10\x0d", 8, "no input"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        enum gtcnn_status status = read_bytes((const uint8_t *)cases[i].bytes, cases[i].n, -1, &graph, &err);
        if (status == GTCNN_OK || !strstr(err.text, cases[i].wanted))
            fail_msg("case %zu: wanted \"%s\", got %d \"%s\"", i, cases[i].wanted, status, err.text);
    }
}

/* Puts `depth` messages around each other, the fields in turn, and a model with a graph around them. */
static uint8_t *bomb(size_t depth, const uint8_t *tags, size_t tag_count, size_t *n)
{
    size_t room = depth * 11 + 64, at = room;
    uint8_t *bytes = malloc(room);
    assert_non_null(bytes);
    for (size_t i = 0; i < depth; i++) {
        size_t size = room - at;
        uint8_t length[10];
        size_t k = 0;
        for (; size >= 0x80; size >>= 7)
            length[k++] = (uint8_t)(size | 0x80);
        length[k++] = (uint8_t)size;
        at -= k;
        memcpy(bytes + at, length, k);
        bytes[--at] = tags[(depth - 1 - i) % tag_count];
    }
    *n = room - at;
    memmove(bytes, bytes + at, *n);
    return bytes;
}

static void messages_nested_without_end_are_refused(void **state)
{
    (void)state;
    /* graph (7), then node (1), attribute (5), graph (6) over and over; the outermost tag is a graph's in the model. */
    static const uint8_t graphs[] = {0x0a, 0x2a, 0x32};
    static const uint8_t types[] = {0x22, 0x0a}; /* sequence type, element type */
    for (size_t depth = 30; depth <= 300000; depth *= 10) {
        size_t n, m;
        uint8_t *inner = bomb(depth, graphs, 3, &n);
        uint8_t *model = malloc(n + 16);
        model[0] = 0x3a;
        m = 1;
        for (size_t left = n; m < 16; left >>= 7) {
            model[m++] = (uint8_t)(left >= 0x80 ? left | 0x80 : left);
            if (left < 0x80)
                break;
        }
        memcpy(model + m, inner, n);
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        enum gtcnn_status status = read_bytes(model, n + m, -1, &graph, &err);
        assert_int_not_equal(status, GTCNN_OK);
        if (depth > 32 && n + m < 1000000)
            expect(status, &err, GTCNN_E_FORMAT, "nested deeper than 32 messages");
        free(inner);
        free(model);
    }
    size_t n;
    uint8_t *type = bomb(2000, types, 2, &n);
    struct build *b = build_new(13, small_model);
    size_t have;
    uint8_t *good = build_bytes(b, &have);
    build_free(b);
    /* A second graph would be refused first, so the type goes into a function's node: field 25 -> 7 -> 5 -> 14. */
    uint8_t head[64];
    size_t sizes[4], k = 0;
    sizes[3] = n;
    for (int i = 2; i >= 0; i--)
        sizes[i] = sizes[i + 1] + 4;
    static const uint8_t tags[4][2] = {{0xca, 0x01}, {0x3a}, {0x2a}, {0x72}};
    for (int i = 0; i < 4; i++) {
        head[k++] = tags[i][0];
        if (i == 0)
            head[k++] = tags[i][1];
        head[k++] = (uint8_t)(sizes[i] | 0x80);
        head[k++] = (uint8_t)(sizes[i] >> 7 | 0x80);
        head[k++] = (uint8_t)(sizes[i] >> 14);
    }
    uint8_t *all = malloc(have + k + n);
    memcpy(all, good, have);
    memcpy(all + have, head, k);
    memcpy(all + have + k, type, n);
    expect_bytes(all, have + k + n, GTCNN_E_FORMAT, "nested deeper than 32 messages");
    free(all);
    free(good);
    free(type);
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    size_t n = 0, count = 600000;
    uint8_t *bytes = malloc(count * 2 + 16);
    bytes[n++] = 0x3a;
    size_t size = count * 2;
    for (; size >= 0x80; size >>= 7)
        bytes[n++] = (uint8_t)(size | 0x80);
    bytes[n++] = (uint8_t)size;
    for (size_t i = 0; i < count; i++) {
        bytes[n++] = 0x0a; /* an empty node */
        bytes[n++] = 0x00;
    }
    expect_bytes(bytes, n, GTCNN_E_FORMAT, "more than 500000 messages");
    for (size_t i = n - 2 * count; i < n; i += 2)
        bytes[i] = 0x2a; /* an empty initialiser */
    expect_bytes(bytes, n, GTCNN_E_LIMIT, "more than 100000 initialisers");
    free(bytes);
}

/* --- tensors -----------------------------------------------------------------------------------------------------------------
 */

static struct build *with_tensor(Onnx__TensorProto **out, size_t n_dims, const int64_t *dims, size_t raw)
{
    static const char zeros[64];
    struct build *b = build_new(13, "in x 1x3; out y; node Mul m x,w y");
    *out = build_tensor(b, "w", 1, n_dims, dims, zeros, raw);
    build_initializer(b, *out);
    return b;
}

/* None of these sizes may be allocated: under a sanitizer an allocation of that size ends the test. */
static void sizes_are_compared_with_the_file_first(void **state)
{
    (void)state;
    const struct {
        size_t n;
        int64_t dims[9];
        size_t raw;
        enum gtcnn_status status;
        const char *wanted;
    } cases[] = {
        {1, {3}, 12, GTCNN_OK, ""},
        {1, {3}, 8, GTCNN_E_FORMAT, "takes 12 bytes, but its raw_data has 8"},
        {1, {3}, 16, GTCNN_E_FORMAT, "takes 12 bytes, but its raw_data has 16"},
        {1, {INT64_C(1) << 40}, 12, GTCNN_E_FORMAT, "takes 4398046511104 bytes"},
        {2, {INT64_C(1) << 32, INT64_C(1) << 32}, 0, GTCNN_E_LIMIT, "more elements than can be counted"},
        {2, {INT64_C(1) << 62, 4}, 0, GTCNN_E_LIMIT, "more elements than can be counted"},
        {1, {INT64_MAX}, 0, GTCNN_E_LIMIT, "more elements than can be counted"},
        {1, {INT64_C(1) << 62}, 0, GTCNN_E_LIMIT, "more elements than can be counted"},
        {2, {-1, -3}, 12, GTCNN_E_FORMAT, "negative dimension -1"},
        {1, {INT64_MIN}, 12, GTCNN_E_FORMAT, "negative dimension"},
        {9, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 4, GTCNN_E_LIMIT, "9 dimensions, at most 8"},
        {2, {0, INT64_MAX}, 0, GTCNN_E_SHAPE, "is empty"},
        {1, {0}, 0, GTCNN_E_SHAPE, "is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__TensorProto *t;
        expect_build(with_tensor(&t, cases[i].n, cases[i].dims, cases[i].raw), cases[i].status, cases[i].wanted);
    }
}

static void parts_of_the_format_that_are_not_supported_are_named(void **state)
{
    (void)state;
    const int64_t three = 3;
    Onnx__TensorProto *t;
    struct build *b = with_tensor(&t, 1, &three, 12);
    Onnx__TensorProto__Segment segment = ONNX__TENSOR_PROTO__SEGMENT__INIT;
    t->segment = &segment;
    expect_build(b, GTCNN_E_UNSUPPORTED, "segment");
    b = with_tensor(&t, 1, &three, 0);
    t->has_raw_data = 0;
    expect_build(b, GTCNN_E_FORMAT, "3 elements by its dimensions, but 0 in the file");
    b = with_tensor(&t, 1, &three, 12);
    t->has_data_location = 1;
    t->data_location = (Onnx__TensorProto__DataLocation)7;
    expect_build(b, GTCNN_E_FORMAT, "data_location 7");
    b = with_tensor(&t, 1, &three, 12);
    t->name = NULL;
    expect_build(b, GTCNN_E_FORMAT, "a tensor has no name");
    b = with_tensor(&t, 1, &three, 12);
    build_initializer(b, t);
    expect_build(b, GTCNN_E_FORMAT, "'w' is defined twice");

    Onnx__TrainingInfoProto training = ONNX__TRAINING_INFO_PROTO__INIT;
    b = build_new(13, small_model);
    BUILD_APPEND(b, b->model.training_info, b->model.n_training_info, &training);
    expect_build(b, GTCNN_E_UNSUPPORTED, "training information");
    Onnx__SparseTensorProto sparse = ONNX__SPARSE_TENSOR_PROTO__INIT;
    b = build_new(13, small_model);
    BUILD_APPEND(b, b->graph.sparse_initializer, b->graph.n_sparse_initializer, &sparse);
    expect_build(b, GTCNN_E_UNSUPPORTED, "sparse initialisers");
    Onnx__TensorAnnotation annotation = ONNX__TENSOR_ANNOTATION__INIT;
    b = build_new(13, small_model);
    BUILD_APPEND(b, b->graph.quantization_annotation, b->graph.n_quantization_annotation, &annotation);
    expect_build(b, GTCNN_E_UNSUPPORTED, "quantisation annotations");
    Onnx__FunctionProto function = ONNX__FUNCTION_PROTO__INIT;
    function.name = (char *)"Softmax";
    b = build_new(13, small_model);
    BUILD_APPEND(b, b->model.functions, b->model.n_functions, &function);
    expect_build(b, GTCNN_E_UNSUPPORTED, "node 'sm' (Softmax): is a call of a function");
    b = build_new(13, small_model);
    b->graph.node[0]->domain = build_text(b, "com.microsoft");
    expect_build(b, GTCNN_E_UNSUPPORTED, "domain 'com.microsoft'");
    b = build_new(13, small_model);
    b->graph.node[0]->attribute[0]->ref_attr_name = build_text(b, "g");
    expect_build(b, GTCNN_E_UNSUPPORTED, "attribute 'group' refers to a function's");
    b = build_new(13, small_model);
    b->graph.input[0]->type->tensor_type->elem_type = 10;
    expect_build(b, GTCNN_E_UNSUPPORTED, "input 'x' has element type 10");
    b = build_new(13, small_model);
    b->graph.input[0]->type->tensor_type->shape = NULL;
    expect_build(b, GTCNN_E_UNSUPPORTED, "not a tensor of known shape");
    b = build_new(13, small_model);
    b->graph.node[0]->op_type = NULL;
    expect_build(b, GTCNN_E_UNSUPPORTED, "node 'c' ()");
}

/* --- external data
 * -------------------------------------------------------------------------------------------------------------- */

struct folder {
    char path[64];
    int fd;
};

static int make_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    assert_non_null(f);
    strcpy(f->path, "/tmp/gtcnn-hostile.XXXXXX");
    if (!mkdtemp(f->path))
        return -1;
    f->fd = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(f->fd, "w.bin", O_WRONLY | O_CREAT, 0600);
    float values[8] = {0, 0, 1, 2, 3, 0, 0, 0};
    if (write(fd, values, sizeof values) != sizeof values)
        return -1;
    close(fd);
    if (symlinkat("w.bin", f->fd, "link") || symlinkat("/etc", f->fd, "dirlink") || mkdirat(f->fd, "sub", 0700) ||
        symlinkat("..", f->fd, "sub/up") || mkfifoat(f->fd, "fifo", 0600) || linkat(f->fd, "w.bin", f->fd, "sub/w.bin", 0))
        return -1;
    (void)!mknodat(f->fd, "zero", S_IFCHR | 0600, makedev(1, 5)); /* needs root; the case then finds nothing */
    *state = f;
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"w.bin", "link", "dirlink", "fifo", "zero", "sub/up", "sub/w.bin"};
    struct folder *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlinkat(f->fd, names[i], 0);
    unlinkat(f->fd, "sub", AT_REMOVEDIR);
    close(f->fd);
    int status = rmdir(f->path);
    free(f);
    return status;
}

static void put_entry(struct build *b, Onnx__TensorProto *t, const char *key, const char *value)
{
    if (!value)
        return;
    Onnx__StringStringEntryProto *e = build_alloc(b, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = build_text(b, key);
    e->value = build_text(b, value);
    BUILD_APPEND(b, t->external_data, t->n_external_data, e);
}

static struct build *with_external(const char *location, const char *offset, const char *length)
{
    const int64_t three = 3;
    Onnx__TensorProto *t;
    struct build *b = with_tensor(&t, 1, &three, 0);
    t->has_raw_data = 0;
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    put_entry(b, t, "location", location);
    put_entry(b, t, "offset", offset);
    put_entry(b, t, "length", length);
    put_entry(b, t, "checksum", "not looked at");
    return b;
}

static int count_external_failures(const struct folder *f)
{
    int failures = 0;
    const struct {
        const char *location, *offset, *length;
        enum gtcnn_status status;
        const char *wanted;
    } cases[] = {
        {"w.bin", "8", "12", GTCNN_OK, ""},
        {"./w.bin", "8", NULL, GTCNN_OK, ""},
        {"sub/w.bin", "8", NULL, GTCNN_OK, ""},
        {"sub//w.bin", "8", NULL, GTCNN_OK, ""},
        {"w.bin", "20", "12", GTCNN_OK, ""},
        {"w.bin", "21", "12", GTCNN_E_FORMAT, "bytes 21 ... 33 of 'w.bin', which has 32"},
        {"w.bin", "8", "16", GTCNN_E_FORMAT, "takes 12 bytes, but its external length has 16"},
        {"w.bin", "9223372036854775807", NULL, GTCNN_E_FORMAT, "is no such thing"},
        {"w.bin", "922337203685477580", NULL, GTCNN_E_FORMAT, "which has 32"},
        {"w.bin", "99999999999999999999999", NULL, GTCNN_E_FORMAT, "is no such thing"},
        {"w.bin", "-4", NULL, GTCNN_E_FORMAT, "is no such thing"},
        {"w.bin", "0x8", NULL, GTCNN_E_FORMAT, "is no such thing"},
        {"w.bin", "", NULL, GTCNN_E_FORMAT, "is no such thing"},
        {"w.bin", NULL, " 12", GTCNN_E_FORMAT, "is no such thing"},
        {NULL, "8", "12", GTCNN_E_FORMAT, "is no such thing"},
        {"", "8", "12", GTCNN_E_FORMAT, "is no such thing"},
        {"/etc/passwd", NULL, NULL, GTCNN_E_IO, "outside the model's folder"},
        {"../w.bin", NULL, NULL, GTCNN_E_IO, "outside the model's folder"},
        {"..", NULL, NULL, GTCNN_E_IO, "outside the model's folder"},
        {"sub/../w.bin", NULL, NULL, GTCNN_E_IO, "outside the model's folder"},
        {"sub/../../../etc/passwd", NULL, NULL, GTCNN_E_IO, "outside the model's folder"},
        {"link", NULL, NULL, GTCNN_E_IO, "symbolic link"},
        {"dirlink/passwd", NULL, NULL, GTCNN_E_IO, "symbolic link"},
        {"sub/up/w.bin", NULL, NULL, GTCNN_E_IO, "symbolic link"},
        {"fifo", NULL, NULL, GTCNN_E_IO, "not a regular file"},
        {"sub", NULL, NULL, GTCNN_E_IO, "not a regular file"},
        {"none.bin", NULL, NULL, GTCNN_E_NOENT, "'none.bin'"},
        {"w.bin/x", NULL, NULL, GTCNN_E_IO, "not opened"},
        {"a\x1b[2J", NULL, NULL, GTCNN_E_NOENT, "a\\x1b[2J"},
    };
    alarm(30); /* a FIFO that is opened for good would hang */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        size_t n;
        struct build *b = with_external(cases[i].location, cases[i].offset, cases[i].length);
        uint8_t *bytes = build_bytes(b, &n);
        build_free(b);
        enum gtcnn_status status = read_bytes(bytes, n, f->fd, &graph, &err);
        free(bytes);
        if (status != cases[i].status || (status && !strstr(err.text, cases[i].wanted))) {
            print_error("case %zu: wanted %d \"%s\", got %d \"%s\"\n", i, cases[i].status, cases[i].wanted, status, err.text);
            failures++;
        }
        gtcnn_graph_free(graph);
    }
    struct stat st;
    uint64_t size;
    if (fstatat(f->fd, "zero", &st, 0) == 0 && gtcnn_io_open_beneath(f->fd, "zero", &size) >= 0)
        failures++;
    alarm(0);
    return failures;
}

static void external_data_stays_inside_the_folder(void **state)
{
    assert_int_equal(count_external_failures(*state), 0);
    expect_build(with_external("w.bin", "8", "12"), GTCNN_E_UNSUPPORTED, "no folder is known");
}

/* As a kernel before 5.6, or a sandbox, answers: openat2 does not exist. */
static bool forbid_openat2(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void it_stays_inside_without_openat2_too(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(!forbid_openat2() ? 2 : count_external_failures(*state) != 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2)
        print_message("no seccomp here: the fallback was not tried\n");
    else
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_digest_covers_external_ranges_in_order(void **state)
{
    const struct folder *f = *state;
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    size_t n;
    struct build *b = with_external("w.bin", "8", "12");
    uint8_t *bytes = build_bytes(b, &n), wanted[32];
    build_free(b);
    enum gtcnn_status status = read_bytes(bytes, n, f->fd, &graph, &err);
    expect(status, &err, GTCNN_OK, "");
    const struct gtcnn_tensor *w = &graph->tensors[gtcnn_graph_find_tensor(graph, "w")];
    const float values[3] = {1, 2, 3};
    assert_true(w->external);
    assert_memory_equal(w->data, values, sizeof values);
    uint8_t *all = malloc(n + sizeof values);
    memcpy(all, bytes, n);
    memcpy(all + n, values, sizeof values);
    EVP_Digest(all, n + sizeof values, wanted, NULL, EVP_sha256(), NULL);
    assert_memory_equal(graph->digest, wanted, 32);
    free(all);
    free(bytes);
    gtcnn_graph_free(graph);
}

/* By path: the folder is the file's own, also when the path is relative. */
static void external_data_is_found_beside_the_file(void **state)
{
    const struct folder *f = *state;
    char path[128], *here = getcwd(NULL, 0);
    size_t n;
    struct build *b = with_external("sub/w.bin", "8", "12");
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    int fd = openat(f->fd, "m.onnx", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, bytes, n), n);
    close(fd);
    free(bytes);
    snprintf(path, sizeof path, "%s/m.onnx", f->path);
    for (int relative = 0; relative < 2; relative++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        if (relative)
            assert_int_equal(chdir(f->path), 0);
        expect(gtcnn_onnx_read(relative ? "m.onnx" : path, &graph, &err), &err, GTCNN_OK, "");
        assert_string_equal(graph->name, "m");
        assert_true(((float *)graph->tensors[gtcnn_graph_find_tensor(graph, "w")].data)[2] == 3);
        gtcnn_graph_free(graph);
    }
    assert_int_equal(chdir(here), 0);
    free(here);
    unlinkat(f->fd, "m.onnx", 0);
}

static void one_range_does_not_fill_the_memory(void **state)
{
    const struct folder *f = *state;
    const int64_t three = 3;
    char name[16];
    struct build *b = with_external("w.bin", NULL, NULL);
    Onnx__TensorProto *first = b->graph.initializer[0];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "w%d", i);
        Onnx__TensorProto *t = build_tensor(b, name, 1, 1, &three, NULL, 0);
        t->has_raw_data = 0;
        t->has_data_location = 1;
        t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
        t->external_data = first->external_data;
        t->n_external_data = first->n_external_data;
        build_initializer(b, t);
    }
    size_t n;
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    enum gtcnn_status status = read_bytes(bytes, n, f->fd, &graph, &err);
    free(bytes);
    gtcnn_graph_free(graph);
    expect(status, &err, GTCNN_E_LIMIT, "more than four times what the external files hold");
}

/* --- the file itself
 * -------------------------------------------------------------------------------------------------------------- */

static void only_regular_files_are_models(void **state)
{
    const struct folder *f = *state;
    const struct {
        const char *name;
        enum gtcnn_status status;
        const char *wanted;
    } cases[] = {{"fifo", GTCNN_E_IO, "not a regular file"},
                 {"sub", GTCNN_E_IO, "directory"},
                 {"none.onnx", GTCNN_E_NOENT, "cannot be opened"},
                 {"w.bin/none.onnx", GTCNN_E_NOENT, "cannot be opened"},
                 {"w.bin", GTCNN_E_FORMAT, "not a valid ONNX file"}};
    alarm(30);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[128];
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        snprintf(path, sizeof path, "%s/%s", f->path, cases[i].name);
        expect(gtcnn_onnx_read(path, &graph, &err), &err, cases[i].status, cases[i].wanted);
    }
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    expect(gtcnn_onnx_read("/dev/zero", &graph, &err), &err, GTCNN_E_IO, "not a regular file");
    alarm(0);
}

/* The size is taken once; what is gone by the time it is read is an error. */
static void a_file_that_shrinks_is_an_error(void **state)
{
    (void)state;
    size_t n;
    struct build *b = build_new(13, small_model);
    uint8_t *bytes = build_bytes(b, &n);
    build_free(b);
    for (size_t left = 0; left < n; left += 13) {
        struct gtcnn_wire wire = {0};
        struct gtcnn_err err = {0};
        int fd = memfd_create("model", MFD_CLOEXEC);
        assert_int_equal(write(fd, bytes, left), left);
        enum gtcnn_status status = gtcnn_wire_scan(&(struct gtcnn_source){.fd = fd, .size = n}, "test.onnx", &wire, &err);
        if (status == GTCNN_OK)
            fail_msg("%zu of %zu bytes left: accepted", left, n);
        assert_non_null(strstr(err.text, "shrink"));
        gtcnn_wire_free(&wire);
        close(fd);
    }
    free(bytes);
    char byte;
    int fd = memfd_create("empty", MFD_CLOEXEC);
    assert_int_equal(gtcnn_io_read(&(struct gtcnn_source){.fd = fd}, &byte, 1, 0), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(gtcnn_io_read(&(struct gtcnn_source){.fd = fd}, &byte, 1, UINT64_MAX), -1);
    close(fd);
}

/* --- mutations
 * ---------------------------------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13; /* xorshift64 (Marsaglia 2003) */
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* One to four changes: a bit, a byte, a byte of note, a piece doubled, a piece cut out. Returns the new size. */
static size_t mutate(uint8_t *bytes, size_t n, size_t room, uint64_t *seed)
{
    static const uint8_t notable[] = {0x00, 0x7f, 0x80, 0xff, 0x0a, 0x2a, 0x3a, 0x01};
    for (uint64_t k = next_random(seed) % 4 + 1; k > 0 && n > 8; k--) {
        size_t at = next_random(seed) % n, size = next_random(seed) % 16 + 1;
        size = at + size > n ? n - at : size;
        switch (next_random(seed) % 5) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << next_random(seed) % 8);
            break;
        case 1:
            bytes[at] = (uint8_t)next_random(seed);
            break;
        case 2:
            bytes[at] = notable[next_random(seed) % sizeof notable];
            break;
        case 3:
            if (n + size > room)
                break;
            memmove(bytes + at + size, bytes + at, n - at);
            n += size;
            break;
        default:
            memmove(bytes + at, bytes + at + size, n - at - size);
            n -= size;
        }
    }
    return n;
}

static void mutated_models_do_no_harm(void **state)
{
    (void)state;
    static const char *const models[] = {
        small_model,
        "in x Nx2x6x6; out y; i p 0 0 1 1 0 0 1 1; fs v 0; node Pad a x,p,v b; node MaxPool c b d kernel_shape=is:3,3 "
        "ceil_mode=i:1;"
        "node Transpose e d f perm=is:0,2,3,1; node Constant k - g value_ints=is:0,-1; node Reshape h f,g i; node Dropout l i "
        "j;"
        "f w 5x72; f o 5; node Gemm m j,w,o n transB=i:1; node Constant q - r value_floats=fs:1,2,3,4,5; node Mul s n,r y",
    };
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
        size_t n;
        struct build *b = build_new(13, models[m]);
        uint8_t *bytes = build_bytes(b, &n), *copy = malloc(n + 256);
        build_free(b);
        LLVMFuzzerTestOneInput(bytes, n);
        for (int i = 0; i < 3000; i++) {
            memcpy(copy, bytes, n);
            size_t size = mutate(copy, n, n + 256, &seed);
            uint8_t *exact = malloc(size);
            memcpy(exact, copy, size);
            LLVMFuzzerTestOneInput(exact, size);
            free(exact);
        }
        free(bytes);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_cut_anywhere_is_refused),
        cmocka_unit_test(broken_wire_formats_are_refused),
        cmocka_unit_test(messages_nested_without_end_are_refused),
        cmocka_unit_test(too_many_fields_are_refused),
        cmocka_unit_test(sizes_are_compared_with_the_file_first),
        cmocka_unit_test(parts_of_the_format_that_are_not_supported_are_named),
        cmocka_unit_test_setup_teardown(external_data_stays_inside_the_folder, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(it_stays_inside_without_openat2_too, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_digest_covers_external_ranges_in_order, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(external_data_is_found_beside_the_file, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(one_range_does_not_fill_the_memory, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(only_regular_files_are_models, make_folder, remove_folder),
        cmocka_unit_test(a_file_that_shrinks_is_an_error),
        cmocka_unit_test(mutated_models_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
