/* The fold against brute force over whole random histories, its blocks' algebra, and hostile payloads. */
#include "energy/fold.h"

#include "energy/wide.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define INFER GT_TRACE_SLOT_INFER

static const uint64_t MS = 1000000;

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint64_t below(uint64_t n)
{
    return next_random() % n;
}

/* Two packages of which one has dram; counters wrap quickly. */
static struct gt_source_desc two_domains(void)
{
    struct gt_source_desc desc = {.source = "test", .provenance = GT_PROVENANCE_MEASURED, .domain_count = 2};
    for (int i = 0; i < 2; i++)
        desc.domains[i] = (struct gt_domain){.parent = -1, .package = i, .die = -1, .uj_per_count = 1, .wrap_count = 99999999};
    desc.domains[0].additive = true;
    desc.domains[1].parent = 0;
    return desc;
}

struct folding {
    void *memory;
    struct gt_fold *fold;
};

static struct folding start(const struct gt_fold_config *config, const struct gt_source_desc *desc)
{
    struct folding f = {0};
    size_t bytes = gt_fold_bytes(config, desc->domain_count);
    assert_true(bytes > 0);
    f.memory = aligned_alloc(16, (bytes + 15) & ~(size_t)15);
    assert_int_equal(gt_fold_init(f.memory, bytes, config, desc, &f.fold), GT_OK);
    return f;
}

struct taken {
    void *payload;
    size_t bytes;
    struct gt_block block;
};

static struct taken take(struct gt_fold *fold)
{
    struct taken t = {0};
    size_t capacity = gt_fold_take_bytes(fold);
    t.payload = malloc(capacity);
    assert_int_equal(gt_fold_take(fold, t.payload, capacity, &t.bytes), GT_OK);
    assert_int_equal(gt_block_parse(t.payload, t.bytes, &t.block), GT_OK);
    return t;
}

static struct taken merge(const struct taken *a, const struct taken *b)
{
    struct taken t = {0};
    size_t capacity = gt_block_merge_bytes(&a->block, &b->block);
    t.payload = malloc(capacity);
    assert_int_equal(gt_block_merge(&a->block, &b->block, t.payload, capacity, &t.bytes), GT_OK);
    assert_int_equal(gt_block_parse(t.payload, t.bytes, &t.block), GT_OK);
    return t;
}

static void event(struct gt_fold *fold, uint32_t slot, uint32_t items, uint64_t t0, uint64_t t1)
{
    struct gt_trace_event e = {.slot = slot, .items = items, .t_begin_ns = t0, .t_end_ns = t1};
    gt_fold_add_event(fold, 1, &e);
}

static void cpu(struct gt_fold *fold, uint64_t t, uint64_t job, uint64_t busy, uint64_t total)
{
    struct gt_trace_cpu c = {.t_ns = t, .job_cpu_ns = job, .machine_busy_ns = busy, .machine_total_ns = total};
    gt_fold_add_cpu(fold, &c);
}

/* --- a history with a known truth
 * ---------------------------------------------------------------------------------------------- */

/* 20 W for ten seconds; one inference of 4 items from 2 s to 6 s with two units of 1 s and 2 s; one cpu of two busy. */
static void test_constant_power(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains();
    struct folding f = start(&gt_fold_config_small, &desc);
    uint64_t t0 = 1000 * MS;
    for (uint64_t i = 0; i <= 1000; i++) {
        uint64_t raw[2] = {(99000000 + i * 200000) % 100000000, i * 50000 % 100000000};
        gt_fold_add_tick(f.fold, t0 + i * 10 * MS, raw);
        cpu(f.fold, t0 + i * 10 * MS, i * 10 * MS, i * 12 * MS, i * 20 * MS);
        if (i == 300)
            event(f.fold, 7, 0, t0 + 2000 * MS, t0 + 3000 * MS);
        if (i == 550)
            event(f.fold, 8, 0, t0 + 3500 * MS, t0 + 5500 * MS);
        if (i == 600)
            event(f.fold, INFER | 7, 4, t0 + 2000 * MS, t0 + 6000 * MS);
    }
    gt_fold_finish(f.fold);
    struct taken t = take(f.fold);
    const struct gt_block_head *h = t.block.head;
    const struct gt_block_domain *d = t.block.domains;
    assert_int_equal(d[0].all.known_uj, 200000000);
    assert_int_equal(d[0].all.known_ns, 10000 * MS);
    assert_int_equal(d[0].wraps, 2);
    assert_int_equal(d[0].window.known_uj, 80000000);
    assert_int_equal(d[1].window.known_uj, 20000000);
    assert_int_equal(d[0].all.gap_ns, 0);
    assert_int_equal(h->begin_ns, t0);
    assert_int_equal(h->end_ns, t0 + 10000 * MS);
    assert_int_equal(h->window_begin_ns, t0 + 2000 * MS);
    assert_int_equal(h->window_end_ns, t0 + 6000 * MS);
    assert_int_equal(h->covered_ns, 4000 * MS);
    assert_int_equal(h->window_job_cpu_ns, 4000 * MS);
    assert_int_equal(h->inside_cpu_ns, 4000 * MS);
    assert_int_equal(h->window_busy_ns, 4800 * MS);
    assert_int_equal(h->window_total_ns, 8000 * MS);
    assert_int_equal(h->job_cpu_ns, 10000 * MS);
    assert_int_equal(h->intervals, 1000);
    assert_int_equal(h->e_uj, 200000000);
    assert_int_equal(h->late_ns, 0);
    const struct gt_block_unit *u = gt_block_find_unit(&t.block, 8);
    assert_int_equal(u->calls, 1);
    assert_int_equal(u->ns, 2000 * MS);
    /* 200 intervals of 10 ms, 200 mJ each */
    assert_true(gt_wide_get(&u->t_e) == (gt_wide_value)200 * 10 * MS * 200000);
    assert_int_equal(gt_block_find_unit(&t.block, INFER | 7)->items, 4);
    assert_null(gt_block_find_unit(&t.block, 9));
    free(t.payload);
    free(f.memory);
}

/* Rows may come before the ticks that bracket them. */
static void test_rows_before_ticks_wait(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains();
    struct folding f = start(&gt_fold_config_small, &desc);
    uint64_t raw[2] = {0, 0};
    gt_fold_add_tick(f.fold, 100 * MS, raw);
    event(f.fold, 1, 0, 105 * MS, 125 * MS);
    event(f.fold, INFER | 1, 1, 105 * MS, 125 * MS);
    for (uint64_t i = 1; i <= 5; i++) {
        raw[0] += 1000;
        gt_fold_add_tick(f.fold, (100 + 10 * i) * MS, raw);
    }
    gt_fold_finish(f.fold);
    struct taken t = take(f.fold);
    const struct gt_block_unit *u = gt_block_find_unit(&t.block, 1);
    assert_true(gt_wide_get(&u->t_e) == (gt_wide_value)20 * MS * 1000);
    assert_int_equal(t.block.head->covered_ns, 20 * MS);
    assert_int_equal(t.block.domains[0].window.known_uj, 2000);
    assert_int_equal(t.block.domains[0].window.edge_uj, 1000);
    free(t.payload);
    free(f.memory);
}

/* --- brute force
 * --------------------------------------------------------------------------------------------------------------- */

enum { UNITS = 6, TICKS = 120 };

struct history {
    uint64_t t[TICKS], e[TICKS]; /* e[k]: energy of interval k, which ends at t[k] */
    uint64_t ns[TICKS][UNITS];
    struct gt_trace_event rows[2000];
    int row_count;
};

static uint64_t overlap(uint64_t a0, uint64_t a1, uint64_t b0, uint64_t b1)
{
    uint64_t from = a0 > b0 ? a0 : b0, to = a1 < b1 ? a1 : b1;
    return to > from ? to - from : 0;
}

static void invent(struct history *h)
{
    memset(h, 0, sizeof *h);
    h->t[0] = 1000 * MS;
    for (int k = 1; k < TICKS; k++) {
        h->t[k] = h->t[k - 1] + 5 * MS + below(10 * MS);
        h->e[k] = 1 + below(400000);
    }
    /* Rows of random length, some long, each between the first and the last tick. */
    uint64_t span = h->t[TICKS - 1] - h->t[0];
    h->row_count = 300 + (int)below(1000);
    for (int i = 0; i < h->row_count; i++) {
        uint64_t length = below(below(8) == 0 ? 200 * MS : 4 * MS), from = h->t[0] + below(span - length);
        h->rows[i] = (struct gt_trace_event){.slot = 3 * (uint32_t)below(UNITS), .t_begin_ns = from, .t_end_ns = from + length};
        for (int k = 1; k < TICKS; k++)
            h->ns[k][h->rows[i].slot / 3] += overlap(from, from + length, h->t[k - 1], h->t[k]);
    }
}

static int by_end(const void *a, const void *b)
{
    const struct gt_trace_event *x = a, *y = b;
    return x->t_end_ns < y->t_end_ns ? -1 : x->t_end_ns > y->t_end_ns;
}

/* Feeds ticks, and each row at a random distance before or after the tick that follows its end. */
static void feed(struct gt_fold *fold, struct history *h, bool cut, struct taken *total)
{
    uint64_t raw[2] = {below(100000000), 0};
    int row = 0;
    qsort(h->rows, (size_t)h->row_count, sizeof *h->rows, by_end);
    for (int k = 0; k < TICKS; k++) {
        int64_t jitter = (int64_t)below(40 * MS) - (int64_t)(20 * MS);
        raw[0] = (raw[0] + h->e[k]) % 100000000;
        gt_fold_add_tick(fold, h->t[k], raw);
        while (row < h->row_count && (int64_t)h->rows[row].t_end_ns < (int64_t)h->t[k] + jitter)
            gt_fold_add_event(fold, below(3), &h->rows[row++]);
        if (cut && below(10) == 0) {
            struct taken part = take(fold), sum = merge(total, &part);
            free(part.payload);
            free(total->payload);
            *total = sum;
        }
    }
    while (row < h->row_count)
        gt_fold_add_event(fold, 0, &h->rows[row++]);
    gt_fold_finish(fold);
}

static void expect_wide(const struct gt_wide *wide, gt_wide_value value)
{
    assert_true(gt_wide_get(wide) == value);
}

static gt_wide_value pair_sum(const struct gt_block *block, uint32_t a, uint32_t b, bool lag)
{
    for (uint32_t i = 0; i < block->head->pair_count; i++)
        if (block->pairs[i].a == a && block->pairs[i].b == b)
            return gt_wide_get(lag ? &block->pairs[i].lag : &block->pairs[i].same);
    return 0;
}

static void expect_units(const struct gt_block *block, const struct history *h)
{
    for (uint32_t l = 0; l < UNITS; l++) {
        gt_wide_value t_e = 0, t_e_next = 0, e_t_next = 0, t_dt = 0;
        for (int k = 1; k < TICKS; k++) {
            t_e += (gt_wide_value)h->ns[k][l] * h->e[k];
            t_dt += (gt_wide_value)h->ns[k][l] * (h->t[k] - h->t[k - 1]);
            if (k + 1 < TICKS) {
                t_e_next += (gt_wide_value)h->ns[k][l] * h->e[k + 1];
                e_t_next += (gt_wide_value)h->e[k] * h->ns[k + 1][l];
            }
        }
        const struct gt_block_unit *u = gt_block_find_unit(block, 3 * l);
        assert_non_null(u);
        expect_wide(&u->t_e, t_e);
        expect_wide(&u->t_e_next, t_e_next);
        expect_wide(&u->e_t_next, e_t_next);
        expect_wide(&u->t_dt, t_dt);
    }
}

static void expect_pairs(const struct gt_block *block, const struct history *h)
{
    for (uint32_t a = 0; a < UNITS; a++)
        for (uint32_t b = 0; b < UNITS; b++) {
            gt_wide_value same = 0, lag = 0;
            for (int k = 1; k < TICKS; k++) {
                same += (gt_wide_value)h->ns[k][a] * h->ns[k][b];
                if (k + 1 < TICKS)
                    lag += (gt_wide_value)h->ns[k][a] * h->ns[k + 1][b];
            }
            assert_true(pair_sum(block, 3 * a, 3 * b, false) == (a <= b ? same : 0));
            assert_true(pair_sum(block, 3 * a, 3 * b, true) == lag);
        }
}

static void expect_history(const struct gt_block *block, const struct history *h)
{
    uint64_t e = 0;
    gt_wide_value e_e = 0, e_e_next = 0, e_dt = 0, dt_dt = 0;
    for (int k = 1; k < TICKS; k++) {
        uint64_t dt = h->t[k] - h->t[k - 1];
        e += h->e[k];
        e_e += (gt_wide_value)h->e[k] * h->e[k];
        e_dt += (gt_wide_value)h->e[k] * dt;
        dt_dt += (gt_wide_value)dt * dt;
        if (k + 1 < TICKS)
            e_e_next += (gt_wide_value)h->e[k] * h->e[k + 1];
    }
    assert_int_equal(block->head->e_uj, e);
    assert_int_equal(block->head->dt_ns, h->t[TICKS - 1] - h->t[0]);
    assert_int_equal(block->head->late_ns, 0);
    assert_int_equal(block->head->entry_overflow_ns, 0);
    expect_wide(&block->head->e_e, e_e);
    expect_wide(&block->head->e_e_next, e_e_next);
    expect_wide(&block->head->e_dt, e_dt);
    expect_wide(&block->head->dt_dt, dt_dt);
    expect_units(block, h);
    expect_pairs(block, h);
    assert_int_equal(block->domains[0].all.known_uj, e);
}

static void test_equations_equal_brute_force(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    for (int round = 0; round < 30; round++) {
        struct folding f = start(&gt_fold_config_small, &desc);
        invent(&h);
        feed(f.fold, &h, false, NULL);
        struct taken t = take(f.fold);
        expect_history(&t.block, &h);
        free(t.payload);
        free(f.memory);
    }
}

/* Blocks cut at random moments and merged say the same as one block. */
static void test_cut_blocks_merge_to_the_whole(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    for (int round = 0; round < 30; round++) {
        struct folding f = start(&gt_fold_config_small, &desc);
        invent(&h);
        struct taken total = take(f.fold);
        feed(f.fold, &h, true, &total);
        struct taken last = take(f.fold), all = merge(&total, &last);
        expect_history(&all.block, &h);
        assert_int_equal(all.block.head->begin_ns, h.t[0]);
        assert_int_equal(all.block.head->end_ns, h.t[TICKS - 1]);
        free(total.payload);
        free(last.payload);
        free(all.payload);
        free(f.memory);
    }
}

/* The inference window's energy over many cuts is that of one piece. */
static void test_window_adds_up_over_blocks(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains();
    for (int round = 0; round < 20; round++) {
        struct folding one = start(&gt_fold_config_small, &desc), many = start(&gt_fold_config_small, &desc);
        struct taken total = take(many.fold);
        uint64_t raw[2] = {0, 0}, t = 1000 * MS, job = 0;
        for (int k = 0; k < 2000; k++) {
            t += 9 * MS + below(2 * MS);
            raw[0] = (raw[0] + below(300000)) % 100000000;
            job += below(10 * MS);
            struct gt_fold *both[2] = {one.fold, many.fold};
            uint64_t length = below(60 * MS), back = below(5 * MS);
            bool infer = k > 50 && k < 1900 && below(10) == 0;
            for (int i = 0; i < 2; i++) {
                gt_fold_add_tick(both[i], t, raw);
                cpu(both[i], t + 1000, job, 2 * job, 4 * job);
                if (infer)
                    event(both[i], INFER | 1, 1, t - back - length, t - back);
            }
            if (below(100) == 0) {
                struct taken part = take(many.fold), sum = merge(&total, &part);
                free(part.payload);
                free(total.payload);
                total = sum;
            }
        }
        gt_fold_finish(one.fold);
        gt_fold_finish(many.fold);
        struct taken whole = take(one.fold), last = take(many.fold), all = merge(&total, &last);
        const struct gt_block_head *a = whole.block.head, *b = all.block.head;
        assert_int_equal(a->window_begin_ns, b->window_begin_ns);
        assert_int_equal(a->window_end_ns, b->window_end_ns);
        assert_int_equal(whole.block.domains[0].window.known_uj, all.block.domains[0].window.known_uj);
        assert_int_equal(whole.block.domains[0].window.known_ns, all.block.domains[0].window.known_ns);
        assert_int_equal(a->window_job_cpu_ns, b->window_job_cpu_ns);
        assert_int_equal(a->window_busy_ns, b->window_busy_ns);
        assert_int_equal(a->covered_ns, b->covered_ns);
        assert_int_equal(a->inside_cpu_ns, b->inside_cpu_ns);
        assert_true(b->inside_cpu_lo_ns <= b->inside_cpu_ns && b->inside_cpu_ns <= b->inside_cpu_hi_ns);
        free(total.payload);
        free(whole.payload);
        free(last.payload);
        free(all.payload);
        free(one.memory);
        free(many.memory);
    }
}

/* --- algebra
 * ------------------------------------------------------------------------------------------------------------------- */

static void test_merging_is_associative_and_commutative(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    for (int round = 0; round < 20; round++) {
        struct taken part[3];
        for (int i = 0; i < 3; i++) {
            struct folding f = start(&gt_fold_config_small, &desc);
            invent(&h);
            feed(f.fold, &h, false, NULL);
            event(f.fold, INFER | (uint32_t)below(4), 2, h.t[3], h.t[90]);
            gt_fold_add_missing(f.fold, (uint32_t)below(50), below(9), below(9), below(1000));
            part[i] = take(f.fold);
            free(f.memory);
        }
        struct taken ab = merge(&part[0], &part[1]), left = merge(&ab, &part[2]);
        struct taken bc = merge(&part[1], &part[2]), right = merge(&part[0], &bc);
        struct taken ba = merge(&part[1], &part[0]);
        assert_int_equal(left.bytes, right.bytes);
        assert_memory_equal(left.payload, right.payload, left.bytes);
        assert_int_equal(ab.bytes, ba.bytes);
        assert_memory_equal(ab.payload, ba.payload, ab.bytes);
        assert_int_equal(left.block.head->blocks, 3);
        free(ab.payload);
        free(bc.payload);
        free(ba.payload);
        free(left.payload);
        free(right.payload);
        for (int i = 0; i < 3; i++)
            free(part[i].payload);
    }
}

static gt_wide_value sum_of_pairs(const struct gt_block *block)
{
    gt_wide_value sum = gt_wide_get(&block->head->overflow_same) + gt_wide_get(&block->head->overflow_lag);
    for (uint32_t i = 0; i < block->head->pair_count; i++)
        sum += gt_wide_get(&block->pairs[i].same) + gt_wide_get(&block->pairs[i].lag);
    return sum;
}

/* Too small for its history: everything is still counted, in the overflow. */
static void test_overflow_is_counted(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    struct gt_fold_config tiny = {.units = 3, .pairs = 4, .intervals = 512, .entries = 8192, .tail = 512, .points = 16};
    for (int round = 0; round < 10; round++) {
        struct folding small = start(&tiny, &desc), large = start(&gt_fold_config_small, &desc);
        uint64_t seed = random_state;
        invent(&h);
        feed(small.fold, &h, false, NULL);
        random_state = seed;
        invent(&h);
        feed(large.fold, &h, false, NULL);
        struct taken a = take(small.fold), b = take(large.fold);
        uint64_t ns[2] = {0, 0}, calls[2] = {0, 0};
        for (uint32_t i = 0; i < a.block.head->unit_count; i++)
            ns[0] += a.block.units[i].ns, calls[0] += a.block.units[i].calls;
        for (uint32_t i = 0; i < b.block.head->unit_count; i++)
            ns[1] += b.block.units[i].ns, calls[1] += b.block.units[i].calls;
        assert_int_equal(ns[0], ns[1]);
        assert_int_equal(calls[0], calls[1]);
        assert_int_equal(a.block.head->unit_count, 4);
        assert_non_null(gt_block_find_unit(&a.block, GT_FOLD_SLOT_OTHER));
        assert_true(a.block.head->unit_overflow > 0);
        assert_int_equal(a.block.head->pair_count, 4);
        assert_true(a.block.head->pair_overflow > 0);
        /* merging with too little room moves pairs to the overflow, too */
        size_t fixed = a.bytes + 300, bytes = 0;
        unsigned char *out = malloc(fixed + b.bytes);
        struct gt_block merged;
        assert_int_equal(gt_block_merge(&a.block, &b.block, out, fixed + 40 * 7, &bytes), GT_OK);
        assert_int_equal(gt_block_parse(out, bytes, &merged), GT_OK);
        assert_true(sum_of_pairs(&merged) == sum_of_pairs(&a.block) + sum_of_pairs(&b.block));
        free(out);
        free(a.payload);
        free(b.payload);
        free(small.memory);
        free(large.memory);
    }
}

/* What an earlier release wrote: shorter heads, domains and units. It reads the same, and the new sums are 0; damage is
 * refused. */
static void test_blocks_of_version_1(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    struct folding f = start(&gt_fold_config_small, &desc);
    invent(&h);
    feed(f.fold, &h, false, NULL);
    struct taken t = take(f.fold);
    const struct gt_block_head *head = t.block.head;
    const size_t head_bytes = offsetof(struct gt_block_head, edge_intervals);
    const size_t unit_bytes = offsetof(struct gt_block_unit, edge_ns2);
    const size_t pair_bytes = offsetof(struct gt_block_pair, edge_ns2);
    const size_t domain_bytes = offsetof(struct gt_block_domain, lag_uj);
    size_t at = head_bytes;
    char *old = malloc(t.bytes);
    memcpy(old, head, head_bytes);
    ((struct gt_block_head *)(void *)old)->version = 1;
    for (uint32_t i = 0; i < head->domain_count; i++, at += domain_bytes) {
        memcpy(old + at, &t.block.domains[i], domain_bytes);
        ((struct gt_block_domain *)(void *)((char *)t.payload + sizeof *head))[i].lag_uj = 0;
    }
    for (uint32_t i = 0; i < head->unit_count; i++, at += unit_bytes)
        memcpy(old + at, &t.block.units[i], unit_bytes);
    for (uint32_t i = 0; i < head->pair_count; i++, at += pair_bytes)
        memcpy(old + at, &t.block.pairs[i], pair_bytes);
    struct gt_block block;
    void *copy = NULL;
    size_t bytes = at;
    assert_int_equal(gt_block_parse(old, at, &block), GT_E_VERSION);
    assert_int_equal(gt_block_parse_old(old, &bytes, &block, &copy), GT_OK);
    assert_int_equal(bytes, t.bytes);
    assert_memory_equal(copy, t.payload, t.bytes); /* whose new sums are 0: no refresh times were followed */
    free(copy);
    bytes = t.bytes;
    assert_int_equal(gt_block_parse_old(t.payload, &bytes, &block, &copy), GT_OK);
    assert_null(copy);
    for (size_t n = 0; n < at; n += 7) {
        bytes = n;
        assert_int_not_equal(gt_block_parse_old(old, &bytes, &block, &copy), GT_OK);
        assert_null(copy);
    }
    free(old);
    free(t.payload);
    free(f.memory);
}

/* A row older than everything kept: exact in calls and ns, and told as late. An inference keeps its window and cover. */
static void test_rows_that_come_too_late(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains();
    struct gt_fold_config config = gt_fold_config_small;
    config.intervals = 4;
    struct folding f = start(&config, &desc);
    for (uint64_t i = 0; i <= 100; i++) {
        uint64_t raw[2] = {i * 1000, 0};
        gt_fold_add_tick(f.fold, (1000 + 10 * i) * MS, raw);
        cpu(f.fold, (1000 + 10 * i) * MS, i * 10 * MS, i * 10 * MS, i * 20 * MS);
    }
    event(f.fold, 5, 0, 1200 * MS, 1990 * MS);
    event(f.fold, INFER | 5, 1, 1200 * MS, 1990 * MS);
    gt_fold_finish(f.fold);
    struct taken t = take(f.fold);
    assert_int_equal(gt_block_find_unit(&t.block, 5)->ns, 790 * MS);
    assert_int_equal(t.block.head->late_ns, 760 * MS);
    assert_int_equal(t.block.head->covered_ns, 790 * MS);
    assert_int_equal(t.block.head->inside_cpu_ns, 790 * MS);
    assert_int_equal(t.block.domains[0].window.known_uj, 79000);
    free(t.payload);
    free(f.memory);
}

/* Without a counter, CPU samples cut the intervals. */
static void test_cpu_alone(void **state)
{
    (void)state;
    struct gt_source_desc desc = {.source = "model", .provenance = GT_PROVENANCE_MODELLED};
    struct folding f = start(&gt_fold_config_small, &desc);
    for (uint64_t i = 0; i <= 100; i++)
        cpu(f.fold, (1000 + 10 * i) * MS, i * 5 * MS, UINT64_MAX, UINT64_MAX);
    event(f.fold, INFER | 0, 10, 1100 * MS, 1600 * MS);
    event(f.fold, 0, 0, 1100 * MS, 1500 * MS);
    gt_fold_finish(f.fold);
    struct taken t = take(f.fold);
    assert_int_equal(t.block.head->intervals, 100);
    assert_int_equal(t.block.head->covered_ns, 500 * MS);
    assert_int_equal(t.block.head->inside_cpu_ns, 250 * MS);
    assert_int_equal(t.block.head->window_job_cpu_ns, 250 * MS);
    assert_int_equal(t.block.head->machine_known_ns, 0);
    assert_int_equal(t.block.head->job_cpu_ns, 500 * MS);
    free(t.payload);
    free(f.memory);
}

/* A process's block joins a run's fold: its units and window, not its energy. */
static void test_adding_a_process_block(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains(), none = {.source = "null"};
    struct folding process = start(&gt_fold_config_small, &none), run = start(&gt_fold_config_small, &desc);
    for (uint64_t i = 0; i <= 100; i++) {
        uint64_t raw[2] = {i * 1000, 0};
        gt_fold_add_tick(run.fold, (1000 + 10 * i) * MS, raw);
        cpu(run.fold, (1000 + 10 * i) * MS, i * 10 * MS, i * 10 * MS, i * 20 * MS);
        cpu(process.fold, (1000 + 10 * i) * MS, i * 10 * MS, i * 10 * MS, i * 20 * MS);
    }
    event(process.fold, 3, 0, 1200 * MS, 1400 * MS);
    event(process.fold, 4, 0, 1400 * MS, 1450 * MS);
    event(process.fold, INFER | 3, 2, 1200 * MS, 1500 * MS);
    gt_fold_finish(process.fold);
    struct taken p = take(process.fold);
    assert_int_equal(gt_fold_add_block(run.fold, &p.block, 100, false), GT_E_MISMATCH);
    assert_int_equal(gt_fold_add_block(run.fold, &p.block, 100, true), GT_OK);
    gt_fold_finish(run.fold);
    struct taken t = take(run.fold);
    assert_int_equal(gt_block_find_unit(&t.block, 103)->ns, 200 * MS);
    assert_int_equal(gt_block_find_unit(&t.block, INFER | 103)->items, 2);
    assert_int_equal(t.block.head->window_begin_ns, 1200 * MS);
    assert_int_equal(t.block.domains[0].window.known_uj, 30000);
    assert_int_equal(t.block.head->job_cpu_ns, 1000 * MS);
    assert_int_equal(t.block.head->window_job_cpu_ns, 300 * MS);
    assert_int_equal(t.block.head->covered_ns, 300 * MS);
    assert_true(pair_sum(&t.block, 103, 103, false) == (gt_wide_value)20 * 10 * MS * 10 * MS);
    free(p.payload);
    free(t.payload);
    free(process.memory);
    free(run.memory);
}

/* --- hostile payloads
 * ---------------------------------------------------------------------------------------------------------- */

static void test_hostile_payloads(void **state)
{
    (void)state;
    static struct history h;
    struct gt_source_desc desc = two_domains();
    struct folding f = start(&gt_fold_config_small, &desc);
    invent(&h);
    feed(f.fold, &h, false, NULL);
    struct taken t = take(f.fold);
    struct gt_block block;
    for (size_t n = 0; n < t.bytes; n++) {
        void *copy = malloc(n ? n : 1);
        memcpy(copy, t.payload, n);
        assert_int_not_equal(gt_block_parse(copy, n, &block), GT_OK);
        free(copy);
    }
    struct folding sink = start(&gt_fold_config_small, &desc);
    for (int round = 0; round < 2000; round++) {
        unsigned char *copy = malloc(t.bytes);
        memcpy(copy, t.payload, t.bytes);
        for (int i = 0; i < 6; i++)
            copy[below(round % 2 ? t.bytes : 64)] = (unsigned char)next_random();
        if (gt_block_parse(copy, t.bytes, &block) == GT_OK)
            gt_fold_add_block(sink.fold, &block, (uint32_t)next_random(), round % 4 < 2);
        free(copy);
    }
    struct taken rest = take(sink.fold);
    free(rest.payload);
    /* rows and samples that make no sense */
    for (int i = 0; i < 20000; i++) {
        uint64_t raw[2] = {next_random(), next_random()};
        switch (below(4)) {
        case 0:
            gt_fold_add_tick(sink.fold, next_random(), raw);
            break;
        case 1:
            cpu(sink.fold, next_random(), next_random(), next_random(), next_random());
            break;
        case 2:
            event(sink.fold, (uint32_t)next_random(), (uint32_t)next_random(), next_random(), next_random());
            break;
        default:
            event(sink.fold, (uint32_t)below(40), 1, below(1000 * MS), below(1000 * MS));
        }
    }
    gt_fold_finish(sink.fold);
    rest = take(sink.fold);
    free(rest.payload);
    free(sink.memory);
    free(t.payload);
    free(f.memory);
}

static void test_senseless_configurations_are_refused(void **state)
{
    (void)state;
    struct gt_fold_config c = gt_fold_config_small;
    struct gt_source_desc desc = two_domains();
    struct gt_fold *fold;
    static _Alignas(16) char memory[1024];
    assert_int_equal(gt_fold_init(memory, sizeof memory, &c, &desc, &fold), GT_E_NOMEM);
    assert_int_equal(gt_fold_bytes(&c, GT_SOURCE_DOMAINS + 1), 0);
    c.tail = 0;
    assert_int_equal(gt_fold_bytes(&c, 1), 0);
    assert_int_equal(gt_fold_init(memory, sizeof memory, &c, &desc, &fold), GT_E_ARG);
    assert_true(gt_fold_bytes(&gt_fold_config_small, 8) < 1 << 20);
    assert_true(gt_fold_bytes(&gt_fold_config_large, 8) < 64 << 20);
}

/*
 * For two seconds 60 W, and the job has the one busy cpu; for two more 20 W, and it has a quarter of it. The machine's busy
 * time comes in ticks, by turns one too early and one too late, which may cost the job nothing. The window is the middle half.
 */
static void test_shares_on_slots(void **state)
{
    (void)state;
    struct gt_source_desc desc = two_domains();
    struct folding f = start(&gt_fold_config_small, &desc);
    uint64_t t0 = 1050 * MS, uj = 0, job = 0;
    for (uint64_t i = 0; i <= 400; i++) {
        uint64_t raw[2] = {uj % 100000000, 0}, early = i / 10 % 2 ? 10 * MS : 0;
        gt_fold_add_tick(f.fold, t0 + i * 10 * MS, raw);
        cpu(f.fold, t0 + i * 10 * MS, job, i * 10 * MS + early, i * 20 * MS);
        uj += i < 200 ? 600000 : 200000;
        job += i < 200 ? 10 * MS : 5 * MS / 2;
        if (i == 300)
            event(f.fold, INFER | 7, 1, t0 + 1000 * MS, t0 + 3000 * MS);
    }
    gt_fold_finish(f.fold);
    struct taken t = take(f.fold);
    const struct gt_block_head *h = t.block.head;
    assert_int_equal(h->slot_uj, 160000000);
    assert_int_equal(h->slot_ns, 4000 * MS);
    assert_int_equal(h->window_slot_uj, 80000000);
    assert_int_equal(h->window_slot_ns, 2000 * MS);
    /* 60 W × 2 s, and a quarter of 20 W × 2 s: 130 J, where one share for all would give 62.5 % of 160 J */
    assert_in_range(h->slot_job_uj, 129000000, 131000000);
    assert_in_range(h->slot_job_ns, 2480 * MS, 2520 * MS);
    assert_in_range(h->window_slot_job_uj, 64000000, 66000000);
    assert_in_range(h->window_slot_job_ns, 1240 * MS, 1260 * MS);
    free(t.payload);
    free(f.memory);
}

/*
 * Two runs that overlap, each with some of a machine whose power changes. Where busy ticks come one too late, they get what the
 * machine used; where they come much too late, the second one gets no more than the first one left.
 */
static void check_overlap(bool late)
{
    static uint16_t none[200], claimed[2][200];
    const struct gt_fold_claims claims[2] = {{0, 200, none, claimed[0]}, {0, 200, claimed[0], claimed[1]}};
    memset(claimed, 0, sizeof claimed);
    struct gt_source_desc desc = two_domains();
    struct folding f[2] = {start(&gt_fold_config_small, &desc), start(&gt_fold_config_small, &desc)};
    for (int k = 0; k < 2; k++)
        gt_fold_set_claims(f[k].fold, &claims[k]);
    uint64_t uj = 0, job[2] = {0}, busy = 0, counted = 0;
    for (uint64_t i = 0; i <= 1000; i++) {
        uint64_t raw[2] = {uj % 100000000, 0}, part = below(11), t = 7777 + i * 10 * MS;
        for (int k = 0; k < 2; k++) {
            gt_fold_add_tick(f[k].fold, t + (uint64_t)k, raw);
            cpu(f[k].fold, t + (uint64_t)k, job[k], counted, i * 20 * MS);
        }
        uj += 100000 + below(500000);
        job[0] += part * MS;
        job[1] += (10 - part) * MS;
        busy += 10 * MS;
        counted = below(late ? 8 : 2) == 0 || (!late && busy > counted + 10 * MS) ? busy : counted;
    }
    uint64_t sum = 0, all = 0;
    for (int k = 0; k < 2; k++) {
        gt_fold_finish(f[k].fold);
        struct taken t = take(f[k].fold);
        sum += t.block.head->slot_job_uj;
        all = t.block.head->slot_uj;
        free(t.payload);
        free(f[k].memory);
    }
    assert_in_range(sum, late ? 0 : all * 97 / 100, all + 200);
    for (int i = 0; i < 200; i++)
        assert_true((uint32_t)claimed[0][i] + claimed[1][i] <= 65535);
    uint64_t parts = 0;
    for (int i = 40; i < 60; i++)
        parts += (uint64_t)claimed[0][i] + claimed[1][i];
    assert_true(late || parts > UINT64_C(20) * 65535 * 9 / 10);
}

static void test_shares_of_overlapping_runs(void **state)
{
    (void)state;
    check_overlap(false);
    check_overlap(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_power),
        cmocka_unit_test(test_rows_before_ticks_wait),
        cmocka_unit_test(test_equations_equal_brute_force),
        cmocka_unit_test(test_cut_blocks_merge_to_the_whole),
        cmocka_unit_test(test_window_adds_up_over_blocks),
        cmocka_unit_test(test_merging_is_associative_and_commutative),
        cmocka_unit_test(test_overflow_is_counted),
        cmocka_unit_test(test_blocks_of_version_1),
        cmocka_unit_test(test_rows_that_come_too_late),
        cmocka_unit_test(test_cpu_alone),
        cmocka_unit_test(test_adding_a_process_block),
        cmocka_unit_test(test_shares_on_slots),
        cmocka_unit_test(test_shares_of_overlapping_runs),
        cmocka_unit_test(test_hostile_payloads),
        cmocka_unit_test(test_senseless_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
