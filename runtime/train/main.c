/*
 * gtcnn-train: what `gtcnn train` becomes. The same command line as gtcnn's, with the verb's function defined here; its
 * namesake in the command's archive is not linked in.
 */
#include "runtime/cli/fail.h"
#include "runtime/cli/verbs.h"
#include "runtime/train/dnn.h"
#include "runtime/train/session.h"

enum gtcnn_status gtcnn_cli_train(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    const struct gtcnn_cli_args *a = &cli->args;
    struct gtcnn_recipe recipe = {
        .model = a->models.item[0],
        .seed = a->seed,
        .epochs = (uint32_t)a->epochs,
        .warmup = (uint32_t)a->warmup,
        .patience = (uint32_t)a->patience,
        .batch = a->batch ? (uint32_t)a->batch : 128,
        .threads = a->threads ? (uint32_t)a->threads : 1,
        .held_out = (uint32_t)a->held_out,
        .limit = (uint32_t)a->limit,
        .shift = (uint32_t)a->shift,
        .flip = !a->no_flip,
        .rate = a->rate,
        .momentum = a->momentum,
        .decay = a->decay,
        .smoothing = a->smoothing,
    };
    if (recipe.warmup >= recipe.epochs)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--warmup %u: it has to end before the %u epochs do", recipe.warmup,
                              recipe.epochs);
    gtcnn_dnn_use_threads(recipe.threads);
    return gtcnn_train(&recipe, a->data, a->output, cli->out, cli->err, err);
}

int main(int argc, char *argv[])
{
    return gtcnn_cli_main(argc, argv, stdout, stderr);
}
