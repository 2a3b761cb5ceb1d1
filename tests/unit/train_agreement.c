/*
 * Every shipped model, on the 10,000 test images, through the trainer's graph (oneDNN) and through the runtime's reference
 * kernels: logits within 1e-4, the same answers but for ties. (Under a sanitizer, on the first 1,000.)
 */
#include "runtime/cli/dataset.h"
#include "runtime/cli/predictions.h"
#include "runtime/cli/resize.h"
#include "runtime/shipped.h"
#include "runtime/train/net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 100, CLASSES = 10 };

#define LOGIT_TOLERANCE 1e-4

struct pair {
    struct gtcnn_graph *graph;
    struct gtcnn_net *net;
    struct gtcnn_model *model;
    struct gtcnn_resizer resizer;
    size_t pixels;
    float *input, *logits;
};

static void open_pair(const struct gtcnn_shipped *shipped, const struct gtcnn_dataset *data, struct pair *p)
{
    struct gtcnn_options options = {.struct_bytes = sizeof options, .batch = BATCH};
    struct gtcnn_err err = {0};
    if (gtcnn_onnx_read_memory(shipped->bytes, shipped->n, shipped->name, &p->graph, &err) ||
        gtcnn_net_new(p->graph, BATCH, &p->net, &err) || gtcnn_model_open(shipped->name, &options, &p->model, &err))
        fail_msg("%s", err.text);
    const struct gtcnn_shape *in = &gtcnn_model_info(p->model)->input;
    assert_string_equal(gtcnn_model_info(p->model)->weights, "trained");
    assert_int_equal(
        gtcnn_resizer_init(&p->resizer, data->images.dim[1], data->images.dim[2], (uint32_t)in->dim[2], (uint32_t)in->dim[3]),
        0);
    p->pixels = (size_t)(in->dim[2] * in->dim[3]);
    p->input = malloc(BATCH * p->pixels * sizeof *p->input);
    p->logits = malloc(BATCH * CLASSES * sizeof *p->logits);
    assert_true(p->input && p->logits);
}

static void close_pair(struct pair *p)
{
    gtcnn_resizer_free(&p->resizer);
    gtcnn_model_close(p->model);
    gtcnn_net_free(p->net);
    gtcnn_graph_free(p->graph);
    free(p->input);
    free(p->logits);
}

/* The difference between the two highest. */
static float margin(const float *x)
{
    uint32_t best = gtcnn_predictions_argmax(x, CLASSES);
    float second = -INFINITY;
    for (uint32_t c = 0; c < CLASSES; c++)
        second = c != best && x[c] > second ? x[c] : second;
    return x[best] - second;
}

static void compare_batch(const struct pair *p, const struct gtcnn_shipped *shipped, uint64_t first)
{
    const float *ours = p->logits, *theirs = gtcnn_net_output(p->net);
    for (uint32_t i = 0; i < BATCH; i++, ours += CLASSES, theirs += CLASSES) {
        for (uint32_t c = 0; c < CLASSES; c++)
            if (!(fabsf(ours[c] - theirs[c]) <= LOGIT_TOLERANCE))
                fail_msg("%s, image %d, class %u: runtime %.7g, trainer %.7g", shipped->name, (int)first + (int)i, c,
                         (double)ours[c], (double)theirs[c]);
        if (gtcnn_predictions_argmax(ours, CLASSES) != gtcnn_predictions_argmax(theirs, CLASSES))
            assert_true(margin(ours) <= 2 * LOGIT_TOLERANCE);
    }
}

static void compare_model(const struct gtcnn_shipped *shipped, const struct gtcnn_dataset *data)
{
    struct pair p = {0};
    struct gtcnn_err err = {0};
    open_pair(shipped, data, &p);
    size_t image = (size_t)data->images.dim[1] * data->images.dim[2];
    const char *sanitizer = getenv("SANITIZER"); /* under which a tenth of them has to do */
    uint64_t images = sanitizer && *sanitizer ? data->labels.count / 10 : data->labels.count;
    for (uint64_t first = 0; first + BATCH <= images; first += BATCH) {
        for (uint32_t i = 0; i < BATCH; i++)
            gtcnn_resizer_apply(&p.resizer, data->images.data + (first + i) * image, GTCNN_PIXEL_MEAN, GTCNN_PIXEL_STD,
                                p.input + i * p.pixels, 1);
        memcpy(gtcnn_net_input(p.net), p.input, BATCH * p.pixels * sizeof *p.input); /* one channel: NCHW is NHWC */
        assert_int_equal(gtcnn_net_forward(p.net, false, &err), GTCNN_OK);
        assert_int_equal(gtcnn_infer(p.model, p.input, p.logits, BATCH), GTCNN_OK);
        compare_batch(&p, shipped, first);
    }
    close_pair(&p);
}

static void test_agreement(void **state)
{
    struct gtcnn_dataset data;
    struct gtcnn_err err = {0};
    int models = 0;
    (void)state;
    if (gtcnn_dataset_load(NULL, "test", &data, &err))
        fail_msg("%s", err.text);
    for (const struct gtcnn_shipped *s = GTCNN_SHIPPED; s->name; s++, models++)
        compare_model(s, &data);
    assert_int_equal(models, 4);
    gtcnn_dataset_free(&data);
}

int main(void)
{
    gtcnn_dnn_use_threads(1); /* tests run side by side */
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_agreement)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
