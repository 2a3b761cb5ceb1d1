/* Answers: sound files score exactly, damaged ones name file and line, nothing is taken for what it is not. */
#include "tracker/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/greentrack-answers.XXXXXX";

#define HEADER                                                                                                                 \
    "# gtcnn predictions 1\n# model fashion/b3\n# digest 0101\n# weights random\n# precision fp32\n# dataset fashion mnist\n"  \
    "# dataset_digest 22\n# dataset_images 10\n# split test\n# unknown thing\n"

static enum gt_status read_text(const char *text, size_t n, struct gt_arena *arena, struct gt_answers *answers,
                                struct gt_err *err)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
    *err = (struct gt_err){0};
    return gt_answers_read(path, arena, answers, err);
}

static void scores_a_predictions_file(void **state)
{
    static const char text[] = HEADER "# images 4\n# preprocessing resize=256 crop=input\n0 9 9\n1 2 3\n2 0 0\n3 255 300\n";
    struct gt_arena arena = {0};
    struct gt_answers answers;
    struct gt_dataset_record dataset;
    struct gt_accuracy_record accuracy;
    struct gt_err err;
    (void)state;
    assert_int_equal(read_text(text, strlen(text), &arena, &answers, &err), GT_OK);
    assert_int_equal(answers.count, 4);
    assert_int_equal(answers.correct, 2);
    assert_int_equal(answers.answers[0], 1 | 4);
    assert_string_equal(answers.model, "fashion/b3");
    assert_string_equal(answers.dataset, "fashion mnist");
    assert_int_equal(gt_answers_records(&answers, answers.dataset, "test", &arena, &dataset, &accuracy, &err), GT_OK);
    assert_string_equal(dataset.digest, "22");
    assert_int_equal(dataset.images, 10);
    assert_null(dataset.labels); /* of four of ten images */
    assert_int_equal(accuracy.correct, 2);
    assert_true(accuracy.pct == 50.0);
    assert_string_equal(accuracy.preprocessing, "resize=256 crop=input");
    assert_int_equal(accuracy.prediction_bytes, 8); /* 300 needs two */
    assert_memory_equal(accuracy.predictions, "\x09\0\x03\0\0\0\x2c\x01", 8);
    gt_arena_free(&arena);
}

/* A thousand classes: labels above 255 are labels, and a class beyond all numbers does not become one. */
static void takes_many_classes(void **state)
{
    static const char text[] = "0 999 999\n1 65535 70000\n2 1 257\n";
    struct gt_arena arena = {0};
    struct gt_answers answers;
    struct gt_dataset_record dataset;
    struct gt_accuracy_record accuracy;
    struct gt_err err;
    (void)state;
    assert_int_equal(read_text(text, strlen(text), &arena, &answers, &err), GT_OK);
    assert_int_equal(answers.correct, 1);
    assert_int_equal(answers.answers[0], 1);
    assert_int_equal(gt_answers_records(&answers, "imagenet", "val", &arena, &dataset, &accuracy, &err), GT_OK);
    assert_int_equal(dataset.label_bytes, 6);
    assert_memory_equal(dataset.labels, "\xe7\x03\xff\xff\x01\0", 6);
    assert_null(accuracy.preprocessing);
    gt_arena_free(&arena);
}

static void takes_bare_rows(void **state)
{
    struct gt_arena arena = {0};
    struct gt_answers answers;
    struct gt_dataset_record dataset, other;
    struct gt_accuracy_record accuracy;
    struct gt_err err;
    (void)state;
    assert_int_equal(read_text("0 1 1\r\n1 2 2", 12, &arena, &answers, &err), GT_OK);
    assert_int_equal(answers.correct, 2);
    assert_int_equal(gt_answers_records(&answers, "a", "test", &arena, &dataset, &accuracy, &err), GT_OK);
    assert_int_equal(gt_answers_records(&answers, "b", "test", &arena, &other, &accuracy, &err), GT_OK);
    assert_int_equal(strlen(dataset.digest), 64);
    assert_string_not_equal(dataset.digest, other.digest);
    assert_int_equal(dataset.label_bytes, 2);
    gt_arena_free(&arena);
}

static void refuses(const char *text, size_t n, enum gt_status status, const char *says)
{
    struct gt_arena arena = {0};
    struct gt_answers answers;
    struct gt_err err;
    assert_int_equal(read_text(text, n, &arena, &answers, &err), status);
    if (!strstr(err.text, says))
        fail_msg("'%s' says '%s', wanted '%s'", text, err.text, says);
    gt_arena_free(&arena);
}

static void names_what_is_wrong(void **state)
{
#define REFUSES(text, status, says) refuses(text, sizeof(text) - 1, status, says)
    (void)state;
    REFUSES("", GT_E_FORMAT, "no answers");
    REFUSES("# gtcnn predictions 2\n0 1 1\n", GT_E_VERSION, "format 2");
    REFUSES(HEADER "# images 3\n0 1 1\n1 1 1\n", GT_E_FORMAT, "the file is cut");
    REFUSES("0 1 1\n2 1 1\n", GT_E_FORMAT, "line 2");
    REFUSES("0 1\n", GT_E_FORMAT, "line 1");
    REFUSES("0 1 1 1\n", GT_E_FORMAT, "line 1");
    REFUSES("0 -1 1\n", GT_E_FORMAT, "line 1");
    REFUSES("0  1 1\n", GT_E_FORMAT, "line 1");
    REFUSES("0 1 99999999999999999999\n", GT_E_FORMAT, "line 1");
    REFUSES("0 65536 1\n", GT_E_FORMAT, "labels above 65535");
    REFUSES("0 1 1\n1 \0 1\n", GT_E_FORMAT, "line 2");
    REFUSES("\x7f"
            "ELF\n",
            GT_E_FORMAT, "line 1");
}

/* 600 mutations: a status, never a crash, and never more right answers than answers. */
static void survives_mutations(void **state)
{
    static const char sound[] = HEADER "# images 3\n0 9 9\n1 2 3\n2 0 0\n";
    (void)state;
    srand(5);
    for (int i = 0; i < 600; i++) {
        char text[sizeof sound];
        struct gt_arena arena = {0};
        struct gt_answers answers;
        struct gt_err err;
        memcpy(text, sound, sizeof sound);
        for (int k = rand() % 4; k >= 0; k--)
            text[rand() % (int)(sizeof sound - 1)] = (char)rand();
        if (read_text(text, (size_t)rand() % sizeof sound, &arena, &answers, &err) == GT_OK)
            assert_true(answers.correct <= answers.count && answers.count <= 3);
        else
            assert_true(err.text[0] != '\0');
        gt_arena_free(&arena);
    }
}

static int set_up(void **state)
{
    int fd = mkstemp(path);
    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_a_predictions_file), cmocka_unit_test(takes_many_classes), cmocka_unit_test(takes_bare_rows),
        cmocka_unit_test(names_what_is_wrong),       cmocka_unit_test(survives_mutations),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
