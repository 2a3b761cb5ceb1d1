/*
 * Help, man page and completion, all from the tables of verbs and options. Prints to the given stream; one thread.
 */
#ifndef GT_TRACKER_HELP_H
#define GT_TRACKER_HELP_H

#include "tracker/tracker.h"

#include <stdio.h>

/* All verbs with their summaries. `columns`: width of the terminal. */
void gt_help_print_overview(FILE *out, int columns);

/* Usage, description and options of one verb. */
void gt_help_print_verb(FILE *out, const struct gt_verb *verb, int columns);

/* "usage: greentrack VERB ..." in one line. */
void gt_help_print_usage(FILE *out, const struct gt_verb *verb);

/* The COMMANDS section of greentrack(1), in mdoc(7), to be put into man/greentrack.1.in. */
void gt_help_print_man(FILE *out);

/* Completion for bash: a script that defines and registers one function. */
void gt_help_print_bash(FILE *out);

#endif
