/* The environment, read once at the first unit. secure_getenv: a set-user-ID program is not steered by its caller. */
#include "plugin/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const label_names[GT_LABELS] = {"GREENTRACK_MODEL", "GREENTRACK_FAMILY", "GREENTRACK_PHI",
                                                   "GREENTRACK_TAGS"};

static const char *env(const char *name)
{
    const char *value = secure_getenv(name);
    return value && *value ? value : NULL;
}

static void copy(char *out, size_t size, const char *text)
{
    size_t n = text ? strnlen(text, size - 1) : 0;
    memcpy(out, text ? text : "", n);
    out[n] = 0;
}

/* A value that is not used is never passed over in silence. */
static void ignore(struct gt_config *config, const char *name)
{
    size_t used = strlen(config->ignored), n = strlen(name);
    if (used + n + 2 > sizeof config->ignored)
        return;
    if (used > 0)
        config->ignored[used++] = ' ';
    memcpy(config->ignored + used, name, n + 1);
}

/* Decimal digits alone, within bounds; otherwise the default. */
static uint64_t env_number(struct gt_config *config, const char *name, uint64_t normal, uint64_t least, uint64_t most)
{
    const char *text = env(name);
    uint64_t value = 0;
    if (!text)
        return normal;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > most) {
            ignore(config, name);
            return normal;
        }
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return value < least ? least : value > most ? most : value;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* All zero is no id: it stands for a bare preload in the trace. */
static bool parse_id(const char *text, uint8_t id[GT_TRACE_ID_BYTES])
{
    unsigned any = 0;
    if (!text || strlen(text) != 2 * GT_TRACE_ID_BYTES)
        return false;
    for (int i = 0; i < 2 * GT_TRACE_ID_BYTES; i++) {
        int digit = digit_of(text[i]);
        if (digit < 0)
            return false;
        id[i / 2] = (uint8_t)(i % 2 ? id[i / 2] | digit : digit << 4);
        any |= (unsigned)digit;
    }
    return any != 0;
}

/* `folder` must be absolute: the sampler has no current folder of the host's. */
static bool join(char *out, size_t size, const char *folder, const char *rest)
{
    size_t a = folder ? strlen(folder) : 0, b = strlen(rest);
    if (a == 0 || folder[0] != '/' || a + b + 1 > size)
        return false;
    memcpy(out, folder, a);
    memcpy(out + a, rest, b + 1);
    return true;
}

static void find_spool(char *out, size_t size)
{
    if (join(out, size, env("GREENTRACK_SPOOL"), "") || join(out, size, env("XDG_STATE_HOME"), "/greentrack/spool") ||
        join(out, size, env("HOME"), "/.local/state/greentrack/spool"))
        return;
    out[0] = 0;
}

static bool units_are_off(struct gt_config *config)
{
    const char *units = env("GREENTRACK_UNITS");
    if (units && strcmp(units, "off") != 0 && strcmp(units, "on") != 0)
        ignore(config, "GREENTRACK_UNITS");
    return units && strcmp(units, "off") == 0;
}

/* The label goes into the trace as it is; who reads it takes a number alone. */
static void check_phi(struct gt_config *config)
{
    const char *text = env("GREENTRACK_PHI");
    char *end = NULL;
    if (text && (!isfinite(strtod(text, &end)) || *end != 0))
        ignore(config, "GREENTRACK_PHI");
}

/* What `greentrack run` has encoded; nothing else writes it, so that all of it holds or none does. */
static void read_unit_events(struct gt_config *config)
{
    const char *text = env(GT_EVENT_VARIABLE);
    int count = text ? gt_event_parse(text, config->unit_terms, GT_UNIT_TERMS) : 0;
    if (count < 0)
        ignore(config, GT_EVENT_VARIABLE);
    config->unit_term_count = count < 0 ? 0 : (uint32_t)count;
}

/* In a run the counters are read from outside; what is left to do here is to empty rings, and a faster pace gains nothing. */
#define RUN_INTERVAL_NS UINT64_C(10000000)

void gt_config_read(struct gt_config *config)
{
    const uint64_t mb = 1000000;
    memset(config, 0, sizeof *config);
    find_spool(config->spool, sizeof config->spool);
    copy(config->log, sizeof config->log, env("GREENTRACK_LOG"));
    copy(config->source, sizeof config->source, env("GREENTRACK_ENERGY_SOURCE"));
    for (int i = 0; i < GT_LABELS; i++)
        copy(config->label[i], sizeof config->label[i], env(label_names[i]));
    config->in_run = parse_id(env("GREENTRACK_RUN"), config->run_id);
    config->units_off = units_are_off(config);
    check_phi(config);
    read_unit_events(config);
    config->interval_ns = env_number(config, "GREENTRACK_INTERVAL_US", 10000, 500, 10000000) * 1000;
    if (config->in_run && config->interval_ns < RUN_INTERVAL_NS)
        config->interval_ns = RUN_INTERVAL_NS;
    config->block_ns = env_number(config, "GREENTRACK_BLOCK_MS", 60000, 10, 3600000) * 1000000;
    config->trace_bytes = env_number(config, "GREENTRACK_TRACE_MB", 64, 0, 1000000) * mb;
    config->spool_bytes = env_number(config, "GREENTRACK_SPOOL_MB", 1024, 0, 100000000) * mb;
}
