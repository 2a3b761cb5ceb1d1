/*
 * The host class: what two machines must have in common before their joules are compared.
 *
 * Everything is read through the os seam: /proc/cpuinfo, /proc/meminfo, /proc/self/status (Cpus_allowed_list),
 * /proc/self/cgroup with cpu.max (cgroup v2) or cpu.cfs_quota_us (v1) of the group and its ancestors, /sys/devices/system/cpu,
 * /proc/sys/kernel/osrelease. Needs libc alone; no allocation, no stdio, so that the plugin may use it; thread-safe.
 */
#ifndef GT_ENERGY_HOST_H
#define GT_ENERGY_HOST_H

#include "core/os.h"
#include "core/status.h"

#include <stdint.h>

enum { GT_HOST_TEXT = 128, GT_HOST_CLASS_TEXT = 512, GT_HOST_ID = 17 };

struct gt_host {
    char cpu_model[GT_HOST_TEXT]; /* "model name"; on ARM made of implementer and part: "ARM Neoverse-N1"; "" unknown */
    char vendor[32];              /* "GenuineIntel", "AuthenticAMD", "ARM", ...; "" unknown */
    int family, model, stepping;  /* -1 unknown. ARM: architecture, part, revision */
    uint32_t cpus_online;         /* >= 1 */
    uint32_t cpus_allowed;        /* >= 1: the least of affinity mask and cgroup quota, a broken quota rounded up */
    double cpus_quota;            /* the quota itself, in cpus; 0 when there is none */
    uint64_t memory_bytes;        /* MemTotal; 0 unknown */
    char microcode[32];           /* "" unknown */
    char governor[32];            /* of cpu0; "" unknown */
    int turbo;                    /* 1 on, 0 off, -1 unknown */
    int hypervisor;               /* 1 in a virtual machine, 0 not, -1 unknown */
    char kernel[GT_HOST_TEXT];    /* "6.1.0-13-amd64"; "" unknown; not part of the class */
};

/* Fills *host with what can be read; what cannot is unknown, never an error. */
void gt_host_read(const struct gt_os *os, struct gt_host *host);

/*
 * The class as one line: "Intel(R) Xeon(R) ... (6/85/7), 2 of 4 cpus, 16 GiB, microcode 0x5003303, performance, turbo on,
 * virtual". Memory is rounded up to GiB, so that two pods of one kind agree. Returns `out`.
 */
char *gt_host_class_text(const struct gt_host *host, char *out, size_t size);

/* Its identity: 16 hexadecimal digits (FNV-1a, 64 bits, of the text above). Returns `out`. */
char *gt_host_class_id(const struct gt_host *host, char out[GT_HOST_ID]);

#endif
