/*
 * What the renderers share. Internal to reports/.
 *
 * Thread-safe: the renderers are constants, all state is in `struct gt_render`.
 */
#ifndef GT_REPORTS_RENDER_FORMATS_H
#define GT_REPORTS_RENDER_FORMATS_H

#include "reports/render.h"

extern const struct gt_renderer gt_render_text;
extern const struct gt_renderer gt_render_json;
extern const struct gt_renderer gt_render_csv;

/* False for null, NaN and infinities: what is rendered as absent. */
bool gt_value_known(const struct gt_value *value);

/*
 * The value for people, in the arena: strings escaped, figures scaled by `quantity`, absent ones "-"; never NULL unless memory
 * is out. `ascii` folds characters outside ASCII ("µ" to "u", "φ" to "phi").
 */
const char *gt_format_cell(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity, bool ascii);

/* The value for programs, unquoted: full precision, lists joined by ";" (strings) or "x" (shapes); "" when absent. */
const char *gt_format_plain(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity);

/* "2026-11-24T11:28:11Z" (RFC 3339) or, for people, "2026-11-24 11:28:11Z", from nanoseconds since 1970. `out` holds 32. */
char *gt_format_date(char *out, uint64_t ns, char separator);

/* A bar of `share` (0 ... 1) over `width` columns, in eighths of a block, or of '#'. */
const char *gt_format_bar(struct gt_arena *arena, double share, int width, bool ascii);

/* Folds text to ASCII; the text itself when it is ASCII already. */
const char *gt_format_ascii(struct gt_arena *arena, const char *text);

#endif
