/* The records that a run trace begins with. One thread. */
#ifndef GT_TRACKER_RUNTRACE_RECORDS_H
#define GT_TRACKER_RUNTRACE_RECORDS_H

#include "core/trace_write.h"

/* PROCESS: who runs what. `exe` NULL: unknown. */
void gt_runtrace_write_process(struct gt_trace_writer *writer, const char *exe, const char *command);

/* A NOTE for each of GREENTRACK_MODEL, _FAMILY, _PHI, _TAGS and _UNITS that is set. */
void gt_runtrace_write_labels(struct gt_trace_writer *writer);

#endif
