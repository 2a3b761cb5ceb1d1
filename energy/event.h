/*
 * Event counters: what the kernel's performance events count for a job or a thread (instructions, page faults, ...).
 *
 * A *term* is one event of perf_event_open(2), encoded: names are resolved by the tracker alone (libpfm4, PAPI's presets), the
 * plugin gets the numbers. An *event* as people ask for it is a weighted sum of terms, mostly of one. No allocation, no stdio;
 * thread-safe.
 */
#ifndef GT_ENERGY_EVENT_H
#define GT_ENERGY_EVENT_H

#include "core/os.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    GT_EVENT_NAME = 96,  /* bytes of a name, its end included */
    GT_EVENT_TERMS = 8,  /* of one event */
    GT_UNIT_TERMS = 8,   /* that units may be counted by, all events together */
    GT_EVENT_TEXT = 1536 /* room for GT_UNIT_TERMS terms as text */
};

/* The variable by which `greentrack run` hands terms to the plugin. */
#define GT_EVENT_VARIABLE "GREENTRACK_UNIT_EVENTS"

struct gt_event_term {
    char name[GT_EVENT_NAME]; /* of the event that it belongs to; no comma in it */
    uint32_t type;            /* perf_event_attr.type, .config, .config1, .config2 */
    uint64_t config, config1, config2;
    bool exclude_user, exclude_kernel;
    int64_t weight; /* of the term in its event; not 0 */
};

/* What one reading says. Counted only while running; enabled more than running: the kernel shared the counter out by time. */
struct gt_event_count {
    uint64_t value, enabled_ns, running_ns;
};

/*
 * "TYPE:CONFIG:CONFIG1:CONFIG2:FLAGS:WEIGHT:NAME,...": hexadecimal but for the weight; FLAGS 1 excludes user mode, 2 the
 * kernel. Bytes without the end; -1: it does not fit, or a name has a comma.
 */
int gt_event_format(const struct gt_event_term *terms, int count, char *text, size_t size);

/* The same back. Their number, at most `room`; -1: not of this form, every byte of it. */
int gt_event_parse(const char *text, struct gt_event_term *terms, int room);

/*
 * Opens a term for thread `pid` on any cpu. `on_exec`: counts from that thread's next exec on, and what it starts as well. Else
 * it counts that thread alone, from now on. A kernel that refuses its own part gets asked for user mode alone (*user_only)
 * where the event has such a part: a count of context switches without the kernel would always be 0, and is refused
 * (-EDOM where the term itself excludes it). Descriptor, or -errno.
 */
int gt_event_open(const struct gt_os *os, const struct gt_event_term *term, pid_t pid, bool on_exec, bool *user_only);

/* read(2) of such a descriptor. 0 or -errno. */
int gt_event_read(const struct gt_os *os, int fd, struct gt_event_count *count);

/* What the event would have counted if it had always run; false: it never ran, nothing is known. */
bool gt_event_scale(const struct gt_event_count *count, double *value);

/* Whose doing is counted: "user", "kernel", "all" (both). Clocks run in both, whatever is excluded. */
const char *gt_event_scope(const struct gt_event_term *term, bool user_only);

/* Why perf_event_open failed, for people: the errno's meaning for this call, not its general text. */
const char *gt_event_reason(const struct gt_event_term *term, int error);

#endif
