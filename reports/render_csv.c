/* CSV (RFC 4180): one table with a header, or the tidy form `section,row,key,value`. */
#include "core/text.h"
#include "reports/render_formats.h"

#include <string.h>

struct csv_state {
    const struct gt_section *only; /* the one section to write as a plain table; NULL: tidy */
};

/* A string that a spreadsheet would run as a formula. */
static bool is_formula(const struct gt_value *value, const char *text)
{
    bool string = value->type == GT_VALUE_TEXT || value->type == GT_VALUE_TEXTS;
    return string && *text && strchr("=+-@\t\r", *text);
}

static void write_field(FILE *out, const char *text, bool apostrophe)
{
    if (!text)
        text = "";
    if (!apostrophe && !strpbrk(text, "\",\r\n")) {
        fputs(text, out);
        return;
    }
    fputs(apostrophe ? "\"'" : "\"", out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

/* Escaped when anything in it could drive a terminal; a backslash alone is no reason to. */
static const char *harmless(struct gt_arena *arena, const char *text)
{
    size_t backslashes = 0, size = 4 * strlen(text) + 1;
    char *escaped = gt_arena_alloc(arena, size, 1);
    for (const char *p = text; *p; p++)
        backslashes += *p == '\\';
    if (!escaped)
        return NULL;
    gt_text_escape(escaped, size, text, SIZE_MAX);
    return strlen(escaped) == strlen(text) + backslashes ? text : escaped;
}

static void write_value(struct gt_render *render, const struct gt_value *value, enum gt_quantity quantity)
{
    const char *text = gt_format_plain(&render->arena, value, quantity);
    bool formula = text && is_formula(value, text);
    write_field(render->out, text ? harmless(&render->arena, text) : NULL, formula);
}

static bool has_data(const struct gt_section *section)
{
    return section->key || section->kind == GT_SECTION_FIELDS;
}

/* The only section that has data, when it is a table; else NULL. */
static const struct gt_section *single_table(const struct gt_document *document)
{
    const struct gt_section *found = NULL;
    for (const struct gt_section *s = document->sections; s; s = s->next) {
        if (has_data(s) && (found || s->kind != GT_SECTION_TABLE))
            return NULL;
        if (has_data(s))
            found = s;
    }
    return found;
}

static const struct gt_section *named_section(const struct gt_document *document, const char *name)
{
    for (const struct gt_section *s = document->sections; s; s = s->next)
        if (s->key && strcmp(s->key, name) == 0)
            return s;
    return NULL;
}

static enum gt_status csv_begin(struct gt_render *render)
{
    struct csv_state *state = gt_arena_alloc(&render->arena, 1, sizeof *state);
    const char *wanted = render->options.section;
    if (!state)
        return gt_err_set(render->err, GT_E_NOMEM, "out of memory for CSV");
    render->state = state;
    state->only = wanted ? named_section(render->document, wanted) : single_table(render->document);
    if (wanted && !state->only)
        return gt_err_set(render->err, GT_E_NOENT, "the %s has no section '%s'", render->document->name, wanted);
    if (!state->only)
        fputs("section,row,key,value\r\n", render->out);
    return GT_OK;
}

static void write_header(struct gt_render *render, const struct gt_section *section)
{
    const char *comma = "";
    for (size_t i = 0; i < section->column_count; i++) {
        if (section->columns[i].flags & GT_COLUMN_TEXT_ONLY)
            continue;
        fputs(comma, render->out);
        write_field(render->out, section->columns[i].key, false);
        comma = ",";
    }
    fputs("\r\n", render->out);
}

static enum gt_status csv_section(struct gt_render *render, const struct gt_section *section)
{
    const struct csv_state *state = render->state;
    if (section == state->only)
        write_header(render, section);
    return GT_OK;
}

static void write_wide(struct gt_render *render, const struct gt_value *values)
{
    const char *comma = "";
    for (size_t i = 0; i < render->section->column_count; i++) {
        const struct gt_column *column = &render->section->columns[i];
        if (column->flags & GT_COLUMN_TEXT_ONLY)
            continue;
        fputs(comma, render->out);
        write_value(render, &values[i], column->quantity);
        comma = ",";
    }
    fputs("\r\n", render->out);
}

static void write_tidy(struct gt_render *render, const struct gt_value *values)
{
    const struct gt_section *section = render->section;
    for (size_t i = 0; i < section->column_count; i++) {
        if (section->columns[i].flags & GT_COLUMN_TEXT_ONLY)
            continue;
        write_field(render->out, section->key ? section->key : render->document->name, false);
        fprintf(render->out, ",%zu,", render->row);
        write_field(render->out, section->columns[i].key, false);
        fputc(',', render->out);
        write_value(render, &values[i], section->columns[i].quantity);
        fputs("\r\n", render->out);
    }
}

static enum gt_status csv_row(struct gt_render *render, const struct gt_value *values)
{
    const struct csv_state *state = render->state;
    if (state->only && state->only == render->section)
        write_wide(render, values);
    else if (!state->only && has_data(render->section))
        write_tidy(render, values);
    return GT_OK;
}

static enum gt_status csv_end(struct gt_render *render)
{
    (void)render;
    return GT_OK;
}

const struct gt_renderer gt_render_csv = {"csv", "text/csv", csv_begin, csv_section, csv_row, csv_end};
