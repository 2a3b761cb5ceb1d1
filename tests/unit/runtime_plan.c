/* Memory and whole graphs: the plan against the direct computation, and what the public interface tells of it. */
#include "tests/unit/runtime_layers.h"

#include "tests/unit/runtime_fork.h"

/* --- random graphs of layers that follow, branch and join */

static int random_layer(struct gtcnn_graph *g, int x, int *channels)
{
    int out;
    switch (direct_pick(0, 7)) {
    case 0:
        out = direct_pick(1, 12);
        x = layers_conv(g, x, *channels, out, direct_pick(1, 3));
        *channels = out;
        return x;
    case 1:
        return layers_norm(g, x, *channels);
    case 2:
        return layers_silu(g, x, direct_pick(0, 1));
    case 3:
        return direct_unary(g, GTCNN_OP_RELU, x);
    case 4:
        return direct_binary(g, GTCNN_OP_ADD, layers_conv(g, x, *channels, *channels, 3), x);
    case 5:
        return direct_binary(g, GTCNN_OP_MUL, x,
                             direct_unary(g, GTCNN_OP_SIGMOID, direct_unary(g, GTCNN_OP_GLOBALAVERAGEPOOL, x)));
    case 6: {
        struct gtcnn_attr *attr;
        int joined = direct_node(g, GTCNN_OP_CONCAT, (int[]){x, direct_unary(g, GTCNN_OP_HARDSWISH, x)}, 2, &attr);
        attr->axis = 1;
        if (*channels > 12)
            return direct_unary(g, GTCNN_OP_DROPOUT, x);
        *channels *= 2;
        return joined;
    }
    default:
        return direct_unary(g, GTCNN_OP_IDENTITY, layers_norm(g, layers_conv(g, x, *channels, *channels, 1), *channels));
    }
}

static struct gtcnn_graph *random_graph(int layers)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    int channels = direct_pick(1, 6);
    struct gtcnn_shape shape = direct_shape4(direct_pick(1, 2), channels, direct_pick(2, 7), direct_pick(2, 7));
    int x = direct_input(g, &shape);
    for (int i = 0; i < layers; i++)
        x = random_layer(g, x, &channels);
    g->output = x;
    return g;
}

static void random_graphs_compute_what_they_say(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++)
        direct_check(random_graph(direct_pick(1, 9)), 0, "random graph");
}

static void assert_kept(const struct gtcnn_plan *plan, int tensor, double **wanted)
{
    const struct gtcnn_array *array = &plan->arrays[plan->fusion.alias[tensor]];
    int64_t n = direct_count(&plan->graph->tensors[tensor].shape), stride[GTCNN_MAX_RANK];
    float *value = malloc((size_t)n * sizeof *value);
    gtcnn_layout_row_major(&array->shape, stride);
    gtcnn_layout_copy(&array->shape, value, stride, gtcnn_plan_data(plan, &array->at), array->stride);
    direct_assert_near(value, wanted[tensor], n, "a kept tensor");
    free(value);
}

/* Scratch memory that tensors share gives the same as memory of their own, and every kept tensor is right. */
static void kept_tensors_are_right_and_change_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct gtcnn_graph *g = random_graph(6);
        struct gtcnn_err err = {0};
        bool keep[256];
        memset(keep, true, sizeof keep);
        assert_int_equal(gtcnn_graph_infer_shapes(g, 0, &err), GTCNN_OK);
        float *input = direct_noise(direct_count(&g->tensors[g->input].shape));
        double **wanted = direct_compute(g, input);
        struct gtcnn_plan *plan;
        struct gtcnn_plan_options two = {.kernels = gtcnn_isa_at(0), .threads = 2};
        float *y = direct_run(g, keep, &two, input, &plan), *shared = direct_run(g, NULL, &two, input, NULL);
        int64_t n = direct_count(&g->tensors[g->output].shape);
        direct_assert_near(y, wanted[g->output], n, "kept");
        direct_assert_near(shared, wanted[g->output], n, "shared");
        for (uint32_t k = 0; k < g->node_count; k++)
            assert_kept(plan, g->nodes[k].output, wanted);
        free(y);
        free(shared);
        free(input);
        gtcnn_plan_free(plan);
        direct_free(g, wanted);
        gtcnn_graph_free(g);
    }
}

/* --- scratch memory */

static int64_t scratch_of(const struct gtcnn_plan *plan)
{
    int64_t end = 0;
    for (uint32_t b = 0; b < plan->buffer_count; b++) {
        const struct gtcnn_buffer *buffer = &plan->buffers[b];
        assert_int_equal(buffer->offset % 16, 0); /* a cache line */
        end = buffer->offset + buffer->elements > end ? buffer->offset + buffer->elements : end;
    }
    return end;
}

/* However long a chain is, it takes the room of two maps. */
static void a_chain_takes_two_maps(void **state)
{
    (void)state;
    for (int layers = 2; layers < 12; layers += 3) {
        int x;
        struct gtcnn_graph *g = layers_graph(&x);
        int64_t map = direct_count(&g->tensors[x].shape), lined = (map + 15) / 16 * 16;
        for (int i = 0; i < layers; i++)
            x = layers_conv(g, x, 6, 6, 3);
        struct gtcnn_plan *plan = layers_plan(g, NULL);
        assert_int_equal(plan->step_count, layers);
        assert_int_equal(scratch_of(plan), lined + map);
        gtcnn_plan_free(plan);
        direct_check(g, 0, "a chain");
    }
}

/* What is wanted after the inference stands in memory that no later layer gets: the output in the middle, and a kept tensor
 * by another name. */
static void what_is_wanted_later_is_not_overwritten(void **state)
{
    (void)state;
    int x;
    struct gtcnn_graph *g = layers_graph(&x);
    struct gtcnn_err err = {0};
    bool keep[256] = {0};
    int middle = layers_conv(g, x, 6, 6, 3), y = middle;
    for (int i = 0; i < 4; i++)
        y = layers_conv(g, y, 6, 6, 3);
    int named = direct_unary(g, GTCNN_OP_IDENTITY, y), last = named;
    for (int i = 0; i < 4; i++)
        last = layers_conv(g, last, 6, 6, 3);
    g->output = middle;
    keep[named] = keep[last] = true;
    assert_int_equal(gtcnn_graph_infer_shapes(g, 0, &err), GTCNN_OK);
    int64_t n = direct_count(&g->tensors[x].shape);
    float *input = direct_noise(n);
    double **wanted = direct_compute(g, input);
    struct gtcnn_plan *plan;
    struct gtcnn_plan_options two = {.kernels = gtcnn_isa_at(0), .threads = 2};
    float *output = direct_run(g, keep, &two, input, &plan);
    direct_assert_near(output, wanted[middle], n, "an output in the middle");
    assert_kept(plan, named, wanted);
    assert_kept(plan, last, wanted);
    gtcnn_plan_free(plan);
    direct_free(g, wanted);
    gtcnn_graph_free(g);
    free(input);
    free(output);
}

/* --- the public interface */

static struct gtcnn_model *open_model(const char *name, uint32_t batch, uint32_t threads)
{
    struct gtcnn_options options = {sizeof options, batch, threads};
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_model_open(name, &options, &model, &err))
        fail_msg("%s", err.text);
    return model;
}

static void units_add_up_to_the_model(void **state)
{
    (void)state;
    struct gtcnn_model *model = open_model("efficientnet/b0", 0, 1);
    const struct gtcnn_model_info *info = gtcnn_model_info(model);
    uint64_t macs = 0, params = 0;
    uint32_t members = 0;
    for (uint32_t u = 0; u < info->unit_count; u++) {
        const struct gtcnn_unit *unit = &info->units[u];
        assert_int_equal(unit->index, u);
        assert_int_equal(unit->model_uid, info->uid);
        assert_true(layers_names_a_member(unit));
        for (uint32_t m = 0; m < unit->member_count; m++)
            assert_int_equal(unit->members[m]->unit, u);
        macs += unit->macs;
        params += unit->params;
        members += unit->member_count;
    }
    assert_int_equal(macs, info->macs);
    assert_int_equal(info->macs, 385814752);
    assert_int_equal(params, info->params);
    assert_int_equal(info->params, 5288548);
    assert_true(members + 1 >= info->layer_count); /* Flatten, a view, has no unit */
    gtcnn_model_close(model);
}

static void ids_are_never_reused(void **state)
{
    (void)state;
    struct gtcnn_model *a = open_model("fashion/b0", 0, 1);
    uint64_t first = gtcnn_model_info(a)->uid;
    gtcnn_model_close(a);
    a = open_model("fashion/b0", 0, 1);
    assert_true(gtcnn_model_info(a)->uid > first);
    gtcnn_model_close(a);
}

/* Answers do not depend on the batch, on what else is in it, on the threads, or on what was computed before. */
static void answers_depend_on_the_image_alone(void **state)
{
    (void)state;
    enum { IMAGES = 5, PIXELS = 14 * 14, CLASSES = 10 };
    float *x = direct_noise(IMAGES * PIXELS), one[CLASSES], many[IMAGES * CLASSES];
    struct gtcnn_model *single = open_model("fashion/b0", 1, 1), *batch = open_model("fashion/b0", IMAGES, 3);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(gtcnn_infer(batch, x, many, IMAGES), GTCNN_OK);
        for (int i = 0; i < IMAGES; i++) {
            assert_int_equal(gtcnn_infer(single, x + i * PIXELS, one, 1), GTCNN_OK);
            assert_memory_equal(one, many + i * CLASSES, sizeof one);
        }
    }
    gtcnn_model_close(single);
    gtcnn_model_close(batch);
    free(x);
}

/* A child of fork infers what its parent would have, and closes its copy; the parent's goes on as if nothing had been. */
static void a_forked_child_may_infer(void **state)
{
    (void)state;
    FORK_SKIP_IF_UNSUPPORTED();
    enum { PIXELS = 21 * 21, CLASSES = 10 };
    struct gtcnn_model *model = open_model("fashion/b3", 1, 3);
    assert_int_equal(gtcnn_shape_count(&gtcnn_model_info(model)->input), PIXELS);
    float *x = direct_noise(PIXELS), before[CLASSES], after[CLASSES] = {0};
    assert_int_equal(gtcnn_infer(model, x, before, 1), GTCNN_OK);
    pid_t child = fork();
    if (child == 0) {
        alarm(60); /* should it wait for threads that it does not have */
        bool same = gtcnn_infer(model, x, after, 1) == GTCNN_OK && memcmp(before, after, sizeof before) == 0;
        gtcnn_model_close(model);
        _exit(same ? 0 : 1);
    }
    fork_await(child);
    assert_int_equal(gtcnn_infer(model, x, after, 1), GTCNN_OK);
    assert_memory_equal(before, after, sizeof before);
    gtcnn_model_close(model);
    free(x);
}

static uint32_t parts_of_convolution(int64_t channels, int64_t side)
{
    struct gtcnn_graph *g = gtcnn_graph_new();
    struct gtcnn_shape shape = direct_shape4(1, channels, side, side);
    layers_conv(g, direct_input(g, &shape), (int)channels, (int)channels, 1);
    struct gtcnn_plan *plan = layers_plan(g, NULL);
    uint32_t parts = plan->calls[0].parts;
    gtcnn_plan_free(plan);
    gtcnn_graph_free(g);
    return parts;
}

/* A layer that is computed sooner than another thread could be told is nobody's but the caller's; a large one is everybody's.
 */
static void small_work_stays_with_the_caller(void **state)
{
    (void)state;
    assert_int_equal(parts_of_convolution(8, 14), 1); /* 12 544 MACs */
    assert_int_equal(parts_of_convolution(16, 14), 3);
    assert_int_equal(parts_of_convolution(64, 28), 186);
    assert_int_equal(parts_of_convolution(128, 56), GTCNN_POOL_MAX);
    struct gtcnn_model *one = open_model("efficientnet/b0", 1, 1), *two = open_model("efficientnet/b0", 1, 2);
    uint32_t cut = 0;
    for (uint32_t c = 0; c < one->plan->call_count; c++) {
        assert_int_equal(one->plan->calls[c].parts, two->plan->calls[c].parts); /* the shapes decide, not the threads */
        cut += one->plan->calls[c].parts > 1;
    }
    assert_true(cut > 0 && cut < one->plan->call_count);
    gtcnn_model_close(one);
    gtcnn_model_close(two);
}

static void wrong_calls_are_refused(void **state)
{
    (void)state;
    struct gtcnn_model *model = open_model("fashion/b0", 2, 1), *none = NULL;
    float x[2 * 14 * 14] = {0}, y[20];
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_infer(model, x, y, 0), GTCNN_E_ARG);
    assert_int_equal(gtcnn_infer(model, x, y, 3), GTCNN_E_ARG);
    assert_int_equal(gtcnn_infer(model, NULL, y, 1), GTCNN_E_ARG);
    assert_int_equal(gtcnn_model_open("fashion/b9", NULL, &none, &err), GTCNN_E_NOENT);
    assert_non_null(strstr(err.text, "fashion/b3"));
    assert_int_equal(gtcnn_model_open("", NULL, &none, &err), GTCNN_E_ARG);
    assert_int_equal(gtcnn_model_open("none.onnx", NULL, &none, &err), GTCNN_E_NOENT);
    struct gtcnn_options absurd = {sizeof absurd, 1000000000, 1}, crowd = {sizeof crowd, 1, 1000000};
    assert_int_equal(gtcnn_model_open("efficientnet/b0", &absurd, &none, &err), GTCNN_E_LIMIT);
    assert_int_equal(gtcnn_model_open("fashion/b0", &crowd, &none, &err), GTCNN_E_ARG);
    assert_null(none);
    gtcnn_model_close(model);
    gtcnn_model_close(NULL);
}

static void kept_tensors_can_be_read(void **state)
{
    (void)state;
    struct gtcnn_model *model = open_model("fashion/b0", 1, 1);
    float x[14 * 14] = {1}, y[10], *data = NULL;
    struct gtcnn_shape shape;
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_model_keep(model, "no such layer", &err), GTCNN_E_NOENT);
    assert_int_equal(gtcnn_model_keep(model, "stem.conv.bn", &err), GTCNN_OK);
    assert_int_equal(gtcnn_infer(model, x, y, 1), GTCNN_OK);
    assert_int_equal(gtcnn_model_tensor(model, "stem.conv.bn", &data, &shape, &err), GTCNN_OK);
    assert_int_equal(shape.rank, 4);
    assert_int_equal(shape.dim[1], 8);
    free(data);
    assert_int_equal(gtcnn_model_tensor(model, "stem.conv", &data, &shape, &err), GTCNN_E_NOENT);
    assert_int_equal(gtcnn_model_keep(model, "stem.conv", &err), GTCNN_E_ARG); /* too late */
    gtcnn_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_graphs_compute_what_they_say),
        cmocka_unit_test(kept_tensors_are_right_and_change_nothing),
        cmocka_unit_test(a_chain_takes_two_maps),
        cmocka_unit_test(what_is_wanted_later_is_not_overwritten),
        cmocka_unit_test(units_add_up_to_the_model),
        cmocka_unit_test(ids_are_never_reused),
        cmocka_unit_test(answers_depend_on_the_image_alone),
        cmocka_unit_test(a_forked_child_may_infer),
        cmocka_unit_test(small_work_stays_with_the_caller),
        cmocka_unit_test(wrong_calls_are_refused),
        cmocka_unit_test(kept_tensors_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
