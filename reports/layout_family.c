/* The family, its steps and break-points, headline and notes. */
#include "reports/layout.h"
#include "reports/names.h"

#include <string.h>

#define DATA GT_COLUMN_DATA_ONLY
#define TEXT GT_COLUMN_TEXT_ONLY

static bool is_random(const struct gt_report_row *row)
{
    return row->weights && strcmp(row->weights, "random") == 0;
}

/* "front, hull", "dominated". */
static const char *mark_of(const struct gt_report_row *row)
{
    if (!row->judged)
        return "not judged";
    return row->dominated ? "dominated" : row->on_hull ? "front, hull" : "front";
}

static const char *range_text(struct gt_layout *l, const char *format, double lo, double hi)
{
    char a[32], b[32];
    if (!isfinite(lo) || !isfinite(hi))
        return NULL;
    snprintf(a, sizeof a, format[1] == '+' ? "%+.2f" : "%.2f", lo);
    snprintf(b, sizeof b, format[1] == '+' ? "%+.2f" : "%.2f", hi);
    return gt_layout_text(l, "%s to %s", a, b);
}

static const struct gt_column family_columns[] = {
    {"mark", "", GT_Q_TEXT, TEXT},
    {"short_name", "model", GT_Q_TEXT, TEXT | GT_COLUMN_ELASTIC},
    {"name", NULL, GT_Q_TEXT, DATA},
    {"phi", "φ", GT_Q_REAL, 0},
    {"phi_eff", "φ eff.", GT_Q_REAL, 0},
    {"macs", "MACs", GT_Q_COUNT, 0},
    {"params", "params", GT_Q_COUNT, 0},
    {"accuracy_pct", "accuracy", GT_Q_PCT, 0},
    {"accuracy_bounds", "95 %", GT_Q_TEXT, TEXT},
    {"accuracy_lo_pct", NULL, GT_Q_PCT, DATA},
    {"accuracy_hi_pct", NULL, GT_Q_PCT, DATA},
    {"accuracy_n", NULL, GT_Q_INTEGER, DATA},
    {"accuracy_provenance", NULL, GT_Q_TEXT, DATA},
    {"accuracy_rounding_pp", NULL, GT_Q_PP, DATA},
    {"accuracy_citation", NULL, GT_Q_TEXT, DATA},
    {"gain_pp_per_doubling", "gain/doubling", GT_Q_PP, 0},
    {"gain_lo_pp", NULL, GT_Q_PP, DATA},
    {"gain_hi_pp", NULL, GT_Q_PP, DATA},
    {"pareto", "Pareto", GT_Q_TEXT, TEXT},
    {"weights", "weights", GT_Q_TEXT, 0},
    {"uj_per_inference", NULL, GT_Q_ENERGY_UJ, DATA},
    {"lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
    {"hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
    {"kind", NULL, GT_Q_TEXT, DATA},
    {"provenance", NULL, GT_Q_TEXT, DATA},
    {"source", NULL, GT_Q_TEXT, DATA},
    {"boundary", NULL, GT_Q_TEXT, DATA},
    {"basis", NULL, GT_Q_TEXT, DATA},
    {"rounds", NULL, GT_Q_INTEGER, DATA},
    {"stat_lo_uj", NULL, GT_Q_ENERGY_UJ, DATA},
    {"stat_hi_uj", NULL, GT_Q_ENERGY_UJ, DATA},
    {"drift_share", NULL, GT_Q_SHARE, DATA},
    {"seconds_per_inference", NULL, GT_Q_TIME_S, DATA},
    {"on_front", NULL, GT_Q_TEXT, DATA},
    {"on_hull", NULL, GT_Q_TEXT, DATA},
    {"dominated", NULL, GT_Q_TEXT, DATA},
    {"selected", NULL, GT_Q_TEXT, DATA},
    {"digest", NULL, GT_Q_TEXT, DATA},
};

enum { ACCURACY_COLUMN = 7, WEIGHTS_COLUMN = 19 };

static void family_row(struct gt_layout *l, struct gt_section *section, const struct gt_report_row *row)
{
    const struct gt_report_accuracy *a = &row->accuracy;
    const struct gt_report_energy *e = &row->energy;
    const struct gt_value values[] = {
        gt_value_text(row->selected ? "▸" : ""),
        gt_value_text(gt_report_short_name(row->name)),
        gt_value_text(row->name),
        gt_value_f64(row->phi),
        gt_value_f64(row->phi_eff),
        gt_value_u64_if(row->macs_known, row->macs),
        gt_value_u64_if(row->params_known, row->params),
        gt_value_f64(a->pct),
        gt_value_text(range_text(l, "%.2f", a->lo_pct, a->hi_pct)),
        gt_value_f64(a->lo_pct),
        gt_value_f64(a->hi_pct),
        gt_value_u64_if(a->n > 0, a->n),
        gt_value_text(a->provenance),
        gt_value_f64_if(a->known, a->rounding_pp),
        gt_value_text(a->citation),
        gt_value_f64(row->gain_pp_per_doubling),
        gt_value_f64(row->gain_lo_pp),
        gt_value_f64(row->gain_hi_pp),
        gt_value_text(mark_of(row)),
        gt_value_text(row->weights),
        gt_value_f64(e->uj),
        gt_value_f64(e->lo_uj),
        gt_value_f64(e->hi_uj),
        gt_value_text(e->kind),
        gt_value_text(e->known ? e->provenance : NULL),
        gt_value_text(e->known ? e->source : NULL),
        gt_value_text(e->known ? e->boundary : NULL),
        gt_value_text(e->basis),
        gt_value_u64_if(e->basis != NULL, e->rounds),
        gt_value_f64(e->stat_lo_uj),
        gt_value_f64(e->stat_hi_uj),
        gt_value_f64(e->drift_share),
        gt_value_f64(e->seconds_per_inference),
        gt_value_bool_if(row->judged, row->on_front),
        gt_value_bool_if(row->judged && l->report->judged_count >= GT_REPORT_HULL_MODELS, row->on_hull),
        gt_value_bool_if(row->judged, row->dominated),
        gt_value_bool(row->selected),
        gt_value_text(row->digest),
    };
    gt_section_row(section, values, GT_LAYOUT_COUNT(values));
}

/* A heading over figures of several models, with what has to be flagged. */
static const char *flagged_title(struct gt_layout *l, const char *title)
{
    const struct gt_report *r = l->report;
    if (r->labels)
        return gt_layout_text(l, "%s (%s)", title, r->labels);
    const char *open = r->random_weights || r->modelled ? " (" : "";
    return gt_layout_text(l, "%s%s%s%s%s%s", title, open, r->random_weights ? "weights=random" : "",
                          r->random_weights && r->modelled ? ", " : "", r->modelled ? "modelled" : "", *open ? ")" : "");
}

static bool is_hooked(const struct gt_report_energy *e)
{
    return e->basis && strcmp(e->basis, GT_REPORT_HOOKED) == 0;
}

/* The joules of the family, for people: a table of its own, so that both fit a terminal. */
static void energy_table(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"model", "model", GT_Q_TEXT, GT_COLUMN_ELASTIC},
        {"uj", "energy", GT_Q_ENERGY_UJ, 0},
        {"bounds", "bounds", GT_Q_TEXT, 0},
        {"stat", "over rounds", GT_Q_TEXT, 0},
        {"rounds", "rounds", GT_Q_INTEGER, 0},
        {"time", "time", GT_Q_TIME_S, 0},
        {"provenance", "provenance", GT_Q_TEXT, 0},
        {"basis", "taken with", GT_Q_TEXT, 0},
    };
    const char *title = "Energy and time of one inference";
    struct gt_section *section =
        gt_document_section(l->document, GT_SECTION_TABLE, NULL, l->report->labels ? flagged_title(l, title) : title, columns,
                            GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; i < l->report->row_count; i++) {
        const struct gt_report_row *row = &l->report->rows[i];
        const struct gt_report_energy *e = &row->energy;
        const char *name = gt_report_short_name(row->name);
        const struct gt_value values[] = {
            gt_value_text(is_random(row) ? gt_layout_text(l, "%s (random)", name) : name),
            gt_value_f64(e->uj),
            gt_value_text(gt_layout_energy_bounds(l, e->lo_uj, e->hi_uj)),
            gt_value_text(gt_layout_energy_bounds(l, e->stat_lo_uj, e->stat_hi_uj)),
            gt_value_u64_if(e->rounds > 0, e->rounds),
            gt_value_f64(e->seconds_per_inference),
            gt_value_text(e->known ? e->provenance : NULL),
            gt_value_text(is_hooked(e) ? "hooks on" : e->basis),
        };
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

void gt_layout_family(struct gt_layout *l)
{
    const struct gt_report *r = l->report;
    const char *title = gt_layout_text(l, "Family %s by φ", r->family ? r->family : "(unknown)");
    struct gt_column *own = gt_layout_columns(l, family_columns, GT_LAYOUT_COUNT(family_columns));
    if (!own)
        return;
    if (r->labels)
        own[ACCURACY_COLUMN].title = "accuracy, published";
    if (r->labels)
        own[WEIGHTS_COLUMN].title = "weights run";
    struct gt_section *section =
        gt_document_section(l->document, GT_SECTION_TABLE, "family", r->labels ? flagged_title(l, title) : title, own,
                            GT_LAYOUT_COUNT(family_columns));
    for (size_t i = 0; i < r->row_count; i++)
        family_row(l, section, &r->rows[i]);
    energy_table(l);
}

static const char *pair_text(struct gt_layout *l, size_t from, size_t to)
{
    const struct gt_report_row *rows = l->report->rows;
    return gt_layout_text(l, "%s → %s", gt_report_short_name(rows[from].name), gt_report_short_name(rows[to].name));
}

/* Whether the cost is joules: then their labels belong beside it. */
static bool joules_judge(const struct gt_layout *l)
{
    return l->report->axis && strcmp(l->report->axis, "J") == 0;
}

/* What two rows say at `offset`, a string of struct gt_report_row. */
static struct gt_value pair_label(struct gt_layout *l, size_t from, size_t to, size_t offset, bool applies)
{
    const struct gt_report_row *rows = l->report->rows;
    const char *a, *b;
    memcpy(&a, (const char *)&rows[from] + offset, sizeof a);
    memcpy(&b, (const char *)&rows[to] + offset, sizeof b);
    return gt_value_text(applies ? gt_report_both(l->arena, a, b) : NULL);
}

/* Whose figures a row of two models stands on: columns, and values in their order. Joules are named where they are the cost. */
#define PAIR_LABEL_COLUMNS                                                                                                     \
    {"accuracy_provenance", NULL, GT_Q_TEXT, DATA}, {"energy_provenance", NULL, GT_Q_TEXT, DATA},                              \
        {"energy_source", NULL, GT_Q_TEXT, DATA},                                                                              \
    {                                                                                                                          \
        "weights", NULL, GT_Q_TEXT, DATA                                                                                       \
    }
#define PAIR_LABELS(l, from, to)                                                                                               \
    pair_label(l, from, to, offsetof(struct gt_report_row, accuracy.provenance), true),                                        \
        pair_label(l, from, to, offsetof(struct gt_report_row, energy.provenance), joules_judge(l)),                           \
        pair_label(l, from, to, offsetof(struct gt_report_row, energy.source), joules_judge(l)),                               \
        pair_label(l, from, to, offsetof(struct gt_report_row, weights), true)

static const struct gt_column step_columns[] = {
    {"step", "step", GT_Q_TEXT, TEXT},
    {"from", NULL, GT_Q_TEXT, DATA},
    {"to", NULL, GT_Q_TEXT, DATA},
    {"verdict", "verdict", GT_Q_TEXT, 0},
    {"delta_accuracy_pp", "gain", GT_Q_PP, 0},
    {"delta_bounds", "Newcombe 95 %", GT_Q_TEXT, TEXT},
    {"delta_lo_pp", NULL, GT_Q_PP, DATA},
    {"delta_hi_pp", NULL, GT_Q_PP, DATA},
    {"se_pp", NULL, GT_Q_PP, DATA},
    {"z", NULL, GT_Q_REAL, DATA},
    {"p", NULL, GT_Q_REAL, DATA},
    {"p_holm", "p (Holm)", GT_Q_REAL, 0},
    {"mcnemar_exact", NULL, GT_Q_REAL, DATA},
    {"mcnemar_exact_holm", "McNemar exact", GT_Q_REAL, 0},
    {"mcnemar_mid", NULL, GT_Q_REAL, DATA},
    {"mcnemar_mid_holm", "mid-p", GT_Q_REAL, 0},
    {"paired", NULL, GT_Q_TEXT, DATA},
    {"pairing", "answers", GT_Q_TEXT, TEXT},
    {"n", NULL, GT_Q_INTEGER, DATA},
    {"gained", "gained", GT_Q_INTEGER, 0},
    {"lost", "lost", GT_Q_INTEGER, 0},
    {"resolvable_pp", NULL, GT_Q_PP, DATA},
    {"images_needed", NULL, GT_Q_INTEGER, DATA},
    {"gain_pp_per_doubling", NULL, GT_Q_PP, DATA},
    {"weights_random", NULL, GT_Q_TEXT, DATA},
    {"rounding_pp", NULL, GT_Q_PP, DATA},
    PAIR_LABEL_COLUMNS,
};

/* What would have decided it stands beside undecided steps only. */
static void step_row(struct gt_layout *l, struct gt_section *section, const struct gt_report_step *s)
{
    const struct gt_report_row *rows = l->report->rows;
    const struct gt_step *t = &s->step;
    bool undecided = t->verdict == GT_VERDICT_UNDECIDED;
    const struct gt_value values[] = {
        gt_value_text(pair_text(l, s->from, s->to)),
        gt_value_text(rows[s->from].name),
        gt_value_text(rows[s->to].name),
        gt_value_text(gt_verdict_word(t->verdict)),
        gt_value_f64(t->delta_pp),
        gt_value_text(range_text(l, "%+.2f", t->delta_ci_pp.lo, t->delta_ci_pp.hi)),
        gt_value_f64(t->delta_ci_pp.lo),
        gt_value_f64(t->delta_ci_pp.hi),
        gt_value_f64(t->se_pp),
        gt_value_f64(t->z),
        gt_value_f64(t->p),
        gt_value_f64(t->p_holm),
        gt_value_f64(t->mcnemar_exact),
        gt_value_f64(t->mcnemar_exact_holm),
        gt_value_f64(t->mcnemar_mid),
        gt_value_f64(t->mcnemar_mid_holm),
        gt_value_bool(t->paired),
        gt_value_text(t->paired ? "paired" : "unpaired"),
        gt_value_f64(t->n),
        gt_value_f64(t->gained),
        gt_value_f64(t->lost),
        gt_value_f64_if(undecided, t->resolvable_pp),
        gt_value_f64_if(undecided, t->images_needed),
        gt_value_f64(t->gain_pp_per_doubling),
        gt_value_bool(is_random(&rows[s->from]) || is_random(&rows[s->to])),
        gt_value_f64(t->rounding_pp),
        PAIR_LABELS(l, s->from, s->to),
    };
    gt_section_row(section, values, GT_LAYOUT_COUNT(values));
}

/* What would decide an undecided step. */
static void undecided_line(struct gt_layout *l, struct gt_section *section, const struct gt_report_step *s)
{
    const struct gt_step *t = &s->step;
    const char *pair = pair_text(l, s->from, s->to);
    if (isfinite(t->resolvable_pp) && isfinite(t->images_needed))
        gt_section_line(section,
                        "%s: these images resolve a step from %.2f pp (80 %% power); the observed one would need %.0f images.",
                        pair, t->resolvable_pp, t->images_needed);
    else if (isfinite(t->resolvable_pp) && t->delta_pp != 0)
        gt_section_line(
            section,
            "%s: these images resolve a step from %.2f pp (80 %% power); what was observed is within the rounding of ±%.2f pp.",
            pair, t->resolvable_pp, t->rounding_pp);
    else if (isfinite(t->resolvable_pp))
        gt_section_line(section, "%s: these images resolve a step from %.2f pp (80 %% power); none was observed.", pair,
                        t->resolvable_pp);
    else
        gt_section_line(section, "%s: so few images resolve no step at all (80 %% power).", pair);
}

void gt_layout_steps(struct gt_layout *l)
{
    struct gt_section *section =
        gt_document_section(l->document, GT_SECTION_TABLE, "steps", flagged_title(l, "Is a step real?"), step_columns,
                            GT_LAYOUT_COUNT(step_columns));
    for (size_t i = 0; i < l->report->step_count; i++)
        step_row(l, section, &l->report->steps[i]);
    section = gt_document_section(l->document, GT_SECTION_LINES, NULL, NULL, NULL, 0);
    for (size_t i = 0; i < l->report->step_count; i++)
        if (l->report->steps[i].step.verdict == GT_VERDICT_UNDECIDED)
            undecided_line(l, section, &l->report->steps[i]);
}

/* Titles and quantities of the axis: joules and seconds are scaled, MACs stay numbers. */
static void fit_axis(struct gt_layout *l, struct gt_column *lambda, struct gt_column *cost)
{
    const char *axis = l->report->axis ? l->report->axis : "";
    bool joules = strcmp(axis, "J") == 0, seconds = strcmp(axis, "s") == 0;
    const char *modelled = joules && l->report->modelled ? "modelled " : "";
    lambda->title = gt_layout_text(l, "λ in pp per %s%s", modelled, axis);
    cost->title = gt_layout_text(l, "%s%s per additional correct answer", modelled, axis);
    cost->quantity = joules ? GT_Q_ENERGY_J : seconds ? GT_Q_TIME_S : GT_Q_REAL;
}

static void lambda_breaks(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"step", "step", GT_Q_TEXT, TEXT},
        {"from", NULL, GT_Q_TEXT, DATA},
        {"to", NULL, GT_Q_TEXT, DATA},
        {"lambda_pp_per_unit", "pp per unit", GT_Q_REAL, 0},
        {"cost_per_correct_answer", NULL, GT_Q_REAL, 0},
        {"bounds", "range", GT_Q_TEXT, TEXT},
        {"cost_lo_per_correct_answer", NULL, GT_Q_REAL, DATA},
        {"cost_hi_per_correct_answer", NULL, GT_Q_REAL, DATA},
        {"kwh_per_million_inferences", "more kWh per million inferences", GT_Q_REAL, 0},
        PAIR_LABEL_COLUMNS,
    };
    enum { LAMBDA = 3, COST = 4 };
    const struct gt_report *r = l->report;
    struct gt_column *own = gt_layout_columns(l, columns, GT_LAYOUT_COUNT(columns));
    if (!own)
        return;
    fit_axis(l, &own[LAMBDA], &own[COST]);
    struct gt_section *section =
        gt_document_section(l->document, GT_SECTION_TABLE, "break_points",
                            flagged_title(l, "Break-points of λ (linear axis of cost)"), own, GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; i < r->break_count; i++) {
        const struct gt_report_break *b = &r->breaks[i];
        const struct gt_value values[] = {
            gt_value_text(pair_text(l, b->from, b->to)),
            gt_value_text(r->rows[b->from].name),
            gt_value_text(r->rows[b->to].name),
            gt_value_f64(b->pp_per_unit),
            gt_value_f64(b->cost_per_correct_answer),
            gt_value_text(gt_layout_energy_bounds(l, 1e6 * b->cost_lo, 1e6 * b->cost_hi)),
            gt_value_f64(b->cost_lo),
            gt_value_f64(b->cost_hi),
            gt_value_f64(b->kwh_per_million),
            PAIR_LABELS(l, b->from, b->to),
        };
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

static void tau_breaks(struct gt_layout *l)
{
    static const struct gt_column columns[] = {{"step", "step", GT_Q_TEXT, TEXT},
                                               {"from", NULL, GT_Q_TEXT, DATA},
                                               {"to", NULL, GT_Q_TEXT, DATA},
                                               {"tau_pp_per_doubling", "τ in pp per doubling of cost", GT_Q_REAL, 0},
                                               PAIR_LABEL_COLUMNS};
    const struct gt_report *r = l->report;
    struct gt_section *section = gt_document_section(l->document, GT_SECTION_TABLE, "tau_break_points",
                                                     flagged_title(l, "Break-points of τ (logarithmic axis of cost)"), columns,
                                                     GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; i < r->tau_count; i++) {
        const struct gt_report_tau *t = &r->taus[i];
        const struct gt_value values[] = {gt_value_text(pair_text(l, t->from, t->to)), gt_value_text(r->rows[t->from].name),
                                          gt_value_text(r->rows[t->to].name), gt_value_f64(t->pp_per_doubling),
                                          PAIR_LABELS(l, t->from, t->to)};
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

void gt_layout_breaks(struct gt_layout *l)
{
    lambda_breaks(l);
    tau_breaks(l);
}

static struct gt_value name_value(const struct gt_report_row *row)
{
    return gt_value_text(row ? row->name : NULL);
}

static void left_out(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"name", NULL, GT_Q_TEXT, DATA}, {"digest", NULL, GT_Q_TEXT, DATA}, {"reason", NULL, GT_Q_TEXT, DATA}};
    struct gt_section *section =
        gt_document_section(l->document, GT_SECTION_TABLE, "left_out", NULL, columns, GT_LAYOUT_COUNT(columns));
    for (size_t i = 0; i < l->report->left_out_count; i++) {
        const struct gt_report_left_out *left = &l->report->left_out[i];
        const struct gt_value values[] = {gt_value_text(left->name), gt_value_text(left->digest), gt_value_text(left->reason)};
        gt_section_row(section, values, GT_LAYOUT_COUNT(values));
    }
}

static void conclusions(struct gt_layout *l)
{
    static const struct gt_column columns[] = {
        {"axis", NULL, GT_Q_TEXT, DATA},        {"no_measurable_gain_beyond", NULL, GT_Q_TEXT, DATA},
        {"knee_linear", NULL, GT_Q_TEXT, DATA}, {"knee_log", NULL, GT_Q_TEXT, DATA},
        {"headline", NULL, GT_Q_TEXT, DATA},    {"labels", NULL, GT_Q_TEXT, DATA},
    };
    const struct gt_report *r = l->report;
    const struct gt_value values[] = {gt_value_text(r->axis),  name_value(r->beyond),      name_value(r->knee_linear),
                                      name_value(r->knee_log), gt_value_text(r->headline), gt_value_text(r->labels)};
    gt_layout_fields(l, NULL, NULL, true, columns, values, GT_LAYOUT_COUNT(columns));
}

void gt_layout_words(struct gt_layout *l)
{
    left_out(l);
    conclusions(l);
    struct gt_section *section = gt_document_section(l->document, GT_SECTION_LINES, NULL, "Headline", NULL, 0);
    gt_section_line(section, "%s", l->report->headline ? l->report->headline : "");
    section = gt_document_section(l->document, GT_SECTION_LINES, "notes", "Notes", NULL, 0);
    for (size_t i = 0; i < l->report->note_count; i++)
        gt_section_line(section, "%s", l->report->notes[i]);
}
