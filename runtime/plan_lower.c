/* From groups of nodes to kernel calls: one rule per operator, in a table. */
#include "runtime/escape.h"
#include "runtime/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct lowering {
    struct gtcnn_plan *plan;
    const struct gtcnn_group *group;
    const struct gtcnn_product *product; /* what is lowered: the group's first or second */
    const struct gtcnn_node *node;       /* its own */
    struct gtcnn_array out;              /* what a rule fills in */
    struct gtcnn_err *err;
};

typedef enum gtcnn_status lower_fn(struct lowering *l);

static enum gtcnn_status unsupported(const struct lowering *l, const char *why)
{
    char name[100];
    return gtcnn_err_set(l->err, GTCNN_E_UNSUPPORTED, "node '%s' (%s): %s",
                         gtcnn_escape(name, sizeof name, l->node->name, SIZE_MAX), gtcnn_op_name(l->node->op), why);
}

static enum gtcnn_status no_memory(const struct lowering *l)
{
    return gtcnn_err_set(l->err, GTCNN_E_NOMEM, "out of memory while planning the model");
}

static bool has_input(const struct lowering *l, uint32_t i)
{
    return i < l->node->input_count && l->node->inputs[i] >= 0;
}

static const struct gtcnn_array *input(const struct lowering *l, uint32_t i)
{
    return &l->plan->arrays[l->plan->fusion.alias[l->node->inputs[i]]];
}

/* The elements of a constant input, NULL when it is computed or left out. */
static const float *constant(const struct lowering *l, uint32_t i)
{
    return has_input(l, i) && input(l, i)->at.buffer < 0 ? input(l, i)->at.constant : NULL;
}

static const struct gtcnn_shape *output_shape(const struct lowering *l)
{
    return &l->plan->graph->tensors[l->group->output].shape;
}

typedef void layout_fn(const struct gtcnn_shape *shape, int64_t stride[GTCNN_MAX_RANK]);

/* Gives *array the shape, a layout and a buffer of its own. */
static enum gtcnn_status new_array(const struct lowering *l, const struct gtcnn_shape *shape, layout_fn *layout,
                                   struct gtcnn_array *array)
{
    int64_t n = gtcnn_shape_count(shape);
    *array = (struct gtcnn_array){.at = {.buffer = gtcnn_plan_add_buffer(l->plan, n)}, .shape = *shape};
    layout(shape, array->stride);
    return array->at.buffer < 0 ? no_memory(l) : GTCNN_OK;
}

static enum gtcnn_status new_output(struct lowering *l, layout_fn *layout)
{
    return new_array(l, output_shape(l), layout, &l->out);
}

/* The output of a convolution: as narrow as its readers allow. */
static enum gtcnn_status new_map(struct lowering *l)
{
    int64_t n = gtcnn_shape_count(output_shape(l));
    bool narrow = l->plan->narrow && l->plan->narrow[l->group->output];
    l->out = (struct gtcnn_array){.shape = *output_shape(l), .narrow = narrow};
    l->out.at.buffer = gtcnn_plan_add_buffer(l->plan, narrow ? n / 2 + 1 : n);
    gtcnn_layout_memory(&l->out.shape, l->out.stride);
    return l->out.at.buffer < 0 ? no_memory(l) : GTCNN_OK;
}

static void set_operand(struct gtcnn_call *call, int o, const struct gtcnn_array *array)
{
    call->x[o] = array->at;
    memcpy(call->args.elements.stride[o], array->stride, sizeof array->stride);
}

/* A call that writes `to` element by element; operands are set by the caller. NULL: out of memory. */
static struct gtcnn_call *add_elements(const struct lowering *l, enum gtcnn_elementwise op, const struct gtcnn_array *to)
{
    struct gtcnn_call *call = gtcnn_plan_add_call(l->plan, GTCNN_CALL_ELEMENTS);
    if (!call)
        return NULL;
    call->y = to->at;
    call->args.elements = (struct gtcnn_elements){.op = op, .rank = to->shape.rank};
    memcpy(call->args.elements.dim, to->shape.dim, sizeof to->shape.dim);
    memcpy(call->args.elements.y_stride, to->stride, sizeof to->stride);
    return call;
}

static enum gtcnn_status copy(const struct lowering *l, const struct gtcnn_array *from, const struct gtcnn_array *to)
{
    struct gtcnn_call *call = add_elements(l, GTCNN_ELEMENT_COPY, to);
    if (!call)
        return no_memory(l);
    set_operand(call, 0, from);
    return GTCNN_OK;
}

/* The input in the layout that a kernel needs: itself, or a copy. */
static enum gtcnn_status stage(const struct lowering *l, uint32_t i, layout_fn *layout, struct gtcnn_array *array)
{
    *array = *input(l, i);
    int64_t wanted[GTCNN_MAX_RANK];
    layout(&array->shape, wanted);
    if (gtcnn_layout_equal(&array->shape, array->stride, wanted)) {
        memcpy(array->stride, wanted, sizeof wanted);
        return GTCNN_OK;
    }
    enum gtcnn_status status = new_array(l, &array->shape, layout, array);
    return status ? status : copy(l, input(l, i), array);
}

/* --- convolutions and matrix products */

static const float *folded(const struct lowering *l, uint32_t i)
{
    const struct gtcnn_node *bn = &l->plan->graph->nodes[l->product->batchnorm];
    return l->plan->arrays[l->plan->fusion.alias[bn->inputs[i]]].at.constant;
}

static void fold_batchnorm(const struct lowering *l, struct gtcnn_packing *packing)
{
    if (l->product->batchnorm < 0)
        return;
    packing->gamma = folded(l, 1);
    packing->beta = folded(l, 2);
    packing->mean = folded(l, 3);
    packing->variance = folded(l, 4);
    packing->epsilon = l->plan->graph->nodes[l->product->batchnorm].attr.epsilon;
}

static bool is_depthwise(const struct gtcnn_conv *args)
{
    return args->in == 1 && args->out == 1 && args->groups > 1;
}

/* Weights, epilogue and bands. */
static enum gtcnn_status complete_conv(const struct lowering *l, struct gtcnn_conv *args, struct gtcnn_packing *packing)
{
    fold_batchnorm(l, packing);
    packing->for_product = true;
    args->activation = l->product->activation;
    args->bands = is_depthwise(args) && l->plan->kernels->bands ? l->plan->kernels->bands(args) : 1;
    return gtcnn_plan_pack(l->plan, packing, args) ? no_memory(l) : GTCNN_OK;
}

static enum gtcnn_status add_conv(struct lowering *l, const struct gtcnn_array *x, struct gtcnn_conv *args,
                                  struct gtcnn_packing *packing)
{
    enum gtcnn_call_kind kind = is_depthwise(args) ? GTCNN_CALL_DEPTHWISE : GTCNN_CALL_CONV;
    enum gtcnn_status status = complete_conv(l, args, packing);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, kind);
    if (!call)
        return no_memory(l);
    call->args.conv = *args;
    call->args.conv.x_narrow = x->narrow;
    call->args.conv.y_narrow = l->out.narrow;
    call->y = l->out.at;
    call->x[0] = x->at;
    return GTCNN_OK;
}

/* Small maps as one row of pixels: fewer ends of rows, where part of a tile idles. */
static void flatten_pointwise(struct gtcnn_conv *args)
{
    enum { SMALL_MAP = 256 };
    bool pointwise = args->kernel[0] == 1 && args->kernel[1] == 1 && args->stride[0] == 1 && args->stride[1] == 1 &&
                     args->pad[0] == 0 && args->pad[1] == 0 && args->oh == args->h && args->ow == args->w;
    if (!pointwise || args->h * args->w > SMALL_MAP)
        return;
    args->w *= args->h;
    args->ow = args->w;
    args->h = args->oh = 1;
}

/* What is known of a convolution from its node and shapes. */
static enum gtcnn_status describe_conv(const struct lowering *l, const struct gtcnn_shape *x, const struct gtcnn_shape *y,
                                       struct gtcnn_conv *args, struct gtcnn_packing *packing)
{
    const float *weights = constant(l, 1);
    if (!weights || (has_input(l, 2) && !constant(l, 2)))
        return unsupported(l, "weights and bias must be initialisers; export the model with constants folded");
    const struct gtcnn_attr *attr = &l->node->attr;
    const int64_t *in = x->dim, *out = y->dim;
    *args = (struct gtcnn_conv){.n = in[0], .h = in[2], .w = in[3], .oh = out[2], .ow = out[3], .groups = attr->group};
    args->in = in[1] / args->groups;
    args->out = out[1] / args->groups;
    for (int i = 0; i < 2; i++) {
        args->kernel[i] = attr->kernel[i];
        args->stride[i] = attr->stride[i];
        args->dilation[i] = attr->dilation[i];
        args->pad[i] = attr->pad[i];
    }
    int64_t taps = args->kernel[0] * args->kernel[1];
    *packing = (struct gtcnn_packing){.weights = weights,
                                      .out_stride = args->in * taps,
                                      .in_stride = taps,
                                      .bias = constant(l, 2),
                                      .bias_stride = 1,
                                      .weight_scale = 1,
                                      .bias_scale = 1};
    return GTCNN_OK;
}

static enum gtcnn_status lower_block(struct lowering *l);

static bool is_block(const struct gtcnn_group *group)
{
    return group->second.node >= 0 || group->gate >= 0 || group->residual >= 0 || group->pool >= 0;
}

static enum gtcnn_status lower_conv(struct lowering *l)
{
    struct gtcnn_array x;
    struct gtcnn_conv args;
    struct gtcnn_packing packing;
    if (is_block(l->group))
        return lower_block(l);
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    if (!status)
        status = new_map(l);
    if (!status)
        status = describe_conv(l, &x.shape, &l->out.shape, &args, &packing);
    if (status)
        return status;
    flatten_pointwise(&args);
    return add_conv(l, &x, &args, &packing);
}

/* --- blocks: what fuse_wide.c puts together */

static struct gtcnn_call *last_call(const struct lowering *l)
{
    return &l->plan->calls[l->plan->call_count - 1];
}

/* From here on the group's other product is lowered. */
static void go_on(struct lowering *l)
{
    l->product = &l->group->second;
    l->node = &l->plan->graph->nodes[l->product->node];
}

/* The mean over the output's pixels, from the sums that the call before makes. */
static enum gtcnn_status add_pool(const struct lowering *l, const struct gtcnn_conv *depthwise)
{
    struct gtcnn_array sums = {0}, *pooled = &l->plan->arrays[l->group->pool];
    sums.shape = (struct gtcnn_shape){2, {depthwise->n * depthwise->bands, depthwise->groups}};
    enum gtcnn_status status = new_array(l, &sums.shape, gtcnn_layout_row_major, &sums);
    if (!status)
        status = new_array(l, &l->plan->graph->tensors[l->group->pool].shape, gtcnn_layout_memory, pooled);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_MEAN);
    if (!call)
        return no_memory(l);
    call[-1].sums = sums.at;
    call->args.mean = (struct gtcnn_mean){
        .n = depthwise->n, .pixels = depthwise->bands, .channels = depthwise->groups, .divisor = depthwise->oh * depthwise->ow};
    call->x[0] = sums.at;
    call->y = pooled->at;
    return GTCNN_OK;
}

/* An expansion and the depthwise convolution behind it. */
static enum gtcnn_status lower_expand(struct lowering *l)
{
    struct gtcnn_array x;
    struct gtcnn_expand args;
    struct gtcnn_packing packing;
    const struct gtcnn_shape *between = &l->plan->graph->tensors[l->group->first.output].shape;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    if (!status)
        status = new_map(l);
    if (!status)
        status = describe_conv(l, &x.shape, between, &args.expand, &packing);
    if (!status)
        status = complete_conv(l, &args.expand, &packing);
    go_on(l);
    if (!status)
        status = describe_conv(l, between, &l->out.shape, &args.depthwise, &packing);
    if (!status)
        status = complete_conv(l, &args.depthwise, &packing);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_EXPAND);
    if (!call)
        return status ? status : no_memory(l);
    call->args.expand = args;
    call->args.expand.expand.x_narrow = x.narrow;
    call->args.expand.depthwise.y_narrow = l->out.narrow;
    call->x[0] = x.at;
    call->y = l->out.at;
    return l->group->pool >= 0 ? add_pool(l, &args.depthwise) : GTCNN_OK;
}

static enum gtcnn_status lower_depthwise(struct lowering *l)
{
    struct gtcnn_array x;
    struct gtcnn_conv args;
    struct gtcnn_packing packing;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    if (!status)
        status = new_map(l);
    if (!status)
        status = describe_conv(l, &x.shape, &l->out.shape, &args, &packing);
    if (!status)
        status = add_conv(l, &x, &args, &packing);
    if (status)
        return status;
    args = last_call(l)->args.conv; /* a copy: another call may move them all */
    return add_pool(l, &args);
}

/* Squeeze and excitation: two products, the first one's output being read by the second alone. */
static enum gtcnn_status lower_excite(struct lowering *l)
{
    struct gtcnn_array x, out;
    struct gtcnn_conv args;
    struct gtcnn_packing packing;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    for (int i = 0; i < 2 && !status; i++) {
        status = new_array(l, &l->plan->graph->tensors[l->product->output].shape, gtcnn_layout_memory, &out);
        l->out = out;
        if (!status)
            status = describe_conv(l, &x.shape, &out.shape, &args, &packing);
        if (!status) {
            args.w = args.ow = args.n; /* a batch is so many rows */
            args.n = 1;
            status = add_conv(l, &x, &args, &packing);
        }
        x = out;
        if (i == 0)
            go_on(l);
    }
    return status;
}

/* The input, gated: as a copy, where the map has fewer pixels than the projection has outputs. */
static enum gtcnn_status gate_input(const struct lowering *l, const struct gtcnn_array *gate, struct gtcnn_array *x)
{
    const int64_t *dim = x->shape.dim, n = gtcnn_shape_count(&x->shape);
    int buffer = gtcnn_plan_add_buffer(l->plan, x->narrow ? n / 2 + 1 : n);
    struct gtcnn_call *call = buffer < 0 ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_SCALE);
    if (!call)
        return no_memory(l);
    call->args.scale = (struct gtcnn_scale){.n = dim[0], .pixels = dim[2] * dim[3], .channels = dim[1], .narrow = x->narrow};
    call->x[0] = x->at;
    call->x[1] = gate->at;
    x->at = (struct gtcnn_ref){.buffer = buffer};
    call->y = x->at;
    return GTCNN_OK;
}

/* Else the weights of each image. The call that computes them comes before the convolution's. */
static enum gtcnn_status gate_weights(const struct lowering *l, const struct gtcnn_array *gate, struct gtcnn_conv *args,
                                      struct gtcnn_ref *weights)
{
    int64_t width = l->plan->kernels->panel, panels = (args->out + width - 1) / width;
    int64_t words = l->plan->kernels->narrow ? (args->in + 1) / 2 : args->in;
    struct gtcnn_shape shape = {2, {args->n, panels * words * width}};
    struct gtcnn_array gated;
    enum gtcnn_status status = new_array(l, &shape, gtcnn_layout_row_major, &gated);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_GATE);
    if (!call)
        return no_memory(l);
    call->args.gate = (struct gtcnn_gate){.weights = args->weights, .n = args->n, .panels = panels, .k = args->in};
    call->x[0] = gate->at;
    call->y = gated.at;
    args->weights_step = shape.dim[1];
    *weights = gated.at;
    return GTCNN_OK;
}

static const struct gtcnn_array *array_of(const struct lowering *l, int tensor)
{
    return &l->plan->arrays[l->plan->fusion.alias[tensor]];
}

/* As the kernels have maps: itself, or a copy. */
static enum gtcnn_status stage_array(const struct lowering *l, const struct gtcnn_array *from, struct gtcnn_array *to)
{
    *to = *from;
    if (gtcnn_layout_is_memory(from))
        return GTCNN_OK;
    enum gtcnn_status status = new_array(l, &from->shape, gtcnn_layout_memory, to);
    return status ? status : copy(l, from, to);
}

static enum gtcnn_status lower_projection(struct lowering *l)
{
    bool gated = l->group->gate >= 0, residual = l->group->residual >= 0;
    struct gtcnn_array x, gate, added = {.at = {.buffer = -1}};
    struct gtcnn_ref weights = {.buffer = -1};
    struct gtcnn_conv args = {0};
    struct gtcnn_packing packing;
    enum gtcnn_status status = stage_array(l, gated ? array_of(l, l->group->gated) : input(l, 0), &x);
    if (!status && residual)
        status = stage_array(l, array_of(l, l->group->residual), &added);
    if (!status && gated)
        status = stage_array(l, array_of(l, l->group->gate), &gate);
    if (!status)
        status = new_map(l);
    if (!status)
        status = describe_conv(l, &x.shape, &l->out.shape, &args, &packing);
    if (!status)
        status = complete_conv(l, &args, &packing);
    if (!status && gated && args.oh * args.ow > args.out)
        status = gate_weights(l, &gate, &args, &weights);
    else if (!status && gated)
        status = gate_input(l, &gate, &x);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_CONV);
    if (!call)
        return status ? status : no_memory(l);
    call->args.conv = args;
    call->args.conv.x_narrow = x.narrow;
    call->args.conv.y_narrow = l->out.narrow;
    call->args.conv.residual_narrow = added.narrow;
    call->x[0] = x.at;
    call->x[1] = added.at;
    call->x[2] = weights;
    call->y = l->out.at;
    return GTCNN_OK;
}

static enum gtcnn_status lower_block(struct lowering *l)
{
    const struct gtcnn_group *group = l->group;
    if (group->gate >= 0 || group->residual >= 0)
        return lower_projection(l);
    if (group->second.node < 0)
        return lower_depthwise(l);
    bool depthwise = l->plan->graph->nodes[group->second.node].attr.group > 1;
    return depthwise ? lower_expand(l) : lower_excite(l);
}

/* rows x in times in x out, as a convolution of `rows` pixels. */
static struct gtcnn_conv product_of(int64_t rows, int64_t in, int64_t out)
{
    return (struct gtcnn_conv){.n = 1,
                               .h = 1,
                               .w = rows,
                               .in = in,
                               .oh = 1,
                               .ow = rows,
                               .out = out,
                               .groups = 1,
                               .kernel = {1, 1},
                               .stride = {1, 1},
                               .dilation = {1, 1}};
}

/* Does C hold one value per column, or one in all? Then it is a bias; *stride steps from column to column. */
static bool is_bias(const struct gtcnn_shape *c, int64_t columns, int64_t *stride)
{
    int64_t n = gtcnn_shape_count(c);
    *stride = n == 1 ? 0 : 1;
    return n == 1 || (n == columns && c->rank > 0 && c->dim[c->rank - 1] == columns);
}

/* What of C is no bias is added behind the product, and the activation applied there. (fuse.c folds no normalisation then.) */
static enum gtcnn_status add_matrix(struct lowering *l)
{
    struct gtcnn_call *product = &l->plan->calls[l->plan->call_count - 1];
    struct gtcnn_activation activation = product->args.conv.activation;
    product->args.conv.activation.act = GTCNN_ACT_NONE;
    struct gtcnn_call *call = add_elements(l, GTCNN_ELEMENT_ADD, &l->out);
    if (!call)
        return no_memory(l);
    set_operand(call, 0, &l->out);
    const struct gtcnn_array *c = input(l, 2);
    struct gtcnn_array wide = {.at = c->at, .shape = l->out.shape};
    for (uint32_t d = 0; d < c->shape.rank; d++)
        wide.stride[2 - c->shape.rank + d] = c->shape.dim[d] == 1 ? 0 : c->stride[d];
    set_operand(call, 1, &wide);
    call->args.elements.activation = activation;
    return GTCNN_OK;
}

static void turn(struct gtcnn_array *array)
{
    int64_t dim = array->shape.dim[0], stride = array->stride[0];
    array->shape.dim[0] = array->shape.dim[1];
    array->stride[0] = array->stride[1];
    array->shape.dim[1] = dim;
    array->stride[1] = stride;
}

/* A as rows that are dense; transposed first where the node says so. */
static enum gtcnn_status stage_rows(const struct lowering *l, bool transposed, struct gtcnn_array *x)
{
    if (!transposed)
        return stage(l, 0, gtcnn_layout_row_major, x);
    struct gtcnn_array turned = *input(l, 0);
    turn(&turned);
    enum gtcnn_status status = new_array(l, &turned.shape, gtcnn_layout_row_major, x);
    return status ? status : copy(l, &turned, x);
}

static enum gtcnn_status lower_gemm(struct lowering *l)
{
    const struct gtcnn_attr *attr = &l->node->attr;
    const float *b = constant(l, 1), *c = constant(l, 2);
    if (!b)
        return unsupported(l, "the second factor must be an initialiser");
    if (has_input(l, 2) && !c && attr->beta != 1)
        return unsupported(l, "beta other than 1 with a computed C");
    struct gtcnn_array x;
    enum gtcnn_status status = stage_rows(l, attr->trans_a, &x);
    if (!status)
        status = new_output(l, gtcnn_layout_row_major);
    if (status)
        return status;
    struct gtcnn_conv args = product_of(x.shape.dim[0], x.shape.dim[1], l->out.shape.dim[1]);
    struct gtcnn_packing packing = {.weights = b,
                                    .out_stride = attr->trans_b ? args.in : 1,
                                    .in_stride = attr->trans_b ? 1 : args.out,
                                    .weight_scale = attr->alpha,
                                    .bias_scale = attr->beta};
    bool bias = has_input(l, 2) && is_bias(&input(l, 2)->shape, args.out, &packing.bias_stride) && c;
    packing.bias = bias ? c : NULL;
    status = add_conv(l, &x, &args, &packing);
    if (status || !has_input(l, 2) || bias)
        return status;
    return attr->beta != 1 ? unsupported(l, "beta other than 1 with a matrix C") : add_matrix(l);
}

static enum gtcnn_status lower_matmul(struct lowering *l)
{
    const float *b = constant(l, 1);
    if (!b || input(l, 1)->shape.rank != 2)
        return unsupported(l, "the second factor must be an initialiser of two dimensions");
    struct gtcnn_array x;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_row_major, &x);
    if (!status)
        status = new_output(l, gtcnn_layout_row_major);
    if (status)
        return status;
    int64_t in = input(l, 1)->shape.dim[0], out = input(l, 1)->shape.dim[1];
    struct gtcnn_conv args = product_of(gtcnn_shape_count(&x.shape) / in, in, out);
    struct gtcnn_packing packing = {.weights = b, .out_stride = 1, .in_stride = out, .weight_scale = 1};
    return add_conv(l, &x, &args, &packing);
}

/* --- element by element */

static enum gtcnn_status lower_unary(struct lowering *l)
{
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    struct gtcnn_call *call = status ? NULL : add_elements(l, GTCNN_ELEMENT_COPY, &l->out);
    if (!call)
        return status ? status : no_memory(l);
    set_operand(call, 0, input(l, 0));
    call->args.elements.activation = l->product->activation;
    return GTCNN_OK;
}

/* An operand as the output's shape sees it (NumPy's broadcast: dimensions are matched from the last one on). */
static struct gtcnn_array broadcast(const struct gtcnn_array *array, const struct gtcnn_shape *shape)
{
    struct gtcnn_array wide = {.at = array->at, .shape = *shape};
    uint32_t lead = shape->rank - array->shape.rank;
    for (uint32_t d = 0; d < array->shape.rank; d++)
        wide.stride[lead + d] = array->shape.dim[d] == 1 ? 0 : array->stride[d];
    return wide;
}

static enum gtcnn_status lower_binary(struct lowering *l)
{
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    bool add = l->node->op == GTCNN_OP_ADD;
    struct gtcnn_call *call = status ? NULL : add_elements(l, add ? GTCNN_ELEMENT_ADD : GTCNN_ELEMENT_MUL, &l->out);
    if (!call)
        return status ? status : no_memory(l);
    for (uint32_t i = 0; i < 2; i++) {
        struct gtcnn_array wide = broadcast(input(l, i), &l->out.shape);
        set_operand(call, (int)i, &wide);
    }
    return GTCNN_OK;
}

/* A batch normalisation that nothing before it can take: y = x * scale + shift, by channel (dimension 1). */
static enum gtcnn_status lower_batchnorm(struct lowering *l)
{
    const float *parameters[5];
    for (uint32_t i = 1; i < 5; i++)
        if (!(parameters[i] = constant(l, i)))
            return unsupported(l, "scale, bias, mean and variance must be initialisers");
    const struct gtcnn_shape *shape = output_shape(l);
    int64_t channels = shape->rank > 1 ? shape->dim[1] : 1;
    struct gtcnn_conv folded_into = product_of(1, 1, channels);
    float *ones = gtcnn_plan_add_constant(l->plan, channels);
    if (!ones)
        return no_memory(l);
    for (int64_t c = 0; c < channels; c++)
        ones[c] = 1;
    struct gtcnn_packing packing = {.weights = ones,
                                    .out_stride = 1,
                                    .in_stride = 1,
                                    .weight_scale = 1,
                                    .gamma = parameters[1],
                                    .beta = parameters[2],
                                    .mean = parameters[3],
                                    .variance = parameters[4],
                                    .epsilon = l->node->attr.epsilon};
    enum gtcnn_status status =
        gtcnn_plan_pack(l->plan, &packing, &folded_into) ? no_memory(l) : new_output(l, gtcnn_layout_memory);
    struct gtcnn_call *call = status ? NULL : add_elements(l, GTCNN_ELEMENT_SCALE, &l->out);
    if (!call)
        return status ? status : no_memory(l);
    set_operand(call, 0, input(l, 0));
    const float *by_channel[2] = {folded_into.weights, folded_into.bias};
    for (int i = 0; i < 2; i++) {
        call->x[1 + i] = (struct gtcnn_ref){-1, 0, by_channel[i]};
        call->args.elements.stride[1 + i][1] = 1;
    }
    return GTCNN_OK;
}

/* --- pooling and reductions */

static enum gtcnn_status lower_pool(struct lowering *l)
{
    struct gtcnn_array x;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    if (!status)
        status = new_output(l, gtcnn_layout_memory);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_POOLING);
    if (!call)
        return status ? status : no_memory(l);
    const struct gtcnn_attr *attr = &l->node->attr;
    const int64_t *in = x.shape.dim, *out = l->out.shape.dim;
    struct gtcnn_pooling *args = &call->args.pooling;
    *args = (struct gtcnn_pooling){.n = in[0],
                                   .h = in[2],
                                   .w = in[3],
                                   .channels = in[1],
                                   .oh = out[2],
                                   .ow = out[3],
                                   .max = l->node->op == GTCNN_OP_MAXPOOL,
                                   .count_padding = attr->count_include_pad};
    for (int i = 0; i < 4; i++)
        args->pad[i] = attr->pad[i];
    for (int i = 0; i < 2; i++) {
        args->kernel[i] = attr->kernel[i];
        args->stride[i] = attr->stride[i];
        args->dilation[i] = attr->dilation[i];
    }
    call->x[0] = x.at;
    call->y = l->out.at;
    return GTCNN_OK;
}

static enum gtcnn_status lower_spatial_mean(struct lowering *l)
{
    struct gtcnn_array x;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_memory, &x);
    if (!status)
        status = new_output(l, gtcnn_layout_memory);
    struct gtcnn_call *call = status ? NULL : gtcnn_plan_add_call(l->plan, GTCNN_CALL_MEAN);
    if (!call)
        return status ? status : no_memory(l);
    const int64_t *in = x.shape.dim;
    call->args.mean = (struct gtcnn_mean){.n = in[0], .pixels = in[2] * in[3], .channels = in[1], .divisor = in[2] * in[3]};
    call->x[0] = x.at;
    call->y = l->out.at;
    return GTCNN_OK;
}

/* Sorts the dimensions of x into those that stay and those that the kernel goes along (`along`); y has x's rank here. */
static enum gtcnn_status add_along(struct lowering *l, enum gtcnn_call_kind kind, const struct gtcnn_array *x,
                                   const int64_t *y_stride, const bool *along)
{
    struct gtcnn_call *call = gtcnn_plan_add_call(l->plan, kind);
    if (!call)
        return no_memory(l);
    struct gtcnn_along *args = &call->args.along;
    for (uint32_t d = 0; d < x->shape.rank; d++) {
        uint32_t at = along[d] ? args->over_rank++ : args->rank++;
        (along[d] ? args->over : args->dim)[at] = x->shape.dim[d];
        (along[d] ? args->over_x : args->x_stride)[at] = x->stride[d];
        (along[d] ? args->over_y : args->y_stride)[at] = y_stride[d];
    }
    call->x[0] = x->at;
    call->y = l->out.at;
    return GTCNN_OK;
}

static enum gtcnn_status lower_reduce_mean(struct lowering *l)
{
    const struct gtcnn_attr *attr = &l->node->attr;
    const struct gtcnn_array *x = input(l, 0);
    bool along[GTCNN_MAX_RANK] = {0};
    for (uint32_t d = 0; d < x->shape.rank; d++)
        along[d] = attr->axis_count == 0;
    for (uint32_t i = 0; i < attr->axis_count; i++)
        along[attr->axes[i]] = true;
    if (x->shape.rank == 4 && !along[0] && !along[1] && along[2] && along[3])
        return lower_spatial_mean(l);
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    if (status)
        return status;
    int64_t y_stride[GTCNN_MAX_RANK] = {0};
    for (uint32_t d = 0, kept = 0; d < x->shape.rank; d++) {
        if (!along[d])
            y_stride[d] = l->out.stride[kept];
        kept += !along[d] || attr->keepdims;
    }
    return add_along(l, GTCNN_CALL_REDUCE_MEAN, x, y_stride, along);
}

static enum gtcnn_status lower_softmax(struct lowering *l)
{
    const struct gtcnn_array *x = input(l, 0);
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    bool along[GTCNN_MAX_RANK] = {0};
    for (uint32_t d = 0; d < x->shape.rank; d++)
        along[d] = l->node->attr.softmax_flat ? (int)d >= l->node->attr.axis : (int)d == l->node->attr.axis;
    return status ? status : add_along(l, GTCNN_CALL_SOFTMAX, x, l->out.stride, along);
}

/* --- shapes */

/* The elements in the file's order under another shape: the same ones where they stand in that order, else a copy. */
static enum gtcnn_status lower_reshape(struct lowering *l)
{
    struct gtcnn_array x;
    enum gtcnn_status status = stage(l, 0, gtcnn_layout_row_major, &x);
    l->out = (struct gtcnn_array){.at = x.at, .shape = *output_shape(l)};
    gtcnn_layout_row_major(&l->out.shape, l->out.stride);
    return status;
}

static enum gtcnn_status lower_transpose(struct lowering *l)
{
    const struct gtcnn_array *x = input(l, 0);
    l->out = (struct gtcnn_array){.at = x->at, .shape = *output_shape(l)};
    for (uint32_t d = 0; d < x->shape.rank; d++)
        l->out.stride[d] = x->stride[l->node->attr.perm[d]];
    return GTCNN_OK;
}

/* A window into an array: `shape` from `start` on. */
static struct gtcnn_array window_of(const struct gtcnn_array *array, const struct gtcnn_shape *shape, const int64_t *start)
{
    struct gtcnn_array window = *array;
    window.shape = *shape;
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (window.at.constant)
            window.at.constant += start[d] * array->stride[d];
        else
            window.at.offset += start[d] * array->stride[d];
    }
    return window;
}

static enum gtcnn_status lower_pad(struct lowering *l)
{
    const struct gtcnn_array *x = input(l, 0);
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    struct gtcnn_call *fill = status ? NULL : add_elements(l, GTCNN_ELEMENT_FILL, &l->out);
    if (!fill)
        return status ? status : no_memory(l);
    fill->args.elements.value = l->node->attr.pad_value;
    struct gtcnn_shape inner = x->shape;
    int64_t from[GTCNN_MAX_RANK], to[GTCNN_MAX_RANK];
    for (uint32_t d = 0; d < inner.rank; d++) {
        int64_t before = l->node->attr.pads[d], after = l->node->attr.pads[inner.rank + d]; /* negative: cut off */
        from[d] = before < 0 ? -before : 0;
        to[d] = before < 0 ? 0 : before;
        inner.dim[d] -= from[d] + (after < 0 ? -after : 0);
        if (inner.dim[d] <= 0)
            return GTCNN_OK; /* nothing of the input remains */
    }
    struct gtcnn_array source = window_of(x, &inner, from), target = window_of(&l->out, &inner, to);
    return copy(l, &source, &target);
}

static enum gtcnn_status lower_concat(struct lowering *l)
{
    enum gtcnn_status status = new_output(l, gtcnn_layout_memory);
    int64_t start[GTCNN_MAX_RANK] = {0};
    for (uint32_t i = 0; i < l->node->input_count && !status; i++) {
        struct gtcnn_array target = window_of(&l->out, &input(l, i)->shape, start);
        if (gtcnn_shape_count(&target.shape) > 0)
            status = copy(l, input(l, i), &target);
        start[l->node->attr.axis] += input(l, i)->shape.dim[l->node->attr.axis];
    }
    return status;
}

static lower_fn *const rules[GTCNN_OP_COUNT] = {
    [GTCNN_OP_CONV] = lower_conv,
    [GTCNN_OP_BATCHNORM] = lower_batchnorm,
    [GTCNN_OP_RELU] = lower_unary,
    [GTCNN_OP_CLIP] = lower_unary,
    [GTCNN_OP_SIGMOID] = lower_unary,
    [GTCNN_OP_HARDSIGMOID] = lower_unary,
    [GTCNN_OP_HARDSWISH] = lower_unary,
    [GTCNN_OP_ADD] = lower_binary,
    [GTCNN_OP_MUL] = lower_binary,
    [GTCNN_OP_GLOBALAVERAGEPOOL] = lower_spatial_mean,
    [GTCNN_OP_AVERAGEPOOL] = lower_pool,
    [GTCNN_OP_MAXPOOL] = lower_pool,
    [GTCNN_OP_REDUCEMEAN] = lower_reduce_mean,
    [GTCNN_OP_GEMM] = lower_gemm,
    [GTCNN_OP_MATMUL] = lower_matmul,
    [GTCNN_OP_SOFTMAX] = lower_softmax,
    [GTCNN_OP_FLATTEN] = lower_reshape,
    [GTCNN_OP_RESHAPE] = lower_reshape,
    [GTCNN_OP_SQUEEZE] = lower_reshape,
    [GTCNN_OP_UNSQUEEZE] = lower_reshape,
    [GTCNN_OP_TRANSPOSE] = lower_transpose,
    [GTCNN_OP_PAD] = lower_pad,
    [GTCNN_OP_CONCAT] = lower_concat,
};

enum gtcnn_status gtcnn_plan_lower(struct gtcnn_plan *plan, const struct gtcnn_group *group, struct gtcnn_err *err)
{
    struct lowering l = {
        .plan = plan, .group = group, .product = &group->first, .node = &plan->graph->nodes[group->first.node], .err = err};
    if (!rules[l.node->op])
        return unsupported(&l, "cannot be executed");
    enum gtcnn_status status = rules[l.node->op](&l);
    if (!status)
        plan->arrays[group->output] = l.out;
    return status;
}
