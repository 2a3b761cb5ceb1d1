/* Opening, keeping, exporting and closing models. */
#include "runtime/model.h"

#include "runtime/escape.h"
#include "runtime/families.h"
#include "runtime/isa.h"
#include "runtime/shipped.h"
#include "runtime/store.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Ids are unique within the process and never reused: the one counter of the library. */
static uint64_t next_uid(void)
{
    static atomic_uint_fast64_t last;
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

/* A file when it names one, or says so by its ending or a folder that no family has; else the name of a built-in model. */
static bool names_a_file(const char *name)
{
    size_t n = strlen(name);
    struct stat st;
    return (n > 5 && strcmp(name + n - 5, ".onnx") == 0) || (!gtcnn_family_find(name) && stat(name, &st) == 0);
}

/* With the weights that it was trained to where such a file is shipped, else with seeded ones. */
static enum gtcnn_status load_builtin(struct gtcnn_model *model, const char *name, struct gtcnn_err *err)
{
    for (const struct gtcnn_shipped *s = GTCNN_SHIPPED; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return gtcnn_onnx_read_memory(s->bytes, s->n, name, &model->graph, err);
    enum gtcnn_status status = gtcnn_family_build(name, &model->graph, err);
    return status ? status : gtcnn_onnx_digest(model->graph, model->graph->digest, err);
}

static enum gtcnn_status load_graph(struct gtcnn_model *model, const char *name, struct gtcnn_err *err)
{
    if (!names_a_file(name))
        return load_builtin(model, name, err);
    model->path = strdup(name);
    if (!model->path)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    return gtcnn_onnx_open(name, &model->graph, err);
}

/* Of what the weights have been read from: taken while they were packed. The first time it becomes the model's. */
static enum gtcnn_status check_digest(struct gtcnn_model *model, struct gtcnn_err *err)
{
    uint8_t digest[GTCNN_DIGEST_BYTES];
    if (!model->graph->store)
        return GTCNN_OK;
    enum gtcnn_status status = gtcnn_store_end_digest(model->graph->store, digest, err);
    if (!status && model->plan && memcmp(digest, model->info.digest, sizeof digest) != 0)
        return gtcnn_err_set(err, GTCNN_E_IO, "%s: has changed since the model was opened; open it again",
                             model->graph->store->label);
    if (!status)
        memcpy(model->info.digest, digest, sizeof digest);
    return status;
}

static enum gtcnn_status make_plan(struct gtcnn_model *model, struct gtcnn_err *err)
{
    struct gtcnn_plan *plan = NULL;
    struct gtcnn_plan_options options = {
        .kernels = model->kernels, .threads = model->info.threads, .by_layer = model->by_layer};
    enum gtcnn_status status = gtcnn_plan_new(model->graph, model->keep, &options, &plan, err);
    if (!status)
        status = check_digest(model, err);
    if (!status)
        status = gtcnn_model_take_plan(model, plan, err);
    if (status)
        gtcnn_plan_free(plan);
    return status;
}

static enum gtcnn_status start_pool(struct gtcnn_model *model, uint32_t threads, struct gtcnn_err *err)
{
    if (threads == 0)
        threads = 1;
    if (threads > GTCNN_POOL_MAX)
        return gtcnn_err_set(err, GTCNN_E_ARG, "%u threads: at most %d are supported", threads, GTCNN_POOL_MAX);
    model->info.threads = threads;
    model->pool = gtcnn_pool_new(threads);
    return model->pool ? GTCNN_OK : gtcnn_err_set(err, GTCNN_E_NOMEM, "cannot start %u threads: %s", threads, strerror(errno));
}

void gtcnn_options_take(struct gtcnn_options *chosen, const struct gtcnn_options *options)
{
    *chosen = (struct gtcnn_options){.struct_bytes = sizeof *chosen};
    if (options)
        memcpy(chosen, options, options->struct_bytes < sizeof *chosen ? options->struct_bytes : sizeof *chosen);
}

enum gtcnn_status gtcnn_model_open(const char *name_or_path, const struct gtcnn_options *options, struct gtcnn_model **out,
                                   struct gtcnn_err *err)
{
    struct gtcnn_options chosen;
    if (!name_or_path || !*name_or_path || !out)
        return gtcnn_err_set(err, GTCNN_E_ARG, "no model was named");
    gtcnn_options_take(&chosen, options);
    if (chosen.flags & ~(uint32_t)(GTCNN_BY_LAYER | GTCNN_BF16))
        return gtcnn_err_set(err, GTCNN_E_ARG, "flags 0x%x: the library knows GTCNN_BY_LAYER and GTCNN_BF16", chosen.flags);
    struct gtcnn_model *model = calloc(1, sizeof *model);
    if (!model)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    model->by_layer = chosen.flags & GTCNN_BY_LAYER;
    model->info =
        (struct gtcnn_model_info){.struct_bytes = sizeof model->info, .api_version = GTCNN_API_VERSION, .uid = next_uid()};
    enum gtcnn_status status = gtcnn_isa_choose(chosen.flags & GTCNN_BF16 ? "bf16" : "fp32", &model->kernels, err);
    if (!status)
        status = load_graph(model, name_or_path, err);
    if (!status) {
        memcpy(model->info.digest, model->graph->digest, sizeof model->info.digest);
        status = gtcnn_graph_infer_shapes(model->graph, chosen.batch, err);
    }
    if (!status && !(model->keep = calloc(model->graph->tensor_count + 1, sizeof *model->keep)))
        status = gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    if (!status)
        status = start_pool(model, chosen.threads, err);
    if (!status)
        status = make_plan(model, err);
    if (status)
        gtcnn_model_close(model);
    else
        *out = model;
    return status;
}

void gtcnn_model_close(struct gtcnn_model *model)
{
    if (!model)
        return;
    gtcnn_pool_free(model->pool);
    gtcnn_plan_free(model->plan);
    gtcnn_graph_free(model->graph);
    free(model->layers);
    free(model->units);
    free(model->unit_bytes);
    free(model->members);
    free(model->keep);
    free(model->path);
    free(model->build);
    free(model);
}

const struct gtcnn_model_info *gtcnn_model_info(const struct gtcnn_model *model)
{
    return &model->info;
}

enum gtcnn_status gtcnn_model_export(const struct gtcnn_model *model, const char *path, struct gtcnn_err *err)
{
    if (model->path)
        return gtcnn_err_set(err, GTCNN_E_ARG, "the model was read from a file; copy that file instead");
    return gtcnn_onnx_write(model->graph, path, err);
}

/* The tensor of that name, or the output of the node of that name; -1. */
static int find_tensor(const struct gtcnn_model *model, const char *name)
{
    for (uint32_t n = 0; n < model->graph->node_count; n++)
        if (strcmp(model->graph->nodes[n].name, name) == 0)
            return model->graph->nodes[n].output;
    return gtcnn_graph_find_tensor(model->graph, name);
}

static enum gtcnn_status no_tensor(const struct gtcnn_model *model, const char *name, struct gtcnn_err *err)
{
    char safe[100], of[100];
    return gtcnn_err_set(err, GTCNN_E_NOENT, "model '%s' has no node or tensor '%s'; `gtcnn info` lists its layers",
                         gtcnn_escape(of, sizeof of, model->info.name, SIZE_MAX),
                         gtcnn_escape(safe, sizeof safe, name, SIZE_MAX));
}

enum gtcnn_status gtcnn_model_keep(struct gtcnn_model *model, const char *name, struct gtcnn_err *err)
{
    if (model->used)
        return gtcnn_err_set(err, GTCNN_E_ARG, "tensors must be named before the first inference");
    int tensor = find_tensor(model, name);
    if (tensor < 0)
        return no_tensor(model, name, err);
    if (model->keep[tensor])
        return GTCNN_OK;
    model->keep[tensor] = true;
    enum gtcnn_status status = model->graph->store ? gtcnn_store_begin_digest(model->graph->store, err) : GTCNN_OK;
    if (!status)
        status = make_plan(model, err);
    if (status) {
        model->keep[tensor] = false;
        if (model->graph->store)
            gtcnn_store_drop_digest(model->graph->store);
    }
    return status;
}

enum gtcnn_status gtcnn_model_tensor(const struct gtcnn_model *model, const char *name, float **data, struct gtcnn_shape *shape,
                                     struct gtcnn_err *err)
{
    int tensor = find_tensor(model, name);
    if (tensor < 0)
        return no_tensor(model, name, err);
    if (!model->keep[tensor] || !model->used) {
        char safe[100];
        return gtcnn_err_set(err, GTCNN_E_NOENT, "tensor '%s' was not kept", gtcnn_escape(safe, sizeof safe, name, SIZE_MAX));
    }
    const struct gtcnn_array *array = &model->plan->arrays[model->plan->fusion.alias[tensor]];
    const float *from = gtcnn_plan_data(model->plan, &array->at);
    int64_t stride[GTCNN_MAX_RANK], n = gtcnn_shape_count(&array->shape);
    float *copy = malloc((size_t)(n > 0 ? n : 1) * sizeof *copy);
    if (!copy)
        return gtcnn_err_set(err, GTCNN_E_NOMEM, "out of memory");
    gtcnn_layout_row_major(&array->shape, stride);
    if (from)
        gtcnn_layout_copy(&array->shape, copy, stride, from, array->stride);
    else { /* weights that stay in the file */
        enum gtcnn_status status =
            gtcnn_store_load(model->graph->store, &model->graph->tensors[model->plan->fusion.alias[tensor]], copy, err);
        if (status) {
            free(copy);
            return status;
        }
    }
    *data = copy;
    *shape = array->shape;
    return GTCNN_OK;
}
