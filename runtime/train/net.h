/*
 * A network to train: a graph (graph.h) turned into oneDNN programs that run it forwards and backwards. Internal to the
 * trainer.
 *
 * Supported are the operators that the built-in families are made of: Conv (any stride, padding, groups; with or without bias),
 * BatchNormalization, SiLU (Sigmoid and Mul), Sigmoid, Mul by a gate for each channel, Add, GlobalAveragePool, Flatten behind
 * it, Gemm with constant weights. Any other is GTCNN_E_UNSUPPORTED, naming the node.
 *
 * Life cycle: gtcnn_net_new -> { fill the input, gtcnn_net_forward, fill the output's gradient, gtcnn_net_backward, change the
 * parameters } ... -> gtcnn_net_store -> gtcnn_net_free. Belongs to one thread at a time. Results are the same bit for bit for
 * a given number of OpenMP threads on a given processor.
 */
#ifndef GTCNN_TRAIN_NET_H
#define GTCNN_TRAIN_NET_H

#include "runtime/graph.h"
#include "runtime/train/dnn.h"

/* Weight of a batch in the running statistics that inference normalises with (TensorFlow's momentum of 0.9). */
#define GTCNN_NORM_UPDATE 0.1f

/* Something that training changes. */
struct gtcnn_net_param {
    int tensor;          /* of the graph */
    float *value, *grad; /* borrowed from the network; `n` values in the file's order */
    size_t n;
    bool decays; /* weights do; biases, gains and offsets do not */
};

/* One normalisation: what a batch had, and the running statistics. */
struct gtcnn_net_norm {
    int mean, variance; /* tensors of the graph: the running statistics */
    dnnl_memory_t batch_mean, batch_variance;
    float *running_mean, *running_variance; /* borrowed */
    size_t channels;
    double samples; /* that a channel's statistics of one batch rest on */
};

struct gtcnn_net_tensor {
    dnnl_memory_t value, grad; /* NULL: the tensor has none */
    int root;                  /* whose storage it shares; itself, mostly */
    bool wants_grad, written;  /* built into the backward program: the gradient has got its first contribution */
};

struct gtcnn_net {
    struct gtcnn_dnn dnn;
    struct gtcnn_graph *graph; /* borrowed; its shapes are bound to `batch` */
    uint32_t batch;
    struct gtcnn_net_tensor *tensors;    /* per tensor of the graph */
    int *producer;                       /* per tensor: the node that computes it, or -1 */
    uint32_t *consumers;                 /* per tensor: how many inputs it is */
    dnnl_primitive_desc_t *forward_desc; /* per node; NULL where it has none */
    struct gtcnn_net_param *params;
    uint32_t param_count;
    struct gtcnn_net_norm *norms;
    uint32_t norm_count;
    dnnl_memory_t *owned; /* every memory of the network */
    uint32_t owned_count, owned_capacity;
    struct gtcnn_program train, eval, back;
};

/*
 * Binds the graph's batch, takes over the values of its initialisers, and makes the programs. The graph stays the caller's and
 * must outlive the network. *net is owned by the caller.
 */
enum gtcnn_status gtcnn_net_new(struct gtcnn_graph *graph, uint32_t batch, struct gtcnn_net **net, struct gtcnn_err *err);
void gtcnn_net_free(struct gtcnn_net *net);

/* batch x H x W x C values. */
float *gtcnn_net_input(const struct gtcnn_net *net);
/* batch x classes values, and their gradient. */
const float *gtcnn_net_output(const struct gtcnn_net *net);
float *gtcnn_net_output_grad(const struct gtcnn_net *net);

/* `training`: normalises by the batch's own statistics and gathers the running ones; else uses those. */
enum gtcnn_status gtcnn_net_forward(struct gtcnn_net *net, bool training, struct gtcnn_err *err);
/* After a forward in training: the gradient of every parameter (not of the input). */
enum gtcnn_status gtcnn_net_backward(struct gtcnn_net *net, struct gtcnn_err *err);

/* Writes parameters and running statistics back into the graph's initialisers. */
void gtcnn_net_store(const struct gtcnn_net *net);

#endif
