#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

enum gtcnn_status gtcnn_cli_export(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    struct gtcnn_model *model = NULL;
    enum gtcnn_status status = gtcnn_cli_open(cli, cli->args.models.item[0], &model, err);
    if (!status)
        status = gtcnn_model_export(model, cli->args.output, err);
    if (!status) {
        char safe[256];
        gtcnn_cli_print_identity(cli->out, gtcnn_model_info(model));
        fprintf(cli->out, ": written to %s\n", gtcnn_escape(safe, sizeof safe, cli->args.output, SIZE_MAX));
    }
    gtcnn_model_close(model);
    return status;
}
