/* Option parsing, suggestions, and that help, man page and completion say what the tables say. */
#include "tracker/help.h"
#include "tracker/options.h"
#include "tracker/suggest.h"
#include "tracker/tracker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct gt_verb_option rows[] = {
    {GT_OPT_HELP},    {GT_OPT_FORMAT}, {GT_OPT_QUIET},  {GT_OPT_MODEL, GT_OPTION_REPEATS}, {GT_OPT_ROUNDS},
    {GT_OPT_SECONDS}, {GT_OPT_PHI},    {GT_OPT_OUTPUT}, {.flags = GT_OPTION_END},
};

struct parsed {
    struct gt_arena arena;
    struct gt_args args;
    struct gt_err err;
    enum gt_status status;
    char *argv[16];
};

/* Words separated by blanks. */
static void parse(struct parsed *p, unsigned flags, const char *line)
{
    int argc = 0;
    memset(p, 0, sizeof *p);
    char *text = gt_arena_strdup(&p->arena, line);
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        p->argv[argc++] = word;
    p->status = gt_options_parse(rows, flags, argc, p->argv, &p->arena, &p->args, &p->err);
}

static void expect_error(const char *line, const char *text)
{
    struct parsed p;
    parse(&p, 0, line);
    assert_int_equal(p.status, GT_E_ARG);
    if (!strstr(p.err.text, text))
        fail_msg("'%s' says '%s', wanted '%s'", line, p.err.text, text);
    gt_arena_free(&p.arena);
}

static void takes_all_spellings(void **state)
{
    static const char *const lines[] = {"--format json x y", "x --format=json y", "-f json x y", "-fjson x y", "x y -qf json"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct parsed p;
        parse(&p, 0, lines[i]);
        assert_int_equal(p.status, GT_OK);
        assert_int_equal(p.args.values[GT_OPT_FORMAT].choice, 1);
        assert_string_equal(p.args.values[GT_OPT_FORMAT].text, "json");
        assert_int_equal(p.args.operand_count, 2);
        assert_string_equal(p.args.operands[0], "x");
        assert_string_equal(p.args.operands[1], "y");
        assert_null(p.args.operands[2]);
        gt_arena_free(&p.arena);
    }
}

static void keeps_a_commands_own_options(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, GT_ARGS_STOP_AT_OPERAND, "-q cmd --format nonsense -q");
    assert_int_equal(p.status, GT_OK);
    assert_int_equal(p.args.values[GT_OPT_QUIET].count, 1);
    assert_int_equal(p.args.operand_count, 4);
    gt_arena_free(&p.arena);
    parse(&p, 0, "-q -- --format -q");
    assert_int_equal(p.status, GT_OK);
    assert_int_equal(p.args.operand_count, 2);
    assert_string_equal(p.args.operands[0], "--format");
    gt_arena_free(&p.arena);
}

static void repeats_and_the_last_one_counts(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, 0, "--model a --rounds 3 --model b --rounds 7 -m c");
    assert_int_equal(p.status, GT_OK);
    assert_int_equal(p.args.values[GT_OPT_MODEL].count, 3);
    assert_string_equal(p.args.values[GT_OPT_MODEL].all[0], "a");
    assert_string_equal(p.args.values[GT_OPT_MODEL].all[2], "c");
    assert_int_equal(p.args.values[GT_OPT_ROUNDS].integer, 7);
    gt_arena_free(&p.arena);
}

static void names_the_option_in_every_complaint(void **state)
{
    (void)state;
    expect_error("--rounds 0", "--rounds: '0' is not an integer from 1 to 1000");
    expect_error("--rounds 1001", "--rounds");
    expect_error("--rounds 2.5", "--rounds");
    expect_error("--rounds -1", "--rounds");
    expect_error("--rounds 0x10", "--rounds");
    expect_error("--seconds nan", "--seconds: 'nan' is not a number");
    expect_error("--seconds inf", "--seconds");
    expect_error("--seconds 1e400", "--seconds");
    expect_error("--phi 1z", "--phi");
    expect_error("--format xml", "--format: 'xml' is not one of text|json|csv");
    expect_error("--format", "--format: the value (FORMAT) is missing");
    expect_error("--quiet=1", "--quiet takes no value");
    expect_error("--model=", "--model: the value is empty");
    expect_error("--fromat json", "unknown option --fromat; did you mean --format?");
    expect_error("--zzzzzzzz", "unknown option --zzzzzzzz");
    expect_error("-z", "unknown option -z");
    expect_error("--mo\033del x", "\\x1b");
}

static void takes_numbers_whatever_their_sign(void **state)
{
    struct parsed p;
    (void)state;
    parse(&p, 0, "--phi -1.5 --seconds=1e1");
    assert_int_equal(p.status, GT_OK);
    assert_true(p.args.values[GT_OPT_PHI].number == -1.5);
    assert_true(p.args.values[GT_OPT_SECONDS].number == 10);
    gt_arena_free(&p.arena);
}

static void measures_edits(void **state)
{
    struct gt_suggestion nearest = {0};
    (void)state;
    assert_int_equal(gt_suggest_distance("", ""), 0);
    assert_int_equal(gt_suggest_distance("abc", ""), 3);
    assert_int_equal(gt_suggest_distance("kitten", "sitting"), 3);
    assert_int_equal(gt_suggest_distance("form", "from"), 1);
    gt_suggest_offer(&nearest, "reprot", "run");
    gt_suggest_offer(&nearest, "reprot", "report");
    gt_suggest_offer(&nearest, "reprot", "prune");
    assert_string_equal(nearest.best, "report");
    nearest = (struct gt_suggestion){0};
    gt_suggest_offer(&nearest, "xyz", "report");
    assert_null(nearest.best);
}

/* Distances are symmetric, zero only for equal words, and obey the length bound: 2,000 random pairs. */
static void distances_are_sane(void **state)
{
    (void)state;
    srand(4);
    for (int i = 0; i < 2000; i++) {
        char words[2][12];
        for (int k = 0; k < 2; k++) {
            int n = rand() % 11;
            for (int c = 0; c < n; c++)
                words[k][c] = (char)('a' + rand() % 3);
            words[k][n] = '\0';
        }
        unsigned d = gt_suggest_distance(words[0], words[1]);
        size_t a = strlen(words[0]), b = strlen(words[1]);
        assert_int_equal(d, gt_suggest_distance(words[1], words[0]));
        assert_true((d == 0) == (strcmp(words[0], words[1]) == 0));
        assert_true(d >= (a > b ? a - b : b - a) && d <= (a > b ? a : b));
    }
}

/* Letters and names are unique per verb, every verb has --help, choices are given where they are needed. */
static void tables_are_consistent(void **state)
{
    (void)state;
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++) {
        assert_non_null(gt_options_find(verb->options, GT_OPT_HELP));
        assert_ptr_equal(gt_verb_find(verb->name), verb);
        assert_true(strlen(verb->summary) > 0 && strlen(verb->description) > 0);
        for (const struct gt_verb_option *a = verb->options; !(a->flags & GT_OPTION_END); a++) {
            const struct gt_option *x = &gt_options[a->id];
            assert_true((x->kind == GT_OPTION_CHOICE) == (*gt_option_choices(a) != '\0'));
            assert_true((x->kind == GT_OPTION_FLAG) == (*x->placeholder == '\0'));
            for (const struct gt_verb_option *b = a + 1; !(b->flags & GT_OPTION_END); b++) {
                assert_int_not_equal(a->id, b->id);
                assert_true(!x->letter || x->letter != gt_options[b->id].letter);
            }
        }
    }
}

static char *printed(void (*print)(FILE *))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    print(out);
    fclose(out);
    return text;
}

static void every_output_has_every_option(void **state)
{
    char *man = printed(gt_help_print_man), *bash = printed(gt_help_print_bash), wanted[128];
    (void)state;
    for (const struct gt_verb *verb = gt_verbs; verb->name; verb++) {
        char *help = NULL;
        size_t size;
        FILE *out = open_memstream(&help, &size);
        gt_help_print_verb(out, verb, 80);
        fclose(out);
        snprintf(wanted, sizeof wanted, ".Ss greentrack %s\n", verb->name);
        assert_non_null(strstr(man, wanted));
        for (const struct gt_verb_option *row = verb->options; !(row->flags & GT_OPTION_END); row++) {
            snprintf(wanted, sizeof wanted, "--%s", gt_options[row->id].name);
            assert_non_null(strstr(help, wanted));
            assert_non_null(strstr(bash, wanted));
            snprintf(wanted, sizeof wanted, "Fl \\-%s", gt_options[row->id].name);
            assert_non_null(strstr(man, wanted));
        }
        free(help);
    }
    free(man);
    free(bash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_all_spellings),
        cmocka_unit_test(keeps_a_commands_own_options),
        cmocka_unit_test(repeats_and_the_last_one_counts),
        cmocka_unit_test(names_the_option_in_every_complaint),
        cmocka_unit_test(takes_numbers_whatever_their_sign),
        cmocka_unit_test(measures_edits),
        cmocka_unit_test(distances_are_sane),
        cmocka_unit_test(tables_are_consistent),
        cmocka_unit_test(every_output_has_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
