/* The verb table and the way from argv to a verb and back to an exit status. */
#include "runtime/cli/fail.h"
#include "runtime/cli/help.h"
#include "runtime/cli/verbs.h"
#include "runtime/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

const struct gtcnn_cli_verb GTCNN_CLI_VERBS[] = {
    {"eval", GTCNN_CLI_EVAL, "accuracy over a set of labelled images",
     "Classifies the images of a data set and prints the accuracy with its Wilson interval and the speed. "
     "IDX files: images are resized area-wise to the model's input, repeated where it wants three channels, scaled to [0, 1] "
     "and "
     "normalised, by default by mean 0.2860 and standard deviation 0.3530, those of Fashion-MNIST's training pixels. "
     "Folders DIR/CLASS/IMAGE.{jpg,jpeg,png}, also in DIR/test, DIR/val (both the test split) and DIR/train: by default as in "
     "EfficientNet's official evaluation. The centre square of S / (S + 32) of the shorter side, S being the side of the "
     "model's "
     "input, is resampled to the input by a bicubic filter and normalised by ImageNet's means and deviations. With --resize or "
     "--crop the shorter side is resized, then the centre cropped. Transparency is dropped; orientation tags and colour "
     "profiles are not applied. Models of one channel get the luma. "
     "What was done is said, and written beside every accuracy.",
     gtcnn_cli_eval},
    {"run", GTCNN_CLI_RUN, "any model on any NumPy array",
     "Runs a model on a NumPy array and writes its output as one. The first dimension may have any size: it is cut into "
     "batches, "
     "the last one padded. float32, float64, float16 and uint8 are read, in either byte and index order.",
     gtcnn_cli_run},
    {"bench", GTCNN_CLI_BENCH, "speed on synthetic input",
     "Warms up, then runs a model on seeded noise for some time and prints the median and mean time for one image, images per "
     "second, and multiply-accumulates per second. JSON also has the time from opening the file, cached, to the first answer, "
     "and the peak of the process's resident memory. With --layers a roofline, unit by unit: arithmetic and memory traffic a "
     "second as shares of the machine's peaks, measured in the same run with the same instruction set and threads. With --vs "
     "other runtimes execute the same ONNX file in turn, each in a process of its own, pinned to the same processors; their "
     "answers are compared with ours, and what precision they used is asked of them. make bench-deps installs them.",
     gtcnn_cli_bench},
    {"info", GTCNN_CLI_INFO, "identity, shapes, layers, costs",
     "Prints what a model is: digest, shapes, multiply-accumulates (MACs) and parameters, by layer and by executed unit. MACs "
     "are those of convolutions and fully connected layers for one image; parameters are counted before batch normalisation "
     "is folded. Beside them stands which kernels execute it, and whether blocks are fused into units of several products.",
     gtcnn_cli_info},
    {"export", GTCNN_CLI_EXPORT, "write a built-in model as ONNX",
     "Writes a built-in model as an ONNX file (opset 13) with its weights inside. The file is whole or absent.",
     gtcnn_cli_export},
    {"train", GTCNN_CLI_TRAIN, "train a built-in model",
     "Trains a built-in model on the training split of an IDX data set, by SGD with Nesterov momentum, a warm-up and a cosine "
     "schedule, label smoothing, weight decay, shifts and flips. Some images are held out; the weights of the epoch that is "
     "best on them are kept. The test split is not read. The output folder gets a checkpoint after every epoch, from which the "
     "same command goes on after a kill, and at the end model.onnx and training.json (recipe and curves). Needs a build with "
     "oneDNN (libdnnl-dev).",
     gtcnn_cli_train},
    {"help", GTCNN_CLI_HELP, "print help", "Prints the commands, or one command's options.", gtcnn_cli_help},
    {NULL},
};

enum gtcnn_status gtcnn_cli_help(struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    char safe[128];
    const char *topic = cli->args.topic;
    const struct gtcnn_cli_verb *verb = topic ? gtcnn_cli_find_verb(topic) : NULL;
    if (topic && !verb)
        return gtcnn_cli_fail(err, GTCNN_E_ARG, "there is no command \"%s\"; see gtcnn help",
                              gtcnn_escape(safe, sizeof safe, topic, SIZE_MAX));
    if (cli->args.man)
        gtcnn_help_man(cli->out);
    else if (verb)
        gtcnn_help_verb(cli->out, verb);
    else
        gtcnn_help_overview(cli->out);
    return GTCNN_OK;
}

/* Red on a terminal, unless NO_COLOR is set (no-color.org) or the terminal is dumb. */
static bool wants_colour(FILE *f)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(f)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

static int report(FILE *f, const struct gtcnn_err *err)
{
    bool colour = wants_colour(f);
    fprintf(f, "%sgtcnn:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", err->text);
    return err->status == GTCNN_E_ARG ? EXIT_USAGE : EXIT_FAILED;
}

static int unknown_verb(const char *name, FILE *f)
{
    char safe[128];
    const char *nearest = gtcnn_cli_nearest_verb(name);
    struct gtcnn_err err = {0};
    gtcnn_escape(safe, sizeof safe, name, SIZE_MAX);
    if (nearest)
        gtcnn_cli_fail(&err, GTCNN_E_ARG, "there is no command \"%s\"; did you mean %s?", safe, nearest);
    else
        gtcnn_cli_fail(&err, GTCNN_E_ARG, "there is no command \"%s\"; see gtcnn help", safe);
    return report(f, &err);
}

static enum gtcnn_status run_verb(const struct gtcnn_cli_verb *verb, struct gtcnn_cli *cli, struct gtcnn_err *err)
{
    if (!cli->args.help)
        return verb->run(cli, err);
    gtcnn_help_verb(cli->out, verb);
    return GTCNN_OK;
}

/* A full disk behind stdout is a failure, too. */
static int finish(FILE *out, FILE *f)
{
    if (fflush(out) == 0 && !ferror(out))
        return EXIT_OK;
    struct gtcnn_err err = {0};
    gtcnn_cli_fail(&err, GTCNN_E_IO, "cannot write the result: %s", strerror(errno ? errno : EIO));
    return report(f, &err);
}

int gtcnn_cli_main(int argc, char *const argv[], FILE *out, FILE *f)
{
    if (argc < 2) {
        gtcnn_help_overview(f);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        fprintf(out, "gtcnn %s\n", GT_VERSION);
        return finish(out, f);
    }
    bool help = strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0;
    const struct gtcnn_cli_verb *verb = gtcnn_cli_find_verb(help ? "help" : argv[1]);
    if (!verb)
        return unknown_verb(argv[1], f);
    struct gtcnn_cli cli = {.out = out, .err = f, .words = argv + 1};
    struct gtcnn_err err = {0};
    enum gtcnn_status status = gtcnn_cli_parse(verb, argc - 2, argv + 2, &cli.args, &err);
    if (!status)
        status = run_verb(verb, &cli, &err);
    int written = finish(out, f);
    return status ? report(f, &err) : written;
}
