#include "energy/origin.h"

#include "energy/host.h"

/* Empty text and negative numbers are unknown: left out, not zero. */
static void text_field(struct gt_trace_writer *writer, enum gt_trace_key key, const char *text)
{
    if (*text)
        gt_trace_write_string(writer, key, text);
}

static void known_field(struct gt_trace_writer *writer, enum gt_trace_key key, int64_t value)
{
    if (value >= 0)
        gt_trace_write_u64(writer, key, (uint64_t)value);
}

void gt_origin_write_host(struct gt_trace_writer *writer, const struct gt_os *os)
{
    struct gt_host host;
    gt_host_read(os, &host);
    gt_trace_write_begin(writer, GT_TRACE_HOST);
    text_field(writer, GT_KEY_CPU_MODEL, host.cpu_model);
    text_field(writer, GT_KEY_CPU_VENDOR, host.vendor);
    known_field(writer, GT_KEY_CPU_FAMILY, host.family);
    known_field(writer, GT_KEY_CPU_MODEL_NUMBER, host.model);
    known_field(writer, GT_KEY_CPU_STEPPING, host.stepping);
    gt_trace_write_u64(writer, GT_KEY_CPUS_ONLINE, host.cpus_online);
    gt_trace_write_u64(writer, GT_KEY_CPUS_ALLOWED, host.cpus_allowed);
    if (host.memory_bytes)
        gt_trace_write_u64(writer, GT_KEY_MEMORY_BYTES, host.memory_bytes);
    text_field(writer, GT_KEY_MICROCODE, host.microcode);
    text_field(writer, GT_KEY_GOVERNOR, host.governor);
    known_field(writer, GT_KEY_TURBO, host.turbo);
    known_field(writer, GT_KEY_HYPERVISOR, host.hypervisor);
    text_field(writer, GT_KEY_KERNEL, host.kernel);
    gt_trace_write_commit(writer);
}

static void write_domain(struct gt_trace_writer *writer, const struct gt_domain *domain)
{
    gt_trace_write_string(writer, GT_KEY_DOMAIN_NAME, domain->name);
    known_field(writer, GT_KEY_DOMAIN_PARENT, domain->parent);
    known_field(writer, GT_KEY_DOMAIN_PACKAGE, domain->package);
    known_field(writer, GT_KEY_DOMAIN_DIE, domain->die);
    gt_trace_write_u64(writer, GT_KEY_DOMAIN_ADDITIVE, domain->additive);
    gt_trace_write_f64(writer, GT_KEY_DOMAIN_UJ, domain->uj_per_count);
    gt_trace_write_u64(writer, GT_KEY_DOMAIN_WRAP, domain->wrap_count);
    gt_trace_write_u64(writer, GT_KEY_DOMAIN_REFRESH_NS, domain->refresh_ns);
    known_field(writer, GT_KEY_DOMAIN_MIRROR, (int64_t)domain->mirror - 1);
    if (domain->most_w > 0)
        gt_trace_write_f64(writer, GT_KEY_DOMAIN_MOST_W, domain->most_w);
}

void gt_origin_write_source(struct gt_trace_writer *writer, const struct gt_source_desc *desc)
{
    gt_trace_write_begin(writer, GT_TRACE_SOURCE);
    gt_trace_write_string(writer, GT_KEY_SOURCE_NAME, desc->source);
    gt_trace_write_string(writer, GT_KEY_BOUNDARY, desc->boundary);
    gt_trace_write_string(writer, GT_KEY_PROVENANCE, gt_provenance_word(desc->provenance));
    text_field(writer, GT_KEY_SOURCE_NOTE, desc->note);
    for (int i = 0; i < desc->domain_count; i++)
        write_domain(writer, &desc->domains[i]);
    gt_trace_write_commit(writer);
}

void gt_origin_write_edges(struct gt_trace_writer *writer, const struct gt_follow *follow)
{
    gt_trace_write_begin(writer, GT_TRACE_EDGE);
    known_field(writer, GT_KEY_EDGE_PACKAGE, follow->package);
    gt_trace_write_f64(writer, GT_KEY_EDGE_SIGMA_NS, follow->sigma_told);
    gt_trace_write_f64(writer, GT_KEY_EDGE_PERIOD_NS, follow->sync.period);
    gt_trace_write_commit(writer);
}
