#include "reports/facts.h"
#include "sqlite/records.h"

#include <string.h>

const char *gt_report_group_words(enum gt_group_field field)
{
    static const char *const words[GT_GROUP_FIELDS] = {
#define GT_GROUP_WORDS(name, text) [GT_GROUP_##name] = (text),
        GT_GROUP_LIST(GT_GROUP_WORDS)
#undef GT_GROUP_WORDS
    };
    return words[field];
}

enum gt_group_field gt_report_group_differs(const struct gt_facts_run *a, const struct gt_facts_run *b)
{
    for (int f = 0; f < GT_GROUP_FIELDS; f++)
        if (a->group[f] && b->group[f] && strcmp(a->group[f], b->group[f]) != 0)
            return (enum gt_group_field)f;
    return GT_GROUP_FIELDS;
}

/* How well a run can stand for its model: energy with hooks off, energy, energy of the whole run, time alone. */
static int rank(const struct gt_facts_run *run)
{
    return !run->energy_known ? 1 : run->whole ? 2 : run->hooked ? 3 : 4;
}

/* A run of no series was not aborted. */
static bool complete(const struct gt_facts_run *run)
{
    return !run->series || run->series_complete;
}

/* Asked for, to see layers: not how the model runs otherwise. */
static bool by_layer(const struct gt_facts_run *run)
{
    const char *execution = run->group[GT_GROUP_EXECUTION];
    return execution && strcmp(execution, GT_EXECUTION_LAYERS) == 0;
}

static bool of_series(const struct gt_facts_run *run, const char *series)
{
    return run->series && series && strcmp(run->series, series) == 0;
}

/* How many models the run's series has rounds of, in the run's group; 1 for a run of no series. */
static size_t span(const struct gt_facts *facts, const struct gt_facts_run *run)
{
    size_t models = !run->series;
    for (size_t m = 0; m < facts->model_count && run->series; m++)
        for (size_t i = 0; i < facts->run_count; i++)
            if (facts->runs[i].model == m && of_series(&facts->runs[i], run->series) &&
                facts->runs[i].energy_known == run->energy_known &&
                gt_report_group_differs(&facts->runs[i], run) == GT_GROUP_FIELDS) {
                models++;
                break;
            }
    return models;
}

/* Whether `run` stands for its model at least as well as an earlier one. */
static bool stands_better(const struct gt_facts *facts, const struct gt_facts_run *than, const struct gt_facts_run *run)
{
    if (rank(run) != rank(than))
        return rank(run) > rank(than);
    if (complete(run) != complete(than))
        return complete(run);
    if (by_layer(run) != by_layer(than))
        return by_layer(than);
    return of_series(run, than->series) || span(facts, run) >= span(facts, than);
}

static int reference_run(const struct gt_facts *facts)
{
    int best = GT_FACTS_NONE;
    for (size_t i = 0; i < facts->run_count; i++)
        if (facts->runs[i].model == facts->selected &&
            (best == GT_FACTS_NONE || stands_better(facts, &facts->runs[best], &facts->runs[i])))
            best = (int)i;
    return best;
}

static bool has_comparable(const struct gt_facts *facts, size_t model, const struct gt_facts_run *reference)
{
    for (size_t i = 0; i < facts->run_count; i++) {
        const struct gt_facts_run *run = &facts->runs[i];
        if (run->model == model && run->energy_known == reference->energy_known &&
            gt_report_group_differs(run, reference) == GT_GROUP_FIELDS)
            return true;
    }
    return false;
}

static size_t comparable_models(const struct gt_facts *facts, const struct gt_facts_run *reference)
{
    size_t n = 0;
    for (size_t model = 0; model < facts->model_count; model++)
        n += has_comparable(facts, model, reference);
    return n;
}

size_t gt_report_anchor(const struct gt_facts *facts)
{
    struct gt_facts each = *facts;
    const struct gt_facts_run *best = NULL;
    size_t most = 0;
    for (each.selected = 0; each.selected < facts->model_count; each.selected++) {
        int reference = reference_run(&each);
        const struct gt_facts_run *run = reference == GT_FACTS_NONE ? NULL : &facts->runs[reference];
        size_t n = run ? comparable_models(facts, run) : 0;
        if (n > most || (run && n == most && run->begun_ns > best->begun_ns)) {
            best = run;
            most = n;
        }
    }
    return best ? best->model : 0;
}

static bool inside(const struct gt_facts_run *run, const char *series)
{
    return run->parent && series && strcmp(run->parent, series) == 0;
}

/*
 * Of the hooked runs in the reference's group: one with energy goes before one without, the pass of the reference's own series
 * before any other, then one of more inferences, and then the latest.
 */
static bool shows_layers_better(const struct gt_facts_run *reference, const struct gt_facts_run *than,
                                const struct gt_facts_run *run)
{
    bool own = inside(run, reference->series), other_own = inside(than, reference->series);
    if (run->energy_known != than->energy_known)
        return run->energy_known;
    return own != other_own ? own : run->inferences >= than->inferences;
}

static int layers_run(const struct gt_facts *facts, const struct gt_facts_run *reference)
{
    int best = GT_FACTS_NONE;
    for (size_t i = 0; i < facts->run_count; i++) {
        const struct gt_facts_run *run = &facts->runs[i];
        if (run->model != facts->selected || !run->hooked || gt_report_group_differs(run, reference) != GT_GROUP_FIELDS)
            continue;
        if (best == GT_FACTS_NONE || shows_layers_better(reference, &facts->runs[best], run))
            best = (int)i;
    }
    return best;
}

struct gt_report_choice gt_report_choose(const struct gt_facts *facts)
{
    struct gt_report_choice choice = {reference_run(facts), GT_FACTS_NONE};
    if (choice.reference != GT_FACTS_NONE)
        choice.layers = layers_run(facts, &facts->runs[choice.reference]);
    return choice;
}
