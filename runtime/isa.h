/*
 * Which kernels this processor can execute, and which are taken: the fastest, or those that GTCNN_ISA names ("avx512", "avx2" or
 * "c", the plain reference).
 */
#ifndef GTCNN_ISA_H
#define GTCNN_ISA_H

#include "runtime/graph.h"
#include "runtime/kernels.h"

/* The tables that this processor can execute, the fastest first; NULL behind the last. */
const struct gtcnn_kernels *gtcnn_isa_at(uint32_t index);

/* GTCNN_E_ARG: GTCNN_ISA names kernels that there are none of here; the text lists those that there are. */
enum gtcnn_status gtcnn_isa_choose(const struct gtcnn_kernels **kernels, struct gtcnn_err *err);

#endif
