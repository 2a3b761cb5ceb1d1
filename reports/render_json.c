/* JSON: the tree is built by jansson and written at the end, in the order of the document.
 * Only ASCII leaves (\u escapes), so that no name from a store can drive a terminal. */
#include "core/text.h"
#include "reports/render_formats.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct json_state {
    json_t *root, *section; /* section: borrowed from root; NULL while it has no place in JSON */
    bool failed;
};

/* A string that is no UTF-8 goes in with its bad bytes as \xHH. */
static json_t *string_value(struct gt_arena *arena, const char *text)
{
    json_t *out = json_string(text);
    size_t size = 4 * strlen(text) + 1;
    char *copy = out ? NULL : gt_arena_alloc(arena, size, 1);
    return copy ? json_string(gt_text_escape(copy, size, text, SIZE_MAX)) : out;
}

static json_t *list_value(struct gt_arena *arena, const struct gt_value *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < value->count && list; i++) {
        json_t *item = value->type == GT_VALUE_TEXTS ? string_value(arena, value->as.texts[i])
                                                     : json_integer((json_int_t)value->as.u64s[i]);
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static json_t *date_value(uint64_t ns)
{
    char text[32];
    return json_string(gt_format_date(text, ns, 'T'));
}

static json_t *json_value(struct gt_arena *arena, const struct gt_value *value, enum gt_quantity quantity)
{
    if (!gt_value_known(value))
        return json_null();
    switch (value->type) {
    case GT_VALUE_TEXT:
        return string_value(arena, value->as.text);
    case GT_VALUE_U64:
        if (quantity == GT_Q_DATE)
            return date_value(value->as.u64);
        return value->as.u64 > INT64_MAX ? json_real((double)value->as.u64) : json_integer((json_int_t)value->as.u64);
    case GT_VALUE_I64:
        return json_integer(value->as.i64);
    case GT_VALUE_F64:
        return json_real(value->as.f64);
    case GT_VALUE_BOOL:
        return json_boolean(value->as.flag);
    default:
        return list_value(arena, value);
    }
}

static void note_failure(struct json_state *state, bool failed)
{
    state->failed = state->failed || failed;
}

static enum gt_status json_begin(struct gt_render *render)
{
    struct json_state *state = gt_arena_alloc(&render->arena, 1, sizeof *state);
    render->state = state;
    if (!state)
        return gt_err_set(render->err, GT_E_NOMEM, "out of memory for JSON");
    state->root = json_object();
    note_failure(state, !state->root);
    return GT_OK;
}

static enum gt_status json_section(struct gt_render *render, const struct gt_section *section)
{
    struct json_state *state = render->state;
    if (section->kind == GT_SECTION_FIELDS && !section->key) {
        state->section = state->root;
        return GT_OK;
    }
    state->section = NULL;
    if (!section->key)
        return GT_OK;
    json_t *into = section->inside ? json_object_get(state->root, section->inside) : state->root;
    json_t *place = section->kind != GT_SECTION_FIELDS ? json_array() : section->row_count ? json_object() : json_null();
    note_failure(state, json_object_set_new(into, section->key, place) != 0);
    state->section = json_object_get(into, section->key);
    return GT_OK;
}

static void fill_object(struct gt_render *render, json_t *object, const struct gt_value *values)
{
    struct json_state *state = render->state;
    for (size_t i = 0; i < render->section->column_count; i++) {
        const struct gt_column *column = &render->section->columns[i];
        if (!(column->flags & GT_COLUMN_TEXT_ONLY))
            note_failure(
                state, json_object_set_new(object, column->key, json_value(&render->arena, &values[i], column->quantity)) != 0);
    }
}

static enum gt_status json_row(struct gt_render *render, const struct gt_value *values)
{
    struct json_state *state = render->state;
    if (!state->section)
        return GT_OK;
    if (render->section->kind == GT_SECTION_FIELDS) {
        fill_object(render, state->section, values);
        return GT_OK;
    }
    bool line = render->section->kind == GT_SECTION_LINES;
    json_t *item = line ? json_value(&render->arena, values, GT_Q_TEXT) : json_object();
    if (!line)
        fill_object(render, item, values);
    note_failure(state, json_array_append_new(state->section, item) != 0);
    return GT_OK;
}

static enum gt_status json_end(struct gt_render *render)
{
    struct json_state *state = render->state;
    if (!state)
        return GT_OK; /* begin has said why */
    enum gt_status status = GT_OK;
    errno = 0;
    if (state->failed)
        status = gt_err_set(render->err, GT_E_NOMEM, "out of memory for JSON");
    else if (json_dumpf(state->root, render->out, JSON_INDENT(2) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(12)) != 0 ||
             fputc('\n', render->out) < 0)
        status = gt_err_set_errno(render->err, errno ? errno : EIO, "the output cannot be written");
    json_decref(state->root);
    return status;
}

const struct gt_renderer gt_render_json = {"json", "application/json", json_begin, json_section, json_row, json_end};
