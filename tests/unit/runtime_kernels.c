/* Every kernel against a direct computation in double precision: random shapes, odd sizes, edges, 1 to 3 threads. */
#include "tests/unit/runtime_direct.h"

enum { ROUNDS = 150 };

static void set_window(struct gtcnn_attr *attr, int kh, int kw, bool pads)
{
    attr->kernel[0] = (uint32_t)kh;
    attr->kernel[1] = (uint32_t)kw;
    for (int i = 0; i < 2; i++) {
        attr->stride[i] = (uint32_t)direct_pick(1, 3);
        attr->dilation[i] = (uint32_t)direct_pick(1, 2);
    }
    for (int i = 0; i < 4 && pads; i++)
        attr->pad[i] = (uint32_t)direct_pick(0, 3);
}

/* A side that the dilated window fits into, however it was drawn. */
static int side(int kernel)
{
    return direct_pick(2 * (kernel - 1) + 1, 2 * (kernel - 1) + 12);
}

static void one_convolution(int group, int in, int out, int kernel)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    int kw = direct_pick(1, kernel);
    struct gtcnn_shape xs = direct_shape4(direct_pick(1, 3), group * in, side(kernel), side(kw));
    struct gtcnn_shape ws = direct_shape4(group * out, in, kernel, kw), bs = {1, {group * out}};
    int inputs[3] = {direct_input(g, &xs), direct_constant(g, &ws, false), direct_constant(g, &bs, false)};
    struct gtcnn_attr *attr;
    direct_node(g, GTCNN_OP_CONV, inputs, direct_pick(0, 1) ? 3 : 2, &attr);
    set_window(attr, kernel, kw, true);
    attr->group = (uint32_t)group;
    if (direct_pick(0, 3) == 0) {
        memset(attr->pad, 0, sizeof attr->pad);
        attr->auto_pad = direct_pick(0, 1) ? GTCNN_PAD_SAME_UPPER : GTCNN_PAD_SAME_LOWER;
    }
    direct_check(g, 0, "Conv");
}

static void dense_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        one_convolution(1, direct_pick(1, 20), direct_pick(1, 20), direct_pick(1, 4));
}

static void grouped_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        one_convolution(direct_pick(2, 5), direct_pick(1, 6), direct_pick(1, 10), direct_pick(1, 3));
}

static void depthwise_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++)
        one_convolution(direct_pick(2, 70), 1, 1, direct_pick(1, 5));
}

/* Windows larger than the map, of which padding makes up the rest, and higher ones than any network has. */
static void windows_beyond_the_map(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        bool depthwise = direct_pick(0, 1);
        int channels = direct_pick(2, 40), in = depthwise ? channels : direct_pick(1, 9);
        int kernel = i % 10 == 0 ? direct_pick(60, 80) : direct_pick(2, 9), h = direct_pick(1, 4), w = direct_pick(1, 4);
        struct gtcnn_shape xs = direct_shape4(direct_pick(1, 2), in, h, w);
        struct gtcnn_shape ws = direct_shape4(channels, depthwise ? 1 : in, kernel, direct_pick(1, 3));
        int inputs[2] = {direct_input(g, &xs), direct_constant(g, &ws, false)};
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_CONV, inputs, 2, &attr);
        set_window(attr, kernel, (int)ws.dim[3], false);
        attr->group = depthwise ? (uint32_t)channels : 1;
        for (int k = 0; k < 4; k++)
            attr->pad[k] = k % 2 ? 4 : (uint32_t)kernel * attr->dilation[0] / 2 + 2;
        direct_check(g, 0, "a window beyond the map");
    }
}

/* One output that lies wholly in the padding, left of the map: strides that large are allowed. */
static void outputs_in_the_padding(void **state)
{
    (void)state;
    for (int group = 0; group < 2; group++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = direct_shape4(1, 64, 1, 1), ws = direct_shape4(64, group ? 1 : 64, 3, 3);
        int inputs[2] = {direct_input(g, &xs), direct_constant(g, &ws, false)};
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_CONV, inputs, 2, &attr);
        attr->kernel[0] = attr->kernel[1] = 3;
        attr->stride[0] = 1;
        attr->stride[1] = 100;
        attr->group = group ? 64 : 1;
        for (int k = 0; k < 4; k++)
            attr->pad[k] = k % 2 ? 5 : 1;
        direct_check(g, 0, "an output in the padding");
    }
}

/* A window whose dilation reaches beyond any memory is refused, or computed: by no kernels is memory written that is not there.
 */
static void dilations_beyond_any_memory(void **state)
{
    (void)state;
    const struct gtcnn_kernels *kernels;
    for (uint32_t k = 0; (kernels = gtcnn_isa_at(k)); k++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = direct_shape4(1, 4, 1, 1), ws = direct_shape4(1, 4, 3, 3);
        int inputs[2] = {direct_input(g, &xs), direct_constant(g, &ws, false)};
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_CONV, inputs, 2, &attr);
        attr->kernel[0] = attr->kernel[1] = 3;
        attr->dilation[0] = attr->dilation[1] = 1073741823;
        for (int i = 0; i < 4; i++)
            attr->pad[i] = 1073741823;
        direct_infer(g, 0, "dilated");
        struct gtcnn_plan_options options = {.kernels = kernels, .threads = 2};
        struct gtcnn_plan *plan = NULL;
        struct gtcnn_err err = {0};
        bool none[8] = {0};
        enum gtcnn_status status = gtcnn_plan_new(g, none, &options, &plan, &err);
        assert_int_equal(status, kernels->conv_scratch ? GTCNN_E_LIMIT : GTCNN_OK);
        gtcnn_plan_free(plan);
        gtcnn_graph_free(g);
    }
}

/* An image that is no numbers spoils its own answers alone, whatever stands beside it in memory. */
static void neighbours_are_not_spoilt(void **state)
{
    (void)state;
    const struct gtcnn_kernels *kernels;
    for (uint32_t k = 0; (kernels = gtcnn_isa_at(k)); k++)
        for (int in = 4; in < 7; in++) {
            struct gtcnn_graph *g = gtcnn_graph_new();
            struct gtcnn_shape xs = {2, {3, in}}, ws = {2, {in, 5}};
            direct_node(g, GTCNN_OP_GEMM, (int[]){direct_input(g, &xs), direct_constant(g, &ws, false)}, 2, NULL);
            direct_infer(g, 0, "Gemm");
            float *input = direct_noise(3 * in);
            for (int i = 0; i < in; i++)
                input[in + i] = NAN;
            struct gtcnn_plan_options options = {.kernels = kernels, .threads = 1};
            float *y = direct_run(g, NULL, &options, input, NULL);
            for (int i = 0; i < 15; i++)
                if (!isnan(y[i]) != (i / 5 != 1))
                    fail_msg("%s, %d inputs: output %d is %g", kernels->name, in, i, (double)y[i]);
            free(y);
            free(input);
            gtcnn_graph_free(g);
        }
}

/* 1 x 1, stride 1, no padding: small maps are flattened, large ones (above 256 pixels) not. */
static void pointwise_convolutions(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        int in = direct_pick(1, 40), out = direct_pick(1, 40), h = direct_pick(1, 20), w = direct_pick(1, 20);
        struct gtcnn_shape xs = direct_shape4(direct_pick(1, 3), in, h, w), ws = direct_shape4(out, in, 1, 1);
        int inputs[2] = {direct_input(g, &xs), direct_constant(g, &ws, false)};
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_CONV, inputs, 2, &attr);
        attr->kernel[0] = attr->kernel[1] = 1;
        direct_check(g, 0, "pointwise Conv");
    }
}

static void pools(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        int kernel = direct_pick(1, 4), kw = direct_pick(1, 4);
        struct gtcnn_shape xs = direct_shape4(direct_pick(1, 2), direct_pick(1, 40), side(kernel), side(kw));
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        bool max = direct_pick(0, 1);
        direct_node(g, max ? GTCNN_OP_MAXPOOL : GTCNN_OP_AVERAGEPOOL, &x, 1, &attr);
        set_window(attr, kernel, kw, false);
        for (int k = 0; k < 4; k++) /* ONNX: smaller than the window, else some averages are of nothing */
            attr->pad[k] = (uint32_t)direct_pick(0, (k % 2 ? kw : kernel) - 1);
        if (attr->dilation[0] > 1)
            attr->pad[0] = attr->pad[2] = 0;
        if (attr->dilation[1] > 1)
            attr->pad[1] = attr->pad[3] = 0;
        attr->ceil_mode = direct_pick(0, 1);
        attr->count_include_pad = !max && direct_pick(0, 1);
        direct_check(g, 0, max ? "MaxPool" : "AveragePool");
    }
}

static struct gtcnn_shape random_shape(uint32_t rank, int most)
{
    struct gtcnn_shape shape = {.rank = rank};
    for (uint32_t d = 0; d < rank; d++)
        shape.dim[d] = direct_pick(1, most);
    return shape;
}

static void means(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        bool pool = direct_pick(0, 2) == 0;
        struct gtcnn_shape xs = random_shape(pool || direct_pick(0, 1) ? 4 : 3, 9);
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        direct_node(g, pool ? GTCNN_OP_GLOBALAVERAGEPOOL : GTCNN_OP_REDUCEMEAN, &x, 1, &attr);
        attr->keepdims = direct_pick(0, 1);
        if (!pool && xs.rank == 4 && direct_pick(0, 1)) {
            attr->axis_count = 2;
            attr->axes[0] = 2;
            attr->axes[1] = 3;
        } else if (!pool) {
            attr->axis_count = 1;
            attr->axes[0] = direct_pick(1, (int)xs.rank - 1);
        }
        direct_check(g, 0, pool ? "GlobalAveragePool" : "ReduceMean");
    }
}

static void broadcasts(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 5), 7), other = xs;
        int lost = direct_pick(0, (int)xs.rank - 1); /* leading dimensions that the operand lacks */
        other.rank -= (uint32_t)lost;
        for (uint32_t d = 0; d < other.rank; d++)
            other.dim[d] = direct_pick(0, 1) ? 1 : xs.dim[d + (uint32_t)lost];
        int x = direct_input(g, &xs), c = direct_constant(g, &other, false);
        bool swapped = direct_pick(0, 1);
        direct_binary(g, direct_pick(0, 1) ? GTCNN_OP_ADD : GTCNN_OP_MUL, swapped ? c : x, swapped ? x : c);
        direct_check(g, 0, "broadcast");
    }
}

static void activations(void **state)
{
    (void)state;
    static const enum gtcnn_op ops[] = {GTCNN_OP_RELU,        GTCNN_OP_CLIP,      GTCNN_OP_SIGMOID,
                                        GTCNN_OP_HARDSIGMOID, GTCNN_OP_HARDSWISH, GTCNN_OP_IDENTITY};
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 5), 9);
        int x = direct_input(g, &xs);
        enum gtcnn_op op = ops[(size_t)i % (sizeof ops / sizeof *ops)];
        struct gtcnn_attr *attr;
        direct_node(g, op, &x, 1, &attr);
        if (op == GTCNN_OP_CLIP) {
            attr->min = -0.25f;
            attr->max = 6;
        }
        direct_check(g, 0, gtcnn_op_name(op));
    }
}

/*
 * bfloat16 has 8 significant bits: a factor is off by 2^-9 of itself at most, a product by 2^-8 (and 2^-18), so a sum by that
 * much of the sum of all |x w|, whatever cancels in it.
 */
static void assert_within_bits(const struct gtcnn_graph *g, const float *y, const double *wanted, const double *magnitude)
{
    for (int64_t i = 0; i < direct_count(&g->tensors[g->output].shape); i++) {
        double bound = magnitude[i] * (0x1p-7 + 0x1p-15);
        if (!(fabs(y[i] - wanted[i]) <= bound))
            fail_msg("element %lld: error %g, the bound is %g", (long long)i, fabs(y[i] - wanted[i]), bound);
    }
}

/* Makes all values of the graph and of its input positive. */
static void take_magnitudes(struct gtcnn_graph *g, float *input)
{
    for (uint32_t t = 0; t < g->tensor_count; t++)
        for (int64_t i = 0; g->tensors[t].data && i < direct_count(&g->tensors[t].shape); i++)
            ((float *)g->tensors[t].data)[i] = fabsf(((const float *)g->tensors[t].data)[i]);
    for (int64_t i = 0; i < direct_count(&g->tensors[g->input].shape); i++)
        input[i] = fabsf(input[i]);
}

static void bfloat16_keeps_its_bits(void **state)
{
    (void)state;
    struct gtcnn_plan_options options = {.threads = 1};
    struct gtcnn_err err = {0};
    if (gtcnn_isa_choose("bf16", &options.kernels, &err)) {
        print_message("skipped: %s\n", err.text);
        skip();
    }
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        int kernel = direct_pick(1, 4), in = direct_pick(1, 60), out = direct_pick(1, 40);
        struct gtcnn_shape xs = direct_shape4(direct_pick(1, 2), in, side(kernel), side(kernel));
        struct gtcnn_shape ws = direct_shape4(out, in, kernel, kernel), bs = {1, {out}};
        int inputs[3] = {direct_input(g, &xs), direct_constant(g, &ws, false), direct_constant(g, &bs, false)};
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_CONV, inputs, 3, &attr);
        set_window(attr, kernel, kernel, true);
        direct_infer(g, 0, "bfloat16");
        float *input = direct_noise(direct_count(&g->tensors[g->input].shape));
        double **wanted = direct_compute(g, input);
        float *y = direct_run(g, NULL, &options, input, NULL);
        take_magnitudes(g, input);
        double **magnitude = direct_compute(g, input);
        assert_within_bits(g, y, wanted[g->output], magnitude[g->output]);
        direct_free(g, wanted);
        direct_free(g, magnitude);
        free(input);
        free(y);
        gtcnn_graph_free(g);
    }
}

/* Runs one node on `input`; what it gives must be NaN at the indices of the bits that are set in `nan`, and nowhere else. */
static void one_with_nan(struct gtcnn_graph *g, const float *input, uint32_t nan, const char *what)
{
    direct_infer(g, 0, what);
    struct gtcnn_plan_options options = {.threads = 1};
    for (uint32_t k = 0; (options.kernels = gtcnn_isa_at(k)); k++) {
        float *y = direct_run(g, NULL, &options, input, NULL);
        for (uint32_t i = 0; i < (uint32_t)direct_count(&g->tensors[g->output].shape); i++)
            if (!isnan(y[i]) != !(nan >> i & 1))
                fail_msg("%s, %s: element %u is %g", what, options.kernels->name, i, (double)y[i]);
        free(y);
    }
    gtcnn_graph_free(g);
}

/* NaN is not silently made a number, as ONNX has it. */
static void not_a_number_stays_so(void **state)
{
    (void)state;
    static const enum gtcnn_op ops[] = {GTCNN_OP_RELU, GTCNN_OP_CLIP, GTCNN_OP_SIGMOID, GTCNN_OP_HARDSIGMOID,
                                        GTCNN_OP_HARDSWISH};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        int x = direct_input(g, &(struct gtcnn_shape){2, {1, 5}});
        struct gtcnn_attr *attr;
        direct_node(g, ops[i], &x, 1, &attr);
        attr->max = 6;
        one_with_nan(g, (float[]){-2, NAN, 3, NAN, 8}, 1u << 1 | 1u << 3, gtcnn_op_name(ops[i]));
    }
    for (uint32_t at = 0; at < 4; at++) { /* 2 x 2 windows side by side: wherever in its window the NaN stands */
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape shape = direct_shape4(1, 1, 2, 4);
        int x = direct_input(g, &shape);
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_MAXPOOL, &x, 1, &attr);
        for (int k = 0; k < 2; k++)
            attr->kernel[k] = attr->stride[k] = 2;
        float input[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        input[at / 2 * 4 + at % 2] = NAN;
        one_with_nan(g, input, 1, "MaxPool");
    }
}

static void softmaxes(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 4), 7);
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_SOFTMAX, &x, 1, &attr);
        attr->axis = direct_pick(0, (int)xs.rank - 1);
        attr->softmax_flat = direct_pick(0, 1);
        direct_check(g, 0, "Softmax");
    }
}

/* Logits of up to 1e4 either way: e to their power is beyond fp32, and beyond fp64 too, unless the largest is subtracted. */
static void softmaxes_of_large_logits(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 4), 7);
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_SOFTMAX, &x, 1, &attr);
        attr->axis = direct_pick(0, (int)xs.rank - 1);
        attr->softmax_flat = direct_pick(0, 1);
        int64_t n = direct_count(&xs);
        float *input = malloc((size_t)n * sizeof *input), at = i % 3 == 0 ? 1e4f : i % 3 == 1 ? -1e4f : 0;
        for (int64_t k = 0; k < n; k++) /* about 1e4, about -1e4, or between the two */
            input[k] = at + (at == 0 ? 1e4f : 4) * direct_value();
        direct_infer(g, 0, "Softmax of large logits");
        direct_check_input(g, input, "Softmax of large logits");
    }
}

static void products(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        int rows = direct_pick(1, 9), inner = direct_pick(1, 50), columns = direct_pick(1, 30);
        bool ta = direct_pick(0, 1), tb = direct_pick(0, 1);
        struct gtcnn_shape xs = {2, {ta ? inner : rows, ta ? rows : inner}},
                           ws = {2, {tb ? columns : inner, tb ? inner : columns}};
        struct gtcnn_shape forms[] = {{1, {columns}}, {2, {1, columns}}, {2, {rows, columns}},
                                      {2, {rows, 1}}, {0, {0}},          {1, {1}}};
        int form = direct_pick(0, 6);
        int inputs[3] = {direct_input(g, &xs), direct_constant(g, &ws, false), -1};
        if (form < 6)
            inputs[2] = direct_constant(g, &forms[form], false);
        struct gtcnn_attr *attr;
        direct_node(g, GTCNN_OP_GEMM, inputs, form < 6 ? 3 : 2, &attr);
        attr->trans_a = ta;
        attr->trans_b = tb;
        attr->alpha = direct_pick(0, 1) ? 1 : 0.75f;
        bool matrix = (form == 2 && rows > 1) || (form == 3 && rows > 1);
        attr->beta = matrix || direct_pick(0, 1) ? 1 : 0.5f;
        direct_check(g, 0, "Gemm");
    }
}

static void matmuls(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 5), 6);
        struct gtcnn_shape ws = {2, {xs.dim[xs.rank - 1], direct_pick(1, 20)}};
        int x = direct_input(g, &xs);
        direct_binary(g, GTCNN_OP_MATMUL, x, direct_constant(g, &ws, false));
        direct_check(g, 0, "MatMul");
    }
}

static void standalone_normalisations(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 4), 9), cs = {1, {xs.dim[1]}};
        int inputs[5] = {direct_input(g, &xs)};
        for (int k = 1; k < 5; k++)
            inputs[k] = direct_constant(g, &cs, k == 4);
        direct_node(g, GTCNN_OP_BATCHNORM, inputs, 5, NULL);
        direct_check(g, 0, "BatchNormalization");
    }
}

static void pads_and_concatenations(void **state)
{
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 4), 6);
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        int padded = direct_node(g, GTCNN_OP_PAD, &x, 1, &attr);
        attr->target_rank = xs.rank;
        attr->pad_value = direct_value();
        uint32_t axis = (uint32_t)direct_pick(1, (int)xs.rank - 1);
        attr->pads[axis] = direct_pick(0, 3);
        attr->pads[xs.rank + axis] = direct_pick(0, 3);
        direct_node(g, GTCNN_OP_CONCAT, (int[]){padded, x, padded}, 3, &attr);
        attr->axis = (int)axis;
        direct_check(g, 0, "Pad and Concat");
    }
}

static void transposes_and_reshapes(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        struct gtcnn_graph *g = gtcnn_graph_new();
        struct gtcnn_shape xs = random_shape((uint32_t)direct_pick(2, 5), 6);
        int x = direct_input(g, &xs);
        struct gtcnn_attr *attr;
        int t = direct_node(g, GTCNN_OP_TRANSPOSE, &x, 1, &attr);
        for (uint32_t d = 0; d < xs.rank; d++)
            attr->perm[d] = (int)d;
        for (uint32_t d = 1; d + 1 < xs.rank; d++) { /* the batch stays where it is */
            uint32_t other = (uint32_t)direct_pick((int)d, (int)xs.rank - 1);
            int kept = attr->perm[d];
            attr->perm[d] = attr->perm[other];
            attr->perm[other] = kept;
        }
        if (direct_pick(0, 1)) {
            t = direct_node(g, GTCNN_OP_FLATTEN, &t, 1, &attr);
            attr->axis = 1;
        }
        direct_unary(g, GTCNN_OP_RELU, t);
        direct_check(g, 0, "Transpose and Flatten");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_convolutions),
        cmocka_unit_test(grouped_convolutions),
        cmocka_unit_test(depthwise_convolutions),
        cmocka_unit_test(windows_beyond_the_map),
        cmocka_unit_test(outputs_in_the_padding),
        cmocka_unit_test(dilations_beyond_any_memory),
        cmocka_unit_test(neighbours_are_not_spoilt),
        cmocka_unit_test(bfloat16_keeps_its_bits),
        cmocka_unit_test(pointwise_convolutions),
        cmocka_unit_test(pools),
        cmocka_unit_test(means),
        cmocka_unit_test(broadcasts),
        cmocka_unit_test(activations),
        cmocka_unit_test(not_a_number_stays_so),
        cmocka_unit_test(softmaxes),
        cmocka_unit_test(softmaxes_of_large_logits),
        cmocka_unit_test(products),
        cmocka_unit_test(matmuls),
        cmocka_unit_test(standalone_normalisations),
        cmocka_unit_test(pads_and_concatenations),
        cmocka_unit_test(transposes_and_reshapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
