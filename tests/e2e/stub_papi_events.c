/*
 * The part of PAPI 7 that resolves presets, with tables of its own: natives are events that every kernel counts, so that the
 * whole way from a preset's name to counts runs on a machine without a PMU. Built by tracker_events.sh.
 */
#include <papi.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *derived, *postfix, *natives[2];
    unsigned count;
} presets[] = {
    {"PAPI_TOT_INS", "NOT_DERIVED", "", {"perf::PAGE-FAULTS"}, 1},
    {"PAPI_TOT_CYC", "DERIVED_ADD", "", {"perf::PAGE-FAULTS", "minor-faults"}, 2},
    {"PAPI_SP_OPS", "DERIVED_POSTFIX", "N0|4|*|N1|+|", {"perf::PAGE-FAULTS", "perf::MINOR-FAULTS"}, 2},
    {"PAPI_L3_TCM", "NOT_DERIVED", "", {0}, 0},
    {"PAPI_FP_INS", "DERIVED_PS", "", {"perf::PAGE-FAULTS", "perf::TASK-CLOCK"}, 2},
    {"PAPI_BR_INS", "NOT_DERIVED", "", {"stub_pmu:::BRANCHES"}, 1},
};

enum { PRESETS = sizeof presets / sizeof *presets };

int PAPI_library_init(int version)
{
    return version;
}

int PAPI_event_name_to_code(const char *name, int *code)
{
    for (int i = 0; i < PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0) {
            *code = (int)PAPI_PRESET_MASK | i;
            return PAPI_OK;
        }
    return PAPI_ENOEVNT;
}

int PAPI_enum_event(int *code, int modifier)
{
    int next = modifier == PAPI_ENUM_FIRST ? 0 : (*code & ~(int)PAPI_PRESET_MASK) + 1;
    *code = (int)PAPI_PRESET_MASK | next;
    return next < PRESETS ? PAPI_OK : PAPI_ENOEVNT;
}

int PAPI_get_event_info(int code, PAPI_event_info_t *info)
{
    int i = code & ~(int)PAPI_PRESET_MASK;
    if (i < 0 || i >= PRESETS)
        return PAPI_ENOEVNT;
    memset(info, 0, sizeof *info);
    snprintf(info->symbol, sizeof info->symbol, "%s", presets[i].name);
    snprintf(info->derived, sizeof info->derived, "%s", presets[i].derived);
    snprintf(info->postfix, sizeof info->postfix, "%s", presets[i].postfix);
    info->count = presets[i].count;
    for (unsigned k = 0; k < info->count; k++)
        snprintf(info->name[k], sizeof info->name[k], "%s", presets[i].natives[k]);
    return PAPI_OK;
}
