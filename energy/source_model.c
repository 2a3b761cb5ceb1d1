/* The source for machines without counters: it reads nothing, and says that energy will be modelled from CPU time. */
#include "energy/model.h"
#include "energy/scan.h"
#include "energy/source.h"

#include <string.h>

static void model_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    (void)os, (void)spec;
    memset(result, 0, sizeof *result);
    result->result = GT_PROBE_AVAILABLE;
    gt_scan_append(result->detail, sizeof result->detail,
                   "modelled, not measured: CPU time times watts per vCPU of the processor's family");
}

static enum gt_status model_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                 struct gt_source_desc *desc, struct gt_err *err)
{
    (void)os, (void)state;
    memset(desc, 0, sizeof *desc);
    if (spec)
        return gt_err_set(err, GT_E_ARG, "model:%.60s: model takes no argument", spec);
    gt_scan_append(desc->source, sizeof desc->source, GT_MODEL_SOURCE);
    gt_scan_append(desc->boundary, sizeof desc->boundary, GT_MODEL_BOUNDARY);
    desc->provenance = GT_PROVENANCE_MODELLED;
    return GT_OK;
}

static enum gt_status model_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    (void)state, (void)raw, (void)t_ns;
    return GT_E_ABSENT;
}

static void model_close(struct gt_source_state *state)
{
    (void)state;
}

const struct gt_energy_source gt_source_model = {
    .name = GT_MODEL_SOURCE,
    .summary = "modelled from CPU time, where nothing can be measured",
    .light = true,
    .probe = model_probe,
    .open = model_open,
    .read = model_read,
    .close = model_close,
};
