#include "runtime/cli/help.h"

#include <string.h>

enum { HELP_COLUMN = 24, HELP_WIDTH = 100 };

void gtcnn_help_overview(FILE *f)
{
    fputs("gtcnn: a small CNN inference runtime\n\nusage: gtcnn COMMAND [OPTION ...]\n\n", f);
    for (const struct gtcnn_cli_verb *v = GTCNN_CLI_VERBS; v->name; v++)
        fprintf(f, "  %-8s %s\n", v->name, v->summary);
    fputs("\ngtcnn COMMAND --help prints a command's options, gtcnn --version the library's version.\n"
          "GTCNN_ISA=avx512, avx2 or c in the environment takes those kernels instead of the fastest.\n"
          "Exit status: 0 success, 1 failure, 2 wrong usage.\n",
          f);
}

/* Breaks between words; every line begins at `column`, where the first one already stands. */
static void print_wrapped(FILE *f, const char *text, int column)
{
    int at = column;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (at > column && at + 1 + n > HELP_WIDTH) {
            fprintf(f, "\n%*s", column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', f);
            at++;
        }
        fprintf(f, "%.*s", n, text);
        at += n;
        text += n;
        text += strspn(text, " ");
    }
    fputc('\n', f);
}

static void print_synopsis(FILE *f, const struct gtcnn_cli_verb *verb, const struct gtcnn_cli_option *o)
{
    bool needed = o->required & verb->bit, again = o->repeats & verb->bit;
    fprintf(f, " %s--%s%s%s%s%s", needed ? "" : "[", o->name, o->argument ? " " : "", o->argument ? o->argument : "",
            needed ? "" : "]", again ? (needed ? " [...]" : " ...") : "");
}

static bool belongs(const struct gtcnn_cli_option *o, const struct gtcnn_cli_verb *verb)
{
    return o->verbs & verb->bit;
}

void gtcnn_help_verb(FILE *f, const struct gtcnn_cli_verb *verb)
{
    fprintf(f, "usage: gtcnn %s", verb->name);
    if (verb->bit == GTCNN_CLI_HELP)
        fputs(" [COMMAND]", f);
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++)
        if (belongs(o, verb))
            print_synopsis(f, verb, o);
    fputs("\n\n", f);
    print_wrapped(f, verb->details, 0);
    fputc('\n', f);
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++) {
        if (!belongs(o, verb))
            continue;
        int n = fprintf(f, "  --%s%s%s", o->name, o->argument ? " " : "", o->argument ? o->argument : "");
        if (n < HELP_COLUMN)
            fprintf(f, "%*s", HELP_COLUMN - n, "");
        else /* too long to stand beside */
            fprintf(f, "\n%*s", HELP_COLUMN, "");
        print_wrapped(f, o->help, HELP_COLUMN);
    }
}

/* Text in mdoc: a line that begins with a full stop would be a macro, a backslash an escape; every sentence begins a line. */
static void print_mdoc(FILE *f, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", f);
    for (const char *first = text; *text; text++)
        if (*text == '\\')
            fputs("\\e", f);
        else
            fputc(*text == ' ' && text > first && text[-1] == '.' ? '\n' : *text, f);
}

/* Words of an argument's pattern: "NAME|FILE" is one of two. */
static void print_mdoc_argument(FILE *f, const char *argument)
{
    for (const char *p = argument; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        fprintf(f, "%s Ar %.*s", p == argument ? "" : " | ", (int)strcspn(p, "|"), p);
}

void gtcnn_help_man(FILE *f)
{
    for (const struct gtcnn_cli_verb *v = GTCNN_CLI_VERBS; v->name; v++) {
        fprintf(f, ".Ss gtcnn %s\n", v->name);
        print_mdoc(f, v->details);
        fputs("\n.Bl -tag -width Ds\n", f);
        for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++) {
            if (!belongs(o, v))
                continue;
            fprintf(f, ".It Fl \\&-%s", o->name);
            if (o->argument)
                print_mdoc_argument(f, o->argument);
            fputc('\n', f);
            print_mdoc(f, o->help);
            fprintf(f, "%s%s.\n", o->required & v->bit ? "; required" : "", o->repeats & v->bit ? "; may be repeated" : "");
        }
        fputs(".El\n", f);
    }
}
