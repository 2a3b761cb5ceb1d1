/* Kernels for AVX-512 (F, DQ), as in Skylake-X and Zen 4 and their successors. */
#if defined(__x86_64__)
#include "runtime/fast/vec_avx512.h"

#define NAME "fp32 AVX-512"
#define MACS_PER_US 50000
#define DATATYPE "f32"
#define ISA "avx512"
#define TABLE gtcnn_kernels_avx512
#include "runtime/fast/table.h"
#else
typedef int gtcnn_no_avx512; /* ISO C wants a declaration */
#endif
