/* What can be measured here, what cannot, and the least privilege that would change it. Touches neither spool nor store. */
#include "energy/host.h"
#include "energy/source.h"
#include "energy/wattage.h"
#include "tracker/checks.h"
#include "tracker/output.h"
#include "tracker/runtrace.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const probe_words[] = {
    [GT_PROBE_AVAILABLE] = "available", [GT_PROBE_ABSENT] = "absent", [GT_PROBE_NO_PERMISSION] = "no permission"};

static struct gt_value optional(struct gt_tracker *tracker, const char *text)
{
    return gt_value_text(text && *text ? gt_arena_strdup(&tracker->arena, text) : NULL);
}

/* "auto" resolved; NULL for a name that no source has. */
static const struct gt_energy_source *chosen_source(const char *text, const char **spec)
{
    *spec = NULL;
    return strcmp(text, "auto") == 0 ? gt_source_best(&gt_os_linux) : gt_source_find(text, spec);
}

static void add_sources(struct gt_tracker *tracker, struct gt_document *document, const struct gt_energy_source *chosen,
                        const char *chosen_spec)
{
    static const struct gt_column columns[] = {
        {"source", NULL, GT_Q_TEXT, 0}, {"result", NULL, GT_Q_TEXT, 0},
        {"chosen", NULL, GT_Q_TEXT, 0}, {"summary", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
        {"detail", NULL, GT_Q_TEXT, 0}, {"fix", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    };
    int count;
    const struct gt_energy_source *const *sources = gt_source_list(&count);
    struct gt_section *section =
        gt_document_section(document, GT_SECTION_TABLE, "sources", "energy sources, best first", columns, COUNT(columns));
    for (int i = 0; i < count; i++) {
        struct gt_probe probe = {0};
        bool is_chosen = sources[i] == chosen;
        gt_source_probe(&gt_os_linux, sources[i], is_chosen ? chosen_spec : NULL, &probe);
        const struct gt_value values[] = {
            gt_value_text(sources[i]->name),    gt_value_text(probe_words[probe.result]), gt_value_bool(is_chosen),
            gt_value_text(sources[i]->summary), optional(tracker, probe.detail),          optional(tracker, probe.fix),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_checks(struct gt_document *document, const struct gt_check *checks, size_t count)
{
    static const struct gt_column columns[] = {
        {"check", NULL, GT_Q_TEXT, 0},
        {"result", NULL, GT_Q_TEXT, 0},
        {"detail", NULL, GT_Q_TEXT, 0},
        {"fix", NULL, GT_Q_TEXT, GT_COLUMN_DATA_ONLY},
    };
    struct gt_section *section =
        gt_document_section(document, GT_SECTION_TABLE, "checks", "what a measurement needs besides", columns, COUNT(columns));
    for (size_t i = 0; i < count; i++) {
        const struct gt_value values[] = {
            gt_value_text(checks[i].name),
            gt_value_text(gt_check_word(checks[i].result)),
            gt_value_text(checks[i].detail),
            gt_value_text(checks[i].fix),
        };
        gt_section_row(section, values, COUNT(values));
    }
}

static void add_host(struct gt_tracker *tracker, struct gt_document *document, const struct gt_host *host)
{
    static const struct gt_column columns[] = {
        {"class", NULL, GT_Q_TEXT, 0},
        {"cpus_allowed", "cpus allowed", GT_Q_INTEGER, 0},
        {"cpus_online", "cpus online", GT_Q_INTEGER, 0},
        {"hypervisor", "virtual machine", GT_Q_TEXT, 0},
        {"wattage", "wattage row", GT_Q_TEXT, 0},
        {"idle_w", "idle W per vCPU", GT_Q_REAL, 0},
        {"full_w", "full W per vCPU", GT_Q_REAL, 0},
        {"wattage_source", "its source", GT_Q_TEXT, 0},
        {"wattage_year", "its year", GT_Q_INTEGER, 0},
    };
    char *class_text = gt_arena_alloc(&tracker->arena, GT_HOST_CLASS_TEXT, 1);
    const struct gt_wattage *row = gt_wattage_find(host);
    if (class_text)
        gt_host_class_text(host, class_text, GT_HOST_CLASS_TEXT);
    struct gt_value virtual_machine = gt_value_bool(host->hypervisor == 1);
    if (host->hypervisor < 0)
        virtual_machine = (struct gt_value){0};
    const struct gt_value values[] = {
        gt_value_text(class_text), gt_value_u64(host->cpus_allowed), gt_value_u64(host->cpus_online),
        virtual_machine,           gt_value_text(row->family),       gt_value_f64(row->idle_w),
        gt_value_f64(row->full_w), gt_value_text(row->source),       gt_value_u64((uint64_t)row->year),
    };
    struct gt_section *section = gt_document_section(document, GT_SECTION_FIELDS, "host", "this host", columns, COUNT(columns));
    gt_section_row(section, values, COUNT(values));
}

/* Fixes under one another, so that they can be copied. */
static void add_fixes(struct gt_document *document, const struct gt_check *checks, size_t check_count)
{
    struct gt_section *section = gt_document_section(document, GT_SECTION_LINES, NULL, "what would help", NULL, 0);
    bool counters = false;
    int count;
    const struct gt_energy_source *const *sources = gt_source_list(&count);
    for (int i = 0; i < count; i++) {
        struct gt_probe probe = {0};
        sources[i]->probe(&gt_os_linux, NULL, &probe);
        if (probe.result != GT_PROBE_NO_PERMISSION || !*probe.fix)
            continue;
        gt_section_line(section, "%s: %s", sources[i]->name, probe.fix);
        counters = true;
    }
    if (counters)
        gt_section_line(section, "One of these is enough. Who reads joules can, with patience, learn what others compute "
                                 "(PLATYPUS, CVE-2020-8694 and CVE-2020-12912): give the group or the capability to no more "
                                 "users than need it.");
    for (size_t i = 0; i < check_count; i++)
        if (checks[i].fix && checks[i].result != GT_CHECK_OK)
            gt_section_line(section, "%s: %s", checks[i].name, checks[i].fix);
}

/* One paragraph each on joules, layers and CPU time: what a run on this machine will know. */
static void add_verdict(struct gt_document *document, const struct gt_energy_source *chosen, const char *spec,
                        const struct gt_check *checks, size_t count)
{
    struct gt_section *section = gt_document_section(document, GT_SECTION_LINES, "verdict", "so here", NULL, 0);
    struct gt_probe probe = {0};
    gt_source_probe(&gt_os_linux, chosen, spec, &probe);
    if (strcmp(chosen->name, "model") == 0)
        gt_section_line(section,
                        "Joules are modelled, not measured: CPU time times watts per vCPU from a table, with bounds. No "
                        "counter of this machine says what it really uses.");
    else if (strcmp(chosen->name, "null") == 0)
        gt_section_line(section, "No joules are known with this source.");
    else
        gt_section_line(section, "Joules are taken from the counters of %s (%s).", chosen->name, probe.detail);
    for (size_t i = 0; i < count; i++) {
        bool missing = checks[i].result == GT_CHECK_MISSING;
        if (strcmp(checks[i].name, "plugin") == 0)
            gt_section_line(section, missing ? "Layers cannot be seen: the plugin's library is missing."
                                             : "Layers are seen in programs that use libgtcnn or greentrack.h.");
    }
}

int gt_cmd_doctor(struct gt_tracker *tracker)
{
    const char *spec, *text = gt_runtrace_source(gt_tracker_text(tracker, GT_OPT_ENERGY_SOURCE, NULL));
    const struct gt_energy_source *chosen = chosen_source(text, &spec);
    const struct gt_check *checks;
    struct gt_host host;
    struct gt_document document;
    if (!chosen) {
        gt_tracker_say(tracker, "--energy-source: '%s' is no energy source", gt_tracker_escape(tracker, text));
        return GT_EXIT_USAGE;
    }
    size_t count = gt_checks_run(&gt_os_linux, &tracker->arena, &checks);
    gt_host_read(&gt_os_linux, &host);
    gt_document_init(&document, &tracker->arena, "doctor");
    add_sources(tracker, &document, chosen, spec);
    add_host(tracker, &document, &host);
    add_checks(&document, checks, count);
    add_verdict(&document, chosen, spec, checks, count);
    add_fixes(&document, checks, count);
    return gt_output_document(tracker, &document);
}
