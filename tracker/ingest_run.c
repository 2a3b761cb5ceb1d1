#include "tracker/ingest_run.h"

#include "core/text.h"
#include "energy/host.h"
#include "tracker/claims.h"
#include "tracker/runrecord.h"
#include "tracker/runtrace.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ID_HEX = 2 * GT_TRACE_ID_BYTES + 1 };

struct gt_ingest_open {
    int fd;
    struct gt_trace_reader *reader;
    struct gt_trace_info info;
    struct gt_ring_leftover *rings[GT_INGEST_RINGS];
    char ring_names[GT_INGEST_RINGS][GT_RING_NAME_BYTES];
    size_t ring_count;
};

/* --- opening ------------------------------------------------------------------------------------------------------------ */

/* A ring may have heard of more items than the last NOTE. */
static void keep_items(struct gt_trace_info *info, const struct gt_ring_leftover *ring)
{
    uint64_t items = gt_ring_leftover_items(ring);
    if (items > info->items)
        info->items = items;
}

/* Rings of that trace in /dev/shm: of a process that is gone, everything that had not reached the file. */
static void open_rings(struct gt_ingest_open *open, const struct gt_ingest_entry *entry)
{
    char prefix[GT_RING_NAME_BYTES];
    struct dirent *file;
    DIR *folder = opendir(GT_RING_FOLDER);
    gt_ring_name(entry->header.trace_id, 0, prefix);
    char *number = strrchr(prefix, '-');
    number[1] = '\0';
    while (folder && (file = readdir(folder)) && open->ring_count < GT_INGEST_RINGS) {
        char path[sizeof GT_RING_FOLDER + 256];
        struct gt_err err = {0};
        if (strncmp(file->d_name, prefix, strlen(prefix)) != 0 || strlen(file->d_name) >= GT_RING_NAME_BYTES)
            continue;
        snprintf(path, sizeof path, "%s/%s", GT_RING_FOLDER, file->d_name);
        strcpy(open->ring_names[open->ring_count], file->d_name);
        if (gt_ring_leftover_open(path, (uint32_t)geteuid(), open->info.last_sequence, &open->rings[open->ring_count], &err) ==
            GT_OK)
            keep_items(&open->info, open->rings[open->ring_count++]);
    }
    if (folder)
        closedir(folder);
}

static enum gt_status open_trace(struct gt_ingest_group *group, size_t i, const struct gt_spool *spool, struct gt_err *err)
{
    struct gt_ingest_open *open = &group->open[i];
    open->fd = gt_spool_open_trace(spool, group->entries[i].name, err);
    if (open->fd < 0)
        return err->status;
    enum gt_status status = gt_trace_read_open_fd(open->fd, group->entries[i].name, &open->reader, err);
    if (status == GT_OK)
        status = gt_traceinfo_read(open->reader, &group->arena, &open->info, err);
    if (status == GT_E_CORRUPT || status == GT_E_FORMAT)
        group->bad = i;
    if (status == GT_OK && open->info.state != GT_TRACE_OPEN && group->entries[i].header.role == GT_TRACE_ROLE_PROCESS)
        open_rings(open, &group->entries[i]);
    return status;
}

static enum gt_status open_all(struct gt_ingest_group *group, const struct gt_spool *spool, struct gt_err *err)
{
    enum gt_status status = GT_OK;
    group->bad = SIZE_MAX;
    group->final = true;
    group->open = calloc(group->count, sizeof *group->open);
    if (!group->open)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    for (size_t i = 0; i < group->count; i++)
        group->open[i].fd = -1;
    for (size_t i = 0; i < group->count && status == GT_OK; i++) {
        status = open_trace(group, i, spool, err);
        group->final = group->final && group->open[i].info.state != GT_TRACE_OPEN;
    }
    return status;
}

void gt_ingest_run_close(struct gt_ingest_group *group)
{
    for (size_t i = 0; group->open && i < group->count; i++) {
        struct gt_ingest_open *open = &group->open[i];
        for (size_t j = 0; j < open->ring_count; j++)
            gt_ring_leftover_close(open->rings[j]);
        gt_trace_read_close(open->reader);
        if (open->fd >= 0)
            close(open->fd);
    }
    free(group->open);
    group->open = NULL;
    gt_arena_free(&group->arena);
}

void gt_ingest_run_remove_rings(const struct gt_ingest_group *group)
{
    for (size_t i = 0; i < group->count; i++)
        for (size_t j = 0; j < group->open[i].ring_count; j++) {
            char path[sizeof GT_RING_FOLDER + GT_RING_NAME_BYTES];
            snprintf(path, sizeof path, "%s/%s", GT_RING_FOLDER, group->open[i].ring_names[j]);
            unlink(path);
        }
}

/* --- storing -------------------------------------------------------------------------------------------------------------- */

/* One run to be written: some of the group's traces, and a stretch of time. */
struct stretch {
    struct gt_runfold_input input;
    const char *id, *link, *role;
    enum gt_trace_state state;
};

static const char *id_text(struct gt_ingest_group *group, const uint8_t *id)
{
    char *text = gt_arena_alloc(&group->arena, ID_HEX, 1);
    return text ? gt_text_hex(text, id, GT_TRACE_ID_BYTES) : NULL;
}

static struct gt_runfold_trace fold_trace(const struct gt_ingest_open *open)
{
    return (struct gt_runfold_trace){
        .reader = open->reader,
        .info = &open->info,
        .leftovers = open->rings,
        .leftover_count = open->ring_count,
    };
}

/* Idle power: what the user gave for the run, else from a calibration of this host class with this source, else unknown. */
static void find_idle_power(struct gt_ingest_group *group, struct gt_store *store, const struct gt_trace_info *info,
                            struct gt_runfold_input *input)
{
    struct gt_calibration_record *found;
    struct gt_err err = {0};
    char host[GT_HOST_ID];
    input->idle_w = input->idle_lo_w = input->idle_hi_w = NAN;
    if (!info->has_source || !gt_provenance_has_counters(info->source.provenance))
        return;
    if (gt_runtrace_idle_of(gt_traceinfo_note(info, GT_NOTE_IDLE_W), &input->idle_w)) {
        input->idle_lo_w = input->idle_hi_w = input->idle_w;
        return;
    }
    if (!info->has_host)
        return;
    gt_host_class_id(&info->host, host);
    if (gt_store_get_calibration(store, host, info->source.source, info->source.boundary, &group->arena, &found, &err) != GT_OK)
        return;
    input->idle_w = found->idle_w;
    input->idle_lo_w = found->lo_w;
    input->idle_hi_w = found->hi_w;
}

static enum gt_status store_stretch(struct gt_ingest_group *group, struct stretch *stretch, struct gt_store *store,
                                    struct gt_err *err)
{
    struct gt_runfold fold;
    struct gt_runrecord record;
    const struct gt_trace_info *info = stretch->input.run ? stretch->input.run->info : stretch->input.processes[0].info;
    find_idle_power(group, store, info, &stretch->input);
    enum gt_status status = gt_claims_find(store, info, stretch->id, &group->arena, &stretch->input.claims, err);
    if (status != GT_OK)
        return status;
    status = gt_runfold_compute(&stretch->input, &fold, err);
    if (status != GT_OK) {
        if (status == GT_E_LIMIT || status == GT_E_FORMAT || status == GT_E_MISMATCH)
            group->bad = 0;
        return status;
    }
    struct gt_runrecord_input to = {&stretch->input, &fold, stretch->id, stretch->link, stretch->role, stretch->state};
    status = gt_runrecord_make(&to, &group->arena, &record, err);
    if (status == GT_OK)
        status = gt_store_put_run(store, &record.run, record.models, record.model_count, err);
    gt_runfold_free(&fold);
    return status;
}

/* A run: open while its own trace is; its processes may still be writing when it is over (they outlived it). */
static enum gt_status store_run(struct gt_ingest_group *group, struct gt_store *store, uint64_t *until_ns, struct gt_err *err)
{
    const struct gt_trace_info *info = &group->open[0].info;
    struct gt_runfold_trace run = fold_trace(&group->open[0]);
    struct gt_runfold_trace *processes = gt_arena_alloc(&group->arena, group->count, sizeof *processes);
    const char *role = gt_traceinfo_note(info, "role");
    if (!processes)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    size_t count = 0;
    for (size_t i = 1; i < group->count; i++)
        processes[count++] = fold_trace(&group->open[i]);
    bool over = info->state != GT_TRACE_OPEN;
    *until_ns = !over ? UINT64_MAX : info->has_end && info->end_ns ? info->end_ns : info->last_ns;
    struct stretch stretch = {
        .input = {.run = &run, .processes = processes, .process_count = count, .until_ns = UINT64_MAX},
        .id = id_text(group, group->entries[0].header.run_id),
        .role = role && *role ? role : "run",
        .state = info->state,
    };
    group->state = info->state;
    stretch.input.until_ns = *until_ns;
    for (size_t i = 0; i < count; i++)
        processes[i].goes_on = processes[i].info->last_ns > *until_ns;
    return stretch.id ? store_stretch(group, &stretch, store, err) : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

/* One process as a run of its own: a bare one, or what it did after its run. */
static enum gt_status store_process(struct gt_ingest_group *group, size_t i, uint64_t from_ns, const char *link,
                                    struct gt_store *store, struct gt_err *err)
{
    struct gt_runfold_trace process = fold_trace(&group->open[i]);
    struct stretch stretch = {
        .input = {.processes = &process, .process_count = 1, .from_ns = from_ns, .until_ns = UINT64_MAX},
        .id = id_text(group, group->entries[i].header.trace_id),
        .link = link,
        .role = link ? "outlived" : "process",
        .state = group->open[i].info.state,
    };
    if (group->count == 1)
        group->state = stretch.state;
    return stretch.id ? store_stretch(group, &stretch, store, err) : gt_err_set(err, GT_E_NOMEM, "out of memory");
}

static enum gt_status store_outlived(struct gt_ingest_group *group, uint64_t until_ns, struct gt_store *store,
                                     struct gt_err *err)
{
    enum gt_status status = GT_OK;
    const char *link = id_text(group, group->entries[0].header.run_id);
    for (size_t i = 1; i < group->count && status == GT_OK; i++) {
        const struct gt_trace_info *info = &group->open[i].info;
        if (info->last_ns > until_ns)
            status = store_process(group, i, until_ns, link, store, err);
    }
    return status;
}

enum gt_status gt_ingest_run_store(struct gt_ingest_group *group, const struct gt_spool *spool, struct gt_store *store,
                                   struct gt_err *err)
{
    static const uint8_t none[GT_TRACE_ID_BYTES];
    uint64_t until_ns = UINT64_MAX;
    const struct gt_trace_header *first = &group->entries[0].header;
    enum gt_status status = open_all(group, spool, err);
    if (status == GT_E_NOENT) {
        group->final = false;
        return GT_OK;
    }
    if (status != GT_OK)
        return status;
    if (first->role != GT_TRACE_ROLE_RUN) {
        bool bare = memcmp(first->run_id, none, sizeof none) == 0;
        return store_process(group, 0, 0, bare ? NULL : id_text(group, first->run_id), store, err);
    }
    status = store_run(group, store, &until_ns, err);
    return status == GT_OK ? store_outlived(group, until_ns, store, err) : status;
}
