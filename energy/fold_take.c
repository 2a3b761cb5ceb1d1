/* The fold's output: sums since the last take become a BLOCK payload; and a process's block as input of a run's fold. */
#include "energy/block.h"
#include "energy/fold_state.h"
#include "energy/wide.h"

#include <string.h>

size_t gt_fold_take_bytes(const struct gt_fold *fold)
{
    return gt_block_bytes(fold->domains, fold->unit_count, fold->pair_count);
}

static struct gt_block_energy energy_of(const uint64_t *channel)
{
    return (struct gt_block_energy){.known_uj = channel[E_KNOWN],
                                    .known_ns = channel[E_KNOWN_NS],
                                    .gap_ns = channel[E_GAP_NS],
                                    .gap_lo_uj = channel[E_GAP_LO],
                                    .gap_hi_uj = channel[E_GAP_HI]};
}

/* What the window grew by since blocks last had it. Both edges only move outward, so that this never falls below 0. */
static void take_window(struct fold_window *w, uint64_t *growth)
{
    for (uint32_t i = 0; i < w->curve.channels; i++) {
        uint64_t inside = w->end[i] > w->begin[i] ? w->end[i] - w->begin[i] : 0;
        growth[i] = inside > w->taken[i] ? inside - w->taken[i] : 0;
        w->taken[i] += growth[i];
    }
}

static void take_all(struct fold_window *w, uint64_t *growth)
{
    for (uint32_t i = 0; i < w->curve.channels; i++) {
        growth[i] = w->now[i] - w->taken_now[i];
        w->taken_now[i] = w->now[i];
    }
}

static void take_domains(struct gt_fold *f, struct gt_block_domain *out)
{
    uint64_t all[GT_SOURCE_DOMAINS * E_CHANNELS], window[GT_SOURCE_DOMAINS * E_CHANNELS];
    take_all(&f->energy, all);
    take_window(&f->energy, window);
    for (uint32_t i = 0; i < f->domains; i++) {
        struct gt_unwrap *now = &f->unwrap[i], *taken = &f->unwrap_taken[i];
        uint32_t at = i * E_CHANNELS;
        out[i] = (struct gt_block_domain){.all = energy_of(all + at),
                                          .window = energy_of(window + at),
                                          .wraps = now->wraps - taken->wraps,
                                          .backward = now->backward - taken->backward,
                                          .stalls = now->stalls - taken->stalls,
                                          .impossible = now->impossible - taken->impossible,
                                          .ambiguous = now->ambiguous - taken->ambiguous,
                                          .refresh_ns = now->refresh_ns,
                                          .lag_uj = gt_unwrap_lag_uj(now)};
        out[i].all.edge_uj = now->doubted_uj - taken->doubted_uj;
        out[i].window.edge_uj = f->has_window ? out[i].all.edge_uj : 0;
        gt_block_add_domain(&out[i], &f->domain_sum[i]);
        /* The window of added blocks lies beside this fold's own: it has edges of its own. */
        if (f->has_window)
            out[i].window.edge_uj += f->energy.edge[at + E_KNOWN] + f->energy.edge[f->energy.curve.channels + at + E_KNOWN];
        *taken = *now;
    }
    memset(f->domain_sum, 0, f->domains * sizeof *f->domain_sum);
}

static void take_cpu(struct gt_fold *f, struct gt_block_head *head)
{
    uint64_t all[C_CHANNELS], window[C_CHANNELS];
    take_all(&f->cpu, all);
    take_window(&f->cpu, window);
    head->job_cpu_ns += all[C_JOB];
    head->cpu_known_ns += all[C_JOB_NS];
    head->machine_busy_ns += all[C_BUSY];
    head->machine_total_ns += all[C_TOTAL];
    head->machine_known_ns += all[C_MACHINE_NS];
    head->window_job_cpu_ns += window[C_JOB];
    head->window_cpu_known_ns += window[C_JOB_NS];
    head->window_busy_ns += window[C_BUSY];
    head->window_total_ns += window[C_TOTAL];
    head->window_machine_known_ns += window[C_MACHINE_NS];
}

static void take_shares(struct gt_fold *f, struct gt_block_head *head)
{
    uint64_t all[S_CHANNELS], window[S_CHANNELS];
    take_all(&f->shares, all);
    take_window(&f->shares, window);
    head->slot_job_uj += all[S_JOB_UJ];
    head->slot_job_ns += all[S_JOB_NS];
    head->slot_uj += all[S_UJ];
    head->slot_ns += all[S_NS];
    head->window_slot_job_uj += window[S_JOB_UJ];
    head->window_slot_job_ns += window[S_JOB_NS];
    head->window_slot_uj += window[S_UJ];
    head->window_slot_ns += window[S_NS];
}

static void take_head(struct gt_fold *f, struct gt_block_head *head)
{
    struct gt_block_head spans = {.begin_ns = f->sampled ? f->first_ns : 0,
                                  .end_ns = f->sampled ? f->last_ns : 0,
                                  .window_begin_ns = f->window_begin_ns,
                                  .window_end_ns = f->window_end_ns};
    *head = f->sum;
    head->region_windows += f->has_regions;
    gt_block_add_head(head, &spans);
    take_cpu(f, head);
    take_shares(f, head);
    head->version = GT_BLOCK_VERSION;
    head->domain_count = f->domains;
    memset(&f->sum, 0, sizeof f->sum);
    f->sum.blocks = 1;
    f->first_ns = f->last_ns;
}

static bool is_used(const struct gt_block_unit *unit)
{
    return unit->calls || unit->ns || (unit->t_dt.low | unit->t_dt.high) || (unit->t_e_next.low | unit->t_e_next.high) ||
           (unit->e_t_next.low | unit->e_t_next.high);
}

/* Units stay known (open intervals name them by index); only their sums begin anew. */
static uint32_t take_units(struct gt_fold *f, struct gt_block_unit *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->unit_count; i++) {
        struct gt_block_unit *sum = &f->units[i].sum;
        if (is_used(sum))
            out[n++] = *sum;
        *sum = (struct gt_block_unit){.slot = sum->slot};
    }
    gt_block_sort_units(out, n);
    return n;
}

static uint32_t take_pairs(struct gt_fold *f, struct gt_block_pair *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= f->pair_mask; i++) {
        const struct fold_pair *pair = &f->pairs[i];
        if (pair->a == UINT32_MAX)
            continue;
        out[n++] = (struct gt_block_pair){.a = f->units[pair->a].sum.slot,
                                          .b = f->units[pair->b].sum.slot,
                                          .same = pair->same,
                                          .lag = pair->lag,
                                          .edge_ns2 = pair->edge_ns2};
    }
    memset(f->pairs, 0xff, ((size_t)f->pair_mask + 1) * sizeof *f->pairs);
    f->pair_count = 0;
    gt_block_sort_pairs(out, n);
    return n;
}

enum gt_status gt_fold_take(struct gt_fold *f, void *payload, size_t capacity, size_t *bytes)
{
    if (capacity < gt_fold_take_bytes(f) || (uintptr_t)payload % 8 != 0)
        return GT_E_LIMIT;
    gt_fold_resolve_window(f, &f->energy, true);
    gt_fold_resolve_window(f, &f->cpu, true);
    gt_fold_resolve_window(f, &f->shares, true);
    struct gt_block_head *head = payload;
    struct gt_block_domain *domains = (void *)(head + 1);
    struct gt_block_unit *units = (void *)(domains + f->domains);
    take_head(f, head);
    take_domains(f, domains);
    head->unit_count = take_units(f, units);
    head->pair_count = take_pairs(f, (void *)(units + head->unit_count));
    *bytes = gt_block_bytes(f->domains, head->unit_count, head->pair_count);
    return GT_OK;
}

/* --- blocks of processes
 * ------------------------------------------------------------------------------------------------------- */

static uint32_t shift(uint32_t slot, uint32_t base)
{
    return slot == GT_FOLD_SLOT_OTHER ? slot : (slot & GT_TRACE_SLOT_INFER) | ((slot + base) & ~GT_TRACE_SLOT_INFER);
}

/* Leaves out what the run's own series counts: machine, energy and CPU totals, and the sampled span. */
static struct gt_block_head units_head(const struct gt_block_head *from)
{
    struct gt_block_head head = *from;
    head.begin_ns = head.end_ns = head.window_begin_ns = head.window_end_ns = 0;
    memset(&head.cpu_known_ns, 0, offsetof(struct gt_block_head, inside_cpu_ns) - offsetof(struct gt_block_head, cpu_known_ns));
    memset(&head.slot_job_uj, 0,
           offsetof(struct gt_block_head, window_slot_ns) + sizeof head.window_slot_ns -
               offsetof(struct gt_block_head, slot_job_uj));
    return head;
}

static void widen(struct gt_fold *f, const struct gt_block_head *head)
{
    if (head->window_end_ns > 0)
        gt_fold_extend_window(f, head->window_begin_ns, head->window_end_ns);
}

enum gt_status gt_fold_add_block(struct gt_fold *f, const struct gt_block *block, uint32_t slot_base, bool units_only)
{
    if (!units_only && block->head->domain_count != f->domains)
        return GT_E_MISMATCH;
    struct gt_block_head head = units_only ? units_head(block->head) : *block->head;
    head.version = head.domain_count = head.unit_count = head.pair_count = 0;
    head.blocks = 0;
    gt_block_add_head(&f->sum, &head);
    if (units_only)
        widen(f, block->head);
    for (uint32_t i = 0; !units_only && i < f->domains; i++)
        gt_block_add_domain(&f->domain_sum[i], &block->domains[i]);
    for (uint32_t i = 0; i < block->head->unit_count; i++) {
        uint32_t unit = gt_fold_unit_index(f, shift(block->units[i].slot, slot_base));
        gt_block_add_unit(&f->units[unit].sum, &block->units[i]);
    }
    for (uint32_t i = 0; i < block->head->pair_count; i++) {
        const struct gt_block_pair *pair = &block->pairs[i];
        gt_fold_add_pair(f, gt_fold_unit_index(f, shift(pair->a, slot_base)), gt_fold_unit_index(f, shift(pair->b, slot_base)),
                         pair);
    }
    return GT_OK;
}
