#include "tests/raplsim/power.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t power_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct power_table *power_open(const char *path)
{
    void *table = MAP_FAILED;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return NULL;
    if (ftruncate(fd, sizeof(struct power_table)) == 0)
        table = mmap(NULL, sizeof(struct power_table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int saved = errno;
    close(fd);
    errno = saved;
    return table == MAP_FAILED ? NULL : table;
}

static uint32_t thread_id(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

struct power_slot *power_attach(struct power_table *table, uint32_t package)
{
    for (int i = 0; i < POWER_SLOTS; i++) {
        struct power_slot *slot = &table->slots[i];
        uint32_t nobody = 0;
        /* What is in a slot cannot move to another package. */
        if (atomic_load(&slot->count) > 0 && atomic_load(&slot->package) != package)
            continue;
        if (atomic_compare_exchange_strong(&slot->owner, &nobody, thread_id())) {
            atomic_store(&slot->package, package);
            return slot;
        }
    }
    return NULL;
}

/* The part of a step that is over at t_ns. */
static struct power_sum step_at(const struct power_step *step, uint64_t t_ns)
{
    uint64_t begin = atomic_load_explicit(&step->t_ns, memory_order_relaxed);
    uint64_t span = atomic_load_explicit(&step->span_ns, memory_order_relaxed);
    uint64_t over = t_ns > begin ? t_ns - begin : 0;
    over = over < span ? over : span;
    return (struct power_sum){.pj = atomic_load_explicit(&step->before_pj, memory_order_relaxed) +
                                    atomic_load_explicit(&step->mw, memory_order_relaxed) * over,
                              .cpu_ns = atomic_load_explicit(&step->before_cpu_ns, memory_order_relaxed) + over};
}

static void write_step(struct power_slot *slot, uint64_t t_ns, const struct power_sum *before, uint64_t mw, uint64_t span_ns)
{
    uint64_t count = atomic_load(&slot->count);
    struct power_step *step = &slot->steps[count % POWER_HISTORY];
    atomic_store_explicit(&step->t_ns, t_ns, memory_order_relaxed);
    atomic_store_explicit(&step->mw, mw, memory_order_relaxed);
    atomic_store_explicit(&step->span_ns, span_ns, memory_order_relaxed);
    atomic_store_explicit(&step->before_pj, before->pj, memory_order_relaxed);
    atomic_store_explicit(&step->before_cpu_ns, before->cpu_ns, memory_order_relaxed);
    atomic_store(&slot->count, count + 1);
}

void power_step(struct power_slot *slot, uint64_t mw, uint64_t span_ns)
{
    struct power_sum before = {0};
    uint64_t count = atomic_load(&slot->count);
    if (count > 0)
        before = step_at(&slot->steps[(count - 1) % POWER_HISTORY], UINT64_MAX);
    atomic_fetch_add(&slot->sequence, 1);
    write_step(slot, power_now_ns(), &before, mw, span_ns);
    atomic_fetch_add(&slot->sequence, 1);
}

void power_detach(struct power_slot *slot)
{
    power_step(slot, 0, 0);
    atomic_store(&slot->owner, 0);
}

/* The last step that began at or before t_ns; the oldest that is kept, and false, when there was none. */
static bool find_step(const struct power_slot *slot, uint64_t count, uint64_t t_ns, uint64_t *found)
{
    uint64_t oldest = count > POWER_HISTORY ? count - POWER_HISTORY : 0, low = oldest, high = count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (atomic_load_explicit(&slot->steps[middle % POWER_HISTORY].t_ns, memory_order_relaxed) <= t_ns)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low > oldest ? low - 1 : oldest;
    return low > oldest || oldest == 0;
}

static bool gone(const struct power_slot *slot)
{
    uint32_t owner = atomic_load(&slot->owner);
    return owner != 0 && syscall(SYS_tkill, owner, 0) != 0 && errno == ESRCH;
}

bool power_at(const struct power_slot *slot, uint64_t t_ns, struct power_sum *sum)
{
    for (unsigned tries = 0;; tries++) {
        uint32_t before = atomic_load(&slot->sequence);
        uint64_t count = atomic_load(&slot->count), at;
        *sum = (struct power_sum){0};
        bool known = count == 0 || find_step(slot, count, t_ns, &at);
        if (count > 0)
            *sum = step_at(&slot->steps[at % POWER_HISTORY], t_ns);
        atomic_thread_fence(memory_order_acquire);
        if (before % 2 == 0 && atomic_load(&slot->sequence) == before)
            return known;
        if (before % 2 == 1 && gone(slot)) /* killed while it wrote: what came before that holds */
            return known;
        if (tries > 100)
            sched_yield();
    }
}

bool power_sum_at(const struct power_table *table, uint32_t package, uint64_t t_ns, struct power_sum *sum)
{
    bool known = true;
    *sum = (struct power_sum){0};
    for (int i = 0; i < POWER_SLOTS; i++) {
        const struct power_slot *slot = &table->slots[i];
        struct power_sum one;
        if (package != UINT32_MAX && atomic_load(&slot->package) != package)
            continue;
        known &= power_at(slot, t_ns, &one);
        sum->pj += one.pj;
        sum->cpu_ns += one.cpu_ns;
    }
    return known;
}

void power_bury(struct power_table *table)
{
    for (int i = 0; i < POWER_SLOTS; i++) {
        struct power_slot *slot = &table->slots[i];
        struct power_sum sum;
        if (!gone(slot))
            continue;
        uint64_t now = power_now_ns();
        power_at(slot, now, &sum);
        if (atomic_load(&slot->sequence) % 2 == 0)
            atomic_fetch_add(&slot->sequence, 1);
        write_step(slot, now, &sum, 0, 0);
        atomic_fetch_add(&slot->sequence, 1);
        atomic_store(&slot->owner, 0);
    }
}
