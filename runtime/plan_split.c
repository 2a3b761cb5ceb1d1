/* How many threads a kernel call is worth. */
#include "runtime/plan.h"

/*
 * Work is counted in multiply-accumulates of the dense convolution, of which the table of kernels says how many one core does
 * in a microsecond. Handing a part to a thread that spins and hearing back takes about half a microsecond, waking one that
 * sleeps several; a part should be worth far more than that. The other figures are what kernels take in comparison, and a float
 * of weights that has to be fetched what memory takes (measured on an AMD EPYC).
 */
#define LEAST_PART_US 2.5
#define WEIGHTS_PER_US 5000.0
enum { TAP = 3 /* one of a window, by channel */, ELEMENT = 2, STRIDED = 8, EXPONENTIAL = 24 };

static double product(const int64_t *dim, uint32_t rank)
{
    double n = 1;
    for (uint32_t d = 0; d < rank; d++)
        n *= (double)dim[d];
    return n;
}

static double work_of_activation(const struct gtcnn_activation *activation)
{
    return activation->act == GTCNN_ACT_SIGMOID || activation->act == GTCNN_ACT_SILU ? EXPONENTIAL : 1;
}

static double work_of_conv(const struct gtcnn_conv *a, double mac)
{
    double outputs = (double)a->n * (double)a->oh * (double)a->ow * (double)a->out * (double)a->groups;
    return outputs * (product(a->kernel, 2) * (double)a->in * mac + work_of_activation(&a->activation));
}

static double work_of(const struct gtcnn_call *call)
{
    const struct gtcnn_pooling *pooling = &call->args.pooling;
    const struct gtcnn_mean *mean = &call->args.mean;
    const struct gtcnn_elements *elements = &call->args.elements;
    const struct gtcnn_along *along = &call->args.along;
    switch (call->kind) {
    case GTCNN_CALL_CONV:
        return work_of_conv(&call->args.conv, 1);
    case GTCNN_CALL_DEPTHWISE:
        return work_of_conv(&call->args.conv, TAP);
    case GTCNN_CALL_EXPAND:
        return work_of_conv(&call->args.expand.expand, 1) + work_of_conv(&call->args.expand.depthwise, TAP);
    case GTCNN_CALL_GATE:
        return (double)call->args.gate.n * (double)call->args.gate.panels * (double)call->args.gate.k * GTCNN_PANEL_MOST;
    case GTCNN_CALL_SCALE:
        return (double)call->args.scale.n * (double)call->args.scale.pixels * (double)call->args.scale.channels * ELEMENT;
    case GTCNN_CALL_POOLING:
        return (double)pooling->n * (double)pooling->oh * (double)pooling->ow * (double)pooling->channels *
               product(pooling->kernel, 2) * TAP;
    case GTCNN_CALL_MEAN:
        return (double)mean->n * (double)mean->pixels * (double)mean->channels * ELEMENT;
    case GTCNN_CALL_ELEMENTS:
        return product(elements->dim, elements->rank) * (ELEMENT + work_of_activation(&elements->activation));
    case GTCNN_CALL_REDUCE_MEAN:
        return product(along->dim, along->rank) * product(along->over, along->over_rank) * STRIDED;
    case GTCNN_CALL_SOFTMAX:
        return product(along->dim, along->rank) * product(along->over, along->over_rank) * (3 * STRIDED + EXPONENTIAL);
    }
    return 0;
}

/* Floats of weights of a product; a matrix by few vectors waits for them. */
static double weights_of(const struct gtcnn_call *call)
{
    const struct gtcnn_conv *a = &call->args.conv;
    return call->kind == GTCNN_CALL_CONV ? (double)a->in * (double)a->out * (double)a->groups * product(a->kernel, 2) : 0;
}

uint32_t gtcnn_plan_split(const struct gtcnn_kernels *kernels, const struct gtcnn_call *call)
{
    double us = work_of(call) / kernels->macs_per_us, fetch_us = weights_of(call) / WEIGHTS_PER_US;
    double parts = (us > fetch_us ? us : fetch_us) / LEAST_PART_US;
    return parts < 1 ? 1 : parts > GTCNN_POOL_MAX ? GTCNN_POOL_MAX : (uint32_t)parts;
}
