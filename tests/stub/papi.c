/*
 * A PAPI with components for energy, for tests: Debian's has none. It implements the calls that greentrack makes, with the
 * flaws of the real components (energy/heavy/papi_counter.h), and reads what it should have from the file that STUB_PAPI names:
 *
 *   component NAME [DISABLED REASON]
 *   event KIND NAME UNITS WATTS START RANGE DESCRIPTION      of the last component; UNITS - is none
 *
 * KIND: powercap (µJ, absolute when unmoved, the last range of its sort after a wrap), rapl and cnt (nJ and counts of a 32-bit
 * register with unit 2^-14 J that starts at START), value (START itself), name (text alone), plain (START + energy in the
 * event's UNITS), power (WATTS in the event's units). Counters move every millisecond of CLOCK_MONOTONIC since the library was
 * initialised. It leaves a descriptor without close-on-exec behind, as PAPI does.
 */
#include <fcntl.h>
#include <papi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COMPONENTS = 8, EVENTS = 64, SETS = 8 };

struct event {
    int component;
    char kind[16], name[64], units[8], text[64];
    double watts;
    long long start, range;
};

static PAPI_component_info_t components[COMPONENTS];
static struct event events[EVENTS];
static int component_count, event_count, initialised;
static struct timespec begun;
static struct set {
    int count, events[EVENTS];
    long long start[EVENTS];
    bool used, running;
} sets[SETS];

static long long elapsed_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begun.tv_sec) * 1000LL + (now.tv_nsec - begun.tv_nsec) / 1000000;
}

/* The counter as the machine has it. */
static long long machine(const struct event *e)
{
    long long uj = (long long)(e->watts * 1000 * (double)elapsed_ms());
    if (strcmp(e->kind, "powercap") == 0)
        return (e->start + uj) % (e->range + 1);
    if (strcmp(e->kind, "rapl") == 0 || strcmp(e->kind, "cnt") == 0)
        return (e->start + (long long)((double)uj * 16384 / 1e6)) & 0xffffffffLL;
    if (strcmp(e->kind, "plain") == 0)
        return e->start + (strcmp(e->units, "mJ") == 0 ? uj / 1000 : strcmp(e->units, "J") == 0 ? uj / 1000000 : uj);
    if (strcmp(e->kind, "power") == 0)
        return (long long)(e->watts * (strcmp(e->units, "mW") == 0 ? 1000 : 1));
    return e->start;
}

static bool is_subzone(const struct event *e)
{
    return strstr(e->name, "_SUBZONE") != NULL;
}

/* What PAPI makes of it. */
static long long returned(const struct event *e, long long start)
{
    long long now = machine(e), global = 0;
    if (strcmp(e->kind, "powercap") == 0) {
        for (int i = 0; i < event_count; i++)
            if (strcmp(events[i].kind, "powercap") == 0 && is_subzone(&events[i]) == is_subzone(e))
                global = events[i].range;
        return start == 0 ? now : start < now ? now - start : start > now ? now + global - start : now;
    }
    if (strcmp(e->kind, "cnt") == 0 || strcmp(e->kind, "rapl") == 0) {
        long long counts = (now - start) & 0xffffffffLL;
        return e->kind[0] == 'c' ? counts : (long long)((double)counts / 16384 * 1e9);
    }
    return now;
}

static void read_line(char *line)
{
    struct event *e = &events[event_count];
    PAPI_component_info_t *c = &components[component_count];
    int at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "component %127s %n", c->name, &at) == 1 && component_count < COMPONENTS) {
        snprintf(c->disabled_reason, sizeof c->disabled_reason, "%s", line + at);
        c->disabled = line[at] ? PAPI_ENOSUPP : 0;
        component_count++;
    } else if (event_count < EVENTS && sscanf(line, "event %15s %63s %7s %lf %lld %lld %63s", e->kind, e->name, e->units,
                                              &e->watts, &e->start, &e->range, e->text) >= 6) {
        e->component = component_count - 1;
        event_count++;
    }
}

int PAPI_library_init(int version)
{
    char line[256];
    const char *script = getenv("STUB_PAPI");
    FILE *file = script ? fopen(script, "r") : NULL;
    if (version != PAPI_VER_CURRENT)
        return PAPI_EINVAL;
    component_count = event_count = 0;
    while (file && fgets(line, sizeof line, file))
        read_line(line);
    if (file)
        fclose(file);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    initialised = PAPI_LOW_LEVEL_INITED;
    return open("/dev/zero", O_RDONLY) >= 0 ? PAPI_VER_CURRENT : PAPI_ESYS;
}

int PAPI_is_initialized(void)
{
    return initialised;
}

void PAPI_shutdown(void)
{
    initialised = PAPI_NOT_INITED;
}

char *PAPI_strerror(int code)
{
    return code == PAPI_EPERM ? "Permission level does not permit operation" : "Stub's error";
}

int PAPI_num_components(void)
{
    return component_count;
}

const PAPI_component_info_t *PAPI_get_component_info(int component)
{
    return component < component_count ? &components[component] : NULL;
}

int PAPI_enum_cmp_event(int *code, int modifier, int component)
{
    int i = modifier == PAPI_ENUM_FIRST ? 0 : (*code & 0xffff) + 1;
    while (i < event_count && events[i].component != component)
        i++;
    if (i == event_count)
        return PAPI_ENOEVNT;
    *code = (int)PAPI_NATIVE_MASK | i;
    return PAPI_OK;
}

int PAPI_get_event_info(int code, PAPI_event_info_t *info)
{
    const struct event *e = &events[code & 0xffff];
    memset(info, 0, sizeof *info);
    snprintf(info->symbol, sizeof info->symbol, "%s:::%s", components[e->component].name, e->name);
    snprintf(info->units, sizeof info->units, "%s", strcmp(e->units, "-") == 0 ? "" : e->units);
    snprintf(info->long_descr, sizeof info->long_descr, "%s\n", e->text);
    return PAPI_OK;
}

int PAPI_create_eventset(int *set)
{
    for (int i = 0; i < SETS; i++)
        if (!sets[i].used) {
            sets[i] = (struct set){.used = true};
            *set = i;
            return PAPI_OK;
        }
    return PAPI_ENOMEM;
}

int PAPI_assign_eventset_component(int set, int component)
{
    return sets[set].used && component < component_count ? PAPI_OK : PAPI_EINVAL;
}

int PAPI_add_event(int set, int code)
{
    sets[set].events[sets[set].count++] = code & 0xffff;
    return PAPI_OK;
}

int PAPI_start(int set)
{
    for (int i = 0; i < sets[set].count; i++)
        sets[set].start[i] = machine(&events[sets[set].events[i]]);
    sets[set].running = true;
    return PAPI_OK;
}

int PAPI_read(int set, long long *values)
{
    if (!sets[set].running)
        return PAPI_ENOTRUN;
    for (int i = 0; i < sets[set].count; i++)
        values[i] = returned(&events[sets[set].events[i]], sets[set].start[i]);
    return PAPI_OK;
}

int PAPI_stop(int set, long long *values)
{
    int status = PAPI_read(set, values);
    sets[set].running = false;
    return status;
}

int PAPI_cleanup_eventset(int set)
{
    sets[set].count = 0;
    return sets[set].running ? PAPI_EISRUN : PAPI_OK;
}

int PAPI_destroy_eventset(int *set)
{
    sets[*set].used = false;
    *set = PAPI_NULL;
    return PAPI_OK;
}
