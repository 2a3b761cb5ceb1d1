/* The trace of one sampler: created at the first unit, ended when the sampler returns. */
#include "energy/origin.h"
#include "plugin/registry.h"
#include "plugin/sampler.h"
#include "plugin/spool.h"
#include "plugin/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char *const lost_text[GT_LOST_COUNT] = {
#define GT_LOST_TEXT(name, text) [name] = (text),
    GT_LOST_LIST(GT_LOST_TEXT)
#undef GT_LOST_TEXT
};

_Static_assert(GT_LOST_COUNT <= 8, "gt_sampler.lost_told");

/* --- PROCESS and HOST --------------------------------------------------------------------------------------------------------
 */

static ssize_t read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, out, size);
    close(fd);
    return n;
}

/* May the argument stand in a command line as it is? Otherwise it is put between single quotes. */
static bool is_plain(const char *text)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
    return *text && text[strspn(text, plain)] == 0;
}

static size_t quote(char *out, size_t room, const char *text)
{
    size_t used = 0;
    bool plain = is_plain(text);
#define GT_PUT(c) (used < room ? (void)(out[used++] = (c)) : (void)0)
    if (!plain)
        GT_PUT('\'');
    for (; *text; text++) {
        GT_PUT(*text);
        if (*text == '\'') {
            GT_PUT('\\');
            GT_PUT('\'');
            GT_PUT('\'');
        }
    }
    if (!plain)
        GT_PUT('\'');
#undef GT_PUT
    return used;
}

static void write_command(struct gt_sampler *s)
{
    char raw[2048], text[GT_TRACE_WRITE_STRING_MAX + 1];
    size_t used = 0;
    ssize_t n = read_file("/proc/self/cmdline", raw, sizeof raw - 1);
    if (n <= 0)
        return;
    raw[n] = 0;
    for (const char *at = raw; at < raw + n; at += strlen(at) + 1) {
        if (used > 0 && used < sizeof text - 1)
            text[used++] = ' ';
        used += quote(text + used, sizeof text - 1 - used, at);
    }
    text[used] = 0;
    gt_trace_write_string(&s->writer, GT_KEY_COMMAND, text);
}

static void write_process(struct gt_sampler *s)
{
    const struct gt_registry *r = &gt_state.registry;
    char exe[1024];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
    gt_trace_write_begin(&s->writer, GT_TRACE_PROCESS);
    gt_trace_write_u64(&s->writer, GT_KEY_PID, (uint64_t)gt_state.pid);
    gt_trace_write_u64(&s->writer, GT_KEY_PPID, (uint64_t)getppid());
    gt_trace_write_u64(&s->writer, GT_KEY_START_NS, s->start_ns);
    if (n > 0)
        gt_trace_write_bytes(&s->writer, GT_KEY_EXE, exe, (size_t)n);
    write_command(s);
    if (r->runtime[0]) {
        gt_trace_write_string(&s->writer, GT_KEY_RUNTIME, r->runtime);
        gt_trace_write_string(&s->writer, GT_KEY_RUNTIME_VERSION, r->runtime_version);
        gt_trace_write_u64(&s->writer, GT_KEY_THREADS, r->threads);
        if (r->precision[0])
            gt_trace_write_string(&s->writer, GT_KEY_PRECISION, r->precision);
    }
    gt_trace_write_commit(&s->writer);
}

static void write_labels(struct gt_trace_writer *w)
{
    static const char *const labels[GT_LABELS] = {"model", "family", "phi", "tags"};
    for (int i = 0; i < GT_LABELS; i++)
        if (gt_state.config.label[i][0])
            gt_trace_write_note(w, labels[i], gt_state.config.label[i]);
}

/* A process that a quiesce cut in two says so: the second trace names the first. */
static void write_continues(struct gt_sampler *s)
{
    static const uint8_t none[GT_TRACE_ID_BYTES];
    struct gt_trace_header before = {.role = GT_TRACE_ROLE_PROCESS};
    char name[GT_TRACE_WRITE_NAME_BYTES];
    if (memcmp(gt_state.previous_trace, none, sizeof none) == 0)
        return;
    memcpy(before.trace_id, gt_state.previous_trace, sizeof before.trace_id);
    gt_trace_write_name(&before, name);
    name[strlen(name) - strlen(".gtt")] = 0;
    gt_trace_write_note(&s->writer, "continues", name + strlen("process-"));
}

enum gt_status gt_sink_open(struct gt_sampler *s)
{
    const struct gt_config *config = &gt_state.config;
    enum gt_status status =
        gt_trace_write_header_init(&s->header, GT_TRACE_ROLE_PROCESS, config->in_run ? config->run_id : NULL, NULL);
    if (status != GT_OK)
        return status;
    gt_trace_write_name(&s->header, s->name);
    status = gt_trace_write_create(&s->writer, s->spool_fd, s->name, &s->header, s->buffer, sizeof s->buffer);
    if (status != GT_OK)
        return status;
    gt_origin_write_host(&s->writer, &gt_os_linux);
    write_labels(&s->writer);
    write_continues(s);
    memcpy(gt_state.previous_trace, s->header.trace_id, sizeof gt_state.previous_trace);
    return GT_OK;
}

/* --- what the hooks have met
 * ---------------------------------------------------------------------------------------------------- */

void gt_sink_describe(struct gt_sampler *s)
{
    uint32_t type, bytes;
    const unsigned char *fields;
    while ((fields = gt_registry_next(&type, &bytes)) != NULL) {
        if (!s->process_told)
            write_process(s);
        s->process_told = true;
        if (type == GT_TRACE_MODEL && !s->has_models) {
            s->has_models = true;
            gt_blocks_end_regions(s);
        }
        gt_trace_write_begin(&s->writer, (enum gt_trace_type)type);
        gt_trace_write_raw(&s->writer, fields, bytes);
        gt_trace_write_commit(&s->writer);
    }
    gt_registry_reuse();
}

/* Without a model there are only regions: what the program named itself stands in for inferences. */
static void fold_row(struct gt_sampler *s, uint64_t thread, const struct gt_trace_event *row)
{
    if (s->has_models) {
        gt_fold_add_event(s->blocks.fold, thread, row);
    } else {
        gt_fold_add_region(s->blocks.fold, thread, row);
        s->blocks.regions = true;
    }
}

void gt_sink_rows(struct gt_sampler *s, uint64_t thread, const struct gt_trace_event *rows, uint32_t count)
{
    if (s->blocks.on) {
        for (uint32_t i = 0; s->blocks.fold && i < count; i++)
            fold_row(s, thread, &rows[i]);
        return;
    }
    struct gt_trace_events head = {.thread = thread, .count = count};
    gt_trace_write_packed(&s->writer, GT_TRACE_EVENTS, &head, sizeof head, rows, count * sizeof *rows);
}

static void tell_items(struct gt_sampler *s)
{
    uint64_t items = atomic_load(gt_state.items);
    if (items == s->items_told)
        return;
    gt_trace_write_begin(&s->writer, GT_TRACE_NOTE);
    gt_trace_write_string(&s->writer, GT_KEY_LABEL, "items");
    gt_trace_write_u64(&s->writer, GT_KEY_ITEMS, items);
    gt_trace_write_commit(&s->writer);
    s->items_told = items;
}

void gt_sink_losses(struct gt_sampler *s)
{
    for (int i = 0; i < GT_LOST_COUNT; i++) {
        uint64_t lost = atomic_load_explicit(&gt_state.lost[i], memory_order_relaxed);
        if (lost > s->lost_told[i])
            gt_trace_write_loss(&s->writer, lost_text[i], lost - s->lost_told[i]);
        s->lost_told[i] = lost;
    }
    tell_items(s);
}

void gt_sink_close(struct gt_sampler *s)
{
    gt_sink_losses(s);
    if (!s->process_told)
        write_process(s);
    if (s->dropped_rows > 0)
        gt_trace_write_loss(&s->writer, "ring full", s->dropped_rows);
    gt_trace_write_begin(&s->writer, GT_TRACE_END);
    gt_trace_write_u64(&s->writer, GT_KEY_T_END_NS, gt_now_ns());
    gt_trace_write_commit(&s->writer);
    gt_trace_write_close(&s->writer);
}
