#include "tracker/help.h"

#include "core/text.h"

#include <stdio.h>
#include <string.h>

/* Prints a paragraph in lines of at most `columns`, all but the first (which begins at `at`) indented by `indent`. */
static void print_wrapped(FILE *out, const char *text, int at, int indent, int columns)
{
    char word[256];
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, " \n");
        snprintf(word, sizeof word, "%.*s", (int)n, text);
        int width = (int)gt_text_columns(word);
        if (!first && at + 1 + width > columns) {
            fprintf(out, "\n%*s", indent, "");
            at = indent;
            first = true;
        }
        fprintf(out, "%s%s", first ? "" : " ", word);
        at += width + !first;
        first = false;
        text += n;
        while (*text == ' ')
            text++;
        if (*text == '\n') { /* an empty line: the next paragraph */
            fprintf(out, "\n\n%*s", indent, "");
            at = indent;
            first = true;
            text += strspn(text, "\n");
        }
    }
    fputc('\n', out);
}

/* "label", then `text` in a column of its own; on the next line when the label is too wide. */
static void print_entry(FILE *out, const char *label, const char *text, int indent, int columns)
{
    int width = (int)gt_text_columns(label);
    fprintf(out, "  %s", label);
    if (width + 4 > indent)
        fprintf(out, "\n%*s", indent, "");
    else
        fprintf(out, "%*s", indent - width - 2, "");
    print_wrapped(out, text, indent, indent, columns);
}

void gt_help_print_overview(FILE *out, int columns)
{
    fprintf(out, "usage: greentrack VERB [OPTION...] [ARGUMENT...]\n\n");
    print_wrapped(out,
                  "Where do the joules of an inference job go, layer by layer, and when does the next bigger model stop being "
                  "worth them?",
                  0, 0, columns);
    fprintf(out, "\nverbs:\n");
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        print_entry(out, verb->name, verb->summary, 14, columns);
    fprintf(out, "\n'greentrack VERB --help' tells more about one of them; so does man greentrack.\n");
}

void gt_help_print_usage(FILE *out, const struct gt_verb *verb)
{
    fprintf(out, "usage: greentrack %s [OPTION...]%s%s\n", verb->name, *verb->operands ? " " : "", verb->operands);
}

/* "-f, --format FORMAT" */
static void option_label(char *label, size_t size, const struct gt_option *option)
{
    char letter[8] = "    ";
    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    snprintf(label, size, "%s--%s%s%s", letter, option->name, *option->placeholder ? " " : "", option->placeholder);
}

static void option_text(char *text, size_t size, const struct gt_verb_option *row)
{
    snprintf(text, size, "%s%s%s", gt_option_summary(row), row->flags & GT_OPTION_REPEATS ? "; may be given several times" : "",
             row->flags & GT_OPTION_NEEDED ? "; needed" : "");
}

void gt_help_print_verb(FILE *out, const struct gt_verb *verb, int columns)
{
    char label[64], text[512];
    gt_help_print_usage(out, verb);
    fputc('\n', out);
    print_wrapped(out, verb->description, 0, 0, columns);
    fprintf(out, "\noptions:\n");
    for (const struct gt_verb_option *row = verb->options; !(row->flags & GT_OPTION_END); row++) {
        option_label(label, sizeof label, &gt_options[row->id]);
        option_text(text, sizeof text, row);
        print_entry(out, label, text, 30, columns);
    }
}
