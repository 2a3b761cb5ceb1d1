/*
 * What the layers of a graph cost, exactly and in integers, for one image.
 *
 * A MAC is one multiply-accumulate of a convolution or fully connected layer; bias, normalisation, activation and pooling have
 * none. Parameters are counted before batch normalisation is folded: weights, biases, two per normalised channel (Ioffe and
 * Szegedy 2015: scale and shift; the running statistics are not learned by gradient). A tensor that two layers share counts
 * once, with the first; Identity and Dropout are looked through.
 */
#ifndef GTCNN_COST_H
#define GTCNN_COST_H

#include "runtime/graph.h"

/*
 * One layer per node but Constant, in the file's order: `layers` has room for node_count. Names are borrowed from the graph;
 * `unit` is left at UINT32_MAX. *count gets their number. GTCNN_E_LIMIT: a sum overflows 64 bits; GTCNN_E_NOMEM.
 */
enum gtcnn_status gtcnn_cost_layers(const struct gtcnn_graph *graph, struct gtcnn_layer *layers, uint32_t *count,
                                    struct gtcnn_err *err);

#endif
