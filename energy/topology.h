/*
 * Which cpu sits in which package, die and core: /sys/devices/system/cpu (Documentation/admin-guide/cputopology.rst).
 *
 * Sources read a package's counters on one cpu of it. Needs libc alone; no allocation, no stdio; thread-safe.
 */
#ifndef GT_ENERGY_TOPOLOGY_H
#define GT_ENERGY_TOPOLOGY_H

#include "core/os.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

/* Ids that the kernel does not tell are 0: then there is one of them. */
struct gt_topology_cpu {
    uint32_t cpu;
    int package, die, core;
};

/* Called once per cpu of the list, ascending; false stops. */
typedef bool gt_topology_cpu_fn(void *context, const struct gt_topology_cpu *cpu);

/*
 * The cpus of a kernel's cpu list ("0-3,8", file `path`), each with its place. GT_E_FORMAT: the file holds something else;
 * GT_E_NOENT, GT_E_PERM, ...: it cannot be read.
 */
enum gt_status gt_topology_each_cpu(const struct gt_os *os, const char *path, gt_topology_cpu_fn *each, void *context,
                                    struct gt_err *err);

#endif
