/* core/text: quantities, escaping, hexadecimal. */
#include "core/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void quantities_have_three_digits_and_a_unit(void **state)
{
    (void)state;
    static const struct {
        char *(*format)(char *, size_t, double);
        double value;
        const char *text;
    } rows[] = {
        {gt_text_energy_uj, 0, "0 nJ"},        {gt_text_energy_uj, 1.234, "1.23 µJ"},
        {gt_text_energy_uj, 999.6, "1.00 mJ"}, {gt_text_energy_uj, 45600, "45.6 mJ"},
        {gt_text_energy_uj, 7.89e6, "7.89 J"}, {gt_text_energy_uj, 123e9, "123 kJ"},
        {gt_text_energy_uj, -2e6, "-2.00 J"},  {gt_text_energy_uj, 0.5, "500 nJ"},
        {gt_text_time_ns, 12345, "12.3 µs"},   {gt_text_time_ns, 4.56e6, "4.56 ms"},
        {gt_text_time_ns, 7.89e9, "7.89 s"},   {gt_text_time_ns, 1, "1.00 ns"},
        {gt_text_count, 390e6, "390 M"},       {gt_text_count, 5288548, "5.29 M"},
        {gt_text_count, 999, "999"},           {gt_text_count, 37.7e9, "37.7 G"},
        {gt_text_count, 999999, "1.00 M"},     {gt_text_count, 0, "0"},
        {gt_text_energy_uj, NAN, "unknown"},   {gt_text_energy_uj, INFINITY, "unbounded"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[32];
        assert_string_equal(rows[i].format(out, sizeof out, rows[i].value), rows[i].text);
    }
    char out[32];
    assert_string_equal(gt_text_bytes(out, sizeof out, 1536), "1.50 KiB");
    assert_string_equal(gt_text_bytes(out, sizeof out, 17), "17 B");
}

static void escaping_leaves_nothing_that_drives_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *escaped;
    } rows[] = {
        {"plain name", "plain name"},
        {"naïve µJ", "naïve µJ"},
        {"a\\b", "a\\\\b"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"tab\tnewline\n", "tab\\x09newline\\x0a"},
        {"\xc2\x9b", "\\xc2\\x9b"}, /* C1 CSI */
        {"\xe2\x80\xae"
         "x",
         "\\xe2\\x80\\xaex"}, /* right-to-left override */
        {"\xff\xfe", "\\xff\\xfe"},
        {"\xc0\x80", "\\xc0\\x80"},          /* overlong NUL */
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
        {"\xe2\x82", "\\xe2\\x82"},          /* cut off */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        assert_string_equal(gt_text_escape(out, sizeof out, rows[i].raw, SIZE_MAX), rows[i].escaped);
    }
}

static void escaping_random_bytes_gives_printable_text_that_fits(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (int round = 0; round < 20000; round++) {
        char raw[24], out[20];
        size_t n = round % sizeof raw, size = 1 + (size_t)round % sizeof out;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1664525u + 1013904223u;
            raw[i] = (char)(seed >> 24);
        }
        memset(out, 'Z', sizeof out);
        gt_text_escape(out, size, raw, n);
        size_t length = strlen(out);
        assert_true(length < size);
        for (size_t i = 0; i < length; i++)
            assert_true((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
        for (size_t i = size; i < sizeof out; i++)
            assert_int_equal(out[i], 'Z');
    }
}

static void hexadecimal_goes_there_and_back(void **state)
{
    (void)state;
    unsigned char bytes[4] = {0x00, 0xab, 0x7f, 0xff}, back[4];
    char text[9];
    assert_string_equal(gt_text_hex(text, bytes, 4), "00ab7fff");
    assert_int_equal(gt_text_unhex(back, 4, "00AB7fff"), 0);
    assert_memory_equal(bytes, back, 4);
    static const char *const wrong[] = {"", "00ab7ff", "00ab7fff0", "00ab7ffg", "00ab 7ff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(gt_text_unhex(back, 4, wrong[i]), -1);
}

static void columns_count_code_points(void **state)
{
    (void)state;
    assert_int_equal(gt_text_columns("µJ"), 2);
    assert_int_equal(gt_text_columns(""), 0);
    assert_int_equal(gt_text_columns("e\xcc\x81t"), 2); /* e + combining acute + t */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_have_three_digits_and_a_unit),
        cmocka_unit_test(escaping_leaves_nothing_that_drives_a_terminal),
        cmocka_unit_test(escaping_random_bytes_gives_printable_text_that_fits),
        cmocka_unit_test(hexadecimal_goes_there_and_back),
        cmocka_unit_test(columns_count_code_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
