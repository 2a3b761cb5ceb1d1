/* Energy and CPU time of a bare preload: TICK, CPU and GAP records. Under `greentrack run` the tracker measures, from outside.
 */
#include "energy/origin.h"
#include "energy/scan.h"
#include "plugin/sampler.h"

#include <errno.h>
#include <string.h>

static int refuse_event(void *state, const struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags)
{
    (void)state, (void)attr, (void)pid, (void)cpu, (void)group_fd, (void)flags;
    return -EPERM;
}

/*
 * A system call filter that was there before us may kill the host for a call that it never makes itself, and perf_event_open is
 * on many a list: under a filter the plugin does without. Not knowing counts as one; a kernel without filters has no such line.
 */
void gt_meter_choose_os(struct gt_os *os)
{
    char status[4096], mode[8];
    bool known = gt_os_read_text(&gt_os_linux, "/proc/self/status", status, sizeof status) > 0;
    *os = gt_os_linux;
    if (!known || (gt_scan_value(status, "Seccomp", mode, sizeof mode) && strcmp(mode, "0") != 0))
        os->perf_event_open = refuse_event;
}

/* One source's name; NULL for "auto" and "". A heavy one is for `greentrack run`. */
static const struct gt_energy_source *choose(struct gt_sampler *s, const char **spec)
{
    const char *name = gt_state.config.source;
    *spec = NULL;
    if (name[0] == 0 || strcmp(name, "auto") == 0)
        return NULL;
    const struct gt_energy_source *source = gt_source_find(name, spec);
    if (source && source->light)
        return source;
    *spec = NULL; /* of the one that is not taken */
    gt_trace_write_note(&s->writer, "energy source",
                        gt_source_is_heavy(name) ? "needs greentrack run: it is never read inside a job" : "unknown");
    return &gt_source_model;
}

void gt_meter_open(struct gt_sampler *s)
{
    struct gt_meter *m = &s->meter;
    struct gt_err err = {0};
    const char *spec;
    if (m->open)
        return;
    m->open = true;
    gt_cputime_open(&m->cputime, &gt_os_linux);
    gt_meter_choose_os(&m->os);
    m->source = choose(s, &spec);
    if (!m->source) {
        m->source = gt_source_open_best(&m->os, &m->source_state, &m->desc);
    } else if (m->source->open(&m->os, spec, &m->source_state, &m->desc, &err) != GT_OK) {
        gt_trace_write_note(&s->writer, "energy source", err.text[0] ? err.text : gt_status_message(err.status));
        m->source = &gt_source_model;
        memset(&m->desc, 0, sizeof m->desc);
        if (m->source->open(&m->os, NULL, &m->source_state, &m->desc, &err) != GT_OK)
            m->source = NULL;
    }
    if (m->source)
        gt_origin_write_source(&s->writer, &m->desc);
    gt_refresh_begin(s);
}

/* --- readings
 * ------------------------------------------------------------------------------------------------------------------------ */

static void end_gap(struct gt_sampler *s, uint64_t t_ns)
{
    struct gt_meter *m = &s->meter;
    if (m->gap_begin_ns == 0)
        return;
    gt_trace_write_gap(&s->writer, m->gap_begin_ns, t_ns, NULL, gt_gap_word(GT_GAP_UNREAD));
    if (s->blocks.fold)
        gt_fold_add_gap(s->blocks.fold, m->gap_begin_ns, t_ns);
    m->gap_begin_ns = 0;
}

void gt_meter_add_tick(struct gt_sampler *s, const uint64_t *row, double sigma_ns)
{
    struct gt_meter *m = &s->meter;
    size_t words = 1 + (size_t)m->desc.domain_count;
    if (!gt_refresh_accept(s, row[0], sigma_ns))
        return;
    m->last_ns = row[0];
    memcpy(m->tick_rows + m->ticks * words, row, words * sizeof *row);
    if (!s->blocks.on)
        m->ticks++;
    else if (s->blocks.fold)
        gt_fold_add_tick(s->blocks.fold, row[0], row + 1);
    if (m->ticks == GT_BATCH)
        gt_meter_flush(s);
}

static void read_source(struct gt_sampler *s)
{
    uint64_t row[1 + GT_SOURCE_DOMAINS], now = gt_now_ns();
    struct gt_meter *m = &s->meter;
    if (!m->source || m->desc.domain_count == 0)
        return;
    if (m->source->read(&m->source_state, row + 1, row) != GT_OK) {
        if (m->gap_begin_ns == 0)
            m->gap_begin_ns = m->last_ns ? m->last_ns : now;
        return;
    }
    end_gap(s, row[0]);
    gt_meter_add_tick(s, row, 0);
}

static void read_cpu(struct gt_sampler *s)
{
    struct gt_meter *m = &s->meter;
    struct gt_trace_cpu *row = &m->cpu.rows[m->cpu.count];
    row->t_ns = gt_now_ns();
    row->job_cpu_ns = gt_cputime_self(&gt_os_linux);
    gt_cputime_machine(&m->cputime, &row->machine_busy_ns, &row->machine_total_ns);
    if (s->blocks.on) {
        if (s->blocks.fold)
            gt_fold_add_cpu(s->blocks.fold, row);
        return;
    }
    if (++m->cpu.count == GT_BATCH)
        gt_meter_flush(s);
}

void gt_meter_read(struct gt_sampler *s, bool source_too, bool cpu_too)
{
    if (!s->meter.open)
        return;
    if (source_too)
        read_source(s);
    if (cpu_too)
        read_cpu(s);
}

void gt_meter_flush(struct gt_sampler *s)
{
    struct gt_meter *m = &s->meter;
    if (m->ticks > 0) {
        struct gt_trace_ticks head = {.count = m->ticks, .domains = (uint32_t)m->desc.domain_count};
        gt_trace_write_packed(&s->writer, GT_TRACE_TICK, &head, sizeof head, m->tick_rows,
                              m->ticks * (1 + (size_t)head.domains) * sizeof(uint64_t));
    }
    if (m->cpu.count > 0)
        gt_trace_write_packed(&s->writer, GT_TRACE_CPU, &m->cpu.count, sizeof m->cpu.count, m->cpu.rows,
                              m->cpu.count * sizeof *m->cpu.rows);
    m->ticks = 0;
    m->cpu.count = 0;
}

void gt_meter_close(struct gt_sampler *s)
{
    struct gt_meter *m = &s->meter;
    if (!m->open)
        return;
    gt_meter_read(s, true, true);
    end_gap(s, gt_now_ns());
    gt_meter_flush(s);
    if (m->source)
        m->source->close(&m->source_state);
    gt_cputime_close(&m->cputime);
    m->open = false;
}
