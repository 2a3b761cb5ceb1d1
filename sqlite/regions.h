/*
 * Regions of a program without a model of its own: a region is its name. Runs of one program name theirs in any order, and some
 * of them alone, so the position that a run gave a region is exchanged for the one that the name has in the store. Internal to
 * sqlite/.
 */
#ifndef GT_SQLITE_REGIONS_H
#define GT_SQLITE_REGIONS_H

#include "core/arena.h"
#include "sqlite/db.h"
#include "sqlite/records.h"

/* Has the model regions, and nothing else? */
bool gt_regions_alone(const struct gt_model_record *model);

/*
 * Replaces, in *run and in models[] (both the caller's copies), the arrays that speak of such models' units by ones in the
 * arena: units by index, indices those of the store, new ones behind all that it has.
 */
enum gt_status gt_regions_place(struct gt_store *store, struct gt_run_record *run, struct gt_model_record *models,
                                size_t model_count, struct gt_arena *arena, struct gt_err *err);

#endif
