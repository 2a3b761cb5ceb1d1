/*
 * tracedump TRACE...: what the end-to-end tests look at, one "key value" per line and trace:
 *   state, events (rows), row_items (of inferences, by rows), ticks, cpu, blocks, records, leftover_rows, lost_bytes; calls and
 *   items (of inferences), exact, by the last table of each thread, leftovers of rings included; "note label: text", "loss
 * kind: n", "process command".
 */
#include "core/ring.h"
#include "core/trace_read.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 512 };

struct sums {
    uint64_t events, row_items, ticks, cpu, blocks, records, leftover_rows, descriptions;
    uint32_t threads, last_sequence;
    struct {
        uint64_t thread, calls, items;
    } tables[THREADS];
};

static void add_table(struct sums *s, uint64_t thread, uint32_t count, const struct gt_trace_total *rows)
{
    uint64_t calls = 0, items = 0;
    uint32_t i = 0;
    for (uint32_t row = 0; row < count; row++) {
        calls += rows[row].calls;
        items += rows[row].slot & GT_TRACE_SLOT_INFER ? rows[row].items : 0;
    }
    while (i < s->threads && s->tables[i].thread != thread)
        i++;
    if (i == THREADS)
        exit(9);
    s->threads = i < s->threads ? s->threads : i + 1;
    s->tables[i].thread = thread;
    s->tables[i].calls = calls;
    s->tables[i].items = items;
}

static void add_rows(struct sums *s, uint32_t count, const struct gt_trace_event *rows)
{
    s->events += count;
    for (uint32_t i = 0; i < count; i++)
        if (rows[i].slot & GT_TRACE_SLOT_INFER)
            s->row_items += rows[i].items;
}

static void add_text(const struct gt_trace_view *view)
{
    char a[512], b[512];
    uint64_t n = 0;
    if (view->type == GT_TRACE_NOTE) {
        gt_trace_find_string(view, GT_KEY_LABEL, a, sizeof a);
        gt_trace_find_string(view, GT_KEY_TEXT, b, sizeof b);
        if (gt_trace_find_u64(view, GT_KEY_ITEMS, &n))
            printf("note %s: %" PRIu64 "\n", a, n);
        else
            printf("note %s: %s\n", a, b);
    } else if (view->type == GT_TRACE_LOSS) {
        gt_trace_find_string(view, GT_KEY_KIND, a, sizeof a);
        gt_trace_find_u64(view, GT_KEY_COUNT, &n);
        printf("loss %s: %" PRIu64 "\n", a, n);
    } else if (view->type == GT_TRACE_PROCESS) {
        printf("process %s\n", gt_trace_find_string(view, GT_KEY_COMMAND, a, sizeof a) ? a : "");
    } else if (view->type == GT_TRACE_UNIT) {
        gt_trace_find_string(view, GT_KEY_NAME, a, sizeof a);
        gt_trace_find_string(view, GT_KEY_OP, b, sizeof b);
        printf("unit %s %s\n", b, a);
    }
}

static void add_record(struct sums *s, const struct gt_trace_view *view)
{
    uint64_t thread;
    uint32_t count, domains;
    const struct gt_trace_event *rows;
    const struct gt_trace_total *totals;
    const struct gt_trace_cpu *cpu;
    const uint64_t *ticks;
    s->records++;
    s->last_sequence = view->sequence;
    if (view->type == GT_TRACE_EVENTS && gt_trace_view_events(view, &thread, &count, &rows) == GT_OK)
        add_rows(s, count, rows);
    else if (view->type == GT_TRACE_TABLE && gt_trace_view_table(view, &thread, &count, &totals) == GT_OK)
        add_table(s, thread, count, totals);
    else if (view->type == GT_TRACE_TICK && gt_trace_view_ticks(view, &count, &domains, &ticks) == GT_OK)
        s->ticks += count;
    else if (view->type == GT_TRACE_CPU && gt_trace_view_cpu(view, &count, &cpu) == GT_OK)
        s->cpu += count;
    s->blocks += view->type == GT_TRACE_BLOCK;
    s->descriptions += view->type == GT_TRACE_UNIT;
    add_text(view);
}

/* The rings that a killed process left: those whose name has this trace's id. */
static void add_leftovers(struct sums *s, const struct gt_trace_header *header)
{
    char prefix[GT_RING_NAME_BYTES], path[512];
    DIR *dir = opendir(GT_RING_FOLDER);
    gt_ring_name(header->trace_id, 0, prefix);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
        struct gt_ring_leftover *left;
        const struct gt_trace_event *rows;
        const struct gt_trace_total *totals;
        if (strncmp(e->d_name, prefix, strlen(prefix) - 1) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", GT_RING_FOLDER, e->d_name);
        if (gt_ring_leftover_open(path, (uint32_t)geteuid(), s->last_sequence, &left, NULL) != GT_OK)
            continue;
        uint32_t count = gt_ring_leftover_rows(left, &rows);
        add_rows(s, count, rows);
        s->leftover_rows += count;
        count = gt_ring_leftover_table(left, &totals);
        if (gt_ring_leftover_thread(left) != 0)
            add_table(s, gt_ring_leftover_thread(left), count, totals);
        gt_ring_leftover_close(left);
    }
    if (dir)
        closedir(dir);
}

static int dump(const char *path)
{
    struct gt_trace_reader *reader;
    struct gt_trace_view view;
    struct gt_err err = {0};
    struct sums *s = calloc(1, sizeof *s);
    uint64_t calls = 0, items = 0;
    if (!s || gt_trace_read_open(path, &reader, &err) != GT_OK) {
        printf("error %s\n", err.text);
        free(s);
        return 1;
    }
    while (gt_trace_read_next(reader, &view, &err) == GT_OK)
        add_record(s, &view);
    if (gt_trace_read_state(reader) != GT_TRACE_CLOSED)
        add_leftovers(s, gt_trace_read_header(reader));
    for (uint32_t i = 0; i < s->threads; i++) {
        calls += s->tables[i].calls;
        items += s->tables[i].items;
    }
    printf("state %s\nevents %" PRIu64 "\nrow_items %" PRIu64 "\nitems %" PRIu64 "\nticks %" PRIu64 "\ncpu %" PRIu64
           "\nblocks %" PRIu64 "\nrecords %" PRIu64 "\nleftover_rows %" PRIu64 "\nlost_bytes %" PRIu64 "\ncalls %" PRIu64
           "\nunits %" PRIu64 "\nthreads %u\n",
           gt_trace_state_word(gt_trace_read_state(reader)), s->events, s->row_items, items, s->ticks, s->cpu, s->blocks,
           s->records, s->leftover_rows, gt_trace_read_loss(reader).bytes, calls, s->descriptions, s->threads);
    gt_trace_read_close(reader);
    free(s);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= dump(argv[i]);
    return failed;
}
