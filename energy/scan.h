/*
 * Small text work for the light sources: libc's string functions only, no stdio, no locale.
 *
 * Thread-safe, async-signal-safe, no allocation.
 */
#ifndef GT_ENERGY_SCAN_H
#define GT_ENERGY_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends `text` to the NUL-terminated `out`; false (and a cut text) when it does not fit. */
bool gt_scan_append(char *out, size_t size, const char *text);
bool gt_scan_append_u64(char *out, size_t size, uint64_t value);

/* Copies, cut to size - 1 bytes. Returns `out`. */
char *gt_scan_copy(char *out, size_t size, const char *text, size_t n);

/* A decimal number at *at, which moves behind it. False (nothing moves) when there is none or it is beyond 64 bits. */
bool gt_scan_u64(const char **at, uint64_t *value);

/* A non-negative decimal number with optional fraction and exponent ("15.3", "1e-6"). As above. */
bool gt_scan_f64(const char **at, double *value);

/* Moves over blanks and tabs. */
void gt_scan_blanks(const char **at);

/*
 * In a text of "key<blanks>:<blanks>value" lines: copies the value of the first line with that key (blanks around it cut).
 * False, and "" in `out`, when there is none.
 */
bool gt_scan_value(const char *text, const char *key, char *out, size_t size);

#endif
