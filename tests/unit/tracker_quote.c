/* Quoted command lines: a real shell must read back exactly the arguments that went in. */
#include "tracker/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quotes_what_needs_it(void **state)
{
    struct gt_arena arena = {0};
    char *const plain[] = {"python3", "a.py", "--n=3", NULL}, *const odd[] = {"a=b", "", "it's", "x y", "$HOME", NULL};
    (void)state;
    assert_string_equal(gt_quote_command(&arena, plain), "python3 a.py --n=3");
    assert_string_equal(gt_quote_command(&arena, odd), "'a=b' '' 'it'\\''s' 'x y' '$HOME'");
    gt_arena_free(&arena);
}

/* printf '%s\0' ARGUMENTS, run by sh, gives the bytes back: 40 random argument lists. */
static void a_shell_reads_it_back(void **state)
{
    static const char letters[] = "ab'\"\\ $`!*?~#;&|<>(){}[]\t\n=%-";
    (void)state;
    srand(11);
    for (int i = 0; i < 40; i++) {
        struct gt_arena arena = {0};
        char words[4][9], *argv[7] = {(char *)"printf", (char *)"%s/", NULL}, wanted[64] = "", got[64];
        for (int w = 0; w < 4; w++) {
            int n = 1 + rand() % 7;
            for (int c = 0; c < n; c++)
                words[w][c] = letters[rand() % (int)(sizeof letters - 1)];
            words[w][n] = '\0';
            argv[w + 2] = words[w];
            strcat(strcat(wanted, words[w]), "/");
        }
        argv[6] = NULL;
        FILE *shell = popen(gt_quote_command(&arena, argv), "r");
        assert_non_null(shell);
        size_t n = fread(got, 1, sizeof got - 1, shell);
        got[n] = '\0';
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(got, wanted);
        gt_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_what_needs_it),
        cmocka_unit_test(a_shell_reads_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
