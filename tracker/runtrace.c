#include "tracker/runtrace.h"

#include "core/text.h"
#include "energy/gaps.h"
#include "energy/origin.h"
#include "tracker/job.h"
#include "tracker/paths.h"
#include "tracker/runtrace_records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FLUSH_NS = 250000000,           /* a killed greentrack loses a quarter of a second at most */
    DEFAULT_INTERVAL_NS = 10000000, /* RAPL moves every ms, its noise is small against 10 ms of it */
    DEFAULT_TRACE_MB = 64,
    DEFAULT_SPOOL_MB = 1024
};
#define COARSE_NS UINT64_C(60000000000)

const char *gt_runtrace_source(const char *text)
{
    const char *given = text ? text : getenv("GREENTRACK_ENERGY_SOURCE");
    return given && *given ? given : "auto";
}

/* A positive number of an environment variable; false when it is not one. */
static bool environment_number(const char *name, double low, double high, double *number)
{
    const char *text = getenv(name);
    char *end;
    if (!text || !*text)
        return true;
    double value = strtod(text, &end);
    if (*end || !(value >= low && value <= high))
        return false;
    *number = value;
    return true;
}

enum gt_status gt_runtrace_interval(double given_ms, uint64_t *interval_ns, struct gt_err *err)
{
    double us = DEFAULT_INTERVAL_NS / 1000;
    if (!isnan(given_ms))
        us = given_ms * 1000;
    else if (!environment_number("GREENTRACK_INTERVAL_US", 100, 6e7, &us))
        return gt_err_set(err, GT_E_ARG, "GREENTRACK_INTERVAL_US: not a number from 100 to 60000000");
    *interval_ns = (uint64_t)(us * 1000);
    return GT_OK;
}

static enum gt_status open_source(struct gt_runtrace *trace, const struct gt_os *os, const char *text, struct gt_err *err)
{
    const char *spec = NULL;
    bool best = strcmp(text, "auto") == 0;
    trace->source = best ? gt_source_best(os) : gt_source_find(text, &spec);
    if (!trace->source)
        return gt_err_set(err, GT_E_ARG, "--energy-source: '%.200s' is no energy source; greentrack doctor lists them", text);
    enum gt_status status = trace->source->open(os, spec, trace->state, &trace->desc, err);
    if (status != GT_OK)
        return status;
    trace->reading = trace->desc.domain_count > 0;
    if (!trace->reading)
        trace->source->close(trace->state);
    return GT_OK;
}

/* The spool: private, ours, no symbolic link at its end. */
static enum gt_status open_spool(struct gt_runtrace *trace, const char *spool, struct gt_err *err)
{
    struct stat st;
    enum gt_status status = gt_paths_make_private(spool, err);
    if (status != GT_OK)
        return status;
    trace->spool_fd = open(spool, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (trace->spool_fd < 0 || fstat(trace->spool_fd, &st) != 0)
        return gt_err_set_errno(err, errno, "the spool %s", spool);
    if (st.st_uid != geteuid())
        return gt_err_set(err, GT_E_PERM, "the spool %s belongs to another user (uid %u)", spool, (unsigned)st.st_uid);
    return GT_OK;
}

/* Bytes of all files in the spool. */
static uint64_t spool_bytes(int spool_fd)
{
    uint64_t sum = 0;
    int fd = openat(spool_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        struct stat st;
        if (fstatat(spool_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    }
    if (folder)
        closedir(folder);
    return sum;
}

static enum gt_status create_file(struct gt_runtrace *trace, const struct gt_runtrace_options *options, struct gt_err *err)
{
    enum gt_status status = gt_trace_write_header_init(&trace->header, GT_TRACE_ROLE_RUN, NULL, options->parent_run_id);
    if (status != GT_OK)
        return gt_err_set(err, status, "no random numbers for the run's id");
    memcpy(trace->header.run_id, trace->header.trace_id, GT_TRACE_ID_BYTES);
    gt_text_hex(trace->run_hex, trace->header.run_id, GT_TRACE_ID_BYTES);
    gt_trace_write_name(&trace->header, trace->name);
    status =
        gt_trace_write_create(&trace->writer, trace->spool_fd, trace->name, &trace->header, trace->buffer, GT_RUNTRACE_BUFFER);
    return status == GT_OK ? GT_OK : gt_err_set_errno(err, errno, "%s/%s", options->spool, trace->name);
}

static void set_limits(struct gt_runtrace *trace, uint64_t interval_ns)
{
    double trace_mb = DEFAULT_TRACE_MB, spool_mb = DEFAULT_SPOOL_MB;
    environment_number("GREENTRACK_TRACE_MB", 0, 1e6, &trace_mb);
    environment_number("GREENTRACK_SPOOL_MB", 0, 1e9, &spool_mb);
    trace->limit_bytes = (uint64_t)(trace_mb * 1048576);
    trace->spacing_ns = (double)spool_bytes(trace->spool_fd) > spool_mb * 1048576 ? COARSE_NS : interval_ns / 2;
}

static void release(struct gt_runtrace *trace)
{
    if (trace->reading)
        trace->source->close(trace->state);
    trace->reading = false;
    gt_cputime_close(&trace->machine);
    gt_jobtree_close(&trace->tree);
    if (trace->spool_fd >= 0)
        close(trace->spool_fd);
    trace->spool_fd = -1;
    free(trace->buffer);
    free(trace->state);
    trace->buffer = NULL;
    trace->state = NULL;
}

enum gt_status gt_runtrace_open(struct gt_runtrace *trace, const struct gt_os *os, const struct gt_runtrace_options *options,
                                struct gt_err *err)
{
    *trace = (struct gt_runtrace){.spool_fd = -1, .machine.fd = -1, .tree.procs = -1, .writer.fd = -1};
    trace->buffer = malloc(GT_RUNTRACE_BUFFER);
    trace->state = aligned_alloc(16, sizeof *trace->state);
    enum gt_status status = trace->buffer && trace->state ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
    if (status == GT_OK)
        status = open_source(trace, os, options->source, err);
    if (status == GT_OK)
        status = open_spool(trace, options->spool, err);
    if (status == GT_OK)
        status = create_file(trace, options, err);
    if (status != GT_OK) {
        release(trace);
        return status;
    }
    set_limits(trace, options->interval_ns);
    gt_cputime_open(&trace->machine, os);
    gt_jobtree_open(&trace->tree, os, options->series ? NULL : trace->run_hex);
    gt_runtrace_write_process(&trace->writer, options->exe, options->command);
    gt_origin_write_host(&trace->writer, os);
    gt_origin_write_source(&trace->writer, &trace->desc);
    gt_runtrace_write_labels(&trace->writer);
    for (const char *const *note = options->notes; note && *note; note += 2)
        gt_trace_write_note(&trace->writer, note[0], note[1]);
    gt_trace_write_note(&trace->writer, "cpu time", gt_jobtree_way(&trace->tree));
    gt_trace_write_flush(&trace->writer);
    return GT_OK;
}

static void end_gap(struct gt_runtrace *trace, uint64_t end_ns)
{
    char reason[128];
    if (!trace->gap_begin_ns)
        return;
    snprintf(reason, sizeof reason, "%s: %s", gt_gap_word(GT_GAP_UNREAD),
             trace->gap_why == GT_E_RANGE ? "the source ended" : gt_status_message(trace->gap_why));
    gt_trace_write_gap(&trace->writer, trace->gap_begin_ns, end_ns, NULL, reason);
    trace->gap_begin_ns = 0;
}

/* The counters; a failure begins a gap, the next success ends it, the script's end ends reading. */
static void read_source(struct gt_runtrace *trace, uint64_t now_ns)
{
    struct {
        struct gt_trace_ticks head;
        uint64_t row[1 + GT_SOURCE_DOMAINS];
    } tick = {.head = {1, (uint32_t)trace->desc.domain_count}};
    enum gt_status status = trace->source->read(trace->state, tick.row + 1, &tick.row[0]);
    if (status == GT_E_RANGE) {
        trace->reading = false;
        trace->source->close(trace->state);
    }
    if (status != GT_OK) {
        if (!trace->gap_begin_ns) {
            trace->gap_begin_ns = now_ns;
            trace->gap_why = status;
        }
        return;
    }
    end_gap(trace, tick.row[0]);
    gt_trace_write_begin(&trace->writer, GT_TRACE_TICK);
    gt_trace_write_raw(&trace->writer, &tick, sizeof tick.head + (1 + tick.head.domains) * sizeof *tick.row);
    gt_trace_write_commit(&trace->writer);
}

static void read_cpu(struct gt_runtrace *trace, uint64_t now_ns)
{
    struct {
        uint64_t count;
        struct gt_trace_cpu row;
    } cpu = {.count = 1, .row = {.t_ns = now_ns}};
    cpu.row.job_cpu_ns = gt_jobtree_cpu_ns(&trace->tree, now_ns);
    gt_cputime_machine(&trace->machine, &cpu.row.machine_busy_ns, &cpu.row.machine_total_ns);
    cpu.row.t_ns = gt_job_now_ns();
    gt_trace_write_begin(&trace->writer, GT_TRACE_CPU);
    gt_trace_write_raw(&trace->writer, &cpu, sizeof cpu);
    gt_trace_write_commit(&trace->writer);
}

void gt_runtrace_sample(struct gt_runtrace *trace, uint64_t now_ns, bool last)
{
    if (now_ns < trace->next_row_ns && !last)
        return;
    if (trace->reading)
        read_source(trace, now_ns);
    read_cpu(trace, now_ns);
    if (gt_trace_write_bytes_total(&trace->writer) > trace->limit_bytes)
        trace->spacing_ns = COARSE_NS;
    trace->next_row_ns = now_ns + trace->spacing_ns;
    if (now_ns >= trace->next_flush_ns || last) {
        gt_trace_write_flush(&trace->writer); /* a full disk is counted in the trace itself */
        trace->next_flush_ns = now_ns + FLUSH_NS;
    }
}

enum gt_status gt_runtrace_close(struct gt_runtrace *trace, uint64_t end_ns, int wait_status)
{
    if (gt_jobtree_outlived(&trace->tree))
        gt_trace_write_note(&trace->writer, "outlived", "1");
    end_gap(trace, end_ns);
    gt_trace_write_begin(&trace->writer, GT_TRACE_END);
    gt_trace_write_u64(&trace->writer, GT_KEY_T_END_NS, end_ns);
    if (WIFSIGNALED(wait_status))
        gt_trace_write_u64(&trace->writer, GT_KEY_SIGNAL, (uint64_t)WTERMSIG(wait_status));
    else
        gt_trace_write_u64(&trace->writer, GT_KEY_EXIT_STATUS, (uint64_t)WEXITSTATUS(wait_status));
    gt_trace_write_commit(&trace->writer);
    enum gt_status status = gt_trace_write_close(&trace->writer);
    release(trace);
    return status;
}

void gt_runtrace_discard(struct gt_runtrace *trace)
{
    if (trace->spool_fd >= 0)
        unlinkat(trace->spool_fd, trace->name, 0);
    gt_trace_write_close(&trace->writer);
    release(trace);
}
