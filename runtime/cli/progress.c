#include "runtime/cli/progress.h"
#include "runtime/cli/verbs.h"

#include <inttypes.h>
#include <unistd.h>

#define INTERVAL_NS UINT64_C(200000000)

enum { BAR = 20 };

void gtcnn_progress_begin(struct gtcnn_progress *p, FILE *file, uint64_t first)
{
    uint64_t now = gtcnn_cli_now_ns();
    *p = (struct gtcnn_progress){file, isatty(fileno(file)), first, now, now + INTERVAL_NS};
}

/* "1:02:03 left", "2:03 left". */
static void print_left(FILE *f, double seconds)
{
    uint64_t s = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : UINT64_C(1000000000);
    if (s >= 3600)
        fprintf(f, ", %" PRIu64 ":%02u:%02u left", s / 3600, (unsigned)(s / 60 % 60), (unsigned)(s % 60));
    else
        fprintf(f, ", %u:%02u left", (unsigned)(s / 60), (unsigned)(s % 60));
}

void gtcnn_progress_update(struct gtcnn_progress *p, uint64_t done, uint64_t total, const char *what)
{
    uint64_t now;
    if (!p->on || total == 0 || (now = gtcnn_cli_now_ns()) < p->next_ns)
        return;
    int full = (int)(BAR * (double)done / (double)total);
    fprintf(p->file, "\r\033[K[%.*s%*s] %" PRIu64 " of %" PRIu64 " %s", full, "====================", BAR - full, "", done,
            total, what);
    if (done > p->first)
        print_left(p->file, (double)(now - p->begin_ns) / 1e9 / (double)(done - p->first) * (double)(total - done));
    fflush(p->file);
    p->next_ns = now + INTERVAL_NS;
}

void gtcnn_progress_clear(const struct gtcnn_progress *p)
{
    if (p->on)
        fputs("\r\033[K", p->file);
}

void gtcnn_progress_end(struct gtcnn_progress *p)
{
    gtcnn_progress_clear(p);
    p->on = false;
}
