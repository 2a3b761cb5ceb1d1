#include "runtime/train/dnn.h"

#include "runtime/graph.h"

#include <stdlib.h>
#include <string.h>

/*
 * Of the OpenMP runtime that Debian's oneDNN is built with (GNU's; OpenMP API Specification 5.2, section 18.2.1). Declared here
 * because clang has no omp.h without a runtime of its own, which would be a second one in the process.
 */
void omp_set_num_threads(int threads);

void gtcnn_dnn_use_threads(uint32_t threads)
{
    omp_set_num_threads((int)threads);
}

static const char *reason(dnnl_status_t status)
{
    static const struct {
        dnnl_status_t status;
        const char *text;
    } REASONS[] = {
        {dnnl_out_of_memory, "out of memory"},
        {dnnl_invalid_arguments, "invalid arguments"},
        {dnnl_unimplemented, "not implemented for this shape or processor"},
        {dnnl_runtime_error, "failed while running"},
    };
    for (size_t i = 0; i < sizeof REASONS / sizeof *REASONS; i++)
        if (REASONS[i].status == status)
            return REASONS[i].text;
    return "unknown reason";
}

enum gtcnn_status gtcnn_dnn_check(dnnl_status_t status, const char *what, struct gtcnn_err *err)
{
    if (status == dnnl_success)
        return GTCNN_OK;
    return gtcnn_err_set(err, status == dnnl_out_of_memory ? GTCNN_E_NOMEM : GTCNN_E_UNSUPPORTED, "oneDNN, %s: %s (status %d)",
                         what, reason(status), (int)status);
}

enum gtcnn_status gtcnn_dnn_open(struct gtcnn_dnn *dnn, struct gtcnn_err *err)
{
    *dnn = (struct gtcnn_dnn){0};
    enum gtcnn_status status = gtcnn_dnn_check(dnnl_engine_create(&dnn->engine, dnnl_cpu, 0), "engine", err);
    if (!status)
        status = gtcnn_dnn_check(dnnl_stream_create(&dnn->stream, dnn->engine, dnnl_stream_default_flags), "stream", err);
    if (status)
        gtcnn_dnn_close(dnn);
    return status;
}

void gtcnn_dnn_close(struct gtcnn_dnn *dnn)
{
    if (dnn->stream)
        dnnl_stream_destroy(dnn->stream);
    if (dnn->engine)
        dnnl_engine_destroy(dnn->engine);
    *dnn = (struct gtcnn_dnn){0};
}

dnnl_memory_desc_t gtcnn_dnn_activation(const struct gtcnn_shape *shape)
{
    dnnl_memory_desc_t desc = {0};
    dnnl_format_tag_t tag = shape->rank == 4 ? dnnl_nhwc : shape->rank == 2 ? dnnl_ab : dnnl_a;
    dnnl_dims_t dims = {0};
    for (uint32_t i = 0; i < shape->rank; i++)
        dims[i] = shape->dim[i];
    dnnl_memory_desc_init_by_tag(&desc, (int)shape->rank, dims, dnnl_f32, tag);
    return desc;
}

dnnl_memory_desc_t gtcnn_dnn_any(const dnnl_memory_desc_t *desc)
{
    dnnl_memory_desc_t any = {0};
    dnnl_memory_desc_init_by_tag(&any, desc->ndims, desc->dims, desc->data_type, dnnl_format_tag_any);
    return any;
}

enum gtcnn_status gtcnn_dnn_memory(const struct gtcnn_dnn *dnn, const dnnl_memory_desc_t *desc, dnnl_memory_t *memory,
                                   struct gtcnn_err *err)
{
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_memory_create(memory, desc, dnn->engine, DNNL_MEMORY_ALLOCATE), "memory", err);
    if (!status)
        memset(gtcnn_dnn_data(*memory), 0, dnnl_memory_desc_get_size(desc));
    return status;
}

enum gtcnn_status gtcnn_dnn_view(const struct gtcnn_dnn *dnn, const dnnl_memory_desc_t *desc, float *data,
                                 dnnl_memory_t *memory, struct gtcnn_err *err)
{
    return gtcnn_dnn_check(dnnl_memory_create(memory, desc, dnn->engine, data), "memory", err);
}

float *gtcnn_dnn_data(dnnl_memory_t memory)
{
    void *data = NULL;
    dnnl_memory_get_data_handle(memory, &data);
    return data;
}

enum gtcnn_status gtcnn_dnn_describe(const struct gtcnn_dnn *dnn, const char *what, const void *op,
                                     const_dnnl_primitive_desc_t hint, dnnl_primitive_desc_t *desc, struct gtcnn_err *err)
{
    return gtcnn_dnn_check(dnnl_primitive_desc_create(desc, op, NULL, dnn->engine, hint), what, err);
}

static enum gtcnn_status append(struct gtcnn_program *p, const struct gtcnn_call *call, struct gtcnn_err *err)
{
    if (p->count == p->capacity) {
        uint32_t capacity = p->capacity ? 2 * p->capacity : 64;
        struct gtcnn_call *calls = realloc(p->calls, capacity * sizeof *calls);
        if (!calls)
            return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
        p->calls = calls;
        p->capacity = capacity;
    }
    p->calls[p->count++] = *call;
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_program_add(struct gtcnn_program *p, const char *what, const_dnnl_primitive_desc_t desc,
                                    const dnnl_exec_arg_t *args, int count, struct gtcnn_err *err)
{
    struct gtcnn_call call = {.what = what, .count = count};
    memcpy(call.args, args, (size_t)count * sizeof *args);
    enum gtcnn_status status = gtcnn_dnn_check(dnnl_primitive_create(&call.primitive, desc), what, err);
    if (!status)
        status = append(p, &call, err);
    if (status && call.primitive)
        dnnl_primitive_destroy(call.primitive);
    return status;
}

enum gtcnn_status gtcnn_program_add_function(struct gtcnn_program *p, const char *what, void (*function)(void *), void *context,
                                             struct gtcnn_err *err)
{
    return append(p, &(struct gtcnn_call){.what = what, .function = function, .context = context}, err);
}

static const dnnl_memory_desc_t *description(dnnl_memory_t memory)
{
    const dnnl_memory_desc_t *desc = NULL;
    dnnl_memory_get_memory_desc(memory, &desc);
    return desc;
}

enum gtcnn_status gtcnn_program_add_reorder(const struct gtcnn_dnn *dnn, struct gtcnn_program *p, dnnl_memory_t from,
                                            dnnl_memory_t to, struct gtcnn_err *err)
{
    dnnl_primitive_desc_t desc = NULL;
    enum gtcnn_status status = gtcnn_dnn_check(
        dnnl_reorder_primitive_desc_create(&desc, description(from), dnn->engine, description(to), dnn->engine, NULL),
        "reorder", err);
    if (!status)
        status = gtcnn_program_add(p, "reorder", desc, (dnnl_exec_arg_t[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, 2, err);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    return status;
}

enum gtcnn_status gtcnn_program_add_binary(const struct gtcnn_dnn *dnn, struct gtcnn_program *p, dnnl_alg_kind_t op,
                                           dnnl_memory_t a, dnnl_memory_t b, dnnl_memory_t to, struct gtcnn_err *err)
{
    dnnl_binary_desc_t binary;
    dnnl_primitive_desc_t desc = NULL;
    enum gtcnn_status status =
        gtcnn_dnn_check(dnnl_binary_desc_init(&binary, op, description(a), description(b), description(to)), "binary", err);
    if (!status)
        status = gtcnn_dnn_describe(dnn, "binary", &binary, NULL, &desc, err);
    if (!status)
        status = gtcnn_program_add(p, "binary", desc,
                                   (dnnl_exec_arg_t[]){{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}, {DNNL_ARG_DST, to}}, 3, err);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    return status;
}

enum gtcnn_status gtcnn_program_run(const struct gtcnn_dnn *dnn, const struct gtcnn_program *p, struct gtcnn_err *err)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct gtcnn_call *call = &p->calls[i];
        if (!call->primitive) {
            call->function(call->context);
            continue;
        }
        dnnl_status_t status = dnnl_primitive_execute(call->primitive, dnn->stream, call->count, call->args);
        if (status != dnnl_success)
            return gtcnn_dnn_check(status, call->what, err);
    }
    return gtcnn_dnn_check(dnnl_stream_wait(dnn->stream), "stream", err);
}

void gtcnn_program_free(struct gtcnn_program *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->calls[i].primitive)
            dnnl_primitive_destroy(p->calls[i].primitive);
    free(p->calls);
    *p = (struct gtcnn_program){0};
}
