#include "tracker/runtrace_records.h"

#include "tracker/job.h"

#include <stdlib.h>
#include <unistd.h>

void gt_runtrace_write_process(struct gt_trace_writer *writer, const char *exe, const char *command)
{
    gt_trace_write_begin(writer, GT_TRACE_PROCESS);
    gt_trace_write_u64(writer, GT_KEY_PID, (uint64_t)getpid());
    gt_trace_write_u64(writer, GT_KEY_PPID, (uint64_t)getppid());
    gt_trace_write_u64(writer, GT_KEY_START_NS, gt_job_now_ns());
    gt_trace_write_string(writer, GT_KEY_EXE, exe);
    gt_trace_write_string(writer, GT_KEY_COMMAND, command);
    gt_trace_write_commit(writer);
}

void gt_runtrace_write_labels(struct gt_trace_writer *writer)
{
    static const struct {
        const char *variable, *label;
    } labels[] = {
        {"GREENTRACK_MODEL", "model"}, {"GREENTRACK_FAMILY", "family"}, {"GREENTRACK_PHI", "phi"},
        {"GREENTRACK_TAGS", "tags"},   {"GREENTRACK_UNITS", "units"},
    };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        const char *value = getenv(labels[i].variable);
        if (value && *value)
            gt_trace_write_note(writer, labels[i].label, value);
    }
}
