#include "tracker/options.h"

#include "core/text.h"
#include "tracker/suggest.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct gt_option gt_options[GT_OPT_COUNT] = {
#define GT_OPTION_ROW(id, ...) [GT_OPT_##id] = GT_OPTION_FIELDS(__VA_ARGS__),
#define GT_OPTION_FIELDS(long_name, short_name, kind_name, value, words, least, most, text)                                    \
    {                                                                                                                          \
        long_name, short_name, GT_OPTION_##kind_name, value, words, least, most, text                                          \
    }
    GT_OPTIONS(GT_OPTION_ROW)
#undef GT_OPTION_ROW
#undef GT_OPTION_FIELDS
};

/* Where parsing stands. */
struct parser {
    const struct gt_verb_option *rows;
    unsigned flags;
    int argc, next;
    char **argv;
    struct gt_arena *arena;
    struct gt_args *args;
    struct gt_err *err;
};

const char *gt_option_summary(const struct gt_verb_option *row)
{
    return row->summary ? row->summary : gt_options[row->id].summary;
}

const char *gt_option_choices(const struct gt_verb_option *row)
{
    return row->choices ? row->choices : gt_options[row->id].choices;
}

const struct gt_verb_option *gt_options_find(const struct gt_verb_option *verb_options, enum gt_option_id id)
{
    for (const struct gt_verb_option *row = verb_options; !(row->flags & GT_OPTION_END); row++)
        if (row->id == id)
            return row;
    return NULL;
}

static enum gt_status unknown_option(struct parser *p, const char *given, size_t length)
{
    char word[128], shown[256];
    size_t n = length < sizeof word - 1 ? length : sizeof word - 1;
    memcpy(word, given, n);
    word[n] = '\0';
    struct gt_suggestion nearest = {0};
    for (const struct gt_verb_option *row = p->rows; !(row->flags & GT_OPTION_END); row++)
        gt_suggest_offer(&nearest, word, gt_options[row->id].name);
    gt_text_escape(shown, sizeof shown, word, n);
    if (nearest.best)
        return gt_err_set(p->err, GT_E_ARG, "unknown option --%s; did you mean --%s?", shown, nearest.best);
    return gt_err_set(p->err, GT_E_ARG, "unknown option --%s", shown);
}

static enum gt_status bad_value(struct parser *p, const struct gt_option *option, const char *text, const char *wanted)
{
    char shown[128];
    gt_text_escape(shown, sizeof shown, text, SIZE_MAX);
    return gt_err_set(p->err, GT_E_ARG, "--%s: '%s' is not %s", option->name, shown, wanted);
}

/* Whole text as a decimal number, the point always '.'; hexadecimal, inf, nan and blanks are refused. */
static bool parse_number(const char *text, double *number)
{
    if (text[strspn(text, "0123456789+-.eE")] != '\0' || !*text)
        return false;
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

static enum gt_status check_number(struct parser *p, const struct gt_option *option, const char *text,
                                   struct gt_option_value *value)
{
    char wanted[96];
    bool whole = option->kind == GT_OPTION_COUNT, ok = parse_number(text, &value->number);
    if (whole && ok)
        ok = text[strspn(text, "0123456789")] == '\0';
    if (!ok || value->number < option->low || value->number > option->high) {
        snprintf(wanted, sizeof wanted, "%s from %g to %.15g", whole ? "an integer" : "a number", option->low, option->high);
        return bad_value(p, option, text, wanted);
    }
    if (whole)
        value->integer = strtoull(text, NULL, 10);
    return GT_OK;
}

static enum gt_status check_choice(struct parser *p, const struct gt_verb_option *row, const char *text,
                                   struct gt_option_value *value)
{
    const struct gt_option *option = &gt_options[row->id];
    size_t length = strlen(text);
    unsigned position = 0;
    for (const char *word = gt_option_choices(row); *word; position++) {
        size_t n = strcspn(word, "|");
        if (n == length && memcmp(word, text, n) == 0) {
            value->choice = position;
            return GT_OK;
        }
        word += n + (word[n] == '|');
    }
    char wanted[96];
    snprintf(wanted, sizeof wanted, "one of %s", gt_option_choices(row));
    return bad_value(p, option, text, wanted);
}

static enum gt_status check_value(struct parser *p, const struct gt_verb_option *row, const char *text,
                                  struct gt_option_value *value)
{
    const struct gt_option *option = &gt_options[row->id];
    switch (option->kind) {
    case GT_OPTION_COUNT:
    case GT_OPTION_NUMBER:
        return check_number(p, option, text, value);
    case GT_OPTION_CHOICE:
        return check_choice(p, row, text, value);
    default:
        return *text ? GT_OK : gt_err_set(p->err, GT_E_ARG, "--%s: the value is empty", option->name);
    }
}

/* Adds `text` to the values of an option that repeats. */
static enum gt_status remember(struct parser *p, struct gt_option_value *value, const char *text)
{
    if (!value->all)
        value->all = gt_arena_alloc(p->arena, (size_t)p->argc + 1, sizeof *value->all);
    if (!value->all)
        return gt_err_set(p->err, GT_E_NOMEM, "out of memory");
    value->all[value->count] = text;
    return GT_OK;
}

static enum gt_status take_value(struct parser *p, const struct gt_verb_option *row, const char *attached)
{
    const struct gt_option *option = &gt_options[row->id];
    struct gt_option_value *value = &p->args->values[row->id];
    const char *text = attached;
    if (option->kind == GT_OPTION_FLAG) {
        if (attached)
            return gt_err_set(p->err, GT_E_ARG, "--%s takes no value", option->name);
        value->count++;
        return GT_OK;
    }
    if (!text) {
        if (p->next >= p->argc)
            return gt_err_set(p->err, GT_E_ARG, "--%s: the value (%s) is missing", option->name, option->placeholder);
        text = p->argv[p->next++];
    }
    enum gt_status status = check_value(p, row, text, value);
    if (status == GT_OK && row->flags & GT_OPTION_REPEATS)
        status = remember(p, value, text);
    value->text = text;
    value->count++;
    return status;
}

static enum gt_status take_long(struct parser *p, const char *given)
{
    size_t length = strcspn(given, "=");
    for (const struct gt_verb_option *row = p->rows; !(row->flags & GT_OPTION_END); row++) {
        const char *name = gt_options[row->id].name;
        if (strlen(name) == length && memcmp(name, given, length) == 0)
            return take_value(p, row, given[length] == '=' ? given + length + 1 : NULL);
    }
    return unknown_option(p, given, length);
}

/* "-qf json": letters one after another; one that takes a value takes the rest of the word, or the next one. */
static enum gt_status take_letters(struct parser *p, const char *given)
{
    for (const char *c = given; *c; c++) {
        const struct gt_verb_option *row = p->rows;
        while (!(row->flags & GT_OPTION_END) && gt_options[row->id].letter != *c)
            row++;
        if (row->flags & GT_OPTION_END) {
            char shown[16];
            gt_text_escape(shown, sizeof shown, c, 1);
            return gt_err_set(p->err, GT_E_ARG, "unknown option -%s", shown);
        }
        bool flag = gt_options[row->id].kind == GT_OPTION_FLAG;
        enum gt_status status = take_value(p, row, !flag && c[1] ? c + 1 : NULL);
        if (status != GT_OK || !flag)
            return status;
    }
    return GT_OK;
}

static enum gt_status check_needed(struct parser *p)
{
    if (p->args->values[GT_OPT_HELP].count)
        return GT_OK;
    for (const struct gt_verb_option *row = p->rows; !(row->flags & GT_OPTION_END); row++)
        if (row->flags & GT_OPTION_NEEDED && !p->args->values[row->id].count)
            return gt_err_set(p->err, GT_E_ARG, "--%s %s is needed", gt_options[row->id].name, gt_options[row->id].placeholder);
    return GT_OK;
}

enum gt_status gt_options_parse(const struct gt_verb_option *verb_options, unsigned flags, int argc, char **argv,
                                struct gt_arena *arena, struct gt_args *args, struct gt_err *err)
{
    struct parser p = {verb_options, flags, argc, 0, argv, arena, args, err};
    enum gt_status status = GT_OK;
    *args = (struct gt_args){0};
    args->operands = gt_arena_alloc(arena, (size_t)argc + 1, sizeof *args->operands);
    if (!args->operands)
        return gt_err_set(err, GT_E_NOMEM, "out of memory");
    bool only_operands = false;
    while (p.next < argc && status == GT_OK) {
        char *word = argv[p.next++];
        if (only_operands || word[0] != '-' || !word[1]) {
            args->operands[args->operand_count++] = word;
            only_operands = only_operands || (flags & GT_ARGS_STOP_AT_OPERAND);
        } else if (strcmp(word, "--") == 0) {
            only_operands = true;
        } else {
            status = word[1] == '-' ? take_long(&p, word + 2) : take_letters(&p, word + 1);
        }
    }
    return status == GT_OK ? check_needed(&p) : status;
}
