/*
 * Event counters of units: opt-in, read by the host's own threads without a system call.
 *
 * For every ring in a file or in memory (not the small static ones) the sampler opens the terms of GREENTRACK_UNIT_EVENTS on
 * the thread that took it, maps the kernel's page of each and publishes them. From then on the thread reads them at the begin
 * and end of a span (energy/rdpmc.h) and adds the differences to a table of its own, which the sampler sums up over all threads
 * and writes: every ten seconds (of a trace that has turned to blocks, with each of them), and at the end. Calls before the
 * pages were there are not counted; the table has the number of those that are.
 *
 * What cannot be read that way (software events, a virtual machine without a PMU, a kernel that forbids it, any system call
 * filter) is named in the trace and not counted. The table lies in private memory: of a process that is killed, what came after
 * the last writing is lost.
 */
#ifndef GT_PLUGIN_UNITCOUNT_H
#define GT_PLUGIN_UNITCOUNT_H

#include "energy/rdpmc.h"
#include "plugin/state.h"

struct gt_sampler;

/* --- the host's threads (hook.c) ---------------------------------------------------------------------------------------------
 */

/* All terms of the calling thread; 0: none is to be had now. Async-signal-safe; no system call. */
uint32_t gt_unitcount_read(struct gt_thread *thread, uint64_t epoch, struct gt_event_count *counts);

/* What lies between the two readings belongs to one call of the slot. */
void gt_unitcount_add(struct gt_thread *thread, uint64_t epoch, uint32_t slot, const struct gt_event_count *before,
                      const struct gt_event_count *after, uint32_t count);

/* --- the sampler
 * --------------------------------------------------------------------------------------------------------------- */

/* Opens what new threads need. */
void gt_unitcount_tend(struct gt_sampler *s);
/* The thread of that ring is gone: its sums are kept, its pages unmapped. */
void gt_unitcount_retire(struct gt_sampler *s, uint32_t number);
/* Writes what has been counted so far, when it has changed. */
void gt_unitcount_write(struct gt_sampler *s);
/* After the last write, with nobody in a hook. `quiet`: false leaves the pages of that ring mapped. */
void gt_unitcount_close(struct gt_sampler *s, uint32_t number, bool quiet);
void gt_unitcount_end(struct gt_sampler *s);

#endif
