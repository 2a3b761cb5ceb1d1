/*
 * A meter that somebody else reads: a wall meter, IPMI or Redfish, whose poller appends rows (meter_rows.h) to a file or writes
 * them to a pipe. What it counts is said to be the wall, and imported: greentrack did not measure it.
 *
 * Energy is known between rows alone, so a reading belongs to the time of the last row, or to now where later rows are known
 * (a recorded file). Rows further apart than three times the usual distance (the median of the last eight; a second at
 * least, a minute until three are known) leave a hole, as does the time before the first row and after the last one: the
 * counter goes back by one there (integrate.h). A silent meter never holds up a run: reads do not block; open waits
 * two seconds at most for a pipe's first row, and the end of a job as long for the row that covers it.
 */
#include "energy/heavy/integrate.h"
#include "energy/heavy/meter_rows.h"
#include "energy/scan.h"
#include "energy/source.h"
#include "energy/unwrap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DISTANCES = 8, DISTANCES_LEAST = 3 };
#define SECOND_NS UINT64_C(1000000000)
static const uint64_t HOLE_UNKNOWN_NS = 60 * SECOND_NS, WAIT_NS = 2 * SECOND_NS, POLL_NS = SECOND_NS / 100,
                      DAY_NS = 86400 * SECOND_NS;

struct external {
    const struct gt_os *os;
    struct gt_meter_rows rows;
    struct gt_meter_row a, b; /* the last row that is no later than the cursor allows, and the one after it */
    bool has_a, has_b;
    bool started, lost; /* lost: some of the energy since the last reading is unknown */
    uint64_t cursor_ns, told_ns, told_uj;
    struct gt_integral integral;
    uint64_t distances[DISTANCES];
    uint32_t distance_count;
};
_Static_assert(sizeof(struct external) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The usual distance of two rows; 0: not known yet. */
static uint64_t usual_ns(const struct external *e)
{
    uint64_t sorted[DISTANCES];
    uint32_t n = e->distance_count < DISTANCES ? e->distance_count : DISTANCES;
    if (n < DISTANCES_LEAST)
        return 0;
    memcpy(sorted, e->distances, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, ascending);
    return sorted[n / 2];
}

static uint64_t hole_ns(const struct external *e)
{
    uint64_t usual = usual_ns(e);
    return usual == 0 ? HOLE_UNKNOWN_NS : 3 * usual > SECOND_NS ? 3 * usual : SECOND_NS;
}

static double power_at(const struct external *e, uint64_t t_ns)
{
    double part = (double)(t_ns - e->a.t_ns) / (double)(e->b.t_ns - e->a.t_ns);
    return e->a.power_w + part * (e->b.power_w - e->a.power_w);
}

/*
 * Moves the cursor to `t_ns`, which lies between the two rows. False: what is known and what is not go into readings of their
 * own, so that a hole is as long as it is, however seldom is read; the rest comes after the next one.
 */
static bool integrate_to(struct external *e, uint64_t t_ns)
{
    if (t_ns <= e->cursor_ns)
        return true;
    bool hole = e->cursor_ns < e->a.t_ns || e->b.t_ns - e->a.t_ns > hole_ns(e);
    if (hole != e->lost && e->cursor_ns > e->told_ns)
        return false;
    if (!hole)
        gt_integrate_add(&e->integral, power_at(e, e->cursor_ns), power_at(e, t_ns), t_ns - e->cursor_ns);
    e->lost = hole;
    e->cursor_ns = t_ns;
    return true;
}

/* The row after the last one becomes the last one. */
static void step(struct external *e)
{
    if (e->has_a)
        e->distances[e->distance_count++ % DISTANCES] = e->b.t_ns - e->a.t_ns;
    e->a = e->b;
    e->has_a = true;
    e->has_b = false;
}

/* A row of a day that is yet to come is a clock gone wrong; it must not make all that follow it late. Dropped. */
static bool is_far(struct external *e, uint64_t until_ns)
{
    if (e->b.t_ns <= until_ns || e->b.t_ns - until_ns <= DAY_NS)
        return false;
    e->has_b = false;
    e->rows.disordered++;
    e->rows.last_ns = e->has_a ? e->a.t_ns : 0;
    return true;
}

/* Takes in the rows up to `until_ns` and moves the cursor as far as they tell. False: a reading is due before it goes on. */
static bool advance(struct external *e, uint64_t until_ns)
{
    while (e->has_b || (e->has_b = gt_meter_rows_next(&e->rows, &e->b))) {
        if (is_far(e, until_ns))
            continue;
        if (e->b.t_ns > until_ns)
            break;
        if (!e->has_a && e->b.t_ns > e->cursor_ns) {
            e->lost = true;
            e->cursor_ns = e->b.t_ns;
        } else if (e->has_a && !integrate_to(e, e->b.t_ns)) {
            return false;
        }
        step(e);
    }
    return !e->has_a || !e->has_b || integrate_to(e, until_ns);
}

static void tell(struct external *e, uint64_t *raw, uint64_t *t_ns)
{
    if (e->lost)
        gt_integrate_lose(&e->integral, e->told_uj);
    e->lost = false;
    e->told_ns = e->cursor_ns;
    e->told_uj = e->integral.count_uj;
    *raw = e->integral.count_uj;
    *t_ns = e->cursor_ns;
}

/* The first reading: where the rows stand, or now where nothing recent is known. */
static void begin(struct external *e, uint64_t now_ns)
{
    e->cursor_ns = 0;
    e->told_ns = UINT64_MAX; /* none is due */
    advance(e, now_ns);
    bool recent = e->has_a && (e->has_b || now_ns - e->a.t_ns <= hole_ns(e));
    gt_integrate_init(&e->integral);
    e->lost = false;
    e->started = true;
    e->cursor_ns = !recent || e->has_b ? now_ns : e->a.t_ns;
}

static void lose_until(struct external *e, uint64_t t_ns)
{
    e->lost = true;
    e->cursor_ns = t_ns;
}

static enum gt_status external_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct external *e = (void *)state->bytes;
    uint64_t now_ns = e->os->clock_ns(e->os->state, CLOCK_MONOTONIC);
    if (!e->started) {
        begin(e, now_ns);
        tell(e, raw, t_ns);
        return GT_OK;
    }
    advance(e, now_ns);
    /* Silence is told once per hole's length, so that a long one does not become a hundred gaps per second. */
    if (e->cursor_ns == e->told_ns && now_ns > e->told_ns && now_ns - e->told_ns > hole_ns(e))
        lose_until(e, now_ns);
    if (e->cursor_ns == e->told_ns)
        return GT_E_BUSY;
    tell(e, raw, t_ns);
    return GT_OK;
}

/* How long the row that covers the end is worth waiting for. */
static uint64_t patience_ns(const struct external *e, uint64_t end_ns)
{
    uint64_t usual = usual_ns(e) ? usual_ns(e) : SECOND_NS;
    if (!e->has_a || (end_ns > e->a.t_ns && end_ns - e->a.t_ns > hole_ns(e)))
        return 0;
    return 2 * usual < WAIT_NS ? 2 * usual : WAIT_NS;
}

static enum gt_status external_finish(struct gt_source_state *state, uint64_t end_ns, uint64_t *raw, uint64_t *t_ns)
{
    struct external *e = (void *)state->bytes;
    if (!e->started)
        return external_read(state, raw, t_ns);
    bool all = advance(e, end_ns);
    uint64_t now_ns = e->os->clock_ns(e->os->state, CLOCK_MONOTONIC), until_ns = end_ns + patience_ns(e, end_ns);
    while (all && e->cursor_ns < end_ns && now_ns < until_ns) {
        e->os->sleep_until(e->os->state, now_ns + POLL_NS);
        all = advance(e, end_ns);
        now_ns = e->os->clock_ns(e->os->state, CLOCK_MONOTONIC);
    }
    if (e->cursor_ns == e->told_ns && e->cursor_ns < end_ns)
        lose_until(e, end_ns);
    if (e->cursor_ns == e->told_ns)
        return GT_E_BUSY;
    tell(e, raw, t_ns);
    return GT_OK;
}

/* A pipe's first row is waited for: without it the run begins with a hole. */
static void await_first_row(struct external *e)
{
    uint64_t now_ns = e->os->clock_ns(e->os->state, CLOCK_MONOTONIC), until_ns = e->rows.is_file ? now_ns : now_ns + WAIT_NS;
    while (!(e->has_b = gt_meter_rows_next(&e->rows, &e->b)) && now_ns < until_ns) {
        e->os->sleep_until(e->os->state, now_ns + POLL_NS);
        now_ns = e->os->clock_ns(e->os->state, CLOCK_MONOTONIC);
    }
}

/* Twice what a machine's power rises by from idle to full load (energy/unwrap.h), since a meter may stand before a rack. */
static double most_w(const struct external *e)
{
    double most = e->has_b ? 20 * e->b.power_w : 0;
    return most < GT_UNWRAP_MACHINE_W ? GT_UNWRAP_MACHINE_W : most < GT_UNWRAP_METER_W ? most : GT_UNWRAP_METER_W;
}

static enum gt_status external_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                    struct gt_source_desc *desc, struct gt_err *err)
{
    struct external *e = (void *)state->bytes;
    memset(e, 0, sizeof *e);
    memset(desc, 0, sizeof *desc);
    e->os = os;
    e->rows.fd = -1;
    if (!spec || !*spec)
        return gt_err_set(err, GT_E_ARG, "external needs a meter's file or pipe: external:PATH");
    enum gt_status status = gt_meter_rows_open(&e->rows, os, spec, err);
    if (status != GT_OK)
        return status;
    await_first_row(e);
    if (!e->has_b && e->rows.garbage > 0) {
        gt_meter_rows_close(&e->rows);
        return gt_err_set(err, GT_E_FORMAT, "%s: no line of it is 't_ns,power_w'", spec);
    }
    gt_scan_append(desc->source, sizeof desc->source, "external");
    gt_scan_append(desc->boundary, sizeof desc->boundary, "wall");
    desc->provenance = GT_PROVENANCE_IMPORTED;
    desc->exclusive = !e->rows.is_file;
    desc->domain_count = 1;
    desc->domains[0] = (struct gt_domain){.name = "wall",
                                          .parent = -1,
                                          .package = -1,
                                          .die = -1,
                                          .additive = true,
                                          .uj_per_count = 1,
                                          .refresh_ns = SECOND_NS,
                                          .most_w = most_w(e)};
    return GT_OK;
}

static void external_close(struct gt_source_state *state)
{
    struct external *e = (void *)state->bytes;
    gt_meter_rows_close(&e->rows);
}

/* Looks without opening: a pipe's rows would go to us. */
static void external_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    (void)os;
    memset(result, 0, sizeof *result);
    result->result = GT_PROBE_ABSENT;
    if (!spec || !*spec) {
        gt_scan_append(result->detail, sizeof result->detail, "needs a meter's file or pipe: external:PATH");
        return;
    }
    bool exists = access(spec, F_OK) == 0, readable = exists && access(spec, R_OK) == 0;
    result->result = readable ? GT_PROBE_AVAILABLE : exists ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    gt_scan_append(result->detail, sizeof result->detail, spec);
    gt_scan_append(result->detail, sizeof result->detail,
                   readable ? ": imported, boundary wall"
                   : exists ? ": permission denied"
                            : ": not found");
}

const struct gt_energy_source gt_source_external = {
    .name = "external",
    .summary = "rows t_ns,power_w of a meter that somebody else reads (external:PATH, a file or a pipe)",
    .by_name_only = true,
    .probe = external_probe,
    .open = external_open,
    .read = external_read,
    .finish = external_finish,
    .close = external_close,
};
