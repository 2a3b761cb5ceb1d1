#include "tests/sim/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct gt_sim_file *find(struct gt_sim *sim, const char *path)
{
    for (int i = 0; i < sim->file_count; i++)
        if (strcmp(sim->files[i].path, path) == 0)
            return &sim->files[i];
    return NULL;
}

static struct gt_sim_file *find_or_add(struct gt_sim *sim, const char *path)
{
    struct gt_sim_file *file = find(sim, path);
    if (file)
        return file;
    if (sim->file_count == GT_SIM_FILES)
        abort();
    file = &sim->files[sim->file_count++];
    file->path = strdup(path);
    return file;
}

static int sim_open_read(void *state, const char *path)
{
    struct gt_sim *sim = state;
    struct gt_sim_file *file = find(sim, path);
    if (!file)
        return -ENOENT;
    if (file->open_error)
        return -file->open_error;
    for (int fd = 0; fd < GT_SIM_FDS; fd++)
        if (!sim->fds[fd]) {
            sim->fds[fd] = (int)(file - sim->files) + 1;
            sim->open_fds++;
            return fd;
        }
    return -EMFILE;
}

static bool read_fails(struct gt_sim_file *file)
{
    file->reads++;
    return file->read_error && file->reads >= file->fail_from &&
           (file->fail_count == 0 || file->reads < file->fail_from + file->fail_count);
}

static const char *contents_of(const struct gt_sim *sim, const struct gt_sim_file *file)
{
    return file->contents ? file->contents(file->context, sim->mono_ns) : file->text;
}

static ssize_t give(const struct gt_sim *sim, const void *from, size_t take, void *buffer)
{
    if (sim->piece && take > sim->piece)
        take = sim->piece;
    memcpy(buffer, from, take);
    return (ssize_t)take;
}

/* Words come whole, as the kernel's do; only `piece` cuts them. */
static ssize_t read_word(struct gt_sim *sim, struct gt_sim_file *file, void *buffer, size_t n)
{
    if (read_fails(file))
        return -file->read_error;
    uint64_t value = strtoull(contents_of(sim, file), NULL, 10);
    return n < sizeof value ? -EINVAL : give(sim, &value, sizeof value, buffer);
}

static const char *register_path(struct gt_sim *sim, const char *device, uint64_t number)
{
    snprintf(sim->path, sizeof sim->path, "%s@%" PRIx64, device, number);
    return sim->path;
}

static const char *event_path(struct gt_sim *sim, uint64_t type, uint64_t config, int cpu)
{
    snprintf(sim->path, sizeof sim->path, "perf:%" PRIu64 ":%" PRIu64 ":%d", type, config, cpu);
    return sim->path;
}

static struct gt_sim_file *open_file(struct gt_sim *sim, int fd)
{
    return fd >= 0 && fd < GT_SIM_FDS && sim->fds[fd] ? &sim->files[sim->fds[fd] - 1] : NULL;
}

static ssize_t sim_pread(void *state, int fd, void *buffer, size_t n, uint64_t offset)
{
    struct gt_sim *sim = state;
    struct gt_sim_file *file = open_file(sim, fd);
    if (!file)
        return -EBADF;
    if (file->is_word)
        return -ESPIPE;
    if (file->is_device) {
        file = find(sim, register_path(sim, file->path, offset));
        return file ? read_word(sim, file, buffer, n) : -EIO;
    }
    if (read_fails(file))
        return -file->read_error;
    const char *text = contents_of(sim, file);
    size_t length = strlen(text);
    if (offset >= length)
        return 0;
    return give(sim, text + offset, length - offset < n ? length - offset : n, buffer);
}

static ssize_t sim_read(void *state, int fd, void *buffer, size_t n)
{
    struct gt_sim *sim = state;
    struct gt_sim_file *file = open_file(sim, fd);
    if (!file)
        return -EBADF;
    return file->is_word ? read_word(sim, file, buffer, n) : -EINVAL;
}

static void sim_close(void *state, int fd)
{
    struct gt_sim *sim = state;
    if (!open_file(sim, fd))
        abort();
    sim->fds[fd] = 0;
    sim->open_fds--;
}

/* The entry of `path` below `folder`: its length, 0 when it is not below it. */
static size_t entry_length(const char *folder, const char *path)
{
    size_t n = strlen(folder);
    return strncmp(path, folder, n) == 0 && path[n] == '/' ? strcspn(path + n + 1, "/") : 0;
}

static int sim_list(void *state, const char *path, gt_os_name_fn *each, void *context)
{
    struct gt_sim *sim = state;
    char seen[GT_SIM_FILES][64], name[64];
    int count = 0;
    bool exists = false;
    const struct gt_sim_file *folder = find(sim, path);
    if (folder && folder->open_error)
        return -folder->open_error;
    for (int i = sim->file_count - 1; i >= 0; i--) { /* newest first: callers must not rely on an order */
        size_t n = entry_length(path, sim->files[i].path);
        if (n == 0 || n >= sizeof name)
            continue;
        exists = true;
        memcpy(name, sim->files[i].path + strlen(path) + 1, n);
        name[n] = '\0';
        bool known = false;
        for (int j = 0; j < count && !known; j++)
            known = strcmp(seen[j], name) == 0;
        if (known)
            continue;
        strcpy(seen[count++], name);
        int stop = each(context, name);
        if (stop)
            return stop;
    }
    return exists ? 0 : -ENOENT;
}

static ssize_t sim_readlink(void *state, const char *path, char *buffer, size_t n)
{
    (void)state, (void)path, (void)buffer, (void)n;
    return -EINVAL;
}

static uint64_t sim_clock_ns(void *state, clockid_t clock)
{
    struct gt_sim *sim = state;
    if (clock == CLOCK_PROCESS_CPUTIME_ID)
        return sim->cpu_ns;
    if (clock == CLOCK_REALTIME)
        return sim->real_ns;
    sim->mono_ns += sim->step_ns;
    return sim->mono_ns;
}

static int sim_sleep_until(void *state, uint64_t mono_ns)
{
    struct gt_sim *sim = state;
    if (mono_ns > sim->mono_ns)
        sim->mono_ns = mono_ns + sim->sleep_lag_ns;
    return 0;
}

static int sim_perf_event_open(void *state, const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd,
                               unsigned long flags)
{
    struct gt_sim *sim = state;
    (void)flags;
    return pid == -1 && group_fd == -1 ? sim_open_read(sim, event_path(sim, attr->type, attr->config, cpu)) : -EINVAL;
}

void gt_sim_init(struct gt_sim *sim)
{
    memset(sim, 0, sizeof *sim);
    sim->os = (struct gt_os){.state = sim,
                             .open_read = sim_open_read,
                             .pread = sim_pread,
                             .read = sim_read,
                             .close = sim_close,
                             .list = sim_list,
                             .readlink = sim_readlink,
                             .clock_ns = sim_clock_ns,
                             .sleep_until = sim_sleep_until,
                             .perf_event_open = sim_perf_event_open};
    sim->mono_ns = 1000000000;
}

void gt_sim_free(struct gt_sim *sim)
{
    for (int i = 0; i < sim->file_count; i++) {
        free(sim->files[i].path);
        free(sim->files[i].text);
    }
    memset(sim, 0, sizeof *sim);
}

void gt_sim_file(struct gt_sim *sim, const char *path, const char *text)
{
    struct gt_sim_file *file = find_or_add(sim, path);
    free(file->text);
    file->text = strdup(text);
    file->contents = NULL;
}

void gt_sim_printf(struct gt_sim *sim, const char *path, const char *format, ...)
{
    char text[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gt_sim_file(sim, path, text);
}

void gt_sim_dynamic(struct gt_sim *sim, const char *path, gt_sim_contents_fn *contents, void *context)
{
    gt_sim_file(sim, path, "");
    struct gt_sim_file *file = find(sim, path);
    file->contents = contents;
    file->context = context;
}

const char *gt_sim_register(struct gt_sim *sim, const char *device, uint64_t number, gt_sim_contents_fn *contents,
                            void *context)
{
    gt_sim_file(sim, device, "");
    find(sim, device)->is_device = true;
    gt_sim_dynamic(sim, register_path(sim, device, number), contents, context);
    return sim->path;
}

const char *gt_sim_event(struct gt_sim *sim, uint64_t type, uint64_t config, int cpu, gt_sim_contents_fn *contents,
                         void *context)
{
    gt_sim_dynamic(sim, event_path(sim, type, config, cpu), contents, context);
    find(sim, sim->path)->is_word = true;
    return sim->path;
}

void gt_sim_remove(struct gt_sim *sim, const char *path)
{
    struct gt_sim_file *file = find(sim, path);
    if (!file)
        return;
    free(file->path);
    file->path = strdup(""); /* the index stays, since descriptors name it */
}

void gt_sim_fail_open(struct gt_sim *sim, const char *path, int errnum)
{
    find_or_add(sim, path)->open_error = errnum;
}

void gt_sim_fail_read(struct gt_sim *sim, const char *path, int errnum, int from, int count)
{
    struct gt_sim_file *file = find_or_add(sim, path);
    file->read_error = errnum;
    file->fail_from = file->reads + from;
    file->fail_count = count;
}
