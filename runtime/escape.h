/*
 * Text from a file made safe for a terminal, and the UTF-8 check beneath it. For the library's error texts and its command.
 *
 * Needs libc alone; no state; safe in every thread.
 */
#ifndef GTCNN_ESCAPE_H
#define GTCNN_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

/*
 * Copies `text` (at most `n` bytes, up to its NUL; n SIZE_MAX: all of it; NULL: nothing) into `out`. Control bytes, DEL, C1
 * controls, line separators, bidirectional controls and invalid UTF-8 become \xHH, a backslash becomes \\. Always terminates;
 * what does not fit is cut at the edge of a character and ends in "...". Returns `out`.
 */
char *gtcnn_escape(char *out, size_t size, const char *text, size_t n);

/* Length in bytes of the well-formed UTF-8 sequence (RFC 3629) at `p`, of which `n` bytes are there; 0: malformed. */
size_t gtcnn_utf8_length(const unsigned char *p, size_t n, uint32_t *code);

#endif
