#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <string.h>
#include <time.h>

struct gtcnn_options gtcnn_cli_model_options(const struct gtcnn_cli *cli)
{
    return (struct gtcnn_options){
        .struct_bytes = sizeof(struct gtcnn_options),
        .batch = (uint32_t)cli->args.batch,
        .threads = (uint32_t)cli->args.threads,
        .flags = (cli->args.no_fuse ? GTCNN_BY_LAYER : 0u) |
                 (cli->args.precision && cli->args.precision[0] == 'b' ? GTCNN_BF16 : 0u),
    };
}

enum gtcnn_status gtcnn_cli_open(const struct gtcnn_cli *cli, const char *name, struct gtcnn_model **model,
                                 struct gtcnn_err *err)
{
    struct gtcnn_options options = gtcnn_cli_model_options(cli);
    enum gtcnn_status status = gtcnn_model_open(name, &options, model, err);
    if (status || gtcnn_model_info(*model)->api_version >= GTCNN_API_VERSION)
        return status;
    gtcnn_model_close(*model);
    *model = NULL;
    return gtcnn_cli_fail(err, GTCNN_E_UNSUPPORTED, "the library libgtcnn.so.1 that was loaded is older than this command");
}

void gtcnn_cli_print_identity(FILE *f, const struct gtcnn_model_info *info)
{
    char safe[256];
    fprintf(f, "%s, weights=%s, digest ", gtcnn_escape(safe, sizeof safe, info->name, SIZE_MAX), info->weights);
    for (int i = 0; i < 6; i++)
        fprintf(f, "%02x", info->digest[i]);
}

uint64_t gtcnn_cli_count(const struct gtcnn_shape *shape)
{
    uint64_t count = 1;
    for (uint32_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] <= 0 || __builtin_mul_overflow(count, (uint64_t)shape->dim[i], &count))
            return 0;
    return count;
}

char *gtcnn_cli_shape_text(char *out, size_t size, const struct gtcnn_shape *shape)
{
    size_t used = (size_t)snprintf(out, size, "%s", shape->rank ? "" : "-");
    for (uint32_t i = 0; i < shape->rank && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%lld", i ? "x" : "", (long long)shape->dim[i]);
    return out;
}

uint64_t gtcnn_cli_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}
