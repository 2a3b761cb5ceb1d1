/* The built-in families: published parameter counts, MACs, the official rounding rules, names, and seeded weights. */
#include "runtime/families.h"
#include "runtime/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * Trainable parameters as the official checkpoints have them. MACs: computed apart from this code, by a closed formula over the
 * paper's table of stages (the paper rounds them: 0.39, 0.70, 1.0, 1.8, 4.2, 9.9, 19, 37 G).
 */
static const struct {
    const char *name;
    uint64_t params, macs;
} PUBLISHED[] = {
    {"efficientnet/b0", 5288548, 385814752},
    {"efficientnet/b1", 7794184, 686802832},
    {"efficientnet/b2", 9109994, 993561872},
    {"efficientnet/b3", 12233232, 1827141392},
    {"efficientnet/b4", 19341616, 4393771024},
    {"efficientnet/b5", 30389784, 10266384752},
    {"efficientnet/b6", 43040704, 19067593536},
    {"efficientnet/b7", 66347960, 37745884192},
    {"fashion/b0", 9814, 199824},
    {"fashion/b1", 18810, 414200},
    {"fashion/b2", 21835, 911116},
    {"fashion/b3", 33572, 1509556},
    {"efficientnet-lite/lite0", 4652008, 385187552},
    {"efficientnet-lite/lite1", 5416680, 600185232},
    {"efficientnet-lite/lite2", 6092072, 859736272},
    {"efficientnet-lite/lite3", 8197096, 1383321872},
    {"efficientnet-lite/lite4", 13006568, 2553034336},
};

static struct gtcnn_graph *build(const char *name)
{
    struct gtcnn_graph *g = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_family_build(name, &g, &err) != GTCNN_OK)
        fail_msg("%s: %s", name, err.text);
    return g;
}

/* Weights, biases, gamma and beta; the running statistics are not parameters. */
static uint64_t count_params(const struct gtcnn_graph *g)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->tensor_count; i++) {
        const struct gtcnn_tensor *t = &g->tensors[i];
        size_t length = strlen(t->name);
        bool statistic = (length > 5 && strcmp(t->name + length - 5, ".mean") == 0) ||
                         (length > 9 && strcmp(t->name + length - 9, ".variance") == 0);
        if (t->data && !statistic)
            n += (uint64_t)gtcnn_shape_count(&t->shape);
    }
    return n;
}

static uint64_t count_macs(const struct gtcnn_graph *g)
{
    uint64_t macs = 0;
    for (uint32_t i = 0; i < g->node_count; i++) {
        const struct gtcnn_node *node = &g->nodes[i];
        if (node->op != GTCNN_OP_CONV && node->op != GTCNN_OP_GEMM)
            continue;
        const struct gtcnn_shape *w = &g->tensors[node->inputs[1]].shape, *out = &g->tensors[node->output].shape;
        uint64_t pixels = node->op == GTCNN_OP_CONV ? (uint64_t)(out->dim[2] * out->dim[3]) : 1;
        macs += pixels * (uint64_t)gtcnn_shape_count(w);
    }
    return macs;
}

static void counts_are_the_published_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PUBLISHED / sizeof *PUBLISHED; i++) {
        struct gtcnn_graph *g = build(PUBLISHED[i].name);
        struct gtcnn_err err = {0};
        if (gtcnn_graph_infer_shapes(g, 1, &err) != GTCNN_OK)
            fail_msg("%s: %s", PUBLISHED[i].name, err.text);
        assert_int_equal(count_params(g), PUBLISHED[i].params);
        assert_int_equal(count_macs(g), PUBLISHED[i].macs);
        gtcnn_graph_free(g);
    }
}

static void shapes_follow_the_input(void **state)
{
    (void)state;
    struct gtcnn_graph *g = build("efficientnet/b0");
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_graph_infer_shapes(g, 2, &err), GTCNN_OK);
    static const struct {
        const char *tensor, *shape;
    } want[] = {
        {"input", "2x3x224x224"},         {"stem.conv", "2x32x112x112"},        {"block1.project.bn", "2x16x112x112"},
        {"block2.dw", "2x96x56x56"},      {"block2.se.reduce", "2x4x1x1"},      {"block16.project.bn", "2x320x7x7"},
        {"head.conv.silu", "2x1280x7x7"}, {"head.conv.weight", "1280x320x1x1"}, {"head.fc", "2x1000"},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int t = gtcnn_graph_find_tensor(g, want[i].tensor);
        char text[64];
        assert_true(t >= 0);
        assert_string_equal(gtcnn_shape_text(text, sizeof text, &g->tensors[t].shape), want[i].shape);
    }
    /* 224 is even: TensorFlow's SAME puts the one row of padding below and to the right. */
    const struct gtcnn_attr *stem = &g->nodes[0].attr;
    assert_int_equal(stem->pad[0] + stem->pad[1], 0);
    assert_int_equal(stem->pad[2] * stem->pad[3], 1);
    gtcnn_graph_free(g);
}

static void identity_is_set(void **state)
{
    (void)state;
    struct gtcnn_graph *g = build("fashion/b3");
    assert_string_equal(g->name, "fashion/b3");
    assert_string_equal(g->family, "fashion");
    assert_string_equal(g->weights, "random");
    assert_true(g->phi == 3);
    assert_int_equal(g->tensors[g->input].shape.dim[0], -1);
    assert_string_equal(g->tensors[g->output].name, "head.fc");
    gtcnn_graph_free(g);
}

/* The official rule: 35.2 -> 32 and 17.6 -> 16 stay above 90 %, 10.8 -> 8 would not. */
static void channels_round_as_in_the_official_code(void **state)
{
    (void)state;
    static const struct {
        uint32_t channels, divisor, want;
        double width;
    } rows[] = {
        {32, 8, 32, 1.0},   {32, 8, 32, 1.1},     {16, 8, 16, 1.1}, {24, 8, 24, 1.1},     {40, 8, 48, 1.1},
        {40, 8, 48, 1.2},   {24, 8, 32, 1.2},     {32, 8, 40, 1.2}, {1280, 8, 1536, 1.2}, {32, 8, 48, 1.4},
        {16, 8, 24, 1.4},   {1280, 8, 1792, 1.4}, {32, 8, 64, 2.0}, {18, 8, 16, 0.6},     {12, 8, 16, 0.9},
        {1, 8, 8, 0.1},     {1280, 8, 1408, 1.1}, {8, 4, 8, 1.1},   {12, 4, 12, 1.1},     {8, 4, 12, 1.331},
        {20, 4, 28, 1.331}, {12, 4, 16, 1.21},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(gtcnn_family_round_channels(rows[i].channels, rows[i].width, rows[i].divisor), rows[i].want);
}

static void rounding_keeps_its_promises(void **state)
{
    (void)state;
    for (uint32_t divisor = 4; divisor <= 8; divisor += 4)
        for (uint32_t channels = 1; channels < 700; channels += 3)
            for (double width = 0.25; width < 3.3; width += 0.07) {
                uint32_t n = gtcnn_family_round_channels(channels, width, divisor);
                assert_int_equal(n % divisor, 0);
                assert_true(n >= divisor && n >= 0.9 * channels * width);
                assert_true(n <= channels * width + divisor);
            }
}

static void repeats_round_up(void **state)
{
    (void)state;
    static const struct {
        uint32_t repeats, want;
        double depth;
    } rows[] = {{1, 1, 1.0}, {4, 4, 1.0}, {1, 2, 1.1}, {2, 3, 1.1}, {4, 5, 1.1}, {3, 6, 1.8}, {3, 10, 3.1}, {4, 13, 3.1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(gtcnn_family_round_repeats(rows[i].repeats, rows[i].depth), rows[i].want);
}

static void squeeze_takes_a_quarter_of_the_block_input(void **state)
{
    (void)state;
    assert_int_equal(gtcnn_family_squeeze_channels(32, 0.25), 8);
    assert_int_equal(gtcnn_family_squeeze_channels(18, 0.25), 4);
    assert_int_equal(gtcnn_family_squeeze_channels(3, 0.25), 1);
}

static void fashion_stays_small_and_doubles(void **state)
{
    (void)state;
    const uint64_t *previous = NULL;
    for (size_t i = 8; i < 12; i++) {
        if (!previous)
            assert_true(PUBLISHED[i].macs <= 200000);
        else
            assert_in_range(PUBLISHED[i].macs * 100 / *previous, 160, 230);
        previous = &PUBLISHED[i].macs;
    }
    for (size_t i = 0; gtcnn_family_member(i); i++) {
        const struct gtcnn_member *m = gtcnn_family_member(i);
        if (strcmp(m->blueprint->family, "fashion") != 0)
            continue;
        assert_true(fabs(m->width - pow(1.1, m->phi)) < 1e-9);
        assert_true(fabs(m->depth - pow(1.2, m->phi)) < 1e-9);
        assert_int_equal(m->resolution, lround(14 * pow(1.15, m->phi)));
    }
}

static void unknown_names_are_answered_with_the_known_ones(void **state)
{
    (void)state;
    static const char *names[] = {"", "b0", "fashion", "fashion/", "fashion/b4", "efficientnet/b8", "EFFICIENTNET/B0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gtcnn_graph *g = NULL;
        struct gtcnn_err err = {0};
        assert_int_equal(gtcnn_family_build(names[i], &g, &err), GTCNN_E_NOENT);
        assert_null(g);
        for (size_t k = 0; gtcnn_builtin_name(k); k++)
            assert_non_null(strstr(err.text, gtcnn_builtin_name(k)));
    }
    assert_null(gtcnn_builtin_name(17));
    assert_null(gtcnn_builtin_name(SIZE_MAX));
}

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4, computed apart from this code. */
static void generator_is_xoshiro256starstar(void **state)
{
    (void)state;
    struct gtcnn_weights s = {{1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(gtcnn_weights_next(&s) == want[i]);
}

static void weights_depend_on_names_alone(void **state)
{
    (void)state;
    struct gtcnn_graph *g = build("fashion/b1");
    const struct gtcnn_tensor *t = &g->tensors[gtcnn_graph_find_tensor(g, "block2.dw.weight")];
    size_t n = (size_t)gtcnn_shape_count(&t->shape);
    float *direct = malloc(n * sizeof *direct);
    struct gtcnn_weights s;
    gtcnn_weights_seed(&s, "fashion/b1", "block2.dw.weight");
    gtcnn_weights_fill(&s, direct, n, 0, 2.0 / 9);
    assert_memory_equal(direct, t->data, n * sizeof *direct);
    free(direct);
    gtcnn_graph_free(g);
}

static uint64_t hash_weights(const struct gtcnn_graph *g)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (uint32_t i = 0; i < g->tensor_count; i++) {
        const uint32_t *words = g->tensors[i].data;
        for (int64_t k = 0; words && k < gtcnn_shape_count(&g->tensors[i].shape); k++)
            hash = (hash ^ words[k]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* The same bits on every machine and with every compiler: a recorded hash, so that a change shows. */
static void weights_are_the_same_everywhere(void **state)
{
    (void)state;
    static const uint64_t want[4] = {UINT64_C(0xca5c0021da264297), UINT64_C(0x602b39a1dcd03594), UINT64_C(0x69436fa25423ba20),
                                     UINT64_C(0xc420cd9382b8624e)};
    for (size_t i = 0; i < 4; i++) {
        struct gtcnn_graph *g = build(gtcnn_builtin_name(i));
        uint64_t got = hash_weights(g);
        if (got != want[i])
            fail_msg("%s: weights hash 0x%016llx", gtcnn_builtin_name(i), (unsigned long long)got);
        gtcnn_graph_free(g);
    }
}

static void fill_has_the_asked_moments(void **state)
{
    (void)state;
    enum { N = 100000 };
    float *v = malloc(N * sizeof *v);
    struct gtcnn_weights s;
    gtcnn_weights_seed(&s, "m", "t");
    gtcnn_weights_fill(&s, v, N, 3, 4);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < N; i++) {
        sum += v[i];
        squares += (v[i] - 3.0) * (v[i] - 3.0);
        assert_true(fabs(v[i] - 3.0) <= sqrt(12.0) + 1e-6);
    }
    free(v);
    assert_true(fabs(sum / N - 3) < 0.03);
    assert_true(fabs(squares / N - 4) < 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_published_ones),
        cmocka_unit_test(shapes_follow_the_input),
        cmocka_unit_test(identity_is_set),
        cmocka_unit_test(channels_round_as_in_the_official_code),
        cmocka_unit_test(rounding_keeps_its_promises),
        cmocka_unit_test(repeats_round_up),
        cmocka_unit_test(squeeze_takes_a_quarter_of_the_block_input),
        cmocka_unit_test(fashion_stays_small_and_doubles),
        cmocka_unit_test(unknown_names_are_answered_with_the_known_ones),
        cmocka_unit_test(generator_is_xoshiro256starstar),
        cmocka_unit_test(weights_depend_on_names_alone),
        cmocka_unit_test(weights_are_the_same_everywhere),
        cmocka_unit_test(fill_has_the_asked_moments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
