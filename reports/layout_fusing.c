/* What fusing saves: one record for programs, a small table for people, or the command that would tell. */
#include "core/text.h"
#include "reports/layout.h"
#include "sqlite/records.h"

#include <string.h>

#define DATA GT_COLUMN_DATA_ONLY

static void data_fusing(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"compared", NULL, GT_Q_TEXT, DATA},
        {"fused_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"fused_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"fused_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"fused_stat_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"fused_stat_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"fused_seconds", NULL, GT_Q_TIME_S, DATA},
        {"fused_lo_seconds", NULL, GT_Q_TIME_S, DATA},
        {"fused_hi_seconds", NULL, GT_Q_TIME_S, DATA},
        {"fused_rounds", NULL, GT_Q_INTEGER, DATA},
        {"layers_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"layers_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"layers_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"layers_stat_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"layers_stat_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"layers_seconds", NULL, GT_Q_TIME_S, DATA},
        {"layers_lo_seconds", NULL, GT_Q_TIME_S, DATA},
        {"layers_hi_seconds", NULL, GT_Q_TIME_S, DATA},
        {"layers_rounds", NULL, GT_Q_INTEGER, DATA},
        {"kind", NULL, GT_Q_TEXT, DATA},
        {"provenance", NULL, GT_Q_TEXT, DATA},
        {"basis", NULL, GT_Q_TEXT, DATA},
        {"same_series", NULL, GT_Q_TEXT, DATA},
        {"paired", NULL, GT_Q_TEXT, DATA},
        {"saved_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"saved_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"saved_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"saved_stat_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"saved_stat_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"saved_uj_share", NULL, GT_Q_SHARE, DATA},
        {"saved_seconds", NULL, GT_Q_TIME_S, DATA},
        {"saved_lo_seconds", NULL, GT_Q_TIME_S, DATA},
        {"saved_hi_seconds", NULL, GT_Q_TIME_S, DATA},
        {"saved_seconds_share", NULL, GT_Q_SHARE, DATA},
        {"layers_run", NULL, GT_Q_TEXT, DATA},
        {"command", NULL, GT_Q_TEXT, DATA},
    };
    const struct gt_report_fusing *f = &l->report->fusing;
    const struct gt_report_energy *fused = &f->fused, *layers = &f->layers;
    bool energy = f->compared && fused->known && layers->known;
    const struct gt_value values[] = {
        gt_value_bool(f->compared),
        gt_value_f64_if(energy, fused->uj),
        gt_value_f64_if(energy, fused->lo_uj),
        gt_value_f64_if(energy, fused->hi_uj),
        gt_value_f64_if(energy, fused->stat_lo_uj),
        gt_value_f64_if(energy, fused->stat_hi_uj),
        gt_value_f64_if(f->compared, fused->seconds_per_inference),
        gt_value_f64_if(f->compared, fused->seconds_lo),
        gt_value_f64_if(f->compared, fused->seconds_hi),
        gt_value_u64_if(f->compared, fused->rounds),
        gt_value_f64_if(energy, layers->uj),
        gt_value_f64_if(energy, layers->lo_uj),
        gt_value_f64_if(energy, layers->hi_uj),
        gt_value_f64_if(energy, layers->stat_lo_uj),
        gt_value_f64_if(energy, layers->stat_hi_uj),
        gt_value_f64_if(f->compared, layers->seconds_per_inference),
        gt_value_f64_if(f->compared, layers->seconds_lo),
        gt_value_f64_if(f->compared, layers->seconds_hi),
        gt_value_u64_if(f->compared, layers->rounds),
        gt_value_text(energy ? layers->kind : NULL),
        gt_value_text(energy ? layers->provenance : NULL),
        gt_value_text(f->compared ? layers->basis : NULL),
        gt_value_bool_if(f->compared, f->same_series),
        gt_value_bool_if(f->compared, f->paired),
        gt_value_f64(f->saved_uj),
        gt_value_f64(f->saved_lo_uj),
        gt_value_f64(f->saved_hi_uj),
        gt_value_f64(f->saved_stat_lo_uj),
        gt_value_f64(f->saved_stat_hi_uj),
        gt_value_f64(f->saved_share),
        gt_value_f64(f->saved_s),
        gt_value_f64(f->saved_lo_s),
        gt_value_f64(f->saved_hi_s),
        gt_value_f64(f->saved_s_share),
        gt_value_text(f->layers_run),
        gt_value_text(f->command),
    };
    gt_layout_fields(l, "fusing", NULL, f->known, columns, values, GT_LAYOUT_COUNT(columns));
}

static const char *time_bounds(struct gt_layout *l, double lo_s, double hi_s)
{
    char lo[64], hi[64];
    if (!isfinite(lo_s) || !isfinite(hi_s))
        return "-";
    return gt_layout_text(l, "%s to %s", gt_text_time_ns(lo, sizeof lo, lo_s * 1e9),
                          gt_text_time_ns(hi, sizeof hi, hi_s * 1e9));
}

static const char *percent(struct gt_layout *l, double share)
{
    return isfinite(share) ? gt_layout_text(l, "%.1f %%", 100 * share) : "-";
}

static void add_way(struct gt_layout *l, struct gt_section *section, const char *name, const struct gt_report_energy *e)
{
    const struct gt_value values[] = {
        gt_value_text(name),
        gt_value_f64_if(e->known, e->uj),
        gt_value_text(gt_layout_energy_bounds(l, e->lo_uj, e->hi_uj)),
        gt_value_text(gt_layout_energy_bounds(l, e->stat_lo_uj, e->stat_hi_uj)),
        gt_value_f64(e->seconds_per_inference),
        gt_value_text(time_bounds(l, e->seconds_lo, e->seconds_hi)),
        gt_value_u64_if(e->rounds > 0, e->rounds),
        gt_value_text(e->basis),
    };
    gt_section_row(section, values, GT_LAYOUT_COUNT(values));
}

static void add_saved(struct gt_layout *l, struct gt_section *section, const struct gt_report_fusing *f)
{
    const struct gt_value values[] = {
        gt_value_text("saved by fusing"),
        gt_value_f64(f->saved_uj),
        gt_value_text(gt_layout_energy_bounds(l, f->saved_lo_uj, f->saved_hi_uj)),
        gt_value_text(gt_layout_energy_bounds(l, f->saved_stat_lo_uj, f->saved_stat_hi_uj)),
        gt_value_f64(f->saved_s),
        gt_value_text(time_bounds(l, f->saved_lo_s, f->saved_hi_s)),
        (struct gt_value){0},
        gt_value_text(
            gt_layout_text(l, "%s of the joules, %s of the time", percent(l, f->saved_share), percent(l, f->saved_s_share))),
    };
    gt_section_row(section, values, GT_LAYOUT_COUNT(values));
}

static void text_fusing(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"execution", "execution", GT_Q_TEXT, 0}, {"uj", "energy", GT_Q_ENERGY_UJ, 0},
        {"bounds", "bounds", GT_Q_TEXT, 0},       {"stat", "over rounds", GT_Q_TEXT, 0},
        {"seconds", "time", GT_Q_TIME_S, 0},      {"seconds_stat", "over rounds", GT_Q_TEXT, 0},
        {"rounds", "rounds", GT_Q_INTEGER, 0},    {"basis", "taken with", GT_Q_TEXT, 0},
    };
    const struct gt_report_fusing *f = &l->report->fusing;
    struct gt_column *own = f->compared ? gt_layout_columns(l, columns, GT_LAYOUT_COUNT(columns)) : NULL;
    if (!own)
        return;
    own[1].title = gt_layout_energy_title(l, "energy", f->layers.provenance);
    struct gt_section *section = gt_document_section(l->document, GT_SECTION_TABLE, NULL, "What fusing saves, of one inference",
                                                     own, GT_LAYOUT_COUNT(columns));
    add_way(l, section, GT_EXECUTION_FUSED, &f->fused);
    add_way(l, section, GT_EXECUTION_LAYERS, &f->layers);
    add_saved(l, section, f);
}

static void text_remedy(struct gt_layout *l)
{
    const struct gt_report_fusing *f = &l->report->fusing;
    bool fused = l->report->execution && strcmp(l->report->execution, GT_EXECUTION_FUSED) == 0;
    if (!f->known || f->compared || !f->command)
        return;
    struct gt_section *section = gt_document_section(l->document, GT_SECTION_LINES, NULL, "What fusing saves", NULL, 0);
    gt_section_line(section, "Not known: no run %s compares with these. Both ways, in turns%s: %s",
                    fused ? GT_EXECUTION_LAYERS : GT_EXECUTION_FUSED, fused ? "" : ", where the kernels can fuse", f->command);
}

void gt_layout_fusing(struct gt_layout *l)
{
    data_fusing(l);
    text_fusing(l);
    text_remedy(l);
}
