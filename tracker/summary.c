#include "tracker/summary.h"

#include "core/text.h"
#include "tracker/storeopen.h"

#include <stdio.h>
#include <string.h>

char *gt_summary_energy(char *out, size_t size, const struct gt_figure_uj *figure, const char *provenance, const char *source,
                        const char *boundary)
{
    char value[32], low[32], high[32], bounds[80] = "";
    if (figure->uj == GT_UNKNOWN) {
        snprintf(out, size, "joules unknown");
        return out;
    }
    if (figure->lo_uj != GT_UNKNOWN && figure->hi_uj != GT_UNKNOWN && figure->lo_uj != figure->hi_uj)
        snprintf(bounds, sizeof bounds, "%s to %s, ", gt_text_energy_uj(low, sizeof low, (double)figure->lo_uj),
                 gt_text_energy_uj(high, sizeof high, (double)figure->hi_uj));
    snprintf(out, size, "%s (%s%s, %s: %s)", gt_text_energy_uj(value, sizeof value, (double)figure->uj), bounds,
             provenance ? provenance : "unknown", source ? source : "unknown", boundary ? boundary : "unknown");
    return out;
}

static const struct gt_run_record *stored_run(struct gt_tracker *tracker, const char *id)
{
    struct gt_store *store = NULL;
    struct gt_run_record *run = NULL;
    struct gt_err err = {0};
    if (gt_storeopen(tracker, GT_STORE_READ, &store, &err) == GT_OK &&
        gt_store_get_run(store, id, &tracker->arena, &run, &err) != GT_OK)
        run = NULL;
    gt_store_close(store);
    return run;
}

void gt_summary_print_run(struct gt_tracker *tracker, const struct gt_measure_result *result)
{
    char wall[32], cpu[32], energy[256];
    const struct gt_run_record *run = stored_run(tracker, result->run_hex);
    gt_text_time_ns(wall, sizeof wall, (double)(result->job.end_ns - result->job.begin_ns));
    if (!run) {
        gt_tracker_say(tracker, "%s, not in the store yet; run %.12s", wall, result->run_hex);
        return;
    }
    gt_summary_energy(energy, sizeof energy, &run->attribution.run_job, run->provenance, run->source, run->boundary);
    if (run->cpu_ns == GT_UNKNOWN)
        strcpy(cpu, "unknown");
    else
        gt_text_time_ns(cpu, sizeof cpu, (double)run->cpu_ns);
    gt_tracker_say(tracker, "%s, %s, %s of CPU time; more by: greentrack show %.12s", energy, wall, cpu, result->run_hex);
}
