#include "runtime/cli/pin.h"

#include <stdbool.h>
#include <stdio.h>

/* The first sibling stands for its core; so does one whose siblings are not told. */
static bool stands_for_core(int cpu)
{
    char path[96];
    int first = cpu;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    FILE *f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%d", &first) != 1)
            first = cpu;
        fclose(f);
    }
    return first == cpu;
}

uint32_t gtcnn_pin_choose(uint32_t threads, cpu_set_t *set)
{
    cpu_set_t allowed;
    uint32_t found = 0;
    CPU_ZERO(set);
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 0;
    for (int siblings = 0; siblings < 2; siblings++)
        for (int cpu = 0; cpu < CPU_SETSIZE && found < threads; cpu++)
            if (CPU_ISSET(cpu, &allowed) && !CPU_ISSET(cpu, set) && (siblings || stands_for_core(cpu))) {
                CPU_SET(cpu, set);
                found++;
            }
    return found;
}
