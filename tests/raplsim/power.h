/*
 * What synthetic jobs draw, published through a shared file: each job thread has a slot in it and writes every change of its
 * power there; raplsim reads them and integrates. The energy of a slot at any time, also one in the past, is a function of what
 * was published, so that the truth is exact whatever the scheduler does.
 *
 * A step says: from `t_ns` on this thread draws `mw`, for at most `span_ns` of CPU time. A layer is planned in CPU time and
 * costs power × span however often it is preempted; while it runs, its energy rises at that power by the wall clock until all
 * of it is spent. Energy therefore never falls, never runs ahead of the plan, and a layer's total is known before it has run.
 *
 * A writer takes the time of a step while its sequence number is odd, a reader reads the clock before it looks: what is
 * published later than a look can only be about later times. A thread that was killed keeps what it had drawn when that is
 * noticed.
 *
 * Units: mW × ns = pJ; 64 bits of it are 18 MJ. One thread per slot; any number of readers in other processes.
 */
#ifndef GT_TESTS_RAPLSIM_POWER_H
#define GT_TESTS_RAPLSIM_POWER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* 131,072 changes are kept: 13 s of layers of 100 µs. A slot is 5 MB of a sparse file. */
enum { POWER_SLOTS = 8, POWER_HISTORY = 1 << 17 };

struct power_step {
    _Atomic uint64_t t_ns, mw, span_ns;
    _Atomic uint64_t before_pj, before_cpu_ns; /* all that was drawn and computed until t_ns */
};

struct power_slot {
    _Atomic uint32_t owner; /* thread id; 0: free. What earlier owners drew stays in it */
    _Atomic uint32_t sequence;
    _Atomic uint64_t count; /* steps ever written; step i stands at i % POWER_HISTORY */
    _Atomic uint32_t package;
    struct power_step steps[POWER_HISTORY];
};

struct power_table {
    struct power_slot slots[POWER_SLOTS];
};

/* Energy and CPU time. */
struct power_sum {
    uint64_t pj, cpu_ns;
};

uint64_t power_now_ns(void); /* CLOCK_MONOTONIC */

/* Maps the file, which is made when it is not there. NULL with errno. Stays mapped. */
struct power_table *power_open(const char *path);

/* A free slot for the calling thread; NULL when all are taken. */
struct power_slot *power_attach(struct power_table *table, uint32_t package);
void power_detach(struct power_slot *slot); /* draws nothing any more */

/* From now on `mw` for `span_ns` of CPU time; what was planned before counts as done. */
void power_step(struct power_slot *slot, uint64_t mw, uint64_t span_ns);

/* What the slot had drawn at t_ns. False: that is longer ago than its history reaches. */
bool power_at(const struct power_slot *slot, uint64_t t_ns, struct power_sum *sum);

/* All slots of a package (UINT32_MAX: of all). */
bool power_sum_at(const struct power_table *table, uint32_t package, uint64_t t_ns, struct power_sum *sum);

/* Frees the slots of threads that are no more. */
void power_bury(struct power_table *table);

#endif
