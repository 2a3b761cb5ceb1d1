/*
 * Calibration: the idle power of this host, measured while it is idle.
 *
 * Works with a measured source alone: GT_E_ABSENT, with the reason, where there is none. One reading series of the source and
 * of /proc/stat; idle power is the mean over slices of one second, its interval the 95 % t-interval over the slices.
 */
#ifndef GT_ENERGY_CALIBRATE_H
#define GT_ENERGY_CALIBRATE_H

#include "energy/source.h"

struct gt_calibrate_options {
    double seconds;        /* 2 ... 3600; 0: 30 */
    double max_busy_share; /* of all cpus, 0 ... 1; a busier machine is refused (GT_E_STATE); 0: 0.05 */
    bool force;            /* measure a busy machine all the same; `busy_share` then says how busy */
    /* Called once per slice with the seconds done and wanted; non-zero stops with GT_E_STATE. NULL: nothing. */
    int (*progress)(void *context, double done_s, double wanted_s);
    void *context;
};

struct gt_calibration {
    double idle_w, lo_w, hi_w; /* of the boundary's total */
    double busy_share;         /* of the machine's cpus during the measurement */
    double seconds;
    int slices;
    bool forced; /* the machine was busier than allowed */
    char source[GT_SOURCE_NAME], boundary[GT_SOURCE_NAME];
};

/*
 * `source` is e.g. from gt_source_best; `spec` as for its open. GT_E_ABSENT: no measured source; GT_E_STATE: not idle, or
 * stopped; GT_E_BUSY: a meter that says nothing (given up after ten seconds, after a minute if it has spoken before);
 * GT_E_PERM, GT_E_IO from the source. Blocks for `seconds`.
 */
enum gt_status gt_calibrate_idle(const struct gt_os *os, const struct gt_energy_source *source, const char *spec,
                                 const struct gt_calibrate_options *options, struct gt_calibration *out, struct gt_err *err);

#endif
