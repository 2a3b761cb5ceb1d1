/* Counters that move alike: a mirror is told, two packages with the same work are not, nor are counters that start equal. */
#include "tracker/alike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t MS = 1000000;

static uint64_t random_state = 0x853c49e6748fea9b;

static uint64_t below(uint64_t n)
{
    random_state ^= random_state << 13; /* xorshift64 (Marsaglia 2003) */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

static const struct gt_source_desc desc = {
    .domain_count = 3,
    .domains = {
        {.name = "package-0", .additive = true, .uj_per_count = 1, .wrap_count = 999999, .refresh_ns = 1000000},
        {.name = "core", .uj_per_count = 1},
        {.name = "package-1", .package = 1, .additive = true, .uj_per_count = 1, .wrap_count = 999999, .refresh_ns = 1000000}}};

/* `ticks` of 10 ms: the first counter draws 15 to 25 W; the second is what `other` makes of it. */
static bool moved_alike(int ticks, uint64_t start, uint64_t other(uint64_t total, uint64_t step))
{
    struct gt_alike alike;
    uint64_t total = 0;
    double apart;
    gt_alike_init(&alike, &desc);
    assert_int_equal(alike.count, 2);
    assert_int_equal(alike.domain[1], 2);
    for (int i = 0; i < ticks; i++) {
        uint64_t step = 150000 + below(100000);
        total += step;
        const uint64_t raw[] = {total % 1000000, 7, (start + other(total, step)) % 1000000};
        gt_alike_add(&alike, &desc, (uint64_t)i * 10 * MS, raw);
    }
    return gt_alike_pair(&alike, &desc, 0, 1, &apart);
}

/* Read a moment later, so that now and then a refresh falls between: 20 mJ. */
static uint64_t mirror(uint64_t total, uint64_t step)
{
    (void)step;
    return total + (below(10) == 0 ? 20000 : 0);
}

/* The same work on another chip that draws one percent more. */
static uint64_t sibling(uint64_t total, uint64_t step)
{
    (void)step;
    return total + total / 100;
}

static uint64_t idle(uint64_t total, uint64_t step)
{
    (void)total, (void)step;
    return 0;
}

static void test_a_mirror_is_told(void **state)
{
    (void)state;
    assert_true(moved_alike(300, 0, mirror));
    assert_true(moved_alike(300, 123456, mirror)); /* wherever it starts */
}

static void test_siblings_and_equal_starts_are_none(void **state)
{
    (void)state;
    assert_false(moved_alike(300, 0, sibling));
    assert_false(moved_alike(300, 0, idle));
}

static void test_nothing_is_said_of_little(void **state)
{
    (void)state;
    assert_false(moved_alike(90, 0, mirror));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mirror_is_told),
        cmocka_unit_test(test_siblings_and_equal_starts_are_none),
        cmocka_unit_test(test_nothing_is_said_of_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
