/* Layers and closure: all of them for programs, the costliest for people. */
#include "reports/layout.h"
#include "reports/members.h"

#include <string.h>

#define DATA GT_COLUMN_DATA_ONLY

static struct gt_section *table(struct gt_layout *l, const char *key, const char *title, const struct gt_column *columns,
                                size_t n)
{
    return gt_document_section(l->document, GT_SECTION_TABLE, key, title, columns, n);
}

static const char *const *member_names(struct gt_layout *l, const struct gt_report_layer *layer)
{
    const char **names = gt_arena_alloc(l->arena, layer->member_count + 1, sizeof *names);
    if (!names)
        l->document->status = GT_E_NOMEM;
    for (size_t i = 0; names && i < layer->member_count; i++)
        names[i] = layer->members[i].name;
    return names;
}

static void data_layers(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"name", NULL, GT_Q_TEXT, DATA},
        {"op", NULL, GT_Q_TEXT, DATA},
        {"members", NULL, GT_Q_TEXT, DATA},
        {"calls", NULL, GT_Q_INTEGER, DATA},
        {"ns_per_call", NULL, GT_Q_TIME_NS, DATA},
        {"uj_per_call", NULL, GT_Q_ENERGY_UJ, DATA},
        {"lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"share", NULL, GT_Q_SHARE, DATA},
        {"macs", NULL, GT_Q_INTEGER, DATA},
        {"params", NULL, GT_Q_INTEGER, DATA},
        {"index", NULL, GT_Q_INTEGER, DATA},
        {"watts", NULL, GT_Q_REAL, DATA},
        {"resolution", NULL, GT_Q_TEXT, DATA},
        {"group", NULL, GT_Q_INTEGER, DATA},
        {"group_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"group_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"group_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
    };
    struct gt_section *section = table(l, "layers", NULL, columns, GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; i < l->report->layer_count; i++) {
        const struct gt_report_layer *layer = &l->report->layers[i];
        const struct gt_value values[] = {
            gt_value_text(layer->name),
            gt_value_text(layer->op),
            gt_value_texts(member_names(l, layer), layer->member_count),
            gt_value_u64(layer->calls),
            gt_value_f64(layer->ns_per_call),
            gt_value_f64_if(layer->energy_known, layer->uj_per_call),
            gt_value_f64_if(layer->energy_known, layer->lo_uj),
            gt_value_f64_if(layer->energy_known, layer->hi_uj),
            gt_value_f64(layer->share),
            gt_value_u64_if(layer->macs_known, layer->macs),
            gt_value_u64_if(layer->macs_known, layer->params),
            gt_value_i64(layer->index),
            gt_value_f64_if(layer->energy_known, 1e3 * layer->uj_per_call / layer->ns_per_call),
            gt_value_text(layer->resolution),
            gt_value_i64_if(layer->group >= 0, layer->group),
            gt_value_f64_if(layer->group >= 0, layer->group_uj),
            gt_value_f64_if(layer->group >= 0, layer->group_lo_uj),
            gt_value_f64_if(layer->group >= 0, layer->group_hi_uj),
        };
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

static const char *layer_title(struct gt_layout *l, size_t shown)
{
    if (shown < l->report->layer_count)
        return gt_layout_text(l, "Layers that cost most (%zu of %zu)", shown, l->report->layer_count);
    return "Layers, costliest first";
}

static void text_layers(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"name", "layer", GT_Q_TEXT, GT_COLUMN_ELASTIC},
        {"op", "operator", GT_Q_TEXT, 0},
        {"members", "layers", GT_Q_INTEGER, 0},
        {"calls", "calls", GT_Q_COUNT, 0},
        {"ns_per_call", "time", GT_Q_TIME_NS, 0},
        {"uj_per_call", "energy", GT_Q_ENERGY_UJ, 0},
        {"bounds", "bounds", GT_Q_TEXT, 0},
        {"macs", "MACs", GT_Q_COUNT, 0},
        {"share", "share", GT_Q_SHARE, 0},
        {"bar", "", GT_Q_BAR, 0},
    };
    enum { ENERGY_COLUMN = 5 };
    const struct gt_report *r = l->report;
    size_t shown = r->layer_count < l->text_layers ? r->layer_count : l->text_layers;
    struct gt_column *own = gt_layout_columns(l, columns, GT_LAYOUT_COUNT(columns));
    if (!own)
        return;
    own[ENERGY_COLUMN].title =
        gt_layout_energy_title(l, "energy", r->layer_count && r->layers->energy_known ? r->layer_provenance : NULL);
    struct gt_section *section = table(l, NULL, layer_title(l, shown), own, GT_LAYOUT_COUNT(columns));
    if (section)
        section->empty = "no layers were recorded: run the model under the plugin";
    for (size_t i = 0; i < shown; i++) {
        const struct gt_report_layer *layer = &r->layers[i];
        const struct gt_value values[] = {
            gt_value_text(layer->name),
            gt_value_text(layer->op),
            gt_value_u64(layer->member_count),
            gt_value_u64(layer->calls),
            gt_value_f64(layer->ns_per_call),
            gt_value_f64_if(layer->energy_known, layer->uj_per_call),
            gt_value_text(layer->energy_known ? gt_layout_energy_bounds(l, layer->lo_uj, layer->hi_uj) : NULL),
            gt_value_u64_if(layer->macs_known, layer->macs),
            gt_value_f64(layer->share),
            gt_value_f64(layer->share / r->layers[0].share), /* bars as long as the costliest */
        };
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

static void layer_members(struct gt_layout *l)
{
    const struct gt_report *r = l->report;
    struct gt_report_members *units = gt_arena_alloc(l->arena, r->layer_count + 1, sizeof *units);
    if (!units)
        l->document->status = GT_E_NOMEM;
    for (size_t i = 0; units && i < r->layer_count; i++)
        units[i] = (struct gt_report_members){.model = r->name,
                                              .index = r->layers[i].index,
                                              .unit = r->layers[i].name,
                                              .rows = r->layers[i].members,
                                              .count = r->layers[i].member_count};
    if (units)
        gt_report_members_section(l->document, l->arena, units, r->layer_count, l->text_layers);
}

void gt_layout_layers(struct gt_layout *l)
{
    if (l->report->family_alone) { /* null, not a model without layers */
        gt_layout_fields(l, "layers", NULL, false, NULL, NULL, 0);
        gt_layout_fields(l, "members", NULL, false, NULL, NULL, 0);
        return;
    }
    data_layers(l);
    text_layers(l);
    layer_members(l);
}

static double share_of(const struct gt_report_closure *c, int64_t uj)
{
    return c->total_uj ? (double)uj / (double)c->total_uj : NAN;
}

static void data_closure(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"inference_uj", NULL, GT_Q_ENERGY_UJ, DATA},   {"units_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"framework_uj", NULL, GT_Q_ENERGY_UJ, DATA},   {"idle_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"others_uj", NULL, GT_Q_ENERGY_UJ, DATA},      {"unattributed_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"total_uj", NULL, GT_Q_ENERGY_UJ, DATA},       {"inference_share", NULL, GT_Q_SHARE, DATA},
        {"units_share", NULL, GT_Q_SHARE, DATA},        {"framework_share", NULL, GT_Q_SHARE, DATA},
        {"idle_share", NULL, GT_Q_SHARE, DATA},         {"others_share", NULL, GT_Q_SHARE, DATA},
        {"unattributed_share", NULL, GT_Q_SHARE, DATA}, {"unattributed_flagged", NULL, GT_Q_TEXT, DATA},
        {"provenance", NULL, GT_Q_TEXT, DATA},
    };
    const struct gt_report_closure *c = &l->report->closure;
    const struct gt_value values[] = {
        gt_value_i64(c->inference_uj),
        gt_value_i64_if(c->units_known, c->units_uj),
        gt_value_i64_if(c->units_known, c->framework_uj),
        gt_value_i64_if(c->idle_known, c->idle_uj),
        gt_value_i64_if(c->others_known, c->others_uj),
        gt_value_i64(c->unattributed_uj),
        gt_value_i64(c->total_uj),
        gt_value_f64(share_of(c, c->inference_uj)),
        gt_value_f64_if(c->units_known, share_of(c, c->units_uj)),
        gt_value_f64_if(c->units_known, share_of(c, c->framework_uj)),
        gt_value_f64_if(c->idle_known, share_of(c, c->idle_uj)),
        gt_value_f64_if(c->others_known, share_of(c, c->others_uj)),
        gt_value_f64(share_of(c, c->unattributed_uj)),
        gt_value_bool(c->unattributed_flagged),
        gt_value_text(c->provenance),
    };
    gt_layout_fields(l, "closure", NULL, c->known, columns, values, GT_LAYOUT_COUNT(columns));
}

static void closure_row(struct gt_section *section, const struct gt_report_closure *c, const char *part, bool known, int64_t uj,
                        const char *what)
{
    const struct gt_value values[] = {gt_value_text(part), gt_value_i64_if(known, uj), gt_value_f64_if(known, share_of(c, uj)),
                                      gt_value_text(what)};
    gt_section_row(section, values, GT_LAYOUT_COUNT(values));
}

static void text_closure(struct gt_layout *l)
{
    static const struct gt_column columns[] = {{"part", "part", GT_Q_TEXT, 0},
                                               {"uj", "energy", GT_Q_ENERGY_UJ, 0},
                                               {"share", "share", GT_Q_SHARE, 0},
                                               {"what", "", GT_Q_TEXT, 0}};
    const struct gt_report_closure *c = &l->report->closure;
    struct gt_column *own = gt_layout_columns(l, columns, GT_LAYOUT_COUNT(columns));
    if (!c->known || !own)
        return;
    own[1].title = gt_layout_energy_title(l, "energy", c->provenance);
    struct gt_section *section = table(l, NULL, "Closure of the inference window", own, GT_LAYOUT_COUNT(columns));
    if (c->units_known) {
        closure_row(section, c, "units", true, c->units_uj, "the layers");
        closure_row(section, c, "framework", true, c->framework_uj, "inside an inference, outside its layers");
    } else
        closure_row(section, c, "inferences", true, c->inference_uj, "layers and framework together: layers were not observed");
    closure_row(section, c, "idle", c->idle_known, c->idle_uj,
                c->idle_known ? "the job's share of idle" : "not known, and in the other parts");
    closure_row(section, c, "others", c->others_known, c->others_uj,
                !c->others_known ? "not seen: the model knows this job's CPU time alone"
                                 : "other jobs, idle that was not reserved");
    closure_row(section, c, "unattributed", true, c->unattributed_uj,
                c->unattributed_flagged ? "the job between inferences: above 5 % of its part" : "the job between inferences");
    closure_row(section, c, "total", true, c->total_uj, "");
}

void gt_layout_closure(struct gt_layout *l)
{
    data_closure(l);
    text_closure(l);
}
