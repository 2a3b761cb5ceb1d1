#include "reports/render.h"

#include <stdarg.h>
#include <string.h>

void gt_document_init(struct gt_document *document, struct gt_arena *arena, const char *name)
{
    *document = (struct gt_document){.arena = arena, .name = name};
}

static void fail(struct gt_document *document, enum gt_status status)
{
    if (document->status == GT_OK)
        document->status = status;
}

struct gt_section *gt_document_section(struct gt_document *document, enum gt_section_kind kind, const char *key,
                                       const char *title, const struct gt_column *columns, size_t column_count)
{
    static const struct gt_column line = {.key = "text"};
    struct gt_section *section = gt_arena_alloc(document->arena, 1, sizeof *section);
    if (!section) {
        fail(document, GT_E_NOMEM);
        return NULL;
    }
    *section = (struct gt_section){.document = document, .kind = kind, .key = key, .title = title};
    section->columns = kind == GT_SECTION_LINES ? &line : columns;
    section->column_count = kind == GT_SECTION_LINES ? 1 : column_count;
    if (document->last_section)
        document->last_section->next = section;
    else
        document->sections = section;
    document->last_section = section;
    document->section_count++;
    return section;
}

static void append(struct gt_section *section, struct gt_section_row *row)
{
    if (section->last_row)
        section->last_row->next = row;
    else
        section->rows = row;
    section->last_row = row;
    section->row_count++;
}

void gt_section_row(struct gt_section *section, const struct gt_value *values, size_t count)
{
    if (!section)
        return;
    struct gt_document *document = section->document;
    struct gt_section_row *row = gt_arena_alloc(document->arena, 1, sizeof *row);
    struct gt_value *copy = gt_arena_alloc(document->arena, count, sizeof *copy);
    if (!row || !copy) {
        fail(document, GT_E_NOMEM);
        return;
    }
    if (count != section->column_count || (section->kind == GT_SECTION_FIELDS && section->row_count > 0)) {
        fail(document, GT_E_INTERNAL);
        return;
    }
    memcpy(copy, values, count * sizeof *copy);
    row->values = copy;
    append(section, row);
}

static char *format_text(struct gt_arena *arena, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : gt_arena_alloc(arena, (size_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, arguments);
    return text;
}

void gt_section_line(struct gt_section *section, const char *format, ...)
{
    va_list arguments;
    if (!section)
        return;
    va_start(arguments, format);
    struct gt_value value = gt_value_text(format_text(section->document->arena, format, arguments));
    va_end(arguments);
    if (value.type == GT_VALUE_NULL)
        fail(section->document, GT_E_NOMEM);
    else
        gt_section_row(section, &value, 1);
}
