/* The source that counts nothing: a run without energy, for baselines and for users who want none. */
#include "energy/scan.h"
#include "energy/source.h"

#include <string.h>

static void null_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    (void)os, (void)spec;
    memset(result, 0, sizeof *result);
    result->result = GT_PROBE_AVAILABLE;
    gt_scan_append(result->detail, sizeof result->detail, "counts no energy; CPU time and units are still recorded");
}

static enum gt_status null_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                struct gt_source_desc *desc, struct gt_err *err)
{
    (void)os, (void)state;
    memset(desc, 0, sizeof *desc);
    if (spec)
        return gt_err_set(err, GT_E_ARG, "null:%.60s: null takes no argument", spec);
    gt_scan_append(desc->source, sizeof desc->source, "null");
    gt_scan_append(desc->boundary, sizeof desc->boundary, "none");
    desc->provenance = GT_PROVENANCE_NONE;
    return GT_OK;
}

/* No domain, hence no counter to read; the caller sees that in domain_count and need not ask. */
static enum gt_status null_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    (void)state, (void)raw, (void)t_ns;
    return GT_E_ABSENT;
}

static void null_close(struct gt_source_state *state)
{
    (void)state;
}

const struct gt_energy_source gt_source_null = {
    .name = "null",
    .summary = "no energy at all",
    .light = true,
    .probe = null_probe,
    .open = null_open,
    .read = null_read,
    .close = null_close,
};
