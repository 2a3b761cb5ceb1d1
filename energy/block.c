#include "energy/block.h"

#include "energy/wide.h"

#include <string.h>

_Static_assert(sizeof(struct gt_block_head) % 8 == 0 && sizeof(struct gt_block_domain) % 8 == 0, "no hidden padding at ends");
_Static_assert(sizeof(struct gt_block_unit) == 8 + 5 * 8 + 4 * 16 + 8 && sizeof(struct gt_block_pair) == 8 + 2 * 16 + 8,
               "layout");

size_t gt_block_bytes(uint64_t domains, uint64_t units, uint64_t pairs)
{
    return (size_t)(sizeof(struct gt_block_head) + domains * sizeof(struct gt_block_domain) +
                    units * sizeof(struct gt_block_unit) + pairs * sizeof(struct gt_block_pair));
}

/* --- sorting
 * ------------------------------------------------------------------------------------------------------------------- */

static uint64_t unit_key(const void *row)
{
    return ((const struct gt_block_unit *)row)->slot;
}

static uint64_t pair_key(const void *row)
{
    const struct gt_block_pair *pair = row;
    return (uint64_t)pair->a << 32 | pair->b;
}

typedef uint64_t key_fn(const void *row);

static void sift(char *rows, size_t size, key_fn *key, size_t at, size_t n)
{
    char swap[sizeof(struct gt_block_unit)];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && key(rows + child * size) < key(rows + (child + 1) * size))
            child++;
        if (key(rows + at * size) >= key(rows + child * size))
            return;
        memcpy(swap, rows + at * size, size);
        memcpy(rows + at * size, rows + child * size, size);
        memcpy(rows + child * size, swap, size);
    }
}

/* Heapsort (Williams 1964). */
static void sort(void *memory, size_t size, key_fn *key, size_t n)
{
    char *rows = memory, swap[sizeof(struct gt_block_unit)];
    for (size_t i = n / 2; i-- > 0;)
        sift(rows, size, key, i, n);
    for (size_t last = n; last-- > 1;) {
        memcpy(swap, rows, size);
        memcpy(rows, rows + last * size, size);
        memcpy(rows + last * size, swap, size);
        sift(rows, size, key, 0, last);
    }
}

void gt_block_sort_units(struct gt_block_unit *units, size_t n)
{
    sort(units, sizeof *units, unit_key, n);
}

void gt_block_sort_pairs(struct gt_block_pair *pairs, size_t n)
{
    sort(pairs, sizeof *pairs, pair_key, n);
}

/* --- adding
 * -------------------------------------------------------------------------------------------------------------------- */

/* [begin, end] spans both; 0, 0 is no span. */
static void add_span(uint64_t *begin, uint64_t *end, uint64_t from_begin, uint64_t from_end)
{
    if (from_begin == 0 && from_end == 0)
        return;
    bool empty = *begin == 0 && *end == 0;
    if (empty || from_begin < *begin)
        *begin = from_begin;
    if (empty || from_end > *end)
        *end = from_end;
}

/* The plain 64-bit sums of a struct, which lie side by side from offset `begin` to `end`. */
static void add_words(void *to, const void *from, size_t begin, size_t end)
{
    uint64_t a, b;
    for (size_t at = begin; at < end; at += sizeof a) {
        memcpy(&a, (char *)to + at, sizeof a);
        memcpy(&b, (const char *)from + at, sizeof b);
        a += b;
        memcpy((char *)to + at, &a, sizeof a);
    }
}

#define HEAD(member) offsetof(struct gt_block_head, member)

void gt_block_add_head(struct gt_block_head *to, const struct gt_block_head *from)
{
    add_span(&to->begin_ns, &to->end_ns, from->begin_ns, from->end_ns);
    add_span(&to->window_begin_ns, &to->window_end_ns, from->window_begin_ns, from->window_end_ns);
    add_span(&to->reserved[GT_BLOCK_SPAN_BEGIN], &to->reserved[GT_BLOCK_SPAN_END], from->reserved[GT_BLOCK_SPAN_BEGIN],
             from->reserved[GT_BLOCK_SPAN_END]);
    add_words(to, from, HEAD(blocks), HEAD(dt_dt));
    add_words(to, from, HEAD(late_ns), HEAD(overflow_same));
    add_words(to, from, HEAD(bad_ticks), HEAD(reserved));
    add_words(to, from, HEAD(edge_intervals), sizeof *to);
    gt_wide_add(&to->dt_dt, &from->dt_dt);
    gt_wide_add(&to->e_dt, &from->e_dt);
    gt_wide_add(&to->e_e, &from->e_e);
    gt_wide_add(&to->e_e_next, &from->e_e_next);
    gt_wide_add(&to->overflow_same, &from->overflow_same);
    gt_wide_add(&to->overflow_lag, &from->overflow_lag);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void gt_block_add_domain(struct gt_block_domain *to, const struct gt_block_domain *from)
{
    uint64_t edge_uj = larger(to->window.edge_uj, from->window.edge_uj), lag_uj = larger(to->lag_uj, from->lag_uj);
    uint64_t refresh_ns = larger(to->refresh_ns, from->refresh_ns);
    add_words(to, from, 0, sizeof *to);
    to->window.edge_uj = edge_uj; /* where one block ends and the next begins there is no edge */
    to->refresh_ns = refresh_ns;
    to->lag_uj = lag_uj;
}

void gt_block_add_unit(struct gt_block_unit *to, const struct gt_block_unit *from)
{
    add_words(to, from, offsetof(struct gt_block_unit, calls), offsetof(struct gt_block_unit, t_e));
    gt_wide_add(&to->t_e, &from->t_e);
    gt_wide_add(&to->t_e_next, &from->t_e_next);
    gt_wide_add(&to->e_t_next, &from->e_t_next);
    gt_wide_add(&to->t_dt, &from->t_dt);
    add_words(to, from, offsetof(struct gt_block_unit, edge_ns2), sizeof *to);
}

/* --- parsing
 * ------------------------------------------------------------------------------------------------------------------- */

static bool is_sorted(const void *memory, size_t size, key_fn *key, size_t n)
{
    const char *rows = memory;
    for (size_t i = 1; i < n; i++)
        if (key(rows + (i - 1) * size) >= key(rows + i * size))
            return false;
    return true;
}

enum gt_status gt_block_parse(const void *payload, size_t bytes, struct gt_block *block)
{
    const struct gt_block_head *head = payload;
    if (bytes < sizeof *head || (uintptr_t)payload % 8 != 0)
        return GT_E_FORMAT;
    if (head->version != GT_BLOCK_VERSION)
        return GT_E_VERSION;
    /* 32-bit counts times small rows: the sum cannot overflow 64 bits. */
    if (head->domain_count > GT_SOURCE_DOMAINS ||
        gt_block_bytes(head->domain_count, head->unit_count, head->pair_count) != bytes)
        return GT_E_FORMAT;
    block->head = head;
    block->domains = (const void *)(head + 1);
    block->units = (const void *)(block->domains + head->domain_count);
    block->pairs = (const void *)(block->units + head->unit_count);
    return is_sorted(block->units, sizeof *block->units, unit_key, head->unit_count) &&
                   is_sorted(block->pairs, sizeof *block->pairs, pair_key, head->pair_count)
               ? GT_OK
               : GT_E_FORMAT;
}

const struct gt_block_unit *gt_block_find_unit(const struct gt_block *block, uint32_t slot)
{
    uint32_t low = 0, high = block->head->unit_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (block->units[middle].slot < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low < block->head->unit_count && block->units[low].slot == slot ? &block->units[low] : NULL;
}

/* --- merging
 * ------------------------------------------------------------------------------------------------------------------- */

size_t gt_block_merge_bytes(const struct gt_block *a, const struct gt_block *b)
{
    return gt_block_bytes(a->head->domain_count, (uint64_t)a->head->unit_count + b->head->unit_count,
                          (uint64_t)a->head->pair_count + b->head->pair_count);
}

static uint32_t merge_units(const struct gt_block *a, const struct gt_block *b, struct gt_block_unit *out, uint64_t most)
{
    uint32_t i = 0, j = 0, n = 0;
    while (i < a->head->unit_count || j < b->head->unit_count) {
        bool left = j == b->head->unit_count || (i < a->head->unit_count && a->units[i].slot <= b->units[j].slot);
        const struct gt_block_unit *unit = left ? &a->units[i++] : &b->units[j++];
        if (n > 0 && out[n - 1].slot == unit->slot) {
            gt_block_add_unit(&out[n - 1], unit);
            continue;
        }
        if (n == most)
            return UINT32_MAX;
        out[n++] = *unit;
    }
    return n;
}

static void overflow(struct gt_block_head *head, const struct gt_block_pair *pair)
{
    head->pair_overflow++;
    gt_wide_add(&head->overflow_same, &pair->same);
    gt_wide_add(&head->overflow_lag, &pair->lag);
}

static void merge_pairs(const struct gt_block *a, const struct gt_block *b, struct gt_block_pair *out, uint64_t most,
                        struct gt_block_head *head)
{
    uint32_t i = 0, j = 0, n = 0;
    while (i < a->head->pair_count || j < b->head->pair_count) {
        bool left = j == b->head->pair_count || (i < a->head->pair_count && pair_key(&a->pairs[i]) <= pair_key(&b->pairs[j]));
        const struct gt_block_pair *pair = left ? &a->pairs[i++] : &b->pairs[j++];
        if (n > 0 && pair_key(&out[n - 1]) == pair_key(pair)) {
            gt_wide_add(&out[n - 1].same, &pair->same);
            gt_wide_add(&out[n - 1].lag, &pair->lag);
            out[n - 1].edge_ns2 += pair->edge_ns2;
        } else if (n < most) {
            out[n++] = *pair;
        } else {
            overflow(head, pair);
        }
    }
    head->pair_count = n;
}

enum gt_status gt_block_merge(const struct gt_block *a, const struct gt_block *b, void *out, size_t capacity, size_t *bytes)
{
    struct gt_block_head *head = out;
    uint32_t domains = a->head->domain_count;
    size_t fixed = gt_block_bytes(domains, 0, 0);
    if (domains != b->head->domain_count)
        return GT_E_MISMATCH;
    if (capacity < fixed)
        return GT_E_LIMIT;
    struct gt_block_domain *domain = (void *)(head + 1);
    struct gt_block_unit *units = (void *)(domain + domains);
    memset(out, 0, fixed);
    head->version = GT_BLOCK_VERSION;
    head->domain_count = domains;
    gt_block_add_head(head, a->head);
    gt_block_add_head(head, b->head);
    for (uint32_t i = 0; i < domains; i++) {
        gt_block_add_domain(&domain[i], &a->domains[i]);
        gt_block_add_domain(&domain[i], &b->domains[i]);
    }
    head->unit_count = merge_units(a, b, units, (capacity - fixed) / sizeof *units);
    if (head->unit_count == UINT32_MAX)
        return GT_E_LIMIT;
    size_t used = gt_block_bytes(domains, head->unit_count, 0);
    merge_pairs(a, b, (void *)(units + head->unit_count), (capacity - used) / sizeof(struct gt_block_pair), head);
    *bytes = gt_block_bytes(domains, head->unit_count, head->pair_count);
    return GT_OK;
}

/* --- a window that turned out to be nobody's
 * --------------------------------------------------------------------------------------- */

void gt_block_drop_window(void *payload, size_t *bytes)
{
    struct gt_block_head *head = payload;
    struct gt_block_domain *domains = (void *)(head + 1);
    struct gt_block_unit *units = (void *)(domains + head->domain_count);
    const struct gt_block_pair *pairs = (const void *)(units + head->unit_count);
    uint32_t kept = 0;
    head->window_begin_ns = head->window_end_ns = head->region_windows = 0;
    memset(&head->window_cpu_known_ns, 0, HEAD(intervals) - HEAD(window_cpu_known_ns));
    head->window_slot_job_uj = head->window_slot_job_ns = head->window_slot_uj = head->window_slot_ns = 0;
    for (uint32_t i = 0; i < head->domain_count; i++)
        domains[i].window = (struct gt_block_energy){0};
    for (uint32_t i = 0; i < head->unit_count; i++)
        if (!(units[i].slot & GT_TRACE_SLOT_INFER))
            units[kept++] = units[i];
    head->unit_count = kept;
    memmove(units + kept, pairs, head->pair_count * sizeof *pairs);
    *bytes = gt_block_bytes(head->domain_count, kept, head->pair_count);
}
