/* The nearest of several words, for "did you mean". Needs libc alone; thread-safe. */
#ifndef GT_TRACKER_SUGGEST_H
#define GT_TRACKER_SUGGEST_H

#include <stddef.h>

/*
 * Optimal string alignment distance (Damerau 1964: insert, delete, replace, swap of neighbours), of the first 63 bytes each.
 */
unsigned gt_suggest_distance(const char *a, const char *b);

/*
 * Remembers the best of the candidates offered one after another. Zero-initialise, offer, read `best`: NULL when none is
 * nearer than a third of the word's length, but two edits at least.
 */
struct gt_suggestion {
    const char *best; /* borrowed */
    unsigned distance;
};
void gt_suggest_offer(struct gt_suggestion *suggestion, const char *word, const char *candidate);

#endif
