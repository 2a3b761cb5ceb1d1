/*
 * Builds an MBConv network: stem, blocks (expand, depthwise, squeeze-and-excite, project, residual), head, pooling, classifier.
 *
 * Layers are named by where they stand: "stem.conv", "block2.expand", "block2.dw.bn", "block2.se.reduce", "head.fc". A node's
 * output has the node's name; parameters add ".weight", ".bias", ".gamma", ".beta", ".mean", ".variance".
 *
 * Seeded weights: convolutions get He's variance 2 / fan-in (He et al. 2015), squeeze-and-excite an eighth of it. The builder
 * follows the second moment of the activations alongside and gives each normalisation the variance that such a network would
 * have gathered. That alone is unstable: SiLU passes a larger share of a large signal than of a small one, so a deviation grows
 * with every layer. Two things that trained networks also have hold it: offsets (beta) that do not scale with the signal, and
 * residual branches that weigh less than what they are added to. With them the activations of all members stay near 1.
 */
#include "runtime/families.h"
#include "runtime/weights.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Variance of a normalisation's gain, relative to its square, and of its offset where an activation follows or not. */
#define GAIN_VARIANCE 0.01
#define OFFSET_VARIANCE 0.25
#define OFFSET_VARIANCE_LINEAR 0.01
/* Gain of a residual branch's last normalisation. */
#define RESIDUAL_GAIN 0.5
/* Numerators of the weights' variance: of convolutions, and of squeeze-and-excite's. */
#define HE 2.0
#define HE_SQUEEZE 0.25
/* Second moment of SiLU of a normal value of variance 1 + GAIN_VARIANCE + OFFSET_VARIANCE, by numerical integration. */
#define SILU_MOMENT 0.4665
/* The same of ReLU6 of such a value. */
#define RELU6_MOMENT 0.6296
/* Second moment of a gate: a sigmoid near 0. */
#define GATE_MOMENT 0.25

enum { NAME_MAX_BYTES = 128 };

/* State of one build. Once `failed`, all steps do nothing. */
struct builder {
    struct gtcnn_graph *graph;
    const struct gtcnn_member *member;
    char scope[32];    /* "block2." */
    int x;             /* current tensor */
    uint32_t channels; /* its channels */
    double moment;     /* its expected second moment */
    bool failed;
};

/* One convolution. */
struct conv {
    const char *name;
    uint32_t channels, kernel, stride;
    bool depthwise, bias;
};

static void full_name(const struct builder *b, char out[NAME_MAX_BYTES], const char *name, const char *suffix)
{
    snprintf(out, NAME_MAX_BYTES, "%.31s%.63s%.31s", b->scope, name, suffix);
}

static int add_parameter(struct builder *b, const char *name, const char *suffix, const struct gtcnn_shape *shape, double mean,
                         double variance)
{
    char full[NAME_MAX_BYTES];
    full_name(b, full, name, suffix);
    size_t n = (size_t)gtcnn_shape_count(shape);
    int index = b->failed ? -1 : gtcnn_graph_add_tensor(b->graph, full, GTCNN_F32);
    float *data = index < 0 ? NULL : malloc(n * sizeof *data);
    if (!data) {
        b->failed = true;
        return -1;
    }
    struct gtcnn_weights stream;
    gtcnn_weights_seed(&stream, b->member->name, full);
    gtcnn_weights_fill(&stream, data, n, mean, variance);
    struct gtcnn_tensor *tensor = &b->graph->tensors[index];
    tensor->shape = *shape;
    tensor->shape_known = true;
    tensor->data = data;
    return index;
}

static int add_vector(struct builder *b, const char *name, const char *suffix, uint32_t n, double mean, double variance)
{
    return add_parameter(b, name, suffix, &(struct gtcnn_shape){1, {n}}, mean, variance);
}

/* Appends a node whose output becomes the current tensor. Returns its attributes, or NULL after a failure. */
static struct gtcnn_attr *add_node(struct builder *b, enum gtcnn_op op, const char *name, const char *suffix, const int *inputs,
                                   uint32_t count)
{
    char full[NAME_MAX_BYTES];
    full_name(b, full, name, suffix);
    int output = b->failed ? -1 : gtcnn_graph_add_tensor(b->graph, full, GTCNN_F32);
    int node = output < 0 ? -1 : gtcnn_graph_add_node(b->graph, op, full, inputs, count, output);
    if (node < 0) {
        b->failed = true;
        return NULL;
    }
    b->x = output;
    return &b->graph->nodes[node].attr;
}

static void add_conv(struct builder *b, const struct conv *c)
{
    uint32_t group = c->depthwise ? b->channels : 1, per_group = b->channels / group;
    double variance = (c->bias ? HE_SQUEEZE : HE) / ((double)per_group * c->kernel * c->kernel);
    struct gtcnn_shape shape = {4, {c->channels, per_group, c->kernel, c->kernel}};
    int inputs[3] = {b->x, add_parameter(b, c->name, ".weight", &shape, 0, variance), -1};
    if (c->bias)
        inputs[2] = add_vector(b, c->name, ".bias", c->channels, 0, 0.01);
    struct gtcnn_attr *attr = add_node(b, GTCNN_OP_CONV, c->name, "", inputs, c->bias ? 3 : 2);
    if (!attr)
        return;
    for (int axis = 0; axis < 2; axis++) {
        attr->kernel[axis] = c->kernel;
        attr->stride[axis] = c->stride;
        attr->dilation[axis] = 1;
    }
    attr->group = group;
    /* TensorFlow's SAME: where the padding is odd, the larger half comes last. */
    attr->auto_pad = c->kernel == 1 && c->stride == 1 ? GTCNN_PAD_EXPLICIT : GTCNN_PAD_SAME_UPPER;
    b->channels = c->channels;
    b->moment *= HE;
}

/* `gain`: mean of gamma; `offset`: variance of beta for a gain of 1. */
static void add_batchnorm(struct builder *b, const char *name, double gain, double offset)
{
    char bn[64];
    snprintf(bn, sizeof bn, "%.59s.bn", name);
    uint32_t n = b->channels;
    double m = b->moment, square = gain * gain;
    int inputs[5] = {
        b->x,
        add_vector(b, bn, ".gamma", n, gain, GAIN_VARIANCE * square),
        add_vector(b, bn, ".beta", n, 0, offset * square),
        add_vector(b, bn, ".mean", n, 0, 0.01 * m),
        add_vector(b, bn, ".variance", n, m, 0.01 * m * m),
    };
    struct gtcnn_attr *attr = add_node(b, GTCNN_OP_BATCHNORM, bn, "", inputs, 5);
    if (attr)
        attr->epsilon = b->member->blueprint->bn_epsilon;
    b->moment = (1 + GAIN_VARIANCE + offset) * square;
}

/* ONNX has no SiLU before opset 24 but its parts: x * sigmoid(x). */
static void add_silu(struct builder *b, const char *name)
{
    int x = b->x;
    add_node(b, GTCNN_OP_SIGMOID, name, ".silu.sigmoid", &x, 1);
    add_node(b, GTCNN_OP_MUL, name, ".silu", (int[]){x, b->x}, 2);
    b->moment = SILU_MOMENT;
}

static void add_relu6(struct builder *b, const char *name)
{
    int x = b->x;
    struct gtcnn_attr *attr = add_node(b, GTCNN_OP_CLIP, name, ".relu6", &x, 1);
    if (attr) {
        attr->min = 0;
        attr->max = 6;
    }
    b->moment = RELU6_MOMENT;
}

static void add_conv_bn_act(struct builder *b, const struct conv *c)
{
    add_conv(b, c);
    add_batchnorm(b, c->name, 1, OFFSET_VARIANCE);
    if (b->member->blueprint->relu6)
        add_relu6(b, c->name);
    else
        add_silu(b, c->name);
}

/* Scales every channel by a gate computed from all channels' means (Hu et al. 2018). */
static void add_squeeze_excite(struct builder *b, uint32_t squeezed)
{
    int x = b->x;
    uint32_t channels = b->channels;
    double moment = b->moment;
    add_node(b, GTCNN_OP_GLOBALAVERAGEPOOL, "se.pool", "", &x, 1);
    add_conv(b, &(struct conv){"se.reduce", squeezed, 1, 1, false, true});
    add_silu(b, "se.reduce");
    add_conv(b, &(struct conv){"se.expand", channels, 1, 1, false, true});
    int logits = b->x;
    add_node(b, GTCNN_OP_SIGMOID, "se.gate", "", &logits, 1);
    add_node(b, GTCNN_OP_MUL, "se.scale", "", (int[]){x, b->x}, 2);
    b->moment = moment * GATE_MOMENT;
}

static void add_block(struct builder *b, const struct gtcnn_stage *stage, uint32_t stride, uint32_t channels)
{
    int input = b->x;
    uint32_t in = b->channels, wide = in * stage->expand;
    double moment = b->moment;
    bool residual = stride == 1 && in == channels;
    if (stage->expand != 1)
        add_conv_bn_act(b, &(struct conv){"expand", wide, 1, 1, false, false});
    add_conv_bn_act(b, &(struct conv){"dw", wide, stage->kernel, stride, true, false});
    if (b->member->blueprint->se_ratio > 0)
        add_squeeze_excite(b, gtcnn_family_squeeze_channels(in, b->member->blueprint->se_ratio));
    add_conv(b, &(struct conv){"project", channels, 1, 1, false, false});
    add_batchnorm(b, "project", residual ? RESIDUAL_GAIN : 1, OFFSET_VARIANCE_LINEAR);
    if (residual) {
        add_node(b, GTCNN_OP_ADD, "add", "", (int[]){b->x, input}, 2);
        b->moment += moment;
    }
}

static void add_stages(struct builder *b)
{
    const struct gtcnn_member *m = b->member;
    uint32_t number = 0;
    for (uint32_t s = 0; s < m->blueprint->stage_count; s++) {
        const struct gtcnn_stage *stage = &m->blueprint->stages[s];
        uint32_t channels = gtcnn_family_round_channels(stage->channels, m->width, m->blueprint->divisor);
        bool fixed = m->blueprint->fixed_ends && (s == 0 || s + 1 == m->blueprint->stage_count);
        uint32_t repeats = fixed ? stage->repeats : gtcnn_family_round_repeats(stage->repeats, m->depth);
        for (uint32_t r = 0; r < repeats; r++) {
            snprintf(b->scope, sizeof b->scope, "block%u.", ++number);
            add_block(b, stage, r == 0 ? stage->stride : 1, channels);
        }
    }
    b->scope[0] = 0;
}

static void add_classifier(struct builder *b)
{
    uint32_t classes = b->member->blueprint->classes, features = b->channels;
    int x = b->x;
    add_node(b, GTCNN_OP_GLOBALAVERAGEPOOL, "head.pool", "", &x, 1);
    x = b->x;
    struct gtcnn_attr *attr = add_node(b, GTCNN_OP_FLATTEN, "head.flatten", "", &x, 1);
    if (attr)
        attr->axis = 1;
    x = b->x;
    struct gtcnn_shape shape = {2, {classes, features}};
    int inputs[3] = {x, add_parameter(b, "head.fc", ".weight", &shape, 0, 2.0 / features),
                     add_vector(b, "head.fc", ".bias", classes, 0, 0.01)};
    attr = add_node(b, GTCNN_OP_GEMM, "head.fc", "", inputs, 3);
    if (attr) {
        attr->alpha = attr->beta = 1;
        attr->trans_a = false;
        attr->trans_b = true;
    }
}

static void add_input(struct builder *b)
{
    const struct gtcnn_member *m = b->member;
    b->x = gtcnn_graph_add_tensor(b->graph, "input", GTCNN_F32);
    b->channels = m->blueprint->input_channels;
    b->moment = 1; /* normalised images */
    if (b->x < 0) {
        b->failed = true;
        return;
    }
    struct gtcnn_tensor *input = &b->graph->tensors[b->x];
    input->shape = (struct gtcnn_shape){4, {-1, b->channels, m->resolution, m->resolution}};
    input->shape_known = true;
    b->graph->input = b->x;
}

static void add_identity(struct builder *b)
{
    struct gtcnn_graph *g = b->graph;
    free(g->name);
    free(g->family);
    g->name = strdup(b->member->name);
    g->family = strdup(b->member->blueprint->family);
    g->phi = b->member->phi;
    g->weights = "random";
    g->opset = 13;
    g->ir_version = 8;
    b->failed = !g->name || !g->family;
}

static void add_network(struct builder *b)
{
    const struct gtcnn_member *m = b->member;
    const struct gtcnn_blueprint *p = m->blueprint;
    double width = p->fixed_ends ? 1 : m->width;
    uint32_t stem = gtcnn_family_round_channels(p->stem_channels, width, p->divisor);
    uint32_t head = gtcnn_family_round_channels(p->head_channels, width, p->divisor);
    add_conv_bn_act(b, &(struct conv){"stem.conv", stem, 3, p->stem_stride, false, false});
    add_stages(b);
    add_conv_bn_act(b, &(struct conv){"head.conv", head, 1, 1, false, false});
    add_classifier(b);
    b->graph->output = b->x;
}

enum gtcnn_status gtcnn_mbconv_build(const struct gtcnn_member *member, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    struct builder b = {.graph = gtcnn_graph_new(), .member = member};
    if (!b.graph)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "%s: out of memory", member->name);
    add_identity(&b);
    if (!b.failed)
        add_input(&b);
    if (!b.failed)
        add_network(&b);
    if (b.failed) {
        gtcnn_graph_free(b.graph);
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "%s: out of memory", member->name);
    }
    *graph = b.graph;
    return GTCNN_OK;
}
