/*
 * Text for people: quantities with their unit, and strings from files made safe for a terminal.
 *
 * Needs libc alone; no locale dependence (the decimal point is always '.'); thread-safe.
 */
#ifndef GT_CORE_TEXT_H
#define GT_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copies `text` (at most `n` bytes, or up to its NUL when n is SIZE_MAX) into `out` with everything that could
 * drive a terminal escaped: control bytes, DEL, C1 controls, bidirectional overrides and invalid UTF-8 become \xHH,
 * a backslash becomes \\. Always terminates; cuts at an escape's edge when `size` is short. Returns `out`.
 */
char *gt_text_escape(char *out, size_t size, const char *text, size_t n);

/* "1.23 mJ", "45.6 J", "7.89 kWh"-free SI scaling of microjoules. Three significant digits. Returns `out`. */
char *gt_text_energy_uj(char *out, size_t size, double uj);

/* "12.3 µs", "4.56 ms", "7.89 s" from nanoseconds. Returns `out`. */
char *gt_text_time_ns(char *out, size_t size, double ns);

/* "0.39 G", "5.29 M", "176 k" from a count. Returns `out`. */
char *gt_text_count(char *out, size_t size, double count);

/* "1.5 MiB" from bytes (powers of 1024). Returns `out`. */
char *gt_text_bytes(char *out, size_t size, uint64_t bytes);

/* Lower-case hexadecimal of `n` bytes; `out` holds 2n + 1. Returns `out`. */
char *gt_text_hex(char *out, const void *bytes, size_t n);

/* Parses exactly 2n hexadecimal digits into `n` bytes; 0 on success, -1 when the text is anything else. */
int gt_text_unhex(void *bytes, size_t n, const char *text);

/* Columns that the UTF-8 text takes on a terminal (one per code point; combining marks 0). */
size_t gt_text_columns(const char *text);

#endif
