/*
 * Places: store, spool, the plugin's library, the gtcnn command.
 *
 * Environment first, then the XDG base directories, then the home folder; programs and libraries stand beside this command.
 * All results are allocated from the given arena. One thread (getenv).
 */
#ifndef GT_TRACKER_PATHS_H
#define GT_TRACKER_PATHS_H

#include "core/arena.h"
#include "core/status.h"

/* $GREENTRACK_STORE, else greentrack/store.db under $XDG_DATA_HOME or ~/.local/share. GT_E_NOENT: no home. Not created. */
enum gt_status gt_paths_store(struct gt_arena *arena, const char **path, struct gt_err *err);

/* $GREENTRACK_SPOOL, else greentrack/spool under $XDG_STATE_HOME or ~/.local/state. GT_E_NOENT: no home. Not created. */
enum gt_status gt_paths_spool(struct gt_arena *arena, const char **path, struct gt_err *err);

/* Creates a folder and its parents; those that are new get mode 0700. GT_E_* from mkdir. */
enum gt_status gt_paths_make_private(const char *path, struct gt_err *err);

/* As above for the folder that `file` stands in. */
enum gt_status gt_paths_make_parent(const char *file, struct gt_err *err);

/* Makes a relative path absolute by the current folder; an absolute one is copied. */
enum gt_status gt_paths_absolute(struct gt_arena *arena, const char *path, const char **absolute, struct gt_err *err);

/*
 * libgreentrack.so: $GREENTRACK_LIB, else beside this command, then in ../lib/greentrack and ../lib. Absolute. GT_E_NOENT
 * names the places; GT_E_ARG: its path has a blank, a colon or a dollar sign, which LD_PRELOAD cannot carry (ld.so(8)).
 */
enum gt_status gt_paths_plugin(struct gt_arena *arena, const char **path, struct gt_err *err);

/* gtcnn: $GREENTRACK_GTCNN, else beside this command, else in PATH. Absolute. */
enum gt_status gt_paths_gtcnn(struct gt_arena *arena, const char **path, struct gt_err *err);

#endif
