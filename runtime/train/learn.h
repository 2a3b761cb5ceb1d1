/*
 * The loss and the step: what turns outputs into gradients, and gradients into new weights. Internal to the trainer. Pure but
 * for what they write; any thread.
 */
#ifndef GTCNN_TRAIN_LEARN_H
#define GTCNN_TRAIN_LEARN_H

#include "runtime/train/net.h"

struct gtcnn_loss {
    double sum;       /* of the items' losses, natural logarithm */
    uint64_t correct; /* items whose label has the highest output */
};

/*
 * Cross-entropy of softmax over `n` rows of `classes` outputs against labels smoothed by `smoothing` (Szegedy et al. 2016:
 * 1 - s + s / classes for the label, s / classes elsewhere). Writes the gradient of the *mean* loss to `grad` (NULL: none).
 */
struct gtcnn_loss gtcnn_loss_softmax(const float *outputs, const uint8_t *labels, uint32_t n, uint32_t classes,
                                     double smoothing, float *grad);

/*
 * SGD with Nesterov's momentum, as Sutskever et al. 2013 reformulated it and PyTorch does it: g += decay * w (weights alone),
 * v = momentum * v + g, w -= rate * (g + momentum * v). `velocity`: values of all parameters, one after the other.
 */
void gtcnn_sgd_step(const struct gtcnn_net *net, float *velocity, double rate, double momentum, double decay);

/*
 * Fresh parameters for a seed, written into the graph's initialisers: convolutions and the classifier get uniform values of
 * variance 2 / fan-out and 1 / fan-in (EfficientNet's official initialisers), gains 1, everything else 0, running variances 1.
 */
void gtcnn_parameters_reset(struct gtcnn_graph *graph, const char *model, uint64_t seed);

#endif
