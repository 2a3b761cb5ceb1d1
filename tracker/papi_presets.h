/*
 * PAPI's presets (PAPI_TOT_INS, ...) as weighted sums of native events, by the tables of the installed PAPI library.
 *
 * The library is loaded once (GREENTRACK_PAPI_LIBRARY, else libpapi.so.7.0) and asked for names alone: it counts nothing for
 * us. It stays loaded. One thread.
 */
#ifndef GT_TRACKER_PAPI_PRESETS_H
#define GT_TRACKER_PAPI_PRESETS_H

#include "energy/event.h"
#include "tracker/suggest.h"

#include <stddef.h>

/* One preset: its native events, as PAPI names them, each with what a count of it adds. */
struct gt_papi_preset {
    int count;
    char natives[GT_EVENT_TERMS][GT_EVENT_NAME];
    int64_t weights[GT_EVENT_TERMS];
};

enum gt_papi_result {
    GT_PAPI_FOUND,
    GT_PAPI_ABSENT, /* a preset, but not to be had here: `reason` says why */
    GT_PAPI_UNKNOWN /* no preset of that name; `nearest` was offered all of them */
};

/* `reason`: text of at most `size` bytes, for people. `nearest` keeps pointers into the library's own memory of this module. */
enum gt_papi_result gt_papi_find(const char *name, struct gt_papi_preset *preset, char *reason, size_t size,
                                 struct gt_suggestion *nearest);

/*
 * The weights of a derived preset: `derived` and `postfix` as in PAPI_event_info_t ("DERIVED_ADD"; "N0|N1|4|*|+|"), of `count`
 * native events. False: not a weighted sum of counts (a rate, a quotient, a product of events).
 */
bool gt_papi_weights(const char *derived, const char *postfix, int count, int64_t weights[GT_EVENT_TERMS]);

#endif
