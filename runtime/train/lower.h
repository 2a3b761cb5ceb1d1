/*
 * From nodes to oneDNN primitives: what the files lower_*.c share. Internal to net.c.
 *
 * Each operator has a forward and a backward half. The forward halves are called in the graph's order, the backward ones in the
 * reverse order. A tensor's gradient is the sum over its consumers: the first writes it, the others write beside it and add
 * (gtcnn_grad_begin, gtcnn_grad_end).
 */
#ifndef GTCNN_TRAIN_LOWER_H
#define GTCNN_TRAIN_LOWER_H

#include "runtime/train/net.h"

struct gtcnn_lowering {
    enum gtcnn_op op;
    enum gtcnn_status (*forward)(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
    enum gtcnn_status (*backward)(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
};

enum gtcnn_status gtcnn_conv_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_conv_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_gemm_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_gemm_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_norm_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_norm_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_sigmoid_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_sigmoid_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_mul_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_mul_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_add_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_add_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_pool_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_pool_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_flatten_forward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);
enum gtcnn_status gtcnn_flatten_backward(struct gtcnn_net *net, uint32_t node, struct gtcnn_err *err);

/* GTCNN_E_UNSUPPORTED: "node NAME (OP): what". */
enum gtcnn_status gtcnn_lower_refuse(const struct gtcnn_net *net, uint32_t node, const char *what, struct gtcnn_err *err);

/* A new zeroed memory that belongs to the network. */
enum gtcnn_status gtcnn_net_memory(struct gtcnn_net *net, const dnnl_memory_desc_t *desc, dnnl_memory_t *memory,
                                   struct gtcnn_err *err);
/* A new memory of the network's over existing storage. */
enum gtcnn_status gtcnn_net_view(struct gtcnn_net *net, const dnnl_memory_desc_t *desc, float *data, dnnl_memory_t *memory,
                                 struct gtcnn_err *err);
/* The value of an activation: made when it is asked for first. */
enum gtcnn_status gtcnn_net_value(struct gtcnn_net *net, int tensor, dnnl_memory_t *memory, struct gtcnn_err *err);
/* Makes tensor a parameter or a constant with that description: its value comes from the graph's initialiser. */
enum gtcnn_status gtcnn_net_constant(struct gtcnn_net *net, int tensor, const dnnl_memory_desc_t *desc, struct gtcnn_err *err);
enum gtcnn_status gtcnn_net_param(struct gtcnn_net *net, int tensor, const dnnl_memory_desc_t *desc, bool decays,
                                  struct gtcnn_err *err);

/* Where to write a contribution to the gradient of an activation; and, behind what writes it, the sum where one is needed. */
enum gtcnn_status gtcnn_grad_begin(struct gtcnn_net *net, int tensor, dnnl_memory_t *to, struct gtcnn_err *err);
enum gtcnn_status gtcnn_grad_end(struct gtcnn_net *net, int tensor, dnnl_memory_t to, struct gtcnn_err *err);

/* Appends the same primitive to the programs of training and evaluation. */
enum gtcnn_status gtcnn_net_add_both(struct gtcnn_net *net, const char *what, const_dnnl_primitive_desc_t desc,
                                     const dnnl_exec_arg_t *args, int count, struct gtcnn_err *err);

/* The tensor x when the node is the Mul of a SiLU, x * sigmoid(x), whose sigmoid nobody else uses; -1 otherwise. */
int gtcnn_silu_source(const struct gtcnn_net *net, uint32_t node);

const dnnl_memory_desc_t *gtcnn_memory_desc(dnnl_memory_t memory);

#endif
