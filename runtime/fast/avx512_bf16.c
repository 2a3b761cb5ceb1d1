/* Kernels for AVX-512 with BF16 (F, DQ, BW, VL, BF16), as in Cooper Lake and Zen 4 and their successors. */
#if defined(__x86_64__)
#define NARROW
#include "runtime/fast/vec_avx512.h"

#define NAME "bf16 AVX-512"
#define MACS_PER_US 90000
#define DATATYPE "bf16"
#define ISA "avx512"
#define TABLE gtcnn_kernels_avx512_bf16
#include "runtime/fast/table.h"
#else
typedef int gtcnn_no_avx512_bf16; /* ISO C wants a declaration */
#endif
