/* The memory of a fold: one walk lays out all arrays, and the same walk without memory tells how much is needed. */
#include "energy/fold_state.h"

#include <string.h>

const struct gt_fold_config gt_fold_config_small = {
    .units = 512, .pairs = 4096, .intervals = 512, .entries = 8192, .tail = 512, .points = 512};
const struct gt_fold_config gt_fold_config_large = {
    .units = 16384, .pairs = 131072, .intervals = 8192, .entries = 524288, .tail = 65536, .points = 4096};

enum { ALIGN = 16, MOST = 1 << 24 };

/* Takes `count` objects off the walk. */
static void *take(char *base, size_t *at, size_t count, size_t size)
{
    void *memory = base ? base + *at : NULL;
    *at += (count * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    return memory;
}

static uint32_t power_of_two(uint32_t least)
{
    uint32_t p = 16;
    while (p < least)
        p *= 2;
    return p;
}

static void walk_window(struct fold_window *w, char *base, size_t *at, uint32_t channels, uint32_t points)
{
    w->curve = (struct gt_curve){.capacity = points, .channels = channels};
    w->curve.points = take(base, at, points, (1 + (size_t)channels) * sizeof(uint64_t));
    w->now = take(base, at, channels, sizeof(uint64_t));
    w->begin = take(base, at, channels, sizeof(uint64_t));
    w->end = take(base, at, channels, sizeof(uint64_t));
    w->edge = take(base, at, 2 * (size_t)channels, sizeof(uint64_t));
    w->taken = take(base, at, channels, sizeof(uint64_t));
    w->taken_now = take(base, at, channels, sizeof(uint64_t));
}

/* Fills the pointers of *f when `base` is given; returns the bytes in either case. */
static size_t walk(struct gt_fold *f, char *base, const struct gt_fold_config *c, uint32_t domains)
{
    size_t at = 0;
    take(base, &at, 1, sizeof *f);
    f->unwrap = take(base, &at, domains, sizeof *f->unwrap);
    f->unwrap_taken = take(base, &at, domains, sizeof *f->unwrap_taken);
    f->additive = take(base, &at, domains, sizeof *f->additive);
    f->package = take(base, &at, domains, sizeof *f->package);
    f->domain_sum = take(base, &at, domains, sizeof *f->domain_sum);
    walk_window(&f->energy, base, &at, domains * E_CHANNELS, c->points);
    walk_window(&f->cpu, base, &at, C_CHANNELS, c->points);
    walk_window(&f->shares, base, &at, S_CHANNELS, c->points);
    f->units = take(base, &at, (size_t)c->units + 1, sizeof *f->units);
    f->slot_mask = power_of_two(2 * (c->units + 1)) - 1;
    f->slots = take(base, &at, (size_t)f->slot_mask + 1, sizeof *f->slots);
    f->pair_mask = power_of_two(2 * c->pairs) - 1;
    for (f->pair_stride = 4; (uint64_t)f->pair_stride * f->pair_stride * 4 <= f->pair_mask; f->pair_stride *= 2)
        continue;
    /* From here on nothing is read before it is written: what a short run does not need is not touched. */
    f->pairs = take(base, &at, (size_t)f->pair_mask + 1, sizeof *f->pairs);
    f->intervals = take(base, &at, c->intervals, sizeof *f->intervals);
    f->entries = take(base, &at, c->entries, sizeof *f->entries);
    f->tail = take(base, &at, c->tail, sizeof *f->tail);
    return at;
}

static bool is_sound(const struct gt_fold_config *c, int domains)
{
    const uint32_t sizes[] = {c->units, c->pairs, c->intervals, c->entries, c->tail, c->points};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < 1 || sizes[i] > MOST)
            return false;
    return c->points >= 16 && domains >= 0 && domains <= GT_SOURCE_DOMAINS;
}

size_t gt_fold_bytes(const struct gt_fold_config *config, int domains)
{
    struct gt_fold f;
    return is_sound(config, domains) ? walk(&f, NULL, config, (uint32_t)domains) : 0;
}

enum gt_status gt_fold_init(void *memory, size_t bytes, const struct gt_fold_config *config, const struct gt_source_desc *desc,
                            struct gt_fold **fold)
{
    size_t need = gt_fold_bytes(config, desc->domain_count);
    if (need == 0 || (uintptr_t)memory % ALIGN != 0)
        return GT_E_ARG;
    if (bytes < need)
        return GT_E_NOMEM;
    struct gt_fold *f = memory, places = {.config = *config, .domains = (uint32_t)desc->domain_count};
    walk(&places, memory, config, places.domains);
    memset(memory, 0, (size_t)((char *)places.pairs - (char *)memory));
    *f = places;
    for (uint32_t i = 0; i < f->domains; i++) {
        gt_unwrap_init(&f->unwrap[i], &desc->domains[i]);
        f->additive[i] = desc->domains[i].additive;
        f->unwrap[i].gaps = &f->gaps;
        f->unwrap[i].domain = (int)i;
        f->package[i] = desc->domains[i].package;
    }
    memset(f->pairs, 0xff, ((size_t)f->pair_mask + 1) * sizeof *f->pairs);
    f->free_entry = NO_INDEX;
    f->sum.blocks = 1;
    *fold = f;
    return GT_OK;
}
