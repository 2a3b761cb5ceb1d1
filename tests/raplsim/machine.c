#include "tests/raplsim/machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint64_t QUANTUM_FJ =
    UINT64_C(61035156250); /* 2^-14 J: MSR_RAPL_POWER_UNIT's usual energy unit (Intel SDM 15.10.1) */
static const uint64_t NOISE_CELL_NS = 1000000;
static const uint64_t LOOK_NS = 10000000; /* USER_HZ: /proc/stat says nothing new any sooner */

__extension__ typedef unsigned __int128 wide;

/* The finaliser of SplitMix64 (public domain, S. Vigna). */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* -most … most. */
static int64_t uniform(uint64_t key, uint64_t most)
{
    return (int64_t)(mix(key) % (2 * most + 1)) - (int64_t)most;
}

/* user, nice, system, irq, softirq and steal are busy (proc(5)). */
static uint64_t stat_busy_ns(int fd)
{
    char text[256];
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = 0;
    if (sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq, &softirq,
               &steal) != 8)
        return 0;
    return (user + nice + system + irq + softirq + steal) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
}

void machine_init(struct machine *m, const struct machine_options *options, struct power_table *table)
{
    memset(m, 0, sizeof *m);
    m->options = *options;
    m->table = table;
    m->begin_ns = power_now_ns();
    m->stat_fd = options->busy_mw ? open("/proc/stat", O_RDONLY | O_CLOEXEC) : -1;
    if (m->stat_fd >= 0)
        m->stat_begin_ns = stat_busy_ns(m->stat_fd);
}

static uint64_t edge_ns(const struct machine *m, uint64_t n, uint64_t phase_ns)
{
    uint64_t jitter_ns = m->options.jitter_us * 1000;
    int64_t off = jitter_ns ? uniform(m->options.seed ^ n << 8, jitter_ns) : 0;
    return m->begin_ns + phase_ns + n * m->options.period_us * 1000 + (uint64_t)off;
}

uint64_t machine_edge(const struct machine *m, uint64_t now_ns, unsigned shift_us)
{
    uint64_t period_ns = m->options.period_us * 1000;
    uint64_t phase_ns = (m->options.phase_us + shift_us) * 1000, first = m->begin_ns + phase_ns;
    uint64_t n = now_ns > first ? (now_ns - first) / period_ns + 1 : 0;
    while (n > 0 && edge_ns(m, n, phase_ns) > now_ns)
        n--;
    return n > 0 ? edge_ns(m, n, phase_ns) : m->begin_ns;
}

/* Energy of the noise from the beginning to t: what the second cell of a pair gives back, the first one took. */
static int64_t noise_pj(const struct machine *m, unsigned package, uint64_t ns)
{
    uint64_t pair = ns / (2 * NOISE_CELL_NS), in = ns % (2 * NOISE_CELL_NS);
    int64_t mw = m->options.noise_mw ? uniform(m->options.seed + 1 + package + pair * 16, m->options.noise_mw) : 0;
    return mw * (int64_t)(in < NOISE_CELL_NS ? in : 2 * NOISE_CELL_NS - in);
}

/* Other cpus' busy time by the last look at or before t. */
static uint64_t others_ns(const struct machine *m, uint64_t t_ns)
{
    uint64_t oldest = m->others_count > MACHINE_LOG ? m->others_count - MACHINE_LOG : 0, low = oldest, high = m->others_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (m->others[middle % MACHINE_LOG].t_ns <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low > oldest ? m->others[(low - 1) % MACHINE_LOG].ns : 0;
}

void machine_look(struct machine *m, uint64_t now_ns)
{
    struct power_sum jobs;
    uint64_t last = m->others_count ? m->others_count - 1 : 0;
    power_bury(m->table);
    if (m->stat_fd < 0 || (m->others_count && now_ns < m->others[last % MACHINE_LOG].t_ns + LOOK_NS))
        return;
    uint64_t busy = stat_busy_ns(m->stat_fd) - m->stat_begin_ns;
    power_sum_at(m->table, UINT32_MAX, now_ns, &jobs);
    uint64_t ns = busy > jobs.cpu_ns ? busy - jobs.cpu_ns : 0, before = m->others_count ? m->others[last % MACHINE_LOG].ns : 0;
    m->others[m->others_count % MACHINE_LOG].t_ns = now_ns;
    m->others[m->others_count++ % MACHINE_LOG].ns = ns > before ? ns : before;
}

static bool jobs_pj(const struct machine *m, unsigned package, uint64_t t_ns, uint64_t *pj)
{
    struct power_sum sum;
    bool known = power_sum_at(m->table, package, t_ns, &sum);
    *pj = sum.pj + (package == 0 ? m->options.busy_mw * others_ns(m, t_ns) : 0);
    return known;
}

static bool package_pj(const struct machine *m, unsigned package, uint64_t t_ns, uint64_t *pj)
{
    uint64_t ns = t_ns - m->begin_ns;
    bool known = jobs_pj(m, package, t_ns, pj);
    *pj += m->options.idle_mw * ns + (uint64_t)noise_pj(m, package, ns);
    return known;
}

bool machine_total(const struct machine *m, uint64_t t_ns, uint64_t *pj)
{
    bool known = true;
    *pj = 0;
    for (unsigned p = 0; p < m->options.packages; p++) {
        uint64_t one;
        known &= package_pj(m, p, t_ns, &one);
        *pj += one + (m->options.dram ? m->options.dram_mw * (t_ns - m->begin_ns) : 0);
    }
    return known;
}

bool machine_energy(const struct machine *m, enum machine_kind kind, unsigned package, uint64_t t_ns, uint64_t *pj)
{
    bool known = true;
    switch (kind) {
    case MACHINE_PACKAGE:
        return package_pj(m, package, t_ns, pj);
    case MACHINE_CORE:
        return jobs_pj(m, package, t_ns, pj);
    case MACHINE_DRAM:
        *pj = m->options.dram_mw * (t_ns - m->begin_ns);
        break;
    case MACHINE_PSYS:
        known = machine_total(m, t_ns, pj);
        *pj += m->options.board_mw * (t_ns - m->begin_ns);
        break;
    }
    return known;
}

uint64_t machine_counter_uj(const struct machine *m, uint64_t pj)
{
    uint64_t quanta = (uint64_t)((wide)pj * 1000 / QUANTUM_FJ);
    /* The register counts to the range's last quantum and starts again. */
    uint64_t range = (uint64_t)((wide)m->options.wrap_uj * 1000000000 / QUANTUM_FJ) + 1;
    return (uint64_t)((wide)(quanta % range) * QUANTUM_FJ / 1000000000);
}
