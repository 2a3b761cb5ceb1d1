#include "runtime/cli/progress.h"
#include "runtime/cli/verbs.h"

#include <inttypes.h>
#include <unistd.h>

#define INTERVAL_NS UINT64_C(200000000)

void gtcnn_progress_begin(struct gtcnn_progress *p, FILE *file)
{
    *p = (struct gtcnn_progress){file, isatty(fileno(file)), gtcnn_cli_now_ns() + INTERVAL_NS};
}

void gtcnn_progress_update(struct gtcnn_progress *p, uint64_t done, uint64_t total, const char *what)
{
    if (!p->on || gtcnn_cli_now_ns() < p->next_ns)
        return;
    fprintf(p->file, "\r%" PRIu64 " of %" PRIu64 " %s", done, total, what);
    fflush(p->file);
    p->next_ns = gtcnn_cli_now_ns() + INTERVAL_NS;
}

void gtcnn_progress_end(struct gtcnn_progress *p)
{
    if (p->on)
        fputs("\r\033[K", p->file);
    p->on = false;
}
