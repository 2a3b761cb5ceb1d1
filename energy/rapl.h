/*
 * What the three ways to RAPL's counters (perf, powercap, msr) have in common: names, which domains add up, and what can be
 * told about the noise filter. Names are those of the kernel's powercap zones, so that one machine looks the same by each way.
 *
 * Needs libc alone; no allocation, no stdio; thread-safe.
 */
#ifndef GT_ENERGY_RAPL_H
#define GT_ENERGY_RAPL_H

#include "energy/source.h"

/* Intel SDM vol. 3B, 15.10: energy status is updated roughly every millisecond. */
#define GT_RAPL_REFRESH_NS UINT64_C(1000000)

/* "package-0-die-1" -> package 0, die 1; -1 for what the name does not say. */
void gt_rapl_parse_name(struct gt_domain *domain);

/* Appends a domain to *desc, refresh period filled in; NULL when there is no room (GT_SOURCE_DOMAINS). Borrowed from *desc. */
struct gt_domain *gt_rapl_add_domain(struct gt_source_desc *desc, const char *name, int parent);

/* As above, a package; die -1: it has one die, and the name does not say which. */
struct gt_domain *gt_rapl_add_package(struct gt_source_desc *desc, int package, int die);

/* Takes a domain out; its children go to its parent. Not for one that others mirror. */
void gt_rapl_drop_domain(struct gt_source_desc *desc, int i);

/*
 * Does the counter of a die of this machine show its whole package? AMD's and Hygon's do (MSR 0xC001029B, "package energy");
 * kernels from 6.9 on that tell dies apart offered it once per die (fixed by Linux 8d72eba1cf8c and 26096aed255f). False where
 * the topology knows of no second die: names that speak of one are then no such mistake.
 */
bool gt_rapl_is_package_wide(const struct gt_os *os);

/*
 * Decides what makes up the total, and names the boundary: all packages that mirror no other one (same package and die, as of a
 * second driver; the package alone where `package_wide`), and dram, which is outside of the package's own counter, where every
 * one of these packages has it. core and uncore are inside the package; psys contains everything, so that it is the total only
 * where there is no package. Returns how many packages (or psys) make up the total; 0: none.
 */
int gt_rapl_choose_total(struct gt_source_desc *desc, bool package_wide);

/*
 * Whether the processor adds noise to its energy counters (CVE-2020-8694, "PLATYPUS"), where that can be told: Intel's
 * IA32_MISC_PACKAGE_CTLS, which root reads through /dev/cpu/0/msr. Fills desc->note; "" when it cannot be told.
 */
void gt_rapl_note_filter(const struct gt_os *os, struct gt_source_desc *desc);

/* "RAPL, boundary package+dram: package-0 dram (psys and mirrors are not added)": a probe's detail, and the note. */
void gt_rapl_describe(const struct gt_source_desc *desc, struct gt_probe *result);

#endif
