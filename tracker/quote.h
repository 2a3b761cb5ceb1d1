/* A command line as one would type it into a shell. Needs libc alone; thread-safe. */
#ifndef GT_TRACKER_QUOTE_H
#define GT_TRACKER_QUOTE_H

#include "core/arena.h"

/*
 * The arguments joined by blanks, each quoted for a POSIX shell where it needs it: pasted into one, it gives the same
 * arguments. `argv` ends with NULL. NULL when memory is out.
 */
char *gt_quote_command(struct gt_arena *arena, char *const *argv);

#endif
