#include "energy/topology.h"

#include "energy/scan.h"

#include <string.h>

enum { LIST_BYTES = 4096, PATH_BYTES = 128, MOST_CPUS = 1 << 16 };

static int read_id(const struct gt_os *os, uint32_t cpu, const char *file)
{
    char path[PATH_BYTES] = "/sys/devices/system/cpu/cpu";
    uint64_t id;
    gt_scan_append_u64(path, sizeof path, cpu);
    gt_scan_append(path, sizeof path, "/topology/");
    gt_scan_append(path, sizeof path, file);
    return gt_os_read_u64(os, path, &id) == 0 && id <= INT32_MAX ? (int)id : 0;
}

static bool place_cpu(const struct gt_os *os, uint32_t cpu, gt_topology_cpu_fn *each, void *context)
{
    const struct gt_topology_cpu place = {.cpu = cpu,
                                          .package = read_id(os, cpu, "physical_package_id"),
                                          .die = read_id(os, cpu, "die_id"),
                                          .core = read_id(os, cpu, "core_id")};
    return each(context, &place);
}

enum gt_status gt_topology_each_cpu(const struct gt_os *os, const char *path, gt_topology_cpu_fn *each, void *context,
                                    struct gt_err *err)
{
    char list[LIST_BYTES];
    ssize_t n = gt_os_read_text(os, path, list, sizeof list);
    if (n < 0)
        return gt_err_set_errno(err, (int)-n, "%s", path);
    const char *at = list;
    for (;;) {
        uint64_t first, last;
        bool sound = gt_scan_u64(&at, &first);
        last = first;
        if (sound && *at == '-')
            sound = (at++, gt_scan_u64(&at, &last));
        if (!sound || last < first || last >= MOST_CPUS || (*at != ',' && *at != '\0'))
            return gt_err_set(err, GT_E_FORMAT, "%s: '%.100s' is no list of cpus", path, list);
        for (uint64_t cpu = first; cpu <= last; cpu++)
            if (!place_cpu(os, (uint32_t)cpu, each, context))
                return GT_OK;
        if (*at++ == '\0')
            return GT_OK;
    }
}
