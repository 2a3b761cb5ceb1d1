#include "runtime/train/learn.h"

#include "runtime/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* One row: returns its loss; *best is the class of the highest output. */
static double row_loss(const float *x, uint8_t label, uint32_t classes, double smoothing, double scale, float *grad,
                       uint32_t *best)
{
    double mean = 0;
    *best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (x[c] > x[*best])
            *best = c;
    double top = x[*best], sum = exp(x[0] - top);
    for (uint32_t c = 1; c < classes; c++)
        sum += exp(x[c] - top);
    double log_sum = top + log(sum);
    for (uint32_t c = 0; c < classes; c++) {
        double wish = (c == label ? 1 - smoothing : 0) + smoothing / classes;
        mean += wish * (log_sum - x[c]);
        if (grad)
            grad[c] = (float)((exp(x[c] - log_sum) - wish) * scale);
    }
    return mean;
}

struct gtcnn_loss gtcnn_loss_softmax(const float *outputs, const uint8_t *labels, uint32_t n, uint32_t classes,
                                     double smoothing, float *grad)
{
    struct gtcnn_loss loss = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t best;
        size_t at = (size_t)i * classes;
        loss.sum += row_loss(outputs + at, labels[i], classes, smoothing, 1.0 / n, grad ? grad + at : NULL, &best);
        loss.correct += best == labels[i];
    }
    return loss;
}

void gtcnn_sgd_step(const struct gtcnn_net *net, float *velocity, double rate, double momentum, double decay)
{
    for (uint32_t p = 0; p < net->param_count; p++) {
        const struct gtcnn_net_param *param = &net->params[p];
        float m = (float)momentum, l = (float)rate, d = param->decays ? (float)decay : 0;
        for (size_t i = 0; i < param->n; i++) {
            float g = param->grad[i] + d * param->value[i];
            velocity[i] = m * velocity[i] + g;
            param->value[i] -= l * (g + m * velocity[i]);
        }
        velocity += param->n;
    }
}

static void fill(struct gtcnn_tensor *t, const char *stream_name, double variance)
{
    struct gtcnn_weights stream;
    gtcnn_weights_seed(&stream, stream_name, t->name);
    gtcnn_weights_fill(&stream, t->data, (size_t)gtcnn_shape_count(&t->shape), 0, variance);
}

static void set(struct gtcnn_tensor *t, float value)
{
    float *data = t->data;
    for (int64_t i = 0, n = gtcnn_shape_count(&t->shape); i < n; i++)
        data[i] = value;
}

void gtcnn_parameters_reset(struct gtcnn_graph *graph, const char *model, uint64_t seed)
{
    char name[160];
    snprintf(name, sizeof name, "%s seed %" PRIu64, model, seed);
    for (uint32_t i = 0; i < graph->node_count; i++) {
        const struct gtcnn_node *n = &graph->nodes[i];
        struct gtcnn_tensor *weight = n->input_count > 1 ? &graph->tensors[n->inputs[1]] : NULL;
        const int64_t *d = weight ? weight->shape.dim : NULL;
        if (n->op == GTCNN_OP_CONV)
            fill(weight, name, 2.0 / ((double)d[0] / n->attr.group * (double)(d[2] * d[3])));
        else if (n->op == GTCNN_OP_GEMM)
            fill(weight, name, 1.0 / (double)d[1]);
        if ((n->op == GTCNN_OP_CONV || n->op == GTCNN_OP_GEMM) && n->input_count > 2 && n->inputs[2] >= 0)
            set(&graph->tensors[n->inputs[2]], 0);
        for (uint32_t k = 1; n->op == GTCNN_OP_BATCHNORM && k < 5; k++)
            set(&graph->tensors[n->inputs[k]], k == 1 || k == 4 ? 1 : 0); /* gain, offset, mean, variance */
    }
}
