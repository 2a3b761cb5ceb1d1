/* Fuzz target: a trace. The input is what follows a sound header, once as it is and once sealed as one chunk with its CRC. */
#include "core/crc32c.h"
#include "core/trace_read.h"
#include "energy/fold.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const struct gt_trace_view *view)
{
    struct gt_trace_field field;
    char text[32];
    uint64_t sum = 0, thread;
    uint32_t count, domains;
    const uint64_t *ticks;
    const struct gt_trace_event *events;
    struct gt_block block;
    for (uint32_t at = 0; gt_trace_field_next(view, &at, &field);)
        sum += (unsigned char)gt_trace_field_string(&field, text, sizeof text)[0];
    if (gt_trace_view_ticks(view, &count, &domains, &ticks) == GT_OK)
        for (uint64_t i = 0; i < (uint64_t)count * (1 + domains); i++)
            sum += ticks[i];
    if (gt_trace_view_events(view, &thread, &count, &events) == GT_OK)
        for (uint32_t i = 0; i < count; i++)
            sum += events[i].t_end_ns;
    if (view->type == GT_TRACE_BLOCK && gt_block_parse(view->payload, view->bytes, &block) == GT_OK)
        sum += block.head->unit_count;
    (void)*(volatile uint64_t *)&sum;
}

static void read_file(int fd)
{
    struct gt_trace_reader *reader;
    struct gt_err err = {0};
    struct gt_trace_view view;
    if (gt_trace_read_open_fd(fd, "fuzz", &reader, &err) != GT_OK)
        return;
    while (gt_trace_read_next(reader, &view, &err) == GT_OK)
        touch(&view);
    gt_trace_read_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gt_trace_header h = {.version = GT_TRACE_VERSION, .min_reader = 1, .header_bytes = sizeof h};
    struct gt_trace_chunk chunk = {.magic = GT_TRACE_CHUNK_MAGIC, .bytes = (uint32_t)size, .crc32c = gt_crc32c(0, data, size)};
    memcpy(h.magic, GT_TRACE_MAGIC, 8);
    h.crc32c = gt_crc32c(0, &h, offsetof(struct gt_trace_header, crc32c));
    for (int sealed = 0; sealed < 2; sealed++) {
        int fd = memfd_create("trace", MFD_CLOEXEC);
        if (fd < 0 || write(fd, &h, sizeof h) < 0 || (sealed && write(fd, &chunk, sizeof chunk) < 0) ||
            write(fd, data, size) < 0)
            return -1;
        read_file(fd);
        close(fd);
    }
    return 0;
}
