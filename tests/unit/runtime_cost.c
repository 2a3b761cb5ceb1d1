/* What layers cost: constants that Identity and Dropout have renamed are constants. */
#include "runtime/cost.h"
#include "tests/unit/runtime_direct.h"

enum { BATCH = 4 };

/* The constant itself, or by another name. */
static int renamed(struct gtcnn_graph *g, int constant, int how)
{
    switch (how) {
    case 0:
        return constant;
    case 1:
        return direct_unary(g, GTCNN_OP_IDENTITY, constant);
    default:
        return direct_unary(g, GTCNN_OP_DROPOUT, direct_unary(g, GTCNN_OP_IDENTITY, constant));
    }
}

/* Conv 6 -> 9 of 3 x 3 with bias, BatchNormalization, MatMul with a bias in an Add that another Add shares. */
static struct gtcnn_graph *graph_of(int how)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    struct gtcnn_shape xs = direct_shape4(BATCH, 6, 7, 5), ws = direct_shape4(9, 6, 3, 3), cs = {1, {9}}, ms = {2, {5, 8}},
                       bs = {1, {8}};
    int x = direct_input(g, &xs), norm[5], bias;
    struct gtcnn_attr *attr;
    int conv[3] = {x, renamed(g, direct_constant(g, &ws, false), how), renamed(g, direct_constant(g, &cs, false), how)};
    norm[0] = direct_node(g, GTCNN_OP_CONV, conv, 3, &attr);
    attr->kernel[0] = attr->kernel[1] = 3;
    attr->auto_pad = GTCNN_PAD_SAME_UPPER;
    for (int k = 1; k < 5; k++)
        norm[k] = renamed(g, direct_constant(g, &cs, k == 4), how);
    int y = direct_node(g, GTCNN_OP_BATCHNORM, norm, 5, NULL);
    y = direct_binary(g, GTCNN_OP_MATMUL, y, renamed(g, direct_constant(g, &ms, false), how));
    bias = direct_constant(g, &bs, false);
    y = direct_binary(g, GTCNN_OP_ADD, y, renamed(g, bias, how));
    direct_binary(g, GTCNN_OP_ADD, renamed(g, bias, how), y);
    return g;
}

static const struct gtcnn_layer *find(const struct gtcnn_layer *layers, uint32_t count, const char *op)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(layers[i].op, op) == 0)
            return &layers[i];
    fail_msg("no %s", op);
    return NULL;
}

static void renamed_constants_count_as_constants(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        uint64_t macs, params, activations, bytes;
    } wanted[] = {
        {"Conv", 7 * 5 * 9 * 6 * 9, 9 * 6 * 9 + 9, 7 * 5 * 9, 4 * (7 * 5 * 6 + 9 * 6 * 9 + 9 + 7 * 5 * 9)},
        {"BatchNormalization", 0, 2 * 9, 7 * 5 * 9, 4 * (2 * 7 * 5 * 9 + 4 * 9)},
        {"MatMul", 9 * 7 * 5 * 8, 5 * 8, 9 * 7 * 8, 4 * (9 * 7 * 5 + 5 * 8 + 9 * 7 * 8)},
        {"Add", 0, 8, 9 * 7 * 8, 4 * (2 * 9 * 7 * 8 + 8)},
    };
    for (int how = 0; how < 3; how++) {
        struct gtcnn_graph *g = graph_of(how);
        struct gtcnn_layer layers[32];
        struct gtcnn_err err = {0};
        uint32_t count = 0;
        uint64_t params = 0;
        assert_true(g->node_count <= sizeof layers / sizeof *layers);
        assert_int_equal(gtcnn_graph_infer_shapes(g, 0, &err), GTCNN_OK);
        assert_int_equal(gtcnn_cost_layers(g, layers, &count, &err), GTCNN_OK);
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
            const struct gtcnn_layer *layer = find(layers, count, wanted[i].op);
            assert_int_equal(layer->macs, wanted[i].macs);
            assert_int_equal(layer->params, wanted[i].params);
            assert_int_equal(layer->activations, wanted[i].activations);
            assert_int_equal(layer->bytes, wanted[i].bytes);
        }
        for (uint32_t i = 0; i < count; i++)
            params += layers[i].params;
        assert_int_equal(params, 9 * 6 * 9 + 9 + 2 * 9 + 5 * 8 + 8); /* what two share is counted once */
        direct_check(g, 0, "renamed constants");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renamed_constants_count_as_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
