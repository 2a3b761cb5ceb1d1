/* Identity, accuracy, cost, energy. */
#include "core/text.h"
#include "reports/layout.h"

#include <inttypes.h>
#include <string.h>

#define DATA GT_COLUMN_DATA_ONLY
#define TEXT GT_COLUMN_TEXT_ONLY

static void fill_model(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"name", "model", GT_Q_TEXT, 0},      {"family", "family", GT_Q_TEXT, 0},
        {"phi", "φ", GT_Q_REAL, 0},           {"phi_eff", "φ effective", GT_Q_REAL, 0},
        {"digest", NULL, GT_Q_TEXT, DATA},    {"digest_short", "digest", GT_Q_TEXT, TEXT},
        {"weights", "weights", GT_Q_TEXT, 0},
    };
    const struct gt_report *r = l->report;
    const struct gt_value values[] = {
        gt_value_text(r->name),    gt_value_text(r->family),
        gt_value_f64(r->phi),      gt_value_f64(r->phi_eff),
        gt_value_text(r->digest),  gt_value_text(r->digest ? gt_layout_text(l, "%.12s", r->digest) : NULL),
        gt_value_text(r->weights),
    };
    gt_layout_fields(l, "model", "Model", !r->family_alone, columns, values, GT_LAYOUT_COUNT(columns));
}

static const char *whose_accuracy(const struct gt_report_accuracy *a)
{
    bool published = a->provenance && strcmp(a->provenance, "published") == 0;
    return published ? "published (of trained weights)" : a->provenance ? a->provenance : "provenance unknown";
}

/* "89.12 % (88.49 to 89.72, Wilson 95 %), 8912 of 10000, measured, fashion-mnist test". */
static const char *accuracy_text(struct gt_layout *l, const struct gt_report_accuracy *a)
{
    const char *bounds = "";
    if (a->n && !a->counted)
        bounds = gt_layout_text(l, " (Wilson 95 %%: %.2f to %.2f, rounding of ±%.2f included), n = %" PRIu64, a->lo_pct,
                                a->hi_pct, a->rounding_pp, a->n);
    else if (a->n)
        bounds =
            gt_layout_text(l, " (Wilson 95 %%: %.2f to %.2f), %" PRIu64 " of %" PRIu64, a->lo_pct, a->hi_pct, a->correct, a->n);
    return gt_layout_text(l, "%.2f %%%s, %s%s%s%s%s", a->pct, bounds, whose_accuracy(a), a->dataset ? ", " : "",
                          a->dataset ? a->dataset : "", a->split ? " " : "", a->split ? a->split : "");
}

static void fill_accuracy(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"text", "accuracy", GT_Q_TEXT, TEXT}, {"pct", NULL, GT_Q_PCT, DATA},
        {"lo_pct", NULL, GT_Q_PCT, DATA},      {"hi_pct", NULL, GT_Q_PCT, DATA},
        {"n", NULL, GT_Q_INTEGER, DATA},       {"provenance", NULL, GT_Q_TEXT, DATA},
        {"correct", NULL, GT_Q_INTEGER, DATA}, {"interval", NULL, GT_Q_TEXT, DATA},
        {"dataset", NULL, GT_Q_TEXT, DATA},    {"split", NULL, GT_Q_TEXT, DATA},
        {"precision", NULL, GT_Q_TEXT, DATA},  {"preprocessing", "preprocessed", GT_Q_TEXT, GT_COLUMN_OPTIONAL},
        {"rounding_pp", NULL, GT_Q_PP, DATA},  {"citation", NULL, GT_Q_TEXT, DATA},
    };
    const struct gt_report_accuracy *a = &l->report->accuracy;
    const struct gt_value values[] = {
        gt_value_text(a->known ? accuracy_text(l, a) : NULL),
        gt_value_f64(a->pct),
        gt_value_f64(a->lo_pct),
        gt_value_f64(a->hi_pct),
        gt_value_u64_if(a->n > 0, a->n),
        gt_value_text(a->provenance),
        gt_value_u64_if(a->counted, a->correct),
        gt_value_text(a->n ? "Wilson, 95 %" : NULL),
        gt_value_text(a->dataset),
        gt_value_text(a->split),
        gt_value_text(a->precision),
        gt_value_text(a->preprocessing),
        gt_value_f64(a->rounding_pp),
        gt_value_text(a->citation),
    };
    gt_layout_fields(l, "accuracy", NULL, a->known, columns, values, GT_LAYOUT_COUNT(columns));
    if (!a->known && !l->report->family_alone)
        l->document->last_section->empty = "accuracy        none yet (see the notes)";
}

/* A family has no MACs of its own: unknown in the data, no line in the text. */
static void fill_size(struct gt_layout *l)
{
    static const struct gt_column columns[] = {{"macs", "MACs", GT_Q_COUNT, 0},
                                               {"params", "parameters", GT_Q_COUNT, 0},
                                               {"seconds_per_inference", "time", GT_Q_TIME_S, 0}};
    const struct gt_report *r = l->report;
    struct gt_column *own = gt_layout_columns(l, columns, GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; own && r->family_alone && i < GT_LAYOUT_COUNT(columns); i++)
        own[i].flags |= DATA;
    const struct gt_value values[] = {gt_value_u64_if(r->macs_known, r->macs), gt_value_u64_if(r->params_known, r->params),
                                      gt_value_f64(r->energy.seconds_per_inference)};
    if (own)
        gt_layout_fields(l, NULL, NULL, true, own, values, GT_LAYOUT_COUNT(columns));
}

/* "10 rounds, hooks off", "hooked". */
static const char *basis_text(struct gt_layout *l, const struct gt_report_energy *e)
{
    if (e->rounds)
        return gt_layout_text(l, "%u round%s, %s", e->rounds, e->rounds == 1 ? "" : "s", e->basis);
    return e->basis ? e->basis : "";
}

static const char *energy_text(struct gt_layout *l, const struct gt_report_energy *e)
{
    char uj[64];
    const char *bounds = gt_layout_energy_bounds(l, e->lo_uj, e->hi_uj);
    const char *weights = l->report->labels ? l->report->weights : NULL; /* they are not the accuracy's then */
    return gt_layout_text(l, "%s per inference (%s%s%s), %s, source %s, boundary %s, %s%s%s",
                          gt_text_energy_uj(uj, sizeof uj, e->uj), strcmp(bounds, "-") == 0 ? "bounds unknown" : bounds,
                          e->kind ? ", " : "", e->kind ? e->kind : "", e->provenance ? e->provenance : "provenance unknown",
                          e->source ? e->source : "unknown", e->boundary ? e->boundary : "unknown", basis_text(l, e),
                          weights ? ", of weights=" : "", weights ? weights : "");
}

static void fill_energy(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"text", "energy", GT_Q_TEXT, TEXT},
        {"uj_per_inference", NULL, GT_Q_ENERGY_UJ, DATA},
        {"lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"kind", NULL, GT_Q_TEXT, DATA},
        {"provenance", NULL, GT_Q_TEXT, DATA},
        {"source", NULL, GT_Q_TEXT, DATA},
        {"boundary", NULL, GT_Q_TEXT, DATA},
        {"basis", NULL, GT_Q_TEXT, DATA},
        {"rounds", NULL, GT_Q_INTEGER, DATA},
        {"stat_text", "  over rounds", GT_Q_TEXT, TEXT | GT_COLUMN_OPTIONAL},
        {"stat_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"stat_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"round_sd_uj", NULL, GT_Q_ENERGY_UJ, DATA},
        {"dynamic_uj", "  dynamic", GT_Q_ENERGY_UJ, 0},
        {"idle_uj", "  idle share", GT_Q_ENERGY_UJ, 0},
    };
    const struct gt_report_energy *e = &l->report->energy;
    const char *rounds = gt_layout_energy_bounds(l, e->stat_lo_uj, e->stat_hi_uj);
    const struct gt_value values[] = {
        gt_value_text(e->known ? energy_text(l, e) : NULL),
        gt_value_f64(e->uj),
        gt_value_f64(e->lo_uj),
        gt_value_f64(e->hi_uj),
        gt_value_text(e->kind),
        gt_value_text(e->provenance),
        gt_value_text(e->source),
        gt_value_text(e->boundary),
        gt_value_text(e->basis),
        gt_value_u64(e->rounds),
        gt_value_text(strcmp(rounds, "-") == 0 ? NULL : gt_layout_text(l, "%s (t-interval, 95 %%)", rounds)),
        gt_value_f64(e->stat_lo_uj),
        gt_value_f64(e->stat_hi_uj),
        gt_value_f64(e->round_sd_uj),
        gt_value_f64(e->dynamic_uj),
        gt_value_f64(e->idle_uj),
    };
    gt_layout_fields(l, "energy", NULL, e->known, columns, values, GT_LAYOUT_COUNT(columns));
    if (!e->known && !l->report->family_alone)
        l->document->last_section->empty = "energy          none yet (see the notes)";
}

static void fill_context(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"group", "compared by", GT_Q_TEXT, 0},
        {"host", NULL, GT_Q_TEXT, DATA},
        {"runtime", NULL, GT_Q_TEXT, DATA},
        {"precision", NULL, GT_Q_TEXT, DATA},
        {"execution", NULL, GT_Q_TEXT, DATA},
        {"run", "layers of run", GT_Q_TEXT, GT_COLUMN_OPTIONAL},
        {"method", NULL, GT_Q_TEXT, DATA},
        {"method_version", NULL, GT_Q_INTEGER, DATA},
        {"format_version", NULL, GT_Q_INTEGER, DATA},
        {"family_name", NULL, GT_Q_TEXT, DATA},
    };
    const struct gt_report *r = l->report;
    const struct gt_value values[] = {
        gt_value_text(r->group_text),
        gt_value_text(r->host_text),
        gt_value_text(r->runtime),
        gt_value_text(r->precision),
        gt_value_text(r->execution),
        gt_value_text(r->run_id),
        gt_value_text(r->method),
        gt_value_u64_if(r->method != NULL, r->method_version),
        gt_value_u64(GT_REPORT_FORMAT_VERSION),
        gt_value_text(r->family),
    };
    gt_layout_fields(l, NULL, NULL, true, columns, values, GT_LAYOUT_COUNT(columns));
}

void gt_layout_identity(struct gt_layout *l)
{
    fill_model(l);
    fill_accuracy(l);
    fill_size(l);
    fill_energy(l);
    fill_context(l);
}
