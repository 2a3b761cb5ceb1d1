#include "tracker/eventname.h"

#include "tracker/papi_presets.h"
#include "tracker/suggest.h"

#include <linux/perf_event.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* perf_event_open(2), PERF_TYPE_SOFTWARE; the names are perf's own. */
static const struct {
    const char *name;
    uint64_t config;
} software[] = {
    {"task-clock", PERF_COUNT_SW_TASK_CLOCK},
    {"page-faults", PERF_COUNT_SW_PAGE_FAULTS},
    {"minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN},
    {"major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ},
    {"context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES},
    {"cpu-migrations", PERF_COUNT_SW_CPU_MIGRATIONS},
};

enum { SOFTWARE = sizeof software / sizeof *software };

static bool find_software(const char *name, struct gt_event *event)
{
    for (size_t i = 0; i < SOFTWARE; i++)
        if (strcmp(software[i].name, name) == 0) {
            event->terms[0] = (struct gt_event_term){.type = PERF_TYPE_SOFTWARE, .config = software[i].config, .weight = 1};
            event->term_count = 1;
            return true;
        }
    return false;
}

/* --- libpfm4 -------------------------------------------------------------------------------------------------------------- */

static pfm_err_t encode(const char *name, struct gt_event_term *term)
{
    struct perf_event_attr attr;
    pfm_perf_encode_arg_t arg = {.attr = &attr, .size = sizeof arg};
    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    pfm_err_t result = pfm_initialize();
    if (result == PFM_SUCCESS)
        result = pfm_get_os_event_encoding(name, PFM_PLM0 | PFM_PLM3, PFM_OS_PERF_EVENT, &arg);
    if (result == PFM_SUCCESS)
        *term = (struct gt_event_term){.type = attr.type,
                                       .config = attr.config,
                                       .config1 = attr.config1,
                                       .config2 = attr.config2,
                                       .exclude_user = attr.exclude_user,
                                       .exclude_kernel = attr.exclude_kernel,
                                       .weight = 1};
    return result;
}

/* Is it an event of some processor that libpfm4 knows, this one or another? Offers what it passes. */
static bool is_known(const char *name, struct gt_suggestion *nearest)
{
    const char *colons = strstr(name, "::");
    const char *event = colons ? colons + 2 : name;
    size_t n = strcspn(event, ":.");
    for (int pmu = 0; pmu < PFM_PMU_MAX; pmu++) {
        pfm_pmu_info_t info = {.size = sizeof info};
        pfm_event_info_t row = {.size = sizeof row};
        if (pfm_get_pmu_info((pfm_pmu_t)pmu, &info) != PFM_SUCCESS ||
            (colons && (strlen(info.name) != (size_t)(colons - name) || strncmp(info.name, name, strlen(info.name)) != 0)))
            continue;
        if (colons && !info.is_present)
            return true; /* its table may be made only where the processor is there */
        int at = info.first_event;
        for (int i = 0; i < info.nevents && at != -1; i++, at = pfm_get_event_next(at)) {
            if (pfm_get_event_info(at, PFM_OS_PERF_EVENT, &row) != PFM_SUCCESS)
                continue;
            if (strlen(row.name) == n && strncasecmp(row.name, event, n) == 0)
                return true;
            if (info.is_present)
                gt_suggest_offer(nearest, event, row.name);
        }
    }
    return false;
}

/* --- one name ------------------------------------------------------------------------------------------------------------- */

enum found { FOUND, UNKNOWN };

static enum found find_native(const char *name, struct gt_event *event, struct gt_suggestion *nearest)
{
    pfm_err_t result = encode(name, &event->terms[0]);
    event->term_count = result == PFM_SUCCESS;
    if (result == PFM_SUCCESS)
        return FOUND;
    if (!is_known(name, nearest))
        return UNKNOWN;
    snprintf(event->reason, sizeof event->reason, "libpfm4 has no encoding of it for this machine (%s)", pfm_strerror(result));
    return FOUND;
}

/* The natives that PAPI names are libpfm4's, or the kernel's own. */
static enum found find_preset(const char *name, struct gt_event *event, struct gt_suggestion *nearest)
{
    struct gt_papi_preset preset;
    enum gt_papi_result result = gt_papi_find(name, &preset, event->reason, sizeof event->reason, nearest);
    if (result != GT_PAPI_FOUND)
        return result == GT_PAPI_UNKNOWN ? UNKNOWN : FOUND;
    for (int i = 0; i < preset.count; i++) {
        struct gt_event native = {0};
        if (!find_software(preset.natives[i], &native) && encode(preset.natives[i], &native.terms[0]) != PFM_SUCCESS) {
            snprintf(event->reason, sizeof event->reason, "libpfm4 does not know PAPI's native event %.90s", preset.natives[i]);
            event->term_count = 0;
            return FOUND;
        }
        event->terms[i] = native.terms[0];
        event->terms[i].weight = preset.weights[i];
        event->term_count = i + 1;
    }
    return FOUND;
}

static enum found find_event(struct gt_event *event, struct gt_suggestion *nearest)
{
    if (find_software(event->name, event))
        return FOUND;
    for (size_t i = 0; i < SOFTWARE; i++)
        gt_suggest_offer(nearest, event->name, software[i].name);
    if (strncmp(event->name, "PAPI_", 5) == 0)
        return find_preset(event->name, event, nearest);
    return find_native(event->name, event, nearest);
}

/* --- the list ------------------------------------------------------------------------------------------------------------- */

static bool is_listed(const struct gt_event_list *list, const char *name)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->events[i].name, name) == 0)
            return true;
    return false;
}

static enum gt_status add_name(const char *option, const char *name, struct gt_event_list *list, struct gt_err *err)
{
    struct gt_suggestion nearest = {0};
    if (is_listed(list, name))
        return GT_OK;
    if (list->count == GT_EVENTS)
        return gt_err_set(err, GT_E_ARG, "%s: more than %d events", option, GT_EVENTS);
    struct gt_event *event = &list->events[list->count];
    *event = (struct gt_event){0};
    strcpy(event->name, name);
    if (find_event(event, &nearest) == UNKNOWN)
        return gt_err_set(err, GT_E_ARG, "%s: '%s' is no event counter%s%s%s", option, name,
                          nearest.best ? "; did you mean " : "", nearest.best ? nearest.best : "", nearest.best ? "?" : "");
    for (int i = 0; i < event->term_count; i++)
        strcpy(event->terms[i].name, name);
    list->count++;
    return GT_OK;
}

enum gt_status gt_eventname_list(const char *option, const char *text, struct gt_event_list *list, struct gt_err *err)
{
    enum gt_status status = GT_OK;
    list->count = 0;
    for (const char *at = strcmp(text, "none") == 0 ? NULL : text; at && status == GT_OK;) {
        char name[GT_EVENT_NAME];
        size_t n = strcspn(at, ",");
        if (n == 0 || n >= sizeof name)
            return gt_err_set(err, GT_E_ARG, "%s: names of event counters, separated by commas, or none", option);
        memcpy(name, at, n);
        name[n] = '\0';
        status = add_name(option, name, list, err);
        at = at[n] ? at + n + 1 : NULL;
    }
    return status;
}

int gt_eventname_terms(const struct gt_event_list *list, struct gt_event_term *terms, int room)
{
    int count = 0;
    for (int i = 0; i < list->count; i++)
        for (int k = 0; k < list->events[i].term_count; k++) {
            if (count == room)
                return -1;
            terms[count++] = list->events[i].terms[k];
        }
    return count;
}
