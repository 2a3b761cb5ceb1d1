#include "runtime/cli/versus.h"
#include "runtime/cli/bench.h"
#include "runtime/cli/fail.h"
#include "runtime/cli/pin.h"
#include "runtime/cli/verbs.h"
#include "runtime/cli/worker.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What --vs may name, and the contenders that it stands for. */
static const struct {
    const char *name, *contender;
    const char *isa, *precision; /* of this runtime with other kernels; NULL: as it comes */
    bool ours;
} choices[] = {
    {"ort", "ort"},
    {"openvino", "openvino-f32"},
    {"openvino", "openvino"},
    {"ncnn", "ncnn"},
    {"onednn", "onednn"},
    {"avx2", "gtcnn-avx2", "avx2", NULL, true},
    {"c", "gtcnn-c", "c", NULL, true},
    {"bf16", "gtcnn-bf16", NULL, "bf16", true},
};

enum { CHOICES = sizeof choices / sizeof *choices };

/* fp32: what differently ordered sums of some thousand products may differ by. Fewer bits: only a wrong network is further off.
 */
#define SAME_FP32 1e-4
#define SAME_OTHER 0.125

/* Before each turn, for threads of the one before that still spin; the longest of the peers' that is known is 20 ms (OpenMP).
 */
enum { PAUSE_US = 50000, CALIBRATE = 3, MOST_CALLS = 1000000 };

static enum gtcnn_status add_contenders(struct gtcnn_versus *v, const char *name, size_t n, struct gtcnn_err *err)
{
    bool known = false;
    for (int i = 0; i < CHOICES; i++) {
        if (strlen(choices[i].name) != n || memcmp(choices[i].name, name, n) != 0)
            continue;
        known = true;
        bool twice = false;
        for (uint32_t c = 0; c < v->count; c++)
            twice |= strcmp(v->contender[c].name, choices[i].contender) == 0;
        if (!twice)
            v->contender[v->count++] =
                (struct gtcnn_contender){.name = choices[i].contender, .ours = choices[i].ours, .error = NAN};
    }
    if (known)
        return GTCNN_OK;
    return gtcnn_cli_fail(err, GTCNN_E_ARG,
                          "--vs %.*s: wants some of ort, openvino, ncnn, onednn, avx2, c, bf16, parted by commas",
                          (int)(n < 40 ? n : 40), name);
}

static enum gtcnn_status list_contenders(struct gtcnn_versus *v, struct gtcnn_err *err)
{
    v->contender[v->count++] = (struct gtcnn_contender){.name = "gtcnn", .ours = true};
    enum gtcnn_status status = GTCNN_OK;
    for (const char *p = v->cli->args.versus; p && !status; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        status = add_contenders(v, p, strcspn(p, ","), err);
    return status;
}

/* $GREENTRACK_PEERS, else `peers` beside the command. */
static void find_peers(char *out, size_t size)
{
    char self[PATH_MAX - 16];
    const char *named = getenv("GREENTRACK_PEERS");
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    if (named && *named)
        snprintf(out, size, "%s", named);
    else
        snprintf(out, size, "%s/peers", self);
}

static void set_state(struct gtcnn_contender *c, enum gtcnn_status status, const struct gtcnn_err *err)
{
    c->state = status == GTCNN_E_NOENT ? GTCNN_VERSUS_ABSENT : GTCNN_VERSUS_FAILED;
    snprintf(c->reason, sizeof c->reason, "%s", err->text);
    gtcnn_peer_stop(&c->peer);
}

static enum gtcnn_status start_ours(struct gtcnn_versus *v, struct gtcnn_contender *c, const char *log, struct gtcnn_err *err)
{
    struct gtcnn_worker worker = {.cli = v->cli};
    for (int i = 0; i < CHOICES; i++)
        if (strcmp(choices[i].contender, c->name) == 0)
            worker = (struct gtcnn_worker){v->cli, choices[i].isa, choices[i].precision};
    struct gtcnn_peer_program program = {.serve = gtcnn_worker_serve, .context = &worker, .cpus = &v->cpus, .log = log};
    return gtcnn_peer_start(&c->peer, &program, err);
}

static enum gtcnn_status start_other(struct gtcnn_versus *v, struct gtcnn_contender *c, const char *log, struct gtcnn_err *err)
{
    char folder[PATH_MAX], python[PATH_MAX + 16], script[PATH_MAX + 16], name[32];
    find_peers(folder, sizeof folder);
    snprintf(python, sizeof python, "%s/bin/python", folder);
    snprintf(script, sizeof script, "%s/peer.py", folder);
    snprintf(name, sizeof name, "%s", c->name);
    if (access(python, X_OK) != 0 || access(script, R_OK) != 0)
        return gtcnn_cli_fail_path(err, GTCNN_E_NOENT, folder,
                                   "has no peers; make bench-deps installs them there, GREENTRACK_PEERS names another folder");
    char *argv[] = {python, "-I", "-u", script, name, NULL};
    struct gtcnn_peer_program program = {.argv = argv, .cpus = &v->cpus, .log = log};
    return gtcnn_peer_start(&c->peer, &program, err);
}

static enum gtcnn_status greet(struct gtcnn_versus *v, struct gtcnn_contender *c, struct gtcnn_err *err)
{
    char log[256];
    double protocol = 0;
    snprintf(log, sizeof log, "%s/%s.log", v->folder, c->name);
    enum gtcnn_status status = c->ours ? start_ours(v, c, log, err) : start_other(v, c, log, err);
    if (!status)
        status = gtcnn_peer_ask(&c->peer, v->cli->args.timeout, NULL, err);
    if (!status)
        status = gtcnn_peer_number(&c->peer, 0, &protocol, err);
    if (!status && protocol != GTCNN_PEER_PROTOCOL)
        status = gtcnn_cli_fail(err, GTCNN_E_UNSUPPORTED,
                                "speaks protocol %g, this command %d: make bench-deps brings the right one", protocol,
                                GTCNN_PEER_PROTOCOL);
    if (!status)
        snprintf(c->version, sizeof c->version, "%s", c->peer.field[1]);
    return status;
}

/* By a process of its own, so that nothing of it is in what is measured. */
static enum gtcnn_status prepare(struct gtcnn_versus *v, struct gtcnn_err *err)
{
    struct gtcnn_contender maker = {.name = "gtcnn", .ours = true};
    char request[GTCNN_PEER_LINE];
    enum gtcnn_status status = strpbrk(v->model, "\t\n")
                                   ? gtcnn_cli_fail(err, GTCNN_E_ARG, "--model has a tab or a line's end in it")
                                   : greet(v, &maker, err);
    if (status)
        return status;
    snprintf(request, sizeof request, "prepare\t%s\t%s", v->model, v->folder);
    status = gtcnn_peer_ask(&maker.peer, v->cli->args.timeout, request, err);
    if (!status) {
        snprintf(v->file, sizeof v->file, "%s", maker.peer.field[0]);
        snprintf(v->shape, sizeof v->shape, "%s", maker.peer.field[1]);
        snprintf(v->isa, sizeof v->isa, "%s", maker.peer.field[4]);
        snprintf(v->weights, sizeof v->weights, "%s", maker.peer.field[5]);
        snprintf(v->how, sizeof v->how, "%s", maker.peer.field[6]);
        v->batch = (uint32_t)strtoul(v->shape, NULL, 10);
    }
    gtcnn_peer_stop(&maker.peer);
    return status;
}

static enum gtcnn_status load(struct gtcnn_versus *v, struct gtcnn_contender *c, uint32_t time, struct gtcnn_err *err)
{
    char request[2 * GTCNN_PEER_LINE];
    snprintf(request, sizeof request, "load\t%u\t%s\t%s/input.f32\t%s", v->threads, v->shape, v->folder, v->file);
    enum gtcnn_status status = gtcnn_peer_ask(&c->peer, v->cli->args.timeout, request, err);
    if (!status)
        status = gtcnn_peer_number(&c->peer, 0, &c->load_ns[time], err);
    if (!status) {
        snprintf(c->precision, sizeof c->precision, "%s", c->peer.field[1]);
        snprintf(c->note, sizeof c->note, "%s", c->peer.field[2]);
        snprintf(request, sizeof request, "output\t%s/%s.f32", v->folder, c->name);
        status = gtcnn_peer_ask(&c->peer, v->cli->args.timeout, request, err);
    }
    return status;
}

/* Its answer, *n elements; owned by the caller. NULL when it cannot be read. */
static float *read_output(const struct gtcnn_versus *v, const struct gtcnn_contender *c, size_t *n)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.f32", v->folder, c->name);
    FILE *f = fopen(path, "re");
    float *values = NULL;
    *n = 0;
    if (f && fseek(f, 0, SEEK_END) == 0) {
        long bytes = ftell(f);
        rewind(f);
        *n = bytes > 0 ? (size_t)bytes / sizeof *values : 0;
        values = malloc((*n + 1) * sizeof *values);
        if (values && fread(values, sizeof *values, *n, f) != *n) {
            free(values);
            values = NULL;
        }
    }
    if (f)
        fclose(f);
    return values;
}

/* NaN counts as infinitely far off. */
static double distance(const float *a, const float *reference, size_t n)
{
    double most = 0, scale = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - reference[i]);
        most = d > most || isnan(d) ? (isnan(d) ? INFINITY : d) : most;
        scale = fabs(reference[i]) > scale ? fabs(reference[i]) : scale;
    }
    return most == 0 ? 0 : most / scale;
}

static void cross_check(struct gtcnn_versus *v, struct gtcnn_contender *c)
{
    size_t n, m;
    float *ours = read_output(v, &v->contender[0], &n), *theirs = read_output(v, c, &m);
    bool fp32 = strcmp(c->precision, "fp32") == 0 && strcmp(v->contender[0].precision, "fp32") == 0;
    c->error = ours && theirs && n == m && n > 0 ? distance(theirs, ours, n) : INFINITY;
    if (c->error > (fp32 ? SAME_FP32 : SAME_OTHER)) {
        c->state = GTCNN_VERSUS_DIFFERS;
        if (n == m)
            snprintf(c->reason, sizeof c->reason, "its answer differs from ours by %.2g of the largest value", c->error);
        else
            snprintf(c->reason, sizeof c->reason, "its answer has %zu elements, ours %zu", m, n);
    }
    free(ours);
    free(theirs);
}

static enum gtcnn_status run(struct gtcnn_versus *v, struct gtcnn_contender *c, uint64_t warm, uint64_t calls, double *median,
                             double *least, struct gtcnn_err *err)
{
    char request[96];
    usleep(PAUSE_US);
    snprintf(request, sizeof request, "run\t%llu\t%llu", (unsigned long long)warm, (unsigned long long)calls);
    double slack = v->cli->args.timeout + 3 * v->cli->args.seconds; /* what it was told to take is not silence */
    enum gtcnn_status status = gtcnn_peer_ask(&c->peer, slack, request, err);
    if (!status)
        status = gtcnn_peer_number(&c->peer, 0, median, err);
    return status ? status : gtcnn_peer_number(&c->peer, 1, least, err);
}

/* How many calls fill a turn. */
static enum gtcnn_status calibrate(struct gtcnn_versus *v, struct gtcnn_contender *c, struct gtcnn_err *err)
{
    double median = 0, least = 0;
    enum gtcnn_status status = run(v, c, 1, CALIBRATE, &median, &least, err);
    double calls = v->cli->args.seconds * 1e9 / (median > 1 ? median : 1);
    c->calls = calls < 1 ? 1 : calls > MOST_CALLS ? MOST_CALLS : (uint64_t)calls;
    c->warm = 1 + c->calls / 10;
    c->min_ns = least;
    return status;
}

static enum gtcnn_status take_turn(struct gtcnn_versus *v, struct gtcnn_contender *c, uint32_t round, struct gtcnn_err *err)
{
    double least = 0;
    enum gtcnn_status status = run(v, c, c->warm, c->calls, &c->round_ns[round], &least, err);
    if (!status && least < c->min_ns)
        c->min_ns = least;
    return status;
}

static enum gtcnn_status ask_memory(struct gtcnn_versus *v, struct gtcnn_contender *c, struct gtcnn_err *err)
{
    enum gtcnn_status status = gtcnn_peer_ask(&c->peer, v->cli->args.timeout, "memory", err);
    if (!status)
        status = gtcnn_peer_number(&c->peer, 0, &c->peak_bytes, err);
    return status ? status : gtcnn_peer_number(&c->peer, 1, &c->python_bytes, err);
}

/*
 * One step of all contenders that are still there, from number `first` on and round. What goes wrong with a peer is its own;
 * ours must be there for anything to be compared with.
 */
static enum gtcnn_status each(struct gtcnn_versus *v, uint32_t first, struct gtcnn_err *err,
                              enum gtcnn_status (*step)(struct gtcnn_versus *, struct gtcnn_contender *, uint32_t,
                                                        struct gtcnn_err *),
                              uint32_t argument)
{
    for (uint32_t i = 0; i < v->count; i++) {
        struct gtcnn_contender *c = &v->contender[(first + i) % v->count];
        struct gtcnn_err its = {0};
        if (c->state == GTCNN_VERSUS_ABSENT || c->state == GTCNN_VERSUS_FAILED)
            continue;
        enum gtcnn_status status = step(v, c, argument, &its);
        if (!status)
            continue;
        if (c == v->contender || strcmp(its.text, "interrupted") == 0)
            return gtcnn_cli_fail(err, status, "%s", its.text);
        set_state(c, status, &its);
    }
    return GTCNN_OK;
}

/* A process anew; the last one stays. */
static enum gtcnn_status step_load(struct gtcnn_versus *v, struct gtcnn_contender *c, uint32_t time, struct gtcnn_err *err)
{
    gtcnn_peer_stop(&c->peer);
    enum gtcnn_status status = greet(v, c, err);
    return status ? status : load(v, c, time, err);
}

static enum gtcnn_status step_check(struct gtcnn_versus *v, struct gtcnn_contender *c, uint32_t unused, struct gtcnn_err *err)
{
    (void)unused;
    if (c != v->contender)
        cross_check(v, c);
    return calibrate(v, c, err);
}

static enum gtcnn_status step_memory(struct gtcnn_versus *v, struct gtcnn_contender *c, uint32_t unused, struct gtcnn_err *err)
{
    (void)unused;
    return ask_memory(v, c, err);
}

static void remove_folder(const char *folder)
{
    char path[512];
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

static enum gtcnn_status make_folder(struct gtcnn_versus *v, struct gtcnn_err *err)
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(v->folder, sizeof v->folder, "%s/gtcnn-vs.XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    if (n < (int)sizeof v->folder && !strpbrk(v->folder, "\t\n") && mkdtemp(v->folder))
        return GTCNN_OK;
    enum gtcnn_status status = gtcnn_cli_fail(err, GTCNN_E_IO, "cannot make a folder in $TMPDIR: %s", strerror(errno));
    v->folder[0] = 0;
    return status;
}

static enum gtcnn_status measure(struct gtcnn_versus *v, struct gtcnn_err *err)
{
    enum gtcnn_status status = make_folder(v, err);
    if (!status)
        status = prepare(v, err);
    for (uint32_t i = 0; i < GTCNN_VERSUS_LOADS && !status; i++)
        status = each(v, i, err, step_load, i);
    if (!status)
        status = each(v, 0, err, step_check, 0);
    for (uint32_t r = 0; r < v->rounds && !status; r++)
        status = each(v, r, err, take_turn, r);
    return status ? status : each(v, 0, err, step_memory, 0);
}

static enum gtcnn_status compare_one(struct gtcnn_cli *cli, uint32_t index, bool *sound, struct gtcnn_err *err)
{
    struct gtcnn_versus *v = calloc(1, sizeof *v);
    if (!v)
        return gtcnn_cli_fail(err, GTCNN_E_NOMEM, "out of memory");
    v->cli = cli;
    v->model = cli->args.models.item[index];
    v->threads = cli->args.threads ? (uint32_t)cli->args.threads : 1;
    v->rounds = (uint32_t)cli->args.rounds;
    v->cpu_count = gtcnn_pin_choose(v->threads, &v->cpus);
    enum gtcnn_status status = list_contenders(v, err);
    if (!status)
        status = measure(v, err);
    if (!status)
        gtcnn_versus_print(v, index, cli->args.models.count);
    for (uint32_t i = 0; i < v->count; i++) {
        *sound &= v->contender[i].state == GTCNN_VERSUS_OK || v->contender[i].state == GTCNN_VERSUS_ABSENT;
        gtcnn_peer_stop(&v->contender[i].peer);
    }
    if (v->folder[0])
        remove_folder(v->folder);
    free(v);
    return status;
}

enum gtcnn_status gtcnn_bench_versus(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    bool sound = true;
    sigset_t ours, before;
    enum gtcnn_status status = GTCNN_OK;
    if (cli->args.layers)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--layers and --vs do not go together");
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN); /* a dead peer is an error of its own */
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT); /* peer.c sees them pending; they take effect when all is tidied up */
    sigaddset(&ours, SIGTERM);
    sigprocmask(SIG_BLOCK, &ours, &before);
    for (uint32_t i = 0; i < cli->args.models.count && !status; i++) {
        status = compare_one(cli, i, &sound, err);
        fflush(cli->out);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, pipe_before);
    if (!status && !sound)
        return gtcnn_cli_fail(err, GTCNN_E_IO, "not every peer could be compared: see what is said of it");
    return status;
}
