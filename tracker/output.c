#include "tracker/output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct gt_renderer *chosen_renderer(const struct gt_tracker *tracker)
{
    static const char *const names[] = {[GT_FORMAT_TEXT] = "text", [GT_FORMAT_JSON] = "json", [GT_FORMAT_CSV] = "csv"};
    return gt_renderer_find(names[tracker->format]);
}

const char *gt_output_ending(struct gt_arena *arena, int64_t exit_status, int64_t exit_signal)
{
    const char *name = exit_signal > 0 && exit_signal < NSIG ? sigabbrev_np((int)exit_signal) : NULL;
    if (name)
        return gt_arena_printf(arena, "SIG%s", name);
    if (exit_signal != GT_UNKNOWN)
        return gt_arena_printf(arena, "signal %lld", (long long)exit_signal);
    return exit_status != GT_UNKNOWN ? gt_arena_printf(arena, "%lld", (long long)exit_status) : NULL;
}

/* POSIX: the first of LC_ALL, LC_CTYPE and LANG that is set decides. */
bool gt_output_is_ascii(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return !strcasestr(value, "utf-8") && !strcasestr(value, "utf8");
    }
    return true;
}

static enum gt_status render(struct gt_tracker *tracker, const struct gt_document *document, const char *section, FILE *out,
                             struct gt_err *err)
{
    bool to_file = out != tracker->out;
    struct gt_render_options options = {
        .colour = tracker->colour && !to_file,
        .ascii = !to_file && gt_output_is_ascii(),
        .width = to_file || !isatty(fileno(out)) ? 0 : tracker->columns,
        .section = section,
    };
    return gt_render_document(document, chosen_renderer(tracker), &options, out, err);
}

/* A pipe or a device is written to as it is: to rename a file over it would put a file in its place, be it /dev/null. */
static enum gt_status render_device(struct gt_tracker *tracker, const struct gt_document *document, const char *section,
                                    const char *path, struct gt_err *err)
{
    FILE *out = fopen(path, "w");
    if (!out)
        return gt_err_set_errno(err, errno, "%s", path);
    enum gt_status status = render(tracker, document, section, out, err);
    if (fclose(out) != 0 && status == GT_OK)
        status = gt_err_set_errno(err, errno, "%s", path);
    return status;
}

static bool is_device(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

/* A temporary file beside `path`, with the mode that a new file would have; renamed over it when it is whole. */
static enum gt_status render_file(struct gt_tracker *tracker, const struct gt_document *document, const char *section,
                                  const char *path, struct gt_err *err)
{
    char *temporary = gt_arena_printf(&tracker->arena, "%s.XXXXXX", path);
    if (!temporary)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    int fd = mkstemp(temporary);
    if (fd < 0)
        return gt_err_set_errno(err, errno, "%s", path);
    mode_t mask = umask(0);
    umask(mask);
    FILE *out = fdopen(fd, "w");
    enum gt_status status = out ? GT_OK : gt_err_set_errno(err, errno, "%s", path);
    if (!out)
        close(fd);
    if (status == GT_OK)
        status = render(tracker, document, section, out, err);
    if (status == GT_OK && (fchmod(fd, 0666 & ~mask) != 0 || fflush(out) != 0 || fsync(fd) != 0))
        status = gt_err_set_errno(err, errno, "%s", path);
    if (out && fclose(out) != 0 && status == GT_OK)
        status = gt_err_set_errno(err, errno, "%s", path);
    if (status == GT_OK && rename(temporary, path) != 0)
        status = gt_err_set_errno(err, errno, "%s", path);
    if (status != GT_OK)
        unlink(temporary);
    return status;
}

int gt_output_section(struct gt_tracker *tracker, const struct gt_document *document, const char *csv_section)
{
    struct gt_err err = {0};
    const char *path = gt_tracker_text(tracker, GT_OPT_OUTPUT, NULL);
    enum gt_status status = !path             ? render(tracker, document, csv_section, tracker->out, &err)
                            : is_device(path) ? render_device(tracker, document, csv_section, path, &err)
                                              : render_file(tracker, document, csv_section, path, &err);
    if (status == GT_OK)
        return GT_EXIT_OK;
    err.status = status;
    return gt_tracker_fail(tracker, &err);
}

int gt_output_document(struct gt_tracker *tracker, const struct gt_document *document)
{
    return gt_output_section(tracker, document, NULL);
}
