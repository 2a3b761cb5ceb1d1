#include "tracker/ingest.h"

#include "core/text.h"
#include "core/trace_read.h"
#include "sqlite/store.h"
#include "tracker/ingest_run.h"
#include "tracker/jobtree.h"
#include "tracker/paths.h"
#include "tracker/ringsweep.h"
#include "tracker/spool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A file without a whole header may be one that is being created right now; after that long it is not. */
enum { BEING_CREATED_S = 60, CGROUP_AGE_S = 60, USUAL_WAIT_MS = 20000 };

struct ingest {
    const struct gt_ingest_options *options;
    struct gt_ingest_counts *counts;
    struct gt_spool spool;
    struct gt_store *store; /* opened when the first run is to be written */
    struct gt_arena arena;  /* names and headers */
};

static void say(struct ingest *in, const char *name, const char *text)
{
    char line[GT_ERR_TEXT + 192], shown[96];
    gt_text_escape(shown, sizeof shown, name, SIZE_MAX);
    if (strstr(text, shown))
        snprintf(line, sizeof line, "%s", text); /* it names the trace itself */
    else
        snprintf(line, sizeof line, "%s: %s", shown, text);
    if (in->options->say)
        in->options->say(in->options->context, line);
}

static void reject(struct ingest *in, const char *name, const struct gt_err *why)
{
    struct gt_err err = {0};
    char text[GT_ERR_TEXT + 64];
    if (gt_spool_reject(&in->spool, name, &err) == GT_OK) {
        in->counts->rejected++;
        snprintf(text, sizeof text, "%s; moved to rejected/ in the spool", why->text);
        say(in, name, text);
    } else {
        in->counts->failed++;
        say(in, name, err.text);
    }
}

/* Shorter than a header: being created, or abandoned in that moment. */
static bool is_unborn(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size >= (off_t)sizeof(struct gt_trace_header))
        return false;
    return gt_trace_is_locked(fd) > 0 || time(NULL) - st.st_mtime < BEING_CREATED_S;
}

/* Reads a trace's header. False: it is not to be ingested now. */
static bool look_at(struct ingest *in, const char *name, struct gt_trace_header *header)
{
    struct gt_err err = {0};
    struct gt_trace_reader *reader = NULL;
    int fd = gt_spool_open_trace(&in->spool, name, &err);
    enum gt_status status = fd < 0 ? err.status : gt_trace_read_open_fd(fd, name, &reader, &err);
    bool unborn = fd >= 0 && status != GT_OK && is_unborn(fd);
    if (status == GT_OK)
        *header = *gt_trace_read_header(reader);
    gt_trace_read_close(reader);
    if (fd >= 0)
        close(fd);
    if (status == GT_OK)
        return true;
    if (status == GT_E_FORMAT || status == GT_E_CORRUPT) {
        if (!unborn)
            reject(in, name, &err);
        else
            in->counts->skipped++;
    } else if (status != GT_E_NOENT) {
        in->counts->skipped++;
        say(in, name, err.text);
    }
    return false;
}

/* --- grouping ----------------------------------------------------------------------------------------------------------- */

static bool is_zero(const uint8_t *id)
{
    static const uint8_t zero[GT_TRACE_ID_BYTES];
    return memcmp(id, zero, sizeof zero) == 0;
}

/* By run; the run's own trace before its processes; a bare process is a run by itself. */
static int by_run(const void *a, const void *b)
{
    const struct gt_ingest_entry *x = a, *y = b;
    int order = memcmp(x->header.run_id, y->header.run_id, GT_TRACE_ID_BYTES);
    if (order == 0)
        order = (x->header.role != GT_TRACE_ROLE_RUN) - (y->header.role != GT_TRACE_ROLE_RUN);
    return order ? order : memcmp(x->header.trace_id, y->header.trace_id, GT_TRACE_ID_BYTES);
}

static size_t group_length(const struct gt_ingest_entry *entries, size_t count)
{
    size_t n = 1;
    if (is_zero(entries[0].header.run_id) || entries[0].header.role != GT_TRACE_ROLE_RUN)
        return 1; /* a bare process, or one whose run is gone from the spool: it outlived it */
    while (n < count && memcmp(entries[n].header.run_id, entries[0].header.run_id, GT_TRACE_ID_BYTES) == 0)
        n++;
    return n;
}

static enum gt_status open_store(struct ingest *in, struct gt_err *err)
{
    if (in->store)
        return GT_OK;
    return gt_store_open(in->options->store, GT_STORE_WRITE, &in->store, err);
}

/* Has the spool got more traces since it was listed? Then a process may have joined this run: its traces stay until next time.
 */
static bool was_joined(struct ingest *in, size_t listed)
{
    const char *const *names;
    size_t n;
    struct gt_err err = {0};
    return gt_spool_list(&in->spool, &in->arena, &names, &n, &err) != GT_OK || n > listed;
}

static void remove_traces(struct ingest *in, const struct gt_ingest_group *group)
{
    struct gt_err err = {0};
    for (size_t i = 0; i < group->count; i++)
        if (gt_spool_remove(&in->spool, group->entries[i].name, &err) != GT_OK)
            say(in, group->entries[i].name, err.text);
}

static void count_stored(struct ingest *in, const struct gt_ingest_group *group)
{
    if (!group->final)
        in->counts->open++;
    else
        in->counts->closed++;
    in->counts->crashed += group->final && group->state == GT_TRACE_CRASHED;
}

/* A killed greentrack could not remove the cgroup of its run. */
static void sweep_cgroup(const struct gt_trace_header *header)
{
    char name[2 * GT_TRACE_ID_BYTES + 1];
    gt_jobtree_sweep(&gt_os_linux, gt_text_hex(name, header->run_id, GT_TRACE_ID_BYTES));
}

/* One run. A trace of it that turns out malformed is moved aside, and the rest tried again. False: the store is out of order.
 */
static bool ingest_group(struct ingest *in, struct gt_ingest_entry *entries, size_t count, size_t *listed, struct gt_err *err)
{
    while (count > 0) {
        struct gt_ingest_group group = {.entries = entries, .count = count};
        *err = (struct gt_err){0};
        enum gt_status status = open_store(in, err);
        if (status != GT_OK)
            return false;
        status = gt_ingest_run_store(&group, &in->spool, in->store, err);
        if (status == GT_OK) {
            count_stored(in, &group);
            if (entries[0].header.role == GT_TRACE_ROLE_RUN && group.state == GT_TRACE_CRASHED)
                sweep_cgroup(&entries[0].header);
            if (group.final && (entries[0].header.role != GT_TRACE_ROLE_RUN || !was_joined(in, *listed))) {
                gt_ingest_run_remove_rings(&group);
                remove_traces(in, &group);
                *listed -= count;
            }
            gt_ingest_run_close(&group);
            return true;
        }
        size_t bad = group.bad;
        gt_ingest_run_close(&group);
        if (bad >= count) {
            in->counts->failed++;
            say(in, entries[0].name, err->text);
            return status != GT_E_BUSY && status != GT_E_NOSPACE && status != GT_E_CORRUPT && status != GT_E_PERM;
        }
        reject(in, entries[bad].name, err);
        *listed -= 1;
        memmove(&entries[bad], &entries[bad + 1], (count - bad - 1) * sizeof *entries);
        count--;
    }
    return true;
}

static enum gt_status ingest_all(struct ingest *in, struct gt_err *err)
{
    const char *const *names;
    size_t listed, count = 0;
    enum gt_status status = gt_spool_list(&in->spool, &in->arena, &names, &listed, err);
    if (status != GT_OK || listed == 0)
        return status;
    struct gt_ingest_entry *entries = gt_arena_alloc(&in->arena, listed, sizeof *entries);
    if (!entries)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    in->counts->traces = listed;
    size_t before = in->counts->rejected;
    for (size_t i = 0; i < listed; i++)
        if (look_at(in, names[i], &entries[count].header))
            entries[count++].name = names[i];
    listed -= in->counts->rejected - before;
    qsort(entries, count, sizeof *entries, by_run);
    for (size_t at = 0; at < count;) {
        size_t n = group_length(entries + at, count - at);
        if (!ingest_group(in, entries + at, n, &listed, err))
            return err->status ? err->status : GT_E_IO;
        at += n;
    }
    return GT_OK;
}

/* What killed runs and processes have left outside of the spool. */
static void sweep(const struct ingest *in)
{
    gt_ringsweep(&in->spool);
    gt_jobtree_sweep_old(&gt_os_linux, CGROUP_AGE_S);
}

enum gt_status gt_ingest_spool(const struct gt_ingest_options *options, struct gt_ingest_counts *counts, struct gt_err *err)
{
    struct ingest in = {.options = options, .counts = counts};
    *counts = (struct gt_ingest_counts){0};
    enum gt_status status = gt_spool_open(&in.spool, options->spool, options->wait_ms, err);
    if (status == GT_OK && in.spool.fd >= 0)
        status = ingest_all(&in, err);
    if (status == GT_OK && in.spool.fd >= 0)
        sweep(&in);
    gt_store_close(in.store);
    gt_spool_close(&in.spool);
    gt_arena_free(&in.arena);
    return status;
}

/* --- for the verbs ------------------------------------------------------------------------------------------------------- */

static void say_line(void *context, const char *line)
{
    gt_tracker_say(context, "%s", line);
}

void gt_ingest_before(struct gt_tracker *tracker)
{
    struct gt_ingest_options options = {.wait_ms = USUAL_WAIT_MS, .say = say_line, .context = tracker};
    struct gt_ingest_counts counts;
    struct gt_err err = {0};
    enum gt_status status = gt_paths_spool(&tracker->arena, &options.spool, &err);
    if (status == GT_OK)
        status = gt_paths_store(&tracker->arena, &options.store, &err);
    if (status == GT_OK)
        status = gt_ingest_spool(&options, &counts, &err);
    if (status != GT_OK)
        gt_tracker_say(tracker, "the spool was not ingested: %s", *err.text ? err.text : gt_status_message(status));
}
