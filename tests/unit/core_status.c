/* core/status and core/arena. */
#include "core/arena.h"
#include "core/status.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_status_has_a_message(void **state)
{
    (void)state;
    for (int i = 0; i < GT_STATUS_COUNT; i++)
        assert_true(strlen(gt_status_message((enum gt_status)i)) > 0);
    assert_string_equal(gt_status_message((enum gt_status)9999), "unknown status");
}

static void an_error_keeps_status_text_and_errno(void **state)
{
    (void)state;
    struct gt_err err = {0};
    errno = 7;
    assert_int_equal(gt_err_set(&err, GT_E_FORMAT, "%s:%d: bad", "f.idx", 3), GT_E_FORMAT);
    assert_int_equal(err.status, GT_E_FORMAT);
    assert_string_equal(err.text, "f.idx:3: bad");
    assert_int_equal(errno, 7);
    assert_int_equal(gt_err_set(NULL, GT_E_IO, "nobody listens"), GT_E_IO);
}

static void errno_values_become_statuses(void **state)
{
    (void)state;
    struct gt_err err = {0};
    assert_int_equal(gt_err_set_errno(&err, ENOSPC, "writing %s", "x"), GT_E_NOSPACE);
    assert_string_equal(err.text, "writing x: No space left on device");
    assert_int_equal(gt_status_from_errno(EACCES), GT_E_PERM);
    assert_int_equal(gt_status_from_errno(ENOENT), GT_E_NOENT);
    assert_int_equal(gt_status_from_errno(EPIPE), GT_E_IO);
}

static void a_long_error_is_cut_not_overrun(void **state)
{
    (void)state;
    char name[4096];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    struct gt_err err = {0};
    gt_err_set_errno(&err, ENOENT, "%s", name);
    assert_true(strlen(err.text) < GT_ERR_TEXT);
    assert_non_null(strstr(err.text, "No such file"));
}

static void an_arena_gives_zeroed_aligned_memory(void **state)
{
    (void)state;
    struct gt_arena arena = {0};
    for (size_t n = 1; n < 300000; n = n * 3 + 1) {
        unsigned char *p = gt_arena_alloc(&arena, n, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xee, n);
    }
    assert_null(gt_arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(gt_arena_alloc(&arena, SIZE_MAX - 8, 1));
    assert_string_equal(gt_arena_strndup(&arena, "abcdef", 3), "abc");
    assert_string_equal(gt_arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
    assert_null(gt_arena_strdup(&arena, NULL));
    gt_arena_free(&arena);
    assert_string_equal(gt_arena_strdup(&arena, "again"), "again");
    gt_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_message),           cmocka_unit_test(an_error_keeps_status_text_and_errno),
        cmocka_unit_test(errno_values_become_statuses),         cmocka_unit_test(a_long_error_is_cut_not_overrun),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
