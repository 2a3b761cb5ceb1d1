/*
 * A synthetic libgtcnn: the same names, but a unit spends a planned CPU time at a planned power, published in raplsim's table
 * (power.h), so that the true joules of each are known. A profiler hooks it as it hooks the real one.
 *
 * The model's "name" is its plan: "NAME:US:MW,..." units of so many µs of CPU time at so many mW, in that order. The table is
 * the file of $RAPLSIM_TABLE; $RAPLSIM_PACKAGE says which package draws (0). A model belongs to the thread that opened it.
 */
#include "runtime/gtcnn.h"
#include "tests/raplsim/power.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { UNITS = 256, NAME = 32 };

/* CPU time outside of units that is still taken for the next one's: a hook's, and the loop's around it. */
static const uint64_t OVERHEAD_NS = 50000;

struct plan {
    char name[NAME];
    uint64_t span_ns, mw;
};

struct gtcnn_model {
    struct gtcnn_model_info info;
    struct gtcnn_unit units[UNITS];
    struct plan plan[UNITS];
    struct power_slot *slot;
    uint64_t until_cpu_ns; /* when the unit before ended, by this thread's CPU time */
};

static uint64_t cpu_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool read_plan(struct gtcnn_model *model, const char *text)
{
    uint32_t n = 0;
    for (const char *at = text; *at && n < UNITS; n++) {
        double us, mw;
        int used = 0;
        if (sscanf(at, "%31[^:,]:%lf:%lf%n", model->plan[n].name, &us, &mw, &used) != 3 || us <= 0 || mw < 0)
            return false;
        model->plan[n].span_ns = (uint64_t)(us * 1000 + 0.5);
        model->plan[n].mw = (uint64_t)(mw + 0.5);
        at += used;
        at += *at == ',';
    }
    model->info.unit_count = n;
    return n > 0;
}

/* FNV-1a (public domain): the same plan is the same model. */
static void digest(const char *text, uint8_t out[GTCNN_DIGEST_BYTES])
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (int i = 0; i < GTCNN_DIGEST_BYTES; i++) {
        for (const char *at = text; *at; at++)
            h = (h ^ (uint8_t)*at) * UINT64_C(1099511628211);
        out[i] = (uint8_t)(h >> 32);
    }
}

static void describe(struct gtcnn_model *model, const char *text)
{
    static _Atomic uint64_t next_uid = 1;
    struct gtcnn_model_info *info = &model->info;
    const struct gtcnn_shape one = {.rank = 1, .dim = {1}};
    info->struct_bytes = sizeof *info;
    info->api_version = GTCNN_API_VERSION;
    info->uid = atomic_fetch_add(&next_uid, 1);
    info->name = "layered/x0";
    info->family = "layered";
    info->phi = NAN;
    info->weights = "random";
    info->precision = "fp32";
    info->batch = info->threads = 1;
    info->units = model->units;
    info->input = info->output = one;
    info->version = "0";
    info->build = "synthetic";
    digest(text, info->digest);
    for (uint32_t i = 0; i < info->unit_count; i++)
        model->units[i] = (struct gtcnn_unit){.struct_bytes = sizeof *model->units,
                                              .index = i,
                                              .model_uid = info->uid,
                                              .name = model->plan[i].name,
                                              .op = "Conv",
                                              .input = one,
                                              .output = one,
                                              .model = info};
}

enum gtcnn_status gtcnn_model_open(const char *name_or_path, const struct gtcnn_options *options, struct gtcnn_model **model,
                                   struct gtcnn_err *err)
{
    const char *path = getenv("RAPLSIM_TABLE"), *package = getenv("RAPLSIM_PACKAGE");
    struct power_table *table = path ? power_open(path) : NULL;
    struct gtcnn_model *made = calloc(1, sizeof *made);
    (void)options;
    const char *wrong = !table ? "no table in RAPLSIM_TABLE" : !made ? "out of memory" : NULL;
    if (!wrong && !read_plan(made, name_or_path))
        wrong = "no plan: NAME:US:MW,...";
    if (!wrong && !(made->slot = power_attach(table, package ? (uint32_t)atoi(package) : 0)))
        wrong = "no free slot";
    if (wrong) {
        snprintf(err->text, sizeof err->text, "%s", wrong);
        free(made);
        return GTCNN_E_ARG;
    }
    describe(made, name_or_path);
    *model = made;
    return GTCNN_OK;
}

void gtcnn_model_close(struct gtcnn_model *model)
{
    if (model)
        power_detach(model->slot);
    free(model);
}

const struct gtcnn_model_info *gtcnn_model_info(const struct gtcnn_model *model)
{
    return &model->info;
}

/* Units follow one another by planned ends, so that what they drew is power × CPU time however long hooks and clocks took. */
void gtcnn_unit_execute(const struct gtcnn_unit *unit, void *context)
{
    struct gtcnn_model *model = context;
    const struct plan *plan = &model->plan[unit->index];
    uint64_t now = cpu_now_ns();
    uint64_t begin = now - model->until_cpu_ns < OVERHEAD_NS ? model->until_cpu_ns : now;
    model->until_cpu_ns = begin + plan->span_ns;
    power_step(model->slot, plan->mw, plan->span_ns);
    while (cpu_now_ns() < model->until_cpu_ns)
        continue;
}

enum gtcnn_status gtcnn_infer(struct gtcnn_model *model, const float *input, float *output, uint32_t items)
{
    (void)input, (void)output, (void)items;
    for (uint32_t i = 0; i < model->info.unit_count; i++)
        gtcnn_unit_execute(&model->units[i], model);
    return GTCNN_OK;
}
