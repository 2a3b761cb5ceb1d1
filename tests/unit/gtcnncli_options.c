/* The command line: what the one option table accepts and refuses, the hints, and that help and man page say all of it. */
#include "runtime/cli/help.h"
#include "runtime/cli/options.h"
#include "runtime/cli/predictions.h"
#include "runtime/cli/verbs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS = 12 };

static enum gtcnn_status parse(const char *line, struct gtcnn_cli_args *args, struct gtcnn_err *err)
{
    static char copy[512];
    static char *words[WORDS];
    int n = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok(copy, " "); w && n < WORDS; w = strtok(NULL, " "))
        words[n++] = w;
    return gtcnn_cli_parse(gtcnn_cli_find_verb(words[0]), n - 1, words + 1, args, err);
}

static void good_lines_are_understood(void **state)
{
    (void)state;
    struct gtcnn_cli_args a;
    struct gtcnn_err err = {0};
    assert_int_equal(parse("eval --model fashion/b3", &a, &err), GTCNN_OK);
    assert_string_equal(a.models.item[0], "fashion/b3");
    assert_string_equal(a.split, "test");
    assert_null(a.data);
    assert_int_equal(a.limit + a.batch + a.threads, 0);
    assert_int_equal(parse("eval --threads 2 --batch=8 --split train --limit=10 --data=d --predictions p --model m", &a, &err),
                     GTCNN_OK);
    assert_int_equal(a.threads, 2);
    assert_int_equal(a.batch, 8);
    assert_int_equal(a.limit, 10);
    assert_string_equal(a.split, "train");
    assert_string_equal(a.predictions, "p");
    assert_int_equal(parse("bench --model a --model b --seconds 0.25", &a, &err), GTCNN_OK);
    assert_int_equal(a.models.count, 2);
    assert_true(a.seconds == 0.25);
    assert_int_equal(parse("run --model m --input=a=b --output y --dump p --dump q", &a, &err), GTCNN_OK);
    assert_string_equal(a.input, "a=b");
    assert_int_equal(a.dumps.count, 2);
    assert_int_equal(parse("run --help", &a, &err), GTCNN_OK);
    assert_int_equal(parse("help eval", &a, &err), GTCNN_OK);
    assert_string_equal(a.topic, "eval");
}

static void bad_lines_are_refused_with_a_hint(void **state)
{
    (void)state;
    static const struct {
        const char *line, *text;
    } rows[] = {
        {"eval", "eval needs --model NAME|FILE"},
        {"eval --model", "--model wants NAME|FILE"},
        {"eval --model=", "must not be empty"},
        {"eval --model a --model b", "takes one --model"},
        {"eval --modle a", "did you mean --model?"},
        {"eval --model a --thread 2", "did you mean --threads?"},
        {"eval --model a --seconds 2", "has no option --seconds"},
        {"eval --model a --zzz", "see gtcnn eval --help"},
        {"eval --model a --limit 0", "from 1 to"},
        {"eval --model a --limit -1", "from 1 to"},
        {"eval --model a --limit 1.5", "whole number"},
        {"eval --model a --limit 0x10", "whole number"},
        {"eval --model a --limit 99999999999999999999", "whole number"},
        {"eval --model a --batch 65537", "from 1 to 65536"},
        {"eval --model a --threads nan", "whole number"},
        {"eval --model a --split dev", "test|train"},
        {"eval --model a --split tes", "test|train"},
        {"eval --model a --help=1", "takes no value"},
        {"eval --model a b", "takes options only"},
        {"eval -m a", "unknown option -m"},
        {"eval --model a --", "unknown option --"},
        {"eval --model a --da\033ta x", "--da\\x1bta"},
        {"bench --model a --seconds inf", "wants a number"},
        {"bench --model a --seconds 1e9", "wants a number"},
        {"run --model a --input x", "run needs --output"},
        {"export --model a --output x --batch 2", "export has no option --batch"},
        {"help eval run", "takes options only"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gtcnn_cli_args a;
        struct gtcnn_err err = {0};
        if (parse(rows[i].line, &a, &err) != GTCNN_E_ARG || !strstr(err.text, rows[i].text))
            fail_msg("%s: \"%s\"", rows[i].line, err.text);
    }
}

static void lists_end(void **state)
{
    (void)state;
    char *words[2 * (GTCNN_CLI_LIST_MAX + 1)];
    for (int i = 0; i <= GTCNN_CLI_LIST_MAX; i++) {
        words[2 * i] = "--model";
        words[2 * i + 1] = "m";
    }
    struct gtcnn_cli_args a;
    struct gtcnn_err err = {0};
    const struct gtcnn_cli_verb *bench = gtcnn_cli_find_verb("bench");
    assert_int_equal(gtcnn_cli_parse(bench, 2 * GTCNN_CLI_LIST_MAX, words, &a, &err), GTCNN_OK);
    assert_int_equal(gtcnn_cli_parse(bench, 2 * GTCNN_CLI_LIST_MAX + 2, words, &a, &err), GTCNN_E_ARG);
}

static void distances_count_edits(void **state)
{
    (void)state;
    assert_int_equal(gtcnn_cli_distance("", "abc"), 3);
    assert_int_equal(gtcnn_cli_distance("model", "model"), 0);
    assert_int_equal(gtcnn_cli_distance("modle", "model"), 1);
    assert_int_equal(gtcnn_cli_distance("kitten", "sitting"), 3);
    assert_int_equal(gtcnn_cli_distance("thread", "threads"), 1);
    assert_string_equal(gtcnn_cli_nearest_verb("exprot"), "export");
    assert_null(gtcnn_cli_nearest_verb("frobnicate"));
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    print(f);
    fclose(f);
    return text;
}

/* Nothing in the tables may be missing from the page. */
static void the_man_page_has_every_verb_and_option(void **state)
{
    (void)state;
    char *man = printed(gtcnn_help_man), *overview = printed(gtcnn_help_overview), wanted[64];
    for (const struct gtcnn_cli_verb *v = GTCNN_CLI_VERBS; v->name; v++) {
        snprintf(wanted, sizeof wanted, ".Ss gtcnn %s\n", v->name);
        assert_non_null(strstr(man, wanted));
        assert_non_null(strstr(overview, v->summary));
    }
    for (const struct gtcnn_cli_option *o = GTCNN_CLI_OPTIONS; o->name; o++) {
        snprintf(wanted, sizeof wanted, ".It Fl \\&-%s", o->name);
        assert_non_null(strstr(man, wanted));
        assert_true(o->verbs != 0 && (o->required & ~o->verbs) == 0 && (o->repeats & ~o->verbs) == 0);
    }
    free(man);
    free(overview);
}

static void predictions_are_written_as_documented(void **state)
{
    (void)state;
    static const uint8_t digest[GTCNN_DIGEST_BYTES] = {0xab};
    static const uint32_t labels[] = {9, 2, 1}, predictions[] = {9, 0, 1};
    struct gtcnn_model_info m = {.name = "e\033vil",
                                 .family = "fashion",
                                 .phi = 1.5,
                                 .weights = "random",
                                 .macs = 7,
                                 .params = 8,
                                 .version = "0.1.0",
                                 .build = "b",
                                 .precision = "fp32",
                                 .threads = 2,
                                 .batch = 4};
    struct gtcnn_predictions p = {.model = &m,
                                  .dataset = "set",
                                  .split = "test",
                                  .dataset_digest = digest,
                                  .dataset_images = 10,
                                  .preprocessing = "resize=area",
                                  .images = 3,
                                  .classes = 10,
                                  .labels = labels,
                                  .predictions = predictions};
    memcpy(m.digest, digest, sizeof digest);
    static const char zeros[] = "ab00000000000000000000000000000000000000000000000000000000000000";
    char path[160], want[1024], got[1024] = "";
    const char *tmp = getenv("TMP");
    snprintf(path, sizeof path, "%.100s/predictions.%d", tmp ? tmp : "/tmp", (int)getpid());
    for (int known = 0; known < 2; known++) {
        m.family = known ? "fashion" : NULL;
        m.phi = known ? 1.5 : NAN;
        struct gtcnn_err err = {0};
        assert_int_equal(gtcnn_predictions_write(path, &p, &err), GTCNN_OK);
        snprintf(
            want, sizeof want,
            "# gtcnn predictions 1\n# model e\\x1bvil\n# digest %s\n%s# weights random\n# macs 7\n# params 8\n"
            "# runtime 0.1.0 b\n# precision fp32\n# threads 2\n# batch 4\n# dataset set\n# dataset_digest %s\n"
            "# dataset_images 10\n# split test\n# preprocessing resize=area\n# images 3\n# classes 10\n0 9 9\n1 2 0\n2 1 1\n",
            zeros, known ? "# family fashion\n# phi 1.5\n" : "", zeros);
        FILE *f = fopen(path, "r");
        got[fread(got, 1, sizeof got - 1, f)] = 0;
        fclose(f);
        assert_string_equal(got, want);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_understood),
        cmocka_unit_test(bad_lines_are_refused_with_a_hint),
        cmocka_unit_test(lists_end),
        cmocka_unit_test(distances_count_edits),
        cmocka_unit_test(the_man_page_has_every_verb_and_option),
        cmocka_unit_test(predictions_are_written_as_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
