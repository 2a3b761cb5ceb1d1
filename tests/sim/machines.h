/*
 * Machines as they are found: the trees that perf, powercap, /dev/cpu/N/msr and hwmon show on real ones, in a virtual one.
 *
 * Life cycle: gt_sim_init, gt_machine_build, gt_machine_move as often as energy is to be used, gt_sim_free. All ways to one
 * counter show the same register, each in its own unit, width and rounding, as the kernel does. The machine must outlive its
 * use through the sim. One thread.
 */
#ifndef GT_TESTS_MACHINES_H
#define GT_TESTS_MACHINES_H

#include "tests/sim/sim.h"

enum { GT_MACHINE_COUNTERS = 64 };

/* Ways to the counters; a machine is built with those of a mask that it has. */
enum { GT_MACHINE_PERF = 1, GT_MACHINE_POWERCAP = 2, GT_MACHINE_MSR = 4, GT_MACHINE_HWMON = 8, GT_MACHINE_ALL = 15 };

#define GT_MACHINES(X)                                                                                                         \
    X(INTEL_CLIENT)     /* Core i7-8650U: package, core, uncore, dram, psys, and the package once more by MMIO */              \
    X(INTEL_OLD_CLIENT) /* Core i5-2520M: package, core, uncore; no dram */                                                    \
    X(INTEL_2S)         /* two Xeon Gold 6248: package and dram with its own unit */                                           \
    X(INTEL_2S_PSYS)    /* two Xeon Platinum 8480+: package, dram, psys in joules */                                           \
    X(INTEL_DIES)       /* two Xeon Platinum 9242 of two dies each: "package-0-die-1" */                                       \
    X(AMD_2S)           /* two EPYC 7543: package; cores in an event source of their own */                                    \
    X(AMD_CCD)          /* one EPYC 9354 on Linux 6.9: the package's counter once per core complex die */                      \
    X(AMD_ENERGY)       /* two EPYC 7742 on Linux 5.8: hwmon's amd_energy alone */                                             \
    X(JETSON)           /* Jetson Orin NX: one INA3221, three rails */                                                         \
    X(CONTAINER)        /* a container on INTEL_2S: zones without files, perf refused by the system call filter */             \
    X(VM)               /* a virtual machine without any counter */

enum gt_machine_id {
#define GT_MACHINE_ENUM(name) GT_MACHINE_##name,
    GT_MACHINES(GT_MACHINE_ENUM)
#undef GT_MACHINE_ENUM
        GT_MACHINE_COUNT
};

struct gt_machine;

/* One register (or, of a board, one rail) and what it has counted. */
struct gt_machine_counter {
    struct gt_machine *machine;
    char name[48]; /* as powercap names it */
    bool total;    /* the truth is the sum of these */
    int exponent;  /* one count is 2^-exponent joules */
    uint32_t nj;   /* powercap's idea of that, nanojoules */
    uint64_t count, start;
    uint64_t uw;                           /* of a rail: its power */
    char text[4][32];                      /* what its files hold */
    char perf[64], powercap[160], msr[64]; /* their paths: for failures; "" where there is none */
};

struct gt_machine {
    struct gt_sim *sim;
    bool lives; /* counters go on by one unit per ms of the sim's clock, besides what gt_machine_move adds */
    int counter_count;
    struct gt_machine_counter counters[GT_MACHINE_COUNTERS];
};

void gt_machine_build(struct gt_machine *machine, struct gt_sim *sim, enum gt_machine_id id, int ways);
const char *gt_machine_name(enum gt_machine_id id);

/* Counter i goes on by `count` of its own units (of a rail: its power becomes that many µW). */
void gt_machine_move(struct gt_machine *machine, int i, uint64_t count);

/* Microjoules that a counter has counted since it was built. */
double gt_machine_uj(const struct gt_machine_counter *counter);

#endif
