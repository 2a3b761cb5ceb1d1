/* --require-measured: what is said when joules would be modelled. */
#ifndef GT_TRACKER_MEASURED_H
#define GT_TRACKER_MEASURED_H

#include "core/os.h"
#include "core/status.h"
#include "energy/source.h"

#include <stdbool.h>

/*
 * Fills *err: `source` does not measure; with `automatic`, what each source that could have done so said. Returns GT_E_ABSENT.
 */
enum gt_status gt_measured_refuse(const struct gt_os *os, const struct gt_energy_source *source, bool automatic,
                                  struct gt_err *err);

#endif
