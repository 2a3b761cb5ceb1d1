/*
 * What the command prints about itself, from the tables of options.h: usage, help, and the tables of the man page.
 */
#ifndef GTCNN_CLI_HELP_H
#define GTCNN_CLI_HELP_H

#include "runtime/cli/options.h"

/* The verbs, one line each. */
void gtcnn_help_overview(FILE *f);
/* One verb: usage, what it does, its options. */
void gtcnn_help_verb(FILE *f, const struct gtcnn_cli_verb *verb);
/* mdoc(7) source: one subsection per verb, with its options as a list. */
void gtcnn_help_man(FILE *f);

#endif
