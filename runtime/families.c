#include "runtime/families.h"
#include "runtime/escape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The B0 blocks, efficientnet_builder.py: r1_k3_s11_e1_i32_o16_se0.25 ... r1_k3_s11_e6_i192_o320_se0.25. */
static const struct gtcnn_stage EFFICIENTNET_STAGES[] = {
    /* repeats, kernel, stride, expand, channels */
    {1, 3, 1, 1, 16},  {2, 3, 2, 6, 24},  {2, 5, 2, 6, 40},  {3, 3, 2, 6, 80},
    {3, 5, 1, 6, 112}, {4, 5, 2, 6, 192}, {1, 3, 1, 6, 320},
};

static const struct gtcnn_blueprint EFFICIENTNET = {
    .family = "efficientnet",
    .input_channels = 3,
    .classes = 1000,
    .stem_channels = 32,
    .stem_stride = 2,
    .head_channels = 1280,
    .divisor = 8,
    .bn_epsilon = 1e-3f,
    .se_ratio = 0.25,
    .stage_count = sizeof EFFICIENTNET_STAGES / sizeof *EFFICIENTNET_STAGES,
    .stages = EFFICIENTNET_STAGES,
};

/* The same blocks without what accelerators do badly, efficientnet_lite_builder.py: ReLU6, no squeeze-and-excite, fixed ends.
 */
static const struct gtcnn_blueprint EFFICIENTNET_LITE = {
    .family = "efficientnet-lite",
    .input_channels = 3,
    .classes = 1000,
    .stem_channels = 32,
    .stem_stride = 2,
    .head_channels = 1280,
    .divisor = 8,
    .bn_epsilon = 1e-3f,
    .relu6 = true,
    .fixed_ends = true,
    .stage_count = sizeof EFFICIENTNET_STAGES / sizeof *EFFICIENTNET_STAGES,
    .stages = EFFICIENTNET_STAGES,
};

/*
 * Ours, for 28x28 images halved to 14x14: three stages at 14, 7 and 4 pixels. Found by enumerating blueprints of at most
 * 200,000 MACs for the one whose exact, quantised MACs stay closest to doubling under the paper's alpha = 1.2, beta = 1.1,
 * gamma = 1.15: 199824, 414200, 911116, 1509556 MACs, so phi_eff = 0, 1.05, 2.19, 2.92.
 */
static const struct gtcnn_stage FASHION_STAGES[] = {
    {1, 3, 1, 1, 8},
    {1, 3, 2, 2, 12},
    {2, 3, 2, 3, 20},
};

static const struct gtcnn_blueprint FASHION = {
    .family = "fashion",
    .input_channels = 1,
    .classes = 10,
    .stem_channels = 8,
    .stem_stride = 1,
    .head_channels = 96,
    .divisor = 4,
    .bn_epsilon = 1e-3f,
    .se_ratio = 0.25,
    .stage_count = sizeof FASHION_STAGES / sizeof *FASHION_STAGES,
    .stages = FASHION_STAGES,
};

static const struct gtcnn_member MEMBERS[] = {
    /* name, blueprint, phi, width = beta^phi, depth = alpha^phi, resolution = round(14 gamma^phi) */
    {"fashion/b0", &FASHION, 0, 1.0, 1.0, 14},
    {"fashion/b1", &FASHION, 1, 1.1, 1.2, 16},
    {"fashion/b2", &FASHION, 2, 1.21, 1.44, 19},
    {"fashion/b3", &FASHION, 3, 1.331, 1.728, 21},
    /* efficientnet_params: width, depth, resolution; a table, not powers */
    {"efficientnet/b0", &EFFICIENTNET, 0, 1.0, 1.0, 224},
    {"efficientnet/b1", &EFFICIENTNET, 1, 1.0, 1.1, 240},
    {"efficientnet/b2", &EFFICIENTNET, 2, 1.1, 1.2, 260},
    {"efficientnet/b3", &EFFICIENTNET, 3, 1.2, 1.4, 300},
    {"efficientnet/b4", &EFFICIENTNET, 4, 1.4, 1.8, 380},
    {"efficientnet/b5", &EFFICIENTNET, 5, 1.6, 2.2, 456},
    {"efficientnet/b6", &EFFICIENTNET, 6, 1.8, 2.6, 528},
    {"efficientnet/b7", &EFFICIENTNET, 7, 2.0, 3.1, 600},
    /* efficientnet_lite_params */
    {"efficientnet-lite/lite0", &EFFICIENTNET_LITE, 0, 1.0, 1.0, 224},
    {"efficientnet-lite/lite1", &EFFICIENTNET_LITE, 1, 1.0, 1.1, 240},
    {"efficientnet-lite/lite2", &EFFICIENTNET_LITE, 2, 1.1, 1.2, 260},
    {"efficientnet-lite/lite3", &EFFICIENTNET_LITE, 3, 1.2, 1.4, 280},
    {"efficientnet-lite/lite4", &EFFICIENTNET_LITE, 4, 1.4, 1.8, 300},
};

enum { MEMBER_COUNT = sizeof MEMBERS / sizeof *MEMBERS };

const struct gtcnn_member *gtcnn_family_member(size_t index)
{
    return index < MEMBER_COUNT ? &MEMBERS[index] : NULL;
}

const struct gtcnn_member *gtcnn_family_find(const char *name)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (strcmp(MEMBERS[i].name, name) == 0)
            return &MEMBERS[i];
    return NULL;
}

const char *gtcnn_builtin_name(size_t index)
{
    const struct gtcnn_member *member = gtcnn_family_member(index);
    return member ? member->name : NULL;
}

/* In doubles and in the official code's order of operations, so that every rounding falls the same way. */
uint32_t gtcnn_family_round_channels(uint32_t channels, double width, uint32_t divisor)
{
    double wish = channels * width;
    uint32_t rounded = (uint32_t)(wish + divisor / 2.0) / divisor * divisor;
    if (rounded < divisor)
        rounded = divisor;
    if (rounded < 0.9 * wish)
        rounded += divisor;
    return rounded;
}

uint32_t gtcnn_family_round_repeats(uint32_t repeats, double depth)
{
    return (uint32_t)ceil(depth * repeats);
}

uint32_t gtcnn_family_squeeze_channels(uint32_t input_channels, double ratio)
{
    uint32_t channels = (uint32_t)(input_channels * ratio);
    return channels > 0 ? channels : 1;
}

static enum gtcnn_status unknown_name(const char *name, struct gtcnn_err *err)
{
    char names[512] = "", safe[128];
    size_t used = 0;
    for (size_t i = 0; i < MEMBER_COUNT && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", MEMBERS[i].name);
    return gtcnn_err_set(err, GTCNN_E_NOENT, "no built-in model is named \"%s\"; there are: %s",
                         gtcnn_escape(safe, sizeof safe, name, SIZE_MAX), names);
}

enum gtcnn_status gtcnn_family_build(const char *name, struct gtcnn_graph **graph, struct gtcnn_err *err)
{
    const struct gtcnn_member *member = gtcnn_family_find(name);
    return member ? gtcnn_mbconv_build(member, graph, err) : unknown_name(name, err);
}
