/* The built-in families as models: counts in their information, activations that keep their size, export and back. */
#include "runtime/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct gtcnn_model *open_model(const char *name)
{
    struct gtcnn_model *model = NULL;
    struct gtcnn_err err = {0};
    if (gtcnn_model_open(name, NULL, &model, &err) != GTCNN_OK)
        fail_msg("%s: %s", name, err.text);
    return model;
}

static void information_has_the_published_counts(void **state)
{
    (void)state;
    static const struct {
        const char *name, *family, *weights;
        double phi;
        uint64_t params, macs;
        int64_t side;
    } rows[] = {{"fashion/b0", "fashion", "trained", 0, 9814, 199824, 14},
                {"fashion/b3", "fashion", "trained", 3, 33572, 1509556, 21},
                {"efficientnet/b0", "efficientnet", "random", 0, 5288548, 385814752, 224}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gtcnn_model *model = open_model(rows[i].name);
        const struct gtcnn_model_info *m = gtcnn_model_info(model);
        assert_string_equal(m->name, rows[i].name);
        assert_string_equal(m->family, rows[i].family);
        assert_string_equal(m->weights, rows[i].weights);
        assert_null(m->path);
        assert_true(m->phi == rows[i].phi);
        assert_int_equal(m->params, rows[i].params);
        assert_int_equal(m->macs, rows[i].macs);
        assert_int_equal(m->input.dim[2], rows[i].side);
        assert_int_equal(m->batch, 1);
        gtcnn_model_close(model);
    }
}

static double rms(const float *values, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)values[i] * values[i];
    return sqrt(sum / (double)n);
}

/* A family's member with seeded weights, whatever is shipped under its name: by way of a file. */
static struct gtcnn_model *open_seeded(const char *name)
{
    char path[160];
    const char *tmp = getenv("TMP");
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    snprintf(path, sizeof path, "%.100s/seeded.%d.onnx", tmp ? tmp : "/tmp", (int)getpid());
    assert_int_equal(gtcnn_family_build(name, &graph, &err), GTCNN_OK);
    assert_int_equal(gtcnn_onnx_write(graph, path, &err), GTCNN_OK);
    gtcnn_graph_free(graph);
    struct gtcnn_model *model = open_model(path);
    unlink(path);
    assert_string_equal(gtcnn_model_info(model)->weights, "random");
    return model;
}

/* Noise of unit variance goes in; every residual sum, the head and the logits have a size near 1. */
static void activations_keep_their_size(void **state)
{
    (void)state;
    static const char *const names[] = {"fashion/b0", "fashion/b1", "fashion/b2", "fashion/b3", "efficientnet/b0"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct gtcnn_model *model = open_seeded(names[i]);
        const struct gtcnn_model_info *m = gtcnn_model_info(model);
        size_t n = (size_t)gtcnn_shape_count(&m->input);
        float *input = malloc(n * sizeof *input), *output = malloc((size_t)gtcnn_shape_count(&m->output) * sizeof *output);
        uint32_t x = 5;
        struct gtcnn_err err = {0};
        for (size_t k = 0; k < n; k++)
            input[k] = ((float)((x = x * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1) * 1.732f;
        const char *last = NULL;
        for (uint32_t l = 0; l < m->layer_count; l++)
            if (strcmp(m->layers[l].op, "Add") == 0)
                assert_int_equal(gtcnn_model_keep(model, last = m->layers[l].name, &err), GTCNN_OK);
        assert_non_null(last);
        assert_int_equal(gtcnn_infer(model, input, output, 1), GTCNN_OK);
        assert_in_range(lround(100 * rms(output, (size_t)gtcnn_shape_count(&m->output))), 10, 500);
        for (uint32_t l = 0; l < m->layer_count; l++) {
            if (strcmp(m->layers[l].op, "Add") != 0)
                continue;
            float *data = NULL;
            struct gtcnn_shape shape;
            assert_int_equal(gtcnn_model_tensor(model, m->layers[l].name, &data, &shape, &err), GTCNN_OK);
            double size = rms(data, (size_t)gtcnn_shape_count(&shape));
            if (!(size > 0.1 && size < 10))
                fail_msg("%s: %s has rms %g", names[i], m->layers[l].name, size);
            free(data);
        }
        free(input);
        free(output);
        gtcnn_model_close(model);
    }
}

/* What export writes is the same network, weights and labels. */
static void export_can_be_read_again(void **state)
{
    (void)state;
    char path[160];
    const char *tmp = getenv("TMP");
    snprintf(path, sizeof path, "%.100s/family.%d.onnx", tmp ? tmp : "/tmp", (int)getpid());
    struct gtcnn_graph *g = NULL, *back = NULL;
    struct gtcnn_err err = {0};
    assert_int_equal(gtcnn_family_build("fashion/b1", &g, &err), GTCNN_OK);
    assert_int_equal(gtcnn_onnx_write(g, path, &err), GTCNN_OK);
    if (gtcnn_onnx_read(path, &back, &err) != GTCNN_OK)
        fail_msg("%s", err.text);
    unlink(path);
    assert_string_equal(back->family, "fashion");
    assert_true(back->phi == 1);
    assert_string_equal(back->weights, "random");
    assert_int_equal(back->node_count, g->node_count);
    for (uint32_t i = 0; i < g->node_count; i++) {
        assert_string_equal(back->nodes[i].name, g->nodes[i].name);
        assert_int_equal(back->nodes[i].op, g->nodes[i].op);
    }
    for (uint32_t i = 0; i < g->tensor_count; i++) {
        if (!g->tensors[i].data)
            continue;
        int t = gtcnn_graph_find_tensor(back, g->tensors[i].name);
        assert_true(t >= 0);
        assert_memory_equal(back->tensors[t].data, g->tensors[i].data,
                            (size_t)gtcnn_shape_count(&g->tensors[i].shape) * sizeof(float));
    }
    gtcnn_graph_free(g);
    gtcnn_graph_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(information_has_the_published_counts),
        cmocka_unit_test(activations_keep_their_size),
        cmocka_unit_test(export_can_be_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
