/* Text for terminals: headings, "label  value" lines, tables aligned by columns of the terminal, wrapped paragraphs. */
#include "core/text.h"
#include "reports/render_formats.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 2, BAR_WIDTH = 20, ELASTIC_LEAST = 12, LABEL_LEAST = 14 };

struct text_state {
    const char **cells; /* of the current section, row by row; NULL for a column that text leaves out */
    int *widths;
    bool *shown;
    size_t sections;
};

static const char *own_text(struct gt_render *render, const char *text)
{
    const char *out = render->options.ascii ? gt_format_ascii(&render->arena, text) : text;
    return out ? out : "";
}

static const char *title_of(struct gt_render *render, const struct gt_column *column)
{
    return own_text(render, column->title ? column->title : column->key);
}

static void put_styled(struct gt_render *render, const char *style, const char *text)
{
    if (render->options.colour)
        fprintf(render->out, "\033[%sm%s\033[0m", style, text);
    else
        fputs(text, render->out);
}

static void put_spaces(FILE *out, int n)
{
    for (; n > 0; n--)
        fputc(' ', out);
}

static int columns_of(const char *text)
{
    return (int)gt_text_columns(text);
}

static const char *cell_text(struct gt_render *render, const struct gt_column *column, const struct gt_value *value)
{
    if (column->quantity == GT_Q_BAR)
        return gt_value_known(value) ? gt_format_bar(&render->arena, value->as.f64, BAR_WIDTH, render->options.ascii) : "";
    return gt_format_cell(&render->arena, value, column->quantity, render->options.ascii);
}

/* Bytes of the first `columns` columns. */
static size_t prefix_bytes(const char *text, int columns)
{
    size_t n = 0;
    for (; text[n]; n++)
        if (((unsigned char)text[n] & 0xc0) != 0x80 && columns-- <= 0)
            break;
    return n;
}

/* Cuts the middle out, so that both ends of a name stay readable. */
static const char *shorten(struct gt_render *render, const char *text, int width)
{
    int total = columns_of(text);
    const char *dots = own_text(render, "…");
    if (total <= width)
        return text;
    int keep = width - columns_of(dots), tail = keep / 2, head = keep - tail;
    const char *end = text + prefix_bytes(text, total - tail);
    return gt_arena_printf(&render->arena, "%.*s%s%s", (int)prefix_bytes(text, head), text, dots, end);
}

static bool fill_cells(struct gt_render *render, const struct gt_section *section)
{
    struct text_state *state = render->state;
    size_t columns = section->column_count, at = 0;
    state->cells = gt_arena_alloc(&render->arena, section->row_count * columns + 1, sizeof *state->cells);
    state->widths = gt_arena_alloc(&render->arena, columns, sizeof *state->widths);
    state->shown = gt_arena_alloc(&render->arena, columns, sizeof *state->shown);
    if (!state->cells || !state->widths || !state->shown)
        return false;
    for (size_t c = 0; c < columns; c++) {
        state->shown[c] = !(section->columns[c].flags & GT_COLUMN_DATA_ONLY);
        state->widths[c] = columns_of(title_of(render, &section->columns[c]));
    }
    for (const struct gt_section_row *row = section->rows; row; row = row->next)
        for (size_t c = 0; c < columns; c++, at++) {
            const char *text = state->shown[c] ? cell_text(render, &section->columns[c], &row->values[c]) : "";
            if (!text)
                return false;
            state->cells[at] = text;
            if (columns_of(text) > state->widths[c])
                state->widths[c] = columns_of(text);
        }
    return true;
}

/* Takes what the table is too wide from the elastic columns, the widest first. */
static void fit_widths(struct gt_render *render, const struct gt_section *section)
{
    struct text_state *state = render->state;
    int total = -GAP;
    for (size_t c = 0; c < section->column_count; c++)
        total += state->shown[c] ? state->widths[c] + GAP : 0;
    while (render->options.width > 0 && total > render->options.width) {
        size_t widest = section->column_count;
        for (size_t c = 0; c < section->column_count; c++)
            if (state->shown[c] && section->columns[c].flags & GT_COLUMN_ELASTIC && state->widths[c] > ELASTIC_LEAST &&
                (widest == section->column_count || state->widths[c] > state->widths[widest]))
                widest = c;
        if (widest == section->column_count)
            return;
        state->widths[widest]--;
        total--;
    }
}

static bool is_left(const struct gt_section *section, size_t column)
{
    const struct gt_column *c = &section->columns[column];
    return c->quantity == GT_Q_TEXT || c->quantity == GT_Q_DATE || c->quantity == GT_Q_BAR || c->flags & GT_COLUMN_LEFT;
}

/* Whether anything is to come in this row (or in the header, `row` NULL), so that lines end without blanks. */
static bool more_follows(struct gt_render *render, size_t column, const char **row)
{
    const struct text_state *state = render->state;
    for (size_t c = column + 1; c < render->section->column_count; c++)
        if (state->shown[c] && *(row ? row[c] : title_of(render, &render->section->columns[c])))
            return true;
    return false;
}

static void put_cell(struct gt_render *render, size_t column, const char *text, const char *style, bool more)
{
    const struct text_state *state = render->state;
    bool left = is_left(render->section, column);
    text = shorten(render, text, state->widths[column]);
    if (!text)
        return;
    int pad = state->widths[column] - columns_of(text);
    put_spaces(render->out, left ? 0 : pad);
    if (style)
        put_styled(render, style, text);
    else
        fputs(text, render->out);
    put_spaces(render->out, more ? GAP + (left ? pad : 0) : 0);
}

static void put_header(struct gt_render *render, const struct gt_section *section)
{
    const struct text_state *state = render->state;
    for (size_t c = 0; c < section->column_count; c++)
        if (state->shown[c])
            put_cell(render, c, title_of(render, &section->columns[c]), "2", more_follows(render, c, NULL));
    fputc('\n', render->out);
}

static enum gt_status text_begin(struct gt_render *render)
{
    render->state = gt_arena_alloc(&render->arena, 1, sizeof(struct text_state));
    return render->state ? GT_OK : gt_err_set(render->err, GT_E_NOMEM, "out of memory for text");
}

static bool has_text(const struct gt_section *section)
{
    for (size_t c = 0; c < section->column_count; c++)
        if (!(section->columns[c].flags & GT_COLUMN_DATA_ONLY))
            return true;
    return false;
}

static enum gt_status text_section(struct gt_render *render, const struct gt_section *section)
{
    struct text_state *state = render->state;
    if (!has_text(section) || (section->row_count == 0 && !section->empty))
        return GT_OK;
    if (section->title && state->sections > 0)
        fputc('\n', render->out);
    state->sections++;
    if (section->title) {
        put_styled(render, "1", own_text(render, section->title));
        fputc('\n', render->out);
    }
    if (section->row_count == 0)
        fprintf(render->out, "%s\n", own_text(render, section->empty));
    if (section->kind == GT_SECTION_LINES)
        return GT_OK;
    if (!fill_cells(render, section))
        return gt_err_set(render->err, GT_E_NOMEM, "out of memory for text");
    if (section->kind == GT_SECTION_TABLE && section->row_count > 0) {
        fit_widths(render, section);
        put_header(render, section);
    }
    return GT_OK;
}

static void put_fields(struct gt_render *render)
{
    const struct text_state *state = render->state;
    const struct gt_section *section = render->section;
    int width = LABEL_LEAST; /* the same for neighbours */
    for (size_t c = 0; c < section->column_count; c++) {
        int label = columns_of(title_of(render, &section->columns[c]));
        width = state->shown[c] && label > width ? label : width;
    }
    for (size_t c = 0; c < section->column_count; c++) {
        bool absent = section->columns[c].flags & GT_COLUMN_OPTIONAL && strcmp(state->cells[c], "-") == 0;
        if (!state->shown[c] || absent)
            continue;
        const char *title = title_of(render, &section->columns[c]);
        put_styled(render, "2", title);
        put_spaces(render->out, width - columns_of(title) + GAP);
        fprintf(render->out, "%s\n", state->cells[c]);
    }
}

/* Breaks a paragraph at blanks; the lines that follow are indented. */
static void put_paragraph(struct gt_render *render, const char *text)
{
    int width = render->options.width, column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        int columns = 0;
        for (size_t i = 0; i < n; i++)
            columns += ((unsigned char)text[i] & 0xc0) != 0x80;
        if (column > 0 && width > 0 && column + 1 + columns > width) {
            fputs("\n  ", render->out);
            column = 2;
        } else if (column > 0) {
            fputc(' ', render->out);
            column++;
        }
        fwrite(text, 1, n, render->out);
        column += columns;
        text += n;
        text += *text == ' ';
    }
    fputc('\n', render->out);
}

static void put_row(struct gt_render *render)
{
    const struct text_state *state = render->state;
    const struct gt_section *section = render->section;
    const char **row = state->cells + render->row * section->column_count;
    for (size_t c = 0; c < section->column_count; c++) {
        const char *style = section->columns[c].quantity == GT_Q_BAR ? "32" : NULL;
        bool more = more_follows(render, c, row);
        if (state->shown[c] && (more || *row[c]))
            put_cell(render, c, row[c], style, more);
    }
    fputc('\n', render->out);
}

static enum gt_status text_row(struct gt_render *render, const struct gt_value *values)
{
    if (!has_text(render->section))
        return GT_OK;
    if (render->section->kind == GT_SECTION_LINES) {
        const char *text = gt_format_cell(&render->arena, values, GT_Q_TEXT, render->options.ascii);
        if (!text)
            return gt_err_set(render->err, GT_E_NOMEM, "out of memory for text");
        put_paragraph(render, text);
    } else if (render->section->kind == GT_SECTION_FIELDS) {
        put_fields(render);
    } else {
        put_row(render);
    }
    return GT_OK;
}

static enum gt_status text_end(struct gt_render *render)
{
    (void)render;
    return GT_OK;
}

const struct gt_renderer gt_render_text = {"text", "text/plain; charset=utf-8", text_begin, text_section, text_row, text_end};
