#include "runtime/isa.h"

#include "runtime/escape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
}

static bool has_avx512_bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bf16");
}
#endif

static bool always(void)
{
    return true;
}

static const struct {
    const struct gtcnn_kernels *kernels;
    bool (*supported)(void);
} tables[] = {
#if defined(__x86_64__)
    {&gtcnn_kernels_avx512, has_avx512},
    {&gtcnn_kernels_avx2, has_avx2},
#endif
    {&gtcnn_kernels_ref, always},
#if defined(__x86_64__)
    {&gtcnn_kernels_avx512_bf16, has_avx512_bf16},
#endif
};

enum { TABLES = sizeof tables / sizeof *tables };

const struct gtcnn_kernels *gtcnn_isa_at(uint32_t index)
{
    for (uint32_t i = 0; i < TABLES; i++)
        if (tables[i].supported() && index-- == 0)
            return tables[i].kernels;
    return NULL;
}

static const struct gtcnn_kernels *find(const char *precision, const char *isa)
{
    const struct gtcnn_kernels *kernels;
    for (uint32_t i = 0; (kernels = gtcnn_isa_at(i)); i++)
        if (strcmp(kernels->precision, precision) == 0 && (!isa || strcmp(kernels->isa, isa) == 0))
            return kernels;
    return NULL;
}

/* "avx512, avx2, c" */
static void list_isas(const char *precision, char *list, size_t size)
{
    const struct gtcnn_kernels *kernels;
    *list = 0;
    for (uint32_t i = 0; (kernels = gtcnn_isa_at(i)); i++) {
        size_t n = strlen(list);
        if (strcmp(kernels->precision, precision) == 0)
            snprintf(list + n, size - n, "%s%s", n ? ", " : "", kernels->isa);
    }
}

enum gtcnn_status gtcnn_isa_choose(const char *precision, const struct gtcnn_kernels **kernels, struct gtcnn_err *err)
{
    const char *isa = getenv("GTCNN_ISA");
    char safe[32], list[64];
    isa = isa && *isa ? isa : NULL;
    *kernels = find(precision, isa);
    if (*kernels)
        return GTCNN_OK;
    list_isas(precision, list, sizeof list);
    if (!*list)
        return gtcnn_err_set(err, GTCNN_E_ARG, "this processor has no kernels of precision %s: use fp32",
                             gtcnn_escape(safe, sizeof safe, precision, SIZE_MAX));
    return gtcnn_err_set(err, GTCNN_E_ARG, "GTCNN_ISA: this processor has no %s kernels '%s'; it has %s", precision,
                         gtcnn_escape(safe, sizeof safe, isa, SIZE_MAX), list);
}
