#include "energy/heavy/meter_rows.h"

#include "energy/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TAIL_BYTES = 65536,
    FILLS_AT_ONCE = 512 /* a megabyte of what is no row, or no new one; the next call goes on */
};

/* More is no meter's reading; what is still no machine's (gt_unwrap) becomes a gap. */
static const double POWER_MOST_W = 1e9;

enum gt_meter_line gt_meter_parse(const char *line, size_t n, struct gt_meter_row *row)
{
    char text[128];
    gt_scan_copy(text, sizeof text, line, n < sizeof text ? n : sizeof text - 1);
    const char *at = text;
    gt_scan_blanks(&at);
    if (*at == '\0' || *at == '\r' || *at == '#' || (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z'))
        return GT_METER_NOTHING;
    if (!gt_scan_u64(&at, &row->t_ns))
        return GT_METER_GARBAGE;
    gt_scan_blanks(&at);
    if (*at++ != ',')
        return GT_METER_GARBAGE;
    gt_scan_blanks(&at);
    if (!gt_scan_f64(&at, &row->power_w) || !(row->power_w <= POWER_MOST_W))
        return GT_METER_GARBAGE;
    gt_scan_blanks(&at);
    return *at == '\0' || *at == '\r' || *at == ',' ? GT_METER_ROW : GT_METER_GARBAGE;
}

/* Reads what there is. False: nothing new. A file that has become shorter was begun anew. */
static bool fill(struct gt_meter_rows *r)
{
    struct stat st;
    char *to = r->text + r->used;
    size_t room = sizeof r->text - r->used;
    if (r->is_file && fstat(r->fd, &st) == 0 && (uint64_t)st.st_size < r->offset) {
        r->offset = 0;
        r->used = 0;
        r->skip = false;
        return fill(r);
    }
    ssize_t n;
    do
        n = r->is_file ? pread(r->fd, to, room, (off_t)r->offset) : read(r->fd, to, room);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return false;
    r->used += (uint32_t)n;
    r->offset += (uint64_t)n;
    return true;
}

static void drop(struct gt_meter_rows *r, size_t n)
{
    r->used -= (uint32_t)n;
    memmove(r->text, r->text + n, r->used);
}

/* The first whole line of the buffer is parsed and dropped. False: there is none. */
static bool take_line(struct gt_meter_rows *r, enum gt_meter_line *kind, struct gt_meter_row *row)
{
    char *end = memchr(r->text, '\n', r->used);
    if (!end && r->used == sizeof r->text) {
        r->garbage += !r->skip;
        r->skip = true;
        r->used = 0;
    }
    if (!end)
        return false;
    *kind = r->skip ? GT_METER_NOTHING : gt_meter_parse(r->text, (size_t)(end - r->text), row);
    r->skip = false;
    drop(r, (size_t)(end - r->text) + 1);
    return true;
}

bool gt_meter_rows_next(struct gt_meter_rows *r, struct gt_meter_row *row)
{
    enum gt_meter_line kind;
    for (int fills = 0;;) {
        if (!take_line(r, &kind, row)) {
            if (fills++ == FILLS_AT_ONCE || !fill(r))
                return false;
            continue;
        }
        r->garbage += kind == GT_METER_GARBAGE;
        if (kind != GT_METER_ROW)
            continue;
        if (row->t_ns >= GT_METER_EPOCH_NS)
            row->t_ns = row->t_ns > r->anchor_ns ? row->t_ns - r->anchor_ns : 0; /* 0: before this machine was started */
        if (row->t_ns > r->last_ns || (row->t_ns == 0 && r->last_ns == 0))
            break;
        r->disordered++;
    }
    r->last_ns = row->t_ns;
    return true;
}

static void begin_at(struct gt_meter_rows *r, uint64_t offset)
{
    r->offset = offset;
    r->skip = offset > 0;
    r->used = 0;
    r->last_ns = r->garbage = r->disordered = 0;
}

/* Days of history need not be read: begins in the last part whose first row is no later than now. */
static void seek_now(struct gt_meter_rows *r, uint64_t size, uint64_t now_ns)
{
    struct gt_meter_row row;
    uint64_t tail = TAIL_BYTES;
    for (; tail < size; tail *= 4) {
        begin_at(r, size - tail);
        if (gt_meter_rows_next(r, &row) && row.t_ns <= now_ns)
            break;
    }
    begin_at(r, tail < size ? size - tail : 0);
}

enum gt_status gt_meter_rows_open(struct gt_meter_rows *r, const struct gt_os *os, const char *path, struct gt_err *err)
{
    struct stat st;
    memset(r, 0, sizeof *r);
    r->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (r->fd < 0 || fstat(r->fd, &st) != 0) {
        int failed = errno;
        gt_meter_rows_close(r);
        return gt_err_set_errno(err, failed, "%s", path);
    }
    r->is_file = S_ISREG(st.st_mode);
    if (S_ISDIR(st.st_mode)) {
        gt_meter_rows_close(r);
        return gt_err_set(err, GT_E_ARG, "%s is a folder, not a meter's file or pipe", path);
    }
    /* A pipe's rows go to one reader; two would each see half of them. */
    if (!r->is_file && flock(r->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        gt_meter_rows_close(r);
        return gt_err_set(err, GT_E_BUSY, "%s: another greentrack reads this pipe; a file can have several readers", path);
    }
    uint64_t now_ns = os->clock_ns(os->state, CLOCK_MONOTONIC);
    uint64_t real_ns = os->clock_ns(os->state, CLOCK_REALTIME);
    r->anchor_ns = real_ns > now_ns ? real_ns - now_ns : 0;
    if (r->is_file)
        seek_now(r, (uint64_t)st.st_size, now_ns);
    return GT_OK;
}

void gt_meter_rows_close(struct gt_meter_rows *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}
