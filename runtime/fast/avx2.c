/* Kernels for AVX2 and FMA, as in Haswell and Zen and their successors. */
#if defined(__x86_64__)
#include "runtime/fast/vec_avx2.h"

#define NAME "fp32 AVX2"
#define MACS_PER_US 45000
#define DATATYPE "f32"
#define ISA "avx2"
#define TABLE gtcnn_kernels_avx2
#include "runtime/fast/table.h"
#else
typedef int gtcnn_no_avx2; /* ISO C wants a declaration */
#endif
