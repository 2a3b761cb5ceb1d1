/* Blocks of several products in one unit: which are put together, which must not be, and that both compute what the graph says.
 */
#include "tests/unit/runtime_layers.h"

enum { ROUNDS = 60 };

struct block {
    int x, expanded, wide, pooled, gate, scaled, projected, out; /* tensors; -1: none */
};

static int convolve(struct gtcnn_graph *g, int x, int in, int out, int kernel, int stride, int group)
{
    struct gtcnn_shape ws = direct_shape4(out, in / group, kernel, kernel), bs = {1, {out}};
    struct gtcnn_attr *attr;
    int y = direct_node(g, GTCNN_OP_CONV, (int[]){x, direct_constant(g, &ws, false), direct_constant(g, &bs, false)}, 3, &attr);
    attr->kernel[0] = attr->kernel[1] = (uint32_t)kernel;
    attr->stride[0] = attr->stride[1] = (uint32_t)stride;
    attr->group = (uint32_t)group;
    attr->auto_pad = GTCNN_PAD_SAME_UPPER;
    return y;
}

/* Some activation, or none. */
static int activate(struct gtcnn_graph *g, int x)
{
    switch (direct_pick(0, 3)) {
    case 0:
        return x;
    case 1:
        return direct_unary(g, GTCNN_OP_RELU, x);
    default:
        return layers_silu(g, x, direct_pick(0, 1));
    }
}

/* An inverted bottleneck of random size; what the options leave out is missing. */
static struct block add_block(struct gtcnn_graph *g, int x, int in, int kernel, int stride, bool excite, bool residual)
{
    int wide = in * direct_pick(1, 4), out = residual ? in : direct_pick(1, 40), squeezed = direct_pick(1, 9);
    struct block b = {.x = x, .pooled = -1, .gate = -1, .scaled = -1};
    b.expanded = activate(g, layers_norm(g, convolve(g, x, in, wide, direct_pick(0, 3) ? 1 : 3, 1, 1), wide));
    b.wide = b.scaled = activate(g, layers_norm(g, convolve(g, b.expanded, wide, wide, kernel, stride, wide), wide));
    if (excite) {
        b.pooled = direct_node(g, GTCNN_OP_GLOBALAVERAGEPOOL, &b.wide, 1, NULL);
        int small = activate(g, convolve(g, b.pooled, wide, squeezed, 1, 1, 1));
        b.gate = direct_unary(g, GTCNN_OP_SIGMOID, convolve(g, small, squeezed, wide, 1, 1, 1));
        b.scaled = direct_binary(g, GTCNN_OP_MUL, b.wide, b.gate);
    }
    b.projected = layers_norm(g, convolve(g, b.scaled, wide, out, 1, 1, 1), out);
    b.out = residual ? direct_binary(g, GTCNN_OP_ADD, b.projected, x) : b.projected;
    return b;
}

static struct gtcnn_graph *random_input(int *x, int *channels)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    *channels = direct_pick(2, 20);
    struct gtcnn_shape shape = direct_shape4(direct_pick(1, 3), *channels, direct_pick(2, 17), direct_pick(2, 17));
    *x = direct_input(g, &shape);
    return g;
}

static void blocks_compute_what_the_graph_says(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int x, channels, stride = direct_pick(1, 2);
        struct gtcnn_graph *g = random_input(&x, &channels);
        add_block(g, x, channels, direct_pick(0, 2) * 2 + 1, stride, i % 3 != 0, stride == 1 && i % 2 == 0);
        direct_check(g, 0, "a block");
    }
}

/* Three units: expansion with depthwise convolution and mean, squeeze with excitation, projection with gate and addition. */
static void a_block_is_three_units(void **state)
{
    (void)state;
    int x, channels;
    struct gtcnn_graph *g = random_input(&x, &channels);
    struct block b = add_block(g, x, channels, 3, 1, true, true);
    struct gtcnn_plan *plan = layers_plan_by(g, NULL, gtcnn_isa_at(0));
    if (!plan->kernels->expand) {
        gtcnn_plan_free(plan);
        gtcnn_graph_free(g);
        print_message("skipped: this processor has plain C kernels alone, which execute layer by layer\n");
        skip();
    }
    assert_int_equal(plan->step_count, 3);
    const struct gtcnn_group *groups = plan->fusion.groups;
    assert_int_equal(plan->fusion.group_count, 3);
    assert_true(groups[0].second.node >= 0);
    assert_int_equal(groups[0].pool, b.pooled);
    assert_int_equal(groups[0].output, b.wide);
    assert_true(groups[1].second.node >= 0);
    assert_int_equal(groups[1].output, b.gate);
    assert_int_equal(groups[2].gate, b.gate);
    assert_int_equal(groups[2].residual, b.x);
    assert_int_equal(groups[2].output, b.out);
    uint32_t members = 0;
    for (uint32_t i = 0; i < 3; i++)
        members += groups[i].count;
    assert_int_equal(members, g->node_count);
    gtcnn_plan_free(plan);
    gtcnn_graph_free(g);
}

/* What somebody wants to see is computed as itself: keeping any tensor of a block gives it, and the same output. */
static void whatever_is_kept_is_there(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int x, channels;
        struct gtcnn_graph *g = random_input(&x, &channels);
        struct block b = add_block(g, x, channels, 3, 1, true, true);
        const int tensors[] = {b.expanded, b.wide, b.pooled, b.gate, b.scaled, b.projected};
        int kept = tensors[i % 6];
        bool *keep = calloc(g->tensor_count, sizeof *keep);
        keep[kept] = true;
        direct_infer(g, 0, "a kept tensor");
        float *input = direct_noise(direct_count(&g->tensors[g->input].shape));
        double **wanted = direct_compute(g, input);
        struct gtcnn_plan_options options = {.threads = 2};
        for (uint32_t k = 0; (options.kernels = gtcnn_isa_at(k)); k++) {
            struct gtcnn_plan *plan;
            double bound = options.kernels->narrow ? DIRECT_BF16 : 1e-5;
            float *y = direct_run(g, keep, &options, input, &plan);
            const struct gtcnn_array *array = &plan->arrays[plan->fusion.alias[kept]];
            int64_t n = direct_count(&array->shape), stride[GTCNN_MAX_RANK];
            float *copy = malloc((size_t)n * sizeof *copy);
            assert_false(array->narrow);
            gtcnn_layout_row_major(&array->shape, stride);
            gtcnn_layout_copy(&array->shape, copy, stride, gtcnn_plan_data(plan, &array->at), array->stride);
            direct_assert_within(copy, wanted[kept], n, bound, "the kept tensor");
            direct_assert_within(y, wanted[g->output], direct_count(&g->tensors[g->output].shape), bound, "the output");
            free(copy);
            free(y);
            gtcnn_plan_free(plan);
        }
        free(keep);
        free(input);
        direct_free(g, wanted);
        gtcnn_graph_free(g);
    }
}

/* An addition whose other operand is computed after the product's place, gates with two readers, sums of a tensor with itself.
 */
static void what_does_not_fit_stays_apart(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        int x, channels;
        struct gtcnn_graph *g = random_input(&x, &channels);
        int first = convolve(g, x, channels, channels, 1, 1, 1), second = convolve(g, x, channels, channels, 3, 1, 1);
        int pooled = direct_node(g, GTCNN_OP_GLOBALAVERAGEPOOL, &second, 1, NULL);
        int gate = direct_unary(g, GTCNN_OP_SIGMOID, convolve(g, pooled, channels, channels, 1, 1, 1));
        int gated = direct_binary(g, GTCNN_OP_MUL, gate, second);
        int last = convolve(g, gated, channels, channels, 1, 1, 1);
        int sum = direct_binary(g, GTCNN_OP_ADD, i % 2 ? last : first, i % 2 ? first : last);
        sum = direct_binary(g, GTCNN_OP_ADD, sum, i % 3 ? gated : sum);
        direct_binary(g, GTCNN_OP_MUL, sum, gate);
        direct_check(g, 0, "parts that cross");
    }
}

/* A depthwise convolution and its mean, behind so many calls that their array moves between the two. */
static void many_calls_before_a_mean(void **state)
{
    (void)state;
    for (int before = 60; before < 68; before++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape shape = direct_shape4(1, 6, 5, 4);
        int x = direct_input(g, &shape);
        for (int i = 0; i < before; i++)
            x = direct_binary(g, GTCNN_OP_ADD, x, x);
        x = convolve(g, x, 6, 6, 3, 1, 6);
        direct_node(g, GTCNN_OP_GLOBALAVERAGEPOOL, &x, 1, NULL);
        direct_check(g, 0, "a mean behind many calls");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_compute_what_the_graph_says), cmocka_unit_test(a_block_is_three_units),
        cmocka_unit_test(whatever_is_kept_is_there),          cmocka_unit_test(what_does_not_fit_stays_apart),
        cmocka_unit_test(many_calls_before_a_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
