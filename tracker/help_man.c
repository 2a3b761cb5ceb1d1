/* The COMMANDS section of the man page, in mdoc(7). */
#include "tracker/help.h"

#include <ctype.h>
#include <string.h>

/* Text with what roff would take for a request or an escape made plain. */
static void print_roff(FILE *out, const char *text)
{
    bool line_begins = true;
    for (; *text; text++) {
        if (line_begins && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-' && (text[1] == '-' || (!line_begins && text[-1] == '-')))
            fputs("\\-", out); /* an option's dashes, not hyphens */
        else
            fputc(*text, out);
        line_begins = *text == '\n';
    }
}

/* Paragraphs, each sentence on its own line as mdoc wants it. */
static void print_paragraphs(FILE *out, const char *text)
{
    char sentence[1024];
    while (*text) {
        size_t n = 0;
        while (text[n] && text[n] != '\n' &&
               !(strchr(".?!", text[n]) && text[n + 1] == ' ' && isupper((unsigned char)text[n + 2])))
            n++;
        n += text[n] && text[n] != '\n';
        snprintf(sentence, sizeof sentence, "%.*s", (int)n, text);
        print_roff(out, sentence);
        fputc('\n', out);
        text += n;
        if (*text == '\n')
            fputs(".Pp\n", out);
        text += strspn(text, " \n");
    }
}

/* Placeholders of the operands as mdoc arguments: words in capitals are arguments, the rest is literal. */
static void print_operands(FILE *out, const char *operands)
{
    char word[64];
    for (size_t n; *operands; operands += n, operands += strspn(operands, " ")) {
        n = strcspn(operands, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, operands);
        fprintf(out, " Ar %s", word);
    }
}

static void print_option(FILE *out, const struct gt_verb_option *row)
{
    const struct gt_option *option = &gt_options[row->id];
    fputs(".It ", out);
    if (option->letter)
        fprintf(out, "Fl %c , ", option->letter);
    fprintf(out, "Fl \\-%s", option->name);
    if (*option->placeholder)
        fprintf(out, " Ar %s", option->placeholder);
    fputc('\n', out);
    char text[512];
    const char *summary = gt_option_summary(row);
    snprintf(text, sizeof text, "%c%s%s%s.", toupper((unsigned char)summary[0]), summary + 1,
             row->flags & GT_OPTION_REPEATS ? "; may be given several times" : "",
             row->flags & GT_OPTION_NEEDED ? "; needed" : "");
    print_paragraphs(out, text);
}

static void print_verb(FILE *out, const struct gt_verb *verb)
{
    fprintf(out, ".Ss greentrack %s\n", verb->name);
    fprintf(out, ".Nm Cm %s Op Ar option ...", verb->name);
    print_operands(out, verb->operands);
    fputs("\n.Pp\n", out);
    print_paragraphs(out, verb->description);
    fputs(".Bl -tag -width Ds\n", out);
    for (const struct gt_verb_option *row = verb->options; !(row->flags & GT_OPTION_END); row++)
        print_option(out, row);
    fputs(".El\n", out);
}

void gt_help_print_man(FILE *out)
{
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++)
        print_verb(out, verb);
}
