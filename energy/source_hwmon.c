/*
 * Sensors of the hardware monitoring class (Linux: Documentation/hwmon/sysfs-interface.rst).
 *
 *   /sys/class/hwmon/hwmonN/name             the chip: "ina3221", "amd_energy", ...
 *   .../energyK_input                        microjoules
 *   .../powerK_average, else powerK_input    microwatts; powerK_average_interval, ms
 *   .../inK_input and currK_input            millivolts and milliamperes of a chip that gives no power (ina3221)
 *   .../{energy,power,in}K_label             what is measured; update_interval, ms
 *
 * Most sensors measure a fan, a disk, a graphics or network card: what counts is a table. "hwmon:NAME+NAME" takes exactly the
 * named sensors (a label, or "chip/power1") and adds them up: then the user vouches for it that they are disjoint.
 *
 * Powers are integrated over time, by trapezoids between readings, into a counter of microjoules. Where readings lie further
 * apart than GAP_NS, than ten refreshes and than their pace has it (energy/pace.h), nothing is known about the time between:
 * the counter then steps back by one, which energy/unwrap takes for what it is, a gap. Light: system calls alone.
 */
#include "energy/pace.h"
#include "energy/scan.h"
#include "energy/source.h"

#include <errno.h>
#include <string.h>

#define ROOT "/sys/class/hwmon/hwmon"

enum {
    PATH_BYTES = 128,
    CHIPS_MAX = 64,
    SENSORS_MAX = 512, /* of one chip */
    RAPL_REFRESH_NS = 1000000,
    GAP_NS = 1000000000
};
#define START_COUNT (UINT64_C(1) << 40) /* an integrated counter begins here: it may step back as often as it likes */

enum kind { ENERGY, POWER_AVERAGE, POWER_INPUT, VOLTAGE, KINDS };

static const struct {
    const char *prefix, *suffix, *word;
} kinds[KINDS] = {[ENERGY] = {"energy", "_input", "energy"},
                  [POWER_AVERAGE] = {"power", "_average", "power"},
                  [POWER_INPUT] = {"power", "_input", "power"},
                  [VOLTAGE] = {"in", "_input", "in"}};

/*
 * Rails that are the machine, or a named part of it; best first, since boundaries overlap and the first one found is taken.
 * '#' stands for a number, the package. `inside`: the rail that contains this one.
 */
static const struct rail {
    const char *chip, *label, *boundary, *inside;
} rails[] = {
    /* Linux 5.8 to 5.12 and out of tree: Documentation/hwmon/amd_energy.rst; Ecore# is inside Esocket# */
    {"amd_energy", "Esocket#", "package", NULL},
    /* Nvidia Jetson, Linux Developer Guide, "Power monitoring": the module's input, and the rails behind it */
    {"ina3221", "VDD_IN", "board", NULL}, /* Orin Nano and NX, Xavier NX, TX2 */
    {"ina3221", "VDD_CPU_GPU_CV", "board", "VDD_IN"},
    {"ina3221", "VDD_SOC", "board", "VDD_IN"},
    {"ina3221", "VDD_SYS_CPU", "board", "VDD_IN"},
    {"ina3221", "VDD_SYS_GPU", "board", "VDD_IN"},
    {"ina3221", "VDD_SYS_SOC", "board", "VDD_IN"},
    {"ina3221", "VDD_SYS_DDR", "board", "VDD_IN"},
    {"ina3221", "POM_5V_IN", "board", NULL}, /* Nano */
    {"ina3221", "POM_5V_CPU", "board", "POM_5V_IN"},
    {"ina3221", "POM_5V_GPU", "board", "POM_5V_IN"},
    /* Documentation/hwmon/acpi_power_meter.rst: one sensor without a label, the machine's input */
    {"power_meter", "power_meter/power1", "machine", NULL},
    /* Documentation/hwmon/corsair-psu.rst: all outputs of the power supply */
    {"corsairpsu", "power total", "psu", NULL},
};
enum { RAILS = sizeof rails / sizeof *rails };

struct sensor {
    int hwmon, number;
    enum kind kind;
    char chip[GT_SOURCE_NAME], name[GT_SOURCE_NAME]; /* name: the label, else "chip/power1" */
    const struct rail *rail;                         /* NULL: named by the user */
};

/* One counter. */
struct channel {
    int fd, current_fd; /* current_fd -1: fd alone */
    bool integrated;
    uint64_t limit_ns; /* readings no further apart than this leave no gap, whatever their pace */
    uint64_t uw;       /* last power */
    uint64_t uj;       /* the counter, and what is not yet a whole microjoule of it */
    double fraction;
};

struct hwmon {
    const struct gt_os *os;
    bool started;
    uint64_t t_ns; /* of the last reading */
    struct gt_pace pace;
    int count;
    struct channel channels[GT_SOURCE_DOMAINS];
};
_Static_assert(sizeof(struct hwmon) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

/* --- what is there
 * ------------------------------------------------------------------------------------------------------------- */

struct numbers {
    int count;
    struct {
        uint16_t number;
        uint8_t kind;
    } rows[SENSORS_MAX];
};

struct search {
    const struct gt_os *os;
    const char *spec;
    struct numbers chips; /* numbers alone */
    int count;
    struct sensor sensors[GT_SOURCE_DOMAINS];
    bool overflow;
    char others[GT_SOURCE_TEXT / 2]; /* names of power sensors that are not counted */
};

static char *chip_path(char *path, int hwmon, const char *file)
{
    path[0] = '\0';
    gt_scan_append(path, PATH_BYTES, ROOT);
    gt_scan_append_u64(path, PATH_BYTES, (uint64_t)hwmon);
    gt_scan_append(path, PATH_BYTES, file);
    return path;
}

/* "/power1_average" of such a sensor. */
static char *sensor_path(char *path, const struct sensor *sensor, const char *prefix, const char *suffix)
{
    chip_path(path, sensor->hwmon, "/");
    gt_scan_append(path, PATH_BYTES, prefix);
    gt_scan_append_u64(path, PATH_BYTES, (uint64_t)sensor->number);
    gt_scan_append(path, PATH_BYTES, suffix);
    return path;
}

/* Ascending, since listings have no order. 1 when there is no room. */
static int add_number(struct numbers *list, int most, uint64_t number, enum kind kind)
{
    if (list->count == most || number > UINT16_MAX)
        return 1;
    int at = list->count++;
    for (;
         at > 0 && (kind < list->rows[at - 1].kind || (kind == list->rows[at - 1].kind && number < list->rows[at - 1].number));
         at--)
        list->rows[at] = list->rows[at - 1];
    list->rows[at].number = (uint16_t)number;
    list->rows[at].kind = (uint8_t)kind;
    return 0;
}

static bool parse_entry(const char *name, const char *prefix, const char *suffix, uint64_t *number)
{
    size_t n = strlen(prefix);
    if (strncmp(name, prefix, n) != 0)
        return false;
    name += n;
    return gt_scan_u64(&name, number) && strcmp(name, suffix) == 0;
}

static int add_chip(void *context, const char *name)
{
    uint64_t number;
    return parse_entry(name, "hwmon", "", &number) ? add_number(context, CHIPS_MAX, number, ENERGY) : 0;
}

static int add_entry(void *context, const char *name)
{
    uint64_t number;
    for (int kind = 0; kind < KINDS; kind++)
        if (parse_entry(name, kinds[kind].prefix, kinds[kind].suffix, &number))
            return add_number(context, SENSORS_MAX, number, (enum kind)kind);
    return 0;
}

static bool has(const struct numbers *list, int number, enum kind kind)
{
    for (int i = 0; i < list->count; i++)
        if (list->rows[i].number == number && list->rows[i].kind == kind)
            return true;
    return false;
}

/* A better reading of the same quantity exists: the average before the moment's power, a power before voltage times current. */
static bool is_shadowed(const struct numbers *list, int number, enum kind kind)
{
    return (kind == POWER_INPUT && has(list, number, POWER_AVERAGE)) ||
           (kind == VOLTAGE && (has(list, number, POWER_AVERAGE) || has(list, number, POWER_INPUT)));
}

static void name_sensor(const struct gt_os *os, struct sensor *sensor)
{
    char path[PATH_BYTES];
    const char *word = kinds[sensor->kind].word;
    if (gt_os_read_text(os, sensor_path(path, sensor, word, "_label"), sensor->name, sizeof sensor->name) > 0)
        return;
    gt_scan_copy(sensor->name, sizeof sensor->name, sensor->chip, strlen(sensor->chip));
    gt_scan_append(sensor->name, sizeof sensor->name, "/");
    gt_scan_append(sensor->name, sizeof sensor->name, word);
    gt_scan_append_u64(sensor->name, sizeof sensor->name, (uint64_t)sensor->number);
}

/* -1: no match; else the number in place of '#', 0 without one. */
static int match_label(const char *pattern, const char *label)
{
    size_t n = strcspn(pattern, "#");
    uint64_t number = 0;
    if (pattern[n] == '\0')
        return strcmp(pattern, label) == 0 ? 0 : -1;
    if (strncmp(pattern, label, n) != 0)
        return -1;
    label += n;
    return gt_scan_u64(&label, &number) && *label == '\0' && number < 4096 ? (int)number : -1;
}

static const struct rail *find_rail(const struct sensor *sensor)
{
    for (int i = 0; i < RAILS; i++)
        if (strcmp(rails[i].chip, sensor->chip) == 0 && match_label(rails[i].label, sensor->name) >= 0)
            return &rails[i];
    return NULL;
}

/* Is it one of the "+"-separated names? */
static bool is_named(const char *spec, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = spec; at; at = strchr(at, '+') ? strchr(at, '+') + 1 : NULL)
        if (strncmp(at, name, n) == 0 && (at[n] == '+' || at[n] == '\0'))
            return true;
    return false;
}

static bool has_current(const struct gt_os *os, const struct sensor *sensor)
{
    char path[PATH_BYTES];
    int fd = os->open_read(os->state, sensor_path(path, sensor, "curr", "_input"));
    if (fd < 0)
        return false;
    os->close(os->state, fd);
    return true;
}

static void look_at_sensor(struct search *s, struct sensor *sensor)
{
    name_sensor(s->os, sensor);
    sensor->rail = s->spec ? NULL : find_rail(sensor);
    if (sensor->kind == VOLTAGE && !has_current(s->os, sensor))
        return;
    if (s->spec ? is_named(s->spec, sensor->name) : sensor->rail != NULL) {
        s->overflow = s->overflow || s->count == GT_SOURCE_DOMAINS;
        if (!s->overflow)
            s->sensors[s->count++] = *sensor;
    } else if (!is_named(s->others, sensor->name)) {
        if (s->others[0])
            gt_scan_append(s->others, sizeof s->others, "+");
        gt_scan_append(s->others, sizeof s->others, sensor->name);
    }
}

static void look_at_chip(struct search *s, int hwmon)
{
    struct sensor sensor = {.hwmon = hwmon};
    struct numbers entries = {0};
    char path[PATH_BYTES];
    if (gt_os_read_text(s->os, chip_path(path, hwmon, "/name"), sensor.chip, sizeof sensor.chip) <= 0)
        return;
    if (s->os->list(s->os->state, chip_path(path, hwmon, ""), add_entry, &entries) > 0)
        s->overflow = true;
    for (int i = 0; i < entries.count; i++) {
        sensor.number = entries.rows[i].number;
        sensor.kind = (enum kind)entries.rows[i].kind;
        if (!is_shadowed(&entries, sensor.number, sensor.kind))
            look_at_sensor(s, &sensor);
    }
}

static enum gt_status find_sensors(const struct gt_os *os, const char *spec, struct search *s, struct gt_err *err)
{
    memset(s, 0, sizeof *s);
    s->os = os;
    s->spec = spec;
    int status = os->list(os->state, "/sys/class/hwmon", add_chip, &s->chips);
    if (status < 0 && status != -ENOENT)
        return gt_err_set_errno(err, -status, "/sys/class/hwmon");
    for (int i = 0; i < s->chips.count; i++)
        look_at_chip(s, s->chips.rows[i].number);
    if (status > 0 || s->overflow)
        return gt_err_set(err, GT_E_LIMIT, "/sys/class/hwmon: more sensors than there is room for");
    if (s->count > 0)
        return GT_OK;
    if (spec)
        return gt_err_set(err, GT_E_NOENT, "hwmon: no power or energy sensor is called '%.100s'", spec);
    return gt_err_set(err, GT_E_ABSENT, "no sensor known to be the machine's%s%s",
                      s->others[0] ? "; not counted, unless asked for: hwmon:" : "", s->others);
}

/* --- the descriptor
 * ------------------------------------------------------------------------------------------------------------- */

static uint64_t refresh_ns(const struct gt_os *os, const struct sensor *sensor)
{
    char path[PATH_BYTES];
    uint64_t ms = 0;
    if (sensor->kind == ENERGY)
        return strcmp(sensor->chip, "amd_energy") == 0 ? RAPL_REFRESH_NS : 0;
    int status = sensor->kind == POWER_AVERAGE
                     ? gt_os_read_u64(os, sensor_path(path, sensor, "power", "_average_interval"), &ms)
                     : -ENOENT;
    if (status < 0)
        status = gt_os_read_u64(os, chip_path(path, sensor->hwmon, "/update_interval"), &ms);
    return status < 0 || ms > 3600000 ? 0 : ms * 1000000;
}

static int find_parent(const struct gt_source_desc *desc, const struct rail *rail)
{
    for (int i = 0; rail && rail->inside && i < desc->domain_count; i++)
        if (strcmp(desc->domains[i].name, rail->inside) == 0)
            return i;
    return -1;
}

/* The first rail of the table that is there says what the total is. */
static const struct rail *choose_rail(const struct search *s)
{
    const struct rail *best = NULL;
    for (int i = 0; i < s->count; i++)
        if (s->sensors[i].rail && !s->sensors[i].rail->inside && (!best || s->sensors[i].rail < best))
            best = s->sensors[i].rail;
    return best;
}

static int open_file(const struct gt_os *os, const char *path)
{
    uint64_t value;
    int fd = os->open_read(os->state, path);
    int failed = fd < 0 ? 0 : gt_os_pread_u64(os, fd, &value);
    if (!failed)
        return fd;
    os->close(os->state, fd);
    return failed;
}

static int open_channel(const struct gt_os *os, const struct sensor *sensor, struct channel *channel, char *path)
{
    *channel = (struct channel){.integrated = sensor->kind != ENERGY, .current_fd = -1, .uj = START_COUNT};
    channel->fd = open_file(os, sensor_path(path, sensor, kinds[sensor->kind].prefix, kinds[sensor->kind].suffix));
    if (channel->fd < 0)
        return channel->fd;
    if (sensor->kind != VOLTAGE)
        return 0;
    channel->current_fd = open_file(os, sensor_path(path, sensor, "curr", "_input"));
    if (channel->current_fd >= 0)
        return 0;
    os->close(os->state, channel->fd);
    return channel->current_fd;
}

/* Rails inside another one come with it where they can be read. */
static enum gt_status add_sensor(struct hwmon *h, const struct sensor *sensor, bool additive, struct gt_source_desc *desc,
                                 struct gt_err *err)
{
    char path[PATH_BYTES];
    struct channel *channel = &h->channels[h->count];
    int parent = find_parent(desc, sensor->rail);
    if (!additive && parent < 0)
        return GT_OK; /* a part of something else than the total */
    int failed = open_channel(h->os, sensor, channel, path);
    if (failed)
        return additive ? gt_err_set_errno(err, -failed, "%s", path) : GT_OK;
    h->count++;
    struct gt_domain *domain = &desc->domains[desc->domain_count++];
    *domain = (struct gt_domain){.parent = parent, .package = -1, .die = -1, .additive = additive, .uj_per_count = 1};
    gt_scan_copy(domain->name, sizeof domain->name, sensor->name, strlen(sensor->name));
    if (sensor->rail && strchr(sensor->rail->label, '#'))
        domain->package = match_label(sensor->rail->label, sensor->name);
    domain->refresh_ns = refresh_ns(h->os, sensor);
    channel->limit_ns = 10 * domain->refresh_ns > GAP_NS ? 10 * domain->refresh_ns : GAP_NS;
    return GT_OK;
}

static void hwmon_close(struct gt_source_state *state)
{
    struct hwmon *h = (void *)state->bytes;
    for (int i = 0; i < h->count; i++) {
        h->os->close(h->os->state, h->channels[i].fd);
        if (h->channels[i].current_fd >= 0)
            h->os->close(h->os->state, h->channels[i].current_fd);
    }
    h->count = 0;
}

static enum gt_status hwmon_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                 struct gt_source_desc *desc, struct gt_err *err)
{
    struct hwmon *h = (void *)state->bytes;
    struct search search;
    memset(h, 0, sizeof *h);
    memset(desc, 0, sizeof *desc);
    h->os = os;
    gt_scan_append(desc->source, sizeof desc->source, "hwmon");
    desc->provenance = GT_PROVENANCE_MEASURED;
    enum gt_status status = find_sensors(os, spec, &search, err);
    if (status != GT_OK)
        return status;
    const struct rail *total = choose_rail(&search);
    gt_scan_append(desc->boundary, sizeof desc->boundary, total ? total->boundary : "chosen sensors");
    for (int inside = 0; inside < 2; inside++) /* what contains others stands before them */
        for (int i = 0; i < search.count && status == GT_OK; i++) {
            const struct sensor *sensor = &search.sensors[i];
            bool additive = !sensor->rail || sensor->rail == total;
            if (additive == !inside)
                status = add_sensor(h, sensor, additive, desc, err);
        }
    if (status == GT_OK && desc->domain_count == 0)
        status = gt_err_set(err, GT_E_ABSENT, "rails without the one that contains them");
    if (status != GT_OK)
        hwmon_close(state);
    return status;
}

/* --- readings
 * ------------------------------------------------------------------------------------------------------------------ */

static int read_channel(const struct gt_os *os, const struct channel *channel, uint64_t *value)
{
    uint64_t ma;
    int failed = gt_os_pread_u64(os, channel->fd, value);
    if (failed || channel->current_fd < 0)
        return failed;
    failed = gt_os_pread_u64(os, channel->current_fd, &ma);
    if (!failed && __builtin_mul_overflow(*value, ma, value)) /* mV times mA: µW */
        return -EINVAL;
    return failed;
}

/* A sensor that claims a terawatt says nothing, like one that was not read. False: the time since the last reading is a hole.
 */
static bool integrate(struct channel *channel, uint64_t uw, uint64_t dt_ns, const struct hwmon *h)
{
    double uj = ((double)channel->uw + (double)uw) / 2 * (double)dt_ns / 1e9 + channel->fraction;
    channel->uw = uw;
    if (!h->started)
        return true;
    bool hole = gt_pace_is_hole(&h->pace, dt_ns, channel->limit_ns);
    if (hole || !(uj < 1e15)) {
        channel->uj--;
        return !hole;
    }
    channel->uj += (uint64_t)uj;
    channel->fraction = uj - (double)(uint64_t)uj;
    return true;
}

static enum gt_status hwmon_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct hwmon *h = (void *)state->bytes;
    uint64_t values[GT_SOURCE_DOMAINS] = {0};
    uint64_t before = h->os->clock_ns(h->os->state, CLOCK_MONOTONIC);
    for (int i = 0; i < h->count; i++) {
        int failed = read_channel(h->os, &h->channels[i], &values[i]);
        if (failed)
            return failed == -EACCES || failed == -EPERM ? GT_E_PERM : GT_E_IO;
    }
    uint64_t after = h->os->clock_ns(h->os->state, CLOCK_MONOTONIC);
    uint64_t now = before + (after - before) / 2, dt = now - h->t_ns;
    bool hole = false;
    for (int i = 0; i < h->count; i++) {
        struct channel *channel = &h->channels[i];
        if (channel->integrated && !integrate(channel, values[i], dt, h))
            hole = true;
        raw[i] = channel->integrated ? channel->uj : values[i];
    }
    if (h->started)
        gt_pace_take(&h->pace, dt, hole);
    h->started = true;
    h->t_ns = now;
    *t_ns = now;
    return GT_OK;
}

/* --- probe
 * --------------------------------------------------------------------------------------------------------------------- */

/* amd_energy's counters are root's, group included (mode 0440), since CVE-2020-12912. */
static const char hwmon_fix[] =
    "printf \"SUBSYSTEM==\\\"hwmon\\\", ATTR{name}==\\\"amd_energy\\\", RUN+=\\\"/bin/sh -c 'chgrp $(id -gn) "
    "/sys%%p/energy*_input'\\\"\\n\" | sudo tee /etc/udev/rules.d/90-greentrack-hwmon.rules && sudo udevadm control --reload "
    "&& "
    "sudo udevadm trigger -c add -s hwmon";
_Static_assert(sizeof hwmon_fix <= GT_SOURCE_TEXT, "a fix that is cut is none");

static void hwmon_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = hwmon_open(os, spec, &state, &desc, &err);
    if (status != GT_OK) {
        gt_scan_append(result->detail, sizeof result->detail, err.text);
        result->result = status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
        if (status == GT_E_PERM)
            gt_scan_append(result->fix, sizeof result->fix, hwmon_fix);
        return;
    }
    gt_scan_append(result->detail, sizeof result->detail, "sensors, boundary ");
    gt_scan_append(result->detail, sizeof result->detail, desc.boundary);
    gt_scan_append(result->detail, sizeof result->detail, ":");
    for (int i = 0; i < desc.domain_count; i++) {
        if (!desc.domains[i].additive)
            continue;
        gt_scan_append(result->detail, sizeof result->detail, " ");
        gt_scan_append(result->detail, sizeof result->detail, desc.domains[i].name);
    }
    hwmon_close(&state);
}

const struct gt_energy_source gt_source_hwmon = {
    .name = "hwmon",
    .summary = "sensors of the board or the processor, by /sys/class/hwmon; powers are integrated over time",
    .light = true,
    .probe = hwmon_probe,
    .open = hwmon_open,
    .read = hwmon_read,
    .close = hwmon_close,
};
