/*
 * accuracy [SECONDS SEEDS [SCENARIO]]: per scenario, what the attribution of layers gets wrong, against the share of time.
 * `make accuracy` runs it at 20 s and 60 s.
 */
#include "tests/sim/layers/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct errors {
    double *by_power, *by_time;
    int count, room, covered, units, groups, below, group_count, group_covered;
    double edge2, sigma2, reading, inflation;
    int runs, refused;
};

static void add(struct errors *e, const struct gt_layers_result *r)
{
    for (int i = 0; i < r->unit_count; i++) {
        const struct gt_layers_unit *u = &r->units[i];
        if (e->count == e->room) {
            e->room = e->room ? 2 * e->room : 4096;
            e->by_power = realloc(e->by_power, (size_t)e->room * sizeof *e->by_power);
            e->by_time = realloc(e->by_time, (size_t)e->room * sizeof *e->by_time);
            if (!e->by_power || !e->by_time)
                abort();
        }
        e->by_power[e->count] = fabs(u->uj / u->truth_uj - 1);
        e->by_time[e->count++] = fabs(u->time_uj / u->truth_uj - 1);
        e->covered += u->lo_uj <= u->truth_uj && u->truth_uj <= u->hi_uj;
        e->units += u->resolution == GT_RESOLUTION_UNIT;
        e->groups += u->resolution == GT_RESOLUTION_GROUP;
        e->below += u->resolution == GT_RESOLUTION_BELOW;
        if (!isnan(u->group_uj)) {
            e->group_count++;
            e->group_covered += u->group_lo_uj <= u->group_truth_uj && u->group_truth_uj <= u->group_hi_uj;
        }
    }
    e->runs++;
    e->refused += r->attribution.refusal != NULL;
    e->edge2 += r->edge_error_ns * r->edge_error_ns;
    e->sigma2 += r->edge_sigma_ns * r->edge_sigma_ns;
    e->reading += r->reading_share;
    e->inflation += r->attribution.regression.inflation;
}

static void print(const struct gt_layers *scenario, double seconds, struct errors *e)
{
    double n = e->count, runs = e->runs;
    double median = gt_layers_quantile(e->by_power, e->count, 0.5), p90 = gt_layers_quantile(e->by_power, e->count, 0.9);
    double time_median = gt_layers_quantile(e->by_time, e->count, 0.5),
           time_p90 = gt_layers_quantile(e->by_time, e->count, 0.9);
    printf("%-28s %4.0f %7.1f %7.1f %8.1f %8.1f %8.1f %6.0f %6.0f %6.0f %7.1f %7.1f %6.2f\n", scenario->name, seconds,
           100 * median, 100 * p90, 100 * e->covered / n, 100 * time_median, 100 * time_p90, 100 * e->units / n,
           100 * e->groups / n, 100 * e->below / n, sqrt(e->edge2 / runs) / 1e3, sqrt(e->sigma2 / runs) / 1e3,
           100 * e->reading / runs);
    if (e->refused)
        printf("%-28s      %d of %d runs: split by time\n", "", e->refused, e->runs);
    if (getenv("GT_ACCURACY_VERBOSE"))
        printf("   groups covered %.1f %% of %d, inflation %.2f\n", 100.0 * e->group_covered / (e->group_count + 1e-9),
               e->group_count, e->inflation / runs);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 20;
    int seeds = argc > 2 ? atoi(argv[2]) : 20;
    printf("%-28s %4s %7s %7s %8s %8s %8s %6s %6s %6s %7s %7s %6s\n", "scenario", "s", "median", "p90", "coverage", "t median",
           "t p90", "unit", "group", "below", "edge us", "sigma", "read");
    for (int i = 0; i < gt_layers_scenario_count; i++) {
        const struct gt_layers *scenario = &gt_layers_scenarios[i];
        struct errors errors = {0};
        if (argc > 3 && !strstr(scenario->name, argv[3]))
            continue;
        for (int seed = 1; seed <= seeds; seed++) {
            static struct gt_layers_result result;
            gt_layers_run(scenario, (uint64_t)seed, seconds, &result);
            add(&errors, &result);
        }
        print(scenario, seconds, &errors);
        fflush(stdout);
        free(errors.by_power);
        free(errors.by_time);
    }
    return 0;
}
