#include "runtime/cli/collect.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/npy.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One run, and all that it owns. */
struct run {
    struct gtcnn_cli *cli;
    struct gtcnn_model *model;
    const struct gtcnn_model_info *info;
    struct gtcnn_npy in;
    float *batch_in, *batch_out;
    struct gtcnn_collected out;
    struct gtcnn_collected dumps[GTCNN_CLI_LIST_MAX];
    char *dump_paths[GTCNN_CLI_LIST_MAX];
};

static enum gtcnn_status check_input(const struct run *r, struct gtcnn_err *err)
{
    const struct gtcnn_shape *want = &r->info->input, *have = &r->in.shape;
    bool ok = have->rank == want->rank && have->rank > 0 && have->dim[0] > 0;
    for (uint32_t i = 1; ok && i < want->rank; i++)
        ok = have->dim[i] == want->dim[i];
    if (ok)
        return GTCNN_OK;
    char a[128], b[128];
    return gtcnn_cli_fail_path(err, GTCNN_E_SHAPE, r->cli->args.input,
                               "has shape %s, but the model's input is %s (the first dimension may be any from 1 on)",
                               gtcnn_cli_shape_text(a, sizeof a, have), gtcnn_cli_shape_text(b, sizeof b, want));
}

/* Dumps stand beside the output under safe names that must differ from each other and from it. */
static enum gtcnn_status name_dumps(struct run *r, struct gtcnn_err *err)
{
    const struct gtcnn_cli_list *names = &r->cli->args.dumps;
    for (uint32_t i = 0; i < names->count; i++) {
        r->dump_paths[i] = gtcnn_collect_path(r->cli->args.output, names->item[i]);
        if (!r->dump_paths[i])
            return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
        bool taken = strcmp(r->dump_paths[i], r->cli->args.output) == 0;
        for (uint32_t k = 0; k < i; k++)
            taken |= strcmp(r->dump_paths[i], r->dump_paths[k]) == 0;
        if (taken)
            return gtcnn_cli_fail_path(err, GTCNN_E_ARG, r->dump_paths[i],
                                       "two results would be written there; give --output another folder or name");
    }
    return GTCNN_OK;
}

static enum gtcnn_status prepare(struct run *r, struct gtcnn_err *err)
{
    const struct gtcnn_cli_args *args = &r->cli->args;
    enum gtcnn_status status = name_dumps(r, err);
    if (!status)
        status = gtcnn_npy_load(args->input, &r->in, err);
    if (!status)
        status = gtcnn_cli_open(r->cli, args->models.item[0], &r->model, err);
    if (status)
        return status;
    r->info = gtcnn_model_info(r->model);
    status = check_input(r, err);
    for (uint32_t i = 0; i < args->dumps.count && !status; i++)
        status = gtcnn_model_keep(r->model, args->dumps.item[i], err);
    if (status)
        return status;
    r->batch_in = calloc(gtcnn_cli_count(&r->info->input), sizeof *r->batch_in);
    r->batch_out = calloc(gtcnn_cli_count(&r->info->output), sizeof *r->batch_out);
    return r->batch_in && r->batch_out ? GTCNN_OK : gtcnn_cli_fail(err, GTCNN_E_NOMEM, "no memory for input and output");
}

static enum gtcnn_status collect_dumps(struct run *r, uint64_t first, uint32_t items, struct gtcnn_err *err)
{
    const struct gtcnn_cli_list *names = &r->cli->args.dumps;
    enum gtcnn_status status = GTCNN_OK;
    for (uint32_t i = 0; i < names->count && !status; i++) {
        float *data = NULL;
        struct gtcnn_shape shape;
        status = gtcnn_model_tensor(r->model, names->item[i], &data, &shape, err);
        if (!status)
            status =
                gtcnn_collect_add(&r->dumps[i], &shape, data, r->info->batch, first, items, (uint64_t)r->in.shape.dim[0], err);
        free(data);
    }
    return status;
}

static enum gtcnn_status run_batch(struct run *r, uint64_t first, uint32_t items, struct gtcnn_err *err)
{
    uint64_t total = (uint64_t)r->in.shape.dim[0], per_item = (uint64_t)r->in.count / total;
    size_t used = items * per_item, all = gtcnn_cli_count(&r->info->input);
    memcpy(r->batch_in, r->in.data + first * per_item, used * sizeof *r->batch_in);
    memset(r->batch_in + used, 0, (all - used) * sizeof *r->batch_in);
    enum gtcnn_status status = gtcnn_infer(r->model, r->batch_in, r->batch_out, items);
    if (status)
        return gtcnn_cli_fail(err, status, "the inference of item %" PRIu64 " failed (status %d)", first, (int)status);
    status = gtcnn_collect_add(&r->out, &r->info->output, r->batch_out, r->info->batch, first, items, total, err);
    return status ? status : collect_dumps(r, first, items, err);
}

static enum gtcnn_status run_all(struct run *r, struct gtcnn_err *err)
{
    uint64_t total = (uint64_t)r->in.shape.dim[0], batch = (uint64_t)r->info->input.dim[0];
    enum gtcnn_status status = GTCNN_OK;
    for (uint64_t first = 0; first < total && !status; first += batch)
        status = run_batch(r, first, (uint32_t)(total - first < batch ? total - first : batch), err);
    return status;
}

static enum gtcnn_status write_one(const struct run *r, const char *path, const struct gtcnn_collected *c,
                                   struct gtcnn_err *err)
{
    char safe[256], shape[128];
    enum gtcnn_status status = gtcnn_npy_write(path, &c->shape, c->data, err);
    if (!status)
        fprintf(r->cli->out, "%s  %s\n", gtcnn_escape(safe, sizeof safe, path, SIZE_MAX),
                gtcnn_cli_shape_text(shape, sizeof shape, &c->shape));
    return status;
}

static enum gtcnn_status write_all(const struct run *r, struct gtcnn_err *err)
{
    enum gtcnn_status status = write_one(r, r->cli->args.output, &r->out, err);
    for (uint32_t i = 0; i < r->cli->args.dumps.count && !status; i++)
        status = write_one(r, r->dump_paths[i], &r->dumps[i], err);
    return status;
}

static void release(struct run *r)
{
    gtcnn_model_close(r->model);
    gtcnn_npy_free(&r->in);
    free(r->batch_in);
    free(r->batch_out);
    free(r->out.data);
    for (uint32_t i = 0; i < GTCNN_CLI_LIST_MAX; i++) {
        free(r->dumps[i].data);
        free(r->dump_paths[i]);
    }
}

enum gtcnn_status gtcnn_cli_run(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    struct run r = {.cli = cli};
    enum gtcnn_status status = prepare(&r, err);
    if (!status)
        status = run_all(&r, err);
    if (!status)
        status = write_all(&r, err);
    release(&r);
    return status;
}
