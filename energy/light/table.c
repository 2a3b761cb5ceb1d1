/* The registry of programs that load no library: the plugin. */
#include "energy/source.h"

#define TABLE_ROW(name) &gt_source_##name,
#define NO_ROW(name)
static const struct gt_energy_source *const sources[] = {GT_SOURCES(TABLE_ROW, NO_ROW)};

const struct gt_source_table gt_source_table = {sources, sizeof sources / sizeof *sources};
