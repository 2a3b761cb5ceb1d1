/*
 * accuracy FILE [SECONDS SEEDS [SCENARIO]]: per scenario, what the attribution of layers gets wrong, against the share of time.
 * Prints the table and writes it to FILE. Without numbers: all scenarios at 20 s, the usual one also at 60 s.
 */
#include "tests/sim/layers/layers.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 40 };

struct errors {
    double *by_power, *by_time;
    int count, room, covered, resolutions[4], runs, refused;
    double edge2, sigma2, reading;
};

static void keep(struct errors *e, const struct gt_layers_unit *u)
{
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
    e->resolutions[u->resolution]++;
}

static void add(struct errors *e, const struct gt_layers_result *r)
{
    for (int i = 0; i < r->unit_count; i++)
        keep(e, &r->units[i]);
    e->runs++;
    e->refused += r->attribution.refusal != NULL;
    e->edge2 += r->edge_error_ns * r->edge_error_ns;
    e->sigma2 += r->edge_sigma_ns * r->edge_sigma_ns;
    e->reading += r->reading_share;
}

static void say(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(FILE *file, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    vprintf(format, arguments);
    vfprintf(file, format, again);
    va_end(again);
    va_end(arguments);
    fflush(stdout);
}

static void print(FILE *file, const char *name, double seconds, struct errors *e)
{
    double n = e->count, runs = e->runs;
    double median = gt_layers_quantile(e->by_power, e->count, 0.5), p90 = gt_layers_quantile(e->by_power, e->count, 0.9);
    double time_median = gt_layers_quantile(e->by_time, e->count, 0.5),
           time_p90 = gt_layers_quantile(e->by_time, e->count, 0.9);
    char coverage[16] = "      -";
    if (e->refused < e->runs)
        snprintf(coverage, sizeof coverage, "%7.1f", 100 * e->covered / n);
    say(file, "%-34s %3.0f %7.1f %6.1f %7.1f %6.1f %s %5.0f %5.0f %5.0f %7.1f %7.1f%s\n", name, seconds, 100 * median,
        100 * p90, 100 * time_median, 100 * time_p90, coverage, 100 * e->resolutions[GT_RESOLUTION_UNIT] / n,
        100 * e->resolutions[GT_RESOLUTION_GROUP] / n, 100 * e->resolutions[GT_RESOLUTION_BELOW] / n,
        sqrt(e->edge2 / runs) / 1e3, sqrt(e->sigma2 / runs) / 1e3, e->refused ? " *" : "");
}

static void run(FILE *file, int scenario, double seconds, int seeds)
{
    struct gt_layers c = gt_layers_scenario(scenario);
    struct errors errors = {0};
    for (int seed = 1; seed <= seeds; seed++) {
        static struct gt_layers_result result;
        gt_layers_run(&c, (uint64_t)seed, seconds, &result);
        add(&errors, &result);
    }
    print(file, c.name, seconds, &errors);
    free(errors.by_power);
    free(errors.by_time);
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 20;
    int seeds = argc > 3 ? atoi(argv[3]) : SEEDS;
    FILE *file = argc > 1 ? fopen(argv[1], "w") : NULL;
    if (!file || !(seconds > 0) || seeds < 1) {
        fprintf(stderr, "usage: accuracy FILE [SECONDS SEEDS [SCENARIO]]\n");
        return 2;
    }
    say(file,
        "Simulated; not validated against a meter. Errors of the joules of single layers, in %%, over %d random machines "
        "each;\n"
        "in brackets by share of time. What was told of them: own power, that of a group, nothing (below resolution), in "
        "%%.\n\n",
        seeds);
    say(file, "%-34s %3s %7s %6s %7s %6s %7s %5s %5s %5s %7s %7s\n", "scenario", "s", "median", "p90", "(median", "p90)",
        "covered", "unit", "group", "below", "edge us", "as told");
    for (int i = 0; i < gt_layers_scenario_count; i++)
        if (argc <= 4 || strstr(gt_layers_scenario(i).name, argv[4]))
            run(file, i, seconds, seeds);
    if (argc <= 2)
        run(file, 0, 60, seeds);
    say(file, "\n* the refreshes of some or all of these machines are too irregular: their layers are split by time, and said "
              "to be.\n");
    return fclose(file) == 0 ? 0 : 1;
}
