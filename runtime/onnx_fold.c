#include "runtime/onnx_reader.h"

#include <stdlib.h>
#include <string.h>

bool gtcnn_onnx_folds(enum gtcnn_op op)
{
    return op == GTCNN_OP_TRANSPOSE || op == GTCNN_OP_RESHAPE || op == GTCNN_OP_FLATTEN || op == GTCNN_OP_SQUEEZE ||
           op == GTCNN_OP_UNSQUEEZE;
}

/* Elements of `from`, its axes in the order of perm, into `out`. */
static void permute(char *out, const struct gtcnn_tensor *from, const struct gtcnn_shape *to, const int *perm, size_t width)
{
    size_t stride[GTCNN_MAX_RANK] = {0}, step = width;
    int64_t at[GTCNN_MAX_RANK] = {0};
    for (uint32_t i = from->shape.rank; i-- > 0; step *= (size_t)from->shape.dim[i])
        stride[i] = step;
    const char *in = from->data;
    for (int64_t left = gtcnn_shape_count(to); left > 0; left--, out += width) {
        memcpy(out, in, width);
        for (uint32_t i = to->rank; i-- > 0;) {
            in += stride[perm[i]];
            if (++at[i] < to->dim[i])
                break;
            in -= stride[perm[i]] * (size_t)to->dim[i];
            at[i] = 0;
        }
    }
}

/* A file may ask for one constant to be turned round many times over: all together may take four times what it holds. */
static enum gtcnn_status charge(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, size_t size)
{
    reader->folded_bytes += size;
    if (reader->folded_bytes / 4 <= reader->from.size + reader->external_room)
        return GTCNN_OK;
    return gtcnn_onnx_fail(reader, node, GTCNN_E_LIMIT,
                           "constants computed from others take more than four times the model's size");
}

enum gtcnn_status gtcnn_onnx_fold(struct gtcnn_onnx_reader *reader, const Onnx__NodeProto *node, enum gtcnn_op op,
                                  const struct gtcnn_attr *attr, int input)
{
    struct gtcnn_graph *graph = reader->graph;
    int output;
    enum gtcnn_status status = gtcnn_onnx_define(reader, node, node->output[0], graph->tensors[input].dtype, &output);
    if (status)
        return status;
    struct gtcnn_node step = {
        .op = op, .name = graph->tensors[output].name, .attr = *attr, .input_count = 1, .inputs = &input, .output = output};
    status = gtcnn_node_infer_shape(graph, &step, reader->err);
    if (status)
        return status;
    status = gtcnn_onnx_bring(reader, node, &graph->tensors[input]);
    if (status)
        return status;
    const struct gtcnn_tensor *from = &graph->tensors[input];
    struct gtcnn_tensor *to = &graph->tensors[output];
    size_t width = from->dtype == GTCNN_F32 ? 4 : 8, size = (size_t)gtcnn_shape_count(&to->shape) * width;
    status = charge(reader, node, size);
    if (status)
        return status;
    to->data = malloc(size);
    if (!to->data)
        return gtcnn_onnx_fail(reader, node, GTCNN_E_NOMEM, "out of memory");
    if (op == GTCNN_OP_TRANSPOSE)
        permute(to->data, from, &to->shape, step.attr.perm, width);
    else
        memcpy(to->data, from->data, size);
    return GTCNN_OK;
}
