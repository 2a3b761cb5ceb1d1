#include "tracker/tracker.h"

#include "core/text.h"
#include "tracker/help.h"
#include "tracker/ingest.h"
#include "tracker/suggest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const struct gt_verb *gt_verb_find(const char *name)
{
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        if (strcmp(verb->name, name) == 0)
            return verb;
    return NULL;
}

void gt_tracker_say(struct gt_tracker *tracker, const char *format, ...)
{
    va_list args;
    fprintf(tracker->err, "greentrack%s%s: ", tracker->verb ? " " : "", tracker->verb ? tracker->verb->name : "");
    va_start(args, format);
    vfprintf(tracker->err, format, args);
    va_end(args);
    fputc('\n', tracker->err);
}

int gt_tracker_fail(struct gt_tracker *tracker, const struct gt_err *err)
{
    gt_tracker_say(tracker, "%s", *err->text ? err->text : gt_status_message(err->status));
    return GT_EXIT_FAILED;
}

const char *gt_tracker_escape(struct gt_tracker *tracker, const char *text)
{
    size_t size = text ? 4 * strlen(text) + 1 : 1;
    char *out = gt_arena_alloc(&tracker->arena, size, 1);
    return out ? gt_text_escape(out, size, text, SIZE_MAX) : "";
}

bool gt_tracker_given(const struct gt_tracker *tracker, enum gt_option_id id)
{
    return tracker->args->values[id].count > 0;
}

const char *gt_tracker_text(const struct gt_tracker *tracker, enum gt_option_id id, const char *otherwise)
{
    return gt_tracker_given(tracker, id) ? tracker->args->values[id].text : otherwise;
}

/* no-color.org: any value but the empty one. */
static bool colour_wanted(const struct gt_tracker *tracker)
{
    const char *none = getenv("NO_COLOR"), *term = getenv("TERM");
    if ((none && *none) || gt_tracker_given(tracker, GT_OPT_NO_COLOR) || (term && strcmp(term, "dumb") == 0))
        return false;
    return isatty(fileno(tracker->out));
}

/* Of a terminal; COLUMNS stands above what it says (POSIX, Base Definitions 8.3). */
static int terminal_columns(FILE *out)
{
    enum { USUAL = 80, LEAST = 40, MOST = 9999 };
    struct winsize size;
    const char *said = getenv("COLUMNS");
    if (ioctl(fileno(out), TIOCGWINSZ, &size) != 0)
        return USUAL;
    long columns = said && *said && said[strspn(said, "0123456789")] == '\0' ? strtol(said, NULL, 10) : 0;
    columns = columns > 0 && columns <= MOST ? columns : size.ws_col;
    return columns >= LEAST ? (int)columns : USUAL;
}

/* By the word, since verbs may take a part of the list alone. */
static enum gt_format chosen_format(const struct gt_tracker *tracker)
{
    const char *word = gt_tracker_text(tracker, GT_OPT_FORMAT, "text");
    return strcmp(word, "json") == 0 ? GT_FORMAT_JSON : strcmp(word, "csv") == 0 ? GT_FORMAT_CSV : GT_FORMAT_TEXT;
}

static void settle_output(struct gt_tracker *tracker)
{
    tracker->format = chosen_format(tracker);
    tracker->quiet = gt_tracker_given(tracker, GT_OPT_QUIET);
    tracker->colour = tracker->format == GT_FORMAT_TEXT && colour_wanted(tracker);
    tracker->progress = !tracker->quiet && isatty(fileno(tracker->err));
    tracker->columns = terminal_columns(tracker->out);
}

static int usage_failure(const struct gt_tracker *tracker)
{
    return tracker->verb && tracker->verb->flags & GT_VERB_OWN_FAILURE_125 ? GT_EXIT_OWN_FAILURE : GT_EXIT_USAGE;
}

static int unknown_verb(struct gt_tracker *tracker, const char *word)
{
    struct gt_suggestion nearest = {0};
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        gt_suggest_offer(&nearest, word, verb->name);
    const char *shown = gt_tracker_escape(tracker, word);
    if (nearest.best)
        gt_tracker_say(tracker, "unknown verb '%s'; did you mean '%s'?", shown, nearest.best);
    else
        gt_tracker_say(tracker, "unknown verb '%s'; 'greentrack help' lists them", shown);
    return GT_EXIT_USAGE;
}

static enum gt_status check_operands(const struct gt_tracker *tracker, struct gt_err *err)
{
    const struct gt_verb *verb = tracker->verb;
    int given = tracker->args->operand_count;
    if (given < verb->least) {
        const char *word = verb->operands + (strncmp(verb->operands, "[--] ", 5) == 0 ? 5 : 0);
        return gt_err_set(err, GT_E_ARG, "%.*s is missing", (int)strcspn(word, " "), word);
    }
    if (verb->most >= 0 && given > verb->most) {
        char shown[128];
        gt_text_escape(shown, sizeof shown, tracker->args->operands[verb->most], SIZE_MAX);
        return gt_err_set(err, GT_E_ARG, "'%s': one argument too many", shown);
    }
    return GT_OK;
}

static int run_verb(struct gt_tracker *tracker, int argc, char **argv)
{
    struct gt_err err = {0};
    const struct gt_verb *verb = tracker->verb;
    struct gt_args *args = gt_arena_alloc(&tracker->arena, 1, sizeof *args);
    if (!args) {
        gt_tracker_say(tracker, "out of memory");
        return GT_EXIT_FAILED;
    }
    tracker->args = args;
    enum gt_status status = gt_options_parse(verb->options, verb->flags & GT_VERB_TAKES_COMMAND ? GT_ARGS_STOP_AT_OPERAND : 0,
                                             argc, argv, &tracker->arena, args, &err);
    if (status == GT_OK && args->values[GT_OPT_HELP].count) {
        gt_help_print_verb(tracker->out, verb, terminal_columns(tracker->out));
        return GT_EXIT_OK;
    }
    if (status == GT_OK)
        status = check_operands(tracker, &err);
    if (status != GT_OK) {
        gt_tracker_fail(tracker, &err);
        gt_help_print_usage(tracker->err, verb);
        return usage_failure(tracker);
    }
    settle_output(tracker);
    if (verb->flags & GT_VERB_INGESTS)
        gt_ingest_before(tracker);
    return verb->run(tracker);
}

/* Output that could not be written is a failure, not a success with a hole in it. */
static int flush_output(struct gt_tracker *tracker, int status)
{
    if (fflush(tracker->out) == 0 && !ferror(tracker->out))
        return status;
    if (status != GT_EXIT_OK)
        return status; /* and said so */
    gt_tracker_say(tracker, "standard output could not be written");
    return GT_EXIT_FAILED;
}

/* "--help", "-h" and "--version" in the place of a verb. */
static const char *verb_word(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

int gt_tracker_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct gt_tracker tracker = {.out = out, .err = err, .argc = argc, .argv = argv, .columns = 80};
    int status = GT_EXIT_USAGE;
    if (argc < 2) {
        gt_help_print_overview(err, terminal_columns(err));
        return GT_EXIT_USAGE;
    }
    tracker.verb = gt_verb_find(verb_word(argv[1]));
    status = tracker.verb ? run_verb(&tracker, argc - 2, argv + 2) : unknown_verb(&tracker, argv[1]);
    status = flush_output(&tracker, status);
    gt_arena_free(&tracker.arena);
    return status;
}
