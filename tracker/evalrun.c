#include "tracker/evalrun.h"

#include "tracker/eventchoice.h"
#include "tracker/paths.h"
#include "tracker/quote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARGUMENTS_MOST = 40, ABANDONED_S = 60, A_MODEL = 3 /* gtcnn VERB --model NAME */ };

struct evaluating {
    struct gt_tracker *tracker;
    struct gt_evalrun *eval;
    const char *gtcnn, *source, *spool, *folder;
    uint64_t interval_ns;
    const struct gt_event_list *events, *unit_events;
    uint8_t enclosing[GT_TRACE_ID_BYTES];
    bool enclosed;
    struct gt_runtrace series; /* open when eval->series */
    int silence;               /* /dev/null */
    int folder_lock;           /* held while this process lives */
    struct gt_err *err;
};

/* An argument vector being put together; elements borrowed. */
struct arguments {
    const char *words[ARGUMENTS_MOST];
    size_t count;
};

static void add(struct arguments *a, const char *option, const char *value)
{
    a->words[a->count++] = option;
    if (value)
        a->words[a->count++] = value;
}

/* The option as it was given, when it was. */
static void pass_on(struct arguments *a, const struct gt_tracker *tracker, enum gt_option_id id, const char *name)
{
    if (gt_tracker_given(tracker, id))
        add(a, name, tracker->args->values[id].text);
}

/* What says which images they are and how they are prepared: of one evaluation, the same for every model. */
static void pass_on_images(struct arguments *a, const struct gt_tracker *tracker)
{
    static const struct {
        enum gt_option_id id;
        const char *name;
    } options[] = {
        {GT_OPT_DATA, "--data"},
        {GT_OPT_CLASSES, "--classes"},
        {GT_OPT_RESIZE, "--resize"},
        {GT_OPT_CROP, "--crop"},
        {GT_OPT_INTERPOLATION, "--interpolation"},
        {GT_OPT_MEAN, "--mean"},
        {GT_OPT_STD, "--std"},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        pass_on(a, tracker, options[i].id, options[i].name);
}

static void progress(struct evaluating *e, const char *what, size_t i, size_t n)
{
    if (e->tracker->progress)
        fprintf(e->tracker->err, "\r\033[Kgreentrack eval: %s (%zu of %zu)", what, i, n);
}

static void say_outside(void *context, const char *program, const char *reason)
{
    gt_tracker_say(context, "%s %s: layers will be missing", program, reason);
}

/* Runs one command under its own run trace. False: stop (our own failure, or a signal). */
static bool run_job(struct evaluating *e, struct arguments *a, const char *const *notes, const char *const *extra,
                    struct gt_measure_result *result, bool *ok)
{
    a->words[a->count] = NULL;
    struct gt_measure_options options = {
        .argv = (char *const *)a->words,
        .source = e->source,
        .measured = gt_tracker_given(e->tracker, GT_OPT_REQUIRE_MEASURED),
        .interval_ns = e->interval_ns,
        .parent_run_id = e->eval->series ? e->series.header.run_id
                         : e->enclosed   ? e->enclosing
                                         : NULL,
        .extra = extra,
        .notes = notes,
        .events = e->events,
        .unit_events = e->unit_events,
        .output = e->silence,
        .outside = say_outside,
        .context = e->tracker,
    };
    if (gt_measure_command(&e->tracker->arena, &options, result, e->err) != GT_OK)
        return false;
    int failed = result->not_found ? result->not_found : result->job.exec_errno;
    if (failed) {
        gt_err_set_errno(e->err, failed, "%s", e->gtcnn);
        return false;
    }
    if (e->eval->series)
        gt_runtrace_sample(&e->series, gt_job_now_ns(), true);
    int status = result->job.wait_status;
    *ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    e->eval->failures += !*ok;
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
        gt_tracker_say(e->tracker, "%s: %s %s ended with status %d", a->words[A_MODEL], e->gtcnn, a->words[1],
                       WEXITSTATUS(status));
    if (!WIFSIGNALED(status))
        return true;
    e->eval->wait_status = status;
    return false;
}

/* --- the hooked pass ---------------------------------------------------------------------------------------------------- */

static bool evaluate_model(struct evaluating *e, struct gt_eval_model *model, size_t i)
{
    static const char *const notes[] = {"role", "eval", NULL};
    const char *file = gt_arena_printf(&e->tracker->arena, "%s/%zu", e->folder, i);
    struct arguments a = {{e->gtcnn, "eval"}, 2};
    struct gt_measure_result result;
    bool ok = false;
    add(&a, "--model", model->name);
    pass_on_images(&a, e->tracker);
    pass_on(&a, e->tracker, GT_OPT_LIMIT, "--limit");
    pass_on(&a, e->tracker, GT_OPT_THREADS, "--threads");
    pass_on(&a, e->tracker, GT_OPT_BATCH, "--batch");
    pass_on(&a, e->tracker, GT_OPT_PRECISION, "--precision");
    if (model->by_layer)
        add(&a, "--no-fuse", NULL);
    add(&a, "--predictions", file);
    progress(e, model->name, i + 1, e->eval->model_count);
    if (!run_job(e, &a, notes, NULL, &result, &ok))
        return false;
    memcpy(model->run_hex, result.run_hex, sizeof model->run_hex);
    struct gt_err err = {0};
    if (ok && gt_answers_read(file, &e->tracker->arena, &model->answers, &err) == GT_OK) {
        model->answered = true;
    } else if (ok) {
        e->eval->failures++;
        gt_tracker_fail(e->tracker, &err);
    }
    unlink(file);
    return true;
}

/* --- rounds ------------------------------------------------------------------------------------------------------------- */

static bool bench_model(struct evaluating *e, const struct gt_eval_model *model, uint64_t round)
{
    static const char *const extra[] = {"GREENTRACK_UNITS=off", NULL};
    char number[24];
    snprintf(number, sizeof number, "%llu", (unsigned long long)round);
    const char *const notes[] = {"role", "round", "series run", e->eval->series_hex, "round", number, "units", "off", NULL};
    struct arguments a = {{e->gtcnn, "bench"}, 2};
    struct gt_measure_result result;
    bool ok;
    add(&a, "--model", model->name);
    add(&a, "--seconds", gt_tracker_text(e->tracker, GT_OPT_SECONDS, "1"));
    pass_on(&a, e->tracker, GT_OPT_THREADS, "--threads");
    pass_on(&a, e->tracker, GT_OPT_BATCH, "--batch");
    pass_on(&a, e->tracker, GT_OPT_PRECISION, "--precision");
    if (model->by_layer)
        add(&a, "--no-fuse", NULL);
    return run_job(e, &a, notes, extra, &result, &ok);
}

/* Every round visits all models, each round beginning with another one: slow drift then hits all alike. */
static bool run_rounds(struct evaluating *e)
{
    size_t n = e->eval->model_count;
    for (uint64_t round = 0; round < e->eval->rounds; round++)
        for (size_t i = 0; i < n; i++) {
            const struct gt_eval_model *model = &e->eval->models[(round + i) % n];
            progress(e, model->name, (size_t)round * n + i + 1, (size_t)e->eval->rounds * n);
            if (model->answered && !bench_model(e, model, round))
                return false;
        }
    return true;
}

/* --- all ---------------------------------------------------------------------------------------------------------------- */

static enum gt_status open_series(struct evaluating *e)
{
    static const char *const notes[] = {"role", "eval", NULL};
    char **words = gt_arena_alloc(&e->tracker->arena, (size_t)e->tracker->argc + 1, sizeof *words); /* NULL behind the last */
    if (!words)
        return gt_err_set(e->err, GT_E_NOMEM, "out of memory");
    memcpy(words, e->tracker->argv, (size_t)e->tracker->argc * sizeof *words);
    struct gt_runtrace_options options = {
        .spool = e->spool,
        .source = e->source,
        .measured = gt_tracker_given(e->tracker, GT_OPT_REQUIRE_MEASURED),
        .command = gt_quote_command(&e->tracker->arena, words),
        .parent_run_id = e->enclosed ? e->enclosing : NULL,
        .notes = notes,
        .series = true,
        .interval_ns = e->interval_ns,
    };
    enum gt_status status = gt_runtrace_open(&e->series, &gt_os_linux, &options, e->err);
    if (status != GT_OK)
        return status;
    memcpy(e->eval->series_hex, e->series.run_hex, sizeof e->eval->series_hex);
    gt_runtrace_sample(&e->series, gt_job_now_ns(), true);
    return GT_OK;
}

/* --- the folder of answers ----------------------------------------------------------------------------------------------- */

#define FOLDER_PREFIX "greentrack-eval."

static bool is_abandoned(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_uid == geteuid() && time(NULL) - st.st_mtime >= ABANDONED_S &&
           flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* Removes the files in the folder and closes `fd`. */
static void empty_folder(int fd)
{
    struct dirent *entry;
    DIR *folder = fdopendir(fd);
    while (folder && (entry = readdir(folder)))
        unlinkat(fd, entry->d_name, 0); /* fails for . and .. */
    if (folder)
        closedir(folder);
    else
        close(fd);
}

/* What an eval that was killed has left: a living one holds a lock on its folder. */
static void sweep_folders(const char *parent)
{
    struct dirent *entry;
    DIR *all = opendir(parent);
    while (all && (entry = readdir(all))) {
        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) != 0)
            continue;
        int fd = openat(dirfd(all), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && is_abandoned(fd)) {
            empty_folder(fd);
            unlinkat(dirfd(all), entry->d_name, AT_REMOVEDIR);
        } else if (fd >= 0)
            close(fd);
    }
    if (all)
        closedir(all);
}

static enum gt_status make_folder(struct evaluating *e)
{
    const char *parent = getenv("TMPDIR");
    parent = parent && *parent ? parent : "/tmp";
    char *folder = gt_arena_printf(&e->tracker->arena, "%s/" FOLDER_PREFIX "XXXXXX", parent);
    sweep_folders(parent);
    if (!folder || !mkdtemp(folder))
        return gt_err_set_errno(e->err, errno, "a temporary folder in %s", parent);
    e->folder = folder;
    e->folder_lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->folder_lock >= 0)
        flock(e->folder_lock, LOCK_EX | LOCK_NB); /* without it, the folder is only young for a minute */
    return GT_OK;
}

static enum gt_status prepare(struct evaluating *e)
{
    const struct gt_option_value *interval = &e->tracker->args->values[GT_OPT_INTERVAL];
    const struct gt_option_value *idle = &e->tracker->args->values[GT_OPT_IDLE_W];
    enum gt_status status = gt_paths_gtcnn(&e->tracker->arena, &e->gtcnn, e->err);
    if (status == GT_OK)
        status = gt_paths_spool(&e->tracker->arena, &e->spool, e->err);
    if (status == GT_OK)
        status = gt_runtrace_idle(idle->count ? idle->number : NAN, e->err);
    if (status == GT_OK)
        status = gt_runtrace_interval(interval->count ? interval->number : NAN, &e->interval_ns, e->err);
    if (status == GT_OK)
        status = gt_eventchoice(e->tracker, &e->events, &e->unit_events, e->err);
    if (status != GT_OK)
        return status;
    e->source = gt_runtrace_source(gt_tracker_text(e->tracker, GT_OPT_ENERGY_SOURCE, NULL));
    e->enclosed = gt_measure_enclosing_run(e->enclosing);
    e->silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (e->silence < 0)
        return gt_err_set_errno(e->err, errno, "/dev/null");
    status = make_folder(e);
    if (status != GT_OK)
        return status;
    return e->eval->series ? open_series(e) : GT_OK;
}

static bool measure_all(struct evaluating *e)
{
    for (size_t i = 0; i < e->eval->model_count; i++)
        if (!evaluate_model(e, &e->eval->models[i], i))
            return false;
    return run_rounds(e);
}

enum gt_status gt_evalrun_measure(struct gt_tracker *tracker, struct gt_evalrun *eval, struct gt_err *err)
{
    struct evaluating *e = gt_arena_alloc(&tracker->arena, 1, sizeof *e);
    if (!e)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    *e = (struct evaluating){.tracker = tracker, .eval = eval, .silence = -1, .folder_lock = -1, .err = err};
    e->series.spool_fd = -1;
    enum gt_status status = prepare(e);
    if (status == GT_OK && !measure_all(e) && !eval->wait_status)
        status = err->status ? err->status : GT_E_IO;
    if (tracker->progress)
        fputs("\r\033[K", tracker->err);
    if (eval->series && e->series.spool_fd >= 0)
        gt_runtrace_close(&e->series, gt_job_now_ns(), eval->wait_status ? eval->wait_status : eval->failures ? 1 << 8 : 0);
    if (e->folder)
        rmdir(e->folder);
    if (e->folder_lock >= 0)
        close(e->folder_lock);
    if (e->silence >= 0)
        close(e->silence);
    return status;
}
