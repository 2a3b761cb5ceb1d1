#include "tracker/powerevents.h"

#include <inttypes.h>
#include <perfmon/pfmlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS "/sys/bus/event_source/devices/power/events/"

static const struct {
    const char *sysfs, *libpfm;
} events[] = {{"energy-pkg", "RAPL_ENERGY_PKG"},
              {"energy-ram", "RAPL_ENERGY_DRAM"},
              {"energy-cores", "RAPL_ENERGY_CORES"},
              {"energy-gpu", "RAPL_ENERGY_GPU"},
              {"energy-psys", "RAPL_ENERGY_PSYS"}};

/* The number in "event=0x02". */
static bool of_sysfs(const struct gt_os *os, const char *event, uint64_t *number)
{
    char path[128], text[64];
    int end = 0;
    snprintf(path, sizeof path, EVENTS "%s", event);
    return gt_os_read_text(os, path, text, sizeof text) > 0 &&
           sscanf(text, "event=%" SCNi64 "%n", (int64_t *)number, &end) == 1 && text[end] == '\0';
}

/* By the tables of Intel's and AMD's event source; false when neither is this processor's. */
static bool of_libpfm(const char *event, uint64_t *number)
{
    static const char *const tables[] = {"rapl", "amd64_rapl"};
    bool found = false;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !found; i++) {
        char name[64];
        uint64_t *codes = NULL; /* owned: libpfm4 allocates */
        int count = 0;
        snprintf(name, sizeof name, "%s::%s", tables[i], event);
        found = pfm_get_event_encoding(name, PFM_PLM0 | PFM_PLM3, NULL, NULL, &codes, &count) == PFM_SUCCESS && count > 0;
        if (found)
            *number = codes[0];
        free(codes);
    }
    return found;
}

void gt_powerevents_check(const struct gt_os *os, struct gt_arena *arena, struct gt_check *check)
{
    int there = 0, both = 0;
    bool loaded = pfm_initialize() == PFM_SUCCESS;
    check->result = GT_CHECK_OK;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        uint64_t kernel, library;
        if (!of_sysfs(os, events[i].sysfs, &kernel))
            continue;
        there++;
        if (!loaded || !of_libpfm(events[i].libpfm, &library))
            continue;
        both++;
        if (kernel == library)
            continue;
        check->result = GT_CHECK_LIMITED;
        check->detail =
            gt_arena_printf(arena,
                            "%s is event 0x%" PRIx64 " by the kernel and 0x%" PRIx64
                            " by libpfm4: greentrack goes by the kernel; compare with powercap before you trust perf",
                            events[i].sysfs, kernel, library);
        return;
    }
    check->detail = there == 0  ? "this kernel has no energy events"
                    : both == 0 ? gt_arena_printf(arena, "%d energy events, of which libpfm4 knows none", there)
                                : gt_arena_printf(arena, "%d energy events; libpfm4 knows %d of them, and agrees", there, both);
}
