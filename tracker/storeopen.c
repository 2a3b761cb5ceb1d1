#include "tracker/storeopen.h"

#include "tracker/paths.h"

#include <string.h>
#include <unistd.h>

/* An older schema is migrated by whoever comes first. False: it could not be, and what reading said stands. */
static bool bring_up_to_date(const char *path)
{
    struct gt_store *store = NULL;
    struct gt_err ignored = {0};
    bool done = gt_store_open(path, GT_STORE_WRITE, &store, &ignored) == GT_OK;
    gt_store_close(store);
    return done;
}

enum gt_status gt_storeopen(struct gt_tracker *tracker, enum gt_store_mode mode, struct gt_store **store, struct gt_err *err)
{
    const char *path;
    enum gt_status status = gt_paths_store(&tracker->arena, &path, err);
    if (status != GT_OK)
        return status;
    if (mode == GT_STORE_READ && access(path, F_OK) != 0)
        return gt_err_set(err, GT_E_NOENT,
                          "there are no runs yet (%s does not exist); 'greentrack run' and 'greentrack eval' make some", path);
    status = gt_store_open(path, mode, store, err);
    if (status == GT_E_VERSION && mode == GT_STORE_READ && bring_up_to_date(path))
        status = gt_store_open(path, mode, store, err);
    return status;
}

enum gt_status gt_storeopen_run(struct gt_tracker *tracker, struct gt_store *store, const char *word, const char **id,
                                struct gt_err *err)
{
    struct gt_run_line *lines;
    struct gt_run_record *run;
    size_t count;
    if (strcmp(word, "last") == 0) {
        enum gt_status status = gt_store_list_runs(store, false, &tracker->arena, &lines, &count, err);
        if (status == GT_OK && count == 0)
            status = gt_err_set(err, GT_E_NOENT, "there are no runs yet");
        if (status == GT_OK)
            *id = lines[0].id;
        return status;
    }
    enum gt_status status = gt_store_get_run(store, word, &tracker->arena, &run, err);
    if (status == GT_OK)
        *id = run->id;
    return status;
}
