/*
 * A source that plays a script: recorded or invented counters, so that totals are known beforehand.
 *
 * The script is text, a line each; blank lines and lines that begin with # are skipped:
 *
 *   greentrack-replay 1              first line
 *   boundary package+dram            default "replay"
 *   provenance measured              measured, modelled, mixed or imported (the default: it was not counted here and now)
 *   time relative                    row times count from the first reading (default), or `absolute`: CLOCK_MONOTONIC
 *   mode step                        a reading is the row in force (default), or `linear`: between the rows around it
 *   domain package-0 scale=1 wrap=262143328850 refresh_ns=1000000 package=0
 *   domain dram parent=0 additive=1  attributes of struct gt_domain; default scale 1, no wrap, additive exactly at the root
 *   0 100 50                         t_ns, then one counter per domain; times ascend
 *   10000000 600 70                  (a counter may exceed its wrap: it is reduced when read)
 *   20000000 gap                     from here to the next row, reading fails with GT_E_IO
 *   30000000 1500 120
 *   40000000 end                     from here on, GT_E_RANGE; without `end` the last row stays in force
 *
 * More than 1 kW in a domain with package=N, or 10 kW in one without, is taken for a fault when it is folded (unwrap.h), as is
 * a counter of the total that stands still for a second: scripts for long jobs use `linear`. Before the first row the first row
 * is in force. The file is streamed with pread through a small buffer in the state.
 */
#include "energy/scan.h"
#include "energy/source.h"

#include <errno.h>
#include <string.h>

enum { LINE_BYTES = 1536 };

enum row_kind { ROW_VALUES, ROW_GAP, ROW_END, ROW_NONE };

struct row {
    uint64_t t_ns;
    enum row_kind kind;
    uint64_t raw[GT_SOURCE_DOMAINS];
};

struct replay {
    const struct gt_os *os;
    int fd;
    int domains;
    bool linear, absolute, started;
    uint64_t start_ns; /* added to row times: when it was first read, however long after it was opened; 0 if absolute */
    uint64_t offset;   /* in the file, of the bytes behind `line` */
    uint64_t wrap[GT_SOURCE_DOMAINS];
    struct row now, next; /* the row in force, the one after it */
    uint32_t line_number;
    uint32_t used; /* bytes of `line` that were read from the file */
    char line[LINE_BYTES];
};
_Static_assert(sizeof(struct replay) <= GT_SOURCE_STATE_BYTES, "a source's state must fit");

/* Reads more of the file behind what the buffer has. Bytes, 0 at the end, or -errno. */
static ssize_t fill(struct replay *r)
{
    ssize_t n;
    do
        n = r->os->pread(r->os->state, r->fd, r->line + r->used, sizeof r->line - 1 - r->used, r->offset);
    while (n == -EINTR);
    if (n > 0) {
        r->used += (uint32_t)n;
        r->offset += (uint64_t)n;
    }
    return n;
}

/* Moves the first line of the buffer into `out`. False when the buffer has none (at the end: the unfinished rest is one). */
static bool cut_line(struct replay *r, char *out, bool at_end)
{
    char *newline = memchr(r->line, '\n', r->used);
    if (!newline && !(at_end && r->used > 0))
        return false;
    size_t length = newline ? (size_t)(newline - r->line) : r->used;
    gt_scan_copy(out, LINE_BYTES, r->line, length);
    size_t taken = newline ? length + 1 : length;
    r->used -= (uint32_t)taken;
    memmove(r->line, r->line + taken, r->used);
    r->line_number++;
    return true;
}

/* The next line that says something. GT_E_NOENT at the end, GT_E_IO, GT_E_LIMIT: a line too long. */
static enum gt_status next_line(struct replay *r, char *out)
{
    bool at_end = false;
    for (;;) {
        while (cut_line(r, out, at_end)) {
            const char *at = out;
            gt_scan_blanks(&at);
            if (*at != '\0' && *at != '#' && *at != '\r')
                return GT_OK;
        }
        if (at_end)
            return GT_E_NOENT;
        if (r->used == sizeof r->line - 1)
            return GT_E_LIMIT;
        ssize_t n = fill(r);
        if (n < 0)
            return GT_E_IO;
        at_end = n == 0;
    }
}

static bool line_ends(const char *at)
{
    gt_scan_blanks(&at);
    return *at == '\0' || *at == '\r' || *at == '#';
}

/* Moves over the word when it stands at *at. */
static bool take_word(const char **at, const char *word)
{
    gt_scan_blanks(at);
    size_t n = strlen(word);
    if (strncmp(*at, word, n) != 0 || strcspn(*at + n, " \t\r") != 0)
        return false;
    *at += n;
    return true;
}

static size_t word_length(const char *at)
{
    return strcspn(at, " \t\r");
}

static bool parse_row(const struct replay *r, const char *at, struct row *row)
{
    gt_scan_blanks(&at);
    if (!gt_scan_u64(&at, &row->t_ns))
        return false;
    row->kind = take_word(&at, "gap") ? ROW_GAP : take_word(&at, "end") ? ROW_END : ROW_VALUES;
    for (int i = 0; row->kind == ROW_VALUES && i < r->domains; i++) {
        gt_scan_blanks(&at);
        if (!gt_scan_u64(&at, &row->raw[i]))
            return false;
    }
    return line_ends(at);
}

/* Reads the row after `now`. A malformed one ends the script: the caller gets GT_E_FORMAT. */
static enum gt_status load_next(struct replay *r)
{
    char line[LINE_BYTES];
    uint64_t last = r->now.kind == ROW_NONE ? 0 : r->now.t_ns;
    if (r->next.kind == ROW_NONE && r->now.kind != ROW_NONE)
        return GT_OK;
    enum gt_status status = next_line(r, line);
    if (status == GT_E_NOENT) {
        r->next.kind = ROW_NONE;
        return GT_OK;
    }
    if (status != GT_OK)
        return status;
    return parse_row(r, line, &r->next) && r->next.t_ns >= last ? GT_OK : GT_E_FORMAT;
}

/* --- directives
 * ---------------------------------------------------------------------------------------------------------------- */

static bool set_u64(const char *at, uint64_t *out)
{
    return gt_scan_u64(&at, out) && (*at == '\0' || word_length(at) == 0);
}

static bool set_int(const char *at, int *out, uint64_t most)
{
    uint64_t value;
    if (!set_u64(at, &value) || value > most)
        return false;
    *out = (int)value;
    return true;
}

static bool set_attribute(struct gt_domain *domain, const char *at, size_t n, int index)
{
    int additive = domain->additive;
    const char *value = memchr(at, '=', n);
    if (!value)
        return false;
    size_t key = (size_t)(value++ - at);
    bool ok = false;
#define IS(word) (key == sizeof(word) - 1 && memcmp(at, word, key) == 0)
    if (IS("scale"))
        ok = gt_scan_f64(&value, &domain->uj_per_count) && word_length(value) == 0 && domain->uj_per_count > 0;
    else if (IS("wrap"))
        ok = set_u64(value, &domain->wrap_count);
    else if (IS("refresh_ns"))
        ok = set_u64(value, &domain->refresh_ns);
    else if (IS("parent"))
        ok = index > 0 && set_int(value, &domain->parent, (uint64_t)index - 1);
    else if (IS("package"))
        ok = set_int(value, &domain->package, 9999);
    else if (IS("die"))
        ok = set_int(value, &domain->die, 9999);
    else if (IS("additive"))
        ok = set_int(value, &additive, 1);
#undef IS
    domain->additive = additive;
    return ok;
}

static bool parse_domain(const char *at, struct gt_source_desc *desc)
{
    if (desc->domain_count == GT_SOURCE_DOMAINS)
        return false;
    struct gt_domain *domain = &desc->domains[desc->domain_count];
    gt_scan_blanks(&at);
    size_t n = word_length(at);
    if (n == 0 || n >= sizeof domain->name)
        return false;
    gt_scan_copy(domain->name, sizeof domain->name, at, n);
    domain->parent = domain->package = domain->die = -1;
    domain->uj_per_count = 1;
    domain->additive = !strstr(at, " parent=");
    for (at += n; !line_ends(at); at += n) {
        gt_scan_blanks(&at);
        n = word_length(at);
        if (!set_attribute(domain, at, n, desc->domain_count))
            return false;
    }
    desc->domain_count++;
    return true;
}

static bool parse_provenance(const char *at, struct gt_source_desc *desc)
{
    char word[GT_SOURCE_NAME];
    gt_scan_blanks(&at);
    gt_scan_copy(word, sizeof word, at, word_length(at));
    desc->provenance = gt_provenance_find(word);
    return desc->provenance != GT_PROVENANCE_NONE;
}

static bool parse_directive(struct replay *r, const char *at, struct gt_source_desc *desc)
{
    if (take_word(&at, "domain"))
        return parse_domain(at, desc);
    if (take_word(&at, "provenance"))
        return parse_provenance(at, desc);
    if (take_word(&at, "boundary")) {
        gt_scan_blanks(&at);
        gt_scan_copy(desc->boundary, sizeof desc->boundary, at, strcspn(at, "\r"));
        return desc->boundary[0] != '\0';
    }
    if (take_word(&at, "mode")) {
        r->linear = take_word(&at, "linear");
        return r->linear || take_word(&at, "step");
    }
    if (take_word(&at, "time")) {
        r->absolute = take_word(&at, "absolute");
        return r->absolute || take_word(&at, "relative");
    }
    return false;
}

/* Header lines up to and with the first row, which lands in r->next. */
static enum gt_status parse_header(struct replay *r, struct gt_source_desc *desc)
{
    char line[LINE_BYTES];
    enum gt_status status = next_line(r, line);
    const char *at = line;
    if (status != GT_OK)
        return status == GT_E_NOENT ? GT_E_FORMAT : status;
    if (!take_word(&at, "greentrack-replay"))
        return GT_E_FORMAT;
    if (!take_word(&at, "1"))
        return GT_E_VERSION;
    while ((status = next_line(r, line)) == GT_OK) {
        at = line;
        gt_scan_blanks(&at);
        if (*at >= '0' && *at <= '9')
            break;
        if (!parse_directive(r, at, desc))
            return GT_E_FORMAT;
    }
    r->domains = desc->domain_count;
    for (int i = 0; i < r->domains; i++)
        r->wrap[i] = desc->domains[i].wrap_count;
    if (status != GT_OK)
        return status == GT_E_NOENT ? GT_E_FORMAT : status;
    return r->domains > 0 && parse_row(r, line, &r->next) ? GT_OK : GT_E_FORMAT;
}

/* --- the contract
 * -------------------------------------------------------------------------------------------------------------- */

static void replay_close(struct gt_source_state *state)
{
    struct replay *r = (void *)state->bytes;
    if (r->fd >= 0)
        r->os->close(r->os->state, r->fd);
    r->fd = -1;
}

static enum gt_status replay_open(const struct gt_os *os, const char *spec, struct gt_source_state *state,
                                  struct gt_source_desc *desc, struct gt_err *err)
{
    struct replay *r = (void *)state->bytes;
    memset(r, 0, sizeof *r);
    memset(desc, 0, sizeof *desc);
    r->os = os;
    r->fd = -1;
    if (!spec || !*spec)
        return gt_err_set(err, GT_E_ARG, "replay needs a script: replay:FILE");
    gt_scan_append(desc->source, sizeof desc->source, "replay");
    gt_scan_append(desc->boundary, sizeof desc->boundary, "replay");
    desc->provenance = GT_PROVENANCE_IMPORTED;
    r->fd = os->open_read(os->state, spec);
    if (r->fd < 0)
        return gt_err_set_errno(err, -r->fd, "%s", spec);
    r->now.kind = ROW_NONE;
    enum gt_status status = parse_header(r, desc);
    if (status == GT_OK) {
        r->now = r->next;
        status = load_next(r);
    }
    if (status == GT_OK)
        return GT_OK;
    uint32_t line = r->line_number;
    replay_close(state);
    return gt_err_set(err, status, "%s:%u: %s", spec, line, gt_status_message(status));
}

/* Between the two rows, without overflow: (b - a) < 2^64 times a ratio below 1, in 128 bits. */
static uint64_t between(uint64_t a, uint64_t b, uint64_t part, uint64_t whole)
{
    __extension__ typedef unsigned __int128 wide;
    if (b <= a || whole == 0)
        return a;
    return a + (uint64_t)((wide)(b - a) * part / whole);
}

static uint64_t value_at(const struct replay *r, int i, uint64_t t_ns)
{
    const struct row *a = &r->now, *b = &r->next;
    uint64_t value = a->raw[i];
    if (r->linear && b->kind == ROW_VALUES && t_ns > a->t_ns)
        value = between(value, b->raw[i], t_ns - a->t_ns, b->t_ns - a->t_ns);
    return r->wrap[i] ? value % (r->wrap[i] + 1) : value;
}

static enum gt_status replay_read(struct gt_source_state *state, uint64_t *raw, uint64_t *t_ns)
{
    struct replay *r = (void *)state->bytes;
    uint64_t clock = r->os->clock_ns(r->os->state, CLOCK_MONOTONIC);
    if (!r->started && !r->absolute)
        r->start_ns = clock;
    r->started = true;
    uint64_t now = clock > r->start_ns ? clock - r->start_ns : 0;
    while (r->next.kind != ROW_NONE && r->next.t_ns <= now && r->now.kind != ROW_END) {
        r->now = r->next;
        enum gt_status status = load_next(r);
        if (status != GT_OK) {
            /* What follows a malformed row cannot be trusted: the script is over, and says so from now on. */
            r->now.kind = ROW_END;
            return status;
        }
    }
    if (r->now.kind != ROW_VALUES)
        return r->now.kind == ROW_GAP ? GT_E_IO : GT_E_RANGE;
    for (int i = 0; i < r->domains; i++)
        raw[i] = value_at(r, i, now);
    *t_ns = clock;
    return GT_OK;
}

static void replay_probe(const struct gt_os *os, const char *spec, struct gt_probe *result)
{
    struct gt_source_state state;
    struct gt_source_desc desc;
    struct gt_err err = {0};
    memset(result, 0, sizeof *result);
    enum gt_status status = replay_open(os, spec, &state, &desc, &err);
    result->result = status == GT_OK ? GT_PROBE_AVAILABLE : status == GT_E_PERM ? GT_PROBE_NO_PERMISSION : GT_PROBE_ABSENT;
    if (status == GT_OK)
        replay_close(&state);
    else
        gt_scan_copy(result->detail, sizeof result->detail, err.text, strlen(err.text));
}

const struct gt_energy_source gt_source_replay = {
    .name = "replay",
    .summary = "a recorded script (replay:FILE), for tests and for showing",
    .light = true,
    .probe = replay_probe,
    .open = replay_open,
    .read = replay_read,
    .close = replay_close,
};
