/* The few lines that `run` prints to standard error when its job has ended. */
#ifndef GT_TRACKER_SUMMARY_H
#define GT_TRACKER_SUMMARY_H

#include "sqlite/records.h"
#include "tracker/measure.h"
#include "tracker/tracker.h"

/* After ingest: joules with bounds, provenance and boundary, time, CPU time; without the store, the time alone. */
void gt_summary_print_run(struct gt_tracker *tracker, const struct gt_measure_result *result);

/* "45.6 J (30.1 J to 60.2 J, modelled, model: vcpu share)"; "unknown" when nothing is known. Returns `out`. */
char *gt_summary_energy(char *out, size_t size, const struct gt_figure_uj *figure, const char *provenance, const char *source,
                        const char *boundary);

#endif
