/*
 * Lists of units. A model of one digest can be executed in several ways (groups of layers, or layer by layer; by another build
 * of its runtime; with another batch), and has another list of units in each. A *division* names one list by what it says, so
 * that what a run took of its units is never read by the names of another run's.
 */
#ifndef GT_SQLITE_UNITS_H
#define GT_SQLITE_UNITS_H

#include "sqlite/records.h"

enum { GT_STORE_DIVISION = 17 };

/*
 * Writes the division of the model's units into `out` (16 hexadecimal digits) and returns it; NULL when it has no units or
 * regions alone, which are known by name. Equal lists have equal divisions. A hash that resists accidents, not attacks.
 */
const char *gt_store_division(const struct gt_model_record *model, char out[GT_STORE_DIVISION]);

#endif
