#include "sqlite/regions.h"

#include "sqlite/columns.h"

#include <stdlib.h>
#include <string.h>

/* One model's regions: units[i] as the run has it, to[i] its index in the store. */
struct exchange {
    const struct gt_model_record *model;
    int64_t *to;
};

bool gt_regions_alone(const struct gt_model_record *model)
{
    bool alone = model->unit_count > 0;
    for (size_t i = 0; i < model->unit_count && alone; i++)
        alone = model->units[i].region && model->units[i].name;
    return alone;
}

static enum gt_status no_memory(struct gt_err *err)
{
    return gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* Regions lie by index nearly always; other callers of the store may have it otherwise. */
static int64_t exchanged(const struct exchange *x, int64_t index)
{
    const struct gt_model_record *model = x->model;
    if (index >= 0 && (uint64_t)index < model->unit_count && model->units[index].index == index)
        return x->to[index];
    for (size_t i = 0; i < model->unit_count; i++)
        if (model->units[i].index == index)
            return x->to[i];
    return index;
}

/* Where the names stand in the store already; the others come behind. */
static enum gt_status find_names(struct gt_store *store, struct exchange *x, struct gt_arena *arena, struct gt_err *err)
{
    void *rows = NULL;
    size_t count = 0;
    enum gt_status status =
        gt_columns_select(store, &gt_table_unit, "", "FROM units WHERE model = ? AND division = '' ORDER BY idx",
                          x->model->digest, NULL, arena, &rows, &count, err);
    x->to = gt_arena_alloc(arena, x->model->unit_count, sizeof *x->to);
    if (status != GT_OK || !x->to)
        return status != GT_OK ? status : no_memory(err);
    const struct gt_unit_record *stored = rows;
    int64_t next = count ? stored[count - 1].index + 1 : 0;
    for (size_t i = 0; i < x->model->unit_count; i++) {
        size_t at = 0;
        while (at < count && !(stored[at].region && stored[at].name && strcmp(stored[at].name, x->model->units[i].name) == 0))
            at++;
        x->to[i] = at < count ? stored[at].index : next++;
    }
    return GT_OK;
}

/* Both kinds of rows begin with their index. */
static int by_index(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}
_Static_assert(offsetof(struct gt_unit_record, index) == 0 && offsetof(struct gt_unit_energy_record, index) == 0,
               "by_index reads the first member");

static const void *move_rows(const struct exchange *x, const void *rows, size_t count, size_t size, struct gt_arena *arena)
{
    char *moved = gt_arena_alloc(arena, count + 1, size);
    if (!moved || count == 0)
        return moved;
    memcpy(moved, rows, count * size);
    for (size_t i = 0; i < count; i++) {
        int64_t *index = (void *)(moved + i * size);
        *index = exchanged(x, *index);
    }
    qsort(moved, count, size, by_index);
    return moved;
}

static bool move_slots(const struct exchange *x, struct gt_run_record *run, size_t part, struct gt_arena *arena)
{
    struct gt_slot_record *slots = gt_arena_alloc(arena, run->slot_count + 1, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < run->slot_count; i++) {
        slots[i] = run->slots[i];
        if (slots[i].part == (int64_t)part && slots[i].index != GT_UNKNOWN)
            slots[i].index = exchanged(x, slots[i].index);
    }
    run->slots = slots;
    return true;
}

static enum gt_status move_run(const struct exchange *x, struct gt_run_record *run, struct gt_arena *arena, struct gt_err *err)
{
    struct gt_run_model_record *parts = gt_arena_alloc(arena, run->model_count + 1, sizeof *parts);
    if (!parts)
        return no_memory(err);
    for (size_t p = 0; p < run->model_count; p++) {
        parts[p] = run->models[p];
        if (strcmp(parts[p].model, x->model->digest) != 0)
            continue;
        parts[p].units = move_rows(x, parts[p].units, parts[p].unit_count, sizeof *parts[p].units, arena);
        if (!parts[p].units || !move_slots(x, run, p, arena))
            return no_memory(err);
    }
    run->models = parts;
    return GT_OK;
}

enum gt_status gt_regions_place(struct gt_store *store, struct gt_run_record *run, struct gt_model_record *models,
                                size_t model_count, struct gt_arena *arena, struct gt_err *err)
{
    enum gt_status status = GT_OK;
    for (size_t m = 0; m < model_count && status == GT_OK; m++) {
        const struct gt_model_record model = models[m];
        struct exchange x = {.model = &model};
        if (!gt_regions_alone(&model))
            continue;
        status = find_names(store, &x, arena, err);
        if (status == GT_OK)
            status = move_run(&x, run, arena, err);
        if (status == GT_OK && !(models[m].units = move_rows(&x, model.units, model.unit_count, sizeof *model.units, arena)))
            status = no_memory(err);
    }
    return status;
}
