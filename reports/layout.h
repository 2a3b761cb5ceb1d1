/* The parts of gt_report_document. Internal to reports/; one layout belongs to one thread. */
#ifndef GT_REPORTS_LAYOUT_H
#define GT_REPORTS_LAYOUT_H

#include "reports/report.h"

#define GT_LAYOUT_COUNT(a) (sizeof(a) / sizeof *(a))

struct gt_layout {
    const struct gt_report *report;
    struct gt_arena *arena;
    struct gt_document *document;
    size_t text_layers;
};

/* Appends a section and one row, or an absent one when `present` is false. `columns` and `values` are `count` long. */
void gt_layout_fields(struct gt_layout *layout, const char *key, const char *title, bool present,
                      const struct gt_column *columns, const struct gt_value *values, size_t count);

/* A formatted string in the arena; notes a failure in the document. */
const char *gt_layout_text(struct gt_layout *layout, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `title`, with ", modelled" behind it where the figures below are. */
const char *gt_layout_energy_title(struct gt_layout *layout, const char *title, const char *provenance);

/* "0.80 mJ to 2.40 mJ"; "-" where there are none. */
const char *gt_layout_energy_bounds(struct gt_layout *layout, double lo_uj, double hi_uj);

/* Columns copied into the arena, so that a title may be changed. */
struct gt_column *gt_layout_columns(struct gt_layout *layout, const struct gt_column *columns, size_t count);

void gt_layout_identity(struct gt_layout *layout);
void gt_layout_layers(struct gt_layout *layout);
void gt_layout_closure(struct gt_layout *layout);
void gt_layout_fusing(struct gt_layout *layout);
void gt_layout_family(struct gt_layout *layout);
void gt_layout_steps(struct gt_layout *layout);
void gt_layout_breaks(struct gt_layout *layout);
void gt_layout_words(struct gt_layout *layout);

#endif
