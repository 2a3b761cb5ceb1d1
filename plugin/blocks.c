/*
 * Bounded traces: once a trace has reached GREENTRACK_TRACE_MB, or the spool GREENTRACK_SPOOL_MB, rows are folded
 * (energy/fold.h) and one BLOCK is written a minute (GREENTRACK_BLOCK_MS, for tests); when the blocks become many, compact.c
 * merges them pairwise. Where the spool is a quarter beyond its limit, even blocks are a counted loss.
 */
#include "plugin/compact.h"
#include "plugin/sampler.h"
#include "plugin/spool.h"
#include "plugin/unitcount.h"

#include <sys/mman.h>

#define SPOOL_CHECK_NS UINT64_C(10000000000)

static void *map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool make_fold(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    b->memory_bytes = gt_fold_bytes(&gt_fold_config_small, s->meter.desc.domain_count);
    b->memory = b->memory_bytes ? map(b->memory_bytes) : NULL;
    b->lost_bytes = (size_t)GT_RINGS * (s->rings.table_rows + 1) * sizeof *b->lost_seen;
    b->lost_seen = map(b->lost_bytes);
    return b->memory && b->lost_seen &&
           gt_fold_init(b->memory, b->memory_bytes, &gt_fold_config_small, &s->meter.desc, &b->fold) == GT_OK;
}

/* From now on no rows. The tables say what was exact up to here. */
static void turn_on(struct gt_sampler *s, const char *why, uint64_t now)
{
    struct gt_blocks *b = &s->blocks;
    gt_trace_write_note(&s->writer, "blocks", why);
    gt_meter_open(s); /* in a run, too: the equations need edges */
    gt_refresh_cut(s);
    gt_meter_flush(s);
    s->meter.tick_rows[0] = s->meter.cpu.rows[0].t_ns = 0; /* no reading of block mode yet */
    gt_ringset_tables(s);
    gt_trace_write_flush(&s->writer);
    gt_trace_write_seal(&s->writer);
    b->prefix_bytes = gt_trace_write_bytes_total(&s->writer);
    b->on = true;
    b->next_ns = now + gt_state.config.block_ns;
    if (!make_fold(s)) {
        b->fold = NULL;
        gt_trace_write_note(&s->writer, "disabled", "no memory for blocks: rows are counted in the tables alone");
    }
    gt_refresh_tell_fold(s);
}

static bool is_spool_beyond(struct gt_sampler *s, uint64_t limit)
{
    return gt_spool_bytes(s->spool_fd) >= limit;
}

static const char *reason(struct gt_sampler *s, uint64_t now)
{
    if (gt_trace_write_bytes_total(&s->writer) >= gt_state.config.trace_bytes)
        return "GREENTRACK_TRACE_MB is reached";
    if (now < s->next_spool_ns)
        return NULL;
    s->next_spool_ns = now + SPOOL_CHECK_NS;
    return is_spool_beyond(s, gt_state.config.spool_bytes) ? "GREENTRACK_SPOOL_MB is reached" : NULL;
}

/* Calls that have no row, since the last block. */
static void add_lost(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    for (uint32_t place = 0; place < s->rings.count; place++) {
        const struct gt_ring *ring = s->rings.places[place].ring;
        for (uint32_t i = 0; i <= ring->table_rows; i++) {
            struct gt_trace_total lost, *seen = &b->lost_seen[place * (s->rings.table_rows + 1) + i];
            if (!gt_ring_table_lost(ring, i, &lost) || lost.calls <= seen->calls)
                continue;
            gt_fold_add_missing(b->fold, lost.slot, lost.calls - seen->calls, lost.items - seen->items, lost.ns - seen->ns);
            *seen = lost;
        }
    }
}

void gt_blocks_lose_small(struct gt_sampler *s, const struct gt_ring *ring)
{
    struct gt_trace_total lost;
    for (uint32_t i = 0; s->blocks.fold && i <= ring->table_rows; i++)
        if (gt_ring_table_lost(ring, i, &lost))
            gt_fold_add_missing(s->blocks.fold, lost.slot, lost.calls, lost.items, lost.ns);
}

static bool reserve_payload(struct gt_blocks *b, size_t bytes)
{
    if (bytes <= b->payload_bytes)
        return true;
    if (b->payload)
        munmap(b->payload, b->payload_bytes);
    b->payload_bytes = bytes + bytes / 2;
    b->payload = map(b->payload_bytes);
    if (!b->payload)
        b->payload_bytes = 0;
    return b->payload != NULL;
}

/* What the fold found wrong with the counters: rows would have told ingest, blocks do not. */
static void write_gaps(struct gt_sampler *s)
{
    struct gt_gap_list gaps;
    gt_fold_take_gaps(s->blocks.fold, &gaps);
    for (uint32_t i = 0; i < gaps.count; i++)
        gt_trace_write_gap(&s->writer, gaps.rows[i].from_ns, gaps.rows[i].to_ns,
                           s->meter.desc.domains[gaps.rows[i].domain].name,
                           gt_gap_word((enum gt_gap_reason)gaps.rows[i].reason));
    if (gaps.dropped)
        gt_trace_write_loss(&s->writer, "gap not listed", gaps.dropped);
}

static void write_block(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    size_t bytes = 0;
    add_lost(s);
    if (!reserve_payload(b, gt_fold_take_bytes(b->fold)) ||
        gt_fold_take(b->fold, b->payload, b->payload_bytes, &bytes) != GT_OK) {
        gt_trace_write_loss(&s->writer, "block", 1);
        return;
    }
    if (is_spool_beyond(s, gt_state.config.spool_bytes + gt_state.config.spool_bytes / 4)) {
        gt_trace_write_loss(&s->writer, "spool cap", 1);
        return;
    }
    write_gaps(s);
    gt_unitcount_write(s);
    gt_trace_write_packed(&s->writer, GT_TRACE_BLOCK, NULL, 0, b->payload, bytes);
    gt_overhead_write(s);
    gt_trace_write_flush(&s->writer);
    b->count++;
    if (b->count >= GT_COMPACT_BLOCKS)
        gt_compact(s);
}

void gt_blocks_tend(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    uint64_t now = gt_now_ns();
    if (!b->on) {
        const char *why = reason(s, now);
        if (why)
            turn_on(s, why, now);
        return;
    }
    if (!b->fold || now < b->next_ns)
        return;
    b->next_ns = now + gt_state.config.block_ns;
    write_block(s);
}

/* A new fold goes on from the last readings: nothing between them is lost. In block mode they stand at the front of their
 * places. */
void gt_blocks_end_regions(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    const struct gt_meter *m = &s->meter;
    if (!b->fold || !b->regions)
        return;
    gt_refresh_cut(s);
    gt_fold_finish(b->fold);
    write_block(s);
    b->regions = false;
    if (gt_fold_init(b->memory, b->memory_bytes, &gt_fold_config_small, &m->desc, &b->fold) != GT_OK)
        return; /* cannot be: it worked with the same memory before */
    gt_refresh_tell_fold(s);
    if (m->tick_rows[0] != 0)
        gt_fold_add_tick(b->fold, m->tick_rows[0], m->tick_rows + 1);
    if (m->cpu.rows[0].t_ns != 0)
        gt_fold_add_cpu(b->fold, &m->cpu.rows[0]);
}

void gt_blocks_lose(struct gt_sampler *s, uint32_t place)
{
    struct gt_blocks *b = &s->blocks;
    if (!b->fold)
        return;
    add_lost(s);
    for (uint32_t i = 0; i <= s->rings.table_rows; i++)
        b->lost_seen[place * (s->rings.table_rows + 1) + i] = (struct gt_trace_total){0};
}

void gt_blocks_close(struct gt_sampler *s)
{
    struct gt_blocks *b = &s->blocks;
    if (b->fold) {
        gt_fold_finish(b->fold);
        write_block(s);
    }
    if (b->memory)
        munmap(b->memory, b->memory_bytes);
    if (b->lost_seen)
        munmap(b->lost_seen, b->lost_bytes);
    if (b->payload)
        munmap(b->payload, b->payload_bytes);
}
