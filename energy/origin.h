/*
 * The records that say where a trace's figures come from: the host class, the energy source, its refreshes. Written by the
 * plugin's sampler and by `greentrack run` alike. What is unknown is left out, never zero. Needs libc alone; one thread.
 */
#ifndef GT_ENERGY_ORIGIN_H
#define GT_ENERGY_ORIGIN_H

#include "core/os.h"
#include "core/trace_write.h"
#include "energy/follow.h"
#include "energy/source.h"

/* HOST: the host class, as energy/host.h reads it. */
void gt_origin_write_host(struct gt_trace_writer *writer, const struct gt_os *os);

/* SOURCE with its domains. */
void gt_origin_write_source(struct gt_trace_writer *writer, const struct gt_source_desc *desc);

/* EDGE: what the times of the TICK records from here on are, as gt_follow_is_news has it. */
void gt_origin_write_edges(struct gt_trace_writer *writer, const struct gt_follow *follow);

#endif
