/*
 * The machine that raplsim shows: what its domains have used at any time, and what their counters show of it.
 *
 *   package p    idle power, noise, what the jobs of that package published, and (package 0) every other busy cpu's power
 *   core         what is in the package without idle and noise                   (a zone inside the package)
 *   dram         a constant power of its own                                     (a zone outside of it)
 *   psys         all packages and drams, and a constant power of the board
 *
 * A counter is refreshed at edges, period apart, each off by its own jitter; a read shows the energy at the last edge in whole
 * quanta, and starts again at 0 behind its range. Noise is white from one millisecond to the next and without a trace after two
 * (each power is followed by its opposite), so that it needs no memory. Everything but the other cpus' busy time, which the
 * kernel tells in its own ticks, is a closed form of time.
 *
 * mW × ns = pJ. One thread.
 */
#ifndef GT_TESTS_RAPLSIM_MACHINE_H
#define GT_TESTS_RAPLSIM_MACHINE_H

#include "tests/raplsim/power.h"

enum machine_kind { MACHINE_PACKAGE, MACHINE_CORE, MACHINE_DRAM, MACHINE_PSYS };

struct machine_options {
    uint64_t packages, core, dram, psys, mmio;     /* how many packages; whether there is such a zone */
    uint64_t period_us, jitter_us, phase_us;       /* of the refreshes; jitter: at most so much to either side */
    uint64_t wrap_uj;                              /* max_energy_range_uj */
    uint64_t idle_mw, noise_mw, dram_mw, board_mw; /* idle, noise and dram: of each package */
    uint64_t busy_mw;                              /* of a busy cpu beyond what the jobs published; 0: /proc/stat is not read */
    uint64_t seed;
};

enum { MACHINE_LOG = 1 << 16 };

struct machine {
    struct machine_options options;
    struct power_table *table;
    uint64_t begin_ns;
    /* busy CPU time that no job published: a row each time that it was looked up */
    struct {
        uint64_t t_ns, ns;
    } others[MACHINE_LOG];
    uint64_t others_count, stat_begin_ns;
    int stat_fd;
};

void machine_init(struct machine *machine, const struct machine_options *options, struct power_table *table);

/* The last refresh at or before now. `shift_us`: of the other register interface's counters. */
uint64_t machine_edge(const struct machine *machine, uint64_t now_ns, unsigned shift_us);

/* Energy since the machine began. False: the jobs' histories do not reach back so far. */
bool machine_energy(const struct machine *machine, enum machine_kind kind, unsigned package, uint64_t t_ns, uint64_t *pj);

/* Packages and drams: what adds up. */
bool machine_total(const struct machine *machine, uint64_t t_ns, uint64_t *pj);

/* What the counter shows of it, µJ. */
uint64_t machine_counter_uj(const struct machine *machine, uint64_t pj);

/* Before a read: looks at /proc/stat where the last look is 10 ms old, and for dead jobs. */
void machine_look(struct machine *machine, uint64_t now_ns);

#endif
