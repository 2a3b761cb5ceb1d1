/* Attribution's last step: what all units used, among them. Part of attribution alone. */
#ifndef GT_ENERGY_ATTRIBUTE_UNITS_H
#define GT_ENERGY_ATTRIBUTE_UNITS_H

#include "energy/attribute_span.h"

/* Time of all units, inferences left out. */
uint64_t gt_attribute_unit_ns(const struct gt_block *block);

/*
 * Splits `energy`, which rounds to out->closure.units, among the block's units by their time, or, with a regression (NULL:
 * none), by their time and power. Fills `rows` and out->unit_count; out->kind and out->closure are read.
 */
void gt_attribute_units(const struct gt_block *block, const struct gt_regression *regression, struct span energy,
                        struct gt_attribution *out, struct gt_unit_energy *rows);

#endif
