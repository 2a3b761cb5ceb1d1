#include "tracker/measured.h"

#include "energy/scan.h"

#include <string.h>

static const char *const result_words[] = {
    [GT_PROBE_AVAILABLE] = "not chosen by itself", [GT_PROBE_ABSENT] = "absent", [GT_PROBE_NO_PERMISSION] = "no permission"};

/* "powercap absent, papi absent, nvml not chosen by itself": every source in front of the model, in the order of the choice. */
static void list_tried(const struct gt_os *os, char *text, size_t size)
{
    int count;
    const struct gt_energy_source *const *sources = gt_source_list(&count);
    text[0] = '\0';
    for (int i = 0; i < count && sources[i] != &gt_source_model; i++) {
        struct gt_probe probe = {0};
        gt_source_probe(os, sources[i], NULL, &probe);
        gt_scan_append(text, size, i ? ", " : "");
        gt_scan_append(text, size, sources[i]->name);
        gt_scan_append(text, size, " ");
        gt_scan_append(text, size, sources[i] == &gt_source_external ? "not given" : result_words[probe.result]);
    }
}

enum gt_status gt_measured_refuse(const struct gt_os *os, const struct gt_energy_source *source, bool automatic,
                                  struct gt_err *err)
{
    char tried[GT_SOURCE_TEXT];
    if (!automatic)
        return gt_err_set(err, GT_E_ABSENT,
                          "--require-measured: the energy source %s does not measure; greentrack doctor lists those that do",
                          source->name);
    list_tried(os, tried, sizeof tried);
    return gt_err_set(err, GT_E_ABSENT,
                      "--require-measured: nothing here measures energy (%s); greentrack doctor says why and what would help",
                      tried);
}
