/*
 * Ingest: from the spool to the store.
 *
 * Reads all traces, groups them by run, folds and attributes each run and writes it in one transaction. Only after the commit
 * do the traces (and the rings of killed processes) of a run that is over leave their places. Open traces are ingested too and
 * replaced next time. Several ingests at once are safe: the spool's lock lets one after the other. A malformed trace is moved
 * to rejected/ in the spool, one of a newer greentrack stays where it is; the others go on.
 */
#ifndef GT_TRACKER_INGEST_H
#define GT_TRACKER_INGEST_H

#include "core/arena.h"
#include "core/status.h"
#include "tracker/tracker.h"

#include <stddef.h>

struct gt_ingest_options {
    const char *spool, *store;
    unsigned wait_ms; /* for another ingest */
    /* One line about each trace or run that made trouble. */
    void (*say)(void *context, const char *line);
    void *context;
};

struct gt_ingest_counts {
    size_t traces;            /* looked at */
    size_t closed, open;      /* runs stored: over, still going */
    size_t crashed;           /* of the closed ones */
    size_t rejected, skipped; /* traces moved aside, traces left for a later time or a newer greentrack */
    size_t failed;            /* runs that could not be stored; their traces stay */
};

/* GT_OK although single traces failed (`counts` tells). GT_E_BUSY: another ingest; else the spool or the store as a whole. */
enum gt_status gt_ingest_spool(const struct gt_ingest_options *options, struct gt_ingest_counts *counts, struct gt_err *err);

/* What verbs that read or change runs do first: ingests the usual places, says what went wrong and goes on. */
void gt_ingest_before(struct gt_tracker *tracker);

#endif
