#include "tracker/measure.h"

#include "core/text.h"
#include "tracker/eventcount.h"
#include "tracker/paths.h"
#include "tracker/quote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

bool gt_measure_enclosing_run(uint8_t id[GT_TRACE_ID_BYTES])
{
    const char *text = getenv("GREENTRACK_RUN");
    return text && strlen(text) == 2 * GT_TRACE_ID_BYTES && gt_text_unhex(id, GT_TRACE_ID_BYTES, text) == 0;
}

/* An environment being put together: later settings replace earlier ones. */
struct environment {
    struct gt_arena *arena;
    char **entries; /* room for all of environ and MOST_ADDED */
    size_t count;
    bool failed;
};

enum { MOST_ADDED = 32 };

static void set_entry(struct environment *env, const char *entry)
{
    size_t name = entry ? strcspn(entry, "=") + 1 : 0;
    env->failed = env->failed || !entry;
    if (env->failed)
        return;
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->entries[i], entry, name) == 0) {
            env->entries[i] = (char *)entry;
            return;
        }
    env->entries[env->count++] = (char *)entry;
}

/* In front of what is already preloaded; once only, in nested runs. */
static const char *preload_entry(struct gt_arena *arena, const char *plugin)
{
    const char *before = getenv("LD_PRELOAD");
    size_t n = strlen(plugin);
    if (!before || !*before)
        return gt_arena_printf(arena, "LD_PRELOAD=%s", plugin);
    if (strncmp(before, plugin, n) == 0 && (before[n] == '\0' || strchr(" :", before[n])))
        return gt_arena_printf(arena, "LD_PRELOAD=%s", before);
    return gt_arena_printf(arena, "LD_PRELOAD=%s:%s", plugin, before);
}

/* Always set: of an enclosing run's units another run is no part. */
static const char *unit_events_entry(struct gt_arena *arena, const struct gt_event_list *list)
{
    struct gt_event_term terms[GT_UNIT_TERMS];
    char text[GT_EVENT_TEXT] = "";
    int count = list ? gt_eventname_terms(list, terms, GT_UNIT_TERMS) : 0;
    if (count > 0 && gt_event_format(terms, count, text, sizeof text) < 0)
        text[0] = '\0';
    return gt_arena_printf(arena, GT_EVENT_VARIABLE "=%s", text);
}

/* What the job's processes must know: the run, where the spool is whatever their folder and home, where joules come from. */
static enum gt_status make_environment(struct gt_arena *arena, const struct gt_measure_options *options, const char *plugin,
                                       const char *spool, const char *run_hex, char ***envp, struct gt_err *err)
{
    size_t n = 0;
    while (environ[n])
        n++;
    struct environment env = {.arena = arena, .entries = gt_arena_alloc(arena, n + MOST_ADDED, sizeof(char *))};
    if (!env.entries)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    memcpy(env.entries, environ, n * sizeof(char *));
    env.count = n;
    if (plugin)
        set_entry(&env, preload_entry(arena, plugin));
    set_entry(&env, gt_arena_printf(arena, "GREENTRACK_RUN=%s", run_hex));
    set_entry(&env, gt_arena_printf(arena, "GREENTRACK_SPOOL=%s", spool));
    set_entry(&env, gt_arena_printf(arena, "GREENTRACK_ENERGY_SOURCE=%s", options->source));
    set_entry(&env, unit_events_entry(arena, options->unit_events));
    for (const char *const *extra = options->extra; extra && *extra && env.count < n + MOST_ADDED - 1; extra++)
        set_entry(&env, *extra);
    *envp = env.entries;
    return env.failed ? gt_err_set(err, GT_E_NOMEM, "out of memory") : GT_OK;
}

/*
 * The plugin for this program, or NULL with a word to the caller why not. A static program gets it all the same, since what it
 * starts may be dynamic and nothing in it reads LD_PRELOAD; others would print a complaint of their dynamic linker, or fail.
 */
static enum gt_status choose_plugin(struct gt_arena *arena, const struct gt_measure_options *options,
                                    const struct gt_program *program, const char **plugin, struct gt_err *err)
{
    const char *reason = gt_program_reason(program->kind);
    struct gt_err missing = {0};
    enum gt_status status = gt_paths_plugin(arena, plugin, &missing);
    if (status == GT_E_NOENT && !getenv("GREENTRACK_LIB")) {
        *plugin = NULL;
        reason = reason ? reason : missing.text;
        status = GT_OK;
    }
    if (status != GT_OK) {
        *err = missing;
        return status;
    }
    if (reason && program->kind != GT_PROGRAM_STATIC)
        *plugin = NULL;
    if (reason && options->outside)
        options->outside(options->context, program->path, reason);
    return GT_OK;
}

struct measuring {
    struct gt_runtrace trace;
    const struct gt_event_list *events;
    struct gt_eventcount counters;
    int output;
};

static void enter_child(void *context)
{
    const struct measuring *m = context;
    gt_jobtree_enter(&m->trace.tree);
    if (m->output >= 0)
        dup2(m->output, STDOUT_FILENO);
}

/* What the child needed to become the job is not the job's: the counter of CPU time begins here. */
static void begin(void *context, pid_t child, uint64_t now_ns)
{
    struct measuring *m = context;
    gt_jobtree_begin(&m->trace.tree, child);
    gt_eventcount_open(&m->counters, &gt_os_linux, m->events, child, now_ns);
    gt_runtrace_sample(&m->trace, now_ns, false);
}

static uint64_t sample(void *context, uint64_t now_ns)
{
    struct measuring *m = context;
    gt_eventcount_write(&m->counters, &m->trace.writer, now_ns, false);
    gt_runtrace_sample(&m->trace, now_ns, false);
    return gt_runtrace_next(&m->trace);
}

/* Only the energy of units needs the times of the counters' refreshes. */
static bool units_are_off(const struct gt_measure_options *options)
{
    const char *units = getenv("GREENTRACK_UNITS");
    for (const char *const *extra = options->extra; extra && *extra; extra++)
        if (strcmp(*extra, "GREENTRACK_UNITS=off") == 0)
            return true;
    return units && strcmp(units, "off") == 0;
}

/* Events that no process can be handed: each of the others says itself what it can count. */
static void note_absent(const struct gt_event_list *list, struct gt_trace_writer *writer)
{
    for (int i = 0; list && i < list->count; i++) {
        char text[GT_EVENT_NAME + GT_EVENT_REASON + 4];
        if (list->events[i].term_count > 0)
            continue;
        snprintf(text, sizeof text, "%s: %s", list->events[i].name, list->events[i].reason);
        gt_trace_write_note(writer, "unit counter absent", text);
    }
}

static enum gt_status run_traced(struct gt_arena *arena, const struct gt_measure_options *options, const char *file,
                                 const char *plugin, const char *spool, struct gt_measure_result *result, struct gt_err *err)
{
    struct measuring m = {.events = options->events, .output = options->output};
    struct gt_runtrace_options to = {
        .spool = spool,
        .source = options->source,
        .measured = options->measured,
        .command = gt_quote_command(arena, options->argv),
        .exe = file,
        .parent_run_id = options->parent_run_id,
        .notes = options->notes,
        .interval_ns = options->interval_ns,
        .follow = !units_are_off(options),
    };
    enum gt_status status = gt_runtrace_open(&m.trace, &gt_os_linux, &to, err);
    if (status != GT_OK)
        return status;
    memcpy(result->run_id, m.trace.header.run_id, sizeof result->run_id);
    memcpy(result->run_hex, m.trace.run_hex, sizeof result->run_hex);
    note_absent(options->unit_events, &m.trace.writer);
    struct gt_job_spec spec = {file, options->argv, NULL, options->interval_ns, enter_child, begin, sample, &m};
    char **envp = NULL;
    status = make_environment(arena, options, plugin, spool, result->run_hex, &envp, err);
    spec.envp = envp;
    if (status == GT_OK)
        status = gt_job_run(&spec, &result->job, err);
    if (status == GT_OK && !result->job.exec_errno)
        gt_eventcount_write(&m.counters, &m.trace.writer, result->job.end_ns, true);
    gt_eventcount_close(&m.counters);
    if (status != GT_OK || result->job.exec_errno) {
        gt_runtrace_discard(&m.trace);
        return status;
    }
    gt_runtrace_sample(&m.trace, result->job.end_ns, true);
    gt_runtrace_close(&m.trace, result->job.end_ns, result->job.wait_status); /* what the disk refused is counted as loss */
    return GT_OK;
}

enum gt_status gt_measure_command(struct gt_arena *arena, const struct gt_measure_options *options,
                                  struct gt_measure_result *result, struct gt_err *err)
{
    char found[PATH_MAX];
    const char *path = getenv("PATH"), *plugin = NULL, *spool, *file;
    *result = (struct gt_measure_result){0};
    enum gt_status status = gt_paths_spool(arena, &spool, err);
    if (status == GT_OK)
        status = gt_paths_absolute(arena, spool, &spool, err);
    if (status != GT_OK)
        return status;
    result->not_found = gt_program_search(options->argv[0], path, found, sizeof found);
    if (result->not_found)
        return GT_OK;
    gt_program_inspect(found, path, &result->program);
    status = choose_plugin(arena, options, &result->program, &plugin, err);
    file = gt_arena_strdup(arena, found);
    if (status == GT_OK && !file)
        status = gt_err_set(err, GT_E_NOMEM, "out of memory");
    return status == GT_OK ? run_traced(arena, options, file, plugin, spool, result, err) : status;
}
