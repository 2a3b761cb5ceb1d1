/* CRC32C against published values, and the fast one against the portable one. */
#include "core/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3720, appendix B.4. */
static void published_values(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, sizeof ones);
    for (int i = 0; i < 32; i++) {
        up[i] = (unsigned char)i;
        down[i] = (unsigned char)(31 - i);
    }
    assert_int_equal(gt_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(gt_crc32c(0, zeros, 32), 0x8a9136aa);
    assert_int_equal(gt_crc32c(0, ones, 32), 0x62a8ab43);
    assert_int_equal(gt_crc32c(0, up, 32), 0x46dd794e);
    assert_int_equal(gt_crc32c(0, down, 32), 0x113fdb5c);
    assert_int_equal(gt_crc32c(0, "", 0), 0);
}

static void fast_is_portable_and_continues(void **state)
{
    (void)state;
    static unsigned char data[4099];
    srand(7);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)rand();
    for (int round = 0; round < 200; round++) {
        size_t at = (size_t)rand() % 64, n = (size_t)rand() % (sizeof data - at), cut = n ? (size_t)rand() % n : 0;
        uint32_t whole = gt_crc32c(0, data + at, n);
        assert_int_equal(whole, gt_crc32c_portable(0, data + at, n));
        assert_int_equal(whole, gt_crc32c(gt_crc32c(0, data + at, cut), data + at + cut, n - cut));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(fast_is_portable_and_continues),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
