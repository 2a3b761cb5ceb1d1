/*
 * What the host programs share: they open a small model and run inferences, so that the plugin has units to see. Programs that
 * the plugin is preloaded into; each prints something before, between and after layers, and the scripts compare it.
 */
#ifndef GT_TESTS_HOST_COMMON_H
#define GT_TESTS_HOST_COMMON_H

#include "runtime/gtcnn.h"

#include <stdio.h>
#include <stdlib.h>

struct host_model {
    struct gtcnn_model *model;
    float *input, *output; /* owned */
};

static inline size_t host_elements(const struct gtcnn_shape *shape)
{
    size_t n = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        n *= (size_t)shape->dim[i];
    return n;
}

static inline void host_open(struct host_model *h, uint32_t batch)
{
    struct gtcnn_options options = {.struct_bytes = sizeof options, .batch = batch, .threads = 1};
    struct gtcnn_err err = {0};
    if (gtcnn_model_open("fashion/b0", &options, &h->model, &err) != GTCNN_OK) {
        fprintf(stderr, "cannot open the model: %s\n", err.text);
        exit(99);
    }
    const struct gtcnn_model_info *info = gtcnn_model_info(h->model);
    h->input = calloc(host_elements(&info->input), sizeof *h->input);
    h->output = calloc(host_elements(&info->output), sizeof *h->output);
}

static inline void host_infer(struct host_model *h, int times)
{
    const struct gtcnn_model_info *info = gtcnn_model_info(h->model);
    for (int i = 0; i < times; i++)
        if (gtcnn_infer(h->model, h->input, h->output, info->batch) != GTCNN_OK)
            exit(98);
}

static inline void host_close(struct host_model *h)
{
    gtcnn_model_close(h->model);
    free(h->input);
    free(h->output);
}

#endif
