/*
 * The rows of a meter: the one parser of `external`, from a file that grows or a pipe.
 *
 *   t_ns,power_w              header: any line that begins with a letter; lines that begin with # and blank ones say nothing
 *   1764000000000000000,81.5  time, power in watts (decimal, not negative); further columns are ignored
 *
 * The time is nanoseconds since the Unix epoch or of CLOCK_MONOTONIC. The two cannot be mistaken for one another: 10^18 ns
 * after the epoch was in September 2001, and no machine has been up for 31 years. Unix times become CLOCK_MONOTONIC by one
 * anchor, taken at open: both clocks are slewed alike; a step of the real clock during a run is not followed.
 * A row that cannot be parsed, or is not later than the one before, is left out and counted. Nothing here blocks,
 * nor goes on for ever where rows never end (/dev/zero, a pipe that is flooded).
 * State is the caller's; no allocation; one thread.
 */
#ifndef GT_ENERGY_HEAVY_METER_ROWS_H
#define GT_ENERGY_HEAVY_METER_ROWS_H

#include "core/os.h"
#include "core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define GT_METER_EPOCH_NS UINT64_C(1000000000000000000)

struct gt_meter_row {
    uint64_t t_ns; /* as it stands in the file; from gt_meter_rows_next: CLOCK_MONOTONIC */
    double power_w;
};

enum gt_meter_line { GT_METER_ROW, GT_METER_NOTHING, GT_METER_GARBAGE };

/* One line of `n` bytes without its end. */
enum gt_meter_line gt_meter_parse(const char *line, size_t n, struct gt_meter_row *row);

enum { GT_METER_BUFFER = 2048 };

struct gt_meter_rows {
    int fd;
    bool is_file;
    bool skip;          /* the rest of a line that is too long, or of the one in which reading began */
    uint64_t offset;    /* in the file */
    uint64_t anchor_ns; /* real time minus CLOCK_MONOTONIC */
    uint64_t last_ns;   /* time of the last row handed out; 0 none */
    uint64_t garbage, disordered;
    uint32_t used;
    char text[GT_METER_BUFFER];
};

/*
 * Opens without waiting for a writer. A long file is begun near its end, at a row that is no later than now. GT_E_BUSY: a pipe
 * that another greentrack reads; GT_E_NOENT, GT_E_PERM, ...
 */
enum gt_status gt_meter_rows_open(struct gt_meter_rows *rows, const struct gt_os *os, const char *path, struct gt_err *err);
void gt_meter_rows_close(struct gt_meter_rows *rows);

/* The next row, if there is one by now. */
bool gt_meter_rows_next(struct gt_meter_rows *rows, struct gt_meter_row *row);

#endif
