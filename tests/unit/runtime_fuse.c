/* What is fused and what is not; either computes what the graph says. */
#include "tests/unit/runtime_layers.h"

static void convolution_takes_normalisation_and_silu(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        int x;
        struct gtcnn_graph *g = layers_graph(&x);
        layers_silu(g, layers_norm(g, layers_conv(g, x, 6, 9, 3), 9), order == 1);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, 1);
        assert_int_equal(plan->call_count, 1);
        assert_int_equal(plan->fusion.groups[0].count, 4);
        for (uint32_t i = 0; i < 4; i++) /* members in the file's order */
            assert_int_equal(plan->fusion.groups[0].nodes[i], i);
        assert_int_equal(plan->calls[0].args.conv.activation.act, GTCNN_ACT_SILU);
        gtcnn_plan_free(plan);
        direct_check(g, 0, "Conv, BatchNormalization, SiLU");
    }
}

/* A product of rank 2 with at most a bias takes a normalisation; others compute, with the normalisation as a unit of its own.
 */
static void products_fold_what_they_can(void **state)
{
    (void)state;
    static const struct {
        enum gtcnn_op op;
        struct gtcnn_shape x, c; /* c of rank 0: none */
        uint32_t steps;
    } rows[] = {{GTCNN_OP_GEMM, {2, {3, 6}}, {0, {0}}, 1},     {GTCNN_OP_GEMM, {2, {3, 6}}, {1, {4}}, 1},
                {GTCNN_OP_GEMM, {2, {3, 6}}, {2, {1, 4}}, 1},  {GTCNN_OP_GEMM, {2, {3, 6}}, {1, {1}}, 1},
                {GTCNN_OP_GEMM, {2, {3, 6}}, {2, {3, 4}}, 2},  {GTCNN_OP_GEMM, {2, {3, 6}}, {2, {3, 1}}, 2},
                {GTCNN_OP_MATMUL, {2, {3, 6}}, {0, {0}}, 1},   {GTCNN_OP_MATMUL, {3, {2, 4, 6}}, {0, {0}}, 2},
                {GTCNN_OP_MATMUL, {3, {2, 5, 6}}, {0, {0}}, 2}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape weights = {2, {6, 4}};
        int inputs[3] = {direct_input(g, &rows[i].x), direct_constant(g, &weights, false), -1};
        if (rows[i].c.rank > 0)
            inputs[2] = direct_constant(g, &rows[i].c, false);
        int y = direct_node(g, rows[i].op, inputs, inputs[2] < 0 ? 2 : 3, NULL);
        layers_norm(g, y, rows[i].x.rank == 3 ? (int)rows[i].x.dim[1] : 4);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, rows[i].steps);
        gtcnn_plan_free(plan);
        direct_check(g, 0, "a product and BatchNormalization");
    }
}

static void every_activation_becomes_an_epilogue(void **state)
{
    (void)state;
    static const struct {
        enum gtcnn_op op;
        enum gtcnn_act act;
    } rows[] = {{GTCNN_OP_RELU, GTCNN_ACT_RELU},
                {GTCNN_OP_CLIP, GTCNN_ACT_CLIP},
                {GTCNN_OP_SIGMOID, GTCNN_ACT_SIGMOID},
                {GTCNN_OP_HARDSIGMOID, GTCNN_ACT_HARDSIGMOID},
                {GTCNN_OP_HARDSWISH, GTCNN_ACT_HARDSWISH}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int x;
        struct gtcnn_graph *g = layers_graph(&x);
        struct gtcnn_attr *attr;
        int y = layers_conv(g, x, 6, 4, 1);
        direct_node(g, rows[i].op, &y, 1, &attr);
        if (rows[i].op == GTCNN_OP_CLIP) {
            attr->min = 0;
            attr->max = 6;
        }
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, 1);
        assert_int_equal(plan->calls[0].args.conv.activation.act, rows[i].act);
        gtcnn_plan_free(plan);
        direct_check(g, 0, gtcnn_op_name(rows[i].op));
    }
}

static void hard_swish_in_parts_is_recognised(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    struct gtcnn_attr *attr;
    int y = layers_conv(g, x, 6, 4, 1), gate = direct_node(g, GTCNN_OP_HARDSIGMOID, &y, 1, &attr);
    attr->alpha = 1.0f / 6;
    attr->beta = 0.5f;
    direct_binary(g, GTCNN_OP_MUL, gate, y);
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 1);
    assert_int_equal(plan->calls[0].args.conv.activation.act, GTCNN_ACT_HARDSWISH);
    gtcnn_plan_free(plan);
    direct_check(g, 0, "HardSigmoid and Mul");
}

/* What a second reader, the graph's end or the caller wants to see is not fused away. */
static void what_others_read_is_not_fused(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    int y = layers_conv(g, x, 6, 6, 3), relu = direct_unary(g, GTCNN_OP_RELU, y);
    direct_binary(g, GTCNN_OP_ADD, relu, y);
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 3);
    gtcnn_plan_free(plan);
    direct_check(g, 0, "a second reader");

    g = layers_graph(&x);
    y = layers_conv(g, x, 6, 6, 3);
    direct_unary(g, GTCNN_OP_RELU, y);
    g->output = y; /* the end lies before the activation, which nobody needs */
    plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 1);
    assert_int_equal(plan->calls[0].args.conv.activation.act, GTCNN_ACT_NONE);
    gtcnn_plan_free(plan);
    direct_check(g, 0, "an end in the middle");

    g = layers_graph(&x);
    y = layers_conv(g, x, 6, 6, 3);
    direct_unary(g, GTCNN_OP_RELU, y);
    bool keep[256] = {0};
    keep[y] = true;
    plan = layers_plan(g, keep);
    assert_int_equal(plan->step_count, 2);
    gtcnn_plan_free(plan);
    gtcnn_graph_free(g);
}

static void a_gate_of_another_input_is_no_silu(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    int pooled = direct_unary(g, GTCNN_OP_GLOBALAVERAGEPOOL, x);
    int gate = direct_unary(g, GTCNN_OP_SIGMOID, layers_conv(g, pooled, 6, 6, 1));
    direct_binary(g, GTCNN_OP_MUL, x, gate);
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 3); /* pool; conv with sigmoid; scale */
    gtcnn_plan_free(plan);
    direct_check(g, 0, "squeeze-and-excite");
}

static void identities_are_other_names(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    int y = direct_unary(g, GTCNN_OP_IDENTITY, layers_conv(g, x, 6, 8, 3));
    y = direct_unary(g, GTCNN_OP_DROPOUT, layers_norm(g, y, 8));
    direct_unary(g, GTCNN_OP_IDENTITY, direct_unary(g, GTCNN_OP_RELU, y));
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 1);
    gtcnn_plan_free(plan);
    direct_check(g, 0, "Identity and Dropout");
}

static void a_graph_without_work_copies_its_input(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    direct_unary(g, GTCNN_OP_IDENTITY, x);
    direct_check(g, 0, "nothing but Identity");
}

/* --- the gate rule: y * sigmoid(y) of a y that nobody else reads */

static void a_third_reader_keeps_a_gate_apart(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        int x, other = -1;
        struct gtcnn_graph *g = layers_graph(&x);
        int y = layers_conv(g, x, 6, 6, 3);
        if (early)
            other = direct_unary(g, GTCNN_OP_RELU, y);
        int gated = layers_silu(g, y, false);
        if (!early)
            other = direct_unary(g, GTCNN_OP_RELU, y);
        direct_binary(g, GTCNN_OP_ADD, gated, other);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, 4); /* Conv; Relu; SiLU; Add */
        gtcnn_plan_free(plan);
        direct_check(g, 0, "a third reader");
    }
}

static void a_second_reader_keeps_an_activation_and_a_normalisation_apart(void **state)
{
    (void)state;
    for (int norm = 0; norm < 2; norm++) { /* the other reader comes first, so that what could be fused is the last one */
        int x;
        struct gtcnn_graph *g = layers_graph(&x);
        int y = layers_conv(g, x, 6, 6, 3), square = direct_binary(g, GTCNN_OP_MUL, y, y);
        int last = norm ? layers_norm(g, y, 6) : direct_unary(g, GTCNN_OP_RELU, y);
        direct_binary(g, GTCNN_OP_ADD, square, last);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, 4);
        gtcnn_plan_free(plan);
        direct_check(g, 0, "a second reader that comes first");
    }
}

/* y by itself or behind a convolution, and what it is combined with: SiLU and HardSwish are fused, the rest is not. */
static void only_a_gate_that_multiplies_is_one(void **state)
{
    (void)state;
    static const struct {
        enum gtcnn_op gate, join;
        bool one;
    } rows[] = {{GTCNN_OP_SIGMOID, GTCNN_OP_MUL, true},    {GTCNN_OP_HARDSIGMOID, GTCNN_OP_MUL, true},
                {GTCNN_OP_SIGMOID, GTCNN_OP_ADD, false},   {GTCNN_OP_HARDSIGMOID, GTCNN_OP_ADD, false},
                {GTCNN_OP_HARDSWISH, GTCNN_OP_MUL, false}, {GTCNN_OP_CLIP, GTCNN_OP_MUL, false},
                {GTCNN_OP_RELU, GTCNN_OP_MUL, false}};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        int x, conv = (int)(i % 2);
        struct gtcnn_graph *g = layers_graph(&x);
        int y = conv ? layers_conv(g, x, 6, 6, 1) : x;
        struct gtcnn_attr *attr;
        int gate = direct_node(g, rows[i / 2].gate, &y, 1, &attr);
        attr->alpha = 0.3f; /* not HardSwish's own */
        attr->beta = 0.4f;
        attr->min = -1;
        attr->max = 2;
        direct_binary(g, rows[i / 2].join, y, gate);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, rows[i / 2].one ? 1 : 2 + conv);
        if (rows[i / 2].one) { /* each member once */
            assert_int_equal(plan->fusion.groups[0].count, 2 + conv);
            assert_int_equal(plan->fusion.groups[0].nodes[1 + conv], 1 + conv);
        }
        gtcnn_plan_free(plan);
        direct_check(g, 0, gtcnn_op_name(rows[i / 2].gate));
    }
}

static void a_gate_of_something_else_is_none(void **state)
{
    (void)state;
    for (int swapped = 0; swapped < 2; swapped++) {
        int x;
        struct gtcnn_graph *g = layers_graph(&x);
        int gate = direct_unary(g, GTCNN_OP_SIGMOID, direct_unary(g, GTCNN_OP_RELU, x));
        direct_binary(g, GTCNN_OP_MUL, swapped ? gate : x, swapped ? x : gate);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, 3); /* Relu; Sigmoid; Mul */
        gtcnn_plan_free(plan);
        direct_check(g, 0, "a gate of Relu(x) on x");
    }
}

static void a_gate_is_seen_through_other_names(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    int other = direct_unary(g, GTCNN_OP_IDENTITY, x);
    direct_binary(g, GTCNN_OP_MUL, direct_unary(g, GTCNN_OP_DROPOUT, x), direct_unary(g, GTCNN_OP_SIGMOID, other));
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 1);
    gtcnn_plan_free(plan);
    direct_check(g, 0, "SiLU of an Identity and a Dropout");
}

/* --- normalisations by what is computed */

static void a_computed_bias_is_not_folded_over(void **state)
{
    (void)state;
    struct gtcnn_graph *g = gtcnn_graph_new();
    struct gtcnn_shape xs = {2, {3, 6}}, ws = {2, {6, 4}}, cs = {2, {1, 4}};
    int x = direct_input(g, &xs), w = direct_constant(g, &ws, false);
    int c = direct_unary(g, GTCNN_OP_SIGMOID, direct_constant(g, &cs, false));
    layers_norm(g, direct_node(g, GTCNN_OP_GEMM, (int[]){x, w, c}, 3, NULL), 4);
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    assert_int_equal(plan->step_count, 3); /* Sigmoid; Gemm; BatchNormalization */
    gtcnn_plan_free(plan);
    direct_check(g, 0, "Gemm with a computed C, and BatchNormalization");
}

static void a_computed_scale_is_refused(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    struct gtcnn_shape cs = {1, {6}};
    int inputs[5] = {layers_conv(g, x, 6, 6, 1)};
    for (int k = 1; k < 5; k++)
        inputs[k] = direct_constant(g, &cs, k == 4);
    inputs[1] = direct_unary(g, GTCNN_OP_RELU, inputs[1]);
    direct_node(g, GTCNN_OP_BATCHNORM, inputs, 5, NULL);
    bool keep[256] = {0};
    struct gtcnn_plan *plan = NULL;
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_graph_infer_shapes(g, 0, &err), GTCNN_OK);
    assert_int_equal(
        gtcnn_plan_new(g, keep, &(struct gtcnn_plan_options){.kernels = &gtcnn_kernels_ref, .threads = 1}, &plan, &err),
        GTCNN_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "BatchNormalization"));
    assert_null(plan);
    gtcnn_graph_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_takes_normalisation_and_silu),
        cmocka_unit_test(products_fold_what_they_can),
        cmocka_unit_test(every_activation_becomes_an_epilogue),
        cmocka_unit_test(hard_swish_in_parts_is_recognised),
        cmocka_unit_test(what_others_read_is_not_fused),
        cmocka_unit_test(a_gate_of_another_input_is_no_silu),
        cmocka_unit_test(identities_are_other_names),
        cmocka_unit_test(a_graph_without_work_copies_its_input),
        cmocka_unit_test(a_third_reader_keeps_a_gate_apart),
        cmocka_unit_test(a_second_reader_keeps_an_activation_and_a_normalisation_apart),
        cmocka_unit_test(only_a_gate_that_multiplies_is_one),
        cmocka_unit_test(a_gate_of_something_else_is_none),
        cmocka_unit_test(a_gate_is_seen_through_other_names),
        cmocka_unit_test(a_computed_bias_is_not_folded_over),
        cmocka_unit_test(a_computed_scale_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
