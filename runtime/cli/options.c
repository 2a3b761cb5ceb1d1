#include "runtime/cli/options.h"
#include "runtime/cli/fail.h"
#include "runtime/escape.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(struct gtcnn_cli_args, field)
#define MODEL_VERBS (GTCNN_CLI_EVAL | GTCNN_CLI_RUN | GTCNN_CLI_BENCH | GTCNN_CLI_INFO | GTCNN_CLI_EXPORT)
#define RUNNING_VERBS (GTCNN_CLI_EVAL | GTCNN_CLI_RUN | GTCNN_CLI_BENCH)

const struct gtcnn_cli_option GTCNN_CLI_OPTIONS[] = {
    {"model", "NAME|FILE", GTCNN_CLI_LIST, AT(models), MODEL_VERBS, MODEL_VERBS, GTCNN_CLI_BENCH, 0, 0, NULL,
     "built-in model (fashion/b0 to b3, efficientnet/b0 to b7, efficientnet-lite/lite0 to lite4) or ONNX file"},
    {"data", "DIR", GTCNN_CLI_TEXT, AT(data), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL,
     "folder with IDX files, plain or gzip'd, or with a folder of JPEG and PNG files for each class (default: Debian's "
     "dataset-fashion-mnist)"},
    {"classes", "FILE", GTCNN_CLI_TEXT, AT(classes), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL,
     "names of the class folders in the order of the model's outputs, one on a line (default: sorted by their bytes)"},
    {"resize", "N", GTCNN_CLI_COUNT, AT(resize), GTCNN_CLI_EVAL, 0, 0, 1, 65535, NULL,
     "pixels that the shorter side of an image is resized to before the crop (default: 32 more than the crop)"},
    {"crop", "N|none", GTCNN_CLI_TEXT, AT(crop), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL,
     "pixels of a side of the centre square that the model sees, or the whole image whatever its shape (default: the model's "
     "input)"},
    {"interpolation", "bicubic|bilinear", GTCNN_CLI_TEXT, AT(interpolation), GTCNN_CLI_EVAL, 0, 0, 0, 0, "bicubic|bilinear",
     "filter of the resizing, with antialiasing"},
    {"mean", "R,G,B", GTCNN_CLI_TEXT, AT(mean), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL,
     "mean of the channels in units of 0 to 1, or one number for all (default: ImageNet's for JPEG and PNG files in colour, "
     "else Fashion-MNIST's)"},
    {"std", "R,G,B", GTCNN_CLI_TEXT, AT(std), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL, "standard deviation of the channels, likewise"},
    {"split", "test|train", GTCNN_CLI_TEXT, AT(split), GTCNN_CLI_EVAL, 0, 0, 0, 0, "test|train",
     "which images of the data set"},
    {"limit", "N", GTCNN_CLI_COUNT, AT(limit), GTCNN_CLI_EVAL, 0, 0, 1, 1e9, NULL, "only the first N images"},
    {"predictions", "FILE", GTCNN_CLI_TEXT, AT(predictions), GTCNN_CLI_EVAL, 0, 0, 0, 0, NULL,
     "write every image's label and prediction to FILE"},
    {"input", "FILE.npy", GTCNN_CLI_TEXT, AT(input), GTCNN_CLI_RUN, GTCNN_CLI_RUN, 0, 0, 0, NULL,
     "array in the model's order (NCHW), any number of items in its first dimension"},
    {"output", "FILE", GTCNN_CLI_TEXT, AT(output), GTCNN_CLI_RUN | GTCNN_CLI_EXPORT, GTCNN_CLI_RUN | GTCNN_CLI_EXPORT, 0, 0, 0,
     NULL, "file to write: a NumPy array (run) or an ONNX model (export)"},
    {"dump", "NAME", GTCNN_CLI_LIST, AT(dumps), GTCNN_CLI_RUN, 0, GTCNN_CLI_RUN, 0, 0, NULL,
     "also write the tensor of that node or tensor name to NAME.npy beside the output"},
    {"seconds", "S", GTCNN_CLI_REAL, AT(seconds), GTCNN_CLI_BENCH, 0, 0, 0.001, 1e6, NULL,
     "how long to measure each model, after a warm-up; with --vs each contender in each round (default 1)"},
    {"vs", "LIST", GTCNN_CLI_TEXT, AT(versus), GTCNN_CLI_BENCH, 0, 0, 0, 0, NULL,
     "compare with ort, openvino, ncnn, onednn, or our own kernels avx2, c or bf16; several are parted by commas"},
    {"rounds", "R", GTCNN_CLI_COUNT, AT(rounds), GTCNN_CLI_BENCH, 0, 0, 1, 100, NULL,
     "with --vs: how often all are measured in turn (default 7)"},
    {"timeout", "S", GTCNN_CLI_REAL, AT(timeout), GTCNN_CLI_BENCH, 0, 0, 0.1, 1e6, NULL,
     "with --vs: give up on a contender that is silent for so many seconds (default 300)"},
    {"batch", "B", GTCNN_CLI_COUNT, AT(batch), MODEL_VERBS & ~GTCNN_CLI_EXPORT, 0, 0, 1, 65536, NULL,
     "images per inference call (default: the file's own, 1 where that is dynamic)"},
    {"threads", "T", GTCNN_CLI_COUNT, AT(threads), RUNNING_VERBS | GTCNN_CLI_TRAIN, 0, 0, 1, 1024, NULL,
     "threads to compute with (default 1)"},
    {"layers", NULL, GTCNN_CLI_FLAG, AT(layers), GTCNN_CLI_BENCH, 0, 0, 0, 0, NULL,
     "what each unit takes, and how near that is to what the machine can do, which is measured, too"},
    {"precision", "fp32|bf16", GTCNN_CLI_TEXT, AT(precision), MODEL_VERBS & ~GTCNN_CLI_EXPORT, 0, 0, 0, 0, "fp32|bf16",
     "of weights and of what layers hand to each other (default fp32); bf16 needs a processor with AVX512_BF16"},
    {"no-fuse", NULL, GTCNN_CLI_FLAG, AT(no_fuse), MODEL_VERBS & ~GTCNN_CLI_EXPORT, 0, 0, 0, 0, NULL,
     "execute layer by layer: no unit of more than one convolution or matrix product"},
    {"data", "DIR", GTCNN_CLI_TEXT, AT(data), GTCNN_CLI_TRAIN, 0, 0, 0, 0, NULL,
     "folder with IDX files, plain or gzip'd (default: Debian's dataset-fashion-mnist)"},
    {"model", "NAME", GTCNN_CLI_LIST, AT(models), GTCNN_CLI_TRAIN, GTCNN_CLI_TRAIN, 0, 0, 0, NULL,
     "built-in model to train from fresh weights (fashion/b0 to b3)"},
    {"output", "DIR", GTCNN_CLI_TEXT, AT(output), GTCNN_CLI_TRAIN, GTCNN_CLI_TRAIN, 0, 0, 0, NULL,
     "folder for checkpoint, model and curves; made if it is not there"},
    {"batch", "B", GTCNN_CLI_COUNT, AT(batch), GTCNN_CLI_TRAIN, 0, 0, 1, 1024, NULL, "images per step (default 128)"},
    {"limit", "N", GTCNN_CLI_COUNT, AT(limit), GTCNN_CLI_TRAIN, 0, 0, 1, 1e9, NULL,
     "train on N of the images that are not held out, drawn once"},
    {"seed", "N", GTCNN_CLI_COUNT, AT(seed), GTCNN_CLI_TRAIN, 0, 0, 0, 1e15, NULL,
     "of weights, order and augmentation (default 1); the held-out images are the same for all"},
    {"epochs", "N", GTCNN_CLI_COUNT, AT(epochs), GTCNN_CLI_TRAIN, 0, 0, 1, 1e5, NULL,
     "length of the cosine schedule (default 30)"},
    {"warmup", "N", GTCNN_CLI_COUNT, AT(warmup), GTCNN_CLI_TRAIN, 0, 0, 0, 1e5, NULL,
     "epochs among them in which the learning rate rises (default 2)"},
    {"patience", "N", GTCNN_CLI_COUNT, AT(patience), GTCNN_CLI_TRAIN, 0, 0, 1, 1e5, NULL,
     "stop after N epochs without a better held-out accuracy (default 12)"},
    {"rate", "X", GTCNN_CLI_REAL, AT(rate), GTCNN_CLI_TRAIN, 0, 0, 1e-9, 1e3, NULL, "highest learning rate (default 0.2)"},
    {"momentum", "X", GTCNN_CLI_REAL, AT(momentum), GTCNN_CLI_TRAIN, 0, 0, 0, 0.9999, NULL, "Nesterov's (default 0.9)"},
    {"decay", "X", GTCNN_CLI_REAL, AT(decay), GTCNN_CLI_TRAIN, 0, 0, 0, 1, NULL,
     "weight decay, of weights alone (default 0.0002)"},
    {"smoothing", "X", GTCNN_CLI_REAL, AT(smoothing), GTCNN_CLI_TRAIN, 0, 0, 0, 0.99, NULL, "of labels (default 0.1)"},
    {"held-out", "N", GTCNN_CLI_COUNT, AT(held_out), GTCNN_CLI_TRAIN, 0, 0, 1, 1e9, NULL,
     "training images set apart to choose by (default 5000)"},
    {"shift", "N", GTCNN_CLI_COUNT, AT(shift), GTCNN_CLI_TRAIN, 0, 0, 0, 1000, NULL,
     "pixels by which an image may be moved, each way (default 2)"},
    {"no-flip", NULL, GTCNN_CLI_FLAG, AT(no_flip), GTCNN_CLI_TRAIN, 0, 0, 0, 0, NULL, "do not mirror images"},
    {"format", "text|json", GTCNN_CLI_TEXT, AT(format), GTCNN_CLI_INFO, 0, 0, 0, 0, "text|json", "how to print the result"},
    {"format", "text|json|csv", GTCNN_CLI_TEXT, AT(format), GTCNN_CLI_BENCH, 0, 0, 0, 0, "text|json|csv",
     "how to print the result; csv only with --vs"},
    {"man", NULL, GTCNN_CLI_FLAG, AT(man), GTCNN_CLI_HELP, 0, 0, 0, 0, NULL,
     "print the commands and options as source of a man page"},
    {"help", NULL, GTCNN_CLI_FLAG, AT(help), GTCNN_CLI_ALL, 0, 0, 0, 0, NULL, "print what the command does and its options"},
    {NULL},
};

enum { WORD_MAX = 31 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned gtcnn_cli_distance(const char *a, const char *b)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    size_t n = strnlen(a, WORD_MAX), m = strnlen(b, WORD_MAX);
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

/* Keeps `candidate` when it is nearer than what there was; at most a third of the letters may differ. */
static void keep_nearer(const char *word, const char *candidate, const char **best, unsigned *distance)
{
    unsigned edits = gtcnn_cli_distance(word, candidate);
    if (edits < *distance && edits <= (strlen(candidate) + 2) / 3) {
        *best = candidate;
        *distance = edits;
    }
}

const struct gtcnn_cli_verb *gtcnn_cli_find_verb(const char *name)
{
    for (const struct gtcnn_cli_verb *v = GTCNN_CLI_VERBS; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

const char *gtcnn_cli_nearest_verb(const char *name)
{
    const char *best = NULL;
    unsigned distance = WORD_MAX + 1;
    for (const struct gtcnn_cli_verb *v = GTCNN_CLI_VERBS; v->name; v++)
        keep_nearer(name, v->name, &best, &distance);
    return best;
}

static const struct gtcnn_cli_option *find_option(const struct gtcnn_cli_verb *verb, const char *name, size_t n)
{
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++)
        if ((o->verbs & verb->bit) && strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    return NULL;
}

static enum gtcnn_status unknown_option(const struct gtcnn_cli_verb *verb, const char *name, size_t n, struct gtcnn_err *err)
{
    char word[64], safe[256];
    snprintf(word, sizeof word, "%.*s", (int)(n < 63 ? n : 63), name);
    const char *best = NULL;
    unsigned distance = WORD_MAX + 1;
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++)
        if (o->verbs & verb->bit)
            keep_nearer(word, o->name, &best, &distance);
    gtcnn_escape(safe, sizeof safe, word, SIZE_MAX);
    if (best)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "%s has no option --%s; did you mean --%s?", verb->name, safe, best);
    return gtcnn_cli_fail(err, GTCNN_E_ARG, "%s has no option --%s; see gtcnn %s --help", verb->name, safe, verb->name);
}

static enum gtcnn_status bad_value(const struct gtcnn_cli_option *o, const char *value, const char *wanted,
                                   struct gtcnn_err *err)
{
    char safe[128];
    return gtcnn_cli_fail(err, GTCNN_E_ARG, "--%s %s: %s", o->name, gtcnn_escape(safe, sizeof safe, value, SIZE_MAX), wanted);
}

/* Digits alone, or a plain decimal number: no sign, blank, hexadecimal, infinity. */
static enum gtcnn_status parse_number(const struct gtcnn_cli_option *o, const char *value, void *field, struct gtcnn_err *err)
{
    bool real = o->kind == GTCNN_CLI_REAL;
    char wanted[96];
    snprintf(wanted, sizeof wanted, "wants a%s number from %.15g to %.15g", real ? "" : " whole", o->min, o->max);
    size_t plain = strspn(value, real ? "0123456789.e-" : "0123456789");
    if (*value < '.' || *value > '9' || value[plain] || plain > 18)
        return bad_value(o, value, wanted, err);
    char *end;
    double number = strtod(value, &end);
    if (*end || !(number >= o->min && number <= o->max))
        return bad_value(o, value, wanted, err);
    if (real)
        *(double *)field = number;
    else
        *(uint64_t *)field = strtoull(value, NULL, 10);
    return GTCNN_OK;
}

static enum gtcnn_status parse_text(const struct gtcnn_cli_option *o, const char *value, const char **field,
                                    struct gtcnn_err *err)
{
    size_t n = strlen(value);
    if (n == 0)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--%s must not be empty", o->name);
    *field = value;
    for (const char *p = o->choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL) {
        size_t length = strcspn(p, "|");
        if (length == n && memcmp(p, value, n) == 0)
            return GTCNN_OK;
    }
    if (!o->choices)
        return GTCNN_OK;
    char wanted[64];
    snprintf(wanted, sizeof wanted, "wants one of %s", o->choices);
    return bad_value(o, value, wanted, err);
}

static enum gtcnn_status append(const struct gtcnn_cli_option *o, const struct gtcnn_cli_verb *verb, const char *value,
                                struct gtcnn_cli_list *list, struct gtcnn_err *err)
{
    if (list->count > 0 && !(o->repeats & verb->bit))
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "%s takes one --%s", verb->name, o->name);
    if (list->count == GTCNN_CLI_LIST_MAX)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "more than %d times --%s", GTCNN_CLI_LIST_MAX, o->name);
    return parse_text(o, value, &list->item[list->count++], err);
}

/* Of every kind but a flag. */
static enum gtcnn_status set_option(const struct gtcnn_cli_option *o, const struct gtcnn_cli_verb *verb, const char *value,
                                    struct gtcnn_cli_args *args, struct gtcnn_err *err)
{
    void *field = (char *)args + o->offset;
    if (o->kind == GTCNN_CLI_TEXT)
        return parse_text(o, value, field, err);
    if (o->kind == GTCNN_CLI_LIST)
        return append(o, verb, value, field, err);
    return parse_number(o, value, field, err);
}

/* One option at argv[*i]; *i is left at the last word used. */
static enum gtcnn_status parse_option(const struct gtcnn_cli_verb *verb, int argc, char *const argv[], int *i,
                                      struct gtcnn_cli_args *args, struct gtcnn_err *err)
{
    const char *name = argv[*i] + 2, *value = strchr(name, '=');
    size_t n = value ? (size_t)(value - name) : strlen(name);
    const struct gtcnn_cli_option *o = find_option(verb, name, n);
    if (!o)
        return unknown_option(verb, name, n, err);
    if (o->kind == GTCNN_CLI_FLAG && value)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--%s takes no value", o->name);
    if (o->kind == GTCNN_CLI_FLAG) {
        *(bool *)((char *)args + o->offset) = true;
        return GTCNN_OK;
    }
    if (value)
        return set_option(o, verb, value + 1, args, err);
    if (*i + 1 >= argc)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "--%s wants %s", o->name, o->argument);
    return set_option(o, verb, argv[++*i], args, err);
}

static enum gtcnn_status parse_word(const struct gtcnn_cli_verb *verb, const char *word, struct gtcnn_cli_args *args,
                                    struct gtcnn_err *err)
{
    char safe[128];
    if (verb->bit == GTCNN_CLI_HELP && !args->topic) {
        args->topic = word;
        return GTCNN_OK;
    }
    return gtcnn_cli_fail(err, GTCNN_E_ARG, "%s takes options only, not \"%s\"; see gtcnn %s --help", verb->name,
                          gtcnn_escape(safe, sizeof safe, word, SIZE_MAX), verb->name);
}

static bool is_given(const struct gtcnn_cli_option *o, const struct gtcnn_cli_args *args)
{
    const void *field = (const char *)args + o->offset;
    if (o->kind == GTCNN_CLI_LIST)
        return ((const struct gtcnn_cli_list *)field)->count > 0;
    return o->kind != GTCNN_CLI_TEXT || *(const char *const *)field;
}

static enum gtcnn_status check_required(const struct gtcnn_cli_verb *verb, const struct gtcnn_cli_args *args,
                                        struct gtcnn_err *err)
{
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++)
        if ((o->required & verb->bit) && !is_given(o, args))
            return gtcnn_cli_fail(err, GTCNN_E_ARG, "%s needs --%s %s; see gtcnn %s --help", verb->name, o->name, o->argument,
                                  verb->name);
    return GTCNN_OK;
}

enum gtcnn_status gtcnn_cli_parse(const struct gtcnn_cli_verb *verb, int argc, char *const argv[], struct gtcnn_cli_args *args,
                                  struct gtcnn_err *err)
{
    *args = (struct gtcnn_cli_args){
        .split = "test",
        .format = "text",
        .precision = "fp32",
        .seconds = 1,
        .timeout = 300,
        .rounds = 7,
        .seed = 1,
        .epochs = 30,
        .warmup = 2,
        .patience = 12,
        .held_out = 5000,
        .shift = 2,
        .rate = 0.2,
        .momentum = 0.9,
        .decay = 2e-4,
        .smoothing = 0.1,
    };
    for (int i = 0; i < argc; i++) {
        enum gtcnn_status status;
        char safe[64];
        if (strcmp(argv[i], "-h") == 0)
            args->help = true, status = GTCNN_OK;
        else if (strncmp(argv[i], "--", 2) == 0 && argv[i][2])
            status = parse_option(verb, argc, argv, &i, args, err);
        else if (argv[i][0] == '-')
            status = gtcnn_cli_fail(err, GTCNN_E_ARG, "unknown option %s; options begin with two dashes: gtcnn %s --help",
                                    gtcnn_escape(safe, sizeof safe, argv[i], SIZE_MAX), verb->name);
        else
            status = parse_word(verb, argv[i], args, err);
        if (status)
            return status;
    }
    return args->help ? GTCNN_OK : check_required(verb, args, err);
}
