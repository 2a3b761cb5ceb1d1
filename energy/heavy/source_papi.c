/*
 * Energy by PAPI's components (rapl, powercap, nvml, cray_pm, ...), where the installed PAPI has one. One component is read:
 * those for processors tell the same energy by different ways. Without a spec, the first whose boundary is the machine;
 * `papi:COMPONENT` takes that one, `papi:COMPONENT:::EVENT` one event of it.
 *
 * What PAPI returns is not what the counters say (papi_counter.h), so open waits up to 20 ms for every counter to move: after
 * that the absolute values are told from differences, and rapl's unit is known. PAPI's rapl component ends the process when a
 * counter that could be read can be read no more; that is one more reason for never loading it into a job.
 */
#include "energy/heavy/integrate.h"
#include "energy/heavy/library.h"
#include "energy/heavy/papi_counter.h"
#include "energy/heavy/papi_events.h"
#include "energy/heavy/papi_library.h"
#include "energy/rapl.h"
#include "energy/scan.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SETTLE_NS = 20000000, POLL_NS = 200000, HOLE_NS = 1000000000;

/* Those for which PAPI has energies, preferred ones first: powercap is 64 bits wide; what is disabled of them is told by
 * doctor. */
static const char *const preferred[] = {"powercap", "rapl", "cray_pm", "nvml"};
enum { PREFERRED = sizeof preferred / sizeof *preferred };

#define RANGE_EVENT "MAX_ENERGY_RANGE_UJ"

/* On the heap: the state holds its address. */
struct papi {
    const struct gt_os *os;
    struct gt_papi call;
    int set;
    bool started, powercap;
    int count;
    struct gt_papi_event events[GT_SOURCE_DOMAINS];
    struct gt_papi_counter counters[GT_SOURCE_DOMAINS];
    struct gt_integral powers[GT_SOURCE_DOMAINS];
    PAPI_event_info_t info; /* too big for the stack */
};

static struct papi **slot(struct gt_source_state *state)
{
    return (struct papi **)(void *)state->bytes;
}

/* --- events --------------------------------------------------------------------------------------------------------------- */

/* The next native event of the component; *code begins as PAPI_NATIVE_MASK, *modifier as PAPI_ENUM_FIRST. Fills p->info. */
static bool next_event(struct papi *p, int component, int *code, int *modifier)
{
    while (p->call.enum_event(code, *modifier, component) == PAPI_OK) {
        *modifier = PAPI_ENUM_EVENTS;
        if (p->call.event_info(*code, &p->info) == PAPI_OK)
            return true;
    }
    return false;
}

/* Code of the component's event whose name without "component:::" is `name`; p->info is its. False: there is none. */
static bool find_event(struct papi *p, int component, const char *name, int *code)
{
    int modifier = PAPI_ENUM_FIRST;
    *code = (int)PAPI_NATIVE_MASK;
    while (next_event(p, component, code, &modifier)) {
        const char *at = strstr(p->info.symbol, ":::");
        if (strcmp(at ? at + 3 : p->info.symbol, name) == 0)
            return true;
    }
    return false;
}

/* `only`: the name of the one event that is wanted, NULL for all. */
static enum gt_status collect(struct papi *p, int component, const char *name, const char *only, struct gt_err *err)
{
    int code = (int)PAPI_NATIVE_MASK, modifier = PAPI_ENUM_FIRST;
    bool energy = false;
    p->count = 0;
    while (next_event(p, component, &code, &modifier)) {
        struct gt_papi_event event = {.code = code};
        gt_papi_event_classify(name, p->info.symbol, p->info.units, &event);
        if (event.kind == GT_PAPI_NONE || (only && strcmp(only, event.name) != 0))
            continue;
        if (p->count == GT_SOURCE_DOMAINS)
            return gt_err_set(err, GT_E_LIMIT, "papi: %s has more than %d energies", name, (int)GT_SOURCE_DOMAINS);
        energy |= !event.power;
        p->events[p->count++] = event;
    }
    /* A device that counts its energy need not have its power integrated as well. */
    int kept = 0;
    for (int i = 0; i < p->count; i++)
        if (!energy || !p->events[i].power)
            p->events[kept++] = p->events[i];
    p->count = kept;
    return GT_OK;
}

/* The name of an event that stands beside an energy: "ENERGY_UJ:ZONE0" and "NAME" are "NAME:ZONE0". */
static const char *sibling(const struct gt_papi_event *event, const char *begin, char *name, size_t size)
{
    gt_scan_copy(name, size, begin, strlen(begin));
    gt_scan_append(name, size, strchr(event->name, ':'));
    return name;
}

static void name_zones(struct papi *p, int component)
{
    char name[96];
    int code;
    for (int i = 0; i < p->count; i++)
        if (find_event(p, component, sibling(&p->events[i], "NAME", name, sizeof name), &code))
            gt_papi_event_zone(&p->events[i], p->info.long_descr);
}

/* --- event sets ------------------------------------------------------------------------------------------------------------
 */

static void close_set(struct papi *p, int *set, bool started)
{
    long long values[2 * GT_SOURCE_DOMAINS];
    if (*set == PAPI_NULL)
        return;
    if (started)
        p->call.stop(*set, values);
    p->call.cleanup_set(*set);
    p->call.destroy_set(set);
    *set = PAPI_NULL;
}

static enum gt_status start_set(struct papi *p, int component, const int *codes, int count, int *set, struct gt_err *err)
{
    *set = PAPI_NULL;
    int code = p->call.create_set(set);
    if (code == PAPI_OK)
        code = p->call.assign_component(*set, component);
    for (int i = 0; i < count && code == PAPI_OK; i++)
        code = p->call.add_event(*set, codes[i]);
    if (code == PAPI_OK)
        code = p->call.start(*set);
    if (code == PAPI_OK)
        return GT_OK;
    close_set(p, set, false);
    return gt_err_set(err, code == PAPI_EPERM ? GT_E_PERM : GT_E_ABSENT, "papi: %s", p->call.strerror(code));
}

static void pause_shortly(struct papi *p)
{
    p->os->sleep_until(p->os->state, p->os->clock_ns(p->os->state, CLOCK_MONOTONIC) + POLL_NS);
}

/* A range: an event whose value PAPI returns as it is. 0 when it cannot be read. */
static uint64_t read_range(struct papi *p, int component, int code)
{
    long long value = 0;
    int set;
    if (start_set(p, component, &code, 1, &set, NULL) != GT_OK)
        return 0;
    if (p->call.read(set, &value) != PAPI_OK)
        value = 0;
    close_set(p, &set, true);
    return value > 0 ? (uint64_t)value : 0;
}

/* The range that powercap takes for every package zone (or every subzone): that of the last one. 0: none. */
static uint64_t global_range(struct papi *p, int component, bool subzones)
{
    int code = (int)PAPI_NATIVE_MASK, modifier = PAPI_ENUM_FIRST, last = 0;
    while (next_event(p, component, &code, &modifier))
        if (strstr(p->info.symbol, RANGE_EVENT) && (strstr(p->info.symbol, "_SUBZONE") != NULL) == subzones)
            last = code;
    return last ? read_range(p, component, last) : 0;
}

/* powercap: each zone's own range, which tells where it wraps, and what PAPI takes it for. */
static void find_powercap_ranges(struct papi *p, int component, uint64_t *ranges)
{
    uint64_t zones = global_range(p, component, false), subzones = global_range(p, component, true);
    char name[96];
    int code;
    for (int i = 0; i < p->count; i++) {
        if (find_event(p, component, sibling(&p->events[i], RANGE_EVENT, name, sizeof name), &code))
            ranges[i] = read_range(p, component, code);
        gt_papi_counter_init(&p->counters[i], ranges[i], p->events[i].sub < 0 ? zones : subzones);
    }
}

/* rapl: nanojoules beside counts, until every register has moved; the unit tells where it wraps. */
static enum gt_status find_rapl_ranges(struct papi *p, int component, uint64_t *ranges, struct gt_err *err)
{
    int codes[2 * GT_SOURCE_DOMAINS], set;
    long long values[2 * GT_SOURCE_DOMAINS] = {0};
    char name[96];
    for (int i = 0; i < p->count; i++) {
        const char *energy = strstr(p->events[i].name, "_ENERGY:");
        codes[2 * i] = p->events[i].code;
        gt_scan_copy(name, sizeof name, p->events[i].name, energy ? (size_t)(energy - p->events[i].name) : 0);
        gt_scan_append(name, sizeof name, "_ENERGY_CNT");
        gt_scan_append(name, sizeof name, energy ? strchr(energy, ':') : "");
        if (!find_event(p, component, name, &codes[2 * i + 1]))
            return GT_OK; /* unknown: a wrap is then told as a gap */
    }
    enum gt_status status = start_set(p, component, codes, 2 * p->count, &set, err);
    uint64_t until_ns = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC) + SETTLE_NS;
    bool all = status != GT_OK;
    while (!all) {
        all = true;
        if (p->call.read(set, values) != PAPI_OK)
            break;
        for (int i = 0; i < p->count; i++)
            all &= (ranges[i] = gt_papi_rapl_range_nj(values[2 * i], values[2 * i + 1])) > 0;
        if (p->os->clock_ns(p->os->state, CLOCK_MONOTONIC) > until_ns)
            break;
        pause_shortly(p);
    }
    if (status == GT_OK)
        close_set(p, &set, true);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------------------------------------
 */

static bool take_values(struct papi *p, uint64_t *raw)
{
    long long values[GT_SOURCE_DOMAINS] = {0};
    if (p->call.read(p->set, values) != PAPI_OK)
        return false;
    for (int i = 0; i < p->count; i++) {
        if (!p->events[i].power) {
            raw[i] = p->powercap ? gt_papi_counter_take(&p->counters[i], values[i]) : values[i] > 0 ? (uint64_t)values[i] : 0;
            continue;
        }
        double power_w = values[i] > 0 ? (double)values[i] * p->events[i].uj_per_count * 1e-6 : 0;
        gt_integrate_sample(&p->powers[i], p->os->clock_ns(p->os->state, CLOCK_MONOTONIC), power_w, HOLE_NS);
        raw[i] = p->powers[i].count_uj;
    }
    return true;
}

/* Until every counter has moved, SETTLE_NS at most: one that still stands then shows itself at a later reading. */
static void settle(struct papi *p)
{
    uint64_t raw[GT_SOURCE_DOMAINS], until_ns = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC) + SETTLE_NS;
    bool all = false;
    while (!all && take_values(p, raw) && p->os->clock_ns(p->os->state, CLOCK_MONOTONIC) < until_ns) {
        all = true;
        for (int i = 0; i < p->count; i++)
            all &= p->counters[i].moved || !p->powercap;
        if (!all)
            pause_shortly(p);
    }
}

static enum gt_status start(struct papi *p, int component, const char *name, struct gt_source_desc *desc, struct gt_err *err)
{
    uint64_t ranges[GT_SOURCE_DOMAINS] = {0};
    int codes[GT_SOURCE_DOMAINS];
    p->powercap = strcmp(name, "powercap") == 0;
    if (p->powercap)
        find_powercap_ranges(p, component, ranges);
    enum gt_status status = strcmp(name, "rapl") == 0 ? find_rapl_ranges(p, component, ranges, err) : GT_OK;
    if (status != GT_OK)
        return status;
    for (int i = 0; i < p->count; i++) {
        codes[i] = p->events[i].code;
        gt_integrate_init(&p->powers[i]);
        desc->domains[i].wrap_count = ranges[i];
        if (p->events[i].power)
            desc->domains[i].uj_per_count = 1;
    }
    status = start_set(p, component, codes, p->count, &p->set, err);
    p->started = status == GT_OK;
    if (p->started)
        settle(p);
    return status;
}

/* --- choosing a component --------------------------------------------------------------------------------------------------
 */

static enum gt_status describe(struct papi *p, int component, const char *name, const char *only, struct gt_source_desc *desc,
                               struct gt_err *err)
{
    enum gt_status status = collect(p, component, name, only, err);
    if (status == GT_OK && strcmp(name, "powercap") == 0)
        name_zones(p, component);
    if (status == GT_OK)
        status = gt_papi_events_describe(name, p->events, p->count, desc, err);
    if (status == GT_OK && !only)
        gt_papi_events_mirrors(desc, gt_rapl_is_package_wide(p->os));
    /* One event is no more than itself, however many packages there are. */
    if (status == GT_OK && only)
        gt_scan_copy(desc->boundary, sizeof desc->boundary, p->events[0].domain, strlen(p->events[0].domain));
    return status;
}

static enum gt_status open_named(struct papi *p, const char *spec, struct gt_source_desc *desc, struct gt_err *err)
{
    const char *end = strstr(spec, ":::");
    char name[PAPI_MAX_STR_LEN];
    gt_scan_copy(name, sizeof name, spec, end ? (size_t)(end - spec) : strlen(spec));
    for (int c = 0; c < p->call.num_components(); c++) {
        const PAPI_component_info_t *info = p->call.component_info(c);
        if (!info || strcmp(info->name, name) != 0)
            continue;
        if (info->disabled)
            return gt_err_set(err, GT_E_ABSENT, "papi: component %s is disabled: %.200s", name, info->disabled_reason);
        enum gt_status status = describe(p, c, name, end ? end + 3 : NULL, desc, err);
        return status == GT_OK ? start(p, c, name, desc, err) : status;
    }
    return gt_err_set(err, GT_E_ABSENT, "papi: this PAPI has no component %s", name);
}

/* "rapl: Not an Intel processor; nvml: a GPU's energy alone (papi:nvml)", appended. */
static void add_reason(char *reasons, const char *name, const char *reason)
{
    gt_scan_append(reasons, GT_SOURCE_TEXT, "; ");
    gt_scan_append(reasons, GT_SOURCE_TEXT, name);
    gt_scan_append(reasons, GT_SOURCE_TEXT, ": ");
    gt_scan_append(reasons, GT_SOURCE_TEXT, reason);
}

static bool is_preferred(const char *name)
{
    for (int i = 0; i < PREFERRED; i++)
        if (strcmp(preferred[i], name) == 0)
            return true;
    return false;
}

/* Looks at the components with that name (NULL: at those that are not in `preferred`). GT_E_ABSENT: go on. */
static enum gt_status try_components(struct papi *p, const char *name, struct gt_source_desc *desc, char *reasons,
                                     struct gt_err *err)
{
    for (int c = 0; c < p->call.num_components(); c++) {
        const PAPI_component_info_t *info = p->call.component_info(c);
        struct gt_err why = {0};
        if (!info || (name ? strcmp(info->name, name) != 0 : is_preferred(info->name)))
            continue;
        if (info->disabled) {
            if (name)
                add_reason(reasons, name, info->disabled_reason);
            continue;
        }
        if (describe(p, c, info->name, NULL, desc, &why) != GT_OK)
            continue;
        if (gt_papi_events_machine(desc))
            return start(p, c, info->name, desc, err);
        add_reason(reasons, info->name, "only a part of the machine, so only by name (papi:COMPONENT)");
    }
    return GT_E_ABSENT;
}

static enum gt_status open_best(struct papi *p, struct gt_source_desc *desc, struct gt_err *err)
{
    char reasons[GT_SOURCE_TEXT] = "";
    enum gt_status status = GT_E_ABSENT;
    for (int i = 0; i <= PREFERRED && status == GT_E_ABSENT; i++)
        status = try_components(p, i < PREFERRED ? preferred[i] : NULL, desc, reasons, err);
    if (status != GT_E_ABSENT)
        return status;
    return gt_err_set(err, GT_E_ABSENT, "papi: no component of this PAPI tells the machine's energy%s", reasons);
}

static void papi_close(struct gt_source_state *state)
{
    struct papi *p = *slot(state);
    if (!p)
        return;
    if (p->call.handle)
        close_set(p, &p->set, p->started);
    gt_papi_close(&p->call);
    free(p);
    *slot(state) = NULL;
}

static enum gt_status papi_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                struct gt_source_desc *desc, struct gt_err *err)
{
    struct gt_library_fds fds;
    memset(desc, 0, sizeof *desc);
    struct papi *p = *slot(state) = calloc(1, sizeof *p);
    if (!p)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    p->os = os;
    p->set = PAPI_NULL;
    gt_library_descriptors(&fds);
    enum gt_status status = gt_papi_open(&p->call, err);
    if (status == GT_OK)
        status = spec && *spec ? open_named(p, spec, desc, err) : open_best(p, desc, err);
    gt_library_keep_private(&fds);
    if (status != GT_OK)
        papi_close(state);
    return status;
}

static enum gt_status papi_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct papi *p = *slot(state);
    uint64_t values[GT_SOURCE_DOMAINS] = {0}, before = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    if (!take_values(p, values))
        return GT_E_IO;
    uint64_t after = p->os->clock_ns(p->os->state, CLOCK_MONOTONIC);
    memcpy(raw, values, (size_t)p->count * sizeof *raw);
    *t_ns = before + (after - before) / 2;
    return GT_OK;
}

static void papi_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = papi_open(os, spec, &state, &desc, &err);
    result->result = status == GT_OK ? GT_PROBE_AVAILABLE : status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status != GT_OK) {
        gt_scan_append(result->detail, sizeof result->detail, err.text);
        return;
    }
    gt_scan_append(result->detail, sizeof result->detail, desc.source);
    gt_scan_append(result->detail, sizeof result->detail, ", boundary ");
    gt_scan_append(result->detail, sizeof result->detail, desc.boundary);
    papi_close(&state);
}

const struct gt_energy_source gt_source_papi = {
    .name = "papi",
    .summary = "a component of PAPI that tells energy (papi, papi:COMPONENT or papi:COMPONENT:::EVENT)",
    .probe = papi_probe,
    .open = papi_open,
    .read = papi_read,
    .close = papi_close,
};
