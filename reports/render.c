#include "reports/render.h"

#include "reports/render_formats.h"

#include <errno.h>
#include <string.h>

static const struct gt_renderer *const renderers[] = {&gt_render_text, &gt_render_json, &gt_render_csv};

const struct gt_renderer *const *gt_renderer_list(size_t *count)
{
    *count = sizeof renderers / sizeof *renderers;
    return renderers;
}

const struct gt_renderer *gt_renderer_find(const char *name)
{
    size_t count;
    const struct gt_renderer *const *list = gt_renderer_list(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i]->name, name) == 0)
            return list[i];
    return NULL;
}

bool gt_value_known(const struct gt_value *value)
{
    return value->type != GT_VALUE_NULL && !(value->type == GT_VALUE_F64 && !(value->as.f64 - value->as.f64 == 0));
}

static enum gt_status walk(struct gt_render *render, const struct gt_renderer *renderer)
{
    enum gt_status status = renderer->begin(render);
    for (const struct gt_section *s = render->document->sections; s && status == GT_OK; s = s->next) {
        render->section = s;
        render->row = 0;
        status = renderer->section(render, s);
        for (const struct gt_section_row *r = s->rows; r && status == GT_OK; r = r->next, render->row++)
            status = renderer->row(render, r->values);
    }
    enum gt_status ended = renderer->end(render);
    return status == GT_OK ? ended : status;
}

enum gt_status gt_render_document(const struct gt_document *document, const struct gt_renderer *renderer,
                                  const struct gt_render_options *options, FILE *out, struct gt_err *err)
{
    struct gt_render render = {.document = document, .out = out, .err = err};
    if (document->status != GT_OK)
        return gt_err_set(err, document->status, "cannot lay out the %s: %s", document->name,
                          gt_status_message(document->status));
    if (options)
        render.options = *options;
    enum gt_status status = walk(&render, renderer);
    gt_arena_free(&render.arena);
    if (status == GT_OK && (fflush(out) != 0 || ferror(out)))
        return gt_err_set_errno(err, errno ? errno : EIO, "the output cannot be written");
    return status;
}
