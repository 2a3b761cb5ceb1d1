#include "tracker/runtrace.h"

#include "core/text.h"
#include "energy/gaps.h"
#include "energy/origin.h"
#include "tracker/job.h"
#include "tracker/measured.h"
#include "tracker/paths.h"
#include "tracker/runtrace_records.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FLUSH_NS = 250000000,           /* a killed greentrack loses a quarter of a second at most */
    DEFAULT_INTERVAL_NS = 10000000, /* RAPL moves every ms, its noise is small against 10 ms of it */
    DEFAULT_TRACE_MB = 64,
    DEFAULT_SPOOL_MB = 1024,
    TICKS_PER_RECORD = 32
};
#define COARSE_NS UINT64_C(60000000000)
#define OVERHEAD_NS UINT64_C(10000000000)
/* Least time between two readings of CPU time: it takes 50 us, and is wanted on slots of 100 ms. */
#define CPU_NS UINT64_C(25000000)
#define COARSE_POWER_NS UINT64_C(500000000)

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

enum gt_status gt_runtrace_idle(double given_w, struct gt_err *err)
{
    double idle_w = 0;
    char text[32];
    if (!isnan(given_w)) {
        snprintf(text, sizeof text, "%.9g", given_w);
        return setenv("GREENTRACK_IDLE_W", text, 1) == 0 ? GT_OK : gt_err_set_errno(err, errno, "GREENTRACK_IDLE_W");
    }
    if (!environment_number("GREENTRACK_IDLE_W", 0, 1e6, &idle_w))
        return gt_err_set(err, GT_E_ARG, "GREENTRACK_IDLE_W: not a number from 0 to 1000000");
    return GT_OK;
}

bool gt_runtrace_idle_of(const char *text, double *idle_w)
{
    char *end;
    double value = text && *text ? strtod(text, &end) : NAN;
    if (isnan(value) || *end || value < 0 || value > 1e6)
        return false;
    *idle_w = value;
    return true;
}

/* As a note, which show lists. */
static void write_idle(struct gt_runtrace *trace)
{
    const char *text = getenv("GREENTRACK_IDLE_W");
    if (text && *text)
        gt_trace_write_note(&trace->writer, GT_NOTE_IDLE_W, text);
}

static enum gt_status open_source(struct gt_runtrace *trace, const struct gt_os *os, const char *text, bool measured,
                                  struct gt_err *err)
{
    const char *spec = NULL;
    bool best = strcmp(text, "auto") == 0;
    trace->source = best ? gt_source_open_best(os, trace->state, &trace->desc) : gt_source_find(text, &spec);
    if (!trace->source)
        return gt_err_set(err, GT_E_ARG, "--energy-source: '%.200s' is no energy source; greentrack doctor lists them", text);
    enum gt_status status = best ? GT_OK : trace->source->open(os, spec, trace->state, &trace->desc, err);
    if (status != GT_OK)
        return status;
    if (measured && !gt_provenance_has_counters(trace->desc.provenance)) {
        trace->source->close(trace->state);
        return gt_measured_refuse(os, trace->source, best, err);
    }
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

/*
 * Between rows once there is no more room. What counts whole microjoules and never wraps may be a power that its source
 * integrates from our readings (hwmon, nvml, papi): a minute without one would be a hole.
 */
static uint64_t coarse_ns(const struct gt_runtrace *trace)
{
    for (int i = 0; i < trace->desc.domain_count; i++)
        if (trace->desc.domains[i].wrap_count == 0 && trace->desc.domains[i].uj_per_count == 1)
            return COARSE_POWER_NS;
    return COARSE_NS;
}

static void set_limits(struct gt_runtrace *trace, uint64_t interval_ns)
{
    double trace_mb = DEFAULT_TRACE_MB, spool_mb = DEFAULT_SPOOL_MB;
    environment_number("GREENTRACK_TRACE_MB", 0, 1e6, &trace_mb);
    environment_number("GREENTRACK_SPOOL_MB", 0, 1e9, &spool_mb);
    trace->limit_bytes = (uint64_t)(trace_mb * 1048576);
    trace->full = (double)spool_bytes(trace->spool_fd) > spool_mb * 1048576;
    trace->spacing_ns = trace->full ? coarse_ns(trace) : interval_ns;
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
    free(trace->rows);
    trace->buffer = NULL;
    trace->state = NULL;
    trace->rows = NULL;
}

enum gt_status gt_runtrace_open(struct gt_runtrace *trace, const struct gt_os *os, const struct gt_runtrace_options *options,
                                struct gt_err *err)
{
    *trace = (struct gt_runtrace){.spool_fd = -1, .machine.fd = -1, .tree.procs = -1, .writer.fd = -1};
    trace->buffer = malloc(GT_RUNTRACE_BUFFER);
    trace->state = aligned_alloc(16, sizeof *trace->state);
    trace->rows = malloc(TICKS_PER_RECORD * (1 + (size_t)GT_SOURCE_DOMAINS) * sizeof *trace->rows);
    enum gt_status status = trace->buffer && trace->state && trace->rows ? GT_OK : gt_err_set(err, GT_E_NOMEM, "out of memory");
    if (status == GT_OK)
        status = open_source(trace, os, options->source, options->measured, err);
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
    write_idle(trace);
    gt_trace_write_note(&trace->writer, "cpu time", gt_jobtree_way(&trace->tree));
    if (trace->reading && options->follow && !trace->full &&
        gt_follow_begin(&trace->follow, os, trace->source, trace->state, &trace->desc, 1))
        gt_origin_write_edges(&trace->writer, &trace->follow);
    gt_trace_write_flush(&trace->writer);
    return GT_OK;
}

static void flush_ticks(struct gt_runtrace *trace)
{
    struct gt_trace_ticks head = {.count = trace->ticks, .domains = (uint32_t)trace->desc.domain_count};
    if (trace->ticks > 0)
        gt_trace_write_packed(&trace->writer, GT_TRACE_TICK, &head, sizeof head, trace->rows,
                              trace->ticks * (1 + (size_t)head.domains) * sizeof *trace->rows);
    trace->ticks = 0;
}

/* The gap under way, if any, ends there. */
static void end_gap(struct gt_runtrace *trace, uint64_t end_ns)
{
    char reason[128];
    if (!trace->gap_begin_ns)
        return;
    flush_ticks(trace);
    snprintf(reason, sizeof reason, "%s: %s", gt_gap_word(GT_GAP_UNREAD),
             trace->gap_why == GT_E_RANGE ? "the source ended" : gt_status_message(trace->gap_why));
    gt_trace_write_gap(&trace->writer, trace->gap_begin_ns, end_ns, NULL, reason);
    trace->gap_begin_ns = 0;
}

/* What the times of the ticks from here on are. Small changes of how well they are known are not told. */
static void tell_edges(struct gt_runtrace *trace, double sigma_ns)
{
    if (!gt_follow_is_news(&trace->follow, sigma_ns))
        return;
    flush_ticks(trace);
    gt_origin_write_edges(&trace->writer, &trace->follow);
}

/* row: the time, then all domains' counters. A refresh that lies before the last reading says nothing new. */
static void add_tick(struct gt_runtrace *trace, const uint64_t *row, double sigma_ns)
{
    size_t words = 1 + (size_t)trace->desc.domain_count;
    if (row[0] <= trace->last_tick_ns)
        return;
    if (trace->follow.source)
        tell_edges(trace, sigma_ns);
    memcpy(trace->rows + trace->ticks * words, row, words * sizeof *row);
    trace->last_tick_ns = row[0];
    if (++trace->ticks == TICKS_PER_RECORD)
        flush_ticks(trace);
}

/*
 * The counters; a failure begins a gap, the next success ends it, the script's end ends reading. The time of the reading, 0
 * when there is none. `last`: at the job's end.
 */
static uint64_t read_source(struct gt_runtrace *trace, uint64_t now_ns, bool last)
{
    uint64_t row[1 + GT_SOURCE_DOMAINS];
    enum gt_status status = last && trace->source->finish ? trace->source->finish(trace->state, now_ns, row + 1, &row[0])
                                                          : trace->source->read(trace->state, row + 1, &row[0]);
    if (status == GT_E_BUSY)
        return 0;
    if (status == GT_E_RANGE) {
        trace->reading = false;
        trace->source->close(trace->state);
    }
    if (status != GT_OK) {
        if (!trace->gap_begin_ns) {
            trace->gap_begin_ns = now_ns;
            trace->gap_why = status;
        }
        return 0;
    }
    end_gap(trace, row[0]);
    add_tick(trace, row, 0);
    return row[0];
}

/* The refresh that is due, or a burst to find it. A failure is left to the next plain reading, which begins the gap. */
static void follow(struct gt_runtrace *trace, uint64_t now_ns)
{
    uint64_t row[1 + GT_SOURCE_DOMAINS];
    double sigma_ns = 0;
    if (now_ns < trace->follow.due_ns)
        return;
    enum gt_follow_result result = gt_follow_read(&trace->follow, row, &sigma_ns);
    if (result == GT_FOLLOW_TICK && !trace->gap_begin_ns)
        add_tick(trace, row, sigma_ns);
}

static void read_cpu(struct gt_runtrace *trace, uint64_t now_ns)
{
    trace->next_cpu_ns = now_ns + (trace->spacing_ns < CPU_NS ? CPU_NS : 0);
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

/* CPU time of this process: all of it is for the job, while that runs. */
static uint64_t own_cpu_ns(void)
{
    struct rusage own;
    if (getrusage(RUSAGE_SELF, &own) != 0)
        return 0;
    return (uint64_t)(own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000000 +
           (uint64_t)(own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000;
}

/* What measuring has cost since the first reading. */
static void write_overhead(struct gt_runtrace *trace, uint64_t now_ns, bool last)
{
    if (trace->next_overhead_ns == 0) {
        trace->own_cpu_ns = own_cpu_ns();
        trace->next_overhead_ns = now_ns + OVERHEAD_NS;
    } else if (now_ns >= trace->next_overhead_ns || last) {
        gt_trace_write_overhead(&trace->writer, own_cpu_ns() - trace->own_cpu_ns, 0);
        trace->next_overhead_ns = now_ns + (trace->spacing_ns == COARSE_NS ? COARSE_NS : OVERHEAD_NS);
    }
}

uint64_t gt_runtrace_next(struct gt_runtrace *trace)
{
    if (!trace->reading || !trace->follow.source)
        return trace->next_row_ns;
    uint64_t tick = gt_follow_next(&trace->follow), row = trace->next_row_ns;
    if (gt_follow_is_locked(&trace->follow) && !trace->gap_begin_ns && row < trace->next_cpu_ns)
        row = trace->next_cpu_ns; /* the refreshes bring the energy: no wake-up is needed for a row of its own */
    return tick < row ? tick : row;
}

/* The trace is as large as it may be: a reading per minute is all that still comes, at times of reading. */
static void thin_out(struct gt_runtrace *trace)
{
    trace->full = true;
    trace->spacing_ns = coarse_ns(trace);
    if (!trace->follow.source)
        return;
    tell_edges(trace, 0);
    trace->follow.source = NULL;
}

/* At a fixed pace; times that were missed are passed over. */
static void set_next_row(struct gt_runtrace *trace, uint64_t now_ns)
{
    uint64_t next_ns = trace->next_row_ns + trace->spacing_ns;
    trace->next_row_ns = next_ns > now_ns ? next_ns : now_ns + trace->spacing_ns;
}

void gt_runtrace_sample(struct gt_runtrace *trace, uint64_t now_ns, bool last)
{
    if (trace->reading && trace->follow.source && !last)
        follow(trace, now_ns);
    if (now_ns < trace->next_row_ns && !last)
        return;
    bool plain = trace->reading && (last || !gt_follow_is_locked(&trace->follow) || trace->gap_begin_ns);
    bool finish = last && trace->reading && trace->source->finish;
    if (finish)
        read_cpu(trace, now_ns); /* the source may wait, and that time is not the job's */
    uint64_t told_ns = plain ? read_source(trace, now_ns, last) : 0;
    while (finish && told_ns > 0 && told_ns < now_ns)
        told_ns = read_source(trace, now_ns, last);
    if (!finish && (last || now_ns >= trace->next_cpu_ns))
        read_cpu(trace, now_ns);
    if (gt_trace_write_bytes_total(&trace->writer) > trace->limit_bytes)
        thin_out(trace);
    write_overhead(trace, now_ns, last);
    set_next_row(trace, now_ns);
    if (now_ns >= trace->next_flush_ns || last) {
        flush_ticks(trace);
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
