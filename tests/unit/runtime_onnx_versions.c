/* The ONNX reader over what the versions of the format changed, and shape inference over what comes out. */
#include "tests/unit/onnx_build.h"

#include <math.h>
#include <stdio.h>

/* A model, and the output's shape, or the status and a part of the error text. */
struct model_case {
    int opset;
    const char *text;
    enum gtcnn_status status;
    const char *wanted;
};

static void run_cases(const struct model_case *cases, size_t n)
{
    int failures = 0;
    for (size_t i = 0; i < n; i++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        char got[GTCNN_ERR_TEXT];
        enum gtcnn_status status = read_build(build_new(cases[i].opset, cases[i].text), &graph, &err);
        if (!status)
            status = gtcnn_graph_infer_shapes(graph, 0, &err);
        if (status)
            snprintf(got, sizeof got, "%s", err.text);
        else
            gtcnn_shape_text(got, sizeof got, &graph->tensors[graph->output].shape);
        bool same =
            status == cases[i].status && (status ? strstr(got, cases[i].wanted) != NULL : !strcmp(got, cases[i].wanted));
        if (!same) {
            print_error("case %zu: opset %d: %s\n  wanted %d %s\n  got    %d %s\n", i, cases[i].opset, cases[i].text,
                        cases[i].status, cases[i].wanted, status, got);
            failures++;
        }
        gtcnn_graph_free(graph);
    }
    assert_int_equal(failures, 0);
}

#define RUN(cases) run_cases(cases, sizeof(cases) / sizeof *(cases))
#define REFUSED GTCNN_E_UNSUPPORTED
#define BAD GTCNN_E_FORMAT
#define SHAPE GTCNN_E_SHAPE

static void axes_come_as_attribute_or_as_input(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {11, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:2,3", 0, "1x3x1x1"},
        {17, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:-1,-2 keepdims=i:0", 0, "1x3"},
        {18, "in x 1x3x5x5; out y; i a 2 3; node ReduceMean r x,a y keepdims=i:0", 0, "1x3"},
        {23, "in x 1x3x5x5; out y; i a -2; node ReduceMean r x,a y", 0, "1x3x1x5"},
        {18, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:2,3", REFUSED,
         "attribute 'axes' is not one of ReduceMean in opset 18"},
        {17, "in x 1x3x5x5; out y; i a 2; node ReduceMean r x,a y", BAD, "from opset 18"},
        {13, "in x 1x3x5x5; out y; node ReduceMean r x y", 0, "1x1x1x1"},
        {13, "in x 1x3x5x5; out y; node ReduceMean r x y keepdims=i:0", 0, "scalar"},
        {18, "in x 1x3x5x5; out y; node ReduceMean r x y noop_with_empty_axes=i:1", 0, "1x3x5x5"},
        {18, "in x 1x3x5x5; out y; i a; node ReduceMean r x,a y noop_with_empty_axes=i:1", 0, "1x3x5x5"},
        {18, "in x 1x3x5x5; out y; i a; node ReduceMean r x,a y", 0, "1x1x1x1"},
        {17, "in x 1x3; out y; node ReduceMean r x y noop_with_empty_axes=i:1", REFUSED, "noop_with_empty_axes"},
        {13, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:2,-2", SHAPE, "axis 2 stands twice"},
        {13, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:4", SHAPE, "axis 4 is outside the 4 dimensions"},
        {13, "in x 1x3x5x5; out y; node ReduceMean r x y axes=is:77", BAD, "axis 77"},
        {11, "in x 1x3x1x1; out y; node Squeeze s x y axes=is:2,3", 0, "1x3"},
        {13, "in x 1x3x1x1; out y; i a -1 -2; node Squeeze s x,a y", 0, "1x3"},
        {13, "in x 1x3x1x1; out y; node Squeeze s x y axes=is:2", REFUSED, "attribute 'axes'"},
        {11, "in x 1x3x1x1; out y; i a 2; node Squeeze s x,a y", BAD, "from opset 13"},
        {13, "in x 1x3x1x1; out y; node Squeeze s x y", 0, "3"},
        {13, "in x Nx3x1x1; out y; node Squeeze s x y", 0, "1x3"},
        {13, "in x 1x3x1x2; out y; i a 3; node Squeeze s x,a y", SHAPE, "axis 3 of 1x3x1x2 is not 1"},
        {11, "in x 1x3; out y; node Unsqueeze u x y axes=is:0,-1", 0, "1x1x3x1"},
        {13, "in x 1x3; out y; i a 2 3; node Unsqueeze u x,a y", 0, "1x3x1x1"},
        {13, "in x 1x3; out y; node Unsqueeze u x y", BAD, "has no axes"},
        {13, "in x 1x3; out y; i a 2 2; node Unsqueeze u x,a y", SHAPE, "stands twice"},
        {13, "in x 1x2x3x4x5x6x7; out y; i a 0 1; node Unsqueeze u x,a y", GTCNN_E_LIMIT, "9 dimensions"},
        {13, "in x 1x3x4x4; out y; node Relu q x z; node Squeeze s x,z y", REFUSED, "input 1 ('z') is computed"},
        {13, "in x 1x3x4x4; out y; fv a 2; node Squeeze s x,a y", BAD, "must hold integers"},
    };
    RUN(cases);
}

static void limits_ratios_and_modes_come_as_inputs(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {11, "in x 1x3; out y; fs a 0; fs b 6; node Clip c x,a,b y", 0, "1x3"},
        {13, "in x 1x3; out y; fs b 6; node Clip c x,_,b y", 0, "1x3"},
        {13, "in x 1x3; out y; node Clip c x y", 0, "1x3"},
        {11, "in x 1x3; out y; node Clip c x y min=f:0", REFUSED, "attribute 'min'"},
        {13, "in x 1x3; out y; fv a 1 2; node Clip c x,a y", SHAPE, "must be one number"},
        {13, "in x 1x3; out y; fs a nan; node Clip c x,a y", BAD, "not a number"},
        {11, "in x 1x3; out y; node Dropout d x y ratio=f:0.2", 0, "1x3"},
        {12, "in x 1x3; out y; fs r 0.2; b t 0; node Dropout d x,r,t y seed=i:1", 0, "1x3"},
        {12, "in x 1x3; out y; fs r 0.2; b t 1; node Dropout d x,r,t y", REFUSED, "training mode"},
        {11, "in x 1x3; out y; fs r 0.2; node Dropout d x,r y", BAD, "from opset 12"},
        {13, "in x 1x3; out y; node Dropout d x y,m", 0, "1x3"},
        {13, "in x 1x3; out y; node Dropout d x z,m; node Mul q z,m y", REFUSED, "is the mask of a Dropout"},
        {13, "in x 1x3x4x4; out y; i p 0 0 1 1 0 0 1 1; node Pad d x,p y", 0, "1x3x6x6"},
        {11, "in x 1x3x4x4; out y; i p 0 0 0 1 0 0 0 2; fs v 0; node Pad d x,p,v y mode=s:constant", 0, "1x3x4x7"},
        {18, "in x 1x3x4x4; out y; i p 1 2 3 4; i a 2 -1; node Pad d x,p,_,a y", 0, "1x3x8x10"},
        {17, "in x 1x3x4x4; out y; i p 1 2 3 4; i a 2 -1; node Pad d x,p,_,a y", BAD, "from opset 18"},
        {18, "in x 1x3x4x4; out y; i p 1 2 3; i a 2 -1; node Pad d x,p,_,a y", BAD, "two for each axis"},
        {13, "in x 1x3x4x4; out y; i p 1 1; node Pad d x,p y", SHAPE, "pads are for 1 axes, but there are 4"},
        {13, "in x 1x3; out y; i p 0 -1 0 0; node Pad d x,p y", REFUSED, "cropping"},
        {13, "in x 1x3; out y; i p 0 1 0 0; node Pad d x,p y mode=s:reflect", REFUSED, "reflect, edge or wrap"},
        {19, "in x 1x3; out y; i p 0 1 0 0; node Pad d x,p y mode=s:wrap", REFUSED, "reflect, edge or wrap"},
    };
    RUN(cases);
}

static void softmax_normalisation_and_activations_differ_by_version(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {11, "in x 1x3x4x4; out y; node Softmax s x y", 0, "1x3x4x4"},
        {13, "in x 1x3x4x4; out y; node Softmax s x y axis=i:1", 0, "1x3x4x4"},
        {13, "in x 1x3x4x4; out y; node Softmax s x y axis=i:4", SHAPE, "axis 4 is outside"},
        {13, "in x 1x3; out y; node HardSwish h x y", REFUSED, "exists from opset 14"},
        {14, "in x 1x3; out y; node HardSwish h x y", 0, "1x3"},
        {11, "in x 1x3; out y; node HardSigmoid h x y alpha=f:0.1", 0, "1x3"},
        {11, "in x 1x3; out y; node HardSigmoid h x y alpha=f:inf", BAD, "'alpha' is not a finite number"},
        {11,
         "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 3; node BatchNormalization n x,s,b,m,v y epsilon=f:0.001 "
         "momentum=f:0.9",
         0, "1x3x2x2"},
        {14, "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 3; node BatchNormalization n x,s,b,m,v y training_mode=i:0", 0,
         "1x3x2x2"},
        {15, "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 3; node BatchNormalization n x,s,b,m,v y training_mode=i:1",
         REFUSED, "training mode"},
        {13, "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 3; node BatchNormalization n x,s,b,m,v y training_mode=i:0",
         REFUSED, "'training_mode' is not one of"},
        {11, "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 3; node BatchNormalization n x,s,b,m,v y,mean", REFUSED,
         "second output ('mean')"},
        {11, "in x 1x3x2x2; out y; f s 3; f b 3; f m 3; f v 4; node BatchNormalization n x,s,b,m,v y", SHAPE,
         "variance is 4, but must be 3"},
        {11, "in x 1x3x2x2; out y; f s 3; node BatchNormalization n x,s,s,s,x y", REFUSED, "input 4 ('x') is computed"},
    };
    RUN(cases);
}

/* Sizes worked out by hand: SAME gives ceil(in / stride), explicit floor((in + pads - extent) / stride) + 1. */
static void windows_have_the_sizes_that_the_specification_gives(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {11, "in x 1x3x5x5; out y; f w 4x3x3x3; node Conv c x,w y", 0, "1x4x3x3"},
        {11, "in x 1x3x5x7; out y; f w 4x3x3x3; f b 4; node Conv c x,w,b y pads=is:1,1,1,1 strides=is:2,2", 0, "1x4x3x4"},
        {11, "in x 1x3x5x7; out y; f w 4x3x3x3; node Conv c x,w y auto_pad=s:SAME_UPPER strides=is:2,3", 0, "1x4x3x3"},
        {11, "in x 1x3x6x6; out y; f w 4x3x2x4; node Conv c x,w y auto_pad=s:SAME_LOWER", 0, "1x4x6x6"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y auto_pad=s:VALID dilations=is:2,1", 0, "1x4x2x4"},
        {11, "in x 1x4x6x6; out y; f w 8x2x1x1; node Conv c x,w y group=i:2", 0, "1x8x6x6"},
        {11, "in x 1x4x6x6; out y; f w 4x1x3x3; node Conv c x,w y group=i:4 kernel_shape=is:3,3", 0, "1x4x4x4"},
        {11, "in x 1x3x6x6; out y; f w 4x1x3x3; node Conv c x,w y group=i:2", SHAPE, "2 groups do not divide"},
        {11, "in x 1x3x6x6; out y; f w 4x2x3x3; node Conv c x,w y", SHAPE, "gives 3 channels to each, weight 4x2x3x3 wants 2"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y kernel_shape=is:3,5", SHAPE, "contradicts weight"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; f b 3; node Conv c x,w,b y", SHAPE, "bias is 3, but must be 4"},
        {11, "in x 1x3x2x6; out y; f w 4x3x3x3; node Conv c x,w y", SHAPE, "has 2 in height"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y strides=is:0,1", BAD, "'strides' holds 0"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y group=i:0", BAD, "'group' is 0"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y pads=is:1,1,-1,1", BAD, "'pads' holds -1"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y pads=is:1,1,1,4294967296", BAD, "'pads' holds 4294967296"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y dilations=is:2147483647,2147483647", GTCNN_E_LIMIT,
         "dilated window"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y auto_pad=s:SAME", REFUSED, "auto_pad is none of"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y auto_pad=s:", 0, "1x4x4x4"},
        {11, "in x 1x3x6x6; out y; f w 4x3x3x3; node Conv c x,w y auto_pad=s:VALID pads=is:1,1,1,1", BAD,
         "both pads and auto_pad"},
        {11, "in x 1x3x6; out y; f w 4x3x3; node Conv c x,w y", SHAPE, "must have 4 dimensions"},
        {11, "in x 1x3x6x6; out y; node Conv c x,x y", REFUSED, "input 1 ('x') is computed"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y kernel_shape=is:2,2", 0, "1x3x5x5"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y kernel_shape=is:3,3 strides=is:2,2", 0, "1x3x2x2"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y kernel_shape=is:3,3 strides=is:2,2 ceil_mode=i:1", 0, "1x3x3x3"},
        /* 7 + 2 pads: windows at 0, 3, 6, and one at 9 that would begin behind the input and its front padding. */
        {11, "in x 1x3x7x7; out y; node MaxPool p x y kernel_shape=is:2,2 strides=is:3,3 pads=is:1,1,1,1 ceil_mode=i:1", 0,
         "1x3x3x3"},
        {11, "in x 1x3x5x5; out y; node AveragePool p x y kernel_shape=is:1,1 strides=is:3,3 ceil_mode=i:1", 0, "1x3x2x2"},
        {11, "in x 1x3x7x7; out y; node MaxPool p x y kernel_shape=is:3,3 strides=is:2,2 auto_pad=s:SAME_UPPER ceil_mode=i:1",
         0, "1x3x4x4"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y", BAD, "'kernel_shape' is missing"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y kernel_shape=is:2", REFUSED, "two spatial dimensions"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y,i kernel_shape=is:2,2", REFUSED, "second output ('i')"},
        {11, "in x 1x3x6x6; out y; node MaxPool p x y kernel_shape=is:2,2 pads=is:2,0,0,0", SHAPE,
         "some windows would be empty"},
        {19, "in x 1x3x6x6; out y; node AveragePool p x y kernel_shape=is:2,2 dilations=is:2,2 count_include_pad=i:1", 0,
         "1x3x4x4"},
        {18, "in x 1x3x6x6; out y; node AveragePool p x y kernel_shape=is:2,2 dilations=is:2,2", REFUSED,
         "'dilations' is not one of"},
        {11, "in x 1x3x6x6; out y; node GlobalAveragePool p x y", 0, "1x3x1x1"},
    };
    RUN(cases);
}

static void matrices_multiply_when_they_fit(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {11, "in x 2x3; out y; f w 3x4; node Gemm g x,w y", 0, "2x4"},
        {13, "in x 2x3; out y; f w 4x3; f c 4; node Gemm g x,w,c y transB=i:1 alpha=f:2 beta=f:0.5", 0, "2x4"},
        {13, "in x 3x2; out y; f w 3x4; f c scalar; node Gemm g x,w,c y transA=i:1", 0, "2x4"},
        {13, "in x 2x3; out y; f w 4x3; node Gemm g x,w y", SHAPE, "2x3 does not multiply with 4x3"},
        {13, "in x 2x3; out y; f w 3x4; f c 5; node Gemm g x,w,c y", SHAPE, "C is 5"},
        {13, "in x 2x3; out y; f w 3x4; node Gemm g x,w,x y", REFUSED, "input 2 ('x') is computed"},
        {13, "in x 2x5x3; out y; f w 3x4; node MatMul g x,w y", 0, "2x5x4"},
        {13, "in x 2x3; out y; node MatMul g x,x y", REFUSED, "only constant weights"},
        {13, "in x 2x3; out y; f w 2x2; node MatMul g x,w y", SHAPE, "does not multiply"},
    };
    RUN(cases);
}

static void layouts_change_as_asked(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {13, "in x 2x3x4x5; out y; node Flatten f x y", 0, "2x60"},
        {13, "in x 2x3x4x5; out y; node Flatten f x y axis=i:-1", 0, "24x5"},
        {13, "in x 2x3x4x5; out y; node Flatten f x y axis=i:4", 0, "120x1"},
        {13, "in x 2x3x4x5; out y; node Flatten f x y axis=i:0", 0, "1x120"},
        {13, "in x 2x3x4x5; out y; node Flatten f x y axis=i:5", SHAPE, "axis 5"},
        {13, "in x 2x3x4; out y; i s 0 -1; node Reshape r x,s y", 0, "2x12"},
        {14, "in x 2x3x4; out y; i s 4 6; node Reshape r x,s y allowzero=i:1", 0, "4x6"},
        {14, "in x 2x3x4; out y; i s 0 6; node Reshape r x,s y allowzero=i:1", REFUSED, "empty tensors"},
        {13, "in x 2x3x4; out y; i s 0 -1; node Reshape r x,s y allowzero=i:0", REFUSED, "'allowzero'"},
        {13, "in x 2x3x4; out y; i s -1 -1; node Reshape r x,s y", SHAPE, "one -1"},
        {13, "in x 2x3x4; out y; i s 5 -1; node Reshape r x,s y", SHAPE, "2x3x4 does not reshape"},
        {13, "in x 2x3; out y; i s 1 1 0; node Reshape r x,s y", SHAPE, "copies dimension 2"},
        {13, "in x 2x3; out y; i s -2 3; node Reshape r x,s y", BAD, "holds -2"},
        {13, "in x 2x3; out y; i s 1 1 1 1 1 1 1 1 6; node Reshape r x,s y", GTCNN_E_LIMIT, "9 dimensions"},
        {13, "in x 2x3x4x5; out y; node Transpose t x y perm=is:0,2,3,1", 0, "2x4x5x3"},
        {13, "in x 2x3x4x5; out y; node Transpose t x y", 0, "5x4x3x2"},
        {13, "in x 2x3x4x5; out y; node Transpose t x y perm=is:0,2,2,1", SHAPE, "not a permutation"},
        {13, "in x 2x3x4x5; out y; node Transpose t x y perm=is:1,0", SHAPE, "perm has 2 axes"},
        {13, "in x 2x3x4x5; out y; node Concat c x,x,x y axis=i:1", 0, "2x9x4x5"},
        {13, "in x 2x3x4x5; out y; node Concat c x,x y axis=i:-1", 0, "2x3x4x10"},
        {13, "in x 2x3x4x5; out y; node Concat c x,x y", BAD, "'axis' is missing"},
        {13, "in x 2x3x4x5; out y; node GlobalAveragePool g x z; node Concat c x,z y axis=i:1", SHAPE, "does not join"},
        {13, "in x 2x3x4x5; out y; node GlobalAveragePool g x z; node Mul c x,z y", 0, "2x3x4x5"},
        {13, "in x 2x3x4x5; out y; f b 4x1; node Add c b,x y", 0, "2x3x4x5"},
        {13, "in x 2x3x4x5; out y; f b 3; node Add c b,x y", SHAPE, "do not broadcast"},
        {13, "in x 2x3; out y; node Identity i x y", 0, "2x3"},
    };
    RUN(cases);
}

static void constants_are_found_wherever_exporters_put_them(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {13, "in x 2x3x4; out y; node Constant k - s value_ints=is:0,-1; node Reshape r x,s y", 0, "2x12"},
        {13, "in x 2x3x4; out y; node Constant k - s value_int=i:-1; node Reshape r x,s y", 0, "24"},
        {13, "in x 2x3; out y; node Constant k - s value_float=f:6; node Clip r x,_,s y", 0, "2x3"},
        {13, "in x 2x3; out y; node Constant k - s value_floats=fs:1,2,3; node Mul r x,s y", 0, "2x3"},
        {11, "in x 2x3; out y; node Constant k - s value_float=f:6; node Clip r x,_,s y", REFUSED, "in opset 11"},
        {13, "in x 2x3; out y; node Constant k - s value_string=s:a; node Relu r x y", REFUSED, "text or a sparse tensor"},
        {13, "in x 2x3; out y; node Constant k - s; node Relu r x y", BAD, "exactly one value"},
        {13, "in x 2x3x4; out y; i s 6 4; node Identity a s t; node Identity b t u; node Reshape r x,u y", 0, "6x4"},
        {13, "in x 2x3; out y; f w 3x4; node Identity a w v; node MatMul m x,v y", 0, "2x4"},
        {13, "in x 2x3; out y; f w 4x3; node Transpose a w v; node MatMul m x,v y", 0, "2x4"},
        {13, "in x 2x3; out y; f w 2x2x3; i s 4 3; node Reshape r w,s u; node Transpose a u v; node MatMul m x,v y", 0, "2x4"},
        {13, "in x 2x3; out y; i s 6; i a 0; node Unsqueeze u s,a t; node Squeeze q t,a u2; node Reshape r x,u2 y", 0, "6"},
        {13, "in x 2x3; out y; f w 4x3; node Transpose a w v perm=is:0; node MatMul m x,v y", SHAPE,
         "node 'v' (Transpose): perm"},
        {13, "in x 2x3; out y; f w 4x3; node Relu a w v; node MatMul m x,v y", REFUSED, "fold the model's constants"},
        {13, "in x 2x3; out y; f w 3; node Add a w,w v; node Add m x,v y", REFUSED, "computes a constant"},
        {13, "in x 2x3; out y; node Shape a x v; node Reshape r x,v y", REFUSED,
         "node 'a' (Shape): the operator is not supported"},
        {13, "in x 2x3; out y; i w 3; node Mul m x,w y", REFUSED, "holds integers"},
        {13, "in x 2x3; in w 3x4; out y; f w 3x4; node MatMul m x,w y", 0, "2x4"},
    };
    RUN(cases);
}

static void graphs_that_make_no_sense_are_refused_by_name(void **state)
{
    (void)state;
    static const struct model_case cases[] = {
        {13, "in x 1x3; out y; node Relu a z y; node Relu b y z", BAD, "node 'a' (Relu): the tensor 'z' is used before"},
        {13, "in x 1x3; out y; node Relu a x y; node Relu b x y", BAD, "node 'b' (Relu): the tensor 'y' is defined twice"},
        {13, "in x 1x3; out y; node Relu a x x", BAD, "the tensor 'x' is defined twice"},
        {13, "in x 1x3; out q; node Relu a x y", BAD, "the tensor 'q' is used before"},
        {13, "in x 1x3; out x; node Relu a x y", REFUSED, "not computed by any node"},
        {13, "in x 1x3; in z 1x3; out y; node Add a x,z y", REFUSED, "several inputs ('x', 'z')"},
        {13, "in x 1x3; out y; out z; node Relu a x y; node Relu b x z", REFUSED, "2 outputs"},
        {13, "out y; f w 3; node Relu a w y", BAD, "no input"},
        {13, "in x 1xNx4; out y; node Relu a x y", REFUSED,
         "dimension 1 of input 'x' is dynamic: batch; only the batch may be"},
        {13, "in x 1x?x4; out y; node Relu a x y", REFUSED, "dimension 1 of input 'x' is dynamic; only"},
        {13, "in x 0x3; out y; node Relu a x y", 0, "1x3"},
        {13, "in x ?x3; out y; node Relu a x y", 0, "1x3"},
        {13, "in x 1x2x3x4x5x6x7x8x9; out y; node Relu a x y", GTCNN_E_LIMIT, "has 9 dimensions"},
        {13, "in x 1x9223372036854775807x2; out y; node Relu a x y", GTCNN_E_LIMIT, "larger than 2^38"},
        {13, "in x 1x3; out y; node Relu a - y", BAD, "has 0 inputs"},
        {13, "in x 1x3; out y; node Relu a x,x y", BAD, "has 2 inputs"},
        {13, "in x 1x3; out y; node Add a x,_ y", BAD, "has 1 inputs"},
        {13, "in x 1x3; out y; node Add a _,x y", BAD, "input 0 is left out"},
        {13, "in x 1x3; out y; node Relu a x _", BAD, "has no output"},
        {13, "in x 1x3; out y; node Softmax a x y axis=f:1", BAD, "is of type 1, but must be of type 2"},
        {13, "in x 1x3; out y; node Softmax a x y axis=i:1 axis=i:1", BAD, "'axis' stands twice"},
        {13, "in x 1x3; out y; node LSTM _ x y", REFUSED, "node 'y' (LSTM): the operator is not supported"},
        {10, "in x 1x3; out y; node Relu a x y", REFUSED, "opset 10"},
        {24, "in x 1x3; out y; node Relu a x y", REFUSED, "opset 24"},
    };
    RUN(cases);
}

/* SAME padding by hand: 5 wide, stride 2, kernel 4: 3 windows cover 8, so 3 are added; UPPER puts the odd one behind. */
static void same_padding_puts_the_odd_one_where_it_belongs(void **state)
{
    (void)state;
    for (int lower = 0; lower < 2; lower++) {
        const char *text = lower ? "in x 1x1x5x6; out y; f w 1x1x4x4; node Conv c x,w y auto_pad=s:SAME_LOWER strides=is:2,2"
                                 : "in x 1x1x5x6; out y; f w 1x1x4x4; node Conv c x,w y auto_pad=s:SAME_UPPER strides=is:2,2";
        struct gtcnn_graph *graph = NULL;
        assert_int_equal(read_build(build_new(13, text), &graph, NULL), GTCNN_OK);
        assert_int_equal(gtcnn_graph_infer_shapes(graph, 0, NULL), GTCNN_OK);
        const struct gtcnn_attr *attr = &graph->nodes[0].attr;
        assert_int_equal(attr->pad[0], lower ? 2 : 1);
        assert_int_equal(attr->pad[2], lower ? 1 : 2);
        assert_int_equal(attr->pad[1], 1);
        assert_int_equal(attr->pad[3], 1);
        assert_int_equal(attr->auto_pad, GTCNN_PAD_EXPLICIT);
        gtcnn_graph_free(graph);
    }
}

static void a_dynamic_batch_is_bound_and_may_be_bound_again(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = NULL;
    struct gtcnn_err err = {0};
    assert_int_equal(read_build(build_new(13, "in x Nx3x4; out y; i s 0 -1; node Reshape r x,s y"), &graph, NULL), GTCNN_OK);
    assert_int_equal(graph->tensors[graph->input].shape.dim[0], -1);
    const int64_t wanted[] = {1, 5, 5, 2};
    const uint32_t batch[] = {0, 5, 0, 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(gtcnn_graph_infer_shapes(graph, batch[i], &err), GTCNN_OK);
        assert_int_equal(graph->tensors[graph->output].shape.dim[0], wanted[i]);
        assert_int_equal(graph->tensors[graph->output].shape.dim[1], 12);
    }
    gtcnn_graph_free(graph);
    assert_int_equal(read_build(build_new(13, "in x 2x3; out y; node Relu r x y"), &graph, NULL), GTCNN_OK);
    assert_int_equal(gtcnn_graph_infer_shapes(graph, 2, &err), GTCNN_OK);
    assert_int_equal(gtcnn_graph_infer_shapes(graph, 3, &err), GTCNN_E_SHAPE);
    assert_non_null(strstr(err.text, "fixed to 2 in the model, 3 was asked for"));
    gtcnn_graph_free(graph);
}

static void old_softmax_is_told_apart_only_where_it_differs(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int axis;
        bool flat;
        int opset;
    } cases[] = {{"in x 2x3x4x5; out y; node Softmax s x y", 3, false, 13},
                 {"in x 2x10; out y; node Softmax s x y", 1, false},
                 {"in x 2x10x1x1; out y; node Softmax s x y", 1, false},
                 {"in x 2x1x7; out y; node Softmax s x y", 2, false},
                 {"in x 2x3x4; out y; node Softmax s x y", 1, true},
                 {"in x 2x3x4; out y; node Softmax s x y axis=i:-1", 2, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtcnn_graph *graph = NULL;
        assert_int_equal(read_build(build_new(cases[i].opset ? cases[i].opset : 11, cases[i].text), &graph, NULL), GTCNN_OK);
        assert_int_equal(gtcnn_graph_infer_shapes(graph, 0, NULL), GTCNN_OK);
        assert_int_equal(graph->nodes[0].attr.axis, cases[i].axis);
        assert_int_equal(graph->nodes[0].attr.softmax_flat, cases[i].flat);
        gtcnn_graph_free(graph);
    }
}

/* One number in every type that is converted; values that have exact counterparts. */
static void element_types_are_converted_or_refused_by_name(void **state)
{
    (void)state;
    const struct {
        int type;
        size_t size;
        const char *raw;
        float wanted; /* NaN: refused */
        const char *name;
    } cases[] = {
        {1, 4, "\x00\x00\xc0\x3f", 1.5f, ""},
        {10, 2, "\x00\x3e", 1.5f, ""},
        {10, 2, "\x01\x00", 5.9604644775390625e-8f, ""}, /* the least subnormal, 2^-24 */
        {10, 2, "\xff\x03", 6.097555160522461e-5f, ""},  /* the largest subnormal */
        {10, 2, "\xff\xfb", -65504.0f, ""},              /* the least finite number */
        {10, 2, "\x00\x7c", INFINITY, ""},
        {11, 8, "\0\0\0\0\0\0\xf8\xbf", -1.5f, ""},
        {16, 2, "\xc0\x3f", 1.5f, ""},
        {2, 1, "\x01", NAN, "uint8 (2)"},
        {14, 8, "\0\0\0\0\0\0\0\0", NAN, "complex64 (14)"},
        {17, 1, "\x01", NAN, "float8e4m3fn (17)"},
        {99, 1, "\x01", NAN, "undefined (99)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        struct build *b = build_new(13, "in x 1x3; out y; node Mul m x,w y");
        build_initializer(b, build_tensor(b, "w", cases[i].type, 0, NULL, cases[i].raw, cases[i].size));
        enum gtcnn_status status = read_build(b, &graph, &err);
        if (isnan(cases[i].wanted)) {
            assert_int_equal(status, GTCNN_E_UNSUPPORTED);
            assert_non_null(strstr(err.text, cases[i].name));
            continue;
        }
        assert_int_equal(status, GTCNN_OK);
        assert_true(*(float *)graph->tensors[gtcnn_graph_find_tensor(graph, "w")].data == cases[i].wanted);
        gtcnn_graph_free(graph);
    }
}

static void typed_fields_serve_as_well_as_raw_data(void **state)
{
    (void)state;
    float floats[3] = {1, 2, 3};
    double doubles[3] = {1, 2, 3};
    int32_t halves[3] = {0x3c00, 0x4000, 0x4200}, bfloats[3] = {0x3f80, 0x4000, 0x4040}, ints[2] = {3, -1};
    for (int kind = 0; kind < 6; kind++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        struct build *b = build_new(13, "in x 1x3; out y; node Mul m x,w z; node Reshape r z,s y");
        Onnx__TensorProto *w = build_tensor(b, "w",
                                            kind == 1   ? 11
                                            : kind == 2 ? 10
                                            : kind == 3 ? 16
                                                        : 1,
                                            1, (int64_t[]){3}, NULL, 0);
        Onnx__TensorProto *s = build_tensor(b, "s", 6, 1, (int64_t[]){2}, NULL, 0);
        w->has_raw_data = s->has_raw_data = 0;
        w->n_float_data = kind == 0 ? 3 : kind == 4 ? 2 : kind == 5 ? 3 : 0;
        w->float_data = floats;
        w->n_double_data = kind == 1 ? 3 : 0;
        w->double_data = doubles;
        w->n_int32_data = kind == 2 || kind == 3 ? 3 : 0;
        w->int32_data = kind == 2 ? halves : bfloats;
        s->n_int32_data = 2;
        s->int32_data = ints;
        build_initializer(b, w);
        build_initializer(b, s);
        enum gtcnn_status status = read_build(b, &graph, &err);
        if (kind == 4) {
            assert_int_equal(status, GTCNN_E_FORMAT);
            assert_non_null(strstr(err.text, "3 elements by its dimensions, but 2 in the file"));
            continue;
        }
        assert_int_equal(status, GTCNN_OK);
        assert_memory_equal(graph->tensors[gtcnn_graph_find_tensor(graph, "w")].data, floats, sizeof floats);
        assert_int_equal(graph->nodes[1].attr.target[0], 3);
        assert_int_equal(graph->nodes[1].attr.target[1], -1);
        gtcnn_graph_free(graph);
    }
}

/* What has become an attribute is no tensor any more. */
static void shape_like_inputs_do_not_stay(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = NULL;
    const char *text =
        "in x 1x3x2; out y; i s 0 -1; fs lo 0; fs hi 6; f unused 4x4; node Reshape r x,s z; node Clip c z,lo,hi y";
    assert_int_equal(read_build(build_new(13, text), &graph, NULL), GTCNN_OK);
    assert_int_equal(graph->tensor_count, 3);
    assert_int_equal(gtcnn_graph_find_tensor(graph, "s"), -1);
    assert_int_equal(gtcnn_graph_find_tensor(graph, "y"), graph->output);
    assert_int_equal(graph->nodes[0].input_count, 1);
    assert_true(graph->nodes[1].attr.min == 0 && graph->nodes[1].attr.max == 6);
    gtcnn_graph_free(graph);
}

/* The element at [i][j][k] of a 2x3x4 weight is 0.25 * ((12 i + 4 j + k) % 7 - 3). */
static void constants_that_are_only_turned_round_are_folded(void **state)
{
    (void)state;
    struct gtcnn_graph *graph = NULL;
    const char *text = "in x 4x2x3; out y; f w 2x3x4; node Transpose t w v perm=is:2,0,1; node Add a x,v y";
    assert_int_equal(read_build(build_new(13, text), &graph, NULL), GTCNN_OK);
    assert_int_equal(graph->node_count, 1);
    assert_int_equal(gtcnn_graph_find_tensor(graph, "w"), -1);
    const struct gtcnn_tensor *v = &graph->tensors[gtcnn_graph_find_tensor(graph, "v")];
    const float *data = v->data;
    for (int k = 0, at = 0; k < 4; k++)
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 3; j++, at++)
                assert_true(data[at] == 0.25f * (float)((12 * i + 4 * j + k) % 7 - 3));
    gtcnn_graph_free(graph);
}

/* Initialisers listed as inputs too, as IR 3 demanded. */
static void ir_versions_outside_the_range_are_refused(void **state)
{
    (void)state;
    for (int64_t ir = 1; ir <= 14; ir++) {
        struct gtcnn_graph *graph = NULL;
        struct gtcnn_err err = {0};
        struct build *b = build_new(13, "in w 3x4; in x Nx3; out y; f w 3x4; node MatMul m x,w y");
        b->model.ir_version = ir;
        enum gtcnn_status status = read_build(b, &graph, &err);
        assert_int_equal(status, ir >= 3 && ir <= 12 ? GTCNN_OK : GTCNN_E_UNSUPPORTED);
        if (status)
            assert_non_null(strstr(err.text, "versions 3 to 12 are supported"));
        gtcnn_graph_free(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_come_as_attribute_or_as_input),
        cmocka_unit_test(limits_ratios_and_modes_come_as_inputs),
        cmocka_unit_test(softmax_normalisation_and_activations_differ_by_version),
        cmocka_unit_test(windows_have_the_sizes_that_the_specification_gives),
        cmocka_unit_test(matrices_multiply_when_they_fit),
        cmocka_unit_test(layouts_change_as_asked),
        cmocka_unit_test(constants_are_found_wherever_exporters_put_them),
        cmocka_unit_test(graphs_that_make_no_sense_are_refused_by_name),
        cmocka_unit_test(same_padding_puts_the_odd_one_where_it_belongs),
        cmocka_unit_test(a_dynamic_batch_is_bound_and_may_be_bound_again),
        cmocka_unit_test(old_softmax_is_told_apart_only_where_it_differs),
        cmocka_unit_test(element_types_are_converted_or_refused_by_name),
        cmocka_unit_test(typed_fields_serve_as_well_as_raw_data),
        cmocka_unit_test(shape_like_inputs_do_not_stay),
        cmocka_unit_test(constants_that_are_only_turned_round_are_folded),
        cmocka_unit_test(ir_versions_outside_the_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
