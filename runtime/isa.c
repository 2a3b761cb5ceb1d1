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
};

enum { TABLES = sizeof tables / sizeof *tables };

const struct gtcnn_kernels *gtcnn_isa_at(uint32_t index)
{
    for (uint32_t i = 0; i < TABLES; i++)
        if (tables[i].supported() && index-- == 0)
            return tables[i].kernels;
    return NULL;
}

enum gtcnn_status gtcnn_isa_choose(const struct gtcnn_kernels **kernels, struct gtcnn_err *err)
{
    const char *name = getenv("GTCNN_ISA");
    char safe[32], list[64] = "";
    *kernels = gtcnn_isa_at(0);
    if (!name || !*name)
        return GTCNN_OK;
    for (uint32_t i = 0; (*kernels = gtcnn_isa_at(i)); i++) {
        if (strcmp((*kernels)->isa, name) == 0)
            return GTCNN_OK;
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", i ? ", " : "", (*kernels)->isa);
    }
    return gtcnn_err_set(err, GTCNN_E_ARG, "GTCNN_ISA: this processor has no kernels '%s'; it has %s",
                         gtcnn_escape(safe, sizeof safe, name, SIZE_MAX), list);
}
