#include "reports/layout.h"

#include "core/text.h"

#include <stdarg.h>
#include <string.h>

void gt_layout_fields(struct gt_layout *layout, const char *key, const char *title, bool present,
                      const struct gt_column *columns, const struct gt_value *values, size_t count)
{
    struct gt_section *section = gt_document_section(layout->document, GT_SECTION_FIELDS, key, title, columns, count);
    if (present)
        gt_section_row(section, values, count);
}

static void note_failure(struct gt_layout *layout, const void *pointer)
{
    if (!pointer && layout->document->status == GT_OK)
        layout->document->status = GT_E_NOMEM;
}

const char *gt_layout_text(struct gt_layout *layout, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    char *out = n < 0 ? NULL : gt_arena_alloc(layout->arena, (size_t)n + 1, 1);
    if (out)
        vsnprintf(out, (size_t)n + 1, format, again);
    va_end(again);
    va_end(arguments);
    note_failure(layout, out);
    return out ? out : "";
}

const char *gt_layout_energy_title(struct gt_layout *layout, const char *title, const char *provenance)
{
    bool plain = !provenance || strcmp(provenance, "measured") == 0;
    return plain ? title : gt_layout_text(layout, "%s, %s", title, provenance);
}

const char *gt_layout_energy_bounds(struct gt_layout *layout, double lo_uj, double hi_uj)
{
    char lo[64], hi[64];
    if (!isfinite(lo_uj) || !isfinite(hi_uj))
        return "-";
    return gt_layout_text(layout, "%s to %s", gt_text_energy_uj(lo, sizeof lo, lo_uj), gt_text_energy_uj(hi, sizeof hi, hi_uj));
}

struct gt_column *gt_layout_columns(struct gt_layout *layout, const struct gt_column *columns, size_t count)
{
    struct gt_column *out = gt_arena_alloc(layout->arena, count, sizeof *out);
    note_failure(layout, out);
    if (out)
        memcpy(out, columns, count * sizeof *out);
    return out;
}

void gt_report_document(const struct gt_report *report, const struct gt_report_view *view, struct gt_arena *arena,
                        struct gt_document *document)
{
    static void (*const parts[])(struct gt_layout *) = {gt_layout_identity, gt_layout_layers, gt_layout_closure,
                                                        gt_layout_fusing,   gt_layout_family, gt_layout_steps,
                                                        gt_layout_breaks,   gt_layout_words};
    struct gt_layout layout = {report, arena, document, view && view->layers ? view->layers : GT_REPORT_LAYERS};
    gt_document_init(document, arena, "report");
    for (size_t i = 0; i < GT_LAYOUT_COUNT(parts) && document->status == GT_OK; i++)
        parts[i](&layout);
}
