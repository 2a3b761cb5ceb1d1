/*
 * future FOLDER: writes a trace as a later version may: with records and keys that this one does not know, between those that
 * it does. Prints the calls of its one unit.
 */
#include "core/trace_write.h"

#include <fcntl.h>
#include <stdio.h>

enum { LATER_TYPE = 900, LATER_KEY = 901, CALLS = 12 };
#define MS UINT64_C(1000000)

static _Alignas(8) unsigned char buffer[GT_TRACE_WRITE_BUFFER_MIN];

/* A whole record of a type that nobody knows yet. */
static void write_later(struct gt_trace_writer *w)
{
    gt_trace_write_begin(w, (enum gt_trace_type)LATER_TYPE);
    gt_trace_write_u64(w, (enum gt_trace_key)LATER_KEY, 7);
    gt_trace_write_string(w, GT_KEY_NAME, "what this is nobody can know");
    gt_trace_write_commit(w);
}

static void write_unit(struct gt_trace_writer *w)
{
    gt_trace_write_begin(w, GT_TRACE_UNIT);
    gt_trace_write_string(w, (enum gt_trace_key)LATER_KEY, "a key of later");
    gt_trace_write_u64(w, GT_KEY_UNIT_SLOT, 0);
    gt_trace_write_string(w, GT_KEY_NAME, "the unit");
    gt_trace_write_string(w, GT_KEY_OP, "region");
    gt_trace_write_u64(w, GT_KEY_REGION, 1);
    gt_trace_write_commit(w);
}

static void write_rows(struct gt_trace_writer *w, uint64_t begin_ns)
{
    struct gt_trace_events head = {.thread = 1, .count = CALLS};
    struct gt_trace_event rows[CALLS];
    for (uint64_t i = 0; i < CALLS; i++)
        rows[i] = (struct gt_trace_event){.t_begin_ns = begin_ns + i * MS, .t_end_ns = begin_ns + i * MS + MS / 2};
    gt_trace_write_packed(w, GT_TRACE_EVENTS, &head, sizeof head, rows, sizeof rows);
}

int main(int argc, char **argv)
{
    struct gt_trace_header header;
    struct gt_trace_writer writer;
    char name[GT_TRACE_WRITE_NAME_BYTES];
    int dir_fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;
    if (gt_trace_write_header_init(&header, GT_TRACE_ROLE_PROCESS, NULL, NULL) != GT_OK ||
        gt_trace_write_create(&writer, dir_fd, gt_trace_write_name(&header, name), &header, buffer, sizeof buffer) != GT_OK)
        return 1;
    write_later(&writer);
    write_unit(&writer);
    write_later(&writer);
    write_rows(&writer, header.mono_ns);
    write_later(&writer);
    gt_trace_write_begin(&writer, GT_TRACE_END);
    gt_trace_write_u64(&writer, GT_KEY_T_END_NS, header.mono_ns + CALLS * MS);
    gt_trace_write_commit(&writer);
    printf("%d\n", CALLS);
    return gt_trace_write_close(&writer) == GT_OK ? 0 : 1;
}
