/* The registry of the tracker: all sources. */
#include "energy/source.h"

#define TABLE_ROW(name) &gt_source_##name,
static const struct gt_energy_source *const sources[] = {GT_SOURCES(TABLE_ROW, TABLE_ROW)};

const struct gt_source_table gt_source_table = {sources, sizeof sources / sizeof *sources};
