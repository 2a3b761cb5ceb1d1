/*
 * Which kernels this processor can execute, and which are taken: the fastest, or those that GTCNN_ISA names ("avx512", "avx2"
 * or "c", the plain reference).
 */
#ifndef GTCNN_ISA_H
#define GTCNN_ISA_H

#include "runtime/graph.h"
#include "runtime/kernels.h"

/* The tables that this processor can execute, of any precision, the fastest of each first; NULL behind the last. */
const struct gtcnn_kernels *gtcnn_isa_at(uint32_t index);

/*
 * The kernels of a precision, "fp32" or "bf16". GTCNN_E_ARG: this processor has none of it, or none of it that GTCNN_ISA names;
 * the text lists those that there are.
 */
enum gtcnn_status gtcnn_isa_choose(const char *precision, const struct gtcnn_kernels **kernels, struct gtcnn_err *err);

#endif
